# 047_unfit.pl
#	The worker is a superuser: what others hang on its tables would run with its rights.  It must not run any of it, nor
#	go on with SQL objects that are not those it knows, nor fail for ever, nor be silent about it: it rests, says why and what
#	to do, and goes on by itself.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;
use PostgreSQL::Test::Utils;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('unfit', conf => { 'log_line_prefix' => '[%p] ', 'max_worker_processes' => 16 });
my $node = $c->node;
my $known = 'ok1@notls.deliver.com';
is($c->verdict($known, '20 s')->{reason}, 'smtp_deliverable', 'an address is known');
my $pid = $c->worker_pid;

my $log = $node->logfile;
my $n = 0;
sub new_address { return sprintf 'new%d@hangrcpt.deliver.com', ++$n }
sub log_lines { return grep { /$_[0]/ } split /\n/, slurp_file($log) }
sub refusals { return scalar log_lines(qr/LOG:  email_verify worker for database .* refuses to work/) }

# Code of somebody else's; it tells of each run
$c->sql(q{
	CREATE ROLE helper;
	CREATE SCHEMA evil;
	GRANT ALL ON SCHEMA evil TO helper;
	CREATE FUNCTION evil.trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'caught: trigger'; RETURN NEW; END $$;
	CREATE FUNCTION evil.same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE LOG 'caught: same'; RETURN $1; END $$;
	CREATE FUNCTION evil.yes(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE LOG 'caught: yes'; RETURN true; END $$;
	CREATE DOMAIN evil.domain AS text CHECK (evil.yes(coalesce(VALUE, '')));
	ALTER SCHEMA evil OWNER TO helper});

# What is done makes the worker refuse, with that reason, and nothing of it runs; what is undone makes it go on.  At once: it
# is seen without a question; else no later than when somebody asks.
sub unfit
{
	my ($what, $do, $undo, $why, %option) = @_;
	my $database = $option{database} // 'postgres';
	my $before = refusals();
	my $detail = $option{detail} // 'worker_refused';
	my $worker = $c->worker_pid($database);
	my $fault = $c->try($do, $database);
	is($fault->{code}, 0, $what) or diag($fault->{err});
	$c->sql('SELECT email_verify(' . quoted(new_address()) . ')', $database) unless $option{at_once};
	ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 10, $database), '... the worker refuses' . ($option{at_once} ? ' at once' : ''));
	my $stat = $c->stat($database);
	like($stat->{worker_detail}, $why, '... and says why');
	is_deeply([ $stat->{gates}[0], $stat->{hint} =~ /^(?:Run|Drop|Put|Make|Restart) / ? 1 : 0 ], [ $detail, 1 ], '... and what to do') or diag($stat->{hint});
	my $session = EmailVerifySession->new($c, $database);
	if ($option{speechless})
	{
		$session->run(sprintf "SELECT email_verify('%s')", new_address());
		like($session->err, qr/ERROR:.*does not know "internal_verifier_error"\nHINT:  Run ALTER EXTENSION/, '... a question is an error with a hint');
	}
	else
	{
		is($session->run(sprintf "SELECT v.reason || ' ' || v.detail FROM email_verdict('%s', wait => '20 s') v", new_address()), "internal_verifier_error $detail", "... nobody waits for it: $detail");
		like($session->err, $option{hint} // qr/HINT:  SELECT worker_detail FROM email_verify.stat/, '... with what to do about it');
	}
	$session->end;
	is($c->try("SELECT email_verify('$known')", $database)->{out}, 'smtp_deliverable', '... what is known is still said') if $database eq 'postgres';
	$fault = $c->try($undo, $database);
	is($fault->{code}, 0, '... it is undone') or diag($fault->{err});
	$c->sql('SELECT pg_reload_conf()') if $option{reload};
	ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 10, $database), '... and the worker goes on');
	is($c->worker_pid($database), $worker, '... the same one');
	is(refusals() - $before, 1, '... the log tells of it once');
	is(scalar(log_lines(qr/^\[$worker\] .*caught/)), 0, '... nothing of others was run');
	return;
}

# --- what hangs on a table ----------------------------------------------------------------------------------------------------

unfit('a trigger',
	'CREATE TRIGGER t BEFORE INSERT ON email_verify.queue FOR EACH ROW EXECUTE FUNCTION evil.trigger(); ALTER TABLE email_verify.queue ENABLE ALWAYS TRIGGER t',
	'DROP TRIGGER t ON email_verify.queue', qr/^Table email_verify\.queue has the trigger t, which is not the extension's\.$/, at_once => 1);
unfit('a trigger of who has no other right on the table',
	'GRANT USAGE ON SCHEMA email_verify TO helper; GRANT TRIGGER ON email_verify.address TO helper; SET ROLE helper;
	CREATE TRIGGER "my T" AFTER UPDATE ON email_verify.address FOR EACH STATEMENT EXECUTE FUNCTION evil.trigger()',
	'DROP TRIGGER "my T" ON email_verify.address; REVOKE ALL ON email_verify.address FROM helper', qr/address has the trigger "my T"/, at_once => 1);
unfit('a trigger that calls a function of the extension, on a condition',
	"CREATE TRIGGER t BEFORE INSERT ON email_verify.mx_policy FOR EACH ROW WHEN (evil.yes(NEW.mx)) EXECUTE FUNCTION email_verify._mx_policy_normalize()",
	'DROP TRIGGER t ON email_verify.mx_policy', qr/mx_policy has the trigger t/, at_once => 1);
unfit('a trigger that calls a function of the extension which is not for that table',
	"CREATE TRIGGER t BEFORE INSERT ON email_verify.queue FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('address', '1 min')",
	'DROP TRIGGER t ON email_verify.queue', qr/queue has the trigger t/, at_once => 1);
unfit('a rule', "CREATE RULE r AS ON UPDATE TO email_verify.domain DO ALSO SELECT evil.same('x')",
	'DROP RULE r ON email_verify.domain', qr/domain has the rule r/, at_once => 1);
unfit('a policy', "CREATE POLICY p ON email_verify.address USING (evil.yes(address))",
	'DROP POLICY p ON email_verify.address', qr/address has the policy p/, at_once => 1);
unfit('row level security', 'ALTER TABLE email_verify.address ENABLE ROW LEVEL SECURITY',
	'ALTER TABLE email_verify.address DISABLE ROW LEVEL SECURITY', qr/address has row level security enabled/);
unfit('a foreign key to a table', 'CREATE TABLE evil.reference (id bigint REFERENCES email_verify.queue)',
	'DROP TABLE evil.reference', qr/queue is one end of a foreign key whose other end is table evil\.reference/, at_once => 1);
unfit('a foreign key of a table', "CREATE TABLE evil.hosts (host text COLLATE \"C\" PRIMARY KEY);
	ALTER TABLE email_verify.domain_host ADD CONSTRAINT k FOREIGN KEY (host) REFERENCES evil.hosts NOT VALID",
	'ALTER TABLE email_verify.domain_host DROP CONSTRAINT k; DROP TABLE evil.hosts', qr/domain_host is one end of a foreign key whose other end is table evil\.hosts/, at_once => 1);
unfit('a child', 'CREATE TABLE evil.child () INHERITS (email_verify.queue)',
	'DROP TABLE evil.child', qr/Table evil\.child inherits from table email_verify\.queue/);
unfit('a parent', 'CREATE TABLE evil.parent (hmac text COLLATE "C" NOT NULL); ALTER TABLE email_verify.tombstone INHERIT evil.parent',
	'ALTER TABLE email_verify.tombstone NO INHERIT evil.parent; DROP TABLE evil.parent', qr/tombstone inherits from table evil\.parent/);
unfit('an index over an expression', 'CREATE INDEX i ON email_verify.domain (evil.same(domain))',
	'DROP INDEX email_verify.i', qr/domain has the index email_verify\.i, which uses function evil\.same\(text\)/);
unfit('a partial index', "CREATE INDEX i ON email_verify.address USING hash (address) WHERE evil.yes(reply_text) AND evil.same('x') = 'x'",
	'DROP INDEX email_verify.i', qr/address has the index email_verify\.i, which uses function evil\.yes\(text\)/);
unfit('a default', "ALTER TABLE email_verify.address ADD COLUMN mine text; ALTER TABLE email_verify.address ALTER COLUMN mine SET DEFAULT evil.same('x')",
	'ALTER TABLE email_verify.address DROP COLUMN mine', qr/Column mine of table email_verify\.address has a default that uses function evil\.same\(text\)/);
unfit('a generated column', 'ALTER TABLE email_verify.domain ADD COLUMN mine text GENERATED ALWAYS AS (evil.same(domain)) STORED',
	'ALTER TABLE email_verify.domain DROP COLUMN mine', qr/Column mine of table email_verify\.domain/);
unfit('a constraint', 'ALTER TABLE email_verify.queue ADD CONSTRAINT k CHECK (evil.yes(address)) NOT VALID',
	'ALTER TABLE email_verify.queue DROP CONSTRAINT k', qr/queue has the constraint k, which uses function evil\.yes\(text\)/);
unfit('a constraint through a domain', 'ALTER TABLE email_verify.queue ADD CONSTRAINT k CHECK ((address::evil.domain) IS NOT NULL) NOT VALID',
	'ALTER TABLE email_verify.queue DROP CONSTRAINT k', qr/queue has the constraint k, which uses domain evil\.domain/);
unfit('a column of a type of others', 'ALTER TABLE email_verify.queue ADD COLUMN mine evil.domain',
	'ALTER TABLE email_verify.queue DROP COLUMN mine', qr/Column mine of table email_verify\.queue is of type evil\.domain/);

# --- a table itself -------------------------------------------------------------------------------------------------------------

unfit('an unlogged table', 'ALTER TABLE email_verify.domain SET UNLOGGED', 'ALTER TABLE email_verify.domain SET LOGGED', qr/domain is unlogged/);
unfit('a table that was given away', 'ALTER TABLE email_verify.queue OWNER TO helper', 'ALTER TABLE email_verify.queue OWNER TO CURRENT_USER', qr/queue does not belong to the owner of the extension/);
unfit('a view in the place of a table', 'ALTER TABLE email_verify.site_key RENAME TO elsewhere; CREATE VIEW email_verify.site_key AS SELECT * FROM email_verify.elsewhere',
	'DROP VIEW email_verify.site_key; ALTER TABLE email_verify.elsewhere RENAME TO site_key', qr/Table email_verify\.site_key is missing/);

# What an administrator may do: none of it is anybody else's code
$c->sql($_) for
	"ALTER TABLE email_verify.address ADD COLUMN seen timestamptz DEFAULT now()",
	"CREATE INDEX reported ON email_verify.address (lower(address)) WHERE status = 'invalid'",
	'ALTER TABLE email_verify.queue ADD CONSTRAINT once UNIQUE (id) DEFERRABLE',
	"ALTER TABLE email_verify.queue ADD CONSTRAINT k CHECK (address LIKE '%\@%')",
	'CREATE STATISTICS email_verify.s ON status, reason FROM email_verify.address',
	'GRANT SELECT ON ALL TABLES IN SCHEMA email_verify TO helper',
	'VACUUM ANALYZE email_verify.address',
	'CREATE PUBLICATION p FOR TABLE email_verify.address';
my $before = refusals();
is($c->verdict('ok2@notls.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'columns, indexes, constraints and statistics that use nothing of others: the worker works');
is(refusals() - $before, 0, '... and has not refused');
$c->sql('DROP PUBLICATION p; DROP INDEX email_verify.reported; ALTER TABLE email_verify.queue DROP CONSTRAINT once; ALTER TABLE email_verify.queue DROP CONSTRAINT k');

# --- functions and columns -----------------------------------------------------------------------------------------------------------

unfit('a function that was given away', 'GRANT CREATE ON SCHEMA email_verify TO helper; ALTER FUNCTION email_verify._complete OWNER TO helper',
	'ALTER FUNCTION email_verify._complete OWNER TO CURRENT_USER; REVOKE ALL ON SCHEMA email_verify FROM helper', qr/Function email_verify\._complete\(.* does not belong to the owner/);

# each that the worker's sources name
my %called;
for my $file (glob "$ENV{EV_ROOT}/src/pg/worker/*.c")
{
	$called{$_} = 1 for slurp_file($file) =~ /email_verify\.(_\w+)\(/g;
}
cmp_ok(scalar(keys %called), '>', 7, 'the worker calls ' . join(', ', sort keys %called));
unfit("without $_", "ALTER FUNCTION email_verify.$_ RENAME TO elsewhere", "ALTER FUNCTION email_verify.elsewhere RENAME TO $_", qr/^Function email_verify\.$_ is missing/)
  for sort keys %called;
unfit('a function that is not the extension\'s in the place of one', 'ALTER FUNCTION email_verify._next_due RENAME TO elsewhere;
	CREATE FUNCTION email_verify._next_due(after timestamptz, OUT next_due timestamptz) LANGUAGE plpgsql AS $$ BEGIN RAISE LOG \'caught: due\'; END $$',
	'DROP FUNCTION email_verify._next_due; ALTER FUNCTION email_verify.elsewhere RENAME TO _next_due', qr/^Function email_verify\._next_due is missing/);
# ... and whatever else its statements name: said by the server
unfit('a column of another name', 'ALTER TABLE email_verify.inflight RENAME COLUMN ids TO numbers', 'ALTER TABLE email_verify.inflight RENAME COLUMN numbers TO ids', qr/column "ids".* does not exist/);
ok($c->poll('SELECT inflight > 0 FROM email_verify.stat'), 'what was asked for meanwhile is asked now');

# A pause after errors of another kind does not keep it from seeing that all is well again
$c->sql("ALTER TABLE email_verify.queue ADD CONSTRAINT k CHECK (address NOT LIKE 'bad%' OR pg_catalog.pg_read_file('no_such_file') IS NULL) NOT VALID");
my $errors = $c->stat->{errors_total};
$c->sql("SELECT email_verify('bad\@hangrcpt.deliver.com')");
ok($c->poll("SELECT errors_total >= $errors + 3 FROM email_verify.stat"), 'the store fails, again and again');
is($c->stat->{worker}, 'running', '... for a row, which is no reason to refuse');
$c->sql('ALTER TABLE email_verify.queue DROP CONSTRAINT k; ALTER TABLE email_verify.inflight RENAME COLUMN ids TO numbers');
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 15), '... then for a column');
$c->sql('ALTER TABLE email_verify.inflight RENAME COLUMN numbers TO ids');
ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 4), '... and goes on at once when it has its name again');

# --- between the look and the lock ----------------------------------------------------------------------------------------------------

# The trigger is committed while the worker waits for the lock that keeps triggers out
$before = refusals();
my $racer = EmailVerifySession->new($c);
$racer->run('BEGIN; CREATE TRIGGER t BEFORE INSERT ON email_verify.queue FOR EACH ROW EXECUTE FUNCTION evil.trigger();
	ALTER TABLE email_verify.queue ENABLE ALWAYS TRIGGER t');
$racer->send("DO \$\$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND NOT granted) LOOP PERFORM pg_sleep(0.001); END LOOP; END \$\$; COMMIT");
my $raced = new_address();
$c->sql("SELECT email_verify('$raced')");
$racer->result;
is($racer->err, '', 'a trigger is committed while the worker waits for its lock');
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 10), '... the worker refuses');
is(scalar(log_lines(qr/^\[$pid\] .*caught/)), 0, '... and has not run it');
is($c->queue($raced), undef, '... the question is not lost');
$racer->run('DROP TRIGGER t ON email_verify.queue');
$racer->end;
ok($c->poll("SELECT count(*) = 1 FROM email_verify.queue WHERE address = '$raced'"), '... and queued when it is gone');
is(refusals() - $before, 1, '... the log tells of it once');
is(scalar(log_lines(qr/^\[$pid\] (?:ERROR|FATAL):  Table/)), 0, '... and not as an error');

# --- in the midst of work ---------------------------------------------------------------------------------------------------------------

$w->ctl('set slow latency_ms=300');
my @slow = map { "ok$_\@slow.deliver.com" } 1 .. 3;
$c->ask(@slow);
ok($c->poll('SELECT sessions > 0 FROM email_verify.stat'), 'addresses are under way');
my $waiter = EmailVerifySession->new($c);
$waiter->send("SELECT v.reason || ' ' || v.detail FROM email_verdict('ok4\@slow.deliver.com', wait => '1 min') v");
ok($waiter->sleeps, '... and somebody waits for one');
$c->sql('CREATE TRIGGER t BEFORE INSERT ON email_verify.address FOR EACH ROW EXECUTE FUNCTION evil.trigger()');
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 10), '... when the worker refuses');
is($waiter->result, 'internal_verifier_error worker_refused', '... who waits is told');
$waiter->end;
push @slow, 'ok4@slow.deliver.com';
ok($c->poll("SELECT count(*) = 4 FROM email_verify.queue WHERE address LIKE '%\@slow.deliver.com'"), '... they stay queued');
my $left = $c->sql("SELECT email_verify.wait('20 s')");
cmp_ok($left, '>=', 4, '... wait() does not wait for them');
ok($c->poll('SELECT sessions = 0 FROM email_verify.stat', 45), '... their sessions come to an end');
$c->sql('DROP TRIGGER t ON email_verify.address');
ok($c->poll("SELECT count(*) = 4 FROM email_verify.address WHERE address LIKE '%\@slow.deliver.com' AND reason = 'smtp_deliverable'", 10), '... and what they found is stored when it works again');
is(scalar(map { $c->peer_rcpts($_) } @slow), 4, '... each was asked for once');
$w->restore;

# --- at the start, and at rest -------------------------------------------------------------------------------------------------------------

my @waiting = map { "ok$_\@drip.deliver.com" } 1 .. 3;
$c->sql('CREATE TRIGGER t BEFORE DELETE ON email_verify.inflight FOR EACH ROW EXECUTE FUNCTION evil.trigger();
	ALTER TABLE email_verify.inflight ENABLE ALWAYS TRIGGER t;
	INSERT INTO email_verify.inflight (ids) VALUES (ARRAY[1])');
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 10), 'refused once more');
like($c->try('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } @waiting) . '])')->{err}, qr/refuse to run with their owner's rights.*inflight has the trigger t/s,
	'... and so does enqueue()');
$c->sql('INSERT INTO email_verify.queue (address, due_at) SELECT a, now() FROM unnest(ARRAY[' . join(', ', map { quoted($_) } @waiting) . ']) a');
$node->restart;
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat", 30), 'a worker that starts refuses as well');
$pid = $c->worker_pid;
is($c->sql('SELECT count(*) FROM email_verify.inflight WHERE ids = ARRAY[1]::bigint[]'), 1, '... before it has done anything');
SKIP:
{
	skip 'no /proc', 2 unless $c->cost($pid);
	$before = refusals();
	my @cost = $c->cost($pid);
	sleep 3;
	my @later = $c->cost($pid);
	cmp_ok($later[0] - $cost[0], '<=', 0, '... at rest it uses no CPU');
	cmp_ok($later[1] - $cost[1], '<=', 2, '... and is not even woken');
}
is(refusals() - $before, 0, '... nor says it again');
$c->sql('SELECT pg_reload_conf(); CREATE TABLE public.other (x int)');
sleep 0.5;
is(refusals() - $before, 0, '... when it has looked again, neither');
$c->sql('DROP TRIGGER t ON email_verify.inflight');
ok($c->poll("SELECT count(*) = 3 FROM email_verify.address WHERE address LIKE '%\@drip.deliver.com'", 30), '... and it does what was left to be done');
is($c->sql('SELECT count(*) FROM email_verify.inflight WHERE ids = ARRAY[1]::bigint[]'), 0, '... recovery as well');
is(scalar(log_lines(qr/^\[$pid\] .*caught/)), 0, '... without having run anything of others');

# --- versions -------------------------------------------------------------------------------------------------------------------------------

sub of_version { return "UPDATE pg_extension SET extversion = '$_[0]' WHERE extname = 'email_verify'" }
for my $case (
	[ '0.9', 'sql_too_old', qr/ALTER EXTENSION email_verify UPDATE/ ],
	[ '9.0', 'library_too_old', qr/Restart the server/ ],
	[ '1.0devel', 'library_too_old', qr/Restart the server/ ])
{
	my ($version, $detail, $hint) = @$case;
	unfit("SQL objects of version $version", of_version($version), of_version('1.0'), qr/^The installed SQL objects are of version \Q$version\E, the library works with 1\.0 to 1\.0\.$/,
		detail => $detail, hint => qr/HINT:  .*$hint/, reload => 1);
}
is(scalar(log_lines(qr/HINT:  Run ALTER EXTENSION email_verify UPDATE/)), 1, 'the log says what to do about it');

# A word that the installed SQL does not have yet
$c->sql("ALTER TYPE email_verify.verification_reason RENAME VALUE 'no_mx_records' TO 'another'");
my $old = EmailVerifySession->new($c);
is($old->run("SELECT v.status || ' ' || v.reason || ' ' || v.detail FROM email_verdict('x\@example.com') v"), 'unknown internal_verifier_error sql_too_old', 'a verdict that the SQL has no word for: internal_verifier_error, sql_too_old');
like($old->err, qr/HINT:  Run ALTER EXTENSION email_verify UPDATE/, '... with what to do about it');
is($old->run("SELECT email_verify_ok('x\@example.com')"), 't', '... email_verify_ok() does not refuse it');
$old->end;
$c->ask('x@nx.deliver.com', 'ok3@notls.deliver.com');
ok($c->poll("SELECT count(*) = 2 FROM email_verify.address WHERE address IN ('x\@nx.deliver.com', 'ok3\@notls.deliver.com')"), '... the worker stores it');
is_deeply([ map { $c->row('x@nx.deliver.com')->{$_} } qw(status reason detail) ], [qw(unknown internal_verifier_error sql_too_old)], '... as that');
is($c->row('ok3@notls.deliver.com')->{reason}, 'smtp_deliverable', '... and others as they are');
is($c->sql("SELECT fresh_until - checked_at <= interval '1 day' FROM email_verify.address WHERE address = 'x\@nx.deliver.com'"), 't', '... for a short time only');
$c->sql("ALTER TYPE email_verify.verification_reason RENAME VALUE 'another' TO 'no_mx_records'");
is($c->verdict('x@example.com')->{reason}, 'no_mx_records', '... until it has the word');
$c->sql("SELECT email_verify.recheck('x\@nx.deliver.com')");
ok($c->poll("SELECT reason = 'no_mx_records' FROM email_verify.address WHERE address = 'x\@nx.deliver.com'"), '... the worker as well');
unfit('SQL without the word for that', "ALTER TYPE email_verify.verification_reason RENAME VALUE 'internal_verifier_error' TO 'another'",
	"ALTER TYPE email_verify.verification_reason RENAME VALUE 'another' TO 'internal_verifier_error'", qr/no label internal_verifier_error/, detail => 'sql_too_old', speechless => 1);

# SQL of a later version declares more columns than the library fills
my $columns = join ', ', $c->sql("SELECT array_to_string(array_agg('OUT ' || n || ' ' || format_type(t, NULL) ORDER BY i), ', ')
	FROM pg_proc p, unnest(p.proargnames, p.proallargtypes) WITH ORDINALITY u (n, t, i) WHERE p.oid = 'email_verify._stat'::regproc");
$c->sql("CREATE FUNCTION public.more($columns, OUT a bigint, OUT b text, OUT c text[]) RETURNS SETOF record AS '\$libdir/email_verify', 'ev_stat' LANGUAGE C;
	CREATE FUNCTION public.more_details(OUT detail text, OUT description text, OUT a bigint, OUT b text) RETURNS SETOF record AS '\$libdir/email_verify', 'ev_details' LANGUAGE C");
is($c->sql('SELECT worker, a, b, c FROM public.more()'), 'running|||', 'columns that the library does not know are NULL');
is($c->sql('SELECT count(*) > 50, count(a), count(b) FROM public.more_details()'), 't|0|0', '... of all functions that return rows');

# --- what backends read directly ---------------------------------------------------------------------------------------------------------------

# Row level security neither hides a verdict from who may ask for it, nor is its code run
$c->sql("CREATE ROLE app; GRANT EXECUTE ON FUNCTION email_verify TO app;
	CREATE POLICY p ON email_verify.address USING (evil.yes(address)); CREATE POLICY p ON email_verify.override USING (evil.yes(pattern));
	ALTER TABLE email_verify.address ENABLE ROW LEVEL SECURITY; ALTER TABLE email_verify.override ENABLE ROW LEVEL SECURITY;
	DROP INDEX email_verify.address_lookup;
	CREATE INDEX i ON email_verify.address USING hash (address) WHERE evil.same('x') = 'x';
	CREATE INDEX address_lookup ON email_verify.address USING hash (address)");
my @caught = log_lines(qr/caught/);
is($c->sql("SET ROLE app; SELECT email_verify('$known')"), 'smtp_deliverable', 'a look-up does not care for row level security');
is($c->sql("SELECT email_verify('$known')"), 'smtp_deliverable', '... nor for an index of others');
is(scalar(log_lines(qr/caught/)), scalar(@caught), '... and runs nothing of it');
$c->sql('DROP POLICY p ON email_verify.address; DROP POLICY p ON email_verify.override; DROP INDEX email_verify.i;
	ALTER TABLE email_verify.address DISABLE ROW LEVEL SECURITY; ALTER TABLE email_verify.override DISABLE ROW LEVEL SECURITY');

# Other tables in the places of ours, with other types: nothing is found there, and nothing crashes
$c->sql("INSERT INTO email_verify.override VALUES ('ok9\@notls.deliver.com', 'suppressed'), (email_verify.hmac('ok8\@notls.deliver.com'), 'suppressed')");
is(join(' ', $c->ask('ok9@notls.deliver.com', 'ok8@notls.deliver.com')), 'suppressed suppressed', 'overrides are heeded');
for my $case (
	[ 'address', '(address text COLLATE "C", status int DEFAULT 1, reason int DEFAULT 1, detail int DEFAULT 1, checked_at int DEFAULT 1, fresh_until int DEFAULT 1,
		expires_at int DEFAULT 1, retry_at int DEFAULT 1, asked_at int DEFAULT 1)', "INSERT INTO email_verify.address (address) VALUES ('$known')", 'address', "email_verify('$known')" ],
	[ 'override', '(pattern text COLLATE "C", action int DEFAULT 1, note int DEFAULT 1, until int DEFAULT 1, kind text COLLATE "C" DEFAULT $$address$$)',
		"CREATE INDEX ON email_verify.override (kind); INSERT INTO email_verify.override (pattern) VALUES ('$known')", 'pattern', "email_verify('$known')" ],
	[ 'site_key', '(key int)', 'INSERT INTO email_verify.site_key VALUES (1)', 'key', "email_verify._hmac('$known')" ],
	[ 'site_key', undef, undef, undef, "email_verify._hmac('$known')" ])
{
	my ($table, $definition, $row, $key, $call) = @$case;
	$c->sql("ALTER TABLE email_verify.$table RENAME TO elsewhere; " . (defined $definition
		  ? "CREATE TABLE email_verify.$table $definition; CREATE INDEX ON email_verify.$table USING hash ($key); $row"
		  : "CREATE VIEW email_verify.$table AS SELECT * FROM email_verify.elsewhere"));
	is($c->try("SELECT $call")->{code}, 0, "another $table in its place: no crash");
	$c->sql('DROP ' . (defined $definition ? 'TABLE' : 'VIEW') . " email_verify.$table; ALTER TABLE email_verify.elsewhere RENAME TO $table");
	ok($c->poll("SELECT worker = 'running' FROM email_verify.stat", 10), '... and back');
}
is(join(' ', $c->ask($known, 'ok9@notls.deliver.com', 'ok8@notls.deliver.com')), 'smtp_deliverable suppressed suppressed', 'all is as it was');

# --- less than an extension -------------------------------------------------------------------------------------------------------------------------

# The extension of an owner who is no superuser any more
$c->sql('CREATE ROLE admin SUPERUSER LOGIN; CREATE DATABASE owned');
$node->safe_psql('owned', 'CREATE EXTENSION email_verify', extra_params => [ '-U', 'admin' ]);
$c->wait_for_worker('owned');
unfit('an owner who is no superuser', 'ALTER ROLE admin NOSUPERUSER', 'ALTER ROLE admin SUPERUSER', qr/owner, admin, is not a superuser/, database => 'owned', reload => 1);

# A schema of that name and no extension; an extension that is being made while everything is started; one without its objects
$c->sql("CREATE DATABASE $_") for qw(bare opening half);
$c->sql('CREATE SCHEMA email_verify; CREATE TABLE email_verify.address (address text); CREATE TABLE email_verify.queue (id int)', 'bare');
$c->sql('CREATE EXTENSION email_verify', 'half');
$c->wait_for_worker('half');
$c->sql(q{
	DO $$
	DECLARE
		member text;
	BEGIN
		FOR member IN SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
			WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'email_verify') AND deptype = 'e'
				-- from 17 on a table's row type and a type's array are members, too, and go with what they belong to
				AND NOT EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class r ON r.oid = t.typrelid
					WHERE classid = 'pg_type'::regclass AND t.oid = objid AND (t.typcategory = 'A' OR r.relkind <> 'c'))
		LOOP
			EXECUTE 'ALTER EXTENSION email_verify DROP ' || member;
		END LOOP;
	END $$;
	DROP SCHEMA email_verify CASCADE}, 'half');
ok($c->poll("SELECT pg_read_file('$log') ~ 'database \"half\" refuses to work'", 10), 'an extension without its tables: the worker refuses');
$c->sql('ALTER SYSTEM SET log_min_messages = debug1');
$node->restart;
my $opening = EmailVerifySession->new($c, 'opening');
$opening->run('BEGIN; CREATE EXTENSION email_verify');
my $mark = (stat $log)[7];
$c->sql('SELECT pg_terminate_backend(' . $c->launcher_pid . ', 20000)');
ok($c->poll("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'email_verify launcher'", 30), 'a launcher starts');
$c->wait_for_worker;
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname IN ('bare', 'opening')"), 'no worker stays where there is only a schema, or an extension that is being made');
sleep 3;
my @leaving = slurp_file($log, $mark) =~ /database "(bare|opening)" ends/g;
is_deeply([ sort @leaving ], [qw(bare opening)], '... each was looked at once');
$opening->run('COMMIT');
$opening->end;
cmp_ok($c->wait_for_worker('opening'), '>', 0, '... until it is made');
cmp_ok($c->worker_pid('half'), '>', 0, 'the extension without its tables keeps a worker');
is(scalar(grep { /LOG:  email_verify worker for database "half" refuses to work/ } split /\n/, slurp_file($log, $mark)), 0, '... that has said so at the restart, and no more');
is($c->try('DROP EXTENSION email_verify', 'half')->{code}, 0, '... and can be dropped');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'email_verify worker' AND datname = 'half'"), '... with which the worker goes');
is(scalar(grep { /(?:ERROR|FATAL):.*email_verify/ && !/administrator command/ } split /\n/, slurp_file($log, $mark)), 0, '... and none has met an error');

$c->finish;
done_testing();
