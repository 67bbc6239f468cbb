# shellcheck shell=bash
#
# classify_sql: replies and bounces through SQL, a second on one core, none of them twice, against a function that
# makes a row of the same columns and classifies nothing
#
# conf: shared_buffers = 1GB
# conf: autovacuum = off

# shellcheck source=bench/lib.bash
source "$EV_ROOT/bench/lib.bash"

REPLIES=200000
BOUNCES=60000
SAMPLES=$EV_ROOT/test/data/bounces

prepare
# replies of the corpus, each with a session's id of its own; the six common bounces, each to a message and recipient of its own
grep '^rcpt' "$EV_ROOT/test/data/replies.tsv" | cut -f 2,3 | sed 's/\\n/ /g' >"$TMPDIR/replies"
sql <<-SQL
	CREATE UNLOGGED TABLE line (n serial, host text, reply text);
	\\copy line (host, reply) FROM '$TMPDIR/replies' (FORMAT csv, DELIMITER E'\t', QUOTE E'\b')
	CREATE UNLOGGED TABLE replies AS
		SELECT host, reply || ' (' || md5(i::text) || ')' AS reply
		FROM generate_series(1, $REPLIES) i JOIN line ON n = 1 + i % (SELECT count(*) FROM line);
	CREATE UNLOGGED TABLE sample (n integer, message text);
SQL
n=0
for format in postfix exim gmail office365 sendmail qmail; do
	sql -v message="$(cat "$SAMPLES/typical_$format.eml")" -v n=$((n++)) <<<"INSERT INTO sample VALUES (:n, :'message')"
done
sql <<-SQL
	CREATE UNLOGGED TABLE bounces (message text);
	ALTER TABLE bounces ALTER message SET STORAGE PLAIN;
	INSERT INTO bounces SELECT replace(message, 'Message-ID: <', 'Message-ID: <' || i || '.')
		FROM generate_series(1, $BOUNCES) i JOIN sample ON n = i % 6;
	VACUUM (FREEZE, ANALYZE) replies;
	VACUUM (FREEZE, ANALYZE) bounces;
	CREATE FUNCTION bench_reply(reply text, mx text DEFAULT NULL, stage text DEFAULT 'rcpt',
		OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text,
		OUT retryable boolean, OUT scope text, OUT permanence text, OUT strength text, OUT retry_after interval, OUT rule text)
		AS '$TMPDIR/baseline.so', 'bench_record' LANGUAGE C STABLE PARALLEL SAFE COST 100;
	DO \$\$ BEGIN EXECUTE (SELECT format('CREATE FUNCTION bench_bounce(message text, %s) RETURNS SETOF record AS %L, %L
		LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1',
		(SELECT string_agg(format('OUT %I %s', name, type::regtype), ', ' ORDER BY o)
			FROM unnest(proargnames, proallargtypes, proargmodes) WITH ORDINALITY AS a (name, type, mode, o) WHERE mode = 'o'),
		'$TMPDIR/baseline.so', 'bench_rows')
		FROM pg_proc WHERE oid = 'email_classify_bounce(text)'::regprocedure); END \$\$;
SQL
expect "SELECT count(DISTINCT reply) = $REPLIES FROM replies" t
expect "SELECT count(DISTINCT message) = $BOUNCES FROM bounces" t
expect "SELECT count(*) FROM bounces, email_classify_bounce(message) b WHERE b.status IS NOT NULL" $BOUNCES
expect "SELECT count(*) > $REPLIES / 2 FROM replies, email_classify_reply(reply, host) r WHERE r.reason <> 'smtp_unverifiable'" t

{
	echo "$CALM"
	for round in $(seq 0 "$REPEAT"); do
		timed "$round" reply $REPLIES "SELECT count((email_classify_reply(reply, host)).reason) FROM replies"
		timed "$round" reply_base $REPLIES "SELECT count((bench_reply(reply, host)).reason) FROM replies"
		timed "$round" bounce $BOUNCES "SELECT count(b.reason) FROM bounces, email_classify_bounce(message) b"
		timed "$round" bounce_base $BOUNCES "SELECT count(b.confidence) FROM bounces, bench_bounce(message) b"
	done
	echo "DELETE FROM bench_run WHERE round = 0;"
} | sed "s/''''/''/g" | sql

# report WHAT TEXT GOAL: replies or bounces a second, whole statement
report() {
	local value base rate
	value=$(ns "$1")
	base=$(ns "$1_base")
	rate=$(calc "1e9 / $value" %.0f)
	row "$2" "$rate/s" "nothing classified $(calc "1e9 / $base" %.0f)/s" "$(calc "$rate * $base / 1e9" %.2f)" ">= $3/s" \
		"$(verdict "$rate >= $3")"
}
report reply "email_classify_reply(), no two alike" 300000
report bounce "email_classify_bounce(), no two alike" 80000
