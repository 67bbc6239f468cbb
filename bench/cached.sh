# shellcheck shell=bash
#
# cached: a verdict from a cache of a million addresses, asked for in random order
#
# Half of them are asked for, each once a statement, so that what a statement remembers does not help.  A miss is measured with
# email_verify.mode = offline: the cost of finding nothing, without that of queueing.
#
# The last rows ask for 2,000 addresses only, which the CPU's caches hold: what is left is code, the rest was memory.
#
# conf: shared_buffers = 1GB
# conf: autovacuum = off
# conf: max_wal_size = 8GB

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

CACHED=1000000
N=500000

prepare
fill_cache $CACHED
fill_asked asked 1 $N
fill_asked unknown_ones $((CACHED + 1)) $((CACHED + N))
fill_asked few 1 $N 'bench_address(1 + i % 2000)'
expect "SELECT count(*) FROM (SELECT email_verify(email) AS v FROM asked) a WHERE v <> 'pending'" $N
expect "SET email_verify.mode = offline; SELECT count(*) FROM unknown_ones, email_verdict(email) WHERE detail = 'mode_offline'" $N

{
	echo "$CALM"
	for round in $(seq 0 "$REPEAT"); do
		timed "$round" floor $N "SELECT count(length(email)) FROM asked"
		timed "$round" hit $N "SELECT count(email_verify(email)) FROM asked"
		timed "$round" spi_hit $N "SELECT count(bench_spi(email)) FROM asked"
		timed "$round" verdict $N "SELECT count(email_verdict(email)) FROM asked"
		timed "$round" unknown_floor $N "SELECT count(length(email)) FROM unknown_ones"
		echo "SET email_verify.mode = offline;"
		timed "$round" miss $N "SELECT count(email_verify(email)) FROM unknown_ones"
		echo "RESET email_verify.mode;"
		timed "$round" spi_miss $N "SELECT count(bench_spi(email)) FROM unknown_ones"
		timed "$round" few_floor $N "SELECT count(length(email)) FROM few"
		timed "$round" few $N "SELECT count(email_verify(email)) FROM few"
		timed "$round" spi_few $N "SELECT count(bench_spi(email)) FROM few"
	done
	# the first round warms up: catalogue caches, mapping of shared buffers
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sql

floor=$(ns floor)
hit=$(ns_above hit floor)
full=$(ns_above verdict floor)
miss=$(ns_above miss unknown_floor)
spi_hit=$(ns_above spi_hit floor)
spi_miss=$(ns_above spi_miss unknown_floor)

row "hit, above the floor" "$(us "$hit")" "floor $(us "$floor")" "$(calc "$hit / $floor" %.1f)" "<= 3 us" \
	"$(verdict "$hit <= 3000")"
row "miss, above the floor" "$(us "$miss")" "floor $(us "$floor")" "$(calc "$miss / $floor" %.1f)" "<= 1.5 us" \
	"$(verdict "$miss <= 1500")"
row "hit, speed-up over a saved plan" "$(us "$hit")" "plan $(us "$spi_hit")" "$(calc "$spi_hit / $hit" %.2f)" \
	">= 1.3" "$(verdict "$spi_hit / $hit >= 1.3")"
row "miss, speed-up over a saved plan" "$(us "$miss")" "plan $(us "$spi_miss")" "$(calc "$spi_miss / $miss" %.2f)" \
	">= 1.3" "$(verdict "$spi_miss / $miss >= 1.3")"
few=$(ns_above few few_floor)
spi_few=$(ns_above spi_few few_floor)
row "hit among 2,000, above the floor" "$(us "$few")" "plan $(us "$spi_few")" "$(calc "$spi_few / $few" %.2f)" - -
row "hit, email_verdict() whole" "$(us "$full")" "email_verify $(us "$hit")" "$(calc "$full / $hit" %.2f)" - -
