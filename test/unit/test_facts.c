/*
 * test_facts.c
 *	  What is remembered of a domain's hosts: how many recipients of a session they bear, for how long,
 *	  and whose word counts.
 */
#include "unit.h"

#include "net/facts.h"

#define HOST  UINT64_C(77)
#define HOUR  (UINT64_C(3600) * 1000)
#define START (UINT64_C(1000) * HOUR)

static struct ev_facts facts;

static uint16_t
ended(size_t n, size_t tried, bool by_reply, uint64_t now)
{
	return ev_fact_ended_early(ev_facts_of(&facts, HOST, now), n, tried, by_reply, now);
}

static void
a_host_that_says_so_has_named_its_limit(void **state)
{
	(void) state;
	ev_facts_init(&facts);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 0);
	assert_int_equal(ended(2, 20, true, START), 2);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 2);
	assert_int_equal(ev_facts_limit(&facts, HOST + 1, START), 0);
}

/* One lost connection shall not make a thousand sessions of a hundred. */
static void
a_close_halves_what_is_tried_and_no_more(void **state)
{
	size_t tried = 20;

	(void) state;
	ev_facts_init(&facts);
	assert_int_equal(ended(15, tried, false, START), 15);
	for (size_t want = 10; tried > 1; want /= 2)
	{
		assert_int_equal(ended(1, tried, false, START), want);
		tried = want;
	}
	assert_int_equal(tried, 1);
	assert_int_equal(ended(1, tried, false, START), 1);
}

static void
a_limit_is_forgotten_after_a_day(void **state)
{
	(void) state;
	ev_facts_init(&facts);
	(void) ended(3, 20, true, START);
	assert_int_equal(ev_facts_limit(&facts, HOST, START + 24 * HOUR), 3);
	assert_int_equal(ev_facts_limit(&facts, HOST, START + 24 * HOUR + 1), 0);
}

static void
what_was_stored_counts_where_nothing_newer_is_known(void **state)
{
	struct ev_request request = {.n_known = 1};

	(void) state;
	request.known[0] =
		(struct ev_known_host){.host_hash = HOST, .limit = 4, .limit_age = 23 * 3600};
	ev_facts_init(&facts);
	ev_facts_merge(&facts, &request, START);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 4);
	/* its day began when it was learned */
	assert_int_equal(ev_facts_limit(&facts, HOST, START + HOUR + 1), 0);

	(void) ended(2, 4, true, START);
	ev_facts_merge(&facts, &request, START);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 2);

	ev_facts_init(&facts);
	request.known[0].limit_age = 25 * 3600;
	ev_facts_merge(&facts, &request, START);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 0);
}

static void
looking_at_a_host_makes_no_record_of_it(void **state)
{
	(void) state;
	ev_facts_init(&facts);
	assert_int_equal(ev_facts_random(&facts, HOST, START, 3600), EV_RANDOM_UNKNOWN);
	assert_int_equal(ev_facts_limit(&facts, HOST, START), 0);
	for (size_t i = 0; i < EV_KNOWN_HOSTS; i++)
		assert_int_equal(facts.hosts[i].host_hash, 0);
	ev_fact_learn_random(ev_facts_of(&facts, HOST, START), EV_RANDOM_REFUSED, 1, START);
	assert_int_equal(ev_facts_random(&facts, HOST, START, 3600), EV_RANDOM_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_says_so_has_named_its_limit),
		cmocka_unit_test(a_close_halves_what_is_tried_and_no_more),
		cmocka_unit_test(a_limit_is_forgotten_after_a_day),
		cmocka_unit_test(what_was_stored_counts_where_nothing_newer_is_known),
		cmocka_unit_test(looking_at_a_host_makes_no_record_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
