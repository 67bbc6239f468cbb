/*
 * store_spi.c
 *	  The store by SPI: for a worker inside the database.
 *
 * Plans are saved for the life of the process.  Values that come back are copied into the caller's
 * arrays before the transaction ends.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "engine/hash.h"
#include "engine/spf.h"
#include "pg/shared/compat.h"
#include "pg/worker/columns.h"
#include "pg/worker/store.h"

#define MAX_PARAMS 22

typedef struct Statement
{
	const char *sql;
	int n_params;
	Oid types[MAX_PARAMS];
	SPIPlanPtr plan;
} Statement;

/*
 * --- the transaction
 * --------------------------------------------------------------------------------
 */

bool
ev_store_begin(void)
{
	static Oid extension = InvalidOid;
	Oid found;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	found = get_extension_oid("email_verify", true);
	if (!OidIsValid(found) || (OidIsValid(extension) && found != extension))
	{
		AbortCurrentTransaction();
		return false;
	}
	extension = found;
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "storing verdicts");
	return true;
}

void
ev_store_commit(bool durable)
{
	if (durable)
		(void) set_config_option("synchronous_commit", "local", PGC_SUSET, PGC_S_SESSION,
		                         GUC_ACTION_LOCAL, true, 0, false);
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
ev_store_abort(void)
{
	AbortCurrentTransaction();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/*
 * Results are in SPI_tuptable; rows that an earlier statement of this transaction wrote are seen.
 */
static uint64
run(Statement *statement, Datum *values)
{
	int code;

	if (statement->plan == NULL)
	{
		SPIPlanPtr plan = SPI_prepare(statement->sql, statement->n_params, statement->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", statement->sql,
			     SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		statement->plan = plan;
	}
	code = SPI_execute_plan(statement->plan, values, NULL, false, 0);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->sql, SPI_result_code_string(code));
	return SPI_processed;
}

/*
 * --- reading rows
 * -----------------------------------------------------------------------------------
 */

static Datum
field(uint64 row, int column, bool *null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, null);
}

static int64
int64_field(uint64 row, int column)
{
	bool null;
	Datum value = field(row, column, &null);

	return null ? 0 : DatumGetInt64(value);
}

static TimestampTz
time_field(uint64 row, int column)
{
	bool null;
	Datum value = field(row, column, &null);

	return null ? 0 : DatumGetTimestampTz(value);
}

/* Copies the text, cut to size; "" for NULL. */
static size_t
text_field(uint64 row, int column, char *out, size_t size)
{
	bool null;
	Datum value = field(row, column, &null);

	out[0] = '\0';
	if (!null)
		text_to_cstring_buffer(DatumGetTextPP(value), out, size);
	return strlen(out);
}

/* Columns from `first` on: status, reason, detail, checked_at, retry_at, asked_at. */
static bool
read_stored(uint64 row, int address, int first, EvStored *out)
{
	char label[64];
	size_t len = text_field(row, first + 1, label, sizeof(label));

	memset(out, 0, sizeof(*out));
	(void) text_field(row, address, out->key, sizeof(out->key));
	if (!ev_reason_by_label(label, len, &out->verdict.reason))
		return false;
	out->verdict = ev_verdict_of(out->verdict.reason, EV_DETAIL_NONE);
	len = text_field(row, first, label, sizeof(label));
	if (strcmp(label, ev_status_label(EV_STATUS_ROLE)) == 0)
		out->verdict.status = EV_STATUS_ROLE;
	len = text_field(row, first + 2, label, sizeof(label));
	(void) ev_detail_by_label(label, len, &out->verdict.detail);
	out->checked_at = time_field(row, first + 3);
	out->retry_at = time_field(row, first + 4);
	out->asked_at = time_field(row, first + 5);
	return true;
}

/*
 * --- operations
 * -------------------------------------------------------------------------------------
 */

int
ev_store_enqueue(const EvInboxEntry *entries, int n, bool smtp, EvStored *known, int *added)
{
	static Statement statement = {
		.sql = "SELECT address, status, reason, detail, checked_at, retry_at, asked_at, queued "
			   "FROM email_verify._enqueue($1, $2, $3, $4, $5)",
		.n_params = 5,
		.types = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT2OID, BOOLOID}};
	EvColumn addresses = ev_column(TEXTOID, n);
	EvColumn newer_than = ev_column(TIMESTAMPTZOID, n);
	EvColumn pushed_at = ev_column(TIMESTAMPTZOID, n);
	Datum values[5];
	uint64 rows;
	int n_known = 0;

	for (int i = 0; i < n; i++)
	{
		ev_column_set(&addresses, i,
		              PointerGetDatum(cstring_to_text_with_len(entries[i].key, entries[i].len)));
		ev_column_set(&newer_than, i, TimestampTzGetDatum(entries[i].newer_than));
		ev_column_set(&pushed_at, i, TimestampTzGetDatum(entries[i].pushed_at));
	}
	values[0] = ev_column_array(&addresses);
	values[1] = ev_column_array(&newer_than);
	values[2] = ev_column_array(&pushed_at);
	values[3] = Int16GetDatum(0);
	values[4] = BoolGetDatum(smtp);
	rows = run(&statement, values);
	*added = 0;
	for (uint64 i = 0; i < rows; i++)
	{
		bool null;

		if (DatumGetBool(field(i, 8, &null)))
			(*added)++;
		else if (n_known < n && read_stored(i, 1, 2, &known[n_known]))
			n_known++;
	}
	return n_known;
}

/* What is known of the domain's hosts: parallel arrays in columns first to first + 3. */
static void
read_known_hosts(uint64 row, int first, struct ev_request *request)
{
	Datum *elements[4];
	bool *nulls[4];
	int counts[4];
	static const Oid types[4] = {TEXTOID, BOOLOID, INT4OID, BOOLOID};

	for (int i = 0; i < 4; i++)
	{
		bool null;
		Datum array = field(row, first + i, &null);

		if (null)
			return;
		deconstruct_array(DatumGetArrayTypeP(array), types[i],
		                  types[i] == TEXTOID   ? -1
		                  : types[i] == INT4OID ? 4
		                                        : 1,
		                  types[i] != TEXTOID, types[i] == BOOLOID ? TYPALIGN_CHAR : TYPALIGN_INT,
		                  &elements[i], &nulls[i], &counts[i]);
	}
	for (int i = 0; i < counts[0] && request->n_known < EV_KNOWN_HOSTS; i++)
	{
		struct ev_known_host *known = &request->known[request->n_known++];
		text *host = DatumGetTextPP(elements[0][i]);

		known->host_hash = ev_hash(EV_HASH_INIT, VARDATA_ANY(host), VARSIZE_ANY_EXHDR(host));
		known->random = nulls[1][i]                    ? EV_RANDOM_UNKNOWN
		                : DatumGetBool(elements[1][i]) ? EV_RANDOM_ACCEPTED
		                                               : EV_RANDOM_REFUSED;
		known->random_age = nulls[2][i] ? 0 : (uint32_t) Max(DatumGetInt32(elements[2][i]), 0);
		known->accepted_other = DatumGetBool(elements[3][i]);
	}
}

int
ev_store_lease(int priority, TimestampTz after_due, int64 after_id, TimestampTz now,
               EvLease *leases, int n)
{
	static Statement statement = {
		.sql = "SELECT id, address, due_at, attempts, put_backs, second_look, random_local, "
			   "last_ip, hosts, catch_all, catch_all_age, accepted FROM email_verify._lease($1, "
			   "$2, $3, $4, $5)",
		.n_params = 5,
		.types = {INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT4OID}};
	Datum values[5] = {Int16GetDatum(priority), TimestampTzGetDatum(after_due),
	                   Int64GetDatum(after_id), TimestampTzGetDatum(now), Int32GetDatum(n)};
	uint64 rows = run(&statement, values);

	for (uint64 i = 0; i < rows; i++)
	{
		EvLease *lease = &leases[i];
		size_t len;
		char *utf8;
		bool null;

		memset(lease, 0, sizeof(*lease));
		lease->id = int64_field(i, 1);
		lease->due_at = time_field(i, 3);
		lease->attempts = DatumGetInt32(field(i, 4, &null));
		lease->put_backs = DatumGetInt32(field(i, 5, &null));
		lease->second_look = DatumGetBool(field(i, 6, &null));
		lease->request.id = (uint64_t) lease->id;
		len = text_field(i, 2, lease->key, sizeof(lease->key));
		utf8 = pg_server_to_any(lease->key, (int) len, PG_UTF8);
		(void) ev_address_parse_key(utf8, strlen(utf8), &lease->request.address);
		(void) text_field(i, 7, lease->request.random_local, sizeof(lease->request.random_local));
		(void) text_field(i, 8, lease->request.last_ip, sizeof(lease->request.last_ip));
		read_known_hosts(i, 9, &lease->request);
	}
	return (int) rows;
}

static Datum
int64_array(const int64 *values, int n)
{
	EvColumn column = ev_column(INT8OID, n);

	for (int i = 0; i < n; i++)
		ev_column_set(&column, i, Int64GetDatum(values[i]));
	return ev_column_array(&column);
}

int64
ev_store_begin_batch(const int64 *ids, int n)
{
	static Statement statement = {
		.sql = "INSERT INTO email_verify.inflight (ids) VALUES ($1) RETURNING batch",
		.n_params = 1,
		.types = {INT8ARRAYOID}};
	Datum values[1] = {int64_array(ids, n)};

	(void) run(&statement, values);
	return int64_field(0, 1);
}

void
ev_store_end_batches(const int64 *batches, int n)
{
	static Statement statement = {
		.sql = "DELETE FROM email_verify.inflight WHERE batch OPERATOR(pg_catalog.=) ANY ($1)",
		.n_params = 1,
		.types = {INT8ARRAYOID}};
	Datum values[1] = {int64_array(batches, n)};

	(void) run(&statement, values);
}

enum
{
	C_ID,
	C_ADDRESS,
	C_STATUS,
	C_REASON,
	C_DETAIL,
	C_DECISIVE,
	C_PUT_BACK,
	C_FRESH,
	C_EXPIRE,
	C_RETRY_AFTER,
	C_PROBED,
	C_STAGE,
	C_CODE,
	C_ENHANCED,
	C_TEXT,
	C_RULE,
	C_HOST,
	C_IP,
	C_TLS,
	C_FINGERPRINT,
	C_SECOND_LOOK,
	N_COMPLETE
};

static const Oid complete_types[N_COMPLETE] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID,
                                               BOOLOID, INT4OID, INT4OID, INT4OID, BOOLOID, TEXTOID,
                                               INT2OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                                               BOOLOID, INT8OID, BOOLOID};

static void
set_outcome(EvColumn *c, int i, const EvOutcome *o)
{
	ev_column_set(&c[C_ID], i, Int64GetDatum(o->id));
	ev_column_set(&c[C_ADDRESS], i, PointerGetDatum(cstring_to_text(o->key))); /* "" is no NULL */
	ev_column_set_text(&c[C_STATUS], i, ev_status_label(o->verdict.status));
	ev_column_set_text(&c[C_REASON], i, ev_reason_info(o->verdict.reason)->label);
	ev_column_set_text(&c[C_DETAIL], i, ev_detail_info(o->verdict.detail)->label);
	ev_column_set(&c[C_DECISIVE], i, BoolGetDatum(o->decisive));
	ev_column_set(&c[C_PUT_BACK], i, BoolGetDatum(o->put_back));
	ev_column_set(&c[C_FRESH], i, Int32GetDatum(o->fresh));
	ev_column_set(&c[C_EXPIRE], i, Int32GetDatum(o->expire));
	if (o->retry_after > 0)
		ev_column_set(&c[C_RETRY_AFTER], i, Int32GetDatum(o->retry_after));
	ev_column_set(&c[C_PROBED], i, BoolGetDatum(o->probed));
	ev_column_set(&c[C_SECOND_LOOK], i, BoolGetDatum(o->second_look));
	ev_column_set_text(&c[C_STAGE], i, ev_stage_label(o->evidence.stage));
	if (o->evidence.code != 0)
	{
		ev_column_set(&c[C_CODE], i, Int16GetDatum(o->evidence.code));
		ev_column_set(&c[C_TLS], i, BoolGetDatum(o->evidence.tls));
	}
	ev_column_set_text(&c[C_ENHANCED], i, o->evidence.enhanced);
	ev_column_set_text(&c[C_TEXT], i, o->evidence.text);
	ev_column_set_text(&c[C_RULE], i, o->evidence.rule);
	ev_column_set_text(&c[C_HOST], i, o->evidence.host);
	ev_column_set_text(&c[C_IP], i, o->evidence.address);
	if (o->mx_fingerprint != 0)
		ev_column_set(&c[C_FINGERPRINT], i, Int64GetDatum(o->mx_fingerprint));
}

int
ev_store_complete(const EvOutcome *outcomes, int n, int flip_delay, EvStored *stored)
{
	static Statement statement = {
		.sql =
			"SELECT id, address, status, reason, detail, checked_at, retry_at, asked_at "
			"FROM email_verify._complete($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
			"$14, $15, $16, $17, $18, $19, $20, $21, pg_catalog.make_interval(secs => $22))",
		.n_params = N_COMPLETE + 1};
	EvColumn columns[N_COMPLETE];
	Datum values[N_COMPLETE + 1];
	uint64 rows;
	int n_stored = 0;

	for (int c = 0; c < N_COMPLETE; c++)
	{
		columns[c] = ev_column(complete_types[c], n);
		statement.types[c] = get_array_type(complete_types[c]);
	}
	for (int i = 0; i < n; i++)
		set_outcome(columns, i, &outcomes[i]);
	for (int c = 0; c < N_COMPLETE; c++)
		values[c] = ev_column_array(&columns[c]);
	statement.types[N_COMPLETE] = INT4OID;
	values[N_COMPLETE] = Int32GetDatum(flip_delay);
	rows = run(&statement, values);
	for (uint64 i = 0; i < rows && n_stored < n; i++)
		if (read_stored(i, 2, 3, &stored[n_stored]))
			n_stored++;
	return n_stored;
}

static const char *
spf_label(uint8_t spf)
{
	switch ((enum ev_spf) spf)
	{
		case EV_SPF_NOBODY: return "nobody";
		case EV_SPF_FAIL_ALL: return "fail_all";
		case EV_SPF_OTHER: return "other";
		case EV_SPF_REDIRECT: return "redirect";
		case EV_SPF_INVALID: return "invalid";
		case EV_SPF_NONE: break;
	}
	return NULL;
}

void
ev_store_learn_domains(const struct ev_domain_fact *facts, int n)
{
	static Statement statement = {
		.sql = "SELECT email_verify._learn_domains($1, $2, $3, $4, $5, $6, $7, $8)",
		.n_params = 8,
		.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, TEXTARRAYOID,
	              TEXTARRAYOID, INT8ARRAYOID, INT4ARRAYOID}};
	EvColumn c[8] = {ev_column(TEXTOID, n), ev_column(TEXTOID, n), ev_column(TEXTOID, n),
	                 ev_column(BOOLOID, n), ev_column(TEXTOID, n), ev_column(TEXTOID, n),
	                 ev_column(INT8OID, n), ev_column(INT4OID, n)};
	Datum values[8];

	for (int i = 0; i < n; i++)
	{
		const struct ev_domain_fact *f = &facts[i];
		StringInfoData hosts;

		initStringInfo(&hosts);
		for (int h = 0; h < f->n_hosts; h++)
			appendStringInfo(&hosts, "%s%s", h > 0 ? " " : "", f->hosts[h]);
		ev_column_set_text(&c[0], i, f->domain);
		if (f->reason != EV_REASON_PENDING)
			ev_column_set_text(&c[1], i, ev_reason_info(f->reason)->label);
		ev_column_set_text(&c[2], i, ev_detail_info(f->detail)->label);
		ev_column_set(&c[3], i, BoolGetDatum(f->implicit_mx));
		ev_column_set_text(&c[4], i, spf_label(f->spf));
		ev_column_set_text(&c[5], i, hosts.data);
		if (f->mx_fingerprint != 0)
			ev_column_set(&c[6], i, Int64GetDatum((int64) f->mx_fingerprint));
		ev_column_set(&c[7], i, Int32GetDatum((int32) Min(f->ttl, (uint32_t) SECS_PER_DAY)));
	}
	for (int i = 0; i < 8; i++)
		values[i] = ev_column_array(&c[i]);
	(void) run(&statement, values);
}

void
ev_store_learn_hosts(const struct ev_host_fact *facts, int n)
{
	static Statement statement = {
		.sql = "SELECT email_verify._learn_hosts($1, $2, $3, $4, $5)",
		.n_params = 5,
		.types = {TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TEXTARRAYOID}};
	EvColumn c[5] = {ev_column(TEXTOID, n), ev_column(TEXTOID, n), ev_column(BOOLOID, n),
	                 ev_column(BOOLOID, n), ev_column(TEXTOID, n)};
	Datum values[5];

	for (int i = 0; i < n; i++)
	{
		const struct ev_host_fact *f = &facts[i];
		bool ended = f->random == EV_RANDOM_ACCEPTED || f->random == EV_RANDOM_REFUSED;

		ev_column_set_text(&c[0], i, f->domain);
		ev_column_set_text(&c[1], i, f->host);
		if (ended)
			ev_column_set(&c[2], i, BoolGetDatum(f->random == EV_RANDOM_ACCEPTED));
		ev_column_set(&c[3], i, BoolGetDatum(f->accepted));
		if (!ended)
			ev_column_set_text(&c[4], i, f->random_local);
	}
	for (int i = 0; i < 5; i++)
		values[i] = ev_column_array(&c[i]);
	(void) run(&statement, values);
}

static enum ev_said
said_field(uint64 row, int column)
{
	bool null;
	Datum value = field(row, column, &null);

	return null ? EV_SAID_NOTHING : DatumGetBool(value) ? EV_SAID_YES : EV_SAID_NO;
}

static uint16
count_field(uint64 row, int column)
{
	bool null;
	Datum value = field(row, column, &null);

	return null ? 0 : (uint16) Min(DatumGetInt32(value), UINT16_MAX);
}

static bool policies_changed = true;
static Oid policies_table = InvalidOid;

static void
note_change(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == policies_table)
		policies_changed = true;
}

bool
ev_store_policies_changed(void)
{
	bool changed = policies_changed;

	policies_changed = false;
	return changed;
}

int
ev_store_policies(struct ev_mx_policy *policies, int n)
{
	static Statement statement = {
		.sql = "SELECT mx, probe, trust_accept, trust_reject, needs_control, rcpt_per_transaction, "
			   "rcpt_per_session, there FROM email_verify._policies($1)",
		.n_params = 1,
		.types = {INT4OID}};
	static bool watching = false;
	Datum values[1] = {Int32GetDatum(n)};
	uint64 rows;

	/* first, so that no change of what is read now is missed */
	policies_table = get_relname_relid("mx_policy", get_namespace_oid("email_verify", false));
	if (!watching)
		CacheRegisterRelcacheCallback(note_change, (Datum) 0);
	watching = true;
	rows = run(&statement, values);
	for (uint64 i = 0; i < rows; i++)
	{
		struct ev_mx_policy *policy = &policies[i];

		(void) text_field(i, 1, policy->suffix, sizeof(policy->suffix));
		policy->probe = said_field(i, 2);
		policy->trust_accept = said_field(i, 3);
		policy->trust_reject = said_field(i, 4);
		policy->needs_control = said_field(i, 5);
		policy->rcpt_per_transaction = count_field(i, 6);
		policy->rcpt_per_session = count_field(i, 7);
	}
	return rows == 0 ? 0 : (int) Min(int64_field(0, 8), INT_MAX);
}

int64
ev_store_count_queued(void)
{
	static Statement statement = {.sql = "SELECT pg_catalog.count(*) FROM email_verify.queue"};

	(void) run(&statement, NULL);
	return int64_field(0, 1);
}

int64
ev_store_count_unanswered(void)
{
	static Statement statement = {
		.sql = "SELECT pg_catalog.count(*) FROM email_verify.queue WHERE NOT answered"};

	(void) run(&statement, NULL);
	return int64_field(0, 1);
}

TimestampTz
ev_store_next_due(TimestampTz after)
{
	static Statement statement = {.sql = "SELECT next_due FROM email_verify._next_due($1)",
	                              .n_params = 1,
	                              .types = {TIMESTAMPTZOID}};
	Datum values[1] = {TimestampTzGetDatum(after)};

	(void) run(&statement, values);
	return time_field(0, 1);
}

int64
ev_store_recover(void)
{
	static Statement statement = {.sql = "SELECT email_verify._recover()"};

	(void) run(&statement, NULL);
	return int64_field(0, 1);
}
