-- demo.sql
--	What script/demo shows.  The domains are those of test/world.

\set ON_ERROR_STOP 1
\pset pager off
\pset null ''

\echo '=== An extension, and a table with 60 addresses of all kinds'
\echo
\set ECHO queries

CREATE EXTENSION email_verify;

\set ECHO none
CREATE TABLE users (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	email text NOT NULL
);
INSERT INTO users (email) VALUES
	-- people who are there
	('ok1@ok.deliver.com'), ('user7@ok2.deliver.com'), ('john.doe@pfbox.com'), ('"john.doe"@pfbox.com'),
	('ok2@pftls.com'), ('ok1@acme-workspace.com'), ('ok3@corp042.com'), ('ok1@heloonly.deliver.com'),
	('ok1@bücher-post.com'), ('jörg@eai.deliver.com'),
	-- and who are not
	('nobody@ok.deliver.com'), ('no.such.user@pfbox.com'), ('nosuch@acme-workspace.com'),
	('nobody@acme-m365.com'), ('ghost@acme-mimecast.com'), ('moved1@ok.deliver.com'), ('nobody@weak.deliver.com'),
	-- domains that are not there, or take no mail
	('bob@gmial.com'), ('ann@no-such-domain.com'), ('ok1@nullmx.deliver.com'), ('ok1@noaddr.deliver.com'),
	('ok1@mxnxall.deliver.com'), ('ok1@pfrelay.com'),
	-- no addresses at all
	('no at sign'), ('ann@acme'), ('two@@pfbox.com'), ('.dot@pfbox.com'), ('ann@-bad-.com'),
	-- throw-away addresses
	('x@mailinator.com'), ('y@guerrillamail.com'),
	-- an office, not a person
	('info@pfbox.com'), ('sales@ok.deliver.com'), ('postmaster@ok.deliver.com'),
	-- servers that accept everything
	('anything@catchall.deliver.com'), ('whoever@pfcatch.com'), ('ann@acme-mimecastall.com'),
	('ann@acme-m365relay.com'), ('bob@acme-cloudflare.com'), ('bob@naver.com'),
	-- servers that say "later" to a stranger
	('ok1@grey.deliver.com'), ('ok1@pfgrey.com'), ('grey1@acme-proofpoint.com'),
	-- mailboxes with a story
	('full1@ok.deliver.com'), ('full@acme-workspace.com'), ('dis1@pfbox.com'), ('list1@ok.deliver.com'),
	-- those who do not tell
	('ann@yahoo.com'), ('bob@hotmail.com'), ('carl@docomo.ne.jp'), ('ok1@r252.deliver.com'),
	-- those who do not like us
	('ok1@greet554.deliver.com'), ('ok1@pfrbl.com'), ('ok1@badsender.deliver.com'), ('ok1@rate.deliver.com'),
	-- trouble on the way
	('ok1@servfail.deliver.com'), ('ok1@alldead.deliver.com'), ('ok1@nobanner.deliver.com'),
	('ok1@silent.deliver.com'), ('ok1@garbage.deliver.com'), ('ok1@tlsbroken.deliver.com');
\echo
\echo '=== One word each, at once: what needs no network is answered, the rest is queued'
\echo
\set ECHO queries

SELECT email, email_verify(email) FROM users;

\set ECHO none
\echo
\echo '=== Wait for the rest, and look at the whole verdicts'
\echo
\set ECHO queries

SELECT email_verify.wait('60 s') AS still_pending;

SELECT u.email, v.status, v.reason, v.detail FROM users u, email_verdict(u.email) v ORDER BY u.id;

\set ECHO none
\echo
\echo '=== In sum'
\echo
\set ECHO queries

SELECT v.status, v.reason, count(*)
	FROM users u, email_verdict(u.email) v GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2;

\set ECHO none
\echo
\echo '=== A little later: those who said "later" to a stranger have been asked again'
\echo
SELECT pg_sleep(8) \g /dev/null
\set ECHO queries

SELECT u.email, v.status, v.reason, v.detail FROM users u, email_verdict(u.email) v
	WHERE u.email IN ('ok1@grey.deliver.com', 'ok1@pfgrey.com', 'grey1@acme-proofpoint.com') ORDER BY u.id;

\set ECHO none
\echo
\echo '=== Why?'
\echo
\set ECHO queries

SELECT stage, finding, evidence FROM email_explain('no.such.user@pfbox.com') ORDER BY step;

SELECT stage, finding, evidence FROM email_explain('ok1@pfrbl.com') ORDER BY step;
