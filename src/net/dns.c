/*
 * dns.c
 *	  The c-ares channel of a prober.
 *
 * c-ares tells which sockets it wants watched (one uv_poll_t each) and when it wants to be called
 * (one timer, stopped when nothing is in flight).  Its callbacks may come out of any call of its
 * own, so they never call c-ares: ev_dns_start() only queues, and ev_dns_pump() sends.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

#define EDNS_SIZE 1232 /* fits any path unfragmented */

/* A socket of c-ares'. */
struct dns_socket
{
	struct ev_list link;
	uv_poll_t poll;
	ares_socket_t fd;
	struct ev_prober *prober;
};

static void restart_timer(struct ev_prober *prober);

static void
on_socket_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct dns_socket *socket = poll->data;
	struct ev_prober *prober = socket->prober;
	ares_socket_t fd = socket->fd; /* c-ares may close the socket while it processes it */

	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	ares_process_fd(prober->dns.channel, events & UV_READABLE ? fd : ARES_SOCKET_BAD,
	                events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
	restart_timer(prober);
}

static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct ev_prober *prober = arg;
	struct dns_socket *socket = NULL;

	/* one or two for each name server, so a list will do */
	for (struct ev_list *l = prober->dns.sockets.next; l != &prober->dns.sockets; l = l->next)
	{
		struct dns_socket *s = EV_ENTRY(l, struct dns_socket, link);

		if (s->fd == fd)
			socket = s;
	}
	if (!readable && !writable)
	{
		if (socket != NULL)
		{
			/* c-ares closes the descriptor when this returns */
			ev_list_remove(&socket->link);
			uv_poll_stop(&socket->poll);
			uv_close((uv_handle_t *) &socket->poll, on_socket_closed);
		}
		return;
	}
	if (socket == NULL)
	{
		socket = calloc(1, sizeof(*socket));
		if (socket == NULL)
			return; /* the look-up will time out */
		socket->fd = fd;
		socket->prober = prober;
		if (uv_poll_init(&prober->loop, &socket->poll, fd) != 0)
		{
			free(socket);
			return;
		}
		socket->poll.data = socket;
		ev_list_push(&prober->dns.sockets, &socket->link);
	}
	uv_poll_start(&socket->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
	              on_socket);
}

static void
on_timer(uv_timer_t *timer)
{
	struct ev_prober *prober = timer->data;

	ares_process_fd(prober->dns.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	restart_timer(prober);
}

static void
restart_timer(struct ev_prober *prober)
{
	struct timeval tv;

	if (ares_timeout(prober->dns.channel, NULL, &tv) == NULL)
	{
		uv_timer_stop(&prober->dns.timer);
		return;
	}
	/* one more, since c-ares counts in microseconds and would not be ready yet */
	uv_timer_start(&prober->dns.timer, on_timer,
	               (uint64_t) tv.tv_sec * 1000 + (uint64_t) tv.tv_usec / 1000 + 1, 0);
}

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

static void
on_reply(void *arg, int ares_status, int timeouts, unsigned char *reply, int len)
{
	struct ev_dns_query *query = arg;
	struct ev_prober *prober = query->prober;
	struct ev_dns *dns = &prober->dns;
	enum ev_dns_status status = status_of(ares_status);

	(void) timeouts;
	ev_list_remove(&query->link);
	dns->n_in_flight--;
	if (ares_status == ARES_EDESTRUCTION || ares_status == ARES_ECANCELLED)
	{
		/* the channel is being closed: the next one will ask again, if there is one */
		ev_list_push(&dns->waiting, &query->link);
		return;
	}
	if ((status == EV_DNS_SERVFAIL || status == EV_DNS_REFUSED) && ++query->tries < dns->n_servers)
	{
		/* queries go to the servers in turn, so this asks another one */
		ev_list_push(&dns->waiting, &query->link);
		return;
	}
	if (!ev_dns_answered(status) || reply == NULL || len < 0)
	{
		reply = NULL;
		len = 0;
	}
	query->done(query, status, reply, (size_t) len);
}

bool
ev_dns_open_channel(struct ev_prober *prober, char *error, size_t size)
{
	struct ev_dns *dns = &prober->dns;
	const struct ev_prober_config *config = &prober->config;
	struct ares_options options;
	struct ares_addr_port_node *servers = NULL;
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
	           ARES_OPT_EDNSPSZ | ARES_OPT_ROTATE;
	int status;

	memset(&options, 0, sizeof(options));
	/* without NOCHECKRESP, SERVFAIL and REFUSED could not be told from a dead server */
	options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
	options.timeout = (int) config->dns_timeout;
	options.tries = (int) config->dns_tries;
	options.ednspsz = EDNS_SIZE;
	options.sock_state_cb = on_socket_state;
	options.sock_state_cb_data = prober;
	status = ares_init_options(&dns->channel, &options, mask);
	if (status != ARES_SUCCESS)
	{
		snprintf(error, size, "cannot set up DNS look-ups: %s", ares_strerror(status));
		dns->channel = NULL;
		return false;
	}
	if (config->dns_servers[0] != '\0')
	{
		status = ares_set_servers_ports_csv(dns->channel, config->dns_servers);
		if (status != ARES_SUCCESS)
		{
			snprintf(error, size, "cannot use DNS servers \"%s\": %s", config->dns_servers,
			         ares_strerror(status));
			ares_destroy(dns->channel);
			dns->channel = NULL;
			return false;
		}
	}
	dns->n_servers = 0;
	if (ares_get_servers_ports(dns->channel, &servers) == ARES_SUCCESS)
	{
		for (struct ares_addr_port_node *s = servers; s != NULL; s = s->next)
			dns->n_servers++;
		if (servers != NULL)
			ares_free_data(servers);
	}
	if (!dns->open)
	{
		uv_timer_init(&prober->loop, &dns->timer);
		dns->timer.data = prober;
		dns->open = true;
	}
	return true;
}

void
ev_dns_close_channel(struct ev_prober *prober)
{
	ares_destroy(prober->dns.channel);
	prober->dns.channel = NULL;
	uv_timer_stop(&prober->dns.timer);
}

void
ev_dns_start(struct ev_dns_query *query)
{
	query->tries = 0;
	prober_count(query->prober, lookups_total);
	ev_list_push(&query->prober->dns.waiting, &query->link);
}

bool
ev_dns_can_send(const struct ev_prober *prober)
{
	return !ev_list_empty(&prober->dns.waiting) &&
	       prober->dns.n_in_flight < prober->config.max_lookups;
}

void
ev_dns_pump(struct ev_prober *prober)
{
	struct ev_dns *dns = &prober->dns;
	bool sent = false;

	while (ev_dns_can_send(prober))
	{
		struct ev_list *link = ev_list_shift(&dns->waiting);
		struct ev_dns_query *query = EV_ENTRY(link, struct ev_dns_query, link);
		char name[EV_DOMAIN_MAX + 2];

		/* the final dot makes it absolute */
		snprintf(name, sizeof(name), "%s.", query->name);
		ev_list_push(&dns->in_flight, link);
		dns->n_in_flight++;
		ares_query(dns->channel, name, EV_DNS_IN, query->type, on_reply, query);
		sent = true;
	}
	if (sent)
		restart_timer(prober);
}
