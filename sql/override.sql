SET email_verify.mode = offline;
-- the site's own word: exact before domain before parent before local part, all of them before the cache
INSERT INTO email_verify.override (pattern, action, note) VALUES
	('Ceo@Deliver.COM', 'valid', 'phoned'), ('@deliver.com', 'suppressed', 'complaint'), ('@.deliver.com', 'trap', NULL),
	('@sub.deliver.com', 'never_probe', NULL), ('noreply@', 'suppressed', 'unsubscribed'), ('team@', 'role', NULL),
	('@bücher.net', 'disposable', NULL), ('team@.', 'role', NULL);
INSERT INTO email_verify.override (pattern, action, note) VALUES
	('Ceo@Deliver.COM', 'valid', 'phoned'), ('@deliver.com', 'suppressed', 'complaint'), ('@.deliver.com', 'trap', NULL),
	('@sub.deliver.com', 'never_probe', NULL), ('noreply@', 'suppressed', 'unsubscribed'), ('team@', 'role', NULL),
	('@bücher.net', 'disposable', NULL);
SELECT pattern, action, kind FROM email_verify.override ORDER BY 1;
SELECT a, v.status, v.reason, v.detail FROM unnest(ARRAY['ceo@deliver.com', 'CEO@deliver.com', 'ann@deliver.com', 'ann@x.deliver.com',
	'ann@y.x.deliver.com', 'ann@sub.deliver.com', 'noreply@elsewhere.net', 'ann@bücher.net', 'ann@xn--bcher-kva.net', 'ann@notdeliver.com',
	'not an address']) a, email_verdict(a) v;

-- an override is stronger than what was found, and a role is a facet of a good verdict only
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
VALUES ('ann@deliver.com', 'valid', 'smtp_deliverable', now(), now() + interval '1 day', now() + interval '2 days'),
	('team@elsewhere.net', 'valid', 'smtp_deliverable', now(), now() + interval '1 day', now() + interval '2 days'),
	('team@dead.net', 'invalid', 'mailbox_not_found', now(), now() + interval '1 day', now() + interval '2 days');
SELECT a, v.status, v.reason, v.detail FROM unnest(ARRAY['ann@deliver.com', 'team@elsewhere.net', 'team@dead.net']) a, email_verdict(a) v;

-- effective from the next statement on, in every direction; expired ones are as if they were not there
DELETE FROM email_verify.override WHERE pattern = '@deliver.com';
SELECT email_verify('ann@deliver.com');
INSERT INTO email_verify.override VALUES ('ann@deliver.com', 'invalid');
SELECT email_verify('ann@deliver.com');
UPDATE email_verify.override SET until = now() - interval '1 s' WHERE pattern = 'ann@deliver.com';
SELECT email_verify('ann@deliver.com');
BEGIN;
TRUNCATE email_verify.override;
SELECT email_verify('ceo@deliver.com');
ROLLBACK;
SELECT email_verify('ceo@deliver.com');

-- one verdict for a pattern; malformed patterns are refused
INSERT INTO email_verify.override VALUES ('ceo@deliver.com', 'invalid');
INSERT INTO email_verify.override VALUES ('ceo@deliver.com', 'role');
SELECT p AS refused FROM unnest(ARRAY['', '@', 'x', '@.', 'a@b@c', 'hmac:12', 'a b@c.de', '@host', '*@x.com']) p
WHERE NOT EXISTS (SELECT FROM email_verify.override WHERE pattern = p);
DO $$
DECLARE p text;
BEGIN
	FOREACH p IN ARRAY ARRAY['', '@', 'x', '@.', 'a@b@c', 'hmac:12', 'a b@c.de', '@host', '*@-x.com'] LOOP
		BEGIN
			INSERT INTO email_verify.override VALUES (p, 'valid');
			RAISE NOTICE 'accepted: %', p;
		EXCEPTION WHEN check_violation THEN NULL;
		END;
	END LOOP;
END $$;

-- hashed: works without telling whom it is about
SELECT email_verify.hmac('Gone@Secret.org') = email_verify.hmac('gone@secret.org') AS same, length(email_verify.hmac('a@b.co')) AS length,
	email_verify.hmac('nonsense') IS NULL AS malformed;
INSERT INTO email_verify.override SELECT email_verify.hmac('gone@secret.org'), 'suppressed';
INSERT INTO email_verify.override SELECT email_verify.hmac('@hidden.org'), 'never_probe';
SELECT email_verify('Gone@secret.org'), email_verify('x@hidden.org'), email_verify('stays@secret.org') <> 'suppressed' AS other;
SELECT count(*) FROM email_verify.override WHERE pattern ~ 'secret|hidden';
SELECT count(*) AS keys FROM email_verify.site_key;

-- export shows every trace, forget erases it and keeps the site's word as an HMAC
BEGIN; -- no worker shall see what is queued here
INSERT INTO email_verify.queue (address, due_at) VALUES ('ceo@deliver.com', now());
SELECT jsonb_object_keys(jsonb_strip_nulls(email_verify.export('ceo@deliver.com'))) ORDER BY 1;
SELECT email_verify.export('ann@deliver.com') #>> '{address,reason}', email_verify.export('nobody@nowhere.net') - 'email' AS nothing;
SELECT * FROM email_verify.forget('ceo@deliver.com');
SELECT email_verify('CEO@deliver.com') AS still_valid, count(*) AS traces FROM email_verify.override WHERE pattern = 'ceo@deliver.com';
SELECT * FROM email_verify.forget('ann@deliver.com');
SELECT count(*) FROM email_verify.address WHERE address = 'ann@deliver.com';
SELECT count(*) FROM email_verify.forget('not an address') WHERE rows > 0;
SELECT count(*) AS kept FROM email_verify.forget('not an address') WHERE place LIKE 'kept:%';
-- what was asked for before it was forgotten is let go; what is asked for later is not
SELECT queued FROM email_verify._enqueue('{ann@deliver.com}', '{-infinity}', ARRAY[now() - interval '1 min'], 0::smallint, true);
SELECT queued FROM email_verify._enqueue('{ann@deliver.com}', '{-infinity}', ARRAY[clock_timestamp()], 0::smallint, true);
ROLLBACK;

-- cleaning up
DELETE FROM email_verify.override;
DELETE FROM email_verify.address;
DELETE FROM email_verify.queue;
DELETE FROM email_verify.tombstone;
DELETE FROM email_verify.site_key;
