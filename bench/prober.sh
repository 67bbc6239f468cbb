# shellcheck shell=bash
#
# prober: what it costs to have the prober in a process of its own, which hostile servers talk to in place of the worker
#
# The same addresses as in probe, replies at once, with email_verify.prober = inline and = process in turn, in one
# server.  Both start with empty caches; a first round, not counted, fills them.  The CPU time is that of worker and process together.
#
# conf: shared_buffers = 512MB
# conf: autovacuum = off
# conf: email_verify.tls = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

# shellcheck source=bench/probing.bash
source "$EV_ROOT/bench/probing.bash"

N=20000

# place WHERE: the prober moves there
place() {
	local is=NULL
	if [[ $1 == process ]]; then is="NOT NULL AND prober_confined <> ''"; fi
	sql -c "ALTER SYSTEM SET email_verify.prober = '$1'" -c "SELECT pg_reload_conf()" >/dev/null
	for ((i = 0; i < 150; i++)); do
		if [[ $(sql -c "SELECT prober_pid IS $is FROM email_verify.stat") == t ]]; then return; fi
		sleep 0.1
	done
	echo "the prober does not move" >&2
	return 1
}

control "set corp* latency_ms=0"
sql -c "CREATE UNLOGGED TABLE run (round integer, place text, rate float8, cpu float8)"
for ((round = 1; round <= REPEAT; round++)); do
	for where in inline process; do
		place $where
		verify 640 "'user_w_$round$where' || $corp"
		verify $N "'user_a_$round$where' || $corp"
		sql -c "INSERT INTO run VALUES ($round, '$where', $rate, $cpu_us)"
	done
done
expect "SELECT count(*) FROM email_verify.address WHERE reason = 'smtp_deliverable'" "$done_so_far"

# median EXPRESSION: over the rounds, i the inline one and p the other
median() { sql -c "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY $1) FROM run i JOIN run p USING (round)
	WHERE i.place = 'inline' AND p.place = 'process'"; }

cpu_inline=$(median i.cpu)
cpu_process=$(median p.cpu)
more=$(median "p.cpu - i.cpu")
rate_inline=$(median i.rate)
rate_process=$(median p.rate)
ratio=$(median "p.rate / i.rate")
row "CPU of a process, more than inline" "$(calc "$more" '%.2f us')" "inline $(calc "$cpu_inline" '%.2f us')" "$(calc "$cpu_process / $cpu_inline" %.3f)" "< 3 us" "$(verdict "$more < 3")"
row "probes, with a process" "$(calc "$rate_process" %.0f)/s" "inline $(calc "$rate_inline" %.0f)/s" "$(calc "$ratio" %.2f)" ">= 0.9" "$(verdict "$ratio >= 0.9")"
row "addresses left without an answer" "$lost" "-" "-" "0" "$(verdict "$lost == 0")"
