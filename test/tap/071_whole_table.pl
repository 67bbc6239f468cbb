# 071_whole_table.pl
#	A question for a whole table of unknown addresses must be answered with "pending" for each of them: the statement waits while the worker takes them over.  It must not wait for a worker that
#	takes nothing, nor while it keeps others from a table, and others must neither be refused nor stand behind it.

use strict;
use warnings;

use Test::More;

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('whole', conf => { 'email_verify.max_wait' => undef, 'max_wal_size' => '4GB' });
my $n = 200_000;
my $s = EmailVerifySession->new($c);

sub refused { return $c->sql('SELECT refused_total FROM email_verify._stat()') }
sub ask { my ($table) = @_; return "SELECT string_agg(reason || ' ' || n, ', ') FROM (SELECT reason, count(*) n FROM (SELECT email_verify(email)::text AS reason FROM $table OFFSET 0) q GROUP BY 1) r" }

# Addresses in table $name, which nobody has asked for.
sub table
{
	my ($name, $rows) = @_;
	$c->sql("CREATE TABLE $name AS SELECT '$name' || i || '\@nothing-' || i % 100 || '.deliver.com' AS email FROM generate_series(1, $rows) i");
	return;
}

# --- all of them, and nobody is harmed ------------------------------------------------------------------------------------------

table('contacts', $n);
$c->sql("CREATE TABLE signup (email text CHECK (email_verify_ok(email)))");
$s->run("SET email_verify.max_wait = '1 h'");    # however busy the machine is
$s->send(ask('contacts'));
ok($c->poll("SELECT drained_total > 0 FROM email_verify._stat()"), 'a question for a whole table is under way');
my $others = EmailVerifySession->new($c);
is($others->run("SELECT email_verify('ok1\@notls.deliver.com', wait => '9 s')"), 'smtp_deliverable', '... somebody else is answered');
is($others->run("SELECT state = 'active' OR (SELECT count(*) > 10000 FROM email_verify.queue WHERE priority = 1 AND NOT answered) FROM pg_stat_activity WHERE pid = " . $s->pid),
	't', '... while most of that table is still to be verified');
$others->run("INSERT INTO signup VALUES ('new$_\@notls.deliver.com')") for 1 .. 20;
is($others->err =~ s/^(?:NOTICE|HINT):.*\n//mgr, '', '... and may insert where a CHECK asks');
is($s->result, "pending $n", "$n unknown addresses are pending");
unlike($s->err, qr/enqueue/, '... and nobody is told to do it in another way');
is(refused(), 0, '... nothing was refused');
ok($c->poll("SELECT count(*) = $n + 21 FROM (SELECT address FROM email_verify.queue UNION SELECT address FROM email_verify.address) a", 60), '... and all are queued, or have their verdict by now');
cmp_ok($c->sql("SELECT count(*) FROM email_verify.queue WHERE priority = 0 AND address LIKE 'contacts%'"), '<=', 100, '... as a list is, but for the first few');
cmp_ok($c->sql('SELECT last_value FROM email_verify.spool_id_seq'), '>', 10, '... most of them by way of the spool');
is($c->sql('SELECT count(*) FROM email_verify.spool'), 0, '... which is empty again');

# --- what is spooled is as good as queued ---------------------------------------------------------------------------------------

table('spooled', $n);
is($s->run(ask('spooled')), "pending $n", "$n more");
my ($last) = $c->rows('SELECT id, addresses[1] AS one, addresses[2] AS two, addresses[3] AS three FROM email_verify.spool ORDER BY id DESC LIMIT 1');
ok(defined $last, '... some of which are still in the spool');
cmp_ok($c->sql(q{SELECT email_verify.wait('0')}), '>', 1000, '... and count as unanswered');
is($c->sql("SELECT finding FROM email_explain('$last->{one}') WHERE stage = 'queue'"), 'will be queued', '... as the explanation says');
is($c->sql("SELECT email_verify.export('$last->{one}') -> 'spool'"), "[$last->{id}]", '... and export()');
is($c->sql("SELECT rows FROM email_verify.forget('$last->{two}') WHERE place = 'email_verify.spool'"), 1, '... one is forgotten');
is($c->sql("SELECT count(*) FROM email_verify.spool s WHERE s.addresses @> ARRAY['$last->{two}']"), 0, '... and no longer there');
$c->let_go;
$c->node->stop('immediate');
$c->node->start;
$c->wait_for_worker;
ok($c->poll("SELECT count(*) = 2 FROM (SELECT address FROM email_verify.queue UNION SELECT address FROM email_verify.address) a WHERE address IN ('$last->{one}', '$last->{three}')", 60),
	'a crash of the server loses none of them');
ok($c->poll('SELECT count(*) = 0 FROM email_verify.spool', 60), '... and all of them come into the queue');
is($c->sql("SELECT count(*) FROM (SELECT address FROM email_verify.queue UNION SELECT address FROM email_verify.address) a WHERE address = '$last->{two}'"), 0,
	'... but the one that was forgotten');

# rows of it that somebody holds, or whose addresses somebody queues just now, keep nobody waiting and are not lost
table('waiting', $n);
$c->sql(ask('waiting'));
my @holders = map { EmailVerifySession->new($c) } 1 .. 2;
my ($held) = $c->rows('SELECT id, addresses[1] AS one FROM email_verify.spool ORDER BY id DESC LIMIT 1');
my ($queued) = $c->rows("SELECT id, addresses[1] AS one, addresses::text AS list FROM email_verify.spool WHERE id < $held->{id} ORDER BY id DESC LIMIT 1");
$holders[0]->run("BEGIN; SELECT FROM email_verify.spool WHERE id = $held->{id} FOR UPDATE");
$holders[1]->run("BEGIN; SELECT email_verify.enqueue('$queued->{list}')");
ok($c->poll('SELECT count(*) = 2 FROM email_verify.spool', 60), 'what is not held goes on');
my $stranger = EmailVerifySession->new($c);
is($stranger->run("SELECT email_verify('ok9\@notls.deliver.com', wait => '9 s')"), 'smtp_deliverable', '... somebody else is answered');
is($c->sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM email_verify.spool"), "$queued->{id} $held->{id}", '... what is held waits');
$_->run('ROLLBACK') for @holders;
ok($c->poll('SELECT count(*) = 0 FROM email_verify.spool', 60), '... until it is let go');
is($c->sql("SELECT count(*) FROM (SELECT address FROM email_verify.queue UNION SELECT address FROM email_verify.address) a WHERE address IN ('$held->{one}', '$queued->{one}')"),
	2, '... then it is queued, though who queued it first has not');
is($c->sql("SELECT count(*) FROM unnest('$queued->{list}'::text[]) u (address) WHERE NOT EXISTS (SELECT FROM email_verify.queue q WHERE q.address = u.address)
	AND NOT EXISTS (SELECT FROM email_verify.address a WHERE a.address = u.address)"), 0, '... all of it');
$_->end for @holders, $stranger;
$_->end for $s, $others;
($s, $others) = map { EmailVerifySession->new($c) } 1 .. 2;
$s->run("SET email_verify.max_wait = '1 h'");

# --- what does not wait -----------------------------------------------------------------------------------------------------------

sub no_probing { $c->sql('SELECT email_verify.pause(); TRUNCATE email_verify.queue, email_verify.inflight; SELECT email_verify.resume()'); return }
no_probing();
table('checked', 2 * $n);
is($s->run("ALTER TABLE checked ADD CHECK (email_verify_ok(email))"), '', 'a table is altered');
is($s->err =~ s/^(?:NOTICE|HINT):.*\n//mgr, '', '... and the CHECK holds');
cmp_ok(refused(), '>', 0, '... without waiting, since others would wait for the table');
no_probing();

my $before = refused();
table('impatient', 2 * $n);
$s->run('SET email_verify.max_wait = 0');
like($s->run(ask('impatient')), qr/internal_verifier_error/, 'without max_wait there is no waiting');
$s->run('RESET email_verify.max_wait');
cmp_ok(refused(), '>', $before, '... what was refused is counted');
no_probing();

# --- a worker that takes nothing ------------------------------------------------------------------------------------------------------

my $holder = EmailVerifySession->new($c);
my $again = EmailVerifySession->new($c);
$holder->run('BEGIN; LOCK TABLE email_verify.queue');
table('still', $n);
like($again->run(ask('still')), qr/^internal_verifier_error \d+, pending \d+$|^pending \d+, internal_verifier_error \d+$/, 'a worker that takes nothing: not all of them fit');
like($again->err, qr/HINT:\s+Use email_verify\.enqueue\(\)/, '... the notice names enqueue()');
is($c->sql("SELECT description ~ 'enqueue' FROM email_verify.detail WHERE detail = 'inbox_full'"), 't', '... and so does the detail');
is($again->run("SELECT clock_timestamp() - statement_timestamp() < interval '5 s' FROM (SELECT count(email_verify(email)) FROM still) q"), 't', '... which is soon said');
is($c->sql("SELECT email_verify('one.more\@deliver.com')"), 'pending', '... and one who asks for one address still has room');
$holder->run('ROLLBACK');
no_probing();

# --- and may be ended -----------------------------------------------------------------------------------------------------------------

table('patient', 1_000_000);
$s->run("SET statement_timeout = '1500ms'; SET email_verify.max_wait = '1 h'");
$s->run(ask('patient'));
like($s->err, qr/canceling statement due to statement timeout/, 'a statement that waits for room ends by its time-out');
$s->run('RESET statement_timeout');
is($s->run("SELECT email_verify('ok2\@notls.deliver.com', wait => '20 s')"), 'smtp_deliverable', '... and leaves nothing behind');

$_->end for $s, $others, $holder, $again;
$c->sql('SELECT email_verify.pause(); TRUNCATE email_verify.queue, email_verify.inflight');
$c->finish;
done_testing();
