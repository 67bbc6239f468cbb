# 070_doctor.pl
#	What the doctor says of this host's name, sender, addresses, block lists and port 25, when all is well and when it is not; who may
#	ask him; and that a setting which cannot work is refused or named.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer;

my $w = skip_without_world();

# --- a little DNS: name and type => data -----------------------------------------------------------------------------------

sub ip { return pack 'C4', split /\./, $_[0] }
sub name { return join('', map { pack 'C/a*', $_ } split /\./, $_[0]) . "\0" }
sub mx { return pack('n', 10) . name($_[0]) }
sub txt { return join '', map { pack 'C/a*', $_ } $_[0] =~ /(.{1,200})/gs }

my %zone = (
	'good.lab.com A' => [ ip('127.0.0.9') ],
	'9.0.0.127.in-addr.arpa PTR' => [ name('good.lab.com') ],
	'nowhere.lab.com A' => [],
	'noptr.lab.com A' => [ ip('127.0.0.10') ],
	'10.0.0.127.in-addr.arpa PTR' => [],
	'otherptr.lab.com A' => [ ip('127.0.0.11') ],
	'11.0.0.127.in-addr.arpa PTR' => [ name('ec2-11.compute.lab.com') ],

	'from.lab.com TXT' => [ txt('google-site-verification=1'), txt('v=spf1 ip4:127.0.0.8/29 -all') ],
	'nospf.lab.com TXT' => [],
	'forbids.lab.com TXT' => [ txt('v=spf1 ip4:192.0.2.0/24 -all') ],
	'softly.lab.com TXT' => [ txt('v=spf1 ~all') ],
	'neutral.lab.com TXT' => [ txt('v=spf1 ip6:2001:db8::/32') ],
	'includes.lab.com TXT' => [ txt('v=spf1 include:forbids.lab.com include:from.lab.com -all') ],
	'redirects.lab.com TXT' => [ txt('v=spf1 redirect=includes.lab.com') ],
	'byname.lab.com TXT' => [ txt('v=spf1 a:good.lab.com/32 -all') ],
	'bymx.lab.com TXT' => [ txt('v=spf1 mx:viamx.lab.com -all') ],
	'viamx.lab.com MX' => [ mx('other.lab.com'), mx('good.lab.com') ],
	'macros.lab.com TXT' => [ txt('v=spf1 exists:%{i}.spf.lab.com -all') ],
	'twice.lab.com TXT' => [ txt('v=spf1 -all'), txt('v=spf1 +all') ],
	'loops.lab.com TXT' => [ txt('v=spf1 include:loops.lab.com -all') ],
	'dangles.lab.com TXT' => [ txt('v=spf1 include:nospf.lab.com -all') ],
	'nullmx.lab.com MX' => [ pack('n', 0) . "\0" ],
	'nomail.lab.com MX' => [],
	'nomail.lab.com A' => [],

	# block lists: one that lists us, one that does not, one that lists everybody, one that does not serve us
	'2.0.0.127.lists.lab.com A' => [ ip('127.0.0.2') ],
	'1.0.0.127.lists.lab.com A' => [],
	'9.0.0.127.lists.lab.com A' => [ ip('127.0.0.4') ],
	'2.0.0.127.clear.lab.com A' => [ ip('127.0.0.2') ],
	'1.0.0.127.clear.lab.com A' => [],
	'9.0.0.127.clear.lab.com A' => [],
	'2.0.0.127.dead.lab.com A' => [],
	'2.0.0.127.refuses.lab.com A' => [ ip('127.255.255.254') ],

	'talks.lab.com A' => [ ip('127.21.0.8') ],
	'shut.lab.com A' => [ ip('127.0.0.77') ],);
my %type = (1 => 'A', 12 => 'PTR', 15 => 'MX', 16 => 'TXT', 28 => 'AAAA');
my $ns = EmailVerifyNameServer->new(
	sub {
		my ($name, $type) = @_;
		my $word = $type{$type} // 'X';
		return (rcode => 2) if $name =~ /broken/;
		return (records => $zone{"$name $word"}) if $zone{"$name $word"};
		return ();
	});

my $c = EmailVerifyCluster->new(
	'doctor',
	conf => {
		'log_statement' => 'none',
		'email_verify.dns_servers' => $ns->address,
		'email_verify.helo_name' => 'good.lab.com',
		'email_verify.mail_from' => 'verify@from.lab.com'
	});

# the rows of a check: "result finding", one a line
sub doctor
{
	my ($check, %how) = @_;
	$c->sql('DELETE FROM email_verify.health') unless $how{keep};
	return $c->sql("SELECT result || ' ' || finding FROM email_verify.doctor(" . ($how{probe} ? 'probe => true' : '') . ") WHERE \"check\" = '$check'");
}

# --- our name ---------------------------------------------------------------------------------------------------------------

is(doctor('helo_name'), 'ok good.lab.com and 127.0.0.9 name each other', 'a name whose address has that reverse name');
my $asked = $ns->count('good.lab.com', 1);
is(doctor('helo_name', keep => 1), 'ok good.lab.com and 127.0.0.9 name each other', '... asked again at once, the answer is there');
is($ns->count('good.lab.com', 1), $asked, '... and nobody asks the network for it');
for (
	[ 'nowhere.lab.com', 'FAIL nowhere.lab.com has no address' ],
	[ 'noptr.lab.com', 'warn 127.0.0.10 has no reverse name' ],
	[ 'otherptr.lab.com', 'warn the reverse name of 127.0.0.11 is ec2-11.compute.lab.com' ],
	[ 'broken.lab.com', 'skip the name servers do not tell about broken.lab.com' ])
{
	$c->set('email_verify.helo_name' => $_->[0]);
	is(doctor('helo_name'), $_->[1], $_->[0]);
}
$c->set('email_verify.helo_name' => 'good.lab.com', 'email_verify.source_ipv4' => '127.0.0.12');
is(doctor('source_address'), 'ok 127.0.0.12', 'a source address of this host');
like(doctor('helo_name'), qr/^warn good\.lab\.com does not resolve to the source address 127\.0\.0\.12$/m, '... that the name does not resolve to');
$c->set('email_verify.source_ipv4' => '192.0.2.1');
is(doctor('source_address'), 'FAIL 192.0.2.1 is no address of this host', 'a source address of somebody else');
$c->set('email_verify.source_ipv4' => undef);

# --- our sender -------------------------------------------------------------------------------------------------------------

is(doctor('mail_from'), 'ok from.lab.com takes mail', 'a sender whose domain takes mail');
is(doctor('spf'), 'ok SPF of from.lab.com names 127.0.0.9', '... and names our address');
for ([ 'nullmx', 'FAIL nullmx.lab.com takes no mail' ], [ 'nomail', 'FAIL nomail.lab.com takes no mail' ])
{
	$c->set('email_verify.mail_from' => "x\@$_->[0].lab.com");
	is(doctor('mail_from'), $_->[1], "sender at $_->[0]");
}
my %spf = (
	nospf => 'warn nospf.lab.com has no SPF record',
	forbids => 'FAIL SPF of forbids.lab.com forbids 127.0.0.9',
	softly => 'warn SPF of softly.lab.com does not name 127.0.0.9',
	neutral => 'warn SPF of neutral.lab.com does not name 127.0.0.9',
	includes => 'ok SPF of includes.lab.com names 127.0.0.9',
	redirects => 'ok SPF of redirects.lab.com names 127.0.0.9',
	byname => 'ok SPF of byname.lab.com names 127.0.0.9',
	bymx => 'ok SPF of bymx.lab.com names 127.0.0.9',
	macros => 'skip SPF of macros.lab.com has macros, which are not evaluated',
	twice => 'warn SPF of twice.lab.com is in error',
	loops => 'warn SPF of loops.lab.com is in error',
	dangles => 'warn SPF of dangles.lab.com is in error',
	broken => 'skip the name servers do not tell SPF of broken.lab.com',);
for (sort keys %spf)
{
	$c->set('email_verify.mail_from' => "x\@$_.lab.com");
	is(doctor('spf'), $spf{$_}, "SPF of $_");
}
$c->set('email_verify.mail_from' => 'verify@from.lab.com');

# --- block lists ------------------------------------------------------------------------------------------------------------

is(doctor('dnsbl'), 'skip not asked', 'without a block list none is asked');
$c->set('email_verify.dnsbl' => 'lists.lab.com, clear.lab.com, dead.lab.com, refuses.lab.com, broken.lab.com');
is( doctor('dnsbl'),
	join("\n",
		'skip broken.lab.com does not answer',
		'ok clear.lab.com does not list 127.0.0.9',
		'skip dead.lab.com fails the self-test of RFC 5782',
		'warn lists.lab.com lists 127.0.0.9',
		'skip refuses.lab.com refuses the queries of our name servers'),
	'lists that are asked, only those that work are believed');
$c->set('email_verify.dnsbl' => undef);

# --- port 25 ----------------------------------------------------------------------------------------------------------------

is(doctor('port_25'), 'skip not tried', 'nobody is connected to unless that is asked for');
$c->set('email_verify.trial_domains' => 'talks.lab.com');
like(doctor('port_25', probe => 1), qr/^ok 1 of 1 mail servers can be connected to at port \d+$/, 'a mail server that can be reached');
like(doctor('port_25', keep => 1), qr/^ok 1 of 1/, '... is remembered');
$c->set('email_verify.trial_domains' => 'talks.lab.com, shut.lab.com');
like(doctor('port_25', probe => 1), qr/^warn 1 of 2 .*; shut\.lab\.com: connection refused$/, 'one of two');
$c->set('email_verify.trial_domains' => 'shut.lab.com');
like(doctor('port_25', probe => 1), qr/^FAIL 0 of 1 .*; shut\.lab\.com: connection refused$/, 'none');
$c->set('email_verify.trial_domains' => 'nullmx.lab.com');
is(doctor('port_25', probe => 1), 'skip no mail server of nullmx.lab.com is known', 'nobody to connect to');
$c->set('email_verify.trial_domains' => undef);

# --- what mail servers say of us ---------------------------------------------------------------------------------------------

is(doctor('our_address'), 'skip no mail server has been heard of', 'nobody has been asked');
$c->set('email_verify.dns_servers' => $w->dns);
$c->verify('ok1@ok.deliver.com');
like(doctor('our_address'), qr/^ok none of 1 groups/, 'a mail server that answers');
$c->verify('ok1@greet554.deliver.com');
like(doctor('our_address'), qr/^warn refused by /, 'one that refuses this host');
$c->set('email_verify.dns_servers' => $ns->address);

# --- inside the worker, too --------------------------------------------------------------------------------------------------

$c->set('email_verify.prober' => 'inline');
is(doctor('helo_name'), 'ok good.lab.com and 127.0.0.9 name each other', 'the prober in the worker finds the same');
is(doctor('spf'), 'ok SPF of from.lab.com names 127.0.0.9', '... and looks up SPF');
$c->set('email_verify.prober' => undef);

# --- who may ask ---------------------------------------------------------------------------------------------------------------

$c->sql('CREATE ROLE watcher IN ROLE pg_monitor; CREATE ROLE nobody');
is($c->sql(q(SET ROLE watcher; SELECT result FROM email_verify.doctor() WHERE "check" = 'worker')), 'ok', 'a member of pg_monitor may ask');
like($c->try(q(SET ROLE nobody; SELECT result FROM email_verify.doctor()))->{err}, qr/permission denied/, '... and not everybody');

# --- settings -------------------------------------------------------------------------------------------------------------------

for ('not.an.ip', '192.0.2.1:0', '192.0.2.1:70000', '[2001:db8::1', '192.0.2.1,', '2001:db8::1::2')
{
	like($c->try("ALTER SYSTEM SET email_verify.dns_servers = '$_'")->{err}, qr/invalid value for parameter "email_verify.dns_servers"/, "no name server: $_");
}
is($c->try("ALTER SYSTEM SET email_verify.dns_servers = '192.0.2.1, 192.0.2.2:53, [2001:db8::1]:53, 2001:db8::2'")->{code}, 0, 'name servers in all their forms');
$c->set('email_verify.dns_servers' => $ns->address);
like($c->try("ALTER SYSTEM SET email_verify.dnsbl = 'no name'")->{err}, qr/invalid value/, 'a block list without a name');
$c->set('email_verify.databases' => 'postgres, "no such one"');
is(doctor('databases'), 'warn email_verify.databases names databases that do not exist: no such one', 'a database that does not exist');
$c->set('email_verify.databases' => undef);
is(doctor('settings'), 'ok in force', 'all other settings are in force');

$c->finish;
done_testing();
