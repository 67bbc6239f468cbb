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

# shellcheck source=bench/probing.bash
source "$EV_ROOT/bench/probing.bash"

N=20000
SLOW=10000

cc_bench smtp_load smtp_load.c

# load N SESSIONS: addresses a second of the trivial client
load() {
	local result
	result=$("$TMPDIR/smtp_load" "$WORLD_SMTP_PORT" "$WORLD_MAIL_FROM" "$1" "$2")
	calc "$1 / ${result% *}" %.0f
}

# rate_row WHAT RATE BASELINE-NAME RATE GOAL STATE
rate_row() { row "$1" "$(calc "$2" %.0f)/s" "$3 $(calc "$4" %.0f)/s" "$(calc "$2 / $4" %.2f)" "$5" "$6"; }

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
row "CPU of worker and prober, replies at once" "$cpu0 us" "DNS only $cpu_us us" "$(calc "$cpu0 / $cpu_us" %.2f)" - -
row "CPU of worker and prober, replies after 50 ms" "$cpu50 us" "at once $cpu0 us" "$(calc "$cpu50 / $cpu0" %.2f)" - -
row "addresses left without an answer" "$lost" "-" - "0" "$(verdict "$lost == 0")"
