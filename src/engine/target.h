/*
 * target.h
 *	  May we connect to this IP address?  The user picks the domain and with it the address, so
 *	  everything that is not plainly public is refused unless a superuser allows private networks.
 *
 * Ranges: data/special_addresses.tsv, made of IANA's registries (RFC 6890 and successors).  IPv6
 * addresses that carry an IPv4 one (mapped, compatible, translated, 6to4, NAT64, Teredo, ISATAP) are
 * judged by the address that they carry.
 */
#ifndef EV_TARGET_H
#define EV_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/nat64.h"

enum ev_target
{
	EV_TARGET_PUBLIC,
	EV_TARGET_PRIVATE, /* private, loopback, link-local, CGNAT, ULA: allowed by the setting */
	EV_TARGET_RESERVED /* unspecified, multicast, broadcast, documentation, reserved: never */
};

/* Addresses in network byte order. */
extern enum ev_target ev_target_v4(const uint8_t address[4]);

/*
 * `set` are prefixes that somebody vouches for: below one the IPv4 address alone counts.  `found` are
 * such as a resolver tells: they can make an address worse and never better.  Both may be NULL.
 */
extern enum ev_target ev_target_v6(const uint8_t address[16], const struct ev_nat64 *set,
                                   const struct ev_nat64 *found);

#endif
