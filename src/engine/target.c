/*
 * target.c
 *	  The special-purpose address ranges, IPv4 and IPv6.
 *
 * An IPv6 range may say that its addresses carry an IPv4 one: then that one is judged.  What no row
 * names is public in IPv4; in IPv6 only 2000::/3 is, the rest is not assigned to anybody.
 */
#include "engine/target.h"

#include <stddef.h>

struct range_v4
{
	uint8_t prefix[4];
	uint8_t bits;
	enum ev_target target;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry */
static const struct range_v4 ranges_v4[] = {
	{{0, 0, 0, 0}, 8, EV_TARGET_RESERVED},       /* this network; 0.0.0.0 reaches the loopback */
	{{10, 0, 0, 0}, 8, EV_TARGET_PRIVATE},       /* RFC 1918 */
	{{100, 64, 0, 0}, 10, EV_TARGET_PRIVATE},    /* carrier-grade NAT, RFC 6598 */
	{{127, 0, 0, 0}, 8, EV_TARGET_PRIVATE},      /* loopback */
	{{169, 254, 0, 0}, 16, EV_TARGET_PRIVATE},   /* link-local, RFC 3927 */
	{{172, 16, 0, 0}, 12, EV_TARGET_PRIVATE},    /* RFC 1918 */
	{{192, 0, 0, 0}, 24, EV_TARGET_RESERVED},    /* protocol assignments, RFC 6890 */
	{{192, 0, 2, 0}, 24, EV_TARGET_RESERVED},    /* documentation, RFC 5737 */
	{{192, 31, 196, 0}, 24, EV_TARGET_RESERVED}, /* AS112, RFC 7535 */
	{{192, 52, 193, 0}, 24, EV_TARGET_RESERVED}, /* multicast tunnels, RFC 7450 */
	{{192, 88, 99, 0}, 24, EV_TARGET_RESERVED},  /* 6to4 relays, RFC 7526 */
	{{192, 168, 0, 0}, 16, EV_TARGET_PRIVATE},   /* RFC 1918 */
	{{192, 175, 48, 0}, 24, EV_TARGET_RESERVED}, /* AS112, RFC 7534 */
	{{198, 18, 0, 0}, 15, EV_TARGET_RESERVED},   /* benchmarks, RFC 2544 */
	{{198, 51, 100, 0}, 24, EV_TARGET_RESERVED}, /* documentation, RFC 5737 */
	{{203, 0, 113, 0}, 24, EV_TARGET_RESERVED},  /* documentation, RFC 5737 */
	{{224, 0, 0, 0}, 4, EV_TARGET_RESERVED},     /* multicast */
	{{240, 0, 0, 0}, 4, EV_TARGET_RESERVED},     /* reserved, broadcast */
};

/* Where an IPv4 address sits in an IPv6 one: at which byte, and whether its bits are inverted. */
enum carried
{
	CARRIES_NONE,
	CARRIES_AT_2,
	CARRIES_AT_12,
	CARRIES_TEREDO /* server at 4, client inverted at 12 (RFC 4380 4) */
};

struct range_v6
{
	uint8_t prefix[16];
	uint8_t bits;
	enum ev_target target; /* unless it carries an IPv4 address */
	enum carried carried;
};

/* https://www.iana.org/assignments/iana-ipv6-special-registry; the first row that fits counts. */
static const struct range_v6 ranges_v6[] = {
	{{0}, 128, EV_TARGET_RESERVED, CARRIES_NONE},       /* unspecified */
	{{[15] = 1}, 128, EV_TARGET_PRIVATE, CARRIES_NONE}, /* loopback */
	{{[10] = 0xff, 0xff},
     96,
     EV_TARGET_RESERVED,
     CARRIES_AT_12},                              /* IPv4-mapped, RFC 4291 2.5.5.2 */
	{{0}, 96, EV_TARGET_RESERVED, CARRIES_AT_12}, /* IPv4-compatible, RFC 4291 2.5.5.1 */
	{{0x00, 0x64, 0xff, 0x9b}, 96, EV_TARGET_RESERVED, CARRIES_AT_12}, /* NAT64, RFC 6052 */
	/* local NAT64 (RFC 8215): where the IPv4 address sits is a secret of the network's */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, EV_TARGET_PRIVATE, CARRIES_NONE},
	{{0x20, 0x01}, 32, EV_TARGET_RESERVED, CARRIES_TEREDO},
	{{0x20, 0x01}, 23, EV_TARGET_RESERVED, CARRIES_NONE}, /* protocol assignments, ORCHID */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, EV_TARGET_RESERVED, CARRIES_NONE},       /* documentation */
	{{0x20, 0x02}, 16, EV_TARGET_RESERVED, CARRIES_AT_2},                   /* 6to4, RFC 3056 */
	{{0x26, 0x20, 0x00, 0x4f, 0x80}, 48, EV_TARGET_RESERVED, CARRIES_NONE}, /* AS112 */
	{{0x3f, 0xff}, 20, EV_TARGET_RESERVED, CARRIES_NONE}, /* documentation, RFC 9637 */
	{{0x20}, 3, EV_TARGET_PUBLIC, CARRIES_NONE},          /* global unicast */
	{{0xfc}, 7, EV_TARGET_PRIVATE, CARRIES_NONE},         /* unique local, RFC 4193 */
	{{0xfe, 0x80}, 10, EV_TARGET_PRIVATE, CARRIES_NONE},  /* link-local */
	{{0xfe, 0xc0}, 10, EV_TARGET_PRIVATE, CARRIES_NONE},  /* site-local, RFC 3879 */
};

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
	enum ev_target by_server = ev_target_v4(address + 4);
	enum ev_target by_client;

	for (int i = 0; i < 4; i++)
		client[i] = address[12 + i] ^ 0xff;
	by_client = ev_target_v4(client);
	return by_client > by_server ? by_client : by_server;
}

enum ev_target
ev_target_v6(const uint8_t address[16])
{
	for (size_t i = 0; i < sizeof(ranges_v6) / sizeof(ranges_v6[0]); i++)
	{
		const struct range_v6 *range = &ranges_v6[i];

		if (!has_prefix(address, range->prefix, range->bits))
			continue;
		switch (range->carried)
		{
			case CARRIES_NONE: return range->target;
			case CARRIES_AT_2: return ev_target_v4(address + 2);
			case CARRIES_AT_12: return ev_target_v4(address + 12);
			case CARRIES_TEREDO: return judge_teredo(address);
		}
	}
	return EV_TARGET_RESERVED;
}
