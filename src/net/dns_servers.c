/*
 * dns_servers.c
 *	  Lists of name servers; see dns_servers.h.  The reading is c-ares's.
 */
#include "net/dns_servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool
open_channel(const struct ev_prober_config *config, ares_channel *channel, char *error, size_t size)
{
	int status = ares_init(channel);

	if (status != ARES_SUCCESS)
	{
		snprintf(error, size, "cannot set up DNS look-ups: %s", ares_strerror(status));
		return false;
	}
	if (config->dns_servers[0] == '\0')
		return true;
	status = ares_set_servers_ports_csv(*channel, config->dns_servers);
	if (status == ARES_SUCCESS)
		return true;
	snprintf(error, size, "cannot use DNS servers \"%s\": %s", config->dns_servers,
	         ares_strerror(status));
	ares_destroy(*channel);
	return false;
}

static uint16_t
port_of(const struct ares_addr_port_node *server)
{
	/* c-ares says 0 for the usual one */
	return server->udp_port > 0 ? (uint16_t) server->udp_port : EV_DNS_PORT;
}

void
ev_dns_server_text(const struct ares_addr_port_node *server, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	text[0] = '\0';
	if (inet_ntop(server->family, &server->addr, address, sizeof(address)) != NULL)
		snprintf(text, size, server->family == AF_INET6 ? "[%s]:%u" : "%s:%u", address,
		         port_of(server));
}

/* Append a server; what does not fit is left out: the first ones are asked first. */
static void
append(char *list, size_t size, const struct ares_addr_port_node *server)
{
	char item[EV_SERVER_TEXT];
	size_t used = strlen(list);

	ev_dns_server_text(server, item, sizeof(item));
	if (item[0] != '\0' && used + strlen(item) + 1 < size)
		snprintf(list + used, size - used, "%s%s", used > 0 ? "," : "", item);
}

bool
ev_dns_servers_fill(struct ev_prober_config *config, char *error, size_t size)
{
	struct ares_addr_port_node *servers = NULL;
	ares_channel channel;

	if (!open_channel(config, &channel, error, size))
		return false;
	if (config->dns_servers[0] == '\0' && ares_get_servers_ports(channel, &servers) == ARES_SUCCESS)
	{
		for (struct ares_addr_port_node *s = servers; s != NULL; s = s->next)
			append(config->dns_servers, sizeof(config->dns_servers), s);
		if (servers != NULL)
			ares_free_data(servers);
	}
	ares_destroy(channel);
	return true;
}

size_t
ev_dns_servers_ports(const struct ev_prober_config *config, uint16_t *ports, size_t max)
{
	struct ares_addr_port_node *servers = NULL;
	ares_channel channel;
	char error[128];
	size_t n = 0;

	if (!open_channel(config, &channel, error, sizeof(error)))
		return 0;
	if (ares_get_servers_ports(channel, &servers) == ARES_SUCCESS)
	{
		for (struct ares_addr_port_node *s = servers; s != NULL; s = s->next)
		{
			size_t i = 0;

			while (i < n && ports[i] != port_of(s))
				i++;
			if (i == n && n < max)
				ports[n++] = port_of(s);
		}
		if (servers != NULL)
			ares_free_data(servers);
	}
	ares_destroy(channel);
	return n;
}
