# 050_stat.pl
#	Whoever operates the server sees what the worker does, what holds it back and what to do about it: the views stat, stat_cluster
#	and gate, pg_stat_activity, the log.  Settings are reloaded and probing is paused without a session being lost.
#	Takes long: script/test starts it first.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use EmailVerifyCluster qw(skip_without_world);
use EmailVerifySession;

my $w = skip_without_world();

my $c = EmailVerifyCluster->new('stat',
	conf => {
		# rates are of the last 12 s then, and a worker that has ended is started again after 2
		'email_verify.debug_hurry' => 5,
		'email_verify.rcpt_timeout' => '60s', 'email_verify.mail_timeout' => '60s', 'email_verify.ehlo_timeout' => '60s',
		'email_verify.session_timeout' => '5min', 'log_statement' => 'none',
	});
my $version = $c->sql("SELECT current_setting('server_version_num')::int / 10000");

sub log_lines
{
	my ($pattern) = @_;
	return scalar(grep { /$pattern/ } split /\n/, slurp_file($c->node->logfile));
}

sub gates { return $c->sql("SELECT array_to_string(gates, ' ') FROM email_verify.stat") }

sub activity
{
	my ($type) = @_;
	my ($row) = $c->rows("SELECT backend_type, application_name, state, query, xact_start, backend_xmin, wait_event_type, wait_event
		FROM pg_stat_activity WHERE backend_type = 'email_verify $type'");
	return $row;
}

# --- nothing to do -----------------------------------------------------------------------------------------------------

my $stat = $c->stat;
is($stat->{worker}, 'running', 'a worker runs');
is($stat->{worker_pid}, $c->worker_pid, '... by its pid');
is($stat->{worker_detail}, 'waits for something to do', '... in words');
is_deeply($stat->{gates}, [], '... and nothing holds it back');
is($stat->{hint}, undef, '... so there is nothing to be done');
is("$stat->{queued} $stat->{unanswered} $stat->{due} $stat->{later} $stat->{inflight} $stat->{sessions}", '0 0 0 0 0 0', 'nothing is queued');
is("$stat->{completed_rate} $stat->{rcpts_rate} $stat->{lookups_rate}", '0 0 0', '... nothing is done');
is("$stat->{starts_total} $stat->{failures_total} $stat->{server_crashes} $stat->{errors_total}", '1 0 0 0', 'it was started once, and has not failed');
is($stat->{last_error}, undef, '... there was no error');
ok($c->sql('SELECT since <= now() AND started_at <= since AND stats_reset <= started_at FROM email_verify.stat') eq 't', 'since when');

ok($c->poll("SELECT query = 'waiting, 0 queued' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), 'pg_stat_activity says that it waits');
my $activity = activity('worker');
is("$activity->{application_name} $activity->{state}", 'email_verify idle', '... is idle');
is($activity->{xact_start} // $activity->{backend_xmin}, undef, '... holds no transaction and no snapshot');
is("$activity->{wait_event_type} $activity->{wait_event}", $version < 17 ? 'Extension Extension' : 'Extension EmailVerifyWorkerMain', '... waits for something to do');
$activity = activity('launcher');
ok($c->poll("SELECT query = '1 worker running, 0 starting, 0 to be tried again' FROM pg_stat_activity WHERE backend_type = 'email_verify launcher'"),
	'the launcher says how many workers there are');
is("$activity->{application_name} $activity->{state}", 'email_verify idle', '... is idle');
is($activity->{xact_start} // $activity->{backend_xmin}, undef, '... holds no transaction and no snapshot');
is($activity->{wait_event}, $version < 17 ? 'Extension' : 'EmailVerifyLauncherMain', '... and waits');

# --- addresses under way, and those that wait for them -------------------------------------------------------------------

my @hang = ((map { "ok$_\@hangrcpt.deliver.com" } 1 .. 3), 'ok1@hangmail.deliver.com', 'ok1@hangehlo.deliver.com');
$c->ask(@hang);
ok($c->poll("SELECT query = 'probing 5 addresses, 3 sessions, 5 queued' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"),
	'pg_stat_activity says what is under way') or diag(activity('worker')->{query});
$activity = activity('worker');
is($activity->{state}, 'idle', '... which is no statement that runs for long');
is($activity->{xact_start} // $activity->{backend_xmin}, undef, '... holds no transaction and no snapshot');
is($activity->{wait_event}, $version < 17 ? 'Extension' : 'EmailVerifyWorkerNetwork', '... waits for the network');
$stat = $c->stat;
is("$stat->{queued} $stat->{unanswered} $stat->{due} $stat->{inflight} $stat->{sessions}", '5 5 5 5 3', 'and so does stat');
is($stat->{worker_detail}, 'probes 5 addresses in 3 sessions', '... in words');

my $waiting = EmailVerifySession->new($c);
$waiting->send("SELECT email_verify('ok1\@hangrcpt.deliver.com', wait => '1 min')");
ok($waiting->sleeps, 'a session waits for a verdict');
is($c->stat->{waiters}, 1, '... in one of the places');
is($c->stat->{max_waiters}, $c->sql('SHOW email_verify.max_waiters'), '... of as many as are set');
is($c->sql('SELECT wait_event FROM pg_stat_activity WHERE pid = ' . $waiting->pid), $version < 17 ? 'Extension' : 'EmailVerifyVerdict', '... by that name');
$c->sql('SELECT pg_cancel_backend(' . $waiting->pid . ')');
$waiting->result;
ok($c->poll('SELECT waiters = 0 FROM email_verify.stat'), '... it is cancelled: its place is free');
$waiting->end;

# --- settings are reloaded under sessions --------------------------------------------------------------------------------

my $pid = $c->worker_pid;
my $old = $w->get('WORLD_HELO');
$w->ctl('set slow latency_ms=700');
$w->reset;
$c->ask('ok1@slow.deliver.com');
ok($c->poll('SELECT sessions = 4 FROM email_verify.stat'), 'a slow session is under way as well');
$c->set('email_verify.helo_name' => 'reloaded.lab-helo.com', 'email_verify.rcpt_per_transaction' => 1);
is($c->verdict('ok1@ok2.deliver.com', '30 s')->{reason}, 'smtp_deliverable', 'settings are reloaded: an address is verified');
is(($c->peer_rcpts('ok1@ok2.deliver.com'))[0]{ehlo}, 'reloaded.lab-helo.com', '... with the new ones');
ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok1@slow.deliver.com' AND reason = 'smtp_deliverable'}),
	'the session under way goes on and ends');
is(join(' ', map { $_->{ehlo} } $c->peer_rcpts('ok1@slow.deliver.com')), $old, '... with the old ones');
is($w->stats('slow')->{sessions}, 1, '... it was not begun anew');
is($w->stats->{lost}, 0, '... nor were others lost');
$stat = $c->stat;
is("$stat->{inflight} $stat->{sessions} $stat->{worker_pid}", "5 3 $pid", '... those that hang go on hanging, in the same worker');
$c->set('email_verify.helo_name' => $old, 'email_verify.rcpt_per_transaction' => undef);

# --- pause ---------------------------------------------------------------------------------------------------------------

$c->ask('ok2@slow.deliver.com');
ok($c->poll('SELECT sessions = 4 FROM email_verify.stat'), 'a slow session is under way once more');
$c->sql('SELECT email_verify.pause(finish => true)');
is(gates(), 'paused', 'paused: stat says what holds it back');
like($c->stat->{hint}, qr/email_verify\.resume\(\)/, '... and what to do');
ok($c->poll(q{SELECT string_agg(concat_ws(' ', gate, since BETWEEN now() - interval '10 s' AND now(), evidence, next_trial), ',') = 'paused t'
	FROM email_verify.stat_gate}), '... since when, and that no trial is due');
$c->sql("INSERT INTO email_verify.queue (address, due_at) VALUES ('ok3\@slow.deliver.com', now() - interval '1 hour')");
$c->sql("SELECT email_verify.recheck('ok4\@slow.deliver.com')");
ok($c->poll(q{SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok2@slow.deliver.com' AND reason = 'smtp_deliverable'}),
	'... the session under way ends with its verdict');
is($c->wait(1), 7, '... what came later waits');
is(scalar($c->peer_rcpts('ok3@slow.deliver.com')) + scalar($c->peer_rcpts('ok4@slow.deliver.com')), 0, '... and is not begun');
ok($c->poll("SELECT query = 'paused: probing 5 addresses, 3 sessions, 7 queued' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"),
	'... as pg_stat_activity says') or diag(activity('worker')->{query});
($stat) = $c->rows("SELECT due, oldest_due_age > interval '59 min' AS old, oldest_due < now() - interval '59 min' AS old_too FROM email_verify.stat");
is_deeply([ $stat->{due}, $stat->{old} ? 1 : 0, $stat->{old_too} ? 1 : 0 ], [ 7, 1, 1 ], 'stat says for how long the first one has been waiting');
$c->sql('SELECT email_verify.resume()');
ok($c->poll("SELECT count(*) = 2 FROM email_verify.address WHERE address IN ('ok3\@slow.deliver.com', 'ok4\@slow.deliver.com')"), 'resumed: they are verified');
is(gates(), '', '... nothing holds it back');
ok($c->poll("SELECT query = 'probing 5 addresses, 3 sessions, 5 queued' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), '... as pg_stat_activity says');
is(log_lines(qr/LOG:  email_verify worker for database "postgres" is held back: paused/), 1, 'the log has one line for the pause');
is(log_lines(qr/LOG:  email_verify worker for database "postgres" is no longer held back/), 1, '... and one for its end');

# --- other things that hold it back ----------------------------------------------------------------------------------------

$c->set('email_verify.helo_name' => '');
ok($c->poll("SELECT gates = '{not_configured}' FROM email_verify.stat"), 'no name: not_configured');
$c->set('email_verify.mode' => 'dns');
ok($c->poll("SELECT gates = '{mode_dns}' FROM email_verify.stat"), 'mode dns: mode_dns');
$c->set('email_verify.mode' => 'offline');
ok($c->poll("SELECT gates = '{mode_offline}' FROM email_verify.stat"), 'mode offline: mode_offline');
$c->set('email_verify.mode' => undef, 'email_verify.helo_name' => $old, 'email_verify.max_sessions' => 3);
ok($c->poll("SELECT gates = '{sessions_full}' FROM email_verify.stat"), 'no session is free: sessions_full');
$c->set('email_verify.max_sessions' => undef, 'email_verify.max_queue' => 5);
ok($c->poll("SELECT gates = '{queue_full}' FROM email_verify.stat"), 'as many queued as may be: queue_full');
$c->set('email_verify.max_queue' => undef);
ok($c->poll("SELECT gates = '{}' FROM email_verify.stat"), '... nothing again');
is($c->worker_pid, $pid, 'all of it in the same worker');

# --- how much ------------------------------------------------------------------------------------------------------------

# exact, since nothing is asked again meanwhile
my $before = $c->stat;
my @many = map { "ok$_\@d$_.wild.deliver.com" } 1 .. 30;
$c->ask(@many);
ok($c->poll(q{SELECT count(*) = 30 FROM email_verify.address WHERE address LIKE '%.wild.deliver.com'}), '30 addresses of 30 domains are verified');
my $verified = time;
ok($c->poll("SELECT completed_total = $before->{completed_total} + 30 AND inflight = 5 FROM email_verify.stat"), '... and counted');
$stat = $c->stat;
is($stat->{sessions_total} - $before->{sessions_total}, 30, '... in 30 sessions');
is($stat->{rcpts_total} - $before->{rcpts_total}, 60, '... with two RCPTs each');
cmp_ok($stat->{completed_rate}, '>=', 0.5, 'verdicts a second: 30 in a minute at least');
cmp_ok($stat->{rcpts_rate}, '>=', 1.0, '... RCPTs: twice as many');
cmp_ok($stat->{lookups_rate}, '>=', 0.5, '... and look-ups');
cmp_ok($stat->{completed_rate}, '<', 30, '... not all of them in one second');

$w->ctl('set grey greylist_s=3600');
$c->ask('ok1@grey.deliver.com');
ok($c->poll('SELECT later = 1 AND unanswered = 5 AND queued = 6 FROM email_verify.stat'), 'a grey-listed address is to be asked again later');
ok($c->sql('SELECT next_due > now() FROM email_verify.stat') eq 't', '... and stat says when');

# the cache, as sessions find it
sub found { my $s = $c->stat; return ($s->{cache_hits}, $s->{cache_misses}, $s->{cache_stale}) }
my @before = found();
my $known = 'ok1@d1.wild.deliver.com';
$c->sql("SELECT email_verify('$known')") for 1 .. 3;
$c->sql("SELECT (email_verdict('$known')).*");
$c->sql("BEGIN; SELECT email_verify('$known'); SELECT email_verify('ok99\@d99.wild.deliver.com'); ROLLBACK");
$c->sql("UPDATE email_verify.address SET fresh_until = now() WHERE address = 'ok2\@d2.wild.deliver.com'");
$c->sql("SELECT email_verify('ok2\@d2.wild.deliver.com'), email_verify('no at sign'), email_verify('ann\@example.com')");
my @after = found();
is(join(' ', map { $after[$_] - $before[$_] } 0 .. 2), '5 1 1', 'what is found in the cache, what is not, and what is stale: each question once');
is($c->sql('SELECT cache_hit_pct FROM email_verify.stat'), $c->sql("SELECT round(100.0 * $after[0] / ($after[0] + $after[1] + $after[2]), 1)"), '... in per cent');
my $asker = EmailVerifySession->new($c);
$asker->run('BEGIN');
$asker->run("SELECT count(email_verify(a)) FROM (SELECT a FROM unnest(ARRAY[" . join(',', map { "'$_'" } @many[2 .. 29]) . "]) a, generate_series(1, 100) i ORDER BY i) s");
$asker->run("SELECT count(email_verify('$known')) FROM generate_series(1, 10)") for 1 .. 3;
@before = @after;
@after = found();
is($after[0] - $before[0], 0, 'few questions of an open transaction are not counted yet: that would cost more than they do');
$asker->run("DO \$\$ BEGIN FOR i IN 1 .. 1500 LOOP PERFORM email_verify('$known', max_age => make_interval(days => i)); END LOOP; END \$\$");
@after = found();
is($after[0] - $before[0], 1000, '... many are');
$asker->run('COMMIT');
@after = found();
cmp_ok($after[0] - $before[0], '>=', 1500, '... and all at its end');
$asker->end;

# --- the text follows, but not too often ------------------------------------------------------------------------------------

$c->ask(map { "ok$_\@d" . ($_ + 100) . '.wild.deliver.com' } 1 .. 200);
my $changes = $c->sql(q{
	CREATE TEMP TABLE seen (text text, at timestamptz);
	DO $$ DECLARE last text := ''; now text; BEGIN
		FOR i IN 1 .. 150 LOOP
			PERFORM pg_stat_clear_snapshot();
			SELECT query INTO now FROM pg_stat_activity WHERE backend_type = 'email_verify worker';
			IF now <> last THEN INSERT INTO seen VALUES (now, clock_timestamp()); last := now; END IF;
			PERFORM pg_sleep(0.02);
		END LOOP;
	END $$;
	SELECT count(*) <= extract(epoch FROM max(at) - min(at)) / 0.9 + 2 FROM seen});
is($changes, 't', 'under load the text changes about once a second');
ok($c->poll("SELECT query LIKE 'probing 5 addresses, 3 sessions, % queued' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"),
	'... and is true in the end, when nothing happens any more') or diag(activity('worker')->{query});

# --- the store cannot be written: no row is to blame ----------------------------------------------------------------------------------------------

$c->sql('ALTER TABLE email_verify.address ADD CONSTRAINT stop CHECK (pg_catalog.pg_read_file(\'no_such_file\') IS NULL) NOT VALID');
$c->ask('ok1@chunked.deliver.com');
ok($c->poll("SELECT gates = '{store_errors}' AND errors_total >= 2 FROM email_verify.stat"), 'verdicts cannot be stored: store_errors');
$stat = $c->stat;
like($stat->{last_error}, qr/could not open file "no_such_file"/, '... the last error');
ok($c->sql("SELECT last_error_at > now() - interval '1 min' FROM email_verify.stat") eq 't', '... and when it was');
like($stat->{hint}, qr/last_error/, '... which the hint points to');
ok($c->poll("SELECT query LIKE 'store fails: probing%' FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), '... as pg_stat_activity says');
is($c->sql("SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'email_verify worker'"), $version < 17 ? 'Extension' : 'EmailVerifyStoreRetry', '... by that name');
$c->sql('ALTER TABLE email_verify.address DROP CONSTRAINT stop');
ok($c->poll("SELECT count(*) = 1 FROM email_verify.address WHERE address = 'ok1\@chunked.deliver.com'", 40), 'they can again: they are stored');
ok($c->poll("SELECT gates = '{}' FROM email_verify.stat"), '... and nothing holds it back');
is(log_lines(qr/ERROR:.*could not open file "no_such_file"/), 1, 'the log tells of the first failure');
is(log_lines(qr/LOG:  email_verify worker for database "postgres" stores verdicts again, after \d+ failures/), 1, '... and of the recovery');

# --- reset -----------------------------------------------------------------------------------------------------------------

my $since = $c->stat->{stats_reset};
$c->sql('SELECT email_verify.stat_reset()');
$stat = $c->stat;
is_deeply([ grep { $stat->{$_} ne '0' } grep { /_total$|^cache_(?!hit_pct)/ } sort keys %$stat ], [], 'stat_reset(): all counters are 0');
isnt($stat->{stats_reset}, $since, '... and stats_reset says since when');
like($c->try('CREATE ROLE nobody; SET ROLE nobody; SELECT email_verify.stat_reset()')->{err}, qr/permission denied/, '... it is not for everybody');
is("$stat->{inflight} $stat->{sessions}", '5 3', '... what is under way is no counter');
$c->ask('ok2@chunked.deliver.com');
ok($c->poll('SELECT completed_total = 1 AND sessions_total = 1 FROM email_verify.stat'), 'counting goes on');

# --- the worker ends -----------------------------------------------------------------------------------------------------------

$c->sql("SELECT pg_terminate_backend($pid)");
# both views at once, since it does not last
my $slot;
for (my $patience = time + 8; time < $patience;)
{
	($slot) = $c->rows("SELECT c.state, c.pid, c.failures_total, to_jsonb(s) AS stat FROM email_verify.stat_cluster c, email_verify.stat s WHERE c.database = 'postgres'");
	$stat = delete $slot->{stat};
	last if $stat->{worker} eq 'down';
	sleep 0.05;
}
is($stat->{worker}, 'down', 'the worker is terminated: down');
is(join(' ', @{ $stat->{gates} }), 'worker_down', '... which holds everything back');
is($stat->{worker_pid}, undef, '... it has no pid');
is("$stat->{inflight} $stat->{sessions}", '0 0', '... nothing is under way');
like($stat->{worker_detail}, qr/started again/, '... what will happen');
like($stat->{last_error}, qr/terminating .*due to administrator command/, '... why it ended');
is("$stat->{starts_total} $stat->{failures_total}", '0 1', '... it is counted');
is_deeply($slot, { state => 'down', pid => undef, failures_total => 1 }, '... in the view of all databases as well');
ok($c->poll("SELECT worker = 'running' AND starts_total = 1 FROM email_verify.stat", 40), 'it is started again, and that is counted');
ok($c->poll('SELECT inflight = 5 FROM email_verify.stat'), '... and goes on with what was under way');
is(log_lines(qr/LOG:  email_verify worker for database "postgres" has started/), 2, 'the log tells of each start');

# --- all databases ---------------------------------------------------------------------------------------------------------------

$c->sql('CREATE DATABASE other');
$c->sql('CREATE DATABASE without');
$c->sql('CREATE EXTENSION email_verify', 'other');
$c->wait_for_worker('other');
my @rows = $c->rows('SELECT process, database, state, pid, queued FROM email_verify.stat_cluster ORDER BY process, database');
is_deeply([ map { join ' ', $_->{process}, $_->{database} // '-', $_->{state} } @rows ], [ 'launcher - running', 'worker other running', 'worker postgres running' ],
	'stat_cluster: the launcher and the workers of all databases');
is_deeply([ map { $_->{pid} } @rows ], [ map { $_ + 0 } $c->launcher_pid, $c->worker_pid('other'), $c->worker_pid ], '... by their pids');
is($rows[1]{queued}, 0, '... each with its own queue');
cmp_ok($rows[2]{queued}, '>=', 5, '... and load');
is($c->stat('other')->{completed_total}, 0, '... and counters');
is($c->sql('SET ROLE pg_monitor; SELECT count(*) FROM email_verify.stat_cluster, email_verify.stat'), 3, 'who may monitor the server may read both');
$c->set('email_verify.databases' => 'other');
ok($c->poll("SELECT gates = '{database_not_enabled}' AND worker = 'none' FROM email_verify.stat"), 'a database that is not to have a worker: database_not_enabled');
$c->set('email_verify.databases' => undef);
$c->wait_for_worker;

# what takes the place of another database does not go on with its counters
$c->sql("SELECT email_verify.enqueue('{ok1\@ok.deliver.com,ok2\@ok.deliver.com}')", 'other');
ok($c->poll('SELECT completed_total = 2 FROM email_verify.stat', 30, 'other'), 'the other worker has something to count');
$c->sql('DROP EXTENSION email_verify', 'other');
ok($c->poll("SELECT count(*) = 0 FROM email_verify.stat_cluster WHERE database = 'other'"), 'its extension is dropped: its place is free');
is(log_lines(qr/LOG:  email_verify worker for database "other" ends: the extension/), 1, '... as the log says');
$c->sql('CREATE EXTENSION email_verify', 'without');
$c->wait_for_worker('without');
is($c->stat('without')->{completed_total} . $c->stat('without')->{starts_total}, '01', '... who takes it begins at 0');

# what PostgreSQL itself says of rows that cannot be stored and of statements that are cancelled is its own
is(log_lines(qr/^(?!.*(?:DETAIL:  Failing row|STATEMENT:  )).*\@\w+\.deliver\.com/), 0, 'no address is in the log');

# --- the rates are of the last minute ---------------------------------------------------------------------------------------------

my ($rate) = $c->rows('SELECT completed_rate FROM email_verify.stat');
$c->sql('SELECT email_verify.pause()');
my $quiet = time;
ok($c->poll('SELECT completed_rate = 0 AND rcpts_rate = 0 AND lookups_rate = 0 FROM email_verify.stat', 80), 'nothing is done: the rates go back to 0');
cmp_ok(time - $quiet, '<', 75, '... after a minute');
$c->sql('SELECT email_verify.resume()');
$c->finish;

# --- a crash of the server ------------------------------------------------------------------------------------------------------------

$c = EmailVerifyCluster->new('crashed', conf => { restart_after_crash => 'on' });
is($c->verdict('ok1@ok.deliver.com', '30 s')->{reason}, 'smtp_deliverable', 'a server that verifies');
is($c->stat->{completed_total}, 1, '... and counts');
my $victim = EmailVerifySession->new($c);
$w->reset;
kill 'KILL', $victim->pid;
$victim->end;
ok($c->poll("SELECT worker = 'running' AND server_crashes > 0 FROM email_verify.stat", 60), 'a session crashes: the worker comes back with the server');
$stat = $c->stat;
is("$stat->{server_crashes} $stat->{starts_total} $stat->{sessions_total}", '1 1 ' . $w->stats->{sessions}, '... the crash is counted, the rest begins anew');
$c->node->stop('fast');

$w->restore;
done_testing();
