/*
 * store_upkeep.c
 *	  The store by SPI: the walk that deletes what need not be kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/worker/store_spi.h"

static const char *const places[] = {
	[EV_PLACE_NONE] = "",
	[EV_PLACE_ADDRESS] = "address",
	[EV_PLACE_DOMAIN] = "domain",
	[EV_PLACE_DOMAIN_HOST] = "domain_host",
	[EV_PLACE_TOMBSTONE] = "tombstone",
	[EV_PLACE_COMMAND] = "command",
};

void
ev_walk_go_on(EvWalk *walk)
{
	walk->place = walk->place == EV_PLACE_COMMAND ? EV_PLACE_NONE : walk->place + 1;
	walk->after = NULL;
}

/* A key as the functions give it and take it; lives as long as the transaction. */
static struct varlena *
key(uint64 row, int column)
{
	bool null;
	Datum array = ev_spi_field(row, column, &null);

	return null ? NULL : PG_DETOAST_DATUM_COPY(array);
}

void
ev_store_read_walk(EvWalk *walk)
{
	static EvStatement statement = {
		.sql = "SELECT place, after, started_at, ended_at, looked_at, deleted "
			   "FROM email_verify.upkeep"};
	char place[32];

	memset(walk, 0, sizeof(*walk));
	if (ev_spi_run(&statement, NULL) == 0)
		return;
	(void) ev_spi_text(0, 1, place, sizeof(place));
	for (int i = 0; i < (int) lengthof(places); i++)
		if (strcmp(places[i], place) == 0)
			walk->place = i;
	walk->after = key(0, 2);
	walk->started_at = ev_spi_time(0, 3);
	walk->ended_at = ev_spi_time(0, 4);
	walk->looked_at = ev_spi_int64(0, 5);
	walk->deleted = ev_spi_int64(0, 6);
}

void
ev_store_write_walk(const EvWalk *walk)
{
	static EvStatement statement = {
		.sql = "INSERT INTO email_verify.upkeep AS u (place, after, started_at, ended_at, "
			   "looked_at, deleted) VALUES (NULLIF($1, ''), $2, $3, $4, $5, $6) "
			   "ON CONFLICT (single) DO UPDATE SET place = excluded.place, after = excluded.after, "
			   "started_at = excluded.started_at, ended_at = excluded.ended_at, "
			   "looked_at = excluded.looked_at, deleted = excluded.deleted",
		.n_params = 6,
		.types = {TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};
	char nulls[7] = "      ";
	Datum values[6] = {
		CStringGetTextDatum(places[walk->place]), PointerGetDatum(walk->after),
		TimestampTzGetDatum(walk->started_at),    TimestampTzGetDatum(walk->ended_at),
		Int64GetDatum(walk->looked_at),           Int64GetDatum(walk->deleted)};

	nulls[1] = walk->after == NULL ? 'n' : ' ';
	nulls[2] = walk->started_at == 0 ? 'n' : ' ';
	nulls[3] = walk->ended_at == 0 ? 'n' : ' ';
	(void) ev_spi_run_nulls(&statement, values, nulls);
}

int64
ev_store_retire(EvWalk *walk, int64 age, int64 reply_text_age, int n)
{
#define AGES                                                                                       \
	"pg_catalog.make_interval(secs => NULLIF($2, -1)), pg_catalog.make_interval(secs => "          \
	"NULLIF($3, -1))"
#define AGE "pg_catalog.make_interval(secs => NULLIF($2, -1))"
#define RETIRE(function, ages)                                                                     \
	{                                                                                              \
		.sql =                                                                                     \
			"SELECT looked_at, deleted, reached FROM email_verify." function "($1, " ages ", $4)", \
		.n_params = 4, .types = {                                                                  \
			TEXTARRAYOID,                                                                          \
			FLOAT8OID,                                                                             \
			FLOAT8OID,                                                                             \
			INT4OID                                                                                \
		}                                                                                          \
	}
	static EvStatement statements[] = {
		[EV_PLACE_ADDRESS] = RETIRE("_retire_addresses", AGES),
		[EV_PLACE_DOMAIN] = RETIRE("_retire_domains", AGE),
		[EV_PLACE_DOMAIN_HOST] = RETIRE("_retire_domain_hosts", AGE),
		[EV_PLACE_TOMBSTONE] = RETIRE("_retire_tombstones", AGE),
		[EV_PLACE_COMMAND] = RETIRE("_retire_commands", AGE),
	};
	Datum values[4] = {PointerGetDatum(walk->after), Float8GetDatum((double) age),
	                   Float8GetDatum((double) reply_text_age), Int32GetDatum(n)};
	int64 looked;

	(void) ev_spi_run_nulls(&statements[walk->place], values, walk->after == NULL ? "n   " : NULL);
	looked = ev_spi_int64(0, 1);
	walk->looked_at += looked;
	walk->deleted += ev_spi_int64(0, 2);
	if (looked > 0)
		walk->after = key(0, 3);
	return looked;
}
