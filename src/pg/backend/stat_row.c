/*
 * stat_row.c
 *	  Rows of the statistics; see stat_row.h.
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"

#include "pg/backend/stat_row.h"

void
ev_begin_row(EvRow *row, ReturnSetInfo *rsinfo)
{
	row->desc = rsinfo->setDesc;
	if (row->desc->natts > EV_STAT_COLUMNS_MAX)
		elog(ERROR, "too many columns");
	memset(row->nulls, true, sizeof(row->nulls));
}

void
ev_put(EvRow *row, const char *column, Datum value)
{
	for (int i = 0; i < row->desc->natts; i++)
		if (namestrcmp(&TupleDescAttr(row->desc, i)->attname, column) == 0)
		{
			row->values[i] = value;
			row->nulls[i] = false;
		}
}

void
ev_put_text(EvRow *row, const char *column, const char *text)
{
	ev_put(row, column, CStringGetTextDatum(text));
}

void
ev_put_time(EvRow *row, const char *column, TimestampTz at)
{
	if (at != 0)
		ev_put(row, column, TimestampTzGetDatum(at));
}

void
ev_put_int(EvRow *row, const char *column, uint32 value)
{
	ev_put(row, column, Int32GetDatum((int32) value));
}

void
ev_put_counter(EvRow *row, const char *column, pg_atomic_uint64 *value)
{
	ev_put(row, column, Int64GetDatum((int64) pg_atomic_read_u64(value)));
}

void
ev_put_rounded(EvRow *row, const char *column, double value)
{
	ev_put(row, column, Float8GetDatum(rint(value * 10) / 10));
}

void
ev_end_row(EvRow *row, ReturnSetInfo *rsinfo)
{
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
}
