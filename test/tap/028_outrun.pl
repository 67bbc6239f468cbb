# 028_outrun.pl
#	Results that come faster than they can be stored: nothing is refused, stranded or asked twice.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);

skip_without_world();

# DNS alone answers thousands of addresses of one domain within one turn of the prober
my $c = EmailVerifyCluster->new('outrun',
	conf => { 'email_verify.mode' => 'dns', 'email_verify.max_sessions' => 20 });
my $n = 5000;

is($c->sql("SELECT email_verify.enqueue(array_agg('u' || i || '\@ok.deliver.com')) FROM generate_series(1, $n) i"),
	$n, 'queued');
is($c->wait(60), 0, 'every one has an answer');
is($c->sql('SELECT count(*) FROM email_verify.address'), $n, '... of its own');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and none is left in the queue');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... or under way');

my $stat = $c->stat;
is($stat->{errors_total}, 0, 'no store cycle failed');
is($stat->{leased_total}, $n, 'each was taken out of the queue once');
is($stat->{completed_total}, $n, '... and stored once');

# the same while the store stands still for a while: results pile up, the worker neither spins nor loses any
my $pid = $c->worker_pid;
my $lock = $c->begin([ 'BEGIN', 'LOCK TABLE email_verify.address IN ACCESS EXCLUSIVE MODE', 'SELECT pg_sleep(6)', 'COMMIT' ]);
ok($c->poll(q{SELECT EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
	AND relation = 'email_verify.address'::regclass)}), 'the table is locked');
my ($ticks) = $c->cost($pid);
$c->sql("INSERT INTO email_verify.queue (address, due_at) SELECT 'v' || i || '\@ok.deliver.com', now() FROM generate_series(1, $n) i");
$c->sql('SELECT email_verify._poke()');
$lock->end;
is($c->wait(60), 0, 'every one has an answer after the lock is gone');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'v%'"), $n, '... stored');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and none left');
cmp_ok($c->stat->{errors_total}, '>', 0, 'store cycles did fail meanwhile');
is($c->worker_pid, $pid, '... which did not end the worker');
SKIP:
{
	skip 'no /proc', 1 unless defined $ticks;
	my ($now) = $c->cost($pid);
	cmp_ok($now - $ticks, '<', 300, '... nor keep a processor busy');
}

$c->finish;
done_testing();
