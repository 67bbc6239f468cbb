/* email_verify--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION email_verify" to load this file. \quit

-- Names in here mean what they mean in pg_catalog, whatever somebody has put into the schema that this goes to.
SET LOCAL search_path = pg_catalog, pg_temp;

-- What one operates lives in a schema of its own, functions that an application calls in the extension's schema.
-- A schema of that name that is not ours makes this fail, and shall: it is never adopted.
CREATE SCHEMA email_verify;

-- ---------------------------------------------------------------------------------------------------
-- Types.  The labels are those of src/engine/reason.def, in its order; a test compares them.
-- ---------------------------------------------------------------------------------------------------

CREATE TYPE email_verify.verification_status AS ENUM (
	'valid',
	'invalid',
	'risky',
	'catchall',
	'unknown',
	'role',
	'disposable'
);

CREATE TYPE email_verify.verification_reason AS ENUM (
	'smtp_deliverable',
	'host_not_found',
	'invalid_syntax',
	'mailbox_moved',
	'mailbox_not_found',
	'no_mx_records',
	'relay_denied',
	'smtputf8_unsupported',
	'spf_reject_all',
	'suppressed',
	'mx_only_verification_semaphore_timeout',
	'possible_spam_trap',
	'recipient_restricted',
	'bucket_default_skip_smtp_catchall',
	'catch_all_deliverable',
	'catch_all_domain',
	'catch_all_inferred',
	'forwarding_alias',
	'gateway_accept_all',
	'm365_internal_relay',
	'region_consumer_accept_all',
	'bucket_default_skip_smtp_unknown',
	'carrier_blocked',
	'catch_all_inconclusive',
	'dns_lookup_error',
	'dns_timeout',
	'google_dmarc_misalignment',
	'google_rate_limit',
	'internal_verifier_error',
	'm365_ip_rep_block',
	'mailbox_disabled',
	'mailbox_full',
	'message_rejected',
	'mimecast_greylist',
	'pending',
	'policy_temp_fail',
	'proofpoint_ad_lookup',
	'rate_limited',
	'sender_rejected',
	'smtp_blocked',
	'smtp_connection_failed',
	'smtp_eof_blocked',
	'smtp_greylisted',
	'smtp_protocol_error',
	'smtp_rate_limited',
	'smtp_timeout',
	'smtp_unverifiable',
	'yahoo_api_eof',
	'yahoo_api_error',
	'yahoo_api_not_deliverable',
	'yahoo_api_unavailable',
	'yahoo_api_unavailable_after_fallback',
	'yahoo_api_verified',
	'disposable_domain'
);

CREATE TYPE email_verify.verdict AS (
	status email_verify.verification_status,
	reason email_verify.verification_reason,
	detail text,
	retryable boolean,
	checked_at timestamptz,
	retry_at timestamptz,
	stale boolean
);

-- What email_syntax() says of a text.  New attributes are only appended.
CREATE TYPE email_verify.syntax AS (
	ok boolean,
	diagnosis text,
	category text,
	level text,
	char_position integer,
	byte_position integer,
	local_part text,
	domain text,
	quoted boolean,
	eai boolean,
	idn boolean,
	literal boolean,
	comment boolean,
	obsolete boolean,
	carrier_legacy boolean,
	special_use boolean
);

-- ---------------------------------------------------------------------------------------------------
-- Tables.  The worker is the only writer of address, domain and domain_host.
--
-- What a probe changes in these three is in no index, and pages have room for the new version of a row, so that an update
-- touches neither (HOT).  VACUUM does not cut the end off tables, since that locks them: nobody could be answered meanwhile.
-- Rows of queue and inflight do not live long: they are vacuumed by the number of dead ones, and not for being new.
-- ---------------------------------------------------------------------------------------------------

CREATE TABLE email_verify.address (
	address text COLLATE "C" PRIMARY KEY,
	status email_verify.verification_status NOT NULL,
	reason email_verify.verification_reason NOT NULL,
	detail text,
	checked_at timestamptz NOT NULL,
	fresh_until timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	retry_at timestamptz,
	asked_at timestamptz,
	suspect_since timestamptz,
	probes integer NOT NULL DEFAULT 0,
	stage text,
	reply_code smallint,
	enhanced_status text,
	reply_text text,
	rule text,
	mx_host text,
	mx_address inet,
	tls boolean,
	mx_fingerprint bigint,
	reports jsonb,
	facts jsonb,
	CONSTRAINT address_finite CHECK (pg_catalog.isfinite(checked_at) AND pg_catalog.isfinite(fresh_until) AND pg_catalog.isfinite(expires_at)
		AND pg_catalog.isfinite(retry_at) AND pg_catalog.isfinite(asked_at) AND pg_catalog.isfinite(suspect_since)),
	CONSTRAINT address_probes CHECK (probes BETWEEN 0 AND 1000000000),
	CONSTRAINT address_reports CHECK (pg_catalog.jsonb_typeof(reports) = 'object'),
	CONSTRAINT address_facts CHECK (pg_catalog.jsonb_typeof(facts) = 'object')
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.05);

-- look-ups are by hash, upserts by the primary key
CREATE INDEX address_lookup ON email_verify.address USING hash (address);

COMMENT ON TABLE email_verify.address IS 'the latest verdict of each address and what it stands on';
COMMENT ON COLUMN email_verify.address.asked_at IS
	'when it was last asked for, if the answer did not replace this verdict; else NULL, and checked_at says it';
COMMENT ON COLUMN email_verify.address.reports IS
	'what email_verify.feedback() was told of it: the last report of each kind, and the last that nobody vouches for';
COMMENT ON COLUMN email_verify.address.facts IS 'what the external checker whose verdict this is has submitted besides';

CREATE TABLE email_verify.domain (
	domain text COLLATE "C" PRIMARY KEY,
	reason email_verify.verification_reason,
	detail text,
	implicit_mx boolean NOT NULL,
	spf text,
	opt_out boolean,
	mx_hosts text[],
	mx_fingerprint bigint,
	checked_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	random_local text,
	CONSTRAINT domain_finite CHECK (pg_catalog.isfinite(checked_at) AND pg_catalog.isfinite(expires_at)),
	CONSTRAINT domain_random_local CHECK (random_local ~ '^[A-Za-z0-9._+-]{1,31}$')
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.05);

COMMENT ON TABLE email_verify.domain IS 'what DNS says about each domain';
COMMENT ON COLUMN email_verify.domain.reason IS 'why the domain takes no mail, or NULL when it does';
COMMENT ON COLUMN email_verify.domain.opt_out IS 'does it ask not to be probed? NULL: nobody has wanted to';
COMMENT ON COLUMN email_verify.domain.random_local IS
	'made-up recipient of a catch-all test that has not ended: grey-lists want to see the same again';

CREATE TABLE email_verify.domain_host (
	domain text COLLATE "C" NOT NULL,
	host text COLLATE "C" NOT NULL,
	catch_all boolean,
	catch_all_at timestamptz,
	refusal bigint,
	accepted_at timestamptz,
	rcpt_limit integer,
	rcpt_limit_at timestamptz,
	CONSTRAINT domain_host_finite CHECK (pg_catalog.isfinite(catch_all_at) AND pg_catalog.isfinite(accepted_at)
		AND pg_catalog.isfinite(rcpt_limit_at)),
	PRIMARY KEY (domain, host)
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.05);

COMMENT ON TABLE email_verify.domain_host IS
	'what is known of a mail server as the host of a domain: what it does with made-up recipients, and its patience';
COMMENT ON COLUMN email_verify.domain_host.catch_all IS
	'true: accepts made-up recipients; false: refuses them; NULL: not known';
COMMENT ON COLUMN email_verify.domain_host.refusal IS
	'the words in which a made-up recipient was refused, as a number: a refusal in other words means something else there';
COMMENT ON COLUMN email_verify.domain_host.accepted_at IS 'when it last accepted a real recipient';
COMMENT ON COLUMN email_verify.domain_host.rcpt_limit IS
	'it ends sessions early: this many recipients are asked for in one, for a day from rcpt_limit_at on; NULL: not known';
COMMENT ON COLUMN email_verify.domain_host.rcpt_limit_at IS 'when that was learned';

-- priority 0: somebody asked just now; 1: lists and refreshes
CREATE TABLE email_verify.queue (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	address text COLLATE "C" NOT NULL UNIQUE CHECK (pg_catalog.octet_length(address) < 319),
	domain text COLLATE "C" NOT NULL GENERATED ALWAYS AS (pg_catalog.split_part(address, '@', -1)) STORED,
	priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 1),
	due_at timestamptz NOT NULL CHECK (pg_catalog.isfinite(due_at)),
	attempts integer NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 1000000000),
	put_backs integer NOT NULL DEFAULT 0 CHECK (put_backs BETWEEN 0 AND 1000000000),
	answered boolean NOT NULL DEFAULT false,
	second_look boolean NOT NULL DEFAULT false,
	crashes smallint NOT NULL DEFAULT 0 CHECK (crashes BETWEEN 0 AND 4),
	queued_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp() CHECK (pg_catalog.isfinite(queued_at))
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_threshold = -1);

-- One index for each search, so that none has to pass over what is for another, or to guess how much that is: what is due, what of a
-- domain is due, and what a crash has found under way.
CREATE INDEX queue_due ON email_verify.queue (priority, due_at, id) WHERE crashes = 0;
CREATE INDEX queue_domain ON email_verify.queue (domain, priority, due_at, id) WHERE crashes = 0;
CREATE INDEX queue_suspect ON email_verify.queue (crashes, priority, id) WHERE crashes > 0;

-- Addresses of statements that asked for more than can be queued one by one in time: many in a row, as they came.  The worker
-- moves them to the queue when nothing else waits for that.
CREATE TABLE email_verify.spool (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	n integer NOT NULL CHECK (n BETWEEN 1 AND 1000),
	addresses text[] COLLATE "C" NOT NULL,
	newer_than timestamptz[] NOT NULL,
	pushed_at timestamptz[] NOT NULL,
	CONSTRAINT spool_n CHECK (pg_catalog.cardinality(addresses) = n AND pg_catalog.cardinality(newer_than) = n
		AND pg_catalog.cardinality(pushed_at) = n)
) WITH (vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_insert_threshold = -1);

-- pressing them would take longer than writing them
ALTER TABLE email_verify.spool ALTER addresses SET STORAGE EXTERNAL, ALTER newer_than SET STORAGE EXTERNAL, ALTER pushed_at SET STORAGE EXTERNAL;

COMMENT ON TABLE email_verify.spool IS 'addresses on their way into the queue, many in a row: of statements that asked for very many';
COMMENT ON COLUMN email_verify.spool.n IS 'how many addresses';
COMMENT ON COLUMN email_verify.spool.addresses IS 'empty where one was forgotten';

COMMENT ON TABLE email_verify.queue IS 'addresses to be verified, and to be asked for again';
COMMENT ON COLUMN email_verify.queue.queued_at IS 'when somebody asked for it';
COMMENT ON COLUMN email_verify.queue.second_look IS 'a refusal was heard that counts once it has been heard twice';
COMMENT ON COLUMN email_verify.queue.answered IS 'there is a first verdict; this row is about another look';
COMMENT ON COLUMN email_verify.queue.crashes IS 'crashes in a row that found it being probed: 1 is probed among few, from 2 on alone, with 3 it is parked, or with 4 if they may have had reasons outside';

-- What the worker is probing just now.  A worker that ends in order takes its rows away, so rows that a start finds here
-- were under way in a crash.
CREATE TABLE email_verify.inflight (
	batch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ids bigint[] NOT NULL,
	started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
) WITH (vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 200, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 500,
	autovacuum_vacuum_insert_threshold = -1);

-- Addresses that are not probed any more, since that has ended the prober too often, or their results cannot be stored.
CREATE TABLE email_verify.parked (
	address text COLLATE "C" PRIMARY KEY,
	queue_id bigint NOT NULL,
	parked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp() CHECK (pg_catalog.isfinite(parked_at)),
	fault text
);

COMMENT ON TABLE email_verify.parked IS
	'addresses under way in three crashes, the last time alone, or whose results cannot be stored: not probed before email_verify.recheck() is called for them';
COMMENT ON COLUMN email_verify.parked.queue_id IS 'the number by which the server log names it';
COMMENT ON COLUMN email_verify.parked.fault IS 'why its result cannot be stored; NULL: crashes';

-- The site's own word on addresses and domains.
CREATE TYPE email_verify.override_action AS ENUM (
	'valid', 'invalid', 'suppressed', 'disposable', 'not_disposable', 'role', 'not_role', 'free', 'not_free', 'trap',
	'not_trap', 'never_probe'
);

CREATE TABLE email_verify.override (
	pattern text COLLATE "C" NOT NULL,
	action email_verify.override_action NOT NULL,
	note text,
	until timestamptz,
	kind text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
		CASE
			WHEN pattern LIKE 'hmac:%' THEN 'hashed'
			WHEN pattern LIKE '@.%' THEN 'parent'
			WHEN pattern LIKE '@%' THEN 'domain'
			WHEN pattern LIKE '%@' THEN 'local'
			ELSE 'address'
		END) STORED,
	PRIMARY KEY (pattern, action)
) WITH (vacuum_truncate = off); -- that locks it for a moment, in which nobody could be answered

-- one pattern gives one verdict; the other actions are facets that go with any
CREATE UNIQUE INDEX override_verdict ON email_verify.override (pattern)
	WHERE action IN ('valid', 'invalid', 'suppressed', 'disposable', 'trap', 'never_probe');
CREATE INDEX override_lookup ON email_verify.override USING hash (pattern);
CREATE INDEX override_kind ON email_verify.override (kind);

COMMENT ON TABLE email_verify.override IS 'the site''s own word on addresses and domains; edit it freely';
COMMENT ON COLUMN email_verify.override.pattern IS
	'user@host, @host, @.host (all its subdomains), user@, or what email_verify.hmac() makes of one of these';
COMMENT ON COLUMN email_verify.override.note IS
	'free text; complaint, unsubscribed or known_invalid becomes the detail of a suppressed address';

-- The site's own word on mail servers.  A column that is NULL says nothing: the built-in value counts.
CREATE TABLE email_verify.mx_policy (
	mx text COLLATE "C" PRIMARY KEY,
	probe boolean,
	trap boolean,
	trust_accept boolean,
	trust_reject boolean,
	needs_control boolean,
	catch_all_test boolean,
	rcpt_per_transaction integer CHECK (rcpt_per_transaction BETWEEN 1 AND 100),
	rcpt_per_session integer CHECK (rcpt_per_session BETWEEN 1 AND 1000),
	note text,
	checker text COLLATE "C" CHECK (checker ~ '^[a-z][a-z0-9_]{0,31}$'),
	CONSTRAINT mx_policy_no_probe_of_trap CHECK (NOT (probe AND trap))
);

COMMENT ON TABLE email_verify.mx_policy IS
	'the site''s own word on mail servers; edit it freely. NULL: as built in';
COMMENT ON COLUMN email_verify.mx_policy.mx IS
	'host name of mail servers, or the end of it: example.com is that host and all below it; the longest that fits counts';
COMMENT ON COLUMN email_verify.mx_policy.probe IS
	'false: never connect to these hosts; true: connect, although they are known to serve parked names';
COMMENT ON COLUMN email_verify.mx_policy.trap IS
	'true: these hosts collect mail for spam traps: no domain that names one of them is connected to; false: they are not even parking';
COMMENT ON COLUMN email_verify.mx_policy.trust_accept IS
	'does a 250 say that the mailbox exists, where made-up recipients are refused?';
COMMENT ON COLUMN email_verify.mx_policy.trust_reject IS
	'does a 5xx about the mailbox say that it does not exist?';
COMMENT ON COLUMN email_verify.mx_policy.checker IS
	'class of external checkers that are asked for addresses there which SMTP cannot decide: a name of the site''s choice, or yahoo_api';
COMMENT ON COLUMN email_verify.mx_policy.needs_control IS
	'true: a 5xx about the mailbox counts only if the host has accepted another recipient within a day';
COMMENT ON COLUMN email_verify.mx_policy.catch_all_test IS
	'false: nobody made up is asked for, and who is accepted is bucket_default_skip_smtp_catchall';

-- Addresses that SMTP could not decide and that external checkers are to ask a service of their own about.  due_at: not to be
-- claimed before; while claimed, the end of the claim.
CREATE TABLE email_verify.external_check (
	address text COLLATE "C" PRIMARY KEY,
	class text COLLATE "C" NOT NULL,
	queued_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	due_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	claimed_by name,
	claims integer NOT NULL DEFAULT 0 CHECK (claims BETWEEN 0 AND 1000000000),
	submitted_at timestamptz,
	attempts smallint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 1000),
	CONSTRAINT external_check_finite CHECK (pg_catalog.isfinite(queued_at) AND pg_catalog.isfinite(due_at))
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_threshold = -1);

CREATE INDEX external_check_free ON email_verify.external_check (class, due_at, address) WHERE submitted_at IS NULL;
CREATE INDEX external_check_old ON email_verify.external_check (due_at) WHERE submitted_at IS NULL;

COMMENT ON TABLE email_verify.external_check IS 'addresses for email_verify.claim(); see mx_policy.checker';
COMMENT ON COLUMN email_verify.external_check.due_at IS 'when it can be claimed, or claimed again if nothing was submitted';
COMMENT ON COLUMN email_verify.external_check.submitted_at IS 'when a result was submitted that the worker has yet to store';
COMMENT ON COLUMN email_verify.external_check.attempts IS 'results so far that another attempt may improve on';

-- The site's own rules for replies of mail servers: of those that fit the one with the lowest id decides, before the shipped
-- ones.  The trigger says what is wrong with a row.
CREATE TABLE email_verify.reply_rule (
	id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	stage text COLLATE "C" DEFAULT 'rcpt',
	code text COLLATE "C",
	enhanced text COLLATE "C",
	provider text COLLATE "C",
	mx text COLLATE "C",
	pattern text COLLATE "C",
	reason email_verify.verification_reason NOT NULL,
	detail text COLLATE "C",
	note text,
	until timestamptz
);

COMMENT ON TABLE email_verify.reply_rule IS
	'the site''s own rules for replies of mail servers; edit it freely. NULL: fits everything';
COMMENT ON COLUMN email_verify.reply_rule.id IS 'the lowest that fits decides; the verdict''s rule is site:ID';
COMMENT ON COLUMN email_verify.reply_rule.stage IS 'greeting, ehlo, mail or rcpt; NULL: all of them';
COMMENT ON COLUMN email_verify.reply_rule.code IS 'the first digits of the reply code: 5, 55 or 550';
COMMENT ON COLUMN email_verify.reply_rule.enhanced IS 'enhanced status code: 5.1.1, X.1.1, 5.1.X';
COMMENT ON COLUMN email_verify.reply_rule.provider IS 'who runs the mail server, as email_provider() says it';
COMMENT ON COLUMN email_verify.reply_rule.mx IS 'host name of mail servers, or the end of it: example.com is that host and all below it';
COMMENT ON COLUMN email_verify.reply_rule.pattern IS
	'words of the reply: | between alternatives, * for up to 60 characters, @ for what is masked, a space also for - and _';
COMMENT ON COLUMN email_verify.reply_rule.detail IS 'a word of view detail; NULL: site_rule';

-- The site's own senders of events, which are asked before the shipped ones; see event_format.h for paths and patterns.
CREATE FUNCTION email_verify._event_format_ok(name text, marks text, each text, recipient text, type text, code text, enhanced text,
	diagnostic text, remote_mta text, stage text, late text, "time" text, types jsonb) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_event_format_ok' LANGUAGE C IMMUTABLE PARALLEL SAFE;

CREATE TABLE email_verify.event_format (
	name text COLLATE "C" PRIMARY KEY CHECK (name OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_]{0,39}$'),
	marks text COLLATE "C" NOT NULL,
	each text COLLATE "C",
	recipient text COLLATE "C" NOT NULL,
	type text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(type) OPERATOR(pg_catalog.<=) 200),
	code text COLLATE "C",
	enhanced text COLLATE "C",
	diagnostic text COLLATE "C",
	remote_mta text COLLATE "C",
	stage text COLLATE "C",
	late text COLLATE "C",
	"time" text COLLATE "C",
	types jsonb NOT NULL,
	note text,
	CHECK (email_verify._event_format_ok(name, marks, each, recipient, type, code, enhanced, diagnostic, remote_mta, stage, late,
		"time", types))
);

COMMENT ON TABLE email_verify.event_format IS
	'the site''s own senders of JSON events: how an event is recognised and where in it stands what; edit it freely. doc/events.md';
COMMENT ON COLUMN email_verify.event_format.name IS 'what column format says of its events';
COMMENT ON COLUMN email_verify.event_format.marks IS 'conditions that all hold for its events alone: key, a.key, key=pattern, key#; | for or';
COMMENT ON COLUMN email_verify.event_format.each IS 'path to the parts that tell of one recipient each; NULL: the object itself';
COMMENT ON COLUMN email_verify.event_format.recipient IS 'path to the address; | for or';
COMMENT ON COLUMN email_verify.event_format.type IS 'paths divided by blanks to what tells what happened; types has their values, joined by /';
COMMENT ON COLUMN email_verify.event_format.code IS 'path to the reply code, for when the text has none';
COMMENT ON COLUMN email_verify.event_format.enhanced IS 'path to the enhanced status code';
COMMENT ON COLUMN email_verify.event_format.diagnostic IS 'path to what a server said; ~ in front: prose of the sender, which is not judged';
COMMENT ON COLUMN email_verify.event_format.remote_mta IS 'path to the host that said it';
COMMENT ON COLUMN email_verify.event_format.stage IS 'path to the command that it was said to';
COMMENT ON COLUMN email_verify.event_format.late IS 'conditions for a message that had been accepted and came back';
COMMENT ON COLUMN email_verify.event_format."time" IS 'path to when it happened';
COMMENT ON COLUMN email_verify.event_format.types IS
	'patterns of values and what they mean: an outcome, a cause, or both; the pattern with most letters decides';

-- The secret behind hmac(): at most one row, made when it is first needed.
CREATE TABLE email_verify.site_key (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	key bytea NOT NULL CHECK (pg_catalog.length(key) = 32)
);

-- Addresses that were forgotten, for as long as an answer about them may be under way.
CREATE TABLE email_verify.tombstone (
	hmac text COLLATE "C" PRIMARY KEY,
	at timestamptz NOT NULL CHECK (pg_catalog.isfinite(at))
);

-- Where the walk is that deletes what has been expired for long: one row.
CREATE TABLE email_verify.upkeep (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	place text CHECK (place IN ('address', 'domain', 'domain_host', 'tombstone', 'command')),
	after text[] COLLATE "C",
	started_at timestamptz,
	ended_at timestamptz,
	looked_at bigint NOT NULL DEFAULT 0,
	deleted bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, vacuum_truncate = off, toast.vacuum_truncate = off);

INSERT INTO email_verify.upkeep (ended_at) VALUES (now());

COMMENT ON TABLE email_verify.upkeep IS 'the walk that deletes what has been expired for longer than email_verify.retention';
COMMENT ON COLUMN email_verify.upkeep.place IS 'the table it is in; NULL: none is under way';
COMMENT ON COLUMN email_verify.upkeep.after IS 'the key of the last row it has looked at there';
COMMENT ON COLUMN email_verify.upkeep.looked_at IS 'rows that this walk, or the last one, has looked at';
COMMENT ON COLUMN email_verify.upkeep.deleted IS '... and deleted';

-- What sessions ask the worker to do with tables that it alone writes.  Their transactions insert rows, the worker does the
-- rest.  A command about one address ends in one step and leaves no row; one without an address is a walk over a table, which
-- keeps its place here.
CREATE TABLE email_verify.command (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind text COLLATE "C" NOT NULL CHECK (kind IN ('feedback', 'feedback_undo', 'recheck_since', 'reclassify', 'submit')),
	address text COLLATE "C" CHECK (pg_catalog.octet_length(address) < 319),
	argument jsonb NOT NULL DEFAULT '{}',
	asked_by name NOT NULL DEFAULT session_user,
	asked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	state text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'parked')),
	due_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_at timestamptz,
	ended_at timestamptz,
	after text COLLATE "C",
	ahead boolean NOT NULL DEFAULT true,
	held text[] COLLATE "C" NOT NULL DEFAULT '{}',
	looked_at bigint NOT NULL DEFAULT 0,
	changed bigint NOT NULL DEFAULT 0,
	failures smallint NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND 1000),
	fault text,
	CONSTRAINT command_finite CHECK (pg_catalog.isfinite(asked_at) AND pg_catalog.isfinite(due_at))
) WITH (fillfactor = 70, vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_insert_threshold = -1);

CREATE INDEX command_open ON email_verify.command (id) WHERE ended_at IS NULL;
CREATE INDEX command_address ON email_verify.command (address, id) WHERE address IS NOT NULL;

COMMENT ON TABLE email_verify.command IS 'what sessions have asked the worker to do with the tables that it alone writes';
-- The last reports about addresses, and what each has changed: the worker writes it, email_verify.feedback_undo() takes one back.
-- At most 20 of an address, without the words of strangers.
CREATE TABLE email_verify.report (
	id bigint PRIMARY KEY,
	address text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(address) < 319),
	at timestamptz NOT NULL,
	trusted boolean NOT NULL,
	kind text COLLATE "C",
	action text COLLATE "C",
	reason text COLLATE "C",
	detail text COLLATE "C",
	scope text COLLATE "C",
	permanence text COLLATE "C",
	format text COLLATE "C",
	soft boolean NOT NULL,
	delivered boolean NOT NULL,
	decided boolean NOT NULL,
	was jsonb NOT NULL,
	undone_at timestamptz
) WITH (vacuum_truncate = off, toast.vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX report_address ON email_verify.report (address, id);

COMMENT ON TABLE email_verify.report IS
	'the last reports that email_verify.feedback() was handed about each address: those somebody vouched for, and those about known ones';
COMMENT ON COLUMN email_verify.report.id IS 'for email_verify.feedback_undo()';
COMMENT ON COLUMN email_verify.report.soft IS 'it adds to the soft bounces of the address';
COMMENT ON COLUMN email_verify.report.delivered IS 'it ends the soft bounces before it';
COMMENT ON COLUMN email_verify.report.decided IS 'it made the verdict, or confirmed it';
COMMENT ON COLUMN email_verify.report.was IS 'what was stored before: the address, and the report that this one took the place of';

COMMENT ON COLUMN email_verify.command.address IS 'the address it is about; NULL: it walks over a table';
COMMENT ON COLUMN email_verify.command.state IS
	'waiting; running; done (walks only: others leave no row); parked: has failed three times in a row, email_verify.retry(id) tries it again';
COMMENT ON COLUMN email_verify.command.due_at IS 'not before then';
COMMENT ON COLUMN email_verify.command.after IS 'of a walk: the key of the last row it has looked at';
COMMENT ON COLUMN email_verify.command.ahead IS 'of a walk: there may be rows behind that key; false: only those that were held are left';
COMMENT ON COLUMN email_verify.command.held IS 'of a walk: keys of rows that somebody held when it came by';
COMMENT ON COLUMN email_verify.command.looked_at IS 'of a walk: rows it has looked at';
COMMENT ON COLUMN email_verify.command.changed IS 'of a walk: rows it has changed';
COMMENT ON COLUMN email_verify.command.failures IS 'in a row, crashes of the worker included';
COMMENT ON COLUMN email_verify.command.fault IS 'the last one';

SELECT pg_catalog.pg_extension_config_dump('email_verify.override', '');
SELECT pg_catalog.pg_extension_config_dump('email_verify.mx_policy', '');
SELECT pg_catalog.pg_extension_config_dump('email_verify.reply_rule', '');
SELECT pg_catalog.pg_extension_config_dump('email_verify.reply_rule_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('email_verify.event_format', '');
SELECT pg_catalog.pg_extension_config_dump('email_verify.site_key', '');

CREATE FUNCTION email_verify._override_normalize() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_override_normalize' LANGUAGE C;
CREATE FUNCTION email_verify._override_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_override_changed' LANGUAGE C;

CREATE TRIGGER normalize BEFORE INSERT OR UPDATE OF pattern ON email_verify.override
	FOR EACH ROW EXECUTE FUNCTION email_verify._override_normalize();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON email_verify.override
	FOR EACH STATEMENT EXECUTE FUNCTION email_verify._override_changed();
ALTER TABLE email_verify.override ENABLE ALWAYS TRIGGER normalize;
ALTER TABLE email_verify.override ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION email_verify._mx_policy_normalize() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_mx_policy_normalize' LANGUAGE C;
CREATE FUNCTION email_verify._mx_policy_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_mx_policy_changed' LANGUAGE C;

CREATE TRIGGER normalize BEFORE INSERT OR UPDATE OF mx ON email_verify.mx_policy
	FOR EACH ROW EXECUTE FUNCTION email_verify._mx_policy_normalize();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON email_verify.mx_policy
	FOR EACH STATEMENT EXECUTE FUNCTION email_verify._mx_policy_changed();
ALTER TABLE email_verify.mx_policy ENABLE ALWAYS TRIGGER normalize;
ALTER TABLE email_verify.mx_policy ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION email_verify._reply_rule_normalize() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_reply_rule_normalize' LANGUAGE C;
CREATE FUNCTION email_verify._reply_rule_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_reply_rule_changed' LANGUAGE C;

CREATE TRIGGER normalize BEFORE INSERT OR UPDATE ON email_verify.reply_rule
	FOR EACH ROW EXECUTE FUNCTION email_verify._reply_rule_normalize();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON email_verify.reply_rule
	FOR EACH STATEMENT EXECUTE FUNCTION email_verify._reply_rule_changed();
ALTER TABLE email_verify.reply_rule ENABLE ALWAYS TRIGGER normalize;
ALTER TABLE email_verify.reply_rule ENABLE ALWAYS TRIGGER changed;

-- The vocabulary of the library.
CREATE FUNCTION email_verify._reasons(OUT reason text, OUT status text, OUT retryable boolean, OUT advice text,
	OUT fresh interval, OUT expire interval, OUT description text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_reasons' LANGUAGE C STABLE ROWS 54;

CREATE FUNCTION email_verify._details(OUT detail text, OUT description text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_details' LANGUAGE C STABLE ROWS 120;

-- ---------------------------------------------------------------------------------------------------
-- Addresses in the form they travel in.
-- ---------------------------------------------------------------------------------------------------

-- key and domain of a sound address, or the fault of its syntax
CREATE FUNCTION email_verify._parse(email text, OUT key text, OUT domain text, OUT fault text)
AS 'MODULE_PATHNAME', 'ev_parse' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- the key of an address whose verdict takes a worker, else NULL
CREATE FUNCTION email_verify._queueable(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_queueable' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION email_verify._hmac(pattern text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_hmac' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;

CREATE FUNCTION email_verify._random_key() RETURNS bytea
AS 'MODULE_PATHNAME', 'ev_random_key' LANGUAGE C VOLATILE;

-- The worker shall look at the queue when this transaction commits, n rows being new there.  Rows that fell due before the
-- transaction began may not be found at once.
CREATE FUNCTION email_verify._poke(n bigint DEFAULT 0) RETURNS bigint
AS 'MODULE_PATHNAME', 'ev_poke' LANGUAGE C VOLATILE STRICT;

-- An error while something hangs on the tables that is not the extension's own.  Functions that run with their owner's rights begin
-- with it, or who may create a trigger on a table would have these rights by the next call.
CREATE FUNCTION email_verify._guard() RETURNS void
AS 'MODULE_PATHNAME', 'ev_guard' LANGUAGE C STABLE PARALLEL RESTRICTED;

CREATE FUNCTION email_verify._mostly_true(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'ev_mostly_true' LANGUAGE C;

CREATE FUNCTION email_verify._rarely_true(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'ev_rarely_true' LANGUAGE C;

-- does the address call itself a spam trap?
CREATE FUNCTION email_verify._is_trap_name(email text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_is_trap_name_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- ---------------------------------------------------------------------------------------------------
-- The store: how the worker, here or on another machine, reaches the tables.
-- ---------------------------------------------------------------------------------------------------

-- Queue addresses (distinct, sorted).  An address whose verdict is fresh and not older than newer_than is not queued but
-- returned with that verdict.  smtp tells whether mailboxes are probed: verdicts that only say they are not do not count then.
-- An address that was forgotten after it was asked for (pushed_at) is let go.  A parked one that nobody has asked to be
-- tried again is not queued either, however old its verdict; when that has expired, it has the one that says so.
CREATE FUNCTION email_verify._enqueue(addresses text[], newer_than timestamptz[], pushed_at timestamptz[],
	priority smallint, smtp boolean,
	OUT address text, OUT status text, OUT reason text, OUT detail text,
	OUT checked_at timestamptz, OUT retry_at timestamptz, OUT asked_at timestamptz, OUT queued boolean)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH asked AS (
		SELECT u.address COLLATE "C" AS address, max(u.newer_than) AS newer_than, max(u.pushed_at) AS pushed_at
		FROM unnest($1, $2, $3) AS u (address, newer_than, pushed_at)
		WHERE NOT EXISTS (SELECT FROM email_verify.tombstone)
			OR NOT EXISTS (SELECT FROM email_verify.tombstone t
				WHERE t.hmac = email_verify._hmac(u.address) AND t.at >= u.pushed_at)
		GROUP BY 1
	), parked AS MATERIALIZED (
		SELECT asked.address FROM asked JOIN email_verify.parked p ON p.address = asked.address
		WHERE EXISTS (SELECT FROM email_verify.parked)
			AND NOT EXISTS (SELECT FROM email_verify.queue q WHERE q.address = asked.address)
	), told AS (
		INSERT INTO email_verify.address AS a (address, status, reason, detail, checked_at, fresh_until, expires_at)
		SELECT p.address, 'unknown', 'internal_verifier_error', 'crash_suspect', now(), now() + interval '60 years',
			now() + interval '60 years'
		FROM parked p ORDER BY p.address
		ON CONFLICT ON CONSTRAINT address_pkey DO UPDATE SET
			status = excluded.status, reason = excluded.reason, detail = excluded.detail,
			checked_at = excluded.checked_at, fresh_until = excluded.fresh_until, expires_at = excluded.expires_at,
			retry_at = NULL, asked_at = NULL, suspect_since = NULL, stage = NULL, reply_code = NULL,
			enhanced_status = NULL, reply_text = NULL, rule = NULL, mx_host = NULL, mx_address = NULL, tls = NULL,
			mx_fingerprint = NULL, facts = NULL
			WHERE a.expires_at <= now()
		RETURNING a.address, a.status, a.reason, a.detail, a.checked_at, a.retry_at
	), known AS (
		SELECT a.address, a.status, a.reason, a.detail, a.checked_at, a.retry_at,
			CASE WHEN p.address IS NOT NULL THEN now() ELSE coalesce(a.asked_at, a.checked_at) END AS asked_at
		FROM asked JOIN email_verify.address a ON a.address = asked.address LEFT JOIN parked p ON p.address = asked.address
		WHERE CASE WHEN p.address IS NOT NULL THEN a.expires_at > now()
			ELSE a.fresh_until > now() AND coalesce(a.asked_at, a.checked_at) >= asked.newer_than
				AND NOT ($5 AND a.reason = 'bucket_default_skip_smtp_unknown' AND a.detail IN ('not_configured', 'mode_dns'))
			END
		UNION ALL
		SELECT t.address, t.status, t.reason, t.detail, t.checked_at, t.retry_at, now() FROM told t
	), added AS (
		INSERT INTO email_verify.queue AS q (address, priority, due_at, queued_at)
		SELECT asked.address, $4, clock_timestamp(), asked.pushed_at FROM asked
		WHERE NOT EXISTS (SELECT FROM known WHERE known.address = asked.address)
			AND NOT EXISTS (SELECT FROM parked WHERE parked.address = asked.address)
		-- those of one domain side by side, so that they meet in one session, and mixed, so that unknown mailboxes do not come in a
		-- row; in one order, for locks
		ORDER BY split_part(asked.address, '@', -1) COLLATE "C", hashtext(asked.address), asked.address
		-- somebody asks now for what a list has queued
		ON CONFLICT ON CONSTRAINT queue_address_key DO UPDATE SET priority = excluded.priority, due_at = excluded.due_at
			WHERE q.priority > excluded.priority AND q.attempts = 0
		RETURNING q.address
	)
	SELECT k.address, k.status::text, k.reason::text, k.detail, k.checked_at, k.retry_at, k.asked_at, false FROM known k
	UNION ALL
	SELECT added.address, NULL, NULL, NULL, NULL, NULL, NULL, true FROM added;
END;

-- Addresses that are to be queued later, durable until then.
CREATE FUNCTION email_verify._spool(addresses text[], newer_than timestamptz[], pushed_at timestamptz[]) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	INSERT INTO email_verify.spool (n, addresses, newer_than, pushed_at) VALUES (cardinality($1), $1, $2, $3);
END;

-- The oldest of these rows behind an id that nobody holds, one address a row.
CREATE FUNCTION email_verify._unspool(after bigint, OUT id bigint, OUT address text, OUT newer_than timestamptz, OUT pushed_at timestamptz)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH s AS MATERIALIZED (
		SELECT f.* FROM email_verify.spool f WHERE f.id > $1 ORDER BY f.id LIMIT 1 FOR UPDATE SKIP LOCKED
	)
	SELECT s.id, u.address, u.newer_than, u.pushed_at
	FROM s, unnest(s.addresses, s.newer_than, s.pushed_at) AS u (address, newer_than, pushed_at);
END;

-- Its addresses are queued.
CREATE FUNCTION email_verify._unspooled(id bigint) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	DELETE FROM email_verify.spool s WHERE s.id = $1;
END;

-- Rows of one priority that are due at a time, behind the given position, at most n (of 1000).  The planner must see small constants,
-- or it reads other tables as a whole to join a tenth of the queue with.
CREATE FUNCTION email_verify._due(priority smallint, after_due timestamptz, after_id bigint, due_by timestamptz, n integer,
	OUT id bigint, OUT address text, OUT due_at timestamptz)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT few.id, few.address, few.due_at FROM (
		SELECT q.id, q.address, q.due_at FROM email_verify.queue q
		WHERE q.crashes = 0 AND q.priority = $1 AND q.due_at <= $4 AND (q.due_at, q.id) > ($2, $3)
		ORDER BY q.due_at, q.id LIMIT 1000
	) few
	ORDER BY few.due_at, few.id LIMIT $5;
END;

-- The same of each of these domains (distinct), behind a position of its own and as many as are asked for.  line: which of them.
CREATE FUNCTION email_verify._due_of(priority smallint, domains text[], after_due timestamptz[], after_id bigint[], n integer[],
	due_by timestamptz, OUT line bigint, OUT id bigint, OUT address text, OUT due_at timestamptz)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT d.line, f.id, f.address, f.due_at
	FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS d (domain, after_due, after_id, n, line), LATERAL (
		SELECT few.id, few.address, few.due_at FROM (
			SELECT q.id, q.address, q.due_at FROM email_verify.queue q
			WHERE q.crashes = 0 AND q.domain = d.domain AND q.priority = $1 AND q.due_at <= $6
				AND (q.due_at, q.id) > (d.after_due, d.after_id)
			ORDER BY q.due_at, q.id LIMIT 1000
		) few
		ORDER BY few.due_at, few.id LIMIT d.n
	) f
	ORDER BY d.line, f.due_at, f.id;
END;

-- The first n rows (of 1000) that so many crashes found under way (2: or more), whatever their priority and whenever they are due.
CREATE FUNCTION email_verify._suspects(crashes smallint, n integer, OUT id bigint, OUT address text, OUT due_at timestamptz)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT few.id, few.address, few.due_at FROM (
		SELECT q.* FROM email_verify.queue q
		WHERE q.crashes > 0 AND (q.crashes = $1 OR ($1 = 2 AND q.crashes = 3)) ORDER BY q.priority, q.id LIMIT 1000
	) few
	ORDER BY few.priority, few.id LIMIT $2;
END;

-- What is to be known for probing these rows (at most 1000), as far as they are there.
CREATE FUNCTION email_verify._lease(ids bigint[], OUT id bigint, OUT address text, OUT priority smallint, OUT crashes smallint,
	OUT attempts integer, OUT put_backs integer, OUT second_look boolean, OUT random_local text, OUT last_ip text, OUT hosts text[],
	OUT catch_all boolean[], OUT catch_all_age integer[], OUT accepted boolean[], OUT refusals bigint[],
	OUT rcpt_limit integer[], OUT rcpt_limit_age integer[])
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT q.id, q.address, q.priority, q.crashes, q.attempts, q.put_backs, q.second_look, d.random_local, host(a.mx_address),
		h.hosts, h.catch_all, h.catch_all_age, h.accepted, h.refusals, h.rcpt_limit, h.rcpt_limit_age
	FROM (SELECT l.* FROM email_verify.queue l WHERE l.id = ANY ($1) LIMIT 1000) q
	LEFT JOIN email_verify.domain d ON d.domain = q.domain
	LEFT JOIN email_verify.address a ON a.address = q.address AND q.attempts > 0
	LEFT JOIN LATERAL (
		SELECT array_agg(dh.host ORDER BY dh.host) AS hosts,
			array_agg(dh.catch_all ORDER BY dh.host) AS catch_all,
			array_agg(CASE WHEN isfinite(dh.catch_all_at)
				THEN least(greatest(extract(epoch FROM now()) - extract(epoch FROM dh.catch_all_at), 0), 2147483647)::integer
				WHEN dh.catch_all_at IS NOT NULL THEN 2147483647 END ORDER BY dh.host) AS catch_all_age,
			array_agg(coalesce(dh.accepted_at > now() - interval '24 hours', false) ORDER BY dh.host) AS accepted,
			array_agg(dh.refusal ORDER BY dh.host) AS refusals,
			array_agg(CASE WHEN dh.rcpt_limit_at > now() - interval '24 hours' THEN dh.rcpt_limit END ORDER BY dh.host) AS rcpt_limit,
			array_agg(CASE WHEN isfinite(dh.rcpt_limit_at) AND dh.rcpt_limit_at > now() - interval '24 hours'
				THEN greatest(extract(epoch FROM now()) - extract(epoch FROM dh.rcpt_limit_at), 0)::integer END ORDER BY dh.host) AS rcpt_limit_age
		FROM email_verify.domain_host dh WHERE dh.domain = q.domain
	) h ON true
	ORDER BY q.due_at, q.id;
END;

-- When does something fall due that was not due at that time?  It may be due by now.  NULL when there is nothing.  (Rows that
-- a crash found under way are due all the time.)
CREATE FUNCTION email_verify._next_due(after timestamptz, OUT next_due timestamptz) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	SELECT least(
		(SELECT min(due_at) FROM email_verify.queue WHERE crashes = 0 AND priority = 0 AND due_at > $1),
		(SELECT min(due_at) FROM email_verify.queue WHERE crashes = 0 AND priority = 1 AND due_at > $1));
END;

-- Store results (addresses distinct).  A result whose row is no longer queued is of no interest to anybody: the address was
-- forgotten meanwhile, or the queue truncated (its number may be another address's by now).  (The row is locked first, so that forgetting it and storing it cannot pass each other.)
-- A decisive verdict replaces what is there, but for two cases: an undecided one never replaces a good one that has not
-- expired ("keep"), and the first refusal of a formerly valid address only makes it suspect until a second one comes at
-- least flip_delay later ("suspect").
CREATE FUNCTION email_verify._complete(ids bigint[], addresses text[], statuses text[], reasons text[], details text[],
	decisive boolean[], put_back boolean[], fresh integer[], expire integer[], retry_after integer[], probed boolean[],
	stages text[], codes smallint[], enhanced text[], texts text[], rules text[], hosts text[], ips text[],
	tls boolean[], fingerprints bigint[], second_look boolean[], flip_delay interval,
	OUT address text, OUT status text, OUT reason text, OUT detail text, OUT checked_at timestamptz,
	OUT retry_at timestamptz, OUT asked_at timestamptz)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH locked AS MATERIALIZED (
		SELECT q.id, q.address, q.queued_at FROM email_verify.queue q WHERE q.id = ANY ($1) ORDER BY q.id FOR UPDATE
	), forgotten AS (
		DELETE FROM email_verify.queue q USING locked l, email_verify.tombstone t
		WHERE q.id = l.id AND t.hmac = email_verify._hmac(l.address) AND t.at >= l.queued_at
			AND EXISTS (SELECT FROM email_verify.tombstone)
		RETURNING q.id
	), queued AS (
		SELECT l.id, l.address FROM locked l WHERE NOT EXISTS (SELECT FROM forgotten f WHERE f.id = l.id)
	), result AS (
		SELECT r.*, clock_timestamp() AS at
		FROM queued JOIN unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
			AS r (id, address, status, reason, detail, decisive, put_back, fresh, expire, retry_after, probed,
				stage, code, enhanced, reply, rule, host, ip, tls, fingerprint, second_look)
			ON r.id = queued.id AND r.address = queued.address
	), merged AS (
		SELECT r.*,
			CASE
				WHEN r.put_back THEN 'put_back'
				WHEN a.address IS NULL OR a.expires_at <= r.at THEN 'replace'
				WHEN NOT r.decisive AND a.status IN ('valid', 'catchall', 'role') THEN 'keep'
				-- what an external checker was sure of outlives what it was asked for
				WHEN (NOT r.decisive OR r.status = 'catchall') AND a.stage = 'external'
					AND (a.status <> 'unknown' OR a.reason IN ('yahoo_api_verified', 'yahoo_api_not_deliverable', 'mailbox_full', 'mailbox_disabled'))
					THEN 'keep'
				WHEN r.status = 'invalid' AND r.code >= 500 AND a.reason = 'smtp_deliverable'
					AND (a.suspect_since IS NULL OR a.suspect_since > r.at - $22) THEN 'suspect'
				ELSE 'replace'
			END AS action
		FROM result r LEFT JOIN email_verify.address a ON a.address = r.address
	), scheduled AS (
		SELECT m.*, CASE
				WHEN m.action = 'suspect' THEN m.at + $22
				ELSE m.at + make_interval(secs => m.retry_after)
			END AS retry_at
		FROM merged m
	), replaced AS (
		INSERT INTO email_verify.address AS a (address, status, reason, detail, checked_at, fresh_until, expires_at,
			retry_at, probes, stage, reply_code, enhanced_status, reply_text, rule, mx_host, mx_address, tls,
			mx_fingerprint)
		SELECT s.address, s.status::email_verify.verification_status, s.reason::email_verify.verification_reason,
			s.detail, s.at, s.at + make_interval(secs => s.fresh), s.at + make_interval(secs => s.expire), s.retry_at,
			s.probed::integer, s.stage, s.code, s.enhanced, s.reply, s.rule, s.host, s.ip::inet, s.tls, s.fingerprint
		FROM scheduled s WHERE s.action = 'replace'
		ORDER BY s.address
		ON CONFLICT ON CONSTRAINT address_pkey DO UPDATE SET
			status = excluded.status, reason = excluded.reason, detail = excluded.detail,
			checked_at = excluded.checked_at, fresh_until = excluded.fresh_until, expires_at = excluded.expires_at,
			retry_at = excluded.retry_at, asked_at = NULL, suspect_since = NULL, probes = a.probes + excluded.probes,
			stage = excluded.stage, reply_code = excluded.reply_code, enhanced_status = excluded.enhanced_status,
			reply_text = excluded.reply_text, rule = excluded.rule, mx_host = excluded.mx_host,
			mx_address = excluded.mx_address, tls = excluded.tls, mx_fingerprint = excluded.mx_fingerprint, facts = NULL
		RETURNING a.address, a.status, a.reason, a.detail, a.checked_at, a.retry_at, a.checked_at AS asked_at
	), kept AS (
		UPDATE email_verify.address a SET
			retry_at = s.retry_at,
			asked_at = s.at,
			fresh_until = least(greatest(a.fresh_until, s.at + make_interval(secs => s.fresh)), a.expires_at),
			probes = a.probes + s.probed::integer,
			suspect_since = CASE WHEN s.action = 'suspect' THEN coalesce(a.suspect_since, s.at) ELSE a.suspect_since END,
			detail = CASE WHEN s.action = 'suspect' THEN 'suspect' ELSE a.detail END
		FROM scheduled s
		WHERE s.action IN ('keep', 'suspect') AND a.address = s.address
		RETURNING a.address, a.status, a.reason, a.detail, a.checked_at, a.retry_at, a.asked_at
	), stored AS (
		SELECT * FROM replaced UNION ALL SELECT * FROM kept
	), finished AS (
		DELETE FROM email_verify.queue q USING scheduled s WHERE q.id = s.id AND s.retry_at IS NULL
	), postponed AS (
		UPDATE email_verify.queue q SET
			due_at = s.retry_at,
			attempts = q.attempts + (NOT s.put_back AND s.reason <> 'rate_limited' AND s.detail IS DISTINCT FROM 'port_25_blocked')::integer,
			-- each attempt has patience of its own
			put_backs = CASE WHEN s.detail = 'canceled' THEN q.put_backs WHEN s.put_back THEN q.put_backs + 1 ELSE 0 END,
			crashes = CASE WHEN s.detail = 'canceled' THEN q.crashes ELSE 0 END,
			answered = q.answered OR NOT s.put_back,
			second_look = s.second_look OR (s.put_back AND q.second_look)
		FROM scheduled s WHERE q.id = s.id AND s.retry_at IS NOT NULL
	)
	SELECT t.address, t.status::text, t.reason::text, t.detail, t.checked_at, t.retry_at, t.asked_at FROM stored t;
END;

-- What DNS said about domains (distinct).
CREATE FUNCTION email_verify._learn_domains(domains text[], reasons text[], details text[], implicit boolean[], spf text[],
	opt_out boolean[], hosts text[], fingerprints bigint[], ttls integer[])
RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	INSERT INTO email_verify.domain AS d (domain, reason, detail, implicit_mx, spf, opt_out, mx_hosts, mx_fingerprint,
		checked_at, expires_at)
	SELECT f.domain, f.reason::email_verify.verification_reason, f.detail, f.implicit, f.spf, f.opt_out,
		string_to_array(f.hosts, ' '), f.fingerprint, now(), now() + make_interval(secs => f.ttl)
	FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
		AS f (domain, reason, detail, implicit, spf, opt_out, hosts, fingerprint, ttl)
	ORDER BY f.domain COLLATE "C"
	ON CONFLICT ON CONSTRAINT domain_pkey DO UPDATE SET
		reason = excluded.reason, detail = excluded.detail, implicit_mx = excluded.implicit_mx, spf = excluded.spf,
		opt_out = coalesce(excluded.opt_out, d.opt_out), mx_hosts = excluded.mx_hosts, mx_fingerprint = excluded.mx_fingerprint, checked_at = excluded.checked_at,
		expires_at = excluded.expires_at;
END;

-- What mail servers said to made-up recipients (domain and host distinct).  random_local is the name of a test that
-- has not ended, NULL when it has.  That a host accepts recipients is news once an hour, not with each session.
-- rcpt_limits: to how many recipients of a session a host that has ended one early is held from now on; NULL: it has not.
CREATE FUNCTION email_verify._learn_hosts(domains text[], hosts text[], catch_all boolean[], accepted boolean[],
	random_locals text[], refusals bigint[], rcpt_limits integer[])
RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	INSERT INTO email_verify.domain_host AS h (domain, host, catch_all, catch_all_at, refusal, accepted_at, rcpt_limit,
		rcpt_limit_at)
	SELECT f.domain, f.host, f.catch_all, CASE WHEN f.catch_all IS NOT NULL THEN now() END, f.refusal,
		CASE WHEN f.accepted THEN now() END, f.rcpt_limit, CASE WHEN f.rcpt_limit IS NOT NULL THEN now() END
	FROM unnest($1, $2, $3, $4, $6, $7) AS f (domain, host, catch_all, accepted, refusal, rcpt_limit)
	WHERE f.catch_all IS NOT NULL OR f.rcpt_limit IS NOT NULL OR NOT EXISTS (
		SELECT FROM email_verify.domain_host o
		WHERE o.domain = f.domain AND o.host = f.host
			AND (NOT f.accepted OR o.accepted_at > now() - interval '1 hour'))
	ORDER BY f.domain COLLATE "C", f.host COLLATE "C"
	ON CONFLICT ON CONSTRAINT domain_host_pkey DO UPDATE SET
		catch_all = coalesce(excluded.catch_all, h.catch_all),
		catch_all_at = coalesce(excluded.catch_all_at, h.catch_all_at),
		refusal = CASE WHEN excluded.catch_all IS NULL THEN h.refusal ELSE excluded.refusal END,
		accepted_at = coalesce(excluded.accepted_at, h.accepted_at),
		rcpt_limit = coalesce(excluded.rcpt_limit, h.rcpt_limit),
		rcpt_limit_at = coalesce(excluded.rcpt_limit_at, h.rcpt_limit_at);
	UPDATE email_verify.domain d SET random_local = f.random_local
	FROM (
		SELECT u.domain, max(u.random_local) AS random_local
		FROM unnest($1, $5) AS u (domain, random_local) GROUP BY u.domain
	) f
	WHERE d.domain = f.domain AND d.random_local IS DISTINCT FROM f.random_local;
END;

-- Slices of a walk over a table by its primary key: n rows (at most 1000) behind the key that was reached before.  They delete
-- what was of no use any more an age ago, but for rows that somebody holds; an age that is NULL is never reached.
-- Fewer rows looked at than n: that was the end.
CREATE FUNCTION email_verify._retire_addresses(after text[], age interval, reply_text_age interval, n integer,
	OUT looked_at bigint, OUT deleted bigint, OUT reached text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH few AS MATERIALIZED (
		SELECT a.address, a.expires_at, a.checked_at, a.reply_text IS NOT NULL AS has_text,
			(SELECT min((r.value->>'at')::timestamptz) FROM jsonb_each(a.reports) r) AS report_at
		FROM email_verify.address a
		WHERE a.address > coalesce($1[1], '') ORDER BY a.address LIMIT 1000
	), slice AS MATERIALIZED (
		SELECT few.* FROM few ORDER BY few.address LIMIT $4
	), old AS MATERIALIZED (
		SELECT a.address, a.expires_at <= now() - $2 AS all FROM slice s JOIN email_verify.address a ON a.address = s.address
		WHERE s.expires_at <= now() - $2 OR (s.has_text AND s.checked_at <= now() - $3) OR s.report_at <= now() - $3
		ORDER BY a.address FOR UPDATE OF a SKIP LOCKED
	), gone AS (
		DELETE FROM email_verify.address a USING old WHERE a.address = old.address AND old.all RETURNING 1
	), reports AS (
		-- those about addresses between the first and the last of this slice, whether they are known or not
		DELETE FROM email_verify.report r USING (SELECT max(slice.address) AS last, count(*) AS n FROM slice) s
		WHERE r.address > coalesce($1[1], '') AND (r.address <= s.last OR s.n < least($4, 1000)) AND r.at <= now() - $2
	), silent AS (
		UPDATE email_verify.address a SET
			reply_text = CASE WHEN a.checked_at > now() - $3 THEN a.reply_text END,
			reports = (SELECT jsonb_object_agg(r.key, r.value) FROM jsonb_each(a.reports) r
				WHERE (r.value->>'at')::timestamptz > now() - $3)
		FROM old WHERE a.address = old.address AND old.all IS NOT TRUE
	)
	SELECT count(*), (SELECT count(*) FROM gone), ARRAY[max(slice.address)] FROM slice;
END;

CREATE FUNCTION email_verify._retire_domains(after text[], age interval, n integer,
	OUT looked_at bigint, OUT deleted bigint, OUT reached text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH few AS MATERIALIZED (
		SELECT d.domain, d.expires_at FROM email_verify.domain d
		WHERE d.domain > coalesce($1[1], '') ORDER BY d.domain LIMIT 1000
	), slice AS MATERIALIZED (
		SELECT few.* FROM few ORDER BY few.domain LIMIT $3
	), old AS MATERIALIZED (
		SELECT d.domain FROM slice s JOIN email_verify.domain d ON d.domain = s.domain
		WHERE s.expires_at <= now() - $2
		ORDER BY d.domain FOR UPDATE OF d SKIP LOCKED
	), gone AS (
		DELETE FROM email_verify.domain d USING old WHERE d.domain = old.domain RETURNING 1
	)
	SELECT count(*), (SELECT count(*) FROM gone), ARRAY[max(slice.domain)] FROM slice;
END;

CREATE FUNCTION email_verify._retire_domain_hosts(after text[], age interval, n integer,
	OUT looked_at bigint, OUT deleted bigint, OUT reached text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH few AS MATERIALIZED (
		SELECT h.domain, h.host, greatest(h.catch_all_at, h.accepted_at, h.rcpt_limit_at) AS at FROM email_verify.domain_host h
		WHERE (h.domain, h.host) > (coalesce($1[1], ''), coalesce($1[2], '')) ORDER BY h.domain, h.host LIMIT 1000
	), slice AS MATERIALIZED (
		SELECT few.* FROM few ORDER BY few.domain, few.host LIMIT $3
	), old AS MATERIALIZED (
		SELECT h.domain, h.host FROM slice s JOIN email_verify.domain_host h ON h.domain = s.domain AND h.host = s.host
		WHERE coalesce(s.at, '-infinity') <= now() - $2
		ORDER BY h.domain, h.host FOR UPDATE OF h SKIP LOCKED
	), gone AS (
		DELETE FROM email_verify.domain_host h USING old WHERE h.domain = old.domain AND h.host = old.host RETURNING 1
	), last AS (
		SELECT slice.domain, slice.host FROM slice ORDER BY slice.domain DESC, slice.host DESC LIMIT 1
	)
	SELECT (SELECT count(*) FROM slice), (SELECT count(*) FROM gone), (SELECT ARRAY[last.domain, last.host] FROM last);
END;

CREATE FUNCTION email_verify._retire_tombstones(after text[], age interval, n integer,
	OUT looked_at bigint, OUT deleted bigint, OUT reached text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH few AS MATERIALIZED (
		SELECT t.hmac, t.at FROM email_verify.tombstone t
		WHERE t.hmac > coalesce($1[1], '') ORDER BY t.hmac LIMIT 1000
	), slice AS MATERIALIZED (
		SELECT few.* FROM few ORDER BY few.hmac LIMIT $3
	), old AS MATERIALIZED (
		SELECT t.hmac FROM slice s JOIN email_verify.tombstone t ON t.hmac = s.hmac
		WHERE t.at <= now() - $2
		ORDER BY t.hmac FOR UPDATE OF t SKIP LOCKED
	), gone AS (
		DELETE FROM email_verify.tombstone t USING old WHERE t.hmac = old.hmac RETURNING 1
	)
	SELECT count(*), (SELECT count(*) FROM gone), ARRAY[max(slice.hmac)] FROM slice;
END;

CREATE FUNCTION email_verify._retire_commands(after text[], age interval, n integer,
	OUT looked_at bigint, OUT deleted bigint, OUT reached text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH few AS MATERIALIZED (
		SELECT c.id, c.ended_at FROM email_verify.command c
		WHERE c.id > coalesce($1[1]::bigint, 0) ORDER BY c.id LIMIT 1000
	), slice AS MATERIALIZED (
		SELECT few.* FROM few ORDER BY few.id LIMIT $3
	), old AS MATERIALIZED (
		SELECT c.id FROM slice s JOIN email_verify.command c ON c.id = s.id
		WHERE s.ended_at <= now() - $2 ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
	), gone AS (
		DELETE FROM email_verify.command c USING old WHERE c.id = old.id AND c.ended_at IS NOT NULL RETURNING 1
	)
	SELECT count(*), (SELECT count(*) FROM gone), ARRAY[max(slice.id)::text] FROM slice;
END;

-- The site's word on mail servers, at most n rows: those that forbid to connect first.  `there` is how many there are.
CREATE FUNCTION email_verify._policies(n integer, OUT mx text, OUT probe boolean, OUT trap boolean, OUT trust_accept boolean,
	OUT trust_reject boolean, OUT needs_control boolean, OUT catch_all_test boolean, OUT rcpt_per_transaction integer, OUT rcpt_per_session integer,
	OUT there bigint)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT p.mx, p.probe, p.trap, p.trust_accept, p.trust_reject, p.needs_control, p.catch_all_test, p.rcpt_per_transaction, p.rcpt_per_session,
		count(*) OVER ()
	FROM email_verify.mx_policy p
	ORDER BY p.probe IS FALSE OR p.trap IS TRUE DESC, p.mx
	LIMIT $1;
END;

-- The site's rules for replies that are in force, the first n of them.  `there` is how many there are, `ends` when the first
-- of all ends.
CREATE FUNCTION email_verify._reply_rules(n integer, OUT id integer, OUT stage text, OUT code text, OUT enhanced text,
	OUT provider text, OUT mx text, OUT pattern text, OUT reason text, OUT detail text, OUT there bigint, OUT ends timestamptz)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT r.id, r.stage, r.code, r.enhanced, r.provider, r.mx, r.pattern, r.reason::text, r.detail,
		count(*) OVER (), min(r.until) OVER ()
	FROM email_verify.reply_rule r
	WHERE r.until IS NULL OR r.until > clock_timestamp()
	ORDER BY r.id
	LIMIT $1;
END;

-- Are there external checkers for any mail server?
CREATE FUNCTION email_verify._checkers(OUT there boolean) LANGUAGE SQL STABLE
BEGIN ATOMIC
	-- or what is left of them, which is to be let go
	SELECT EXISTS (SELECT FROM email_verify.mx_policy p WHERE p.checker IS NOT NULL)
		OR EXISTS (SELECT FROM email_verify.external_check);
END;

-- Of these addresses, of which results have just been stored, those that a mail server with external checkers did not decide are for
-- these.  (A checker's own verdict stands there only if the result was not worth its place.)  What nobody has claimed for a month is let go.
CREATE FUNCTION email_verify._set_aside(addresses text[]) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	DELETE FROM email_verify.external_check x
	USING (
		SELECT o.address FROM email_verify.external_check o
		WHERE o.submitted_at IS NULL AND o.due_at < now() - interval '30 days'
		LIMIT 100 FOR UPDATE SKIP LOCKED
	) o
	WHERE x.address = o.address;
	-- a result whose command is gone
	DELETE FROM email_verify.external_check x
	USING (
		SELECT o.address FROM email_verify.external_check o
		WHERE o.address = ANY ($1) AND o.submitted_at IS NOT NULL
			AND NOT EXISTS (SELECT FROM email_verify.command c WHERE c.address = o.address AND c.kind = 'submit')
		FOR UPDATE OF o SKIP LOCKED
	) o
	WHERE x.address = o.address;
	INSERT INTO email_verify.external_check (address, class)
	SELECT a.address, p.checker
	FROM email_verify.address a, LATERAL (
		SELECT m.checker FROM string_to_array(a.mx_host, '.') AS l (labels), generate_series(1, cardinality(l.labels)) AS g (n),
			email_verify.mx_policy m
		WHERE m.mx = array_to_string(l.labels[g.n:], '.')
		ORDER BY g.n LIMIT 1
	) p
	WHERE a.address = ANY ($1) AND p.checker IS NOT NULL
		-- nobody else inserts here, and ON CONFLICT would wait for whoever is claiming it
		AND NOT EXISTS (SELECT FROM email_verify.external_check x WHERE x.address = a.address)
		-- what a checker was sure of has outlived the result: it is asked anew
		AND (a.stage = 'external' OR (a.reason NOT IN ('mailbox_full', 'mailbox_disabled')
			AND (a.status IN ('unknown', 'catchall') OR (a.status = 'role' AND a.reason <> 'smtp_deliverable'))))
		AND a.detail IS DISTINCT FROM 'opt_out'
	ORDER BY a.address
	ON CONFLICT ON CONSTRAINT external_check_pkey DO NOTHING;
END;

-- These rows were being probed when the prober crashed, so one of them may be why.  Returns what the tables say of those
-- that it was once too often, the crash of this number (3 or 4): they are parked.  Whoever holds a row just now is about to forget it or to have it tried anew:
-- it is let be.
CREATE FUNCTION email_verify._suspect(ids bigint[], too_often integer,
	OUT id bigint, OUT address text, OUT status text, OUT reason text, OUT detail text, OUT checked_at timestamptz,
	OUT retry_at timestamptz, OUT asked_at timestamptz)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	UPDATE email_verify.queue q SET crashes = q.crashes + 1
	FROM (SELECT l.id FROM email_verify.queue l WHERE l.id = ANY ($1) ORDER BY l.id FOR UPDATE SKIP LOCKED) l
	WHERE q.id = l.id;
	WITH judged AS MATERIALIZED (
		SELECT p.ids[array_position(p.addresses, c.address)] AS id, c.* FROM (
			SELECT array_agg(q.id) AS ids, array_agg(q.address) AS addresses, count(*)::integer AS n
			FROM email_verify.queue q WHERE q.id = ANY ($1) AND q.crashes >= $2
		) p, LATERAL email_verify._complete(p.ids, p.addresses, array_fill('unknown'::text, ARRAY[p.n]),
			array_fill('internal_verifier_error'::text, ARRAY[p.n]), array_fill('crash_suspect'::text, ARRAY[p.n]),
			array_fill(false, ARRAY[p.n]), array_fill(false, ARRAY[p.n]), array_fill(1893456000, ARRAY[p.n]), -- 60 years
			array_fill(1893456000, ARRAY[p.n]), NULL, array_fill(true, ARRAY[p.n]), NULL, NULL, NULL, NULL, NULL, NULL,
			NULL, NULL, NULL, array_fill(false, ARRAY[p.n]), interval '0') c
		WHERE p.n > 0
	), parked AS (
		INSERT INTO email_verify.parked (address, queue_id) SELECT j.address, j.id FROM judged j
		ON CONFLICT ON CONSTRAINT parked_pkey DO UPDATE SET queue_id = excluded.queue_id, parked_at = excluded.parked_at, fault = NULL
	)
	SELECT j.* FROM judged j;
END;

-- The result of this row cannot be stored, for a reason that lies in the row: it costs no other.
CREATE FUNCTION email_verify._park(id bigint, fault text) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH gone AS (
		DELETE FROM email_verify.queue q WHERE q.id = $1 RETURNING q.id, q.address
	)
	INSERT INTO email_verify.parked (address, queue_id, fault) SELECT gone.address, gone.id, left($2, 500) FROM gone
	ON CONFLICT ON CONSTRAINT parked_pkey DO UPDATE SET queue_id = excluded.queue_id, parked_at = excluded.parked_at, fault = excluded.fault;
END;

-- Takes out what was under way in a crash.  Of a batch there may be rows that have had their answer: they are gone, or due
-- later than it began.  One without any answer so far was under way, although a question has moved it meanwhile.
CREATE FUNCTION email_verify._recover(OUT ids bigint[]) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH gone AS (
		DELETE FROM email_verify.inflight RETURNING ids, started_at
	)
	SELECT array_agg(DISTINCT q.id) FROM gone JOIN email_verify.queue q ON q.id = ANY (gone.ids)
		AND (q.due_at <= gone.started_at OR (q.attempts = 0 AND q.put_backs = 0 AND NOT q.answered));
END;

-- A worker that ends in order takes these batches away: nobody shall suspect what was under way.  Waits for no lock.
CREATE FUNCTION email_verify._leave(batches bigint[]) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	DELETE FROM email_verify.inflight i
	USING (SELECT l.batch FROM email_verify.inflight l WHERE l.batch = ANY ($1) FOR UPDATE SKIP LOCKED) l
	WHERE i.batch = l.batch;
END;

-- Commands about addresses: the first n (at most 500) that are due, from a number on, all of one kind, those that have failed one at a time.  They are
-- called running then: what a start finds so was under way in a crash.  Those about the same address keep their order, so that
-- there is one for each.  Whoever holds a row is about to forget it.  A command about an address that was forgotten since is dropped.
-- However many there are, and whatever the planner knows of them: rows come from the indexes, in their order.
CREATE FUNCTION email_verify._take_commands(from_id bigint, n integer, OUT id bigint, OUT kind text)
RETURNS SETOF record LANGUAGE SQL VOLATILE
SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
BEGIN ATOMIC
	DELETE FROM email_verify.command c
	USING (
		SELECT few.id FROM (
			SELECT o.id, o.address, o.asked_at FROM email_verify.command o
			WHERE o.ended_at IS NULL AND o.id >= $1 AND o.address IS NOT NULL AND o.due_at <= clock_timestamp()
				AND EXISTS (SELECT FROM email_verify.tombstone)
			ORDER BY o.id LIMIT 1000
		) few
		JOIN email_verify.tombstone t ON t.hmac = email_verify._hmac(few.address) AND t.at >= few.asked_at
	) forgotten
	WHERE c.id = forgotten.id;
	WITH few AS MATERIALIZED (
		SELECT o.id, o.kind, o.address, o.failures FROM email_verify.command o
		WHERE o.ended_at IS NULL AND o.id >= $1 AND o.address IS NOT NULL AND o.due_at <= clock_timestamp()
		ORDER BY o.id LIMIT 1000
	), turn AS MATERIALIZED (
		SELECT few.* FROM few
		WHERE NOT EXISTS (SELECT FROM email_verify.command e
			WHERE e.address = few.address AND e.id < few.id AND e.state IN ('waiting', 'running')) -- not by the index of those
		ORDER BY few.id LIMIT 500
	), first AS (
		SELECT turn.* FROM turn ORDER BY turn.id LIMIT 1
	), taken AS MATERIALIZED (
		SELECT turn.id FROM turn, first
		WHERE turn.id = first.id OR (turn.kind = first.kind AND turn.failures = 0 AND first.failures = 0)
		ORDER BY turn.id LIMIT $2
	), free AS MATERIALIZED (
		SELECT c.id FROM email_verify.command c WHERE c.id IN (SELECT taken.id FROM taken)
		ORDER BY c.id FOR UPDATE SKIP LOCKED
	)
	UPDATE email_verify.command c SET state = 'running', started_at = coalesce(c.started_at, clock_timestamp())
	FROM free WHERE c.id = free.id
	RETURNING c.id, c.kind;
END;

-- The first walk that is due; there may be one that was begun before.
CREATE FUNCTION email_verify._take_walk(OUT id bigint, OUT kind text, OUT was_running boolean)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH first AS MATERIALIZED (
		SELECT c.id, c.kind, c.state = 'running' AS was_running FROM email_verify.command c
		WHERE c.ended_at IS NULL AND c.address IS NULL AND c.due_at <= clock_timestamp()
		ORDER BY c.id LIMIT 1 FOR UPDATE SKIP LOCKED
	), marked AS (
		UPDATE email_verify.command c SET state = 'running', started_at = coalesce(c.started_at, clock_timestamp())
		FROM first WHERE c.id = first.id AND NOT first.was_running
	)
	SELECT first.* FROM first;
END;

-- Those of these commands that are still there and nobody holds: locked, so that nobody forgets them while they are carried out.
CREATE FUNCTION email_verify._hold_commands(ids bigint[], OUT held bigint[]) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	SELECT array_agg(l.id ORDER BY l.id) FROM (
		SELECT c.id FROM email_verify.command c WHERE c.id = ANY ($1) AND c.state = 'running' ORDER BY c.id FOR UPDATE SKIP LOCKED) l;
END;

-- A slice of a walk: what it has looked at and changed, the key it has reached, rows that somebody held.  ended: it has come to
-- the end of its table.  The walk ends when nothing is held any more; while all that is left is, it rests.
CREATE FUNCTION email_verify._walked(id bigint, looked_at bigint, changed bigint, reached text, held text[], ended boolean, n integer,
	OUT state text, OUT n_held integer)
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	UPDATE email_verify.command c SET
		after = coalesce($4, c.after), ahead = c.ahead AND NOT $6,
		held = l.held, looked_at = c.looked_at + $2, changed = c.changed + $3, failures = 0, fault = NULL,
		state = CASE WHEN l.ends THEN 'done' ELSE c.state END,
		ended_at = CASE WHEN l.ends THEN clock_timestamp() END,
		due_at = CASE WHEN NOT c.ahead AND cardinality($5) > 0 THEN clock_timestamp() + interval '1 s' ELSE c.due_at END
	FROM email_verify.command o, LATERAL (
		SELECT h.held, NOT (o.ahead AND NOT $6) AND cardinality(h.held) = 0 AS ends
		FROM (SELECT (CASE WHEN o.ahead THEN o.held ELSE o.held[$7 + 1:] END || coalesce($5, '{}')) AS held) h
	) l
	WHERE c.id = $1 AND o.id = c.id
	RETURNING c.state, cardinality(c.held);
END;

-- They were carried out.
CREATE FUNCTION email_verify._end_commands(ids bigint[]) RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	DELETE FROM email_verify.command c WHERE c.id = ANY ($1);
END;

-- One could not be carried out just now.  Without a fault somebody holds what it needs; with the third fault in a row it is parked.
-- Later ones about the same address wait for it.
CREATE FUNCTION email_verify._put_off_command(id bigint, fault text, delay interval, OUT state text) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	UPDATE email_verify.command c SET due_at = greatest(c.due_at, clock_timestamp() + $3)
	FROM (
		SELECT l.id FROM email_verify.command l
		WHERE l.address = (SELECT o.address FROM email_verify.command o WHERE o.id = $1) AND l.id > $1 AND l.ended_at IS NULL
			AND ($2 IS NULL OR (SELECT o.failures < 2 FROM email_verify.command o WHERE o.id = $1))
		ORDER BY l.id FOR UPDATE SKIP LOCKED
	) later
	WHERE c.id = later.id;
	UPDATE email_verify.command c SET
		failures = c.failures + ($2 IS NOT NULL)::integer, fault = coalesce($2, c.fault), due_at = clock_timestamp() + $3,
		state = CASE WHEN $2 IS NOT NULL AND c.failures >= 2 THEN 'parked' ELSE 'waiting' END,
		ended_at = CASE WHEN $2 IS NOT NULL AND c.failures >= 2 THEN clock_timestamp() END
	FROM (SELECT l.id FROM email_verify.command l WHERE l.id = $1 FOR UPDATE SKIP LOCKED) l
	WHERE c.id = l.id
	RETURNING c.state;
END;

-- What a start finds running was under way in a crash.  Returns those that were it three times in a row: they are parked.
CREATE FUNCTION email_verify._recover_commands(OUT id bigint, OUT kind text) RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH crashed AS (
		UPDATE email_verify.command c SET
			failures = c.failures + 1, fault = 'the worker or the server ended in the midst of it',
			state = CASE WHEN c.failures >= 2 THEN 'parked' ELSE 'waiting' END,
			ended_at = CASE WHEN c.failures >= 2 THEN clock_timestamp() END
		FROM (SELECT l.id FROM email_verify.command l WHERE l.ended_at IS NULL AND l.state = 'running' ORDER BY l.id FOR UPDATE SKIP LOCKED) l
		WHERE c.id = l.id
		RETURNING c.id, c.kind, c.state
	)
	SELECT crashed.id, crashed.kind FROM crashed WHERE crashed.state = 'parked' ORDER BY crashed.id;
END;

-- A worker that ends in order: nobody shall suspect what was under way.  Waits for no lock.
CREATE FUNCTION email_verify._leave_commands() RETURNS void LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	UPDATE email_verify.command c SET state = 'waiting'
	FROM (SELECT l.id FROM email_verify.command l WHERE l.ended_at IS NULL AND l.state = 'running' ORDER BY l.id FOR UPDATE SKIP LOCKED) l
	WHERE c.id = l.id;
END;

-- When the next command is due, maybe by now: then somebody holds it.
CREATE FUNCTION email_verify._next_command(OUT due_at timestamptz) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	SELECT min(c.due_at) FROM email_verify.command c WHERE c.ended_at IS NULL;
END;

-- Reports about addresses: what bounces, logs and events have said.  Each is kept with its address; what somebody vouches for
-- may change the verdict:
--	refused		a mail server of the recipient's said for good that the mailbox is not there, or full, or disabled
--	delivered	the domain's own mail server has it, by name, in the mailbox.  That does not unmake a catch-all domain
--	doubt		is no proof, but speaks against the verdict: the next question looks anew, once a day at most
-- Everything else (our address, our domain, the message, a policy; complaints, relayed, delayed) says nothing about the mailbox.
-- A verdict that is newer than the report is not touched.
-- Soft bounces of an address that add up: each counts whole for email_verify.soft_bounce_window, then half as much with each more.  A
-- delivery ends those before it.
CREATE FUNCTION email_verify._soft_bounces(address text, at timestamptz, OUT weight double precision, OUT n bigint, OUT over_quota bigint,
	OUT last timestamptz)
LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT coalesce(sum(power(0.5::double precision, greatest(extract(epoch FROM $2 - r.at) / w.seconds - 1, 0)::double precision)), 0), count(*),
		count(*) FILTER (WHERE r.reason = 'mailbox_full'), max(r.at)
	FROM email_verify.report r, (SELECT extract(epoch FROM coalesce(
		nullif(current_setting('email_verify.soft_bounce_window', true), '')::interval, interval '30 days')) AS seconds) w
	WHERE r.address = $1 AND r.soft AND r.undone_at IS NULL AND r.at <= $2
		AND NOT EXISTS (SELECT FROM email_verify.report d
			WHERE d.address = $1 AND d.delivered AND d.undone_at IS NULL AND d.at >= r.at);
END;

-- How many make the address doubtful; NULL: however many there are, they do not.
CREATE FUNCTION email_verify._soft_bounce_limit(OUT n integer) LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT nullif(coalesce(nullif(current_setting('email_verify.soft_bounce_limit', true), '')::integer, 5), 0);
END;

CREATE FUNCTION email_verify._feedback(ids bigint[], OUT changed bigint) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH told AS MATERIALIZED (
		SELECT c.id, c.address, c.asked_at AS at, r.*, c.argument ->> 'format' AS format,
			CASE WHEN r.trusted THEN r.kind ELSE 'untrusted ' || r.kind END AS place,
			jsonb_strip_nulls(c.argument || jsonb_build_object('at', c.asked_at)) AS report
		FROM email_verify.command c, jsonb_to_record(c.argument) AS r (trusted boolean, forwarded boolean, kind text, action text,
			status text, reason text, detail text, scope text, permanence text, refused_by text, confidence integer, reply_code smallint,
			enhanced_code text, diagnostic text, remote_mta text, rule text)
		WHERE c.id = ANY ($1)
	), weighed AS MATERIALIZED (
		SELECT t.*, a.status AS had_status, a.reason AS had_reason, a.detail AS had_detail, a.address IS NOT NULL AS is_known,
			jsonb_build_object('address', to_jsonb(a) - '{reports,reply_text}'::text[], 'report', (a.reports -> t.place) - 'diagnostic') AS was,
			coalesce(t.trusted AND t.forwarded IS NOT TRUE AND t.confidence >= 50 AND t.kind = 'dsn' AND t.permanence IN ('soft', 'expired')
				AND (coalesce(t.scope, 'mailbox') IN ('mailbox', 'domain', 'route')
					OR (t.reason = 'policy_temp_fail' AND t.detail IN ('temporary', 'temporarily_disabled'))), false) AS is_soft,
			coalesce(t.trusted AND t.forwarded IS NOT TRUE AND t.kind = 'success' AND t.action = 'delivered', false) AS is_success,
			t.trusted AND t.forwarded IS NOT TRUE AND t.confidence >= 50 AND (a.checked_at IS NULL OR a.checked_at <= t.at) AS counts,
			t.kind = 'dsn' AND t.scope = 'mailbox' AND t.refused_by IN ('remote', 'reporting')
				AND ((t.status = 'invalid' AND t.permanence = 'hard') OR t.reason IN ('mailbox_full', 'mailbox_disabled')) AS refused,
			t.kind = 'success' AND t.action = 'delivered' AND EXISTS (SELECT FROM email_verify.domain d
				WHERE d.domain = split_part(t.address, '@', -1)
					AND rtrim(lower(t.remote_mta COLLATE "C"), '.') = ANY (d.mx_hosts))
				AND NOT EXISTS (SELECT FROM email_verify.domain_host h
					WHERE h.domain = split_part(t.address, '@', -1) AND h.catch_all) AS delivered
		FROM told t LEFT JOIN email_verify.address a ON a.address = t.address
	), judged AS MATERIALIZED (
		SELECT w.*,
			w.counts AND w.refused AS is_refused,
			w.counts AND w.is_soft AND w.refused IS NOT TRUE AND w.had_status IS DISTINCT FROM 'invalid'
				AND (SELECT s.weight + 1 >= l.n FROM email_verify._soft_bounces(w.address, w.at) s, email_verify._soft_bounce_limit() l) AS is_worn,
			w.counts AND w.delivered AND coalesce(w.had_status <> 'catchall', true) AS is_delivered,
			CASE
				WHEN w.refused OR (w.scope = 'domain' AND w.permanence = 'hard') THEN w.had_status <> 'invalid'
				WHEN w.kind IN ('success', 'mdn', 'auto_reply') THEN w.had_status IN ('invalid', 'unknown')
				ELSE w.kind = 'address_change'
			END AS doubt
		FROM weighed w
	), decided AS MATERIALIZED (
		SELECT j.*,
			CASE WHEN j.is_refused THEN j.status WHEN j.is_worn THEN 'unknown' ELSE 'valid' END::email_verify.verification_status AS new_status,
			CASE WHEN j.is_refused THEN j.reason WHEN j.is_worn THEN CASE WHEN full_too THEN 'mailbox_full' ELSE 'smtp_unverifiable' END
				ELSE 'smtp_deliverable' END::email_verify.verification_reason AS new_reason,
			CASE WHEN j.is_refused THEN j.detail WHEN j.is_worn THEN CASE WHEN full_too THEN 'over_quota' ELSE 'soft_bounces' END END AS new_detail,
			CASE WHEN j.is_refused OR j.is_worn IS NOT TRUE THEN j.rule ELSE 'feedback.soft' END AS new_rule
		FROM judged j, LATERAL (SELECT 2 * (s.over_quota + (j.reason = 'mailbox_full')::integer) > s.n + 1 AS full_too
			FROM email_verify._soft_bounces(j.address, j.at) s) f
		WHERE j.is_refused OR j.is_worn OR j.is_delivered
	), stored AS (
		INSERT INTO email_verify.address AS a (address, status, reason, detail, checked_at, fresh_until, expires_at,
			stage, reply_code, enhanced_status, reply_text, rule, mx_host, reports)
		SELECT d.address, d.new_status, d.new_reason, d.new_detail, d.at, d.at + r.fresh, d.at + r.expire, 'bounce', d.reply_code,
			d.enhanced_code, left(d.diagnostic, 400), d.new_rule, d.remote_mta, jsonb_build_object(d.place, d.report)
		FROM decided d JOIN email_verify._reasons() r ON r.reason = d.new_reason::text
		ORDER BY d.address
		ON CONFLICT ON CONSTRAINT address_pkey DO UPDATE SET
			status = excluded.status, reason = excluded.reason, detail = excluded.detail, checked_at = excluded.checked_at,
			fresh_until = excluded.fresh_until, expires_at = excluded.expires_at, retry_at = NULL, asked_at = NULL,
			suspect_since = NULL, stage = excluded.stage, reply_code = excluded.reply_code,
			enhanced_status = excluded.enhanced_status, reply_text = excluded.reply_text, rule = excluded.rule,
			mx_host = excluded.mx_host, mx_address = NULL, tls = NULL, facts = NULL, reports = coalesce(a.reports, '{}') || excluded.reports
	), noted AS (
		UPDATE email_verify.address a SET
			reports = coalesce(a.reports, '{}') || jsonb_build_object(j.place, j.report),
			fresh_until = CASE WHEN j.doubt THEN least(a.fresh_until, greatest(j.at, a.checked_at + interval '1 day'))
				ELSE a.fresh_until END
		FROM judged j
		WHERE a.address = j.address AND (j.is_refused OR j.is_worn OR j.is_delivered) IS NOT TRUE
	), listed AS (
		INSERT INTO email_verify.report (id, address, at, trusted, kind, action, reason, detail, scope, permanence, format, soft, delivered,
			decided, was)
		SELECT j.id, j.address, j.at, coalesce(j.trusted, false), j.kind, j.action, j.reason, j.detail, j.scope, j.permanence, j.format, j.is_soft,
			j.is_success, (j.is_refused OR j.is_worn OR j.is_delivered) IS TRUE, j.was
		FROM judged j WHERE j.trusted OR j.is_known
		ORDER BY j.id
		ON CONFLICT ON CONSTRAINT report_pkey DO NOTHING
	), few AS (
		-- the last 20 of an address; of a kind that does not add up the last one only
		DELETE FROM email_verify.report o
		USING judged j, LATERAL (SELECT r.id, row_number() OVER (ORDER BY r.id DESC) AS place FROM email_verify.report r
			WHERE r.address = j.address) r
		WHERE o.id = r.id AND (r.place >= 20 OR (o.kind = j.kind AND o.kind <> 'dsn' AND NOT o.decided AND o.trusted = coalesce(j.trusted, false)))
	)
	SELECT count(*) FROM decided d WHERE d.new_reason IS DISTINCT FROM d.had_reason OR d.new_detail IS DISTINCT FROM d.had_detail;
END;

-- Take reports back: what is stored is as if they had not come, as far as nothing newer has replaced it.
CREATE FUNCTION email_verify._feedback_undo(ids bigint[], OUT changed bigint) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH told AS MATERIALIZED (
		SELECT r.*, (CASE WHEN r.trusted THEN '' ELSE 'untrusted ' END) || r.kind AS place
		FROM email_verify.command c JOIN email_verify.report r ON r.address = c.address AND r.id = (c.argument ->> 'report')::bigint
		WHERE c.id = ANY ($1) AND r.undone_at IS NULL
	), standing AS MATERIALIZED (
		-- the report on which the verdict stands: this one, or one that needed this one to be enough
		SELECT t.id, t.address, t.at, t.place, t.was -> 'report' AS report, m.was -> 'address' AS back
		FROM told t JOIN email_verify.address a ON a.address = t.address
			LEFT JOIN email_verify.report m ON m.address = t.address AND m.decided AND m.undone_at IS NULL AND m.at = a.checked_at
				AND a.stage = 'bounce' AND (m.id = t.id OR (a.rule = 'feedback.soft' AND t.soft
					AND (SELECT s.weight - 1 < l.n FROM email_verify._soft_bounces(t.address, m.at) s, email_verify._soft_bounce_limit() l)))
	), marked AS (
		UPDATE email_verify.report r SET undone_at = clock_timestamp() FROM told t WHERE r.id = t.id
	), inherited AS (
		-- what a later one replaced was this one's
		UPDATE email_verify.report r SET was = jsonb_set(r.was, '{address}', coalesce(t.was -> 'address', 'null'))
		FROM told t
		WHERE t.decided AND r.address = t.address AND r.id > t.id AND (r.was #>> '{address,checked_at}')::timestamptz = t.at
			AND r.was #>> '{address,stage}' = 'bounce'
	), gone AS (
		DELETE FROM email_verify.address a USING standing s
		WHERE a.address = s.address AND s.back = 'null'::jsonb
		RETURNING 1
	), restored AS (
		-- a server's words are not kept in reports, and those of this report are not the old verdict's
		UPDATE email_verify.address a SET
			(status, reason, detail, checked_at, fresh_until, expires_at, retry_at, asked_at, suspect_since, stage, reply_code, enhanced_status,
				reply_text, rule, mx_host, mx_address, tls, facts) = (
				SELECT o.status, o.reason, o.detail, o.checked_at, o.fresh_until, o.expires_at, o.retry_at, o.asked_at, o.suspect_since, o.stage,
					o.reply_code, o.enhanced_status, CASE WHEN s.back IS NULL THEN a.reply_text END, o.rule, o.mx_host, o.mx_address, o.tls, o.facts
				FROM jsonb_populate_record(a, CASE WHEN s.back IS NULL THEN '{}' ELSE s.back END) o),
			reports = CASE WHEN (a.reports #>> ARRAY[s.place, 'at'])::timestamptz IS DISTINCT FROM s.at THEN a.reports
				ELSE nullif(a.reports - s.place || CASE WHEN jsonb_typeof(s.report) = 'object' THEN jsonb_build_object(s.place, s.report) ELSE '{}' END,
					'{}') END
		FROM standing s
		WHERE a.address = s.address AND s.back IS DISTINCT FROM 'null'::jsonb
		RETURNING s.back
	)
	SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM restored WHERE restored.back IS NOT NULL);
END;

-- What external checkers have found out.  What decides nothing is doubt: it takes the place of doubt only, and if another attempt may
-- improve on it the address can be claimed again later, four times.  What SMTP has decided meanwhile stays.
CREATE FUNCTION email_verify._submit(ids bigint[], OUT changed bigint) LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH told AS MATERIALIZED (
		SELECT c.address, c.asked_at AS at, c.asked_by, c.argument ->> 'reason' AS reason, c.argument ->> 'evidence' AS evidence,
			c.argument -> 'facts' AS facts,
			NOT r.retryable AND (r.status <> 'unknown'
				OR r.reason IN ('yahoo_api_verified', 'yahoo_api_not_deliverable', 'mailbox_full', 'mailbox_disabled')) AS sure,
			r.status, r.retryable, r.fresh, r.expire, x.class, x.attempts + 1 AS attempts,
			CASE WHEN r.retryable THEN c.asked_at + ('{5 min,30 min,2 h,8 h}'::interval[])[x.attempts + 1] END AS retry_at
		FROM email_verify.command c JOIN email_verify.external_check x ON x.address = c.address
			JOIN email_verify._reasons() r ON r.reason = c.argument ->> 'reason'
		WHERE c.id = ANY ($1) AND x.submitted_at IS NOT NULL
	), merged AS (
		SELECT t.*, CASE
				WHEN a.expires_at <= t.at THEN true
				WHEN a.stage = 'external' AND t.sure THEN true
				WHEN a.status IN ('valid', 'invalid') OR a.reason IN ('smtp_deliverable', 'mailbox_full', 'mailbox_disabled') THEN false
				ELSE t.sure OR (a.status = 'unknown' AND a.reason NOT IN ('yahoo_api_verified', 'yahoo_api_not_deliverable'))
			END AS replaces
		FROM told t JOIN email_verify.address a ON a.address = t.address
	), stored AS (
		UPDATE email_verify.address a SET
			status = CASE WHEN m.replaces THEN m.status::email_verify.verification_status ELSE a.status END,
			reason = CASE WHEN m.replaces THEN m.reason::email_verify.verification_reason ELSE a.reason END,
			detail = CASE WHEN m.replaces THEN 'external_checker' ELSE a.detail END,
			checked_at = CASE WHEN m.replaces THEN m.at ELSE a.checked_at END,
			fresh_until = CASE WHEN m.replaces THEN m.at + m.fresh ELSE a.fresh_until END,
			expires_at = CASE WHEN m.replaces THEN m.at + m.expire ELSE a.expires_at END,
			retry_at = m.retry_at,
			asked_at = CASE WHEN NOT m.replaces THEN m.at END,
			suspect_since = CASE WHEN NOT m.replaces THEN a.suspect_since END,
			stage = CASE WHEN m.replaces THEN 'external' ELSE a.stage END,
			reply_code = CASE WHEN NOT m.replaces THEN a.reply_code END,
			enhanced_status = CASE WHEN NOT m.replaces THEN a.enhanced_status END,
			reply_text = CASE WHEN m.replaces THEN m.evidence ELSE a.reply_text END,
			facts = CASE WHEN m.replaces THEN m.facts ELSE a.facts END,
			rule = CASE WHEN m.replaces THEN 'checker:' || m.asked_by ELSE a.rule END,
			tls = CASE WHEN NOT m.replaces THEN a.tls END
		FROM merged m WHERE a.address = m.address
		RETURNING m.replaces
	), again AS (
		UPDATE email_verify.external_check x SET attempts = t.attempts, due_at = t.retry_at, claimed_by = NULL, submitted_at = NULL
		FROM told t WHERE x.address = t.address AND t.retry_at IS NOT NULL
	), finished AS (
		DELETE FROM email_verify.external_check x USING told t WHERE x.address = t.address AND t.retry_at IS NULL
	)
	SELECT count(*) FILTER (WHERE s.replaces) FROM stored s;
END;

-- What is stored of a reply, judged by the rules of today; all NULL when too little is.
CREATE FUNCTION email_verify._rejudge(address text, stage text, reply_code smallint, enhanced_status text, reply_text text,
	mx_host text, mx_address text, had_reason text, had_detail text, catch_all boolean, accepted boolean, trust_accept boolean,
	trust_reject boolean, needs_control boolean, refusal bigint, OUT status text, OUT reason text, OUT detail text, OUT rule text)
AS 'MODULE_PATHNAME', 'ev_rejudge_stored' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100;

-- A slice of a walk over the verdicts: those that stand on an SMTP reply are judged again.  What has not been said in a reply (DNS, a
-- closed connection, a bounce) stays; so does what counts beside it, such as a refusal of a good address that waits for a second one.
-- Ages are those of the new reason, from the time of the reply; what is to be heard once more is not fresh.
CREATE FUNCTION email_verify._reclassify(id bigint, n integer, OUT looked_at bigint, OUT changed bigint, OUT reached text, OUT held text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH asked AS MATERIALIZED (
		SELECT c.after, c.ahead, c.held, c.argument->'reasons' AS reasons FROM email_verify.command c WHERE c.id = $1
	), few AS MATERIALIZED (
		SELECT a.* FROM email_verify.address a
		WHERE (SELECT asked.ahead FROM asked) AND a.address > (SELECT coalesce(asked.after, '') FROM asked)
		ORDER BY a.address LIMIT 1000
	), slice AS MATERIALIZED (
		(SELECT few.* FROM few ORDER BY few.address LIMIT $2)
		UNION ALL
		SELECT a.* FROM asked, unnest(asked.held[1:$2]) h (address) JOIN email_verify.address a ON a.address = h.address
		WHERE NOT asked.ahead
	), judged AS MATERIALIZED (
		SELECT s.address, s.status AS had_status, s.reason AS had_reason, s.detail AS had_detail, s.rule AS had_rule,
			j.status, j.reason, j.rule,
			-- a refusal of a good address that waits for a second one is not unsaid by the reply before it
			CASE WHEN s.suspect_since IS NOT NULL AND j.reason = s.reason::text THEN s.detail ELSE j.detail END AS detail
		FROM slice s
		LEFT JOIN email_verify.domain_host h ON h.domain = split_part(s.address, '@', -1) AND h.host = s.mx_host
		LEFT JOIN LATERAL (
			SELECT p.trust_accept, p.trust_reject, p.needs_control
			FROM string_to_array(s.mx_host, '.') AS l (labels) CROSS JOIN LATERAL generate_subscripts(l.labels, 1) AS i
			JOIN email_verify.mx_policy p ON p.mx = array_to_string(l.labels[i:], '.')
			ORDER BY i LIMIT 1
		) p ON true,
		LATERAL email_verify._rejudge(s.address, s.stage, s.reply_code, s.enhanced_status, s.reply_text, s.mx_host, host(s.mx_address),
			s.reason::text, s.detail, h.catch_all,
			h.accepted_at BETWEEN s.checked_at - interval '1 day' AND s.checked_at + interval '1 day',
			p.trust_accept, p.trust_reject, p.needs_control, h.refusal) j
		WHERE s.stage IN ('greeting', 'ehlo', 'starttls', 'mail', 'rcpt') AND s.reply_code IS NOT NULL AND s.reply_text IS NOT NULL
			AND s.rule NOT LIKE 'outcome.%' AND s.rule <> 'smtputf8_not_offered' AND j.reason IS NOT NULL
			AND coalesce((SELECT asked.reasons FROM asked) ? s.reason::text, true)
	), other AS MATERIALIZED (
		SELECT j.*, j.reason <> j.had_reason::text OR j.detail IS DISTINCT FROM j.had_detail AS verdict FROM judged j
		WHERE j.reason <> j.had_reason::text OR j.detail IS DISTINCT FROM j.had_detail OR j.rule IS DISTINCT FROM j.had_rule
	), free AS MATERIALIZED (
		SELECT o.* FROM other o JOIN email_verify.address a ON a.address = o.address
		ORDER BY a.address FOR UPDATE OF a SKIP LOCKED
	), changed AS (
		UPDATE email_verify.address a SET
			status = o.status::email_verify.verification_status, reason = o.reason::email_verify.verification_reason,
			detail = o.detail, rule = o.rule,
			fresh_until = CASE WHEN NOT o.verdict THEN a.fresh_until
				WHEN o.detail IN ('unconfirmed', 'weak') THEN least(now(), a.checked_at + r.fresh) ELSE a.checked_at + r.fresh END,
			expires_at = CASE WHEN o.verdict THEN a.checked_at + r.expire ELSE a.expires_at END,
			suspect_since = CASE WHEN o.reason = o.had_reason::text THEN a.suspect_since END
		FROM free o JOIN email_verify._reasons() r ON r.reason = o.reason
		WHERE a.address = o.address
		RETURNING o.verdict
	)
	SELECT (SELECT count(*) FROM slice), (SELECT count(*) FILTER (WHERE changed.verdict) FROM changed),
		(SELECT max(few.address) FROM slice few WHERE (SELECT asked.ahead FROM asked)),
		(SELECT array_agg(o.address ORDER BY o.address) FROM other o WHERE NOT EXISTS (SELECT FROM free f WHERE f.address = o.address));
END;

-- A slice of a walk over the verdicts: what was judged within a time is queued to be asked for anew, and is stale until it has been.
-- What is good already stays until there is another answer.  What was learned of catch-all domains then counts no more.
CREATE FUNCTION email_verify._recheck_since(id bigint, n integer, OUT looked_at bigint, OUT changed bigint, OUT reached text, OUT held text[])
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH asked AS MATERIALIZED (
		SELECT c.after, c.ahead, c.held, c.argument->'reasons' AS reasons, (c.argument->>'since')::timestamptz AS since,
			(c.argument->>'until')::timestamptz AS until
		FROM email_verify.command c WHERE c.id = $1
	), few AS MATERIALIZED (
		SELECT a.* FROM email_verify.address a
		WHERE (SELECT asked.ahead FROM asked) AND a.address > (SELECT coalesce(asked.after, '') FROM asked)
		ORDER BY a.address LIMIT 1000
	), slice AS MATERIALIZED (
		(SELECT few.* FROM few ORDER BY few.address LIMIT $2)
		UNION ALL
		SELECT a.* FROM asked, unnest(asked.held[1:$2]) h (address) JOIN email_verify.address a ON a.address = h.address
		WHERE NOT asked.ahead
	), judged AS MATERIALIZED (
		SELECT s.address FROM slice s, asked
		WHERE (s.checked_at BETWEEN asked.since AND asked.until AND coalesce(asked.reasons ? s.reason::text, true))
			-- it was asked for then, and the answer was none that could replace this verdict
			OR (s.asked_at BETWEEN asked.since AND asked.until AND coalesce(asked.reasons ? 'dns_lookup_error', true))
	), free AS MATERIALIZED (
		SELECT a.address FROM judged j JOIN email_verify.address a ON a.address = j.address
		ORDER BY a.address FOR UPDATE OF a SKIP LOCKED
	), stale AS (
		UPDATE email_verify.address a SET fresh_until = now() FROM free f WHERE a.address = f.address AND a.fresh_until > now()
	), unlearned AS (
		UPDATE email_verify.domain_host h SET catch_all = NULL, catch_all_at = NULL
		FROM (
			SELECT o.domain, o.host FROM email_verify.domain_host o, asked
			WHERE asked.reasons IS NULL AND o.catch_all_at BETWEEN asked.since AND asked.until
				AND o.domain IN (SELECT split_part(f.address, '@', -1) FROM free f)
			FOR UPDATE OF o SKIP LOCKED
		) o
		WHERE h.domain = o.domain AND h.host = o.host
	), queued AS (
		INSERT INTO email_verify.queue AS q (address, priority, due_at)
		SELECT f.address, 1, clock_timestamp() FROM free f
		WHERE NOT EXISTS (SELECT FROM email_verify.parked p WHERE p.address = f.address)
		ORDER BY split_part(f.address, '@', -1) COLLATE "C", f.address
		ON CONFLICT ON CONSTRAINT queue_address_key DO UPDATE SET attempts = 0, put_backs = 0, second_look = false,
			due_at = CASE WHEN q.crashes = 0 THEN least(q.due_at, excluded.due_at) ELSE q.due_at END
		RETURNING (q.xmax = 0)::integer AS added
	), told AS MATERIALIZED (
		SELECT count(*) AS changed, email_verify._poke(coalesce(sum(queued.added), 0)::bigint) FROM queued
	)
	SELECT (SELECT count(*) FROM slice), (SELECT told.changed FROM told),
		(SELECT max(few.address) FROM slice few WHERE (SELECT asked.ahead FROM asked)),
		(SELECT array_agg(j.address ORDER BY j.address) FROM judged j WHERE NOT EXISTS (SELECT FROM free f WHERE f.address = j.address));
END;

-- ---------------------------------------------------------------------------------------------------
-- What an application calls.
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.email_syntax_ok(email text, level text DEFAULT 'internet') RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_syntax_ok' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SUPPORT email_verify._mostly_true;
COMMENT ON FUNCTION @extschema@.email_syntax_ok(text, text) IS 'can this be an e-mail address? levels: internet, smtp, header';

CREATE FUNCTION @extschema@.email_syntax(email text, level text DEFAULT 'internet') RETURNS email_verify.syntax
AS 'MODULE_PATHNAME', 'ev_syntax' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_syntax(text, text) IS
	'what is wrong with the syntax of an e-mail address and where, and of what it consists';

-- Immutable: unique indexes and generated columns may stand on these.
CREATE FUNCTION @extschema@.email_normalize(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_normalize(text) IS
	'the address as it travels: domain in lower-case A-labels, no needless quotes; NULL when it is none';

CREATE FUNCTION @extschema@.email_canonical(email text, rules integer DEFAULT 1) RETURNS text
AS 'MODULE_PATHNAME', 'ev_canonical_address' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_canonical(text, integer) IS
	'one key for all spellings of a mailbox, by a frozen set of rules; NULL when it is no address';

CREATE FUNCTION @extschema@.email_domain(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_domain_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_domain(text) IS 'the domain of an address in lower-case A-labels; NULL when it is none';

CREATE FUNCTION @extschema@.email_local_part(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_local_part_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_local_part(text) IS
	'the local part of an address without needless quotes; NULL when it is none';

-- These see the table override, and what is known of domains, for those who may ask for verdicts; others are answered from
-- built-in data alone.
CREATE FUNCTION @extschema@.email_is_disposable(email text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_is_disposable' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10
SUPPORT email_verify._rarely_true;
COMMENT ON FUNCTION @extschema@.email_is_disposable(text) IS 'does the address belong to a service of throw-away mailboxes?';

CREATE FUNCTION @extschema@.email_is_role(email text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_is_role_address' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10
SUPPORT email_verify._rarely_true;
COMMENT ON FUNCTION @extschema@.email_is_role(text) IS 'is it the address of a function, like info@ or postmaster@, and not a person''s?';

CREATE FUNCTION @extschema@.email_is_free(email text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_is_free' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION @extschema@.email_is_free(text) IS 'is it a mailbox of a provider where anybody gets one?';

CREATE FUNCTION @extschema@.email_is_alias(email text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_is_alias' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 10
SUPPORT email_verify._rarely_true;
COMMENT ON FUNCTION @extschema@.email_is_alias(text) IS 'does it belong to a service that forwards to mailboxes elsewhere?';

CREATE FUNCTION @extschema@.email_provider(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_provider_of_address' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.email_provider(text) IS
	'who keeps the mailbox: by the domain, or by its mail servers once they are known to this site; NULL when nobody known does';

CREATE FUNCTION @extschema@.email_suggest(email text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_suggest' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 20;
COMMENT ON FUNCTION @extschema@.email_suggest(text) IS
	'the address that was probably meant by a mistyped one; NULL when nothing is near, or the domain is known to be real and no known slip';

CREATE FUNCTION @extschema@.email_verify(email text, wait interval DEFAULT NULL, max_age interval DEFAULT NULL)
RETURNS email_verify.verification_reason
AS 'MODULE_PATHNAME', 'ev_verify' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@.email_verify(text, interval, interval) IS
	'the verdict on an e-mail address in one word; an unknown address is queued for verification';

CREATE FUNCTION @extschema@.email_verdict(email text, wait interval DEFAULT NULL, max_age interval DEFAULT NULL)
RETURNS email_verify.verdict
AS 'MODULE_PATHNAME', 'ev_verdict' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@.email_verdict(text, interval, interval) IS
	'the whole verdict on an e-mail address; FROM users u, email_verdict(u.email) v';

CREATE FUNCTION @extschema@.email_verdict_as(verdict email_verify.verdict, vocabulary text, OUT status text, OUT code text,
	OUT code_group text)
AS 'MODULE_PATHNAME', 'ev_verdict_as' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.email_verdict_as(email_verify.verdict, text) IS
	'a verdict in the words of emailhippo, bounceless or billionverify; code_group is the group of a code of bounceless, valid or invalid';

CREATE FUNCTION @extschema@.email_verify_ok(email text, wait interval DEFAULT NULL,
	reject email_verify.verification_status[] DEFAULT '{invalid,disposable}') RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_verify_ok' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000
SUPPORT email_verify._mostly_true;
COMMENT ON FUNCTION @extschema@.email_verify_ok(text, interval, email_verify.verification_status[]) IS
	'false only for an e-mail address that is known to be bad';

CREATE FUNCTION @extschema@.email_verify_many(emails text[], wait interval DEFAULT NULL, max_age interval DEFAULT NULL,
	OUT email text, OUT status email_verify.verification_status, OUT reason email_verify.verification_reason,
	OUT detail text, OUT retryable boolean, OUT checked_at timestamptz, OUT retry_at timestamptz, OUT stale boolean)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'ev_verify_many' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000;
COMMENT ON FUNCTION @extschema@.email_verify_many(text[], interval, interval) IS
	'verdicts on many e-mail addresses in the order given; queues all, then waits once';

CREATE FUNCTION @extschema@.email_verify_trigger() RETURNS trigger
AS 'MODULE_PATHNAME', 'ev_verify_trigger' LANGUAGE C SECURITY DEFINER;
COMMENT ON FUNCTION @extschema@.email_verify_trigger() IS
	'BEFORE INSERT OR UPDATE OF: refuses known bad addresses; arguments column, wait, refused statuses';

CREATE FUNCTION @extschema@.email_explain(email text, OUT step integer, OUT stage text, OUT finding text, OUT evidence text,
	OUT at timestamptz)
RETURNS SETOF record LANGUAGE SQL STABLE SECURITY DEFINER
BEGIN ATOMIC
	WITH p AS (
		SELECT p.key, p.domain, p.fault FROM email_verify._parse($1) p
	), found AS (
		SELECT 1 AS step, 'syntax' AS stage,
			coalesce(p.fault, 'ok at level internet') AS finding, p.key AS evidence, NULL::timestamptz AS at
		FROM p
		UNION ALL
		SELECT 2, 'override', o.action::text, concat_ws(' ', o.pattern, o.note), NULL
		FROM p JOIN email_verify.override o ON o.pattern IN (lower(p.key), '@' || p.domain,
			lower(split_part(p.key, '@' || p.domain, 1)) || '@', email_verify._hmac(p.key), email_verify._hmac('@' || p.domain))
			OR (o.kind = 'parent' AND right('.' || p.domain, length(o.pattern) - 1) = substr(o.pattern, 2)
				AND '@.' || p.domain <> o.pattern)
		WHERE o.until IS NULL OR o.until > now()
		UNION ALL
		SELECT 3, 'data', concat_ws(', ',
				CASE WHEN @extschema@.email_is_disposable($1) THEN 'disposable' ELSE 'not disposable' END,
				CASE WHEN @extschema@.email_is_role($1) THEN 'role' ELSE 'not role' END,
				CASE WHEN @extschema@.email_is_free($1) THEN 'free' END,
				CASE WHEN @extschema@.email_is_alias($1) THEN 'alias' END,
				CASE WHEN email_verify._is_trap_name($1) THEN 'calls itself a spam trap' END),
			@extschema@.email_provider($1), NULL
		FROM p WHERE p.key IS NOT NULL
		UNION ALL
		SELECT 4, 'dns', concat(coalesce(concat_ws(' ', d.reason::text, d.detail), ''), CASE WHEN d.reason IS NULL THEN 'takes mail' END,
				CASE WHEN d.opt_out AND d.reason IS NULL THEN ', asks not to be probed' END),
			coalesce('MX ' || array_to_string(d.mx_hosts, ', '), CASE WHEN d.implicit_mx THEN 'no MX: its own address' END),
			d.checked_at
		FROM p JOIN email_verify.domain d ON d.domain = p.domain
		UNION ALL
		SELECT 5, 'catch-all', CASE h.catch_all WHEN true THEN 'accepts made-up recipients'
				WHEN false THEN 'refuses made-up recipients' ELSE 'not known' END, h.host, h.catch_all_at
		FROM p JOIN email_verify.domain_host h ON h.domain = p.domain
		UNION ALL
		SELECT 6, a.stage, concat_ws(' ', a.reply_code::text, a.enhanced_status, 'rule ' || a.rule,
				(SELECT '(' || r.note || ')' FROM email_verify.reply_rule r WHERE a.rule = 'site:' || r.id)),
			concat_ws(' ', a.mx_host, '[' || host(a.mx_address) || ']', CASE WHEN a.tls THEN '(TLS)' END, a.reply_text), a.checked_at
		FROM p JOIN email_verify.address a ON a.address = p.key
		WHERE a.stage IS NOT NULL
		UNION ALL
		SELECT 6, 'report', r.key || concat(': ' || concat_ws(' ', v.action, v.reason, v.detail, 'scope ' || v.scope, v.permanence)),
			concat_ws(' ', v.remote_mta, v.enhanced_code, v.diagnostic, CASE WHEN v.forwarded THEN '(forwarded)' END), v.at
		FROM p JOIN email_verify.address a ON a.address = p.key, jsonb_each(a.reports) r,
			jsonb_to_record(r.value) AS v (at timestamptz, action text, reason text, detail text, scope text, permanence text,
				remote_mta text, enhanced_code text, diagnostic text, forwarded boolean)
		UNION ALL
		SELECT 6, 'report', s.n || ' soft bounces that add up' || coalesce(', of ' || l.n || ' that make it doubtful', ''),
			'weigh ' || round(s.weight::numeric, 1), s.last
		FROM p, LATERAL email_verify._soft_bounces(p.key, clock_timestamp()) s, email_verify._soft_bounce_limit() l
		WHERE s.n > 0
		UNION ALL
		SELECT 7, 'verdict', concat_ws(' ', a.status::text, a.reason::text, a.detail), r.description, a.checked_at
		FROM p JOIN email_verify.address a ON a.address = p.key JOIN email_verify._reasons() r ON r.reason = a.reason::text
		UNION ALL
		SELECT 7, 'facts', 'what the external checker told besides', a.facts::text, a.checked_at
		FROM p JOIN email_verify.address a ON a.address = p.key WHERE a.facts IS NOT NULL
		UNION ALL
		SELECT 8, 'suggest', 'did you mean ' || s.suggestion || '?', NULL, NULL
		FROM @extschema@.email_suggest($1) AS s (suggestion) WHERE s.suggestion IS NOT NULL
		UNION ALL
		SELECT 9, 'queue', CASE WHEN q.due_at > now() THEN 'will be asked again' ELSE 'is being asked' END,
			concat(q.attempts, ' attempts so far', CASE WHEN q.put_backs > 0 THEN concat(', put off ', q.put_backs, ' times') END,
				CASE WHEN q.crashes > 0 THEN concat(', under way in ', q.crashes, ' crashes') END),
			q.due_at
		FROM p JOIN email_verify.queue q ON q.address = p.key
		UNION ALL
		SELECT 9, 'queue', 'will be queued', 'it was asked for with very many others', NULL
		FROM p WHERE EXISTS (SELECT FROM email_verify.spool s WHERE s.addresses @> ARRAY[p.key])
		UNION ALL
		SELECT 10, 'parked', 'will not be asked again' || coalesce(': ' || k.fault, ''), 'email_verify.recheck() has it tried again', k.parked_at
		FROM p JOIN email_verify.parked k ON k.address = p.key
		UNION ALL
		SELECT 11, 'external', CASE WHEN x.submitted_at IS NOT NULL THEN 'a checker has answered'
				WHEN x.claimed_by IS NOT NULL AND x.due_at > now() THEN 'is being checked by ' || x.claimed_by
				ELSE 'waits for a checker' END,
			concat(x.class, CASE WHEN x.attempts > 0 THEN concat(', ', x.attempts, ' attempts so far') END), x.due_at
		FROM p JOIN email_verify.external_check x ON x.address = p.key
	)
	SELECT f.step, f.stage, f.finding, f.evidence, f.at
	FROM found f ORDER BY f.step, f.stage, f.evidence, f.finding;
END;
COMMENT ON FUNCTION @extschema@.email_explain(text) IS 'why an e-mail address was judged as it was, step by step';

-- ---------------------------------------------------------------------------------------------------
-- What one operates.
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION email_verify.wait(timeout interval DEFAULT '1 min') RETURNS bigint
AS 'MODULE_PATHNAME', 'ev_wait_all' LANGUAGE C VOLATILE PARALLEL RESTRICTED SECURITY DEFINER;
COMMENT ON FUNCTION email_verify.wait(interval) IS
	'wait until every queued address has had an answer; returns how many have none';

-- Durable: the rows are the caller's transaction's.
CREATE FUNCTION email_verify.enqueue(addresses text[]) RETURNS bigint LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	WITH wanted AS (
		SELECT DISTINCT email_verify._queueable(u.address) COLLATE "C" AS address FROM unnest($1) AS u (address)
	), added AS (
		INSERT INTO email_verify.queue AS q (address, priority, due_at)
		SELECT w.address, 1, clock_timestamp() FROM wanted w
		WHERE w.address IS NOT NULL
			AND NOT EXISTS (SELECT FROM email_verify.address a WHERE a.address = w.address AND a.fresh_until > now())
			AND NOT EXISTS (SELECT FROM email_verify.parked p WHERE p.address = w.address)
		-- as in _enqueue()
		ORDER BY split_part(w.address, '@', -1) COLLATE "C", hashtext(w.address), w.address
		ON CONFLICT ON CONSTRAINT queue_address_key DO NOTHING
		RETURNING 1
	)
	SELECT email_verify._poke(count(*)) FROM added;
END;
COMMENT ON FUNCTION email_verify.enqueue(text[]) IS
	'queue addresses that have no fresh verdict, in this transaction; returns how many were queued';

CREATE FUNCTION email_verify.recheck(email text) RETURNS boolean LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	WITH k AS (
		SELECT k.address FROM email_verify._queueable($1) AS k (address) WHERE k.address IS NOT NULL
	), unparked AS (
		DELETE FROM email_verify.parked p USING k WHERE p.address = k.address
	), queued AS (
		INSERT INTO email_verify.queue AS q (address, priority, due_at)
		SELECT k.address, 0, clock_timestamp() FROM k
		-- one that changes lines goes to the end of the new one, not behind the worker's back
		ON CONFLICT ON CONSTRAINT queue_address_key DO UPDATE SET priority = 0, crashes = 0,
			attempts = 0, put_backs = 0, answered = false, second_look = false,
			due_at = CASE WHEN q.priority = 0 AND q.crashes = 0 THEN least(q.due_at, excluded.due_at) ELSE excluded.due_at END
		RETURNING (q.xmax = 0)::integer AS added
	)
	SELECT count(*) > 0 AND email_verify._poke(coalesce(sum(queued.added), 0)::bigint) >= 0 FROM queued;
END;
COMMENT ON FUNCTION email_verify.recheck(text) IS
	'verify an address anew, whatever is known of it and also if it was parked; false when its verdict needs no worker';

-- What must hold at any time that nothing is in the middle of: a row for each case in which it does not.  A batch of inflight
-- stands until its last row has its answer, so some of its rows may have gone; and queued names addresses that are known to
-- have been queued, committed, and not forgotten since by other means than email_verify.forget().
CREATE FUNCTION email_verify._invariants(queued text[] DEFAULT NULL, OUT invariant text, OUT violation text)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	SELECT 'pending is never stored', a.address FROM email_verify.address a WHERE a.reason = 'pending'
	UNION ALL
	SELECT 'a verdict that is to be asked for again has a row that does so', a.address || ' ' || a.reason
	FROM email_verify.address a
	WHERE a.retry_at IS NOT NULL
		AND NOT EXISTS (SELECT FROM email_verify.queue q WHERE q.address = a.address)
		AND NOT EXISTS (SELECT FROM email_verify.external_check x WHERE x.address = a.address)
	UNION ALL
	SELECT 'what was answered has a verdict', q.address FROM email_verify.queue q
	WHERE q.answered AND NOT EXISTS (SELECT FROM email_verify.address a WHERE a.address = q.address)
	UNION ALL
	SELECT 'what was queued has a verdict, or is queued', k.address
	FROM unnest($1) AS u (email), email_verify._queueable(u.email) AS k (address)
	WHERE k.address IS NOT NULL
		AND NOT EXISTS (SELECT FROM email_verify.queue q WHERE q.address = k.address)
		AND NOT EXISTS (SELECT FROM email_verify.address a WHERE a.address = k.address)
		AND NOT EXISTS (SELECT FROM email_verify.spool s WHERE s.addresses @> ARRAY[k.address])
		AND NOT EXISTS (SELECT FROM email_verify.tombstone t WHERE t.hmac = email_verify._hmac(k.address))
	UNION ALL
	SELECT 'what is under way is queued', 'batch ' || i.batch FROM email_verify.inflight i
	WHERE NOT EXISTS (SELECT FROM email_verify.queue q WHERE q.id = ANY (i.ids));
END;
COMMENT ON FUNCTION email_verify._invariants(text[]) IS 'what must hold of these tables and does not: no row when all is well';

-- One more row of command, in the caller's transaction; the worker is told when that commits.
CREATE FUNCTION email_verify._hand_over(kind text, address text, argument jsonb) RETURNS bigint LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	INSERT INTO email_verify.command (kind, address, argument) VALUES ($1, $2, coalesce($3, '{}')) RETURNING id + email_verify._poke(0);
END;

CREATE FUNCTION email_verify.reclassify(reasons email_verify.verification_reason[] DEFAULT NULL) RETURNS bigint
LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT email_verify._hand_over('reclassify', NULL, jsonb_strip_nulls(jsonb_build_object('reasons', to_jsonb($1))));
END;
COMMENT ON FUNCTION email_verify.reclassify(email_verify.verification_reason[]) IS
	'judge stored replies by the rules of today, without asking anybody: all, or those of some reasons; the number of a row in table command';

CREATE FUNCTION email_verify.recheck_since(since timestamptz, until timestamptz DEFAULT now(),
	reasons email_verify.verification_reason[] DEFAULT NULL) RETURNS bigint LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT CASE WHEN $1 <= $2 THEN email_verify._hand_over('recheck_since', NULL,
		jsonb_strip_nulls(jsonb_build_object('since', $1, 'until', $2, 'reasons', to_jsonb($3)))) END;
END;
COMMENT ON FUNCTION email_verify.recheck_since(timestamptz, timestamptz, email_verify.verification_reason[]) IS
	'ask anew for all addresses that were judged within a time, or those with some reasons: to undo a bad period; the number of a row in table command, NULL when the time is empty';

CREATE FUNCTION email_verify.retry(command bigint) RETURNS boolean LANGUAGE SQL VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	WITH again AS (
		UPDATE email_verify.command c SET state = 'waiting', ended_at = NULL, failures = 0, due_at = clock_timestamp()
		WHERE c.id = $1 AND c.state = 'parked' RETURNING 1
	)
	SELECT count(*) > 0 AND email_verify._poke(0) = 0 FROM again;
END;
COMMENT ON FUNCTION email_verify.retry(bigint) IS 'have a parked command tried again; false when there is none of that number';

-- External checkers: what they say, checked, with what is wrong as an error.
CREATE FUNCTION email_verify._checker_claim(class text, n integer, lease interval) RETURNS integer
AS 'MODULE_PATHNAME', 'ev_checker_claim' LANGUAGE C STABLE;
CREATE FUNCTION email_verify._checker_reason(class text, reason text) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_checker_reason' LANGUAGE C STABLE;
CREATE FUNCTION email_verify._checker_evidence(evidence text) RETURNS text
AS 'MODULE_PATHNAME', 'ev_checker_evidence' LANGUAGE C STABLE STRICT;
CREATE FUNCTION email_verify._checker_facts(facts jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'ev_checker_facts' LANGUAGE C STABLE STRICT;

CREATE FUNCTION email_verify.claim(class text, n integer DEFAULT 100, lease interval DEFAULT '10 min',
	OUT email text, OUT claimed_until timestamptz)
RETURNS SETOF record LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	WITH free AS MATERIALIZED (
		SELECT x.address FROM email_verify.external_check x
		WHERE x.class = $1 AND x.submitted_at IS NULL AND x.due_at <= (SELECT clock_timestamp()) -- once, so that it bounds the index
		ORDER BY x.due_at, x.address
		LIMIT email_verify._checker_claim($1, $2, $3)
		FOR UPDATE SKIP LOCKED
	), claimed AS (
		UPDATE email_verify.external_check x SET claimed_by = session_user, claims = least(x.claims + 1, 1000000000), due_at = clock_timestamp() + $3
		FROM free f WHERE x.address = f.address
		RETURNING x.address, x.due_at
	)
	SELECT c.address, c.due_at FROM claimed c ORDER BY c.address;
END;
COMMENT ON FUNCTION email_verify.claim(text, integer, interval) IS
	'for external checkers: at most n addresses of a class, which nobody else gets before the lease has ended';

CREATE FUNCTION email_verify.submit(email text, reason email_verify.verification_reason, evidence text DEFAULT NULL, facts jsonb DEFAULT NULL)
RETURNS boolean LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT email_verify._checker_reason(NULL, $2::text), email_verify._checker_evidence($3), email_verify._checker_facts($4);
	WITH claimed AS (
		UPDATE email_verify.external_check x SET submitted_at = clock_timestamp()
		WHERE x.address = (email_verify._parse($1)).key
			-- which class it is of is told to whom it is claimed by
			AND CASE WHEN x.claimed_by = session_user AND x.due_at > clock_timestamp() AND x.submitted_at IS NULL
				THEN email_verify._checker_reason(x.class, $2::text) ELSE false END
		RETURNING x.address
	)
	SELECT count(email_verify._hand_over('submit', c.address, jsonb_strip_nulls(jsonb_build_object(
		'reason', $2, 'evidence', email_verify._checker_evidence($3))) || CASE WHEN $4 IS NULL THEN '{}' ELSE jsonb_build_object('facts', $4) END)) > 0
	FROM claimed c;
END;
COMMENT ON FUNCTION email_verify.submit(text, email_verify.verification_reason, text, jsonb) IS
	'for external checkers: the result for a claimed address; false when it is not claimed, or no longer, by this user';

-- email_classify_bounce() and by which rule
CREATE FUNCTION email_verify._bounces(message text, OUT original_recipient text, OUT final_recipient text, OUT action text,
	OUT enhanced_code text, OUT reply_code integer, OUT diagnostic text, OUT remote_mta text,
	OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text, OUT retryable boolean,
	OUT scope text, OUT permanence text, OUT refused_by text, OUT async boolean, OUT kind text, OUT confidence integer, OUT format text,
	OUT reporting_mta text, OUT arrival_date timestamptz, OUT queue_id text, OUT envelope_sender text,
	OUT last_attempt timestamptz, OUT will_retry_until timestamptz,
	OUT rule text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_classify_bounce_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1;
CREATE FUNCTION email_verify._bounces(message bytea, OUT original_recipient text, OUT final_recipient text, OUT action text,
	OUT enhanced_code text, OUT reply_code integer, OUT diagnostic text, OUT remote_mta text,
	OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text, OUT retryable boolean,
	OUT scope text, OUT permanence text, OUT refused_by text, OUT async boolean, OUT kind text, OUT confidence integer, OUT format text,
	OUT reporting_mta text, OUT arrival_date timestamptz, OUT queue_id text, OUT envelope_sender text,
	OUT last_attempt timestamptz, OUT will_retry_until timestamptz,
	OUT rule text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_classify_bounce_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1;

-- What a bounce says about one recipient.  Whom a forwarding has led to is somebody else: his address is not kept.  NULL: it names
-- nobody.
CREATE FUNCTION email_verify._report(original_recipient text, final_recipient text, report jsonb, trusted boolean) RETURNS bigint
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH whom AS MATERIALIZED (
		SELECT (email_verify._parse($1)).key AS original, (email_verify._parse($2)).key AS final
	)
	SELECT email_verify._hand_over('feedback', coalesce(w.original, w.final), jsonb_strip_nulls(
		$3 - (CASE WHEN lower(w.original) <> lower(w.final) THEN '{original_recipient,final_recipient,diagnostic}'
				ELSE '{original_recipient,final_recipient}' END)::text[] || jsonb_build_object('trusted', coalesce($4, false),
			'forwarded', nullif(lower(w.original) <> lower(w.final), false))))
	FROM whom w WHERE coalesce(w.original, w.final) IS NOT NULL;
END;

CREATE FUNCTION email_verify.feedback(message text, trusted boolean DEFAULT false) RETURNS bigint
LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT count(email_verify._report(b.original_recipient, b.final_recipient, to_jsonb(b), $2)) FROM email_verify._bounces($1) b;
END;
COMMENT ON FUNCTION email_verify.feedback(text, boolean) IS
	'hand over a bounce, a line of a mail log or a provider''s event; returns of how many recipients it tells. trusted: you vouch for it';

CREATE FUNCTION email_verify.feedback(message bytea, trusted boolean DEFAULT false) RETURNS bigint
LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT count(email_verify._report(b.original_recipient, b.final_recipient, to_jsonb(b), $2)) FROM email_verify._bounces($1) b;
END;
CREATE FUNCTION email_verify.feedback_undo(id bigint) RETURNS boolean LANGUAGE SQL VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT count(email_verify._hand_over('feedback_undo', r.address, jsonb_build_object('report', r.id))) > 0
	FROM email_verify.report r WHERE r.id = $1 AND r.undone_at IS NULL;
END;
COMMENT ON FUNCTION email_verify.feedback_undo(bigint) IS
	'take the effect of one report back; its id is in table report. False when there is none of that id, or it was taken back before';

COMMENT ON FUNCTION email_verify.feedback(bytea, boolean) IS
	'hand over a bounce as it came in; returns of how many recipients it tells. trusted: you vouch for it';

CREATE FUNCTION email_verify.data_version(OUT lists text, OUT canonical_rules integer, OUT unicode text)
AS 'MODULE_PATHNAME', 'ev_data_version' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION email_verify.data_version() IS
	'versions of the lists of domains, of the newest rules for canonical addresses, and of the Unicode data in use';

-- What indexes and generated columns of this database were made with.  Not dumped: a restore makes them anew.
CREATE TABLE email_verify.made_with (
	single boolean PRIMARY KEY DEFAULT true CHECK (single),
	unicode text NOT NULL
);
COMMENT ON TABLE email_verify.made_with IS 'the Unicode data at the time of CREATE EXTENSION, or of the last REINDEX that was told here';
INSERT INTO email_verify.made_with (unicode) SELECT v.unicode FROM email_verify.data_version() v;

CREATE FUNCTION email_verify.hmac(pattern text) RETURNS text LANGUAGE SQL VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	INSERT INTO email_verify.site_key (key) SELECT email_verify._random_key()
	WHERE NOT EXISTS (SELECT FROM email_verify.site_key) ON CONFLICT DO NOTHING;
	SELECT email_verify._hmac($1);
END;
COMMENT ON FUNCTION email_verify.hmac(text) IS
	'a pattern for the table override that does not tell the address: HMAC-SHA-256 with this site''s key';

CREATE FUNCTION email_verify.export(email text) RETURNS jsonb LANGUAGE SQL STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT jsonb_build_object(
		'email', $1,
		'address', (SELECT to_jsonb(a) FROM email_verify.address a WHERE a.address = p.key),
		'queue', (SELECT to_jsonb(q) FROM email_verify.queue q WHERE q.address = p.key),
		'spool', (SELECT jsonb_agg(s.id ORDER BY s.id) FROM email_verify.spool s WHERE s.addresses @> ARRAY[p.key]),
		'parked', (SELECT to_jsonb(k) FROM email_verify.parked k WHERE k.address = p.key),
		'external_check', (SELECT to_jsonb(x) FROM email_verify.external_check x WHERE x.address = p.key),
		'report', (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.id) FROM email_verify.report r WHERE r.address = p.key),
		'command', (SELECT jsonb_agg(to_jsonb(c) ORDER BY c.id) FROM email_verify.command c WHERE c.address = p.key),
		'override', (SELECT jsonb_agg(to_jsonb(o) ORDER BY o.pattern, o.action) FROM email_verify.override o
			WHERE o.pattern IN (lower(p.key), email_verify._hmac(p.key))),
		'tombstone', (SELECT to_jsonb(t) FROM email_verify.tombstone t WHERE t.hmac = email_verify._hmac(p.key)))
	FROM email_verify._parse($1) p;
END;
COMMENT ON FUNCTION email_verify.export(text) IS 'every trace of an e-mail address in the tables of this extension';

-- An override of the address stays in force, but as an HMAC.
CREATE FUNCTION email_verify.forget(email text, OUT place text, OUT rows bigint)
RETURNS SETOF record LANGUAGE SQL VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._guard();
	SELECT email_verify.hmac($1);

	-- a command that is being carried out, and a verdict that is being stored just now, are waited for: the next statement sees them
	SELECT count(*) FROM (SELECT FROM email_verify.command c WHERE c.address = (email_verify._parse($1)).key ORDER BY c.id FOR UPDATE) l;
	SELECT count(*) FROM (SELECT FROM email_verify.spool s WHERE s.addresses @> ARRAY[(email_verify._parse($1)).key] ORDER BY s.id FOR UPDATE) l;
	SELECT count(*) FROM (SELECT FROM email_verify.queue q WHERE q.address = (email_verify._parse($1)).key FOR UPDATE) l;
	WITH p AS (
		SELECT p.key, email_verify._hmac(p.key) AS hmac FROM email_verify._parse($1) p WHERE p.key IS NOT NULL
	), tomb AS (
		INSERT INTO email_verify.tombstone AS t (hmac, at) SELECT p.hmac, clock_timestamp() FROM p
		ON CONFLICT ON CONSTRAINT tombstone_pkey DO UPDATE SET at = excluded.at
	), walk AS (
		-- the walk may have stopped just there: it begins anew
		UPDATE email_verify.upkeep u SET after = NULL FROM p WHERE u.after = ARRAY[p.key]
	), place AS (
		-- so may a command's: it is as if it had stopped at the row before
		UPDATE email_verify.command c SET held = array_remove(c.held, p.key),
			after = CASE WHEN c.after = p.key THEN (SELECT max(b.address) FROM email_verify.address b WHERE b.address < p.key)
				ELSE c.after END
		FROM p WHERE c.address IS NULL AND (c.after = p.key OR c.held @> ARRAY[p.key])
	), c AS (
		DELETE FROM email_verify.command c USING p WHERE c.address = p.key RETURNING 1
	), q AS (
		DELETE FROM email_verify.queue q USING p WHERE q.address = p.key RETURNING 1
	), s AS (
		UPDATE email_verify.spool s SET addresses = array_replace(s.addresses, p.key, '') FROM p WHERE s.addresses @> ARRAY[p.key] RETURNING 1
	), a AS (
		DELETE FROM email_verify.address a USING p WHERE a.address = p.key RETURNING 1
	), r AS (
		DELETE FROM email_verify.report r USING p WHERE r.address = p.key RETURNING 1
	), k AS (
		DELETE FROM email_verify.parked k USING p WHERE k.address = p.key RETURNING 1
	), x AS (
		DELETE FROM email_verify.external_check x USING p WHERE x.address = p.key RETURNING 1
	), hashed AS (
		INSERT INTO email_verify.override (pattern, action, note, until)
		SELECT p.hmac, o.action, o.note, o.until FROM p JOIN email_verify.override o ON o.pattern = lower(p.key)
		ON CONFLICT DO NOTHING
	), o AS (
		DELETE FROM email_verify.override o USING p WHERE o.pattern = lower(p.key) RETURNING 1
	)
	SELECT 'email_verify.address', (SELECT count(*) FROM a)
	UNION ALL SELECT 'email_verify.queue', (SELECT count(*) FROM q)
	UNION ALL SELECT 'email_verify.spool', (SELECT count(*) FROM s)
	UNION ALL SELECT 'email_verify.parked', (SELECT count(*) FROM k)
	UNION ALL SELECT 'email_verify.external_check', (SELECT count(*) FROM x)
	UNION ALL SELECT 'email_verify.command', (SELECT count(*) FROM c)
	UNION ALL SELECT 'email_verify.report', (SELECT count(*) FROM r)
	UNION ALL SELECT 'email_verify.override (kept as HMAC)', (SELECT count(*) FROM o)
	UNION ALL SELECT 'kept: an HMAC in email_verify.tombstone, for a day, so that no answer under way brings it back', NULL FROM p
	UNION ALL SELECT 'not reached: dead rows until VACUUM', NULL
	UNION ALL SELECT 'not reached: memory of the worker, its prober and other sessions while in use', NULL
	UNION ALL SELECT 'not reached: your own tables, backups, WAL, server logs', NULL;
END;
COMMENT ON FUNCTION email_verify.forget(text) IS
	'erase an e-mail address from the tables of this extension; says what was erased, what is kept and what it cannot reach';

CREATE FUNCTION email_verify.pause(finish boolean DEFAULT false) RETURNS void
AS 'MODULE_PATHNAME', 'ev_pause' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION email_verify.pause(boolean) IS 'probe nothing in this database until resume(); what is asked meanwhile is queued, and so is what is under way unless it may finish first';

CREATE FUNCTION email_verify.resume() RETURNS void
AS 'MODULE_PATHNAME', 'ev_resume' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION email_verify.resume() IS 'go on after pause()';

CREATE FUNCTION email_verify._announce() RETURNS void
AS 'MODULE_PATHNAME', 'ev_announce' LANGUAGE C VOLATILE;

CREATE FUNCTION email_verify._stat(OUT database text, OUT worker text, OUT since timestamptz, OUT worker_pid integer,
	OUT started_at timestamptz, OUT worker_detail text, OUT gates text[], OUT hint text, OUT paused boolean,
	OUT inflight integer, OUT sessions integer, OUT completed_rate double precision, OUT rcpts_rate double precision,
	OUT lookups_rate double precision, OUT inbox_bytes integer, OUT inbox_pct double precision, OUT waiters integer,
	OUT max_waiters integer, OUT drained_total bigint, OUT leased_total bigint, OUT completed_total bigint,
	OUT put_back_total bigint, OUT sessions_total bigint, OUT lookups_total bigint, OUT rcpts_total bigint,
	OUT refused_total bigint, OUT commands_total bigint, OUT command_failures_total bigint, OUT cache_hits bigint, OUT cache_misses bigint, OUT cache_stale bigint,
	OUT errors_total bigint, OUT starts_total bigint, OUT failures_total bigint, OUT server_crashes integer,
	OUT last_error text, OUT last_error_at timestamptz, OUT stats_reset timestamptz,
	OUT prober_pid integer, OUT prober_confined text, OUT prober_crashes_total bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_stat' LANGUAGE C VOLATILE ROWS 1;

-- Grants that let their holders do more than the documentation means them to, for doctor(): code that would run with others' rights,
-- tables that the worker alone writes, the secret of hmac().  Roles that are superusers, or the owner, need none.
CREATE FUNCTION email_verify._dangerous_grants(OUT object text, OUT grantee text, OUT privileges text, OUT danger text)
RETURNS SETOF record LANGUAGE SQL STABLE
BEGIN ATOMIC
	WITH granted AS (
		SELECT c.oid::regclass::text AS object, c.relname, c.relowner AS owner, a.grantee, a.privilege_type
		FROM pg_class c, aclexplode(c.relacl) a
		WHERE c.relnamespace = 'email_verify'::regnamespace AND c.relkind IN ('r', 'v', 'S')
		UNION ALL
		SELECT c.oid::regclass::text, c.relname, c.relowner, a.grantee, a.privilege_type
		FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
		WHERE c.relnamespace = 'email_verify'::regnamespace AND c.relkind = 'r'
		UNION ALL
		SELECT 'schema ' || n.nspname, NULL, n.nspowner, a.grantee, a.privilege_type
		FROM pg_namespace n, aclexplode(n.nspacl) a
		WHERE n.nspname = 'email_verify' AND a.privilege_type = 'CREATE'
	), dangerous AS (
		SELECT g.object, g.grantee, g.privilege_type,
			CASE
				WHEN g.privilege_type IN ('TRIGGER', 'REFERENCES', 'CREATE') THEN 'code of others on the tables'
				WHEN g.relname = 'site_key' THEN 'the secret of hmac()'
				WHEN g.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'MAINTAIN')
					AND g.relname NOT IN ('override', 'mx_policy', 'reply_rule', 'reply_rule_id_seq') THEN 'the worker alone writes it'
			END AS danger
		FROM granted g
		WHERE g.grantee <> g.owner AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.grantee AND r.rolsuper)
	)
	SELECT d.object, CASE WHEN d.grantee = 0 THEN 'PUBLIC' ELSE d.grantee::regrole::text END,
		string_agg(DISTINCT d.privilege_type, ', ' ORDER BY d.privilege_type), d.danger
	FROM dangerous d WHERE d.danger IS NOT NULL
	GROUP BY d.object, d.grantee, d.danger ORDER BY 1, 2, 3;
END;

CREATE FUNCTION email_verify._stat_cluster(OUT process text, OUT dboid oid, OUT state text, OUT since timestamptz,
	OUT pid integer, OUT detail text, OUT paused boolean, OUT queued bigint, OUT inflight integer, OUT sessions integer,
	OUT errors_total bigint, OUT starts_total bigint, OUT failures_total bigint)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_stat_cluster' LANGUAGE C VOLATILE ROWS 10;

CREATE FUNCTION email_verify._gates(OUT gate text, OUT description text, OUT advice text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_gates' LANGUAGE C STABLE ROWS 17;

CREATE FUNCTION email_verify._stat_gates(OUT gate text, OUT since timestamptz, OUT evidence text, OUT next_trial timestamptz)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_stat_gates' LANGUAGE C VOLATILE ROWS 2;

CREATE FUNCTION email_verify._stat_resolvers(OUT server text, OUT trust text, OUT since timestamptz, OUT evidence text,
	OUT next_trial timestamptz, OUT queries bigint, OUT answers bigint, OUT denials bigint, OUT timeouts bigint,
	OUT servfails bigint, OUT refusals bigint, OUT faults bigint, OUT latency_ms double precision)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_stat_resolvers' LANGUAGE C VOLATILE ROWS 2;

CREATE FUNCTION email_verify.stat_reset() RETURNS void
AS 'MODULE_PATHNAME', 'ev_stat_reset' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION email_verify.stat_reset() IS 'set the counters of the view stat to zero for this database';

CREATE VIEW email_verify.reason AS
	SELECT r.reason::email_verify.verification_reason AS reason, r.status::email_verify.verification_status AS status,
		r.retryable, r.advice, r.fresh, r.expire, r.description
	FROM email_verify._reasons() r;
COMMENT ON VIEW email_verify.reason IS 'what each reason means and what to do with the address';

CREATE VIEW email_verify.detail AS
	SELECT d.detail, d.description FROM email_verify._details() d;
COMMENT ON VIEW email_verify.detail IS 'what each detail means';

CREATE VIEW email_verify.gate AS
	SELECT g.gate, g.description, g.advice FROM email_verify._gates() g;
COMMENT ON VIEW email_verify.gate IS 'what can hold back verification, and what to do about it';

CREATE VIEW email_verify.stat_resolver AS
	SELECT r.server, r.trust, r.since, r.evidence, r.next_trial, r.queries, r.answers, r.denials, r.timeouts, r.servfails,
		r.refusals, r.faults, r.latency_ms
	FROM email_verify._stat_resolvers() r;
COMMENT ON VIEW email_verify.stat_resolver IS 'the name servers of this database''s worker: how they answer, and whether they are believed';

CREATE VIEW email_verify.stat_gate AS
	SELECT s.gate, s.since, s.evidence, s.next_trial, g.description, g.advice
	FROM email_verify._stat_gates() s JOIN email_verify._gates() g ON g.gate = s.gate;
COMMENT ON VIEW email_verify.stat_gate IS 'what holds back verification in this database now: since when, by what evidence, and when that is tried again';

-- What the worker has found when it last examined this host's name, sender, addresses and surroundings.
CREATE TABLE email_verify.health (
	"check" text NOT NULL,
	n integer NOT NULL,
	result text NOT NULL CHECK (result IN ('ok', 'warn', 'FAIL', 'skip')),
	finding text NOT NULL,
	advice text,
	checked_at timestamptz NOT NULL,
	PRIMARY KEY ("check", n)
);
COMMENT ON TABLE email_verify.health IS 'what the worker found when it last examined this host; read it with email_verify.doctor()';
COMMENT ON COLUMN email_verify.health.checked_at IS 'when that was';

-- Of port 25 only an examination that has tried it says anything; what an older one said holds for a day.
CREATE FUNCTION email_verify._health(checks text[], results text[], findings text[], advices text[]) RETURNS void
LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	DELETE FROM email_verify.health h
	WHERE h."check" <> 'port_25' OR h."check" = ANY (checks) OR h.checked_at < now() - interval '1 day';
	INSERT INTO email_verify.health ("check", n, result, finding, advice, checked_at)
	SELECT f."check", f.n, f.result, coalesce(f.finding, ''), f.advice, clock_timestamp()
	FROM unnest(checks, results, findings, advices) WITH ORDINALITY AS f("check", result, finding, advice, n);
END;

CREATE FUNCTION email_verify._examine(trial boolean) RETURNS boolean
AS 'MODULE_PATHNAME', 'ev_examine' LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION email_verify._standing(OUT mx_group text, OUT heard integer, OUT refused integer, OUT heard_at timestamptz,
	OUT refused_at timestamptz, OUT reply text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_standing' LANGUAGE C VOLATILE ROWS 10;

-- The parts of doctor().  n is their order.
CREATE FUNCTION email_verify._doctor_worker(OUT n integer, OUT "check" text, OUT result text, OUT finding text, OUT advice text)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	WITH s AS (SELECT * FROM email_verify._stat()),
	setting AS (
		SELECT current_setting('email_verify.mode', true) AS mode, current_setting('email_verify.helo_name', true) AS helo_name,
			current_setting('email_verify.mail_from', true) AS mail_from
	)
	SELECT 10, 'worker',
		CASE WHEN pg_is_in_recovery() THEN 'skip' WHEN s.worker = 'running' AND NOT s.paused THEN 'ok'
			WHEN s.worker IN ('running', 'starting') THEN 'warn'
			WHEN setting.mode IN ('sandbox', 'offline') THEN 'skip' ELSE 'FAIL' END,
		CASE WHEN pg_is_in_recovery() THEN 'standby' WHEN s.paused THEN 'paused' ELSE replace(s.worker, '_', ' ') END
			|| coalesce(', pid ' || s.worker_pid, '') || CASE WHEN s.worker = 'refused' THEN ': ' || s.worker_detail ELSE '' END,
		CASE WHEN pg_is_in_recovery() THEN 'Ask the primary server; this one answers from the replicated cache.'
			WHEN s.worker = 'not_preloaded' THEN 'Add email_verify to shared_preload_libraries and restart the server.'
			WHEN s.worker = 'not_started' THEN 'Raise max_worker_processes and restart the server.'
			WHEN s.worker = 'refused' THEN s.hint
			WHEN s.worker IN ('none', 'down') THEN 'See the server log, and whether email_verify.databases names this database.'
			WHEN s.paused THEN 'email_verify.resume() goes on.' END
	FROM s, setting
	UNION ALL
	SELECT 20, 'mode', CASE WHEN mode = 'smtp' THEN 'ok' ELSE 'warn' END, mode,
		CASE WHEN mode <> 'smtp' THEN 'Mailboxes are asked for in mode smtp only.' END
	FROM setting
	UNION ALL
	SELECT 30, 'identity',
		CASE WHEN mode <> 'smtp' THEN 'skip' WHEN helo_name <> '' AND mail_from <> '' THEN 'ok' ELSE 'FAIL' END,
		concat_ws(', ', CASE WHEN helo_name = '' THEN 'no helo_name' ELSE helo_name END,
			CASE WHEN mail_from = '' THEN 'no mail_from' ELSE mail_from END),
		CASE WHEN helo_name = '' OR mail_from = ''
			THEN 'Set email_verify.helo_name to this host''s name and email_verify.mail_from to a mailbox that exists.' END
	FROM setting
	UNION ALL
	SELECT 40, 'resolver', CASE WHEN r.trust = 'bad' THEN 'FAIL' WHEN r.failing OR r.trust = 'doubtful' THEN 'warn'
			WHEN r.trust = 'untried' THEN 'skip' ELSE 'ok' END,
		r.server || CASE WHEN r.trust = 'off' THEN ' is not tried' WHEN r.evidence IS NULL THEN ' is ' || r.trust ELSE ' ' || r.evidence END
			|| ': ' || r.answers || ' of ' || r.queries || ' queries answered' || coalesce(' in ' || r.latency_ms || ' ms', ''),
		CASE WHEN r.trust = 'bad' THEN 'Nothing that it says is believed. Mend it, or see email_verify.dns_servers and email_verify.dns_canaries.'
			WHEN r.failing THEN 'It fails for too many domains for these to be at fault. See the columns of email_verify.stat_resolver.' END
	FROM (SELECT *, queries >= 50 AND (timeouts + servfails + refusals + faults) * 10 > queries * 3 AS failing
		FROM email_verify._stat_resolvers()) r
	UNION ALL
	SELECT 70, 'gates', 'warn', g.gate || coalesce(' since ' || to_char(g.since, 'YYYY-MM-DD HH24:MI'), '') || coalesce(': ' || g.evidence, ''),
		d.advice
	FROM email_verify._stat_gates() g JOIN email_verify._gates() d ON d.gate = g.gate
	WHERE g.gate NOT IN ('not_preloaded', 'standby', 'paused', 'not_configured', 'mode_dns', 'mode_offline', 'sandbox', 'sessions_full')
	UNION ALL
	SELECT 80, 'our_address', CASE WHEN count(*) FILTER (WHERE g.refused_at > now() - interval '1 day') > 0 THEN 'warn'
			WHEN count(*) = 0 THEN 'skip' ELSE 'ok' END,
		CASE WHEN count(*) = 0 THEN 'no mail server has been heard of'
			WHEN count(*) FILTER (WHERE g.refused_at > now() - interval '1 day') = 0
			THEN 'none of ' || count(*) || ' groups of mail servers heard of lately refuses us'
			ELSE 'refused by ' || string_agg(g.mx_group || ' (' || g.refused || ' of ' || g.heard || ': ' || g.reply || ')', ', ' ORDER BY g.refused DESC)
				FILTER (WHERE g.refused_at > now() - interval '1 day') END,
		CASE WHEN count(*) FILTER (WHERE g.refused_at > now() - interval '1 day') > 0
			THEN 'The replies say why. Their addresses are asked for again by themselves; no mailbox is called dead for it.' END
	FROM email_verify._standing() g;
END;

CREATE FUNCTION email_verify._doctor_examined(OUT n integer, OUT "check" text, OUT result text, OUT finding text, OUT advice text)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	SELECT CASE h."check" WHEN 'settings' THEN 35 WHEN 'port_25' THEN 60 WHEN 'clock' THEN 90 WHEN 'descriptors' THEN 91 ELSE 40 END,
		h."check", h.result, h.finding || CASE WHEN h.checked_at < now() - interval '1 hour'
			THEN ' (' || to_char(h.checked_at, 'YYYY-MM-DD HH24:MI') || ')' ELSE '' END, h.advice
	FROM email_verify.health h WHERE NOT pg_is_in_recovery()
	UNION ALL
	SELECT 40, 'examination', 'skip', 'this host''s name, sender and addresses have not been examined',
		'A running worker examines them when email_verify.doctor() is called, and once a day.'
	WHERE NOT EXISTS (SELECT FROM email_verify.health) AND NOT pg_is_in_recovery()
	UNION ALL
	SELECT 60, 'port_25', 'skip', 'not tried', 'email_verify.doctor(probe => true) connects to the mail servers of email_verify.trial_domains.'
	WHERE NOT EXISTS (SELECT FROM email_verify.health h WHERE h."check" = 'port_25') AND NOT pg_is_in_recovery()
	UNION ALL
	SELECT 50, 'dnsbl', 'skip', 'not asked', 'email_verify.dnsbl names block lists to be asked.'
	WHERE current_setting('email_verify.dnsbl', true) = '' AND NOT pg_is_in_recovery();
END;

CREATE FUNCTION email_verify._doctor_database(OUT n integer, OUT "check" text, OUT result text, OUT finding text, OUT advice text)
RETURNS SETOF record LANGUAGE SQL VOLATILE
BEGIN ATOMIC
	SELECT 36, 'settings', 'FAIL', 'a restart is needed for ' || string_agg(p.name, ', ' ORDER BY p.name),
		'Restart the server: these settings are read at its start alone.'
	FROM pg_settings p WHERE p.name LIKE 'email\_verify.%' AND p.pending_restart HAVING count(*) > 0
	UNION ALL
	SELECT 37, 'databases', 'warn', 'email_verify.databases names databases that do not exist: ' || string_agg(l.name, ', '),
		'Correct the list; a worker is started as soon as a database of that name has the extension.'
	FROM (SELECT btrim(u.name, ' "') AS name
			FROM unnest(string_to_array(current_setting('email_verify.databases', true), ',')) u(name)) l
	WHERE l.name NOT IN ('', '*') AND NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = l.name OR d.datname = lower(l.name))
	HAVING count(*) > 0
	UNION ALL
	SELECT 100, 'size', 'ok', string_agg(c.relname || ' ' || pg_size_pretty(pg_total_relation_size(c.oid)), ', ' ORDER BY c.relname)
		|| coalesce((SELECT ', about ' || q.reltuples::bigint || ' rows queued' FROM pg_class q
			WHERE q.oid = 'email_verify.queue'::regclass AND q.reltuples >= 0), ''), NULL
	FROM pg_class c WHERE c.oid IN ('email_verify.address'::regclass, 'email_verify.queue'::regclass, 'email_verify.domain'::regclass,
		'email_verify.domain_host'::regclass)
	UNION ALL
	SELECT 101, 'autovacuum',
		CASE WHEN current_setting('autovacuum') = 'off' OR bool_or(c.reloptions @> ARRAY['autovacuum_enabled=false']
				OR c.reloptions @> ARRAY['autovacuum_enabled=off']) THEN 'FAIL'
			WHEN bool_or(t.n_dead_tup > 100000 AND t.n_dead_tup > t.n_live_tup) THEN 'warn' ELSE 'ok' END,
		CASE WHEN current_setting('autovacuum') = 'off' THEN 'off for the server'
			ELSE coalesce('off for ' || string_agg(c.relname, ', ') FILTER (WHERE c.reloptions @> ARRAY['autovacuum_enabled=false']
					OR c.reloptions @> ARRAY['autovacuum_enabled=off']),
				'more dead rows than live ones in ' || string_agg(c.relname, ', ')
					FILTER (WHERE t.n_dead_tup > 100000 AND t.n_dead_tup > t.n_live_tup), 'keeps up') END,
		CASE WHEN current_setting('autovacuum') = 'off' OR bool_or(c.reloptions @> ARRAY['autovacuum_enabled=false']
				OR c.reloptions @> ARRAY['autovacuum_enabled=off'])
			THEN 'Turn autovacuum on: queue and address are updated all the time and grow without it.'
			WHEN bool_or(t.n_dead_tup > 100000 AND t.n_dead_tup > t.n_live_tup)
			THEN 'Look for old transactions in pg_stat_activity, and at autovacuum''s settings.' END
	FROM pg_class c JOIN pg_stat_all_tables t ON t.relid = c.oid
	WHERE c.oid IN ('email_verify.address'::regclass, 'email_verify.queue'::regclass, 'email_verify.domain'::regclass,
		'email_verify.domain_host'::regclass, 'email_verify.inflight'::regclass)
	UNION ALL
	SELECT 105, 'privileges', CASE WHEN count(*) > 0 THEN 'warn' ELSE 'ok' END,
		CASE WHEN count(*) > 0 THEN string_agg(g.privileges || ' on ' || g.object || ' to ' || g.grantee || ' (' || g.danger || ')', ', ')
			ELSE 'no dangerous grants' END,
		CASE WHEN count(*) > 0 THEN 'REVOKE them: README names the grants that a site needs.' END
	FROM email_verify._dangerous_grants() g
	UNION ALL
	SELECT 110, 'unicode', CASE WHEN m.unicode = v.unicode THEN 'ok' ELSE 'warn' END,
		v.unicode || CASE WHEN m.unicode = v.unicode THEN '' ELSE '; indexes were made with ' || m.unicode END,
		CASE WHEN m.unicode <> v.unicode THEN 'REINDEX what stands on functions of this extension, then '
			|| 'UPDATE email_verify.made_with SET unicode = (email_verify.data_version()).unicode.' END
	FROM email_verify.data_version() v, email_verify.made_with m
	UNION ALL
	SELECT 111, 'lists', 'ok', v.lists, NULL FROM email_verify.data_version() v
	UNION ALL
	SELECT 112, 'commands', CASE WHEN c.parked > 0 THEN 'warn' ELSE 'ok' END,
		c.waiting || ' waiting' || CASE WHEN c.parked > 0 THEN ', ' || c.parked || ' parked: ' || c.fault ELSE '' END,
		CASE WHEN c.parked > 0 THEN 'See email_verify.command; email_verify.retry(id) has one tried again.' END
	FROM (SELECT count(*) FILTER (WHERE d.ended_at IS NULL) AS waiting, count(*) FILTER (WHERE d.state = 'parked') AS parked,
			max(d.fault) FILTER (WHERE d.state = 'parked') AS fault
		FROM email_verify.command d) c;
END;

-- The network is the worker's: a session asks it for an examination, and reads what it has found.  A minute's age is young enough.
CREATE FUNCTION email_verify.doctor(probe boolean DEFAULT false, OUT "check" text, OUT result text, OUT finding text, OUT advice text)
RETURNS SETOF record LANGUAGE SQL VOLATILE SECURITY DEFINER
BEGIN ATOMIC
	SELECT email_verify._examine(probe)
	WHERE NOT EXISTS (SELECT FROM email_verify.health h
		WHERE h.checked_at BETWEEN now() - CASE WHEN probe THEN interval '10 s' ELSE interval '1 min' END AND now() + interval '1 min'
			AND (NOT probe OR h."check" = 'port_25'));
	SELECT c."check", c.result, c.finding, c.advice
	FROM (SELECT * FROM email_verify._doctor_worker() UNION ALL SELECT * FROM email_verify._doctor_examined()
		UNION ALL SELECT * FROM email_verify._doctor_database()) c
	ORDER BY c.n, c."check", c.finding;
END;
COMMENT ON FUNCTION email_verify.doctor(boolean) IS
	'what keeps addresses from being verified here, and what to do about it; probe: also connect to a few mail servers';

CREATE FUNCTION email_verify._enhanced_statuses(OUT code text, OUT subject text, OUT title text, OUT basic_codes text,
	OUT reference text, OUT transient_reason text, OUT transient_detail text, OUT permanent_reason text, OUT permanent_detail text,
	OUT description text, OUT useful_only_as text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_enhanced_statuses' LANGUAGE C STABLE ROWS 80;
CREATE FUNCTION email_verify._reply_codes(OUT code integer, OUT meaning text, OUT reference text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_reply_codes' LANGUAGE C STABLE ROWS 50;
CREATE FUNCTION email_verify._find_enhanced(code_or_line text, OUT code text, OUT class text)
AS 'MODULE_PATHNAME', 'ev_find_enhanced' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE VIEW email_verify.enhanced_status AS
	SELECT s.code, s.subject, s.title, s.description, s.useful_only_as, s.basic_codes, s.reference,
		s.transient_reason::email_verify.verification_reason AS transient_reason, s.transient_detail,
		s.permanent_reason::email_verify.verification_reason AS permanent_reason, s.permanent_detail
	FROM email_verify._enhanced_statuses() s;
COMMENT ON VIEW email_verify.enhanced_status IS
	'the registry of enhanced status codes, and the verdict that 4.y.z and 5.y.z imply at RCPT where no text says more';
COMMENT ON COLUMN email_verify.enhanced_status.description IS 'what it means';
COMMENT ON COLUMN email_verify.enhanced_status.useful_only_as IS
	'permanent (5.y.z), transient (4.y.z) or success (2.y.z), where the code says something with that class only; NULL: with more than one';

CREATE VIEW email_verify.reply_code AS
	SELECT c.code, c.meaning, c.reference FROM email_verify._reply_codes() c;
COMMENT ON VIEW email_verify.reply_code IS 'SMTP reply codes and their meaning';

CREATE FUNCTION @extschema@.email_enhanced_status(code_or_line text, OUT code text, OUT class text, OUT subject text, OUT title text,
	OUT description text, OUT useful_only_as text, OUT basic_codes text, OUT reference text,
	OUT reason email_verify.verification_reason, OUT detail text)
RETURNS SETOF record LANGUAGE SQL STABLE STRICT ROWS 1
BEGIN ATOMIC
	SELECT f.code, f.class, s.subject, s.title, s.description, s.useful_only_as, s.basic_codes, s.reference,
		CASE WHEN f.class = 'Persistent Transient Failure' THEN s.transient_reason
			WHEN f.class = 'Success' THEN NULL ELSE s.permanent_reason END,
		CASE WHEN f.class = 'Persistent Transient Failure' THEN s.transient_detail
			WHEN f.class = 'Success' THEN NULL ELSE s.permanent_detail END
	FROM email_verify._find_enhanced($1) f LEFT JOIN email_verify.enhanced_status s ON s.code = f.code
	WHERE f.code IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.email_enhanced_status(text) IS
	'the meaning of an enhanced status code: of "5.1.1", "X.1.1", or the first one in a reply or log line';

CREATE FUNCTION @extschema@.email_classify_reply(reply text, mx text DEFAULT NULL, stage text DEFAULT 'rcpt',
	OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text, OUT retryable boolean,
	OUT scope text, OUT permanence text, OUT strength text, OUT retry_after interval, OUT rule text)
AS 'MODULE_PATHNAME', 'ev_classify_reply' LANGUAGE C STABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION @extschema@.email_classify_reply(text, text, text) IS
	'what a mail server''s reply, or a mail system''s words about a delivery, say about whom';

CREATE FUNCTION @extschema@.email_classify_bounce(message text, OUT original_recipient text, OUT final_recipient text, OUT action text,
	OUT enhanced_code text, OUT reply_code integer, OUT diagnostic text, OUT remote_mta text,
	OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text, OUT retryable boolean,
	OUT scope text, OUT permanence text, OUT refused_by text, OUT async boolean, OUT kind text, OUT confidence integer, OUT format text,
	OUT reporting_mta text, OUT arrival_date timestamptz, OUT queue_id text, OUT envelope_sender text,
	OUT last_attempt timestamptz, OUT will_retry_until timestamptz)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_classify_bounce_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.email_classify_bounce(text) IS
	'what a bounce, a line of a mail log or a provider''s event says about each recipient';

CREATE FUNCTION @extschema@.email_classify_bounce(message bytea, OUT original_recipient text, OUT final_recipient text, OUT action text,
	OUT enhanced_code text, OUT reply_code integer, OUT diagnostic text, OUT remote_mta text,
	OUT status email_verify.verification_status, OUT reason email_verify.verification_reason, OUT detail text, OUT retryable boolean,
	OUT scope text, OUT permanence text, OUT refused_by text, OUT async boolean, OUT kind text, OUT confidence integer, OUT format text,
	OUT reporting_mta text, OUT arrival_date timestamptz, OUT queue_id text, OUT envelope_sender text,
	OUT last_attempt timestamptz, OUT will_retry_until timestamptz)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'ev_classify_bounce_bytea' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000 ROWS 1;
COMMENT ON FUNCTION @extschema@.email_classify_bounce(bytea) IS
	'what a bounce, as it came in, says about each recipient';

CREATE VIEW email_verify.stat AS
	SELECT s.database, s.worker, s.since, s.worker_pid, s.started_at, s.worker_detail, s.gates, s.hint, s.paused,
		q.queued, q.unanswered, q.due, s.inflight, q.later, q.oldest_due, clock_timestamp() - q.oldest_due AS oldest_due_age,
		q.next_due, c.commands, c.commands_parked, s.sessions, s.completed_rate, s.rcpts_rate, s.lookups_rate,
		s.cache_hits, s.cache_misses, s.cache_stale,
		round(100.0 * s.cache_hits / nullif(s.cache_hits + s.cache_misses + s.cache_stale, 0), 1) AS cache_hit_pct,
		s.inbox_bytes, s.inbox_pct, s.waiters, s.max_waiters,
		s.drained_total, s.leased_total, s.completed_total, s.put_back_total, s.sessions_total, s.lookups_total,
		s.rcpts_total, s.refused_total, s.commands_total, s.command_failures_total, s.errors_total, s.starts_total, s.failures_total, s.server_crashes,
		s.last_error, s.last_error_at, s.prober_pid, s.prober_confined, s.prober_crashes_total, s.stats_reset
	FROM email_verify._stat() s,
		(SELECT count(*) AS queued, count(*) FILTER (WHERE NOT answered) AS unanswered,
			count(*) FILTER (WHERE due_at <= now()) AS due,
			count(*) FILTER (WHERE answered AND due_at > now()) AS later,
			min(due_at) FILTER (WHERE due_at <= now()) AS oldest_due,
			min(due_at) FILTER (WHERE due_at > now()) AS next_due
		FROM email_verify.queue) q,
		(SELECT count(*) FILTER (WHERE ended_at IS NULL) AS commands, count(*) FILTER (WHERE state = 'parked') AS commands_parked
		FROM email_verify.command) c;
COMMENT ON VIEW email_verify.stat IS 'the worker of this database, its queue, and what holds it back';

CREATE VIEW email_verify.stat_cluster AS
	SELECT c.process, d.datname AS database, c.state, c.since, c.pid, c.detail, c.paused, c.queued, c.inflight, c.sessions,
		c.errors_total, c.starts_total, c.failures_total
	FROM email_verify._stat_cluster() c LEFT JOIN pg_database d ON d.oid = c.dboid;
COMMENT ON VIEW email_verify.stat_cluster IS 'the launcher and the workers of all databases';

-- ---------------------------------------------------------------------------------------------------
-- Rights: what is pure is open, what probes, shows or steers is not.
-- ---------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL TABLES IN SCHEMA email_verify FROM PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA email_verify FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_verify(text, interval, interval) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_verdict(text, interval, interval) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_verify_ok(text, interval, email_verify.verification_status[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_verify_many(text[], interval, interval) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_verify_trigger() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION @extschema@.email_explain(text) FROM PUBLIC;

-- the vocabulary may be read by all who may use the schema
GRANT EXECUTE ON FUNCTION email_verify._reasons() TO PUBLIC;
GRANT EXECUTE ON FUNCTION email_verify._details() TO PUBLIC;
GRANT EXECUTE ON FUNCTION email_verify._gates() TO PUBLIC;
GRANT SELECT ON email_verify.reason, email_verify.detail, email_verify.gate TO PUBLIC;

-- who may read all statistics of the server may read these; they tell no address
GRANT USAGE ON SCHEMA email_verify TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION email_verify._stat(), email_verify._stat_cluster(), email_verify._stat_gates(), email_verify._stat_resolvers() TO pg_read_all_stats;
GRANT SELECT ON email_verify.stat, email_verify.stat_cluster, email_verify.stat_gate, email_verify.stat_resolver TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION email_verify.doctor(boolean) TO pg_monitor;
GRANT EXECUTE ON FUNCTION email_verify._enhanced_statuses() TO PUBLIC;
GRANT EXECUTE ON FUNCTION email_verify._reply_codes() TO PUBLIC;
GRANT EXECUTE ON FUNCTION email_verify._find_enhanced(text) TO PUBLIC;
GRANT SELECT ON email_verify.enhanced_status, email_verify.reply_code TO PUBLIC;

-- Default privileges may have granted more.  What would let others hang code on the tables goes; what else is dangerous is listed.
CREATE FUNCTION email_verify._revoke_dangerous() RETURNS void
AS 'MODULE_PATHNAME', 'ev_revoke_dangerous' LANGUAGE C VOLATILE;
SELECT email_verify._revoke_dangerous();
DROP FUNCTION email_verify._revoke_dangerous();

SELECT email_verify._announce();
