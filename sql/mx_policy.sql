-- the site's own word on mail servers: names are brought into one form
INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('Mail.Example.COM', false), ('.dotted.example.com', NULL), ('rooted.example.com.', true),
	('bücher.example', false), ('cn', false), ('mx-1.example.com', NULL);
SELECT mx, probe, trust_accept, trust_reject, needs_control, rcpt_per_transaction, rcpt_per_session, note
FROM email_verify.mx_policy ORDER BY mx;

-- ... so that there is one row for each
INSERT INTO email_verify.mx_policy (mx) VALUES ('MAIL.example.com.');
UPDATE email_verify.mx_policy SET mx = 'xn--bcher-kva.EXAMPLE', note = 'renamed' WHERE mx = 'mx-1.example.com';
UPDATE email_verify.mx_policy SET mx = 'MX-2.example.com', note = 'renamed' WHERE mx = 'mx-1.example.com';
SELECT mx, note FROM email_verify.mx_policy WHERE note IS NOT NULL;

-- what is no name of a host, or no number
INSERT INTO email_verify.mx_policy (mx) VALUES ('@example.com');
INSERT INTO email_verify.mx_policy (mx) VALUES (NULL);
INSERT INTO email_verify.mx_policy (mx, rcpt_per_transaction) VALUES ('example.com', 0);
INSERT INTO email_verify.mx_policy (mx, rcpt_per_session) VALUES ('example.com', -1);
INSERT INTO email_verify.mx_policy (mx, rcpt_per_session) VALUES ('example.com', 1001);
DO $$
DECLARE p text;
BEGIN
	FOREACH p IN ARRAY ARRAY['', '.', '..', 'a..b', '-a.com', 'a b.com', '*.example.com', '..example.com', 'example.com..', 'user@example.com',
		'[192.0.2.1]', '192.0.2.1', 'example.com:25', repeat('a', 64) || '.com', repeat('abcdefg.', 40) || 'com', E'a\nb.com'] LOOP
		BEGIN
			INSERT INTO email_verify.mx_policy (mx) VALUES (p);
			RAISE NOTICE 'accepted: %', p;
		EXCEPTION WHEN check_violation THEN NULL;
		END;
	END LOOP;
END $$;

-- what the worker reads: in a table that is too long those that forbid come first
TRUNCATE email_verify.mx_policy;
SELECT * FROM email_verify._policies(10);
INSERT INTO email_verify.mx_policy VALUES ('a.example.com', NULL, NULL, true, false, true, false, 1, 2, 'all');
INSERT INTO email_verify.mx_policy (mx, probe) VALUES ('b.example.com', NULL), ('c.example.com', true), ('z.example.com', false);
INSERT INTO email_verify.mx_policy (mx, trap) VALUES ('y.example.com', true), ('x.example.com', false);
SELECT * FROM email_verify._policies(10);
SELECT mx, there FROM email_verify._policies(2);
-- nobody connects to a trap
INSERT INTO email_verify.mx_policy (mx, probe, trap) VALUES ('both.example.com', true, true);

-- it is no plain user's business, and it is dumped
SELECT extcondition[array_position(extconfig, 'email_verify.mx_policy'::regclass::oid)] = '' AS dumped
FROM pg_extension WHERE extname = 'email_verify';
CREATE ROLE regress_email_user;
GRANT USAGE ON SCHEMA email_verify TO regress_email_user;
SET ROLE regress_email_user;
SELECT * FROM email_verify.mx_policy;
INSERT INTO email_verify.mx_policy VALUES ('d.example.com');
RESET ROLE;
-- who may write it needs no right on the functions behind it
GRANT SELECT, INSERT ON email_verify.mx_policy TO regress_email_user;
SET ROLE regress_email_user;
INSERT INTO email_verify.mx_policy VALUES ('D.example.com') RETURNING mx;
RESET ROLE;
DROP OWNED BY regress_email_user;
DROP ROLE regress_email_user;

-- triggers fire for replicated rows, too
SET session_replication_role = replica;
INSERT INTO email_verify.mx_policy VALUES ('.E.example.com') RETURNING mx;
RESET session_replication_role;
DELETE FROM email_verify.mx_policy;
