# 030_memo.pl
#	One statement gives one answer for one address: a row is not torn, duplicates agree although an answer arrives
#	meanwhile, and each address is pushed and waited for once however often a statement names it.  A later statement is
#	another one, also inside a function or a transaction.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('memo');

# Waits until the address has a verdict that others can see; for use in the middle of a statement.
$c->sql(q{CREATE FUNCTION until_known(a text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..1500 LOOP
		IF EXISTS (SELECT FROM email_verify.address WHERE address = a) THEN RETURN true; END IF;
		PERFORM pg_sleep(0.02);
	END LOOP;
	RETURN false;
END $$});

# Runs it; returns its output and how many entries went through the inbox.
sub pushes
{
	my ($expected, $sql) = @_;
	my $before = $c->stat->{drained_total};
	my $out = $c->sql($sql);
	my $want = $before + $expected;
	$c->poll("SELECT inbox_bytes = 0 AND drained_total >= $want FROM email_verify.stat", 20);
	$c->wait(0);    # whatever may come on top of that has come, too
	return ($out, $c->stat->{drained_total} - $before);
}

sub addresses { my ($n, $domain) = @_; return map { "$_[2]$_\@$domain" } 1 .. $n }
sub list { return join ', ', map { '(' . quoted($_) . ')' } @_ }

# --- a row is one answer ----------------------------------------------------------------------------------------

my @new = addresses(20, 'hangrcpt.deliver.com', 'ok');
my ($out, $n) = pushes(20, 'SELECT email, (email_verdict(email)).* FROM (VALUES ' . list(@new) . ') u (email)');
is($n, 20, '(email_verdict(email)).*: one push for a row, not one for a column');
is($out, join("\n", map { "$_|unknown|pending||t|||f" } @new), '... and each row is a whole');
($out, $n) = pushes(1, q{SELECT email_verify(a), email_verify(a), (email_verdict(a)).reason, email_verify_ok(a) FROM (VALUES ('okx@hangrcpt.deliver.com')) u (a)});
is($n, 1, 'the functions have it in common');
($out, $n) = pushes(1, q{SELECT count(*) FROM generate_series(1, 5000), (VALUES ('oky@hangrcpt.deliver.com')) u (a) WHERE email_verify(a) = 'pending'});
is("$out $n", '5000 1', '5000 duplicates: 1 push');
($out, $n) = pushes(1, q{SELECT count(*) FROM email_verify_many(array_fill('okz@hangrcpt.deliver.com'::text, ARRAY[500]))});
is("$out $n", '500 1', '... also in email_verify_many()');
($out, $n) = pushes(2, q{SELECT email_verify('okw@hangrcpt.deliver.com'); SELECT email_verify('okw@hangrcpt.deliver.com')});
is($n, 2, 'two statements ask twice');
is($c->sql(q{SELECT count(*) FROM email_verify.queue WHERE address = 'okw@hangrcpt.deliver.com'}), 1, '... for one row in the queue');

# --- an answer that comes in the middle of a statement ---------------------------------------------------------------

is($c->sql(q{SELECT email_verify(a), until_known(a), email_verify(a) FROM (VALUES ('ok1@notls.deliver.com')) u (a)}),
	'pending|t|pending', 'columns agree although the answer has come between them');
is($c->sql(q{SELECT email_verify('ok1@notls.deliver.com')}), 'smtp_deliverable', '... and the next statement has it');
is($c->sql(q{SELECT n, (email_verdict(a)).status, CASE WHEN n = 2 THEN until_known(a) END, (email_verdict(a)).reason
		FROM generate_series(1, 3) n, (VALUES ('ok2@notls.deliver.com')) u (a)}),
	"1|unknown||pending\n2|unknown|t|pending\n3|unknown||pending", 'duplicates agree although the answer has come between them');
# more addresses than are remembered
is($c->sql(q{SELECT string_agg(DISTINCT email_verify(a)::text, ' ') FILTER (WHERE a LIKE 'ok3@%') AS same, count(email_verify(a)), bool_or(until_known(a)) FILTER (WHERE n = 1500) AS known
		FROM (SELECT n, CASE WHEN n % 500 = 0 THEN 'ok3@notls.deliver.com' ELSE 'u' || n || '@nosuch.example.org' END AS a FROM generate_series(1, 3000) n) u}),
	'pending|3000|t', '... also when thousands of others lie between them');
is($c->sql(q{SELECT email_verify(a), (SELECT reason FROM email_verify.address WHERE address = a), until_known(a), email_verify(a)
		FROM (VALUES ('ok4@notls.deliver.com')) u (a)}), 'pending||t|pending', 'what is said fits what the statement can read');
# a question of another statement in between
$c->sql(q{CREATE FUNCTION nested(a text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN email_verify(a); END $$});
is($c->sql(q{SELECT email_verify(a), until_known(a), nested(a), email_verify(a) FROM (VALUES ('ok5@notls.deliver.com')) u (a)}),
	'pending|t|smtp_deliverable|pending', 'a function asks in statements of its own, and does not tear the one that called it');

# --- later statements --------------------------------------------------------------------------------------------------------

my $loop = q{
DO $$
DECLARE
	first text := email_verify('%1$s');
	seen text;
BEGIN
	FOR i IN 1..1500 LOOP
		seen := email_verify('%1$s');
		EXIT WHEN seen <> 'pending';
		PERFORM pg_sleep(0.02);
	END LOOP;
	INSERT INTO seen VALUES (first, seen);
END $$;
};
$c->sql('CREATE TABLE seen (first text, later text)');
$c->sql(sprintf $loop, 'ok6@notls.deliver.com');
is($c->sql('SELECT * FROM seen'), 'pending|smtp_deliverable', 'a loop in PL/pgSQL sees the answer come');
$c->sql('BEGIN; ' . (sprintf $loop, 'ok7@notls.deliver.com') . ' COMMIT');
is($c->sql('SELECT count(*) FROM seen WHERE (first, later) = (\'pending\', \'smtp_deliverable\')'), 2, '... also within a transaction');
# what the transaction itself has changed counts at once
is($c->sql(q{CREATE FUNCTION forget_and_ask(a text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE before text := email_verify(a); BEGIN PERFORM email_verify.forget(a); RETURN before || ' ' || email_verify(a); END $$;
	BEGIN; SELECT forget_and_ask('ok7@notls.deliver.com'); ROLLBACK; SELECT email_verify('ok7@notls.deliver.com')}),
	"smtp_deliverable pending\nsmtp_deliverable", 'a verdict that was forgotten in the same function is not remembered');
is($c->sql(q{CREATE FUNCTION override_and_ask(a text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE before text := email_verify(a); BEGIN INSERT INTO email_verify.override VALUES (a, 'trap'); RETURN before || ' ' || email_verify(a); END $$;
	BEGIN; SELECT override_and_ask('ok6@notls.deliver.com'); ROLLBACK; SELECT email_verify('ok6@notls.deliver.com')}),
	"smtp_deliverable possible_spam_trap\nsmtp_deliverable", '... and an override that was made there holds');
is($c->sql(q{BEGIN; SET LOCAL email_verify.mode = sandbox; SELECT email_verify('ok6@notls.deliver.com'), email_verify('mailbox_full@notls.deliver.com'); ROLLBACK;
	SELECT email_verify('mailbox_full@notls.deliver.com')}), "smtp_deliverable|mailbox_full\npending", 'the sandbox leaves nothing behind');

my $s = EmailVerifySession->new($c);
$s->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
is($s->run(q{SELECT email_verify('ok8@notls.deliver.com')}), 'pending', 'REPEATABLE READ: unknown');
ok($c->poll(q{SELECT until_known('ok8@notls.deliver.com')}), '... an answer comes');
is($s->run(q{SELECT email_verify('ok8@notls.deliver.com'), count(*) FROM email_verify.address WHERE address LIKE 'ok8@%'}), 'pending|0', '... which this transaction does not see');
is($s->run(q{SELECT email_verify('ok8@notls.deliver.com', wait => '20 s')}), 'smtp_deliverable', '... unless it waits for it');
is(scalar($c->peer_rcpts('ok8@notls.deliver.com')), 1, '... without another probe');
$s->run('COMMIT');
is($s->run(q{SELECT email_verify('ok8@notls.deliver.com')}), 'smtp_deliverable', '... and its end shows it');
$s->end;

# --- an answer that was waited for -----------------------------------------------------------------------------------------------

($out, $n) = pushes(1, q{SELECT (email_verdict(a, wait => '20 s')).* FROM (VALUES ('ok1@chunked.deliver.com')) u (a)});
is($n, 1, "(email_verdict(email, wait => ...)).*: one push");
like($out, qr/^valid\|smtp_deliverable\|\|f\|[^|]+\|\|f$/, '... one answer');
is(scalar($c->peer_rcpts('ok1@chunked.deliver.com')), 1, '... one probe');
($out, $n) = pushes(1, q{SELECT email_verify(a, wait => '20 s'), email_verify_ok(a, wait => '20 s'), email_verify(a, wait => '20 s') FROM (VALUES ('nobody@chunked.deliver.com')) u (a), generate_series(1, 3)});
is($out, join("\n", ('mailbox_not_found|f|mailbox_not_found') x 3), 'an answer is kept for the other calls of the statement');
is($n, 1, '... with one push');
is($c->sql(q{SELECT email_verify(a, wait => '20 s'), email_verify(a), (email_verdict(a)).reason, email_verify(a, wait => '1 s')
		FROM (VALUES ('ok2@chunked.deliver.com')) u (a)}), join('|', ('smtp_deliverable') x 4), '... also for those that do not wait, or not so long');
is($c->sql(q{SELECT email_verify(a), email_verify(a, wait => '20 s') FROM (VALUES ('ok3@chunked.deliver.com')) u (a)}), 'pending|smtp_deliverable', 'who did not wait does not keep others from waiting');
# a hanging server: the second call has no budget left, and the first one's answer
($out, $n) = pushes(1, q{SELECT email_verify(a, wait => '300 ms'), email_verify(a, wait => '300 ms') FROM (VALUES ('okv@hangrcpt.deliver.com')) u (a)});
is("$out $n", 'pending|pending 1', 'no answer in time is an answer as well: one push, one wait');

is($c->stat->{errors_total}, 0, 'no store cycle failed');
$c->finish;
done_testing();
