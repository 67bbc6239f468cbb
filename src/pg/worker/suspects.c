/*
 * suspects.c
 *	  Addresses that a crash has found under way; see suspects.h.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/suspects.h"

/* Suspects follow each other alone for so long before others have their turn. */
#define SPELL_MS 60000

/*
 * Sessions that say good-bye are waited for, too: they are over after 5 s.  If the prober is not idle
 * after this time all the same, it is idle enough.
 */
#define QUIET_MS 15000

static uint32
requests_under_way(EvWorker *worker)
{
	struct ev_prober_stats stats;

	ev_prober_stats(worker->prober, &stats);
	return stats.requests;
}

/* Is nobody being asked, and nobody talked to? */
static bool
is_quiet(EvWorker *worker)
{
	EvSuspects *s = &worker->suspects;
	TimestampTz now = GetCurrentTimestamp();

	if (requests_under_way(worker) > 0)
	{
		s->quiet_since = 0;
		return false;
	}
	if (s->quiet_since == 0)
		s->quiet_since = now;
	return ev_prober_deadline(worker->prober) < 0 ||
	       TimestampDifferenceExceeds(s->quiet_since, now, QUIET_MS);
}

/* Is a spell of rows that are alone put off? */
static bool
is_put_off(const EvWorker *worker)
{
	return worker->suspects.alone_after != 0 &&
	       GetCurrentTimestamp() < worker->suspects.alone_after;
}

bool
ev_suspects_may_be_alone(EvWorker *worker)
{
	const EvSuspects *s = &worker->suspects;

	return s->alone == EV_ALONE_MAYBE && s->alone_batch == 0 && !is_put_off(worker);
}

void
ev_suspects_alone_seen(EvWorker *worker, bool found, bool any)
{
	EvSuspects *s = &worker->suspects;

	s->alone = found ? EV_ALONE_SURE : any ? EV_ALONE_MAYBE : EV_ALONE_NONE;
	s->alone_after =
		found || !any ? 0 : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), QUIET_MS);
	if (!found)
		s->spell_start = s->quiet_since = 0;
	else if (s->spell_start == 0)
		s->spell_start = GetCurrentTimestamp();
}

EvTurn
ev_suspects_turn(EvWorker *worker)
{
	EvSuspects *s = &worker->suspects;

	if (s->alone_batch != 0)
		return EV_TURN_NONE;
	if (s->alone != EV_ALONE_SURE)
		return EV_TURN_ALL;
	return is_quiet(worker) ? EV_TURN_ALONE : EV_TURN_NONE;
}

bool
ev_suspects_hold(const EvWorker *worker)
{
	return worker->suspects.alone_batch != 0 || worker->suspects.alone == EV_ALONE_SURE;
}

bool
ev_suspects_few_are_due(const EvWorker *worker)
{
	const EvSuspects *s = &worker->suspects;

	return s->few && s->under_way < EV_SUSPECTS_MAX &&
	       (s->few_after == 0 || GetCurrentTimestamp() >= s->few_after);
}

void
ev_suspects_few_seen(EvWorker *worker, bool more, bool any)
{
	EvSuspects *s = &worker->suspects;

	s->few = any;
	s->few_after = more ? 0 : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), QUIET_MS);
}

void
ev_suspects_few_ended(EvWorker *worker)
{
	worker->suspects.under_way--;
	worker->suspects.few_after = 0;
}

TimestampTz
ev_suspects_wake(EvWorker *worker)
{
	const EvSuspects *s = &worker->suspects;
	TimestampTz wake = 0;

	if (s->alone_batch != 0)
		return 0;
	if (s->alone == EV_ALONE_SURE)
		return s->quiet_since == 0 ? 0 : TimestampTzPlusMilliseconds(s->quiet_since, QUIET_MS);
	if (s->alone == EV_ALONE_MAYBE)
		wake = s->alone_after;
	if (s->few && s->under_way < EV_SUSPECTS_MAX && (wake == 0 || s->few_after < wake))
		wake = s->few_after;
	return wake;
}

bool
ev_suspects_alone_is_over(EvWorker *worker)
{
	return worker->suspects.alone_batch != 0 && requests_under_way(worker) == 0;
}

void
ev_suspects_alone_began(EvWorker *worker, int64 batch)
{
	worker->suspects.alone_batch = batch;
	worker->suspects.alone = EV_ALONE_MAYBE; /* are there others? */
	worker->suspects.quiet_since = 0;
}

void
ev_suspects_alone_ended(EvWorker *worker)
{
	EvSuspects *s = &worker->suspects;
	TimestampTz now = GetCurrentTimestamp();

	s->alone_batch = 0;
	if (!TimestampDifferenceExceeds(s->spell_start, now, SPELL_MS))
		return;
	s->alone_after = now + (now - s->spell_start);
	s->spell_start = 0;
}

void
ev_suspects_look(EvWorker *worker)
{
	worker->suspects.few = true;
	worker->suspects.few_after = 0;
	if (worker->suspects.alone == EV_ALONE_NONE)
		worker->suspects.alone = EV_ALONE_MAYBE;
}

void
ev_suspects_tell(EvWorker *worker, const EvStored *parked, int n)
{
	for (int i = 0; i < n; i++)
		ereport(WARNING,
		        (errmsg("email_verify does not probe queue row " INT64_FORMAT
		                " any more: doing so has ended the prober too often",
		                parked[i].id),
		         errhint("The address is in table email_verify.parked; email_verify.recheck() has "
		                 "it tried again.")));
	ev_answer(worker, parked, n);
}

bool
ev_suspects_recover(EvWorker *worker)
{
	static MemoryContext context = NULL;
	EvStored *parked = NULL;
	int64 *ids;
	int64 queued;
	int64 unanswered;
	int n;
	int n_parked = 0;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "email_verify recovery",
		                                ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(context);
	if (!ev_store_begin())
		return false;
	n = ev_store_recover(&ids);
	if (n > 0)
	{
		parked = MemoryContextAllocHuge(context, n * sizeof(EvStored));
		n_parked = ev_store_suspect(ids, n,
		                            worker->settings.prober == EV_PROBER_INLINE
		                                ? EV_SUSPECTS_TOO_OFTEN
		                                : EV_SUSPECTS_TOO_OFTEN_SERVER,
		                            parked);
	}
	ev_store_count(&queued, &unanswered);
	pg_atomic_write_u64(&worker->db->queued, (uint64) queued);
	worker->looked_at = GetCurrentTimestamp();
	worker->next_due = ev_store_next_due(worker->looked_at);
	ev_store_commit(n > 0);

	worker->recovered = true;
	ev_suspects_look(worker);
	if (n > 0)
		ereport(LOG, (errmsg_plural("email_verify was verifying %d address in a crash",
		                            "email_verify was verifying %d addresses in a crash", n, n),
		              errdetail("Those are verified again a few at a time, or alone.")));
	ev_suspects_tell(worker, parked, n_parked);
	MemoryContextReset(context);
	return true;
}
