/*
 * dns_channels.c
 *	  c-ares on the prober's loop.
 *
 * c-ares tells which sockets it wants watched: one uv_poll_t each.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

#include "net/dns_servers.h"

#define EDNS_SIZE 1232 /* fits any path unfragmented */

/* A socket of c-ares'. */
struct dns_socket
{
	struct ev_list link;
	uv_poll_t poll;
	ares_socket_t fd;
	struct ev_dns_channel *channel;
};

static void
on_socket_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
on_socket(uv_poll_t *poll, int status, int events)
{
	struct dns_socket *socket = poll->data;
	struct ev_dns_channel *channel = socket->channel;
	ares_socket_t fd = socket->fd; /* c-ares may close the socket while it processes it */

	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	ares_process_fd(channel->ares, events & UV_READABLE ? fd : ARES_SOCKET_BAD,
	                events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
	ev_dns_restart_timer(channel->prober);
}

static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct ev_dns_channel *channel = arg;
	struct ev_prober *prober = channel->prober;
	struct dns_socket *socket = NULL;

	/* a few for each name server, so a list will do */
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
		socket->channel = channel;
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

/* In how many milliseconds does the channel want to be called?  UINT64_MAX: not at all. */
static uint64_t
timeout_of(const struct ev_dns_channel *channel)
{
	struct timeval tv;

	if (ares_timeout(channel->ares, NULL, &tv) == NULL)
		return UINT64_MAX;
	/* one more, since c-ares counts in microseconds and would not be ready yet */
	return (uint64_t) tv.tv_sec * 1000 + (uint64_t) tv.tv_usec / 1000 + 1;
}

uint64_t
ev_dns_channels_timeout(const struct ev_dns_channels *channels)
{
	uint64_t soonest = UINT64_MAX;

	for (unsigned i = 0; i < channels->n; i++)
	{
		uint64_t ms = timeout_of(&channels->each[i]);

		if (ms < soonest)
			soonest = ms;
	}
	return soonest;
}

void
ev_dns_channels_process(struct ev_dns_channels *channels)
{
	for (unsigned i = 0; i < channels->n; i++)
		ares_process_fd(channels->each[i].ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

#if ARES_VERSION >= 0x011f00 /* 1.31 */
/*
 * This c-ares makes the time-out of a try itself: five times what the server's answers take, but
 * 250 ms at least, doubled with every round over the servers up to dns_timeout, less up to a half
 * by chance.  A name that takes the server longer than others would be given up within a second,
 * whatever the settings say.  So many rounds last for tries * timeout even if each is the shortest.
 */
static int
rounds_that_last(uint32_t timeout, uint32_t tries)
{
	const uint64_t shortest = timeout < 250 ? timeout : 250;
	uint64_t lasts = shortest;
	uint64_t wait = shortest;
	int rounds = 1;

	for (; lasts < (uint64_t) timeout * tries; rounds++)
	{
		wait = wait * 2 < timeout ? wait * 2 : timeout;
		lasts += wait / 2 < shortest ? shortest : wait / 2;
	}
	return rounds;
}
#endif

/* A channel for the configured servers; `tries` of a query. */
static int
open_channel(struct ev_dns_channel *channel, struct ev_prober *prober, uint32_t tries)
{
	const struct ev_prober_config *config = &prober->config;
	struct ares_options options;
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
	           ARES_OPT_EDNSPSZ;

	channel->prober = prober;
	memset(&options, 0, sizeof(options));
	/* without NOCHECKRESP, SERVFAIL and REFUSED could not be told from a dead server */
	options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
	options.timeout = (int) config->dns_timeout;
	options.tries = (int) tries;
	options.ednspsz = EDNS_SIZE;
	options.sock_state_cb = on_socket_state;
	options.sock_state_cb_data = channel;
#if ARES_VERSION >= 0x011f00
	options.tries = rounds_that_last(config->dns_timeout, tries);
	options.maxtimeout = options.timeout;
	/* what is known is for the prober to say, and to forget */
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_MAXTIMEOUTMS | ARES_OPT_QUERY_CACHE;
#endif
	return ares_init_options(&channel->ares, &options, mask);
}

/*
 * A channel for each server.  A single one is tried again by c-ares, with doubled time-outs; where there
 * are several, the next one is tried first.  False when there is no memory.
 */
static bool
open_each(struct ev_dns_channels *channels, struct ev_prober *prober,
          struct ares_addr_port_node *servers)
{
	uint32_t tries = servers->next == NULL ? prober->config.dns_tries : 1;

	for (; servers != NULL && channels->n < EV_SERVERS_MAX; servers = servers->next)
	{
		struct ev_dns_channel *channel = &channels->each[channels->n];
		struct ares_addr_port_node alone = *servers;

		alone.next = NULL;
		if (open_channel(channel, prober, tries) != ARES_SUCCESS)
			return false;
		channels->n++;
		if (ares_set_servers_ports(channel->ares, &alone) != ARES_SUCCESS)
			return false;
		ev_dns_server_text(&alone, channel->address, sizeof(channel->address));
	}
	return true;
}

/* The configured servers, or those of resolv.conf; the caller frees them. */
static int
list_servers(const struct ev_prober_config *config, struct ares_addr_port_node **servers)
{
	ares_channel channel;
	int status = ares_init(&channel);

	if (status != ARES_SUCCESS)
		return status;
	if (config->dns_servers[0] != '\0')
		status = ares_set_servers_ports_csv(channel, config->dns_servers);
	if (status == ARES_SUCCESS)
		status = ares_get_servers_ports(channel, servers);
	if (status == ARES_SUCCESS && *servers == NULL)
		status = ARES_ENODATA;
	ares_destroy(channel);
	return status;
}

struct ev_dns_channels *
ev_dns_channels_open(struct ev_prober *prober, char *error, size_t size)
{
	struct ev_dns_channels *channels = calloc(1, sizeof(*channels));
	struct ares_addr_port_node *servers = NULL;
	int status = channels == NULL ? ARES_ENOMEM : list_servers(&prober->config, &servers);

	if (status != ARES_SUCCESS && status != ARES_ENOMEM)
		snprintf(error, size, "cannot use DNS servers \"%s\": %s", prober->config.dns_servers,
		         ares_strerror(status));
	else if (status != ARES_SUCCESS || !open_each(channels, prober, servers))
	{
		snprintf(error, size, "cannot set up DNS look-ups: %s", ares_strerror(ARES_ENOMEM));
		status = ARES_ENOMEM;
	}
	if (servers != NULL)
		ares_free_data(servers);
	if (status == ARES_SUCCESS)
		return channels;
	if (channels != NULL)
		ev_dns_channels_close(channels);
	return NULL;
}

void
ev_dns_channels_close(struct ev_dns_channels *channels)
{
	for (unsigned i = 0; i < channels->n; i++)
		ares_destroy(channels->each[i].ares);
	free(channels);
}
