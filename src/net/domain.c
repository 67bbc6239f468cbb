/*
 * domain.c
 *	  The cache of domains, and what a domain's requests wait for.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/answer.h"

bool
ev_domain_cache_init(struct ev_prober *prober)
{
	ev_list_init(&prober->domains.lru);
	return ev_table_init(&prober->domains.table, prober->seed);
}

static void
drop(struct ev_prober *prober, struct ev_domain *domain)
{
	struct ev_list *link;

	ev_table_remove(&prober->domains.table, &domain->node);
	ev_list_remove(&domain->lru);
	/* only when the prober ends are there any */
	while ((link = ev_list_shift(&domain->pending)) != NULL)
		free(EV_ENTRY(link, struct ev_task, link));
	if (domain->draining != NULL)
		domain->draining->domain = NULL;
	free(domain->route);
	free(domain);
}

void
ev_domain_cache_forget(struct ev_prober *prober)
{
	struct ev_table *table = &prober->domains.table;
	struct ev_list *link;

	while ((link = ev_list_shift(&prober->domains.lru)) != NULL)
		drop(prober, EV_ENTRY(link, struct ev_domain, lru));
	/* the others are in use and are looked up again at their next turn */
	for (size_t i = 0; i < table->n_slots; i++)
	{
		for (struct ev_node *node = table->slots[i]; node != NULL; node = node->next)
		{
			struct ev_domain *domain = EV_ENTRY(node, struct ev_domain, node);

			domain->expires = 0;
			ev_facts_init(&domain->facts);
		}
	}
}

void
ev_domain_cache_free(struct ev_prober *prober)
{
	struct ev_table *table = &prober->domains.table;

	for (size_t i = 0; table->slots != NULL && i < table->n_slots; i++)
	{
		while (table->slots[i] != NULL)
			drop(prober, EV_ENTRY(table->slots[i], struct ev_domain, node));
	}
	ev_table_free(table);
}

struct ev_domain *
ev_domain_get(struct ev_prober *prober, const char *name)
{
	struct ev_domain_cache *cache = &prober->domains;
	struct ev_node *node = ev_table_find(&cache->table, name);
	struct ev_domain *domain;

	if (node != NULL)
		return EV_ENTRY(node, struct ev_domain, node);
	if (cache->table.n >= EV_DOMAIN_CACHE_MAX && !ev_list_empty(&cache->lru))
		drop(prober, EV_ENTRY(cache->lru.next, struct ev_domain, lru));
	domain = calloc(1, sizeof(*domain));
	if (domain == NULL)
		return NULL;
	domain->prober = prober;
	strcpy(domain->name, name);
	domain->node.name = domain->name;
	ev_list_init(&domain->lru);
	ev_list_init(&domain->ready);
	ev_list_init(&domain->pending);
	ev_facts_init(&domain->facts);
	ev_table_insert(&cache->table, &domain->node);
	return domain;
}

const char *
ev_domain_random_local(struct ev_domain *domain)
{
	if (domain->random_local[0] == '\0')
	{
		uint8_t bits[16];

		if (getrandom(bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t) sizeof(bits))
		{
			for (size_t i = 0; i < sizeof(bits); i++)
				bits[i] = (uint8_t) prober_random(domain->prober);
		}
		ev_random_name(bits, domain->random_local);
	}
	return domain->random_local;
}

static void
announce(struct ev_domain *domain)
{
	const struct ev_route *route = domain->route;
	struct ev_domain_fact fact;

	memset(&fact, 0, sizeof(fact));
	strcpy(fact.domain, domain->name);
	fact.reason = (uint8_t) route->reason;
	fact.detail = (uint8_t) route->detail;
	fact.implicit_mx = route->implicit_mx;
	fact.spf = (uint8_t) route->spf;
	fact.opt_out = (uint8_t) route->opt_out;
	fact.ttl = route->ttl;
	fact.mx_fingerprint = route->fingerprint;
	for (size_t i = 0; i < route->n_hosts && i < EV_DOMAIN_HOSTS; i++)
		strcpy(fact.hosts[fact.n_hosts++], route->hosts[i].name);
	ev_outbox_domain(domain->prober, &fact);
}

static void
trace_route(struct ev_domain *domain)
{
	struct ev_prober *prober = domain->prober;
	const struct ev_route *route = domain->route;
	uint64_t id;

	if (!prober->config.trace || ev_list_empty(&domain->pending))
		return;
	id = EV_ENTRY(domain->pending.next, struct ev_task, link)->request.id;
	if (route->reason != EV_REASON_PENDING)
	{
		const char *detail = ev_detail_info(route->detail)->label;

		ev_outbox_event(prober, id, "DNS: %s%s%s", ev_reason_info(route->reason)->label,
		                detail != NULL ? ", " : "", detail != NULL ? detail : "");
	}
	if (route->opt_out == EV_OPT_OUT_YES)
		ev_outbox_event(prober, id, "DNS: %s%s: probe=none", EV_OPT_OUT_PREFIX, domain->name);
	for (size_t i = 0; i < route->n_hosts; i++)
		ev_outbox_event(prober, id, "DNS: %s %u %s, %u addresses",
		                route->implicit_mx ? "implicit MX" : "MX", route->hosts[i].preference,
		                route->hosts[i].name, route->hosts[i].n_ips);
}

static void
on_route(void *arg, struct ev_route *route)
{
	struct ev_domain *domain = arg;
	struct ev_prober *prober = domain->prober;

	domain->resolving = false;
	free(domain->route);
	domain->route = route;
	domain->expires = route != NULL ? prober_now(prober) + (uint64_t) route->ttl * 1000 : 0;
	if (route == NULL)
	{
		ev_answer_internal_all(domain);
		return;
	}
	/* what was known of the domain stays, when nothing that is said of it is believed */
	if (route->detail != EV_DETAIL_DNS_UNTRUSTED)
		announce(domain);
	trace_route(domain);
	ev_domain_advance(domain);
}

/* Answer the tasks that DNS alone decides, or what is known of the hosts that it names. */
static void
answer_from_dns(struct ev_domain *domain)
{
	struct ev_refrain why;
	bool refrains = ev_policy_refrains(domain->prober, domain->route, &why);
	struct ev_list *next;

	for (struct ev_list *link = domain->pending.next; link != &domain->pending; link = next)
	{
		struct ev_task *task = EV_ENTRY(link, struct ev_task, link);

		next = link->next;
		if (!task->request.dns_only && !prober_may_visit(domain->prober))
		{
			task->request.dns_only = true;
			task->request.dns_only_detail = EV_DETAIL_NOT_CONFIGURED;
		}
		/* that nobody connects there is no news to those who would not have it anyway */
		if (refrains && (!task->request.dns_only || why.verdict.status != EV_STATUS_UNKNOWN))
			ev_answer_refraining(task, domain, &why);
		else if (task->request.dns_only || domain->route->reason != EV_REASON_PENDING)
			ev_answer_dns(task, domain);
	}
}

/* Is anybody waiting to be asked for at the hosts? */
static bool
wants_visit(const struct ev_domain *domain)
{
	if (!prober_may_visit(domain->prober))
		return false;
	for (const struct ev_list *l = domain->pending.next; l != &domain->pending; l = l->next)
	{
		if (!EV_ENTRY(l, const struct ev_task, link)->request.dns_only)
			return true;
	}
	return false;
}

/* Is what is known of the domain enough for those that wait, and not too old? */
static bool
is_known(const struct ev_domain *domain)
{
	const struct ev_route *route = domain->route;

	return route != NULL && domain->expires > prober_now(domain->prober) &&
	       (route->reason != EV_REASON_PENDING || route->opt_out != EV_OPT_OUT_UNASKED ||
	        !wants_visit(domain));
}

void
ev_domain_advance(struct ev_domain *domain)
{
	struct ev_prober *prober = domain->prober;

	/* while a session is held the route stays, since the session stands on it */
	if (domain->resolving)
		return;
	if (domain->attempt == NULL && !ev_list_empty(&domain->pending) && !is_known(domain))
	{
		ev_list_remove(&domain->lru);
		ev_list_remove(&domain->ready);
		domain->resolving =
			ev_route_find(prober, domain->name, wants_visit(domain), domain, on_route);
		if (domain->resolving)
			return;
		ev_answer_internal_all(domain);
	}
	if (domain->route != NULL)
		answer_from_dns(domain);

	ev_list_remove(&domain->lru);
	if (domain->attempt != NULL)
		return;
	if (ev_list_empty(&domain->pending))
	{
		ev_list_remove(&domain->ready);
		ev_list_push(&prober->domains.lru, &domain->lru);
	}
	else if (domain->draining == NULL && ev_list_empty(&domain->ready))
	{
		domain->ready_since = prober_now(prober);
		ev_list_push(&prober->ready, &domain->ready);
	}
}
