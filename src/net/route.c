/*
 * route.c
 *	  Looking up where a domain's mail goes.
 *
 *	MX ──► hosts ──► A, AAAA of each (host_cache.c) ──► route
 *	 │       ├─────► whether the domain wants to be probed, by TXT
 *	 │       └─────► where any has an IPv6 address: the network's NAT64 prefixes (RFC 7050)
 *	 └─ none ──► the domain itself as host, and its SPF record by TXT (spf_lookup.c)
 *
 * A failure of the name servers is never a statement about the domain; one of some hosts' look-ups
 * counts only when the other hosts cannot take mail either.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

#include "engine/hash.h"

struct wanted_host
{
	struct ev_host_waiter waiter;
	struct ev_resolution *resolution;
	char name[EV_HOST_MAX + 1];
	uint16_t preference;
	uint32_t lot; /* decides within a preference */
	bool known;   /* there was memory to look it up */
	enum ev_dns_status v4, v6;
	uint8_t n_found; /* addresses of any kind */
	uint8_t n_ips;
	struct ev_ip ips[EV_HOST_IPS];
};

struct ev_resolution
{
	struct ev_dns_doubter doubter; /* while the name servers are tried */
	enum ev_reason reason;         /* what is concluded then */
	enum ev_detail detail;
	uint32_t lies;       /* of the name servers, known when it was begun */
	uint8_t begun;       /* times */
	struct ev_list link; /* in prober->resolutions */
	struct ev_prober *prober;
	void *arg;
	void (*done)(void *arg, struct ev_route *route);
	char domain[EV_DOMAIN_MAX + 1];
	struct ev_dns_query mx;
	struct ev_spf_lookup spf;
	struct ev_dns_query wish;
	struct ev_host_waiter prefixes; /* of NAT64 */
	bool prefixes_known;
	bool visit;
	enum ev_opt_out opt_out;
	bool implicit_mx;
	bool unproven; /* what is denied is heard twice, and not to be remembered: dns_belief.h */
	unsigned pending;
	uint32_t ttl;
	uint64_t fingerprint;
	size_t n_hosts;
	struct wanted_host hosts[EV_ROUTE_HOSTS];
};

#define BEGUN_MAX 3

static void start(struct ev_resolution *r);

static uint32_t
clamp(uint32_t ttl, uint32_t min, uint32_t max)
{
	return ttl < min ? min : ttl > max ? max : ttl;
}

static void
shorten(uint32_t *ttl, uint32_t other)
{
	if (other < *ttl)
		*ttl = other;
}

/* Hand the route over and be gone. */
static void
hand_over(struct ev_resolution *r, enum ev_reason reason, enum ev_detail detail)
{
	size_t n = reason == EV_REASON_PENDING ? r->n_hosts : 0;
	struct ev_route *route = calloc(1, sizeof(*route) + n * sizeof(route->hosts[0]));

	if (route != NULL)
	{
		route->reason = reason;
		route->detail = detail;
		route->implicit_mx = r->implicit_mx;
		route->spf = r->spf.result;
		route->opt_out = r->opt_out;
		route->fingerprint = r->fingerprint;
		if (reason == EV_REASON_PENDING)
			route->ttl = clamp(r->ttl, EV_TTL_MIN, EV_TTL_MAX);
		else if (ev_reason_info(reason)->retryable)
			route->ttl = EV_TTL_FAILURE;
		else if (r->unproven)
			route->ttl = EV_TTL_UNPROVEN;
		else
			route->ttl = clamp(r->ttl, EV_TTL_NEGATIVE_MIN, EV_TTL_NEGATIVE_MAX);
		route->n_hosts = n;
		for (size_t i = 0; i < n; i++)
		{
			struct ev_route_host *to = &route->hosts[i];
			const struct wanted_host *from = &r->hosts[i];

			strcpy(to->name, from->name);
			to->preference = from->preference;
			to->provider = ev_provider_of_host(from->name, strlen(from->name));
			to->n_ips = from->n_ips;
			memcpy(to->ips, from->ips, sizeof(to->ips));
		}
	}
	ev_list_remove(&r->link);
	r->done(r->arg, route);
	free(r);
}

/*
 * Once it is known that the name servers tell the truth.  What one has said that was found to lie
 * meanwhile is asked again of the others; failures need no belief.
 */
static void
weigh(struct ev_resolution *r)
{
	struct ev_prober *prober = r->prober;
	bool takes_mail = r->reason == EV_REASON_PENDING;

	switch (ev_dns_trust_ask(prober, !takes_mail, &r->doubter))
	{
		case EV_DNS_IN_DOUBT: return;
		case EV_DNS_NOT_BELIEVED:
			hand_over(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_UNTRUSTED);
			return;
		case EV_DNS_BELIEVED: break;
	}
	if (r->lies != prober->dns.trust.lies && r->begun < BEGUN_MAX)
		start(r);
	else if (r->lies != prober->dns.trust.lies)
		hand_over(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_UNTRUSTED);
	else
		hand_over(r, r->reason, r->detail);
}

static void
on_trial(struct ev_dns_doubter *doubter)
{
	weigh(EV_ENTRY(doubter, struct ev_resolution, doubter));
}

/* All that is needed has been answered. */
static void
conclude(struct ev_resolution *r, enum ev_reason reason, enum ev_detail detail)
{
	if (reason == EV_REASON_PENDING && !r->implicit_mx)
		ev_dns_trust_learn(r->prober, r->domain);
	r->reason = reason;
	r->detail = detail;
	r->doubter.done = on_trial;
	if (reason == EV_REASON_DNS_LOOKUP_ERROR || reason == EV_REASON_DNS_TIMEOUT ||
	    reason == EV_REASON_INTERNAL_VERIFIER_ERROR)
		hand_over(r, reason, detail);
	else
		weigh(r);
}

/* The verdict that a failed look-up stands for. */
static void
conclude_failure(struct ev_resolution *r, enum ev_dns_status status)
{
	switch (status)
	{
		case EV_DNS_TIMEOUT: conclude(r, EV_REASON_DNS_TIMEOUT, EV_DETAIL_DNS_NO_REPLY); break;
		case EV_DNS_SERVFAIL: conclude(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_SERVFAIL); break;
		case EV_DNS_REFUSED: conclude(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_REFUSED); break;
		case EV_DNS_LAME: conclude(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_LAME); break;
		case EV_DNS_UNREACHABLE:
			conclude(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_UNREACHABLE);
			break;
		case EV_DNS_NO_MEMORY:
			conclude(r, EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_NONE);
			break;
		default: conclude(r, EV_REASON_DNS_LOOKUP_ERROR, EV_DETAIL_DNS_MALFORMED); break;
	}
}

/* No host that we may connect to: whose fault is that? */
static void
conclude_without_target(struct ev_resolution *r)
{
	bool found = false;
	bool other_family = false;
	const struct ev_prober_config *config = &r->prober->config;

	for (size_t i = 0; i < r->n_hosts; i++)
	{
		const struct wanted_host *host = &r->hosts[i];

		if (!host->known)
		{
			conclude(r, EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_NONE);
			return;
		}
		if (host->n_found == 0 && !ev_dns_answered(host->v4) && host->v4 != EV_DNS_UNASKED)
		{
			conclude_failure(r, host->v4);
			return;
		}
		if (host->n_found == 0 && !ev_dns_answered(host->v6) && host->v6 != EV_DNS_UNASKED)
		{
			conclude_failure(r, host->v6);
			return;
		}
		found |= host->n_found > 0;
		for (uint8_t k = 0; k < host->n_ips; k++)
			other_family |= !(host->ips[k].v6 ? config->use_v6 : config->use_v4);
	}
	if (other_family) /* public, but reached only by a family that is switched off */
		conclude(r, EV_REASON_SMTP_CONNECTION_FAILED, EV_DETAIL_UNREACHABLE);
	else if (found)
		conclude(r, EV_REASON_HOST_NOT_FOUND, EV_DETAIL_MX_UNROUTABLE);
	else if (!r->implicit_mx)
		conclude(r, EV_REASON_HOST_NOT_FOUND, EV_DETAIL_MX_NOT_FOUND);
	else if (r->spf.result == EV_SPF_FAIL_ALL)
		conclude(r, EV_REASON_SPF_REJECT_ALL, EV_DETAIL_NO_ADDRESS);
	else
		conclude(r, EV_REASON_NO_MX_RECORDS, EV_DETAIL_NO_ADDRESS);
}

/* Take out what must not be connected to. */
static void
keep_targets(struct ev_resolution *r, struct wanted_host *host)
{
	uint8_t n = host->n_ips;

	host->n_ips = 0;
	for (uint8_t i = 0; i < n; i++)
		if (ev_ip_may_connect(&host->ips[i], &r->prober->config, &r->prober->nat64))
			host->ips[host->n_ips++] = host->ips[i];
}

static void finish(struct ev_resolution *r);

/* What a resolver does not answer changes nothing. */
static void
on_prefixes(struct ev_host_waiter *waiter, const struct ev_host *told)
{
	struct ev_resolution *r = EV_ENTRY(waiter, struct ev_resolution, prefixes);
	struct ev_nat64 *nat64 = &r->prober->nat64;

	if (told != NULL && ev_dns_answered(told->v6))
	{
		nat64->n = 0;
		for (uint8_t i = 0; i < told->n_ips; i++)
			if (told->ips[i].v6)
				ev_nat64_learn(nat64, told->ips[i].bytes);
	}
	for (size_t i = 0; i < r->n_hosts; i++)
		keep_targets(r, &r->hosts[i]);
	finish(r);
}

/* Before an IPv6 address is believed to be public; once for each route, mostly out of the cache. */
static bool
must_ask_for_prefixes(const struct ev_resolution *r)
{
	if (r->prefixes_known || !r->prober->config.use_v6)
		return false;
	for (size_t i = 0; i < r->n_hosts; i++)
		for (uint8_t k = 0; k < r->hosts[i].n_ips; k++)
			if (r->hosts[i].ips[k].v6)
				return true;
	return false;
}

/* All look-ups have ended. */
static void
finish(struct ev_resolution *r)
{
	const struct ev_prober_config *config = &r->prober->config;
	bool usable = false;

	if (--r->pending > 0)
		return;
	if (must_ask_for_prefixes(r))
	{
		r->prefixes_known = true;
		r->pending = 1;
		r->prefixes.done = on_prefixes;
		ev_list_init(&r->prefixes.link);
		ev_host_find(r->prober, EV_NAT64_NAME, &r->prefixes);
		return;
	}

	/* a policy that authorises nobody, where there is no MX record either */
	if (r->implicit_mx && r->spf.result == EV_SPF_NOBODY)
	{
		conclude(r, EV_REASON_SPF_REJECT_ALL, EV_DETAIL_NONE);
		return;
	}
	for (size_t i = 0; i < r->n_hosts; i++)
	{
		for (uint8_t k = 0; k < r->hosts[i].n_ips; k++)
			usable |= r->hosts[i].ips[k].v6 ? config->use_v6 : config->use_v4;
	}
	if (usable)
		conclude(r, EV_REASON_PENDING, EV_DETAIL_NONE);
	else
		conclude_without_target(r);
}

static void
on_host(struct ev_host_waiter *waiter, const struct ev_host *host)
{
	struct wanted_host *wanted = EV_ENTRY(waiter, struct wanted_host, waiter);
	struct ev_resolution *r = wanted->resolution;

	wanted->known = host != NULL;
	if (host != NULL)
	{
		shorten(&r->ttl, host->ttl);
		r->unproven |= host->unproven;
		wanted->v4 = host->v4;
		wanted->v6 = host->v6;
		wanted->n_found = host->n_ips;
		wanted->n_ips = host->n_ips;
		memcpy(wanted->ips, host->ips, sizeof(wanted->ips));
		keep_targets(r, wanted);
	}
	finish(r);
}

/*
 * What the domain says of being probed.  Without an answer it is as if it said nothing: many a name
 * server is silent about such names, or broken for them.
 */
static void
on_wish(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_resolution *r = EV_ENTRY(query, struct ev_resolution, wish);
	struct ev_dns_message message;
	struct ev_dns_record record;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_TXT))
	{
		while (r->opt_out != EV_OPT_OUT_YES && ev_dns_next(&message, &record))
		{
			char text[EV_DNS_TEXT_MAX];

			if (!ev_opt_out_parse(text, ev_dns_text(&message, &record, text)))
				continue;
			r->opt_out = EV_OPT_OUT_YES;
			shorten(&r->ttl, message.ttl);
			shorten(&r->ttl, record.ttl);
		}
	}
	finish(r);
}

static void
find_wish(struct ev_resolution *r)
{
	r->opt_out = EV_OPT_OUT_NO;
	if (strlen(EV_OPT_OUT_PREFIX) + strlen(r->domain) > EV_DOMAIN_MAX)
		return; /* there can be no such name */
	ev_list_init(&r->wish.link);
	r->wish.prober = r->prober;
	r->wish.type = EV_DNS_TXT;
	r->wish.done = on_wish;
	strcpy(r->wish.name, EV_OPT_OUT_PREFIX);
	strcat(r->wish.name, r->domain);
	r->pending++;
	ev_dns_start(&r->wish);
}

static int
by_preference(const void *a, const void *b)
{
	const struct wanted_host *x = a;
	const struct wanted_host *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct wanted_host *) a)->name, ((const struct wanted_host *) b)->name);
}

/*
 * The hosts are known by name: sort them, take their fingerprint, look up their addresses and
 * whether they may be visited.
 */
static void
find_addresses(struct ev_resolution *r)
{
	size_t n = r->n_hosts;

	qsort(r->hosts, n, sizeof(r->hosts[0]), by_name);
	r->fingerprint = EV_HASH_INIT;
	for (size_t i = 0; i < n; i++)
		r->fingerprint = ev_hash(r->fingerprint, r->hosts[i].name, strlen(r->hosts[i].name) + 1);
	qsort(r->hosts, n, sizeof(r->hosts[0]), by_preference);

	r->pending += (unsigned) n;
	if (r->visit)
		find_wish(r);
	for (size_t i = 0; i < n; i++)
	{
		r->hosts[i].resolution = r;
		r->hosts[i].waiter.done = on_host;
		ev_list_init(&r->hosts[i].waiter.link);
	}
	/* the last one may be answered at once, and then r is gone */
	for (size_t i = 0; i < n; i++)
		ev_host_find(r->prober, r->hosts[i].name, &r->hosts[i].waiter);
}

static void
on_spf(struct ev_spf_lookup *lookup)
{
	finish(EV_ENTRY(lookup, struct ev_resolution, spf));
}

/* There is no MX record: the domain's own address counts (RFC 5321 5.1). */
static void
use_implicit_mx(struct ev_resolution *r)
{
	r->implicit_mx = true;
	r->n_hosts = 1;
	memset(&r->hosts[0], 0, sizeof(r->hosts[0]));
	strcpy(r->hosts[0].name, r->domain);
	r->pending = 1;
	ev_spf_find(r->prober, &r->spf, r->domain, on_spf);
	find_addresses(r);
}

/* Take a host; the names of a set may repeat. */
static void
add_host(struct ev_resolution *r, const char *name, uint16_t preference)
{
	struct wanted_host *host = NULL;

	for (size_t i = 0; i < r->n_hosts && host == NULL; i++)
	{
		if (strcmp(r->hosts[i].name, name) == 0)
		{
			if (preference < r->hosts[i].preference)
				r->hosts[i].preference = preference;
			return;
		}
	}
	if (r->n_hosts < EV_ROUTE_HOSTS)
		host = &r->hosts[r->n_hosts++];
	else
	{
		/* full: in place of the least preferred one */
		for (size_t i = 0; i < r->n_hosts; i++)
		{
			if (host == NULL || r->hosts[i].preference > host->preference)
				host = &r->hosts[i];
		}
		if (host->preference <= preference)
			return;
	}
	memset(host, 0, sizeof(*host));
	strcpy(host->name, name);
	host->preference = preference;
	host->lot = (uint32_t) prober_random(r->prober);
}

static void
on_mx(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_resolution *r = EV_ENTRY(query, struct ev_resolution, mx);
	struct ev_dns_message message;
	struct ev_dns_record record;
	bool null_mx = false;
	bool any = false;

	r->unproven = query->unproven;
	if (status == EV_DNS_NXDOMAIN || status == EV_DNS_NODATA)
		shorten(&r->ttl, ev_dns_negative_ttl(reply, len, EV_TTL_NEGATIVE_MIN));
	if (status == EV_DNS_NXDOMAIN)
	{
		conclude(r, EV_REASON_NO_MX_RECORDS, EV_DETAIL_NXDOMAIN);
		return;
	}
	if (!ev_dns_answered(status))
	{
		conclude_failure(r, status);
		return;
	}
	if (!ev_dns_open(&message, reply, len, r->domain, EV_DNS_MX))
	{
		conclude_failure(r, EV_DNS_MALFORMED);
		return;
	}
	shorten(&r->ttl, message.ttl);
	while (ev_dns_next(&message, &record))
	{
		char name[EV_HOST_MAX + 1];
		size_t end;

		any = true;
		shorten(&r->ttl, record.ttl);
		if (record.len < 3 || !ev_dns_name(reply, len, record.at + 2, name, &end))
			continue; /* no host has such a name */
		if (name[0] == '\0')
			null_mx = true; /* RFC 7505; beside real ones it means nothing */
		else
			add_host(r, name, (uint16_t) (reply[record.at] << 8 | reply[record.at + 1]));
	}
	if (r->n_hosts > 0)
		find_addresses(r);
	else if (null_mx)
		conclude(r, EV_REASON_NO_MX_RECORDS, EV_DETAIL_NULL_MX);
	else if (any)
		conclude(r, EV_REASON_HOST_NOT_FOUND, EV_DETAIL_MX_NOT_FOUND);
	else
		use_implicit_mx(r);
}

/* With nothing known. */
static void
start(struct ev_resolution *r)
{
	r->lies = r->prober->dns.trust.lies;
	r->begun++;
	r->ttl = EV_TTL_MAX;
	r->implicit_mx = r->unproven = r->prefixes_known = false;
	r->opt_out = EV_OPT_OUT_UNASKED;
	r->pending = 0;
	r->fingerprint = 0;
	r->n_hosts = 0;
	r->spf.result = EV_SPF_NONE;
	ev_list_init(&r->mx.link);
	r->mx.prober = r->prober;
	r->mx.type = EV_DNS_MX;
	r->mx.done = on_mx;
	strcpy(r->mx.name, r->domain);
	ev_dns_start(&r->mx);
}

bool
ev_route_find(struct ev_prober *prober, const char *domain, bool visit, void *arg,
              void (*done)(void *arg, struct ev_route *route))
{
	struct ev_resolution *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return false;
	r->prober = prober;
	r->arg = arg;
	r->done = done;
	r->visit = visit;
	strcpy(r->domain, domain);
	ev_list_push(&prober->resolutions, &r->link);
	start(r);
	return true;
}

void
ev_route_abandon(struct ev_prober *prober)
{
	struct ev_list *link;

	while ((link = ev_list_shift(&prober->resolutions)) != NULL)
		free(EV_ENTRY(link, struct ev_resolution, link));
}
