# 054_commands.pl
#	What sessions hand over is carried out by the worker, once and in order, whatever happens meanwhile: crashes and kills in the midst
#	of it, rows and tables that others have locked, commands that cannot be carried out, a pause, a dropped extension.
#	Takes long: script/test starts it first.

use strict;
use warnings;

use IPC::Run ();
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world quoted);
use EmailVerifySession;

my $w = skip_without_world();
my $c = EmailVerifyCluster->new('commands', conf => { 'email_verify.mode' => 'dns', 'email_verify.debug_hurry' => 10 });

# SQL that hands over reports about addresses; $set is a FROM clause with a column a, $more what else they say
sub telling
{
	my ($set, $more) = @_;
	return qq[SELECT count(email_verify._hand_over('feedback', a, '{"kind": "dsn", "trusted": true, "action": "failed", "status": "invalid",
		"reason": "mailbox_not_found", "scope": "mailbox", "permanence": "hard", "refused_by": "remote", "confidence": 98, "reply_code": 550}'
		|| jsonb_build_object('rule', @{[ $more // "'r'" ]}))) FROM $set];
}
sub hand_over { my ($set, $more) = @_; return $c->sql(telling($set, $more)) }
sub series { my ($from, $to) = @_; return "(SELECT 'a' || i || '\@x.com' AS a, i FROM generate_series($from, $to) i ORDER BY i) s" }
sub carried_out { my ($why, $seconds) = @_; return ok($c->poll('SELECT commands = 0 FROM email_verify.stat', $seconds // 60), $why) }
sub addresses { return $c->sql("SELECT count(*) FROM email_verify.address WHERE reason = 'mailbox_not_found' AND stage = 'bounce'") }

# --- handed over, carried out ------------------------------------------------------------------------------------------

is(hand_over(series(1, 2000)), 2000, 'commands are handed over');
carried_out('... and carried out');
is(addresses(), 2000, '... all of them');
is($c->sql('SELECT count(*) FROM email_verify.command'), 0, '... none is left');
is($c->sql('SELECT commands_total, command_failures_total, commands_parked FROM email_verify.stat'), '2000|0|0', '... they are counted');
is($c->sql('SELECT checked_at BETWEEN now() - interval \'5 min\' AND now() AND probes = 0 FROM email_verify.address WHERE address = \'a1@x.com\''), 't', '... nobody was probed for them');
$c->sql('BEGIN; ' . telling(series(1, 10), "'rolled back'") . '; ROLLBACK');
is($c->sql("SELECT count(*) FROM email_verify.command"), 0, 'a transaction that thinks better of it hands nothing over');

# several of one address: the last one has the last word
hand_over("(SELECT 'same\@x.com' AS a, i FROM generate_series(1, 300) i ORDER BY i) s", "i::text");
carried_out('three hundred about one address');
is($c->sql("SELECT rule FROM email_verify.address WHERE address = 'same\@x.com'"), 300, '... are carried out in the order in which they came');

# an idle worker neither polls nor wakes up
my @before = $c->cost($c->worker_pid);
sleep 3;
my @after = $c->cost($c->worker_pid);
cmp_ok($after[1] - $before[1], '<', 15, 'with nothing to do it rests') if @before;

# --- two users, in different order ---------------------------------------------------------------------------------------------

my @sessions = map { EmailVerifySession->new($c) } 1 .. 2;
$_->run('BEGIN') for @sessions;
$sessions[0]->run(telling("unnest('{p\@x.com,q\@x.com}'::text[]) a", "'one'"));
$sessions[1]->run(telling("unnest('{q\@x.com,p\@x.com}'::text[]) a", "'two'"));
$sessions[0]->run(telling("unnest('{q\@x.com}'::text[]) a", "'three'"));
$sessions[1]->run(telling("unnest('{p\@x.com}'::text[]) a", "'four'"));
$_->run('COMMIT') for reverse @sessions;
carried_out('two users hand over the same addresses in different order: nobody waits for the other');
is($c->sql("SELECT string_agg(address || ' ' || rule, ', ' ORDER BY address) FROM email_verify.address WHERE address < 'r' AND address > 'p'"), 'p@x.com four, q@x.com three',
	'... and the later command counts');
is($c->sql("SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'"), 0, '... without a deadlock');

# committed after one with a higher number
$sessions[0]->run('BEGIN; ' . telling("unnest('{early\@x.com}'::text[]) a"));
hand_over("unnest('{late\@x.com}'::text[]) a");
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = 'late\@x.com'"), 'a command is carried out while one with a lower number is not committed');
$sessions[0]->run('COMMIT');
carried_out('... which is carried out when it is');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'early\@x.com'"), 1, '... too');

# --- rows and tables that others hold -------------------------------------------------------------------------------------------------

my $errors = $c->stat->{errors_total};
$sessions[0]->run("BEGIN; SELECT 1 FROM email_verify.address WHERE address IN ('a100\@x.com', 'a200\@x.com') FOR UPDATE");
hand_over(series(1, 1000), "'again'");
ok($c->poll("SELECT count(*) = 998 FROM email_verify.address WHERE rule = 'again'"), 'rows that somebody holds keep nobody else waiting');
is($c->sql('SELECT count(*), max(failures), count(fault) FROM email_verify.command'), '2|0|0', '... their commands wait, and have not failed');
# what comes later about such an address comes later
hand_over("unnest('{a100\@x.com}'::text[]) a", "'last'");
sleep 2;
is($c->sql('SELECT count(*) FROM email_verify.command'), 3, '... with those that come after them');
is($c->verdict('ok1@ok.deliver.com', '20 s')->{reason}, 'bucket_default_skip_smtp_unknown', '... verdicts are stored meanwhile');
is($c->stat->{errors_total}, $errors, '... by cycles that meet no lock');
$sessions[0]->run('COMMIT');
carried_out('... until they are let go');
is($c->sql("SELECT string_agg(rule, ' ' ORDER BY address) FROM email_verify.address WHERE address IN ('a100\@x.com', 'a200\@x.com')"), 'last again', '... in their order');

$sessions[0]->run('BEGIN; LOCK TABLE email_verify.address IN SHARE MODE');
hand_over(series(1, 300), "'locked'");
sleep 3;
is($c->sql('SELECT count(*), max(failures) FROM email_verify.command'), '300|0', 'while the table is locked they wait');
$sessions[0]->run('COMMIT');
carried_out('... and then no longer');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE rule = 'locked'"), 300, '... all are carried out');

# somebody holds the command itself: he is about to forget it
$sessions[0]->run("BEGIN; LOCK TABLE email_verify.tombstone");
$sessions[1]->run('SELECT email_verify.pause()');
hand_over("unnest('{gone\@x.com,kept\@x.com}'::text[]) a");
$sessions[0]->run("SELECT email_verify.forget('gone\@x.com')");
$sessions[1]->run('SELECT email_verify.resume()');
sleep 1;
$sessions[0]->run('COMMIT');
carried_out('an address is forgotten while a command about it waits');
is($c->sql("SELECT string_agg(address, ' ') FROM email_verify.address WHERE address IN ('gone\@x.com', 'kept\@x.com')"), 'kept@x.com', '... and is not brought back by it');

# --- commands that cannot be carried out -------------------------------------------------------------------------------------------------

my $failures = $c->stat->{command_failures_total};
$c->sql("ALTER TABLE email_verify.address ADD CONSTRAINT not_this CHECK (address NOT IN ('b7\@x.com', 'b8\@x.com'))");
$c->sql('SELECT ' . join ', ', map { "($_)" } map { telling("(SELECT 'b' || i || '\@x.com' AS a, i FROM generate_series(1, 500) i ORDER BY i) s", "'$_'") } 'first');
ok($c->poll("SELECT count(*) = 498 FROM email_verify.address WHERE rule = 'first'"), 'commands that fail do not stop the others');
ok($c->poll("SELECT count(*) = 2 FROM email_verify.command WHERE failures = 1 AND fault LIKE '%not_this%' AND state = 'waiting'"), '... and are kept with their fault');
cmp_ok($c->stat->{command_failures_total}, '>=', $failures + 2, '... and counted');
for my $n (2, 3)
{
	$c->sql("UPDATE email_verify.command SET due_at = now()");
	hand_over("unnest('{wake\@x.com}'::text[]) a");
	ok($c->poll("SELECT count(*) = 2 FROM email_verify.command WHERE failures = $n"), "... they fail a time more: $n");
}
is($c->sql('SELECT state, count(*), count(ended_at) FROM email_verify.command GROUP BY 1'), 'parked|2|2', '... three times, then no more');
is($c->sql('SELECT commands, commands_parked FROM email_verify.stat'), '0|2', '... which the statistics show');
is($c->sql("SELECT result FROM email_verify.doctor() WHERE \"check\" = 'commands'"), 'warn', '... and the doctor');
$c->sql('ALTER TABLE email_verify.address DROP CONSTRAINT not_this');
is($c->sql('SELECT string_agg(email_verify.retry(id)::text, $$ $$) FROM email_verify.command'), 'true true', 'what has been mended is tried again');
carried_out('... and works');
is($c->sql("SELECT count(*) FROM email_verify.address WHERE rule = 'first'"), 500, '... now all are there');
my $log = PostgreSQL::Test::Utils::slurp_file($c->node->logfile);
my @told = $log =~ /email_verify (?:does not try )?command \d+ \(feedback\)[^\n]*/g;
is(scalar(@told), 8, 'the log tells each failure and what is given up') or diag(join "\n", @told);
is(scalar(grep { /\@/ } @told), 0, '... and no address');

# --- a pause ------------------------------------------------------------------------------------------------------------------------------------

$c->sql('SELECT email_verify.pause()');
hand_over(series(1, 100), "'paused'");
sleep 1.5;
is($c->sql("SELECT count(*) FROM email_verify.address WHERE rule = 'paused'"), 0, 'nothing is carried out while the worker is paused');
is($c->sql('SELECT commands FROM email_verify.stat'), 100, '... it waits');
$c->sql('SELECT email_verify.resume()');
carried_out('... until it goes on');

# --- the end of the worker, and of the server ---------------------------------------------------------------------------------------------------------

my $total = 30000;
sub in_the_midst
{
	my ($rule) = @_;
	$c->sql("TRUNCATE email_verify.address");
	hand_over(series(1, $total), "'$rule'");
	return ok($c->poll("SELECT count(*) BETWEEN 500 AND $total - 500 FROM email_verify.address WHERE rule = '$rule'"), 'in the midst of it');
}

sub conserved
{
	my ($rule) = @_;
	is($c->sql("SELECT (SELECT count(*) FROM email_verify.address WHERE rule = '$rule') + (SELECT count(*) FROM email_verify.command)"), $total, '... what is not yet carried out is still there');
	carried_out('... and is carried out', 120);
	is($c->sql("SELECT count(*), count(DISTINCT address) FROM email_verify.address WHERE rule = '$rule'"), "$total|$total", '... all of it');
	is($c->sql('SELECT count(*) FROM email_verify.command'), 0, '... and nothing is left over');
	return;
}

in_the_midst('terminated');
my $pid = $c->worker_pid;
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT worker = 'running' AND worker_pid <> $pid FROM email_verify.stat", 45), 'the worker is ended and comes back');
is($c->sql("SELECT count(*) FROM email_verify.command WHERE failures > 0"), 0, '... an orderly end makes nobody suspect');
conserved('terminated');

in_the_midst('stopped');
$c->node->stop('fast');
$c->node->start;
is($c->sql("SELECT count(*) FROM email_verify.command WHERE failures > 0"), 0, 'nor does a stop of the server');
conserved('stopped');

in_the_midst('killed');
$c->kill9;
$c->node->start;
is($c->sql("SELECT (SELECT count(*) FROM email_verify.command) > 0"), 't', 'a crash of the server in the midst of it');
conserved('killed');

# a command that crashes the worker, again and again
$c->sql('SELECT email_verify.pause()');
hand_over(series(1, 20), "'crash'");
$c->sql(q{UPDATE email_verify.command SET state = 'running', failures = 2 WHERE address = 'a5@x.com'});
$c->sql(q{UPDATE email_verify.command SET state = 'running' WHERE address IN ('a6@x.com', 'a7@x.com')});
$c->kill9;
$c->node->start;
carried_out('what was under way in a crash is tried again');
is($c->sql('SELECT address, state, failures FROM email_verify.command'), 'a5@x.com|parked|3', '... but not after the third');
is($c->sql(q{SELECT count(*) FROM email_verify.address WHERE rule = 'crash'}), 19, '... and the others are carried out');
like(PostgreSQL::Test::Utils::slurp_file($c->node->logfile), qr/WARNING:  email_verify does not try command \d+ \(feedback\) any more: it was under way in three crashes/, '... which the log says');

# --- dump, drop, and what hangs on the table -----------------------------------------------------------------------------------------------------------

$c->sql('SELECT email_verify.pause()');
hand_over(series(1, 10), "'dumped'");
my $dump;
IPC::Run::run([ $c->node->installed_command('pg_dump'), '--data-only', '-d', $c->node->connstr('postgres') ], '>', \$dump) or die "pg_dump\n";
like($dump, qr/COPY email_verify\.override .*PostgreSQL database dump complete/s, 'a dump');
unlike($dump, qr/email_verify\.command /, '... has no commands');
$c->sql('SELECT email_verify.resume()');
carried_out('they are carried out where they were given');

$c->sql(q{CREATE FUNCTION foreign_code() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
	CREATE TRIGGER t BEFORE UPDATE ON email_verify.command FOR EACH ROW EXECUTE FUNCTION foreign_code()});
ok($c->poll("SELECT worker = 'refused' FROM email_verify.stat"), 'with code of others on the table the worker refuses to work');
hand_over("unnest('{refused\@x.com}'::text[]) a");
sleep 1;
is($c->sql("SELECT count(*) FROM email_verify.address WHERE address = 'refused\@x.com'"), 0, '... and carries nothing out');
$c->sql('DROP TRIGGER t ON email_verify.command');
carried_out('... before that is gone');

$c->sql('SELECT email_verify.pause()');
hand_over(series(1, 100), "'dropped'");
$c->sql('DROP EXTENSION email_verify');
$c->sql('CREATE EXTENSION email_verify');
$c->wait_for_worker;
hand_over("unnest('{new\@x.com}'::text[]) a");
carried_out('the extension is dropped while commands wait, and created anew');
is($c->sql('SELECT string_agg(address, $$ $$) FROM email_verify.address'), 'new@x.com', '... nothing of the old ones is met');

$_->end for @sessions;
$c->finish;
done_testing();
