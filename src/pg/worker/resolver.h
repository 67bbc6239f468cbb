/*
 * resolver.h
 *	  What the prober says of the name servers: into shared memory for view email_verify.stat_resolver,
 *	  into gate dns_untrusted, and what follows when the gate opens.
 */
#ifndef EV_RESOLVER_H
#define EV_RESOLVER_H

#include "pg/worker/worker.h"

/* Once a turn. */
extern void ev_resolver_publish(EvWorker *worker, const struct ev_prober_stats *stats);

/*
 * Part of upkeep: what was judged by a server that has been found to lie is to be asked for anew, once
 * there is one to be believed.  Written down as a command, which email_verify.recheck_since() is, too.
 */
extern void ev_resolver_run(EvWorker *worker);
extern TimestampTz ev_resolver_wake(EvWorker *worker);

#endif
