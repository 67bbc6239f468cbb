# shellcheck shell=bash
#
# held: how long does a stranger wait while one transaction holds many addresses that many sessions ask for?
#
# One transaction queues 20,000 addresses and stays open for HELD_SECONDS (30); 50 sessions ask for 400 of them each, and
# again every second.  A stranger asks for an address of his own each half of a second, and waits for its verdict.  The baseline is
# what he waited before; the first answers behind the transaction count for themselves, since that is when the worker
# finds out who holds what.
#
# conf: shared_buffers = 512MB
# conf: max_connections = 100
# conf: email_verify.tls = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

# shellcheck source=bench/probing.bash
source "$EV_ROOT/bench/probing.bash"

HELD_SECONDS=${HELD_SECONDS:-30}
HELD=20000
SESSIONS=50
PART=400

prepare
held="'held' || i || '@h' || i % 200 || '.wild.deliver.com'"

# strangers WHAT FROM N: ask for N addresses, one after the other; the times go to bench_run
strangers() {
	local i
	{
		echo "SET client_min_messages = warning;"
		for ((i = $2; i < $2 + $3; i++)); do
			echo "SELECT clock_timestamp() AS t0 \\gset"
			echo "SELECT (email_verify('ok$i@s$((i % 7)).wild.deliver.com', wait => '30 s'))::text AS said \\gset"
			echo "INSERT INTO bench_run SELECT $i, '$1', CASE WHEN :'said' = 'smtp_deliverable' THEN 1 END,
				1e9 * extract(epoch FROM clock_timestamp() - :'t0'::timestamptz);"
			echo "SELECT pg_sleep(0.5) \\g /dev/null"
		done
	} | sql
}

# asks SESSION: from the held ones its own part, again and again
asks() {
	local round
	{
		echo "SET client_min_messages = warning;"
		for ((round = 0; round < HELD_SECONDS; round++)); do
			echo "SELECT count(email_verify($held)) FROM generate_series(1 + $1 * $PART, ($1 + 1) * $PART) i;"
			echo "SELECT pg_sleep(1);"
		done
	} | sql >/dev/null
}

strangers warm 0 14
strangers idle 1000 20
mkfifo "$TMPDIR/holder"
sql >/dev/null <"$TMPDIR/holder" &
holder=$!
exec 8>"$TMPDIR/holder"
echo "BEGIN; SELECT email_verify.enqueue(array_agg($held)) FROM generate_series(1, $HELD) i;" >&8
until [[ $(sql -c "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") == 1 ]]; do sleep 0.1; done
for ((i = 0; i < SESSIONS; i++)); do
	asks $((i % (HELD / PART))) &
	pids[i]=$!
done
strangers first 2000 10
strangers later 3000 $((HELD_SECONDS))
expect "SELECT count(*) FROM email_verify.address WHERE address LIKE 'held%'" 0
echo "COMMIT;" >&8
exec 8>&-
wait "$holder"
for pid in "${pids[@]}"; do wait "$pid"; done
expect "SELECT count(*) FROM bench_run WHERE n IS NULL" 0
expect "SELECT errors_total FROM email_verify.stat" 0

idle=$(ns idle)
for what in first later; do
	at=$(ns $what)
	row "a stranger beside $HELD held ones, $what" "$(calc "$at / 1e6" '%.0f ms')" "idle $(calc "$idle / 1e6" '%.0f ms')" \
		"$(calc "$at / $idle" %.2f)" "<= 2" "$(verdict "$at <= 2 * $idle")"
done
longest=$(sql -c "SELECT max(ns) FROM bench_run WHERE what IN ('first', 'later')")
row "... the longest of them" "$(calc "$longest / 1e6" '%.0f ms')" "-" "$(calc "$longest / $idle" %.2f)" - -
