# 002_hardened.pl
#	What reads strangers' bytes is built with the compiler's defences: stack protector, checked C library calls, control-flow
#	protection; programs and libraries are position-independent and bound at start.  Looks at what the build made; starts no server.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

my $root = abs_path(dirname(__FILE__) . '/../..');
my $x86 = `uname -m` =~ /^x86_64/;

sub undefined { return map { /\sU\s+(\S+)/ ? $1 =~ s/\@.*//r : () } `nm --undefined-only '$_[0]' 2>/dev/null` }

for my $layer (qw(engine net))
{
	my @objects = glob "$root/build/$layer/*.o";
	cmp_ok(scalar @objects, '>', 20, "$layer: objects");
	my %protected = map { $_ => 1 } grep { my %u = map { $_ => 1 } undefined($_); $u{__stack_chk_fail} } @objects;
	cmp_ok(scalar keys %protected, '>=', @objects / 3, "$layer: functions with arrays have a stack protector");
	my @checked = grep { /_chk$/ } map { undefined($_) } @objects;
	cmp_ok(scalar @checked, '>', 0, "$layer: the C library checks the size of buffers");
}
# of the readers of peers' bytes each must have one
for my $name (qw(engine/mime engine/mask net/dns_message net/session_io net/pipe_frame))
{
	like(`readelf -n '$root/build/$name.o' 2>/dev/null`, qr/IBT, SHSTK/, "$name: indirect branches and returns are protected") if $x86;
	ok((grep { $_ eq '__stack_chk_fail' } undefined("$root/build/$name.o")), "$name: stack protector");
}

for my $file ('email_verify.so', 'email_verify_worker.so', 'build/email_verify_prober', 'build/email_probe')
{
	my $path = "$root/$file";
	my $dynamic = `readelf -d '$path' 2>/dev/null`;
	like(`readelf -h '$path' 2>/dev/null`, qr/Type:\s+DYN/, "$file is position-independent");
	like($dynamic, qr/BIND_NOW|FLAGS.*NOW/, "$file is bound at start");
	my $segments = `readelf -lW '$path' 2>/dev/null`;
	like($segments, qr/GNU_RELRO/, "$file: relocations are read-only afterwards");
	like($segments, qr/GNU_STACK\s.*\sRW\s/, "$file: no executable stack");
}

done_testing();
