-- without preload everything that needs no worker works, and the rest says why it does not
SELECT current_setting('shared_preload_libraries') ~ '\yemail_verify\y' AS preloaded \gset
\if :preloaded
\echo this server has it preloaded
\quit
\endif
SELECT email_verify('ann@deliver.com');
SELECT email_verify('bob@deliver.com') AS said_once;
SELECT * FROM email_verdict('ann@deliver.com');
SELECT email_verify('ann@example.com') AS special_use, email_verify('no at sign') AS syntax;
SELECT email_verify(NULL) IS NULL AS null_is_null, email_verdict(NULL) IS NULL AS null_is_null_too;
SELECT email_verify.wait('1 s');
-- nobody works on what is queued: it is counted all the same
SELECT email_verify.enqueue('{ann@deliver.com,bob@deliver.com}');
SELECT email_verify.wait('1 s') AS left_unanswered;
DELETE FROM email_verify.queue;
SELECT worker, worker_pid, queued FROM email_verify.stat;
SELECT email_verify.pause();

-- a wait does not wait for nobody
SELECT email_verify('ann@deliver.com', wait => '1 hour');

-- cached verdicts are served all the same
BEGIN;
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
VALUES ('Ann@deliver.com', 'valid', 'smtp_deliverable', now() - interval '20 hours', now() + interval '1 day', now() + interval '2 days'),
	('old@deliver.com', 'valid', 'smtp_deliverable', now() - interval '40 days', now() - interval '1 day', now() + interval '2 days'),
	('dead@deliver.com', 'valid', 'smtp_deliverable', now() - interval '99 days', now() - interval '9 days', now() - interval '1 day');
SELECT a, v.status, v.reason, v.detail, v.stale
FROM unnest(ARRAY['Ann@DELIVER.com', 'ann@deliver.com', 'old@deliver.com', 'dead@deliver.com']) a, email_verdict(a) v;

-- max_age asks for a younger one, but not below email_verify.min_max_age
SELECT v.stale FROM email_verdict('Ann@deliver.com', max_age => '1 h') v;
SET email_verify.min_max_age = '1 h';
SELECT v.stale FROM email_verdict('Ann@deliver.com', max_age => '1 h') v;
ROLLBACK;

-- the settings are checked
ALTER SYSTEM SET email_verify.helo_name = 'localhost';
ALTER SYSTEM SET email_verify.mail_from = 'nobody';
ALTER SYSTEM SET email_verify.greylist_delays = '6min, soon';
ALTER SYSTEM SET email_verify.smtp_port = 70000;
SET email_verify.nonsense = 1;

-- who waits lends nobody the rights of the function: names and operators are not looked for by the caller's search_path
CREATE SCHEMA regress_evil;
CREATE FUNCTION regress_evil.plus(bigint, bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
CREATE OPERATOR regress_evil.+ (FUNCTION = regress_evil.plus, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION regress_evil.sum_of(integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$;
SET search_path = regress_evil, pg_catalog, public;
SELECT email_verify.wait('0');
RESET search_path;
DROP SCHEMA regress_evil CASCADE;
