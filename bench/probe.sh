# shellcheck shell=bash
#
# probe: addresses a second through queue, DNS and SMTP, against the scripted peer of test/world
#
# The addresses are spread over 64 domains with two mail servers each; all exist, so each domain's host is asked for a
# made-up one as well.  No TLS: the peer's share of a handshake would be measured too.  Baseline: the same peer asked by
# bench/smtp_load.c, which opens a session for each address and knows nothing.  Peer, name servers, worker and load
# share the same cores.
#
# conf: shared_buffers = 512MB
# conf: autovacuum = off
# conf: email_verify.tls = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

# shellcheck source=/dev/null
source "$WORLD_ENV"

N=20000
SLOW=10000

cc_bench smtp_load smtp_load.c

# control LINE: say it to the scripted peer
control() {
	local answer
	exec 9<>"/dev/tcp/127.0.0.1/$WORLD_CTL_PORT"
	printf '%s\nquit\n' "$1" >&9
	answer=$(cat <&9)
	exec 9>&-
	[[ $answer == *OK* ]] || {
		echo "the peer says: $answer" >&2
		return 1
	}
}

# bench_await(n): until so many have been completed since the server was started, or none for five seconds; says when the last
# one was, and how many
sql <<-'SQL'
	CREATE FUNCTION bench_await(wanted bigint, OUT at float8, OUT completed bigint) LANGUAGE plpgsql AS $$
	DECLARE
		got bigint;
	BEGIN
		LOOP
			got := (SELECT completed_total FROM email_verify._stat());
			IF completed IS DISTINCT FROM got THEN
				completed := got;
				at := extract(epoch FROM clock_timestamp());
			END IF;
			EXIT WHEN completed >= wanted OR extract(epoch FROM clock_timestamp()) > at + 5;
			PERFORM pg_sleep(0.005);
		END LOOP;
	END $$
SQL

done_so_far=0
lost=0

worker_cpu() { awk '{ print $1 }' "/proc/$(sql -c "SELECT worker_pid FROM email_verify.stat")/schedstat"; }

# verify N ADDRESS-OF-i: sets rate (addresses a second) and cpu_us (microseconds of the worker for an address)
verify() {
	local start cpu at completed
	cpu=$(worker_cpu)
	start=$(date +%s.%N)
	sql -c "SELECT email_verify.enqueue(array_agg($2)) FROM generate_series(1, $1) AS i" >/dev/null
	read -r at completed < <(sql -c "SELECT * FROM bench_await($((done_so_far + $1)))")
	rate=$(calc "($completed - $done_so_far) / ($at - $start)" %.1f)
	cpu_us=$(calc "($(worker_cpu) - $cpu) / 1000 / ($completed - $done_so_far)" %.1f)
	lost=$((lost + done_so_far + $1 - completed))
	done_so_far=$completed
}

# load N SESSIONS: addresses a second of the trivial client
load() {
	local result
	result=$("$TMPDIR/smtp_load" "$WORLD_SMTP_PORT" "$WORLD_MAIL_FROM" "$1" "$2")
	calc "$1 / ${result% *}" %.0f
}

# rate_row WHAT RATE BASELINE-NAME RATE GOAL STATE
rate_row() { row "$1" "$(calc "$2" %.0f)/s" "$3 $(calc "$4" %.0f)/s" "$(calc "$2 / $4" %.2f)" "$5" "$6"; }

corp="i || '@corp' || lpad((i % 64 + 1)::text, 3, '0') || '.com'"

# the first addresses find out about DNS and about made-up recipients
verify 640 "'user_w' || $corp"

control "set corp* latency_ms=0"
load0=$(load $N 64)
verify $N "'user_a' || $corp"
rate0=$rate
cpu0=$cpu_us
rate_row "probes, replies at once" "$rate0" "client" "$load0" ">= 1" "$(verdict "$rate0 >= $load0")"

control "set corp* latency_ms=50"
load50=$(load 4000 64)
verify $SLOW "'user_b' || $corp"
rate50=$rate
cpu50=$cpu_us
control "set corp* latency_ms=0"
rate_row "probes, replies after 50 ms" "$rate50" "client" "$load50" ">= 1" "$(verdict "$rate50 >= $load50")"
expect "SELECT count(*) FROM email_verify.address WHERE reason = 'smtp_deliverable'" "$done_so_far"

# DNS only: names that nobody has asked for, each a domain of its own
worker=$(sql -c "SELECT worker_pid FROM email_verify.stat")
sql -c "ALTER DATABASE postgres SET email_verify.mode = dns" -c "SELECT pg_terminate_backend($worker)" >/dev/null
for ((i = 0; i < 150; i++)); do
	now=$(sql -c "SELECT worker_pid FROM email_verify.stat WHERE worker = 'running'")
	if [[ -n $now && $now != "$worker" ]]; then break; fi
	sleep 0.2
done
verify $SLOW "'user@d' || i || '.wild.deliver.com'"

rate_row "DNS only, each a domain of its own" "$rate" "probes" "$rate0" - -
row "worker's CPU, replies at once" "$cpu0 us" "DNS only $cpu_us us" "$(calc "$cpu0 / $cpu_us" %.2f)" - -
row "worker's CPU, replies after 50 ms" "$cpu50 us" "at once $cpu0 us" "$(calc "$cpu50 / $cpu0" %.2f)" - -
row "addresses left without an answer" "$lost" "-" - "0" "$(verdict "$lost == 0")"
