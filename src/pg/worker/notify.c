/*
 * notify.c
 *	  NOTIFY email_verify: numbers for whoever listens.
 *
 * Anybody may listen, so nothing is told but how many verdicts were stored since the last time and
 * how many addresses are queued.  In a transaction of its own, after the store's: neither a full
 * notification queue nor somebody who holds the lock on it may cost verdicts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/async.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/activity.h"
#include "pg/worker/upkeep.h"

#define CHANNEL "email_verify"

/* Not oftener than this; after an error the pause doubles. */
#define MIN_PAUSE_MS 1000
#define MAX_PAUSE_MS 60000

static bool watching = false; /* the numbers below are known */
static uint64 told_completed;
static uint64 told_queued;
static TimestampTz not_before = 0;
static int pause_ms = MIN_PAUSE_MS;
static bool said = false;

static uint64
completed(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->counters.completed);
}

static uint64
queued(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->queued);
}

static bool
has_changed(EvWorker *worker)
{
	return watching && (completed(worker) != told_completed || queued(worker) != told_queued);
}

TimestampTz
ev_notify_wake(EvWorker *worker)
{
	return worker->settings.notify && has_changed(worker) ? Max(not_before, 1) : 0;
}

static void
tell(uint64 new_completed, uint64 now_queued)
{
	char payload[100];

	snprintf(payload, sizeof(payload),
	         "{\"completed\": " UINT64_FORMAT ", \"queued\": " UINT64_FORMAT "}", new_completed,
	         now_queued);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	ev_activity_busy();
	Async_Notify(CHANNEL, payload);
	CommitTransactionCommand();
	ev_activity_idle();
}

void
ev_notify_run(EvWorker *worker)
{
	MemoryContext context = CurrentMemoryContext;
	uint64 now_completed = completed(worker);
	uint64 now_queued = queued(worker);
	volatile bool sent = true;

	/* what was stored while nobody was to be told is not told later */
	if (!watching || !worker->settings.notify)
	{
		told_completed = now_completed;
		told_queued = now_queued;
		watching = true;
	}
	/* somebody has set the counters to zero */
	if (now_completed < told_completed)
		told_completed = 0;
	if (!has_changed(worker) || GetCurrentTimestamp() < not_before)
		return;
	PG_TRY();
	{
		tell(now_completed - told_completed, now_queued);
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "send NOTIFY " CHANNEL, &said);
		sent = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	if (sent)
	{
		told_completed = now_completed;
		told_queued = now_queued;
		said = false;
	}
	pause_ms = sent ? MIN_PAUSE_MS : Min(pause_ms * 2, MAX_PAUSE_MS);
	not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
}
