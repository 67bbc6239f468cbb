# 074_resolver_gone.pl
#	The resolver is gone for a while (EV_GONE_SECONDS): nothing becomes invalid by it, what was known stays, nobody storms it, and when it
#	is back all is answered without a hand.  The delays stand for those of minutes and hours; shorter ones would meet what the
#	prober remembers of a failure for 30 seconds.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp ();
use Test::More;
use Time::HiRes qw(sleep time);

use lib dirname(__FILE__) . '/../world', dirname(__FILE__);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer;

skip_without_world();

use constant { A => 1, MX => 15 };
my $dir = File::Temp->newdir;
chmod 0755, $dir;
my $gone = "$dir/gone";
my $ns = EmailVerifyNameServer->new(sub { return -e $gone ? (silent => 1) : () });
my $c = EmailVerifyCluster->new('gone', conf => { 'email_verify.mode' => 'dns', 'email_verify.dns_servers' => $ns->address, 'email_verify.dns_canaries' => '',
	'email_verify.dns_timeout' => '200ms', 'email_verify.transient_delays' => '31s, 31s, 31s, 31s' });

my $taken = 'bucket_default_skip_smtp_unknown';
my @known = map { "a\@known$_.net" } 1 .. 5;
my %got = $c->verify(@known);
is($got{$_}{reason}, $taken, "$_ is known") for @known;

open my $fh, '>', $gone or die "$gone: $!";
close $fh;
my $start = time;
my @new = map { "b\@new$_.net" } 1 .. 40;
$c->ask(@new);
ok($c->poll("SELECT count(*) = 40 FROM email_verify.address WHERE address LIKE 'b@%' AND reason = 'dns_timeout'"), 'without a resolver new ones say that DNS is silent');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'b@%' AND status <> 'unknown'"), 0, '... and are unknown');
is($c->sql("SELECT count(*) FROM email_verify.queue"), 40, '... and wait for another time');
is(($c->ask('a@known1.net'))[0], $taken, 'what was known stays');
$c->sql("SELECT email_verify.recheck(a) FROM unnest(ARRAY[" . join(', ', map { "'$_'" } @known) . "]) a");
my @late = map { "c\@known$_.net" } 1 .. 5;
$c->ask(@late);
my $seconds = $ENV{EV_GONE_SECONDS} // 12;
while (time < $start + $seconds)
{
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE status = 'invalid'"), 0, sprintf('after %d seconds nothing is invalid', time - $start));
	sleep $seconds / 4;
}
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'a@%' AND reason <> '$taken'"), 0, 'an address that was asked about again keeps its good verdict');
cmp_ok($ns->count("new$_.net", MX), '<=', 4 * (1 + int $seconds / 30), "new$_.net was not stormed") for 1, 40;
is($c->stat->{errors_total}, 0, 'the worker met no error');

unlink $gone or die "$gone: $!";
ok($c->poll("SELECT count(*) = 50 FROM email_verify.address WHERE reason = '$taken'", 50), 'when it is back all are answered')
	or diag $c->sql('SELECT reason, detail, count(*) FROM email_verify.address GROUP BY 1, 2');
is($c->wait(20), 0, '... nothing is left to do');
$c->finish;
done_testing();
