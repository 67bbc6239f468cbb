/*
 * count.h
 *	  How many rows the queue has, counted now and then.
 *
 * In between the number is kept by adding and subtracting what is known to have come and gone.
 * Counting reads the whole queue, so it is done only when somebody waits for the number or when it
 * refuses questions, and takes a small part of the worker's time, however long the queue is.
 */
#ifndef EV_COUNT_H
#define EV_COUNT_H

#include "pg/worker/worker.h"

typedef struct EvCount
{
	bool counted;
	uint64 asked; /* the latest question when the cycle began: what this answers */
	int64 queued;
	int64 unanswered;
} EvCount;

/* May a count be taken now that somebody waits for, or that may open a queue that is called full? */
extern bool ev_count_is_due(EvWorker *worker);

/* When one is due that somebody waits for; 0: none. */
extern TimestampTz ev_count_wake(EvWorker *worker);

/* Count if it is due; inside a store transaction, after everything else in it. */
extern void ev_count_take(EvWorker *worker, EvCount *count);

/* After the commit: publish what was counted, if it was. */
extern void ev_count_publish(EvWorker *worker, const EvCount *count);

/* So many rows have come, or gone. */
extern void ev_count_add(EvWorker *worker, int64 rows);

#endif
