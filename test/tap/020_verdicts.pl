# 020_verdicts.pl
#	A situation that real domains and mail servers are in must not be taken for another: above all, no refusal that is
#	about us, no silence and no fault of the name servers may make an address invalid.
#
# All addresses are asked for in one statement; the worker verifies them against DNS and mail servers of the test world
# and each verdict is then read through SQL, with the evidence it stands on.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('verdicts',
	conf => { 'email_verify.max_refused' => 0, 'email_verify.rcpt_per_session' => 1000 });

# Some recipients whose names and whose replies say what they should not be taken at.
my @trap_words = qw(blacklist spamhaus.rbl no.such.user unknown.user greylist mailbox.full disabled relay.denied try.again.later);
for my $word (@trap_words)
{
	$w->ctl(qq{rule ok "$word.yes\@*" "250 2.1.5 <%r>... Recipient ok"});
	$w->ctl(qq{rule rblrcpt "$word\@*" "554 5.7.1 <%r>: Client host [%c] blocked using bl.lab-rbl.org; see http://lab-rbl.org/q?rcpt=%r"});
}

# address => [reason, detail or undef, evidence]; in details and evidence a regular expression matches, undef is NULL
my $any = qr//;
my $pf = $w->has_postfix;
my $v6 = $w->has_ipv6;
my @cases = (
	'--- DNS',
	'ok1@nullmx.deliver.com' => [ 'no_mx_records', 'null_mx', { stage => 'dns', reply_code => undef } ],
	'ok1@nullmx10.deliver.com' => [ 'no_mx_records', 'null_mx' ],
	'ok1@dotmx.deliver.com' => ['smtp_deliverable'],
	'ok1@aonly.deliver.com' => [ 'smtp_deliverable', undef, { mx_host => 'aonly.deliver.com' } ],
	'nobody@aonly.deliver.com' => ['mailbox_not_found'],
	($v6 ? ('ok1@aaaaonly.deliver.com' => [ 'smtp_deliverable', undef, { mx_address => '::1' } ]) : ()),
	($v6 ? ('ok1@v6.deliver.com' => [ 'smtp_deliverable', undef, { mx_address => '::1' } ]) : ()),
	'ok1@dual.deliver.com' => ['smtp_deliverable'],
	'ok1@noaddr.deliver.com' => [ 'no_mx_records', 'no_address' ],
	'ok1@nx.deliver.com' => [ 'no_mx_records', 'nxdomain' ],
	'ok1@nothing-of-the-kind.com' => [ 'no_mx_records', 'nxdomain' ],
	'ok1@servfail.deliver.com' => [ 'dns_lookup_error', 'servfail', { stage => 'dns' } ],
	'ok1@refused.deliver.com' => [ 'dns_lookup_error', 'dns_refused' ],
	'ok1@dnstimeout.deliver.com' => [ 'dns_timeout', 'dns_no_reply' ],
	'ok1@mxservfail.deliver.com' => [ 'dns_lookup_error', 'servfail' ],
	'ok1@mxtimeout.deliver.com' => [ 'dns_timeout', 'dns_no_reply' ],
	'ok1@mxcnameloop.deliver.com' => ['dns_lookup_error', $any],
	'ok1@mxnx.deliver.com' => [ 'host_not_found', 'mx_not_found' ],
	'ok1@mxnxall.deliver.com' => [ 'host_not_found', 'mx_not_found' ],
	'ok1@mxnoaddr.deliver.com' => [ 'host_not_found', 'mx_not_found' ],
	'ok1@mxip.deliver.com' => [ 'host_not_found', 'mx_not_found' ],
	'ok1@mxnxone.deliver.com' => ['smtp_deliverable'],
	'ok1@mxcname.deliver.com' => ['smtp_deliverable'],
	'ok1@domcname.deliver.com' => ['smtp_deliverable'],
	'ok1@x1.wild.deliver.com' => ['smtp_deliverable'],
	'ok1@manymx.deliver.com' => ['smtp_deliverable'],
	'ok1@bücher-post.com' => ['smtp_deliverable'],

	'--- SPF of domains without MX',
	'ok1@spfreject.deliver.com' => [ 'spf_reject_all', undef ],
	'ok1@spfredir.deliver.com' => [ 'spf_reject_all', undef ],
	'ok1@spfnoaddr.deliver.com' => [ 'spf_reject_all', $any ],
	'ok1@spfnoaddrsoft.deliver.com' => [ 'no_mx_records', 'no_address' ],
	'ok1@spfok.deliver.com' => ['smtp_deliverable'],
	'ok1@spfmx.deliver.com' => ['smtp_deliverable'],
	'ok1@spftwo.deliver.com' => ['smtp_deliverable'],

	'--- several hosts, dead hosts',
	'ok1@deadfirst.deliver.com' => [ 'smtp_deliverable', undef, { mx_host => 'mx.ok.deliver.com', mx_address => '127.21.0.1' } ],
	'nobody@deadfirst.deliver.com' => ['mailbox_not_found'],
	'ok1@firstgreet421.deliver.com' => ['smtp_deliverable'],
	'ok1@firstgreet554.deliver.com' => ['smtp_deliverable'],
	'ok1@firstnobanner.deliver.com' => ['smtp_deliverable'],
	'ok1@deadaddr.deliver.com' => ['smtp_deliverable'],
	'ok1@alldead.deliver.com' => [ 'smtp_connection_failed', 'connection_refused', { stage => 'connect', reply_code => undef, tls => undef } ],
	'ok1@blackhole.deliver.com' => [ 'smtp_timeout', 'connect_timeout' ],
	'ok1@deadbackup.deliver.com' => ['catch_all_deliverable'],
	'ok1@privmixed.deliver.com' => [ 'smtp_deliverable', undef, { mx_address => '127.21.0.1' } ],
	'ok1@privmixedaddr.deliver.com' => [ 'smtp_deliverable', undef, { mx_address => '127.21.0.1' } ],
	'ok1@priv10.deliver.com' => [ 'host_not_found', 'mx_unroutable' ],

	'--- hosts that refuse, hang up or say nothing',
	'ok1@greet421.deliver.com' => [ 'smtp_rate_limited', $any, { stage => 'greeting', reply_code => 421, enhanced_status => '4.3.2' } ],
	'ok1@greet554.deliver.com' => [ 'smtp_blocked', $any, { stage => 'greeting', reply_code => 554 } ],
	'ok1@nobanner.deliver.com' => [ 'smtp_eof_blocked', 'closed_before_greeting' ],
	'ok1@rstbanner.deliver.com' => [ 'smtp_eof_blocked', 'closed_before_greeting' ],
	'ok1@closeehlo.deliver.com' => [ 'smtp_protocol_error', 'closed' ],
	'ok1@closemail.deliver.com' => [ 'smtp_protocol_error', 'closed' ],
	'ok1@closercpt.deliver.com' => [ 'smtp_protocol_error', 'closed', { stage => 'rcpt' } ],
	'ok1@rstrcpt.deliver.com' => [ 'smtp_protocol_error', 'closed' ],
	'ok1@silent.deliver.com' => [ 'smtp_timeout', 'greeting_timeout', { stage => 'greeting' } ],
	'ok1@hangehlo.deliver.com' => [ 'smtp_timeout', 'command_timeout', { stage => 'ehlo' } ],
	'ok1@hangmail.deliver.com' => [ 'smtp_timeout', 'command_timeout', { stage => 'mail' } ],
	'ok1@hangrcpt.deliver.com' => [ 'smtp_timeout', 'command_timeout', { stage => 'rcpt' } ],
	'ok1@slowbanner.deliver.com' => ['smtp_deliverable'],
	'ok1@multibanner.deliver.com' => ['smtp_deliverable'],
	'ok1@slow.deliver.com' => ['smtp_deliverable'],
	'ok1@quithang.deliver.com' => ['smtp_deliverable'],

	'--- habits',
	'ok1@heloonly.deliver.com' => ['smtp_deliverable'],
	'nobody@heloonly.deliver.com' => ['mailbox_not_found'],
	'ok1@plain.deliver.com' => ['smtp_deliverable'],
	'ok1@drip.deliver.com' => ['smtp_deliverable'],
	'ok1@lfonly.deliver.com' => ['smtp_deliverable'],
	'ok1@tlsonly.deliver.com' => [ 'smtp_deliverable', undef, { tls => 1 } ],
	'nobody@tlsonly.deliver.com' => [ 'mailbox_not_found', undef, { tls => 1 } ],
	'ok1@notls.deliver.com' => [ 'smtp_deliverable', undef, { tls => 0 } ],
	'ok1@tlsonlybroken.deliver.com' => [ 'smtp_connection_failed', 'tls_failed' ],
	'jörg@noutf8.deliver.com' => [ 'smtputf8_unsupported', undef ],
	'ok1@noutf8.deliver.com' => ['smtp_deliverable'],
	'jörg@eai.deliver.com' => ['smtp_deliverable'],
	'jürg@eai.deliver.com' => ['mailbox_not_found'],

	'--- recipients',
	'ok1@ok.deliver.com' => [
		'smtp_deliverable', undef,
		{
			status => 'valid', stage => 'rcpt', reply_code => 250, enhanced_status => '2.1.5', reply_text => qr/\S/,
			mx_host => 'mx.ok.deliver.com', mx_address => '127.21.0.1', tls => 1, probes => 1, retry_at => undef,
			mx_fingerprint => qr/^-?\d+$/
		}
	],
	'nobody@ok.deliver.com' => [
		'mailbox_not_found', undef,
		{
			status => 'invalid', stage => 'rcpt', reply_code => 550, enhanced_status => '5.1.1', reply_text => qr/User unknown/,
			rule => qr/^[a-z0-9._]+$/, mx_host => 'mx.ok.deliver.com', probes => 1
		}
	],
	'full1@ok.deliver.com' => [ 'mailbox_full', $any, { reply_code => 452, enhanced_status => '4.2.2', status => 'unknown' } ],
	'dis1@ok.deliver.com' => [ 'mailbox_disabled', $any, { enhanced_status => '5.2.1', status => 'unknown' } ],
	'sus1@ok.deliver.com' => [ 'policy_temp_fail', 'temporarily_disabled', { retry_at => qr/\S/ } ],
	'moved1@ok.deliver.com' => [ 'mailbox_moved', undef ],
	'list1@ok.deliver.com' => [ 'recipient_restricted', undef, { status => 'risky' } ],
	'ok1@catchall.deliver.com' => [ 'catch_all_deliverable', undef, { status => 'catchall' } ],
	'full1@catchall.deliver.com' => [ 'mailbox_full', $any ],
	'ok1@r252.deliver.com' => [ 'smtp_unverifiable', 'cannot_verify' ],
	'ok1@weak.deliver.com' => ['smtp_deliverable'],
	'nobody@weak.deliver.com' => [ 'mailbox_not_found', 'weak' ],
	'odd1@weak.deliver.com' => [ 'smtp_unverifiable', 'weak_refusal' ],
	'ok1@allrefused.deliver.com' => [ 'smtp_blocked', qr/^(?:all_refused|policy)$/ ],
	'ok1@randomtemp.deliver.com' => [ 'catch_all_inconclusive', 'catch_all_temp_fail' ],
	'ok1@randomclose.deliver.com' => [ 'catch_all_inconclusive', 'catch_all_connection' ],
	'ok1@randomhang.deliver.com' => [ 'catch_all_inconclusive', 'catch_all_timeout' ],
	'ok1@catchtemp.deliver.com' => ['catch_all_deliverable'],
	'temp1@catchtemp.deliver.com' => [ 'catch_all_domain', $any ],
	'gone1@catchtemp.deliver.com' => ['mailbox_not_found'],

	'--- about us, our sender, their trouble',
	'ok1@badhelo.deliver.com' => [ 'smtp_blocked', 'helo_rejected', { stage => 'ehlo', status => 'unknown' } ],
	'ok1@rblrcpt.deliver.com' => [ 'smtp_blocked', 'blocklist', { stage => 'rcpt', reply_code => 554, status => 'unknown' } ],
	'nobody@rblrcpt.deliver.com' => [ 'smtp_blocked', 'blocklist' ],
	'ok1@ptrrcpt.deliver.com' => [ 'smtp_blocked', 'reverse_dns' ],
	'ok1@proto551.deliver.com' => [ 'smtp_blocked', $any ],
	'ok1@badsender.deliver.com' => [ 'sender_rejected', $any, { stage => 'mail' } ],
	'ok1@spfsender.deliver.com' => [ 'sender_rejected', 'sender_policy' ],
	'ok1@rcptsender.deliver.com' => [ 'sender_rejected', 'sender_domain', { stage => 'rcpt' } ],
	'ok1@ratetoo.deliver.com' => [ 'smtp_rate_limited', 'rate' ],
	'ok1@temppolicy.deliver.com' => [ 'policy_temp_fail', $any ],
	'ok1@errconfig.deliver.com' => [ 'smtp_protocol_error', 'system_error' ],
	'ok1@grey.deliver.com' => [ 'smtp_greylisted', 'greylist', { retry_at => qr/\S/ } ],

	'ok1@relay.deliver.com' => [ 'smtp_unverifiable', 'unconfirmed', { reply_code => 554, retry_at => qr/\S/ } ],
	($pf ? ('ok1@pfrelay.com' => [ 'smtp_unverifiable', 'unconfirmed' ]) : ()),

	'--- nonsense',
	(map { ("ok1\@$_.deliver.com" => [ 'smtp_protocol_error', $any, { reply_text => qr/^[ -~]*$/ } ]) }
		  qw(floodline floodreply floodbanner garbage garbagebanner http wrongcode shortreply unsolicited)),
	'ok1@mixedcodes.deliver.com' => [ qr/^(?:smtp_protocol_error|smtp_unverifiable)$/, $any, { status => 'unknown' } ],
	'ok1@nuls.deliver.com' => [ 'catch_all_deliverable', $any, { reply_text => qr/Ok/ } ],

	'--- local parts that look like a reason',
	(map { ("$_.yes\@ok.deliver.com" => ['smtp_deliverable']) } @trap_words),
	(map { ("$_\@ok.deliver.com" => [ 'mailbox_not_found', undef, { reply_text => qr/\Q$_\E/ } ]) } @trap_words),
	(map { ("$_\@rblrcpt.deliver.com" => [ 'smtp_blocked', 'blocklist' ]) } @trap_words),

	'--- hosts named as the big providers\' are',
	'ok1@acme-workspace.com' => ['smtp_deliverable'],
	'nosuch1@acme-workspace.com' => ['mailbox_not_found'],
	'rate1@acme-workspace.com' => [ 'google_rate_limit', 'recipient_rate' ],
	'full1@acme-workspace.com' => [ 'mailbox_full', $any ],
	'dis1@acme-workspace.com' => [ 'mailbox_disabled', $any ],
	'ok1@gmail.com' => ['smtp_deliverable'],
	'nobody@gmail.com' => ['mailbox_not_found'],
	'ok1@acme-m365.com' => ['smtp_deliverable'],
	'nobody@acme-m365.com' => ['mailbox_not_found'],
	'ipblock1@acme-dane.com' => ['m365_ip_rep_block', $any],
	'member1@acme-m365.com' => ['recipient_restricted'],
	'ok1@acme-m365relay.com' => ['m365_internal_relay'],
	'ok1@hotmail.com' => ['smtp_unverifiable', $any],
	'nobody@hotmail.com' => ['mailbox_not_found', $any],
	'ipblock1@outlook.com' => ['m365_ip_rep_block', $any],
	'ok1@yahoo.com' => ['smtp_unverifiable', $any],
	'nosuch1@yahoo.com' => ['mailbox_not_found'],
	'dis1@aol.com' => [ 'mailbox_disabled', $any ],
	'ok1@icloud.com' => ['smtp_unverifiable', 'untrusted_accept'],
	'nosuch1@icloud.com' => ['mailbox_not_found'],
	'ipblock1@me.com' => ['smtp_blocked', $any],
	'ok1@acme-mimecast.com' => ['smtp_deliverable'],
	'grey1@acme-mimecast.com' => ['mimecast_greylist', 'greylist'],
	'nobody@acme-mimecast.com' => ['mailbox_not_found'],
	'block1@acme-mimecast.com' => ['smtp_blocked', 'reputation'],
	'ok1@acme-mimecastall.com' => ['gateway_accept_all'],
	'ok1@acme-proofpoint.com' => ['smtp_deliverable'],
	'progress1@acme-proofpoint.com' => ['proofpoint_ad_lookup', 'lookup_pending'],
	'nosuch1@acme-proofpoint.com' => ['mailbox_not_found'],
	'block1@acme-proofpoint.com' => ['smtp_blocked', $any],
	'nosuch1@acme-ppe.com' => ['mailbox_not_found'],
	'nosuch1@acme-barracuda.com' => ['mailbox_not_found'],
	'nosuch1@orange.fr' => ['mailbox_not_found'],
	'full1@orange.fr' => [ 'mailbox_full', $any ],
	'nosuch1@yandex.ru' => ['mailbox_not_found'],

	'--- a real Postfix',
	(
		!$pf ? () : (
			'ok1@pfbox.com' => [ 'smtp_deliverable', undef, { reply_code => 250, enhanced_status => '2.1.5' } ],
			'info@pfbox.com' => ['smtp_deliverable'],
			'nobody@pfbox.com' => [ 'mailbox_not_found', undef, { reply_code => 550, enhanced_status => '5.1.1' } ],
			'blacklist@pfbox.com' => ['mailbox_not_found'],
			'no.such.user@pfbox.com' => ['mailbox_not_found'],
			'full1@pfbox.com' => [ 'mailbox_full', $any ],
			'dis1@pfbox.com' => [ 'mailbox_disabled', $any ],
			'sus1@pfbox.com' => [ 'policy_temp_fail', $any ],
			'anything@pfcatch.com' => ['catch_all_deliverable'],
			'ok1@pfnoutf8.com' => [ 'smtp_deliverable', undef, { tls => 0 } ],
			'jörg@pfnoutf8.com' => [ 'smtputf8_unsupported', undef ],
			'ok1@pfrbl.com' => [ 'smtp_blocked', 'blocklist' ],
			'nobody@pfrbl.com' => [ 'smtp_blocked', 'blocklist' ],
			'no.such.user@pfrbl.com' => [ 'smtp_blocked', 'blocklist' ],
			'ok1@pftls.com' => [ 'smtp_deliverable', undef, { tls => 1 } ],
			'nobody@pftls.com' => [ 'mailbox_not_found', undef, { tls => 1 } ],
			'ok1@pfsender.com' => ['smtp_deliverable'],
			'ok1@pfbroken.com' => [ 'smtp_protocol_error', 'system_error' ],
			'ok1@pflimit.com' => ['smtp_deliverable'])));

my (@order, %expected, %title);
for (my $i = 0, my $title = ''; $i < @cases;)
{
	if ($cases[$i] =~ /^--- (.*)/) { $title = $1; $i++; next; }
	push @order, $cases[$i];
	$expected{ $cases[$i] } = $cases[ $i + 1 ];
	$title{ $cases[$i] } = $title;
	$i += 2;
}

sub same
{
	my ($got, $want) = @_;
	return !defined $got if !defined $want;
	return ($got // '') =~ $want if ref $want;
	return defined $got && $got eq $want;
}

my %got = $c->verify(@order);
my %row = map { $_->{address} => $_ } $c->rows('SELECT * FROM email_verify.address');
my $now_title = '';
for my $address (@order)
{
	my ($reason, $detail, $evidence) = @{ $expected{$address} };
	my $verdict = $got{$address};
	(my $key = $address) =~ s/bücher-post/xn--bcher-post-9db/;
	my $row = $row{$key} // {};
	my @wrong;
	note($now_title = $title{$address}) if $title{$address} ne $now_title;

	push @wrong, "reason $verdict->{reason}" if !same($verdict->{reason}, $reason);
	push @wrong, 'detail ' . ($verdict->{detail} // 'NULL') if !same($verdict->{detail}, $detail);
	for my $column (sort keys %{ $evidence // {} })
	{
		push @wrong, "$column " . ($row->{$column} // 'NULL') if !same($row->{$column}, $evidence->{$column});
	}
	push @wrong, 'another verdict in the table' if ($row->{reason} // '') ne $verdict->{reason};
	push @wrong, 'text is not ASCII' if ($row->{reply_text} // '') !~ /^[ -~]*$/;
	ok(!@wrong, "$address: $reason")
	  or diag(join(', ', @wrong),
		"\n   ", map { "$_=" . ($row->{$_} // 'NULL') . '; ' } qw(stage reply_code enhanced_status rule mx_host mx_address tls reply_text));
}

# what a polite client leaves behind
my $stats = $w->stats;
is($stats->{cmd_data}, 0, 'no DATA was ever sent');
is($stats->{cmd_vrfy} + $stats->{cmd_expn}, 0, 'nor VRFY or EXPN');
is($stats->{early}, 0, 'nobody spoke before his turn');
is($c->sql("SELECT string_agg(DISTINCT reason::text, ', ') FROM email_verify.address WHERE status = 'unknown' AND detail IS NULL"),
	'', 'every unknown verdict has a detail');
is($c->sql('SELECT count(*) FROM email_verify.inflight'), 0, 'nothing is left in flight');
is($c->sql('SELECT count(*) FROM email_verify.address'), scalar(@order), 'one verdict for each address');
is( $c->sql("SELECT count(*) FROM email_verify.address a JOIN email_verify.reason r USING (reason) WHERE a.status NOT IN (r.status, 'role')"),
	0, 'status follows from reason');
is( $c->sql("SELECT count(*) FROM email_verify.address a WHERE (a.retry_at IS NULL) = EXISTS (SELECT FROM email_verify.queue q WHERE q.address = a.address)"),
	0, 'what is to be asked again is queued, and nothing else');

# what needs a second look to be believed
my @unbelieved = ('ok2@relay.deliver.com', $pf ? 'ok2@pfrelay.com' : ());
$c->set('email_verify.confirm_delay' => '2s');
$c->ask(@unbelieved, 'nobody2@weak.deliver.com');
is($c->wait, 0, 'refusals that need a second look are answered');
is($c->verdict($_)->{reason}, 'smtp_unverifiable', "$_: not believed at first") for @unbelieved;
for my $address (@unbelieved, 'nobody2@weak.deliver.com')
{
	ok($c->poll("SELECT NOT EXISTS (SELECT FROM email_verify.queue WHERE address = '$address')"), "$address: is looked at again");
}
is($c->verdict($_)->{reason}, 'relay_denied', "$_: and is believed then") for @unbelieved;
is($c->verdict('nobody2@weak.deliver.com')->{reason}, 'mailbox_not_found', 'a weak refusal that is confirmed stays one');
is(scalar($c->peer_rcpts($_)), 2, "$_ was asked for twice") for 'ok2@relay.deliver.com', 'nobody2@weak.deliver.com';

$c->finish;
done_testing();
