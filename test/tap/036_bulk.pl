# 036_bulk.pl
#	A load of very many addresses must end, in bounded memory and with every row, however fast they can be queued; and what
#	a session remembers (types, tables, plans, overrides) must follow what changes under it, in every kind of statement:
#	parallel, prepared, held open.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('bulk', conf => { 'log_statement' => 'none', 'email_verify.max_sessions' => 20, 'max_wal_size' => '4GB' });
my $s = EmailVerifySession->new($c);

# --- a bulk load -----------------------------------------------------------------------------------------------------

my $n = 1_000_000;
my $file = PostgreSQL::Test::Utils::tempdir_short() . '/addresses';
open my $fh, '>', $file or die "$file: $!";
print $fh "user$_\@" . ($_ % 10 ? "nothing-$_.deliver.com" : 'hangrcpt.deliver.com') . "\n" for 1 .. $n;
close $fh or die "$file: $!";

# kilobytes of its own that the session's process holds, without shared memory
sub own_memory
{
	open my $status, '<', '/proc/' . $s->pid . '/status' or return 0;
	my ($kb) = map { /^RssAnon:\s*(\d+)/ ? $1 : () } <$status>;
	close $status;
	return $kb // 0;
}

my $contexts = "SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts";
$s->run("CREATE UNLOGGED TABLE signup (email text)");
$s->run("CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE OF email ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email')");
$s->run("INSERT INTO signup SELECT 'warm' || i || '\@hangrcpt.deliver.com' FROM generate_series(1, 1000) i");
my ($before, $start) = ($s->run($contexts), own_memory());
my $most = $start;
$s->send("COPY signup FROM '$file'");
while ($c->sql('SELECT count(*) FROM pg_stat_activity WHERE state = \'active\' AND pid = ' . $s->pid))
{
	$most = own_memory() if own_memory() > $most;
	sleep 0.1;
}
$s->result;
is($s->err =~ s/^(?:NOTICE|HINT):.*\n//mgr, '', "COPY of $n addresses ends");
is($s->run('SELECT count(*) FROM signup'), $n + 1000, '... with every row');
cmp_ok($s->run($contexts) - $before, '<', 512, '... and keeps nothing in memory');
SKIP:
{
	skip 'no /proc', 1 if $start == 0;
	cmp_ok($most - $start, '<', 16 * 1024, '... nor does it need much meanwhile (' . ($most - $start) . ' kB)');
}
$s->run('SELECT count(*) FROM signup WHERE email_verify(email) IS NULL');
is($s->err =~ s/^(?:NOTICE|HINT):.*\n//mgr, '', '... all of them can be asked for in one statement');
cmp_ok($s->run($contexts) - $before, '<', 512, '... which keeps nothing either');
is($c->stat->{errors_total}, 0, '... the worker stores without an error');
$s->run('DROP TABLE signup; SELECT email_verify.pause(); DELETE FROM email_verify.queue');
$c->forget;    # the rest of them is of no interest
$s->end;

# --- parallel queries ---------------------------------------------------------------------------------------------------

$s = EmailVerifySession->new($c);
$s->run("SELECT email_verify.pause()");
$s->run("CREATE TABLE big AS SELECT i AS id, 'user' || i || '\@nothing.deliver.com' AS email FROM generate_series(1, 50000) i; ANALYZE big");
$s->run("INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	SELECT email, 'valid', 'smtp_deliverable', now(), now() + interval '1 day', now() + interval '2 days' FROM big WHERE id % 2 = 0");
$s->run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2");
my $query = "SELECT email_verify(email) AS reason FROM big WHERE length(md5(email)) = 32 AND id % 5 = 0";
my $plan = $s->run("EXPLAIN (COSTS OFF, VERBOSE) $query");
like($plan, qr/Gather\n\s*Output: email_verify\(.*Parallel Seq Scan/s, 'a parallel plan asks in the leader');
is($s->run("SELECT reason, count(*) FROM ($query) q GROUP BY 1 ORDER BY 1"), "smtp_deliverable|5000\npending|5000", '... and has all answers');
is($s->run("SELECT count(*) FROM big WHERE length(md5(email)) = 32 AND email_verify_ok(email, reject => '{unknown}')"), 25000, '... also in a WHERE');
is($s->run("SELECT count(*) FROM big b JOIN email_verify.address a ON a.address = b.email AND email_verify(b.email) = a.reason"), 25000, '... and in a join');
$s->run("SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
is($s->run("SELECT email_verify('user2\@nothing.deliver.com'), (email_verdict('user4\@nothing.deliver.com')).status, email_syntax_ok('a\@b.co'), (SELECT count(*) FROM big WHERE email_syntax_ok(email))"),
	'smtp_deliverable|valid|t|50000', '... whatever is forced into parallel mode');
is($s->run("SELECT count(*) FROM email_verify_many(ARRAY(SELECT email FROM big)) WHERE status = 'valid'"), 25000, '... email_verify_many() as well');
$s->run('RESET ALL; SELECT email_verify.resume()');

# --- cursors, prepared statements -----------------------------------------------------------------------------------------

$s->run("BEGIN; DECLARE held CURSOR WITH HOLD FOR SELECT id, email_verify(email) FROM big WHERE id <= 4 ORDER BY id");
is($s->run('FETCH 1 FROM held'), '1|pending', 'a cursor');
$s->run('COMMIT');
is($s->run('FETCH 3 FROM held'), "2|smtp_deliverable\n3|pending\n4|smtp_deliverable", '... that is held after the end of its transaction');
$s->run('CLOSE held');
$s->run("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id, email_verify(email) FROM big WHERE id IN (2, 4) ORDER BY id; FETCH 1 FROM c; DELETE FROM email_verify.address WHERE address LIKE 'user2\@%'");
is($s->run('FETCH NEXT FROM c'), '4|smtp_deliverable', 'a cursor that goes on after other statements');
$s->run('ROLLBACK');

$s->run("PREPARE ask(text) AS SELECT email_verify(\$1)::text, (email_verdict(\$1)).status::text, email_verify_ok(\$1), email_syntax_ok(\$1)");
is($s->run("EXECUTE ask('user2\@nothing.deliver.com')"), 'smtp_deliverable|valid|t|t', 'a prepared statement') for 1 .. 7;
is($s->run("DISCARD PLANS; DISCARD SEQUENCES; DISCARD TEMP; EXECUTE ask('user2\@nothing.deliver.com')"), 'smtp_deliverable|valid|t|t', '... after DISCARD');
is($s->run("ALTER EXTENSION email_verify UPDATE; EXECUTE ask('user2\@nothing.deliver.com')"), 'smtp_deliverable|valid|t|t', '... after ALTER EXTENSION');
my $witness = EmailVerifySession->new($c);
is($witness->run("SELECT email_verify('user2\@nothing.deliver.com'), (email_verdict('bad')).status"), 'smtp_deliverable|invalid', 'another session knows the types of this extension');
$s->run('DROP EXTENSION email_verify');
$s->run("EXECUTE ask('bad')");
like($s->err, qr/function email_verify\(text\) does not exist|could not find|does not exist/, 'dropped: the prepared statement has a clear error');
$witness->run("SELECT email_verify('user2\@nothing.deliver.com')");
like($witness->err, qr/does not exist/, '... and so has another session');
$s->run("CREATE EXTENSION email_verify; INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	VALUES ('user2\@nothing.deliver.com', 'invalid', 'mailbox_not_found', now(), now() + interval '1 day', now() + interval '2 days')");
is($s->run("EXECUTE ask('user2\@nothing.deliver.com')"), 'mailbox_not_found|invalid|f|t', 'made again: the prepared statement finds new types and tables');
is($witness->run("SELECT email_verify('user2\@nothing.deliver.com'), (email_verdict('bad')).status, email_verify('no one')::text"), 'mailbox_not_found|invalid|invalid_syntax', '... and so does another session');
$c->wait_for_worker;
is($witness->run("SELECT email_verify('ok1\@notls.deliver.com', wait => '20 s')"), 'smtp_deliverable', '... and the worker is the new one\'s')
  or diag($c->sql("SELECT a FROM email_verify.address a; SELECT * FROM email_verify.domain; SELECT * FROM email_verify.domain_host; SELECT * FROM email_explain('ok1\@notls.deliver.com')"));
$s->run('BEGIN; DROP EXTENSION email_verify; CREATE EXTENSION email_verify; SELECT email_verify(\'bad\'); ROLLBACK');
is($s->run("SELECT email_verify('user2\@nothing.deliver.com'), email_verify('bad')"), 'mailbox_not_found|invalid_syntax', '... also after a new one that was rolled back');

# --- the site's own word ------------------------------------------------------------------------------------------------------

my $ask = "SELECT email_verify('user2\@nothing.deliver.com')";
for my $step (
	[ "INSERT INTO email_verify.override VALUES ('user2\@nothing.deliver.com', 'suppressed')", 'suppressed', 'an override of another session' ],
	[ "UPDATE email_verify.override SET pattern = '\@nothing.deliver.com'", 'suppressed', '... changed to the domain' ],
	[ "UPDATE email_verify.override SET pattern = '\@.deliver.com', action = 'trap'", 'possible_spam_trap', '... to the parent domain' ],
	[ "UPDATE email_verify.override SET pattern = 'user2\@'", 'possible_spam_trap', '... to the local part' ],
	[ "UPDATE email_verify.override SET pattern = email_verify.hmac('user2\@nothing.deliver.com')", 'possible_spam_trap', '... to a hash' ],
	[ "UPDATE email_verify.override SET pattern = 'user3\@'", 'mailbox_not_found', '... to somebody else' ],
	[ "UPDATE email_verify.override SET pattern = 'user2\@'", 'possible_spam_trap', '... and back' ],
	[ 'TRUNCATE email_verify.override', 'mailbox_not_found', '... truncated' ],
	[ "SET session_replication_role = replica; INSERT INTO email_verify.override VALUES ('user2\@', 'valid')", 'smtp_deliverable', '... replicated' ],
	[ 'DELETE FROM email_verify.override', 'mailbox_not_found', '... deleted' ])
{
	my ($change, $reason, $what) = @$step;
	my $other = EmailVerifySession->new($c);
	$other->run('BEGIN');
	my $now = $s->run($ask);
	$other->run($change);
	is($s->run($ask), $now, "$what: not before it is committed") if $change !~ /TRUNCATE|replica/;
	$other->run('COMMIT');
	is($other->err, '', $change) or diag($other->err);
	is($s->run($ask), $reason, "$what: $reason in the next statement");
	is($s->run("DO \$\$ BEGIN IF email_verify('user2\@nothing.deliver.com') <> '$reason' THEN RAISE 'no'; END IF; END \$\$") . $s->err, '', '... of any kind');
	$other->end;
}
$_->end for $s, $witness;

$c->finish;
done_testing();
