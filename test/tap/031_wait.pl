# 031_wait.pl
#	Waiting must not become a denial of service: a statement has one budget however many addresses it names, a session that
#	waits can be cancelled and terminated and gives its place back, and where no place is free nobody queues up for
#	one.  And waiting must be worth it: the answer comes into the statement that waits, and one probe serves all who do.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('wait', conf => { 'email_verify.max_waiters' => 1, 'email_verify.rcpt_timeout' => '60s', 'email_verify.greeting_timeout' => '60s', 'email_verify.session_timeout' => '5min' });

# A bound on seconds that a budget taken twice, ten times or not at all would break by far.
my $taken = "clock_timestamp() - statement_timestamp()";
my $n = 0;
sub hanging { return sprintf 'ok%d@hangrcpt.deliver.com', ++$n }

# --- the budget ------------------------------------------------------------------------------------------------------------

is($c->sql("SELECT count(*) FILTER (WHERE reason = 'pending'), bool_and(late < interval '6 s'), max(late) >= interval '0.9 s'
		FROM (SELECT email_verify('ten' || i || '\@hangrcpt.deliver.com', wait => '1 s') AS reason, $taken AS late FROM generate_series(1, 10) i) q"),
	'10|t|t', 'ten addresses that do not answer take one budget, and all of it');
ok($c->poll("SELECT count(*) = 10 FROM email_verify.queue WHERE address LIKE 'ten%'"), '... and are queued, all ten');
is($c->sql("SELECT count(*), bool_and(reason = 'pending'), max($taken) < interval '6 s' FROM email_verify_many(ARRAY(SELECT 'many' || i || '\@hangrcpt.deliver.com' FROM generate_series(1, 10) i), wait => '1 s')"),
	'10|t|t', '... in email_verify_many() as well');
is($c->sql("CREATE TABLE signup (email text);
	CREATE TRIGGER email_verify BEFORE INSERT ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '1 s');
	INSERT INTO signup SELECT 'signup' || i || '\@hangrcpt.deliver.com' FROM generate_series(1, 10) i RETURNING $taken < interval '6 s'"),
	join("\n", ('t') x 10), '... and for the trigger');
is($c->sql("DO \$\$ BEGIN FOR i IN 1..10 LOOP PERFORM email_verify('do' || i || '\@hangrcpt.deliver.com', wait => '1 s'); END LOOP;
	IF $taken > interval '6 s' THEN RAISE EXCEPTION 'took %', $taken; END IF; END \$\$"), '', '... and for all statements of a function');
is($c->sql("SET email_verify.max_wait = '1 s'; SELECT email_verify('" . hanging() . "', wait => '1 hour'), $taken < interval '6 s'"), 'pending|t', 'max_wait is the most it can be');
is($c->sql("SET email_verify.max_wait = 0; SELECT email_verify('" . hanging() . "', wait => '1 hour'), $taken < interval '6 s'"), 'pending|t', '... also nothing at all');
is($c->sql("SELECT email_verify('" . hanging() . "', wait => '0'), $taken < interval '6 s'"), 'pending|t', 'a wait of nothing');
# what is answered at once costs nothing of it
is($c->sql("SELECT string_agg(email_verify(a, wait => '20 s')::text, ' ' ORDER BY n) FROM unnest(ARRAY['ok1\@notls.deliver.com', 'x\@nosuch.example.org', 'ok2\@notls.deliver.com', 'bad', 'nobody\@notls.deliver.com']) WITH ORDINALITY u (a, n)"),
	'smtp_deliverable no_mx_records smtp_deliverable invalid_syntax mailbox_not_found', 'answers are waited for one after the other');

# --- the answer comes into the statement ------------------------------------------------------------------------------------

is($c->sql("SELECT email_verify(a, wait => '20 s'), (SELECT count(*) FROM email_verify.address x WHERE x.address = u.a) FROM (VALUES ('ok3\@notls.deliver.com')) u (a)"),
	'smtp_deliverable|0', 'an answer is given although the statement cannot see the row');
is($c->sql("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM email_verify.address; SELECT email_verify('ok4\@notls.deliver.com', wait => '20 s'); COMMIT") =~ /smtp_deliverable$/,
	1, '... and to a transaction that never will');
my $whole = $c->sql("SELECT (email_verdict('nobody2\@notls.deliver.com', wait => '20 s'))");
is($c->sql("SELECT (email_verdict('nobody2\@notls.deliver.com'))"), $whole, '... as a whole: what is in the table afterwards is the same');

# --- a place to wait: there is but one ------------------------------------------------------------------------------------------

my $first = EmailVerifySession->new($c);
my $second = EmailVerifySession->new($c);

# Is it free?  A session that gets it has its answer, one that does not says pending.
sub free
{
	my ($why) = @_;
	ok($c->poll('SELECT waiters = 0 FROM email_verify._stat()'), "$why: the place is free");
	my $address = sprintf 'ok%d@plain.deliver.com', ++$n;
	is($second->run("SELECT email_verify('$address', wait => '30 s')"), 'smtp_deliverable', "$why: the next one gets the place");
	return;
}

sub waiting
{
	my ($why) = @_;
	$first->send("SELECT email_verify('" . hanging() . "', wait => '60 s')");
	ok($first->sleeps, "$why: a session waits");
	return;
}

waiting('no place is free');
is($second->run("SELECT email_verify('ok1\@drip.deliver.com', wait => '60 s')"), 'smtp_deliverable', '... the next one looks at the table instead');
like($second->err, qr/NOTICE:.*no place is free.*\nHINT:.*max_waiters/, '... and is told so');
is($second->run("SELECT v.reason, v.detail FROM email_verdict('" . hanging() . "', wait => '1 s') v"), 'pending|no_wait_slot', '... the answer says so, too, if there is none in time');
like($c->sql("SELECT gates::text FROM email_verify.stat"), qr/no_wait_slot/, '... a gate as well');
is($c->wait(0) > 0, 1, 'email_verify.wait() needs no place');
is($c->sql('SELECT pg_cancel_backend(' . $first->pid . ')'), 't', 'pg_cancel_backend');
$first->result;
like($first->err, qr/canceling statement due to user request/, '... ends the wait');
free('cancelled');

$first->run("SET statement_timeout = '1s'");
waiting('statement_timeout');
$first->result;
like($first->err, qr/canceling statement due to statement timeout/, '... ends the wait');
free('timed out');
$first->run("RESET statement_timeout");

# caught in a function, and the statement goes on
is($first->run("SET statement_timeout = '1s'; CREATE FUNCTION caught(a text) RETURNS text LANGUAGE plpgsql AS \$\$
	BEGIN RETURN email_verify(a, wait => '60 s'); EXCEPTION WHEN query_canceled THEN RETURN 'caught'; END \$\$;
	SELECT caught('" . hanging() . "'); SET statement_timeout = 0"), 'caught', 'an exception in a function');
free('caught');

waiting('a transaction block');
$c->sql('SELECT pg_cancel_backend(' . $first->pid . ')');
$first->result;
$first->run('BEGIN');
waiting('... another one');
$c->sql('SELECT pg_cancel_backend(' . $first->pid . ')');
$first->result;
free('cancelled, the transaction is still open');
$first->run('ROLLBACK');

is($first->run("SELECT email_verify('" . hanging() . "', wait => '300 ms')"), 'pending', 'a wait that is over');
free('over');

waiting('pg_terminate_backend');
is($c->sql('SELECT pg_terminate_backend(' . $first->pid . ', 20000)'), 't', '... ends the session');
$first->result;
like($first->err, qr/terminating connection/, '... which says so');
free('terminated');
$first->end;

# a client that goes away without a word
$first = EmailVerifySession->new($c);
waiting('the client is killed');
$first->{run}->kill_kill;
$c->sql('SELECT pg_terminate_backend(' . $first->pid . ', 20000)');
free('gone');

# the worker goes away and comes back: the place is as free as before
$first = EmailVerifySession->new($c);
$first->send("SELECT email_verify('ok1\@slow.deliver.com', wait => '60 s')");
ok($first->sleeps, 'the worker is terminated under a session that waits');
my $pid = $c->worker_pid;
$c->sql("SELECT pg_terminate_backend($pid, 20000)");
like($first->result, qr/^(?:smtp_deliverable|pending)$/, '... which gets an answer when it is back, or none');
ok($c->poll("SELECT worker = 'running' AND worker_pid <> $pid FROM email_verify.stat", 40), '... it is back');
free('back');
$_->end for $first, $second;

# --- a share for each role --------------------------------------------------------------------------------------------------------

$c->set('email_verify.max_waiters' => 8);
$c->node->restart;
$c->wait_for_worker;
$c->sql('CREATE ROLE tarpit LOGIN; GRANT EXECUTE ON FUNCTION email_verify TO tarpit');
my @greedy = map { my $s = EmailVerifySession->new($c); $s->run('SET SESSION AUTHORIZATION tarpit'); $s } 1 .. 8;
$_->send("SELECT email_verify('" . hanging() . "', wait => '40 s')") for @greedy;
$_->sleeps for @greedy;
ok($c->poll("SELECT waiters = 6 FROM email_verify._stat()"), 'a role has three quarters of the places');
my $other = EmailVerifySession->new($c);
is($other->run("SELECT email_verify('ok9\@plain.deliver.com', wait => '30 s')"), 'smtp_deliverable', '... another one finds a place');
is($other->err, '', '... and nothing is to be said of it');
$other->end;
$c->sql('SELECT pg_terminate_backend(' . $_->pid . ')') for @greedy;
ok($c->poll("SELECT waiters = 0 FROM email_verify._stat()"), '... they are given back');

# --- many who wait for the same ----------------------------------------------------------------------------------------------------

$c->set('email_verify.max_waiters' => 64);
$c->node->restart;
$c->wait_for_worker;
$w->reset;
$w->ctl('set tlsonly delay_banner_ms=6000');
my @sessions = map { EmailVerifySession->new($c) } 1 .. 8;
$_->send("SELECT (email_verdict('ok1\@tlsonly.deliver.com', wait => '50 s'))") for @sessions;
my @sleeping = grep { $_->sleeps } @sessions;
is(scalar @sleeping, 8, 'eight sessions wait for the same address');
my %said;
$said{ $_->result }++ for @sessions;
is(join(' ', values %said), '8', '... all of them get the same answer');
like((keys %said)[0], qr/^\(valid,smtp_deliverable,/, '... a good one');
is(scalar($c->peer_rcpts('ok1@tlsonly.deliver.com')), 1, '... by one probe');
is($c->queue('ok1@tlsonly.deliver.com'), undef, '... and nothing is left to be done');
$w->ctl('set tlsonly delay_banner_ms=3000');
# different addresses do not get each other's answers
$_->send("SELECT email_verify('ok2\@tlsonly.deliver.com', wait => '50 s'), email_verify('nobody2\@tlsonly.deliver.com', wait => '50 s')") for @sessions[0 .. 3];
$_->send("SELECT email_verify('nobody2\@tlsonly.deliver.com', wait => '50 s'), email_verify('ok2\@tlsonly.deliver.com', wait => '50 s')") for @sessions[4 .. 7];
is(join(' ', map { $_->result } @sessions[0 .. 3]), join(' ', ('smtp_deliverable|mailbox_not_found') x 4), 'each address has its own answer');
is(join(' ', map { $_->result } @sessions[4 .. 7]), join(' ', ('mailbox_not_found|smtp_deliverable') x 4), '... whoever waits for it first');
is(scalar(map { $c->peer_rcpts($_) } 'ok2@tlsonly.deliver.com', 'nobody2@tlsonly.deliver.com'), 2, '... by one probe each');
# the same address of another database is another address
$c->sql('CREATE DATABASE other');
$c->sql('CREATE EXTENSION email_verify', 'other');
$c->wait_for_worker('other');
my $other = EmailVerifySession->new($c, 'other');
$other->send("SELECT email_verify('ok3\@tlsonly.deliver.com', wait => '50 s')");
ok($other->sleeps, 'a session of another database waits');
is($c->verdict('ok3@tlsonly.deliver.com', '50 s')->{reason}, 'smtp_deliverable', '... its answer is its own');
is($other->result, 'smtp_deliverable', '... and comes');
is(scalar($c->peer_rcpts('ok3@tlsonly.deliver.com')), 2, '... by a probe of its own');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'ok3\@tlsonly.deliver.com'", 'other'), 1, '... into its own table');
$_->end for @sessions, $other;

is($c->stat->{errors_total}, 0, 'no store cycle failed');
$c->finish;
done_testing();
