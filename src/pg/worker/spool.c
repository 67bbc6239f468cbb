/*
 * spool.c
 *	  Out of the spool: row by row, in rounds.  A row whose addresses somebody holds is passed over until the next round, so
 *	  that it keeps nobody waiting.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/worker/aside.h"
#include "pg/worker/spool.h"

/* Between two rounds, while rows are left over. */
#define ROUND_MS 2000

bool
ev_spool_is_due(EvWorker *worker)
{
	return worker->spooled && (worker->spool_at == 0 || GetCurrentTimestamp() >= worker->spool_at);
}

TimestampTz
ev_spool_wake(EvWorker *worker)
{
	/* while questions rest that has a time of its own */
	return worker->spooled && !ev_aside_rests(EV_DOING_QUESTIONS) ? worker->spool_at : 0;
}

void
ev_spool_take(EvWorker *worker)
{
	worker->n_inbox = worker->n_unspooled =
		ev_store_unspool(worker->spool_after, worker->inbox, EV_INBOX_BATCH, &worker->unspooling);
	if (worker->unspooling != 0)
		return;
	worker->spool_after = 0;
	worker->spooled = !ev_store_spool_is_empty();
	worker->spool_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ROUND_MS);
}

void
ev_spool_drop(EvWorker *worker)
{
	if (worker->unspooling == 0)
		return;
	worker->spool_after = worker->unspooling;
	worker->unspooling = 0;
	worker->n_inbox = 0;
}
