/*
 * target.c
 *	  The special-purpose address ranges, IPv4 and IPv6.
 *
 * An IPv6 range may say that its addresses carry an IPv4 one: then that one is judged.  What no row
 * names is public in IPv4; in IPv6 only 2000::/3 is, the rest is not assigned to anybody.
 */
#include "engine/target.h"

#include <stdbool.h>
#include <stddef.h>

struct range_v4
{
	uint8_t prefix[4];
	uint8_t bits;
	enum ev_target target;
};

/* Where an IPv4 address sits in an IPv6 one: at which byte. */
#define CARRIES_NONE   255
#define CARRIES_TEREDO 254 /* server at 4, client inverted at 12 (RFC 4380 4) */

struct range_v6
{
	uint8_t prefix[16];
	uint8_t bits;
	enum ev_target target; /* unless it carries an IPv4 address */
	uint8_t carried;
};

/* ranges_v4, ranges_v6: the first row that fits counts */
#include "generated/target_table.h"

static enum ev_target
worse(enum ev_target a, enum ev_target b)
{
	return a > b ? a : b;
}

static bool
has_prefix(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
	for (; bits >= 8; bits -= 8)
		if (*address++ != *prefix++)
			return false;
	return bits == 0 || (*address ^ *prefix) >> (8 - bits) == 0;
}

enum ev_target
ev_target_v4(const uint8_t address[4])
{
	for (size_t i = 0; i < sizeof(ranges_v4) / sizeof(ranges_v4[0]); i++)
		if (has_prefix(address, ranges_v4[i].prefix, ranges_v4[i].bits))
			return ranges_v4[i].target;
	return EV_TARGET_PUBLIC;
}

static enum ev_target
judge_teredo(const uint8_t address[16])
{
	uint8_t client[4];

	for (int i = 0; i < 4; i++)
		client[i] = address[12 + i] ^ 0xff;
	return worse(ev_target_v4(address + 4), ev_target_v4(client));
}

static enum ev_target
judge_range(const uint8_t address[16])
{
	for (size_t i = 0; i < sizeof(ranges_v6) / sizeof(ranges_v6[0]); i++)
	{
		const struct range_v6 *range = &ranges_v6[i];

		if (!has_prefix(address, range->prefix, range->bits))
			continue;
		if (range->carried == CARRIES_NONE)
			return range->target;
		if (range->carried == CARRIES_TEREDO)
			return judge_teredo(address);
		return ev_target_v4(address + range->carried);
	}
	return EV_TARGET_RESERVED;
}

/*
 * An interface identifier 0000:5efe or 0200:5efe before an IPv4 address (RFC 5214 6.1), whatever the two
 * bits say that tell global and group identifiers: a tunnel to that address may end there.
 */
static bool
is_isatap(const uint8_t address[16])
{
	return (address[8] & 0xfc) == 0 && address[9] == 0 && address[10] == 0x5e &&
	       address[11] == 0xfe;
}

/* The worst of what the prefixes that fit lead to; `otherwise` when none does. */
static enum ev_target
judge_nat64(const struct ev_nat64 *nat64, const uint8_t address[16], enum ev_target otherwise)
{
	enum ev_target target = EV_TARGET_PUBLIC;
	bool any = false;
	uint8_t v4[4];

	for (uint8_t i = 0; nat64 != NULL && i < nat64->n; i++)
	{
		if (!ev_nat64_carries(&nat64->prefix[i], address, v4))
			continue;
		any = true;
		target = worse(target, ev_target_v4(v4));
	}
	return any ? target : otherwise;
}

enum ev_target
ev_target_v6(const uint8_t address[16], const struct ev_nat64 *set, const struct ev_nat64 *found)
{
	enum ev_target target = judge_nat64(set, address, judge_range(address));

	if (is_isatap(address))
		target = worse(target, ev_target_v4(address + 12));
	return worse(target, judge_nat64(found, address, EV_TARGET_PUBLIC));
}
