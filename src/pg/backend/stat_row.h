/*
 * stat_row.h
 *	  Rows of the statistics: columns are filled by name, so that their order is the install
 *	  script's alone, and one that the installed SQL does not have is left out.
 */
#ifndef EV_STAT_ROW_H
#define EV_STAT_ROW_H

#include "fmgr.h"
#include "nodes/execnodes.h"

#include "pg/shared/shmem.h"

#define EV_STAT_COLUMNS_MAX 64

typedef struct EvRow
{
	TupleDesc desc;
	Datum values[EV_STAT_COLUMNS_MAX];
	bool nulls[EV_STAT_COLUMNS_MAX];
} EvRow;

/* A row of the function's result, all columns NULL; ev_end_row() adds it to the result. */
extern void ev_begin_row(EvRow *row, ReturnSetInfo *rsinfo);
extern void ev_end_row(EvRow *row, ReturnSetInfo *rsinfo);

extern void ev_put(EvRow *row, const char *column, Datum value);
extern void ev_put_text(EvRow *row, const char *column, const char *text);
extern void ev_put_time(EvRow *row, const char *column, TimestampTz at); /* 0: NULL */
extern void ev_put_int(EvRow *row, const char *column, uint32 value);
extern void ev_put_counter(EvRow *row, const char *column, pg_atomic_uint64 *value);
extern void ev_put_rounded(EvRow *row, const char *column,
                           double value); /* one digit behind the point */

#endif
