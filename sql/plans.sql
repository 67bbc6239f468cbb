-- statements of the worker that must not compare all of their rows with all: their plans, as an SQL function has them (the values are not known)
\set VERBOSITY terse
BEGIN;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;
-- the body of a function, run with these arguments
CREATE FUNCTION pg_temp.plan(f regproc, VARIADIC arguments text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	body text := regexp_replace(pg_get_function_sqlbody(f), '^BEGIN ATOMIC|;\s*END$', '', 'g');
	types text;
	plan json;
BEGIN
	SELECT string_agg(format_type(t.type, NULL), ',' ORDER BY t.n) INTO types FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY AS t (type, n) WHERE p.oid = f;
	FOR i IN 1 .. cardinality(arguments) LOOP
		body := regexp_replace(body, '\m' || split_part(f::text, '.', 2) || '\.' || (SELECT p.proargnames[i] FROM pg_proc p WHERE p.oid = f) || '\M', '$' || i, 'g');
	END LOOP;
	EXECUTE format('PREPARE body (%s) AS %s', types, body);
	EXECUTE format('EXPLAIN (ANALYZE, TIMING off, FORMAT json) EXECUTE body (%s)', (SELECT string_agg(quote_nullable(a), ',' ORDER BY n) FROM unnest(arguments) WITH ORDINALITY AS a (a, n))) INTO plan;
	DEALLOCATE body;
	RETURN plan;
END $$;
CREATE FUNCTION pg_temp.compared(plan jsonb) RETURNS numeric LANGUAGE SQL AS $$
	SELECT coalesce(sum(n::numeric * loops::numeric), 0) FROM jsonb_path_query($1, '$.**?(exists(@."Rows Removed by Join Filter"))') AS node,
		LATERAL (SELECT node ->> 'Rows Removed by Join Filter' AS n, node ->> 'Actual Loops' AS loops) f
$$;
CREATE FUNCTION pg_temp.complete(n int) RETURNS jsonb LANGUAGE SQL AS $$
	SELECT pg_temp.plan('email_verify._complete', array_agg(q.id)::text, array_agg(q.address)::text, array_fill('valid'::text, ARRAY[n])::text,
		array_fill('smtp_deliverable'::text, ARRAY[n])::text, '{}', array_fill(true, ARRAY[n])::text, array_fill(false, ARRAY[n])::text,
		array_fill(60, ARRAY[n])::text, array_fill(60, ARRAY[n])::text, '{}', array_fill(true, ARRAY[n])::text, '{}', '{}', '{}', '{}', '{}', '{}', '{}',
		array_fill(false, ARRAY[n])::text, '{}', array_fill(false, ARRAY[n])::text, '6 h')
	FROM email_verify.queue q
$$;
-- once as rows of address are new, once as they are there
INSERT INTO email_verify.queue (address, due_at) SELECT 'u' || i || '@d' || i % 7 || '.com', now() FROM generate_series(1, 500) i;
SELECT pg_temp.compared(pg_temp.complete(500)) < 2000 AS little;
SELECT (SELECT sum(probes) FROM email_verify.address) AS stored, (SELECT count(*) FROM email_verify.queue) AS queued;
INSERT INTO email_verify.queue (address, due_at) SELECT 'u' || i || '@d' || i % 7 || '.com', now() FROM generate_series(1, 500) i;
SELECT pg_temp.compared(pg_temp.complete(500)) < 2000 AS little;
SELECT (SELECT sum(probes) FROM email_verify.address) AS stored, (SELECT count(*) FROM email_verify.queue) AS queued;
ROLLBACK;
