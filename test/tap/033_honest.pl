# 033_honest.pl
#	"pending" is a promise: it is said only of an address that is queued.  Each obstacle has a detail of its own, a person is
#	told once a session what to do about it and once a transaction that something is pending, and what must queue
#	nothing (read-only transactions, replicated sessions) does not.
#
# A standby is in 034_standby.pl, a database without a worker in 039_no_worker.pl, a server without preload in pg_regress.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('honest',
	conf => { 'email_verify.inbox_size' => '64kB' });
my $n = 0;
sub new_address { return sprintf 'new%d@hangrcpt.deliver.com', ++$n }

# reason and detail of an address nobody has asked for before, and the session's notices
sub says
{
	my ($session, $before) = @_;
	my $said = $session->run(($before // '') . sprintf "SELECT v.reason || coalesce(' ' || v.detail, '') || CASE WHEN v.checked_at IS NOT NULL THEN ' checked' ELSE '' END FROM email_verdict('%s') v", new_address());
	return $said;
}

# The obstacle, said at each question; its notice, with something to do about it, at the first one of a session.
sub obstacle
{
	my ($what, $detail, $hint, $dbname) = @_;
	my $session = EmailVerifySession->new($c, $dbname);
	my $count_queue = $detail ne 'inbox_full';    # it is locked then
	my $queued = $count_queue ? $c->sql('SELECT count(*) FROM email_verify.queue', $dbname) : 0;
	is(says($session), "internal_verifier_error $detail", "$what: $detail");
	like($session->err, qr/NOTICE:.*\nHINT:.*$hint/, '... with what to do about it');
	is(says($session), "internal_verifier_error $detail", '... again');
	is($session->err, '', '... which is said once a session');
	is($session->run("SELECT email_verify_ok('" . new_address() . "'), email_verify('bad'), (email_verdict('x\@y.test')).detail, email_verify('known\@notls.deliver.com')"),
		't|invalid_syntax|special_use_domain|smtp_deliverable', '... what needs no queue is answered') if !$dbname;
	is($session->run("SELECT count(*) FROM email_verify_many(ARRAY['" . new_address() . "', '" . new_address() . "'], wait => '20 s') WHERE detail = '$detail'"), 2, '... nobody waits for it');
	$session->end;
	is($count_queue ? $c->sql('SELECT count(*) FROM email_verify.queue', $dbname) : $queued, $queued, '... nothing is queued');
	return;
}

$c->sql("INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	VALUES ('known\@notls.deliver.com', 'valid', 'smtp_deliverable', now(), now() + interval '1 day', now() + interval '2 days')");

# --- pending -----------------------------------------------------------------------------------------------------------

my $s = EmailVerifySession->new($c);
is(says($s), 'pending', 'pending: no detail, never checked');
like($s->err, qr/\ANOTICE:.*pending.*\nHINT:.*email_verify\.wait.*\n\z/, '... a notice says how to wait');
$s->run('BEGIN');
says($s);
like($s->err, qr/NOTICE/, '... in each transaction');
says($s);
is($s->err, '', '... once');
$s->run('SAVEPOINT a');
says($s);
is($s->err, '', '... also after a savepoint');
$s->run('COMMIT');
$s->run("SET client_min_messages = warning");
says($s);
is($s->err, '', '... and not to who does not want notices');
ok($c->poll("SELECT count(*) = $n FROM email_verify.queue"), '... each of them is queued');
$s->end;

# --- steering ----------------------------------------------------------------------------------------------------------------

$c->sql('SELECT email_verify.pause()');
$s = EmailVerifySession->new($c);
is(says($s), 'pending paused', 'paused: pending, and why');
like($s->err, qr/NOTICE:.*\nHINT:.*resume/, '... with what to do about it');
ok($c->poll("SELECT count(*) = $n FROM email_verify.queue"), '... it is queued all the same');
$s->end;
is($c->sql('SELECT email_verify.resume()') . says($s = EmailVerifySession->new($c)), 'pending', 'resumed: pending');
$s->end;

$c->set('email_verify.databases' => 'somewhere, else');
ok($c->poll("SELECT worker <> 'running' FROM email_verify.stat"), 'the database is taken out of the list');
obstacle('not in the list', 'database_not_enabled', 'email_verify\.databases');
$c->set('email_verify.databases' => undef);
$c->wait_for_worker;

$c->set('email_verify.max_queue' => 1);
$c->wait(0);    # counted
obstacle('the queue is full', 'queue_full', 'max_queue');
$c->set('email_verify.max_queue' => undef);

# one session at a time: a mode and a transaction of one's own
$s = EmailVerifySession->new($c);
is(says($s, 'SET email_verify.mode = offline; '), 'internal_verifier_error mode_offline', 'mode offline: mode_offline');
is(says($s, 'RESET email_verify.mode; '), 'pending', '... and back');
is(says($s, 'BEGIN READ ONLY; '), 'internal_verifier_error read_only', 'a read-only transaction: read_only');
like($s->err, qr/HINT:.*read-write/, '... with what to do about it');
says($s, 'COMMIT; SET default_transaction_read_only = on; ');
is($s->err, '', '... which is said once a session');
is(says($s, 'RESET default_transaction_read_only; SET session_replication_role = replica; '), 'internal_verifier_error replication', 'session_replication_role = replica: replication');
is(says($s, 'RESET session_replication_role; '), 'pending', '... and back');
$s->end;

# --- a full inbox ---------------------------------------------------------------------------------------------------------------------

# The worker cannot store, so it drains no more than it can carry; the inbox is as small as it can be.
my $holder = EmailVerifySession->new($c);
$holder->run('BEGIN; LOCK TABLE email_verify.queue');
my $errors = $c->sql('SELECT errors_total FROM email_verify._stat()');
$c->sql("SELECT email_verify('first\@hangrcpt.deliver.com')");
ok($c->poll("SELECT errors_total > $errors FROM email_verify._stat()"), 'the worker cannot drain');
my ($pending, $full, $all, $in_a_row) = (0, 0, 0, 0);
for my $round (1 .. 40)
{
	my ($fit, $not) = split / /, $c->sql("SELECT count(*) FILTER (WHERE reason = 'pending') || ' ' || count(*) FILTER (WHERE detail = 'inbox_full')
		FROM (SELECT (email_verdict('full$round.' || i || '\@hangrcpt.deliver.com')).* FROM generate_series(1, 3000) i) v");
	($pending, $full, $all) = ($pending + $fit, $full + $not, $all + 3000);
	$in_a_row = $fit == 0 ? $in_a_row + 1 : 0;
	last if $in_a_row == 6;
	sleep 1;    # it may carry some more
}
cmp_ok($full, '>', 0, "a full inbox: $pending addresses fit, $full do not");
is($pending + $full, $all, '... all of them are told: inbox_full');
obstacle('the inbox is full', 'inbox_full', 'inbox_size');
cmp_ok($c->sql('SELECT refused_total FROM email_verify._stat()'), '>', 0, '... it is counted');
$holder->run('COMMIT');
$holder->end;
ok($c->poll("SELECT count(*) = $pending FROM email_verify.queue WHERE address LIKE 'full%'", 60), 'free again: as many are queued as were called pending')
  or diag($c->sql("SELECT count(*) FROM email_verify.queue WHERE address LIKE 'full%'"));
ok($c->poll("SELECT email_verify('late\@hangrcpt.deliver.com') = 'pending'"), '... and there is room for more');

$c->finish;
done_testing();
