# 000_layers.pl
#	Who may know whom: engine knows nobody, net knows engine, and the two libraries keep engine and net to
#	themselves.  Looks at the sources and at what the build made of them; starts no server.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $build = "$root/build";
my $cc = $ENV{CC} // 'cc';

# --- what the sources include -----------------------------------------------------------------------------

# engine does no I/O, allocates nothing, knows no clock and no locale: little of the C library is of use
my %engine_system = map { $_ => 1 }
  qw(assert.h inttypes.h limits.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdnoreturn.h string.h);
my $idna_system = qr{^(?:idn2|stdlib|uni[a-z]+|unistring/version)\.h$};

# of every header that net may not include: PostgreSQL's and libpq's
my $postgres_header = qr{^(?:
	(?:postgres|postgres_fe|postgres_ext|c|fmgr|funcapi|miscadmin|pgstat|pgtime|pg_config\w*|libpq-fe)\.h
	| (?:access|catalog|commands|common|executor|lib|libpq|mb|nodes|optimizer|parser|port|portability|postmaster
		| replication|rewrite|storage|tcop|tsearch|utils|postgresql|server)/.*
)$}x;

sub sources
{
	my ($layer) = @_;
	my @found = sort glob "$root/src/$layer/*.[ch] $root/src/$layer/*.def $root/src/$layer/*.inc";
	return grep { -f } @found;
}

# Returns ([file, line number, '<' or '"', name], ...)
sub includes
{
	my @found;
	for my $file (@_)
	{
		open my $fh, '<', $file or die "$file: $!";
		while (my $line = <$fh>)
		{
			next unless $line =~ /^\s*#\s*include(?:_next)?\b\s*(.*)/;
			my $what = $1;
			my ($kind, $name) = $what =~ /^([<"])([^>"]+)[>"]/ ? ($1, $2) : ('?', $what);
			(my $short = $file) =~ s{^\Q$root\E/}{};
			push @found, [ $short, $., $kind, $name ];
		}
		close $fh;
	}
	return @found;
}

sub none
{
	my ($what, @bad) = @_;
	ok(!@bad, $what) or diag(map { "  $_\n" } @bad);
	return;
}

sub describe { return map { "$_->[0]:$_->[1]: $_->[3]" } @_ }

my @engine = sources('engine');
my @net = sources('net');
cmp_ok(scalar @engine, '>', 0, 'there are engine sources');
cmp_ok(scalar @net, '>', 0, 'there are net sources');

my @engine_includes = includes(@engine);
my @net_includes = includes(@net);

none('no include of engine or net goes up or through a macro',
	describe(grep { $_->[2] eq '?' || $_->[3] =~ m{(?:^|/)\.\.(?:/|$)|^/} } @engine_includes, @net_includes));
# generated/ is what the build makes of data/
none('engine includes headers of engine only',
	describe(grep { $_->[2] eq '"' && $_->[3] !~ m{^(?:engine|generated)/[^/]+$} } @engine_includes));
none('engine includes system headers that do no more than computing',
	describe(
		grep {
			$_->[2] eq '<'
			  && !$engine_system{ $_->[3] }
			  && !($_->[0] =~ m{/idna\.c$} && $_->[3] =~ $idna_system)
			  && !($_->[0] =~ m{/syntax_plain\.c$} && $_->[3] eq 'emmintrin.h')
		} @engine_includes));
none('net includes headers of engine and net only',
	describe(grep { $_->[2] eq '"' && $_->[3] !~ m{^(?:engine|net)/[^/]+$} } @net_includes));
none('net includes nothing of PostgreSQL',
	describe(grep { $_->[3] =~ $postgres_header || $_->[3] =~ m{^pg/} } @net_includes));
none('engine and net include no C file',
	describe(grep { $_->[3] =~ /\.c$/ } @engine_includes, @net_includes));

# --- the include paths -----------------------------------------------------------------------------------------

my $dir = tempdir(CLEANUP => 1);

# Does `#include "HEADER"` compile with the include path of LAYER?
sub compiles
{
	my ($layer, $header) = @_;
	open my $fh, '>', "$dir/probe.c" or die "$dir/probe.c: $!";
	print $fh "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include \"$header\"\nint probe;\n";
	close $fh;
	my $said = `$cc -std=c11 -I'$build/include/$layer-only' -fsyntax-only '$dir/probe.c' 2>&1`;
	return $? == 0 ? 'yes' : $said =~ /\Q$header\E: No such file/ ? 'no such file' : $said;
}

is(compiles('engine', 'engine/reason.h'), 'yes', 'engine can include engine');
is(compiles('net', 'engine/reason.h'), 'yes', 'net can include engine');
is(compiles('net', 'net/prober.h'), 'yes', 'net can include net');
is(compiles('engine', 'net/prober.h'), 'no such file', 'engine cannot include net');
my ($pg_header) = map { s{^\Q$root\E/src/}{}r } sort glob "$root/src/pg/shared/*.h";
for my $layer (qw(engine net))
{
	is(compiles($layer, $pg_header), 'no such file', "$layer cannot include $pg_header");
	is(compiles($layer, 'postgres.h'), 'no such file', "$layer cannot include postgres.h");
	is(compiles($layer, 'libpq-fe.h'), 'no such file', "$layer cannot include libpq-fe.h");
}

# --- what the compiled engine asks of the world -------------------------------------------------------------------

# Returns { object => { defined => {}, undefined => {} } }
sub symbols
{
	my ($archive) = @_;
	my (%objects, $object);
	open my $fh, '-|', 'nm', $archive or die "nm: $!";
	while (my $line = <$fh>)
	{
		if ($line =~ /^(\S+\.o):$/) { $object = $objects{$1} = { defined => {}, undefined => {} }; }
		elsif ($line =~ /^\s+[Uw]\s+(\S+)/) { $object->{undefined}{$1} = 1; }
		elsif ($line =~ /^[0-9a-f]+\s+[A-TV-Z]\s+(\S+)/) { $object->{defined}{$1} = 1; }
	}
	close $fh;
	return \%objects;
}

# pure functions of memory and strings that depend on no locale; and what compilers add
my %pure = map { $_ => 1 } qw(
  memchr memcmp memcpy memmem memmove memrchr memset bcmp bsearch
  strchr strcmp strcspn strlen strncmp strnlen strpbrk strrchr strspn strstr
  __memcpy_chk __memmove_chk __memset_chk __stack_chk_fail __explicit_bzero_chk explicit_bzero
  _GLOBAL_OFFSET_TABLE_
);

my $engine_objects = -f "$build/libev_engine.a" ? symbols("$build/libev_engine.a") : {};
my $net_objects = -f "$build/libev_net.a" ? symbols("$build/libev_net.a") : {};
cmp_ok(scalar keys %$engine_objects, '>', 0, 'build/libev_engine.a has objects');
cmp_ok(scalar keys %$net_objects, '>', 0, 'build/libev_net.a has objects');

my %engine_defined = map { %{ $_->{defined} } } values %$engine_objects;
my %net_defined = map { %{ $_->{defined} } } values %$net_objects;

my @foreign;
for my $object (sort keys %$engine_objects)
{
	next if $object eq 'idna.o';
	push @foreign, map { "$object: $_" }
	  grep { !$engine_defined{$_} && !$pure{$_} } sort keys %{ $engine_objects->{$object}{undefined} };
}
none('the engine calls no clock, allocator, locale, printf or system but in idna.o', @foreign);
none('idna.o reads no clock and does no I/O',
	grep { /^(?:open|read|write|fopen|printf|fprintf|socket|time|clock_gettime|gettimeofday|setlocale)(?:64)?$/ }
	  sort keys %{ $engine_objects->{'idna.o'}{undefined} // {} });
none('libev_net.a asks nothing of PostgreSQL',
	grep { /^(?:palloc|pfree|ereport|errstart|errfinish|elog|MemoryContext|SPI_|PQ|WaitLatch|MyProc)/ }
	  map { keys %{ $_->{undefined} } } values %$net_objects);

# --- the two libraries ------------------------------------------------------------------------------------------------

my @libraries = qw(email_verify.so email_verify_worker.so);
for my $library (@libraries)
{
	my $path = "$root/$library";
	ok(-f $path, "$library is there");
	my @exported = map { /\s[A-TV-Zi]\s+(\S+)/ ? $1 =~ s/\@.*//r : () } `nm -D --defined-only '$path' 2>&1`;
	cmp_ok(scalar(grep { $_ eq 'Pg_magic_func' } @exported), '==', 1, "$library is a module of PostgreSQL");
	none("$library exports nothing of engine or net",
		grep { $engine_defined{$_} || $net_defined{$_} } @exported);

	my @undefined = map { /\s[Uw]\s+(\S+)/ ? $1 =~ s/\@.*//r : () } `nm -D --undefined-only '$path' 2>&1`;
	none("$library expects nothing of engine or net from elsewhere",
		grep { /^ev_/ || $engine_defined{$_} || $net_defined{$_} } @undefined);
}

my $ldd = `ldd '$root/email_verify.so' 2>&1`;
is($?, 0, 'ldd reads email_verify.so') or diag($ldd);
none('email_verify.so finds every library it needs', $ldd =~ /^\s*(\S+ => not found)/mg);
none('email_verify.so loads no c-ares, libuv or OpenSSL', $ldd =~ /^\s*(lib(?:cares|uv|ssl|crypto)\.\S+)/mg);

done_testing();
