/*
 * store_queue.c
 *	  The store by SPI: rows into the queue, out of it, and what is under way.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/hash.h"
#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

int
ev_store_entry_columns(const EvInboxEntry *entries, int n, EvInboxClass class, Datum *values)
{
	EvColumn addresses = ev_column(TEXTOID, n);
	EvColumn newer_than = ev_column(TIMESTAMPTZOID, n);
	EvColumn pushed_at = ev_column(TIMESTAMPTZOID, n);
	int asked = 0;

	for (int i = 0; i < n; i++)
		if (entries[i].class == class)
		{
			ev_column_set(
				&addresses, asked,
				PointerGetDatum(cstring_to_text_with_len(entries[i].key, entries[i].len)));
			ev_column_set(&newer_than, asked, TimestampTzGetDatum(entries[i].newer_than));
			ev_column_set(&pushed_at, asked++, TimestampTzGetDatum(entries[i].pushed_at));
		}
	if (asked == 0)
		return 0;
	addresses.n = newer_than.n = pushed_at.n = asked;
	values[0] = ev_column_array(&addresses);
	values[1] = ev_column_array(&newer_than);
	values[2] = ev_column_array(&pushed_at);
	return asked;
}

/* The entries of one class: only the few of a statement are somebody's who asks just now. */
static int
enqueue(const EvInboxEntry *entries, int n, EvInboxClass class, bool smtp, EvStored *known,
        int *added)
{
	static EvStatement statement = {
		.sql = "SELECT address, status, reason, detail, checked_at, retry_at, asked_at, queued "
			   "FROM email_verify._enqueue($1, $2, $3, $4, $5)",
		.n_params = 5,
		.types = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT2OID, BOOLOID}};
	Datum values[5];
	uint64 rows;
	int asked = ev_store_entry_columns(entries, n, class, values);
	int n_known = 0;

	if (asked == 0)
		return 0;
	values[3] = Int16GetDatum(class == EV_INBOX_FEW ? 0 : 1);
	values[4] = BoolGetDatum(smtp);
	rows = ev_spi_run(&statement, values);
	for (uint64 i = 0; i < rows; i++)
	{
		bool null;

		if (DatumGetBool(ev_spi_field(i, 8, &null)))
			(*added)++;
		else if (n_known < asked && ev_spi_stored(i, 1, 2, &known[n_known]))
			n_known++;
	}
	return n_known;
}

int
ev_store_enqueue(const EvInboxEntry *entries, int n, bool smtp, bool spool, EvStored *known,
                 int *added)
{
	int n_known = 0;

	*added = 0;
	n_known += enqueue(entries, n, EV_INBOX_FEW, smtp, known, added);
	if (spool)
		*added += ev_store_spool(entries, n);
	else
		n_known += enqueue(entries, n, EV_INBOX_MANY, smtp, known + n_known, added);
	return n_known;
}

/* What is known of the domain's hosts: parallel arrays in columns from `first` on. */
static void
read_known_hosts(uint64 row, int first, struct ev_request *request)
{
	static const struct
	{
		Oid type;
		int len;
		bool by_value;
		char align;
	} types[] = {{TEXTOID, -1, false, TYPALIGN_INT},
	             {BOOLOID, 1, true, TYPALIGN_CHAR},
	             {INT4OID, 4, true, TYPALIGN_INT},
	             {BOOLOID, 1, true, TYPALIGN_CHAR},
	             {INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},
	             {INT4OID, 4, true, TYPALIGN_INT},
	             {INT4OID, 4, true, TYPALIGN_INT}};
	Datum *elements[lengthof(types)];
	bool *nulls[lengthof(types)];
	int counts[lengthof(types)];

	for (int i = 0; i < (int) lengthof(types); i++)
	{
		bool null;
		Datum array = ev_spi_field(row, first + i, &null);

		if (null)
			return;
		deconstruct_array(DatumGetArrayTypeP(array), types[i].type, types[i].len, types[i].by_value,
		                  types[i].align, &elements[i], &nulls[i], &counts[i]);
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
		known->random_words = nulls[4][i] ? 0 : (uint64_t) DatumGetInt64(elements[4][i]);
		if (nulls[5][i] || nulls[6][i])
			continue;
		known->limit = (uint16_t) Max(Min(DatumGetInt32(elements[5][i]), UINT16_MAX), 0);
		known->limit_age = (uint32_t) Max(DatumGetInt32(elements[6][i]), 0);
	}
}

static int
read_due(uint64 rows, EvDue *due, int n)
{
	int got = (int) Min(rows, (uint64) n);

	for (int i = 0; i < got; i++)
	{
		due[i].id = ev_spi_int64(i, 1);
		(void) ev_spi_text(i, 2, due[i].key, sizeof(due[i].key));
		due[i].due_at = ev_spi_time(i, 3);
		due[i].line = (int) ev_spi_int64(i, 4);
	}
	return got;
}

int
ev_store_due(int priority, TimestampTz after_due, int64 after_id, TimestampTz now, EvDue *due,
             int n)
{
	static EvStatement statement = {
		.sql = "SELECT id, address, due_at, 0::pg_catalog.int8 "
			   "FROM email_verify._due($1, $2, $3, $4, $5)",
		.n_params = 5,
		.types = {INT2OID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT4OID}};
	Datum values[5] = {Int16GetDatum(priority), TimestampTzGetDatum(after_due),
	                   Int64GetDatum(after_id), TimestampTzGetDatum(now), Int32GetDatum(n)};

	return read_due(ev_spi_run(&statement, values), due, n);
}

int
ev_store_due_of(int priority, const EvDueOf *of, int n_of, TimestampTz now, EvDue *due, int n)
{
	static EvStatement statement = {.sql = "SELECT id, address, due_at, line - 1 "
	                                       "FROM email_verify._due_of($1, $2, $3, $4, $5, $6)",
	                                .n_params = 6,
	                                .types = {INT2OID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
	                                          INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZOID}};
	EvColumn domains = ev_column(TEXTOID, n_of);
	EvColumn due_at = ev_column(TIMESTAMPTZOID, n_of);
	EvColumn ids = ev_column(INT8OID, n_of);
	EvColumn counts = ev_column(INT4OID, n_of);
	Datum values[6] = {Int16GetDatum(priority)};

	for (int i = 0; i < n_of; i++)
	{
		ev_column_set(&domains, i, CStringGetTextDatum(of[i].domain));
		ev_column_set(&due_at, i, TimestampTzGetDatum(of[i].due_at));
		ev_column_set(&ids, i, Int64GetDatum(of[i].id));
		ev_column_set(&counts, i, Int32GetDatum(of[i].n));
	}
	values[1] = ev_column_array(&domains);
	values[2] = ev_column_array(&due_at);
	values[3] = ev_column_array(&ids);
	values[4] = ev_column_array(&counts);
	values[5] = TimestampTzGetDatum(now);
	return read_due(ev_spi_run(&statement, values), due, n);
}

int
ev_store_suspects(int crashes, EvDue *due, int n)
{
	static EvStatement statement = {.sql = "SELECT id, address, due_at, 0::pg_catalog.int8 "
	                                       "FROM email_verify._suspects($1, $2)",
	                                .n_params = 2,
	                                .types = {INT2OID, INT4OID}};
	Datum values[2] = {Int16GetDatum(crashes), Int32GetDatum(n)};

	return read_due(ev_spi_run(&statement, values), due, n);
}

/* The name of a test that has not ended; whatever else has come there is none, and another one is made. */
static void
read_random_local(uint64 row, int column, char *out)
{
	(void) ev_spi_text(row, column, out, EV_RANDOM_NAME_SIZE);
	for (const char *c = out; *c != '\0'; c++)
		if (!isalnum((unsigned char) *c) && strchr(".-_+", *c) == NULL)
			out[0] = '\0';
}

static void
read_lease(uint64 row, EvLease *lease)
{
	size_t len;
	char *utf8;

	memset(lease, 0, sizeof(*lease));
	lease->id = ev_spi_int64(row, 1);
	lease->priority = (int16) Min(Max(ev_spi_int64(row, 3), 0), EV_PRIORITIES - 1);
	lease->crashes = (int16) ev_spi_int64(row, 4);
	lease->attempts = (int32) ev_spi_int64(row, 5);
	lease->put_backs = (int32) ev_spi_int64(row, 6);
	lease->second_look = ev_spi_int64(row, 7) != 0;
	lease->request.id = (uint64_t) lease->id;
	len = ev_spi_text(row, 2, lease->key, sizeof(lease->key));
	utf8 = pg_server_to_any(lease->key, (int) len, PG_UTF8);
	(void) ev_address_parse_key(utf8, strlen(utf8), &lease->request.address);
	read_random_local(row, 8, lease->request.random_local);
	(void) ev_spi_text(row, 9, lease->request.last_ip, sizeof(lease->request.last_ip));
	read_known_hosts(row, 10, &lease->request);
}

int
ev_store_lease(const int64 *ids, int n, EvLease *leases)
{
	static EvStatement statement = {
		.sql = "SELECT id, address, priority::pg_catalog.int8, crashes::pg_catalog.int8, "
			   "attempts::pg_catalog.int8, put_backs::pg_catalog.int8, "
			   "second_look::pg_catalog.int4::pg_catalog.int8, random_local, last_ip, hosts, "
			   "catch_all, catch_all_age, accepted, refusals, rcpt_limit, rcpt_limit_age FROM "
			   "email_verify._lease($1)",
		.n_params = 1,
		.types = {INT8ARRAYOID}};
	Datum values[1];
	uint64 rows;

	if (n == 0)
		return 0;
	values[0] = ev_column_int64s(ids, n);
	rows = ev_spi_run(&statement, values);
	for (uint64 i = 0; i < rows && i < (uint64) n; i++)
		read_lease(i, &leases[i]);
	return (int) Min(rows, (uint64) n);
}

int64
ev_store_begin_batch(const int64 *ids, int n)
{
	static EvStatement statement = {
		.sql = "INSERT INTO email_verify.inflight (ids) VALUES ($1) RETURNING batch",
		.n_params = 1,
		.types = {INT8ARRAYOID}};
	Datum values[1] = {ev_column_int64s(ids, n)};

	(void) ev_spi_run(&statement, values);
	return ev_spi_int64(0, 1);
}

void
ev_store_end_batches(const int64 *batches, int n)
{
	static EvStatement statement = {
		.sql = "DELETE FROM email_verify.inflight WHERE batch OPERATOR(pg_catalog.=) ANY ($1)",
		.n_params = 1,
		.types = {INT8ARRAYOID}};
	Datum values[1] = {ev_column_int64s(batches, n)};

	(void) ev_spi_run(&statement, values);
}

void
ev_store_count(int64 *queued, int64 *unanswered)
{
	static EvStatement statement = {
		.sql = "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE NOT answered), "
			   "(SELECT coalesce(pg_catalog.sum(n), 0)::bigint FROM email_verify.spool) "
			   "FROM email_verify.queue"};
	int64 spooled;

	(void) ev_spi_run(&statement, NULL);
	spooled = ev_spi_int64(0, 3);
	*queued = ev_spi_int64(0, 1) + spooled;
	*unanswered = ev_spi_int64(0, 2) + spooled;
}

TimestampTz
ev_store_next_due(TimestampTz after)
{
	static EvStatement statement = {.sql = "SELECT next_due FROM email_verify._next_due($1)",
	                                .n_params = 1,
	                                .types = {TIMESTAMPTZOID}};
	Datum values[1] = {TimestampTzGetDatum(after)};

	(void) ev_spi_run(&statement, values);
	return ev_spi_time(0, 1);
}
