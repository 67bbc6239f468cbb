-- what is known of an address without asking anybody
SELECT a AS address, email_is_disposable(a) AS disposable, email_is_role(a) AS role, email_is_free(a) AS free,
	email_is_alias(a) AS alias, email_provider(a) AS provider, email_suggest(a) AS suggest
FROM (VALUES
	('ann@gmail.com'), ('Info@GMAIL.com'), ('x@mailinator.com'), ('x@a.b.mailinator.com'), ('ann@duck.com'), ('x@ann.anonaddy.com'),
	('ann@acme-corp.com'), ('postmaster@acme-corp.com'), ('support+de@acme-corp.com'), ('ann@gmial.com'), ('ann@hotmail.con'),
	('ann@web.de'), ('ann@docomo.ne.jp'), ('ann@comcast.net'), ('ann@co.uk'), ('jörg@gmail.com'), ('ann@bücher.de'), ('no address'), ('')) v (a);
SELECT email_is_disposable(NULL), email_is_role(NULL), email_is_free(NULL), email_is_alias(NULL), email_provider(NULL), email_suggest(NULL);

-- a domain that nobody knows has the provider of its mail servers, and no suggestion by mere distance once it is known to be real;
-- who has registered a known typing error changes nothing about it
BEGIN;
INSERT INTO email_verify.domain (domain, implicit_mx, mx_hosts, checked_at, expires_at)
VALUES ('acme-corp.com', false, '{aspmx.l.google.com,alt1.aspmx.l.google.com}', now(), now()),
	('gmaill.com', false, '{mx.gmaill.com}', now(), now()), ('hotmaiil.com', false, '{mx.hotmaiil.com}', now(), now());
SELECT email_provider('ann@acme-corp.com'), email_suggest('ann@gmaill.com'), email_suggest('ann@hotmaiil.com'), email_suggest('ann@hotmaill.com');
ROLLBACK;
SELECT a AS typed, email_suggest(a) AS meant
FROM (VALUES ('ann@gmail..com'), ('ann@gmail,com'), ('ann@.gmail.com'), ('ann@gmail'), ('ann@acme-corp.con'), ('ann @ acme-corp.com'),
	('mailto:ann@acme-corp.com'), ('Ann <ann@acme-corp.com>'), ('ann@acme-corp.com.'), ('ann@b@c'), ('jörg@gmail.con'), ('nobody')) v (a);

-- spellings
SELECT a AS address, email_normalize(a) AS normalized, email_canonical(a) AS canonical, email_domain(a) AS domain, email_local_part(a) AS local
FROM (VALUES
	('Ann.Bee+x@Gmail.COM'), ('"ann.bee"@googlemail.com'), ('Ann@Bücher.DE'), ('JÖRG@acme-corp.com'), ('"a b"@acme-corp.com'),
	('a.b-c@yahoo.com'), ('a..b.@docomo.ne.jp'), ('shop@ann.fastmail.com'), ('x@[192.0.2.1]'), ('no address')) v (a);
SELECT email_canonical('a.b@gmail.com', 1), email_canonical(NULL), email_canonical('a.b@gmail.com', NULL);
SELECT email_canonical('a.b@gmail.com', 2);
CREATE TEMP TABLE account (email text);
CREATE UNIQUE INDEX one_account_per_mailbox ON account (email_canonical(email));
INSERT INTO account VALUES ('ann.bee@gmail.com'), ('annbee@acme-corp.com'), ('no address'), ('none either');
INSERT INTO account VALUES ('annbee+2@googlemail.com');

-- verdicts for which nobody is asked
SET email_verify.mode = offline;
SELECT a AS address, v.status, v.reason, v.detail
FROM (VALUES
	('x@mailinator.com'), ('info@mailinator.com'), ('ann@docomo.ne.jp'), ('ann@naver.com'), ('ann@duck.com'), ('info@duck.com'),
	('ann@b@c'), ('ann@example.com')) q (a), email_verdict(a) v;
SELECT email_verify_ok('x@mailinator.com'), email_verify_ok('ann@duck.com');
SELECT step, stage, finding, evidence FROM email_explain('Info@gmial.com');
SELECT step, stage, finding, evidence FROM email_explain('x@mailinator.com');
SELECT email_verify.enqueue('{x@mailinator.com, ann@duck.com, ann@docomo.ne.jp}'), email_verify.recheck('x@mailinator.com');

-- the site's own word wins in both directions
BEGIN;
INSERT INTO email_verify.override (pattern, action) VALUES ('@mailinator.com', 'not_disposable'), ('@acme-corp.com', 'disposable'),
	('info@', 'not_role'), ('ann@', 'role'), ('@gmail.com', 'not_free'), ('@.acme-corp.com', 'free');
SELECT a AS address, email_is_disposable(a) AS disposable, email_is_role(a) AS role, email_is_free(a) AS free, email_verify(a)
FROM (VALUES ('x@mailinator.com'), ('x@acme-corp.com'), ('info@gmail.com'), ('ann@gmail.com'), ('x@sub.acme-corp.com')) v (a);
INSERT INTO email_verify.override (pattern, action) VALUES ('x@duck.com', 'trap'), ('y@mailinator.com', 'valid'), ('y@duck.com', 'suppressed');
SELECT a AS address, v.status, v.reason, v.detail
FROM (VALUES ('x@duck.com'), ('y@mailinator.com'), ('y@duck.com')) q (a), email_verdict(a) v;
ROLLBACK;

-- an address that calls itself a spam trap is taken for one, unless the site knows better
SELECT a AS address, v.status, v.reason, v.detail
FROM (VALUES ('spam-trap7@acme-corp.com'), ('ann@spamtraps.acme-corp.com'), ('HoneyPot@acme-corp.com'), ('spamtrap@mailinator.com'),
	('spamtrap@duck.com'), ('info@spamtrap.acme-corp.com')) q (a), email_verdict(a) v;
SELECT finding FROM email_explain('spamtrap@acme-corp.com') WHERE stage = 'data';
SELECT email_verify.enqueue('{spamtrap@acme-corp.com}'), email_verify.recheck('spamtrap@acme-corp.com');
BEGIN;
INSERT INTO email_verify.override (pattern, action) VALUES ('@acme-corp.com', 'not_trap'), ('@.acme-corp.com', 'trap'), ('x@trap.acme-corp.com', 'not_trap');
SELECT a AS address, v.reason, v.detail
FROM (VALUES ('spamtrap@acme-corp.com'), ('y@trap.acme-corp.com'), ('x@trap.acme-corp.com')) q (a), email_verdict(a) v;
ROLLBACK;

-- suggestion in the HINT of a refusal
CREATE TEMP TABLE signup (email text);
CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE OF email ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email');
BEGIN;
SET LOCAL email_verify.mode = smtp;
INSERT INTO email_verify.address (address, status, reason, detail, checked_at, fresh_until, expires_at)
VALUES ('ann@gmial.com', 'invalid', 'no_mx_records', 'null_mx', now(), now() + '1 day', now() + '1 day'),
	('bob@gmial.com', 'invalid', 'mailbox_not_found', NULL, now(), now() + '1 day', now() + '1 day');
SAVEPOINT s;
INSERT INTO signup VALUES ('ann@gmial.com');
ROLLBACK TO s;
INSERT INTO signup VALUES ('bob@gmial.com');
ROLLBACK TO s;
INSERT INTO signup VALUES ('ann@gmail,com');
ROLLBACK TO s;
INSERT INTO signup VALUES ('nobody');
ROLLBACK;
INSERT INTO signup VALUES ('x@mailinator.com');
SELECT lists ~ '^[0-9a-f]{8}$' AS lists, canonical_rules, unicode ~ '^libidn2 [0-9.]+, libunistring [0-9.]+$' AS unicode
FROM email_verify.data_version();

-- what is missing; a library that was exchanged is told of
SET email_verify.mode = smtp;
SELECT "check", result, CASE WHEN "check" IN ('unicode', 'lists') THEN '' ELSE finding END AS finding, advice FROM email_verify.doctor()
WHERE "check" IN ('mode', 'identity', 'dnsbl', 'unicode', 'lists', 'commands');
BEGIN;
UPDATE email_verify.made_with SET unicode = 'libidn2 0.1';
SELECT "check", result, finding ~ '; indexes were made with libidn2 0.1$' AS finding, advice FROM email_verify.doctor() WHERE "check" = 'unicode';
ROLLBACK;
