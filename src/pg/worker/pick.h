/*
 * pick.h
 *	  Which rows of the queue are taken to be probed: those of different domains beside each other.
 *
 * A cursor for each priority walks through what is due, in the order in which it fell due, and passes
 * over rows of domains that have enough under way (lines.h).  What was passed over has half of the room
 * at most, so that however many large or silent domains there are, what comes behind them is reached; and
 * rows of a lower priority leave a part of the room to those who wait for an answer.
 */
#ifndef EV_PICK_H
#define EV_PICK_H

#include "pg/worker/worker.h"

/* May something be taken just now?  False also while all that is due has to wait for what is under way. */
extern bool ev_pick_is_due(EvWorker *worker);

/* Take up to n rows that are due by now: their numbers to ids.  Returns how many. */
extern int ev_pick(EvWorker *worker, TimestampTz now, int64 *ids, int n);

/* Is it under way?  If the row of that number is another address's by now, that is noted. */
extern bool ev_is_under_way(EvWorker *worker, const EvDue *due);

#endif
