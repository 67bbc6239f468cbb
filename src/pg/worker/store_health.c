/*
 * store_health.c
 *	  The store by SPI: what an examination has found.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

static const char *const levels[] = {
	[EV_HEALTH_OK] = "ok",
	[EV_HEALTH_WARN] = "warn",
	[EV_HEALTH_FAIL] = "FAIL",
	[EV_HEALTH_SKIP] = "skip",
};

void
ev_store_health(const EvHealthRow *rows, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._health($1, $2, $3, $4)",
		.n_params = 4,
		.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};
	EvColumn columns[4];
	Datum values[4];

	for (int c = 0; c < 4; c++)
		columns[c] = ev_column(TEXTOID, n);
	for (int i = 0; i < n; i++)
	{
		ev_column_set_text(&columns[0], i, rows[i].check);
		ev_column_set_text(&columns[1], i, levels[rows[i].level]);
		ev_column_set_text(&columns[2], i, rows[i].finding);
		ev_column_set_text(&columns[3], i, rows[i].advice);
	}
	for (int c = 0; c < 4; c++)
		values[c] = ev_column_array(&columns[c]);
	(void) ev_spi_run(&statement, values);
}
