-- what the worker does with its results, without the worker
\set VERBOSITY terse
BEGIN;
-- one result: everything but the verdict is filler
CREATE FUNCTION pg_temp.result(address text, status text, reason text, code int DEFAULT NULL, put_back boolean DEFAULT false,
	retry_after int DEFAULT NULL, detail text DEFAULT NULL, decisive boolean DEFAULT true, flip interval DEFAULT '6 hours',
	second_look boolean DEFAULT false)
RETURNS TABLE (stored_status text, stored_reason text, stored_detail text, again interval) LANGUAGE SQL AS $$
	INSERT INTO email_verify.queue (address, due_at) VALUES ($1, now()) ON CONFLICT DO NOTHING;
	SELECT c.status, c.reason, c.detail, date_trunc('second', c.retry_at - clock_timestamp() + interval '0.9 s')
	FROM email_verify._complete(ARRAY[(SELECT q.id FROM email_verify.queue q WHERE q.address = $1)], ARRAY[$1], ARRAY[$2],
		ARRAY[$3], ARRAY[$7], ARRAY[$8], ARRAY[$5], ARRAY[86400], ARRAY[864000], ARRAY[$6], ARRAY[true], ARRAY['rcpt'],
		ARRAY[$4::smallint], ARRAY[NULL::text], ARRAY['said'], ARRAY['rule'], ARRAY['mx.example.com'], ARRAY['192.0.2.1'],
		ARRAY[false], ARRAY[1::bigint], ARRAY[$10], $9) c
$$;
CREATE FUNCTION pg_temp.enqueue(VARIADIC text[]) RETURNS TABLE (address text, reason text, queued boolean) LANGUAGE SQL AS $$
	SELECT e.address, e.reason, e.queued
	FROM email_verify._enqueue($1, array_fill('-infinity'::timestamptz, ARRAY[cardinality($1)]),
		array_fill(now(), ARRAY[cardinality($1)]), 0::smallint, true) e ORDER BY 1
$$;
CREATE VIEW pg_temp.q AS SELECT address, domain, attempts, put_backs, answered, due_at <= clock_timestamp() AS due
	FROM email_verify.queue ORDER BY address;

-- duplicates coalesce, within a batch and with what is queued; the domain is what follows the last @
SELECT * FROM pg_temp.enqueue('b@x.com', 'a@x.com', 'b@x.com', '"p@q"@y.com');
SELECT * FROM pg_temp.enqueue('b@x.com', 'c@x.com');
SELECT * FROM pg_temp.q;
-- those of a domain are queued side by side, whatever their names
SELECT count(*) FROM pg_temp.enqueue('a@order2.com', 'b@order1.com', 'c@order2.com', 'd@order1.com');
SELECT email_verify.enqueue('{a@order4.com,b@order3.com,c@order4.com,d@order3.com}');
SELECT address FROM email_verify.queue WHERE domain LIKE 'order%' ORDER BY due_at, id;
DELETE FROM email_verify.queue WHERE domain LIKE 'order%';

-- a final verdict leaves the queue, one to be asked again stays, a recipient put back has no verdict at all
SELECT * FROM pg_temp.result('a@x.com', 'valid', 'smtp_deliverable', 250);
SELECT * FROM pg_temp.result('b@x.com', 'unknown', 'smtp_greylisted', 450, retry_after => 360, detail => 'greylist', decisive => false);
SELECT * FROM pg_temp.result('c@x.com', 'unknown', 'smtp_rate_limited', 452, put_back => true, retry_after => 60, decisive => false);
SELECT * FROM pg_temp.q;
SELECT address, reason FROM email_verify.address ORDER BY 1;

-- fresh verdicts are not queued again
SELECT * FROM pg_temp.enqueue('a@x.com', 'b@x.com', 'd@x.com');

-- doubt does not overwrite good
SELECT * FROM pg_temp.result('a@x.com', 'unknown', 'smtp_timeout', NULL, retry_after => 1800, detail => 'connect_timeout', decisive => false);
-- nor does a first refusal: the address becomes suspect, and is asked again later
SELECT * FROM pg_temp.result('a@x.com', 'invalid', 'mailbox_not_found', 550);
-- a second one too soon is still no proof
SELECT * FROM pg_temp.result('a@x.com', 'invalid', 'mailbox_not_found', 550);
-- one that comes late enough is
UPDATE email_verify.address SET suspect_since = suspect_since - interval '6 hours' WHERE address = 'a@x.com';
SELECT * FROM pg_temp.result('a@x.com', 'invalid', 'mailbox_not_found', 550);
SELECT address, status, reason, detail, suspect_since, probes, mx_address FROM email_verify.address WHERE address = 'a@x.com';
-- a living address that answers again is no longer suspect
SELECT * FROM pg_temp.result('e@x.com', 'valid', 'smtp_deliverable', 250);
SELECT * FROM pg_temp.result('e@x.com', 'invalid', 'mailbox_not_found', 550);
SELECT * FROM pg_temp.result('e@x.com', 'valid', 'smtp_deliverable', 250);
SELECT status, reason, detail, suspect_since FROM email_verify.address WHERE address = 'e@x.com';
-- DNS is no refusal of the mailbox: a domain that is gone is gone at once
SELECT * FROM pg_temp.result('e@x.com', 'invalid', 'no_mx_records');
-- an expired verdict protects nothing
UPDATE email_verify.address SET status = 'valid', reason = 'smtp_deliverable', expires_at = now() - interval '1 s' WHERE address = 'e@x.com';
SELECT * FROM pg_temp.result('e@x.com', 'unknown', 'dns_timeout', NULL, detail => 'dns_no_reply', decisive => false);

-- an answer that does not replace a verdict still is one: max_age does not ask for ever
SELECT * FROM pg_temp.result('h@x.com', 'valid', 'smtp_deliverable', 250);
SELECT * FROM pg_temp.result('h@x.com', 'unknown', 'smtp_unverifiable', 252, detail => 'cannot_verify', decisive => false);
SELECT checked_at < asked_at AS asked_later FROM email_verify.address WHERE address = 'h@x.com';
-- what must be heard twice is remembered in the queue, also when a good verdict stands in its way, and when it was put off between
SELECT * FROM pg_temp.result('h@x.com', 'unknown', 'smtp_unverifiable', 550, retry_after => 60, detail => 'unconfirmed', decisive => false, second_look => true);
SELECT second_look FROM email_verify.queue WHERE address = 'h@x.com';
SELECT * FROM pg_temp.result('h@x.com', 'unknown', 'smtp_rate_limited', 452, put_back => true, retry_after => 60, decisive => false);
SELECT second_look FROM email_verify.queue WHERE address = 'h@x.com';
SELECT * FROM pg_temp.result('h@x.com', 'unknown', 'smtp_timeout', NULL, retry_after => 60, detail => 'connect_timeout', decisive => false);
SELECT second_look FROM email_verify.queue WHERE address = 'h@x.com';
-- who asks now does not wait behind a list
INSERT INTO email_verify.queue (address, priority, due_at) VALUES ('bulk@x.com', 1, now());
SELECT * FROM pg_temp.enqueue('bulk@x.com');
SELECT priority FROM email_verify.queue WHERE address = 'bulk@x.com';

-- a result whose row has gone from the queue is let go
SELECT count(*) FROM email_verify._complete('{-1}', '{g@x.com}', '{valid}', '{smtp_deliverable}', '{NULL}', '{t}', '{f}', '{1}', '{1}', '{NULL}',
	'{t}', '{rcpt}', '{250}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{f}', '{1}', '{f}', '6 hours');
SELECT count(*) FROM email_verify.address WHERE address = 'g@x.com';

-- leases: by due time, behind a position, with what is known of the domain's hosts
SELECT email_verify._learn_hosts('{x.com,x.com}', '{mx2.x.com,mx1.x.com}', '{t,NULL}', '{f,t}', '{NULL,jo.doe81}', '{NULL,NULL}', '{NULL,2}');
SELECT email_verify._learn_domains('{x.com}', '{NULL}', '{NULL}', '{f}', '{NULL}', '{t}', '{mx1.x.com mx2.x.com}', '{7}', '{3600}');
SELECT email_verify._learn_hosts('{x.com}', '{mx1.x.com}', '{NULL}', '{f}', '{jo.doe81}', '{NULL}', '{NULL}');
SELECT domain, mx_hosts, random_local, opt_out FROM email_verify.domain;
-- that nobody asked for a domain's wish says nothing of it
SELECT email_verify._learn_domains('{x.com}', '{NULL}', '{NULL}', '{f}', '{NULL}', '{NULL}', '{mx1.x.com mx2.x.com}', '{7}', '{3600}');
SELECT opt_out FROM email_verify.domain;
SELECT email_verify._learn_domains('{x.com}', '{NULL}', '{NULL}', '{f}', '{NULL}', '{f}', '{mx1.x.com mx2.x.com}', '{7}', '{3600}');
SELECT opt_out FROM email_verify.domain;
SELECT host, catch_all, catch_all_at IS NOT NULL AS tested, accepted_at IS NOT NULL AS accepted FROM email_verify.domain_host ORDER BY host;
UPDATE email_verify.queue SET due_at = now() - id * interval '1 s';
SELECT address, priority, crashes, attempts, put_backs, random_local, last_ip, hosts, catch_all, accepted, refusals, rcpt_limit
FROM email_verify._lease(ARRAY(SELECT id FROM email_verify._due(0::smallint, '-infinity', 0, now(), 2)) || 999999::bigint);
SELECT count(*) FROM email_verify._due(1::smallint, '-infinity', 0, now(), 10);
SELECT count(*) FROM email_verify._due(0::smallint, (SELECT max(due_at) FROM email_verify.queue), 99999, now(), 10) AS behind_the_last;
-- of each domain the rows behind a place of its own, and as many as are asked for
SELECT d.line, d.address FROM email_verify._due(0::smallint, '-infinity', 0, now(), 2) l, email_verify._due_of(0::smallint,
	ARRAY['y.com', 'x.com', 'nobody.com', 'X.com'], ARRAY['-infinity', l.due_at, '-infinity', '-infinity'], ARRAY[0, l.id, 0, 0], '{5,2,5,5}', now()) d
WHERE l.address = 'bulk@x.com';
SELECT email_verify._next_due(clock_timestamp());
-- a test that has ended forgets its made-up recipient
SELECT email_verify._learn_hosts('{x.com}', '{mx1.x.com}', '{f}', '{f}', '{NULL}', '{-42}', '{1}');
SELECT random_local FROM email_verify.domain;
-- a host's patience: as it was seen last, and for a day
SELECT host, catch_all, accepted_at IS NOT NULL AS accepted, rcpt_limit, rcpt_limit_at IS NOT NULL AS learned FROM email_verify.domain_host ORDER BY host;
SELECT DISTINCT hosts, rcpt_limit, rcpt_limit_age FROM email_verify._lease(ARRAY(SELECT id FROM email_verify.queue)) WHERE hosts IS NOT NULL;
UPDATE email_verify.domain_host SET rcpt_limit_at = now() - interval '24 hours';
SELECT DISTINCT hosts, rcpt_limit, rcpt_limit_age FROM email_verify._lease(ARRAY(SELECT id FROM email_verify.queue)) WHERE hosts IS NOT NULL;
ROLLBACK;

-- an attempt has patience of its own; whoever is asked for anew has all attempts before it
BEGIN;
INSERT INTO email_verify.queue (address, due_at, attempts, put_backs) VALUES ('p@x.com', now(), 2, 5);
SELECT c.address, c.reason, c.retry_at IS NOT NULL AS again FROM email_verify.queue q, LATERAL email_verify._complete(ARRAY[q.id], '{p@x.com}', '{unknown}',
	'{smtp_rate_limited}', '{rate}', '{f}', '{f}', '{60}', '{60}', '{60}', '{f}', '{rcpt}', '{421}', '{NULL}', '{NULL}', '{outcome.not_asked}',
	'{NULL}', '{NULL}', '{f}', '{1}', '{f}', '6 hours') c WHERE q.address = 'p@x.com';
SELECT attempts, put_backs, answered FROM email_verify.queue WHERE address = 'p@x.com';
UPDATE email_verify.queue SET put_backs = 3, second_look = true WHERE address = 'p@x.com';
SELECT email_verify.recheck('p@x.com');
SELECT attempts, put_backs, answered, second_look, due_at <= clock_timestamp() AS due FROM email_verify.queue WHERE address = 'p@x.com';

-- what must hold, and each way in which it may not
SELECT * FROM email_verify._invariants('{p@x.com,never@asked.com,no address}');
DELETE FROM email_verify.queue WHERE address = 'p@x.com';
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at) VALUES ('q@x.com', 'unknown', 'pending', now(), now(), now());
INSERT INTO email_verify.queue (address, due_at, attempts, answered) VALUES ('r@x.com', now(), 1, true);
INSERT INTO email_verify.inflight (ids) SELECT ARRAY[q.id, -1] FROM email_verify.queue q WHERE q.address = 'r@x.com';
SELECT * FROM email_verify._invariants() ORDER BY 1;
INSERT INTO email_verify.external_check (address, class) VALUES ('p@x.com', 'yahoo_api');
UPDATE email_verify.queue SET answered = false;
DELETE FROM email_verify.address WHERE reason = 'pending';
SELECT * FROM email_verify._invariants();
UPDATE email_verify.inflight SET ids = '{-1}';
SELECT invariant, violation ~ '^batch [0-9]+$' AS batch FROM email_verify._invariants();
ROLLBACK;

