/*
 * egress.h
 *	  The gates on the way out (net/egress.h), as others see them, and what follows when one opens: what was said
 *	  of mail servers in the half hour before it closed, and what waits behind it, is asked for anew.
 */
#ifndef EV_WORKER_EGRESS_H
#define EV_WORKER_EGRESS_H

#include "pg/worker/worker.h"

/* The prober has closed or opened a gate. */
extern void ev_egress_take(EvWorker *worker, const struct ev_egress_news *news);

/* A prober that has just begun gathers its evidence anew: all gates are open. */
extern void ev_egress_prober_ended(EvWorker *worker);

/* Part of upkeep. */
extern void ev_egress_run(EvWorker *worker);
extern TimestampTz ev_egress_wake(EvWorker *worker);

#endif
