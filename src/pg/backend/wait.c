/*
 * wait.c
 *	  Waiting for verdicts: for one address within a statement's budget, and for all that are
 *	  queued.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/snapmgr.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"
#include "pg/shared/waits.h"

/* How often the table is looked at by who has no slot. */
#define POLL_MS 100

static EvWaiter *mine = NULL;

static void
release(void)
{
	if (mine != NULL)
		ev_waiter_release(mine);
	mine = NULL;
}

static void
release_at_exit(int code, Datum arg)
{
	release();
}

/*
 * Will there be a worker before the deadline?  One that was at work and has ended comes back after a
 * while, and finds all that was asked.
 */
static enum ev_detail
worker_obstacle(TimestampTz deadline)
{
	EvDatabase *db = ev_database_find(MyDatabaseId, false);
	EvDatabaseState state = db == NULL ? EV_DB_FREE : pg_atomic_read_u32(&db->state);

	switch (state)
	{
		case EV_DB_WANTED:
		case EV_DB_STARTING:
		case EV_DB_RUNNING: return EV_DETAIL_NONE;
		case EV_DB_DOWN:
			return TimestampTzPlusMilliseconds(db->state_since, ev_in_time(EV_RESTART_DELAY)) <
			               deadline
			           ? EV_DETAIL_NONE
			           : EV_DETAIL_WORKER_DOWN;
		case EV_DB_REFUSED: return pg_atomic_read_u32(&db->refusal);
		case EV_DB_NOT_STARTED: return EV_DETAIL_WORKER_NOT_STARTED;
		case EV_DB_FREE:
		case EV_DB_ABSENT: break;
	}
	return EV_DETAIL_WORKER_DOWN;
}

/* False: there is none in time; *obstacle tells whether there is going to be one. */
static bool
sleep_until_answered(TimestampTz deadline, enum ev_detail *obstacle)
{
	while (!mine->answered)
	{
		long ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		*obstacle = worker_obstacle(deadline);
		if (ms <= 0 || *obstacle != EV_DETAIL_NONE)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
		                 ev_wait(EV_WAIT_VERDICT));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/*
 * Second best, without a slot: look at the table from time to time, by a snapshot of its own each time, since the
 * statement's is older than the answer.  False: there is none in time, or one cannot be looked for here.
 */
static bool
poll_until_answered(const char *key, size_t len, TimestampTz newer_than, TimestampTz deadline,
                    EvAnswer *out, enum ev_detail *obstacle)
{
	ev_hint_detail(EV_DETAIL_NO_WAIT_SLOT);
	while (!IsInParallelMode())
	{
		long ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
		EvCached cached;
		bool found;

		PushActiveSnapshot(GetLatestSnapshot());
		found = ev_cache_lookup(key, len, &cached) && cached.asked_at >= newer_than;
		PopActiveSnapshot();
		if (found)
		{
			*out = cached.answer;
			return true;
		}
		*obstacle = worker_obstacle(deadline);
		if (*obstacle != EV_DETAIL_NONE)
			return false;
		if (ms <= 0)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(ms, POLL_MS),
		                 ev_wait(EV_WAIT_VERDICT));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	*obstacle = EV_DETAIL_NO_WAIT_SLOT;
	return false;
}

static void
take_answer(EvAnswer *out)
{
	LWLockAcquire(ev_shared->waiters_lock, LW_SHARED);
	memset(out, 0, sizeof(*out));
	out->verdict = mine->verdict;
	out->checked_at = mine->checked_at;
	out->retry_at = mine->retry_at;
	LWLockRelease(ev_shared->waiters_lock);
}

enum ev_detail
ev_enqueue_and_wait(const char *key, size_t len, TimestampTz newer_than, int64 wait, EvAnswer *out,
                    bool *answered)
{
	static bool registered = false;
	int64 left = ev_patience_left(wait);
	TimestampTz start = GetCurrentTimestamp();
	enum ev_detail obstacle;

	*answered = false;
	if (left <= 0 || ev_shared == NULL)
		return ev_enqueue(key, len, newer_than);
	if (!registered)
	{
		before_shmem_exit(release_at_exit, (Datum) 0);
		registered = true;
	}

	/* the slot first: the answer may come before the push has returned */
	mine = ev_waiter_take(MyDatabaseId, key, len, newer_than);
	PG_TRY();
	{
		obstacle = ev_enqueue(key, len, newer_than);
		if (obstacle == EV_DETAIL_NONE && mine == NULL)
			*answered = poll_until_answered(key, len, newer_than, start + left, out, &obstacle);
		else if (obstacle == EV_DETAIL_NONE && sleep_until_answered(start + left, &obstacle))
		{
			take_answer(out);
			*answered = true;
		}
	}
	PG_FINALLY();
	{
		release();
		ev_patience_spend(start);
	}
	PG_END_TRY();
	return obstacle;
}

PG_FUNCTION_INFO_V1(ev_wait_all);

/*
 * A count costs a look at the whole queue: no more of them than this, and few while nothing is
 * answered.
 */
#define COUNT_MS      50
#define COUNT_MANY_MS 1000
#define MANY          10000

/* What a first count may take, whatever the time-out: without one there is nothing to return. */
#define FIRST_COUNT_MS 1000

static uint64
ask_for_count(EvDatabase *db, TimestampTz *next)
{
	bool many = pg_atomic_read_u64(&db->unanswered) > MANY;
	uint64 asked = pg_atomic_add_fetch_u64(&db->count_asked, 1);

	*next = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), many ? COUNT_MANY_MS : COUNT_MS);
	ev_worker_wake(db);
	return asked;
}

/*
 * Until every row has an answer, or the deadline passes, or there is no worker to wait for.  False:
 * nobody counted.
 */
static bool
wait_for_progress(EvDatabase *db, TimestampTz deadline)
{
	TimestampTz patience = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FIRST_COUNT_MS);
	uint64 completed = pg_atomic_read_u64(&db->counters.completed);
	TimestampTz next;
	uint64 asked = ask_for_count(db, &next);
	bool counted = false;

	ConditionVariablePrepareToSleep(&db->progress);
	for (;;)
	{
		uint32 state = pg_atomic_read_u32(&db->state);
		TimestampTz now = GetCurrentTimestamp();
		bool open = pg_atomic_read_u64(&db->count_answered) < asked;
		TimestampTz wake = counted ? deadline : Max(deadline, patience);

		counted = counted || !open;
		if (!open && pg_atomic_read_u64(&db->unanswered) == 0)
			break;
		if (!open && pg_atomic_read_u32(&db->paused))
		{
			ev_hint_again(EV_DETAIL_PAUSED);
			break;
		}
		if (state != EV_DB_RUNNING && state != EV_DB_STARTING && state != EV_DB_WANTED)
		{
			ev_hint_detail(state == EV_DB_REFUSED ? pg_atomic_read_u32(&db->refusal)
			                                      : EV_DETAIL_WORKER_DOWN);
			break;
		}
		if (now >= (counted ? deadline : wake))
			break;
		if (!open && now >= next &&
		    (pg_atomic_read_u64(&db->counters.completed) != completed ||
		     now >= TimestampTzPlusMilliseconds(next, COUNT_MANY_MS)))
		{
			completed = pg_atomic_read_u64(&db->counters.completed);
			asked = ask_for_count(db, &next);
		}
		else if (!open)
			wake = Min(wake, now < next ? next : TimestampTzPlusMilliseconds(next, COUNT_MANY_MS));
		ConditionVariableTimedSleep(&db->progress,
		                            Max(TimestampDifferenceMilliseconds(now, wake), 1),
		                            ev_wait(EV_WAIT_PROGRESS));
	}
	ConditionVariableCancelSleep();
	return counted;
}

/*
 * How many rows have no answer, by the table: what lies in the inbox is not among them.  The function
 * that calls this is SECURITY DEFINER.
 */
static int64
count_rows(void)
{
	int64 rows = 0;
	bool null;

	SPI_connect();
	/* by the caller's search_path: a name without its schema would be the caller's to define */
	if (SPI_execute(
			"SELECT pg_catalog.count(*), "
			"(SELECT coalesce(pg_catalog.sum(s.n), 0)::pg_catalog.int8 FROM email_verify.spool s) "
			"FROM email_verify.queue WHERE NOT answered",
			false, 1) == SPI_OK_SELECT &&
	    SPI_processed == 1)
		for (int column = 1; column <= 2; column++)
			rows += DatumGetInt64(
				SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &null));
	SPI_finish();
	return rows;
}

/*
 * email_verify.wait(timeout): wait until every queued address of this database has had an answer.
 * Returns how many have none.
 *
 * The worker counts: it alone sees the inbox, the queue and what is under way as one.  Each round
 * asks it for a count and takes one that is at least as new as the question; the next round begins
 * when more has been answered.
 */
Datum
ev_wait_all(PG_FUNCTION_ARGS)
{
	int64 wait = PG_ARGISNULL(0) ? 0 : ev_argument_us("timeout", PG_GETARG_INTERVAL_P(0));
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);

	if (ev_shared == NULL)
		ev_hint_detail(EV_DETAIL_NOT_PRELOADED);
	if (ev_hooks_added() > 0)
	{
		/* it would wait for ever, or return 0 for what nobody can see yet */
		ereport(WARNING,
		        (errmsg("addresses that are queued and not committed yet cannot be waited for"),
		         errdetail("They are verified after it has been committed."),
		         errhint("COMMIT, then call email_verify.wait().")));
		PG_RETURN_INT64(count_rows());
	}
	if (db != NULL && wait_for_progress(db, GetCurrentTimestamp() + wait))
		PG_RETURN_INT64((int64) pg_atomic_read_u64(&db->unanswered));

	/* nobody is there to wait for; never 0 for want of a count while somebody may still count */
	PG_RETURN_INT64(
		Max(count_rows(), db != NULL && pg_atomic_read_u32(&db->state) == EV_DB_RUNNING ? 1 : 0));
}
