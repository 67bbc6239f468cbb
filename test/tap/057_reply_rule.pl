# 057_reply_rule.pl
#	A site's own rule for replies changes what a probe makes of them, from the next session on and until it is taken
#	back; what holds whatever it says still holds; it outlives a restart, a crash of the prober and a dump.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('reply_rule', conf => { 'max_prepared_transactions' => 2, 'email_verify.max_refused' => 0, 'email_verify.prober' => 'process', 'log_statement' => 'none' });

sub rule
{
	my ($columns, @values) = @_;
	return $c->sql("INSERT INTO email_verify.reply_rule ($columns) VALUES (" . join(', ', map { defined $_ ? quoted($_) : 'NULL' } @values) . ') RETURNING id');
}

sub verdict_is
{
	my ($address, $reason, $detail, $what) = @_;
	my %got = $c->verify($address);
	is("$got{$address}{reason} " . ($got{$address}{detail} // ''), "$reason " . ($detail // ''), $what);
	return;
}

sub rule_is
{
	my ($address, $rule, $what) = @_;
	return is($c->row($address)->{rule}, $rule, $what);
}

# --- a rule changes a verdict, and its end changes it back ---------------------------------------------------------

$w->ctl('rule plain "zebra*" "550 zebra crossing"');
$w->ctl('rule plain "stripe*" "450 zebra crossing (7 minutes)"');
verdict_is('zebra1@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a refusal that nobody understands');
my $id = rule('code, pattern, reason, note', '5', 'zebra crossing', 'mailbox_disabled', 'says their postmaster');
verdict_is('zebra2@plain.deliver.com', 'mailbox_disabled', 'site_rule', '... but for the site');
rule_is('zebra2@plain.deliver.com', "site:$id", '... by that rule');
like($c->sql("SELECT finding FROM email_explain('zebra2\@plain.deliver.com') WHERE stage = 'rcpt'"),
	qr/^550 rule site:$id \(says their postmaster\)$/, '... as the explanation says');
verdict_is('stripe1@plain.deliver.com', 'policy_temp_fail', 'temporary', '... a temporary refusal is not what it names');
verdict_is('nobody@plain.deliver.com', 'mailbox_not_found', undef, '... and another text is judged as ever');
verdict_is('ok1@plain.deliver.com', 'smtp_deliverable', undef, '... as is who is accepted');
$c->sql("UPDATE email_verify.reply_rule SET mx = 'other.deliver.com'");
verdict_is('zebra3@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a rule for other hosts does not count here');
$c->sql("UPDATE email_verify.reply_rule SET mx = 'plain.deliver.com', reason = 'mailbox_not_found', detail = 'known_invalid'");
verdict_is('zebra4@plain.deliver.com', 'mailbox_not_found', 'known_invalid', 'one for these does, with its detail');
$c->sql('DELETE FROM email_verify.reply_rule');
verdict_is('zebra5@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'without it all is as it was');

$id = rule('code, pattern, reason', '4', 'zebra crossing', 'smtp_greylisted');
verdict_is('stripe2@plain.deliver.com', 'smtp_greylisted', 'site_rule', 'a temporary refusal');
my $queue = $c->queue('stripe2@plain.deliver.com');
cmp_ok($c->sql("SELECT extract(epoch FROM due_at - now())::integer FROM email_verify.queue WHERE id = $queue->{id}"), '>', 300, '... is asked again when the text says');
is($c->sql("SELECT reason || ' ' || rule FROM email_classify_reply('450 zebra crossing', 'mx.plain.deliver.com')"), "smtp_greylisted site:$id", 'sessions see the same rules');
$c->sql('TRUNCATE email_verify.reply_rule');

# --- what holds whatever a rule says --------------------------------------------------------------------------------

my $refused = $c->try("INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('4', 'zebra', 'mailbox_not_found')");
like($refused->{err}, qr/ERROR:  not a rule for replies: a temporary refusal \(4xx\) never makes an address invalid/, 'no 4xx is a dead mailbox');

$w->ctl('rule plain "lion*" "550 lion"');
rule('code, reason', '5', 'mailbox_not_found');
verdict_is('ok1@rblrcpt.deliver.com', 'smtp_blocked', 'blocklist', 'a rule of a code alone: words about us say more');
verdict_is('lion1@plain.deliver.com', 'mailbox_not_found', 'site_rule', '... words of nothing do not');
verdict_is('ok1@ok.deliver.com', 'smtp_deliverable', undef, '... and who is accepted is accepted');
$c->sql('TRUNCATE email_verify.reply_rule');

rule('code, pattern, reason', '5', 'user|echo1', 'mailbox_full');
$w->ctl('rule plain "echo*" "550 <%r> quagga"');
verdict_is('echo1@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'what is echoed does not decide');
$c->sql('TRUNCATE email_verify.reply_rule');

# the site's word is a finding like others: where a refusal needs a control, it needs one
rule('code, pattern, reason', '5', 'zebra crossing', 'mailbox_not_found');
$c->sql("INSERT INTO email_verify.mx_policy (mx, needs_control) VALUES ('heloonly.deliver.com', true)");
$w->ctl('rule heloonly "zebra*" "550 zebra crossing"');
verdict_is('zebra1@heloonly.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a host that is not to be believed alone');
verdict_is('ok1@heloonly.deliver.com', 'smtp_deliverable', undef, '... and that has accepted somebody now');
verdict_is('zebra2@heloonly.deliver.com', 'mailbox_not_found', 'site_rule', '... is believed then');
$c->sql('TRUNCATE email_verify.mx_policy; TRUNCATE email_verify.reply_rule');

# made-up recipients are refused by a site's word, too
$w->ctl('rule catchall "*" "550 okapi"');
$w->ctl('rule catchall "real*" "250 fine"');
rule('code, pattern, reason', '5', 'okapi', 'smtp_blocked');
verdict_is('real1@catchall.deliver.com', 'catch_all_inconclusive', 'catch_all_temp_fail', 'a made-up recipient that is refused for us tells nothing');
$c->sql("UPDATE email_verify.reply_rule SET reason = 'mailbox_not_found'");
$c->sql("SELECT email_verify.recheck('real1\@catchall.deliver.com')");
$c->wait;
is($c->row('real1@catchall.deliver.com')->{reason}, 'smtp_deliverable', '... one that is refused as such does');
$c->sql('TRUNCATE email_verify.reply_rule');

# --- while it is at work ------------------------------------------------------------------------------------------------

$c->sql("BEGIN; INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'zebra', 'mailbox_full'); ROLLBACK");
verdict_is('zebra6@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'what was rolled back is nobody\'s word');
$c->sql(q{BEGIN; INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'zebra', 'mailbox_full'); PREPARE TRANSACTION 'p'});
verdict_is('zebra7@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', '... nor what is only prepared');
$c->sql("COMMIT PREPARED 'p'");
verdict_is('zebra8@plain.deliver.com', 'mailbox_full', 'site_rule', '... until it is committed');
$c->sql("UPDATE email_verify.reply_rule SET until = clock_timestamp() + interval '2 s'");
$c->poll('SELECT until < clock_timestamp() FROM email_verify.reply_rule', 10);
verdict_is('zebra10@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'a rule that ended by itself is nobody\'s word any more');
$c->sql('TRUNCATE email_verify.reply_rule');

# --- a new prober, a new worker, a long table ---------------------------------------------------------------------------

$id = rule('code, pattern, reason', '5', 'zebra', 'mailbox_full');
verdict_is('zebra11@plain.deliver.com', 'mailbox_full', 'site_rule', 'a rule');
my $prober = $c->stat->{prober_pid};
kill 'KILL', $prober;
$c->poll("SELECT prober_pid <> $prober FROM email_verify.stat", 20);
verdict_is('zebra12@plain.deliver.com', 'mailbox_full', 'site_rule', '... that a new prober is told of');
$c->node->restart;
$c->wait_for_worker;
verdict_is('zebra13@plain.deliver.com', 'mailbox_full', 'site_rule', '... and that a new worker knows before it asks anybody');
$c->set('email_verify.prober' => 'inline');
$c->poll('SELECT prober_pid IS NULL FROM email_verify.stat', 20);
verdict_is('zebra14@plain.deliver.com', 'mailbox_full', 'site_rule', '... as does a prober inside it');
$c->set('email_verify.prober' => 'process');
$c->poll('SELECT prober_pid IS NOT NULL FROM email_verify.stat', 20);

$c->sql(qq{INSERT INTO email_verify.reply_rule (id, code, mx, pattern, reason)
	SELECT 100 + i, '5', 'h' || i || '.example.com', 'zebra*text number ' || i || '|giraffe ' || i, 'mailbox_full' FROM generate_series(1, 998) i;
	UPDATE email_verify.reply_rule SET id = 2000 WHERE id = $id});
verdict_is('zebra15@plain.deliver.com', 'mailbox_full', 'site_rule', 'the last of 999 rules');
rule_is('zebra15@plain.deliver.com', 'site:2000', '... is heeded');
unlike(slurp_file($c->node->logfile), qr/rows of table email_verify\.reply_rule/, '... and all others');
$c->sql("INSERT INTO email_verify.reply_rule (id, code, mx, pattern, reason) SELECT 1900 + i, '5', 'h.example.com', 'zebra', 'mailbox_full' FROM generate_series(1, 5) i");
verdict_is('zebra16@plain.deliver.com', 'smtp_unverifiable', 'weak_refusal', 'beyond a thousand none is');
like(slurp_file($c->node->logfile), qr/WARNING:  email_verify heeds 1000 of the 1004 rows of table email_verify\.reply_rule/, '... and the log says so');
is($c->sql("SELECT rule FROM email_classify_reply('550 zebra', 'mx.plain.deliver.com')"), 'rcpt.5xx', '... in sessions likewise');
$c->sql('DELETE FROM email_verify.reply_rule WHERE id < 2000');
verdict_is('zebra17@plain.deliver.com', 'mailbox_full', 'site_rule', 'a table that is short again');

# --- a snapshot, a parallel query -----------------------------------------------------------------------------------------

my $judge = q{SELECT rule FROM email_classify_reply('550 zebra')};
my $reader = EmailVerifySession->new($c);
$reader->run('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->run($judge), 'site:2000', 'a transaction with one snapshot');
$c->sql('UPDATE email_verify.reply_rule SET id = 2001');
is($reader->run($judge), 'site:2000', '... sees one set of rules');
$reader->run('COMMIT');
is($reader->run($judge), 'site:2001', '... and the next one the new');
$reader->run('BEGIN');
is($reader->run($judge), 'site:2001', 'a transaction with a snapshot for each statement');
$c->sql('UPDATE email_verify.reply_rule SET id = 2002');
is($reader->run($judge), 'site:2002', '... sees them from the next statement on');
$reader->run('COMMIT');
$c->sql('UPDATE email_verify.reply_rule SET id = 2001');
$reader->end;
my $force = $c->node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
is($c->sql("SET $force = on; SELECT count(*) FROM generate_series(1, 100) i, email_classify_reply('550 zebra ' || i) r WHERE r.rule = 'site:2001'"), 100, 'a parallel worker sees them');

# --- a dump ---------------------------------------------------------------------------------------------------------------

$c->sql('TRUNCATE email_verify.reply_rule RESTART IDENTITY');
rule('code, enhanced, provider, mx, pattern, reason, detail, note, until', '550', 'X.1.1', 'other', 'plain.deliver.com', 'später*zebra|@ okapi', 'mailbox_not_found', 'known_invalid', "quoted \"\\\t'", '2100-01-01');
rule('stage, code, reason', undef, '42', 'smtp_rate_limited');
rule('code, pattern, reason', '5', 'zebra', 'mailbox_disabled');
my $all = 'SELECT r::text FROM email_verify.reply_rule r ORDER BY id';
my $dir = PostgreSQL::Test::Utils::tempdir();
$c->sql('CREATE DATABASE copy');
$c->node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/dump", $c->node->connstr('postgres') ], 'pg_dump');
$c->node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $c->node->connstr('copy'), "$dir/dump" ], 'pg_restore');
is($c->sql($all, 'copy'), $c->sql($all), '... keeps every row');
is($c->sql('SELECT count(*) FROM email_verify.reply_rule', 'copy'), 3, '... of which there are some');
is($c->sql("INSERT INTO email_verify.reply_rule (code, reason) VALUES ('4', 'policy_temp_fail') RETURNING id", 'copy'), 4, '... and goes on counting');
$c->wait_for_worker('copy');
is($c->verdict('zebra18@plain.deliver.com', '20 s', 'copy')->{reason}, 'mailbox_disabled', '... and they are heeded there');

is($c->stat->{errors_total}, 0, 'no cycle has failed');

$c->finish;
done_testing();
