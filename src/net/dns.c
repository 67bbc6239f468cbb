/*
 * dns.c
 *	  The DNS queries of a prober: waiting, in flight, answered.
 *
 * The call-backs of c-ares may come out of any call of its own, so they never call c-ares:
 * ev_dns_start() only queues, and ev_dns_pump() sends.  One timer tells when c-ares wants to be
 * called or a query is overdue; it is stopped when nothing is in flight.
 */
#include "net/internal.h"

#include <stdlib.h>

static enum ev_dns_status
status_of(int status)
{
	switch (status)
	{
		case ARES_SUCCESS: return EV_DNS_OK;
		case ARES_ENODATA: return EV_DNS_NODATA;
		case ARES_ENOTFOUND:
		case ARES_EBADNAME: return EV_DNS_NXDOMAIN;
		case ARES_ESERVFAIL: return EV_DNS_SERVFAIL;
		case ARES_EREFUSED: return EV_DNS_REFUSED;
		case ARES_ETIMEOUT: return EV_DNS_TIMEOUT;
		case ARES_ECONNREFUSED: return EV_DNS_UNREACHABLE;
		case ARES_ENOMEM: return EV_DNS_NO_MEMORY;
		default: return EV_DNS_MALFORMED; /* FORMERR, NOTIMP, what cannot be parsed */
	}
}

static bool
is_failure(enum ev_dns_status status)
{
	return !ev_dns_answered(status) && status != EV_DNS_NO_MEMORY;
}

/*
 * One server's SERVFAIL or REFUSED is not the last word where there are others.  Which one said it
 * is not known, so each is asked, one after the other, until one answers.
 */
static bool
wants_another_server(struct ev_dns_query *query, enum ev_dns_status status)
{
	if (query->n_asked == 0)
	{
		query->failure = status;
		if (status != EV_DNS_SERVFAIL && status != EV_DNS_REFUSED)
			return false;
	}
	return is_failure(status) && query->n_asked < query->prober->dns.channels->n_each;
}

/* The query is in flight no more. */
static void
land(struct ev_dns_query *query)
{
	ev_list_remove(&query->link);
	query->prober->dns.n_in_flight--;
	query->ticket = NULL;
}

/* So ended what landed. */
static void
settle(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, int len)
{
	if (wants_another_server(query, status))
	{
		query->n_asked++;
		ev_list_push(&query->prober->dns.waiting, &query->link);
		return;
	}
	if (query->n_asked > 0 && is_failure(status))
		status = query->failure;
	if (!ev_dns_answered(status) || reply == NULL || len < 0)
	{
		reply = NULL;
		len = 0;
	}
	query->done(query, status, reply, (size_t) len);
}

static void
on_reply(void *arg, int ares_status, int timeouts, unsigned char *reply, int len)
{
	struct ev_dns_ticket *ticket = arg;
	struct ev_dns_query *query = ticket->query;

	(void) timeouts;
	free(ticket);
	if (query == NULL)
		return;
	land(query);
	if (ares_status == ARES_EDESTRUCTION || ares_status == ARES_ECANCELLED)
	{
		/* the channel is being closed: the next one will ask again, if there is one */
		query->n_asked = 0;
		ev_list_push(&query->prober->dns.waiting, &query->link);
		return;
	}
	settle(query, status_of(ares_status), reply, len);
}

/*
 * c-ares has time-outs of its own, but which ones depends on its version, and when it has no memory
 * it may lose a query.  None is waited for any longer.
 */
static void
give_up_overdue(struct ev_prober *prober)
{
	struct ev_dns *dns = &prober->dns;

	while (!ev_list_empty(&dns->in_flight))
	{
		struct ev_dns_query *query = EV_ENTRY(dns->in_flight.next, struct ev_dns_query, link);

		if (query->deadline > prober_now(prober))
			break;
		query->ticket->query = NULL;
		land(query);
		settle(query, EV_DNS_TIMEOUT, NULL, 0);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct ev_prober *prober = timer->data;

	ev_dns_channels_process(prober->dns.channels);
	give_up_overdue(prober);
	ev_dns_restart_timer(prober);
}

void
ev_dns_restart_timer(struct ev_prober *prober)
{
	struct ev_dns *dns = &prober->dns;
	uint64_t in = ev_dns_channels_timeout(dns->channels);

	if (!ev_list_empty(&dns->in_flight))
	{
		uint64_t deadline = EV_ENTRY(dns->in_flight.next, struct ev_dns_query, link)->deadline;
		uint64_t now = prober_now(prober);
		uint64_t left = deadline > now ? deadline - now : 0;

		if (left < in)
			in = left;
	}
	if (in == UINT64_MAX)
		uv_timer_stop(&dns->timer);
	else
		uv_timer_start(&dns->timer, on_timer, in, 0);
}

/* All tries at all servers, each round with twice the time of the one before. */
static uint64_t
patience(const struct ev_prober_config *config, unsigned n_servers)
{
	return (uint64_t) config->dns_timeout * ((1u << config->dns_tries) - 1) * n_servers;
}

bool
ev_dns_configure(struct ev_prober *prober, char *error, size_t size)
{
	struct ev_dns *dns = &prober->dns;
	struct ev_dns_channels *old = dns->channels;
	struct ev_dns_channels *channels = ev_dns_channels_open(prober, error, size);

	if (channels == NULL)
		return false;
	if (old == NULL)
	{
		uv_timer_init(&prober->loop, &dns->timer);
		dns->timer.data = prober;
	}
	dns->channels = channels;
	dns->patience = patience(&prober->config, channels->n_servers);
	if (old != NULL)
	{
		ev_dns_channels_close(old);
		ev_dns_restart_timer(prober);
	}
	return true;
}

void
ev_dns_close(struct ev_prober *prober)
{
	if (prober->dns.channels == NULL)
		return;
	ev_dns_channels_close(prober->dns.channels);
	prober->dns.channels = NULL;
	uv_timer_stop(&prober->dns.timer);
}

void
ev_dns_start(struct ev_dns_query *query)
{
	query->n_asked = 0;
	prober_count(query->prober, lookups_total);
	ev_list_push(&query->prober->dns.waiting, &query->link);
}

bool
ev_dns_can_send(const struct ev_prober *prober)
{
	return !ev_list_empty(&prober->dns.waiting) &&
	       prober->dns.n_in_flight < prober->config.max_lookups;
}

static void
send_query(struct ev_dns_query *query)
{
	struct ev_dns *dns = &query->prober->dns;
	struct ev_dns_channel *channel = &dns->channels->all;
	char name[EV_DOMAIN_MAX + 2];

	ev_list_push(&dns->in_flight, &query->link);
	dns->n_in_flight++;
	query->deadline = prober_now(query->prober) + dns->patience;
	query->ticket = malloc(sizeof(*query->ticket));
	if (query->ticket == NULL)
	{
		land(query);
		settle(query, EV_DNS_NO_MEMORY, NULL, 0);
		return;
	}
	query->ticket->query = query;
	if (query->n_asked > 0)
		channel = &dns->channels->each[query->n_asked - 1];
	/* the final dot makes it absolute */
	snprintf(name, sizeof(name), "%s.", query->name);
	ares_query(channel->ares, name, EV_DNS_IN, query->type, on_reply, query->ticket);
}

void
ev_dns_pump(struct ev_prober *prober)
{
	bool sent = false;

	while (ev_dns_can_send(prober))
	{
		struct ev_list *link = ev_list_shift(&prober->dns.waiting);

		send_query(EV_ENTRY(link, struct ev_dns_query, link));
		sent = true;
	}
	if (sent)
		ev_dns_restart_timer(prober);
}
