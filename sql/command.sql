-- what sessions ask the worker to do, and what it does with that, without the worker
\set VERBOSITY terse
BEGIN;
CREATE VIEW pg_temp.c AS SELECT address, argument - 'at' AS argument, state, failures, fault, due_at <= clock_timestamp() AS due, ended_at IS NOT NULL AS ended
	FROM email_verify.command ORDER BY id;
CREATE FUNCTION pg_temp.tell(address text, trusted boolean DEFAULT false, argument jsonb DEFAULT '{}') RETURNS boolean LANGUAGE SQL AS $$
	SELECT email_verify._hand_over('feedback', $1, '{"kind": "dsn", "action": "failed", "status": "invalid", "reason": "mailbox_not_found",
		"scope": "mailbox", "permanence": "hard", "refused_by": "remote", "confidence": 98, "reply_code": 550, "enhanced_code": "5.1.1",
		"diagnostic": "smtp; 550 5.1.1 no such user", "remote_mta": "mx.example.com", "rule": "r"}'
		|| jsonb_build_object('trusted', $2) || $3) IS NOT NULL $$;
-- a step of the worker's: takes n, carries them out; whom it was about
CREATE FUNCTION pg_temp.step(n integer DEFAULT 500) RETURNS text LANGUAGE plpgsql AS $$
DECLARE ids bigint[]; told text; changed bigint;
BEGIN
	SELECT array_agg(t.id) INTO ids FROM email_verify._take_commands(0, n) t;
	SELECT string_agg(c.address, ' ' ORDER BY c.id) INTO told FROM email_verify.command c WHERE c.id = ANY (ids) AND c.state = 'running';
	ids := email_verify._hold_commands(ids);
	changed := email_verify._feedback(ids);
	PERFORM email_verify._end_commands(ids);
	RETURN concat(told, ': ', changed);
END $$;

-- in order of their numbers; of one address one at a time
SELECT pg_temp.tell(a) FROM unnest('{b@x.com,a@x.com,b@x.com,c@x.com}'::text[]) a;
SELECT asked_by = session_user AS asked_by, kind, address, state, failures FROM email_verify.command ORDER BY id;
SELECT pg_temp.step(2), pg_temp.step(), pg_temp.step(), pg_temp.step();
SELECT count(*) FROM email_verify.command;
-- nobody knows these addresses, and nobody vouches for what is said of them
SELECT count(*) FROM email_verify.address;

-- one that cannot be carried out is put off, with all that come after it about its address; others are not
SELECT pg_temp.tell(a) FROM unnest('{b@x.com,a@x.com,b@x.com}'::text[]) a;
SELECT state FROM email_verify._put_off_command((SELECT min(id) FROM email_verify.command), NULL, '1 min');
SELECT address, state, failures, fault, due, ended FROM pg_temp.c;
SELECT pg_temp.step();
SELECT email_verify._next_command() - clock_timestamp() BETWEEN '50 s' AND '1 min' AS next;
-- with the third fault in a row it is parked, and the others go on
UPDATE email_verify.command SET due_at = now();
SELECT state FROM email_verify._put_off_command((SELECT min(id) FROM email_verify.command), 'one', '0');
SELECT state FROM email_verify._put_off_command((SELECT min(id) FROM email_verify.command), 'two', '0');
-- what has failed is taken alone
SELECT pg_temp.tell('c@x.com');
UPDATE email_verify.command SET due_at = now();
SELECT count(*) FROM email_verify._take_commands(0, 500);
SELECT state FROM email_verify._put_off_command((SELECT min(id) FROM email_verify.command), 'three', '1 min');
SELECT address, state, failures, fault, due, ended FROM pg_temp.c;
SELECT pg_temp.step();
SELECT "check", result, finding, advice FROM email_verify.doctor() WHERE "check" = 'commands';
SELECT commands, commands_parked FROM email_verify.stat;
SELECT email_verify.retry(id), email_verify.retry(id), email_verify.retry(0) FROM email_verify.command WHERE state = 'parked';
SELECT address, state, failures, due, ended FROM pg_temp.c;

-- what was under way in a crash: once, twice, three times; an orderly end is none
SELECT count(*) FROM email_verify._take_commands(0, 500);
SELECT email_verify._leave_commands();
SELECT state, failures FROM pg_temp.c;
SELECT count(*), (SELECT count(*) FROM email_verify._recover_commands()) AS parked FROM email_verify._take_commands(0, 500);
SELECT count(*), (SELECT count(*) FROM email_verify._recover_commands()) AS parked FROM email_verify._take_commands(0, 500);
SELECT count(*) FROM email_verify._take_commands(0, 500);
SELECT count(*) AS parked FROM email_verify._recover_commands();
SELECT state, failures, fault, ended FROM pg_temp.c;

-- personal data
SELECT pg_temp.tell(a) FROM unnest('{b@x.com,a@x.com}'::text[]) a;
SELECT e->'email' AS email, jsonb_array_length(e->'command') AS commands, e->'command'->0->'argument'->>'diagnostic' AS diagnostic FROM email_verify.export('b@x.com') e;
SELECT place, rows FROM email_verify.forget('b@x.com') WHERE rows > 0;
SELECT address, state FROM pg_temp.c;
-- what is said of an address that was forgotten after it was said is let go
UPDATE email_verify.command SET asked_at = now() - interval '1 hour', address = 'b@x.com';
SELECT count(*) FROM email_verify._take_commands(0, 500);
SELECT count(*) FROM email_verify.command;

-- what has ended does not stay for ever; what has not, does
INSERT INTO email_verify.command (kind, state, asked_at, due_at, ended_at) VALUES ('feedback', 'done', '2001-01-01', '2001-01-01', '2001-01-02'),
	('feedback', 'parked', '2001-01-01', '2001-01-01', now()), ('feedback', 'waiting', '2001-01-01', '2001-01-01', NULL);
SELECT looked_at, deleted FROM email_verify._retire_commands(NULL, interval '30 days', 1000);
SELECT state FROM pg_temp.c;
SELECT looked_at, deleted FROM email_verify._retire_commands((SELECT reached FROM email_verify._retire_commands(NULL, interval '30 days', 1)), interval '30 days', 1000);
SELECT deleted FROM email_verify._retire_commands(NULL, NULL, 1000);
ROLLBACK;

-- nobody else may ask
CREATE ROLE regress_email_command;
GRANT USAGE ON SCHEMA email_verify TO regress_email_command;
SET ROLE regress_email_command;
SELECT email_verify.feedback('hello');
SELECT email_verify.retry(1);
SELECT email_verify._hand_over('feedback', 'a@x.com', '{}');
SELECT * FROM email_verify.command;
RESET ROLE;
REVOKE USAGE ON SCHEMA email_verify FROM regress_email_command;
DROP ROLE regress_email_command;
-- nor does anybody get the right from what is not read-only
SET default_transaction_read_only = on;
\set bounce `cat test/data/bounces/postfix_user_unknown.eml`
SELECT email_verify.feedback(:'bounce'::text);
RESET default_transaction_read_only;
SELECT email_verify.feedback('hello'), email_verify.feedback('\x00ff'::bytea), email_verify.feedback(NULL::text);
