-- what a site knows of addresses and domains is told to who may ask for verdicts, and to nobody else
SET email_verify.mode = offline;
CREATE ROLE regress_email_stranger;
CREATE ROLE regress_email_asker;
GRANT EXECUTE ON FUNCTION email_verdict TO regress_email_asker;
CREATE TABLE regress_asked AS SELECT * FROM (VALUES (1, 'sales@private-club.org'), (2, 'x@mailinator.com'), (3, 'ann@gmail.com'), (4, 'ann@outlokk.com'), (5, 'ann@hotmial.com')) v (n, email);
CREATE TABLE regress_signup (email text);
CREATE TRIGGER email_verify BEFORE INSERT ON regress_signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '0 s', 'invalid,disposable,unknown');
GRANT ALL ON regress_asked, regress_signup TO regress_email_stranger, regress_email_asker;
BEGIN;
INSERT INTO email_verify.override (pattern, action) VALUES ('@private-club.org', 'disposable'), ('sales@', 'not_role'), ('@mailinator.com', 'not_disposable'),
	('@gmail.com', 'not_free'), ('ann@', 'role'), ('@told.org', 'suppressed');
INSERT INTO email_verify.domain (domain, implicit_mx, mx_hosts, checked_at, expires_at) VALUES
	('private-club.org', false, '{private-club-org.mail.protection.outlook.com}', now(), now() + interval '1 day'),
	('outlokk.com', false, '{mx.outlokk.com}', now(), now() + interval '1 day');
INSERT INTO email_verify.address (address, status, reason, detail, checked_at, fresh_until, expires_at) VALUES
	('x@inside.org', 'unknown', 'smtp_connection_failed', 'mx_unroutable', now(), now() + interval '1 day', now() + interval '2 days');
SET LOCAL ROLE regress_email_stranger;
SELECT email, email_is_disposable(email) AS disposable, email_is_role(email) AS role, email_is_free(email) AS free, email_provider(email) AS provider, email_suggest(email) AS suggest
FROM regress_asked ORDER BY n;
SET LOCAL ROLE regress_email_asker;
SELECT email, email_is_disposable(email) AS disposable, email_is_role(email) AS role, email_is_free(email) AS free, email_provider(email) AS provider, email_suggest(email) AS suggest
FROM regress_asked ORDER BY n;
-- who only inserts hears why, but not what is behind it
SAVEPOINT s;
SET LOCAL ROLE regress_email_stranger;
INSERT INTO regress_signup VALUES ('x@inside.org');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_stranger;
INSERT INTO regress_signup VALUES ('x@told.org');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_stranger;
INSERT INTO regress_signup VALUES ('no at sign');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_stranger;
INSERT INTO regress_signup VALUES ('x@yopmail.com');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_asker;
INSERT INTO regress_signup VALUES ('x@inside.org');
ROLLBACK TO s;
SET LOCAL ROLE regress_email_asker;
INSERT INTO regress_signup VALUES ('x@told.org');
ROLLBACK;
DROP TABLE regress_asked, regress_signup;
REVOKE ALL ON FUNCTION email_verdict FROM regress_email_asker;
DROP ROLE regress_email_stranger, regress_email_asker;
