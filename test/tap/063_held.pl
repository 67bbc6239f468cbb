# 063_held.pl
#	An open transaction that has queued, changed or locked addresses must hold up these addresses and nothing else: not who asks for
#	others, not the worker, not for a moment longer than it lasts, and without a word in the log; whatever becomes of it,
#	each address has its answer in the end.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('held', conf => { 'max_prepared_transactions' => 2, 'max_connections' => 60, 'log_statement' => 'none',
	'log_lock_waits' => 'on', 'deadlock_timeout' => '50ms' });
my $n = 1000;
my $holder = EmailVerifySession->new($c);

sub asked { return $c->sql("SELECT email_verify(a) FROM (SELECT 'held' || i || '\@' || '$_[0]' || i % 10 || '.wild.deliver.com' AS a FROM generate_series(1, $n) i) q"); }
sub held { return "SELECT email_verify.enqueue(array_agg('held' || i || '\@' || '$_[0]' || i % 10 || '.wild.deliver.com')) FROM generate_series(1, $n) i" }
sub stored { return $c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'held%\@$_[0]%'"); }

my $stranger = 0;

# a stranger is answered, so many times; returns how long the longest took
sub strangers
{
	my ($what, $times) = @_;
	my ($ok, $longest) = (0, 0);
	for (1 .. $times)
	{
		my $start = time;
		$stranger++;
		$ok += $c->verdict("ok$stranger\@s" . $stranger % 7 . '.wild.deliver.com', '10 s')->{reason} eq 'smtp_deliverable';
		$longest = time - $start if time - $start > $longest;
	}
	is($ok, $times, $what);
	return $longest;
}

my $idle = strangers('strangers are answered while nothing is held', 10);

# --- 1,000 addresses queued in a transaction that stays open, and many sessions that ask for the same -----------------------------

$holder->run('BEGIN; ' . held('a'));
my @sessions = map { EmailVerifySession->new($c) } 1 .. 20;
$_->send("SELECT count(email_verify('held' || i || '\@a' || i % 10 || '.wild.deliver.com')) FROM generate_series(1, $n) i") for @sessions;
my $longest = strangers('... and while a transaction holds a thousand addresses that twenty sessions ask for', 10);
$_->result for @sessions;
my $later = strangers('... and later', 10);
diag sprintf('longest: idle %.3f s, held %.3f s, later %.3f s', $idle, $longest, $later);
is(stored('a'), 0, 'none of the held ones has an answer');
cmp_ok($c->wait(0), '>=', $n, '... and wait() counts them');
my $pid = $c->worker_pid;
my ($cpu) = $c->cost($pid);
select undef, undef, undef, 2;
my ($cpu_after) = $c->cost($pid);
cmp_ok(($cpu_after // 0) - ($cpu // 0), '<', 20, '... nor is it tried again and again');
is($c->sql('SELECT cardinality(gates) FROM email_verify.stat'), 0, '... no gate tells of it');
$holder->run('ROLLBACK');
ok($c->poll("SELECT count(*) = $n FROM email_verify.address WHERE address LIKE 'held%\@a%'"), 'rolled back: all are verified');
is($c->wait(30), 0, '... and nothing is left');
$n = 100;

# --- the other ends of such a transaction ------------------------------------------------------------------------------------------

for my $case (
	[ 'b', 'BEGIN; %s', 'COMMIT', 'committed' ],
	[ 'c', 'BEGIN; SAVEPOINT s; %s; RELEASE s', 'COMMIT', 'in a subtransaction' ],
	[ 'd', 'BEGIN; SAVEPOINT s; %s', 'ROLLBACK TO s; SELECT 1', 'a subtransaction is rolled back' ],
	[ 'e', 'BEGIN; %s', 'terminate', 'its session is terminated' ],
	[ 'f', "BEGIN; INSERT INTO email_verify.queue (address, priority, due_at) SELECT 'held' || i || '\@f' || i % 10 || '.wild.deliver.com', 1, now()
		FROM generate_series(1, $n) i; PREPARE TRANSACTION 'held'", "COMMIT PREPARED 'held'", 'prepared and committed' ])
{
	my ($domain, $begin, $end, $what) = @$case;
	my $session = EmailVerifySession->new($c);
	$session->run(sprintf $begin, held($domain));
	asked($domain);
	strangers("$what: a stranger is answered", 2);
	is(stored($domain), 0, '... the held ones are not');
	if ($end eq 'terminate') { $c->sql('SELECT pg_terminate_backend(' . $session->pid . ')') }
	else { $session->run($end) }
	ok($c->poll("SELECT count(*) = $n FROM email_verify.address WHERE address LIKE 'held%\@$domain%'"), '... until it has ended');
	$session->end if $end ne 'terminate';
}
is($c->wait(30), 0, 'nothing is left');

# --- rows that are changed or locked: results wait, and are not asked for twice ---------------------------------------------------------

$w->ctl('set slow latency_ms=50');
for my $case ([ 'g', 'SELECT FROM email_verify.queue FOR UPDATE' ], [ 'h', 'UPDATE email_verify.queue SET queued_at = queued_at' ],
	[ 'i', 'SELECT FROM email_verify.queue FOR KEY SHARE' ])
{
	my ($name, $sql) = @$case;
	$c->sql("SELECT email_verify('$name' || i || '\@slow.deliver.com') FROM generate_series(1, 10) i");
	ok($c->poll("SELECT count(*) = 10 FROM email_verify.queue WHERE address LIKE '$name%'"), 'ten are under way');
	$holder->run("BEGIN; $sql");
	my $rcpts = 0;
	for (1 .. 200)
	{
		$rcpts = grep { $_->{rcpt} =~ /^$name\d+\@slow/ } $w->rcpt_log;
		last if $rcpts >= 5;
		select undef, undef, undef, 0.1;
	}
	cmp_ok($rcpts, '>=', 5, "$sql: they are asked for");
	strangers("... a stranger is answered", 3);
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE '$name%\@slow.deliver.com'"), 0, '... and they are not stored');
	$holder->run('ROLLBACK');
	ok($c->poll("SELECT count(*) = 10 FROM email_verify.address WHERE address LIKE '$name%\@slow.deliver.com'"), '... and are stored when it has ended');
	is(scalar(grep { $_->{rcpt} =~ /^$name\d+\@slow/ } $w->rcpt_log), 10, '... with one RCPT each');
}
$w->restore;

is($c->stat->{errors_total}, 0, 'no store cycle has failed');
$_->end for $holder, @sessions;
unlike(slurp_file($c->node->logfile), qr/lock timeout|stores verdicts again|deadlock detected/, 'the log says nothing of it');
unlike(slurp_file($c->node->logfile), qr/process $pid still waiting/, '... and the worker has waited for no lock to find out');
$c->finish;
done_testing();
