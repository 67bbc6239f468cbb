# shellcheck shell=bash
#
# bounce: what it costs to read a bounce, in the engine and through SQL, on the messages of test/data/bounces
#
# conf: shared_buffers = 128MB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=100000

prepare
mkdir -p "$TMPDIR/include"
ln -sfn "$EV_ROOT/src/engine" "$TMPDIR/include/engine"
cc_bench bounce_engine bounce_engine.c "-I$TMPDIR/include" "$EV_BUILD/libev_engine.a" -lidn2 -lunistring
"$TMPDIR/bounce_engine" $((REPEAT + 1)) "$EV_ROOT"/test/data/bounces/*.eml | tail -n "$REPEAT" >"$TMPDIR/engine"

sql -v message="$(cat "$EV_ROOT/test/data/bounces/postfix_user_unknown.eml")" <<-SQL
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
		timed "$round" reply $N "SELECT count(*) FROM replies, email_classify_reply(reply) r WHERE r.status IS NOT NULL"
	done
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sed "s/''''/''/g" | sql

# column N: its median
column() { awk -v n="$1" '{ print $n }' "$TMPDIR/engine" | sort -g | sed -n "$(((REPEAT + 1) / 2))p"; }

copy=$(column 1)
engine=$(column 2)
floor=$(ns floor)
bounce=$(ns bounce)
reply=$(ns reply)
row "engine: a bounce of $(column 3) bytes" "$(us "$engine")" "copy of its bytes $(us "$copy")" "$(calc "$engine / $copy" %.0f)" \
	"<= 20 us" "$(verdict "$engine <= 20000")"
row "email_classify_bounce(), a row of the statement" "$(us "$bounce")" "floor $(us "$floor")" "$(calc "$bounce / $engine" %.1f)" - -
row "email_classify_reply(), a row of the statement" "$(us "$reply")" "floor $(us "$floor")" "$(calc "$reply / $floor" %.1f)" - -
