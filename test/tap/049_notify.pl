# 049_notify.pl
#	NOTIFY email_verify tells numbers and nobody's address, once a second at most, only when asked to and only when there is news;
#	and whatever is wrong with it, verdicts are stored.

use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;
use PostgreSQL::Test::Utils;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('notify', conf => { max_wal_senders => 2, wal_level => 'replica' });

# anybody may listen
$c->sql('CREATE ROLE nobody_special LOGIN');
my $listener = EmailVerifySession->new($c);
$listener->run('SET ROLE nobody_special; LISTEN email_verify');

# what has come so far: payloads, decoded; every notification must be of the one form
sub heard
{
	my @payloads;
	for (split /\n/, $listener->run('SELECT 1'))
	{
		next if $_ eq '1';
		if (/^Asynchronous notification "email_verify" with payload "(\{"completed": \d+, "queued": \d+\})" received from server process with PID \d+\.$/)
		{
			push @payloads, JSON::PP->new->decode($1);
		}
		else
		{
			fail("this is no notification of numbers: $_");
		}
	}
	return @payloads;
}
sub total { my $n = 0; $n += $_->{completed} for @_; return $n }

# psql says it after the statement that it came with
sub heard_until
{
	my ($completed) = @_;
	my @all;
	my $deadline = time + 15;
	while (time < $deadline)
	{
		push @all, heard();
		last if total(@all) >= $completed && @all && $all[-1]{queued} == 0;
		sleep 0.2;
	}
	return @all;
}

# --- off ------------------------------------------------------------------------------------------------------------

$c->verify(map { "ok$_\@ok.deliver.com" } 1 .. 5);
sleep 1.5;
is(scalar(heard()), 0, 'by default nobody is told anything');

# --- on -------------------------------------------------------------------------------------------------------------

$c->set('email_verify.notify' => 'on');
sleep 1.5;
is(scalar(heard()), 0, 'switched on: what was before is no news');
$c->verify(map { "ok$_\@ok2.deliver.com" } 1 .. 5);
my @heard = heard_until(5);
is(total(@heard), 5, 'stored verdicts are told by number') or diag(explain(\@heard));
is($heard[-1]{queued}, 0, '... and that none is queued');
sleep 2.5;
is(scalar(heard()), 0, '... and nothing while nothing happens');

# many cycles, few notifications
my $start = time;
for my $round (1 .. 20)
{
	$c->verify("ok$round.r\@ok.deliver.com");
}
@heard = heard_until(20);
my $took = time - $start;
is(total(@heard), 20, 'each verdict is told once');
cmp_ok(scalar(@heard), '<=', $took + 2, sprintf('... in one notification a second at most (%d in %.1f s)', scalar(@heard), $took));

# counters that go back to zero
$c->sql('SELECT email_verify.stat_reset()');
$c->verify(map { "ok$_.z\@ok2.deliver.com" } 1 .. 3);
is(total(heard_until(3)), 3, 'counters that were set to zero are no news of their own');

# what somebody queues himself counts as queued
$w->ctl('set slow hang=banner');
$c->sql("SELECT email_verify.enqueue(array_agg('ok' || i || '\@slow.deliver.com')) FROM generate_series(1, 30) i");
my @queued;
my $deadline = time + 15;
until ((@queued && $queued[-1]{queued} == 30) || time > $deadline)
{
	push @queued, heard();
	sleep 0.2;
}
is(@queued && $queued[-1]{queued}, 30, 'addresses that were queued in a transaction of somebody else are counted');
is(total(@queued), 0, '... none of which has an answer');
$c->sql("SELECT email_verify.recheck('ok1\@slow.deliver.com')");
sleep 1.5;
is(scalar(heard()), 0, 'one that is queued already is not counted twice');
$c->sql('DELETE FROM email_verify.queue');
$w->restore;
ok($c->poll('SELECT inflight = 0 FROM email_verify.stat'), 'nothing is under way any more');
is($c->wait(0), 0, '... or queued');
sleep 1.5;
heard();

# --- trouble --------------------------------------------------------------------------------------------------------------

# A commit that waits for a standby that is not there holds the lock of all notifications meanwhile.
$c->set('synchronous_standby_names' => 'nobody');
my $log = -s $c->node->logfile;
my $stuck = EmailVerifySession->new($c);
$stuck->run('SET synchronous_commit = on');
$stuck->send('BEGIN; CREATE TABLE public.something (); NOTIFY something; COMMIT');
my $locked = q{SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND objid = 0
	AND mode = 'AccessExclusiveLock' AND granted)};
ok($c->poll($locked), 'nobody can notify anybody');
for my $round (1 .. 4)
{
	my $verdict = $c->verdict("ok$round.t\@ok.deliver.com", '30 s');
	is($verdict->{reason}, 'smtp_deliverable', '... but verdicts come');
	is($c->row("ok$round.t\@ok.deliver.com")->{reason}, 'smtp_deliverable', '... and are stored');
	sleep 1.3;
}
is($c->sql($locked), 't', '... with that lock held all the time');
my $said = () = slurp_file($c->node->logfile, $log) =~ /email_verify could not send NOTIFY/g;
is($said, 1, 'the trouble is said once');
is($c->stat->{errors_total}, 0, '... and no store cycle failed');
$c->set('synchronous_standby_names' => '');
$stuck->result;
@heard = heard_until(4);
is(total(@heard), 4, 'when it is over, all that was stored meanwhile is told');

# --- off again -----------------------------------------------------------------------------------------------------------------

$c->set('email_verify.notify' => undef);
$c->verify('ok9@ok.deliver.com', 'ok9@ok2.deliver.com');
sleep 1.5;
is(scalar(heard()), 0, 'switched off: silence');

$_->end for $stuck, $listener;
$c->finish;
done_testing();
