/*
 * lease.h
 *	  Rows of the queue: taken to be probed, under way, and done with.
 */
#ifndef EV_LEASE_H
#define EV_LEASE_H

#include "pg/worker/worker.h"

/* What one cycle has leased: suspects first, in a batch of their own. */
typedef struct EvLeased
{
	EvLease *leases;
	int n;
	int n_suspects;
	int64 batch; /* 0: empty */
	int64 suspect_batch;
	bool alone;            /* the one suspect there is is to be probed alone */
	TimestampTz looked_at; /* what was due then was looked at; 0: nothing was */
} EvLeased;

/* Is there anything to be leased, or to be done for leasing to go on? */
extern bool ev_lease_is_due(EvWorker *worker);

/* When that may be without any other event; 0: never. */
extern TimestampTz ev_lease_wake(EvWorker *worker);

/*
 * Within a store transaction: take rows that are due by then and note that they are under way.
 * *leased is allocated in context.
 */
extern void ev_lease(EvWorker *worker, TimestampTz due_by, MemoryContext context, EvLeased *leased);

/* After its commit, which must be durable: hand them to the prober. */
extern void ev_lease_begin(EvWorker *worker, const EvLeased *leased);

/* Look at all rows anew: some that were under way are no longer. */
extern void ev_lease_reset(EvWorker *worker);

/* A row goes under way, and is no longer. */
extern EvFlight *ev_flight_begin(EvWorker *worker, const EvLease *lease, int64 batch);
extern void ev_flight_end(EvWorker *worker, int64 id);

/* probing.c: no mail server will be asked for it any more, and whether one was: that is counted. */
extern void ev_flight_visited(EvWorker *worker, EvFlight *flight, bool probed);

/*
 * Batches of which nothing is under way once the worker's results are stored, or all of them;
 * finished has room for as many as there are.  Returns how many.
 */
extern int ev_batches_finished(EvWorker *worker, bool all, int64 *finished);

#endif
