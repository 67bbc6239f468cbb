/*
 * launcher.c
 *	  Keeps one worker in each database that shall have one.
 *
 * It is connected to no database and reads pg_database alone, so it stands in nobody's way.  Which
 * databases have the extension it learns by starting a worker there: one that finds nothing ends at
 * once and is not started again before somebody asks (CREATE EXTENSION, or a first question).  It
 * sleeps until it is woken.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/shared/candidate.h"
#include "pg/shared/compat.h"
#include "pg/shared/library.h"
#include "pg/shared/waits.h"
#include "pg/worker/process.h"

/*
 * Without a free worker process it is tried again soon, since the one that has just ended may not be
 * reaped yet, and then less and less often.
 */
#define REGISTRATION_DELAY           100
#define REGISTRATION_DELAY_MAX       60000
#define REGISTRATION_FAILURES_LOGGED 5 /* by then it is not that */

/* A worker that has not said after this time that it runs does not keep others from being started. */
#define STARTING_PATIENCE 5000

typedef struct Candidate
{
	Oid dboid;
	bool looked_at; /* a worker was started there, or has a slot */
} Candidate;

static Candidate *candidates = NULL;
static int n_candidates = 0;

/* By slot: the worker registered last, to learn of one that ended before it could say so. */
static BackgroundWorkerHandle **handles;

/* What pg_stat_activity says of this process. */
static char activity[128] = "starting";

/* In a row: there was no free worker process. */
static int registration_failures = 0;

static void
say_goodbye(int code, Datum arg)
{
	LWLockAcquire(ev_shared->directory, LW_EXCLUSIVE);
	ev_shared->launcher_pid = 0;
	ev_shared->launcher_latch = NULL;
	LWLockRelease(ev_shared->directory);
}

static void
say_hello(void)
{
	LWLockAcquire(ev_shared->directory, LW_EXCLUSIVE);
	ev_shared->launcher_pid = MyProcPid;
	ev_shared->launcher_latch = MyLatch;
	ev_shared->launcher_since = GetCurrentTimestamp();
	LWLockRelease(ev_shared->directory);
	before_shmem_exit(say_goodbye, (Datum) 0);
}

static Candidate *
candidate(Oid dboid)
{
	for (int i = 0; i < n_candidates; i++)
		if (candidates[i].dboid == dboid)
			return &candidates[i];
	return NULL;
}

/* The databases that may have a worker: see candidate.h; and named by the setting. */
static void
find_candidates(void)
{
	EvSettings settings;
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;
	int room = 64;
	int n = 0;
	Candidate *found = MemoryContextAlloc(TopMemoryContext, room * sizeof(Candidate));

	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, "reading pg_database");
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	ev_settings_read(&settings);
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (!ev_database_connectable(form) ||
		    !ev_settings_database_enabled(settings.databases, NameStr(form->datname)))
			continue;
		if (n == room)
		{
			room *= 2;
			found = repalloc(found, room * sizeof(Candidate));
		}
		found[n].dboid = form->oid;
		found[n].looked_at = candidate(form->oid) != NULL && candidate(form->oid)->looked_at;
		n++;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, activity);

	if (candidates != NULL)
		pfree(candidates);
	candidates = found;
	n_candidates = n;
}

/* Several databases that are refused at the same time are one failure. */
static void
registration_failed(void)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(last, now, REGISTRATION_DELAY / 2))
		return;
	last = now;
	if (++registration_failures == REGISTRATION_FAILURES_LOGGED)
		ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		              errmsg("could not register an email_verify worker"),
		              errhint("You may need to increase max_worker_processes.")));
}

static long
registration_delay(void)
{
	long delay = REGISTRATION_DELAY;

	for (int i = 1; i < registration_failures && delay < REGISTRATION_DELAY_MAX; i++)
		delay *= 2;
	return Min(delay, REGISTRATION_DELAY_MAX);
}

static void
start_worker(EvDatabase *db)
{
	BackgroundWorkerHandle **handle = &handles[db - ev_shared->databases];
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART, /* that is our task: we know the delay */
		.bgw_main_arg = Int32GetDatum((int32) (db - ev_shared->databases)),
		.bgw_notify_pid = MyProcPid,
	};

	snprintf(worker.bgw_name, BGW_MAXLEN, "email_verify worker for database %u", db->dboid);
	strlcpy(worker.bgw_type, "email_verify worker", BGW_MAXLEN);
	ev_worker_library(worker.bgw_library_name, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "ev_worker_main", BGW_MAXLEN);
	ev_database_set_state(db, EV_DB_STARTING);
	if (*handle != NULL)
		pfree(*handle);
	*handle = NULL;
	if (RegisterDynamicBackgroundWorker(&worker, handle))
		registration_failures = 0;
	else
	{
		ev_database_set_state(db, EV_DB_NOT_STARTED);
		registration_failed();
	}
}

static bool
ended_early(EvDatabase *db)
{
	BackgroundWorkerHandle *handle = handles[db - ev_shared->databases];
	pid_t pid;

	return handle != NULL && GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED &&
	       pg_atomic_read_u32(&db->state) == EV_DB_STARTING;
}

/*
 * One worker at a time is sent to look whether its database has the extension: a server with many
 * databases keeps its worker processes for other things.  Returns the milliseconds for which the
 * one under way still has precedence, 0 when there is none: it may wait for the end of a
 * transaction that has locked its database.
 */
static long
somebody_is_starting(void)
{
	TimestampTz now = GetCurrentTimestamp();
	long ms = 0;

	for (int i = 0; i < ev_shared->max_databases; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];

		if (pg_atomic_read_u32(&db->state) == EV_DB_STARTING)
			ms = Max(ms, TimestampDifferenceMilliseconds(
							 now, TimestampTzPlusMilliseconds(db->state_since, STARTING_PATIENCE)));
	}
	return ms;
}

/* Nobody knows what became of workers that an earlier launcher started and that have not said a word. */
static void
doubt_the_silent(void)
{
	for (int i = 0; i < ev_shared->max_databases; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];

		if (pg_atomic_read_u32(&db->state) == EV_DB_STARTING && db->worker_pid == 0)
			ev_database_set_state(db, EV_DB_DOWN);
	}
}

/*
 * What one slot needs now; returns the milliseconds until it needs something again, -1 for not by
 * itself.
 */
static long
tend(EvDatabase *db)
{
	EvDatabaseState state = pg_atomic_read_u32(&db->state);
	long delay = state == EV_DB_DOWN ? ev_in_time(EV_RESTART_DELAY) : registration_delay();
	TimestampTz again = TimestampTzPlusMilliseconds(db->state_since, delay);

	switch (state)
	{
		case EV_DB_WANTED:
			if (ev_database_is_held(db))
				return -1; /* its release wakes us */
			delay = somebody_is_starting();
			if (delay > 0)
				return delay;  /* its next word wakes us before then */
			find_candidates(); /* it may be new, or gone, or have another name */
			if (candidate(db->dboid) != NULL)
				start_worker(db);
			else
				ev_database_set_state(db, EV_DB_ABSENT);

			/* if it is not on its way, there is a time to try again, or a slot to give back */
			return pg_atomic_read_u32(&db->state) == EV_DB_STARTING ? -1 : 0;
		case EV_DB_DOWN:
		case EV_DB_NOT_STARTED:
			if (GetCurrentTimestamp() < again)
				return Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), again), 1);
			ev_database_set_state(db, EV_DB_WANTED);
			return 0;
		case EV_DB_ABSENT:
			if (!ev_database_free(db))
				return -1;

			/* its worker's process is free as well, or will be in a moment */
			registration_failures = 0;
			return 0;
		case EV_DB_STARTING:
			/* it could not even load its library, or the database is gone */
			if (ended_early(db))
				ev_database_set_state(db, EV_DB_DOWN);
			return pg_atomic_read_u32(&db->state) == EV_DB_DOWN ? 0 : -1;
		case EV_DB_FREE:
		case EV_DB_RUNNING:
		case EV_DB_REFUSED: break;
	}
	return -1;
}

static long
tend_all(void)
{
	long soonest = -1;

	for (int i = 0; i < ev_shared->max_databases; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];
		long ms = db->dboid == InvalidOid ? -1 : tend(db);

		if (ms >= 0 && (soonest < 0 || ms < soonest))
			soonest = ms;
	}
	return soonest;
}

/*
 * Databases that nobody has looked at since the start get a worker each, as far as there are slots.
 */
static void
look_at_candidates(void)
{
	for (int i = 0; i < n_candidates; i++)
	{
		if (candidates[i].looked_at)
			continue;

		/* it may have a worker that is just leaving, since it was none under the old settings */
		if (!ev_database_look(candidates[i].dboid))
			return; /* all slots in use: go on when one is given back */
		candidates[i].looked_at = true;
	}
}

/* How many workers there are, for pg_stat_activity. */
static void
show_activity(void)
{
	char text[sizeof(activity)];
	int running = 0;
	int starting = 0;
	int others = 0;

	for (int i = 0; i < ev_shared->max_databases; i++)
		switch ((EvDatabaseState) pg_atomic_read_u32(&ev_shared->databases[i].state))
		{
			case EV_DB_RUNNING:
			case EV_DB_REFUSED: running++; break;
			case EV_DB_WANTED:
			case EV_DB_STARTING: starting++; break;
			case EV_DB_DOWN:
			case EV_DB_NOT_STARTED: others++; break;
			case EV_DB_FREE:
			case EV_DB_ABSENT: break;
		}
	snprintf(text, sizeof(text), "%d worker%s running, %d starting, %d to be tried again", running,
	         running == 1 ? "" : "s", starting, others);
	if (strcmp(text, activity) == 0)
		return;
	strcpy(activity, text);
	pgstat_report_activity(STATE_IDLE, activity);
}

void
ev_launcher_main(Datum arg)
{
	ev_process_start();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	ev_process_pin_settings();
	handles = MemoryContextAllocZero(TopMemoryContext, ev_shared->max_databases * sizeof(*handles));
	say_hello();
	pgstat_report_appname("email_verify");
	ereport(DEBUG1, (errmsg_internal("email_verify launcher started")));
	doubt_the_silent();
	find_candidates();

	for (;;)
	{
		long timeout;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			find_candidates();
		}
		look_at_candidates();
		timeout = tend_all();
		show_activity();
		if (timeout != 0)
			(void) WaitLatch(MyLatch,
			                 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout > 0 ? WL_TIMEOUT : 0),
			                 timeout, ev_wait(EV_WAIT_LAUNCHER));
		ResetLatch(MyLatch);
	}
}
