-- what a crash has found under way, without the worker
\set VERBOSITY terse
BEGIN;
CREATE VIEW pg_temp.q AS SELECT address, crashes, attempts FROM email_verify.queue ORDER BY address;
CREATE FUNCTION pg_temp.crash(VARIADIC text[]) RETURNS TABLE (address text, verdict text, final boolean) LANGUAGE SQL AS $$
	SELECT s.address, concat_ws(' ', s.status, s.reason, s.detail), s.retry_at IS NULL
	FROM email_verify._suspect(ARRAY(SELECT q.id FROM email_verify.queue q WHERE q.address = ANY ($1)), 3) s ORDER BY 1
$$;
CREATE FUNCTION pg_temp.enqueue(text, newer_than timestamptz DEFAULT '-infinity') RETURNS text LANGUAGE SQL AS $$
	SELECT CASE WHEN e.queued THEN 'queued' ELSE concat_ws(' ', e.status, e.reason, e.detail, CASE WHEN e.asked_at >= $2 THEN 'new enough' END) END
	FROM email_verify._enqueue(ARRAY[$1], ARRAY[$2], ARRAY[now()], 0::smallint, true) e
$$;
CREATE FUNCTION pg_temp.lease(crashes int) RETURNS text LANGUAGE SQL AS $$
	SELECT CASE WHEN $1 = 0 THEN (SELECT string_agg(l.address, ' ') FROM email_verify._due(0::smallint, '-infinity', 0, now(), 10) l)
		ELSE (SELECT string_agg(l.address, ' ') FROM email_verify._suspects($1::smallint, 10) l) END
$$;
CREATE FUNCTION pg_temp.result(address text, reason text, put_back boolean) RETURNS bigint LANGUAGE SQL AS $$
	SELECT count(*)
	FROM email_verify._complete(ARRAY[(SELECT q.id FROM email_verify.queue q WHERE q.address = $1)], ARRAY[$1], '{unknown}',
		ARRAY[$2], '{NULL}', '{f}', ARRAY[$3], '{3600}', '{86400}', '{60}', '{t}', '{rcpt}', '{450}', '{NULL}', '{NULL}',
		'{NULL}', '{NULL}', '{NULL}', '{f}', '{1}', '{f}', '6 hours')
$$;
INSERT INTO email_verify.address (address, status, reason, checked_at, fresh_until, expires_at) VALUES
	('good@x.com', 'valid', 'smtp_deliverable', now() - interval '40 days', now() - interval '10 days', now() + interval '80 days'),
	('old@x.com', 'valid', 'smtp_deliverable', now() - interval '200 days', now() - interval '170 days', now() - interval '1 day');
INSERT INTO email_verify.queue (address, due_at) SELECT u || '@x.com', now() - interval '1 min' FROM unnest('{bad,good,old,other,beside}'::text[]) u;

-- a start finds what was under way, each row once and not what has had its answer, and takes it away; a question that has
-- moved a row meanwhile is no answer
INSERT INTO email_verify.queue (address, due_at, answered) VALUES ('later@x.com', clock_timestamp() + interval '1 s', true),
	('moved@x.com', clock_timestamp() + interval '1 s', false);
INSERT INTO email_verify.inflight (ids) SELECT array_agg(id) FROM email_verify.queue WHERE address <> 'beside@x.com';
INSERT INTO email_verify.inflight (ids) SELECT array_agg(id) || 999999 FROM email_verify.queue WHERE address = 'bad@x.com';
SELECT q.address FROM email_verify.queue q WHERE q.id = ANY ((SELECT email_verify._recover())::bigint[]) ORDER BY 1;
DELETE FROM email_verify.queue WHERE address IN ('later@x.com', 'moved@x.com');
SELECT cardinality(email_verify._recover()) AS again, count(*) AS left FROM email_verify.inflight;

-- each crash counts; how often decides with whom a row is leased
SELECT * FROM pg_temp.crash('bad@x.com', 'good@x.com', 'old@x.com', 'other@x.com');
SELECT pg_temp.lease(0) AS ordinary, pg_temp.lease(1) AS few, pg_temp.lease(2) AS alone;
SELECT * FROM pg_temp.crash('bad@x.com', 'good@x.com', 'old@x.com');
SELECT pg_temp.lease(0) AS ordinary, pg_temp.lease(1) AS few, pg_temp.lease(2) AS alone;

-- any answer is a sign of innocence, also one that puts a row off
SELECT pg_temp.result('other@x.com', 'smtp_greylisted', false);
SELECT pg_temp.result('old@x.com', 'smtp_rate_limited', true);
SELECT * FROM pg_temp.q;
UPDATE email_verify.queue SET crashes = 2 WHERE address = 'old@x.com';

-- the third time it is parked; a good verdict that has not expired is kept
SELECT * FROM pg_temp.crash('bad@x.com', 'good@x.com', 'old@x.com');
SELECT * FROM pg_temp.q;
SELECT address, status, reason, detail, fresh_until > now() + interval '1 day' AS fresh, fresh_until <= expires_at AS until_it_expires, retry_at IS NULL AS final
FROM email_verify.address ORDER BY 1;
SELECT address FROM email_verify.parked ORDER BY 1;
SELECT email_verify('bad@x.com'), email_verify('good@x.com');
SELECT step, stage, finding, evidence FROM email_explain('bad@x.com') WHERE stage IN ('verdict', 'queue', 'parked');
SELECT email_verify.export('bad@x.com') #>> '{parked,address}' AS exported;

-- nobody but recheck() puts it back, however new an answer is asked for, and not even when its old verdict has expired
SELECT pg_temp.enqueue('bad@x.com', now()), pg_temp.enqueue('good@x.com', now());
SELECT email_verify.enqueue('{bad@x.com,good@x.com,old@x.com}');
UPDATE email_verify.address SET expires_at = now() - interval '1 s', reply_text = 'said' WHERE address = 'good@x.com';
DELETE FROM email_verify.address WHERE address = 'old@x.com';
SELECT pg_temp.enqueue('good@x.com', now()), pg_temp.enqueue('old@x.com', now());
SELECT address, status, reason, detail, reply_text FROM email_verify.address WHERE detail = 'crash_suspect' ORDER BY 1;
SELECT email_verify.recheck('bad@x.com');
SELECT * FROM pg_temp.q;
SELECT pg_temp.enqueue('bad@x.com', now());
UPDATE email_verify.queue SET crashes = 2;
SELECT email_verify.recheck('bad@x.com'), crashes FROM email_verify.queue WHERE address = 'bad@x.com';
SELECT crashes FROM email_verify.queue WHERE address = 'bad@x.com';
SELECT address FROM email_verify.parked ORDER BY 1;
SELECT * FROM email_verify.forget('good@x.com');
SELECT address FROM email_verify.parked ORDER BY 1;

-- an orderly end takes its own batches away
DELETE FROM email_verify.inflight;
INSERT INTO email_verify.inflight (ids) VALUES ('{1}'), ('{2}'), ('{3}');
SELECT email_verify._leave(ARRAY(SELECT batch FROM email_verify.inflight WHERE ids <> '{2}'));
SELECT ids FROM email_verify.inflight;

-- a lease reads what it takes, however long the queue is, also when its statistics have never been gathered
INSERT INTO email_verify.queue (address, due_at) SELECT i || '@y.com', now() - interval '1 min' FROM generate_series(1, 5000) i;
SET LOCAL enable_seqscan = off;
SELECT pg_stat_get_xact_tuples_returned('email_verify.queue_due'::regclass) AS before \gset
SELECT count(*) FROM email_verify._due(0::smallint, '-infinity', 0, now(), 10);
SELECT pg_stat_get_xact_tuples_returned('email_verify.queue_due'::regclass) - :before < 100 AS little;
ROLLBACK;
