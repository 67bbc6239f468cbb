/*
 * cancel.h
 *	  What is under way is stopped by a pause.
 */
#ifndef EV_CANCEL_H
#define EV_CANCEL_H

#include "pg/worker/worker.h"

/* Seconds after which an address is asked for again that was canceled: as soon as there is somebody to ask. */
#define EV_CANCELED_DELAY 1

/* The prober has put it back because we stopped; that is neither an attempt nor a put-back (see _complete). */
static inline bool
ev_is_canceled(const struct ev_verdict *verdict, bool put_back)
{
	return put_back && verdict->detail == EV_DETAIL_CANCELED;
}

/* In each turn of the worker's loop: stop what is under way when a pause begins that does not let it finish. */
extern void ev_cancel_heed_pause(EvWorker *worker);

/* After the commit that put them back: tell those who wait for what was canceled. */
extern void ev_cancel_tell(EvWorker *worker);

#endif
