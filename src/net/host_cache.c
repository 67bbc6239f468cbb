/*
 * host_cache.c
 *	  Addresses of hosts, by A and AAAA look-ups.
 *
 * Only the families that we connect by are asked for, but a host without an address in them is
 * asked for the other one too: "has no address" may be said only if it has none at all.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

bool
ev_host_cache_init(struct ev_prober *prober)
{
	ev_list_init(&prober->hosts.lru);
	return ev_table_init(&prober->hosts.table, prober->seed);
}

static void
drop(struct ev_prober *prober, struct ev_host *host)
{
	ev_table_remove(&prober->hosts.table, &host->node);
	ev_list_remove(&host->lru);
	free(host);
}

void
ev_host_cache_forget(struct ev_prober *prober)
{
	struct ev_list *link;

	while ((link = ev_list_shift(&prober->hosts.lru)) != NULL)
		drop(prober, EV_ENTRY(link, struct ev_host, lru));
}

void
ev_host_cache_free(struct ev_prober *prober)
{
	struct ev_table *table = &prober->hosts.table;

	/* what is under way is in no list but the table */
	for (size_t i = 0; table->slots != NULL && i < table->n_slots; i++)
	{
		while (table->slots[i] != NULL)
			drop(prober, EV_ENTRY(table->slots[i], struct ev_host, node));
	}
	ev_table_free(table);
}

static void
start(struct ev_prober *prober, struct ev_dns_query *query, struct ev_host *host, uint16_t type,
      void (*done)(struct ev_dns_query *, enum ev_dns_status, const uint8_t *, size_t))
{
	ev_list_init(&query->link);
	query->prober = prober;
	query->type = type;
	query->done = done;
	strcpy(query->name, host->name);
	host->pending++;
	ev_dns_start(query);
}

/* Take the addresses of a reply. */
static enum ev_dns_status
take(struct ev_host *host, const struct ev_dns_query *query, enum ev_dns_status status,
     const uint8_t *reply, size_t len)
{
	uint16_t type = query->type;
	size_t size = type == EV_DNS_A ? 4 : 16;
	size_t limit = type == EV_DNS_A ? EV_HOST_IPS / 2 : EV_HOST_IPS;
	struct ev_dns_message message;
	struct ev_dns_record record;
	uint8_t first = host->n_ips;

	if (status != EV_DNS_OK)
	{
		uint32_t ttl = !ev_dns_answered(status) ? EV_TTL_FAILURE
		               : query->unproven        ? EV_TTL_UNPROVEN
		                                 : ev_dns_negative_ttl(reply, len, EV_TTL_NEGATIVE_MIN);

		host->unproven |= query->unproven;

		if (ttl < host->ttl)
			host->ttl = ttl;
		return status;
	}
	if (!ev_dns_open(&message, reply, len, host->name, type))
		return EV_DNS_MALFORMED;
	if (message.ttl < host->ttl)
		host->ttl = message.ttl;
	while (ev_dns_next(&message, &record))
	{
		struct ev_ip *ip = &host->ips[host->n_ips];

		if (record.len != size || host->n_ips >= limit)
			continue;
		memset(ip, 0, sizeof(*ip));
		ip->v6 = type == EV_DNS_AAAA;
		memcpy(ip->bytes, reply + record.at, size);
		host->n_ips++;
		if (record.ttl < host->ttl)
			host->ttl = record.ttl;
	}
	/* an alias of a name without addresses */
	return host->n_ips > first ? EV_DNS_OK : EV_DNS_NODATA;
}

static void on_a(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
                 size_t len);
static void on_aaaa(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
                    size_t len);

static void
finish(struct ev_prober *prober, struct ev_host *host)
{
	struct ev_list *link;
	struct ev_list waiters;

	if (host->pending > 0)
		return;
	if (host->n_ips == 0 && ev_dns_answered(host->v4) && host->v6 == EV_DNS_UNASKED)
	{
		start(prober, &host->aaaa, host, EV_DNS_AAAA, on_aaaa);
		return;
	}
	if (host->n_ips == 0 && ev_dns_answered(host->v6) && host->v4 == EV_DNS_UNASKED)
	{
		start(prober, &host->a, host, EV_DNS_A, on_a);
		return;
	}

	/* v4 first, whichever reply came first */
	for (uint8_t i = 1; i < host->n_ips; i++)
	{
		struct ev_ip ip = host->ips[i];
		uint8_t j = i;

		for (; j > 0 && host->ips[j - 1].v6 && !ip.v6; j--)
			host->ips[j] = host->ips[j - 1];
		host->ips[j] = ip;
	}
	host->expires = prober_now(prober) + (uint64_t) host->ttl * 1000;

	/* keep it out of the list until all have seen it: a waiter may look up others */
	ev_list_init(&waiters);
	while ((link = ev_list_shift(&host->waiters)) != NULL)
		ev_list_push(&waiters, link);
	while ((link = ev_list_shift(&waiters)) != NULL)
	{
		struct ev_host_waiter *waiter = EV_ENTRY(link, struct ev_host_waiter, link);

		waiter->done(waiter, host);
	}
	ev_list_push(&prober->hosts.lru, &host->lru);
}

static void
on_a(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_host *host = EV_ENTRY(query, struct ev_host, a);

	host->v4 = take(host, query, status, reply, len);
	host->pending--;
	finish(query->prober, host);
}

static void
on_aaaa(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_host *host = EV_ENTRY(query, struct ev_host, aaaa);

	host->v6 = take(host, query, status, reply, len);
	host->pending--;
	finish(query->prober, host);
}

void
ev_host_find(struct ev_prober *prober, const char *name, struct ev_host_waiter *waiter)
{
	struct ev_host_cache *cache = &prober->hosts;
	struct ev_node *node = ev_table_find(&cache->table, name);
	struct ev_host *host = node != NULL ? EV_ENTRY(node, struct ev_host, node) : NULL;

	if (host != NULL && host->pending > 0)
	{
		ev_list_push(&host->waiters, &waiter->link);
		return;
	}
	if (host != NULL && host->expires > prober_now(prober))
	{
		ev_list_remove(&host->lru);
		ev_list_push(&cache->lru, &host->lru);
		waiter->done(waiter, host);
		return;
	}

	if (host == NULL)
	{
		if (cache->table.n >= EV_HOST_CACHE_MAX && !ev_list_empty(&cache->lru))
			drop(prober, EV_ENTRY(cache->lru.next, struct ev_host, lru));
		host = calloc(1, sizeof(*host));
		if (host == NULL)
		{
			waiter->done(waiter, NULL);
			return;
		}
		strcpy(host->name, name);
		host->node.name = host->name;
		ev_list_init(&host->lru);
		ev_list_init(&host->waiters);
		ev_table_insert(&cache->table, &host->node);
	}
	ev_list_remove(&host->lru);
	host->ttl = EV_TTL_MAX;
	host->n_ips = 0;
	host->unproven = false;
	host->v4 = host->v6 = EV_DNS_UNASKED;
	ev_list_push(&host->waiters, &waiter->link);
	if (prober->config.use_v4)
		start(prober, &host->a, host, EV_DNS_A, on_a);
	if (prober->config.use_v6)
		start(prober, &host->aaaa, host, EV_DNS_AAAA, on_aaaa);
}
