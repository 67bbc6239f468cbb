# shellcheck shell=bash
#
# memory: does a backend stay as large as it is, over ten million questions?
#
# Hits, misses, sandbox answers, whole rows, syntax; most in statements of a million questions each, some in many small
# ones.  Looked at is private memory (RssAnon) and what PostgreSQL's memory contexts hold.
#
# conf: shared_buffers = 512MB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

N=100000

prepare
fill_cache $N
fill_asked asked 1 $N
fill_asked unknown_ones $((N + 1)) $((2 * N))

# asks: one of each kind, the way they are repeated below
asks() {
	cat <<-SQL
		SELECT count(email_verify(email)) FROM asked, generate_series(1, $1) \\g /dev/null
		SELECT count((v).reason) FROM asked, generate_series(1, $1 / 5) g, email_verdict(email) v \\g /dev/null
		SELECT count(email_syntax_ok(email)) FROM asked, generate_series(1, $1 / 5) \\g /dev/null
		SET email_verify.mode = offline;
		SELECT count(email_verify(email)) FROM unknown_ones, generate_series(1, $1 / 5) \\g /dev/null
		SET email_verify.mode = sandbox;
		SELECT count(email_verify(email)) FROM asked, generate_series(1, $1 / 5) \\g /dev/null
		RESET email_verify.mode;
	SQL
}

# small_statements N: a statement for each question
small_statements() {
	cat <<-SQL
		PREPARE one(text) AS SELECT email_verify(\$1);
		SELECT format('EXECUTE one(%L);', email) FROM asked LIMIT $1 \\g $TMPDIR/small.sql
		\\o /dev/null
		\\i $TMPDIR/small.sql
		\\o
		DEALLOCATE one;
	SQL
}

size="SELECT bench_rss(), (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) / 1024"
{
	echo "$CALM"
	# once everything as it comes later: the heap of a process grows to the size that its largest statement needs
	asks 10
	small_statements 5000
	echo "$size \\g /dev/null"
	echo "$size \\g $TMPDIR/before"
	for _ in 1 2 3 4 5; do asks 10; done
	small_statements 50000
	echo "$size \\g $TMPDIR/after"
	# 5 rounds of 1.8 million, and to be sure that it does not grow by one slow leak: a million more
	asks 10
	echo "$size \\g $TMPDIR/later"
} | sql

read -r rss_before ctx_before <"$TMPDIR/before"
read -r rss_after ctx_after <"$TMPDIR/after"
read -r rss_later ctx_later <"$TMPDIR/later"
calls=$((5 * 1800000 + 50000 + 1800000))

echo "RssAnon $rss_before $rss_after $rss_later, contexts $ctx_before $ctx_after $ctx_later" >&2
row "growth of RssAnon over $(calc "$calls / 1e6" %.2f) M calls" "$((rss_later - rss_before)) kB" "$rss_before kB" \
	"$(calc "$rss_later / $rss_before" %.3f)" "<= 256 kB" "$(verdict "$rss_later - $rss_before <= 256")"
row "growth of memory contexts" "$(calc "$ctx_later - $ctx_before" %.0f) kB" "$(calc "$ctx_before" %.0f) kB" \
	"$(calc "$ctx_later / $ctx_before" %.3f)" "<= 256 kB" "$(verdict "$ctx_later - $ctx_before <= 256")"
