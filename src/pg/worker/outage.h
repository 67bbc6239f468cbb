/*
 * outage.h
 *	  Errors of the store in the server log: the first one and the recovery, not every attempt.
 */
#ifndef EV_OUTAGE_H
#define EV_OUTAGE_H

#include "postgres.h"

/*
 * A cycle has failed; called while the error is still on the error stack, in a memory context that
 * outlives it.  Reports it, unless the same was reported within the last minute.  With locked it was
 * only about rows that somebody holds, and the others are stored.
 */
extern void ev_outage_report(bool locked);

/* A cycle has succeeded: if others had failed, not for locked rows alone, say so. */
extern void ev_outage_over(void);

#endif
