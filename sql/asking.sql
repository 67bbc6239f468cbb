-- the ways to ask, without a worker
SET email_verify.mode = sandbox;
SELECT email_verify_ok('ann@x.com') AS good, email_verify_ok('mailbox_not_found@x.com') AS bad, email_verify_ok('disposable_domain@x.com') AS thrown_away,
	email_verify_ok('pending@x.com') AS pending, email_verify_ok('no at sign') AS syntax, email_verify_ok(NULL) AS nothing,
	email_verify_ok('smtp_timeout@x.com') AS unknown;
SELECT email_verify_ok('smtp_timeout@x.com', reject => '{unknown}') AS unknown, email_verify_ok('mailbox_not_found@x.com', reject => '{}') AS none,
	email_verify_ok('mailbox_not_found@x.com', reject => NULL) AS null, email_verify_ok('mailbox_not_found@x.com', reject => '{NULL,invalid}') AS both;
SELECT email_verify_ok('a@x.com', reject => '{nonsense}');

SELECT email, status, reason, detail, retryable, stale FROM email_verify_many(ARRAY['b@x.com', NULL, 'smtp_timeout@x.com', 'bad', 'b@x.com']);
SELECT count(*) FROM email_verify_many('{}');
SELECT count(*) FROM email_verify_many(NULL);
SELECT email, reason FROM email_verify_many('{{a@x.com,bad},{c@x.com,pending@x.com}}', wait => '1 ms');

-- verdicts in the places that SQL has for them
CREATE TABLE regress_users (id int GENERATED ALWAYS AS IDENTITY, email text);
INSERT INTO regress_users (email) VALUES ('ann@x.com'), ('mailbox_not_found@x.com'), ('catch_all_domain@x.com'), (NULL), ('x');
SELECT u.email, v.status, v.reason FROM regress_users u, email_verdict(u.email) v ORDER BY u.id;
SELECT email, (email_verdict(email)).status, (email_verdict(email)).reason, (email_verdict(email)).stale FROM regress_users ORDER BY id;
SELECT email FROM regress_users WHERE email_verify(email) = 'mailbox_not_found';
SELECT email FROM regress_users WHERE email_verify_ok(email) ORDER BY 1;
SELECT v.status, count(*) FROM regress_users u, email_verdict(u.email) v GROUP BY 1 ORDER BY 1;
SELECT email_verify(email), count(*) FROM regress_users GROUP BY 1 ORDER BY 1;
SELECT max(email_verify(email)) FROM regress_users;
PREPARE verdict(text) AS SELECT email_verify($1);
EXECUTE verdict('ann@x.com');
EXECUTE verdict(NULL);
BEGIN;
DECLARE c CURSOR FOR SELECT email_verify(email) FROM regress_users ORDER BY id;
FETCH 2 FROM c;
FETCH ALL FROM c;
COMMIT;
CREATE FUNCTION pg_temp.bad_ones() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT email FROM regress_users LOOP
		IF email_verify(r.email) = 'invalid_syntax' THEN RETURN NEXT r.email; END IF;
	END LOOP;
END $$;
SELECT * FROM pg_temp.bad_ones();
COPY (SELECT email_verify(email) FROM regress_users ORDER BY id) TO STDOUT;
EXPLAIN (COSTS OFF) SELECT email_verify(email) FROM regress_users;
-- the setting has another name from version 16 on
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*) FROM regress_users WHERE email_verify(email) IS NOT NULL;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- sound addresses are the rule: the planner knows
CREATE FUNCTION pg_temp.estimate(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::int;
END $$;
CREATE TABLE regress_many AS SELECT 'user' || i || '@x.com' AS email FROM generate_series(1, 10000) i;
ANALYZE regress_many;
SELECT pg_temp.estimate('SELECT * FROM regress_many WHERE email_syntax_ok(email)') BETWEEN 9700 AND 9900 AS most,
	pg_temp.estimate('SELECT * FROM regress_many WHERE NOT email_syntax_ok(email)') BETWEEN 100 AND 300 AS few,
	pg_temp.estimate('SELECT * FROM regress_many WHERE email_verify_ok(email)') BETWEEN 9700 AND 9900 AS most_too;
-- and asks the cheap condition first
EXPLAIN (COSTS OFF) SELECT * FROM regress_many WHERE email_verify(email) = 'pending' AND lower(email) = 'a';

-- signup: CHECK for what is pure, trigger for the rest
CREATE TABLE regress_signup (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	email varchar(100) NOT NULL CONSTRAINT email_syntax CHECK (email_syntax_ok(email)),
	note text);
CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE OF email ON regress_signup
	FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '3 s');
INSERT INTO regress_signup (email) VALUES ('ann@acme');
INSERT INTO regress_signup (email) VALUES ('disposable_domain@x.com');
INSERT INTO regress_signup (email) VALUES ('mailbox_not_found@x.com');
INSERT INTO regress_signup (email) VALUES ('ann@x.com'), ('smtp_timeout@x.com'), ('pending@x.com');
DO $$
DECLARE c text; col text; t text; m text;
BEGIN
	INSERT INTO regress_signup (email) VALUES ('mailbox_not_found@x.com');
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS c = CONSTRAINT_NAME, col = COLUMN_NAME, t = TABLE_NAME, m = MESSAGE_TEXT;
	RAISE NOTICE '% / % / % / %', t, col, c, m;
END $$;
-- an address that has turned bad locks nobody out who does not change it
ALTER TABLE regress_signup DISABLE TRIGGER email_verify;
UPDATE regress_signup SET email = 'mailbox_not_found@x.com' WHERE id = (SELECT max(id) FROM regress_signup);
ALTER TABLE regress_signup ENABLE TRIGGER email_verify;
UPDATE regress_signup SET note = 'logged in';
UPDATE regress_signup SET email = email, note = 'kept';
UPDATE regress_signup SET email = 'mailbox_disabled@x.com' WHERE email = 'ann@x.com';
UPDATE regress_signup SET email = 'host_not_found@x.com' WHERE email = 'mailbox_disabled@x.com';
COPY regress_signup (email) FROM STDIN;
ben@x.com
host_not_found@x.com
\.
SELECT email FROM regress_signup ORDER BY 1;
INSERT INTO regress_signup (email) VALUES ('ann@corp.com; bob@corp.com');
-- misuse has a clear answer
CREATE TRIGGER wrong_time AFTER INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email');
INSERT INTO regress_signup (email) VALUES ('cat@x.com');
DROP TRIGGER wrong_time ON regress_signup;
CREATE TRIGGER a_wrong_column BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('mail');
INSERT INTO regress_signup (email) VALUES ('cat@x.com');
DROP TRIGGER a_wrong_column ON regress_signup;
CREATE TRIGGER a_wrong_status BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '0', 'bad');
INSERT INTO regress_signup (email) VALUES ('cat@x.com');
DROP TRIGGER a_wrong_status ON regress_signup;
CREATE TRIGGER a_wrong_wait BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', 'soon');
INSERT INTO regress_signup (email) VALUES ('cat@x.com');
DROP TRIGGER a_wrong_wait ON regress_signup;
CREATE TRIGGER a_no_column BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger();
INSERT INTO regress_signup (email) VALUES ('cat@x.com');
DROP TRIGGER a_no_column ON regress_signup;
-- refused statuses of one's own
CREATE TRIGGER strict BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '0', 'unknown, catchall');
INSERT INTO regress_signup (email) VALUES ('catch_all_domain@x.com');
DROP TRIGGER strict ON regress_signup;
-- who inserts needs no right to verify: the trigger's creator had it
CREATE ROLE regress_email_app;
GRANT INSERT ON regress_signup TO regress_email_app;
SET ROLE regress_email_app;
INSERT INTO regress_signup (email) VALUES ('dan@x.com');
INSERT INTO regress_signup (email) VALUES ('host_not_found@x.com');
SELECT email_verify_ok('dan@x.com');
RESET ROLE;
-- but who inserts into a table whose CHECK verifies does
ALTER TABLE regress_signup DISABLE TRIGGER email_verify;
ALTER TABLE regress_signup ADD CONSTRAINT email_deliverable CHECK (email_verify_ok(email)) NOT VALID;
SET ROLE regress_email_app;
INSERT INTO regress_signup (email) VALUES ('eve@x.com');
RESET ROLE;
GRANT EXECUTE ON FUNCTION email_verify_ok TO regress_email_app;
SET ROLE regress_email_app;
INSERT INTO regress_signup (email) VALUES ('eve@x.com');
INSERT INTO regress_signup (email) VALUES ('host_not_found@x.com');
RESET ROLE;
-- and a CHECK is run again by an update of anything
UPDATE regress_signup SET note = 'logged in' WHERE email = 'mailbox_not_found@x.com';

-- a time that makes no sense is an error, and one that means something else has a hint
SELECT email_verify('ann@x.com', '-1 s');
SELECT email_verify('ann@x.com', max_age => '-1 day');
SELECT email_verify_many('{ann@x.com}', '-1 s');
SELECT email_verify('ann@x.com', '7 days');
SELECT email_verify('ann@x.com', '7 days');
SELECT email_verify.wait('-1 s');

-- partitions, generated keys, row level security
CREATE TABLE regress_parts (id int, email text) PARTITION BY RANGE (id);
CREATE TABLE regress_part1 PARTITION OF regress_parts FOR VALUES FROM (0) TO (10);
CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE ON regress_parts FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email');
INSERT INTO regress_parts VALUES (1, 'ann@x.com'), (2, 'host_not_found@x.com');
INSERT INTO regress_parts VALUES (1, 'ann@x.com');
SELECT email_verify(email) FROM regress_parts;
ALTER TABLE regress_signup ADD COLUMN verdict text GENERATED ALWAYS AS (email_verify(email)::text) STORED;
CREATE INDEX ON regress_signup (email_verify(email));
ALTER TABLE regress_parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY good ON regress_parts USING (email_verify_ok(email));
GRANT SELECT ON regress_parts TO regress_email_app;
SET ROLE regress_email_app;
SELECT email FROM regress_parts;
RESET ROLE;

DROP TABLE regress_users, regress_many, regress_signup, regress_parts;
REVOKE ALL ON FUNCTION email_verify_ok FROM regress_email_app;
DROP ROLE regress_email_app;
