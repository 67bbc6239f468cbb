/*
 * dns_servers.h
 *	  Which name servers a prober's process asks: found out for it, since it can read no file.
 */
#ifndef EV_DNS_SERVERS_H
#define EV_DNS_SERVERS_H

#include "net/dns_channels.h" /* ares.h as it is used here */
#include "net/prober.h"

#define EV_DNS_PORT 53

/*
 * Put the servers of the system (resolv.conf) into config->dns_servers if none are named there.
 * False, with a message, when they or those that are named cannot be used.
 */
extern bool ev_dns_servers_fill(struct ev_prober_config *config, char *error, size_t size);

/* "address:port" of a server into text (at least EV_SERVER_TEXT bytes); "" when it has none. */
extern void ev_dns_server_text(const struct ares_addr_port_node *server, char *text, size_t size);

/* The servers' ports, each once, into ports (room for max); returns how many. */
extern size_t ev_dns_servers_ports(const struct ev_prober_config *config, uint16_t *ports,
                                   size_t max);

#endif
