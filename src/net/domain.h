/*
 * domain.h
 *	  What is known of a domain, and its requests: the unit in which the prober plans.
 *
 * A domain is looked up once for all its requests, and one session at a time is held with its
 * hosts.
 */
#ifndef EV_DOMAIN_H
#define EV_DOMAIN_H

#include "net/facts.h"
#include "net/list.h"
#include "net/outbox.h"
#include "net/route.h"
#include "net/table.h"

struct ev_attempt;
struct ev_session;

struct ev_domain
{
	struct ev_node node;
	struct ev_list lru;   /* in the cache's list while it has nothing to do */
	struct ev_list ready; /* in prober->ready while it waits for a session */
	uint64_t ready_since; /* ms */
	struct ev_prober *prober;
	char name[EV_DOMAIN_MAX + 1];

	struct ev_list pending; /* tasks not in a session */
	struct ev_attempt *attempt;
	struct ev_session *draining; /* its last session, while that has not ended */
	bool resolving;
	struct ev_route *route; /* NULL: not looked up */
	uint64_t expires;

	char random_local[EV_RANDOM_NAME_SIZE]; /* kept until its test has ended */
	struct ev_facts facts;
};

struct ev_domain_cache
{
	struct ev_table table;
	struct ev_list lru; /* least recently used first */
};

extern bool ev_domain_cache_init(struct ev_prober *prober);
extern void ev_domain_cache_free(struct ev_prober *prober);
extern void ev_domain_cache_forget(struct ev_prober *prober);

/* Find or make a domain.  NULL when there is no memory. */
extern struct ev_domain *ev_domain_get(struct ev_prober *prober, const char *name);

/* Do what can be done for its pending tasks: look up, answer, wait for a session. */
extern void ev_domain_advance(struct ev_domain *domain);

/* The name of its made-up recipient, chosen if there is none. */
extern const char *ev_domain_random_local(struct ev_domain *domain);

#endif
