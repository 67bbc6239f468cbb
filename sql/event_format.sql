-- senders of the site's own: what nobody knows gives no row, and a hint; the example of doc/events.md
\set event `awk '/^...json$/ {p = 1; next} /^...$/ {p = 0} p' doc/events.md`
\set example `awk '/^...sql$/ {p = 1; next} /^...$/ {p = 0} p' doc/events.md`
BEGIN;
SELECT count(*) FROM email_classify_bounce(:'event'::text);
:example
SELECT final_recipient, kind, status, reason, permanence, refused_by, remote_mta, confidence, format FROM email_classify_bounce(:'event'::text);
SELECT kind, status, reason FROM email_classify_bounce(replace(:'event', 'bounce', 'our-list')::text);
-- known, and tells of no delivery: no row and no word
SELECT count(*) FROM email_classify_bounce(replace(:'event', 'bounce', 'opened')::text);
-- another office is not this one
SELECT count(*) FROM email_classify_bounce(replace(:'event', 'north', 'south')::text);

-- it is asked before those that are shipped
INSERT INTO email_verify.event_format (name, marks, recipient, type, types) VALUES ('ours', 'swg_uid', 'recipient', 'event_type', '{"*": "delayed dns"}');
SELECT format, kind, reason FROM email_classify_bounce('{"swg_uid": 1, "event_type": "hard-bounce", "recipient": "a@one.example"}');
-- what is undone is undone
SAVEPOINT s;
DELETE FROM email_verify.event_format WHERE name = 'ours';
SELECT format, kind FROM email_classify_bounce('{"swg_uid": 1, "event_type": "hard-bounce", "recipient": "a@one.example"}');
ROLLBACK TO s;
SELECT format, kind FROM email_classify_bounce('{"swg_uid": 1, "event_type": "hard-bounce", "recipient": "a@one.example"}');
-- handed in as feedback
SELECT email_verify.feedback(:'event'::text, true);
SELECT address, argument ->> 'reason' AS reason, argument ->> 'format' AS format FROM email_verify.command ORDER BY id;
-- causes before outcomes, then the pattern with most letters, in whatever order they were written
INSERT INTO email_verify.event_format (name, marks, recipient, type, code, types) VALUES ('x', 'k', 'to', 'k', 'c',
	'{"*": "soft", "b*": "hard", "bo*": "ignore", "*z": "mailbox_full"}');
SELECT v, b.kind, b.permanence, b.reason FROM unnest('{a,b,bo,bz}'::text[]) v
	LEFT JOIN email_classify_bounce(format('{"k": "%s", "to": "a@one.example"}', v)) b ON true ORDER BY v;
ROLLBACK;

-- what cannot be right
CREATE FUNCTION pg_temp.try(marks text, recipient text, type text, types jsonb, name text DEFAULT 'n') RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; detail text;
BEGIN
	INSERT INTO email_verify.event_format (name, marks, recipient, type, types) VALUES ($5, $1, $2, $3, $4);
	RAISE EXCEPTION 'fine';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' / ', said, CASE WHEN detail NOT LIKE 'Failing row%' THEN nullif(detail, '') END);
END $$;
SELECT pg_temp.try('a', 'b', 'c', '{"*": "hard"}');
SELECT pg_temp.try('a', 'b', 'c', '{"*": "hardly"}');
SELECT pg_temp.try('a', 'b', 'c', '{"*": 1}');
SELECT pg_temp.try('a', 'b', 'c', '{}');
SELECT pg_temp.try('a', 'b', 'c', '[]');
SELECT pg_temp.try('a', 'b', 'c', '{"": "hard"}');
SELECT pg_temp.try('a', 'b', 'c', (SELECT jsonb_object_agg(i, 'hard') FROM generate_series(1, 101) i));
SELECT pg_temp.try('', 'b', 'c', '{"*": "hard"}');
SELECT pg_temp.try('a  b', 'b', 'c', '{"*": "hard"}');
SELECT pg_temp.try('a', 'b.', 'c', '{"*": "hard"}');
SELECT pg_temp.try('a', 'b', '', '{"*": "hard"}');
SELECT pg_temp.try('a', 'b', 'a b c d e f g', '{"*": "hard"}');
SELECT pg_temp.try('a', repeat('b', 201), 'c', '{"*": "hard"}');
SELECT pg_temp.try('a', 'b', 'c', '{"*": "hard"}', 'Ours');
SELECT pg_temp.try('a', 'b', 'c', '{"*": "delivered spam"}');
SELECT count(*) FROM email_verify.event_format;
