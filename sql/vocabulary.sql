-- the labels of the enum types are those of the library, in the library's order
SELECT string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder) =
	(SELECT string_agg(reason, ' ' ORDER BY n) FROM email_verify._reasons() WITH ORDINALITY AS r (reason, s, t, a, f, x, d, n))
	AS same_reasons
FROM pg_enum e WHERE e.enumtypid = 'email_verify.verification_reason'::regtype;

-- sorted by status, then alphabetically
SELECT reason FROM (
	SELECT reason, lag(status) OVER w AS last_status, status, lag(reason::text COLLATE "C") OVER w AS last_reason
	FROM email_verify.reason WINDOW w AS (ORDER BY reason)) o
WHERE status < last_status OR (status = last_status AND reason::text COLLATE "C" < last_reason);

SELECT reason, status, retryable, advice, fresh, expire FROM email_verify.reason ORDER BY reason;

-- what retryable and removable must not contradict
SELECT reason FROM email_verify.reason WHERE retryable <> (advice = 'retry');
SELECT reason FROM email_verify.reason WHERE status = 'invalid' AND advice <> 'remove';
SELECT reason FROM email_verify.reason WHERE expire < fresh OR description IS NULL;

-- details are lower_snake identifiers, each of them once
SELECT detail FROM email_verify.detail WHERE detail !~ '^[a-z0-9]+(_[a-z0-9]+)*$' OR description IS NULL;
SELECT detail FROM email_verify.detail GROUP BY 1 HAVING count(*) > 1;
