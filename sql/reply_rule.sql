-- the site's own rules for replies: words are brought into one form
INSERT INTO email_verify.reply_rule (code, enhanced, provider, mx, pattern, reason, detail) VALUES
	('550', '5.1.x', 'Google', '.Corp.COM.', E'  Has  left\tthe company | GONE ', 'mailbox_not_found', 'Disabled'),
	('4', 'x.7', NULL, 'bücher.example', 'später*nochmal', 'smtp_greylisted', NULL);
INSERT INTO email_verify.reply_rule (stage, code, reason) VALUES ('MAIL', '5', 'sender_rejected'), (NULL, '421', 'smtp_rate_limited');
SELECT id, stage, code, enhanced, provider, mx, pattern, reason, detail FROM email_verify.reply_rule ORDER BY id;

-- ... and what is no rule is refused, with a word why
\set VERBOSITY terse
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('450', 'gone', 'mailbox_not_found');
INSERT INTO email_verify.reply_rule (pattern, reason) VALUES ('gone', 'mailbox_not_found');
INSERT INTO email_verify.reply_rule (stage, code, pattern, reason) VALUES ('ehlo', '5', 'gone', 'mailbox_not_found');
INSERT INTO email_verify.reply_rule (stage, code, pattern, reason) VALUES (NULL, '5', 'gone', 'mailbox_full');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'gone', 'smtp_deliverable');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'gone', 'yahoo_api_not_deliverable');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('250', 'gone', 'smtp_unverifiable');
INSERT INTO email_verify.reply_rule (code, enhanced, reason) VALUES ('550', '4.7.1', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (enhanced, reason) VALUES ('5.7.1 relay', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (stage, code, reason) VALUES ('data', '5', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (provider, reason) VALUES ('nobody', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (mx, reason) VALUES ('*.corp.com', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, reason, detail) VALUES ('5', 'smtp_blocked', 'because');
INSERT INTO email_verify.reply_rule (reason) VALUES ('smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', '', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', '*', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'a*b*cc', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'gone||left', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'x', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'blocked by mx.corp.com', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'user ann@corp.com gone', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', '5.1.1 gone', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', repeat('x', 201), 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'no' || repeat('|no', 20), 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', E'a\u0001b', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (id, code, reason) VALUES (0, '5', 'smtp_blocked');
INSERT INTO email_verify.reply_rule (code, reason) VALUES ('5', NULL);
UPDATE email_verify.reply_rule SET code = '4' WHERE reason = 'mailbox_not_found';
\set VERBOSITY default
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('450', 'gone', 'mailbox_not_found');
SELECT count(*) FROM email_verify.reply_rule;
TRUNCATE email_verify.reply_rule RESTART IDENTITY;

-- in force from the next statement on
CREATE VIEW pg_temp.replies AS SELECT n, r.reason, r.detail, r.rule, r.strength, r.scope, r.retryable
FROM (VALUES (1, '550 5.1.1 <ann@corp.com>: Ann has left the company'), (2, '550 zebra'), (3, '450 zebra'), (4, '554 your IP address is on a blacklist'),
	(5, '250 zebra'), (6, '452 4.5.3 too many recipients'), (7, 'zebra')) AS v (n, reply), email_classify_reply(v.reply, 'mx.corp.com') r;
SELECT * FROM pg_temp.replies ORDER BY n;
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'zebra', 'mailbox_disabled'), ('4', 'zebra', 'mailbox_full'),
	('5', 'has left', 'mailbox_moved');
SELECT * FROM pg_temp.replies ORDER BY n;
UPDATE email_verify.reply_rule SET mx = 'other.com' WHERE id = 1;
UPDATE email_verify.reply_rule SET mx = 'corp.com', detail = 'over_quota' WHERE id = 2;
UPDATE email_verify.reply_rule SET until = '2020-01-01' WHERE id = 3;
SELECT * FROM pg_temp.replies WHERE n <= 3 ORDER BY n;

-- ... in the order of their ids
UPDATE email_verify.reply_rule SET mx = NULL, until = NULL;
INSERT INTO email_verify.reply_rule (id, code, reason, note) VALUES (100, '55', 'recipient_restricted', 'all others');
SELECT n, reason, rule FROM pg_temp.replies ORDER BY n;
UPDATE email_verify.reply_rule SET id = 200 WHERE id = 1;
UPDATE email_verify.reply_rule SET id = 1 WHERE id = 100;
SELECT n, reason, rule FROM pg_temp.replies WHERE n IN (1, 2) ORDER BY n;

-- what a transaction or a part of it took back is no rule
TRUNCATE email_verify.reply_rule;
BEGIN;
INSERT INTO email_verify.reply_rule (id, code, pattern, reason) VALUES (1, '5', 'zebra', 'mailbox_full');
SELECT rule FROM email_classify_reply('550 zebra');
SAVEPOINT s;
DELETE FROM email_verify.reply_rule;
SELECT rule FROM email_classify_reply('550 zebra');
ROLLBACK TO s;
SELECT rule FROM email_classify_reply('550 zebra');
SAVEPOINT s;
INSERT INTO email_verify.reply_rule (id, code, pattern, reason) VALUES (2, '4', 'zebra', 'mailbox_full');
SELECT rule FROM email_classify_reply('450 zebra');
ROLLBACK TO s;
SELECT rule FROM email_classify_reply('450 zebra');
ROLLBACK;
SELECT rule FROM email_classify_reply('550 zebra');

-- safety: a rule that knows a code alone is not believed against words about us, and nobody is judged who was put back
INSERT INTO email_verify.reply_rule (code, reason) VALUES ('5', 'mailbox_not_found'), ('4', 'mailbox_full');
SELECT n, reason, detail, rule ~ '^site:' AS site FROM pg_temp.replies ORDER BY n;
-- ... one that knows the words is; echoed words do not decide
TRUNCATE email_verify.reply_rule RESTART IDENTITY;
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'on a blacklist|zebra', 'mailbox_not_found');
SELECT n, reason, rule FROM pg_temp.replies WHERE n IN (2, 4) ORDER BY n;
SELECT rule FROM email_classify_reply('550 <zebra@corp.com>: no'), email_classify_reply('550 zebra.corp.com says no') AS other (a, b, c, d, e, f, g, h, rule2);

-- stages and providers
INSERT INTO email_verify.reply_rule (stage, code, provider, reason) VALUES ('mail', '5', 'google', 'sender_rejected');
SELECT rule FROM email_classify_reply('550 giraffe', 'aspmx.l.google.com', 'mail');
SELECT rule ~ '^site:' AS site FROM email_classify_reply('550 giraffe', 'aspmx.l.google.com', 'rcpt');
SELECT rule ~ '^site:' AS site FROM email_classify_reply('550 giraffe', 'mx.corp.com', 'mail');

-- bounces are replies that came back
SELECT final_recipient, reason, detail, scope FROM email_classify_bounce(
E'From: MAILER-DAEMON@relay.lab.com\nSubject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n'
'Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.lab.com\n\nFinal-Recipient: rfc822; ann@corp.com\nAction: failed\nStatus: 5.0.0\n'
'Remote-MTA: dns; mx.corp.com\nDiagnostic-Code: smtp; 550 zebra\n--b--\n');

-- many calls of one statement see the same
SELECT count(*) FILTER (WHERE rule = 'site:1') AS n FROM generate_series(1, 2000) i, email_classify_reply('550 zebra ' || i);

-- what the worker reads: those in force, the first ones
TRUNCATE email_verify.reply_rule RESTART IDENTITY;
INSERT INTO email_verify.reply_rule (code, reason, until) VALUES ('5', 'smtp_blocked', '2020-01-01'), ('5', 'smtp_blocked', '2100-01-01'),
	('4', 'smtp_blocked', NULL), ('5', 'sender_rejected', 'infinity');
SELECT * FROM email_verify._reply_rules(10);
SELECT id, there FROM email_verify._reply_rules(1);

-- the explanation names it
INSERT INTO email_verify.address (address, status, reason, detail, checked_at, fresh_until, expires_at, stage, reply_code, rule)
VALUES ('ann@corp.org', 'unknown', 'mailbox_full', 'site_rule', '2026-01-01', '2100-01-01', '2100-01-01', 'rcpt', 550, 'site:3');
UPDATE email_verify.reply_rule SET note = 'as their postmaster says' WHERE id = 3;
SELECT finding FROM email_explain('ann@corp.org') WHERE stage = 'rcpt';
DELETE FROM email_verify.address;

-- a row that came past the trigger, and is none, is not heeded and does no harm
ALTER TABLE email_verify.reply_rule DISABLE TRIGGER normalize;
INSERT INTO email_verify.reply_rule (id, code, pattern, reason) VALUES (1000, '5', 'a*b*c*d*e', 'mailbox_not_found'), (1001, '4', 'zebra', 'mailbox_not_found'), (1002, '5', 'ZEBRA', 'mailbox_full');
ALTER TABLE email_verify.reply_rule ENABLE ALWAYS TRIGGER normalize;
DELETE FROM email_verify.reply_rule WHERE id < 1000;
SELECT n, rule ~ '^site' AS site FROM pg_temp.replies WHERE n IN (2, 3) ORDER BY n;

-- it is no plain user's business, and it is dumped
SELECT extcondition[array_position(extconfig, 'email_verify.reply_rule'::regclass::oid)] = '' AS dumped,
	extcondition[array_position(extconfig, 'email_verify.reply_rule_id_seq'::regclass::oid)] = '' AS sequence_dumped
FROM pg_extension WHERE extname = 'email_verify';
TRUNCATE email_verify.reply_rule RESTART IDENTITY;
CREATE ROLE regress_email_user;
GRANT USAGE ON SCHEMA email_verify TO regress_email_user;
SET ROLE regress_email_user;
SELECT * FROM email_verify.reply_rule;
INSERT INTO email_verify.reply_rule (code, reason) VALUES ('5', 'smtp_blocked');
RESET ROLE;
-- who may write it needs no right on the functions behind it; who asks needs no right at all
GRANT SELECT, INSERT ON email_verify.reply_rule TO regress_email_user;
SET ROLE regress_email_user;
INSERT INTO email_verify.reply_rule (code, pattern, reason) VALUES ('5', 'Zebra', 'mailbox_full') RETURNING id, pattern;
RESET ROLE;
REVOKE ALL ON email_verify.reply_rule FROM regress_email_user;
SET ROLE regress_email_user;
SELECT rule FROM email_classify_reply('550 zebra');
RESET ROLE;
DROP OWNED BY regress_email_user;
DROP ROLE regress_email_user;

-- triggers fire for replicated rows, too
SET session_replication_role = replica;
INSERT INTO email_verify.reply_rule (id, code, pattern, reason) VALUES (7, '5', 'GIRAFFE', 'mailbox_full') RETURNING id, pattern;
RESET session_replication_role;
TRUNCATE email_verify.reply_rule RESTART IDENTITY;
DROP VIEW pg_temp.replies;
