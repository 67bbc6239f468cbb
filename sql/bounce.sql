-- one reply, or what a mail system says about a delivery
SELECT q.reply, r.status, r.reason, r.detail, r.scope, r.permanence, r.strength, r.retry_after, r.rule
FROM (VALUES (1, '550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown'),
	(2, 'smtp; 550 5.1.1. No such user'),
	(3, E'550-5.7.1 Your message was rejected\r\n550 5.7.1 as spam'),
	(4, '450 4.7.1 Greylisted, try again in 300 seconds'),
	(5, '554 Relay access denied'),
	(6, '501 Bad Address Syntax'),
	(7, '550 User unknown'), (8, '550 No such user'), (9, '550 Invalid user'), (10, '550 Invalid alias'),
	(11, '554 We don''t relay for example.com'),
	(12, 'Connect to mail.thedestination.com[127.0.0.1]: Operation timed out'),
	(13, 'Connect to mail.thedestination.com[127.0.0.1]: Connection refused'),
	(14, 'Host or domain name not found. Name service error for name = thedestination.com type = MX: Host not found, try again'),
	(15, '544 5.4.4 Host not found (not in DNS)'),
	(16, '4.4.4'), (17, '5.4.4'), (18, '4.4.2'), (19, '4.4.6'), (20, '5.1.2'), (21, '5.3.4'), (22, '5.2.1'), (23, '5.2.2'),
	(24, '552 5.3.4 Message size exceeds fixed limit'),
	(25, '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.dnsbl.example'),
	(26, 'lost connection with mx.example.com[192.0.2.1] while sending RCPT TO'),
	(27, '250 2.1.5 Ok'), (28, 'nonsense'), (29, '550 5.1.1 <user.unknown@example.com>: unauthorized sender')) q (n, reply),
	email_classify_reply(q.reply) r
ORDER BY q.n;
SELECT reason, detail FROM email_classify_reply('550 5.4.1 Recipient address rejected: Access denied', 'x.mail.protection.outlook.com');
SELECT reason, detail, scope FROM email_classify_reply('554 5.7.1 refused', NULL, 'data');
SELECT reason, detail, scope FROM email_classify_reply('554 no', NULL, 'greeting');
SELECT reason, detail FROM email_classify_reply('250 2.0.0 Ok: queued', NULL, 'data');
SELECT reason, detail FROM email_classify_reply('550 5.1.1 no such user', NULL, NULL);
SELECT * FROM email_classify_reply(NULL);
SELECT * FROM email_classify_reply(E' \r\n');
SELECT email_classify_reply('550 no', NULL, 'lunch');

-- a message that came back
\pset format unaligned
\pset expanded on
\set bounce `cat test/data/bounces/postfix_user_unknown.eml`
SELECT * FROM email_classify_bounce(:'bounce'::text);
SELECT count(*) AS same FROM (SELECT * FROM email_classify_bounce(:'bounce'::text) INTERSECT
	SELECT * FROM email_classify_bounce(convert_to(:'bounce', 'UTF8'))) b;
\set bounce `cat test/data/bounces/two_recipients.eml`
SELECT final_recipient, action, reason, permanence, kind FROM email_classify_bounce(:'bounce'::text);
\set bounce `cat test/data/bounces/eai.eml`
SELECT original_recipient, final_recipient, reason FROM email_classify_bounce(:'bounce'::text);
\set bounce `cat test/data/bounces/vacation.eml`
SELECT final_recipient, action, status, reason, permanence, scope, kind FROM email_classify_bounce(:'bounce'::text);

-- what the message says of itself: dates in any zone, NULL where none is told
SET timezone = 'UTC';
SELECT reporting_mta, arrival_date, queue_id, envelope_sender, last_attempt, will_retry_until FROM email_classify_bounce(
$$Reporting-MTA: dns; mail.server.com
X-Postfix-Queue-ID: AAEEFF1234
X-Postfix-Sender: rfc822; sender@thesender.com
Arrival-Date: Tue, 24 Oct 2006 20:59:35 +0200 (CEST)

Final-Recipient: rfc822; receiver@thereceiver.com
Original-Recipient: rfc822;receiver@thereceiver.com
Action: delayed
Status: 4.4.1
Last-Attempt-Date: Wed, 25 Oct 2006 00:59:35 GMT
Will-Retry-Until: Sun, 29 Oct 2006 20:59:35
$$::text);
-- wrong use gets a hint
SELECT count(*) FROM email_classify_bounce('550 5.1.1 <ann@example.com>: User unknown'::text);
SELECT count(*) FROM email_classify_bounce('5.1.1 no such user'::text);
SELECT reason FROM email_classify_reply(E'From: MAILER-DAEMON@example.com\nSubject: Undelivered\n\n550 5.1.1 User unknown');
SELECT reason FROM email_classify_reply('{"event":"bounce"}');
-- words without a code are not said to be for good
SELECT reason, permanence FROM email_classify_reply('User unknown');
SELECT reason, permanence FROM email_classify_reply('550 User unknown');

-- what cannot be read gives no row, and no error
SELECT count(*) FROM email_classify_bounce('hello');
SELECT count(*) FROM email_classify_bounce('');
SELECT count(*) FROM email_classify_bounce(NULL::text);
SELECT count(*) FROM email_classify_bounce('\x00ff00'::bytea);
SELECT count(*) FROM email_classify_bounce(convert_to(repeat('From: x' || chr(10), 10000000), 'UTF8'));
SELECT count(*) FROM email_classify_bounce('From: a@b.example' || chr(10) ||
	(SELECT string_agg('Content-Type: multipart/mixed; boundary=b' || i || E'\n\n--b' || i || E'\n', '') FROM generate_series(1, 100000) i));

-- the labels are those of the types and of the details
SELECT reason, detail FROM email_classify_bounce(:'bounce'::text) b WHERE b.detail IS NOT NULL AND NOT EXISTS
	(SELECT FROM email_verify.detail d WHERE d.detail = b.detail);
