# 040_crash.pl
#	An address that crashes whoever probes it must not do so for ever, must not take others with it, and must not stop them
#	for long; an orderly end must make nobody suspect; and whatever ends a server, no queued row may be lost and nobody who
#	waits may be left without an honest word.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;
use PostgreSQL::Test::Utils qw(slurp_file);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('crash',
	conf => {
		'email_verify.debug_hurry' => 2,
		# in the worker, where a crash is one of the server; 044_prober_process.pl has the other one
		'email_verify.prober' => 'inline', 'restart_after_crash' => 'on', 'email_verify.greeting_timeout' => '5min', 'email_verify.session_timeout' => '5min',
		'email_verify.max_sessions' => 400, 'email_verify.min_max_age' => '0', 'max_worker_processes' => 16 });
my $node = $c->node;
my $poison = 'okpoison@ok.deliver.com';
my $crashes = 0;

sub count { return $c->sql("SELECT count(*) FROM $_[0]") }
sub lines { my ($pattern) = @_; return scalar grep { /$pattern/ } split /\n/, slurp_file($node->logfile) }
sub suspected { return lines('email_verify was verifying ' . ($_[0] // '\d+') . ' address(?:es)? in a crash') }
sub signals { return lines('\) was terminated by signal 11') }

# What the worker has logged: nothing that tells an address
sub worker_log { return join "\n", grep { /(?:WARNING|HINT|DETAIL|LOG):  .*(?:email_verify|verified)/ && !/statement:|STATEMENT/ } split /\n/, slurp_file($node->logfile) }

# The worker of the next start begins with what this one leaves
sub restarted
{
	my ($mode) = @_;
	$mode eq 'kill9' ? $c->kill9 : $node->stop($mode);
	$node->start;
	$c->wait_for_worker;
	return;
}

# Addresses at hosts that say nothing: all of them stay under way
sub hanging
{
	my ($from, $to) = @_;
	return map { "ok1\@h$_.wild.deliver.com" } $from .. $to;
}

my $under_way = 'SELECT (SELECT count(*) FROM email_verify.queue q WHERE EXISTS (SELECT FROM email_verify.inflight i WHERE q.id = ANY (i.ids)))';
sub under_way
{
	my ($n, $what) = @_;
	return ok($c->poll("$under_way = $n", 60), $what);
}

# Suspects are looked for when a worker starts.
sub with_crashes
{
	my ($sql) = @_;
	$c->set('email_verify.databases' => 'nobody');
	$c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'");
	$c->sql($sql);
	$c->set('email_verify.databases' => undef);
	return;
}

# ... and wait for it: not for one that ends in a crash at once
sub worked_with_crashes
{
	with_crashes(@_);
	$c->wait_for_worker;
	return;
}

# --- a poisonous address -------------------------------------------------------------------------------------------------

my @others = map { my $host = $_; map { "ok$_\@$host.deliver.com" } 1 .. 8 } qw(ok ok2 notls plain heloonly multibanner chunked lfonly);
$c->set('email_verify.debug_crash_on' => 'okpoison');
unlike($c->sql("SELECT string_agg(name, ' ') FROM pg_settings WHERE name LIKE 'email\\_verify.%'"), qr/debug/, 'the setting for this test is not shown to anybody');
is($c->sql('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } $poison, @others) . '])'), 65, 'an address that crashes the prober is queued with 64 others');

# somebody waits for it, again and again: sessions end with the server, which is no answer
my ($tries, $answer) = (0, '');
my $deadline = time + 180;
while ($answer !~ /crash_suspect/ && time < $deadline)
{
	my $result = $c->try("SELECT v.reason || ' ' || coalesce(v.detail, '') FROM email_verdict('$poison', wait => '50 s') v");
	$answer = $result->{out} if $result->{code} == 0;
	unlike($answer, qr/pending|deliverable/, 'who waits is not told anything else') if $answer !~ /^(?:internal_verifier_error (?:worker_down|crash_suspect))?$/;
	$tries++;
	sleep 0.2;
}
is($answer, 'internal_verifier_error crash_suspect', "who waits for it gets to know (after $tries tries)");
is(signals(), 3, '... after three crashes');
$crashes += 3;
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 90), 'nothing is left in the queue') or diag($c->sql('SELECT address, crashes FROM email_verify.queue'));
is($c->sql("SELECT string_agg(address, ' ') FROM email_verify.parked"), $poison, '... it is parked');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'smtp_deliverable'"), 64, '... and all others are verified');
is($c->row($poison)->{detail}, 'crash_suspect', '... its verdict says why');
unlike(worker_log(), qr/deliver\.com/, 'the log does not tell any address');
is(lines('WARNING:  email_verify does not probe queue row \d+ any more'), 1, '... but that there is one');
is($c->sql("SELECT email_verify.enqueue(ARRAY['$poison'])"), 0, 'a list does not queue it again');
is($c->sql("SELECT v.detail FROM email_verdict('$poison', wait => '20 s', max_age => '0') v"), 'crash_suspect', '... nor does a question for something newer');
is(count('email_verify.queue'), 0, '... it is not queued');
is(signals(), 3, '... and nothing crashes');
$c->set('email_verify.debug_crash_on' => undef);
$c->sql("SELECT email_verify.recheck('$poison')");
ok($c->poll("SELECT reason = 'smtp_deliverable' FROM email_verify.address WHERE address = '$poison'"), 'recheck() has it tried again');
is(count('email_verify.parked'), 0, '... and it is parked no longer');

# --- an orderly end --------------------------------------------------------------------------------------------------------

$w->restore;
$w->ctl('set ok hang=banner');
my @hanging = hanging(1, 300);
$c->sql('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } @hanging) . '])');
under_way(300, '300 addresses are under way');
restarted('fast');
is(suspected(), 3, 'a fast stop makes none of them suspect');
under_way(300, '... they are under way again');

# the worker alone, and in the middle of a store transaction that cannot go on
my $holder = EmailVerifySession->new($c);
$holder->run('BEGIN; LOCK TABLE email_verify.address, email_verify.queue');
my $before = $c->sql('SELECT errors_total FROM email_verify._stat()');
is(join(' ', $c->ask('ok41@notls.deliver.com', 'ok42@notls.deliver.com')), 'pending pending', 'questions that cannot be stored');
ok($c->poll("SELECT errors_total > $before FROM email_verify._stat()"), 'store transactions fail');
my $pid = $c->worker_pid;
is($c->sql("SELECT pg_terminate_backend($pid, 20000)"), 't', 'the worker is terminated');
is(count('email_verify.inflight'), 0, '... and has taken away what was under way');

is($c->verdict('ok43@notls.deliver.com', '2 s')->{detail}, 'worker_down', 'there is no worker, as who asks is told');
$holder->run('ROLLBACK');
$c->wait_for_worker;
ok($c->poll("SELECT count(*) = 2 FROM email_verify.address WHERE address ~ '^ok4[123]\@notls'"), '... the next one has the questions that it had taken, and no others');
under_way(300, 'all are under way again');
is($c->sql('SELECT max(crashes) FROM email_verify.queue'), 0, '... and none is suspect');

# while sessions wait
$w->ctl('set slow latency_ms=700');
my $short = EmailVerifySession->new($c);
my $long = EmailVerifySession->new($c);
$short->send("SELECT v.reason || ' ' || v.detail FROM email_verdict('$hanging[0]', wait => '4 s') v");
$long->send("SELECT email_verify('ok44\@slow.deliver.com', wait => '60 s')");
ok($_->sleeps, 'a session waits') for $short, $long;
$c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ', 20000)');
is($short->result, 'internal_verifier_error worker_down', 'the worker ends: who cannot wait for the next one is told at once') or diag($short->err);
like($long->result, qr/^smtp_deliverable$/, '... who can has the answer');
$_->end for $short, $long;

# somebody holds the table itself: the worker does not wait for it
under_way(300, 'all are under way again');
$holder->run('BEGIN; LOCK TABLE email_verify.inflight');
is($c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ', 20000)'), 't', 'the table of what is under way is locked: the worker ends all the same');
$holder->run('ROLLBACK');
is($c->sql($under_way), 300, '... and leaves what it cannot take away');
$c->sql('DELETE FROM email_verify.inflight');
$c->wait_for_worker;

# the setting is changed; the extension goes
under_way(300, 'all are under way again');
$c->set('email_verify.databases' => 'nobody');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.inflight'), 'a database that is no longer named: nothing is suspect');
is(count('email_verify.queue'), 300, '... and all is queued');

# nobody may commit but for a standby that is not there
$c->set('email_verify.databases' => undef, 'synchronous_standby_names' => 'nobody');
$c->wait_for_worker;
under_way(300, 'synchronous replication that cannot be satisfied');
my $start = time;
restarted('fast');
cmp_ok(time - $start, '<', 20, '... does not keep a fast stop waiting');
$c->set('synchronous_standby_names' => undef);
is(suspected(), 3, '... and nothing is suspect');

# --- a crash that has nothing to do with them -----------------------------------------------------------------------------

under_way(300, 'all are under way again');
restarted('immediate');
is(suspected(300), 1, 'after an immediate stop the log says how many were under way');
is($c->sql('SELECT count(*), min(crashes), max(crashes) FROM email_verify.queue'), '300|1|1', '... all are still queued, and suspect');
under_way(16, '... a few of them are under way again');
is($c->verdict('ok1@plain.deliver.com', '20 s', 'postgres')->{reason}, 'smtp_deliverable', '... beside whoever is not suspect');
is($c->verdict('ok9@chunked.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... also when it is new');
is($c->sql($under_way), 16, '... they are still but a few');
$c->sql("SELECT email_verify.recheck('$hanging[299]')");
under_way(17, 'one that somebody asks to be tried again is not suspect any more');
$w->restore;
restarted('fast');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 60), 'their hosts answer: nothing is left in the queue');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE '%wild%' AND reason = 'smtp_deliverable'"), 300, '... all are verified');
is(count('email_verify.parked'), 0, '... and none is parked');

# --- two crashes: alone -------------------------------------------------------------------------------------------------------

# the first one hangs until it is let go
$w->ctl('set plain hang=banner');
$c->sql('DELETE FROM email_verify.address');
my @alone = map { "ok$_\@plain.deliver.com" } 1 .. 3;
my @ordinary = map { "ok$_\@ok.deliver.com" } 1 .. 10;
worked_with_crashes('INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ' . join(', ',
	(map { "('$_', now(), 2)" } @alone), (map { "('$_', now(), 1)" } @ordinary[0 .. 4]), (map { "('$_', now(), 0)" } @ordinary[5 .. 9])));
ok($c->poll('SELECT inflight = 1 AND sessions = 1 FROM email_verify._stat()'), 'of those with two crashes one is under way');
$c->ask('ok11@ok.deliver.com');
ok($c->poll('SELECT count(*) = 14 FROM email_verify.queue'), '... somebody asks for another one, which is queued');
is($c->sql('SELECT string_agg(q.address, $$ $$) FROM email_verify.inflight i, unnest(i.ids) u, email_verify.queue q WHERE q.id = u'), $alone[0], '... and nothing is asked beside it');
is($c->sql('SELECT inflight FROM email_verify._stat()'), 1, '... nothing at all');
is($c->sql('SELECT gates FROM email_verify.stat'), '{suspect_alone}', '... as stat says');
$w->ctl('reset');
my $waiter = EmailVerifySession->new($c);
$waiter->send("SELECT email_verify('$alone[0]', wait => '60 s')");
ok($waiter->sleeps, 'somebody waits for it');
# the session ends, without an answer: that is one
$w->ctl('set plain hang=none');
restarted('fast');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 60), 'let go, all are verified');
$waiter->end;
is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'smtp_deliverable'"), 14, '... all of them');
my @log = map { $_->{rcpt} } grep { $_->{rcpt} =~ /^ok\d+@/ } $w->rcpt_log;
is(join(' ', @log[0 .. 2]), join(' ', @alone), '... one after the other, before all others');
is(count('email_verify.parked'), 0, '... and none is parked: a fast stop is no crash');

# one that cannot be stored does not stand in the way of what was waiting for it
$c->sql('DELETE FROM email_verify.address');
$holder->end;
$holder = EmailVerifySession->new($c);
$w->ctl('set plain latency_ms=500');
worked_with_crashes("INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ('$alone[0]', now(), 2), ('$ordinary[0]', now(), 0)");
ok($c->poll('SELECT inflight = 1 FROM email_verify._stat()'), 'one is under way alone');
$holder->run("BEGIN; SELECT FROM email_verify.queue WHERE address = '$alone[0]' FOR UPDATE");
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = '$ordinary[0]'"), 'its row is held: others go on as soon as it has an answer');
restarted('immediate');
is($c->sql("SELECT count(*) FROM email_verify.parked"), 0, '... and what happens later is not its fault');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 60), '... it is verified in the end');
$holder->end;

# what stood still for ever if the worker had lost sight of it
$c->sql('DELETE FROM email_verify.address');
worked_with_crashes("INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ('$alone[0]', now(), 1)");
ok($c->poll('SELECT inflight = 1 FROM email_verify._stat()'), 'a suspect is under way');
$c->sql("INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ('$ordinary[0]', now(), 1)");
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 60), '... another one, which nobody has told of, is found when it has ended');
$w->restore;

# a start that cannot make anybody suspect probes nobody
$before = suspected(1);
$c->set('email_verify.databases' => 'nobody');
$holder = EmailVerifySession->new($c);
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), 'no worker');
$c->sql("DELETE FROM email_verify.address; INSERT INTO email_verify.queue (address, due_at) VALUES ('$ordinary[0]', now());
	INSERT INTO email_verify.inflight (ids) SELECT array_agg(id) FROM email_verify.queue");
$holder->run('BEGIN; LOCK TABLE email_verify.inflight');
$c->set('email_verify.databases' => undef);
ok($c->poll("SELECT worker = 'running' AND errors_total > 0 FROM email_verify._stat()"), 'what was under way in a crash cannot be read');
is($c->row($ordinary[0]), undef, '... nobody is probed');
$holder->run('ROLLBACK');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = '$ordinary[0]'"), '... before it can');
is(suspected(1) - $before, 1, '... and is suspect');
$holder->end;

# --- kill -9 of the postmaster ---------------------------------------------------------------------------------------------------

$w->ctl('set ok hang=banner');
$c->sql('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } hanging(301, 400)) . '])');
under_way(100, '100 addresses are under way');
restarted('kill9');
is($c->sql("SELECT count(*), min(crashes) FROM email_verify.queue"), '100|0', 'kill -9 of the postmaster: all are still queued, none is suspect');
under_way(100, '... and under way');
$c->sql("DELETE FROM email_verify.address; SELECT email_verify.recheck('$poison')");
$w->restore;
restarted('fast');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 60), 'all are verified');

# a row that lies in the queue for a crash of its own has been there before, verified: a good verdict is not overwritten
$c->sql("UPDATE email_verify.address SET fresh_until = now() - interval '1 day' WHERE address = '$poison'");
$c->set('email_verify.debug_crash_on' => 'okpoison');
with_crashes("INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ('$poison', now(), 2)");
ok($c->poll('SELECT count(*) = 1 FROM email_verify.parked', 60), 'a formerly good address crashes the prober: it is parked');
$crashes++;
$c->wait_for_worker;
is($c->verdict($poison)->{reason}, 'smtp_deliverable', '... and its verdict is kept');
is($c->verdict($poison, '10 s')->{stale} ? 1 : 0, 0, '... without asking for it anew');
is(count('email_verify.queue'), 0, '... nothing is queued');

$c->finish(crashes => $crashes);
done_testing();
