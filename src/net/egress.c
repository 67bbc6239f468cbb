/*
 * egress.c
 *	  Gates on the way out; see egress.h.
 */
#include "net/internal.h"

#include <string.h>

#include "engine/hash.h"
#include "engine/provider.h"
#include "net/egress.h"

#define WINDOW_MS UINT64_C(600000) /* failures that are older do not count */

/* Those who wait come again after half the time that the gate has been closed, but not later than this (s). */
#define RETRY_MAX 900

static struct ev_egress *
egress_of(struct ev_prober *prober, bool v6)
{
	return &prober->egress[v6 ? 1 : 0];
}

/* The end of a host's name, two labels long: hosts of one owner mostly share it. */
static uint64_t
owner_of(const char *host)
{
	const char *at = host + strlen(host);
	int labels = 0;

	while (at > host && (at[-1] != '.' || ++labels < 2))
		at--;
	return ev_hash(EV_HASH_INIT, at, strlen(at));
}

static void
identify(const struct ev_ip *ip, const char *host, struct ev_egress_failure *out)
{
	enum ev_provider provider = ev_provider_of_host(host, strlen(host));

	if (provider != EV_PROVIDER_OTHER)
	{
		out->group = out->provider = (uint64_t) provider + 1;
		return;
	}
	out->group = ev_hash(EV_HASH_INIT, (const char *) ip->bytes, ip->v6 ? 6 : 3);
	out->provider = owner_of(host);
}

/* How many differ, of those that are young enough. */
static void
count(const struct ev_egress *egress, uint64_t now, unsigned *groups, unsigned *providers)
{
	*groups = *providers = 0;
	for (int i = 0; i < EV_EGRESS_PLACES; i++)
	{
		const struct ev_egress_failure *one = &egress->failures[i];
		bool known = false;

		if (one->at == 0 || now - one->at > WINDOW_MS)
			continue;
		(*groups)++;
		for (int j = 0; j < i && !known; j++)
			known = egress->failures[j].at != 0 && now - egress->failures[j].at <= WINDOW_MS &&
			        egress->failures[j].provider == one->provider;
		*providers += !known;
	}
}

static void
tell(struct ev_prober *prober, bool v6, unsigned groups, unsigned providers)
{
	struct ev_egress_news news = {.v6 = v6,
	                              .closed = egress_of(prober, v6)->closed,
	                              .groups = (uint16_t) groups,
	                              .providers = (uint16_t) providers,
	                              .port = prober->config.smtp_port};

	ev_outbox_egress(prober, &news);
}

void
ev_egress_connected(struct ev_prober *prober, const struct ev_ip *ip)
{
	struct ev_egress *egress = egress_of(prober, ip->v6);
	bool was_closed = egress->closed;

	memset(egress, 0, sizeof(*egress));
	egress->connected_at = prober_now(prober) + 1;
	if (was_closed)
		tell(prober, ip->v6, 0, 0);
}

/* The place of that group, or the one whose failure is the oldest. */
static struct ev_egress_failure *
place_of(struct ev_egress *egress, uint64_t group)
{
	struct ev_egress_failure *oldest = &egress->failures[0];

	for (int i = 0; i < EV_EGRESS_PLACES; i++)
	{
		if (egress->failures[i].at != 0 && egress->failures[i].group == group)
			return &egress->failures[i];
		if (egress->failures[i].at < oldest->at)
			oldest = &egress->failures[i];
	}
	return oldest;
}

static bool
may_be_ours(enum ev_outcome outcome)
{
	return outcome == EV_OUTCOME_REFUSED || outcome == EV_OUTCOME_TIMEOUT ||
	       outcome == EV_OUTCOME_UNREACHABLE;
}

enum ev_outcome
ev_egress_outcome(const struct ev_prober *prober, bool v6, enum ev_outcome outcome)
{
	return prober->egress[v6 ? 1 : 0].closed && may_be_ours(outcome) ? EV_OUTCOME_NO_EGRESS
	                                                                 : outcome;
}

void
ev_egress_failed(struct ev_prober *prober, const struct ev_ip *ip, const char *host,
                 enum ev_outcome outcome)
{
	struct ev_egress *egress = egress_of(prober, ip->v6);
	struct ev_egress_failure failure = {.at = prober_now(prober) + 1};
	unsigned groups, providers;

	if (!may_be_ours(outcome))
		return;
	identify(ip, host, &failure);
	*place_of(egress, failure.group) = failure;
	count(egress, failure.at, &groups, &providers);
	if (egress->closed || groups < EV_EGRESS_GROUPS || providers < EV_EGRESS_PROVIDERS ||
	    (egress->connected_at != 0 && failure.at - egress->connected_at <= WINDOW_MS))
		return;
	egress->closed = true;
	egress->closed_at = prober_now(prober);
	egress->tried_at = egress->closed_at;
	tell(prober, ip->v6, groups, providers);
}

bool
ev_egress_may_try(struct ev_prober *prober, bool v6)
{
	struct ev_egress *egress = egress_of(prober, v6);

	if (!egress->closed)
		return true;
	if (prober_now(prober) < egress->tried_at + prober->config.egress_trial)
		return false;
	egress->tried_at = prober_now(prober);
	return true;
}

uint32_t
ev_egress_retry(const struct ev_prober *prober, bool v6)
{
	const struct ev_egress *egress = &prober->egress[v6 ? 1 : 0];
	uint64_t half = (prober_now(prober) - egress->closed_at) / 2000;
	uint64_t least = prober->config.egress_trial / 1000;

	half = half > RETRY_MAX ? RETRY_MAX : half;
	return (uint32_t) (half > least ? half : least);
}
