/*
 * lines.h
 *	  How many rows of each domain are under way, and which domains have rows that were passed over.
 *
 * A domain is asked in one session at a time, so that of many rows of one domain all but the first few
 * would only take the room of others.  So a domain has a line of its own, for each priority: at most
 * `cap` of its rows are taken at a time.  Whoever walks through the queue passes over the others, once:
 * the line remembers where the first of them is (it is *behind*), and takes them from there when half of
 * what it may have under way is done.  What one cycle takes is kept apart until it has committed.
 *
 * Bounded: by what is under way, and by EV_LINES_BEHIND_MAX lines that are behind.
 */
#ifndef EV_LINES_H
#define EV_LINES_H

#include "lib/ilist.h"

#include "pg/worker/worker.h"

/* Lines of a priority that can be behind.  Whoever walks through the queue waits when one more would be. */
#define EV_LINES_BEHIND_MAX 10000

typedef struct EvPlaceInLine
{
	struct EvLine *line;
	int under_way;
	int taken;       /* by the cycle under way */
	bool behind;     /* rows were passed over that lie behind (due_at, id) */
	bool was_behind; /* before the cycle under way */
	bool is_waiting; /* it is behind, and may take more: it is in the list of those */
	TimestampTz due_at;
	int64 id;
	dlist_node link;
} EvPlaceInLine;

typedef struct EvLine
{
	char domain[EV_ADDRESS_KEY_SIZE]; /* the hash key: what follows the last @ */
	EvPlaceInLine at[EV_PRIORITIES];
	bool touched; /* by the cycle under way */
	dlist_node touched_link;
} EvLine;

/* Rows of a domain that may be under way, for each priority (from 1 on). */
extern void ev_lines_set_cap(int cap);

/* The line of an address; made if there is none. */
extern EvLine *ev_line_of(const char *key);

/* In a cycle: may one more be taken?  True counts it. */
extern bool ev_line_take(EvLine *line, int priority);

/* In a cycle: take one that has been passed over before, and where that is done. */
extern void ev_line_take_behind(EvLine *line, int priority);
extern void ev_line_reached(EvLine *line, int priority, TimestampTz due_at, int64 id);

/* In a cycle: pass over the row at that place.  False: too many lines are behind. */
extern bool ev_line_pass(EvLine *line, int priority, TimestampTz due_at, int64 id);

/* In a cycle: nothing of it is behind any more. */
extern void ev_line_caught_up(EvLine *line, int priority);

/* Up to n lines that are behind and may take more, longest waiting first; room[] how many rows each. */
extern int ev_lines_waiting(int priority, EvLine **lines, int *room, int n);
extern bool ev_lines_any_waiting(int priority);

/* Is there no room for one more line that is behind? */
extern bool ev_lines_full(int priority);

/* Rows under way, of all lines or of those that are behind. */
extern int ev_lines_under_way(int priority);
extern int ev_lines_behind_under_way(int priority);

/* The cycle has committed, and what it took is under way; or it failed, and nothing was taken. */
extern void ev_lines_settle(void);
extern void ev_lines_restore(void);

/* A row goes under way, and is no longer: the line may be gone then. */
extern void ev_line_begin(EvLine *line, int priority);
extern void ev_line_end(EvLine *line, int priority);

#endif
