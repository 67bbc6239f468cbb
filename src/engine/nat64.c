/*
 * nat64.c
 *	  IPv4 addresses within IPv6 ones (RFC 6052 2.2); see nat64.h.
 */
#include "engine/nat64.h"

#include <stddef.h>
#include <string.h>

/* The lengths that a prefix may have, and where the four bytes are: the ninth byte is left out. */
static const struct
{
	uint8_t bits;
	uint8_t at[4];
} places[] = {{32, {4, 5, 6, 7}},   {40, {5, 6, 7, 9}},    {48, {6, 7, 9, 10}},
              {56, {7, 9, 10, 11}}, {64, {9, 10, 11, 12}}, {96, {12, 13, 14, 15}}};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

static void
take(const uint8_t address[16], const uint8_t at[4], uint8_t v4[4])
{
	for (int i = 0; i < 4; i++)
		v4[i] = address[at[i]];
}

static const uint8_t *
place_of(unsigned bits)
{
	for (size_t i = 0; i < N_PLACES; i++)
		if (places[i].bits == bits)
			return places[i].at;
	return NULL;
}

bool
ev_nat64_bits(unsigned bits)
{
	return place_of(bits) != NULL;
}

bool
ev_nat64_add(struct ev_nat64 *nat64, const uint8_t address[16], unsigned bits)
{
	struct ev_nat64_prefix prefix = {.bits = (uint8_t) bits};

	if (!ev_nat64_bits(bits))
		return false;
	memcpy(prefix.bytes, address, bits / 8);
	for (unsigned i = bits / 8; i < 16; i++)
		if (address[i] != 0)
			return false;
	for (uint8_t i = 0; i < nat64->n; i++)
		if (memcmp(&nat64->prefix[i], &prefix, sizeof(prefix)) == 0)
			return true;
	if (nat64->n >= EV_NAT64_MAX)
		return false;
	nat64->prefix[nat64->n++] = prefix;
	return true;
}

void
ev_nat64_learn(struct ev_nat64 *nat64, const uint8_t address[16])
{
	for (size_t i = 0; i < N_PLACES; i++)
	{
		uint8_t prefix[16] = {0};
		uint8_t v4[4];

		take(address, places[i].at, v4);
		/* 192.0.0.170 and 192.0.0.171 */
		if (v4[0] != 192 || v4[1] != 0 || v4[2] != 0 || (v4[3] & 0xfe) != 170)
			continue;
		memcpy(prefix, address, places[i].bits / 8);
		(void) ev_nat64_add(nat64, prefix, places[i].bits);
	}
}

bool
ev_nat64_carries(const struct ev_nat64_prefix *prefix, const uint8_t address[16], uint8_t v4[4])
{
	const uint8_t *at = place_of(prefix->bits);

	if (at == NULL || memcmp(prefix->bytes, address, prefix->bits / 8) != 0)
		return false;
	take(address, at, v4);
	return true;
}
