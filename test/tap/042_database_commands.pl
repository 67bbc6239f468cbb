# 042_database_commands.pl
#	The worker stands in nobody's way: DROP DATABASE, ALTER DATABASE … RENAME and … SET TABLESPACE and CREATE DATABASE … TEMPLATE
#	find their database unused and leave it with a worker; who may not do it does not even disturb the worker; and a server
#	that is told to stop does.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;
use PostgreSQL::Test::Utils;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('database_commands', init => [ allows_streaming => 1 ],
	conf => {
		'email_verify.debug_hurry' => 5,
		'shared_preload_libraries' => 'email_verify, pg_stat_statements',
		'email_verify.greeting_timeout' => '10min', 'email_verify.session_timeout' => '10min',
		'max_prepared_transactions' => 2, 'max_worker_processes' => 20
	});
my $node = $c->node;

# --- small helpers ---------------------------------------------------------------------------------------------------

# A database with a worker
sub database
{
	my ($name, $owner) = @_;
	$c->sql("CREATE DATABASE $name" . (defined $owner ? " OWNER $owner" : ''));
	$c->sql('CREATE EXTENSION email_verify', $name);
	return $c->wait_for_worker($name);
}

# Addresses at a server that accepts connections and says nothing
sub hang
{
	my ($dbname, $n) = @_;
	$c->sql("SELECT count(email_verify('ok1\@x' || i || '.wild.deliver.com')) FROM generate_series(1, $n) i", $dbname);
	return $c->poll("SELECT sessions >= $n FROM email_verify.stat", 60, $dbname);
}

sub runs
{
	my ($dbname, $what) = @_;
	ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 30, $dbname), $what);
	return $c->worker_pid($dbname);
}

sub no_worker
{
	my ($dbname, $what) = @_;
	return ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname = '$dbname'"), $what);
}

# Messages (a list: several) of one psql session of a role; what it said on standard error
sub errors_of
{
	my ($role, $sql, $dbname) = @_;
	my ($out, $err);
	IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-d', $node->connstr($dbname // 'postgres') . ($role ? " user=$role" : ''),
		map { ('-c', $_) } ref $sql ? @$sql : $sql ], '<', \undef, '>', \$out, '2>', \$err);
	return $err;
}

sub exists_database { return $c->sql("SELECT count(*) FROM pg_database WHERE datname = '$_[0]'") }

# What the log has said since the last call
my $read = 0;
sub said
{
	my $log = slurp_file($node->logfile);
	my $new = substr $log, $read;
	$read = length $log;
	return $new;
}

# --- with 200 sessions that hang ------------------------------------------------------------------------------------------

$w->ctl('set ok hang=banner');
my $pid = database('app');
ok(hang('app', 200), '200 SMTP sessions hang');
said();
$node->command_ok([ 'createdb', '-T', 'app', 'copy' ], 'createdb -T of a database with a busy worker');
isnt(runs('app', '... which has a worker again'), $pid, '... another one');
is($c->sql('SELECT count(*) FROM email_verify.queue', 'app'), 200, '... that has lost nothing');
runs('copy', '... and the copy has one, too');
is($c->sql('SELECT count(*) FROM email_verify.queue', 'copy'), 200, '... with what was queued');
for my $strategy (qw(wal_log file_copy))
{
	ok(hang('app', 200), 'they hang again');
	is($c->try("CREATE DATABASE by_$strategy TEMPLATE app STRATEGY $strategy")->{code}, 0, "STRATEGY $strategy");
	is($c->try("DROP DATABASE by_$strategy")->{code}, 0, '... and away with it, whatever its worker is about to do');
}
unlike(said(), qr/were being verified when the last worker ended/, 'a worker that was told to leave left nothing behind');
ok(hang('app', 200), '200 SMTP sessions hang once more');
$node->command_ok([ 'dropdb', 'app' ], 'dropdb without --force');
is(exists_database('app'), 0, '... it is gone');
ok(hang('copy', 200), '... and in the copy they hang');
$node->command_ok([ 'dropdb', '--force', 'copy' ], 'dropdb --force');
unlike(said(), qr/FATAL|ERROR|WARNING|PANIC/, '... all in good order');
ok($c->poll(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'}), '... nobody looks for what is gone');
$w->restore;

# --- another name, another place ----------------------------------------------------------------------------------------------

$pid = database('here');
is($c->try('ALTER DATABASE here RENAME TO there')->{code}, 0, 'ALTER DATABASE RENAME');
isnt(runs('there', '... a worker under the new name'), $pid, '... another one');
is($c->verdict('ok1@ok.deliver.com', '20 s', 'there')->{reason}, 'smtp_deliverable', '... which works');
is($c->sql('SELECT worker FROM email_verify.stat'), 'running', '... the other database keeps its own');

my $place = PostgreSQL::Test::Utils::tempdir;
$c->sql("CREATE TABLESPACE elsewhere LOCATION '$place'");
for my $to (qw(elsewhere pg_default))
{
	is($c->try("ALTER DATABASE there SET TABLESPACE $to")->{code}, 0, "ALTER DATABASE SET TABLESPACE $to");
	runs('there', '... and a worker');
}
is($c->verdict('ok2@ok.deliver.com', '20 s', 'there')->{reason}, 'smtp_deliverable', '... which works');
$pid = $c->worker_pid('there');
is($c->try('ALTER DATABASE there SET TABLESPACE pg_default')->{code}, 0, 'SET TABLESPACE to where it is');
is($c->worker_pid('there'), $pid, '... disturbs nobody');

# in a transaction, as far as it lasts
my $s = EmailVerifySession->new($c);
$s->run('BEGIN; ALTER DATABASE there RENAME TO here');
no_worker('there', 'RENAME in an open transaction: no worker');
$s->run('ROLLBACK');
runs('there', '... it is rolled back: a worker');
$s->run('BEGIN; SAVEPOINT s; ALTER DATABASE there RENAME TO here; SAVEPOINT t');
$s->run('RELEASE t; ROLLBACK TO s');
runs('there', '... a savepoint, rolled back to: a worker');
$s->run('SAVEPOINT u; ALTER DATABASE there RENAME TO here; RELEASE u; ALTER DATABASE here RENAME TO hither');
sleep 0.5;
is($c->worker_pid('there'), 0, '... released: none before the commit');
$s->run('COMMIT');
runs('hither', '... committed: a worker');
$s->run(q{DO $$ BEGIN ALTER DATABASE hither RENAME TO here; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$});
runs('hither', '... an error that is caught: a worker');
$s->run("BEGIN; ALTER DATABASE hither RENAME TO there; PREPARE TRANSACTION 'rename'");
is($s->err, '', 'RENAME in a transaction that is prepared');
$c->sql("COMMIT PREPARED 'rename'");
runs('there', '... and committed: a worker');
$s->end;

# the list of databases goes by name
$c->set('email_verify.databases' => 'postgres, named');
no_worker('there', 'a database that is not on the list');
$c->sql('ALTER DATABASE there RENAME TO named');
runs('named', '... renamed, it is: a worker');
$c->sql('ALTER DATABASE named RENAME TO there');
no_worker('there', '... renamed again, it is not: none');
is($c->stat('there')->{worker}, 'none', '... and nothing is amiss');
$c->set('email_verify.databases' => undef);
runs('there', '... without a list: a worker');

# --- other hooks ------------------------------------------------------------------------------------------------------------------

$c->sql('CREATE EXTENSION pg_stat_statements');
for my $order ('email_verify, pg_stat_statements', 'pg_stat_statements, email_verify')
{
	my @libraries = split /, /, $order;
	$c->sql("ALTER SYSTEM SET shared_preload_libraries = '$libraries[0]', '$libraries[1]'");
	$node->restart;
	$c->wait_for_worker;
	$c->sql('SELECT pg_stat_statements_reset()');
	database('hooked');
	is($c->try('DROP DATABASE hooked')->{code}, 0, "$order: DROP DATABASE");
	is($c->sql("SELECT count(*) FROM pg_stat_statements WHERE query ILIKE 'drop database%'"), 1, '... seen by both');
}

# --- who may not -----------------------------------------------------------------------------------------------------------------------

$c->sql('CREATE ROLE nobody LOGIN; CREATE ROLE maker LOGIN CREATEDB; CREATE ROLE owner LOGIN');
$pid = runs('there', 'a database of somebody');
my $other = database('owned', 'owner');
for my $try (
	[ 'nobody', 'DROP DATABASE there', qr/must be owner/ ],
	[ 'nobody', 'DROP DATABASE there WITH (FORCE)', qr/must be owner/ ],
	[ 'nobody', 'ALTER DATABASE there RENAME TO mine', qr/must be owner/ ],
	[ 'nobody', 'ALTER DATABASE there SET TABLESPACE elsewhere', qr/must be owner/ ],
	[ 'nobody', 'ALTER DATABASE there ALLOW_CONNECTIONS false', qr/must be owner/ ],
	[ 'nobody', 'CREATE DATABASE mine TEMPLATE there', qr/permission denied/ ],
	[ 'maker', 'CREATE DATABASE mine TEMPLATE there', qr/permission denied/ ],
	[ 'maker', 'ALTER DATABASE there RENAME TO mine', qr/must be owner/ ],
	[ 'maker', 'DROP DATABASE there', qr/must be owner/ ],
	[ 'owner', 'ALTER DATABASE owned RENAME TO mine', qr/permission denied/ ],
	[ 'owner', 'ALTER DATABASE owned SET TABLESPACE elsewhere', qr/permission denied/ ],
	[ 'owner', 'CREATE DATABASE mine TEMPLATE owned', qr/permission denied/ ],
	[ undef, 'BEGIN; DROP DATABASE there', qr/inside a transaction block/ ],
	[ undef, 'DROP DATABASE there; SELECT 1', qr/inside a transaction block/ ],
	[ undef, q{DO $$ BEGIN EXECUTE 'DROP DATABASE there'; END $$}, qr/from a function/ ],
	[ undef, 'BEGIN; CREATE DATABASE mine TEMPLATE there', qr/inside a transaction block/ ],
	[ undef, 'BEGIN; ALTER DATABASE there SET TABLESPACE elsewhere', qr/inside a transaction block/ ],
	[ undef, [ 'SET default_transaction_read_only = on', 'DROP DATABASE there' ], qr/read-only transaction/ ],
	[ undef, 'BEGIN READ ONLY; ALTER DATABASE there RENAME TO mine', qr/read-only transaction/ ],
	[ undef, 'ALTER DATABASE there RENAME TO owned', qr/already exists/ ],
	[ undef, 'CREATE DATABASE owned TEMPLATE there', qr/already exists/ ],
	[ undef, 'ALTER DATABASE there SET TABLESPACE pg_global', qr/pg_global cannot be used/ ],
	[ undef, 'ALTER DATABASE there SET TABLESPACE nowhere', qr/does not exist/ ],
	[ undef, 'DROP DATABASE IF EXISTS nowhere', qr/NOTICE:.*skipping/ ],
	[ undef, 'CREATE DATABASE mine TEMPLATE nowhere', qr/does not exist/ ])
{
	my ($role, $sql, $error) = @$try;
	my $what = ($role // 'a superuser') . ': ' . (ref $sql ? join '; ', @$sql : $sql);
	like(errors_of($role, $sql), $error, $what);
	is_deeply([ $c->worker_pid('there'), $c->worker_pid('owned') ], [ $pid, $other ], '... and the workers are not touched');
}
is(exists_database('there') + exists_database('owned'), 2, 'both are still there');
for my $inside ('ALTER DATABASE there RENAME TO mine', 'DROP DATABASE there', 'ALTER DATABASE there SET TABLESPACE elsewhere')
{
	like($c->try($inside, 'there')->{err}, qr/current(?:ly open)? database/, "$inside: in itself");
}
is($c->worker_pid('there'), $pid, '... disturbs nobody');
is(errors_of('owner', 'DROP DATABASE owned WITH (FORCE)'), '', 'its owner can DROP DATABASE WITH (FORCE), although the worker is not his');
is(exists_database('owned'), 0, '... it is gone');

# --- commands that fail, and sessions that die ----------------------------------------------------------------------------------------------

my $guest = EmailVerifySession->new($c, 'there');
my $result = $c->try('DROP DATABASE there');
like($result->{err}, qr/being accessed by other users.*1 other session/s, 'somebody is connected: DROP DATABASE is refused, for his sake alone');
runs('there', '... and there is a worker again');

# what the worker has taken over, but cannot store, is not lost with it
$guest->end;
my $errors = $c->sql('SELECT errors_total FROM email_verify._stat()', 'there');
$c->sql("BEGIN; LOCK TABLE email_verify.queue IN EXCLUSIVE MODE; PREPARE TRANSACTION 'lock'", 'there');
$c->sql(q{SELECT email_verify('ok71@notls.deliver.com')}, 'there');
ok($c->poll("SELECT errors_total > $errors AND inbox_bytes = 0 FROM email_verify._stat()", 30, 'there'), 'a question that cannot be stored');
like($c->try('ALTER DATABASE there RENAME TO hither')->{err}, qr/prepared transaction/, '... a command that is refused');
isnt(runs('there', '... a worker again'), $pid, '... another one');
$c->sql("ROLLBACK PREPARED 'lock'", 'there');
ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok71@notls.deliver.com'}, 40, 'there'), '... has its answer');
$guest = EmailVerifySession->new($c, 'there');

my $dropping = q{FROM pg_stat_activity WHERE query = 'DROP DATABASE there' AND state = 'active' AND pid <> pg_backend_pid()};
for my $end (qw(pg_cancel_backend pg_terminate_backend))
{
	my $run = $c->begin('DROP DATABASE there');
	no_worker('there', 'DROP DATABASE waits for him, without the worker');
	is($c->sql("SELECT count($end(pid)) $dropping"), 1, "... $end()");
	isnt($run->end->{code}, 0, '... ends it');
	runs('there', '... and there is a worker again');
}
my $run = $c->begin('DROP DATABASE there');
no_worker('there', 'DROP DATABASE waits for him, without the worker');
$guest->end;
is($run->end->{code}, 0, '... he leaves, and it is done');
is(exists_database('there'), 0, '... it is gone');

# a worker that does not listen
$pid = database('deaf');
kill 'STOP', $pid;
$result = $c->try("SET statement_timeout = '2s'; ALTER DATABASE deaf RENAME TO dumb");
like($result->{err}, qr/statement timeout/, 'a worker that does not listen is not waited for when the statement is cancelled');
$result = $c->try('DROP DATABASE deaf');
like($result->{err}, qr/WARNING: .*has not ended in time.*ERROR: .*being accessed by other users/s, '... nor for ever');
kill 'CONT', $pid;
isnt(runs('deaf', '... when it does it is replaced'), $pid, '... by another one');
is($c->try('DROP DATABASE deaf')->{code}, 0, '... and can be dropped');

# --- workers that are just starting ------------------------------------------------------------------------------------------------------------

my @failed;
for my $i (1 .. 12)
{
	$c->sql('CREATE DATABASE young');
	$c->sql('CREATE EXTENSION email_verify', 'young');
	sleep 0.004 * $i;
	for my $sql ('CREATE DATABASE younger TEMPLATE young', 'ALTER DATABASE young RENAME TO elder', 'DROP DATABASE younger', 'DROP DATABASE elder')
	{
		my $result = $c->try($sql);
		push @failed, "$i: $sql: $result->{err}" if $result->{code} != 0;
	}
}
is_deeply(\@failed, [], 'a worker that is just starting does not get in between');

# one that waits for the lock of a transaction: the others need not
$c->set('email_verify.databases' => 'postgres, free');
$c->sql("CREATE DATABASE $_") for qw(locked free);
$s = EmailVerifySession->new($c);
$s->run('BEGIN; ALTER DATABASE locked RENAME TO unlocked');
$c->set('email_verify.databases' => undef);
ok($c->poll("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND NOT granted"), 'a worker waits for a transaction that has locked its database');
$c->sql('CREATE EXTENSION email_verify', 'free');
runs('free', '... a database in which none has to wait gets its own meanwhile');
my $drop = $c->begin('DROP DATABASE locked');
sleep 0.3;
$s->run('ROLLBACK');
$s->end;
is($drop->end->{code}, 0, '... and does not get into the way of DROP DATABASE either');
is($c->try('DROP DATABASE free')->{code}, 0, '... nor the other one');

# one that is registered, but whose process is not there yet
$c->sql('CREATE DATABASE unborn');
my $unborn = EmailVerifySession->new($c, 'unborn');
$s = EmailVerifySession->new($c);
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
kill 'STOP', $postmaster;
my $took = eval
{
	$unborn->run('CREATE EXTENSION email_verify');
	$unborn->end;
	sleep 0.5;    # for the launcher
	$s->run("SET statement_timeout = '10s'; BEGIN; ALTER DATABASE unborn RENAME TO born");
	$s->err;
};
kill 'CONT', $postmaster;
is($took, '', 'RENAME while the process of a worker has yet to be made');
sleep 1;
is($s->run("SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND NOT granted"), 0, '... it does not come to wait for the lock');
$s->run('COMMIT');
$s->end;
runs('born', '... but when the database is free');
$c->sql('DROP DATABASE born');

# as long as the command itself has to wait for the database, the worker works
$pid = database('busy');
$s = EmailVerifySession->new($c);
$s->run("BEGIN; COMMENT ON DATABASE busy IS 'is locked'");
$drop = $c->begin('DROP DATABASE busy');
ok($c->poll("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND NOT granted"), 'DROP DATABASE waits for a transaction that has locked the database');
is($c->worker_pid('busy'), $pid, '... and the worker works meanwhile');
$s->run('ROLLBACK');
$s->end;
is($drop->end->{code}, 0, '... it is dropped when it can be');

# --- who may not connect may not stay ------------------------------------------------------------------------------------------------------

database('shut');
my $inside = EmailVerifySession->new($c, 'shut');
$c->sql('ALTER DATABASE shut ALLOW_CONNECTIONS false');
no_worker('shut', 'ALLOW_CONNECTIONS false: the worker leaves');
is($inside->run("SELECT v.detail FROM email_verdict('ok7\@ok.deliver.com') v"), 'database_not_enabled', '... and nothing is called pending');
$c->sql('BEGIN; ALTER DATABASE shut ALLOW_CONNECTIONS true; ROLLBACK');
$c->sql('ALTER DATABASE shut ALLOW_CONNECTIONS true');
runs('shut', '... true: it comes back');
$inside->end;
$c->sql('ALTER DATABASE shut IS_TEMPLATE true');
no_worker('shut', 'IS_TEMPLATE true: it leaves');
is($c->sql("SELECT v.detail FROM email_verdict('ok7\@ok.deliver.com') v", 'shut'), 'database_not_enabled', '... and nothing is called pending');
is($c->sql("SELECT gates FROM email_verify.stat", 'shut'), '{database_not_enabled}', '... as stat says');
is($c->try('CREATE DATABASE made TEMPLATE shut')->{code}, 0, '... a template can be used');
is($c->verdict('ok7@ok.deliver.com', '20 s', 'made')->{reason}, 'smtp_deliverable', '... and what is made of it has a worker at the first question');
$c->sql('ALTER DATABASE shut IS_TEMPLATE false');
runs('shut', '... false: it comes back');
my $stayed = 0;
for my $round (1 .. 10)
{
	$c->sql('ALTER DATABASE shut IS_TEMPLATE true');
	$stayed++ if !$c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname = 'shut'", 5);
	$c->sql('ALTER DATABASE shut IS_TEMPLATE false');
	$stayed++ if !$c->poll("SELECT worker = 'running' FROM email_verify.stat", 10, 'shut');
}
is($stayed, 0, '... time after time');
$c->sql("DROP DATABASE $_") for qw(shut made);

# what a DROP DATABASE that was cut short leaves behind
database('half');
$c->sql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'");
said();
$node->restart;
$c->wait_for_worker;
$c->sql('CREATE DATABASE last');
$c->sql('CREATE EXTENSION email_verify', 'last');
runs('last', 'a database that is invalid: others get their worker');
unlike(said(), qr/cannot connect to invalid database/, '... and none is sent there');
is($c->try('DROP DATABASE half')->{code}, 0, '... it can be dropped');

# --- too few processes -----------------------------------------------------------------------------------------------------------------------

$c->sql('ALTER SYSTEM SET max_worker_processes = 3');    # launcher, logical replication, and one of ours
$node->restart;
ok($c->poll("SELECT worker = 'running' FROM email_verify.stat")
	  ? $c->poll("SELECT worker = 'not_started' FROM email_verify.stat", 30, 'last')
	  : $c->poll("SELECT worker = 'running' FROM email_verify.stat", 30, 'last'),
	'max_worker_processes leaves room for one of two');
my ($with, $without) = $c->worker_pid ? qw(postgres last) : qw(last postgres);
is($c->stat($without)->{worker}, 'not_started', '... the other one says so');
sleep 14;    # it is tried again after 0.1 s, 0.2 s, ...: the 8th time by now, and the 9th 11 s from now
$c->sql('DROP EXTENSION email_verify', $with);
ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 9, $without), '... and it gets the place that has become free, without the pause that has grown long');
runs($without, '... and keeps it');
$c->sql('CREATE EXTENSION email_verify', $with);
ok($c->poll("SELECT worker = 'not_started' FROM email_verify.stat", 30, $with), '... while the first one has to wait now');

# a place that is not ours: nobody tells of its end
$c->sql('DROP EXTENSION IF EXISTS email_verify', $_) for qw(postgres last);
ok($c->poll(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'}), 'no worker');
$s = EmailVerifySession->new($c);
$s->run('SET ' . ($node->pg_version < 16 ? 'force_parallel_mode' : 'debug_parallel_query') . ' = on');
my $parallel = 0;
for (1 .. 20)    # a worker that only looks may have been quicker
{
	$s->send('SELECT pg_sleep(100)');
	last if $parallel = $c->poll(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'parallel worker'}, 3);
	$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
	$s->result;
}
ok($parallel, '... but one of a query');
$c->sql('CREATE EXTENSION email_verify');    # in one database: two would remind each other
ok($c->poll("SELECT worker = 'not_started' FROM email_verify.stat"), '... which takes the last place');
sleep 1;
$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
$s->result;
$s->end;
ok($c->poll(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'email_verify worker'}), '... and one of ours when the query has ended');
$c->sql('CREATE EXTENSION email_verify', 'last');
$c->sql('ALTER SYSTEM RESET max_worker_processes');

# --- pg_upgrade ----------------------------------------------------------------------------------------------------------------------------------

$node->stop;
command_ok([ $node->installed_command('pg_ctl'), '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', 'start' ], 'a server as pg_upgrade starts it');
$node->_update_pid(1);
sleep 1;
is($c->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'email_verify' OR backend_type LIKE 'email_verify%'"), 0, '... has no process of ours');
is($c->stat->{worker}, 'not_preloaded', '... and no shared memory');
is($c->try('ALTER DATABASE last RENAME TO upgraded; DROP EXTENSION email_verify')->{code}, 0, '... nothing hinders it');
$node->stop;
$node->start;
$c->sql('CREATE EXTENSION email_verify');
runs('upgraded', 'started as usual: workers');
runs('postgres', '... also where the extension is new');

# --- shutdown ------------------------------------------------------------------------------------------------------------------------------------

# A standby that is not there is waited for by whoever writes with synchronous_commit on: not by us
$c->set('synchronous_standby_names' => 'nobody');
my %verdicts = $c->verify(map { "ok3$_\@ok.deliver.com" } 1 .. 20);
is(scalar(grep { $_->{reason} eq 'smtp_deliverable' } values %verdicts), 20, 'synchronous replication to nobody: addresses are verified');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'ok3%'"), 20, '... and stored');
$w->ctl('set ok hang=banner');
for my $mode (qw(fast smart))
{
	ok(hang('postgres', 200), '200 SMTP sessions hang');
	# a worker that has just done it is the more likely to be in the middle of a commit
	$c->sql("SELECT count(email_verify('$mode' || i || '\@notls.deliver.com')) FROM generate_series(1, 100) i");
	ok($node->stop($mode), "... and the server stops ($mode)");
	$node->start;
	$c->wait_for_worker;
}
$w->restore;
$c->set('synchronous_standby_names' => undef);

$c->finish;
done_testing();
