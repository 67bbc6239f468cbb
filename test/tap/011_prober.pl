# 011_prober.pl
#	The prober as its callers see it (src/net/prober.h): one result for each request whatever happens, idle when there is nothing to do,
#	gone at once when told to.  The C side is 011_prober.c.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../world', dirname(__FILE__);

use EmailVerifyNameServer;

plan skip_all => 'WORLD_ENV is not set: start test/world first' unless $ENV{WORLD_ENV};
# its program has an allocator of its own
plan skip_all => '045_prober_asan looks for faults here' if $ENV{EV_SANITIZE};
require EmailVerifyWorld;

my $w = EmailVerifyWorld->new;
my $root = $ENV{EV_ROOT} // dirname(__FILE__) . '/../..';
my $build = $ENV{EV_BUILD} // "$root/build";
my $dir = File::Temp->newdir;
my $program = "$dir/prober";

my $compiled = system($ENV{CC} // 'cc', qw(-std=c11 -D_GNU_SOURCE -O1 -g -fno-builtin-malloc -Wall), "-I$root/src", '-o', $program,
	dirname(__FILE__) . '/011_prober.c', "$build/libev_net.a", "$build/libev_engine.a",
	qw(-luv -lcares -lssl -lcrypto -lidn2 -lunistring));
is($compiled, 0, 'compiled') or BAIL_OUT('the prober cannot be linked');

$ENV{WORLD_DNS} = $w->dns;
$ENV{WORLD_SMTP_PORT} = $w->smtp_port;

# what the caller sees does not depend on where the prober is
for my $where ('', ($ENV{EV_PROGRAMS} // $build) . '/email_verify_prober')
{

local $ENV{PROBER_PROGRAM} = $where;
delete local $ENV{PROBER_PROGRAM} if $where eq '';
note($where eq '' ? 'in our own process' : 'in a process of its own');

sub run_test
{
	my ($name, $what) = @_;
	my $out = `timeout 120 '$program' $name 2>&1`;
	is("$? $out", "0 passed\n", $what);
	return;
}

# name servers of our own
sub run_with
{
	my ($name, $what, @servers) = @_;
	local $ENV{WORLD_DNS} = join ',', map { ref ? $_->address : $_ } @servers;
	run_test($name, $what);
	return;
}

$w->restore;
run_test('idle', 'an idle prober needs no timer and no attention');

$w->reset;
run_test('many', 'many domains: one result each, facts first, one look-up of the host they share');
my $stats = $w->stats('ok');
cmp_ok($stats->{peak}, '<=', 80, 'no more than 40 sessions at once, and as many that say good-bye');
is($stats->{sessions}, 300, '... one for each domain');
is($stats->{quits}, 300, '... each with a QUIT');
is($stats->{lost} + $stats->{rsts}, 0, '... and an end in peace');

$w->reset;
run_test('coalesce', 'many addresses of a domain: one look-up, few sessions, one made-up recipient; then the cache');
is($w->stats('ok')->{peak}, 1, '... one session after the other');

run_test('full', 'no more requests than allowed');
run_test('known', 'what is known of made-up recipients and controls is used');
run_test('reconfigure', 'new settings while requests are under way');
run_test('policies', 'the site\'s own word on mail servers');
$w->ctl('set ok latency_ms=100');
run_test('policies_change', '... changed while domains wait for their turn');
$w->restore;
run_test('policies_fall_over', '... changed while a host keeps us waiting');
is($w->stats('ok')->{sessions}, 0, '... and the next host has not been visited');

$w->ctl('set ok hang=rcpt');
run_test('destroy', 'hundreds of hanging sessions do not hold up the end');
$w->restore;

my $good = EmailVerifyNameServer->new;
run_with('forget', 'what is forgotten is asked for again', $good);
is($good->count('forgotten.com', 15), 2, '... each time once, so the look-up has no memory of its own');

# like a resolver that takes so long to find out, and then answers all who have asked meanwhile
my $found;
my %slowly = (
	'slow.com' => sub { $found //= time + 1.2; return (after => $found - time) },
	'silent.com' => sub { return (silent => 1) });
my $slow = EmailVerifyNameServer->new(sub { my $how = $slowly{ $_[0] }; return $how ? $how->() : () });
run_with('slow_name', 'a name that takes longer than others is waited for, one that never comes is not', $slow);

my @refusing = map { EmailVerifyNameServer->new(sub { (rcode => 5) }) } 1 .. 2;
run_with('other_server', 'what one name server refuses is asked of the other, however many ask at once', $refusing[0], $good);
run_with('no_server', 'refused by all of them', @refusing);
is($refusing[0]->count('refused.com', 15) + $refusing[1]->count('refused.com', 15), 2, '... after each has been asked once');
run_with('no_server', 'refused by one, and the other is dead', $refusing[0], '127.0.0.1:1');

next unless $where eq '';    # there it would be the memory of this end
run_test('memory', 'without memory: one result for each request, and none of them is a dead address for that');
}

run_test('no_growth', '... and sessions that need no more of it than there was do not end the process');

done_testing();
