# 024_queue.pl
#	From the question to the probe: nobody is probed twice for one question or for a known answer, who waits waits no longer
#	than he may, and "pending" is said only of what really is queued.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('queue');

sub elapsed
{
	my ($code) = @_;
	my $start = time;
	my $result = $code->();
	return (time - $start, $result);
}

# --- duplicates ----------------------------------------------------------------------------------------------

# slow enough for all of them to come while it is under way
$w->ctl('set slow latency_ms=1000');
my $same = 'ok1@slow.deliver.com';
is($c->sql("SELECT string_agg(DISTINCT email_verify('$same')::text, ' ') FROM generate_series(1, 50)"),
	'pending', '50 askings in one statement');
my @sessions = map { $c->begin("SELECT email_verify(a) FROM generate_series(1, 20), unnest(ARRAY['$same', 'OK1\@slow.deliver.com', 'ok1\@SLOW.Deliver.COM']) a") } 1 .. 6;
$_->end for @sessions;
is($c->sql('SELECT count(*) FROM email_verify.queue'), 2, '... are two rows: local parts have case, domains have none');
is($c->wait, 0, '... which are answered');
is(scalar($c->peer_rcpts($same)), 1, '... with one RCPT');
is(scalar($c->peer_rcpts('OK1@slow.deliver.com')), 1, '... each');
$w->restore;

# --- known answers ---------------------------------------------------------------------------------------------

my $lookups = $c->stat->{lookups_total};
is($c->verdict($same)->{reason}, 'smtp_deliverable', 'a known answer is served at once');
is($c->sql("SELECT count(*) FROM generate_series(1, 1000) WHERE email_verify('$same', wait => '1 min') = 'smtp_deliverable'"), 1000, '... a thousand times');
ok(!$c->verdict($same)->{stale}, '... and is fresh');
is($w->stats->{sessions}, 0, '... without a session');
is($c->stat->{lookups_total}, $lookups, '... or a look-up');
is($c->queue($same), undef, '... or a row in the queue');

# --- wait() --------------------------------------------------------------------------------------------------

my ($seconds, $left) = elapsed(sub { $c->wait(30) });
is($left, 0, 'wait() with nothing to wait for returns 0');
cmp_ok($seconds, '<', 5, '... at once');
$c->set('email_verify.rcpt_timeout' => '4s');
my @hanging = map { "ok$_\@hangrcpt.deliver.com" } 1 .. 3;
$c->ask(@hanging);
is($c->wait(0), 3, 'wait(0) counts those without an answer');
is($c->wait(1), 3, 'a wait that times out returns how many have none');
my $worker = $c->worker_pid;
my ($before) = $c->cost($worker);
$c->wait(1);
my ($after) = $c->cost($worker);
cmp_ok(($after // 0) - ($before // 0), '<', 25, '... and does not keep the worker busy');
($seconds, $left) = elapsed(sub { $c->wait(50) });
is($left, 0, '... and one that does not, 0');
cmp_ok($seconds, '>', 1, '... after waiting');
is($c->row($_)->{reason}, 'smtp_timeout', "$_ has an answer then") for @hanging;
is($c->sql("SELECT count(*) FROM email_verify.queue WHERE answered"), 3, '... and rows that will be asked again are not waited for');

# --- wait => ---------------------------------------------------------------------------------------------------

is($c->verdict('ok1@notls.deliver.com', '30 s')->{reason}, 'smtp_deliverable', 'wait => answers in the same statement');
is($c->sql("SELECT string_agg(email_verify(a, wait => '30 s')::text, ' ') FROM unnest(ARRAY['ok2\@notls.deliver.com', 'nobody\@notls.deliver.com', 'x\@nx.deliver.com']) a"),
	'smtp_deliverable mailbox_not_found no_mx_records', '... row by row');

# the result of a transaction's earlier snapshot is not in its way
is($c->sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM email_verify.address WHERE address = 'ok3\@notls.deliver.com'; SELECT email_verify('ok3\@notls.deliver.com', wait => '30 s'); COMMIT"),
	"0\nsmtp_deliverable", '... even in a transaction that cannot see the row');

$w->ctl('set plain hang=rcpt');
($seconds, my $reason) = elapsed(sub { $c->sql("SET email_verify.max_wait = '1s'; SELECT email_verify('ok1\@plain.deliver.com', wait => '1 hour')") });
is($reason, 'pending', 'max_wait bounds it');
cmp_ok($seconds, '<', 4, '... in time');
($seconds) = elapsed(sub { $c->sql("SET email_verify.max_wait = '1s'; SELECT email_verify('ok' || i || '\@plain.deliver.com', wait => '1 hour') FROM generate_series(1, 5) i") });
cmp_ok($seconds, '<', 4, '... for all calls of a statement together');
($seconds, my $result) = elapsed(sub { $c->try("SET statement_timeout = '1s'; SELECT email_verify('ok1\@plain.deliver.com', wait => '1 min')") });
like($result->{err}, qr/canceling statement due to statement timeout/, 'a waiting statement can be cancelled');
cmp_ok($seconds, '<', 4, '... at once');
($seconds, $result) = elapsed(sub { $c->try("SET statement_timeout = '1s'; SELECT email_verify.wait('1 min')") });
like($result->{err}, qr/canceling statement due to statement timeout/, '... and so can wait()');

# a session that is killed while it waits gives its place back
my $waiting = $c->begin("SELECT email_verify('ok9\@plain.deliver.com', wait => '1 min')");
ok($c->poll("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT email_verify(''ok9%' AND wait_event_type IS NOT NULL"), 'a waiting session is terminated');
like($waiting->end->{err}, qr/terminating connection/, '... and ends');
$w->restore;
is($c->wait(40), 0, 'the worker goes on');

# --- what a person is told ---------------------------------------------------------------------------------------

$result = $c->try("BEGIN; SELECT email_verify('a' || i || '\@ok2.deliver.com') FROM generate_series(1, 20) i; SELECT email_verify('b\@ok2.deliver.com'); COMMIT");
is(scalar(() = $result->{err} =~ /NOTICE/g), 1, 'one notice about pending addresses in a transaction');
like($result->{err}, qr/email_verify\.wait/, '... which says how to wait');
is($c->wait, 0, 'they are verified');

# --- what cannot be queued is not called pending ----------------------------------------------------------------------

sub detail
{
	my ($sql) = @_;
	my $out = $c->try($sql)->{out};
	$out =~ s/\n$//;
	return $out;
}

my $ask = q{SELECT v.reason || ' ' || coalesce(v.detail, '') FROM email_verdict('%s@drip.deliver.com') v};
is(detail('BEGIN READ ONLY; ' . sprintf($ask, 'ok1') . '; COMMIT'), 'internal_verifier_error read_only', 'a READ ONLY transaction');
is($c->queue('ok1@drip.deliver.com'), undef, '... queues nothing');
is(detail(qq{BEGIN READ ONLY; SELECT v.reason || ' ' || coalesce(v.detail, '') FROM email_verdict('$same') v; COMMIT}), 'smtp_deliverable ', '... and reads the cache');
is(detail("SET email_verify.mode = offline; " . sprintf($ask, 'ok1')), 'internal_verifier_error mode_offline', 'mode offline');

$c->sql('SELECT email_verify.pause()');
ok($c->sql('SELECT paused FROM email_verify.stat') eq 't', 'paused: stat says so');
is(detail(sprintf($ask, 'ok1')), 'pending paused', '... and so does the answer');
$c->sql("INSERT INTO email_verify.queue (address, due_at) VALUES ('ok4\@drip.deliver.com', now())");
is($c->wait(2), 2, '... what is queued stays');
is($w->stats('drip')->{sessions}, 0, '... nobody is called');
$c->sql('SELECT email_verify.resume()');
is($c->wait(20), 0, 'resumed: what was queued is verified');
is($c->row('ok4@drip.deliver.com')->{reason}, 'smtp_deliverable', '... as it should');
is($c->verdict('ok1@drip.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and so is what is asked now');

$c->set('email_verify.databases' => 'template1');
is(detail(sprintf($ask, 'ok2')), 'internal_verifier_error database_not_enabled', 'a database that is not enabled');
is(detail(qq{SELECT v.reason || ' ' || coalesce(v.detail, '') FROM email_verdict('$same') v}), 'smtp_deliverable ', '... serves its cache');
$c->set('email_verify.databases' => undef);
$c->wait_for_worker;
is($c->verdict('ok2@drip.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... and is served when it is enabled again');

$c->set('email_verify.max_queue' => 3);
$c->ask('ok2@hangrcpt.deliver.com');
is($c->wait(0) >= 0, 1, 'the queue is counted');
is(detail(sprintf($ask, 'ok3')), 'internal_verifier_error queue_full', 'a full queue');
$c->set('email_verify.max_queue' => undef);
is($c->verdict('ok3@drip.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... that has room again');

# --- without an identity, or by DNS alone ---------------------------------------------------------------------------------

$w->reset;
$c->set('email_verify.helo_name' => '');
my $verdict = $c->verdict('ok1@chunked.deliver.com', '20 s');
is("$verdict->{reason} $verdict->{detail}", 'bucket_default_skip_smtp_unknown not_configured', 'no helo_name: DNS alone');
is($c->verdict('x@nullmx.deliver.com', '20 s')->{reason}, 'no_mx_records', '... which can be enough');
is($w->stats->{sessions}, 0, '... and nobody is called');
like($c->try("SELECT email_verify('ok1\@chunked.deliver.com')")->{err}, qr/email_verify\.helo_name/, '... a notice says what is missing');
$c->set('email_verify.helo_name' => undef);
is($c->verdict('ok1@chunked.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'with one, the mailbox is probed at the next question');
is(scalar($c->peer_rcpts('ok1@chunked.deliver.com')), 1, '... once');

$c->set('email_verify.mode' => 'dns');
$verdict = $c->verdict('ok2@chunked.deliver.com', '20 s');
is("$verdict->{reason} $verdict->{detail}", 'bucket_default_skip_smtp_unknown mode_dns', 'mode dns');
is($c->verdict('x@spfreject.deliver.com', '20 s')->{reason}, 'spf_reject_all', '... has DNS verdicts');
is(scalar($c->peer_rcpts('ok2@chunked.deliver.com')), 0, '... and no probes');
is($c->verdict('ok1@chunked.deliver.com')->{reason}, 'smtp_deliverable', '... but what is known');
$c->set('email_verify.mode' => undef);
is($c->verdict('ok2@chunked.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'back in mode smtp');

is($c->stat->{errors_total}, 0, 'no store cycle failed');
$c->finish;
done_testing();
