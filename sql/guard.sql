-- who may hang code on the tables does not get the rights of their owner by it
\set VERBOSITY terse
CREATE ROLE regress_email_hanger;
CREATE SCHEMA regress_email_hung AUTHORIZATION regress_email_hanger;
CREATE FUNCTION regress_email_hung.steal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'code of regress_email_hanger ran as %', current_user = session_user;
	RETURN NULL;
END $$;
-- what each function says with something hanging on a table, or without
CREATE FUNCTION pg_temp.called(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c text;
	said text := '';
	text text;
	detail text;
BEGIN
	FOREACH c IN ARRAY ARRAY['enqueue(''{a@x.com}'')', 'recheck(''a@x.com'')', 'reclassify()', 'retry(1)', 'claim(''yahoo_api'')', 'submit(''a@x.com'', ''yahoo_api_verified'')',
		'feedback(''550 5.1.1 <a@x.com>'')', 'feedback(''550''::bytea)', 'hmac(''a@x.com'')', 'export(''a@x.com'')', 'forget(''a@x.com'')'] LOOP
		BEGIN
			EXECUTE 'SELECT count(*) FROM email_verify.' || c;
			said := said || ' ' || split_part(c, '(', 1);
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			GET STACKED DIAGNOSTICS text = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		END;
	END LOOP;
	RETURN concat_ws(': ', what, nullif(text, ''), detail, nullif(said, ''));
END $$;
SELECT pg_temp.called('before');
-- none was left out that changes or exports anything: those that only look have nothing to run
SELECT p.oid::regprocedure AS unguarded FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'email_verify' AND p.prosecdef AND p.prosqlbody IS NOT NULL AND pg_get_function_sqlbody(p.oid) NOT LIKE '%email_verify.\_guard()%'
ORDER BY 1;

GRANT ALL ON email_verify.override, email_verify.tombstone, email_verify.queue TO regress_email_hanger;
GRANT USAGE ON SCHEMA email_verify TO regress_email_hanger;
SELECT * FROM email_verify._dangerous_grants();
SET ROLE regress_email_hanger;
CREATE TRIGGER hung AFTER DELETE OR INSERT ON email_verify.override FOR EACH STATEMENT EXECUTE FUNCTION regress_email_hung.steal();
RESET ROLE;
SELECT pg_temp.called('a trigger');
SELECT email_verify('nobody@example.com');
SELECT email_is_disposable('a@mailinator.com');
DROP TRIGGER hung ON email_verify.override;
SELECT pg_temp.called('dropped');
BEGIN;
CREATE RULE hung AS ON INSERT TO email_verify.queue DO ALSO NOTHING;
SELECT pg_temp.called('a rule');
ROLLBACK;
SELECT pg_temp.called('rolled back');
BEGIN;
CREATE POLICY hung ON email_verify.tombstone;
SELECT pg_temp.called('a policy');
ROLLBACK;
BEGIN;
CREATE DOMAIN regress_email_hung.mine AS text;
ALTER TABLE email_verify.queue ADD COLUMN hung regress_email_hung.mine;
SELECT pg_temp.called('a column');
ROLLBACK;
BEGIN;
CREATE FUNCTION regress_email_hung.one() RETURNS int LANGUAGE SQL IMMUTABLE AS 'SELECT 1';
CREATE INDEX hung ON email_verify.command ((id + regress_email_hung.one()));
SELECT pg_temp.called('an index');
ROLLBACK;
SELECT pg_temp.called('after all');
REVOKE ALL ON email_verify.override, email_verify.tombstone, email_verify.queue FROM regress_email_hanger;
REVOKE USAGE ON SCHEMA email_verify FROM regress_email_hanger;
SELECT * FROM email_verify._dangerous_grants();

-- what a site edits needs no more than this
GRANT SELECT, INSERT, UPDATE, DELETE ON email_verify.override, email_verify.mx_policy, email_verify.reply_rule TO regress_email_hanger;
SELECT * FROM email_verify._dangerous_grants();
GRANT SELECT ON email_verify.site_key TO PUBLIC;
GRANT UPDATE (status) ON email_verify.address TO regress_email_hanger;
SELECT * FROM email_verify._dangerous_grants();
REVOKE ALL ON email_verify.site_key FROM PUBLIC;

-- default privileges do not grant it either
DROP EXTENSION email_verify;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC, regress_email_hanger;
SET client_min_messages = warning;
CREATE EXTENSION email_verify;
RESET client_min_messages;
SELECT count(*) FILTER (WHERE danger LIKE 'code%') AS code, count(*) > 0 AS others_are_listed FROM email_verify._dangerous_grants();
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM PUBLIC, regress_email_hanger;
DROP EXTENSION email_verify;
SET client_min_messages = warning;
CREATE EXTENSION email_verify;
DROP SCHEMA regress_email_hung CASCADE;
DROP OWNED BY regress_email_hanger;
DROP ROLE regress_email_hanger;
