/*
 * policy.h
 *	  The site's own word on mail servers, found by host name: on a label boundary, the longest
 *	  suffix first.
 */
#ifndef EV_POLICY_H
#define EV_POLICY_H

#include "net/prober.h"
#include "net/table.h"

struct ev_policy;
struct ev_route;

struct ev_policies
{
	struct ev_policy *rows; /* NULL: there are none, and the table is not set up */
	struct ev_table table;
};

/* See ev_prober_set_policies(). */
extern bool ev_policies_set(struct ev_prober *prober, const struct ev_mx_policy *policies,
                            size_t n);
extern void ev_policies_free(struct ev_policies *policies);

/*
 * Never NULL: where the site says nothing, that is what it says.  Valid until the policies change.
 */
extern const struct ev_mx_policy *ev_policy_of_host(const struct ev_prober *prober,
                                                    const char *host);

/* What to believe of a host of that family. */
extern struct ev_trust ev_policy_trust(const struct ev_prober *prober, const char *host,
                                       enum ev_provider provider);

/* Is this host never connected to? */
extern bool ev_policy_forbids(const struct ev_prober *prober, const char *host);

/*
 * Is none of the most preferred hosts connected to?  Those that cannot be reached do not count.
 * The less preferred ones are no way round that.
 */
extern bool ev_policy_forbids_route(const struct ev_prober *prober, const struct ev_route *route);

#endif
