# 001_documentation.pl
#	What the documents say of settings, reasons and details is what the server says.
use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(abs_path($0)) . '/../..';

sub slurp
{
	my ($file) = @_;
	open my $fh, '<', "$root/$file" or die "$file: $!";
	local $/;
	return <$fh>;
}

my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'email_verify'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION email_verify');

# settings: name, default and context of each row
my %documented;
for (split /\n/, slurp('doc/settings.md'))
{
	my ($name, $default, undef, $context) = /^\| `(\w+)` \| (.*?) ?\|(.*?)\| (\w+) \|/ or next;
	$default =~ s/`//g;
	$documented{$name} = [ $default eq 'empty' ? '' : $default, $context ];
}
my $rows = $node->safe_psql('postgres', q{
	SELECT substr(name, 14), boot_val || coalesce(' ' || unit, ''),
		CASE context WHEN 'postmaster' THEN 'restart' WHEN 'sighup' THEN 'reload' ELSE context END
	FROM pg_settings WHERE name LIKE 'email\_verify.%'});
for (split /\n/, $rows)
{
	my ($name, $default, $context) = split /\|/;
	my $row = delete $documented{$name};
	is_deeply($row, [ $default, $context ], "doc/settings.md tells of $name as it is");
}
is_deeply([ sort keys %documented ], [], 'doc/settings.md tells of no setting that is not there');

# functions: the README names what the extension has, and nothing else
my $readme = slurp('README.md');
my @functions = split /\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT CASE WHEN pronamespace = 'email_verify'::regnamespace THEN 'email_verify.' ELSE '' END || proname
	FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'email_verify') AND proname !~ '^_'});
for my $function (@functions)
{
	like($readme, qr/\b\Q$function\E\b/, "README names $function");
}

# diagnoses: each with its own words
my $def_text = slurp('src/engine/reason.def');
my $syntax = slurp('doc/syntax.md');
my ($faults) = $def_text =~ /^(EV_DETAIL\(EMPTY,.*?)^EV_DETAIL\(NXDOMAIN/ms;
my %described = $faults =~ /^EV_DETAIL\(\w+, "(\w+)", "([^"]*)"\)/mg;
my %told = $syntax =~ /^\| `(\w+)` \| ([^|]*?) \|$/mg;
is($told{$_}, $described{$_}, "doc/syntax.md tells of $_") for sort grep { $_ ne 'builtin' } keys %described;

# operation: columns, gates and states
my $operation = slurp('doc/operation.md');
for my $word (split /\n/, $node->safe_psql('postgres', q{
	SELECT attname FROM pg_attribute WHERE attrelid = 'email_verify.stat'::regclass AND attnum > 0
	UNION ALL SELECT gate FROM email_verify.gate}))
{
	like($operation, qr/^\|[^|]*`\Q$word\E`[^|]*\|/m, "doc/operation.md has a row for $word");
}

is(slurp('doc/codes.md'), scalar `$root/script/code-table`, 'doc/codes.md is what script/code-table prints');

my $view = $node->safe_psql('postgres', 'SELECT count(*) FROM email_verify.reason');
my $def = () = slurp('src/engine/reason.def') =~ /^EV_REASON\(/mg;
is($view, $def, 'every reason of reason.def is in the view');

$node->stop;
done_testing();
