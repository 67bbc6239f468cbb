# shellcheck shell=bash
#
# probing.bash
#	What the benchmarks share that have addresses probed in the small internet.  To be sourced behind lib.bash.

# shellcheck source=/dev/null
source "$WORLD_ENV"

# an address of user i at one of 64 domains
# shellcheck disable=SC2034 # used by those who source this
corp="i || '@corp' || lpad((i % 64 + 1)::text, 3, '0') || '.com'"

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

# worker_cpu: nanoseconds of the worker, and of the prober's process if it has one
worker_cpu() {
	local pid
	for pid in $(sql -c "SELECT worker_pid, prober_pid FROM email_verify.stat"); do
		cat "/proc/$pid/schedstat"
	done | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# verify N ADDRESS-OF-i: sets rate (addresses a second) and cpu_us (microseconds of worker and prober for an address)
verify() {
	local start cpu at completed
	cpu=$(worker_cpu)
	start=$(date +%s.%N)
	sql -c "SELECT email_verify.enqueue(array_agg($2)) FROM generate_series(1, $1) AS i" >/dev/null
	read -r at completed < <(sql -c "SELECT * FROM bench_await($((done_so_far + $1)))")
	rate=$(calc "($completed - $done_so_far) / ($at - $start)" %.1f)
	cpu_us=$(calc "($(worker_cpu) - $cpu) / 1000 / ($completed - $done_so_far)" %.2f)
	lost=$((lost + done_so_far + $1 - completed))
	done_so_far=$completed
}
