/*
 * store_crash.c
 *	  The store by SPI: what was under way when a prober crashed, and what was not.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

int
ev_store_suspect(const int64 *ids, int n, int too_often, EvStored *parked)
{
	static EvStatement statement = {
		.sql = "SELECT id, address, status, reason, detail, checked_at, retry_at, asked_at "
			   "FROM email_verify._suspect($1, $2)",
		.n_params = 2,
		.types = {INT8ARRAYOID, INT4OID}};
	Datum values[2] = {ev_column_int64s(ids, n), Int32GetDatum(too_often)};
	uint64 rows = ev_spi_run(&statement, values);
	int n_parked = 0;

	for (uint64 i = 0; i < rows && n_parked < n; i++)
	{
		if (!ev_spi_stored(i, 2, 3, &parked[n_parked]))
			continue;
		parked[n_parked++].id = ev_spi_int64(i, 1);
	}
	return n_parked;
}

void
ev_store_park(int64 id, const char *fault)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._park($1, $2)", .n_params = 2, .types = {INT8OID, TEXTOID}};
	Datum values[2] = {Int64GetDatum(id), CStringGetTextDatum(fault)};

	(void) ev_spi_run(&statement, values);
}

int
ev_store_recover(int64 **ids)
{
	static EvStatement statement = {.sql = "SELECT email_verify._recover()"};
	ArrayType *array;
	Datum *elements;
	bool null;
	Datum value;
	int n;

	*ids = NULL;
	(void) ev_spi_run(&statement, NULL);
	value = ev_spi_field(0, 1, &null);
	if (null)
		return 0;
	array = DatumGetArrayTypeP(value);
	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements,
	                  NULL, &n);
	*ids = palloc(n * sizeof(int64));
	for (int i = 0; i < n; i++)
		(*ids)[i] = DatumGetInt64(elements[i]);
	return n;
}

void
ev_store_leave(const int64 *batches, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._leave($1)", .n_params = 1, .types = {INT8ARRAYOID}};
	Oid schema = get_namespace_oid("email_verify", true);
	Oid table = OidIsValid(schema) ? get_relname_relid("inflight", schema) : InvalidOid;
	Datum values[1] = {ev_column_int64s(batches, n)};

	/* who is about to end can no longer be told that it has waited for too long */
	if (OidIsValid(table) && ConditionalLockRelationOid(table, RowExclusiveLock))
		(void) ev_spi_run(&statement, values);
}
