/*
 * views.c
 *	  What the views email_verify.reason and email_verify.stat show.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_reasons);
PG_FUNCTION_INFO_V1(ev_details);
PG_FUNCTION_INFO_V1(ev_stat);

static void
put(ReturnSetInfo *rsinfo, Datum *values, bool *nulls)
{
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
seconds_interval(uint32 seconds)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->day = (int32) (seconds / SECS_PER_DAY);
	interval->time = (seconds % SECS_PER_DAY) * USECS_PER_SEC;
	return IntervalPGetDatum(interval);
}

/*
 * _reasons(): (reason, status, retryable, advice, fresh, expire, description), text for the enums
 */
Datum
ev_reasons(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < EV_N_REASON; i++)
	{
		const struct ev_reason_info *info = ev_reason_info(i);
		bool nulls[7] = {false};
		Datum values[7] = {CStringGetTextDatum(info->label),
		                   CStringGetTextDatum(ev_status_label(info->status)),
		                   BoolGetDatum(info->retryable),
		                   CStringGetTextDatum(ev_advice_label(info->advice)),
		                   seconds_interval(info->fresh),
		                   seconds_interval(info->expire),
		                   CStringGetTextDatum(info->description)};

		put(rsinfo, values, nulls);
	}
	return (Datum) 0;
}

/* _details(): (detail, description) */
Datum
ev_details(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = EV_DETAIL_NONE + 1; i < EV_N_DETAIL; i++)
	{
		const struct ev_detail_info *info = ev_detail_info(i);
		bool nulls[2] = {false};
		Datum values[2] = {CStringGetTextDatum(info->label),
		                   CStringGetTextDatum(info->description)};

		put(rsinfo, values, nulls);
	}
	return (Datum) 0;
}

static const char *
state_label(EvDatabaseState state)
{
	switch (state)
	{
		case EV_DB_WANTED:
		case EV_DB_STARTING: return "starting";
		case EV_DB_RUNNING: return "running";
		case EV_DB_DOWN: return "down";
		case EV_DB_NOT_STARTED: return "not_started";
		case EV_DB_FREE:
		case EV_DB_ABSENT: break;
	}
	return "none";
}

static Datum
counter(pg_atomic_uint64 *value)
{
	return Int64GetDatum((int64) pg_atomic_read_u64(value));
}

/*
 * _stat(): what shared memory knows of this database's worker; see the install script for the
 * columns.
 */
Datum
ev_stat(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	Datum values[17];
	bool nulls[17];
	int n = 0;

	InitMaterializedSRF(fcinfo, 0);
	memset(nulls, true, sizeof(nulls));
#define PUT(value)                                                                                 \
	do                                                                                             \
	{                                                                                              \
		nulls[n] = false;                                                                          \
		values[n++] = (value);                                                                     \
	} while (0)
	PUT(CStringGetTextDatum(get_database_name(MyDatabaseId)));
	PUT(CStringGetTextDatum(ev_shared == NULL ? "not_preloaded"
	                        : db == NULL      ? "none"
	                                          : state_label(pg_atomic_read_u32(&db->state))));
	if (db != NULL)
	{
		if (db->worker_pid != 0)
		{
			values[n] = Int32GetDatum(db->worker_pid);
			nulls[n] = false;
			values[n + 1] = TimestampTzGetDatum(db->started_at);
			nulls[n + 1] = false;
		}
		n += 2;
		PUT(BoolGetDatum(pg_atomic_read_u32(&db->paused) != 0));
		PUT(Int32GetDatum((int32) db->inbox_used));
		PUT(Int32GetDatum((int32) pg_atomic_read_u32(&db->inflight)));
		PUT(Int32GetDatum((int32) pg_atomic_read_u32(&db->sessions)));
		PUT(counter(&db->counters.drained));
		PUT(counter(&db->counters.leased));
		PUT(counter(&db->counters.completed));
		PUT(counter(&db->counters.put_back));
		PUT(counter(&db->counters.sessions));
		PUT(counter(&db->counters.lookups));
		PUT(counter(&db->counters.rcpts));
		PUT(counter(&db->counters.errors));
		PUT(counter(&db->counters.refused));
	}
#undef PUT
	put(rsinfo, values, nulls);
	return (Datum) 0;
}
