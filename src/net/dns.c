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

#include "net/dns_belief.h"

/* A denial without proof is heard at most so often before the last one counts. */
#define DENIALS_MAX 3

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

/* What the reply says; without a reply it is what c-ares says. */
static enum ev_dns_status
judge(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	bool proven = true;

	query->unproven = false;
	if (reply == NULL || !ev_dns_answered(status))
		return status;
	switch (ev_dns_listen(reply, len, query->name, query->type, &proven))
	{
		case EV_DNS_SAYS_RECORDS: status = EV_DNS_OK; break;
		case EV_DNS_SAYS_NO_RECORDS: status = EV_DNS_NODATA; break;
		case EV_DNS_SAYS_NO_NAME: status = EV_DNS_NXDOMAIN; break;
		case EV_DNS_SAYS_NOTHING: status = EV_DNS_LAME; break;
		case EV_DNS_SAYS_GARBAGE: status = EV_DNS_MALFORMED; break;
	}
	query->unproven = !proven;
	return status;
}

/*
 * Whom to ask, or to ask next: in turn, who answers before who is silent, and only in the last resort
 * one that lies.  False when nobody is left in this round.
 */
static bool
choose_server(struct ev_dns_query *query)
{
	struct ev_dns *dns = &query->prober->dns;
	unsigned n = dns->channels->n;
	unsigned best = n;

	if (query->only > 0)
	{
		query->server = (uint8_t) (query->only - 1);
		return !((query->asked | query->failed) & 1u << query->server);
	}
	for (unsigned k = 0; k < n; k++)
	{
		unsigned i = (dns->next + k) % n;

		if ((query->asked | query->failed) & 1u << i)
			continue;
		if (best == n || ev_dns_server_rank(&dns->servers[i], prober_now(query->prober)) <
		                     ev_dns_server_rank(&dns->servers[best], prober_now(query->prober)))
			best = i;
	}
	if (best == n)
		return false;
	query->server = (uint8_t) best;
	dns->next = (best + 1) % n;
	return true;
}

/*
 * One server's failure is not the last word where there are others, and one that is silent may have to
 * find out first.  (A single one is asked again by c-ares.)
 */
static bool
wants_another_server(struct ev_dns_query *query, enum ev_dns_status status)
{
	const struct ev_dns *dns = &query->prober->dns;

	if (query->failure == EV_DNS_OK)
		query->failure = status;
	query->asked |= (uint16_t) (1u << query->server);
	if (status != EV_DNS_TIMEOUT)
		query->failed |= (uint16_t) (1u << query->server);
	if (choose_server(query))
		return true;
	query->rounds++;
	query->asked = 0;
	return dns->channels->n > 1 && query->only == 0 &&
	       query->rounds < query->prober->config.dns_tries && choose_server(query);
}

/* The query is in flight no more. */
static void
land(struct ev_dns_query *query)
{
	ev_list_remove(&query->link);
	query->prober->dns.n_in_flight--;
	query->ticket = NULL;
}

/* Those of a trial go ahead of all others, since these wait for it. */
static void
again(struct ev_dns_query *query)
{
	struct ev_list *waiting = &query->prober->dns.waiting;

	ev_list_push(query->only > 0 ? waiting->next : waiting, &query->link);
}

/*
 * That there is nothing counts when it comes with the zone's SOA record, or is heard a second time, of
 * another server if there is one.  TXT records are only asked for beside others.
 */
static bool
must_be_heard_again(struct ev_dns_query *query, enum ev_dns_status status)
{
	if (!query->unproven || query->type == EV_DNS_TXT || query->denied == status)
		return false;
	query->denied = status;
	return ++query->n_denied <= DENIALS_MAX;
}

/* So ended what landed. */
static void
settle(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, int len)
{
	struct ev_dns *dns = &query->prober->dns;
	size_t n = reply == NULL || len < 0 ? 0 : (size_t) len;

	status = judge(query, status, reply, n);
	ev_dns_server_count(&dns->servers[query->server], status, query->sent_at,
	                    prober_now(query->prober));
	if (query->only == 0)
		ev_dns_trust_note(query->prober, query->server, query->type, status);
	if (ev_dns_answered(status) && must_be_heard_again(query, status))
	{
		query->asked = query->failed = 0;
		(void) choose_server(query);
		again(query);
		return;
	}
	if (!ev_dns_answered(status) && status != EV_DNS_NO_MEMORY)
	{
		if (wants_another_server(query, status))
		{
			again(query);
			return;
		}
		status = query->failure;
	}
	if (!ev_dns_answered(status) || n == 0)
	{
		reply = NULL;
		n = 0;
	}
	query->done(query, status, reply, n);
}

/* From the start: with nobody asked. */
static void
begin(struct ev_dns_query *query)
{
	query->rounds = query->n_denied = 0;
	query->asked = query->failed = 0;
	query->failure = query->denied = EV_DNS_OK;
	query->unproven = false;
	again(query);
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
		begin(query);
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

/*
 * All tries of a query at one server, each with twice the time of the one before; where there are
 * several it has one, and as long again if it has to go on by TCP.
 */
static uint64_t
patience(const struct ev_prober_config *config, unsigned n_servers)
{
	return (uint64_t) config->dns_timeout * (n_servers > 1 ? 2 : (1u << config->dns_tries) - 1);
}

bool
ev_dns_configure(struct ev_prober *prober, char *error, size_t size)
{
	struct ev_dns *dns = &prober->dns;
	struct ev_dns_channels *old = dns->channels;
	struct ev_dns_channels *channels = ev_dns_channels_open(prober, error, size);

	if (channels == NULL)
		return false;
	ev_dns_trust_stop(prober);
	if (old == NULL)
	{
		uv_timer_init(&prober->loop, &dns->timer);
		dns->timer.data = prober;
	}
	dns->channels = channels;
	dns->next = 0;
	dns->patience = patience(&prober->config, channels->n);
	for (unsigned i = 0; i < EV_SERVERS_MAX; i++)
		ev_dns_server_name(&dns->servers[i], i < channels->n ? channels->each[i].address : "");
	if (old != NULL)
	{
		ev_dns_channels_close(old);
		ev_dns_restart_timer(prober);
	}
	ev_dns_trust_configure(prober, false);
	return true;
}

void
ev_dns_close(struct ev_prober *prober)
{
	if (prober->dns.channels == NULL)
		return;
	ev_dns_trust_stop(prober);
	ev_dns_channels_close(prober->dns.channels);
	prober->dns.channels = NULL;
	uv_timer_stop(&prober->dns.timer);
}

void
ev_dns_start(struct ev_dns_query *query)
{
	if (query->only == 0)
		prober_count(query->prober, lookups_total);
	begin(query);
}

void
ev_dns_cancel(struct ev_dns_query *query)
{
	if (query->ticket != NULL)
	{
		query->ticket->query = NULL;
		land(query);
	}
	else
		ev_list_remove(&query->link);
}

bool
ev_dns_can_send(const struct ev_prober *prober)
{
	const struct ev_dns *dns = &prober->dns;

	return !ev_list_empty(&dns->waiting) &&
	       (dns->n_in_flight < prober->config.max_lookups ||
	        EV_ENTRY(dns->waiting.next, struct ev_dns_query, link)->only > 0);
}

static void
send_query(struct ev_dns_query *query)
{
	struct ev_dns *dns = &query->prober->dns;
	char name[EV_DOMAIN_MAX + 2];

	ev_list_push(&dns->in_flight, &query->link);
	dns->n_in_flight++;
	query->sent_at = prober_now(query->prober);
	query->deadline = query->sent_at + dns->patience;
	if ((query->asked | query->failed) == 0 && query->n_denied == 0)
		(void) choose_server(query);
	query->ticket = malloc(sizeof(*query->ticket));
	if (query->ticket == NULL)
	{
		land(query);
		settle(query, EV_DNS_NO_MEMORY, NULL, 0);
		return;
	}
	query->ticket->query = query;
	/* the final dot makes it absolute */
	snprintf(name, sizeof(name), "%s.", query->name);
	ares_query(dns->channels->each[query->server].ares, name, EV_DNS_IN, query->type, on_reply,
	           query->ticket);
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
