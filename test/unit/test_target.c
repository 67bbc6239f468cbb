/*
 * test_target.c
 *	  Addresses that a user must not make us connect to.
 */
#include "unit.h"

#include <arpa/inet.h>

#include "engine/target.h"

struct row
{
	const char *address;
	enum ev_target target;
};

static void
check_v4(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint8_t address[4];

		assert_int_equal(inet_pton(AF_INET, rows[i].address, address), 1);
		CHECK_INT(rows[i].address, ev_target_v4(address), rows[i].target);
	}
}

static void
check_v6(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint8_t address[16];

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, address), 1);
		CHECK_INT(rows[i].address, ev_target_v6(address, NULL, NULL), rows[i].target);
	}
}

static void
private_v4_ranges_are_refused_to_their_last_address(void **state)
{
	static const struct row rows[] = {
		{"10.0.0.0", EV_TARGET_PRIVATE},       {"10.255.255.255", EV_TARGET_PRIVATE},
		{"9.255.255.255", EV_TARGET_PUBLIC},   {"11.0.0.0", EV_TARGET_PUBLIC},
		{"100.64.0.0", EV_TARGET_PRIVATE},     {"100.127.255.255", EV_TARGET_PRIVATE},
		{"100.63.255.255", EV_TARGET_PUBLIC},  {"100.128.0.0", EV_TARGET_PUBLIC},
		{"127.0.0.1", EV_TARGET_PRIVATE},      {"127.255.255.255", EV_TARGET_PRIVATE},
		{"128.0.0.0", EV_TARGET_PUBLIC},       {"169.254.169.254", EV_TARGET_PRIVATE},
		{"172.15.255.255", EV_TARGET_PUBLIC},  {"172.16.0.0", EV_TARGET_PRIVATE},
		{"172.31.255.255", EV_TARGET_PRIVATE}, {"172.32.0.0", EV_TARGET_PUBLIC},
		{"192.168.0.1", EV_TARGET_PRIVATE},    {"192.169.0.0", EV_TARGET_PUBLIC},
	};

	(void) state;
	check_v4(rows, N_ROWS(rows));
}

static void
reserved_v4_ranges_are_never_allowed(void **state)
{
	static const struct row rows[] = {
		{"0.0.0.0", EV_TARGET_RESERVED},       {"0.1.2.3", EV_TARGET_RESERVED},
		{"192.0.0.8", EV_TARGET_RESERVED},     {"192.0.2.1", EV_TARGET_RESERVED},
		{"192.0.1.255", EV_TARGET_PUBLIC},     {"192.88.99.1", EV_TARGET_RESERVED},
		{"198.18.0.1", EV_TARGET_RESERVED},    {"198.19.255.255", EV_TARGET_RESERVED},
		{"198.20.0.0", EV_TARGET_PUBLIC},      {"198.51.100.7", EV_TARGET_RESERVED},
		{"203.0.113.255", EV_TARGET_RESERVED}, {"223.255.255.255", EV_TARGET_PUBLIC},
		{"224.0.0.1", EV_TARGET_RESERVED},     {"239.255.255.255", EV_TARGET_RESERVED},
		{"240.0.0.1", EV_TARGET_RESERVED},     {"255.255.255.255", EV_TARGET_RESERVED},
		{"8.8.8.8", EV_TARGET_PUBLIC},
	};

	(void) state;
	check_v4(rows, N_ROWS(rows));
}

static void
v6_is_public_only_where_it_is_assigned(void **state)
{
	static const struct row rows[] = {
		{"::", EV_TARGET_RESERVED},
		{"::1", EV_TARGET_PRIVATE},
		{"fc00::1", EV_TARGET_PRIVATE},
		{"fdff:ffff::1", EV_TARGET_PRIVATE},
		{"fe80::1", EV_TARGET_PRIVATE},
		{"febf::1", EV_TARGET_PRIVATE},
		{"fec0::1", EV_TARGET_PRIVATE},
		{"ff02::1", EV_TARGET_RESERVED},
		{"2001:db8::1", EV_TARGET_RESERVED},
		{"2001:10::1", EV_TARGET_RESERVED},
		{"2001:1ff:ffff::1", EV_TARGET_RESERVED},
		{"2001:200::1", EV_TARGET_PUBLIC},
		{"3fff::1", EV_TARGET_RESERVED},
		{"3fff:1000::1", EV_TARGET_PUBLIC},
		{"2620:4f:8000::1", EV_TARGET_RESERVED},
		{"100::1", EV_TARGET_RESERVED},
		{"4000::1", EV_TARGET_RESERVED},
		{"5f00::1", EV_TARGET_RESERVED},
		{"2a00:1450:4001:830::201a", EV_TARGET_PUBLIC},
	};

	(void) state;
	check_v6(rows, N_ROWS(rows));
}

/* Otherwise [::ffff:127.0.0.1] in an AAAA record is a way to the loopback. */
static void
v6_that_carries_v4_is_judged_by_it(void **state)
{
	static const struct row rows[] = {
		{"::ffff:127.0.0.1", EV_TARGET_PRIVATE},
		{"::ffff:8.8.8.8", EV_TARGET_PUBLIC},
		{"::10.0.0.1", EV_TARGET_PRIVATE},
		{"::224.0.0.1", EV_TARGET_RESERVED},
		{"64:ff9b::192.168.1.1", EV_TARGET_PRIVATE},
		{"64:ff9b::8.8.8.8", EV_TARGET_PUBLIC},
		{"64:ff9b:1::8.8.8.8", EV_TARGET_PRIVATE},
		{"2002:7f00:1::", EV_TARGET_PRIVATE},
		{"2002:808:808::1", EV_TARGET_PUBLIC},
		{"2002:e000:1::", EV_TARGET_RESERVED},
		/* Teredo: server 65.54.227.120, client inverted: 192.0.2.45 and 8.8.8.8 */
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", EV_TARGET_RESERVED},
		{"2001:0:4136:e378:8000:63bf:f7f7:f7f7", EV_TARGET_PUBLIC},
		{"2001:0:7f00:1:8000:63bf:f7f7:f7f7", EV_TARGET_PRIVATE},
		{"2001:0:4136:e378:8000:63bf:80ff:fffe", EV_TARGET_PRIVATE},
	};

	(void) state;
	check_v6(rows, N_ROWS(rows));
}

/* --- the edges of every range ------------------------------------------------------------------- */

struct edges
{
	const char *first, *last;
	enum ev_target before, within, after;
};

static enum ev_target
target_of(const uint8_t address[16], bool v6)
{
	return v6 ? ev_target_v6(address, NULL, NULL) : ev_target_v4(address);
}

/* The next address, or the one before; false when there is none. */
static bool
step(uint8_t *address, int size, int by)
{
	for (int i = size - 1; i >= 0; i--)
	{
		int sum = address[i] + by;

		address[i] = (uint8_t) sum;
		if (sum >= 0 && sum <= 255)
			return true;
	}
	return false;
}

static void
check_edges(const struct edges *rows, size_t n, bool v6)
{
	for (size_t i = 0; i < n; i++)
	{
		uint8_t address[16];
		int size = v6 ? 16 : 4;

		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, rows[i].first, address), 1);
		CHECK_INT(rows[i].first, target_of(address, v6), rows[i].within);
		if (step(address, size, -1))
			CHECK_INT(rows[i].first, target_of(address, v6), rows[i].before);
		assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, rows[i].last, address), 1);
		CHECK_INT(rows[i].last, target_of(address, v6), rows[i].within);
		if (step(address, size, 1))
			CHECK_INT(rows[i].last, target_of(address, v6), rows[i].after);
	}
}

#define PUBLIC   EV_TARGET_PUBLIC
#define PRIVATE  EV_TARGET_PRIVATE
#define RESERVED EV_TARGET_RESERVED

static void
v4_ranges_end_where_the_registry_says(void **state)
{
	static const struct edges rows[] = {
		{"0.0.0.0", "0.255.255.255", PUBLIC, RESERVED, PUBLIC},
		{"10.0.0.0", "10.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"100.64.0.0", "100.127.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"127.0.0.0", "127.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"169.254.0.0", "169.254.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"172.16.0.0", "172.31.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"192.0.0.0", "192.0.0.255", PUBLIC, RESERVED, PUBLIC},
		{"192.0.2.0", "192.0.2.255", PUBLIC, RESERVED, PUBLIC},
		{"192.31.196.0", "192.31.196.255", PUBLIC, RESERVED, PUBLIC},
		{"192.52.193.0", "192.52.193.255", PUBLIC, RESERVED, PUBLIC},
		{"192.88.99.0", "192.88.99.255", PUBLIC, RESERVED, PUBLIC},
		{"192.168.0.0", "192.168.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"192.175.48.0", "192.175.48.255", PUBLIC, RESERVED, PUBLIC},
		{"198.18.0.0", "198.19.255.255", PUBLIC, RESERVED, PUBLIC},
		{"198.51.100.0", "198.51.100.255", PUBLIC, RESERVED, PUBLIC},
		{"203.0.113.0", "203.0.113.255", PUBLIC, RESERVED, PUBLIC},
		{"224.0.0.0", "239.255.255.255", PUBLIC, RESERVED, RESERVED},
		{"240.0.0.0", "255.255.255.255", RESERVED, RESERVED, PUBLIC},
	};

	(void) state;
	check_edges(rows, N_ROWS(rows), false);
}

#define ONES "ffff:ffff:ffff:ffff"

static void
v6_ranges_end_where_the_registry_says(void **state)
{
	static const struct edges rows[] = {
		{"::", "::", RESERVED, RESERVED, PRIVATE},
		{"::1", "::1", RESERVED, PRIVATE, RESERVED},
		{"::10.0.0.0", "::10.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"::ffff:10.0.0.0", "::ffff:10.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"::ffff:0:10.0.0.0", "::ffff:0:10.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255", PUBLIC, PRIVATE, PUBLIC},
		{"64:ff9b::224.0.0.0", "64:ff9b::255.255.255.255", PUBLIC, RESERVED, RESERVED},
		{"64:ff9b:1::", "64:ff9b:1:ffff:" ONES, RESERVED, PRIVATE, RESERVED},
		{"100::", "100::" ONES, RESERVED, RESERVED, RESERVED},
		{"2001::", "2001::" ONES, PUBLIC, RESERVED, RESERVED},
		{"2001:1::", "2001:1ff:ffff:ffff:" ONES, RESERVED, RESERVED, PUBLIC},
		{"2001:db8::", "2001:db8:ffff:ffff:" ONES, PUBLIC, RESERVED, PUBLIC},
		{"2002:a00::", "2002:aff:ffff:ffff:" ONES, PUBLIC, PRIVATE, PUBLIC},
		{"2002:e000::", "2002:ffff:ffff:ffff:" ONES, PUBLIC, RESERVED, PUBLIC},
		{"2620:4f:8000::", "2620:4f:8000:ffff:" ONES, PUBLIC, RESERVED, PUBLIC},
		{"3fff::", "3fff:fff:ffff:ffff:" ONES, PUBLIC, RESERVED, PUBLIC},
		{"3fff:1000::", "3fff:ffff:ffff:ffff:" ONES, RESERVED, PUBLIC, RESERVED},
		{"5f00::", "5f00:ffff:ffff:ffff:" ONES, RESERVED, RESERVED, RESERVED},
		{"fc00::", "fdff:ffff:ffff:ffff:" ONES, RESERVED, PRIVATE, RESERVED},
		{"fe80::", "febf:ffff:ffff:ffff:" ONES, RESERVED, PRIVATE, PRIVATE},
		{"fec0::", "feff:ffff:ffff:ffff:" ONES, PRIVATE, PRIVATE, RESERVED},
		{"ff00::", "ffff:ffff:ffff:ffff:" ONES, PRIVATE, RESERVED, PUBLIC},
	};

	(void) state;
	check_edges(rows, N_ROWS(rows), true);
}

/* Otherwise a tunnel of the database's host leads from a public prefix to a private address. */
static void
an_isatap_identifier_counts_below_any_prefix(void **state)
{
	static const struct row rows[] = {
		{"2a00:1450:1:2:0:5efe:10.0.0.1", PRIVATE},
		{"2a00:1450:1:2:200:5efe:10.0.0.1", PRIVATE},
		{"2a00:1450:1:2:300:5efe:192.168.1.1", PRIVATE},
		{"2a00:1450:1:2:200:5efe:127.0.0.1", PRIVATE},
		{"2a00:1450:1:2:0:5efe:224.0.0.1", RESERVED},
		{"2a00:1450:1:2:0:5efe:8.8.8.8", PUBLIC},
		{"2a00:1450:1:2:200:5efe:11.0.0.0", PUBLIC},
		{"fe80::5efe:8.8.8.8", PRIVATE},
		{"fe80::200:5efe:8.8.8.8", PRIVATE},
		/* neighbours */
		{"2a00:1450:1:2:400:5efe:10.0.0.1", PUBLIC},
		{"2a00:1450:1:2:1:5efe:10.0.0.1", PUBLIC},
		{"2a00:1450:1:2:0:5efd:10.0.0.1", PUBLIC},
		{"2a00:1450:1:2:0:5eff:10.0.0.1", PUBLIC},
	};

	(void) state;
	check_v6(rows, N_ROWS(rows));
}

/* --- a network's own NAT64 ---------------------------------------------------------------------- */

static struct ev_nat64
prefix_of(const char *text, unsigned bits)
{
	struct ev_nat64 nat64 = {.n = 0};
	uint8_t address[16];

	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	assert_true(ev_nat64_add(&nat64, address, bits));
	return nat64;
}

/* RFC 6052 2.4, with an address of our own. */
static void
what_a_nat64_prefix_leads_to_is_judged_at_each_length(void **state)
{
	static const struct
	{
		const char *prefix;
		unsigned bits;
		const char *to_private, *to_public, *neighbour;
	} rows[] = {
		{"2a00:db9::", 32, "2a00:db9:a00:1::", "2a00:db9:808:808::", "2a00:dba:a00:1::"},
		{"2a00:db9:100::", 40, "2a00:db9:10a:0:1::", "2a00:db9:108:808:8::", "2a00:db9:20a:0:1::"},
		{"2a00:db9:122::", 48,
	     "2a00:db9:122:a00:0:100::", "2a00:db9:122:808:8:800::", "2a00:db9:123:a00:0:100::"},
		{"2a00:db9:122:300::", 56,
	     "2a00:db9:122:30a:0:1::", "2a00:db9:122:308:8:808::", "2a00:db9:122:40a:0:1::"},
		{"2a00:db9:122:344::", 64, "2a00:db9:122:344:a:0:100::", "2a00:db9:122:344:8:808:800::",
	     "2a00:db9:122:345:a:0:100::"},
		{"2a00:db9:122:344::", 96, "2a00:db9:122:344::10.0.0.1", "2a00:db9:122:344::8.8.8.8",
	     "2a00:db9:122:344:0:1:a00:1"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_nat64 nat64 = prefix_of(rows[i].prefix, rows[i].bits);
		const struct row found[] = {{rows[i].to_private, PRIVATE},
		                            {rows[i].to_public, PUBLIC},
		                            {rows[i].neighbour, PUBLIC}};

		for (size_t k = 0; k < N_ROWS(found); k++)
		{
			uint8_t address[16];

			assert_int_equal(inet_pton(AF_INET6, found[k].address, address), 1);
			CHECK_INT(found[k].address, ev_target_v6(address, NULL, &nat64), found[k].target);
			CHECK_INT(found[k].address, ev_target_v6(address, &nat64, NULL), found[k].target);
			CHECK_INT(found[k].address, ev_target_v6(address, NULL, NULL), PUBLIC);
		}
	}
}

/* Otherwise a resolver that lies opens the networks that it calls NAT64. */
static void
a_resolver_makes_no_address_better(void **state)
{
	struct ev_nat64 own = prefix_of("fd00:1:2::", 96);
	struct ev_nat64 local = prefix_of("64:ff9b:1:fffe::", 96);
	uint8_t address[16];

	(void) state;
	assert_int_equal(inet_pton(AF_INET6, "fd00:1:2::8.8.8.8", address), 1);
	assert_int_equal(ev_target_v6(address, NULL, &own), PRIVATE);
	assert_int_equal(ev_target_v6(address, &own, NULL), PUBLIC);
	assert_int_equal(ev_target_v6(address, &own, &own), PUBLIC);
	assert_int_equal(inet_pton(AF_INET6, "64:ff9b:1:fffe::8.8.8.8", address), 1);
	assert_int_equal(ev_target_v6(address, NULL, &local), PRIVATE);
	assert_int_equal(ev_target_v6(address, &local, NULL), PUBLIC);
	assert_int_equal(inet_pton(AF_INET6, "64:ff9b:1:fffe::10.8.8.8", address), 1);
	assert_int_equal(ev_target_v6(address, &local, NULL), PRIVATE);
}

static void
prefixes_are_learned_from_where_the_known_addresses_stand(void **state)
{
	static const struct
	{
		const char *address, *prefix;
		unsigned bits;
	} rows[] = {
		{"2a00:db9:c000:aa::", "2a00:db9::", 32},
		{"2a00:db9:1c0:0:ab::", "2a00:db9:100::", 40},
		{"2a00:db9:122:c000:0:aa00::", "2a00:db9:122::", 48},
		{"2a00:db9:122:3c0:0:ab::", "2a00:db9:122:300::", 56},
		{"2a00:db9:122:344:c0:0:aa00::", "2a00:db9:122:344::", 64},
		{"2a00:db9:122:344::192.0.0.171", "2a00:db9:122:344::", 96},
		{"2a00:db9:122:344::192.0.0.172", NULL, 0},
		{"2a00:db9:122:344::192.0.0.169", NULL, 0},
		{"2a00:db9:122:344::", NULL, 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_nat64 learned = {.n = 0};
		uint8_t address[16];

		assert_int_equal(inet_pton(AF_INET6, rows[i].address, address), 1);
		ev_nat64_learn(&learned, address);
		ev_nat64_learn(&learned, address);
		CHECK_INT(rows[i].address, learned.n, rows[i].prefix == NULL ? 0 : 1);
		if (rows[i].prefix == NULL)
			continue;
		assert_int_equal(inet_pton(AF_INET6, rows[i].prefix, address), 1);
		CHECK_INT(rows[i].address, learned.prefix[0].bits, rows[i].bits);
		assert_memory_equal(learned.prefix[0].bytes, address, rows[i].bits / 8);
	}
}

static void
a_prefix_of_another_length_or_with_bits_behind_it_is_none(void **state)
{
	struct ev_nat64 nat64 = {.n = 0};
	uint8_t address[16] = {0x2a, 0x00, [11] = 1};

	(void) state;
	for (unsigned bits = 0; bits <= 300; bits++)
		CHECK_INT("length", ev_nat64_add(&nat64, address, bits), bits == 96);
	for (uint8_t i = 2; i <= EV_NAT64_MAX; i++)
	{
		address[11] = i;
		assert_true(ev_nat64_add(&nat64, address, 96));
	}
	assert_int_equal(nat64.n, EV_NAT64_MAX);
	assert_true(ev_nat64_add(&nat64, address, 96));
	address[11] = 0;
	assert_false(ev_nat64_add(&nat64, address, 96));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_v4_ranges_are_refused_to_their_last_address),
		cmocka_unit_test(reserved_v4_ranges_are_never_allowed),
		cmocka_unit_test(v6_is_public_only_where_it_is_assigned),
		cmocka_unit_test(v6_that_carries_v4_is_judged_by_it),
		cmocka_unit_test(v4_ranges_end_where_the_registry_says),
		cmocka_unit_test(v6_ranges_end_where_the_registry_says),
		cmocka_unit_test(an_isatap_identifier_counts_below_any_prefix),
		cmocka_unit_test(what_a_nat64_prefix_leads_to_is_judged_at_each_length),
		cmocka_unit_test(a_resolver_makes_no_address_better),
		cmocka_unit_test(prefixes_are_learned_from_where_the_known_addresses_stand),
		cmocka_unit_test(a_prefix_of_another_length_or_with_bits_behind_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
