/*
 * candidate.c
 *	  Which databases may have a worker.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/syscache.h"

#include "pg/shared/candidate.h"
#include "pg/shared/compat.h"

bool
ev_database_connectable(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate &&
	       form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

bool
ev_database_oid_connectable(Oid dboid)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ev_database_connectable((Form_pg_database) GETSTRUCT(tuple));
		ReleaseSysCache(tuple);
	}
	return result;
}
