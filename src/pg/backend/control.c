/*
 * control.c
 *	  Steering this database's worker from SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_pause);
PG_FUNCTION_INFO_V1(ev_resume);

static EvDatabase *
database(void)
{
	EvDatabase *db;

	if (ev_shared == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		                errmsg("email_verify was not preloaded"),
		                errhint("Add \"email_verify\" to shared_preload_libraries and restart the "
		                        "server.")));
	db = ev_database_find(MyDatabaseId, true);
	if (db == NULL)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		                errmsg("no worker can be had for this database"),
		                errhint("You may need to increase email_verify.max_databases.")));
	return db;
}

static void
set_paused(uint32 paused)
{
	EvDatabase *db = database();

	pg_atomic_write_u32(&db->paused, paused);
	ev_worker_wake(db);
}

/*
 * email_verify.pause(finish): nothing new is probed until resume(), and what is asked is queued.  What is
 * under way is stopped and put back, or may end first.
 */
Datum
ev_pause(PG_FUNCTION_ARGS)
{
	set_paused(PG_GETARG_BOOL(0) ? EV_PAUSED_FINISHING : EV_PAUSED);
	PG_RETURN_VOID();
}

/* email_verify.resume() */
Datum
ev_resume(PG_FUNCTION_ARGS)
{
	set_paused(EV_PAUSED_NOT);
	PG_RETURN_VOID();
}
