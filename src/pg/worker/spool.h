/*
 * spool.h
 *	  Out of the spool: whose turn it is, and which rows have to wait.
 */
#ifndef EV_SPOOL_H
#define EV_SPOOL_H

#include "pg/worker/worker.h"

/* May there be rows to be taken now? */
extern bool ev_spool_is_due(EvWorker *worker);

/* When that may be without any other event; 0: never. */
extern TimestampTz ev_spool_wake(EvWorker *worker);

/* Within a store transaction: the next row becomes the worker's batch of questions, or the round is over. */
extern void ev_spool_take(EvWorker *worker);

/* A cycle has met a lock: the batch, if it is of the spool, lies there still, and waits for the next round. */
extern void ev_spool_drop(EvWorker *worker);

#endif
