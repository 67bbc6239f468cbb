# 071_egress.pl
#	When this host's way out is blocked no mail server is blamed for it: the gate closes when many fail, their addresses wait without
#	using up attempts, what DNS decides is decided, good verdicts stay, and the first connection that stands opens it.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifyNameServer;

my $w = skip_without_world();

# dN.ownerN.com is at 127.50.N.1, where nobody listens; same*.one.com are of one owner; open.fine.com is a mail server of the world
sub mx { return pack('n', 10) . join('', map { pack 'C/a*', $_ } split /\./, $_[0]) . "\0" }
my $ns = EmailVerifyNameServer->new(
	sub {
		my ($name, $type) = @_;
		return () if $type != 1 && $type != 15;
		return (records => [ $name =~ /^null/ ? pack('n', 0) . "\0" : mx($name) ]) if $type == 15;
		return (records => [ pack 'C4', 127, 50, $1, 1 ]) if $name =~ /^d(\d+)\./;
		return (records => [ pack 'C4', 127, 51, $1, 1 ]) if $name =~ /^same(\d+)\./;
		return (records => [ pack 'C4', 127, 21, 0, 8 ]) if $name =~ /^open/;
		return ();
	});
my $c = EmailVerifyCluster->new(
	'egress',
	conf => {
		'log_statement' => 'none',
		'email_verify.dns_servers' => $ns->address,
		'email_verify.dns_canaries' => '',
		'email_verify.egress_trial_interval' => '1h'
	});

sub said
{
	my %got = $c->verify(@_);
	return join ' ', map { "$got{$_}{reason}/" . ($got{$_}{detail} // '') } @_;
}
sub gates { return $c->sql("SELECT coalesce(string_agg(gate, ' ' ORDER BY gate), '') FROM email_verify.stat_gate WHERE gate LIKE 'egress%'") }

# --- not for a few, and not for those of one owner ------------------------------------------------------------------------

is(said(map { "x\@same$_.one.com" } 1 .. 12), join(' ', ('smtp_connection_failed/connection_refused') x 12), 'twelve dead hosts of one owner are dead');
is(gates(), '', '... and the gate is open');
$c->forget;
is(said(map { "x\@d$_.owner$_.com" } 1 .. 7), join(' ', ('smtp_connection_failed/connection_refused') x 7), 'seven dead hosts of seven owners are dead');
is(gates(), '', '... and the gate is open');
$c->sql("INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, mx_host)
	VALUES ('good\@open1.fine.com', 'valid', 'smtp_deliverable', now(), now(), now() + interval '90 days', 'open1.fine.com')");

# --- closed -------------------------------------------------------------------------------------------------------------------

is(said("x\@d8.owner8.com"), 'smtp_connection_failed/port_25_blocked', 'the eighth in a row says something about us');
is(gates(), 'egress_v4', '... the gate is closed');
like($c->sql("SELECT evidence FROM email_verify.stat_gate WHERE gate = 'egress_v4'"), qr/^no connection to port \d+ of 8 groups of mail servers of 8 owners within ten minutes$/, '... and says why');
like($c->sql('SELECT hint FROM email_verify.stat'), qr/port 25/, '... email_verify.stat says what to do');
like($c->sql(q(SELECT string_agg(finding, ' ') FROM email_verify.doctor() WHERE "check" = 'gates' AND result = 'warn')), qr/egress_v4 since/, '... and so does the doctor');
is(said("new\@open3.fine.com", "x\@d9.owner9.com"), 'smtp_connection_failed/port_25_blocked smtp_connection_failed/port_25_blocked', 'nobody is connected to');
is(said("x\@null.fine.com"), 'no_mx_records/null_mx', 'what DNS decides is decided');
$c->sql("SELECT email_verify.recheck('good\@open1.fine.com')");
is($c->wait, 0, 'a formerly valid one is asked for');
is($c->row('good@open1.fine.com')->{reason}, 'smtp_deliverable', '... and stays valid');
is($c->queue('x@d9.owner9.com')->{attempts}, 0, 'that was no attempt');
is($c->sql("SELECT count(*) FROM email_verify.queue WHERE address IN ('new\@open3.fine.com', 'good\@open1.fine.com', 'x\@d9.owner9.com')"), 3, 'all of them wait');

$c->set('email_verify.withheld_max_age' => '1s');
ok($c->poll("SELECT clock_timestamp() > since + interval '1 s' FROM email_verify.stat_gate WHERE gate = 'egress_v4'"), 'withheld for longer than may be');
is(said('late@open3.fine.com'), 'internal_verifier_error/port_25_blocked', '... the cause is ours, and named');
is($c->queue('late@open3.fine.com')->{attempts}, 0, '... it waits like the others');
$c->set('email_verify.withheld_max_age' => undef);
is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'host_not_found'"), 0, 'no host is called dead');

# --- open again ---------------------------------------------------------------------------------------------------------------

$c->set('email_verify.egress_trial_interval' => '200ms');
$c->sql("SELECT email_verify.recheck('x\@d9.owner9.com')");
is($c->wait, 0, 'a trial that fails');
is(gates(), 'egress_v4', '... leaves it closed');
# the trial that is due may be used up by one of those that are dead
for (1 .. 100)
{
	last if gates() eq '';
	$c->sql("SELECT email_verify.recheck('new\@open3.fine.com')");
	$c->wait;
}
is(gates(), '', 'one connection that stands opens it');
$c->sql("SELECT email_verify.recheck('new\@open3.fine.com')");
is($c->wait, 0, 'all have an answer');
is($c->sql("SELECT count(*) FROM email_verify.command WHERE kind = 'recheck_since'"), 1, 'what was said of mail servers before is asked for anew');
ok($c->poll("SELECT checked_at > (SELECT min(asked_at) FROM email_verify.command WHERE kind = 'recheck_since') FROM email_verify.address WHERE address = 'x\@d1.owner1.com'"), '... by itself');
isnt($c->row('new@open3.fine.com')->{reason}, 'smtp_connection_failed', '... and the one that waited has its own');
is(said(map { "x\@d$_.owner$_.com" } 20 .. 31), join(' ', ('smtp_connection_failed/connection_refused') x 12), 'so soon after a connection dead hosts are dead, however many');
is(gates(), '', '... and the gate is open');

$c->finish;
done_testing();
