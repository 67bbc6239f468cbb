# 061_every_reason.pl
#	A reason that nothing can produce is a word that promises what is not there.  Every label of view email_verify.reason is
#	produced here as users meet it: by the worker against the name servers and mail servers of the test world, by a question that
#	needs neither, or, what only mail that was sent can meet, by a bounce.  Those of checkers outside the server have a test of their
#	own, which is named here.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(quoted skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('every_reason',
	conf => { 'email_verify.greeting_timeout' => '2s', 'log_statement' => 'none', 'email_verify.dns_timeout' => '300ms' });

my %produced; # reason => by what

sub produced_is
{
	my ($got, $want, $what) = @_;
	is($got, $want, "$want: $what") and $produced{$want} = $what;
	return;
}

# --- by the worker -------------------------------------------------------------------------------------------------------

my %worker = (
	'ok1@ok.deliver.com' => 'smtp_deliverable',

	'ok1@mxnx.deliver.com' => 'host_not_found',
	'moved1@ok.deliver.com' => 'mailbox_moved',
	'nobody@ok.deliver.com' => 'mailbox_not_found',
	'ok1@nullmx.deliver.com' => 'no_mx_records',
	'jörg@noutf8.deliver.com' => 'smtputf8_unsupported',
	'ok1@spfreject.deliver.com' => 'spf_reject_all',

	'ann@acme-parked.com' => 'possible_spam_trap',
	'list1@ok.deliver.com' => 'recipient_restricted',

	'ok1@notls.deliver.com' => 'bucket_default_skip_smtp_catchall',
	'ok1@catchall.deliver.com' => 'catch_all_deliverable',
	'temp1@catchtemp.deliver.com' => 'catch_all_domain',
	'ok1@acme-mimecastall.com' => 'gateway_accept_all',
	'ok1@acme-m365relay.com' => 'm365_internal_relay',

	'ok1@optout.deliver.com' => 'bucket_default_skip_smtp_unknown',
	'ok1@randomtemp.deliver.com' => 'catch_all_inconclusive',
	'ok1@servfail.deliver.com' => 'dns_lookup_error',
	'ok1@dnstimeout.deliver.com' => 'dns_timeout',
	'rate1@acme-workspace.com' => 'google_rate_limit',
	'ipblock1@acme-dane.com' => 'm365_ip_rep_block',
	'dis1@ok.deliver.com' => 'mailbox_disabled',
	'full1@ok.deliver.com' => 'mailbox_full',
	'grey1@acme-mimecast.com' => 'mimecast_greylist',
	'ok1@temppolicy.deliver.com' => 'policy_temp_fail',
	'progress1@acme-proofpoint.com' => 'proofpoint_ad_lookup',
	'ok1@badsender.deliver.com' => 'sender_rejected',
	'ok1@rblrcpt.deliver.com' => 'smtp_blocked',
	'ok1@alldead.deliver.com' => 'smtp_connection_failed',
	'ok1@nobanner.deliver.com' => 'smtp_eof_blocked',
	'ok1@grey.deliver.com' => 'smtp_greylisted',
	'ok1@garbage.deliver.com' => 'smtp_protocol_error',
	'ok1@ratetoo.deliver.com' => 'smtp_rate_limited',
	'ok1@silent.deliver.com' => 'smtp_timeout',
	'ok1@r252.deliver.com' => 'smtp_unverifiable');

$c->sql("INSERT INTO email_verify.mx_policy (mx, catch_all_test) VALUES ('mx.notls.deliver.com', false)");
# the control beside temp1: without it nobody knows that its host accepts everybody
my @asked = ('ok1@catchtemp.deliver.com', sort keys %worker);
produced_is(($c->ask($asked[0]))[0], 'pending', 'who is asked for the first time');
my %got = $c->verify(@asked);
produced_is($got{$_}{reason}, $worker{$_}, $_) for sort keys %worker;
my %row = map { $_->{address} => $_ } $c->rows('SELECT * FROM email_verify.address');
is(scalar(grep { $row{$_}{reason} ne $got{$_}{reason} } @asked), 0, 'all of them as they are in the table');

# a refusal that condemns a whole domain is heard twice
$c->set('email_verify.confirm_delay' => '1s');
$c->ask('ok2@relay.deliver.com');
ok($c->poll("SELECT reason = 'relay_denied' FROM email_verify.address WHERE address = 'ok2\@relay.deliver.com'"), 'the second look has come');
produced_is($c->verdict('ok2@relay.deliver.com')->{reason}, 'relay_denied', 'ok2@relay.deliver.com, asked twice');

# --- without made-up recipients ----------------------------------------------------------------------------------------------

is($got{'ok1@notls.deliver.com'}{status}, 'catchall', 'who is accepted where nobody made up is asked for may be anybody');
is(join(' ', map { $_->{rcpt} } grep { $_->{listener} eq 'notls' } $w->rcpt_log), 'ok1@notls.deliver.com', '... and nobody made up was asked for');
is(($c->verify('nobody@notls.deliver.com'))[1]{reason}, 'mailbox_not_found', '... a refusal counts all the same');
$c->set('email_verify.catch_all_test' => 'off');
is(($c->verify('ok1@ok2.deliver.com'))[1]{reason}, 'bucket_default_skip_smtp_catchall', 'the same everywhere by a setting');
$c->sql("UPDATE email_verify.mx_policy SET catch_all_test = true");
is(($c->verify('ok3@notls.deliver.com'))[1]{reason}, 'smtp_deliverable', '... but where the site says otherwise');
is(($c->verify('ok9@catchall.deliver.com'))[1]{reason}, 'catch_all_deliverable', '... and what is known is not forgotten');
$c->set('email_verify.catch_all_test' => undef);

# a session that ends by our own limit, at a host that is known to accept everybody
$c->set('email_verify.max_refused' => 1, 'email_verify.rcpt_per_transaction' => 1);
my @inferred = map { "$_\@catchtemp.deliver.com" } 'gone1', map { "ok$_" } 2 .. 5;
# all at once: a question of which the worker hears before the others has a session of its own
$c->sql('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } @inferred) . '])');
is($c->wait, 0, 'a session that is ended after one refusal');
%got = map { $_ => $c->verdict($_) } @inferred;
produced_is($got{'ok5@catchtemp.deliver.com'}{reason}, 'catch_all_inferred', 'ok5@catchtemp.deliver.com, whom nobody asked for');
is(scalar($c->peer_rcpts('ok5@catchtemp.deliver.com')), 0, '... nobody did');
is($got{'gone1@catchtemp.deliver.com'}{reason}, 'mailbox_not_found', '... and the refusal before it is one');
$c->set('email_verify.max_refused' => undef, 'email_verify.rcpt_per_transaction' => undef);

# --- our own bounds ---------------------------------------------------------------------------------------------------------

$c->set('email_verify.max_sessions' => 1, 'email_verify.session_wait_timeout' => '300ms');
$c->ask('ok2@silent.deliver.com');
ok($c->poll('SELECT sessions = 1 FROM email_verify.stat'), 'the only session is held by a host that says nothing');
$w->reset;
$c->ask('ok8@ok.deliver.com', 'ok8@nullmx.deliver.com');
is($c->wait, 0, '... all have an answer');
my $verdict = $c->verdict('ok8@ok.deliver.com');
produced_is($verdict->{reason}, 'mx_only_verification_semaphore_timeout', 'ok8@ok.deliver.com, for which no session was free');
is("$verdict->{status} $verdict->{detail}", 'risky no_session', '... a domain that takes mail');
ok(defined $verdict->{retry_at}, '... it is asked for again');
is($c->row('ok8@ok.deliver.com')->{mx_host}, 'mx.ok.deliver.com', '... DNS has said where');
is($c->row('ok8@nullmx.deliver.com')->{reason}, 'no_mx_records', '... and of others all there is to say');
is($w->stats('ok')->{sessions}, 0, '... nobody was visited');
$c->sql(q{UPDATE email_verify.address SET status = 'valid', reason = 'smtp_deliverable', detail = NULL, expires_at = now() + interval '50 d'
	WHERE address = 'ok8@ok.deliver.com'});
$c->ask('ok3@silent.deliver.com');
ok($c->poll('SELECT sessions = 1 FROM email_verify.stat'), 'once more');
$c->sql("SELECT email_verify.recheck('ok8\@ok.deliver.com')");
ok($c->poll("SELECT asked_at IS NOT NULL FROM email_verify.address WHERE address = 'ok8\@ok.deliver.com'"), '... asked for anew');
is($c->row('ok8@ok.deliver.com')->{reason}, 'smtp_deliverable', '... a good verdict is not lost by it');
is($c->wait, 0, 'the host that says nothing has had its time');
$c->set('email_verify.max_sessions' => undef, 'email_verify.session_wait_timeout' => undef);

# a server that was started anew counts anew, and the day shall not end in between
sleep 61 if 86400 - time() % 86400 < 60;
$c->set('email_verify.max_probes_per_day' => 3);
$c->node->restart;
$c->wait_for_worker;
$w->reset;
my @many = map { "ok$_\@ok2.deliver.com" } 11 .. 15;
# one after the other: what is under way may yet need its share
%got = $c->verify('ok1@nothing-of-the-kind.com', 'ok3@optout.deliver.com');
%got = (%got, $c->verify(@many));
my %count;
$count{ $got{$_}{reason} }++ for @many;
is_deeply(\%count, { smtp_deliverable => 3, rate_limited => 2 }, 'a budget for three more of five') or diag(join ' ', %count);
is(scalar(grep { $_->{rcpt} =~ /^ok1\d/ } $w->rcpt_log), 3, '... three were asked for');
my ($limited) = grep { $got{$_}{reason} eq 'rate_limited' } @many;
produced_is($got{$limited}{reason}, 'rate_limited', 'for whom the day\'s budget did not suffice');
is($got{$limited}{detail}, 'daily_limit', '... it says why');
is($got{'ok1@nothing-of-the-kind.com'}{reason}, 'no_mx_records', 'what DNS says costs nothing');
is($c->sql("SELECT bool_and(due_at >= date_trunc('day', now(), 'UTC') + interval '24 hours'
	AND due_at <= date_trunc('day', now(), 'UTC') + interval '25 hours 2 s' AND attempts = 0)
	FROM email_verify.queue WHERE address LIKE '%\@ok2.deliver.com'"), 't', 'they are asked for when the next day begins, and as if for the first time');
ok($c->poll("SELECT 'daily_limit' = ANY (gates) FROM email_verify.stat"), 'email_verify.stat tells');
$c->set('email_verify.max_probes_per_day' => 4);
$c->sql("SELECT email_verify.recheck('$_')") for grep { $got{$_}{reason} eq 'rate_limited' } @many;
is($c->wait, 0, 'a larger budget');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'ok1_\@ok2.deliver.com' AND reason = 'smtp_deliverable'"), 4, '... suffices for as many more');
$c->set('email_verify.max_probes_per_day' => undef);

# --- by a question alone ---------------------------------------------------------------------------------------------------------

$c->sql("INSERT INTO email_verify.override VALUES ('gone\@ok.deliver.com', 'suppressed', 'complaint')");
my %question = (
	'no at sign' => 'invalid_syntax',
	'gone@ok.deliver.com' => 'suppressed',
	'ann@duck.com' => 'forwarding_alias',
	'ann@naver.com' => 'region_consumer_accept_all',
	'ann@docomo.ne.jp' => 'carrier_blocked',
	'ann@mailinator.com' => 'disposable_domain');
produced_is(($c->ask($_))[0], $question{$_}, $_) for sort keys %question;
$c->sql('SELECT email_verify.pause()');
produced_is(($c->ask('new@ok.deliver.com'))[0], 'pending', 'while verification is paused');
produced_is($c->sql("SET email_verify.mode = 'offline'; SELECT email_verify('other\@ok.deliver.com')"), 'internal_verifier_error', 'where nobody is asked');
$c->sql('SELECT email_verify.resume()');

# --- by a bounce ------------------------------------------------------------------------------------------------------------------

sub bounce_of
{
	my ($reply) = @_;
	return join "\n", 'From: MAILER-DAEMON@mx.acme.com', 'To: news@acme.com', 'Subject: Undelivered Mail', 'MIME-Version: 1.0',
	  'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', '', '--b', 'Content-Type: text/plain', '', 'It bounced.', '--b',
	  'Content-Type: message/delivery-status', '', 'Reporting-MTA: dns; mx.acme.com', '', 'Final-Recipient: rfc822; ann@acme-workspace.com', 'Action: failed',
	  'Status: 5.0.0', 'Remote-MTA: dns; aspmx.l.google.com', "Diagnostic-Code: smtp; $reply", '', '--b--', '';
}
my %bounce = (
	'550-5.7.26 Unauthenticated email from acme.com is not accepted due to domain\'s DMARC policy.' => 'google_dmarc_misalignment',
	'552 5.3.4 Message size exceeds fixed limit' => 'message_rejected');
produced_is($c->sql('SELECT string_agg(reason::text, \' \') FROM email_classify_bounce(' . quoted(bounce_of($_)) . ')'), $bounce{$_}, $_) for sort keys %bounce;

# --- elsewhere ----------------------------------------------------------------------------------------------------------------------

# by email_verify.submit(), from a checker that is no part of the server
my %elsewhere = map { $_ => '058' }
  qw(yahoo_api_eof yahoo_api_error yahoo_api_not_deliverable yahoo_api_unavailable yahoo_api_unavailable_after_fallback yahoo_api_verified);
SKIP:
{
	skip 'there are no external checkers in this version', scalar keys %elsewhere
	  if $c->sql("SELECT count(*) FROM pg_proc WHERE proname = 'submit' AND pronamespace = 'email_verify'::regnamespace") == 0;
	for my $reason (sort keys %elsewhere)
	{
		my @tests = grep { slurp_file($_) =~ /\b$reason\b/ } glob dirname(abs_path(__FILE__)) . "/$elsewhere{$reason}_*.pl";
		is(scalar(@tests), 1, "$reason: test $elsewhere{$reason}");
	}
}

my @reasons = split /\n/, $c->sql('SELECT reason FROM email_verify.reason ORDER BY reason::text');
is_deeply([ sort keys %produced, keys %elsewhere ], [ sort @reasons ], 'every reason is produced, and none twice');
is($c->stat->{errors_total}, 0, 'no cycle has failed');

$c->finish;
done_testing();
