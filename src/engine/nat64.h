/*
 * nat64.h
 *	  Prefixes by which a network's NAT64 reaches IPv4 addresses (RFC 6052): an IPv6 address below one
 *	  leads to the IPv4 address in it, be that one private.
 *
 * They come from a setting, or from what the resolver says of ipv4only.arpa (RFC 7050).
 */
#ifndef EV_NAT64_H
#define EV_NAT64_H

#include <stdbool.h>
#include <stdint.h>

#define EV_NAT64_MAX 8

/* The name that has an IPv6 address only where a resolver makes one of its IPv4 addresses. */
#define EV_NAT64_NAME "ipv4only.arpa"

struct ev_nat64_prefix
{
	uint8_t bytes[12]; /* network byte order; zero behind `bits` */
	uint8_t bits;      /* 32, 40, 48, 56, 64 or 96 */
};

struct ev_nat64
{
	uint8_t n;
	struct ev_nat64_prefix prefix[EV_NAT64_MAX];
};

/* May a prefix have so many bits? */
extern bool ev_nat64_bits(unsigned bits);

/*
 * Add a prefix: the first `bits` bits of an address, whose other bits must be zero.  One that is there
 * already is not added again.  False when it cannot be one, or there is no room.
 */
extern bool ev_nat64_add(struct ev_nat64 *nat64, const uint8_t address[16], unsigned bits);

/*
 * Add the prefixes that this address of EV_NAT64_NAME tells: at each place where one of the name's two
 * IPv4 addresses stands.  What there is no room for is left out.
 */
extern void ev_nat64_learn(struct ev_nat64 *nat64, const uint8_t address[16]);

/* Is the address below the prefix?  Then v4 is the address that it leads to. */
extern bool ev_nat64_carries(const struct ev_nat64_prefix *prefix, const uint8_t address[16],
                             uint8_t v4[4]);

#endif
