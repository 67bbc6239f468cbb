/*
 * aside.c
 *	  Results and questions that cannot be stored just now; see aside.h.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/aside.h"

/* All that a worker carries at a time has room. */
#define ASIDE_MAX (EV_RESULT_BATCH + EV_INBOX_BATCH)

/*
 * Failures without a success in between after which all is held up, and not a few rows: a locked
 * table.
 */
#define FAILURES_MAX 16

#define MIN_PAUSE_MS 1000
#define MAX_PAUSE_MS 15000

typedef struct Item
{
	bool is_outcome;
	bool held; /* it could not be stored alone */
	union
	{
		EvOutcome outcome;
		EvInboxEntry question;
	} u;
} Item;

/* The first ones come back first. */
static Item *items = NULL;
static int n_items = 0;

static int portion = 1; /* items that come back together */
static int failures = 0;
static bool trying_held = false;
static int pause_ms = MIN_PAUSE_MS;
static TimestampTz held_until = 0;

static Item *
add(bool is_outcome, bool held)
{
	Item *item = &items[n_items++];

	item->is_outcome = is_outcome;
	item->held = held;
	return item;
}

/* All but the first `keep` of them. */
static void
set_outcomes_aside(EvWorker *worker, int keep, bool held)
{
	for (int i = keep; i < worker->n_outcomes; i++)
		add(true, held)->u.outcome = worker->outcomes[i];
	worker->n_outcomes = keep;
}

static void
set_questions_aside(EvWorker *worker, int keep, bool held)
{
	for (int i = keep; i < worker->n_inbox; i++)
		add(false, held)->u.question = worker->inbox[i];
	worker->n_inbox = keep;
}

bool
ev_aside_set(EvWorker *worker)
{
	int n = worker->n_outcomes + worker->n_inbox;

	if (trying_held)
		pause_ms = Min(pause_ms * 2, MAX_PAUSE_MS);
	trying_held = false;
	if (n_items + n > ASIDE_MAX)
		return false;
	if (items == NULL)
		items = MemoryContextAllocHuge(TopMemoryContext, ASIDE_MAX * sizeof(Item));

	/* all of these may be held: they make way, so that what comes later is not held up by them */
	if (++failures > FAILURES_MAX && n > 0)
	{
		set_outcomes_aside(worker, 0, true);
		set_questions_aside(worker, 0, true);
		held_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAX_PAUSE_MS);
	}
	if (failures > FAILURES_MAX)
		return false;
	portion = Max(n / 2, 1);
	if (n == 0 && worker->n_domains + worker->n_hosts == 0)
		return false;
	if (n == 0)
		worker->n_domains = worker->n_hosts = 0;
	else if (worker->n_outcomes > 0 && worker->n_inbox > 0)
		set_questions_aside(worker, 0, false);
	else
	{
		set_outcomes_aside(worker, worker->n_outcomes / 2, n == 1);
		set_questions_aside(worker, worker->n_inbox / 2, n == 1);
		if (n == 1)
			held_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause_ms);
	}
	return true;
}

/* Take the first `count` of a kind back into the worker's arrays, which are empty. */
static void
take_back(EvWorker *worker, bool held, int count)
{
	int kept = 0;

	for (int i = 0; i < n_items; i++)
	{
		const Item *item = &items[i];

		if (item->held != held || count == 0)
			items[kept++] = *item;
		else
		{
			count--;
			if (item->is_outcome)
				worker->outcomes[worker->n_outcomes++] = item->u.outcome;
			else
				worker->inbox[worker->n_inbox++] = item->u.question;
		}
	}
	n_items = kept;
	if (worker->n_outcomes > 0)
		worker->oldest_outcome = GetCurrentTimestamp();
	trying_held = held;
}

void
ev_aside_return(EvWorker *worker)
{
	bool others = false;

	if (n_items == 0 || worker->n_outcomes + worker->n_inbox > 0)
		return;
	for (int i = 0; i < n_items && !others; i++)
		others = !items[i].held;
	if (others)
		take_back(worker, false, Min(portion, EV_RESULT_BATCH));
	else if (GetCurrentTimestamp() >= held_until)
		take_back(worker, true, Min(portion, EV_RESULT_BATCH));
	if (n_items == 0)
	{
		pfree(items);
		items = NULL;
	}
}

void
ev_aside_stored(EvWorker *worker)
{
	failures = 0;
	portion = Min(portion * 2, ASIDE_MAX);
	if (trying_held)
	{
		pause_ms = MIN_PAUSE_MS;
		held_until = 0;
	}
	trying_held = false;
	ev_aside_return(worker);
}

TimestampTz
ev_aside_wake(void)
{
	return n_items == 0 ? 0 : Max(held_until, 1);
}

int
ev_aside_questions(void)
{
	int n = 0;

	for (int i = 0; i < n_items; i++)
		n += !items[i].is_outcome;
	return n;
}

void
ev_aside_give_back(EvWorker *worker)
{
	for (int i = 0; i < n_items; i++)
		if (!items[i].is_outcome)
			ev_inbox_return(worker->db, &items[i].u.question, 1);
	n_items = 0;
}
