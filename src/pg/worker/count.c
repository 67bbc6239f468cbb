/*
 * count.c
 *	  How many rows the queue has; see count.h.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/worker/aside.h"
#include "pg/worker/count.h"

/* Counting takes at most one part in so many of the time. */
#define COUNT_SHARE 20

/* A full queue is counted at most this often without being asked. */
#define RECOUNT_MS 10000

static TimestampTz count_after = 0;   /* not before then */
static TimestampTz recount_after = 0; /* not before then unless somebody waits */

static bool
is_asked(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->count_asked) >
	       pg_atomic_read_u64(&worker->db->count_answered);
}

static bool
is_full(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->queued) >= (uint64) worker->settings.max_queue;
}

bool
ev_count_is_due(EvWorker *worker)
{
	TimestampTz now;

	if (!is_asked(worker) && !is_full(worker))
		return false;
	now = GetCurrentTimestamp();
	return now >= count_after && (is_asked(worker) || now >= recount_after);
}

TimestampTz
ev_count_wake(EvWorker *worker)
{
	return is_asked(worker) ? Max(count_after, 1) : 0;
}

void
ev_count_take(EvWorker *worker, EvCount *count)
{
	TimestampTz start = GetCurrentTimestamp();
	TimestampTz end;
	/* questions in a full batch may have company that is still in the inbox */
	bool answerable = is_asked(worker) && worker->n_inbox < EV_INBOX_BATCH;

	count->counted = false;
	if (start < count_after || !(answerable || (is_full(worker) && start >= recount_after)))
		return;

	if (!answerable)
		count->asked = pg_atomic_read_u64(&worker->db->count_answered);
	ev_store_count(&count->queued, &count->unanswered);
	count->unanswered += ev_aside_questions();
	count->counted = true;
	end = GetCurrentTimestamp();
	count_after = end + COUNT_SHARE * (end - start);
	recount_after = Max(count_after, TimestampTzPlusMilliseconds(end, RECOUNT_MS));
}

void
ev_count_publish(EvWorker *worker, const EvCount *count)
{
	EvDatabase *db = worker->db;

	if (!count->counted)
		return;
	pg_atomic_write_u64(&db->queued, (uint64) count->queued);
	pg_atomic_write_u64(&db->unanswered, (uint64) count->unanswered);
	pg_atomic_write_u64(&db->count_answered, count->asked);
}

/* Only this process writes the number, so it need not be done in one step; it never goes below 0. */
void
ev_count_add(EvWorker *worker, int64 rows)
{
	EvDatabase *db = worker->db;
	int64 queued = (int64) pg_atomic_read_u64(&db->queued) + rows;

	pg_atomic_write_u64(&db->queued, (uint64) Max(queued, 0));
}
