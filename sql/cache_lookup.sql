-- Look-ups read index and table on a way of their own: they must find what an index scan finds, and leave nothing open
-- that a later command of the session stumbles over.  A leak would be a WARNING here.
SET client_min_messages = warning;
SET email_verify.mode = offline;
CREATE FUNCTION reasons(i integer) RETURNS email_verify.verification_reason LANGUAGE sql IMMUTABLE AS $$
	SELECT (ARRAY['smtp_deliverable', 'mailbox_not_found', 'catch_all_domain']::email_verify.verification_reason[])[i % 3 + 1]
$$;
CREATE PROCEDURE keep(address text, i integer) LANGUAGE sql AS $$
	INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	VALUES (address, 'valid', reasons(i), now(), now() + interval '1 day', now() + interval '2 days')
$$;
CREATE PROCEDURE keep_many(first integer, last integer) LANGUAGE sql AS $$
	INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at)
	SELECT 'u' || i || '@bulk.deliver.com', 'valid', reasons(i), now(), now() + interval '1 day', now() + interval '2 days'
	FROM generate_series(first, last) i
$$;

-- few rows, then so many that the index has a hundred buckets, and overflow pages in those that are split next
CREATE FUNCTION found(n integer, OUT known bigint, OUT made_up bigint) LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE email_verify('u' || i || '@bulk.deliver.com') = reasons(i)),
		count(*) FILTER (WHERE email_verify('v' || i || '@bulk.deliver.com') <> 'internal_verifier_error')
	FROM generate_series(1, n) i
$$;
SELECT * FROM found(1);
CALL keep_many(1, 1);
SELECT * FROM found(1);
CALL keep_many(2, 700);
SELECT * FROM found(700);
CALL keep_many(701, 30000);
SELECT * FROM found(30000);
-- built at once, its pages are filled in another order
REINDEX INDEX email_verify.address_lookup;
SELECT * FROM found(30000);

-- more index entries of one address than are looked at on the short way
BEGIN;
DECLARE before CURSOR FOR SELECT email_verify('u1@bulk.deliver.com') FROM generate_series(1, 2);
FETCH before;
DO $$
BEGIN
	FOR i IN 1..40 LOOP
		DELETE FROM email_verify.address WHERE address = 'u1@bulk.deliver.com';
		CALL keep('u1@bulk.deliver.com', i);
		IF email_verify('u1@bulk.deliver.com') <> reasons(i) THEN RAISE WARNING 'version % is not seen', i; END IF;
	END LOOP;
END $$;
FETCH before;
COMMIT;
SELECT email_verify('u1@bulk.deliver.com') = reasons(40) AS last;

-- subtransactions that end one way or the other with look-ups in them
BEGIN;
SAVEPOINT a;
SELECT email_verify('u2@bulk.deliver.com');
DELETE FROM email_verify.address WHERE address = 'u2@bulk.deliver.com';
SELECT email_verify('u2@bulk.deliver.com');
ROLLBACK TO a;
SELECT email_verify('u2@bulk.deliver.com');
RELEASE a;
SELECT email_verify('u2@bulk.deliver.com');
COMMIT;
DO $$
BEGIN
	FOR i IN 1..50 LOOP
		BEGIN
			IF email_verify('u' || i || '@bulk.deliver.com') <> reasons(CASE i WHEN 1 THEN 40 ELSE i END) THEN RAISE WARNING '%', i; END IF;
			PERFORM 1 / (i % 2);
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
END $$;

-- a cursor stays open while what it reads from is rebuilt, changed, emptied, and comes back
BEGIN;
DECLARE c CURSOR FOR SELECT i, email_verify('u' || i || '@bulk.deliver.com') FROM generate_series(2, 100) i;
FETCH c;
REINDEX TABLE email_verify.address;
FETCH c;
ALTER TABLE email_verify.address ADD COLUMN mine text DEFAULT 'x';
FETCH c;
SAVEPOINT a;
DROP INDEX email_verify.address_lookup;
FETCH c;
ROLLBACK TO a;
FETCH c;
DROP INDEX email_verify.address_lookup;
CREATE INDEX again ON email_verify.address USING hash (address);
FETCH c;
TRUNCATE email_verify.address;
FETCH c;
CALL keep('u9@bulk.deliver.com', 9);
FETCH c;
FETCH c;
ROLLBACK;
SELECT email_verify('u9@bulk.deliver.com') = reasons(9) AS back;

-- ... also between two calls of one statement
CREATE FUNCTION run(command text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; RETURN command; END $$;
SELECT email_verify('u10@bulk.deliver.com'), run('REINDEX INDEX email_verify.address_lookup'), email_verify('u11@bulk.deliver.com');
BEGIN;
SELECT email_verify('u10@bulk.deliver.com'), run('TRUNCATE email_verify.address'), email_verify('u11@bulk.deliver.com');
ROLLBACK;
BEGIN;
SELECT email_verify('u10@bulk.deliver.com'), run('ALTER TABLE email_verify.address RENAME TO elsewhere'), email_verify('u11@bulk.deliver.com');
ROLLBACK;
SELECT email_verify('u10@bulk.deliver.com');

-- from a CHECK and a trigger
CREATE TABLE signup (email text CHECK (email_verify(email) <> 'mailbox_not_found'));
CREATE TRIGGER t BEFORE INSERT ON signup FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '0', 'invalid');
INSERT INTO signup SELECT 'u' || i || '@bulk.deliver.com' FROM generate_series(2, 200) i WHERE i % 3 <> 1;
INSERT INTO signup VALUES ('u4@bulk.deliver.com');
SELECT count(*) FROM signup;
DROP TABLE signup;

-- an index with other hash values is none to look up by
BEGIN;
DROP INDEX email_verify.address_lookup;
CREATE FUNCTION other_hash(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT length($1)';
CREATE OPERATOR CLASS other_ops FOR TYPE text USING hash AS OPERATOR 1 =, FUNCTION 1 other_hash(text);
TRUNCATE email_verify.address;
CALL keep('u10@bulk.deliver.com', 10);
CREATE INDEX other ON email_verify.address USING hash (address other_ops);
CREATE INDEX usual ON email_verify.address USING hash (address);
SELECT email_verify('u10@bulk.deliver.com');
ROLLBACK;

-- the extension goes in the transaction that has looked up, and stays when that is rolled back
DROP FUNCTION found, reasons;
DROP PROCEDURE keep, keep_many;
BEGIN;
SELECT email_verify('u10@bulk.deliver.com');
DROP EXTENSION email_verify;
SELECT to_regproc('email_verify') IS NULL AS gone;
ROLLBACK;
SELECT email_verify('u10@bulk.deliver.com');
BEGIN;
SELECT email_verify('u10@bulk.deliver.com');
TRUNCATE email_verify.address;
SELECT email_verify('u10@bulk.deliver.com');
COMMIT;
BEGIN;
SELECT email_verify('u10@bulk.deliver.com');
DROP EXTENSION email_verify;
CREATE EXTENSION email_verify;
SELECT email_verify('u10@bulk.deliver.com');
COMMIT;
DROP FUNCTION run;
