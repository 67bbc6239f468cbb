# shellcheck shell=bash
#
# classify: what a mail server's reply means, against a walk over its bytes; no database takes part
#

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

mkdir -p "$TMPDIR/include"
ln -sfn "$EV_ROOT/src/engine" "$TMPDIR/include/engine"
cc_bench classify_engine classify_engine.c "-I$TMPDIR/include" "$EV_BUILD/libev_engine.a" -lidn2 -lunistring
"$TMPDIR/classify_engine" "$EV_ROOT/test/data/replies.tsv" $((REPEAT + 1)) | tail -n "$REPEAT" >"$TMPDIR/engine"

# column N: its median
column() { awk -v n="$1" '{ print $n }' "$TMPDIR/engine" | sort -g | sed -n "$(((REPEAT + 1) / 2))p"; }

bytes=$(column 1)
classify=$(column 2)
row "a reply classified" "$(us "$classify")" "walk over bytes $(us "$bytes")" \
	"$(calc "$classify / $bytes" %.1f)" "<= 2 us" "$(verdict "$classify <= 2000")"
