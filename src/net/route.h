/*
 * route.h
 *	  From a domain to the hosts that take its mail: MX, implicit MX (RFC 5321 5.1), null MX (RFC
 *	  7505), SPF records that say "no mail here", and the record that asks not to be probed.
 */
#ifndef EV_ROUTE_H
#define EV_ROUTE_H

#include "engine/opt_out.h"
#include "engine/provider.h"
#include "engine/spf.h"
#include "net/host_cache.h"

#define EV_ROUTE_HOSTS 16 /* of a domain; further ones are left out, the least preferred first */

struct ev_route_host
{
	char name[EV_HOST_MAX + 1];
	uint16_t preference;
	enum ev_provider provider; /* by its name */
	uint8_t n_ips;             /* those that we may connect to, v4 first; 0: the host is skipped */
	struct ev_ip ips[EV_HOST_IPS];
};

struct ev_route
{
	enum ev_reason reason; /* PENDING when the domain takes mail, else why not */
	enum ev_detail detail;
	bool implicit_mx;
	enum ev_spf spf;
	enum ev_opt_out opt_out; /* UNASKED unless somebody wants to visit */
	uint32_t ttl;            /* within the bounds of EV_TTL_… */
	uint64_t fingerprint;
	size_t n_hosts; /* in order of preference, at random within one */
	struct ev_route_host hosts[];
};

struct ev_resolution;

/*
 * Look a domain up; if its hosts are to be visited also whether it wants that.  done() gets the
 * route, which is the receiver's to free(); NULL: no memory.
 */
extern bool ev_route_find(struct ev_prober *prober, const char *domain, bool visit, void *arg,
                          void (*done)(void *arg, struct ev_route *route));

/* Free what is under way, when the prober ends. */
extern void ev_route_abandon(struct ev_prober *prober);

#endif
