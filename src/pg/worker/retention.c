/*
 * retention.c
 *	  Walks over the tables that delete what need not be kept.
 *
 * Not by an index on a time, which every probe would have to change, but by looking at all rows in
 * the order of their primary key, a slice at a time, each in a short transaction that also stores
 * how far it has come.  Slices are small, and the pauses between them so long that a walk over a
 * large table takes hours and a small share of one processor.  A walk that has ended is followed by
 * the next one after email_verify.retention_interval; until then there is one timer.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/upkeep.h"

/* Rows looked at in one transaction: fewer where they come slowly. */
#define MIN_SLICE 50
#define MAX_SLICE 1000
#define SLOW_MS   100
#define FAST_MS   25

/* Pauses between slices: at least these, and so many times as long as the slice took. */
#define IDLE_PAUSE_MS   1000
#define BUSY_PAUSE_MS   10000
#define FAILED_PAUSE_MS 60000
#define PAUSE_SHARE     20

/* An answer to a question that was asked before an address was forgotten may be this late. */
#define TOMBSTONE_AGE 86400

static EvWalk walk;
static bool known = false; /* walk is what the table says */
static int slice = MAX_SLICE;
static TimestampTz last_end = 0; /* of a slice */
static int64 last_ms = 0;        /* what it took */
static bool failed = false;
static bool said = false;

static bool
is_busy(EvWorker *worker)
{
	return hash_get_num_entries(worker->flights) > 0 || worker->n_outcomes + worker->n_inbox > 0;
}

/* After the last slice; the first one of a process comes no sooner either. */
static TimestampTz
after_pause(EvWorker *worker)
{
	int64 ms = is_busy(worker) ? BUSY_PAUSE_MS : IDLE_PAUSE_MS;

	if (last_end == 0)
		last_end = GetCurrentTimestamp();
	ms = Max(ms, PAUSE_SHARE * last_ms);
	return TimestampTzPlusMilliseconds(last_end, failed ? FAILED_PAUSE_MS : ms);
}

TimestampTz
ev_retention_wake(EvWorker *worker)
{
	TimestampTz next = after_pause(worker);

	if (pg_atomic_read_u32(&worker->db->paused))
		return 0;
	if (known && walk.place == EV_PLACE_NONE)
		next =
			Max(next, TimestampTzPlusMilliseconds(
						  walk.ended_at, worker->settings.retention_interval * INT64CONST(1000)));
	return next;
}

/* Seconds after which a row of that table goes, counted from what the table says of it; -1: never. */
static int64
age_of(EvWorker *worker, EvPlace place)
{
	const EvSettings *s = &worker->settings;

	switch (place)
	{
		case EV_PLACE_ADDRESS:
		case EV_PLACE_COMMAND: return s->retention;
		case EV_PLACE_DOMAIN:
		case EV_PLACE_DOMAIN_HOST:
			/* a catch-all test counts that long, and one that has not ended knows its name there */
			return s->retention < 0 ? -1 : (int64) s->retention + s->catch_all_max_age;
		case EV_PLACE_TOMBSTONE: return TOMBSTONE_AGE;
		case EV_PLACE_NONE: break;
	}
	return -1;
}

static bool
is_kept(EvWorker *worker, EvPlace place)
{
	return age_of(worker, place) < 0 &&
	       (place != EV_PLACE_ADDRESS || worker->settings.reply_text_retention < 0);
}

/* Look at so many rows, over the end of a table into the next one; all in one transaction. */
static void
take_slice(EvWorker *worker, TimestampTz now)
{
	int left = slice;

	ev_store_read_walk(&walk);
	if (walk.place == EV_PLACE_NONE)
		walk = (EvWalk){.place = EV_PLACE_ADDRESS, .started_at = now};
	while (left > 0 && walk.place != EV_PLACE_NONE)
	{
		int64 looked = 0;

		if (!is_kept(worker, walk.place))
			looked = ev_store_retire(&walk, age_of(worker, walk.place),
			                         worker->settings.reply_text_retention, left);
		if (looked < left)
			ev_walk_go_on(&walk);
		left -= (int) looked;
	}
	if (walk.place == EV_PLACE_NONE)
		walk.ended_at = now;
	ev_store_write_walk(&walk);
}

static void
adapt_slice(void)
{
	if (last_ms > SLOW_MS)
		slice = Max(slice / 2, MIN_SLICE);
	else if (last_ms < FAST_MS)
		slice = Min(slice * 2, MAX_SLICE);
}

void
ev_retention_run(EvWorker *worker)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz wake = ev_retention_wake(worker);

	if (wake == 0 || now < wake)
		return;
	failed = false;
	PG_TRY();
	{
		if (ev_store_begin())
		{
			/* a new process does not know yet whether there is anything to do */
			if (!known)
				ev_store_read_walk(&walk);
			else
				take_slice(worker, now);
			ev_store_commit(false);
			known = true;
			said = false;
		}
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "delete what need not be kept", &said);
		failed = true;
		known = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	last_end = GetCurrentTimestamp();
	last_ms = (last_end - now) / 1000;
	adapt_slice();
}
