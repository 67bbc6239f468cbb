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
		CHECK_INT(rows[i].address, ev_target_v6(address), rows[i].target);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_v4_ranges_are_refused_to_their_last_address),
		cmocka_unit_test(reserved_v4_ranges_are_never_allowed),
		cmocka_unit_test(v6_is_public_only_where_it_is_assigned),
		cmocka_unit_test(v6_that_carries_v4_is_judged_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
