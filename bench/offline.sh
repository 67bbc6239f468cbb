# shellcheck shell=bash
#
# offline: verdicts that need neither cache nor worker
#
# conf: shared_buffers = 1GB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=1000000

prepare
fill_asked asked 1 $N
fill_asked special 1 $N "split_part(bench_address(i), '@', 1) || '@mail' || i % 100 || '.example.com'"
fill_asked broken 1 $N "replace(bench_address(i), '.', '..')"
expect "SELECT count(*) FROM special WHERE email_verify(email) = 'no_mx_records'" $N
expect "SELECT count(*) FROM broken WHERE email_verify(email) = 'invalid_syntax'" $N

{
	echo "$CALM"
	for round in $(seq 0 "$REPEAT"); do
		timed "$round" floor $N "SELECT count(length(email)) FROM asked"
		echo "SET email_verify.mode = sandbox;"
		timed "$round" sandbox $N "SELECT count(email_verify(email)) FROM asked"
		echo "RESET email_verify.mode;"
		timed "$round" special_floor $N "SELECT count(length(email)) FROM special"
		timed "$round" special $N "SELECT count(email_verify(email)) FROM special"
		timed "$round" broken_floor $N "SELECT count(length(email)) FROM broken"
		timed "$round" broken $N "SELECT count(email_verify(email)) FROM broken"
	done
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sql

# report WHAT TEXT FLOOR
report() {
	local value base
	value=$(ns_above "$1" "$3")
	base=$(ns "$3")
	row "$2, above the floor" "$(us "$value")" "floor $(us "$base")" "$(calc "$value / $base" %.1f)" "<= 0.6 us" \
		"$(verdict "$value <= 600")"
}
report sandbox "sandbox mode" floor
report special "special-use domain" special_floor
report broken "invalid syntax" broken_floor
