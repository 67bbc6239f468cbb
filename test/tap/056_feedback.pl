# 056_feedback.pl
#	What comes back is heard for what it is worth: unless somebody vouches for it, it changes no verdict; if somebody does, only a refusal
#	of the mailbox by a server of the recipient's does, and a delivery by the domain's own.  Everything is kept, shown and forgotten with its
#	address.  Bounces of a real Postfix, Exim and OpenSMTPD are among it, as far as these are there.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('feedback');

# returns what feedback() does, when the worker has carried it out
sub feedback
{
	my ($message, $trusted) = @_;
	my $n = $c->sql('SELECT email_verify.feedback(decode(' . quoted(unpack 'H*', $message) . ", 'hex')" . ($trusted ? ', trusted => true' : '') . ')');
	$c->poll('SELECT count(*) = 0 FROM email_verify.command') or die "it was not carried out\n";
	return $n;
}
sub trusted { return feedback($_[0], 1) }
sub of { my ($address, $columns) = @_; return $c->sql("SELECT $columns FROM email_verify.address WHERE address = " . quoted($address)) }
sub verdict_of { return of($_[0], 'status, reason, detail') }
sub explained { my ($address) = @_; return $c->sql("SELECT finding || ' / ' || evidence FROM email_explain(" . quoted($address) . ") WHERE stage = 'report'") }

# a report by RFC 3464; diagnostic and all else by name
sub dsn
{
	my ($to, %with) = @_;
	my %f = (action => 'failed', status => '5.1.1', diagnostic => '550 5.1.1 no such user', remote => 'mx.ok.deliver.com', reporting => 'mail.lab-sender.com', %with);
	my $fields = "Final-Recipient: rfc822; " . ($f{final} // $to) . "\nAction: $f{action}\nStatus: $f{status}\n";
	$fields = "Original-Recipient: rfc822; $to\n$fields" if $f{final};
	$fields .= "Remote-MTA: dns; $f{remote}\n" if $f{remote};
	$fields .= "Diagnostic-Code: smtp; $f{diagnostic}\n" if $f{diagnostic};
	return <<"END";
From: MAILER-DAEMON\@$f{reporting}
To: check\@check.lab-sender.com
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; $f{reporting}

$fields
--b
Content-Type: text/rfc822-headers

Subject: hello

--b--
END
}

# verdicts as probes have made them
my @known = qw(ok1 ok2 ok3 ok4 ok5 ok6 ok7 ok8 ok9 zz8 zz9 full1);
my %was = $c->verify((map { "$_\@ok.deliver.com" } @known), 'ok1@catchall.deliver.com', 'ok1@rblrcpt.deliver.com');
is($was{'ok1@ok.deliver.com'}{reason}, 'smtp_deliverable', 'addresses are known');
$c->sql("UPDATE email_verify.address SET checked_at = checked_at - interval '2 d'");

# --- nobody vouches for it ------------------------------------------------------------------------------------------

my $ok = 'ok1@ok.deliver.com';
is(feedback(dsn($ok)), 1, 'a bounce of whoever wrote it');
is(verdict_of($ok), 'valid|smtp_deliverable|', '... changes no verdict');
is(explained($ok), 'untrusted dsn: failed mailbox_not_found scope mailbox hard / mx.ok.deliver.com 5.1.1 550 5.1.1 no such user', '... is shown as what it is');
is($c->sql("SELECT email_verify.export('$ok') #>> '{address,reports,untrusted dsn,reason}'"), 'mailbox_not_found', '... and exported');
is(of($ok, 'fresh_until <= now() AND expires_at > now()'), 't', '... the next question looks anew');
is(join(' ', @{ $c->verdict($ok) }{qw(reason stale)}), 'smtp_deliverable 1', '... and is answered meanwhile');
$c->wait;
is(of($ok, 'reason, fresh_until > now() + interval \'20 d\''), 'smtp_deliverable|t', '... the address proves to be living');
feedback(dsn($ok)) for 1 .. 3;
is(of($ok, "fresh_until BETWEEN checked_at + interval '1 day' AND checked_at + interval '25 hours'"), 't', '... and is not asked for more than once a day, whatever anybody writes');
is(explained($ok) =~ tr/\n//, 0, '... the last report is kept, no pile of them');
is(feedback(dsn('stranger@ok.deliver.com')), 1, 'what nobody vouches for about an address that is not known');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'stranger\@ok.deliver.com'"), 0, '... leaves nothing');

# --- somebody does ---------------------------------------------------------------------------------------------------------

is(trusted(dsn('ok2@ok.deliver.com')), 1, 'a hard refusal of the mailbox, vouched for');
is(verdict_of('ok2@ok.deliver.com'), 'invalid|mailbox_not_found|', '... makes the address invalid');
is(of('ok2@ok.deliver.com', 'stage, reply_code, enhanced_status, mx_host, rule IS NOT NULL, probes'), 'bounce|550|5.1.1|mx.ok.deliver.com|t|1', '... with what it stands on');
is(of('ok2@ok.deliver.com', "fresh_until - checked_at, expires_at - checked_at, checked_at > now() - interval '5 min'"), '90 days|365 days|t', '... for as long as such a verdict holds');
is($c->verdict('ok2@ok.deliver.com')->{status}, 'invalid', '... which is what is answered');
is(trusted(dsn('unheard@ok.deliver.com')), 1, 'likewise of an address that is not known');
is(verdict_of('unheard@ok.deliver.com'), 'invalid|mailbox_not_found|', '... which is now');
is(trusted(dsn('ok3@ok.deliver.com', status => '5.2.2', diagnostic => '552 5.2.2 mailbox full')), 1, 'a full mailbox');
is(verdict_of('ok3@ok.deliver.com'), 'unknown|mailbox_full|over_quota', '... is a decision, too');

# what is not about the mailbox
for (
	[ 'our address', status => '5.7.1', diagnostic => '554 5.7.1 Client host [192.0.2.1] blocked using zen.example.net' ],
	[ 'our domain', status => '5.7.26', diagnostic => '550 5.7.26 This message fails SPF and DKIM checks' ],
	[ 'the message', status => '5.3.4', diagnostic => '552 5.3.4 Message size exceeds fixed limit' ],
	[ 'a policy', status => '5.7.1', diagnostic => '550 5.7.1 Rejected by local policy' ],
	[ 'a delay', action => 'delayed', status => '4.4.1', diagnostic => '' ],
	[ 'the end of trying', status => '4.4.1', diagnostic => '', remote => '' ],
	[ 'a relay to elsewhere', action => 'relayed', status => '2.0.0', diagnostic => '250 2.0.0 Ok' ],
	[ 'what our own system did not like', status => '5.4.4', remote => '', diagnostic => '' ],
	[ 'somebody behind a forwarding', final => 'other@elsewhere.deliver.com', diagnostic => '550 5.1.1 <other@elsewhere.deliver.com>: User unknown' ])
{
	my ($what, %with) = @$_;
	is(trusted(dsn('ok4@ok.deliver.com', %with)), 1, "a report about $what");
	is(verdict_of('ok4@ok.deliver.com'), 'valid|smtp_deliverable|', '... says nothing about the mailbox');
	isnt(explained('ok4@ok.deliver.com'), '', '... and is kept');
}
unlike($c->sql("SELECT email_verify.export('ok4\@ok.deliver.com')"), qr/other\@elsewhere/, '... whom a forwarding leads to is nobody\'s business');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'other\@elsewhere.deliver.com'"), 0, '... nor is he judged');

# a verdict that is newer than the report
$c->sql('SELECT email_verify.pause()');
is($c->sql('SELECT email_verify.feedback(' . quoted(dsn('ok5@ok.deliver.com')) . ', true)'), 1, 'a report that waits');
$c->sql("UPDATE email_verify.address SET checked_at = clock_timestamp() WHERE address = 'ok5\@ok.deliver.com'");
$c->sql('SELECT email_verify.resume()');
$c->poll('SELECT count(*) = 0 FROM email_verify.command');
is(verdict_of('ok5@ok.deliver.com'), 'valid|smtp_deliverable|', '... does not replace what was found out meanwhile');

# delivered
my $mx = $c->sql("SELECT mx_hosts[1] FROM email_verify.domain WHERE domain = 'ok.deliver.com'");
my %delivered = (action => 'delivered', status => '2.1.5', diagnostic => '250 2.1.5 Ok');
trusted(dsn('zz9@ok.deliver.com', %delivered, remote => 'relay.elsewhere.com'));
is(verdict_of('zz9@ok.deliver.com'), 'invalid|mailbox_not_found|', 'delivered by somebody else\'s server: no proof');
feedback(dsn('zz9@ok.deliver.com', %delivered, remote => $mx));
is(verdict_of('zz9@ok.deliver.com'), 'invalid|mailbox_not_found|', 'delivered, says nobody knows who: neither');
trusted(dsn('zz9@ok.deliver.com', %delivered, remote => $mx));
is(verdict_of('zz9@ok.deliver.com'), 'valid|smtp_deliverable|', 'delivered by the domain\'s own server');
my $catch_all = $c->sql("SELECT mx_hosts[1] FROM email_verify.domain WHERE domain = 'catchall.deliver.com'");
my $caught = verdict_of('ok1@catchall.deliver.com');
like($caught, qr/^catchall/, 'an address in a catch-all domain');
trusted(dsn('ok1@catchall.deliver.com', %delivered, remote => $catch_all));
is(verdict_of('ok1@catchall.deliver.com'), $caught, '... to which everything is delivered: it stays one');
trusted(dsn('new@catchall.deliver.com', %delivered, remote => $catch_all));
is(verdict_of('new@catchall.deliver.com'), '', '... and of an address that was not known nothing is known now');

# --- taken back -------------------------------------------------------------------------------------------------------

# takes the nth report about an address back, counted from the oldest; returns whether there is one
sub undo
{
	my ($address, $nth) = @_;
	my $r = $c->sql('SELECT email_verify.feedback_undo((SELECT id FROM email_verify.report WHERE address = ' . quoted($address) . ' ORDER BY id OFFSET ' . ($nth - 1) . ' LIMIT 1))');
	$c->poll('SELECT count(*) = 0 FROM email_verify.command') or die "it was not carried out\n";
	return $r;
}
sub reports_of { my ($address) = @_; return $c->sql("SELECT string_agg(CASE WHEN undone_at IS NULL THEN 'counts' ELSE 'undone' END, ' ' ORDER BY id) FROM email_verify.report WHERE address = " . quoted($address)) }

my $all = 'status, reason, detail, checked_at, fresh_until, expires_at, stage, reply_code, enhanced_status, rule, mx_host, mx_address, tls';
my $found = of('ok8@ok.deliver.com', $all);
like($found, qr/^valid\|smtp_deliverable\|/, 'what a probe has found');
trusted(dsn('ok8@ok.deliver.com'));
is(verdict_of('ok8@ok.deliver.com'), 'invalid|mailbox_not_found|', '... a hard refusal replaces');
is(undo('ok8@ok.deliver.com', 1), 't', 'a hard refusal that was wrong is taken back');
is(of('ok8@ok.deliver.com', $all), $found, '... and what the probe has found is there again, with its age');
is(of('ok8@ok.deliver.com', 'reply_text'), '', '... without the words of the report');
is(explained('ok8@ok.deliver.com'), '', '... no report is shown any more');
is($c->verdict('ok8@ok.deliver.com')->{status}, 'valid', '... which is what is answered');
is(undo('ok8@ok.deliver.com', 1), 'f', 'nothing is taken back twice');
is(of('ok8@ok.deliver.com', $all), $found, '... it is as after the first time');
is(reports_of('ok8@ok.deliver.com'), 'undone', '... the report is listed as what it is');
trusted(dsn('ok8@ok.deliver.com'));
is(verdict_of('ok8@ok.deliver.com'), 'invalid|mailbox_not_found|', 'a later one counts again');
is(undo('ok8@ok.deliver.com', 1), 'f', '... and the first one');
is(verdict_of('ok8@ok.deliver.com'), 'invalid|mailbox_not_found|', '... does not take that one\'s effect back');

trusted(dsn('never@ok.deliver.com'));
is(undo('never@ok.deliver.com', 1), 't', 'what alone made an address known');
is(verdict_of('never@ok.deliver.com'), '', '... and is taken back, leaves it unknown');

my %soft = (status => '4.4.1', diagnostic => '451 4.4.1 connection timed out');
my $soft = 'ok9@ok.deliver.com';
my $found_soft = of($soft, $all);
for my $i (1 .. 5)
{
	is(verdict_of($soft), 'valid|smtp_deliverable|', "before soft bounce $i");
	trusted(dsn($soft, %soft));
}
like(verdict_of($soft), qr/^unknown\|smtp_unverifiable\|/, 'five soft bounces make it doubtful');
is(undo($soft, 2), 't', 'one of them is taken back, not the one that was too many');
is(of($soft, $all), $found_soft, '... and four are not enough');
is(reports_of($soft), 'counts undone counts counts counts', '... which stay');
trusted(dsn($soft, %soft));
like(verdict_of($soft), qr/^unknown\|smtp_unverifiable\|/, '... and one more is');

my $newer = 'zz8@ok.deliver.com';
trusted(dsn($newer, status => '5.2.2', diagnostic => '552 5.2.2 mailbox full'));
is(verdict_of($newer), 'unknown|mailbox_full|over_quota', 'a report makes a verdict');
$c->sql('SELECT email_verify.recheck(' . quoted($newer) . ')');
ok($c->poll('SELECT stage <> \'bounce\' FROM email_verify.address WHERE address = ' . quoted($newer)), '... that a probe replaces');
$found = of($newer, $all);
is(undo($newer, 1), 't', '... and that is taken back after that');
is(of($newer, $all), $found, '... what the probe has found stays');

# a command waits while the worker does
my $undo_first = 'SELECT email_verify.feedback_undo(id) FROM email_verify.report WHERE address = ' . quoted($soft) . ' ORDER BY id LIMIT 1';
$c->sql('SELECT email_verify.pause()');
is($c->sql($undo_first), 't', 'it is handed over while the worker pauses');
like(verdict_of($soft), qr/^unknown\|smtp_unverifiable\|/, '... changes nothing before');
is($c->sql($undo_first), 't', '... nor is a second hand told that there was a first');
$c->sql('SELECT email_verify.resume()');
ok($c->poll('SELECT reason = \'smtp_deliverable\' FROM email_verify.address WHERE address = ' . quoted($soft)), '... and is carried out when it goes on');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.command'), '... both of them');
is(of($soft, $all), $found_soft, '... with the effect of one');
is($c->sql('SELECT email_verify.feedback_undo(0), email_verify.feedback_undo(9223372036854775807), email_verify.feedback_undo(-1)'), 'f|f|f', 'no report has such an id');
is($c->sql('SELECT count(*) FROM email_verify.command'), 0, '... and nothing is handed over');

# --- other kinds of messages ---------------------------------------------------------------------------------------------------------

sub message { my ($file) = @_; return PostgreSQL::Test::Utils::slurp_file("$ENV{EV_ROOT}/test/data/bounces/$file") }
my $before = $c->sql('SELECT address, status, reason, detail, rule FROM email_verify.address ORDER BY 1');
my %kinds;
for my $file (qw(arf_abuse.eml vacation.eml address_change.eml challenge.eml))
{
	my ($whom, $kind) = split /\|/, $c->sql('SELECT coalesce(original_recipient, final_recipient), kind FROM email_classify_bounce(' . quoted(message($file)) . ') LIMIT 1');
	next if !length $whom;
	(my $text = message($file)) =~ s/\Q$whom\E/ok6\@ok.deliver.com/gi;
	is(trusted($text), 1, "$file: a message of kind $kind");
	like(explained('ok6@ok.deliver.com'), qr/^\Q$kind\E\b/m, '... is kept as such');
	$kinds{$kind}++;
}
cmp_ok(scalar(keys %kinds), '>=', 3, 'complaints, vacation notes and new addresses');
is($c->sql('SELECT address, status, reason, detail, rule FROM email_verify.address ORDER BY 1'), $before, '... change no verdict');
my $r = $c->try("SELECT email_verify.feedback('What a lovely day', true)");
is("$r->{code} $r->{out}", '0 0', 'what cannot be read is nobody\'s report');
like($r->{err}, qr/NOTICE:  no bounce, log line or event could be read/, '... which a notice says');
is(trusted("Nov 22 10:00:00 mail postfix/smtp[123]: 4F2A11C0A: to=<ok7\@ok.deliver.com>, relay=mx.ok.deliver.com[127.1.0.1]:25, delay=0.1, delays=0/0/0/0, dsn=5.1.1, "
	. "status=bounced (host mx.ok.deliver.com[127.1.0.1] said: 550 5.1.1 <ok7\@ok.deliver.com>: User unknown (in reply to RCPT TO command))\n"), 1, 'a line of the mail log');
is(verdict_of('ok7@ok.deliver.com'), 'invalid|mailbox_not_found|', '... vouched for, counts like a bounce');

# forgotten with everything
$c->sql("SELECT email_verify.forget('ok6\@ok.deliver.com')");
unlike($c->sql('SELECT email_verify.export($$ok6@ok.deliver.com$$)'), qr/reports/, 'reports are forgotten with their address');
# texts have an age
$c->sql("UPDATE email_verify.address SET reports = jsonb_set(reports, '{dsn,at}', to_jsonb(now() - interval '91 d')) WHERE reports ? 'dsn'");
my $young = $c->sql("SELECT count(*) FROM email_verify.address, jsonb_object_keys(reports) k WHERE k <> 'dsn'");
$c->set('email_verify.retention_interval' => '1s');
ok($c->poll("SELECT count(*) = 0 FROM email_verify.address WHERE reports ? 'dsn'"), 'and are not kept longer than other texts of strangers');
is($c->sql("SELECT count(*) FROM email_verify.address, jsonb_object_keys(reports) k"), $young, '... younger ones are');
$c->set('email_verify.retention_interval' => '1d');

# --- real mail systems' bounces ----------------------------------------------------------------------------------------------------------

# hand a message in at a mail system
sub send_mail
{
	my ($host, @to) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $w->smtp_port, Timeout => 10) or die "$host: $!\n";
	my $say = sub {
		my ($line) = @_;
		print $s "$line\r\n" if defined $line;
		my $reply;
		do { $reply = <$s> // die "$host hung up\n" } while $reply =~ /^\d\d\d-/;
		die(($line // '') . ": $reply") if $reply !~ /^[23]/;
	};
	my $from = $w->get('WORLD_MAIL_FROM');
	$say->($_) for undef, 'EHLO probe.lab-sender.com', "MAIL FROM:<$from>", (map { "RCPT TO:<$_>" } @to), 'DATA',
	  "From: <$from>\r\nTo: list\r\nSubject: hello\r\n\r\nHello.\r\n.", 'QUIT';
	return;
}

# the next message that comes back to the port where they deliver it
sub receive_mail
{
	my ($sink) = @_;
	die "nothing came back\n" unless IO::Select->new($sink)->can_read(40);
	my $s = $sink->accept;
	my $message = '';
	print $s "220 sink\r\n";
	while (my $line = <$s>)
	{
		if ($line =~ /^DATA/i)
		{
			print $s "354 go on\r\n";
			while (my $text = <$s>)
			{
				last if $text =~ /^\.\r\n/;
				$text =~ s/^\.//;
				$message .= $text;
			}
		}
		print $s "250 ok\r\n";
		last if $line =~ /^QUIT/i;
	}
	return $message;
}

my @systems = ([ 'Postfix', '127.25.0.9', $w->has_postfix ], map { [ @$_, $w->get('WORLD_HAS_OTHERS') ] } [ 'Exim', '127.25.0.10' ], [ 'OpenSMTPD', '127.25.0.11' ]);
for (@systems)
{
	my ($name, $host, $there) = @$_;
	my $d = lc $name;
	SKIP:
	{
		skip "$name is not there", 17 unless $there;
		my $sink = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $w->get('WORLD_SINK_PORT'), Listen => 5, ReuseAddr => 1) or die "sink: $!\n";
		my $bounce_of = sub { send_mail($host, @_); return receive_mail($sink) };

		# mailboxes that are gone since
		$w->ctl('rule ok lost* 550 5.1.1 <%r>: Recipient address rejected: User unknown');
		$c->sql("INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at) SELECT a, 'valid', 'smtp_deliverable', now() - interval '3 d',
			now() + interval '27 d', now() + interval '87 d' FROM unnest('{lost1.$d\@ok.deliver.com,lost2.$d\@ok.deliver.com,ok1.$d\@rblrcpt.deliver.com}'::text[]) a");
		my $lost = "lost1.$d\@ok.deliver.com";
		my $bounce = $bounce_of->($lost);
		like($bounce, qr/User unknown/, "$name tells of a mailbox that is gone");
		is(feedback($bounce), 1, '... handed over, but not vouched for') or diag($bounce);
		is(verdict_of($lost), 'valid|smtp_deliverable|', '... it is evidence');
		like(explained($lost), qr/^untrusted dsn: failed mailbox_not_found scope mailbox hard/, '... as one sees');
		is(of($lost, 'fresh_until <= now()'), 't', '... and reason to look anew');
		is(trusted($bounce), 1, 'vouched for');
		is(verdict_of($lost), 'invalid|mailbox_not_found|', '... it is a verdict') or diag($bounce . explained($lost));
		like($c->sql("SELECT string_agg(finding, '; ') FROM email_explain('$lost') WHERE stage IN ('bounce', 'verdict')"), qr/^550 5\.1\.1 rule \S+; invalid mailbox_not_found$/, '... and explained');

		# several at once, one refused for another reason, one delivered
		$bounce = $bounce_of->("lost2.$d\@ok.deliver.com", 'ok4@ok.deliver.com', "lost3.$d\@ok.deliver.com");
		cmp_ok(trusted($bounce), '>=', 2, 'a bounce of several') or diag($bounce);
		is(verdict_of("lost2.$d\@ok.deliver.com"), 'invalid|mailbox_not_found|', '... one is gone');
		is(verdict_of("lost3.$d\@ok.deliver.com"), 'invalid|mailbox_not_found|', '... one was not known');
		is(verdict_of('ok4@ok.deliver.com'), 'valid|smtp_deliverable|', '... one got it');
		my $full = "full1.$d\@ok.deliver.com";
		$w->ctl("rule ok full1.$d* 550 5.2.2 <%r>: Mailbox full");
		is(trusted($bounce_of->($full)), 1, 'a full mailbox');
		like(verdict_of($full), qr/^unknown\|mailbox_full/, '... is called so');

		# they do not want us
		$bounce = $bounce_of->("ok1.$d\@rblrcpt.deliver.com");
		is(trusted($bounce), 1, "$name tells that our address is blocked");
		is(verdict_of("ok1.$d\@rblrcpt.deliver.com"), 'valid|smtp_deliverable|', '... which says nothing about the mailbox');
		like(explained("ok1.$d\@rblrcpt.deliver.com"), qr/scope our_ip/, '... as one sees') or diag($bounce);
		close $sink;
	}
}

$c->finish;
done_testing();
