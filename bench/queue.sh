# shellcheck shell=bash
#
# queue: does taking rows out of the queue stay as fast, however long it is and whoever holds a snapshot?
#
# First the statement alone, by a session with the worker's settings, in a database whose worker does nothing: the
# next 500 rows of a queue of 1,000,000 beside 100,000 domains, behind the position that a worker has reached; then
# the same after 150,000 rows before that position were done while a session holds a snapshot that sees them; and from the
# start of the queue, as it would be without a position.
#
# Then the worker, with a queue that is short, one with 1,000,000 rows that fall due tomorrow, and that while a session
# waits for all of them to be answered (so that they are counted), and while a snapshot is held for a minute.  DNS only, since
# a mail server would be what is measured: each of the addresses of one domain takes its row through the whole way.
#
# Last, what the walk costs that deletes expired verdicts: a slice of 1,000 rows among 1,000,000.
#
# conf: shared_buffers = 1GB
# conf: autovacuum = off
# conf: max_wal_size = 8GB
# conf: email_verify.max_databases = 3

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

LONG=1000000
DONE=150000
N=20000

# database NAME MODE
database() {
	sql -d postgres -c "CREATE DATABASE $1" -c "ALTER DATABASE $1 SET email_verify.mode = $2"
	PGDATABASE=$1 sql -c "SET client_min_messages = warning; CREATE EXTENSION email_verify"
}

# long_queue: rows of priority 1 that fall due tomorrow, and a planner that knows it
long_queue() {
	sql -c "INSERT INTO email_verify.queue (address, priority, due_at)
			SELECT 'u' || i || '@d' || i % 100000 || '.com', 1, now() + interval '1 day' + i * interval '1 ms'
			FROM generate_series(1, $LONG) i" -c "VACUUM ANALYZE email_verify.queue"
}

# snapshot SECONDS: hold one that long, in the background; its pid in snapshot_pid
snapshot() {
	sql -c "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM email_verify.queue; SELECT pg_sleep($1)" >/dev/null &
	snapshot_pid=$!
	until [[ $(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND wait_event = 'PgSleep'") == 1 ]]; do
		sleep 0.05
	done
}
let_go() {
	kill "$snapshot_pid" 2>/dev/null || true
	wait "$snapshot_pid" 2>/dev/null || true
}

# --- the statement --------------------------------------------------------------------------------------

database still offline
export PGDATABASE=still
prepare
sql <<-SQL
	INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at)
		SELECT 'd' || i || '.com', false, now(), now() + interval '1 day' FROM generate_series(1, 100000) i;
	INSERT INTO email_verify.domain_host (domain, host, accepted_at)
		SELECT 'd' || i || '.com', 'mx', now() FROM generate_series(1, 100000) i;
	INSERT INTO email_verify.queue (address, priority, due_at)
		SELECT 'u' || i || '@d' || i % 100000 || '.com', 1, now() - interval '1 h' + i * interval '1 ms'
		FROM generate_series(1, $LONG) i;
	VACUUM ANALYZE email_verify.queue;
	VACUUM ANALYZE email_verify.domain;
	VACUUM ANALYZE email_verify.domain_host;
SQL

# lease WHAT FROM: the 500 rows behind the FROMth, 20 times
lease() {
	{
		echo "$CALM SET enable_seqscan = off;"
		echo "SELECT id, due_at FROM email_verify.queue WHERE priority = 1 ORDER BY due_at, id OFFSET $2 - $3 LIMIT 1 \\gset"
		for ((i = 0; i < 20; i++)); do
			if [[ $4 == start ]]; then from="'-infinity', 0"; else from=":'due_at', :id"; fi
			timed "$i" "$1" 1 "SELECT count(*) FROM email_verify._lease(ARRAY(SELECT id FROM email_verify._due(1::smallint, $from, clock_timestamp(), 500)))"
		done
	} | sql
}
lease plain $DONE 1 position
snapshot 600
sql -c "DELETE FROM email_verify.queue WHERE priority = 1 AND id <= (SELECT min(id) + $DONE - 1 FROM email_verify.queue)"
lease old 1 1 position
lease old_start 1 1 start
let_go
plain=$(ns plain)
old=$(ns old)
start=$(ns old_start)
row "500 rows of $LONG" "$(calc "$plain / 1e6" '%.2f ms')" - - "<= 15 ms" "$(verdict "$plain <= 15e6")"
row "$DONE done, an old snapshot" "$(calc "$old / 1e6" '%.2f ms')" "none $(calc "$plain / 1e6" '%.2f ms')" \
	"$(calc "$old / $plain" %.2f)" "<= 1.3" "$(verdict "$old <= 1.3 * $plain")"
row "the same without a position" "$(calc "$start / 1e6" '%.2f ms')" "with one $(calc "$old / 1e6" '%.2f ms')" \
	"$(calc "$start / $old" %.2f)" - -

# --- the worker -------------------------------------------------------------------------------------------

database busy dns
export PGDATABASE=busy
sql <<-'SQL'
	CREATE FUNCTION bench_await(wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		WHILE (SELECT completed_total FROM email_verify._stat()) < wanted LOOP PERFORM pg_sleep(0.01); END LOOP;
	END $$
SQL
asked=0

# verify NAME ROUND: so many addresses more; the worker's CPU time for them, which other load disturbs little, goes to bench_run
verify() {
	local cpu
	cpu=$(worker_cpu)
	sql -c "SELECT email_verify.enqueue(array_agg('$1$2.' || i || '@ok.deliver.com')) FROM generate_series(1, $N) i" >/dev/null
	asked=$((asked + N))
	sql -c "SELECT bench_await($asked)" >/dev/null
	sql -c "INSERT INTO bench_run VALUES ($2, '$1', $N, $(worker_cpu) - $cpu)"
}
worker_cpu() { awk '{ print $1 }' "/proc/$worker/schedstat"; }
rounds() { for ((round = 1; round <= REPEAT; round++)); do verify "$1" $round; done; }

# cpu_row WHAT NAME
cpu_row() {
	local cpu short
	cpu=$(ns "$2")
	short=$(ns short)
	row "$1" "$(us "$cpu")" "short queue $(us "$short")" "$(calc "$cpu / $short" %.2f)" "<= 1.3" "$(verdict "$cpu <= 1.3 * $short")"
}

sql -c "CREATE UNLOGGED TABLE bench_run (round integer, what text, n bigint, ns bigint)"
for ((i = 0; i < 100; i++)); do
	worker=$(sql -c "SELECT worker_pid FROM email_verify.stat WHERE worker = 'running'")
	if [[ -n $worker ]]; then break; fi
	sleep 0.2
done
rounds warm
rounds short
long_queue
rounds long
cpu_row "worker's CPU, $LONG others queued" long
sql -c "SELECT email_verify.wait('1 h')" >/dev/null &
waiter=$!
sleep 2
rounds counted
cpu_row "... and somebody waits for all" counted
kill $waiter 2>/dev/null || true
wait $waiter 2>/dev/null || true
snapshot 300
end=$((SECONDS + 60))
for ((i = 1; SECONDS < end; i++)); do verify minute $i; done
rounds held
cpu_row "... after a minute of an old snapshot" held
let_go

# --- the walk --------------------------------------------------------------------------------------------------

export PGDATABASE=still
fill_cache $LONG
{
	echo "$CALM SET enable_seqscan = off;"
	echo "SELECT address AS a FROM email_verify.address ORDER BY address OFFSET $LONG / 2 LIMIT 1 \\gset"
	for ((i = 0; i < 20; i++)); do
		timed "$i" walk 1 "SELECT looked_at, reached[1] AS a FROM email_verify._retire_addresses(ARRAY[:'a'], '90 d', '90 d', 1000)"
	done
} | sed 's:\\g /dev/null:\\gset:' | sql >/dev/null
row "a slice of the walk, 1,000 rows" "$(calc "$(ns walk) / 1e6" '%.2f ms')" "-" "-" "<= 25 ms" "$(verdict "$(ns walk) <= 25e6")"
