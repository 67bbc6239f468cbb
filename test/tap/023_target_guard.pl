# 023_target_guard.pl
#	Whoever controls a domain's DNS chooses where the database server connects to: never to private, loopback or
#	otherwise unroutable addresses, unless email_verify.allow_private_networks says so.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

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
done_testing();
