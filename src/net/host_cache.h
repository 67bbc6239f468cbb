/*
 * host_cache.h
 *	  The addresses of mail hosts: looked up once for all domains that name a host, kept for their
 *	  TTL.
 */
#ifndef EV_HOST_CACHE_H
#define EV_HOST_CACHE_H

#include "net/dns.h"
#include "net/ip.h"
#include "net/table.h"

#define EV_HOST_IPS 16 /* addresses kept of one host, both families together */

struct ev_host
{
	struct ev_node node;
	struct ev_list lru;     /* in the cache's list while nobody waits for it */
	struct ev_list waiters; /* struct ev_host_waiter */
	char name[EV_HOST_MAX + 1];
	uint8_t pending; /* look-ups under way */
	uint64_t expires;
	uint32_t ttl;
	bool unproven;             /* a family was denied without proof: dns_belief.h */
	enum ev_dns_status v4, v6; /* UNASKED if that family did not matter */
	uint8_t n_ips;
	struct ev_ip ips[EV_HOST_IPS]; /* v4 first */
	struct ev_dns_query a, aaaa;
};

/* Who waits for a host.  Embedded; must live until done() is called. */
struct ev_host_waiter
{
	struct ev_list link;
	void (*done)(struct ev_host_waiter *waiter, const struct ev_host *host);
};

struct ev_host_cache
{
	struct ev_table table;
	struct ev_list lru; /* least recently used first */
};

extern bool ev_host_cache_init(struct ev_prober *prober);
extern void ev_host_cache_free(struct ev_prober *prober);

/*
 * Look a host up: done() is called, maybe at once; host is NULL when there is no memory, else it is
 * valid only in the call.
 */
extern void ev_host_find(struct ev_prober *prober, const char *name, struct ev_host_waiter *waiter);

/* Forget what is not under way. */
extern void ev_host_cache_forget(struct ev_prober *prober);

#endif
