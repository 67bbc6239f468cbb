# shellcheck shell=bash
#
# lib.bash
#	What the benchmarks share.  To be sourced by bench/*.sh, which script/bench runs; its header says what is set.
#
# How it is measured: CPU time of the backend itself, read inside it before and after each statement; statements of
# about a second; the competitors in turn, REPEAT rounds; per round the difference to the floor of that same round; of
# those the median.  What other processes do to caches and clock is then in figure and baseline alike.

set -euo pipefail

REPEAT=${REPEAT:-5}
: "${TMPDIR:?is set by script/bench}" "${PG_CONFIG:?}" "${EV_ROOT:?}" "${EV_BUILD:?}"

# shellcheck disable=SC2034 # used by those who source this
CALM="SET jit = off; SET max_parallel_workers_per_gather = 0; SET client_min_messages = warning;"

# sql [PSQL-ARG...]: bare values, stops at errors
sql() { psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 "$@"; }

# cc_bench NAME SOURCE [ARG...]: compile a small program of bench/ into TMPDIR
cc_bench() {
	local out=$TMPDIR/$1 source=$EV_ROOT/bench/$2
	shift 2
	cc -std=gnu11 -O2 -g -Wall -o "$out" "$source" "$@"
}

# prepare: the helpers inside the database
prepare() {
	cc_bench baseline.so baseline.c -fPIC -shared "-I$("$PG_CONFIG" --includedir-server)"
	{
		cat <<-SQL
			CREATE FUNCTION bench_cpu() RETURNS bigint AS '$TMPDIR/baseline.so' LANGUAGE C VOLATILE;
			CREATE FUNCTION bench_rss() RETURNS bigint AS '$TMPDIR/baseline.so' LANGUAGE C VOLATILE;
			CREATE FUNCTION bench_spi(address text) RETURNS oid AS '$TMPDIR/baseline.so'
				LANGUAGE C VOLATILE STRICT COST 10000;
			CREATE UNLOGGED TABLE bench_run (round integer, what text, n bigint, ns bigint);
		SQL
		cat "$EV_ROOT/bench/addresses.sql"
	} | sql
}

# fill_cache N: verdicts on addresses 1 to N, all of them fresh
fill_cache() {
	sql <<-SQL
		INSERT INTO email_verify.address (address, status, reason, detail, checked_at, fresh_until, expires_at, retry_at,
			probes, stage, reply_code, enhanced_status, reply_text, rule, mx_host, mx_address, tls, mx_fingerprint)
		SELECT bench_address(i), s.status::email_verify.verification_status, s.reason::email_verify.verification_reason,
			s.detail, now() - interval '1 day', now() + interval '30 days', now() + interval '90 days',
			CASE WHEN s.status = 'unknown' THEN now() + interval '1 hour' END, 1, 'rcpt', s.code, s.enhanced, s.text,
			s.rule, 'mx1.example.net', '192.0.2.1', true, i
		FROM generate_series(1, $1) AS i
		JOIN (VALUES
			(0, 'valid', 'smtp_deliverable', NULL, 250, '2.1.5', '2.1.5 Ok', 'accepted'),
			(1, 'invalid', 'mailbox_not_found', NULL, 550, '5.1.1', '5.1.1 User unknown', 'user_unknown'),
			(2, 'catchall', 'catch_all_deliverable', NULL, 250, '2.1.5', '2.1.5 Ok', 'accepted'),
			(3, 'unknown', 'smtp_unverifiable', 'cannot_verify', 252, NULL, 'Cannot VRFY user', 'r252')
		) AS s (kind, status, reason, detail, code, enhanced, text, rule)
			ON s.kind = CASE WHEN i % 100 < 80 THEN 0 WHEN i % 100 < 92 THEN 1 WHEN i % 100 < 96 THEN 2 ELSE 3 END;
		VACUUM (FREEZE, ANALYZE) email_verify.address;
	SQL
}

# fill_asked TABLE FROM TO [EXPRESSION-OF-i]: what is asked for, in random order
fill_asked() {
	sql <<-SQL
		SELECT setseed(0.5);
		CREATE UNLOGGED TABLE $1 AS
			SELECT ${4:-bench_address(i)} AS email FROM generate_series($2, $3) AS i ORDER BY random();
		VACUUM (FREEZE, ANALYZE) $1;
	SQL
}

# timed ROUND WHAT N STATEMENT: text for psql that runs and measures it
timed() {
	cat <<-SQL
		SELECT bench_cpu() AS t0 \\gset
		$4 \\g /dev/null
		SELECT bench_cpu() AS t1 \\gset
		INSERT INTO bench_run VALUES ($1, '$2', $3, :t1 - :t0);
	SQL
}

# ns WHAT: nanoseconds a row, the median
ns() {
	sql -c "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ns / n::float8) FROM bench_run WHERE what = '$1'"
}

# ns_above WHAT FLOOR: nanoseconds a row above the floor of the same round, the median
ns_above() {
	sql -c "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (a.ns - f.ns) / a.n::float8)
		FROM bench_run a JOIN bench_run f USING (round) WHERE a.what = '$1' AND f.what = '$2'"
}

# calc EXPRESSION [FORMAT]
calc() { awk "BEGIN { printf \"${2:-%.4g}\", $1 }"; }

# us NANOSECONDS: as text
us() { calc "$1 / 1000" '%.3f us'; }

# verdict CONDITION: for the last column
verdict() { if [[ $(calc "($1) ? 1 : 0" '%d') == 1 ]]; then echo ok; else echo MISSED; fi; }

# expect QUERY RESULT: what is measured must be what is meant
expect() {
	local got
	got=$(sql -c "SET client_min_messages = warning" -c "$1")
	if [[ $got != "$2" ]]; then
		echo "$1 says $got, not $2" >&2
		exit 1
	fi
}

# row WHAT FIGURE BASELINE RATIO GOAL STATE: a line of the table; "-" for what there is not
row() {
	local IFS=$'\t'
	printf '%s\n' "$*"
}
