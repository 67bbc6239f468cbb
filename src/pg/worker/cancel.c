/*
 * cancel.c
 *	  What is under way is stopped.  The rows stay queued and keep their tries; sessions that wait for one of
 *	  them are told smtp_timeout/canceled, which is stored nowhere.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/worker/cancel.h"
#include "pg/worker/suspects.h"

void
ev_cancel_heed_pause(EvWorker *worker)
{
	bool canceled = pg_atomic_read_u32(&worker->db->paused) == EV_PAUSED;

	if (canceled && !worker->canceled)
		ev_prober_cancel(worker->prober);
	/* suspects among them are suspects still, and are no longer under way */
	if (!canceled && worker->canceled)
		ev_suspects_look(worker);
	worker->canceled = canceled;
}

void
ev_cancel_tell(EvWorker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz retry_at = TimestampTzPlusMilliseconds(now, EV_CANCELED_DELAY * 1000);

	for (int i = 0; i < worker->n_outcomes; i++)
	{
		const EvOutcome *outcome = &worker->outcomes[i];

		if (ev_is_canceled(&outcome->verdict, outcome->put_back))
			ev_waiters_answer(worker->db->dboid, outcome->key, strlen(outcome->key),
			                  &outcome->verdict, now, retry_at, now);
	}
}
