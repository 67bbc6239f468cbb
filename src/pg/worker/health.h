/*
 * health.h
 *	  Examinations of ourselves for email_verify.doctor(): the worker carries them out, sessions read table
 *	  email_verify.health.
 *
 * The prober looks at our name, sender, addresses and block lists, and at port 25 if that was asked for
 * (net/health.h); the worker adds what it sees of its own process.  A session asks in shared memory; by itself
 * the worker examines once a day.
 */
#ifndef EV_WORKER_HEALTH_H
#define EV_WORKER_HEALTH_H

#include "pg/worker/worker.h"

/* Begin what was asked for or is due, and store what has been found.  Outside transactions. */
extern void ev_health_run(EvWorker *worker);

/* When something is due by itself, maybe by now; 0: never. */
extern TimestampTz ev_health_wake(EvWorker *worker);

/* The prober has found something, or has ended. */
extern void ev_health_found(const struct ev_health_finding *finding);
extern void ev_health_prober_ended(void);

/* Has any mail server been heard within a day, and is no gate on the way out closed? */
extern bool ev_health_others_answer(EvWorker *worker);

/* What a mail server has replied about a recipient, or about us (pg/shared/standing.h). */
extern void ev_health_heard(EvWorker *worker, const struct ev_result *result);

#endif
