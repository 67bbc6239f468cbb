/*
 * test_trap_name.c
 *	  Addresses that call themselves spam traps, and those that only look a little like it.
 */
#include "unit.h"

#include "engine/trap_name.h"

static bool
is_trap(const char *address)
{
	const char *at = strrchr(address, '@');

	return ev_is_trap_name(address, (size_t) (at - address), at + 1, strlen(at + 1));
}

static void
an_address_that_calls_itself_a_trap_is_one(void **state)
{
	static const char *const rows[] = {
		"spamtrap@acme.com",
		"SpamTrap@acme.com",
		"spam-trap@acme.com",
		"spam.trap@acme.com",
		"spam_trap@acme.com",
		"spamtrap1@acme.com",
		"spam-trap-2024@acme.com",
		"spamtraps@acme.com",
		"honeypot@acme.com",
		"honey-pot@acme.com",
		"honeypots7@acme.com",
		"ann.spamtrap@acme.com",
		"my-spamtraps@acme.com",
		"spamtrap-web@acme.com",
		"ann@spamtrap.acme.com",
		"ann@spam-trap.acme.com",
		"ann@mx1.spamtraps2.com",
		"ann+spamtrap@acme.com",
		"x@spamtrap",
		"spamtrap@",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i], is_trap(rows[i]), true);
}

/* Risky would be said of a person. */
static void
other_names_are_none(void **state)
{
	static const char *const rows[] = {
		"trap@acme.com",
		"von.trapp@acme.com",
		"spam@acme.com",
		"nospam@acme.com",
		"ann.nospam@acme.com",
		"abuse@acme.com",
		"honeypot.cafe@acme.com",
		"the-honeypot@acme.com",
		"ann@honeypot.io",
		"jobs@honey-pot.com",
		"spam@trap.com",
		"ann@myspamtrap.com",
		"spamtra@acme.com",
		"spamtr\xc3\xa4p@acme.com",
		"...@acme.com",
		"@",
		"@..",
		"1@2.3",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i], is_trap(rows[i]), false);
}

/* Nobody has such an address, but whoever calls may have such a text. */
static void
long_names_stay_within_bounds(void **state)
{
	char local[1000], domain[1000];

	(void) state;
	memset(local, 's', sizeof(local));
	memset(domain, '.', sizeof(domain));
	assert_false(ev_is_trap_name(local, sizeof(local), domain, sizeof(domain)));
	assert_false(ev_is_trap_name(local, 0, domain, 0));
	memcpy(local, "spamtrap", 8);
	assert_true(ev_is_trap_name(local, sizeof(local), local, sizeof(local)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_calls_itself_a_trap_is_one),
		cmocka_unit_test(other_names_are_none),
		cmocka_unit_test(long_names_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
