/*
 * cursor.c
 *	  Where the worker is in the queue; see cursor.h.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/worker/cursor.h"

/* Looking through the queue from its start takes at most one part in so many of the time ... */
#define LOOK_SHARE 500

/* ... and is done this often without a reason, when nothing is under way. */
#define LOOK_IDLE_MS 60000

typedef struct Positions
{
	EvCursor cursors[EV_PRIORITIES];
	bool look_again;
	bool looking;
} Positions;

static bool look_again = true;
static TimestampTz look_after = 0; /* not before then */
static TimestampTz looked_at = 0;  /* when it was last begun */
static bool looking = false;       /* such a look is under way: */
static EvCursor look_until[EV_PRIORITIES];
static int64 look_cost = 0; /* microseconds */
static TimestampTz lease_began_at = 0;
static TimestampTz last_lease = 0;
static Positions saved = {.look_again = true};

void
ev_cursors_save(EvWorker *worker)
{
	memcpy(saved.cursors, worker->cursors, sizeof(saved.cursors));
	saved.look_again = look_again;
	saved.looking = looking;
}

void
ev_cursors_restore(EvWorker *worker)
{
	memcpy(worker->cursors, saved.cursors, sizeof(saved.cursors));
	look_again = saved.look_again;
	looking = saved.looking;
}

static void
set_back(EvWorker *worker, TimestampTz to)
{
	for (int p = 0; p < EV_PRIORITIES; p++)
	{
		EvCursor *cursor = &worker->cursors[p];

		if (cursor->due_at >= to)
		{
			cursor->due_at = to;
			cursor->id = PG_INT64_MIN;
		}
		cursor->exhausted = false;
	}
}

void
ev_cursors_go_back(EvWorker *worker, TimestampTz since)
{
	if (since != 0)
		set_back(worker, since);
	look_again = true;
}

void
ev_cursors_look_now(void)
{
	look_again = true;
	look_after = 0;
}

/* now is a little older than the last time only when the clock was set back. */
void
ev_cursors_before_lease(EvWorker *worker, TimestampTz now)
{
	bool idle = hash_get_num_entries(worker->flights) == 0 &&
	            TimestampDifferenceExceeds(looked_at, now, LOOK_IDLE_MS);

	if (now < last_lease)
	{
		look_again = true;
		look_after = 0;
	}
	last_lease = now;
	lease_began_at = GetCurrentTimestamp();
	if (looking || !(look_again || idle) || now < look_after)
		return;
	looking = true;
	look_again = false;
	look_cost = 0;
	looked_at = lease_began_at;
	memcpy(look_until, worker->cursors, sizeof(look_until));
	set_back(worker, DT_NOBEGIN);
}

static bool
is_back(const EvCursor *cursor, const EvCursor *until)
{
	return cursor->exhausted || cursor->due_at > until->due_at ||
	       (cursor->due_at == until->due_at && cursor->id >= until->id);
}

void
ev_cursors_after_lease(EvWorker *worker)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!looking)
		return;
	look_cost += Max(now - lease_began_at, 0);
	for (int p = 0; p < EV_PRIORITIES; p++)
		if (!is_back(&worker->cursors[p], &look_until[p]))
			return;
	looking = false;
	look_after = now + LOOK_SHARE * look_cost;
}

/* What comes to lie before that time is told of, or found by the next look. */
void
ev_cursor_exhausted(EvCursor *cursor, TimestampTz now)
{
	cursor->exhausted = true;
	if (cursor->due_at < now)
	{
		cursor->due_at = now;
		cursor->id = PG_INT64_MIN;
	}
}

TimestampTz
ev_cursors_wake(void)
{
	return look_again ? Max(look_after, 1) : 0;
}
