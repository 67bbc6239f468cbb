/*
 * target.h
 *	  May we connect to this IP address?  The user picks the domain and with it the address, so
 *	  everything that is not plainly public is refused unless a superuser allows private networks.
 *
 * Ranges: the IANA special-purpose registries (RFC 6890 and successors), and IPv6 addresses that
 * carry an IPv4 one (mapped, compatible, 6to4, NAT64, Teredo), which are judged by the address they
 * carry.
 */
#ifndef EV_TARGET_H
#define EV_TARGET_H

#include <stdbool.h>
#include <stdint.h>

enum ev_target
{
	EV_TARGET_PUBLIC,
	EV_TARGET_PRIVATE, /* private, loopback, link-local, CGNAT, ULA: allowed by the setting */
	EV_TARGET_RESERVED /* unspecified, multicast, broadcast, documentation, reserved: never */
};

/* Addresses in network byte order. */
extern enum ev_target ev_target_v4(const uint8_t address[4]);
extern enum ev_target ev_target_v6(const uint8_t address[16]);

#endif
