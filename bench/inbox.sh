# shellcheck shell=bash
#
# inbox: what it costs to queue an unknown address, and how fast queued addresses are durable
#
# A push is the difference between a miss that is queued and the same miss with email_verify.mode = offline, which does
# all but the push.  While it is measured the worker is stopped (SIGSTOP): so nobody else uses the two cores, and the
# inbox is large enough to take all.  With 8 backends the CPU time of all of them counts, lock and all.
#
# Then the other end: a worker that is told not to probe, and the time from a SELECT of 200,000 unknown addresses until
# the table holds all of them, committed, with fsync on.  It is held against the same addresses by INSERT … ON CONFLICT in
# one transaction into a table of the same indexes: what PostgreSQL can do at best, without a lookup of each address.
#
# conf: shared_buffers = 1GB
# conf: autovacuum = off
# conf: max_wal_size = 8GB
# conf: fsync = on
# conf: email_verify.inbox_size = '512MB'
# conf: email_verify.max_databases = 2

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=400000
BACKENDS=8
QUEUED=200000

# a database whose worker finds that it shall not probe; the sessions here probe all the same
sql -c "CREATE DATABASE bench"
sql -c "ALTER DATABASE bench SET email_verify.mode = offline"
export PGDATABASE=bench
sql -c "SET client_min_messages = warning; CREATE EXTENSION email_verify"
prepare
fill_cache 1000

# worker_pid: of this database, once it runs
worker_pid() {
	local pid i
	for ((i = 0; i < 100; i++)); do
		pid=$(sql -c "SELECT worker_pid FROM email_verify.stat WHERE worker = 'running'")
		if [[ -n $pid ]]; then
			echo "$pid"
			return
		fi
		sleep 0.2
	done
	echo "no worker" >&2
	return 1
}

# until_drained N: wait till the worker has committed so many; its counter, since counting rows would slow it down
until_drained() {
	sql -c "DO \$\$ BEGIN
		WHILE (SELECT drained_total FROM email_verify._stat()) < $1 LOOP PERFORM pg_sleep(0.005); END LOOP; END \$\$"
}

# --- durable ------------------------------------------------------------------------------------------

fill_asked wanted 5000001 $((5000000 + QUEUED))
worker=$(worker_pid)
for ((round = 1; round <= 3; round++)); do
	sql -c "TRUNCATE email_verify.queue" -c "CHECKPOINT"
	start=$(date +%s%N)
	cpu=$(awk '{ print $1 }' "/proc/$worker/schedstat")
	got=$(sql -c "SET client_min_messages = warning; SET email_verify.mode = smtp" \
		-c "SELECT count(*) FILTER (WHERE email_verify(email) = 'pending') FROM wanted")
	asked=$(date +%s%N)
	until_drained $((round * QUEUED))
	sql -c "INSERT INTO bench_run VALUES ($round, 'durable', $QUEUED, $(date +%s%N) - $start),
		($round, 'asked', $QUEUED, $asked - $start),
		($round, 'worker', $QUEUED, $(awk '{ print $1 }' "/proc/$worker/schedstat") - $cpu)"
	expect "SELECT count(*) FROM email_verify.queue" $QUEUED
	[[ $got == "$QUEUED" ]] || {
		echo "only $got of $QUEUED were taken" >&2
		exit 1
	}
	sql -c "TRUNCATE email_verify.queue" -c "CHECKPOINT"
	start=$(date +%s%N)
	sql -c "INSERT INTO email_verify.queue (address, priority, due_at)
		SELECT email, 0, clock_timestamp() FROM wanted ON CONFLICT DO NOTHING"
	sql -c "INSERT INTO bench_run VALUES ($round, 'insert', $QUEUED, $(date +%s%N) - $start)"
done
sql -c "TRUNCATE email_verify.queue" -c "CHECKPOINT"

# --- push -----------------------------------------------------------------------------------------------

for ((i = 0; i < BACKENDS; i++)); do
	fill_asked "part$i" $((10000000 + i * N / BACKENDS)) $((10000000 + (i + 1) * N / BACKENDS - 1))
done
sql -c "CREATE UNLOGGED TABLE whole AS SELECT * FROM part0" \
	-c "$(for ((i = 1; i < BACKENDS; i++)); do echo "INSERT INTO whole SELECT * FROM part$i;"; done)"
sql -c "VACUUM (FREEZE, ANALYZE) whole"
ask="SELECT count(*) FILTER (WHERE email_verify(email) = 'pending') FROM"

# both ROUND NAME TABLE: a miss without and one with a push
both() {
	local n
	n=$(sql -c "SELECT count(*) FROM $3")
	echo "$CALM"
	echo "$ask $3 LIMIT 0;"
	echo "SET email_verify.mode = offline;"
	timed "$1" "$2_miss" "$n" "$ask $3"
	echo "SET email_verify.mode = smtp;"
	timed "$1" "$2_push" "$n" "$ask $3"
}

kill -STOP "$worker"
trap 'kill -CONT "$worker" 2>/dev/null || true' EXIT
for ((round = 1; round <= REPEAT; round++)); do
	both "$round" one whole | sql
	pids=()
	for ((i = 0; i < BACKENDS; i++)); do
		# a round for each backend: bench_run is joined by it
		both $((round * 100 + i)) eight "part$i" | sql &
		pids+=($!)
	done
	wait "${pids[@]}"
done
refused=$(sql -c "SELECT refused_total FROM email_verify.stat")
[[ $refused == 0 ]] || {
	echo "the inbox was full" >&2
	exit 1
}
bytes=$(sql -c "SELECT inbox_bytes FROM email_verify.stat")
kill -CONT "$worker"

one_miss=$(ns one_miss)
one=$(ns_above one_push one_miss)
eight_miss=$(ns eight_miss)
eight=$(ns_above eight_push eight_miss)
durable=$(ns durable)
insert=$(ns insert)
worker_cpu=$(ns worker)
row "push, 1 backend" "$(us "$one")" "miss $(us "$one_miss")" "$(calc "$one / $one_miss" %.2f)" "<= 0.2 us" \
	"$(verdict "$one <= 200")"
row "push, $BACKENDS backends" "$(us "$eight")" "miss $(us "$eight_miss")" "$(calc "$eight / $eight_miss" %.2f)" "<= 0.2 us" \
	"$(verdict "$eight <= 200")"
row "durable in the queue" "$(calc "1e9 / $durable" %.0f)/s" "INSERT $(calc "1e9 / $insert" %.0f)/s" \
	"$(calc "$insert / $durable" %.2f)" ">= 50000/s" "$(verdict "1e9 / $durable >= 50000")"
row "worker's CPU for each of these" "$(us "$worker_cpu")" "INSERT, clock $(us "$insert")" \
	"$(calc "$worker_cpu / $insert" %.2f)" - -
row "inbox, bytes an address" "$(calc "$bytes / ($REPEAT * 2 * $N)" %.0f)" "-" - - -
