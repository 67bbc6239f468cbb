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
struct ev_route_host;

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

/* Is a made-up recipient asked for at this host, to see whether it accepts every one? */
extern bool ev_policy_catch_all_test(const struct ev_prober *prober, const char *host);

/* Why a host is not connected to; what the site says of it goes before what is built in. */
enum ev_visit
{
	EV_VISIT_WELCOME,   /* it is */
	EV_VISIT_FORBIDDEN, /* the site said so */
	EV_VISIT_PARKED,    /* it takes mail for parked names */
	EV_VISIT_TRAP       /* it collects mail for spam traps */
};

extern enum ev_visit ev_policy_visit(const struct ev_prober *prober,
                                     const struct ev_route_host *host);

/* What is said of a domain's addresses instead of visiting its hosts. */
struct ev_refrain
{
	struct ev_verdict verdict;
	const char *rule; /* static */
	const char *host; /* the one because of which; the route's */
};

/*
 * Is no host of this route connected to?  If so, *why says what to answer (it may be NULL):
 *	  possible_spam_trap	any host is a trap, or every one that can be reached is parking
 *	  bucket_default_skip_…	none of the most preferred hosts that can be reached is welcome (the less
 *							preferred ones are no way round that), or the domain has opted out
 * Hosts that cannot be reached count only as traps.
 */
extern bool ev_policy_refrains(const struct ev_prober *prober, const struct ev_route *route,
                               struct ev_refrain *why);

#endif
