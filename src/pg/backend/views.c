/*
 * views.c
 *	  What the views email_verify.reason and email_verify.detail show.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_reasons);
PG_FUNCTION_INFO_V1(ev_details);

/* The first n columns; the installed SQL may be newer than this library and have more. */
static void
put(ReturnSetInfo *rsinfo, const Datum *values, const bool *nulls, int n)
{
	int natts = Max(rsinfo->setDesc->natts, n);
	Datum *all = palloc0(natts * sizeof(Datum));
	bool *all_nulls = palloc(natts * sizeof(bool));

	for (int i = 0; i < natts; i++)
	{
		all_nulls[i] = i >= n || nulls[i];
		all[i] = all_nulls[i] ? 0 : values[i];
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, all, all_nulls);
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

		put(rsinfo, values, nulls, lengthof(values));
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

		put(rsinfo, values, nulls, lengthof(values));
	}
	return (Datum) 0;
}
