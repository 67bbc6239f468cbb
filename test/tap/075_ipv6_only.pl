# 075_ipv6_only.pl
#	A host that has IPv6 and nothing else: name servers at an IPv6 address, mail servers at one, IPv4 switched off.

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Socket::IP;
use POSIX ();
use Socket qw(AF_INET6 inet_pton);
use Test::More;

use lib dirname(__FILE__) . '/../world', dirname(__FILE__);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer;

use constant { A => 1, AAAA => 28 };
my $listener = IO::Socket::IP->new(Proto => 'tcp', LocalHost => '::1', LocalPort => 0, Listen => 20)
	or plan skip_all => 'no IPv6';
skip_without_world();

# --- a mail server that knows who begins with "ok" -----------------------------------------------------------------------------

sub talk
{
	my ($peer) = @_;
	local $SIG{ALRM} = sub { POSIX::_exit(0) };
	alarm 60;
	$peer->autoflush(1);
	print $peer "220 six.test ESMTP\r\n";
	while (defined(my $line = <$peer>))
	{
		print $peer $line =~ /^EHLO/i ? "250 six.test\r\n" : $line =~ /^RCPT TO:<ok/i ? "250 2.1.5 ok\r\n" :
			$line =~ /^RCPT/i ? "550 5.1.1 no such user\r\n" : $line =~ /^QUIT/i ? "221 bye\r\n" : "250 2.0.0 ok\r\n";
		last if $line =~ /^QUIT/i;
	}
	close $peer;
	POSIX::_exit(0);
}

my $port = $listener->sockport;
my $pid = fork // die "fork: $!\n";
if ($pid == 0)
{
	local $SIG{CHLD} = 'IGNORE';
	while (1)
	{
		my $peer = $listener->accept or next;
		talk($peer) if !fork;
		close $peer;
	}
}
close $listener;

# --- verified --------------------------------------------------------------------------------------------------------------------

my $ns = EmailVerifyNameServer->new(sub {
	my ($name, $type) = @_;
	return (records => []) if $type == A && $name !~ /^four/;
	return $type == AAAA && $name !~ /^four|arpa$/ ? (records => [ inet_pton(AF_INET6, '::1') ]) : ();
}, '::1');
my $c = EmailVerifyCluster->new('six', conf => { 'email_verify.dns_servers' => $ns->address, 'email_verify.dns_canaries' => '',
	'email_verify.smtp_port' => $port, 'email_verify.ipv4' => 'off', 'email_verify.helo_name' => 'six.example.org',
	'email_verify.mail_from' => 'probe@example.org' });
my %got = $c->verify('ok@six.net', 'gone@six.net', 'ok@four.net');
is($got{'ok@six.net'}{reason}, 'smtp_deliverable', 'a mailbox at an IPv6 host');
is($got{'gone@six.net'}{reason}, 'mailbox_not_found', '... and one that is not there');
is("$got{'ok@four.net'}{reason} $got{'ok@four.net'}{detail}", 'smtp_connection_failed unreachable',
	'a domain whose mail servers have IPv4 alone is out of reach, and not invalid');
is($ns->count('six.net', A), 0, 'nobody asked for the IPv4 address of a host that has the other one');
is($c->stat->{prober_crashes_total}, 0, 'the prober lives');
kill 'KILL', $pid;
waitpid $pid, 0;
$c->finish;
done_testing();
