# 039_no_worker.pl
#	Where no worker can run, or none has to (rows that come by logical replication), nothing is called "pending" and nothing is
#	queued; a person is told what to do about it, and verification begins as soon as there is room.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('no_worker',
	conf => { 'wal_level' => 'logical', 'max_wal_senders' => 4, 'max_worker_processes' => 12, 'email_verify.max_databases' => 2 });
my $node = $c->node;
my $n = 0;
sub new_address { return sprintf 'new%d@hangrcpt.deliver.com', ++$n }

# reason and detail of an address nobody has asked for before, and the session's notices
sub says
{
	my ($session, $before) = @_;
	my $said = $session->run(($before // '') . sprintf "SELECT v.reason || coalesce(' ' || v.detail, '') || CASE WHEN v.checked_at IS NOT NULL THEN ' checked' ELSE '' END FROM email_verdict('%s') v", new_address());
	return $said;
}

# The obstacle, said at each question; its notice, with something to do about it, at the first one of a session.
sub obstacle
{
	my ($what, $detail, $hint, $dbname) = @_;
	my $session = EmailVerifySession->new($c, $dbname);
	my $queued = $c->sql('SELECT count(*) FROM email_verify.queue', $dbname);
	is(says($session), "internal_verifier_error $detail", "$what: $detail");
	like($session->err, qr/NOTICE:.*\nHINT:.*$hint/, '... with what to do about it');
	is(says($session), "internal_verifier_error $detail", '... again');
	is($session->err, '', '... which is said once a session');
	is($session->run("SELECT count(*) FROM email_verify_many(ARRAY['" . new_address() . "', '" . new_address() . "'], wait => '20 s') WHERE detail = '$detail'"), 2, '... nobody waits for it');
	$session->end;
	is($c->sql('SELECT count(*) FROM email_verify.queue', $dbname), $queued, '... nothing is queued');
	return;
}

# --- no worker --------------------------------------------------------------------------------------------------------

# slots for workers of two databases: a third one has none
$c->sql("CREATE DATABASE $_") for qw(two three);
$c->sql('CREATE EXTENSION email_verify', $_) for qw(two three);
$c->wait_for_worker('two');
obstacle('more databases than max_databases', 'worker_not_started', 'max_databases', 'three');
$c->sql('DROP DATABASE two WITH (FORCE)');
ok($c->poll("SELECT email_verify('x\@hangrcpt.deliver.com') = 'pending'", 60, 'three'), '... until there is room');

my $launcher = $c->launcher_pid;
$c->sql('SELECT pg_terminate_backend(' . $c->worker_pid . ", 20000), pg_terminate_backend($launcher, 20000)");
obstacle('the worker has ended', 'worker_down', 'started again');
$c->wait_for_worker;
my $s = EmailVerifySession->new($c);
is(says($s), 'pending', '... and comes back');
$s->end;

$c->sql("ALTER SYSTEM SET max_worker_processes = 2");    # the launcher's own, and that of logical replication
$node->restart;
ok($c->poll("SELECT worker = 'not_started' FROM email_verify.stat"), 'max_worker_processes leaves no room');
obstacle('no room for a worker', 'worker_not_started', 'max_worker_processes');
$c->sql('ALTER SYSTEM RESET max_worker_processes');
$node->restart;
$c->wait_for_worker;

# --- logical replication ----------------------------------------------------------------------------------------------------------------------

# What is replicated was judged where it came from: neither CHECK nor trigger asks again, and no row is refused.
$c->sql('CREATE DATABASE source');
my $table = 'CREATE TABLE signup (id int PRIMARY KEY, email text)';
$c->sql("$table; CREATE PUBLICATION p FOR TABLE signup; SELECT pg_create_logical_replication_slot('sub', 'pgoutput')", 'source');
$c->sql("$table; ALTER TABLE signup ADD CONSTRAINT deliverable CHECK (email_verify_ok(email, wait => '20 s'));
	CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '20 s');
	ALTER TABLE signup ENABLE ALWAYS TRIGGER email_verify;
	CREATE SUBSCRIPTION sub CONNECTION " . quoted($node->connstr('source')) . " PUBLICATION p WITH (create_slot = false, slot_name = 'sub', copy_data = false)");
my $queue = "SELECT count(*) FROM email_verify.queue WHERE address LIKE 'replica%'";
$c->sql("INSERT INTO signup SELECT i, 'replica' || i || '\@hangrcpt.deliver.com' FROM generate_series(1, 50) i; UPDATE signup SET email = 'replica51\@hangrcpt.deliver.com' WHERE id = 1", 'source');
ok($c->poll("SELECT count(*) = 50 AND max(email) FILTER (WHERE id = 1) = 'replica51\@hangrcpt.deliver.com' FROM signup", 60), 'rows arrive by logical replication');
$c->wait(0);
is($c->sql($queue), 0, '... and queue nothing');
is($c->sql("INSERT INTO signup VALUES (1000, 'replica1000\@hangrcpt.deliver.com') RETURNING 1"), 1, 'a row of a session of its own');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.queue WHERE address LIKE 'replica%'"), '... does');
$c->sql('ALTER SUBSCRIPTION sub DISABLE');
$c->sql("ALTER SUBSCRIPTION sub SET (slot_name = NONE)");
$c->sql('DROP SUBSCRIPTION sub');

$c->finish;
done_testing();
