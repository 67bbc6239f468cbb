# shellcheck shell=bash
#
# bounce: what it costs to read a bounce: the common ones of 3 to 6 kB and all small ones of test/data/bounces
# in the engine, against a walk over their bytes; one of them, and a reply, through SQL
#
# conf: shared_buffers = 128MB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=100000
SAMPLES=$EV_ROOT/test/data/bounces

prepare
mkdir -p "$TMPDIR/include"
ln -sfn "$EV_ROOT/src/engine" "$TMPDIR/include/engine"
cc_bench bounce_engine bounce_engine.c "-I$TMPDIR/include" "$EV_BUILD/libev_engine.a" -lidn2 -lunistring

# column FILE N: its median
column() { awk -v n="$2" '{ print $n }' "$1" | sort -g | sed -n "$(((REPEAT + 1) / 2))p"; }

# engine WHAT FILE...: a line of the table
engine() {
	local what=$1 out=$TMPDIR/engine walk read
	shift
	"$TMPDIR/bounce_engine" $((REPEAT + 1)) "$@" | tail -n "$REPEAT" >"$out"
	walk=$(column "$out" 2)
	read=$(column "$out" 3)
	row "$what of $(column "$out" 1) bytes" "$(us "$read")" "walk over bytes $(us "$walk")" "$(calc "$read / $walk" %.1f)" \
		"<= 20 us" "$(verdict "$read <= 20000")"
}

for format in postfix exim gmail office365 sendmail qmail; do
	engine "engine: $format" "$SAMPLES/typical_$format.eml"
done
engine "engine: any of all the samples" "$SAMPLES"/*.eml

sql -v message="$(cat "$SAMPLES/typical_postfix.eml")" <<-SQL
	CREATE UNLOGGED TABLE asked AS SELECT i, :'message'::text AS message FROM generate_series(1, $N) i;
	CREATE UNLOGGED TABLE replies AS
	SELECT i, '550 5.1.1 <user' || i || '@example.com>: Recipient address rejected: User unknown' AS reply FROM generate_series(1, $N) i;
SQL
expect "SELECT count(*) FROM asked, email_classify_bounce(message) b WHERE b.status = 'invalid'" $N
{
	echo "$CALM"
	for round in $(seq 0 "$REPEAT"); do
		timed "$round" floor $N "SELECT count(*) FROM asked WHERE length(message) > 0"
		timed "$round" bounce $N "SELECT count(*) FROM asked, email_classify_bounce(message)"
		timed "$round" bytes $N "SELECT count(*) FROM replies WHERE length(reply) > 0"
		timed "$round" reply $N "SELECT count(*) FROM replies, email_classify_reply(reply) r WHERE r.status IS NOT NULL"
	done
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sed "s/''''/''/g" | sql
floor=$(ns floor)
bounce=$(ns bounce)
row "email_classify_bounce(), a row of the statement" "$(us "$bounce")" "floor $(us "$floor")" "$(calc "$bounce / $floor" %.1f)" - -
bytes=$(ns bytes)
reply=$(ns reply)
row "email_classify_reply(), a row of the statement" "$(us "$reply")" "floor $(us "$bytes")" "$(calc "$reply / $bytes" %.1f)" - -
