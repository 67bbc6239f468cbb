CREATE ROLE regress_email_nobody;

-- what the functions promise to the planner, and who may call them
SELECT p.oid::regprocedure AS function, p.provolatile AS volatile, p.proisstrict AS strict, p.proparallel AS parallel,
	p.procost AS cost, p.prosecdef AS definer,
	has_function_privilege('regress_email_nobody', p.oid, 'EXECUTE') AS public
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid
WHERE e.extname = 'email_verify'
ORDER BY p.oid::regprocedure::text COLLATE "C";

SELECT c.oid::regclass AS relation, c.relkind AS kind, has_table_privilege('regress_email_nobody', c.oid, 'SELECT') AS public_reads,
	has_table_privilege('regress_email_nobody', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') AS public_writes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'email_verify' AND c.relkind IN ('r', 'v', 'S')
ORDER BY c.oid::regclass::text COLLATE "C";

SELECT has_schema_privilege('regress_email_nobody', 'email_verify', 'USAGE') AS usage,
	has_schema_privilege('regress_email_nobody', 'email_verify', 'CREATE') AS create;

-- what pg_monitor may besides: see the statistics
SELECT p.oid::regprocedure AS monitor_calls
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'email_verify')
	AND has_function_privilege('pg_monitor', p.oid, 'EXECUTE') AND NOT has_function_privilege('regress_email_nobody', p.oid, 'EXECUTE')
ORDER BY 1;
SELECT c.oid::regclass AS monitor_reads, has_table_privilege('pg_monitor', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes
FROM pg_class c
WHERE c.relnamespace = 'email_verify'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege('pg_monitor', c.oid, 'SELECT')
	AND NOT has_table_privilege('regress_email_nobody', c.oid, 'SELECT')
ORDER BY c.oid::regclass::text COLLATE "C";
SET ROLE pg_monitor;
SELECT worker IS NOT NULL AS worker, cardinality(gates) > 0 AS gates FROM email_verify.stat;
SELECT count(*) >= 0 AS readable FROM email_verify.stat_cluster;
SELECT email_verify.stat_reset();
RESET ROLE;
DROP ROLE regress_email_nobody;

-- the columns of the statistics, in order: applications read them
SELECT attrelid::regclass AS view, string_agg(attname || ' ' || format_type(atttypid, atttypmod), E'\n' ORDER BY attnum) AS columns
FROM pg_attribute
WHERE attrelid IN ('email_verify.stat'::regclass, 'email_verify.stat_cluster'::regclass, 'email_verify.gate'::regclass,
	'email_verify.stat_gate'::regclass, 'email_verify.stat_resolver'::regclass) AND attnum > 0
GROUP BY attrelid ORDER BY attrelid::regclass::text COLLATE "C";

-- each gate has words for whoever meets it
SELECT gate FROM email_verify.gate WHERE gate !~ '^[a-z_]+$' OR description = '' OR advice !~ '\.$';
SELECT string_agg(gate, ' ') AS gates FROM email_verify.gate;
SELECT g.gate AS no_detail_of_a_question FROM email_verify.gate g
WHERE NOT EXISTS (SELECT FROM email_verify.detail d WHERE d.detail = g.gate)
ORDER BY 1;

-- everything has a comment that a user meets
SELECT p.oid::regprocedure AS without_comment
FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
WHERE p.proname !~ '^_' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'email_verify')
	AND obj_description(p.oid, 'pg_proc') IS NULL;

-- settings are known from the first call of a function on
SELECT email_syntax_ok('');
SELECT name, context, unit, boot_val, min_val, max_val FROM pg_settings
WHERE name LIKE 'email\_verify.%' AND context <> 'postmaster' ORDER BY name; -- those are there with preload alone

-- a role without rights
CREATE ROLE regress_email_user;
GRANT CREATE ON SCHEMA public TO regress_email_user;
SET ROLE regress_email_user;
SELECT email_syntax_ok('ann@example.com');
SELECT email_verify('ann@example.com');
SELECT email_verdict('ann@example.com');
SELECT email_verify.wait();
SELECT * FROM email_verify.address;
RESET ROLE;
GRANT EXECUTE ON FUNCTION email_verify TO regress_email_user;
SET ROLE regress_email_user;
SELECT email_verify('ann@example.com');
RESET ROLE;
REVOKE ALL ON FUNCTION email_verify FROM regress_email_user;
REVOKE ALL ON SCHEMA public FROM regress_email_user;
DROP ROLE regress_email_user;

-- a schema of that name that is not ours is never adopted
\set home :DBNAME
CREATE DATABASE regress_email_verify;
\c regress_email_verify
CREATE SCHEMA email_verify;
-- version 18 adds where in the script it was
\set SHOW_CONTEXT never
CREATE EXTENSION email_verify;
\set SHOW_CONTEXT errors
DROP SCHEMA email_verify;
\set QUIET on
SET client_min_messages = warning;
-- what others have put into the schema it goes to does not get into its functions
CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION public.concat_ws(text, text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION public.make_interval(integer) RETURNS interval LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE EXTENSION email_verify SCHEMA public;
SELECT email_verify.enqueue('{ann@deliver.com}');
SELECT stage, finding FROM email_explain('ann@deliver.com');
SELECT DISTINCT r.refobjid::regprocedure AS captured
FROM pg_depend d JOIN pg_depend r ON r.objid = d.objid AND r.classid = 'pg_proc'::regclass
WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'email_verify')
	AND r.refclassid = 'pg_proc'::regclass AND r.refobjid::regprocedure::text ~ 'unnest|concat_ws|make_interval';
DROP EXTENSION email_verify;
SELECT nspname FROM pg_namespace WHERE nspname = 'email_verify';
\c :home
DROP DATABASE regress_email_verify;
