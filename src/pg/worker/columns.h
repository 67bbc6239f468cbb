/*
 * columns.h
 *	  Arrays for unnest(): a batch in C as one array parameter a column.
 */
#ifndef EV_COLUMNS_H
#define EV_COLUMNS_H

#include "postgres.h"

typedef struct EvColumn
{
	Oid type;
	int n;
	Datum *values;
	bool *nulls;
} EvColumn;

/* n elements, all NULL; in CurrentMemoryContext. */
extern EvColumn ev_column(Oid type, int n);
extern void ev_column_set(EvColumn *column, int i, Datum value);

/* NULL and "" stay NULL. */
extern void ev_column_set_text(EvColumn *column, int i, const char *text);
extern Datum ev_column_array(const EvColumn *column);

/* A bigint[] of these. */
extern Datum ev_column_int64s(const int64 *values, int n);

#endif
