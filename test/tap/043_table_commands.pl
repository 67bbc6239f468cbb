# 043_table_commands.pl
#	Whatever is done to the extension's tables, and to the extension, while addresses are being verified: the command does not
#	wait for the network, the worker goes on afterwards, and no answer comes to a row that it does not belong to.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;
use PostgreSQL::Test::Utils;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('table_commands', conf => { 'email_verify.max_queue' => 1000 });
my $pid = $c->worker_pid;
my @tables = qw(queue inflight address domain domain_host);
my $all = join ', ', map { "email_verify.$_" } @tables;
my $n = 0;
my $read = 0;

# What the log has said since the last call
sub said
{
	my $log = slurp_file($c->node->logfile);
	my $new = substr $log, $read;
	$read = length $log;
	return $new;
}

# A command that must neither fail nor wait for the network
sub command
{
	my ($sql, $what) = @_;
	my $result = $c->try("SET statement_timeout = '3s'; $sql");
	is($result->{code}, 0, $what // $sql) or diag($result->{err});
	return;
}

# Addresses never asked for before
sub fresh { my ($count, $domain) = @_; return map { 'ok' . (100 + ++$n) . "\@$domain" } 1 .. $count }

sub works
{
	my ($what) = @_;
	my ($address) = fresh(1, 'ok.deliver.com');
	return is($c->verdict($address, '30 s')->{reason}, 'smtp_deliverable', $what);
}

sub under_way
{
	my ($what, @addresses) = @_;
	$c->ask(@addresses);
	return ok($c->poll("SELECT sessions > 0 AND inflight >= " . scalar(@addresses) . ' FROM email_verify._stat()'), $what);
}

# --- TRUNCATE ------------------------------------------------------------------------------------------------------

$w->ctl('set slow latency_ms=600');
my @slow = fresh(3, 'slow.deliver.com');
under_way('addresses are being verified', @slow);
command("TRUNCATE $all");
works('... the worker works');
ok($c->poll('SELECT inflight = 0 FROM email_verify._stat()'), '... what was under way comes to its end');
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address LIKE '%@slow.deliver.com'}), 0, '... and is not stored');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, '... nothing is left in flight');

# numbers of rows begin anew: an answer must not be taken for that of another address
$c->sql('TRUNCATE email_verify.queue RESTART IDENTITY');
@slow = fresh(3, 'slow.deliver.com');
under_way('more addresses, from number 1 on', @slow);
command('TRUNCATE email_verify.queue RESTART IDENTITY');
my @others = fresh(3, 'notls.deliver.com');
$c->ask(@others);
ok($c->poll('SELECT count(*) = 3 FROM email_verify.queue WHERE id <= 3 AND NOT answered'), '... others take their numbers');
ok($c->poll("SELECT count(*) = 3 FROM email_verify.address WHERE address LIKE '%\@notls.deliver.com'"), '... and get answers all the same');
is(scalar(map { $c->peer_rcpts($_) } @others), 3, '... of their own');
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address LIKE '%@slow.deliver.com'}), 0, '... the first ones get none');
is($c->wait, 0, '... nothing is left over');

# a queue that was full
$c->sql("INSERT INTO email_verify.queue (address, due_at) SELECT 'later' || i || '\@ok.deliver.com', now() + interval '1 day' FROM generate_series(1, 1000) i; SELECT email_verify._poke()");
is($c->wait(0), 1000, 'a full queue');
my ($refused) = fresh(1, 'ok.deliver.com');
is($c->verdict($refused)->{detail}, 'queue_full', '... takes no more');
command('TRUNCATE email_verify.queue');
ok($c->poll("SELECT email_verify('$refused') <> 'internal_verifier_error'", 40), '... it is truncated: it does');
is($c->wait, 0, '... and the address gets its answer');
is($c->row($refused)->{reason}, 'smtp_deliverable', '... a good one');
is($c->worker_pid, $pid, 'it is the same worker all the time');
$w->restore;

# --- rewriting and re-indexing under load -------------------------------------------------------------------------------

my @many = map { "u$_\@ok.deliver.com" } 1 .. 600;
$c->set('email_verify.mode' => 'dns');
$c->sql('SELECT email_verify.enqueue(' . "ARRAY[" . join(', ', map { quoted($_) } @many) . '])');
for my $table (@tables)
{
	my $batch = "SELECT email_verify.enqueue(array_agg('$table' || i || '\@ok.deliver.com')) FROM generate_series(1, 600) i";
	for my $sql ("VACUUM FULL email_verify.$table", "REINDEX TABLE email_verify.$table", "REINDEX TABLE CONCURRENTLY email_verify.$table",
		"CLUSTER email_verify.$table USING ${table}_pkey", "ANALYZE email_verify.$table")
	{
		$c->sql($batch =~ s/'$table'/quoted($table . ++$n . '-')/er);
		my $result = $c->try($sql);
		is($result->{code}, 0, "$sql while the worker is busy") or diag($result->{err});
	}
}
is($c->wait(60), 0, 'all get their answers');
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, '... and nothing is left in the queue');
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE address ~ '^(u|queue|inflight|address|domain|domain_host)[0-9]+(-[0-9]+)?@'}), 600 + 25 * 600, '... each one of its own');
is($c->worker_pid, $pid, '... from the same worker');
$c->set('email_verify.mode' => undef);

# --- what an update of the extension does ---------------------------------------------------------------------------------

$w->ctl('set slow latency_ms=400');
@slow = fresh(3, 'slow.deliver.com');
under_way('addresses are being verified', @slow);
command('ALTER EXTENSION email_verify UPDATE');
my @functions = split /\n/, $c->sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'email_verify'::regnamespace
	AND proname IN ('_complete', '_lease', '_enqueue', '_next_due')});
is(scalar @functions, 4, 'functions that the worker calls');
for my $function (@functions)
{
	my $definition = $c->sql("SELECT pg_get_functiondef('$function'::regprocedure)");
	command("BEGIN; ALTER EXTENSION email_verify DROP FUNCTION $function; $definition; ALTER EXTENSION email_verify ADD FUNCTION $function; COMMIT",
		$function =~ s/\(.*//r . ' is replaced');
}
command('BEGIN; ALTER EXTENSION email_verify DROP TABLE email_verify.inflight; ALTER TABLE email_verify.inflight ADD COLUMN more text;
	ALTER EXTENSION email_verify ADD TABLE email_verify.inflight; COMMIT', 'a table is changed');
ok($c->poll('SELECT count(*) = 3 FROM email_verify.address WHERE address IN (' . join(', ', map { quoted($_) } @slow) . ')'), '... they get their answers');
works('... and the worker works');
is($c->worker_pid, $pid, '... the same one');

# --- the extension goes -------------------------------------------------------------------------------------------------------

like($c->try('DROP SCHEMA email_verify CASCADE')->{err}, qr/because extension email_verify requires it/, 'its schema goes with the extension or not at all');
is($c->worker_pid, $pid, '... which is nothing to the worker');
$c->sql('CREATE ROLE keeper SUPERUSER; ALTER DATABASE postgres SET search_path = public, home');
my $no_worker = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'};
for my $drop ('DROP EXTENSION email_verify', 'DROP SCHEMA home CASCADE', 'DROP OWNED BY keeper CASCADE', 'TRUNCATE email_verify.queue; DROP EXTENSION email_verify CASCADE')
{
	$c->sql('DROP EXTENSION IF EXISTS email_verify');
	$c->sql('SET ROLE keeper; CREATE SCHEMA IF NOT EXISTS home; CREATE EXTENSION email_verify SCHEMA home');
	$c->wait_for_worker;
	@slow = fresh(3, 'slow.deliver.com');
	under_way('addresses are being verified', @slow);
	said();
	command($drop);
	ok($c->poll($no_worker), '... the worker leaves');
	unlike(said(), qr/(?:ERROR|FATAL|WARNING|PANIC):/, '... without a word');
	$c->sql('CREATE EXTENSION email_verify');
	$c->wait_for_worker;
	sleep 2;
	is($c->sql('SELECT (SELECT count(*) FROM email_verify.address) + (SELECT count(*) FROM email_verify.domain) + (SELECT count(*) FROM email_verify.queue)'),
		0, '... the next one gets none of its results');
	works('... and works');
}
$w->restore;

# ... and comes, while the worker has as much to store as it can: nobody is told of a deadlock
$c->set('email_verify.mode' => 'dns');
for my $round (1 .. 5)
{
	$c->sql("SELECT email_verify.enqueue(array_agg('$round-' || i || '\@ok.deliver.com')) FROM generate_series(1, 3000) i");
	ok($c->poll('SELECT count(*) > 0 FROM email_verify.address'), "results are being stored, time $round");
	my $result = $c->try('DROP EXTENSION email_verify; CREATE EXTENSION email_verify');
	unlike($result->{err}, qr/ERROR/, '... DROP EXTENSION');
	$c->wait_for_worker;
}
is($c->sql('SELECT count(*) FROM email_verify.queue'), 0, 'the last one has nothing to do');
$c->set('email_verify.mode' => undef);

# --- a schema of that name, without the extension ---------------------------------------------------------------------------------

$c->sql('CREATE DATABASE foreigner');
$c->sql(q{CREATE SCHEMA email_verify; CREATE TABLE email_verify.queue (id int, address text);
	INSERT INTO email_verify.queue VALUES (1, 'ok1@ok.deliver.com')}, 'foreigner');
said();
$c->node->restart;
$c->wait_for_worker;
my $idle = q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname = 'foreigner'};
sleep 1;
ok($c->poll($idle), 'a schema of that name without the extension: no worker');
unlike(said(), qr/(?:ERROR|PANIC):/, '... and no complaint');
is($c->sql('SELECT count(*) FROM email_verify.queue', 'foreigner'), 1, '... nobody touches it');
like($c->try('CREATE EXTENSION email_verify', 'foreigner')->{err}, qr/schema "email_verify" already exists/, '... and the extension does not adopt it');
sleep 0.5;
ok($c->poll($idle), '... still no worker');
$c->sql('DROP SCHEMA email_verify CASCADE; CREATE EXTENSION email_verify', 'foreigner');
ok($c->wait_for_worker('foreigner'), '... until it is out of the way');

$c->let_go;
$c->finish;
done_testing();
