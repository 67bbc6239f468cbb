/*
 * push.c
 *	  Puts a question into the inbox, and waits for room as long as that is worth it.
 *
 * The worker empties the inbox in milliseconds, so that a statement with very many questions becomes slower and not
 * wrong.  It waits within what is left of its patience, holds no lock of ours meanwhile, can be cancelled, and
 * gives up when the worker has stood still for a moment.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/wait_event.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"
#include "pg/shared/waits.h"

/* How long a statement stands before a full inbox while the worker does nothing. */
#define STANDSTILL_MS 100

/* The same while the worker is at work, but takes nothing out: on a busy machine a store cycle may take a while. */
#define CYCLE_MS 1000

/* How often it looks what the worker does. */
#define LOOK_MS 20

/* What the statement that pushes has met so far. */
typedef struct Pushing
{
	TimestampTz statement;
	int n;               /* questions that it has put into the inbox */
	uint64 taken;        /* progress seen last */
	TimestampTz took;    /* when it was seen */
	TimestampTz at_work; /* when the worker was last seen at work; at least `took` */
} Pushing;

/* It computes, or waits for the disk or a moment's lock, and not for somebody else or for something to do. */
static bool
worker_is_at_work(EvDatabase *db)
{
	PGPROC *proc = db->worker_pid == 0 ? NULL : BackendPidGetProc(db->worker_pid);
	uint32 class;

	if (proc == NULL)
		return false;
	class = *(volatile uint32 *) &proc->wait_event_info & 0xFF000000;
	return class == 0 || class == PG_WAIT_LWLOCK || class == PG_WAIT_IO;
}

/* Is there progress, or was there some a moment ago? */
static bool
makes_progress(EvDatabase *db, Pushing *pushing)
{
	TimestampTz now = GetCurrentTimestamp();
	uint64 taken = pg_atomic_read_u64(&db->taken);

	if (taken != pushing->taken || pushing->took == 0)
	{
		pushing->taken = taken;
		pushing->took = pushing->at_work = now;
	}
	else if (worker_is_at_work(db))
		pushing->at_work = now;
	return now - pushing->took < CYCLE_MS * INT64CONST(1000) &&
	       now - pushing->at_work < STANDSTILL_MS * INT64CONST(1000);
}

/* Until the worker has taken something out, or for a moment.  False when it is not worth it. */
static bool
wait_for_room(EvDatabase *db, Pushing *pushing)
{
	TimestampTz start = GetCurrentTimestamp();
	int64 left = ev_patience_left(PG_INT64_MAX);

	if (left < 1000 || !ev_may_wait_for_room() || db->dboid != MyDatabaseId ||
	    !makes_progress(db, pushing))
		return false;
	ev_worker_wake(db);
	PG_TRY();
	{
		(void) ConditionVariableTimedSleep(&db->room, (long) Min(left / 1000, LOOK_MS),
		                                   ev_wait(EV_WAIT_INBOX));
	}
	PG_FINALLY();
	{
		ev_patience_spend(start);
	}
	PG_END_TRY();
	return true;
}

bool
ev_push_patiently(EvDatabase *db, const char *key, size_t len, TimestampTz newer_than)
{
	static Pushing pushing = {0};
	EvInboxClass class;
	bool fits;

	if (pushing.statement != GetCurrentStatementStartTimestamp())
		pushing = (Pushing){.statement = GetCurrentStatementStartTimestamp()};
	class = pushing.n < EV_INBOX_FEW_MAX ? EV_INBOX_FEW : EV_INBOX_MANY;
	fits = ev_inbox_push(db, class, key, len, newer_than);
	if (!fits)
	{
		/* ready to be woken before looking again: what is taken in between is not missed */
		ConditionVariablePrepareToSleep(&db->room);
		while (!(fits = ev_inbox_push(db, class, key, len, newer_than)) &&
		       wait_for_room(db, &pushing))
			;
		ConditionVariableCancelSleep();
	}
	if (fits)
		pushing.n++;
	else
		pg_atomic_fetch_add_u64(&db->counters.refused, 1);
	return fits;
}
