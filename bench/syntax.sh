# shellcheck shell=bash
#
# syntax: what can be said of a million addresses without asking anybody, against looking at their length and, for the
# syntax alone, against a usual pattern
#
# conf: shared_buffers = 512MB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=1000000
PATTERN='^[a-z0-9.!#$%&*+/=?^_`{|}~-]+@[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$'

prepare
fill_asked asked 1 $N
expect "SELECT count(*) FROM asked WHERE email_syntax_ok(email)" $N
expect "SELECT count(*) FROM asked WHERE email ~* '$PATTERN'" $N

{
	echo "$CALM"
	for round in $(seq 0 "$REPEAT"); do
		timed "$round" floor $N "SELECT count(*) FROM asked WHERE length(email) > 0"
		timed "$round" function $N "SELECT count(*) FROM asked WHERE email_syntax_ok(email)"
		timed "$round" disposable $N "SELECT count(*) FROM asked WHERE email_is_disposable(email)"
		timed "$round" canonical $N "SELECT count(*) FROM asked WHERE length(email_canonical(email)) > 0"
		timed "$round" pattern $N "SELECT count(*) FROM asked WHERE email ~* '$PATTERN'"
	done
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sed "s/''''/''/g" | sql

sql -c "COPY asked TO STDOUT" >"$TMPDIR/addresses"
mkdir -p "$TMPDIR/include"
ln -sfn "$EV_ROOT/src/engine" "$TMPDIR/include/engine"
cc_bench syntax_engine syntax_engine.c "-I$TMPDIR/include" "$EV_BUILD/libev_engine.a" -lidn2 -lunistring
"$TMPDIR/syntax_engine" "$TMPDIR/addresses" $((REPEAT + 1)) | tail -n "$REPEAT" >"$TMPDIR/engine"

# column N: its median
column() { awk -v n="$1" '{ print $n }' "$TMPDIR/engine" | sort -g | sed -n "$(((REPEAT + 1) / 2))p"; }

floor=$(ns floor)
function=$(ns function)
pattern=$(ns pattern)
bytes=$(column 1)
parse=$(column 2)
whole=$(column 3)
disposable=$(ns disposable)
canonical=$(ns canonical)
# above N: what it costs above the floor
above() { calc "$1 - $floor" %.1f; }
row "email_syntax_ok() above the floor" "$(us "$(above "$function")")" "floor $(us "$floor")" \
	"$(calc "$(above "$function") / $floor" %.2f)" "<= 0.03 us" "$(verdict "$(above "$function") <= 30")"
row "email_is_disposable() above the floor" "$(us "$(above "$disposable")")" "floor $(us "$floor")" \
	"$(calc "$(above "$disposable") / $floor" %.2f)" "<= 0.08 us" "$(verdict "$(above "$disposable") <= 80")"
row "email_canonical() above the floor" "$(us "$(above "$canonical")")" "floor $(us "$floor")" \
	"$(calc "$(above "$canonical") / $floor" %.2f)" "<= 0.2 us" "$(verdict "$(above "$canonical") <= 200")"
# whole statements: the length of a UTF-8 text costs about as much as its syntax, and a difference would be noise
row "email_syntax_ok(), a row of the statement" "$(us "$function")" "floor $(us "$floor")" \
	"$(calc "$function / $floor" %.2f)" - -
row "speed-up over ~* and a pattern" "$(us "$function")" "pattern $(us "$pattern")" \
	"$(calc "$pattern / $function" %.1f)" ">= 1" "$(verdict "$pattern >= $function")"
row "engine alone: syntax" "$(us "$parse")" "walk over bytes $(us "$bytes")" "$(calc "$parse / $bytes" %.1f)" \
	"<= 0.025 us" "$(verdict "$parse <= 25")"
row "engine alone: syntax and travelling form" "$(us "$whole")" "syntax $(us "$parse")" "$(calc "$whole / $parse" %.1f)" - -
