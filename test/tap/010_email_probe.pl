# 010_email_probe.pl
#	The command-line prober against the small internet: what it makes of DNS, and of mail servers that behave, misbehave,
#	or mean us rather than the recipient.  The dialogue in its JSON tells what was said to whom.

use strict;
use warnings;
use utf8;

use File::Basename qw(dirname);
use File::Temp ();
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use lib dirname(__FILE__) . '/../world';

plan skip_all => 'WORLD_ENV is not set: start test/world first' unless $ENV{WORLD_ENV};
require EmailVerifyWorld;

binmode $_, ':encoding(UTF-8)' for *STDOUT, *STDERR, Test::More->builder->output, Test::More->builder->failure_output;

my $w = EmailVerifyWorld->new;
my $probe = ($ENV{EV_PROGRAMS} // $ENV{EV_BUILD} // dirname(__FILE__) . '/../../build') . '/email_probe';
my @us = ('--dns', $w->dns, '--port', $w->smtp_port, '--helo', $w->get('WORLD_HELO'), '--from', $w->get('WORLD_MAIL_FROM'));
my @patience = qw(--dns-timeout 0.5 --dns-tries 2 --timeout-connect 1.5 --timeout-greeting 2.5 --timeout-ehlo 1.5
  --timeout-mail 1.5 --timeout-rcpt 1.5 --timeout-all 15);

# Run it: exit status, standard output, standard error.
sub run_probe
{
	my (@args) = map { utf8::encode(my $copy = $_); $copy } @_;
	my ($out, $err) = ('', '');
	my $log = File::Temp->new;
	open my $fh, '-|', 'sh', '-c', 'log=$1; shift; exec "$@" 2>"$log"', 'sh', "$log", $probe, @args
	  or die "cannot run $probe: $!";
	local $/;
	$out = <$fh> // '';
	close $fh;
	my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	$err = <$log> // '';
	return ($status, $out, $err);
}

# Verify addresses of the world: address => what was printed of it, and the exit status.
sub verify
{
	my ($options, @addresses) = @_;
	my ($status, $out, $err) = run_probe(@us, @patience, '--allow-loopback', '--json', @$options, @addresses);
	is($err, '', 'nothing on standard error');
	my %seen = map { ($_->{address} => $_) } map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;
	is_deeply([ sort keys %seen ], [ sort @addresses ], 'one object for each address');
	return (\%seen, $status);
}

# Hold one address' object against what is wanted: reason, detail, and evidence by name.
sub check
{
	my ($seen, $address, $reason, $detail, %evidence) = @_;
	my $got = $seen->{$address} // {};
	my %all = (%{ $got->{evidence} // {} }, map { $_ => $got->{$_} } qw(put_back probed confirm retry_after));
	my %want = (reason => $reason, detail => $detail, %evidence);
	my %have = (reason => $got->{reason}, detail => $got->{detail}, map { $_ => $all{$_} } keys %evidence);
	for my $part (\%want, \%have)
	{
		$_ = ref && JSON::PP::is_bool($_) ? ($_ ? 1 : 0) : $_ for values %$part;
	}
	is_deeply(\%have, \%want, "$address: $reason") or diag join "\n", @{ $got->{dialogue} // [] };
	return;
}

sub dialogue { my ($seen, $address) = @_; return join "\n", @{ $seen->{$address}{dialogue} // [] } }

sub at { my ($local, @domains) = @_; return map {"$local\@$_.deliver.com"} @domains }

my ($seen, $status);

# --- DNS -------------------------------------------------------------------------------------------------

my %dns = (
	nullmx => [ 'no_mx_records', 'null_mx' ],
	nullmx10 => [ 'no_mx_records', 'null_mx' ],
	dotmx => ['smtp_deliverable'],
	aonly => ['smtp_deliverable'],
	nx => [ 'no_mx_records', 'nxdomain' ],
	noaddr => [ 'no_mx_records', 'no_address' ],
	mxnx => [ 'host_not_found', 'mx_not_found' ],
	mxnxall => [ 'host_not_found', 'mx_not_found' ],
	mxnxone => ['smtp_deliverable'],
	mxnoaddr => [ 'host_not_found', 'mx_not_found' ],
	mxip => [ 'host_not_found', 'mx_not_found' ],
	mxcname => ['smtp_deliverable'],
	domcname => ['smtp_deliverable'],
	mxcnameloop => [ 'dns_lookup_error', 'servfail' ],
	servfail => [ 'dns_lookup_error', 'servfail' ],
	refused => [ 'dns_lookup_error', 'dns_refused' ],
	dnstimeout => [ 'dns_timeout', 'dns_no_reply' ],
	mxservfail => [ 'dns_lookup_error', 'servfail' ],
	mxtimeout => [ 'dns_timeout', 'dns_no_reply' ],
	manymx => ['smtp_deliverable'],
	'any.wild' => ['smtp_deliverable'],
	spfreject => ['spf_reject_all'],
	spfcase => ['spf_reject_all'],
	spfsplit => ['spf_reject_all'],
	spfother => ['spf_reject_all'],
	spfredir => ['spf_reject_all'],
	spfnoaddr => [ 'spf_reject_all', 'no_address' ],
	spfnoaddrsoft => [ 'no_mx_records', 'no_address' ],
	spfok => ['smtp_deliverable'],
	spfredirok => ['smtp_deliverable'],
	spftwo => ['smtp_deliverable'],
	spfloop => ['smtp_deliverable'],
	spfmx => ['smtp_deliverable'],
	map({ ($_ => [ 'host_not_found', 'mx_unroutable' ]) }
		qw(priv10 priv172 priv192 privlink privzero privcgnat privula privmapped privnat64 privmulti)),
	privmixed => ['smtp_deliverable'],
	privmixedaddr => ['smtp_deliverable'],
);

subtest 'what DNS says of a domain' => sub {
	$w->restore;
	($seen, $status) = verify([], at('ok1', sort keys %dns));
	for my $domain (sort keys %dns)
	{
		my ($reason, $detail) = @{ $dns{$domain} };
		check($seen, at('ok1', $domain), $reason, $detail, probed => $reason eq 'smtp_deliverable' ? 1 : 0);
	}
	is($status, 3, 'the exit status is that of the worst');

	my ($aonly, $manymx, $mx, $spf) = map { $seen->{"ok1\@$_.deliver.com"}{domain} } qw(aonly manymx mxcname spfreject);
	ok($aonly->{implicit_mx}, 'an implicit MX is called so');
	is_deeply($aonly->{mx}, ['aonly.deliver.com'], '... and is the domain itself');
	is(scalar @{ $manymx->{mx} }, 8, 'many MXs: the first of them are told');
	ok(!$mx->{implicit_mx}, 'an MX record is no implicit MX');
	is($spf->{spf}, 'nobody', 'what SPF says is told');
	isnt($seen->{'ok1@mxcname.deliver.com'}{mx_fingerprint}, $seen->{'ok1@aonly.deliver.com'}{mx_fingerprint},
		'fingerprints of different MX sets differ');
	is($seen->{'ok1@dotmx.deliver.com'}{mx_fingerprint}, $seen->{'ok1@spfmx.deliver.com'}{mx_fingerprint},
		'fingerprints of the same MX set are the same');
};

subtest 'loopback is private unless it is allowed' => sub {
	$w->reset;
	my ($code, $out) = run_probe(@us, @patience, '--json', 'ok1@ok.deliver.com', 'ok1@priv127.deliver.com');
	my @got = map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;
	is_deeply([ map {"$_->{reason} $_->{detail}"} @got ], [ ('host_not_found mx_unroutable') x 2 ], 'refused by the guard');
	is($code, 1, 'exit status 1');
	is($w->stats('ok')->{sessions}, 0, 'nobody was connected to');
};

SKIP: {
	skip 'no IPv6 on loopback', 1 unless $w->has_ipv6;
	subtest 'address families' => sub {
		($seen) = verify([ '-4', '-6' ], at('ok1', qw(aaaaonly v6 dual)));
		check($seen, 'ok1@aaaaonly.deliver.com', 'smtp_deliverable', undef, ip => '::1');
		check($seen, 'ok1@v6.deliver.com', 'smtp_deliverable', undef, ip => '::1');
		check($seen, 'ok1@dual.deliver.com', 'smtp_deliverable', undef, ip => '127.21.0.1');
		($seen) = verify(['-6'], at('ok1', qw(dual aonly)));
		check($seen, 'ok1@dual.deliver.com', 'smtp_deliverable', undef, ip => '::1');
		check($seen, 'ok1@aonly.deliver.com', 'smtp_connection_failed', 'unreachable', probed => 0);
		($seen) = verify(['-4'], at('ok1', qw(v6 aaaaonly)));
		check($seen, at('ok1', $_), 'smtp_connection_failed', 'unreachable') for qw(v6 aaaaonly);
	};
}

subtest 'a name server that is not there' => sub {
	my ($code, $out) = run_probe('--dns', '127.0.0.1:1', '--dns-timeout', '0.3', '--dns-tries', 1, '--json', 'a@ok.deliver.com');
	my $got = JSON::PP->new->utf8->decode($out);
	like("$got->{reason} $got->{detail}", qr/^dns_lookup_error dns_unreachable$|^dns_timeout dns_no_reply$/, 'is not the domain');
	is($code, 3, 'exit status 3');
};

subtest 'DNS only' => sub {
	$w->reset;
	($seen, $status) = verify(['--dns-only'], at('ok1', qw(ok nullmx)));
	check($seen, 'ok1@ok.deliver.com', 'bucket_default_skip_smtp_unknown', 'mode_dns', probed => 0, stage => 'dns');
	check($seen, 'ok1@nullmx.deliver.com', 'no_mx_records', 'null_mx');
	my (undef, $out) = run_probe('--dns', $w->dns, '--allow-loopback', '--json', 'ok1@ok.deliver.com');
	my $got = JSON::PP->new->utf8->decode($out);
	is("$got->{reason} $got->{detail}", 'bucket_default_skip_smtp_unknown not_configured', 'without a name nobody is visited');
	is($w->stats->{sessions}, 0, 'no session');
};

# --- good servers with habits ------------------------------------------------------------------------------

my @good = qw(ok ok2 notls plain heloonly multibanner slow slowbanner drip chunked lfonly quithang quitclose eai noutf8
  tlsonly tls454 tlsbroken tlsinject tlshang tlsclose deadfirst firstgreet421 firstgreet554 firstnobanner firstblackhole deadaddr
  backupmx weak);

subtest 'good servers with habits' => sub {
	my %clear = map { $_ => 1 } qw(notls plain heloonly tls454 tlsbroken tlshang tlsclose);
	$w->restore;
	my $started = time;
	($seen) = verify([], at('ok1', @good));
	for my $domain (@good)
	{
		check($seen, at('ok1', $domain), 'smtp_deliverable', undef, code => 250, stage => 'rcpt', tls => $clear{$domain} ? 0 : 1);
	}
	cmp_ok(time - $started, '<', 15, 'all of them at the same time');
	like(dialogue($seen, 'ok1@heloonly.deliver.com'), qr/^> EHLO .*\n< 50[02].*\n> HELO /m, 'HELO where EHLO is unknown');
	like(dialogue($seen, 'ok1@ok.deliver.com'), qr/^> MAIL FROM:.*\n> RCPT TO:<ok1\@.*\n< 250/m, 'MAIL and RCPT in one flight');
	like(dialogue($seen, 'ok1@plain.deliver.com'), qr/^> MAIL FROM:.*\n< 250.*\n> RCPT TO:/m, '... and one by one without PIPELINING');
	like(dialogue($seen, 'ok1@tlsbroken.deliver.com'), qr/TLS handshake failed\n.*again without TLS\n.*connecting/s, 'broken TLS: again without');
	unlike(dialogue($seen, 'ok1@tlsinject.deliver.com'), qr/^[*] (?!DNS|conn|TLS: |closed)/m, 'text injected before TLS is dropped');
	is($seen->{'ok1@deadfirst.deliver.com'}{evidence}{host}, 'mx.ok.deliver.com', 'the second MX after a dead first one');
	my %random = map { $_ => $seen->{"ok1\@$_.deliver.com"}{hosts}[0]{random} } @good;
	is_deeply([ grep { $random{$_} ne 'refused' } @good ], [], 'each was found to refuse made-up recipients');

	my $polite = $w->stats;
	is_deeply({ map { $_ => $polite->{$_} } qw(cmd_data cmd_vrfy early) }, { cmd_data => 0, cmd_vrfy => 0, early => 0 }, 'good manners');
	is_deeply([ grep { $w->stats($_)->{lost} + $w->stats($_)->{rsts} } qw(ok ok2 notls plain heloonly multibanner slow slowbanner drip chunked lfonly) ],
		[], 'QUIT to everybody, and no connection was reset');
};

subtest 'several recipients in one session' => sub {
	$w->restore;
	my @addresses = map {"$_\@ok.deliver.com"} qw(ok1 ok2 zz1 ok3 zz2 full1 dis1 ok4);
	($seen) = verify([ '--max-refused', 0 ], @addresses);
	check($seen, "ok$_\@ok.deliver.com", 'smtp_deliverable', undef) for 1 .. 4;
	check($seen, "zz$_\@ok.deliver.com", 'mailbox_not_found', undef, enhanced => '5.1.1') for 1, 2;
	is($seen->{'full1@ok.deliver.com'}{reason}, 'mailbox_full', 'a full one among them');
	is($seen->{'dis1@ok.deliver.com'}{reason}, 'mailbox_disabled', 'and a disabled one');
	my $stats = $w->stats('ok');
	is($stats->{sessions}, 1, 'one session');
	is($stats->{cmd_mail}, 1, 'one transaction');
	is($stats->{cmd_rcpt}, 9, 'and one made-up recipient');
};

subtest 'limits of a session' => sub {
	$w->restore;
	($seen) = verify([ '--max-refused', 2 ], map {"zz$_\@plain.deliver.com"} 1 .. 5);
	check($seen, "zz$_\@plain.deliver.com", 'mailbox_not_found', undef, put_back => 0) for 1 .. 5;
	is($w->stats('plain')->{sessions}, 3, 'two refusals a session: three sessions');
	is($w->stats('plain')->{peak}, 1, '... one after the other');

	($seen) = verify([ '--max-refused', 0 ], map {"ok$_\@mid421.deliver.com"} 1 .. 5);
	check($seen, 'ok3@mid421.deliver.com', 'smtp_rate_limited', 'rate', put_back => 1, code => 421);
	check($seen, "ok$_\@mid421.deliver.com", 'smtp_rate_limited', 'rate', put_back => 1, code => 421) for 4, 5;

	($seen) = verify([ '--max-refused', 0 ], map {"ok$_\@maxrcpt.deliver.com"} 1 .. 4);
	check($seen, "ok$_\@maxrcpt.deliver.com", 'smtp_deliverable', undef) for 1 .. 4;
	is($w->stats('maxrcpt')->{sessions}, 1, 'too many recipients: again in another transaction');
};

subtest 'internationalised addresses' => sub {
	($seen) = verify([], 'jörg@eai.deliver.com', 'jörg@noutf8.deliver.com', 'jörg@heloonly.deliver.com', 'ok1@noutf8.deliver.com',
		'ok1@bücher-post.com', 'ok1@xn--bcher-post-9db.com');
	check($seen, 'jörg@eai.deliver.com', 'smtp_deliverable', undef);
	like(dialogue($seen, 'jörg@eai.deliver.com'), qr/^> MAIL FROM:<\S+> SMTPUTF8$/m, 'SMTPUTF8 where it is needed');
	check($seen, 'jörg@noutf8.deliver.com', 'smtputf8_unsupported', undef, probed => 0, stage => 'ehlo', rule => 'smtputf8_not_offered');
	check($seen, 'jörg@heloonly.deliver.com', 'smtputf8_unsupported', undef, probed => 0);
	check($seen, 'ok1@noutf8.deliver.com', 'smtp_deliverable', undef);
	check($seen, "ok1\@$_", 'smtp_deliverable', undef) for 'bücher-post.com', 'xn--bcher-post-9db.com';
	unlike(dialogue($seen, 'ok1@bücher-post.com'), qr/^> .*SMTPUTF8$/m, 'a domain alone does not need SMTPUTF8');
};

# --- made-up recipients, grey-lists ------------------------------------------------------------------------

subtest 'catch-all' => sub {
	$w->restore;
	($seen) = verify([], at('ok1', qw(catchall openbackup deadbackup randomtemp randomclose randomhang)));
	check($seen, at('ok1', $_), 'catch_all_deliverable', undef) for qw(catchall openbackup deadbackup);
	check($seen, 'ok1@randomtemp.deliver.com', 'catch_all_inconclusive', 'catch_all_temp_fail');
	check($seen, 'ok1@randomclose.deliver.com', 'catch_all_inconclusive', 'catch_all_connection');
	check($seen, 'ok1@randomhang.deliver.com', 'catch_all_inconclusive', 'catch_all_timeout');
	is($seen->{'ok1@catchall.deliver.com'}{hosts}[0]{random}, 'accepted', 'a fact of the host');
	like($seen->{'ok1@randomtemp.deliver.com'}{hosts}[0]{random_local}, qr/^[a-z.0-9]{8,}$/, 'the name to be used again');
};

subtest 'grey-lists' => sub {
	$w->restore;
	($seen) = verify([], at('ok1', qw(grey greybackup)));
	check($seen, at('ok1', $_), 'smtp_greylisted', 'greylist', put_back => 0, ip => '127.21.0.4') for qw(grey greybackup);
	is($w->stats('openbackup')->{sessions}, 0, 'no turning to the second MX');
	sleep 4;
	($seen) = verify([ '--last-ip', '127.21.0.4' ], at('ok1', qw(grey greybackup)));
	is($seen->{"ok1\@$_.deliver.com"}{evidence}{code}, 250, "$_: accepted the second time") for qw(grey greybackup);
};

# --- refusals that are not about the recipient, silence, nonsense -------------------------------------------

my %bad = (
	alldead => [ 'smtp_connection_failed', 'connection_refused', stage => 'connect' ],
	blackhole => [ 'smtp_timeout', 'connect_timeout', stage => 'connect' ],
	silent => [ 'smtp_timeout', 'greeting_timeout', stage => 'greeting' ],
	hangehlo => [ 'smtp_timeout', 'command_timeout', stage => 'ehlo' ],
	hangmail => [ 'smtp_timeout', 'command_timeout', stage => 'mail' ],
	hangrcpt => [ 'smtp_timeout', 'command_timeout', stage => 'rcpt' ],
	greet421 => [ 'smtp_rate_limited', 'rate', stage => 'greeting', code => 421 ],
	greet554 => [ 'smtp_blocked', 'greeting_refused', stage => 'greeting', code => 554 ],
	nobanner => [ 'smtp_eof_blocked', 'closed_before_greeting' ],
	rstbanner => [ 'smtp_eof_blocked', 'closed_before_greeting' ],
	closeehlo => [ 'smtp_protocol_error', 'closed', stage => 'ehlo' ],
	closemail => [ 'smtp_protocol_error', 'closed', stage => 'mail' ],
	closercpt => [ 'smtp_protocol_error', 'closed', stage => 'rcpt' ],
	rstrcpt => [ 'smtp_protocol_error', 'closed', stage => 'rcpt' ],
	tlsonlybroken => [ 'smtp_connection_failed', 'tls_failed', code => 530 ],
	floodline => [ 'smtp_protocol_error', 'reply_too_long', stage => 'rcpt' ],
	floodreply => [ 'smtp_protocol_error', 'reply_too_long', stage => 'ehlo' ],
	floodbanner => [ 'smtp_protocol_error', 'reply_too_long', stage => 'greeting' ],
	garbage => [ 'smtp_protocol_error', 'garbage', stage => 'ehlo' ],
	garbagebanner => [ 'smtp_protocol_error', 'garbage', stage => 'greeting' ],
	http => [ 'smtp_protocol_error', 'garbage', text => 'HTTP/1.1 400 Bad Request' ],
	shortreply => [ 'smtp_protocol_error', 'garbage' ],
	mixedcodes => [ 'smtp_protocol_error', 'garbage' ],
	unsolicited => [ 'smtp_protocol_error', 'garbage' ],
	wrongcode => [ 'smtp_protocol_error', 'unexpected_reply', code => 354 ],
	badhelo => [ 'smtp_blocked', 'helo_rejected', stage => 'ehlo' ],
	rblrcpt => [ 'smtp_blocked', 'blocklist' ],
	badsender => [ 'sender_rejected', 'policy', stage => 'mail' ],
	relay => [ 'relay_denied', undef, confirm => 1 ],
	r252 => [ 'smtp_unverifiable', 'cannot_verify', code => 252 ],
	rate => [ 'smtp_rate_limited', 'rate' ],
);

subtest 'what is not the recipient\'s fault' => sub {
	$w->restore;
	my $started = time;
	($seen) = verify([], at('zz1', sort keys %bad));
	for my $domain (sort keys %bad)
	{
		my ($reason, $detail, %evidence) = @{ $bad{$domain} };
		check($seen, at('zz1', $domain), $reason, $detail, %evidence);
	}
	cmp_ok(time - $started, '<', 15, 'time is bounded');
	for my $domain (qw(garbage garbagebanner floodreply))
	{
		like($seen->{"zz1\@$domain.deliver.com"}{evidence}{text} // '', qr/^[ -~]{0,400}$/, "$domain: evidence is short printable ASCII");
	}
	like(dialogue($seen, 'zz1@garbage.deliver.com'), qr/^< [ -~]*\\x/m, 'and so is the dialogue');
	unlike(dialogue($seen, 'zz1@badhelo.deliver.com'), qr/^> HELO/m, 'no HELO where the name was refused');
	ok(!$seen->{'zz1@relay.deliver.com'}{put_back}, 'relay denied is a verdict, to be confirmed');
};

subtest 'NULs in a reply' => sub {
	($seen) = verify([], 'ok1@nuls.deliver.com');
	like($seen->{'ok1@nuls.deliver.com'}{evidence}{text}, qr/^2\.1\.5 \?Ok\?\? nul$/, 'are seen as question marks');
};

subtest 'weak refusals and controls' => sub {
	$w->restore;
	($seen) = verify([], 'zz1@weak.deliver.com');
	is($seen->{'zz1@weak.deliver.com'}{status}, 'unknown', 'a weak refusal alone is no verdict');
	($seen) = verify([], 'ok1@weak.deliver.com', 'zz1@weak.deliver.com');
	check($seen, 'ok1@weak.deliver.com', 'smtp_deliverable', undef);
	check($seen, 'zz1@weak.deliver.com', 'mailbox_not_found', 'weak', confirm => 1);
	($seen) = verify([], 'ok1@weak.deliver.com', 'odd1@weak.deliver.com');
	check($seen, 'odd1@weak.deliver.com', 'smtp_unverifiable', 'weak_refusal', confirm => 0);
};

# --- the command -------------------------------------------------------------------------------------------

subtest 'the command' => sub {
	my ($code, $out, $err) = run_probe('--help');
	is($code, 0, '--help');
	like($out, qr/^Usage: email_probe/m, '... tells its use');
	unlike($out, qr/.{101}/, '... in lines of at most 100 characters');
	($code, $out) = run_probe('--version');
	like($out, qr/^email_probe \(email_verify\) \d/, '--version');
	for my $wrong ([], ['--nonsense'], [ '--port', '0', 'a@b.com' ], [ '--port', 'x', 'a@b.com' ], [ '--helo', 'a b', 'a@b.com' ],
		[ '--from', 'nobody', 'a@b.com' ], [ '--source', '1.2.3', 'a@b.com' ], [ '--dns', 'x y', 'a@b.com' ], [ '--timeout-all', '0', 'a@b.com' ])
	{
		($code, $out, $err) = run_probe(@$wrong);
		is($code, 64, "wrong use: @$wrong");
		like($err, qr/^email_probe: /m, '... says what is wrong');
	}

	($code, $out) = run_probe('--json', 'no at sign', 'a@@b.com', "a\"b\\\x{1}\@c.com");
	my @got = map { JSON::PP->new->utf8->decode($_) } split /\n/, $out;
	is_deeply([ map { $_->{reason} } @got ], [ ('invalid_syntax') x 3 ], 'no address at all');
	is($got[0]{detail}, 'no_at_sign', '... and why');
	is($got[2]{address}, "a\"b\\\x{1}\@c.com", 'any bytes come back');
	is($code, 1, 'exit status 1');

	my @one = (@us, @patience, '--allow-loopback', 'ok1@ok.deliver.com');
	($code, $out) = run_probe(@one);
	is($code, 0, 'exit status 0 for a valid address');
	like($out, qr/^< 220 .*^> EHLO .*^ok1\@ok\.deliver\.com: valid smtp_deliverable$/ms, 'dialogue and verdict');
	($code, $out) = run_probe('-q', @one);
	unlike($out, qr/EHLO/, '--quiet leaves the dialogue out');
	($code, $out) = run_probe('-qq', @one);
	is($out, '', '... and twice, everything');
	($code) = run_probe('-qq', @us, @patience, '--allow-loopback', 'ok1@catchall.deliver.com');
	is($code, 2, 'exit status 2 for a catch-all');
	($code, $out) = run_probe('--no-tls', @one);
	unlike($out, qr/^> STARTTLS/m, '--no-tls: not asked for');
};

subtest 'a source address' => sub {
	$w->restore;
	($seen) = verify([ '--source', '127.0.0.77' ], 'ok1@ok.deliver.com');
	check($seen, 'ok1@ok.deliver.com', 'smtp_deliverable', undef);
	is(($w->rcpt_log(1))[0]{client}, '127.0.0.77', 'is used');
	($seen) = verify([ '--source', '192.0.2.1' ], 'ok1@ok.deliver.com');
	check($seen, 'ok1@ok.deliver.com', 'internal_verifier_error', 'local_bind_failed');
};

$w->restore;
done_testing();
