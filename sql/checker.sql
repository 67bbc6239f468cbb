-- what external checkers may claim and submit, and what becomes of it, without the worker
\set VERBOSITY terse
BEGIN;
-- SMTP results as the worker stores them, then what it sets aside; for whom
CREATE FUNCTION pg_temp.probe(address text, reason text, host text, detail text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r email_verify.reason; k bigint;
BEGIN
	SELECT * INTO r FROM email_verify.reason v WHERE v.reason::text = $2;
	INSERT INTO email_verify.queue (address, due_at) VALUES ($1, now()) RETURNING id INTO k;
	PERFORM email_verify._complete(ARRAY[k], ARRAY[$1], ARRAY[r.status::text], ARRAY[$2], ARRAY[$4], ARRAY[r.status <> 'unknown'], ARRAY[false],
		ARRAY[3600], ARRAY[864000], NULL, ARRAY[true], ARRAY['rcpt'], ARRAY[250::smallint], NULL, NULL, ARRAY['accept.250'], ARRAY[$3], NULL, ARRAY[false],
		NULL, ARRAY[false], interval '6 h');
	PERFORM email_verify._set_aside(ARRAY[$1]);
	RETURN (SELECT x.class FROM email_verify.external_check x WHERE x.address = $1);
END $$;
-- a step of the worker's
CREATE FUNCTION pg_temp.step() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE ids bigint[]; changed bigint;
BEGIN
	SELECT array_agg(t.id) INTO ids FROM email_verify._take_commands(0, 500) t;
	ids := email_verify._hold_commands(ids);
	changed := email_verify._submit(ids);
	PERFORM email_verify._end_commands(ids);
	RETURN changed;
END $$;
CREATE VIEW pg_temp.verdict AS SELECT address, status, reason, detail, stage, rule, reply_code, reply_text, mx_host, retry_at - checked_at AS again,
	fresh_until - checked_at AS fresh, asked_at IS NOT NULL AS asked FROM email_verify.address ORDER BY address;
CREATE VIEW pg_temp.x AS SELECT address, class, due_at <= clock_timestamp() AS due, claimed_by = session_user AS mine, claims, submitted_at IS NOT NULL AS submitted, attempts
	FROM email_verify.external_check ORDER BY address;

-- nobody is set aside before a mail server has checkers
SELECT email_verify._checkers(), pg_temp.probe('a@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net');
SAVEPOINT s;
INSERT INTO email_verify.mx_policy (mx, checker) VALUES ('yahoodns.net', 'Nobody''s API');
ROLLBACK TO s;
INSERT INTO email_verify.mx_policy (mx, checker) VALUES ('yahoodns.net', 'yahoo_api'), ('am9.yahoodns.net', NULL), ('net', NULL);
SELECT email_verify._checkers();
-- then those are that SMTP has not decided
SELECT r.reason, pg_temp.probe(r.reason || '@x.com', r.reason, 'mta5.am0.yahoodns.net') FROM unnest('{smtp_unverifiable,catch_all_deliverable,smtp_blocked,smtp_greylisted,
	smtp_deliverable,mailbox_not_found,mailbox_full,mailbox_disabled,recipient_restricted}'::text[]) r (reason);
-- ... at these hosts; the longest name counts
SELECT h.host, pg_temp.probe('h' || n || '@x.com', 'smtp_unverifiable', h.host) FROM unnest('{yahoodns.net,mta9.am9.yahoodns.net,notyahoodns.net,mx.example.com,NULL}'::text[])
	WITH ORDINALITY h (host, n);

-- ... and not those of a domain that wants to be left alone
SELECT pg_temp.probe('o@x.com', 'bucket_default_skip_smtp_unknown', 'yahoodns.net', 'opt_out');

-- claims
SELECT email FROM email_verify.claim('yahoo_api', 3);
SELECT * FROM pg_temp.x;
SELECT email FROM email_verify.claim('yahoo_api') WHERE claimed_until > clock_timestamp() + '9 min';
SELECT count(*) FROM email_verify.claim('yahoo_api');
UPDATE email_verify.external_check SET due_at = clock_timestamp() - interval '1 s' WHERE address = 'smtp_blocked@x.com';
SELECT email FROM email_verify.claim('yahoo_api', 1000, '1 h');
SELECT address, claims FROM pg_temp.x WHERE claims > 1;

-- what is no claim, and no result
SAVEPOINT s;
SELECT email_verify.claim('Gmail API');
ROLLBACK TO s;
SELECT count(*) FROM email_verify.claim('gmail_api');
ROLLBACK TO s;
SELECT email_verify.claim(NULL);
ROLLBACK TO s;
SELECT email_verify.claim('yahoo_api', 0);
ROLLBACK TO s;
SELECT email_verify.claim('yahoo_api', 1001);
ROLLBACK TO s;
SELECT email_verify.claim('yahoo_api', 1, '-1 s');
ROLLBACK TO s;
SELECT email_verify.claim('yahoo_api', 1, '2 days');
ROLLBACK TO s;
SELECT email_verify.submit('smtp_blocked@x.com', 'no_mx_records');
ROLLBACK TO s;
SELECT email_verify.submit('smtp_blocked@x.com', 'smtp_deliverable');
ROLLBACK TO s;
SELECT email_verify.submit('smtp_blocked@x.com', NULL);
ROLLBACK TO s;
SELECT email_verify.submit('smtp_blocked@x.com', 'yahoo_api_maybe');
ROLLBACK TO s;
SELECT email_verify.submit('smtp_blocked@x.com', 'yahoo_api_verified', repeat('x', 8001));
ROLLBACK TO s;
SELECT email_verify.submit('nobody@x.com', 'yahoo_api_verified'), email_verify.submit('no address', 'yahoo_api_verified'), email_verify.submit(NULL, 'yahoo_api_verified');
SELECT count(*) FROM email_verify.command;

-- results: once for each claim, stored by the worker
SELECT email_verify.submit('smtp_blocked@x.com', 'yahoo_api_verified', E'{"exists": true, "näme":\n "\\\\"}'), email_verify.submit('smtp_blocked@x.com', 'yahoo_api_error');
SELECT email_verify.submit('SMTP_unverifiable@X.com', 'yahoo_api_not_deliverable'), email_verify.submit('smtp_unverifiable@X.com', 'yahoo_api_not_deliverable');
SELECT email_verify.submit('catch_all_deliverable@x.com', 'yahoo_api_verified');
SELECT email_verify.submit('h1@x.com', 'yahoo_api_unavailable', 'HTTP 503'), email_verify.submit('smtp_greylisted@x.com', 'yahoo_api_eof');
SELECT * FROM pg_temp.x;
SELECT finding, evidence FROM email_explain('h1@x.com') WHERE stage = 'external';
SELECT pg_temp.step();
SELECT * FROM pg_temp.verdict WHERE detail = 'external_checker';
SELECT * FROM pg_temp.x;
SELECT finding, evidence FROM email_explain('smtp_blocked@x.com') WHERE stage IN ('external', 'verdict');

-- another attempt, four times; then that is it
SELECT count(*) FROM email_verify.claim('yahoo_api');
CREATE FUNCTION pg_temp.again(reason email_verify.verification_reason) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE email_verify.external_check SET due_at = now() WHERE address = 'h1@x.com';
	PERFORM email_verify.claim('yahoo_api');
	PERFORM email_verify.submit('h1@x.com', $1);
	PERFORM pg_temp.step();
	RETURN (SELECT concat_ws(' ', a.reason, a.retry_at - a.checked_at, x.attempts) FROM email_verify.address a LEFT JOIN email_verify.external_check x ON x.address = a.address
		WHERE a.address = 'h1@x.com');
END $$;
SELECT pg_temp.again('yahoo_api_error');
SELECT pg_temp.again('yahoo_api_eof');
SELECT pg_temp.again('yahoo_api_unavailable');
SELECT pg_temp.again('yahoo_api_unavailable_after_fallback');
SELECT address FROM pg_temp.x WHERE address = 'h1@x.com';

-- doubt takes the place of doubt only
SELECT pg_temp.probe('catch_all_deliverable@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net'), pg_temp.probe('c@x.com', 'catch_all_deliverable', 'mta5.am0.yahoodns.net');
SELECT * FROM pg_temp.verdict WHERE address IN ('catch_all_deliverable@x.com', 'c@x.com');
SELECT count(*) FROM email_verify.claim('yahoo_api');
SELECT email_verify.submit('catch_all_deliverable@x.com', 'yahoo_api_error'), email_verify.submit('c@x.com', 'yahoo_api_eof');
SELECT pg_temp.step();
SELECT address, reason, asked, again IS NOT NULL AS again FROM pg_temp.verdict WHERE address IN ('catch_all_deliverable@x.com', 'c@x.com');
-- ... and SMTP's decision stays, whatever has been asked meanwhile
SELECT pg_temp.probe('d@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net');
SELECT count(*) FROM email_verify.claim('yahoo_api');
SELECT pg_temp.probe('d@x.com', 'mailbox_not_found', 'mta5.am0.yahoodns.net');
SELECT email_verify.submit('d@x.com', 'yahoo_api_verified'), pg_temp.step();
SELECT reason FROM pg_temp.verdict WHERE address = 'd@x.com';
SELECT count(*) FROM pg_temp.x WHERE address = 'd@x.com';

-- too late
SELECT pg_temp.probe('e@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net');
SELECT count(*) FROM email_verify.claim('yahoo_api');
UPDATE email_verify.external_check SET due_at = clock_timestamp() - interval '1 s' WHERE address = 'e@x.com';
SELECT email_verify.submit('e@x.com', 'yahoo_api_verified');
-- forgotten
SELECT email_verify.export('e@x.com') -> 'external_check' ->> 'class';
SELECT rows FROM email_verify.forget('e@x.com') WHERE place = 'email_verify.external_check';
SELECT count(*) FROM pg_temp.x WHERE address = 'e@x.com';
-- ... and what nobody has claimed for a month
UPDATE email_verify.external_check SET due_at = now() - interval '29 days';
SELECT email_verify._set_aside('{}');
SELECT count(*) > 0 FROM pg_temp.x;
UPDATE email_verify.external_check SET due_at = now() - interval '31 days';
SELECT email_verify._set_aside('{}');
SELECT count(*) FROM pg_temp.x;
-- ... also when there are no checkers any more
SELECT pg_temp.probe('g@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net');
SAVEPOINT s;
UPDATE email_verify.mx_policy SET checker = NULL;
SELECT there, (SELECT count(*) FROM pg_temp.x) FROM email_verify._checkers();
DELETE FROM email_verify.external_check;
SELECT there FROM email_verify._checkers();
ROLLBACK TO s;
-- a result whose command is lost does not keep the address from being asked for again
SELECT count(*) FROM email_verify.claim('yahoo_api');
SELECT email_verify.submit('g@x.com', 'yahoo_api_verified');
SELECT email_verify._set_aside('{g@x.com}');
SELECT address, submitted FROM pg_temp.x;
DELETE FROM email_verify.command WHERE kind = 'submit';
SELECT email_verify._set_aside('{g@x.com}');
SELECT address, submitted FROM pg_temp.x;
DELETE FROM email_verify.external_check;

-- a class of the site's own: other mail servers, the words for mailboxes, and further facts
INSERT INTO email_verify.mx_policy (mx, checker) VALUES ('mx.partner.com', 'partner_crm');
SELECT n, pg_temp.probe('p' || n || '@x.com', 'smtp_unverifiable', 'a.mx.partner.com') FROM generate_series(1, 6) n;
SELECT count(*) FROM email_verify.claim('yahoo_api');
SELECT email FROM email_verify.claim('partner_crm');
SAVEPOINT s;
SELECT email_verify.submit('p1@x.com', 'yahoo_api_verified');
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'no_mx_records');
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'mailbox_not_found', facts => '[1]');
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'mailbox_not_found', facts => jsonb_build_object('a', repeat('x', 8000)));
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'mailbox_not_found', facts => jsonb_build_object('a', repeat('x', 1000000)));
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'mailbox_not_found', facts => (repeat('{"a":', 17) || '1' || repeat('}', 17))::jsonb);
ROLLBACK TO s;
SELECT email_verify.submit('p1@x.com', 'mailbox_not_found', 'unknown customer', (repeat('{"a":', 16) || 'null' || repeat('}', 16))::jsonb);
SELECT email_verify.submit('p2@x.com', 'smtp_deliverable', facts => jsonb_build_object('score', 0.93, 'seen', '2026-11-01', 'a', repeat('x', 7900)));
SELECT email_verify.submit('p3@x.com', 'mailbox_full', facts => '{}'), email_verify.submit('p4@x.com', 'smtp_rate_limited', facts => '{"n": 1}');
SELECT email_verify.submit('p5@x.com', 'smtp_unverifiable', 'they do not say'), pg_temp.step();
SELECT address, status, reason, detail, stage, rule, again FROM pg_temp.verdict WHERE address ~ '^p[1-5]@';
SELECT address, left(facts::text, 60) AS facts FROM email_verify.address WHERE address ~ '^p[1-5]@' ORDER BY 1;
SELECT address FROM pg_temp.x WHERE class = 'partner_crm' AND NOT submitted;
SELECT finding, left(evidence, 40) FROM email_explain('p2@x.com') WHERE stage = 'facts';
SELECT email_verify.export('p4@x.com') -> 'address' -> 'facts';
-- what it was sure of outlives doubt, and neither outlives what a mail server decides
SELECT pg_temp.probe('p' || n || '@x.com', 'smtp_unverifiable', 'a.mx.partner.com') FROM generate_series(1, 4) n;
SELECT address, reason, stage, facts IS NOT NULL AS facts FROM email_verify.address WHERE address ~ '^p[1-4]@' ORDER BY 1;
SELECT pg_temp.probe('p1@x.com', 'smtp_deliverable', 'a.mx.partner.com'), pg_temp.probe('p2@x.com', 'mailbox_not_found', 'a.mx.partner.com');
SELECT address, reason, stage, facts IS NOT NULL AS facts FROM email_verify.address WHERE address ~ '^p[12]@' ORDER BY 1;
-- a checker that is sure takes back what one was sure of
SELECT email FROM email_verify.claim('partner_crm');
SELECT email_verify.submit('p3@x.com', 'smtp_deliverable'), email_verify.submit('p6@x.com', 'smtp_timeout', facts => '{"n": 2}'), pg_temp.step();
SELECT address, reason, facts FROM email_verify.address WHERE address ~ '^p[36]@' ORDER BY 1;
-- forgotten with its facts
SELECT place, rows FROM email_verify.forget('p6@x.com') WHERE rows > 0 ORDER BY 1;
SELECT count(*) FROM email_verify.address a WHERE a.facts @> '{"n": 2}';
DELETE FROM email_verify.external_check;

-- least privilege: a checker can do this and nothing else
SELECT pg_temp.probe('f@x.com', 'smtp_unverifiable', 'mta5.am0.yahoodns.net');
CREATE ROLE regress_email_checker;
GRANT USAGE ON SCHEMA email_verify TO regress_email_checker;
SAVEPOINT s;
SET LOCAL ROLE regress_email_checker;
SELECT email_verify.claim('yahoo_api');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_checker;
SELECT email_verify.submit('f@x.com', 'yahoo_api_verified');
ROLLBACK TO s;
GRANT EXECUTE ON FUNCTION email_verify.claim, email_verify.submit TO regress_email_checker;
SELECT count(*) AS tables FROM pg_class c WHERE c.relnamespace = 'email_verify'::regnamespace AND c.relkind IN ('r', 'S', 'v')
	AND has_table_privilege('regress_email_checker', c.oid, 'SELECT, INSERT, UPDATE, DELETE') AND NOT has_table_privilege('pg_signal_backend', c.oid, 'SELECT');
SET SESSION AUTHORIZATION regress_email_checker;
SELECT email FROM email_verify.claim('yahoo_api');
RESET SESSION AUTHORIZATION;
-- nobody else submits for him
SELECT email_verify.submit('f@x.com', 'yahoo_api_verified');
SET SESSION AUTHORIZATION regress_email_checker;
SELECT email_verify.submit('f@x.com', 'yahoo_api_verified');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.step();
SELECT reason, rule FROM pg_temp.verdict WHERE address = 'f@x.com';
ROLLBACK;
