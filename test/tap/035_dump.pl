# 035_dump.pl
#	A dump must come back whole, without asking anybody: each row of a table whose trigger and CHECK verify, however its
#	address is judged by now, and each word of the site's own, also the hashed ones with the key they need.  Uninstalling
#	takes exactly what it is said to take.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('dump', conf => { 'email_verify.max_databases' => 16, 'max_worker_processes' => 24, 'log_statement' => 'none' });
my $node = $c->node;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

$c->sql('CREATE DATABASE app');
$c->sql('CREATE EXTENSION email_verify; CREATE ROLE app_user', 'app');
$c->wait_for_worker('app');
$c->sql(q{
CREATE TABLE signup (
	id int PRIMARY KEY,
	email text NOT NULL CONSTRAINT email_syntax CHECK (email_syntax_ok(email)),
	verdict email_verify.verification_reason,
	whole email_verify.verdict);
CREATE INDEX ON signup (email_syntax_ok(email));
CREATE VIEW bad AS SELECT id, email_verify(email) FROM signup WHERE NOT email_verify_ok(email);
CREATE FUNCTION ask(email text) RETURNS text LANGUAGE SQL BEGIN ATOMIC SELECT email_verify(email)::text; END;
INSERT INTO signup (id, email) SELECT i, 'ok' || i || '@hangrcpt.deliver.com' FROM generate_series(1, 500) i;
INSERT INTO signup (id, email) VALUES (501, 'nobody@notls.deliver.com'), (502, 'gone@secret.deliver.com'), (503, 'dead@trap.deliver.com'), (504, 'x@nx.deliver.com'), (505, 'ok1@notls.deliver.com');
CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE OF email ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '3 s');
ALTER TABLE signup ADD CONSTRAINT email_deliverable CHECK (email_verify_ok(email, wait => '3 s')) NOT VALID;
INSERT INTO email_verify.override VALUES ('ceo@deliver.com', 'valid', 'phoned; "quoted" \ him', 'infinity');
INSERT INTO email_verify.override VALUES ('@trap.deliver.com', 'trap'), ('@.never.deliver.com', 'never_probe'),
	('team@', 'role'), ('@bücher.de', 'disposable'), ('jörg@deliver.com', 'invalid');
INSERT INTO email_verify.override SELECT email_verify.hmac('gone@secret.deliver.com'), 'suppressed', 'complaint';
INSERT INTO email_verify.override SELECT email_verify.hmac('@hidden.deliver.com'), 'never_probe';
GRANT EXECUTE ON FUNCTION email_verify(text, interval, interval) TO app_user;
GRANT SELECT ON email_verify.address TO app_user;
}, 'app');
# what the cache knows by now would refuse some of the rows
is($c->verdict('nobody@notls.deliver.com', '20 s', 'app')->{reason}, 'mailbox_not_found', 'one of the rows has a dead address by now');
is($c->verdict('ok1@notls.deliver.com', '20 s', 'app')->{reason}, 'smtp_deliverable', '... and one a living one');
$c->sql('UPDATE signup SET verdict = email_verify(email), whole = email_verdict(email) WHERE id = 505', 'app');
$c->wait(20, 'app');
my $rows = "SELECT count(*), sum(id), md5(string_agg(s::text, ',' ORDER BY id)) FROM signup s";
my $overrides = "SELECT string_agg(concat_ws(' ', pattern, action, note, until, kind), E'\\n' ORDER BY pattern, action) FROM email_verify.override";
my $verdicts = q{SELECT string_agg(concat_ws(' ', a, v.reason, v.detail, v.status), ', ' ORDER BY a) FROM unnest(ARRAY['CEO@deliver.com', 'a@trap.deliver.com', 'a@b.never.deliver.com',
	'a@bücher.de', 'jörg@deliver.com', 'Gone@secret.deliver.com', 'a@hidden.deliver.com']) a, email_verdict(a) v};
my %source = map { $_ => $c->sql($_, 'app') } $rows, $overrides, $verdicts;
like($source{$verdicts}, qr/CEO\@deliver\.com smtp_deliverable override.*Gone\@secret\.deliver\.com suppressed complaint/s, 'overrides work where they come from');

# --- dump and restore --------------------------------------------------------------------------------------------------------

my $dir = PostgreSQL::Test::Utils::tempdir();
my %dump = (
	plain => [ 'pg_dump', '-Fp', '-f', "$dir/plain.sql", 'app' ],
	custom => [ 'pg_dump', '-Fc', '-f', "$dir/custom", 'app' ],
	directory => [ 'pg_dump', '-Fd', '-j2', '-f', "$dir/directory", 'app' ],
	schema => [ 'pg_dump', '--schema-only', '-f', "$dir/schema.sql", 'app' ],
	inserts => [ 'pg_dump', '--inserts', '-f', "$dir/inserts.sql", 'app' ]);
my %restore = (
	plain => [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/plain.sql" ],
	custom => [ 'pg_restore', '--exit-on-error', "$dir/custom" ],
	directory => [ 'pg_restore', '--exit-on-error', '-j2', "$dir/directory" ],
	schema => [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/schema.sql" ],
	inserts => [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/inserts.sql" ]);

sub run_ok
{
	my ($what, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([@command], '>', \$out, '2>', \$err);
	$err =~ s/^.*(?:NOTICE|HINT): .*\n//mg;
	ok($ok && $err eq '', $what) or diag($err);
	return;
}

run_ok("pg_dump: $_", @{ $dump{$_} }) for sort keys %dump;
my $plain = slurp_file("$dir/plain.sql");
like($plain, qr/CREATE EXTENSION IF NOT EXISTS email_verify/, 'the dump makes the extension');
unlike($plain, qr/CREATE (?:FUNCTION|TABLE|TYPE) email_verify/, '... and not its objects');
like($plain, qr/COPY public\.signup.*ADD CONSTRAINT email_deliverable .*NOT VALID;.*CREATE TRIGGER email_verify/s, '... CHECK and trigger come after the data');
unlike($plain, qr/gone\@secret\.deliver\.com(?!\t\\N)/, '... a hashed override does not tell whom it is about');

$w->reset;
for my $format (sort keys %restore)
{
	my $db = "to_$format";
	$c->sql("CREATE DATABASE $db");
	my $before = $w->stats->{sessions};
	my @command = @{ $restore{$format} };
	splice @command, 1, 0, '-d', $db;
	run_ok("restore: $format", @command);
	$c->wait_for_worker($db);
	if ($format eq 'schema')
	{
		is($c->sql('SELECT count(*) FROM signup', $db), 0, '... without rows');
		is($c->sql('SELECT count(*) FROM email_verify.override', $db), 0, '... and the site\'s own word');
	}
	else
	{
		is($c->sql($rows, $db), $source{$rows}, '... all rows are there as they were');
		is($c->sql($overrides, $db), $source{$overrides}, '... and all overrides');
		is($c->sql('SELECT key FROM email_verify.site_key', $db), $c->sql('SELECT key FROM email_verify.site_key', 'app'), '... with their key');
		is($c->sql($verdicts, $db), $source{$verdicts}, '... they work');
	}
	$c->wait(0, $db);
	is($c->sql('SELECT count(*) FROM email_verify.queue', $db), 0, '... nothing was asked for');
	is($w->stats->{sessions} - $before, 0, '... of nobody');
	is($c->sql(q{SELECT string_agg(concat_ws(' ', conname, convalidated), ', ' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'signup'::regclass AND contype = 'c'}, $db),
		'email_deliverable f, email_syntax t', '... the constraints are as they were');
	is($c->sql(q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.deptype = 'e' WHERE e.extname = 'email_verify'}, $db),
		$c->sql(q{SELECT count(*) FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.deptype = 'e' WHERE e.extname = 'email_verify'}, 'app'), '... and so is the extension');
	like($c->try("INSERT INTO signup (id, email) VALUES (9999, 'x\@mailbox.test')", $db)->{err}, qr/e-mail address refused: no_mx_records/, '... and the trigger verifies');
	is($c->sql("SET ROLE app_user; SELECT email_verify('bad')", $db), 'invalid_syntax', '... the rights have come along') if $format ne 'schema';
	$c->sql("DROP DATABASE $db WITH (FORCE)");
}

# --- uninstalling ----------------------------------------------------------------------------------------------------------------

my $error = $c->try('DROP EXTENSION email_verify', 'app')->{err};
like($error, qr/other objects depend on it/, 'DROP EXTENSION says what depends on it');
like($error, qr/\Q$_\E/, "... $_") for 'constraint email_syntax on table signup', 'constraint email_deliverable on table signup', 'trigger email_verify on table signup',
  'column verdict of table signup', 'column whole of table signup', 'view bad', 'function ask(text)';
is($c->sql('ALTER EXTENSION email_verify UPDATE; SELECT count(*) FROM signup', 'app'), 505, 'ALTER EXTENSION UPDATE to what it is leaves everything as it is');
$c->sql('DROP EXTENSION email_verify CASCADE', 'app');
is($c->sql(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'signup'::regclass AND attnum > 0 AND NOT attisdropped}, 'app'), 'id email', 'CASCADE: columns of its types are gone');
is($c->sql(q{SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'signup'::regclass) || ' ' || (SELECT count(*) FROM pg_constraint WHERE conrelid = 'signup'::regclass AND contype = 'c')
	|| ' ' || (SELECT count(*) FROM pg_views WHERE viewname = 'bad')}, 'app'), '0 0 0', '... trigger, constraints and view as well');
is($c->sql('SELECT count(*) FROM signup', 'app'), 505, '... and no row');
is($c->sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'email_verify'", 'app'), 0, '... the schema goes with it');
is($c->sql("INSERT INTO signup VALUES (506, 'not an address') RETURNING id", 'app'), 506, '... the table is an ordinary one');
$c->sql('DROP DATABASE app WITH (FORCE)');

$c->finish;
done_testing();
