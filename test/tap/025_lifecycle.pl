# 025_lifecycle.pl
#	The worker lives as long as the extension and no longer, comes back when it is killed, loses nothing that is queued,
#	takes nobody else's results for its own, keeps no shutdown waiting and costs nothing while it has nothing to do.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('lifecycle', extension => 0,
	conf => { 'email_verify.greeting_timeout' => '10min', 'email_verify.session_timeout' => '10min', 'max_worker_processes' => 16 });
my $node = $c->node;
my $no_worker = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'};

# --- CREATE and DROP EXTENSION ----------------------------------------------------------------------------------

ok($c->poll($no_worker), 'no extension, no worker');
cmp_ok($c->launcher_pid, '>', 0, '... but a launcher');
$c->sql('BEGIN; CREATE EXTENSION email_verify; ROLLBACK');
sleep 0.5;
is($c->worker_pid, 0, 'CREATE EXTENSION that is rolled back starts none');
my $session = $c->begin([ 'BEGIN', 'CREATE EXTENSION email_verify', 'SELECT pg_sleep(1.5)', 'COMMIT' ]);
sleep 1;
is($c->worker_pid, 0, 'one that is not committed neither');
is($session->end->{code}, 0, '... but its commit');
my $pid = $c->wait_for_worker;
cmp_ok($pid, '>', 0, '... does');
is($c->verdict('ok1@ok.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and it works');

$c->sql('BEGIN; DROP EXTENSION email_verify; ROLLBACK');
sleep 0.5;
is($c->worker_pid, $pid, 'DROP EXTENSION that is rolled back leaves it alone');

# results on their way when the extension goes belong to nobody
$w->ctl('set slow latency_ms=700');
$c->ask('ok1@slow.deliver.com', 'ok2@slow.deliver.com');
ok($c->poll('SELECT sessions > 0 FROM email_verify.stat'), 'a session is under way');
$c->let_go;
$c->sql('DROP EXTENSION email_verify');
ok($c->poll($no_worker), 'DROP EXTENSION stops the worker');
$c->sql('CREATE EXTENSION email_verify');
my $new_pid = $c->wait_for_worker;
cmp_ok($new_pid, '!=', $pid, 'CREATE EXTENSION starts a new one');
sleep 4;
is($c->sql('SELECT (SELECT count(*) FROM email_verify.address) + (SELECT count(*) FROM email_verify.queue)'), 0, '... which gets no result of the old one');
$c->ask('ok1@slow.deliver.com');
$c->sql('DROP EXTENSION email_verify; CREATE EXTENSION email_verify');
$c->let_go;
$c->wait_for_worker;
sleep 4;
is($c->sql('SELECT count(*) FROM email_verify.address'), 0, '... nor when both are one statement');
is($c->verdict('ok1@slow.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and works');
$w->restore;

# --- two databases --------------------------------------------------------------------------------------------------

$c->sql('CREATE DATABASE second');
$c->sql('CREATE EXTENSION email_verify', 'second');
my $second = $c->wait_for_worker('second');
$pid = $c->worker_pid;
cmp_ok($second, '!=', $pid, 'two databases, two workers');
is($c->verdict('ok1@notls.deliver.com', '20 s', 'second')->{reason}, 'smtp_deliverable', '... each verifies');
is($c->row('ok1@notls.deliver.com'), undef, '... for its own database');

$c->set('email_verify.databases' => 'postgres');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'second' AND backend_type = 'email_verify worker'"), 'a database that is no longer named loses its worker');
is($c->worker_pid, $pid, '... and the other one keeps its own, without a restart');
is($c->stat('second')->{worker}, 'none', '... as stat says');
$c->set('email_verify.databases' => 'postgres, second');
cmp_ok($c->wait_for_worker('second'), '!=', $second, '... until it is named again');
is($c->worker_pid, $pid, '... the other one still the same');
$c->sql('DROP EXTENSION email_verify', 'second');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'second' AND backend_type = 'email_verify worker'"), 'its own DROP EXTENSION ends it');
is($c->try('DROP DATABASE second')->{code}, 0, '... and the database can be dropped');
is($c->worker_pid, $pid, '... and the other one goes on');
$c->set('email_verify.databases' => undef);

# --- idle ---------------------------------------------------------------------------------------------------------------

SKIP:
{
	skip 'no /proc', 4 unless $c->cost($pid);
	sleep 6;    # whatever was still to be done
	my %before = map { $_ => [ $c->cost($_) ] } $pid, $c->launcher_pid;
	sleep 3;
	my %after = map { $_ => [ $c->cost($_) ] } keys %before;
	for my $of ($pid, grep { $_ != $pid } keys %before)
	{
		my $who = $of == $pid ? 'worker' : 'launcher';
		cmp_ok($after{$of}[0] - $before{$of}[0], '<=', 0, "an idle $who uses no CPU");
		cmp_ok($after{$of}[1] - $before{$of}[1], '<=', 2, '... and is not even woken');
	}
}

# --- killed -----------------------------------------------------------------------------------------------------------------

# these are all under way or queued when it happens
$w->ctl('set ok2 hang=banner');
my @queued = map { "ok$_\@ok2.deliver.com" } 1 .. 5;
$c->ask(@queued);
ok($c->poll("SELECT sessions > 0 AND queued = 5 FROM email_verify.stat"), 'addresses are being verified');
is($c->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)"), 0,
	'... while the worker holds no transaction and no snapshot');
is($c->sql("SELECT count(*) FROM pg_locks WHERE pid = $pid"), 0, '... and no lock');
my $launcher = $c->launcher_pid;
$c->sql("SELECT pg_terminate_backend($pid), pg_terminate_backend($launcher)");
ok($c->poll("SELECT worker = 'down' FROM email_verify.stat", 8), 'a worker that was terminated is called down');
is($c->verdict('ok8@ok.deliver.com', '1 min')->{detail}, 'worker_down', '... what is asked meanwhile is not called pending, and nobody waits');
ok($c->poll("SELECT pid <> $pid FROM pg_stat_activity WHERE backend_type = 'email_verify worker'", 45), 'worker and launcher are terminated and come back');
cmp_ok($c->launcher_pid, '!=', $launcher, '... both');
$c->wait_for_worker;
is($c->sql('SELECT count(*) FROM email_verify.queue'), 5, '... and what was queued is still there');
my $answers = $c->sql("SELECT string_agg(DISTINCT v.reason || coalesce(' ' || v.detail, ''), ', ') FROM email_verdict('ok9\@ok.deliver.com', wait => '20 s') v");
is($answers, 'smtp_deliverable', '... it works');
$w->restore;

# --- restart of the server ------------------------------------------------------------------------------------------------------

ok($c->poll('SELECT sessions > 0 FROM email_verify.stat'), 'addresses are being verified once more');
$node->restart;
$c->wait_for_worker;
is($c->wait(30), 0, 'after a restart they are verified');
is($c->row($_)->{reason}, 'smtp_deliverable', "... $_") for @queued;
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, 'nothing is left in flight');
$c->ask('ok1@hangrcpt.deliver.com');
ok($c->poll('SELECT sessions > 0 FROM email_verify.stat'), 'one more');
$node->stop('immediate');
$node->start;
$c->wait_for_worker;
is($c->sql('SELECT count(*) FROM email_verify.queue'), 1, 'after a crash of the server what was under way is still queued');

# --- shutdown -----------------------------------------------------------------------------------------------------------------------

$w->ctl('set ok hang=banner');
$c->ask(map { "ok1\@x$_.wild.deliver.com" } 1 .. 200);
ok($c->poll('SELECT sessions >= 200 FROM email_verify.stat', 30), '200 sessions are open') or diag("sessions: " . $c->stat->{sessions});
my $start = time;
$node->stop('fast');
my $took = time - $start;
cmp_ok($took, '<', 2, sprintf('a fast shutdown does not wait for them (%.2f s)', $took));
$w->restore;
$node->start;

$c->finish;
done_testing();
