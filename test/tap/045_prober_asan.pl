# 045_prober_asan.pl
#	The prober under AddressSanitizer and UndefinedBehaviorSanitizer, talking to the whole of the small internet: as the command
#	email_probe, as a process of its own, and that process from its first message to its end.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use Test::More;

plan skip_all => 'WORLD_ENV is not set: start test/world first' unless $ENV{WORLD_ENV};
plan skip_all => 'all of it has the sanitizers already' if $ENV{EV_SANITIZE};

my $here = dirname(__FILE__);
my $root = $ENV{EV_ROOT} // "$here/../..";
my $build = $ENV{EV_BUILD} // "$root/build";
my $programs = "$build/san";
my $dir = File::Temp->newdir;

for my $program (qw(email_probe email_verify_prober))
{
	ok(-x "$programs/$program", "$program is there") or BAIL_OUT("see build/log/make-sanitized.log; make build/san/$program");
	like(`nm -D '$programs/$program'`, qr/__asan_report_load/, '... and looks for faults');
}

# the same tests as without
for my $test (qw(010_email_probe 011_prober))
{
	local $ENV{EV_PROGRAMS} = $programs;
	my @lines = `'$^X' '$here/$test.pl' 2>&1`;
	my $status = $?;
	is($status, 0, "$test") or diag(grep { !/^ok / } @lines);
	cmp_ok(scalar(grep { /^ok / } @lines), '>', 10, '... has run');
}

# 011 ends the process by force; here it ends by itself, and may leave nothing behind
is(system($ENV{CC} // 'cc', qw(-std=c11 -D_GNU_SOURCE -O1 -g -Wall), "-I$root/src", '-o', "$dir/quit", "$here/045_prober_asan.c",
		"$build/libev_net.a", "$build/libev_engine.a", '-Wl,--as-needed', qw(-luv -lcares -lssl -lcrypto -lidn2 -lunistring)),
	0, 'compiled') or BAIL_OUT('it cannot be linked');
{
	require EmailVerifyWorld;
	my $w = EmailVerifyWorld->new;
	$w->restore;
	local $ENV{WORLD_DNS} = $w->dns;
	local $ENV{WORLD_SMTP_PORT} = $w->smtp_port;
	is(`timeout 120 '$dir/quit' '$programs/email_verify_prober' 2>&1`, "20 answers of 30, exit code 0\n", 'a process that is no longer needed ends in order');
}

done_testing();
