# 063_not_asked.pl
#	Hosts that end sessions early, each in its way: a recipient whose turn did not come is asked for in another session, and when
#	patience ends it has the reason of what ended the sessions and is asked for again on that reason's schedule.  Nobody is forgotten.
#	All bounds are as shipped; only the delays between the looks are shorter.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(quoted skip_without_world);

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('not_asked', conf => { 'email_verify.put_back_delay' => '1s', 'email_verify.rcpt_timeout' => '500ms', 'log_statement' => 'none' });

sub addresses
{
	my ($domain, $local, $n) = @_;
	return map { "$local$_\@$domain" } 1 .. $n;
}

# One transaction: they are leased together.
sub enqueue
{
	my (@addresses) = @_;
	$c->sql('SELECT email_verify.enqueue(ARRAY[' . join(', ', map { quoted($_) } @addresses) . '])');
	$c->{queued}{$_} = 1 for @addresses;
	return;
}

# "reason detail: how many, how many of them are asked for again"
sub told
{
	my ($domain) = @_;
	return $c->sql("SELECT string_agg(r, '; ' ORDER BY r) FROM (
		SELECT concat_ws(' ', a.reason, a.detail) || ': ' || count(*) || ', ' || count(q.id) AS r
		FROM email_verify.address a LEFT JOIN email_verify.queue q USING (address)
		WHERE a.address LIKE '%\@$domain' GROUP BY a.reason, a.detail) s");
}

sub limit_of
{
	my ($domain) = @_;
	return $c->sql("SELECT rcpt_limit FROM email_verify.domain_host WHERE domain = '$domain'");
}

sub replies
{
	my ($listener, $pattern) = @_;
	return scalar grep { $_->{listener} eq $listener && $_->{reply} =~ $pattern } $w->rcpt_log;
}

# --- our own limit is nobody's fault ------------------------------------------------------------------------------

enqueue(addresses('lfonly.deliver.com', 'aaa', 40), addresses('lfonly.deliver.com', 'user', 60));
is($c->wait(60), 0, 'a hundred of one domain, of whom two fifths are unknown');
is(told('lfonly.deliver.com'), 'mailbox_not_found: 40, 0; smtp_deliverable: 60, 0', '... are told apart');
is($c->stat->{put_back_total}, 0, '... and none was put back for the sessions that we ended');
is(limit_of('lfonly.deliver.com'), '', '... nor is that held against the host');

# --- a host that says 421 after two recipients ----------------------------------------------------------------------

my @mid = (addresses('mid421.deliver.com', 'nobody', 30), addresses('mid421.deliver.com', 'user', 30));
enqueue(@mid);
is($c->wait(60), 0, 'sixty at a host that says 421 after two recipients');
# the made-up one's turn may not have come in the first session
like(told('mid421.deliver.com'), qr/^(?:catch_all_inconclusive catch_all_connection: [12], [12]; )?mailbox_not_found: 30, 0; smtp_deliverable: (?:28|29|30), 0$/,
	'... have their verdicts, each its own')
  or diag(told('mid421.deliver.com'));
is(limit_of('mid421.deliver.com'), 2, '... the host is asked for two a session from then on, and that is shown');
cmp_ok(replies('mid421', qr/^421/), '<=', 3, '... so that it has to say so only once, or for the made-up one');

# a start knows it, and after a day it is forgotten
$c->node->restart;
$c->wait_for_worker;
$w->reset;
enqueue(addresses('mid421.deliver.com', 'ok', 6));
is($c->wait(60), 0, 'the same host after a restart');
is(replies('mid421', qr/^421/), 0, '... is asked for two a session at once');
is(replies('mid421', qr/^250/), 6, '... each once');
$c->sql("UPDATE email_verify.domain_host SET rcpt_limit_at = rcpt_limit_at - interval '1 day'");
$c->node->restart;
$c->wait_for_worker;
enqueue(map { "info$_\@mid421.deliver.com" } 1 .. 6);
is($c->wait(60), 0, '... a day later');
cmp_ok(replies('mid421', qr/^421/), '>', 0, '... it is given another chance');

# --- patience ends -----------------------------------------------------------------------------------------------

my %never = (
	'plain.deliver.com' => [ plain => 'reply_rcpt="421 4.7.0 Try again later"', 40, 'smtp_rate_limited rate' ],
	'acme-workspace.com' =>
	  [ google => 'reply_rcpt="421 4.7.28 Gmail has detected an unusual rate of unsolicited mail"', 200, 'google_rate_limit rate' ],
	'ok.deliver.com' => [ ok => 'reply_rcpt="421 4.2.2 <%r>: mailbox full"', 25, undef ],
	'closercpt.deliver.com' => [ undef, undef, 30, 'smtp_protocol_error closed' ],
	'rstrcpt.deliver.com' => [ undef, undef, 30, 'smtp_protocol_error closed' ],
	'hangrcpt.deliver.com' => [ undef, undef, 30, 'smtp_timeout command_timeout' ],
	'nobanner.deliver.com' => [ undef, undef, 30, 'smtp_eof_blocked closed_before_greeting' ],
	'garbage.deliver.com' => [ undef, undef, 30, 'smtp_protocol_error garbage' ],
	'greet421.deliver.com' => [ undef, undef, 30, 'smtp_rate_limited rate' ]);
for my $domain (sort keys %never)
{
	my ($listener, $set) = @{ $never{$domain} };
	$w->ctl("set $listener $set") if defined $listener;
}
$w->reset;
enqueue(map { addresses($_, 'user', $never{$_}[2]) } sort keys %never);
is($c->wait(90), 0, 'hosts that never answer for anybody: patience ends for all');
for my $domain (sort keys %never)
{
	my (undef, undef, $n, $reason) = @{ $never{$domain} };
	next if !defined $reason;
	is(told($domain), "$reason: $n, $n", "$domain: each takes the reason of what ended the sessions, and is asked for again");
}
like(told('ok.deliver.com'), qr/^mailbox_full over_quota: (\d+), 0; smtp_protocol_error closed: (\d+), \2$/,
	"one recipient's full mailbox ends the sessions of all: nobody else is called full")
  or diag(told('ok.deliver.com'));
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE '%\@ok.deliver.com' AND reason = 'mailbox_full'"),
	scalar(keys %{ { map { $_->{rcpt} => 1 } grep { $_->{listener} eq 'ok' } $w->rcpt_log } }), '... than those to whom it was said');
is($c->sql("SELECT string_agg(DISTINCT attempts || ' ' || put_backs, ', ') FROM email_verify.queue WHERE address LIKE '%\@plain.deliver.com'"),
	'1 0', 'that was one attempt, and the next one has patience of its own');
cmp_ok($w->stats('google')->{sessions}, '<', 200, 'a host that asks for patience has no session for each address');
my ($unasked) = $c->rows("SELECT * FROM email_verify.address WHERE address LIKE '%\@plain.deliver.com' AND rule = 'outcome.not_asked' LIMIT 1");
is("$unasked->{stage} $unasked->{reply_code}", 'rcpt 421', 'what ended the sessions is stored as what the verdict stands on');
is($c->verdict($unasked->{address})->{reason}, 'smtp_rate_limited', '... and told to whoever asks');
is($c->verdict($unasked->{address})->{retryable}, 1, '... as something that will be asked again');

# --- anew -------------------------------------------------------------------------------------------------------

$w->restore;
$c->sql("UPDATE email_verify.queue SET attempts = 99 WHERE address LIKE '%\@plain.deliver.com'");
is($c->sql("SELECT count(email_verify.recheck(address)) FROM email_verify.queue WHERE address LIKE '%\@plain.deliver.com'"), 40, 'recheck() of what is queued');
is($c->wait(30), 0, '... is waited for like a first question');
is(told('plain.deliver.com'), 'smtp_deliverable: 40, 0', '... and begins anew, whatever was tried before');

# --- the one behind the refusal ------------------------------------------------------------------------------------

# EHLO, STARTTLS, EHLO, MAIL and the first RCPT
$w->ctl('set close3 close_after=' . ($w->has_tls ? 5 : 3));
enqueue(addresses('close3.deliver.com', 'nobody', 30));
is($c->wait(60), 0, 'a host that closes behind the first refusal');
is(told('close3.deliver.com'), 'mailbox_not_found: 30, 0', '... the next one is asked for again, and not taken for the reason');
is(limit_of('close3.deliver.com'), 1, '... one a session, in the end');
$w->ctl('set slow reply_rset="503 5.5.1 What?"');
is(($c->verify('ok1@slow.deliver.com'))[1]{reason}, 'smtp_deliverable', 'a host of which it is known what it does with made-up recipients');
enqueue(addresses('slow.deliver.com', 'user', 25));
is($c->wait(60), 0, '... and that does not know RSET');
is(told('slow.deliver.com'), 'smtp_deliverable: 26, 0', '... is asked for as many as go without');
is(limit_of('slow.deliver.com'), 10, '... which are those of one transaction');

is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'pending'"), 0, 'pending is nowhere stored');
is($c->stat->{errors_total}, 0, 'no cycle has failed');
$c->finish;
done_testing();
