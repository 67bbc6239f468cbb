# 046_hostile_settings.pl
#	What ALTER DATABASE ... SET and ALTER ROLE ... SET can do to a session must not keep the worker from its work, turn it
#	into somebody else, or make it run what it has not asked for.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('hostile', extension => 0,
	conf => { 'max_worker_processes' => 16, 'email_verify.databases' => 'named, low, high', 'log_line_prefix' => '[%p] ' });
my $node = $c->node;
my $version = $c->sql('SHOW server_version_num');

# The worker is the bootstrap superuser, whom these settings are meant for; the test itself comes as another superuser, and
# undoes for itself what it does to a database.
my $bootstrap = $c->sql('SELECT quote_ident(rolname) FROM pg_roles WHERE oid = 10');
$c->sql("CREATE ROLE tester SUPERUSER LOGIN; CREATE ROLE nobody_at_all");
$ENV{PGUSER} = 'tester';

sub exists_here
{
	my ($name) = @_;
	return $c->sql('SELECT current_setting(' . quoted($name) . ', true) IS NOT NULL') eq 't';
}

# Lists are set unquoted
sub literal
{
	my ($name, $value) = @_;
	return $value if $name =~ /^(?:search_path|\w+_tablespaces?|\w+_preload_libraries|DateStyle)$/ && $value ne '';
	return quoted($value);
}

# For the database as a whole; undone for the test
sub set_in
{
	my ($database, @settings) = @_;
	$c->sql(join '', map { "ALTER DATABASE $database SET $_->[0] = " . literal(@$_) . ";\nALTER ROLE tester IN DATABASE $database SET $_->[0] FROM CURRENT;\n" } @settings);
	return;
}

# The worker of that database does all that a worker does, without an error and without being started again.
sub verifies
{
	my ($database) = @_;
	$c->sql('CREATE EXTENSION email_verify', $database);
	my $pid = $c->wait_for_worker($database);
	my %expected = (
		'ok1@ok.deliver.com' => 'smtp_deliverable',
		'zz9@ok.deliver.com' => 'mailbox_not_found',
		'ok2@notls.deliver.com' => 'smtp_deliverable',
		'x@nx.deliver.com' => 'no_mx_records',
		'sus1@ok.deliver.com' => 'policy_temp_fail');
	my @asked = sort keys %expected;
	my $list = join ', ', map { quoted($_) } @asked;
	$c->sql("SELECT email_verify(a) FROM unnest(ARRAY[$list]) a", $database);
	is($c->wait(45, $database), 0, "$database: everything has an answer");
	my %found = map { $_->{address} => $_->{reason} } $c->rows('SELECT address, reason FROM email_verify.address', $database);
	is_deeply(\%found, \%expected, '... the right one');
	is($c->sql('SELECT count(*) FILTER (WHERE answered), count(*) FROM email_verify.queue', $database), '1|1', '... what is to be asked again is queued');
	is($c->sql('SELECT count(*) FROM email_verify.inflight', $database), 0, '... nothing is left under way');
	cmp_ok($c->sql('SELECT count(*) FROM email_verify.domain_host', $database), '>', 0, '... hosts were learned');
	is($c->sql('SELECT email_verify.enqueue(ARRAY(SELECT \'ok\' || i || \'@bulk.wild.deliver.com\' FROM generate_series(1, 1200) i))', $database), 1200, '... a long list is taken');
	is($c->wait(60, $database), 0, '... and worked off');
	is($c->worker_pid($database), $pid, '... by the same worker');
	my @errors = grep { /^\[$pid\] (?:ERROR|FATAL|PANIC|WARNING)/ } split /\n/, PostgreSQL::Test::Utils::slurp_file($node->logfile);
	is_deeply(\@errors, [], '... which met no error');
	return $pid;
}

# --- by name ----------------------------------------------------------------------------------------------------------

# What each of these does to a session that is not prepared for it is told on the right
$c->sql('CREATE DATABASE named');
$c->sql("SET allow_in_place_tablespaces = on;\nCREATE TABLESPACE elsewhere LOCATION ''");
my @named = grep { exists_here($_->[0]) } (
	[ 'search_path', 'trap, public, pg_catalog' ],             # other functions than it means
	[ 'role', 'nobody_at_all' ],                               # another user
	[ 'session_authorization', 'nobody_at_all' ],
	[ 'default_transaction_read_only', 'on' ],                 # it cannot write
	[ 'default_transaction_isolation', 'serializable' ],       # it cannot write beside others
	[ 'default_transaction_deferrable', 'on' ],
	[ 'session_replication_role', 'origin' ],
	[ 'row_security', 'on' ],
	[ 'statement_timeout', '1ms' ],
	[ 'lock_timeout', '1ms' ],
	[ 'idle_in_transaction_session_timeout', '1ms' ],
	[ 'idle_session_timeout', '1ms' ],
	[ 'exit_on_error', 'on' ],                                 # the first error would be its last
	[ 'synchronous_commit', 'remote_apply' ],
	[ 'jit', 'on' ],
	[ 'jit_above_cost', '0' ],
	[ 'DateStyle', 'German, DMY' ],
	[ 'IntervalStyle', 'iso_8601' ],
	[ 'TimeZone', 'Pacific/Kiritimati' ],
	[ 'timezone_abbreviations', 'Australia' ],
	[ 'extra_float_digits', '-15' ],
	[ 'bytea_output', 'escape' ],
	[ 'xmloption', 'document' ],
	[ 'lc_messages', 'C' ],
	[ 'client_encoding', 'LATIN1' ],
	[ 'client_min_messages', 'error' ],
	[ 'log_min_messages', 'debug1' ],
	[ 'log_min_error_statement', 'debug5' ],
	[ 'log_statement', 'all' ],
	[ 'array_nulls', 'off' ],
	[ 'transform_null_equals', 'on' ],
	[ 'standard_conforming_strings', 'off' ],
	[ 'backslash_quote', 'off' ],
	[ 'quote_all_identifiers', 'on' ],
	[ 'default_tablespace', 'elsewhere' ],
	[ 'temp_tablespaces', 'elsewhere' ],
	[ 'default_table_access_method', 'heap' ],
	[ 'default_toast_compression', 'pglz' ],
	[ 'work_mem', '64kB' ],
	[ 'temp_file_limit', '0' ],                                # what does not fit work_mem is an error
	[ 'temp_buffers', '800kB' ],
	[ 'max_stack_depth', '100kB' ],
	[ 'track_counts', 'off' ],                                 # autovacuum would not know of it
	[ 'plan_cache_mode', 'force_generic_plan' ],
	[ 'enable_seqscan', 'on' ],
	[ 'enable_indexscan', 'off' ],
	[ 'enable_indexonlyscan', 'off' ],
	[ 'enable_bitmapscan', 'off' ],
	[ 'enable_nestloop', 'off' ],
	[ 'enable_hashjoin', 'off' ],
	[ 'enable_mergejoin', 'off' ],
	[ 'enable_sort', 'off' ],
	[ 'enable_hashagg', 'off' ],
	[ 'from_collapse_limit', '1' ],
	[ 'join_collapse_limit', '1' ],
	[ 'geqo_threshold', '2' ],
	[ 'parallel_setup_cost', '0' ],
	[ 'parallel_tuple_cost', '0' ],
	[ 'min_parallel_table_scan_size', '0' ],
	[ 'max_parallel_workers_per_gather', '8' ],
	[ 'check_function_bodies', 'on' ],
	[ 'session_preload_libraries', 'no_such_library' ],        # FATAL for a client
	[ 'local_preload_libraries', 'no_such_library' ],
	# from 18 on it stands for $libdir, and without it no client would come in either
	$version >= 180000 ? () : ([ 'dynamic_library_path', '/no/such/folder' ]),
	$version >= 160000 ? ([ 'debug_parallel_query', 'on' ]) : ([ 'force_parallel_mode', 'on' ]),
	$version >= 170000 ? ([ 'event_triggers', 'on' ]) : (),
	$version >= 170000 ? ([ 'restrict_nonsystem_relation_kind', 'view,foreign-table' ]) : ());
set_in('named', @named);

# Once more for the role itself, in this database and everywhere
$c->sql("ALTER ROLE $bootstrap IN DATABASE named SET $_->[0] = " . literal(@$_)
	  . "; ALTER ROLE $bootstrap SET $_->[0] = " . literal(@$_))
  for @named;

# Functions and operators that would be taken for the server's
$c->sql(q{
	CREATE SCHEMA trap;
	CREATE TABLE trap.caught (what text);
	GRANT USAGE ON SCHEMA trap TO PUBLIC;
	GRANT INSERT ON trap.caught TO PUBLIC;
	CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.caught VALUES ('now'); RETURN pg_catalog.now(); END $$;
	CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.caught VALUES ('clock'); RETURN pg_catalog.clock_timestamp(); END $$;
	CREATE FUNCTION trap.count(bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.caught VALUES ('count'); RETURN $1; END $$;
	CREATE FUNCTION trap.bigint_any(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO trap.caught VALUES ('='); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
	CREATE OPERATOR trap.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.bigint_any)}, 'named');

# A login trigger is for logins (and the worker does nothing that the others are for)
if ($version >= 170000)
{
	$c->sql(q{
		CREATE FUNCTION trap.login() RETURNS event_trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF (SELECT backend_type FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()) <> 'client backend' THEN
				RAISE 'caught';
			END IF;
		END $$;
		CREATE EVENT TRIGGER login ON login EXECUTE FUNCTION trap.login();
		ALTER EVENT TRIGGER login ENABLE ALWAYS}, 'named');
}
verifies('named');
is($c->sql('SELECT coalesce(string_agg(DISTINCT what, $$, $$), $$nothing$$) FROM trap.caught', 'named'), 'nothing', '... and ran nothing of what lay in its search_path');

# A session with the same settings is turned into somebody else: they are what they are meant to be
{
	local $ENV{PGUSER} = 'victim';
	$c->node->safe_psql('postgres', 'CREATE ROLE victim SUPERUSER LOGIN', extra_params => [ '-U', 'tester' ]);
	$c->node->safe_psql('postgres', "ALTER ROLE victim IN DATABASE named SET $_ FROM CURRENT", extra_params => [ '-U', 'tester' ])
	  for qw(session_preload_libraries local_preload_libraries statement_timeout idle_session_timeout);
	is($c->try('SELECT current_user', 'named')->{out}, 'nobody_at_all', '... while a session is made somebody else by them');
}
$c->sql("ALTER ROLE $bootstrap RESET ALL; ALTER ROLE $bootstrap IN DATABASE named RESET ALL");

# --- all there are ----------------------------------------------------------------------------------------------------------

# Whatever a superuser can set for a database, as low, and as high, as it goes, or the other way round.  Left out is what this
# test writes itself, this extension's own settings, what only makes a log longer, and what makes sessions slow on purpose.
my $left_out = qr/^(?:email_verify\..*|log_.*|debug_(?!parallel).*|trace_.*|.*_preload_libraries|client_encoding|lc_.*|backtrace_functions
	|commit_delay|vacuum_cost_delay|ignore_.*|zero_damaged_pages|allow_system_table_mods|track_(?!counts).*|default_(?:tablespace|text_search_config|table_access_method)
	|plpgsql\..*|wal_.*|password_encryption|ssl_.*|tcp_.*|application_name|seed|dynamic_library_path|extension_control_path|local_preload.*)$/x;
my @settings = grep { $_->{name} !~ $left_out } $c->rows(q{
	SELECT name, vartype, setting, min_val, max_val, enumvals[1] AS first, enumvals[cardinality(enumvals)] AS last
	FROM pg_settings WHERE context IN ('user', 'superuser') AND vartype <> 'string' ORDER BY name});
cmp_ok(scalar(@settings), '>', 90, scalar(@settings) . ' settings');
for my $end (qw(low high))
{
	$c->sql("CREATE DATABASE $end");
	my @sweep;
	for my $s (@settings)
	{
		my $value =
		    $s->{vartype} eq 'bool' ? ($s->{setting} eq 'on' ? 'off' : 'on')
		  : $s->{vartype} eq 'enum' ? ($end eq 'low' ? $s->{first} : $s->{last})
		  : $end eq 'low' ? ($s->{name} =~ /_timeout$/ ? 1 : $s->{min_val})
		  : $s->{max_val};
		push @sweep, [ $s->{name}, $value ];
	}
	# one that cannot be set for a database at all is none of our business
	my $set = 0;
	for my $s (@sweep)
	{
		next if $c->try("ALTER DATABASE $end SET $s->[0] = " . quoted($s->[1]))->{code} != 0;
		$c->sql("ALTER ROLE tester IN DATABASE $end SET $s->[0] FROM CURRENT");
		$set++;
	}
	cmp_ok($set, '>', 90, "$end: $set of them set");
	verifies($end);
}

delete $ENV{PGUSER};
$c->finish;
done_testing();
