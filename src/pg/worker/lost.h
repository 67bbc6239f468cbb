/*
 * lost.h
 *	  Addresses whose prober was gone before it had answered: back to the queue with them.
 *
 * They stay under way until a store cycle has written what there is to be written of them; until then
 * nobody is asked for them again.
 */
#ifndef EV_LOST_H
#define EV_LOST_H

#include "pg/worker/worker.h"

/*
 * Everything that is under way and not answered is lost.  suspect: one of them may have caused it.
 */
extern void ev_lost_mark(EvWorker *worker, bool suspect);

/* The prober's process has ended: say so, count it, and mark what it had. */
extern void ev_lost_process(EvWorker *worker, const struct ev_prober_end *end);

/*
 * Inside the transaction of a store cycle: the suspects among them have one crash more.  *parked, in
 * context, receives those that had too many; returns how many.
 */
extern int ev_lost_store(EvWorker *worker, MemoryContext context, EvStored **parked);

/* After its commit: they are due as before. */
extern void ev_lost_return(EvWorker *worker);

#endif
