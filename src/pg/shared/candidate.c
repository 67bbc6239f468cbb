/*
 * candidate.c
 *	  Which databases may have a worker.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "pg/shared/candidate.h"
#include "pg/shared/compat.h"
#include "pg/shared/settings.h"

bool
ev_database_connectable(Form_pg_database form)
{
	return form->datallowconn && !form->datistemplate &&
	       form->datconnlimit != DATCONNLIMIT_INVALID_DB;
}

bool
ev_my_database_connectable(void)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	bool result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ev_database_connectable((Form_pg_database) GETSTRUCT(tuple));
		ReleaseSysCache(tuple);
	}
	return result;
}

bool
ev_my_database_wanted(const char *list)
{
	Relation rel = table_open(DatabaseRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool result = false;

	ScanKeyInit(&key, Anum_pg_database_oid, BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(MyDatabaseId));
	scan = systable_beginscan(rel, DatabaseOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		result = ev_database_connectable(form) &&
		         ev_settings_database_enabled(list, NameStr(form->datname));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}
