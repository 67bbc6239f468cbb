# 062_one_domain.pl
#	One domain with very many addresses, or one that is silent, must not keep all others from being verified: neither those that
#	lie behind it in the queue nor whoever waits for an answer; its own addresses all have their turn; and passing over a
#	million of them costs once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('domains', conf => { 'email_verify.max_sessions' => 20, 'email_verify.rcpt_per_session' => 5,
	'email_verify.max_refused' => 0, 'log_statement' => 'none', 'autovacuum' => 'off' });

sub enqueue
{
	my ($name, $n) = @_;
	return $c->sql("SELECT email_verify.enqueue(array_agg($name)) FROM generate_series(1, $n) i");
}

# rows under way of the domain that has the most of them
my $most = q{SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM email_verify.queue q JOIN email_verify.inflight f ON q.id = ANY (f.ids)
	WHERE NOT q.answered GROUP BY q.domain) d};
my $others = q{SELECT count(*) FROM email_verify.address WHERE address LIKE 'other%'};

# --- a large domain in front ----------------------------------------------------------------------------------------

$w->ctl('set slow latency_ms=100');
is(enqueue(q{'a' || lpad(i::text, 4, '0') || '@slow.deliver.com'}, 2000), 2000, 'a large domain is queued');
is(enqueue(q{'other' || i || '@d' || i || '.wild.deliver.com'}, 60), 60, '... and sixty others behind it');
ok($c->poll("SELECT ($others) = 60"), 'the others are answered');
cmp_ok($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address LIKE 'a%@slow.deliver.com'}), '<', 1000, '... long before the large one is through');
cmp_ok($c->sql($most), '<=', 10, '... of which two sessions are under way');
is($c->verdict('now@nothing.nullmx.deliver.com', '20 s')->{reason}, 'no_mx_records', 'whoever waits is answered');
$w->ctl('set slow latency_ms=0');
is($c->wait(60), 0, 'the large domain is gone through');
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address LIKE 'a%@slow.deliver.com'}), 2000, '... with all of its addresses');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and nothing is left');
my %asked;
$asked{ $_->{rcpt} }++ for grep { $_->{rcpt} =~ /^a\d{4}\@slow/ } $w->rcpt_log;
is(scalar(keys %asked), 2000, 'each was asked for');
is(scalar(grep { $_ > 1 } values %asked), 0, '... once');
$w->restore;
$c->forget;

# --- the same by those who wait: each domain has a line, whatever else is asked ------------------------------------------

$c->sql(q{SELECT email_verify('a' || i || '@hangrcpt.deliver.com') FROM generate_series(1, 500) i});
$c->sql(q{SELECT email_verify('other' || i || '@d' || i || '.wild.deliver.com') FROM generate_series(1, 60) i});
ok($c->poll("SELECT ($others) = 60"), 'behind a silent domain that somebody has asked for, others are answered');
# a statement's first hundred questions have a line of their own
cmp_ok($c->sql($most), '<=', 20, '... while it has two sessions of each priority under way');
my $pid = $c->worker_pid;
my ($cpu, $switches) = $c->cost($pid);
sleep 3;
my ($cpu_after, $switches_after) = $c->cost($pid);
cmp_ok(($switches_after // 0) - ($switches // 0), '<', 40, 'the worker does not look again and again for what it cannot take');
cmp_ok(($cpu_after // 0) - ($cpu // 0), '<', 15, '... and is idle');
$c->sql('SELECT email_verify.pause(); DELETE FROM email_verify.queue; SELECT email_verify.resume()');
$c->forget;

# --- more silent domains than there is room for: a part is for those who wait -----------------------------------------------

$c->set('email_verify.max_sessions' => 2);
is(enqueue(q{'a' || i || '@hangrcpt.deliver.com'}, 50), 50, 'silent domains are queued');
is(enqueue(q{'a' || i || '@hangmail.deliver.com'}, 50), 50, '... more of them');
is(enqueue(q{'a' || i || '@hangehlo.deliver.com'}, 50), 50, '... and more');
ok($c->poll('SELECT inflight = 18 FROM email_verify.stat'), 'they take the room but for a part')
	or diag $c->sql('SELECT inflight FROM email_verify.stat');
is($c->verdict('now@nullmx.deliver.com', '20 s')->{reason}, 'no_mx_records', '... in which whoever waits is answered');
$c->set('email_verify.max_sessions' => 20);
$c->sql('SELECT email_verify.pause(); DELETE FROM email_verify.queue; SELECT email_verify.resume()');
$c->forget;

# --- passing over very many is done once ---------------------------------------------------------------------------------

my $n = 200_000;
my $reads = q{SELECT pg_stat_force_next_flush(); SELECT idx_tup_read FROM pg_stat_all_indexes WHERE indexrelid = 'email_verify.queue_due'::regclass};
$c->sql('SELECT email_verify.pause()');
enqueue(q{'a' || i || '@hangrcpt.deliver.com'}, $n);
enqueue(q{'other' || i || '@d' || i || '.wild.deliver.com'}, 1000);
my ($before) = $c->sql($reads) =~ /(\d+)$/;
$c->sql('SELECT email_verify.resume()');
ok($c->poll("SELECT ($others) = 1000"), "a thousand others behind $n addresses of one domain are answered");
$c->sql(q{SELECT email_verify('more' || i || '@d' || i || '.wild.deliver.com') FROM generate_series(1, 50) i});
ok($c->poll(q{SELECT count(*) = 50 FROM email_verify.address WHERE address LIKE 'more%'}), '... and what is asked then');
sleep 1.5;    # statistics are handed over once a second
my ($after) = $c->sql($reads) =~ /(\d+)$/;
cmp_ok($after - $before, '<', 3 * $n, '... and the queue was not walked through again and again (' . ($after - $before) . ' entries)');
cmp_ok($c->sql($most), '<=', 10, '... with two sessions of the domain under way');
is($c->stat->{errors_total}, 0, 'no store cycle failed');
# what has been queued goes by intent, and with it what was to be asked for again
$c->sql('SELECT email_verify.pause(); TRUNCATE email_verify.queue, email_verify.address');
$c->finish;
done_testing();
