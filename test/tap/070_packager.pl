# 070_packager.pl
#	What a packager and an administrator do with the tree beside building it: install below a directory of their own,
#	compile against a server with assertions, let the installed extension be checked on a server that is set up for it.

use strict;
use warnings;

use File::Find qw(find);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = $ENV{EV_ROOT};
my $config = $ENV{PG_CONFIG} // 'pg_config';
my $place = PostgreSQL::Test::Utils::tempdir();

sub output
{
	my (@command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	return ($ok, $out, $err);
}

sub asked
{
	my ($what) = @_;
	my (undef, $out) = output($config, $what);
	chomp $out;
	return $out;
}

# --- make install DESTDIR=... -------------------------------------------------------------------------------------------

my ($ok, $out, $err) = output('make', '-s', '-C', $root, "PG_CONFIG=$config", 'with_llvm=no', "DESTDIR=$place", 'install');
ok($ok, 'make install into a directory where nothing is yet') or diag($err);
my ($lib, $share, $bin) = map { asked($_) } qw(--pkglibdir --sharedir --bindir);
my @installed;
find(sub { push @installed, $File::Find::name =~ s/^\Q$place\E//r if -f }, $place);
is(join("\n", sort grep { !m{/(?:bitcode|doc)/} } @installed),
	join("\n", sort "$lib/email_verify.so", "$lib/email_verify_worker.so", "$lib/email_verify_prober", "$bin/email_probe",
		"$share/extension/email_verify.control", "$share/extension/email_verify--1.0.sql"),
	'... it has both libraries, both programs and the two files of the extension');

# --- a server with assertions -------------------------------------------------------------------------------------------

my $include = asked('--includedir-server');
my @broken;
for my $file (glob "$root/src/pg/*/*.c")
{
	my ($compiled, undef, $said) = output($ENV{CC} // 'cc', qw(-std=gnu11 -D_GNU_SOURCE -DUSE_ASSERT_CHECKING=1 -O0 -Wall -Werror -fsyntax-only),
		"-I$root/src", "-I$include", $file);
	push @broken, $said if !$compiled;
}
is(join('', @broken), '', 'all of src/pg compiles without a warning for a server with assertions');

# --- make installcheck on a server that has it preloaded -----------------------------------------------------------------

# It was told where the library is, and would find nothing by its name alone.
my $own = "$place/own";
mkdir $_ or die "$_: $!" for $own, "$own/empty";
symlink "$lib/$_", "$own/$_" or die "$_: $!" for qw(email_verify.so email_verify_worker.so email_verify_prober);
my $node = PostgreSQL::Test::Cluster->new('packager');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$own/email_verify'\ndynamic_library_path = '$own/empty'\nemail_verify.dns_servers = '127.0.0.1:1'");
$node->start;
$node->safe_psql('postgres', 'SET client_min_messages = warning; CREATE EXTENSION email_verify');
ok($node->poll_query_until('postgres', "SELECT worker = 'running' FROM email_verify.stat"), 'the worker\'s library is found next to the one that a path was given of');
$node->safe_psql('postgres', 'SET client_min_messages = warning; DROP EXTENSION email_verify');

local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
($ok, $out, $err) = output('make', '-s', '-C', $root, "PG_CONFIG=$config", "REGRESS_OPTS=--load-extension=email_verify --outputdir=$place", 'installcheck');
ok($ok, 'make installcheck passes there') or diag(join "\n", grep { /FAILED|^not ok/ } split /\n/, $out);
my @files = glob "$root/sql/*.sql";
my $passed = () = $out =~ /^(?:test )?\s*\S+\s+\.\.\. ok|^ok \d+ +[-+] /mg;
is($passed, scalar @files, '... in each of the files');
my $results = slurp_file("$place/results/not_preloaded.out");
like($results, qr/^this server has it preloaded$/m, '... of which one says that it is not meant for such a server');

$node->stop('fast');
done_testing();
