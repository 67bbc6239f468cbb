/*
 * columns.c
 *	  Arrays for unnest().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/worker/columns.h"

EvColumn
ev_column(Oid type, int n)
{
	EvColumn column = {.type = type, .n = n};

	column.values = palloc0(Max(n, 1) * sizeof(Datum));
	column.nulls = palloc(Max(n, 1) * sizeof(bool));
	memset(column.nulls, true, Max(n, 1) * sizeof(bool));
	return column;
}

void
ev_column_set(EvColumn *column, int i, Datum value)
{
	column->values[i] = value;
	column->nulls[i] = false;
}

void
ev_column_set_text(EvColumn *column, int i, const char *text)
{
	if (text != NULL && text[0] != '\0')
		ev_column_set(column, i, CStringGetTextDatum(text));
}

Datum
ev_column_array(const EvColumn *column)
{
	int16 len;
	bool by_value;
	char align;
	int dims[1] = {column->n};
	int lower[1] = {1};

	get_typlenbyvalalign(column->type, &len, &by_value, &align);
	return PointerGetDatum(construct_md_array(column->values, column->nulls, 1, dims, lower,
	                                          column->type, len, by_value, align));
}

Datum
ev_column_int64s(const int64 *values, int n)
{
	EvColumn column = ev_column(INT8OID, n);

	for (int i = 0; i < n; i++)
		ev_column_set(&column, i, Int64GetDatum(values[i]));
	return ev_column_array(&column);
}
