/*
 * hold.c
 *	  Holding a database: as long as somebody does, it has no worker.
 *
 * For commands that need a database for themselves.  A worker announces itself here before it
 * connects, under the lock under which the holds are counted: either it sees the hold and stays
 * away, or the holder sees it and can wait for its end.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/procarray.h"

#include "pg/shared/shmem.h"
#include "pg/shared/waits.h"

/* The longest nap while a worker is waited for: the end of its process is announced by nobody. */
#define NAP_MS 10

/* After this long without a reaction to the request the worker is terminated. */
#define GRACE_MS 1000

/* One that has not said that it runs may wait for a lock of ours, where it hears no request. */
#define GRACE_STARTING_MS 100

EvDatabase *
ev_database_hold(Oid dboid)
{
	EvDatabase *result = NULL;

	/* it cannot be given back meanwhile, nor later: that needs a slot which nobody holds */
	LWLockAcquire(ev_shared->directory, LW_SHARED);
	for (int i = 0; i < ev_shared->max_databases && result == NULL; i++)
		if (ev_shared->databases[i].dboid == dboid)
			result = &ev_shared->databases[i];
	if (result != NULL)
	{
		LWLockAcquire(result->lock, LW_EXCLUSIVE);
		pg_atomic_fetch_add_u32(&result->holds, 1);
		LWLockRelease(result->lock);
	}
	LWLockRelease(ev_shared->directory);
	return result;
}

void
ev_database_release(EvDatabase *db)
{
	static const EvDatabaseState retry[] = {EV_DB_DOWN, EV_DB_NOT_STARTED};

	/* what was wrong may not be so any more, and a database that is gone has its slot given back */
	for (size_t i = 0; i < lengthof(retry); i++)
	{
		uint32 expected = retry[i];

		(void) pg_atomic_compare_exchange_u32(&db->state, &expected, EV_DB_WANTED);
	}
	pg_atomic_fetch_sub_u32(&db->holds, 1);
	ev_launcher_wake();
}

bool
ev_database_is_held(EvDatabase *db)
{
	return pg_atomic_read_u32(&db->holds) > 0;
}

EvAttach
ev_database_attach(EvDatabase *db)
{
	EvAttach result = EV_ATTACHED;

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	if (db->worker_pid != 0 || pg_atomic_read_u32(&db->state) != EV_DB_STARTING)
		result = EV_ATTACH_UNEXPECTED;
	else if (ev_database_is_held(db))
		result = EV_ATTACH_HELD;
	else
	{
		db->worker_pid = MyProcPid;
		db->worker_latch = MyLatch;
		db->started_at = 0; /* it does not run yet */
	}
	LWLockRelease(db->lock);
	return result;
}

void
ev_database_detach(EvDatabase *db)
{
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	db->worker_pid = 0;
	db->worker_latch = NULL;
	db->prober_pid = 0;
	db->prober_confined[0] = '\0';
	LWLockRelease(db->lock);
}

/* The worker's process, or 0; with terminate it gets a SIGTERM.  Under the lock: so it is alive. */
static pid_t
worker_of(EvDatabase *db, bool terminate)
{
	pid_t pid;

	LWLockAcquire(db->lock, LW_SHARED);
	pid = db->worker_pid;
	if (pid != 0 && terminate)
		(void) kill(pid, SIGTERM);
	LWLockRelease(db->lock);
	return pid;
}

bool
ev_database_stop_worker(EvDatabase *db, int patience_ms)
{
	TimestampTz start = GetCurrentTimestamp();
	int grace = pg_atomic_read_u32(&db->state) == EV_DB_STARTING ? GRACE_STARTING_MS : GRACE_MS;
	pid_t last = 0;
	bool terminated = false;
	bool gone;

	pg_atomic_write_u32(&db->check, 1);
	ev_worker_wake(db);
	ConditionVariablePrepareToSleep(&db->progress);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		bool terminate = !terminated && TimestampDifferenceExceeds(start, now, grace);
		pid_t pid = worker_of(db, terminate);

		terminated = terminated || terminate;
		last = pid != 0 ? pid : last;

		/* it leaves this slot a little before it leaves its database */
		gone = pid == 0 && (last == 0 || BackendPidGetProc(last) == NULL);
		if (gone || TimestampDifferenceExceeds(start, now, patience_ms))
			break;
		(void) ConditionVariableTimedSleep(&db->progress, NAP_MS, ev_wait(EV_WAIT_WORKER_END));
	}
	ConditionVariableCancelSleep();
	return gone;
}
