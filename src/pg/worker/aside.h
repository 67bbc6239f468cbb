/*
 * aside.h
 *	  Results and questions that cannot be stored just now, since somebody else's transaction holds
 *	  their rows.
 *
 * A cycle that runs into a lock fails as a whole.  Then half of what it carried is set aside, again
 * and again until the rest can be stored or is the one that cannot.  The others come back at once,
 * in portions that grow as long as they are stored; the one is tried again after a pause that
 * doubles.  So a row that is held costs that row, and is stored when it is let go.  Nothing is
 * dropped but facts about domains, which are found out again.
 */
#ifndef EV_ASIDE_H
#define EV_ASIDE_H

#include "pg/worker/worker.h"

/*
 * A cycle met a lock.  False: setting aside does not help, or has not helped often enough; a pause
 * is due.
 */
extern bool ev_aside_set(EvWorker *worker);

/* A cycle was stored. */
extern void ev_aside_stored(EvWorker *worker);

/* Bring back what may be tried again, as far as the worker has nothing else to store. */
extern void ev_aside_return(EvWorker *worker);

/* At the end of the process: questions go back to the inbox, as far as it has room. */
extern void ev_aside_give_back(EvWorker *worker);

/* When that is to be called again by itself; 0: never. */
extern TimestampTz ev_aside_wake(void);

/* How many questions are set aside: they are not in the queue yet. */
extern int ev_aside_questions(void);

#endif
