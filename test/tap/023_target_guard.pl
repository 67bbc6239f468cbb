# 023_target_guard.pl
#	Whoever controls a domain's DNS chooses where the database server connects to: never to private, loopback or
#	otherwise unroutable addresses, unless email_verify.allow_private_networks says so.

use strict;
use warnings;

use Socket qw(AF_INET6 inet_pton);
use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('guard', conf => { 'email_verify.allow_private_networks' => undef });

my @private = map { "ok1\@$_.deliver.com" }
  qw(priv10 priv127 priv172 priv192 privlink privzero privcgnat privula privmapped privnat64 privmulti privmixedaddr privmixed
  ok aonly v6 aaaaonly dual twomx);
push @private, 'ok1@acme-workspace.com', 'ok1@pfbox.com';
my %got = $c->verify(@private);
for my $address (@private)
{
	is("$got{$address}{reason} " . ($got{$address}{detail} // ''), 'host_not_found mx_unroutable', $address);
}
is($w->stats->{sessions}, 0, 'nobody was called');
is($c->stat->{sessions_total}, 0, '... nor was it tried');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE stage <> 'dns' OR reply_code IS NOT NULL"), 0, 'DNS alone decided');
is($c->verdict('ok1@mxnx.deliver.com', '20 s')->{detail}, 'mx_not_found', 'hosts that do not exist are another matter');

# --- switched on and off while it runs ------------------------------------------------------------------------------

$c->set('email_verify.allow_private_networks' => 'loopback');
is($c->verdict('ok2@ok.deliver.com', '20 s')->{reason}, 'smtp_deliverable', 'when allowed, loopback is called');
is($c->verdict('ok2@priv127.deliver.com', '20 s')->{reason}, 'smtp_connection_failed', '... and what refuses the connection is another verdict');
my $before = $w->stats->{sessions};
$c->set('email_verify.allow_private_networks' => undef);
my $after = $c->verdict('ok3@ok.deliver.com', '20 s');
is("$after->{reason} " . ($after->{detail} // ''), 'host_not_found mx_unroutable', 'when forbidden again, what is known of the domain does not help');
is($w->stats->{sessions}, $before, '... and nobody is called');

$c->finish;

# --- a network's own NAT64 ------------------------------------------------------------------------------------------

use constant { A => 1, AAAA => 28 };
my %at = (
	'ipv4only.arpa' => '2a00:db9:122:344::c000:aa',
	'metadata.net' => '2a00:db9:122:344::a9fe:a9fe',
	'inside.net' => '2a00:db9:122:344::a00:1',
	'outside.net' => '2a00:db9:122:344::808:808',
	'beside.net' => '2a00:db9:122:345::a00:1',
	'tunnel.net' => '2a00:db9:122:345:200:5efe:a00:1',
	'local.net' => '64:ff9b:1:fffe::808:808',
	'localinside.net' => '64:ff9b:1:fffe::a00:1');
my $ns = EmailVerifyNameServer->new(sub {
	my ($name, $type) = @_;
	return (records => []) if $type == A && $at{$name};
	return $type == AAAA && $at{$name} ? (records => [ inet_pton(AF_INET6, $at{$name}) ]) : ();
});
$c = EmailVerifyCluster->new('nat64', conf => { 'email_verify.allow_private_networks' => undef, 'email_verify.mode' => 'dns',
	'email_verify.dns_servers' => $ns->address, 'email_verify.dns_canaries' => '' });
my ($refused, $taken) = ('host_not_found mx_unroutable', 'bucket_default_skip_smtp_unknown mode_dns');

sub said_of { my ($address) = @_; my $v = $c->verdict($address, '20 s'); return "$v->{reason} $v->{detail}" }

is(said_of('a@loopback.net'), $refused, 'a mail server at an IPv4 address');
is($ns->count('ipv4only.arpa', AAAA), 0, '... nobody asks for prefixes');
is(said_of('a@metadata.net'), $refused, 'a public IPv6 address that NAT64 leads to a private one, at the first question');
is(said_of('a@inside.net'), $refused, '... and another one');
is(said_of('a@outside.net'), $taken, '... to a public one');
is(said_of('a@beside.net'), $taken, 'beside the prefix it is an address as any');
is(said_of('a@tunnel.net'), $refused, '... unless it is the end of a tunnel to a private one');
is(said_of('a@local.net'), $refused, 'a local prefix that nobody vouches for');
is($ns->count('ipv4only.arpa', AAAA), 1, 'the resolver is asked once');

$c->set('email_verify.nat64_prefixes' => '64:ff9b:1:fffe::/96, 2a00:db9:122:345::/96');
is(said_of('b@local.net'), $taken, 'the setting vouches for a prefix');
is(said_of('b@localinside.net'), $refused, '... where the IPv4 address counts');
is(said_of('b@beside.net'), $refused, '... be the prefix a public one');
is(said_of('b@inside.net'), $refused, 'what the resolver says still counts');
for my $wrong ('2a00:db9::/33', '2a00:db9::1/96', '10.0.0.0/8', '2a00:db9::', '2a00:db9::/96/', '2a00:db9::/96,')
{
	like($c->try("ALTER SYSTEM SET email_verify.nat64_prefixes = '$wrong'")->{err}, qr/IPv6 prefixes of 32, 40, 48, 56, 64 or 96 bits/,
		"no prefix: $wrong");
}
$c->finish;
done_testing();
