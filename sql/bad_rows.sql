-- what no hand can write into the tables, since it would stop the worker
\set VERBOSITY terse
INSERT INTO email_verify.queue (address, due_at) VALUES ('a@x.com', 'infinity');
INSERT INTO email_verify.queue (address, due_at) VALUES ('a@x.com', '-infinity');
INSERT INTO email_verify.queue (address, due_at, queued_at) VALUES ('a@x.com', now(), '-infinity');
INSERT INTO email_verify.queue (address, due_at, priority) VALUES ('a@x.com', now(), 2);
INSERT INTO email_verify.queue (address, due_at, attempts) VALUES ('a@x.com', now(), 2147483647);
INSERT INTO email_verify.queue (address, due_at, put_backs) VALUES ('a@x.com', now(), -1);
INSERT INTO email_verify.queue (address, due_at, crashes) VALUES ('a@x.com', now(), 5);
INSERT INTO email_verify.domain_host (domain, host, catch_all_at) VALUES ('x.com', 'mx', '-infinity');
INSERT INTO email_verify.domain_host (domain, host, accepted_at) VALUES ('x.com', 'mx', 'infinity');
INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at) VALUES ('x.com', false, now(), 'infinity');
INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at, random_local) VALUES ('x.com', false, now(), now(), E'x\r\nQUIT');
INSERT INTO email_verify.domain (domain, implicit_mx, checked_at, expires_at, random_local) VALUES ('x.com', false, now(), now(), repeat('x', 32));
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at) VALUES ('a@x.com', 'valid', 'smtp_deliverable', now(), now(), 'infinity');
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, suspect_since) VALUES ('a@x.com', 'valid', 'smtp_deliverable', now(), now(), now(), '-infinity');
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, probes) VALUES ('a@x.com', 'valid', 'smtp_deliverable', now(), now(), now(), 2147483647);
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at, reports) VALUES ('a@x.com', 'valid', 'smtp_deliverable', now(), now(), now(), '[1]');
INSERT INTO email_verify.external_check (address, class, due_at) VALUES ('a@x.com', 'yahoo_api', '-infinity');
INSERT INTO email_verify.external_check (address, class, claims) VALUES ('a@x.com', 'yahoo_api', 2147483647);
INSERT INTO email_verify.command (kind, due_at) VALUES ('reclassify', '-infinity');
INSERT INTO email_verify.command (kind, failures) VALUES ('reclassify', 32767);
INSERT INTO email_verify.tombstone VALUES ('x', 'infinity');

-- what can be written, and is met: a time long ago
BEGIN;
INSERT INTO email_verify.domain_host (domain, host, catch_all, catch_all_at) VALUES ('x.com', 'old', true, '4713-01-01 BC'), ('x.com', 'new', true, '294276-01-01');
UPDATE email_verify.domain_host SET rcpt_limit = 2, rcpt_limit_at = '294276-01-01' WHERE host = 'new';
INSERT INTO email_verify.queue (address, due_at) VALUES ('a@x.com', '0001-01-01'), ('b@x.com', '4713-01-01 BC');
SELECT address, hosts, catch_all_age, rcpt_limit_age FROM email_verify._lease(ARRAY(SELECT id FROM email_verify._due(0::smallint, '-infinity', 0, now(), 10)));
-- also where there is no constraint any more
ALTER TABLE email_verify.domain_host DROP CONSTRAINT domain_host_finite;
UPDATE email_verify.domain_host SET catch_all_at = '-infinity', rcpt_limit_at = 'infinity';
SELECT address, hosts, catch_all_age, rcpt_limit_age FROM email_verify._lease(ARRAY(SELECT id FROM email_verify._due(0::smallint, '-infinity', 0, now(), 10)));
-- a row whose result cannot be stored leaves the queue with its fault
SELECT email_verify._park(id, 'it says what it must not') FROM email_verify.queue WHERE address = 'a@x.com';
SELECT address, fault FROM email_verify.parked;
SELECT address FROM email_verify.queue;
SELECT finding FROM email_explain('a@x.com') WHERE stage = 'parked';
SELECT email_verify.recheck('a@x.com'), (SELECT count(*) FROM email_verify.parked) AS before;
SELECT count(*) AS parked FROM email_verify.parked;
ROLLBACK;
