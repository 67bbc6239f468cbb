/*
 * internal.h
 *	  The prober itself, for the files of this directory; see README.md for how they work together.
 */
#ifndef EV_NET_INTERNAL_H
#define EV_NET_INTERNAL_H

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

#include "net/dns.h"
#include "net/domain.h"
#include "net/egress.h"
#include "net/host_cache.h"
#include "net/ip.h"
#include "net/list.h"
#include "net/outbox.h"
#include "net/policy.h"
#include "net/prober.h"
#include "net/route.h"
#include "net/session.h"
#include "net/spf_lookup.h"
#include "net/table.h"
#include "net/tls.h"

/* For how long DNS answers are kept, in seconds. */
#define EV_TTL_MIN          3600
#define EV_TTL_MAX          86400
#define EV_TTL_NEGATIVE_MIN 300
#define EV_TTL_NEGATIVE_MAX 10800 /* RFC 2308 5 */
#define EV_TTL_UNPROVEN     1     /* as long as it takes to answer those who wait */
#define EV_TTL_FAILURE      30    /* long enough to spare a broken name server a storm */

/* Bounds of the caches.  Things in use do not count as cached and may exceed them. */
#define EV_DOMAIN_CACHE_MAX 10000
#define EV_HOST_CACHE_MAX   10000

#define EV_LOOKUPS_MAX    64 /* in flight; more would overflow a resolver's socket buffer */
#define EV_CANDIDATES_MAX 8  /* addresses tried for one batch of recipients */
#define EV_DRAIN_MS       5000
#define EV_READ_SIZE      32768

struct ev_prober
{
	const struct ev_prober_ops *ops; /* first: see prober_ops.h */
	uv_loop_t loop;
	struct ev_prober_config config;
	uint64_t seed;
	uint64_t random_state;
	bool ending;    /* being destroyed */
	bool canceling; /* see ev_planner_cancel() */

	struct ev_outbox outbox;
	struct ev_dns dns;
	struct ev_host_cache hosts;
	struct ev_nat64 nat64;      /* as the resolver tells; known when there are IPv6 targets */
	struct ev_list resolutions; /* domains being looked up */
	struct ev_domain_cache domains;
	struct ev_policies policies;
	struct ev_site_rule *rules; /* the site's own, for replies */
	size_t n_rules;

	struct ev_list ready;    /* domains that wait for a session */
	uv_timer_t wait_timer;   /* for the first of them: see ev_planner_pump() */
	struct ev_list attempts; /* batches being asked */
	uint32_t slots_used;
	struct ev_list draining; /* sessions that only wait for the peer to close, oldest first */
	uint32_t n_draining;

	struct ev_egress egress[2]; /* v4, v6 */
	struct ev_health *health;   /* NULL: no examination is under way */

	SSL_CTX *tls;
	uint32_t n_requests; /* not yet collected */
	struct ev_prober_stats stats;
	char buffer[EV_READ_SIZE]; /* what was just read; used within one callback only */
};

#define prober_count(prober, what) ((prober)->stats.what++)

static inline uint64_t
prober_now(const struct ev_prober *prober)
{
	return uv_now(&prober->loop);
}

/* For choices that need not be unpredictable (xorshift64*). */
static inline uint64_t
prober_random(struct ev_prober *prober)
{
	uint64_t x = prober->random_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	prober->random_state = x;
	return (x * UINT64_C(0x2545f4914f6cdd1d)) >> 16;
}

/* Who has no name and no sender of its own does not go visiting. */
static inline bool
prober_may_visit(const struct ev_prober *prober)
{
	return prober->config.helo_name[0] != '\0' && prober->config.mail_from[0] != '\0';
}

/* config.c: NULL when it is sound, else what is wrong. */
extern const char *ev_config_fault(const struct ev_prober_config *config);

/* planner.c */
extern void ev_planner_pump(struct ev_prober *prober);
extern bool ev_planner_can_start(const struct ev_prober *prober);
extern void ev_planner_cancel(struct ev_prober *prober);
extern void ev_planner_abandon(struct ev_prober *prober);

#endif
