-- soft bounces that add up, and reports that are taken back; the worker's steps are taken by hand
BEGIN;
-- an event about an address, vouched for; carried out as the worker does it
CREATE FUNCTION pg_temp.tell(address text, said text, event text DEFAULT 'TransientFailure', trusted boolean DEFAULT true) RETURNS text LANGUAGE plpgsql AS $$
DECLARE changed bigint;
BEGIN
	PERFORM email_verify.feedback(jsonb_build_object('msys', jsonb_build_object('message_event', jsonb_build_object('type', event, 'bounce_class',
		CASE WHEN event = 'bounce' THEN '20' END, 'rcpt_to', address, 'raw_reason', said, 'ip_address', '192.0.2.7')))::text, trusted);
	SELECT u.changed INTO changed FROM email_verify._feedback((SELECT array_agg(id) FROM email_verify.command)) u;
	DELETE FROM email_verify.command;
	RETURN (SELECT concat_ws(' ', a.status, a.reason, a.detail, a.rule) FROM email_verify.address a WHERE a.address = $1);
END $$;
CREATE FUNCTION pg_temp.undo(nth integer, address text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE changed bigint; known boolean;
BEGIN
	known := email_verify.feedback_undo((SELECT r.id FROM email_verify.report r WHERE r.address = $2 ORDER BY r.id OFFSET $1 - 1 LIMIT 1));
	SELECT u.changed INTO changed FROM email_verify._feedback_undo((SELECT array_agg(id) FROM email_verify.command)) u;
	DELETE FROM email_verify.command;
	RETURN concat_ws(' ', known, changed, (SELECT concat_ws(' ', a.status, a.reason, a.detail) FROM email_verify.address a WHERE a.address = $2));
END $$;
CREATE FUNCTION pg_temp.soft(address text) RETURNS bigint LANGUAGE SQL AS $$ SELECT n FROM email_verify._soft_bounces($1, clock_timestamp()) $$;
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	SELECT a || '@x.example', 'valid', 'smtp_deliverable', now() - interval '1 d', now() + interval '29 d', now() + interval '89 d' FROM unnest('{a,b,c,d,e,f,bad}'::text[]) a;
UPDATE email_verify.address SET status = 'invalid', reason = 'mailbox_not_found' WHERE address = 'bad@x.example';

-- five make it doubtful, never invalid; whoever is not vouched for adds nothing, nor does what lies in us or the message
SELECT i, pg_temp.tell('a@x.example', '451 4.4.1 connection timed out', 'bounce') FROM generate_series(1, 4) i;
SELECT pg_temp.tell('a@x.example', '451 4.4.1 connection timed out', 'bounce', false), pg_temp.soft('a@x.example');
SELECT pg_temp.tell('a@x.example', '554 5.7.1 blocked using zen.dnsbl.example', 'bounce'), pg_temp.soft('a@x.example');
SELECT pg_temp.tell('a@x.example', '451 4.4.1 connection timed out', 'delay'), pg_temp.soft('a@x.example');
SELECT pg_temp.tell('a@x.example', '451 4.4.1 connection timed out', 'bounce'), pg_temp.soft('a@x.example');
SELECT r.advice FROM email_verify._reasons() r WHERE r.reason = 'smtp_unverifiable';
SELECT finding, evidence FROM email_explain('a@x.example') WHERE finding LIKE '%soft bounces%';
SELECT jsonb_array_length(email_verify.export('a@x.example') -> 'report') AS exported;
-- one that is known to be invalid stays it
SELECT DISTINCT pg_temp.tell('bad@x.example', '451 4.4.1 connection timed out', 'bounce') FROM generate_series(1, 6);
-- a delivery ends them
SELECT i, pg_temp.tell('b@x.example', '451 4.4.1 connection timed out', 'bounce') FROM generate_series(1, 4) i;
SELECT pg_temp.tell('b@x.example', '250 ok', 'delivery'), pg_temp.soft('b@x.example');
SELECT pg_temp.tell('b@x.example', '451 4.4.1 connection timed out', 'bounce'), pg_temp.soft('b@x.example');
-- age takes their weight: four of three windows ago are one
SELECT i, pg_temp.tell('c@x.example', '451 4.4.1 connection timed out', 'bounce') FROM generate_series(1, 4) i;
UPDATE email_verify.report SET at = at - interval '90 days' WHERE address = 'c@x.example';
SELECT n, round(weight::numeric, 2) AS weight FROM email_verify._soft_bounces('c@x.example', clock_timestamp());
SELECT pg_temp.tell('c@x.example', '451 4.4.1 connection timed out', 'bounce');
-- an address of which nothing was known
SELECT i, pg_temp.tell('new@x.example', '451 4.4.1 connection timed out', 'bounce') FROM generate_series(1, 5) i;

-- taken back: the one that was too many; the address that it made known; one of those it needed
SELECT pg_temp.undo(5, 'new@x.example'), pg_temp.soft('new@x.example');
SELECT pg_temp.undo(5, 'new@x.example');
SELECT pg_temp.undo(2, 'a@x.example'), pg_temp.soft('a@x.example');
-- a refusal, taken back; one after the other in both orders
SELECT pg_temp.tell('d@x.example', '550 5.1.1 user unknown', 'bounce');
SELECT pg_temp.undo(1, 'd@x.example');
SELECT reports, reply_text FROM email_verify.address WHERE address = 'd@x.example';
SELECT pg_temp.tell('e@x.example', '550 5.1.1 user unknown', 'bounce'), pg_temp.tell('e@x.example', '550 5.2.1 mailbox disabled', 'bounce');
SELECT pg_temp.undo(2, 'e@x.example'), pg_temp.undo(1, 'e@x.example');
SELECT pg_temp.tell('f@x.example', '550 5.1.1 user unknown', 'bounce'), pg_temp.tell('f@x.example', '550 5.2.1 mailbox disabled', 'bounce');
SELECT pg_temp.undo(1, 'f@x.example'), pg_temp.undo(2, 'f@x.example');
-- what was found out since stays
SELECT pg_temp.tell('d@x.example', '550 5.1.1 user unknown', 'bounce');
UPDATE email_verify.address SET reason = 'smtp_blocked', status = 'unknown', stage = 'rcpt', checked_at = clock_timestamp() WHERE address = 'd@x.example';
SELECT pg_temp.undo(2, 'd@x.example');
SELECT email_verify.feedback_undo(0), email_verify.feedback_undo(NULL);

-- at most twenty are kept of an address; no words of strangers are among them; they are forgotten, and have an age
SELECT count(pg_temp.tell('c@x.example', '451 4.4.1 connection timed out', 'bounce')) FROM generate_series(1, 25);
SELECT count(*) FROM email_verify.report WHERE address = 'c@x.example';
SELECT count(*) FROM email_verify.report r WHERE r.address = 'c@x.example' AND r.was -> 'report' ->> 'diagnostic' IS NOT NULL;
SELECT place, rows FROM email_verify.forget('c@x.example') WHERE place = 'email_verify.report';
SELECT count(*) FROM email_verify.report WHERE address = 'c@x.example';
UPDATE email_verify.report SET at = now() - interval '91 days' WHERE address IN ('a@x.example', 'new@x.example');
SELECT looked_at > 0 AS looked FROM email_verify._retire_addresses(NULL, interval '90 days', interval '90 days', 1000);
SELECT DISTINCT address FROM email_verify.report ORDER BY 1;
ROLLBACK;
