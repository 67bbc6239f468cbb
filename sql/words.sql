-- verdicts in the words of other systems
SELECT r.reason, h.status AS hippo, h.code AS hippo_code, b.status AS bounceless, b.code AS bounceless_code, b.code_group,
	v.status AS billion, v.code AS billion_code
FROM email_verify.reason r,
	email_verdict_as(ROW (r.status, r.reason, NULL, r.retryable, NULL, NULL, false)::email_verify.verdict, 'emailhippo') h,
	email_verdict_as(ROW (r.status, r.reason, NULL, r.retryable, NULL, NULL, false)::email_verify.verdict, 'bounceless') b,
	email_verdict_as(ROW (r.status, r.reason, NULL, r.retryable, NULL, NULL, false)::email_verify.verdict, 'billionverify') v
ORDER BY r.reason;
SET email_verify.mode = sandbox;
SELECT a AS address, h.status, h.code, b.*, v.status, v.code
FROM (VALUES ('ann@example.com'), ('ann@'), ('mailbox_full@example.com'), ('catch_all_domain@example.com'), ('info@example.com')) q (a),
	email_verdict_as(email_verdict(a), 'emailhippo') h, email_verdict_as(email_verdict(a), 'bounceless') b,
	email_verdict_as(email_verdict(a), 'billionverify') v;
SELECT email_verdict_as(NULL, 'emailhippo'), email_verdict_as(email_verdict('ann@example.com'), NULL);
SELECT email_verdict_as(email_verdict('ann@example.com'), 'nonsense');

-- status codes
SELECT count(*), count(DISTINCT code), count(permanent_reason), count(transient_reason) FROM email_verify.enhanced_status;
SELECT code, title, basic_codes, permanent_reason, permanent_detail, transient_reason, transient_detail FROM email_verify.enhanced_status;
SELECT useful_only_as, count(*), bool_and(description ~ '^[A-Z].*[^.]$') AS described, string_agg(code, ' ' ORDER BY code COLLATE "C") AS codes FROM email_verify.enhanced_status GROUP BY 1 ORDER BY 1;
SELECT code, description FROM email_verify.enhanced_status WHERE code IN ('X.1.1', 'X.2.2', 'X.7.1', 'X.7.25') ORDER BY 1;
SELECT class, useful_only_as FROM email_enhanced_status('450 4.1.1 unknown') WHERE description ~ 'no such mailbox';
SELECT count(*), min(code), max(code), bool_and(meaning <> '') FROM email_verify.reply_code;
SELECT * FROM email_verify.reply_code WHERE code IN (211, 421, 544, 550, 556, 557);
SELECT q AS asked, e.code, e.class, e.title, e.reason, e.detail
FROM (VALUES ('5.1.1'), ('X.1.1'), ('x.2.2'), ('550 5.1.1 <ann@example.com>: Recipient address rejected'), ('4.7.1'),
	('Diagnostic-Code: smtp; 550-5.7.1 blocked'), ('no such user (#5.1.1)'), ('2.1.5'), ('5.99.99'), ('5.1.1.'),
	('status=bounced (host mx.example.com[192.0.2.1] said: 452 4.2.2 full)'), ('nothing'), ('127.0.0.1'), ('')) v (q)
	LEFT JOIN LATERAL email_enhanced_status(q) e ON true;
SELECT email_enhanced_status(NULL);
-- no temporary failure and no code about policy, security or protocol condemns an address
SELECT s.code, s.transient_reason FROM email_verify.enhanced_status s JOIN email_verify.reason r ON r.reason = s.transient_reason
WHERE r.status = 'invalid';
SELECT s.code, s.permanent_reason FROM email_verify.enhanced_status s JOIN email_verify.reason r ON r.reason = s.permanent_reason
WHERE r.status = 'invalid' AND s.code ~ '^X\.[03567]\.' AND s.code NOT IN ('X.6.7', 'X.6.8', 'X.6.9', 'X.6.10');
