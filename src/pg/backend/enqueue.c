/*
 * enqueue.c
 *	  Puts an address into this database's inbox, or tells why that cannot be.
 *
 * `pending` is an answer only for what really is queued, so each obstacle has a detail of its own.  A pause is none:
 * the worker takes over what it is asked, and begins with it when the pause is over.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/memutils.h"

#include "pg/backend/backend.h"
#include "pg/shared/candidate.h"
#include "pg/shared/compat.h"

static bool
database_enabled(void)
{
	static char *known_list = NULL;
	static bool enabled = false;

	if (known_list == NULL || strcmp(known_list, ev_settings.databases) != 0)
	{
		char *list = MemoryContextStrdup(TopMemoryContext, ev_settings.databases);
		char *name = get_database_name(MyDatabaseId);

		enabled = name != NULL && ev_settings_database_enabled(list, name);
		if (known_list != NULL)
			pfree(known_list);
		known_list = list;
	}
	return enabled && ev_my_database_connectable();
}

/* Who may queue at all, here and now? */
static enum ev_detail
session_obstacle(void)
{
	if (ev_settings.mode == EV_MODE_OFFLINE)
		return EV_DETAIL_MODE_OFFLINE; /* somebody's choice, which none of what follows would change */
	if (ev_shared == NULL)
		return EV_DETAIL_NOT_PRELOADED;
	if (RecoveryInProgress())
		return EV_DETAIL_STANDBY;
	if (IsBinaryUpgrade || IsLogicalWorker() ||
	    SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		return EV_DETAIL_REPLICATION;
	if (XactReadOnly)
		return EV_DETAIL_READ_ONLY;
	if (!database_enabled())
		return EV_DETAIL_DATABASE_NOT_ENABLED;
	return EV_DETAIL_NONE;
}

/* Will somebody take out what is put in? */
static enum ev_detail
worker_obstacle(EvDatabase *db)
{
	switch ((EvDatabaseState) pg_atomic_read_u32(&db->state))
	{
		case EV_DB_RUNNING: break;
		case EV_DB_WANTED:
		case EV_DB_STARTING:
			if (ev_shared->launcher_pid == 0)
				return EV_DETAIL_WORKER_DOWN;
			break;
		case EV_DB_ABSENT:
			/* it was looked for before the extension came, or before it came back */
			ev_database_want(db);
			break;
		case EV_DB_REFUSED: return pg_atomic_read_u32(&db->refusal);
		case EV_DB_NOT_STARTED: return EV_DETAIL_WORKER_NOT_STARTED;
		case EV_DB_DOWN:
		case EV_DB_FREE: return EV_DETAIL_WORKER_DOWN;
	}
	if (pg_atomic_read_u64(&db->queued) >= (uint64) ev_settings.max_queue)
	{
		ev_worker_wake(db); /* rows that others have taken away it has yet to miss */
		return EV_DETAIL_QUEUE_FULL;
	}
	return EV_DETAIL_NONE;
}

enum ev_detail
ev_enqueue(const char *key, size_t len, TimestampTz newer_than)
{
	static EvDatabase *db = NULL;
	enum ev_detail obstacle = session_obstacle();

	if (obstacle != EV_DETAIL_NONE)
		return obstacle;
	if (db == NULL || db->dboid != MyDatabaseId)
		db = ev_database_find(MyDatabaseId, true);
	if (db == NULL)
		return EV_DETAIL_WORKER_NOT_STARTED;
	obstacle = worker_obstacle(db);
	if (obstacle != EV_DETAIL_NONE)
		return obstacle;
	if (!ev_push_patiently(db, key, len, newer_than))
		return EV_DETAIL_INBOX_FULL;
	return pg_atomic_read_u32(&db->paused) ? EV_DETAIL_PAUSED : EV_DETAIL_NONE;
}
