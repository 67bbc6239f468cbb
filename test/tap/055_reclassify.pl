# 055_reclassify.pl
#	Stored replies are judged again by the rules of today: without asking anybody, on the evidence that there was, in a walk that goes on
#	where it was after whatever ends it, and around rows that somebody holds.  While no rule changes, no verdict does.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('reclassify', conf => { 'email_verify.confirm_delay' => '1d' });

sub ended
{
	my ($id, $why) = @_;
	return ok($c->poll("SELECT state = 'done' FROM email_verify.command WHERE id = $id", 90), $why);
}
sub progress { my ($id) = @_; return $c->sql("SELECT looked_at, changed FROM email_verify.command WHERE id = $id") }

sub reclassify
{
	my ($why, $argument) = @_;
	my $id = $c->sql('SELECT email_verify.reclassify(' . ($argument // '') . ')');
	ended($id, $why);
	return split /\|/, progress($id);
}

# all that a verdict is, a line for each address
sub verdicts
{
	return $c->sql('SELECT address, status, reason, detail, rule, checked_at, fresh_until, expires_at, retry_at FROM email_verify.address ORDER BY 1');
}
sub of { my ($address, $columns) = @_; return $c->sql("SELECT $columns FROM email_verify.address WHERE address = " . quoted($address)) }
sub asked { my %s = $w->stats; return join ' ', @s{qw(sessions cmd_rcpt)} }

# --- rules as they are: nothing changes -----------------------------------------------------------------------------

my @domains = map { "$_.deliver.com" } qw(ok notls eai noutf8 catchall tlsonly badhelo rblrcpt ptrrcpt badsender spfsender allrefused weak relay r252
  rate temppolicy errconfig randomtemp catchtemp greet554 proto551 garbage closercpt wrongcode mixedcodes);
push @domains, qw(acme-workspace.com acme-m365.com acme-m365relay.com hotmail.com yahoo.com icloud.com acme-mimecast.com acme-mimecastall.com
  acme-proofpoint.com acme-barracuda.com proton.me naver.com);
my @addresses = map { my $d = $_; map { "$_\@$d" } qw(ok1 zz9 full1 dis1 moved1 list1 nosuch1 ipblock1 rate1) } @domains;
push @addresses, 'x@nx.deliver.com', 'x@alldead.deliver.com', 'r.550.5.1.1.this.one.is.gone@ok.deliver.com', 'r.550.5.7.1.spam@ok.deliver.com';
$c->ask(@addresses);
is($c->wait(60), 0, 'a world of verdicts');
$c->sql('SELECT email_verify.pause()');
$c->sql('DELETE FROM email_verify.queue');
ok($c->poll('SELECT inflight = 0 AND sessions = 0 FROM email_verify.stat'), '... and nobody is asked any more');
my $n = $c->sql('SELECT count(*) FROM email_verify.address');
my $replies = $c->sql('SELECT count(*) FROM email_verify.address WHERE reply_text IS NOT NULL');
cmp_ok($replies, '>', 250, "... most stand on replies: $replies of $n");
$c->sql('SELECT email_verify.resume()');
my $before = verdicts();
my $asked = asked();
my @done = reclassify('reclassify() walks over them');
is("@done", "$n 0", '... looks at each, and changes none');
is(verdicts(), $before, '... nothing at all');

# --- as if they had been judged by other rules ----------------------------------------------------------------------------

$c->sql(q{UPDATE email_verify.address SET rule = 'old.' || left(rule, 20) WHERE reply_text IS NOT NULL AND address LIKE 'zz9%' AND rule NOT LIKE 'outcome.%'});
@done = reclassify('rules that have another name');
is($done[1], 0, '... change no verdict');
is(verdicts(), $before, '... and are named as they are now');

# called doubtful, and blocked
my $tampered = $c->sql(q{
	WITH t AS (UPDATE email_verify.address SET status = 'unknown', reason = 'smtp_unverifiable', detail = 'cannot_verify', rule = 'old',
		fresh_until = checked_at + interval '30 d', expires_at = checked_at + interval '90 d'
	WHERE reason IN ('mailbox_not_found', 'smtp_blocked') AND detail IS DISTINCT FROM 'weak' AND detail IS DISTINCT FROM 'all_refused'
		AND reply_text IS NOT NULL AND rule NOT LIKE 'outcome.%' AND address !~ '@(yahoo|hotmail)' RETURNING 1)
	SELECT count(*) FROM t});
cmp_ok($tampered, '>', 50, "$tampered were judged by rules that knew less");
@done = reclassify('... and are judged again');
is($done[1], $tampered, '... each of them is changed, and no other');
is(verdicts(), $before, '... to what the rules say, for as long as they say');
is(asked(), $asked, '... and nobody was asked for any of it');

# called dead by a rule that was wrong: that goes to doubt
my $blocked = 'ok1@rblrcpt.deliver.com';
my $was = of($blocked, 'status, reason, detail, rule, fresh_until, expires_at');
like($was, qr/^unknown\|smtp_blocked/, 'an address whose server refuses us');
my $wrong = "UPDATE email_verify.address SET status = 'invalid', reason = 'mailbox_not_found', detail = NULL, rule = 'wrong', fresh_until = checked_at + interval '90 d',
	expires_at = checked_at + interval '365 d' WHERE address IN ('$blocked', 'zz9\@ok.deliver.com')";
$c->sql($wrong);
@done = reclassify('... called dead by a rule that was wrong');
is(of($blocked, 'status, reason, detail, rule, fresh_until, expires_at'), $was, '... is no longer, and its ages are those of the doubt');
is("@done", "$n 1", '... another one stays');
like($c->sql("SELECT string_agg(finding, '; ') FROM email_explain('$blocked') WHERE stage IN ('rcpt', 'verdict')"), qr/rule \S+; unknown smtp_blocked/, '... email_explain() names the rule of today');

# some reasons only
$c->sql($wrong);
@done = reclassify('verdicts of other reasons alone', q{'{smtp_timeout,smtp_deliverable}'});
is($done[1], 0, '... leaves these alone');
@done = reclassify('verdicts of one reason', q{'{mailbox_not_found}'});
is($done[1], 1, '... finds them');
is(verdicts(), $before, '... and nothing else');

# what counts beside the reply
my $good = 'ok1@ok.deliver.com';
$c->sql("UPDATE email_verify.address SET detail = 'suspect', suspect_since = now() WHERE address = '$good'");
$was = of($good, '*');
@done = reclassify('a good address that is suspect');
is(of($good, '*'), $was, '... stays suspect: the reply before the refusal does not unsay it');
$c->sql("UPDATE email_verify.address SET detail = NULL, suspect_since = NULL WHERE address = '$good'");
my $catch_all = 'ok1@catchall.deliver.com';
$was = of($catch_all, '*');
like($was, qr/catchall\|catch_all_(deliverable|inferred)/, 'an address in a catch-all domain');
$c->sql("DELETE FROM email_verify.domain_host WHERE domain = 'catchall.deliver.com'");
@done = reclassify('an acceptance where nothing is known any more of made-up recipients');
is(of($catch_all, '*'), $was, '... does not unmake a catch-all domain');
is($done[1], 0, '... nor does it change others');

# the site's own word
$c->sql("INSERT INTO email_verify.mx_policy (mx, trust_accept) SELECT d.mx_hosts[1], false FROM email_verify.domain d WHERE domain = 'ok.deliver.com'");
reclassify('a site that does not believe a host any more');
is(of($good, 'reason, detail'), 'smtp_unverifiable|untrusted_accept', '... does not believe what it has said before');
$c->sql('DELETE FROM email_verify.mx_policy');
reclassify('... and if it does again');
is(of($good, 'reason, detail'), 'smtp_deliverable|', '... it is as it was');

# its own rules
$c->sql("INSERT INTO email_verify.reply_rule (id, pattern, reason, detail) VALUES (7, 'user unknown', 'mailbox_disabled', NULL)");
reclassify('a rule of the site\'s');
is(of('zz9@ok.deliver.com', 'reason, detail, rule'), 'mailbox_disabled|site_rule|site:7', '... comes first');
$c->sql('DELETE FROM email_verify.reply_rule');
reclassify('... and if it is gone');
is(of('zz9@ok.deliver.com', 'reason, detail'), 'mailbox_not_found|', '... all is as built in');

# text that is not kept
$c->sql("UPDATE email_verify.address SET reply_text = NULL, rule = 'old' WHERE address = '$good'");
reclassify('a reply whose text is not kept any more');
is(of($good, 'reason, rule'), 'smtp_deliverable|old', '... is not judged');

# --- rows that somebody holds --------------------------------------------------------------------------------------------------

my $s = EmailVerifySession->new($c);
$c->sql("UPDATE email_verify.address SET reason = 'smtp_rate_limited', detail = 'rate' WHERE address LIKE 'zz9\@%' AND reason = 'mailbox_not_found'");
$s->run("BEGIN; SELECT 1 FROM email_verify.address WHERE address IN ('zz9\@ok.deliver.com', 'zz9\@notls.deliver.com') FOR UPDATE");
my $id = $c->sql('SELECT email_verify.reclassify()');
ok($c->poll("SELECT NOT ahead AND held = '{zz9\@notls.deliver.com,zz9\@ok.deliver.com}' FROM email_verify.command WHERE id = $id"), 'rows that somebody holds are left for the end');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address LIKE 'zz9\@%' AND reason = 'smtp_rate_limited' AND detail = 'rate' AND address ~ '(ok|notls)\\.deliver'"), 2, '... as they are');
is(of('zz9@catchtemp.deliver.com', 'reason') ne 'smtp_rate_limited', 1, '... others are judged');
is($c->sql("SELECT state, failures FROM email_verify.command WHERE id = $id"), 'running|0', '... that is no failure');
$s->run('COMMIT');
ended($id, '... and ended with when they are let go');
is(of('zz9@ok.deliver.com', 'reason'), 'mailbox_not_found', '... they are judged, too');

# --- many rows, and everything that may happen on the way -----------------------------------------------------------------------

my $many = 60000;
sub fill
{
	$c->sql('TRUNCATE email_verify.address, email_verify.queue');
	$c->sql(qq{
		INSERT INTO email_verify.address (address, status, reason, detail, checked_at, fresh_until, expires_at, stage, reply_code, enhanced_status, reply_text, rule, mx_host, mx_address)
		SELECT 'a' || lpad(i::text, 6, '0') || '\@many.com', 'unknown', 'smtp_unverifiable', 'cannot_verify', now(), now() + interval '30 d', now() + interval '90 d',
			'rcpt', CASE WHEN i % 10 = 0 THEN 550 ELSE 252 END, CASE WHEN i % 10 = 0 THEN '5.1.1' END, CASE WHEN i % 10 = 0 THEN '5.1.1 User unknown' ELSE 'Cannot VRFY user' END,
			'old', 'mx.many.com', '192.0.2.1' FROM generate_series(1, $many) i});
	return;
}

sub in_the_midst
{
	fill();
	my $id = $c->sql('SELECT email_verify.reclassify()');
	ok($c->poll("SELECT looked_at BETWEEN 1000 AND $many - 1000 AND after IS NOT NULL FROM email_verify.command WHERE id = $id", 60), 'in the midst of a walk');
	return $id;
}

sub complete
{
	my ($id) = @_;
	ended($id, '... and goes on');
	is(progress($id), "$many|" . $many / 10, '... to its end, with each row looked at once');
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'mailbox_not_found'"), $many / 10, '... and judged');
	is($c->sql("SELECT count(*) FROM email_verify.address WHERE rule = 'old'"), 0, '... by the rules of today');
	is($c->sql("SELECT failures, fault IS NULL FROM email_verify.command WHERE id = $id"), '0|t', '... which is no failure');
	return;
}

fill();
my $start = time;
$id = $c->sql('SELECT email_verify.reclassify()');
ended($id, "$many rows");
note(sprintf '%.0f rows/s', $many / (time - $start));
complete($id);

$id = in_the_midst();
is($c->verdict('ok2@ok.deliver.com', '20 s')->{reason}, 'smtp_deliverable', '... others are verified');
$c->sql('DELETE FROM email_verify.address WHERE address = $$ok2@ok.deliver.com$$');
my $pid = $c->worker_pid;
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT worker = 'running' AND worker_pid <> $pid FROM email_verify.stat", 45), '... the worker is ended and comes back');
ended($id, '... it goes on');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'mailbox_not_found' AND address LIKE '%many.com'"), $many / 10, '... to its end');

$id = in_the_midst();
$c->kill9;
$c->node->start;
is($c->sql("SELECT state IN ('running', 'waiting') FROM email_verify.command WHERE id = $id"), 't', '... a crash of the server');
complete($id);

$id = in_the_midst();
$c->node->stop('fast');
$c->node->start;
complete($id);

# its place may be somebody's address
$c->sql('SELECT email_verify.pause()');
fill();
$id = $c->sql('SELECT email_verify.reclassify()');
$c->sql("UPDATE email_verify.command SET after = 'a000500\@many.com', looked_at = 500, held = '{a000007\@many.com,a000010\@many.com}' WHERE id = $id");
$c->sql("SELECT email_verify.forget(a) FROM unnest('{a000500\@many.com,a000010\@many.com}'::text[]) a");
is($c->sql("SELECT after, held FROM email_verify.command WHERE id = $id"), 'a000499@many.com|{a000007@many.com}', 'the place of a walk is forgotten with its address');
$c->sql('SELECT email_verify.resume()');
ended($id, '... the walk goes on');
is(progress($id), ($many + 1) . '|' . ($many / 10 - 50), '... where it was');

# a row that cannot be changed
$c->sql("UPDATE email_verify.address SET rule = 'old', reason = 'smtp_unverifiable', status = 'unknown' WHERE address < 'a002000'");
$c->sql("ALTER TABLE email_verify.address ADD CONSTRAINT not_this CHECK (address <> 'a001000\@many.com' OR rule = 'old') NOT VALID");
$id = $c->sql('SELECT email_verify.reclassify()');
ok($c->poll("SELECT failures = 1 AND fault LIKE '%not_this%' AND looked_at BETWEEN 990 AND 999 FROM email_verify.command WHERE id = $id", 60), 'a walk that fails comes as far as it can')
  or diag($c->sql('SELECT * FROM email_verify.command'));
my $second = $c->sql("SELECT email_verify.reclassify('{smtp_timeout}')");
ended($second, '... the next one does not wait for it');
for my $k (2, 3)
{
	$c->sql("UPDATE email_verify.command SET due_at = now() WHERE id = $id; SELECT email_verify._poke(0)");
	ok($c->poll("SELECT failures = $k FROM email_verify.command WHERE id = $id"), "... it fails a time more: $k");
}
is($c->sql("SELECT state FROM email_verify.command WHERE id = $id"), 'parked', '... and is parked');
$c->sql('ALTER TABLE email_verify.address DROP CONSTRAINT not_this');
is($c->sql("SELECT email_verify.retry($id)"), 't', '... mended, it is tried again');
ended($id, '... and goes on to its end');

$s->end;
$c->finish;
done_testing();
