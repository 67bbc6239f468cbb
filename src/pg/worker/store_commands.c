/*
 * store_commands.c
 *	  The store by SPI: what sessions have asked the worker to do.
 *
 * Each kind of command is one SQL function.  For commands about addresses it takes the numbers of
 * some, with an address each of its own, and returns how much it has changed; it finds the rest in
 * table command.  For a walk it takes the command's number and how many rows to look at, and returns
 * what it has looked at and changed, the key that it has reached, and the keys of rows that somebody
 * holds.  What becomes of the command's row is settled here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

typedef struct Kind
{
	const char *name;
	bool walks;
	EvStatement statement;
} Kind;

#define ADDRESSES(name, function)                                                                  \
	{                                                                                              \
		name, false,                                                                               \
		{                                                                                          \
			.sql = "SELECT changed FROM email_verify." function "($1)", .n_params = 1, .types = {  \
				INT8ARRAYOID                                                                       \
			}                                                                                      \
		}                                                                                          \
	}

#define WALKS(name, function)                                                                      \
	{                                                                                              \
		name, true,                                                                                \
		{                                                                                          \
			.sql = "SELECT looked_at, changed, reached, held FROM email_verify." function "($1, "  \
				   "$2)",                                                                          \
			.n_params = 2, .types = {                                                              \
				INT8OID,                                                                           \
				INT4OID                                                                            \
			}                                                                                      \
		}                                                                                          \
	}

static Kind kinds[] = {
	ADDRESSES("feedback", "_feedback"), ADDRESSES("feedback_undo", "_feedback_undo"),
	ADDRESSES("submit", "_submit"),     WALKS("recheck_since", "_recheck_since"),
	WALKS("reclassify", "_reclassify"),
};

static Kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static Kind *
kind_of(const EvCommand *command, bool walks)
{
	Kind *kind = command->kind == NULL ? NULL : find_kind(command->kind);

	if (kind == NULL || kind->walks != walks)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		                errmsg("the library does not know this kind of command"),
		                errhint("Restart the server after an upgrade of email_verify.")));
	return kind;
}

static void
read_command(uint64 row, EvCommand *out)
{
	char name[64];
	const Kind *kind;

	out->id = ev_spi_int64(row, 1);
	(void) ev_spi_text(row, 2, name, sizeof(name));
	kind = find_kind(name);
	out->kind = kind == NULL ? NULL : kind->name;
}

int
ev_store_take_commands(int64 from, EvCommand *commands, int n)
{
	static EvStatement statement = {.sql =
	                                    "SELECT id, kind FROM email_verify._take_commands($1, $2)",
	                                .n_params = 2,
	                                .types = {INT8OID, INT4OID}};
	Datum values[2] = {Int64GetDatum(from), Int32GetDatum(n)};
	uint64 rows = ev_spi_run(&statement, values);

	for (uint64 i = 0; i < rows; i++)
		read_command(i, &commands[i]);
	return (int) rows;
}

/* How many there are in a bigint[]. */
static int
count_of(Datum array)
{
	ArrayType *a = DatumGetArrayTypeP(array);

	return ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a));
}

int
ev_store_do_commands(const EvCommand *commands, int n)
{
	static EvStatement hold = {.sql = "SELECT held FROM email_verify._hold_commands($1)",
	                           .n_params = 1,
	                           .types = {INT8ARRAYOID}};
	static EvStatement end = {
		.sql = "SELECT email_verify._end_commands($1)", .n_params = 1, .types = {INT8ARRAYOID}};
	int64 *ids = palloc(n * sizeof(int64));
	Datum held;
	bool none;

	for (int i = 0; i < n; i++)
		ids[i] = commands[i].id;
	held = ev_column_int64s(ids, n);
	(void) ev_spi_run(&hold, &held);
	held = ev_spi_field(0, 1, &none);
	if (none)
		return 0;
	(void) ev_spi_run(&kind_of(&commands[0], false)->statement, &held);
	(void) ev_spi_run(&end, &held);
	return count_of(held);
}

bool
ev_store_take_walk(EvCommand *walk, bool *fresh)
{
	static EvStatement statement = {
		.sql = "SELECT id, kind, NOT was_running FROM email_verify._take_walk()"};
	bool null;

	if (ev_spi_run(&statement, NULL) == 0)
		return false;
	read_command(0, walk);
	*fresh = DatumGetBool(ev_spi_field(0, 3, &null));
	return true;
}

bool
ev_store_go_on(const EvCommand *walk, int n)
{
	static EvStatement walked = {
		.sql = "SELECT state OPERATOR(pg_catalog.=) 'done', n_held FROM email_verify._walked($1, "
			   "$2, $3, $4, $5, $6, $7)",
		.n_params = 7,
		.types = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTARRAYOID, BOOLOID, INT4OID}};
	Datum arguments[2] = {Int64GetDatum(walk->id), Int32GetDatum(n)};
	Datum values[7] = {arguments[0]};
	char nulls[8] = "       ";
	bool null;

	(void) ev_spi_run(&kind_of(walk, true)->statement, arguments);
	for (int i = 1; i <= 4; i++)
	{
		values[i] = ev_spi_field(0, i, &null);
		if (null)
			nulls[i] = 'n';
	}
	values[5] = BoolGetDatum(DatumGetInt64(values[1]) < n);
	values[6] = Int32GetDatum(n);
	if (ev_spi_run_nulls(&walked, values, nulls) == 0)
		return true; /* somebody has deleted it */
	if (DatumGetInt32(ev_spi_field(0, 2, &null)) > EV_COMMAND_HELD)
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
		                errmsg("too many rows are held by other transactions")));
	return DatumGetBool(ev_spi_field(0, 1, &null));
}

bool
ev_store_put_off_command(const EvCommand *command, const char *fault, int64 delay_ms)
{
	static EvStatement statement = {
		.sql = "SELECT state OPERATOR(pg_catalog.=) 'parked' FROM "
			   "email_verify._put_off_command($1, $2, pg_catalog.make_interval(secs => $3))",
		.n_params = 3,
		.types = {INT8OID, TEXTOID, FLOAT8OID}};
	Datum values[3] = {Int64GetDatum(command->id),
	                   fault == NULL ? (Datum) 0 : CStringGetTextDatum(fault),
	                   Float8GetDatum((double) delay_ms / 1000)};
	bool null;

	(void) ev_spi_run_nulls(&statement, values, fault == NULL ? " n " : NULL);
	return DatumGetBool(ev_spi_field(0, 1, &null));
}

void
ev_store_recheck_since(TimestampTz since, const char *reasons)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._hand_over('recheck_since', NULL, "
			   "pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('since', $1, 'until', "
			   "pg_catalog.clock_timestamp(), 'reasons', $2::pg_catalog.jsonb)))",
		.n_params = 2,
		.types = {TIMESTAMPTZOID, TEXTOID}};
	Datum values[2] = {TimestampTzGetDatum(since),
	                   reasons == NULL ? (Datum) 0 : CStringGetTextDatum(reasons)};

	(void) ev_spi_run_nulls(&statement, values, reasons == NULL ? " n" : "  ");
}

TimestampTz
ev_store_next_command(void)
{
	static EvStatement statement = {.sql = "SELECT due_at FROM email_verify._next_command()"};

	(void) ev_spi_run(&statement, NULL);
	return ev_spi_time(0, 1);
}

int
ev_store_recover_commands(EvCommand *parked, int n)
{
	static EvStatement statement = {.sql = "SELECT id, kind FROM email_verify._recover_commands()"};
	uint64 rows = ev_spi_run(&statement, NULL);

	for (uint64 i = 0; i < rows && i < (uint64) n; i++)
		read_command(i, &parked[i]);
	return (int) Min(rows, (uint64) n);
}

void
ev_store_leave_commands(void)
{
	static EvStatement statement = {.sql = "SELECT email_verify._leave_commands()"};

	(void) ev_spi_run(&statement, NULL);
}
