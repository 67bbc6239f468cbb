# 041_stress.pl
#	Whatever ends the worker or the server, at whatever moment, again and again: each address that was ever queued is queued
#	or has a verdict, orderly ends make nobody suspect, who waits is let go, and in the end all are verified.
#
#	EV_STRESS_CYCLES (20) kills and restarts, of the kinds and in the shares below; EV_STRESS_SEED repeats a run.
#	script/stress runs it with many.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);

# kind, share, is it a crash?
my @kinds = (
	[ 'term', 38, 0 ],         # pg_terminate_backend of the worker; the server is restarted, which is sooner than the launcher
	[ 'launcher', 2, 0 ],      # the same, and the launcher starts the next worker
	[ 'leave', 10, 0 ],        # the database is taken out of email_verify.databases, and named again
	[ 'fast', 15, 0 ],         # fast stop of the server
	[ 'immediate', 12, 1 ],    # immediate stop
	[ 'kill9', 10, 1 ],        # kill -9 of the postmaster
	[ 'segv', 8, 1 ],          # SIGSEGV to the worker: the server restarts by itself
	[ 'kill', 5, 1 ]);         # SIGKILL to the worker: likewise
my $cycles = $ENV{EV_STRESS_CYCLES} // 20;
my $seed = $ENV{EV_STRESS_SEED} // time ^ $$;
my $each = 20;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('stress', conf => { 'restart_after_crash' => 'on', 'log_statement' => 'none', 'email_verify.put_back_delay' => '1s' });
my $node = $c->node;
srand($seed);
diag("$cycles cycles, EV_STRESS_SEED=$seed");

# some answer at once and some are under way for a while
$w->ctl('set corp0[0-3]* latency_ms=60');
$c->sql('CREATE TABLE submitted (address text COLLATE "C" PRIMARY KEY)');

# The kinds in a random order, each as often as its share has it; the first ones of each kind come first, so that a short run
# has all of them.
sub plan_of
{
	my ($n) = @_;
	my @plan = map { $_->[0] } @kinds;
	for my $kind (@kinds)
	{
		push @plan, ($kind->[0]) x ($n * $kind->[1] / 100 - 1);
	}
	push @plan, 'term' while @plan < $n;
	my @rest = splice @plan, @kinds;
	for my $i (reverse 1 .. $#rest)
	{
		my $j = int rand $i + 1;
		@rest[ $i, $j ] = @rest[ $j, $i ];
	}
	return (@plan, @rest)[ 0 .. $n - 1 ];
}

my $submitted = 0;

# In one transaction with our own note of it: who has committed has a promise.
sub submit
{
	my @new = map { sprintf 'ok%d@corp%03d.com', ++$submitted, 1 + int rand 64 } 1 .. $each;
	my $new = 'ARRAY[' . join(', ', map { quoted($_) } @new) . ']';
	$c->sql("BEGIN; INSERT INTO submitted SELECT unnest($new); SELECT email_verify.enqueue($new); COMMIT");
	return;
}

sub kill_worker
{
	my ($signal) = @_;
	my $pid = $c->worker_pid;
	kill $signal, $pid or die "there is no worker\n";
	$c->poll("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)", 60) or die "the server does not come back\n";
	return;
}

my %end = (
	'term' => sub {
		$c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ', 20000)');
		$node->restart;
	},
	'launcher' => sub { $c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ', 20000)') },
	'leave' => sub {
		$c->set('email_verify.databases' => 'nobody');
		$c->poll(q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'email_verify worker')});
		$c->set('email_verify.databases' => undef);
	},
	'fast' => sub { $node->restart },
	'immediate' => sub { $node->stop('immediate'); $node->start },
	'kill9' => sub { $c->kill9; $node->start },
	'segv' => sub { kill_worker('SEGV') },
	'kill' => sub { kill_worker('KILL') });

# What the log has got since the last time
my $read_to = 0;

sub news
{
	open my $fh, '<', $node->logfile or die;
	seek $fh, $read_to, 0;
	local $/;
	my $news = <$fh> // '';
	$read_to += length $news;
	return $news;
}

my %is_crash = map { $_->[0] => $_->[2] } @kinds;
my (%done, %bad);
my ($under_way, $suspects, $crashed) = (0, 0, 0);
my $conserved = 'SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM email_verify.queue q WHERE q.address = s.address)
		OR EXISTS (SELECT FROM email_verify.address a WHERE a.address = s.address)),
	(SELECT count(*) FROM email_verify.queue q WHERE NOT EXISTS (SELECT FROM submitted s WHERE q.address = s.address))
	FROM submitted s';
my $start = time;

news();
for my $kind (plan_of($cycles))
{
	$c->wait_for_worker;
	submit();
	my $waiter = $c->begin(sprintf "SELECT email_verify('ok%d\@corp%03d.com', wait => '1 s')", $submitted, 1 + int rand 64);
	sleep rand 0.15;
	$under_way += $c->sql('SELECT inflight FROM email_verify._stat()');
	$end{$kind}->();
	$done{$kind}++;
	$waiter->end;
	my $found = news() =~ /email_verify was verifying (\d+) address(?:es)? in a crash/ ? $1 : 0;
	$c->wait_for_worker;
	$found += news() =~ /email_verify was verifying (\d+) address(?:es)? in a crash/ ? $1 : 0;
	$suspects += $found;
	# a worker says it a moment after it is there: maybe of the crash before
	$bad{"$kind: an orderly end that left suspects"}++ if $found > 0 && !$is_crash{$kind} && !$crashed;
	$crashed = $is_crash{$kind};
	my ($all, $there) = split /\|/, $c->sql($conserved);
	$bad{"$kind: lost addresses"}++ if $all != $submitted || $there != $submitted;
}
my $took = time - $start;
is(join(', ', map { "$_ ($bad{$_})" } sort keys %bad), '', "$cycles kills and restarts: nothing is lost, and nobody is suspect for nothing");
is(join(' ', sort keys %done), join(' ', sort map { $_->[0] } @kinds), '... all kinds of them') if $cycles >= @kinds;
cmp_ok($under_way, '>', 0, '... in the midst of work');

# what was under way alone when somebody else's crash came is parked, as it must be
my $parked = $c->sql('SELECT count(*) FROM email_verify.parked');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 120), 'left in peace, the worker does all that is queued')
  or diag($c->sql("SELECT 'queued with ' || crashes || ' crashes and ' || attempts || ' attempts: ' || count(*) FROM email_verify.queue GROUP BY crashes, attempts"),
	$c->sql(q{SELECT ' worker ' || worker || ', requests ' || inflight || ', sessions ' || sessions || ', gates ' || gates::text || ', in inflight '
		|| (SELECT count(*) FROM email_verify.inflight i, email_verify.queue q WHERE q.id = ANY (i.ids)) FROM email_verify.stat}));
$c->sql('SELECT email_verify.recheck(address) FROM email_verify.parked');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue', 120), '... and what was parked, if it is asked to');
is($c->sql("SELECT string_agg(r.reason || ' ' || r.n, ', ') FROM (SELECT reason, count(*) AS n FROM email_verify.address a WHERE EXISTS (SELECT FROM submitted s WHERE s.address = a.address) GROUP BY 1) r"),
	"smtp_deliverable $submitted", '... all that was submitted is verified');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... and nothing is under way');

diag(sprintf '%d cycles in %.0f s: %s', $cycles, $took, join ', ', map { "$_->[0] $done{$_->[0]}" } grep { $done{ $_->[0] } } @kinds);
diag(sprintf 'submitted %d = queued 0 + verified %d; lost 0; under way at a kill %d in all; suspects %d, parked %d (verified by recheck)',
	$submitted, $c->sql('SELECT count(*) FROM submitted s JOIN email_verify.address a USING (address)'), $under_way, $suspects, $parked);
$c->finish(crashes => $done{segv} // 0, kills => $done{kill} // 0);
done_testing();
