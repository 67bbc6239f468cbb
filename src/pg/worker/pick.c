/*
 * pick.c
 *	  Which rows of the queue are taken to be probed; see pick.h.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/worker/cursor.h"
#include "pg/worker/lines.h"
#include "pg/worker/pick.h"

/* Rows that one cycle looks at, in so many statements: what has to be passed over takes several cycles. */
#define LOOK_ROWS   1000
#define LOOK_ROUNDS 10

/* Lines that are caught up with by one statement. */
#define LINES_AT_ONCE 64

/* One part in so many of the room is for those who wait for an answer (priority 0). */
#define ROOM_FOR_THOSE_WHO_WAIT 8

bool
ev_is_under_way(EvWorker *worker, const EvDue *due)
{
	EvFlight *flight = hash_search(worker->flights, &due->id, HASH_FIND, NULL);

	if (flight != NULL && strcmp(flight->key, due->key) != 0)
		flight->row_lost = true;
	return flight != NULL;
}

/* Rows of a priority that may be taken now. */
static int
room_for(EvWorker *worker, int priority)
{
	int room = ev_probing_room(worker);
	int whole = ev_probing_capacity(worker);

	if (priority > 0)
		room = Min(room, whole - whole / ROOM_FOR_THOSE_WHO_WAIT - ev_lines_under_way(priority));
	return Max(room, 0);
}

/* The cursor has nothing to take: it is at the end, or cannot pass over more. */
static bool
cursor_rests(EvWorker *worker, int priority)
{
	const EvCursor *cursor = &worker->cursors[priority];

	return cursor->exhausted || (cursor->blocked && ev_lines_full(priority));
}

/* Of that room, how much is for lines that are behind? */
static int
room_behind(EvWorker *worker, int priority, int room)
{
	int half = ev_probing_capacity(worker) / 2;

	if (!ev_lines_any_waiting(priority))
		return 0;
	if (cursor_rests(worker, priority))
		return room;
	return Max(Min(room, half - ev_lines_behind_under_way(priority)), 0);
}

bool
ev_pick_is_due(EvWorker *worker)
{
	for (int p = 0; p < EV_PRIORITIES; p++)
	{
		int room = room_for(worker, p);

		if (room > 0 && (!cursor_rests(worker, p) || room_behind(worker, p, room) > 0))
			return true;
	}
	return false;
}

/* One row after the other.  False: that one cannot be passed over. */
static bool
walk_over(EvWorker *worker, int priority, const EvDue *due, int64 *ids, int *n)
{
	EvLine *line;

	if (!ev_is_under_way(worker, due))
	{
		line = ev_line_of(due->key);
		if (ev_line_take(line, priority))
			ids[(*n)++] = due->id;
		else if (!ev_line_pass(line, priority, due->due_at, due->id))
			return false;
	}
	worker->cursors[priority].due_at = due->due_at;
	worker->cursors[priority].id = due->id;
	return true;
}

/* What lies behind the cursor. */
static int
walk(EvWorker *worker, int priority, TimestampTz now, EvDue *due, int64 *ids, int room)
{
	EvCursor *cursor = &worker->cursors[priority];
	int n = 0;

	cursor->blocked = false;
	for (int round = 0; round < LOOK_ROUNDS && n < room; round++)
	{
		int look = round == 0 ? Min(room, LOOK_ROWS) : LOOK_ROWS;
		int got = ev_store_due(priority, cursor->due_at, cursor->id, now, due, look);
		int i;

		for (i = 0; i < got && n < room && !cursor->blocked; i++)
			cursor->blocked = !walk_over(worker, priority, &due[i], ids, &n);
		if (cursor->blocked)
			break;
		if (i == got && got < look)
		{
			ev_cursor_exhausted(cursor, now);
			break;
		}
	}
	return n;
}

/* A line has got these of its rows, and had asked for so many. */
static int
catch_up_with(EvWorker *worker, int priority, EvLine *line, const EvDue *due, int got, int asked,
              int64 *ids)
{
	int n = 0;

	for (int i = 0; i < got; i++)
		if (!ev_is_under_way(worker, &due[i]))
		{
			ev_line_take_behind(line, priority);
			ids[n++] = due[i].id;
		}
	if (got < asked)
		ev_line_caught_up(line, priority);
	else
		ev_line_reached(line, priority, due[got - 1].due_at, due[got - 1].id);
	return n;
}

/* What was passed over, line after line. */
static int
catch_up(EvWorker *worker, int priority, TimestampTz now, EvDue *due, int64 *ids, int room)
{
	EvLine *lines[LINES_AT_ONCE];
	EvDueOf asked[LINES_AT_ONCE];
	int rooms[LINES_AT_ONCE];
	int there = ev_lines_waiting(priority, lines, rooms, LINES_AT_ONCE);
	int n_asked = 0;
	int rows = 0;
	int got;
	int at = 0;
	int n = 0;

	while (n_asked < there && rows < room)
	{
		const EvPlaceInLine *place = &lines[n_asked]->at[priority];
		EvDueOf *ask = &asked[n_asked];

		ask->domain = lines[n_asked]->domain;
		ask->due_at = place->due_at;
		ask->id = place->id;
		ask->n = Min(rooms[n_asked], room - rows);
		rows += ask->n;
		n_asked++;
	}
	if (n_asked == 0)
		return 0;
	got = ev_store_due_of(priority, asked, n_asked, now, due, rows);
	for (int i = 0; i < n_asked; i++)
	{
		int first = at;

		while (at < got && due[at].line == i)
			at++;
		n +=
			catch_up_with(worker, priority, lines[i], due + first, at - first, asked[i].n, ids + n);
	}
	return n;
}

/*
 * While a statement has more questions than the inbox takes, it waits for us, and taking them over comes before
 * asking for them: lists have one turn in so many then.
 */
#define TURN_OF_LISTS 8

static bool
lists_wait(EvWorker *worker)
{
	static int turn = 0;

	return ev_inbox_is_crowded(worker->db) && ++turn % TURN_OF_LISTS != 0;
}

int
ev_pick(EvWorker *worker, TimestampTz now, int64 *ids, int n)
{
	EvDue *due = palloc(LOOK_ROWS * sizeof(EvDue));
	int priorities = lists_wait(worker) ? 1 : EV_PRIORITIES;
	int picked = 0;

	Assert(n <= LOOK_ROWS);
	ev_cursors_before_lease(worker, now);
	if (worker->next_due != 0 && worker->next_due <= now)
		for (int p = 0; p < EV_PRIORITIES; p++)
			worker->cursors[p].exhausted = false;
	for (int p = 0; p < priorities; p++)
	{
		/* first what has waited for longer; what the cursor leaves is for that, too */
		for (int turn = 0; turn < 2; turn++)
		{
			int room = Min(room_for(worker, p), n - picked);
			int behind = room_behind(worker, p, room);

			if (behind > 0)
				picked += catch_up(worker, p, now, due, ids + picked, behind);
			room = Min(room_for(worker, p), n - picked);
			if (turn == 0 && room > 0 && !cursor_rests(worker, p))
				picked += walk(worker, p, now, due, ids + picked, room);
		}
	}
	ev_cursors_after_lease(worker);
	pfree(due);
	return picked;
}
