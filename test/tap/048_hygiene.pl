# 048_hygiene.pl
#	Tables that stay small and a queue that stays fast: what has been expired for long is deleted, in slices and without standing in
#	anybody's way; updates leave the indexes alone; autovacuum learns of the worker's writes; neither an old snapshot, a long
#	queue nor large tables make taking rows out of the queue slower; the worker's memory does not grow.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('hygiene', conf => {
	'email_verify.debug_hurry' => 5, 'email_verify.tls' => 'off', 'email_verify.reply_text_retention' => '-1', 'autovacuum_naptime' => '1s', 'autovacuum' => 'off', 'shared_buffers' => '256MB' });

# counters of a table or index, all that has been done so far counted; other sessions than the worker hand theirs over at once
sub counter
{
	my ($columns, $view, $where) = @_;
	return $c->sql("SELECT $columns FROM pg_stat_user_$view WHERE schemaname = 'email_verify' AND $where");
}
sub entries_read { return counter('idx_tup_read', 'indexes', "indexrelname = '$_[0]'") }

# the worker has handed over that it has deleted so many rows of the queue: then also what it did before
sub deleted_from_queue
{
	my ($n) = @_;
	ok($c->poll("SELECT n_tup_del >= $n FROM pg_stat_user_tables WHERE schemaname = 'email_verify' AND relname = 'queue'"),
		'the worker hands its counts over while it lives');
	return;
}

sub verdicts
{
	my ($from, $to, $expired) = @_;
	$c->sql(qq{
		INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, reply_text)
		SELECT 'a' || lpad(i::text, 6, '0') || '\@old.com', 'valid', 'smtp_deliverable', now() - interval '$expired' - interval '90 d',
			now() - interval '$expired' - interval '60 d', now() - interval '$expired', 'said'
		FROM generate_series($from, $to) i});
	return;
}

sub walked
{
	my ($since) = @_;
	return $c->poll("SELECT place IS NULL AND started_at > '$since' FROM email_verify.upkeep", 60);
}
sub now { return $c->sql('SELECT clock_timestamp()') }

# --- what has been expired for long is deleted -----------------------------------------------------------------------

is($c->sql('SELECT place IS NULL AND started_at IS NULL AND ended_at IS NOT NULL FROM email_verify.upkeep'), 't', 'a new extension has nothing to delete yet');
verdicts(1, 1000, '3 h');
verdicts(1001, 2000, '30 min');
verdicts(2001, 2500, '-1 d');
$c->sql(q{
	INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) VALUES
		('old.com', false, now() - interval '20 d', now() - interval '14 d 3 h'), ('test.com', false, now() - interval '20 d', now() - interval '13 d');
	INSERT INTO email_verify.domain_host (domain, host, catch_all, catch_all_at, accepted_at) VALUES
		('old.com', 'a', true, now() - interval '20 d', now() - interval '14 d 3 h'), ('old.com', 'b', NULL, NULL, NULL),
		('test.com', 'a', true, now() - interval '13 d', NULL), ('test.com', 'b', true, now() - interval '20 d', now());
	INSERT INTO email_verify.tombstone VALUES ('hmac:old', now() - interval '25 h'), ('hmac:new', now() - interval '23 h')});
is($c->sql("SET email_verify.mode = offline; SELECT v.reason, v.detail FROM email_verdict('a001500\@old.com') v"),
	'internal_verifier_error|mode_offline', 'an expired verdict answers nobody, kept or not');
is($c->sql("SET email_verify.mode = offline; SELECT email_verify('a002001\@old.com')"), 'smtp_deliverable', '... one that has not expired does');

# a row that somebody holds, and a session that holds a snapshot
my $holder = EmailVerifySession->new($c);
$holder->run("BEGIN; SELECT 1 FROM email_verify.address WHERE address = 'a000500\@old.com' FOR UPDATE");
my $start = now();
my $errors = $c->stat->{errors_total};
$c->set('email_verify.retention' => '1h', 'email_verify.retention_interval' => '1d');
sleep 2;
is($c->sql("SELECT count(*) FROM email_verify.address"), 2500, 'nothing is deleted before it is time for a walk');
$c->set('email_verify.retention_interval' => '2s');
ok(walked($start), 'a walk');
$c->set('email_verify.retention_interval' => '1d');
is($c->sql(q{SELECT count(*), count(*) FILTER (WHERE expires_at < now() - interval '1 h') FROM email_verify.address}), '1501|1',
	'deletes what expired that long ago, but for a row that somebody holds');
is($c->sql('SELECT string_agg(domain, $$ $$) FROM email_verify.domain'), 'test.com', '... domains when no test on them counts any more');
is($c->sql('SELECT string_agg(domain || host, $$ $$ ORDER BY host) FROM email_verify.domain_host'), 'test.coma test.comb', '... and their hosts');
is($c->sql('SELECT string_agg(hmac, $$ $$) FROM email_verify.tombstone'), 'hmac:new', '... tombstones after a day');
is($c->sql('SELECT looked_at, deleted, after FROM email_verify.upkeep'), (2500 + 2 + 4 + 2) . '|' . (999 + 1 + 2 + 1) . '|', '... looks at each row once, and counts');
is($c->stat->{errors_total}, $errors, '... and no cycle of the worker meets an error');
$holder->run('COMMIT');

# texts of replies have an age of their own
is($c->sql('SELECT count(*) FROM email_verify.address WHERE reply_text IS NULL'), 0, 'texts of replies are kept for their time');
$c->set('email_verify.retention' => '-1', 'email_verify.reply_text_retention' => '90d', 'email_verify.retention_interval' => '2s');
$start = now();
ok(walked($start), 'a walk that deletes texts');
$c->set('email_verify.retention_interval' => '1d', 'email_verify.reply_text_retention' => '-1');
is($c->sql('SELECT count(*), count(reply_text) FROM email_verify.address'), '1501|500', '... and no verdict');
verdicts(3001, 3010, '10 years');
$start = now();
$c->set('email_verify.retention_interval' => '2s');
ok(walked($start), 'a walk with nothing to delete');
is($c->sql(q{SELECT (SELECT count(reply_text) FROM email_verify.address), looked_at, deleted FROM email_verify.upkeep}), '510|1|0', '... does not even look');

# a walk goes on where it was
$c->set('email_verify.retention_interval' => '1d', 'email_verify.retention' => '1h');
verdicts(10001, 13500, '-1 d');
my $total = $c->sql('SELECT count(*) FROM email_verify.address');
$start = now();
$c->set('email_verify.retention_interval' => '2s');
ok($c->poll("SELECT place = 'address' AND looked_at BETWEEN 1000 AND 4000 AND after IS NOT NULL AND started_at > '$start' FROM email_verify.upkeep"), 'a walk is under way');
$c->set('email_verify.retention_interval' => '1d');
my $pid = $c->worker_pid;
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT worker = 'running' AND worker_pid <> $pid FROM email_verify.stat", 45), '... when the worker is ended and comes back');
ok(walked($start), '... and it ends');
is($c->sql('SELECT deleted FROM email_verify.upkeep'), 11, '... having deleted what was left over');
is($c->sql('SELECT looked_at FROM email_verify.upkeep'), $total + 1 + 2 + 1, '... without looking at anything twice')
  or diag($c->sql('TABLE email_verify.upkeep'));

# the position may be somebody's address
$c->sql('SELECT email_verify.pause()');
$c->sql(q{UPDATE email_verify.upkeep SET after = '{a010001@old.com}'});
$c->sql(q{SELECT email_verify.forget('a010001@old.com')});
is($c->sql('SELECT count(*) FROM email_verify.upkeep WHERE after IS NOT NULL'), 0, 'a position is forgotten with its address');

# not while paused
verdicts(1, 10, '3 h');
$c->set('email_verify.retention_interval' => '1s');
sleep 3;
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address < 'a000011'}), 10, 'nothing is deleted while the worker is paused');
$c->sql('SELECT email_verify.resume()');
ok($c->poll(q{SELECT count(*) = 0 FROM email_verify.address WHERE address < 'a000011'}), '... but after that');
$c->set('email_verify.retention_interval' => '1d');
ok($c->poll('SELECT place IS NULL FROM email_verify.upkeep'), 'the walk has ended');

SKIP:
{
	$pid = $c->worker_pid;
	skip 'no /proc', 1 unless $c->cost($pid);
	sleep 3;    # the last counts are handed over: 10 s later, and a fifth of that here
	my @before = $c->cost($pid);
	sleep 4;
	my @after = $c->cost($pid);
	cmp_ok($after[1] - $before[1], '<=', 1, 'between two walks the worker sleeps');
}

# --- updates on the way of a probe leave the indexes alone -------------------------------------------------------------------

my @addresses = map { "ok$_\@ok.deliver.com" } 1 .. 60;
$c->verify(@addresses);
deleted_from_queue(60);
my ($upd_before, $hot_before) = split /\|/, counter('n_tup_upd, n_tup_hot_upd', 'tables', "relname = 'address'");
my $hosts = counter('n_tup_ins + n_tup_upd', 'tables', "relname = 'domain_host'");
for (1 .. 6)
{
	$c->sql("SELECT email_verify.recheck(address) FROM email_verify.address WHERE address LIKE '%ok.deliver.com'");
	is($c->wait, 0, 'asked anew');
}
deleted_from_queue(7 * 60);
my ($upd, $hot) = split /\|/, counter('n_tup_upd, n_tup_hot_upd', 'tables', "relname = 'address'");
($upd, $hot) = ($upd - $upd_before, $hot - $hot_before);
is($upd, 6 * 60, 'each answer is one update');
cmp_ok($hot, '>=', $upd * 0.8, "verdicts replaced ($upd) are HOT updates ($hot)");
cmp_ok(counter('n_tup_ins + n_tup_upd', 'tables', "relname = 'domain_host'") - $hosts, '<=', 3, 'that a host accepts recipients is not written with each session');
$c->sql(q{SELECT email_verify._learn_domains('{ok.deliver.com}', '{NULL}', '{NULL}', '{f}', '{NULL}', '{f}', '{mx.ok.deliver.com}', '{1}', '{3600}')}) for 1 .. 60;
($upd, $hot) = split /\|/, counter('n_tup_upd, n_tup_hot_upd', 'tables', "relname = 'domain'");
cmp_ok($hot, '>=', $upd * 0.95, "facts about domains replaced ($upd) are HOT updates ($hot)");
is($c->sql(q{SELECT count(*) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
	WHERE i.indrelid IN ('email_verify.address'::regclass, 'email_verify.domain'::regclass) AND a.attname NOT IN ('address', 'domain')}), 0,
	'what a probe changes is in no index');

# --- VACUUM does not lock tables to cut their end off ---------------------------------------------------------------------------

$c->sql(q{INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) SELECT 'd' || i, false, now(), now() FROM generate_series(1, 5000) i});
my $size = $c->sql(q{SELECT pg_relation_size('email_verify.domain')});
$c->sql(q{DELETE FROM email_verify.domain WHERE domain LIKE 'd%'});
$c->sql('VACUUM email_verify.domain');
is($c->sql(q{SELECT pg_relation_size('email_verify.domain')}), $size, 'VACUUM leaves a table its size');
is($c->sql(q{SELECT string_agg(c.relname, ' ') FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
	WHERE c.relnamespace = 'email_verify'::regnamespace AND c.relname IN ('address', 'domain', 'domain_host', 'queue', 'inflight')
	AND NOT ('vacuum_truncate=off' = ALL (ARRAY[array_to_string(c.reloptions, ','), array_to_string(t.reloptions, ',')])
		OR (array_to_string(c.reloptions, ',') ~ 'vacuum_truncate=off' AND coalesce(array_to_string(t.reloptions, ',') ~ 'vacuum_truncate=off', t.oid IS NULL)))}),
	'', '... and so with all that the worker works on');

# --- a snapshot that is held --------------------------------------------------------------------------------------------------------

my $n = 150_000;
my $one = 0;
sub single { $one++; return "ok$one\@ok2.deliver.com" }
$c->sql('SELECT email_verify.pause()');
$c->sql(qq{INSERT INTO email_verify.queue (address, due_at) SELECT 'u' || i || '\@ok.deliver.com', now() - interval '1 h' FROM generate_series(1, $n) i});
my $old = EmailVerifySession->new($c);
$old->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM email_verify.address');
my $deleted = counter('n_tup_del', 'tables', "relname = 'queue'") + $n;
$c->sql('DELETE FROM email_verify.queue');
$c->sql('SELECT email_verify.resume()');
is($c->verdict(single(), '30 s')->{reason}, 'smtp_deliverable', "$n rows are done, and an old snapshot sees them all");
deleted_from_queue(++$deleted);
my $before = entries_read('queue_due');
is($c->verdict(single(), '30 s')->{reason}, 'smtp_deliverable', '... one more') for 1 .. 20;
deleted_from_queue($deleted += 20);
cmp_ok(entries_read('queue_due') - $before, '<', $n, 'what is gone is not read again for each address that is asked for');
$before = entries_read('queue_due');
for (1 .. 20)
{
	my $address = single();
	$c->sql("SELECT email_verify.enqueue(ARRAY['$address'])");
	$c->poll("SELECT EXISTS (SELECT FROM email_verify.address WHERE address = '$address')") or fail("$address is verified");
}
deleted_from_queue($deleted += 20);
cmp_ok(entries_read('queue_due') - $before, '<', 6 * $n, '... nor each time that somebody queues one in a transaction of his own');

# 1,000 rows that are due, behind the position that the worker would have
my $asker = EmailVerifySession->new($c);
$asker->run('SET enable_seqscan = off');
$c->sql('SELECT email_verify.pause()');
$c->sql(qq{INSERT INTO email_verify.queue (address, due_at) SELECT 'v' || i || '\@ok.deliver.com', now() FROM generate_series(1, 1000) i});
$before = entries_read('queue_due');
is($asker->run(q{SELECT count(*) FROM email_verify._due(0::smallint, now() - interval '10 min', 0, clock_timestamp(), 1000)}), 1000, '1,000 rows that are due are found');
$asker->run('SELECT pg_stat_force_next_flush()');
$asker->run('SELECT 1');
cmp_ok(entries_read('queue_due') - $before, '<=', 1100, '... by reading no more than these');
$old->run('COMMIT');

# --- large tables, and a planner that knows it -------------------------------------------------------------------------------------------

$c->sql(q{
	INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) SELECT 'd' || i || '.com', false, now(), now() + interval '1 d' FROM generate_series(1, 50000) i;
	INSERT INTO email_verify.domain_host (domain, host, accepted_at) SELECT 'd' || i || '.com', 'mx', now() FROM generate_series(1, 50000) i;
	INSERT INTO email_verify.queue (address, priority, due_at) SELECT 'u@d' || i || '.com', 1, now() FROM generate_series(1, 50000) i});
$c->sql('ANALYZE email_verify.domain, email_verify.domain_host, email_verify.queue, email_verify.address');
# as if the queue had three million rows
$c->sql(q{UPDATE pg_class SET reltuples = reltuples * 60 WHERE oid = 'email_verify.queue'::regclass});
my @read = map { counter('idx_tup_fetch', 'tables', "relname = '$_'") } qw(domain domain_host);
is($asker->run(q{SELECT count(*) FROM email_verify._lease(ARRAY(SELECT id FROM email_verify._due(1::smallint, '-infinity', 0, clock_timestamp(), 500)))}), 500, 'rows of a long queue');
$asker->run('SELECT pg_stat_force_next_flush()');
$asker->run('SELECT 1');
for my $table (qw(domain domain_host))
{
	cmp_ok(counter('idx_tup_fetch', 'tables', "relname = '$table'") - shift @read, '<=', 1000, "... without reading all of $table");
}
$c->sql('DELETE FROM email_verify.queue');
$c->sql('SELECT email_verify.resume()');

# --- autovacuum comes ------------------------------------------------------------------------------------------------------------------------

$c->set('autovacuum' => 'on');
ok($c->poll(q{SELECT autovacuum_count > 0 FROM pg_stat_user_tables WHERE schemaname = 'email_verify' AND relname = 'queue'}, 60), 'autovacuum learns of rows that left the queue');
$c->set('autovacuum' => 'off');

# --- memory ---------------------------------------------------------------------------------------------------------------------------------------

SKIP:
{
	skip 'no /proc', 3 unless $c->cost($pid);
	my $memory = sub {
		my $kb = 0;
		# the prober may be a process of its own
		for my $process ($pid, $c->stat->{prober_pid} || ())
		{
			open my $fh, '<', "/proc/$process/status" or die "process $process: $!";
			$kb += $_ for map { /^RssAnon:\s*(\d+)/ ? $1 : () } <$fh>;
		}
		return $kb;
	};
	my $asked = 0;
	my $more = sub {
		my ($to) = @_;
		while ($asked < $to)
		{
			my ($from, $upto) = ($asked + 1, $asked + 10_000);
			$c->sql("SELECT email_verify.enqueue(array_agg('user_' || i || '\@corp' || lpad((i % 64 + 1)::text, 3, '0') || '.com')) FROM generate_series($from, $upto) i");
			$asked = $upto;
			$c->wait(60) == 0 or return 0;
		}
		return 1;
	};
	$start = time;
	ok($more->(20_000), '20,000 addresses are verified');
	my $first = $memory->();
	ok($more->(100_000), sprintf('100,000 are (%.0f s)', time - $start));
	my $last = $memory->();
	# 26 bytes an address; what one full batch needs may come with any of them.  The sanitizers keep what is freed.
	cmp_ok($last, '<=', $first + 2048, "the worker's memory does not grow ($first kB, $last kB)")
	  unless $ENV{EV_SANITIZE};
}

is($c->stat->{errors_total}, $errors, 'no store cycle failed');
$c->finish;
done_testing();
