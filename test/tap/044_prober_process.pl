# 044_prober_process.pl
#	The prober in a process of its own: what that process has (044_confined.pl: what it cannot do); that its end, in whatever way, costs the addresses
#	it had in hand and nothing else; that what it sends is not believed; that it never outlives its worker.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);

plan skip_all => 'a confined process cannot write a report' if $ENV{EV_SANITIZE};
my $w = skip_without_world();
my $root = $ENV{EV_ROOT} // dirname(__FILE__) . '/../..';
my $build = $ENV{EV_BUILD} // "$root/build";
my $dir = File::Temp->newdir;

sub compile
{
	my ($program, @sources) = @_;
	my @command = ($ENV{CC} // 'cc', qw(-std=c11 -D_GNU_SOURCE -O1 -g -Wall), "-I$root/src", '-o', "$dir/$program",
		@sources, "$build/libev_net.a", "$build/libev_engine.a", '-Wl,--as-needed', qw(-luv -lcares -lssl -lcrypto -lidn2 -lunistring));
	is(system(@command), 0, "$program is compiled") or BAIL_OUT('it cannot be linked');
	return;
}

# --- processes that misbehave, without a server -----------------------------------------------------------------

compile('user', dirname(__FILE__) . '/044_prober_process.c', "$root/src/net/prober_process.c", '-DSILENCE_PING=300', '-DSILENCE_END=600');
chmod 0755, $dir;

# how it misbehaves => how that is told, and whether counters of it had come
my @ways = (
	[ inspect => 'exited 42, 0 results, 3 lost, not suspect, 1000 ms: ', 0, 'it is started with a socket and nothing else' ],
	[ rude => 'protocol 0, 0 results, 3 lost, not suspect, 1000 ms: no greeting', 0 ],
	[ stranger => 'protocol 0, 0 results, 3 lost, not suspect, 1000 ms: the other end is of another build', 0 ],
	[ crash => 'signaled 11, 1 results, 2 lost, suspect, 1000 ms: ', 1, 'what it had answered before it crashed counts' ],
	[ exit => 'exited 3, 1 results, 2 lost, suspect, 1000 ms: ', 1 ],
	[ silent => 'silent 0, 1 results, 2 lost, suspect, 1000 ms: ', 1, 'one that hangs is ended' ],
	[ deaf => 'silent 0, 1 results, 2 lost, suspect, 1000 ms: ', 1 ],
	[ flood => 'silent 0, 2 results, 1 lost, suspect, 1000 ms: ', 0, 'of one that has more to say than is read at a time all is heard as soon as it is there' ],
	[ invent => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: a result that nobody asked for', 1 ],
	[ repeat => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: a result that nobody asked for', 1 ],
	[ shout => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: a text has a byte that it must not have', 1 ],
	[ rewind => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: a counter goes back', 1 ],
	[ chat => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: a sign of life that nobody asked for', 1 ],
	[ mutter => 'protocol 0, 1 results, 2 lost, suspect, 1000 ms: bytes that are no frame', 1 ]);
for my $way (@ways)
{
	my ($how, $told, $counters, $why) = @$way;
	copy("$dir/user", "$dir/child-$how") or die "copy: $!";
	chmod 0755, "$dir/child-$how";
	(my $again = $told) =~ s/^(\S+) .*? (\d) results.*/$1 again, $2 results, 2000 ms/;
	is(`timeout 60 '$dir/user' '$dir/child-$how' 2>&1`, "$told\n" . ($counters ? "its counters stay\n" : '') . "$again\n",
		$why // "a prober's process that is called $how");
}
is(`timeout 60 '$dir/user' '$dir/none' 2>&1`, "not started 2, 0 results, 0 lost, not suspect, 1000 ms: \nnot started again, 0 results, 2000 ms\n",
	'a program that is not there');

# --- in a server ----------------------------------------------------------------------------------------------------

my $c = EmailVerifyCluster->new('process', conf => {
	'email_verify.prober' => 'process',
	'email_verify.debug_hurry' => 5,
	'email_verify.greeting_timeout' => '10min',
	'email_verify.session_timeout' => '10min',
	'email_verify.put_back_delay' => '1s',
	'restart_after_crash' => 'on',
	'max_worker_processes' => 16 });
my $node = $c->node;

sub prober_pid { my ($dbname) = @_; return $c->sql('SELECT coalesce(prober_pid, 0) FROM email_verify.stat', $dbname) }
sub crashes { return $c->sql('SELECT prober_crashes_total FROM email_verify.stat') }

sub alive { my ($pid) = @_; return kill 0, $pid }

sub gone
{
	my ($pid) = @_;
	for (1 .. 100)
	{
		return 1 unless alive($pid);
		sleep 0.05;
	}
	return 0;
}

# the prober's process, once it has said what it has given up; another one than $before
sub new_prober
{
	my ($before) = @_;
	$c->poll('SELECT prober_pid <> ' . ($before // 0) . " AND prober_confined <> '' FROM email_verify.stat") or die "no prober\n";
	return prober_pid();
}

sub fields
{
	my ($file) = @_;
	return map { /^([^:]+):\s+(.*)/ ? ($1 => $2) : () } split /\n/, slurp_file($file);
}

my $worker = $c->worker_pid;
my $prober = new_prober();
my $postmaster = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
is($c->verdict('ok1@ok.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'an address is verified');
my ($before_it) = slurp_file("/proc/$prober/stat") =~ /^\d+ \((.*)\) \S (\d+) (?:\d+) (\d+)/ ? join(' ', $1, $2, $3) : '';
is($before_it, "email_verify_pr $worker $prober", 'the process is the worker\'s child, in a session of its own');
my %status = fields("/proc/$prober/status");
is($status{NoNewPrivs}, 1, '... can gain no rights');
my ($mode, $owner) = (stat $node->config_data('--pkglibdir') . '/email_verify_prober')[2, 4];
my $user = $mode & 04000 ? $owner : $>;
is($status{Uid}, join("\t", $user, $user, $>, $user), '... is of the user that its program was given, else of the server\'s');
like($status{CapEff}, qr/^0+$/, '... has none');
my $confined = $c->stat->{prober_confined};
note("confined: $confined");
is($status{Seccomp}, 2, '... is under a filter of system calls') if $confined =~ /syscalls/;
SKIP:
{
	skip 'as root everything can be read', 1 if $> == 0;
	ok(!opendir(my $fds, "/proc/$prober/fd"), '... and not even its own user can look into it');
}
my $limits = slurp_file("/proc/$prober/limits");
like($limits, qr/^Max core file size +0 +0 /m, '... leaves no core');
like($limits, qr/^Max file size +0 +0 /m, '... writes no file');
like($limits, qr/^Max processes +0 +0 /m, '... starts no process');
like($limits, qr/^Max address space +\d{9,} /m, '... has bounded memory');
unlike(slurp_file("/proc/$prober/cmdline"), qr/\@/, '... and shows no address');

# idle
SKIP:
{
	sleep 6;
	my @before = $c->cost($prober) or skip 'no /proc', 2;
	my @worker_before = $c->cost($worker);
	sleep 3;
	my @after = $c->cost($prober);
	my @worker_after = $c->cost($worker);
	cmp_ok($after[1] - $before[1], '<=', 1, 'an idle process is not woken');
	cmp_ok($worker_after[1] - $worker_before[1], '<=', 2, '... nor is its worker');
}

# --- it crashes with addresses in hand -------------------------------------------------------------------------------

$w->ctl('set ok2 hang=banner');
my @hanging = map { "ok$_\@ok2.deliver.com" } 1 .. 5;
my $session = $c->begin([ 'BEGIN', "SELECT 'my id is ' || pg_backend_pid()", 'SELECT pg_sleep(8)', "SELECT 'and I am still here'", 'COMMIT' ]);
$c->ask(@hanging);
ok($c->poll('SELECT sessions > 0 AND inflight = 5 FROM email_verify.stat'), 'addresses are being verified');
is($c->sql('SELECT sum(cardinality(ids)) FROM email_verify.inflight'), 5, '... and noted as such');
my $killed = $prober;
kill 'SEGV', $killed;
$prober = new_prober($killed);
isnt($prober, $killed, 'a process that crashed is replaced');
is($c->worker_pid, $worker, '... the worker is the same');
is(crashes(), 1, '... the crash is counted');
ok($c->poll('SELECT sessions > 0 AND inflight = 5 FROM email_verify.stat'), '... its addresses are being verified again');
is($c->sql('SELECT sum(cardinality(ids)) FROM email_verify.inflight'), 5, '... each noted once');
like(slurp_file($node->logfile), qr/lost its prober's process \(PID $killed\): it was ended by signal 11: .*\n.*DETAIL:  5 addresses that it was verifying are queued again; the next process is started in 1 seconds/,
	'... which the log tells');
$w->restore;
kill 'KILL', $prober;    # as when memory runs out
is($c->wait(40), 0, 'they have their answers after another one');
is($c->row($_)->{reason}, 'smtp_deliverable', "... $_") for @hanging;
$prober = new_prober($prober);
is(crashes(), 2, '... and that is counted too');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.inflight'), 'nothing is left noted as under way');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... nor queued');
is($c->sql('SELECT pg_postmaster_start_time()'), $postmaster, 'the server has not restarted');
my $end = $session->end;
like($end->{out}, qr/and I am still here/, '... and a session that was open all the time did not notice') or diag($end->{err});

# again and again: the pauses grow
for my $seconds (4, 8)
{
	kill 'ABRT', $prober;
	ok($c->poll("SELECT prober_pid IS NULL FROM email_verify.stat"), 'it is gone');
	$c->ask("ok1\@x$seconds.wild.deliver.com");
	$prober = new_prober($prober);
	like(slurp_file($node->logfile), qr/started in $seconds seconds/, "... the next one comes after $seconds seconds");
}
is($c->wait(20), 0, '... and what was asked meanwhile is answered');
is($c->worker_pid, $worker, '... by the same worker');
is(crashes(), 4, '... four crashes');

# --- settings --------------------------------------------------------------------------------------------------------------

$w->ctl('set ok hang=banner');
$c->ask(map { "ok1\@y$_.wild.deliver.com" } 1 .. 20);
ok($c->poll('SELECT sessions >= 20 FROM email_verify.stat'), 'sessions are open');
$c->set('email_verify.mail_from' => 'other@check.lab-sender.com', 'email_verify.max_sessions' => 300);
$c->ask('ok3@notls.deliver.com');
ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok3@notls.deliver.com'}), 'new settings have reached the process');
like(join(q{ }, map { $_->{mail} } $c->peer_rcpts(q{ok3@notls.deliver.com})), qr{other\@check}, q{... they count});
is(prober_pid(), $prober, '... it is the same');
is($c->stat->{sessions}, 20, '... and its sessions are still open');

# pause and resume
$c->sql('SELECT email_verify.pause(finish => true)');
is(prober_pid(), $prober, 'a pause leaves the process alone');

# what it has given up it cannot get back: another one, without blame
$c->set('email_verify.smtp_port' => $w->smtp_port + 1);
if ($confined =~ /ports/)
{
	isnt(new_prober($prober), $prober, 'another port takes another process');
	is(crashes(), 4, '... which is no crash');
}
$c->set('email_verify.smtp_port' => $w->smtp_port);
$prober = new_prober();
ok($c->poll('SELECT sessions = 0 AND inflight = 0 FROM email_verify.stat'), '... what it had in hand has to wait for the end of the pause');
$c->sql('SELECT email_verify.resume()');
ok($c->poll('SELECT sessions >= 20 FROM email_verify.stat'), '... and is verified again');

# into the worker, and out again
$c->set('email_verify.prober' => 'inline');
ok($c->poll('SELECT prober_pid IS NULL FROM email_verify.stat'), 'the prober can move into the worker');
ok(gone($prober), '... the process is gone');
ok($c->poll('SELECT sessions >= 20 FROM email_verify.stat'), '... what it had in hand goes on there');
is($c->worker_pid, $worker, '... in the same worker');
$c->set('email_verify.prober' => 'process');
$prober = new_prober();
ok($c->poll('SELECT sessions >= 20 FROM email_verify.stat'), '... and back again');
$w->restore;
$c->sql("SELECT email_verify.recheck('ok1\@notls.deliver.com')");
ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok1@notls.deliver.com'}), '... which works');
is(crashes(), 4, '... without a crash');

# --- it never outlives its worker -------------------------------------------------------------------------------------------

$c->sql('CREATE DATABASE second');
$c->sql('CREATE EXTENSION email_verify', 'second');
$c->wait_for_worker('second');
ok($c->poll("SELECT prober_pid IS NOT NULL FROM email_verify.stat", 30, 'second'), 'a second database has a process, too');
my $second = prober_pid('second');
isnt($second, $prober, '... of its own');
is($c->try('DROP DATABASE second WITH (FORCE)')->{code}, 0, 'it does not hinder DROP DATABASE');
ok(gone($second), '... and is gone');
ok(alive($prober), '... the other one is not');

$c->sql("SELECT pg_terminate_backend($worker)");
ok(gone($prober), 'a worker that is terminated takes its process along');
ok($c->poll("SELECT pid <> $worker FROM pg_stat_activity WHERE backend_type = 'email_verify worker'", 45), '... and comes back');
$prober = new_prober($prober);
$worker = $c->worker_pid;
$w->restore;
is($c->wait(40), 0, '... and verifies what was left');

# --- an address that crashes whoever asks for it ---------------------------------------------------------------------------

my $poison = 'okpoison@ok.deliver.com';
my @others = map { "ok1\@p$_.wild.deliver.com" } 1 .. 30;
my $crashes = crashes();
$c->set('email_verify.debug_crash_on' => 'okpoison');
$c->ask($poison, @others);
ok($c->poll('SELECT count(*) = 1 FROM email_verify.parked', 60), 'an address that crashes the process is parked');
is(crashes(), $crashes + 3, '... after three crashes');
is($c->verdict($poison)->{detail}, 'crash_suspect', '... with a verdict that says so');
is($c->wait(40), 0, '... those that were under way with it have their answers');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'ok1\@p%' AND reason = 'smtp_deliverable'"), 30, '... which are true');
is($c->sql('SELECT count(*) FROM email_verify.inflight') + $c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and nothing is left behind');
is($c->worker_pid, $worker, '... all by the same worker');
is($c->sql('SELECT pg_postmaster_start_time()'), $postmaster, '... of the same server');
$c->set('email_verify.debug_crash_on' => undef);
$prober = new_prober();

$w->ctl('set ok hang=banner');
$c->ask(map { "ok1\@z$_.wild.deliver.com" } 1 .. 200);
ok($c->poll('SELECT sessions >= 200 FROM email_verify.stat', 40), '200 sessions are open')
	or diag $c->sql('SELECT sessions, inflight, queued, gates FROM email_verify.stat'), $c->sql('SELECT priority, crashes, attempts, put_backs, count(*), min(due_at), max(due_at), now() FROM email_verify.queue GROUP BY 1, 2, 3, 4');
my $start = time;
$node->stop('fast');
my $took = time - $start;
cmp_ok($took, '<', 2, sprintf('a fast shutdown does not wait for them (%.2f s)', $took));
ok(!alive($prober), '... and leaves no process');
$w->restore;
$node->start;
$c->wait_for_worker;
$prober = new_prober();
$node->stop('immediate');
ok(gone($prober), 'nor does an immediate one');
$node->start;
$c->wait_for_worker;
$prober = new_prober();

# --- kills from outside -------------------------------------------------------------------------------------------------

# by hand, or by the kernel that is out of memory: nobody who was under way is suspected
$c->sql('DELETE FROM email_verify.queue');
$c->let_go;
my $suspected = q{SELECT coalesce(max(crashes), -1) FROM email_verify.queue};
$w->ctl('set ok2 hang=banner');
$c->ask(map { "kill$_\@ok2.deliver.com" } 1 .. 5);
for my $signal (qw(KILL TERM))
{
	ok($c->poll('SELECT sessions > 0 AND inflight = 5 FROM email_verify.stat'), 'five are under way');
	$c->sql('SELECT email_verify.pause()') if $signal eq 'TERM';
	kill $signal, $prober;
	$prober = new_prober($prober);
	is($c->sql($suspected), 0, "... SIG$signal: none is suspect");
}
$c->sql('DELETE FROM email_verify.queue; SELECT email_verify.resume()');
$c->let_go;
$c->ask('alone@ok2.deliver.com');
for my $crashes (0, 1)
{
	ok($c->poll('SELECT sessions > 0 AND inflight = 1 FROM email_verify.stat'), 'one is under way alone');
	kill 'KILL', $prober;
	$prober = new_prober($prober);
	ok($c->poll("SELECT ($suspected) = $crashes"), "... killed from outside, time $crashes: crashes $crashes") or diag $c->sql($suspected);
}
$w->restore;

# a worker that dies without a word: its death, unlike the process's own, is one of the server's
$worker = $c->worker_pid;
kill 'KILL', $worker;
ok(gone($prober), 'nor does a worker that is killed');
for (1 .. 60)
{
	# psql may find nobody who listens to it
	last if eval { $c->try("SELECT worker FROM email_verify.stat")->{out} eq 'running' };
	sleep 0.5;
}
isnt(new_prober($prober), $prober, '... and after the recovery of the server there is a new one');

# what was killed on purpose is no news at the end
$node->stop('fast');
$node->rotate_logfile;
$node->start;
$c->finish;
done_testing();
