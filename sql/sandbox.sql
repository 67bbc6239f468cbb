-- no worker, no network, no preload, no tables: the local part or its tag decides
SET email_verify.mode = sandbox;
SELECT email_verify('mailbox_not_found@example.com'), email_verify('ann+catch-all-domain@example.com'),
	email_verify('ann@example.com');

-- each reason can be had
SELECT count(*) FILTER (WHERE email_verify(reason || '@example.org') = reason) AS as_asked, count(*) AS reasons
FROM email_verify.reason;

-- syntax comes first, and every unknown verdict but pending has a detail
SELECT email_verify('mailbox_not_found@');
SELECT r.reason FROM email_verify.reason r, email_verdict(r.reason || '@example.org') v
WHERE v.status = 'unknown' AND (v.detail IS NULL) <> (v.reason = 'pending');

-- the mode is a superuser's to set
CREATE ROLE regress_email_user;
SET ROLE regress_email_user;
SET email_verify.mode = smtp;
RESET ROLE;
DROP ROLE regress_email_user;
