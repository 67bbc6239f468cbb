/*
 * store_spool.c
 *	  The store by SPI: addresses that are to be queued later, many in a row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

int
ev_store_spool(const EvInboxEntry *entries, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._spool($1, $2, $3)",
		.n_params = 3,
		.types = {TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID}};
	Datum values[3];
	int spooled = ev_store_entry_columns(entries, n, EV_INBOX_MANY, values);

	if (spooled > 0)
		(void) ev_spi_run(&statement, values);
	return spooled;
}

int
ev_store_unspool(int64 after, EvInboxEntry *entries, int max, int64 *id)
{
	static EvStatement statement = {
		.sql = "SELECT id, address, newer_than, pushed_at FROM email_verify._unspool($1)",
		.n_params = 1,
		.types = {INT8OID}};
	Datum values[1] = {Int64GetDatum(after)};
	uint64 rows = ev_spi_run(&statement, values);
	int n = 0;

	*id = rows > 0 ? ev_spi_int64(0, 1) : 0;
	for (uint64 i = 0; i < rows && n < max; i++)
	{
		EvInboxEntry *entry = &entries[n];

		entry->len = (uint16) ev_spi_text(i, 2, entry->key, sizeof(entry->key));
		entry->newer_than = ev_spi_time(i, 3);
		entry->pushed_at = ev_spi_time(i, 4);
		entry->class = EV_INBOX_MANY;
		n += entry->len > 0; /* "": it was forgotten */
	}
	return n;
}

void
ev_store_unspooled(int64 id)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._unspooled($1)", .n_params = 1, .types = {INT8OID}};
	Datum values[1] = {Int64GetDatum(id)};

	(void) ev_spi_run(&statement, values);
}

bool
ev_store_spool_is_empty(void)
{
	static EvStatement statement = {
		.sql = "SELECT pg_catalog.count(*) FROM (SELECT FROM email_verify.spool LIMIT 1) s"};

	(void) ev_spi_run(&statement, NULL);
	return ev_spi_int64(0, 1) == 0;
}
