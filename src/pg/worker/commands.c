/*
 * commands.c
 *	  Carries out what sessions have asked for in table command: they insert, only the worker writes.
 *
 * Commands about addresses come first, in the order of their numbers, many in a transaction; beside
 * them goes one walk, a slice at a time.  What is taken is first marked as under way, durably, so that
 * a start knows what a crash has found: that is tried alone, and parked after the third time.
 *
 * A transaction that fails is tried again in smaller parts until it is known which command, or which
 * row of a walk, is to blame.  Who only met a lock is put off for a moment and costs nobody anything;
 * who failed is put off for longer, and parked after the third time.  Others go on meanwhile.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/activity.h"
#include "pg/worker/fitness.h"
#include "pg/worker/upkeep.h"

/* Before one that has failed is tried again; before one that met a lock is, the first time. */
#define FAILED_DELAY_MS 30000
#define LOCKED_DELAY_MS 1000
#define MAX_DELAY_MS    15000

/* Locks met in a row after which a table is locked, not a few rows: all commands wait. */
#define LOCKS_MAX 8

/* A walk may take half of the time, and less if others want it. */
#define SLOW_MS 100
#define FAST_MS 25

/* Not more than these are named in the log at a start. */
#define TOLD_MAX 10

static bool recovered = false;
static bool look = true;             /* there may be something to do */
static bool under_way = false;       /* rows may be marked as such */
static TimestampTz next = 0;         /* otherwise: when something is due; 0: never */
static TimestampTz not_before = 0;   /* locks were met */
static int64 from = 0;               /* no number below this is looked at just now */
static int alone = 0;                /* so many commands are taken one at a time */
static int locks = 0;                /* met in a row */
static int slice = EV_COMMAND_SLICE; /* of a walk */
static TimestampTz walk_after = 0;

/* What the transaction under way is about, for when it fails. */
static EvCommand current[EV_COMMAND_BATCH];
static int n_current = 0;

static TimestampTz
after(int64 ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
}

void
ev_commands_look(void)
{
	look = true;
	from = 0;
}

bool
ev_commands_under_way(void)
{
	return under_way;
}

TimestampTz
ev_commands_wake(EvWorker *worker)
{
	TimestampTz wake = look ? 1 : next;

	if (pg_atomic_read_u32(&worker->db->paused) || wake == 0)
		return 0;
	return Max(wake, not_before);
}

static int64
lock_delay(void)
{
	return Min((int64) LOCKED_DELAY_MS << Min(locks, 4), MAX_DELAY_MS);
}

/* No address is told: a kind and a number. */
static void
say_parked(const EvCommand *command, const char *why)
{
	ereport(WARNING,
	        (errmsg("email_verify does not try command " INT64_FORMAT " (%s) any more: %s",
	                command->id, command->kind == NULL ? "unknown" : command->kind, why),
	         errhint("See table email_verify.command; email_verify.retry() has it tried again.")));
}

static bool
recover(EvWorker *worker)
{
	EvCommand parked[TOLD_MAX];
	int n;

	n_current = 0;
	if (!ev_store_begin())
		return false;
	n = ev_store_recover_commands(parked, TOLD_MAX);
	ev_store_commit(true);
	recovered = true;
	for (int i = 0; i < n; i++)
		say_parked(&parked[i], "it was under way in three crashes");
	return true;
}

static int64
first_of_current(void)
{
	int64 first = n_current > 0 ? current[0].id : 0;

	for (int i = 1; i < n_current; i++)
		first = Min(first, current[i].id);
	return first;
}

/*
 * Index entries of rows that are gone, but that somebody's old snapshot keeps, are not passed over
 * again and again: the next batch is looked for from the first number of the last one on, until there
 * is none; then from the start.  False: there is none that could be taken.
 */
static bool
do_batch(EvWorker *worker)
{
	int done;
	bool more;

	n_current = 0;
	if (!ev_store_begin())
		return false;
	n_current = ev_store_take_commands(from, current, alone > 0 ? 1 : EV_COMMAND_BATCH);
	under_way = under_way || n_current > 0;
	ev_store_commit(n_current > 0);
	more = n_current == 0 && from > 0;
	from = first_of_current();
	if (n_current == 0 || !ev_store_begin())
		return more;
	done = ev_store_do_commands(current, n_current);
	ev_store_commit(false);
	pg_atomic_fetch_add_u64(&worker->db->counters.commands, done);
	if (done > 0)
		locks = 0;
	alone = Max(alone - n_current, 0);
	return done > 0;
}

/* False: there is none that could be taken. */
static bool
do_slice(EvWorker *worker)
{
	TimestampTz start = GetCurrentTimestamp();
	EvCommand *walk = &current[0];
	bool fresh = false;
	bool ended;
	int64 ms;

	n_current = 0;
	if (!ev_store_begin())
		return false;
	if (ev_store_take_walk(walk, &fresh))
		n_current = 1;
	under_way = under_way || n_current > 0;
	if (n_current == 0 || fresh)
	{
		ev_store_commit(n_current > 0);
		if (n_current == 0 || !ev_store_begin())
			return false;

		/* what the prober remembers may be what is to be undone */
		if (fresh && walk->kind != NULL && strcmp(walk->kind, "recheck_since") == 0)
			ev_prober_forget(worker->prober);

		/* locked again: forget() must not change its place while a slice is looked at */
		if (!ev_store_take_walk(walk, &fresh))
		{
			ev_store_commit(false);
			return false;
		}
	}
	ended = ev_store_go_on(walk, slice);
	ev_store_commit(false);
	if (ended)
		pg_atomic_fetch_add_u64(&worker->db->counters.commands, 1);
	locks = 0;
	ms = (GetCurrentTimestamp() - start) / 1000;
	walk_after = after(ms);
	if (ms > SLOW_MS)
		slice = Max(slice / 2, 1);
	else if (ms < FAST_MS)
		slice = Min(slice * 2, EV_COMMAND_SLICE);
	return true;
}

/* The one that is to blame; in a transaction of its own. */
static void
put_off(EvWorker *worker, const char *fault, bool locked)
{
	MemoryContext context = CurrentMemoryContext;
	static bool said = false;

	PG_TRY();
	{
		if (ev_store_begin())
		{
			bool parked = ev_store_put_off_command(&current[0], locked ? NULL : fault,
			                                       locked ? lock_delay() : FAILED_DELAY_MS);

			ev_store_commit(!locked);
			said = false;
			if (parked)
				say_parked(&current[0], fault);
		}
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "put a command off", &said);
		not_before = after(MAX_DELAY_MS);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* In a PG_CATCH. */
static void
failed(EvWorker *worker, MemoryContext context, bool walks)
{
	int code = geterrcode();
	bool locked = code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_T_R_DEADLOCK_DETECTED;
	ErrorData *error = ev_store_caught(context);

	if (ev_fitness_failed(error))
	{
		FreeErrorData(error);
		return;
	}
	if (locked && ++locks >= LOCKS_MAX)
		not_before = after(lock_delay());
	if (!locked)
		pg_atomic_fetch_add_u64(&worker->db->counters.command_failures, 1);
	if (n_current == 0)
		not_before = Max(not_before, after(locked ? lock_delay() : MAX_DELAY_MS));
	else if (walks && slice > 1)
		slice = Max(slice / 8, 1);
	else if (!walks && n_current > 1)
		alone = n_current;
	else
	{
		if (!locked)
			ereport(
				LOG,
				(errcode(error->sqlerrcode),
			     errmsg("email_verify command " INT64_FORMAT " (%s) failed: %s", current[0].id,
			            current[0].kind == NULL ? "unknown" : current[0].kind, error->message)));
		put_off(worker, error->message, locked);
		alone = Max(alone - 1, 0);
	}
	FreeErrorData(error);
}

/* One step; true: there may be more to do at once. */
static bool
try_step(EvWorker *worker, bool (*step)(EvWorker *), bool walks)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool more = true;

	PG_TRY();
	{
		more = step(worker);
	}
	PG_CATCH();
	{
		failed(worker, context, walks);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return more;
}

/* Nothing could be taken: when is the next one due, and is anything still marked? */
static bool
rest(EvWorker *worker)
{
	if (!ev_store_begin())
		return false;
	next = ev_store_next_command();
	ev_store_commit(false);

	/* whoever holds one that is due need not tell us when he lets it go */
	if (next != 0)
		next = Max(next, after(LOCKED_DELAY_MS));
	else
		under_way = false;
	n_current = 0;
	return false;
}

void
ev_commands_run(EvWorker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz wake = ev_commands_wake(worker);
	bool more;

	if (wake == 0 || now < wake || ev_fitness_refused())
		return;
	look = false;
	next = 0;
	if (!recovered)
	{
		(void) try_step(worker, recover, false);
		look = true;
		return;
	}
	more = try_step(worker, do_batch, false);
	if (now >= walk_after)
		more = try_step(worker, do_slice, true) || more;
	else
		next = walk_after;
	if (more)
		look = true;
	else if (next == 0)
		(void) try_step(worker, rest, false);
}
