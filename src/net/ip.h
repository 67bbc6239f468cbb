/*
 * ip.h
 *	  An IP address of either family, and the guard that says whether we may connect to it.
 */
#ifndef EV_IP_H
#define EV_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "engine/target.h"
#include "engine/verdict.h"

struct ev_ip
{
	bool v6;
	uint8_t bytes[16]; /* network byte order; the first four of a v4 address */
};

/* "192.0.2.1" or "2001:db8::1" into buf (EV_IP_TEXT_MAX + 1 bytes). */
extern void ev_ip_text(const struct ev_ip *ip, char *buf);
extern bool ev_ip_parse(const char *text, struct ev_ip *out);

/*
 * Private ones only if the settings allow it, reserved ones never.  found: the prefixes of NAT64 that the
 * resolver tells of.
 */
struct ev_prober_config;
extern bool ev_ip_may_connect(const struct ev_ip *ip, const struct ev_prober_config *config,
                              const struct ev_nat64 *found);

/* Returns the length of the socket address. */
extern socklen_t ev_ip_sockaddr(const struct ev_ip *ip, uint16_t port,
                                struct sockaddr_storage *out);

#endif
