/*
 * store_checks.c
 *	  The store by SPI: addresses that are for external checkers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

bool
ev_store_checkers(void)
{
	static EvStatement statement = {.sql = "SELECT there FROM email_verify._checkers()"};
	bool null;

	(void) ev_spi_run(&statement, NULL);
	return DatumGetBool(ev_spi_field(0, 1, &null));
}

void
ev_store_set_aside(const EvStored *stored, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._set_aside($1)", .n_params = 1, .types = {TEXTARRAYOID}};
	EvColumn addresses = ev_column(TEXTOID, n);
	Datum values[1];

	for (int i = 0; i < n; i++)
		ev_column_set_text(&addresses, i, stored[i].key);
	values[0] = ev_column_array(&addresses);
	(void) ev_spi_run(&statement, values);
}
