/*
 * lines.c
 *	  Rows of each domain that are under way, and domains with rows that were passed over; see lines.h.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/lines.h"

static HTAB *lines = NULL;
static int cap = 40;

static struct
{
	int under_way;        /* what a cycle has taken included */
	int behind_under_way; /* of lines that are behind */
	int behind;           /* lines */
	dlist_head waiting;
} totals[EV_PRIORITIES];

static dlist_head touched = DLIST_STATIC_INIT(touched);

static void
make_lines(void)
{
	HASHCTL ctl = {
		.keysize = EV_ADDRESS_KEY_SIZE, .entrysize = sizeof(EvLine), .hcxt = TopMemoryContext};

	lines = hash_create("email_verify lines", 256, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int p = 0; p < EV_PRIORITIES; p++)
		dlist_init(&totals[p].waiting);
}

EvLine *
ev_line_of(const char *key)
{
	const char *at = strrchr(key, '@');
	bool found;
	EvLine *line;

	if (lines == NULL)
		make_lines();
	line = hash_search(lines, at == NULL ? key : at + 1, HASH_ENTER, &found);
	if (found)
		return line;
	memset(line->at, 0, sizeof(line->at));
	for (int p = 0; p < EV_PRIORITIES; p++)
		line->at[p].line = line;
	line->touched = false;
	return line;
}

/* Into the list of those that may take more, or out of it. */
static void
put_in_place(EvPlaceInLine *at, int priority)
{
	bool waits = at->behind && at->under_way + at->taken <= cap / 2;

	if (waits == at->is_waiting)
		return;
	at->is_waiting = waits;
	if (waits)
		dlist_push_tail(&totals[priority].waiting, &at->link);
	else
		dlist_delete(&at->link);
}

static void
add(EvPlaceInLine *at, int priority, int under_way, int taken)
{
	at->under_way += under_way;
	at->taken += taken;
	totals[priority].under_way += under_way + taken;
	if (at->behind)
		totals[priority].behind_under_way += under_way + taken;
	put_in_place(at, priority);
}

static void
set_behind(EvPlaceInLine *at, int priority, bool behind)
{
	int sign = behind ? 1 : -1;

	if (at->behind == behind)
		return;
	at->behind = behind;
	totals[priority].behind += sign;
	totals[priority].behind_under_way += sign * (at->under_way + at->taken);
	put_in_place(at, priority);
}

static void
set_position(EvPlaceInLine *at, TimestampTz due_at, int64 id)
{
	at->due_at = due_at;
	at->id = id;
}

static void
touch(EvLine *line)
{
	if (line->touched)
		return;
	line->touched = true;
	dlist_push_tail(&touched, &line->touched_link);
	for (int p = 0; p < EV_PRIORITIES; p++)
		line->at[p].was_behind = line->at[p].behind;
}

static void
remove_if_idle(EvLine *line)
{
	if (line->touched)
		return;
	for (int p = 0; p < EV_PRIORITIES; p++)
		if (line->at[p].behind || line->at[p].under_way > 0)
			return;
	(void) hash_search(lines, line->domain, HASH_REMOVE, NULL);
}

void
ev_lines_set_cap(int new_cap)
{
	HASH_SEQ_STATUS seq;
	EvLine *line;

	if (new_cap == cap)
		return;
	cap = new_cap;
	if (lines == NULL)
		return;
	hash_seq_init(&seq, lines);
	while ((line = hash_seq_search(&seq)) != NULL)
		for (int p = 0; p < EV_PRIORITIES; p++)
			put_in_place(&line->at[p], p);
}

bool
ev_line_take(EvLine *line, int priority)
{
	EvPlaceInLine *at = &line->at[priority];

	if (at->behind || at->under_way + at->taken >= cap)
		return false;
	touch(line);
	add(at, priority, 0, 1);
	return true;
}

void
ev_line_take_behind(EvLine *line, int priority)
{
	touch(line);
	add(&line->at[priority], priority, 0, 1);
}

void
ev_line_reached(EvLine *line, int priority, TimestampTz due_at, int64 id)
{
	touch(line);
	set_position(&line->at[priority], due_at, id);
}

bool
ev_line_pass(EvLine *line, int priority, TimestampTz due_at, int64 id)
{
	EvPlaceInLine *at = &line->at[priority];

	if (!at->behind && ev_lines_full(priority))
		return false;
	touch(line);

	/* the row itself lies behind this: ids of one time are compared, too */
	if (!at->behind || due_at < at->due_at || (due_at == at->due_at && id <= at->id))
		set_position(at, due_at, id - 1);
	set_behind(at, priority, true);
	return true;
}

void
ev_line_caught_up(EvLine *line, int priority)
{
	touch(line);
	set_behind(&line->at[priority], priority, false);
}

int
ev_lines_waiting(int priority, EvLine **out, int *room, int n)
{
	dlist_iter iter;
	int found = 0;

	if (lines == NULL)
		return 0;
	dlist_foreach(iter, &totals[priority].waiting)
	{
		EvPlaceInLine *at = dlist_container(EvPlaceInLine, link, iter.cur);

		if (found == n)
			break;
		room[found] = cap - at->under_way - at->taken;
		out[found++] = at->line;
	}
	return found;
}

bool
ev_lines_any_waiting(int priority)
{
	return lines != NULL && !dlist_is_empty(&totals[priority].waiting);
}

bool
ev_lines_full(int priority)
{
	return totals[priority].behind >= EV_LINES_BEHIND_MAX;
}

int
ev_lines_under_way(int priority)
{
	return totals[priority].under_way;
}

int
ev_lines_behind_under_way(int priority)
{
	return totals[priority].behind_under_way;
}

/* The first that a cycle has touched, which it does no longer; NULL: there is none. */
static EvLine *
next_touched(void)
{
	EvLine *line;

	if (dlist_is_empty(&touched))
		return NULL;
	line = dlist_container(EvLine, touched_link, dlist_pop_head_node(&touched));
	line->touched = false;
	for (int p = 0; p < EV_PRIORITIES; p++)
		add(&line->at[p], p, 0, -line->at[p].taken);
	return line;
}

void
ev_lines_settle(void)
{
	EvLine *line;

	while ((line = next_touched()) != NULL)
		remove_if_idle(line);
}

/* Where it was behind before is not kept: its rows are few that it meets again from the start. */
void
ev_lines_restore(void)
{
	EvLine *line;

	while ((line = next_touched()) != NULL)
	{
		for (int p = 0; p < EV_PRIORITIES; p++)
		{
			set_behind(&line->at[p], p, line->at[p].behind || line->at[p].was_behind);
			set_position(&line->at[p], DT_NOBEGIN, 0);
		}
		remove_if_idle(line);
	}
}

void
ev_line_begin(EvLine *line, int priority)
{
	add(&line->at[priority], priority, 1, 0);
}

void
ev_line_end(EvLine *line, int priority)
{
	add(&line->at[priority], priority, -1, 0);
	remove_if_idle(line);
}
