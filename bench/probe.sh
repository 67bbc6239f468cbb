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

worker_cpu() { awk '{ print $1 }' "/proc/$(sql -c "SELECT worker_pid FROM email_verify.stat")/schedstat"; }

# verify PREFIX N: sets SECONDS_TAKEN and CPU (microseconds of the worker for an address)
verify() {
	local start cpu
	cpu=$(worker_cpu)
	start=$(date +%s%N)
	sql -c "SELECT email_verify.enqueue(array_agg('$1' || i || '@corp' || lpad((i % 64 + 1)::text, 3, '0') || '.com'))
		FROM generate_series(1, $2) AS i" >/dev/null
	sql -c "DO \$\$ BEGIN
		WHILE (SELECT completed_total FROM email_verify._stat()) < $3 LOOP PERFORM pg_sleep(0.01); END LOOP; END \$\$"
	took=$(calc "($(date +%s%N) - $start) / 1e9" %.4f)
	cpu_us=$(calc "($(worker_cpu) - $cpu) / 1000 / $2" %.1f)
}

# load N SESSIONS: addresses a second of the trivial client
load() {
	local result
	result=$("$TMPDIR/smtp_load" "$WORLD_SMTP_PORT" "$WORLD_MAIL_FROM" "$1" "$2")
	calc "$1 / ${result% *}" %.0f
}

# a row of the table: figures a second against a baseline a second
rate() { row "$1" "$(calc "$2" %.0f)/s" "$3 $(calc "$4" %.0f)/s" "$(calc "$2 / $4" %.2f)" "$5" "$6"; }

# the first addresses find out about DNS and about made-up recipients
verify user_w 640 640
done_so_far=640

control "set corp* latency_ms=0"
load0=$(load $N 64)
verify user_a $N $((done_so_far += N))
rate0=$(calc "$N / $took" %.1f)
cpu0=$cpu_us

control "set corp* latency_ms=50"
load50=$(load 4000 64)
verify user_b $SLOW $((done_so_far += SLOW))
rate50=$(calc "$SLOW / $took" %.1f)
cpu50=$cpu_us
control "set corp* latency_ms=0"

expect "SELECT count(*) FROM email_verify.address WHERE reason = 'smtp_deliverable'" $done_so_far

# DNS only: names that nobody has asked for, each a domain of its own
sql -c "ALTER DATABASE postgres SET email_verify.mode = dns"
worker=$(sql -c "SELECT worker_pid FROM email_verify.stat")
sql -c "SELECT pg_terminate_backend($worker)" >/dev/null
for ((i = 0; i < 150; i++)); do
	now=$(sql -c "SELECT worker_pid FROM email_verify.stat WHERE worker = 'running'")
	if [[ -n $now && $now != "$worker" ]]; then break; fi
	sleep 0.2
done
cpu=$(worker_cpu)
start=$(date +%s%N)
sql -c "SELECT email_verify.enqueue(array_agg('user@d' || i || '.wild.deliver.com')) FROM generate_series(1, $SLOW) AS i" >/dev/null
done_so_far=$((done_so_far + SLOW))
sql -c "DO \$\$ BEGIN
	WHILE (SELECT completed_total FROM email_verify._stat()) < $done_so_far LOOP PERFORM pg_sleep(0.01); END LOOP; END \$\$"
dns_rate=$(calc "$SLOW / (($(date +%s%N) - $start) / 1e9)" %.1f)
dns_cpu=$(calc "($(worker_cpu) - $cpu) / 1000 / $SLOW" %.1f)

rate "probes, replies at once" "$rate0" "client" "$load0" ">= 1" "$(verdict "$rate0 >= $load0")"
rate "probes, replies after 50 ms" "$rate50" "client" "$load50" ">= 1" "$(verdict "$rate50 >= $load50")"
rate "DNS only, each a domain of its own" "$dns_rate" "probes" "$rate0" - -
row "worker's CPU, replies at once" "$cpu0 us" "DNS only $dns_cpu us" "$(calc "$cpu0 / $dns_cpu" %.2f)" - -
row "worker's CPU, replies after 50 ms" "$cpu50 us" "at once $cpu0 us" "$(calc "$cpu50 / $cpu0" %.2f)" - -
