/*
 * store_spi.c
 *	  The store by SPI, for a worker inside the database: transactions, statements and their rows.
 *
 * The operations themselves are in store_queue.c, store_verdicts.c and store_learn.c.  Plans are
 * saved for the life of the process.  Values that come back are copied into the caller's arrays
 * before the transaction ends.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/shared/compat.h"
#include "pg/worker/activity.h"
#include "pg/worker/fitness.h"
#include "pg/worker/store_spi.h"

bool
ev_store_begin(void)
{
	static Oid extension = InvalidOid;
	EvExtension found;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!ev_extension_find(&found) || (OidIsValid(extension) && found.oid != extension))
	{
		AbortCurrentTransaction();
		ev_fitness_gone();
		return false;
	}
	extension = found.oid;
	if (!ev_fitness_check(&found))
	{
		AbortCurrentTransaction();
		return false;
	}
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	ev_activity_busy();
	return true;
}

/* Counts that have not been handed over are to be by then. */
static TimestampTz report_at = 0;

static void
hand_over_counts(bool force)
{
	long ms = pgstat_report_stat(force);

	report_at = ms > 0 ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ev_in_time(ms)) : 0;
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
	hand_over_counts(false);
	ev_activity_idle();
}

TimestampTz
ev_store_report_wake(void)
{
	return report_at;
}

void
ev_store_report(void)
{
	if (report_at != 0 && GetCurrentTimestamp() >= report_at)
		hand_over_counts(true);
}

void
ev_store_abort(void)
{
	AbortCurrentTransaction();
	ev_activity_idle();
}

ErrorData *
ev_store_caught(MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	ev_store_abort();
	MemoryContextSwitchTo(context);
	return error;
}

uint64
ev_spi_run(EvStatement *statement, Datum *values)
{
	return ev_spi_run_nulls(statement, values, NULL);
}

uint64
ev_spi_run_nulls(EvStatement *statement, Datum *values, const char *nulls)
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
	code = SPI_execute_plan(statement->plan, values, nulls, false, 0);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->sql, SPI_result_code_string(code));
	return SPI_processed;
}

Datum
ev_spi_field(uint64 row, int column, bool *null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, null);
}

int64
ev_spi_int64(uint64 row, int column)
{
	bool null;
	Datum value = ev_spi_field(row, column, &null);

	return null ? 0 : DatumGetInt64(value);
}

TimestampTz
ev_spi_time(uint64 row, int column)
{
	bool null;
	Datum value = ev_spi_field(row, column, &null);

	return null ? 0 : DatumGetTimestampTz(value);
}

size_t
ev_spi_text(uint64 row, int column, char *out, size_t size)
{
	bool null;
	Datum value = ev_spi_field(row, column, &null);

	out[0] = '\0';
	if (!null)
		text_to_cstring_buffer(DatumGetTextPP(value), out, size);
	return strlen(out);
}

bool
ev_spi_stored(uint64 row, int address, int first, EvStored *out)
{
	char label[64];
	size_t len = ev_spi_text(row, first + 1, label, sizeof(label));

	memset(out, 0, sizeof(*out));
	(void) ev_spi_text(row, address, out->key, sizeof(out->key));
	if (!ev_reason_by_label(label, len, &out->verdict.reason))
		return false;
	out->verdict = ev_verdict_of(out->verdict.reason, EV_DETAIL_NONE);
	len = ev_spi_text(row, first, label, sizeof(label));
	if (strcmp(label, ev_status_label(EV_STATUS_ROLE)) == 0)
		out->verdict.status = EV_STATUS_ROLE;
	len = ev_spi_text(row, first + 2, label, sizeof(label));
	(void) ev_detail_by_label(label, len, &out->verdict.detail);
	out->checked_at = ev_spi_time(row, first + 3);
	out->retry_at = ev_spi_time(row, first + 4);
	out->asked_at = ev_spi_time(row, first + 5);
	return true;
}
