# 032_locks.pl
#	Maintenance of our tables must not stand still the queries of an application that does not even name them, nor stop
#	the worker for good: a look-up that would have to wait for a lock is a miss, a row that somebody holds costs that row
#	and no other, and a table that is not as it was made is a miss, not a crash.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('locks', conf => { 'deadlock_timeout' => '200ms' });
my $known = 'ok1@notls.deliver.com';
my $suppressed = 'ok2@notls.deliver.com';
is($c->verdict($known, '20 s')->{reason}, 'smtp_deliverable', 'an address is known');
$c->sql("INSERT INTO email_verify.override VALUES ('$suppressed', 'suppressed'), (email_verify.hmac('gone\@notls.deliver.com'), 'suppressed')");

my $ask = "SELECT email_verify('$known')";
my $holder = EmailVerifySession->new($c);
my $old = EmailVerifySession->new($c);
$_->run("SET statement_timeout = '20s'") for $old;
is($old->run($ask), 'smtp_deliverable', 'a session has looked it up before');

# --- look-ups -----------------------------------------------------------------------------------------------------------

# What a session says that has looked up before, and one that has not
sub both
{
	my ($sql) = @_;
	return $old->run($sql) . ' ' . $c->sql("SET statement_timeout = '20s'; $sql");
}

for my $lock (
	'TRUNCATE email_verify.address',
	'LOCK TABLE email_verify.address IN ACCESS EXCLUSIVE MODE',
	'ALTER TABLE email_verify.address SET (fillfactor = 71)|keeps',
	'REINDEX TABLE email_verify.address',
	'REINDEX INDEX email_verify.address_lookup',
	'DROP INDEX email_verify.address_lookup',
	'CLUSTER email_verify.address USING address_pkey',
	'ALTER TABLE email_verify.address ADD COLUMN x int')
{
	my ($sql, $keeps) = split /\|/, $lock;
	$holder->run("BEGIN; $sql");
	is(both($ask), $keeps ? 'smtp_deliverable smtp_deliverable' : 'pending pending', "$sql in an open transaction: " . ($keeps ? 'no harm' : 'a miss, at once'));
	my $fresh = EmailVerifySession->new($c);
	$fresh->run($ask);
	$holder->run('ROLLBACK');
	is(both($ask), 'smtp_deliverable smtp_deliverable', '... it ends: a hit again');
	is($fresh->run($ask), 'smtp_deliverable', '... also for a session that has seen nothing else');
	$fresh->end;
}

# VACUUM FULL waits for an older reader, and whoever comes after waits behind it
$holder->run('BEGIN; SELECT count(*) FROM email_verify.address');
my $vacuum = EmailVerifySession->new($c);
$vacuum->send('VACUUM FULL email_verify.address');
ok($c->poll("SELECT count(*) = 1 FROM pg_locks WHERE pid = " . $vacuum->pid . ' AND NOT granted'), 'VACUUM FULL waits for a reader');
is(both($ask), 'pending pending', '... and a look-up does not wait behind it');
$holder->run('COMMIT');
$vacuum->result;
is(both($ask), 'smtp_deliverable smtp_deliverable', '... a hit when it has ended');
$vacuum->run('REINDEX TABLE CONCURRENTLY email_verify.address');
is($vacuum->err, '', 'REINDEX CONCURRENTLY');
is(both($ask), 'smtp_deliverable smtp_deliverable', '... changes the index and nothing else');
$vacuum->end;

# the site's own word: nobody is told "pending", and above all nobody is asked, while it cannot be read
for my $table (qw(override site_key))
{
	my $before = $c->stat->{drained_total};
	for my $address ($suppressed, 'gone@notls.deliver.com')
	{
		next if $table eq 'site_key' && $address eq $suppressed;
		$holder->run("BEGIN; LOCK TABLE email_verify.$table");
		my $said = both("SELECT email_verify('$address')");
		unlike($said, qr/pending|timeout/, "$table is locked: $address is not queued") or diag($old->err);
		$holder->run('ROLLBACK');
		is(both("SELECT email_verify('$address')"), 'suppressed suppressed', '... and is what it is afterwards');
	}
	is($c->wait, 0, '... nothing is left to be done');
	is(scalar(map { $c->peer_rcpts($_) } $suppressed, 'gone@notls.deliver.com'), 0, '... and nobody was asked');
}

# --- the worker ---------------------------------------------------------------------------------------------------------------

# somebody holds a row of the cache that a new verdict has to go to
$c->sql("UPDATE email_verify.address SET fresh_until = now() - interval '1 min' WHERE address = '$known'");
$holder->run("BEGIN; SELECT * FROM email_verify.address WHERE address = '$known' FOR UPDATE");
$c->ask($known, map { "ok$_\@drip.deliver.com" } 1 .. 3);
ok($c->poll("SELECT count(*) = 3 FROM email_verify.address WHERE address LIKE '%\@drip.deliver.com'", 25), 'a row of the cache is held: others are stored all the same');
is($c->verdict('ok4@drip.deliver.com', '30 s')->{reason}, 'smtp_deliverable', '... who comes later, too');
is($c->queue($known) ? 1 : 0, 1, '... and the held one is still queued');
$holder->run('ROLLBACK');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = '$known' AND fresh_until > now()", 30), 'released: it is stored');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue'), '... and nothing is left queued');
is(scalar($c->peer_rcpts($known)), 2, '... it was asked for once at first, once again');

# ... or a row of the queue
$w->ctl('set slow latency_ms=500');
$c->ask('ok1@slow.deliver.com');
ok($c->poll('SELECT count(*) = 1 FROM email_verify.queue'), 'an address is under way');
$holder->run("BEGIN; SELECT * FROM email_verify.queue WHERE address = 'ok1\@slow.deliver.com' FOR UPDATE");
$c->ask(map { "ok$_\@chunked.deliver.com" } 1 .. 3);
ok($c->poll("SELECT count(*) = 3 FROM email_verify.address WHERE address LIKE '%\@chunked.deliver.com'", 25), 'a row of the queue is held: others are stored all the same');
ok($c->poll('SELECT inflight = 0 FROM email_verify._stat()'), '... the slow one has been asked for');
is($c->verdict('ok4@chunked.deliver.com', '30 s')->{reason}, 'smtp_deliverable', '... who comes later is served, too');
is($c->row('ok1@slow.deliver.com'), undef, '... the held one waits');
$holder->run('COMMIT');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok1\@slow.deliver.com'", 30), 'released: it is stored');
is(scalar($c->peer_rcpts('ok1@slow.deliver.com')), 1, '... by the answer that it has had all the time');

# ... or somebody queues the same addresses in a transaction that stays open
my @same = map { "ok$_\@multibanner.deliver.com" } 1 .. 20;
my $same = join ', ', map { "'$_'" } @same;
$holder->run("BEGIN; SELECT email_verify.enqueue(ARRAY[$same])");
$c->ask(@same, map { "ok$_\@lfonly.deliver.com" } 1 .. 20);
ok($c->poll("SELECT count(*) = 20 FROM email_verify.address WHERE address LIKE '%\@lfonly.deliver.com'", 50), 'enqueue() in an open transaction: others are asked for all the same');
is($c->verdict('ok21@lfonly.deliver.com', '50 s')->{reason}, 'smtp_deliverable', '... who comes later is served, too');
cmp_ok($c->wait(0), '>=', 20, '... and wait() counts those that are held up');
$holder->run('ROLLBACK');
ok($c->poll("SELECT count(*) = 20 FROM email_verify.address WHERE address LIKE '%\@multibanner.deliver.com'", 50), '... it is rolled back: they are asked for');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.queue'), '... and nothing is left queued');

# ... or everything
$holder->run('BEGIN; LOCK TABLE email_verify.address, email_verify.queue');
$c->ask(map { "ok$_\@noutf8.deliver.com" } 1 .. 5);
ok($c->poll('SELECT errors_total > 0 FROM email_verify._stat()', 20), 'the tables are locked: the worker tries in vain');
$holder->run('COMMIT');
ok($c->poll("SELECT count(*) = 5 FROM email_verify.address WHERE address LIKE '%\@noutf8.deliver.com'", 30), '... and nothing is lost when they are free');
is(scalar(map { $c->peer_rcpts("ok$_\@noutf8.deliver.com") } 1 .. 5), 5, '... each was asked for once');

# --- a table that is not as it was made --------------------------------------------------------------------------------------------

for my $change (
	[ 'ALTER TABLE email_verify.address ADD COLUMN mine text DEFAULT \'x\'', 'smtp_deliverable', 'a column more' ],
	[ 'ALTER TABLE email_verify.address DROP COLUMN mine', 'smtp_deliverable', '... and dropped again' ],
	[ 'ALTER TABLE email_verify.address RENAME COLUMN retry_at TO again_at', 'pending', 'a column of another name' ],
	[ 'ALTER TABLE email_verify.address RENAME COLUMN again_at TO retry_at', 'smtp_deliverable', '... and its own again' ],
	[ 'DROP INDEX email_verify.address_lookup', 'pending', 'no index to look up by' ],
	[ 'CREATE INDEX partial ON email_verify.address USING hash (address) WHERE status = \'invalid\'', 'pending', '... a partial one' ],
	[ 'CREATE INDEX other ON email_verify.address USING hash (mx_host)', 'pending', '... one of another column' ],
	[ 'CREATE INDEX expression ON email_verify.address USING hash ((address || \'x\'))', 'pending', '... one of an expression' ],
	[ 'CREATE INDEX again ON email_verify.address USING hash (address)', 'smtp_deliverable', '... a new one' ],
	[ 'ALTER TABLE email_verify.address RENAME TO elsewhere', qr/pending|internal_verifier_error/, 'a table of another name' ],
	[ 'CREATE VIEW email_verify.address AS SELECT * FROM email_verify.elsewhere', qr/pending|internal_verifier_error/, '... a view in its place' ],
	[ 'DROP VIEW email_verify.address; ALTER TABLE email_verify.elsewhere RENAME TO address', 'smtp_deliverable', '... and its own again' ])
{
	my ($sql, $reason, $what) = @$change;
	my $result = $c->try($sql);
	is($result->{code}, 0, $what) or diag($result->{err});
	like(both($ask), qr/^(?:$reason) (?:$reason)$/, "... $reason");
}
ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 40), 'the worker runs');
is($c->verdict('ok9@notls.deliver.com', '50 s')->{reason}, 'smtp_deliverable', '... and works');
$_->end for $holder, $old;

$c->finish;
done_testing();
