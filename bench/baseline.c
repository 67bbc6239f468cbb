/*
 * baseline.c
 *	  What the benchmarks need inside a backend: its own CPU clock, its memory, and the look-up that
 *	  email_verify is held
 *	  against, a saved plan.
 *
 * Built by bench/lib.bash into the directory of the run; no part of the extension.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bench_cpu);
PG_FUNCTION_INFO_V1(bench_rss);
PG_FUNCTION_INFO_V1(bench_spi);
PG_FUNCTION_INFO_V1(bench_record);
PG_FUNCTION_INFO_V1(bench_rows);

/*
 * bench_cpu(): nanoseconds of CPU this process has used.  Not of the wall: the machine may have
 * other things to do.
 */
Datum
bench_cpu(PG_FUNCTION_ARGS)
{
	struct timespec now;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0)
		elog(ERROR, "no CPU clock: %m");
	PG_RETURN_INT64((int64) now.tv_sec * 1000000000 + now.tv_nsec);
}

/*
 * bench_rss(): kilobytes of private memory in use.  Shared buffers, which a backend touches bit by
 * bit, are not in it.
 */
Datum
bench_rss(PG_FUNCTION_ARGS)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	if (status == NULL)
		elog(ERROR, "could not open /proc/self/status: %m");
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kb = atol(line + 8);
	fclose(status);
	PG_RETURN_INT64(kb);
}

/*
 * bench_spi(address text): the reason of a cached address, as an extension would get it that is
 * written in a hurry.  In its favour: one generic plan, read-only, no syntax, override or freshness
 * is looked at.
 */
Datum
bench_spi(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr plan = NULL;
	Datum values[1] = {PG_GETARG_DATUM(0)};
	Datum reason = (Datum) 0;
	bool null = true;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plan == NULL)
	{
		Oid types[1] = {TEXTOID};

		plan = SPI_prepare_cursor(
			"SELECT status, reason, detail, checked_at, fresh_until, expires_at, "
			"retry_at FROM email_verify.address WHERE address = $1",
			1, types, CURSOR_OPT_GENERIC_PLAN);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "no plan");
	}
	if (SPI_execute_plan(plan, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed");
	if (SPI_processed == 1)
		reason = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null);
	SPI_finish();
	if (null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(reason);
}

/* A row of the result's columns: a word in each text, NULL in the others. */
static void
fill_row(TupleDesc desc, Datum *values, bool *nulls)
{
	for (int i = 0; i < desc->natts; i++)
	{
		nulls[i] = TupleDescAttr(desc, i)->atttypid != TEXTOID;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum("a word or two");
	}
}

/* bench_record(...): such a row. */
Datum
bench_record(PG_FUNCTION_ARGS)
{
	Datum values[MaxHeapAttributeNumber];
	bool nulls[MaxHeapAttributeNumber];
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "bench_record must return a record");
	(void) PG_GETARG_TEXT_PP(0);
	fill_row(desc, values, nulls);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* bench_rows(...): the set of one such row. */
Datum
bench_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[MaxHeapAttributeNumber];
	bool nulls[MaxHeapAttributeNumber];

	(void) PG_GETARG_TEXT_PP(0);
	InitMaterializedSRF(fcinfo, 0);
	fill_row(rsinfo->setDesc, values, nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
