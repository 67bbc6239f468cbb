/*
 * test_schedule.c
 *	  No address may be asked for ever, and none too soon.
 */
#include "unit.h"

#include "engine/schedule.h"

static uint32_t
next(enum ev_reason reason, uint32_t attempts, uint32_t hint)
{
	return ev_schedule_next(&ev_schedule_default, reason, attempts, hint);
}

static void
every_reason_comes_to_an_end(void **state)
{
	(void) state;
	for (int i = 0; i < EV_N_REASON; i++)
		for (uint32_t hint = 0; hint < 100000; hint += 33333)
		{
			uint32_t attempts = 1;

			while (next((enum ev_reason) i, attempts, hint) != 0)
				if (++attempts > EV_LADDER_MAX + 1)
					fail_msg("%s is never final", ev_reason_info((enum ev_reason) i)->label);
			assert_int_equal(next((enum ev_reason) i, attempts + 1, hint), 0);
			assert_int_equal(next((enum ev_reason) i, UINT32_MAX, hint), 0);
		}
}

static void
grey_lists_are_retried_at_the_agreed_times(void **state)
{
	static const uint32_t want[] = {360, 2100, 5400, 14400, 43200, 0};

	(void) state;
	for (uint32_t i = 0; i < N_ROWS(want); i++)
		assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, i + 1, 0), want[i]);
}

static void
a_dead_host_takes_three_attempts_over_72_hours(void **state)
{
	uint32_t sum = 0;
	uint32_t attempts = 1;

	(void) state;
	for (uint32_t delay; (delay = next(EV_REASON_SMTP_TIMEOUT, attempts, 0)) != 0; attempts++)
		sum += delay;
	assert_int_equal(attempts, 3);
	assert_int_equal(sum, 72 * 3600);
}

static void
final_verdicts_are_not_asked_again_for_a_hint(void **state)
{
	(void) state;
	assert_int_equal(next(EV_REASON_MAILBOX_NOT_FOUND, 1, 300), 0);
	assert_int_equal(next(EV_REASON_SMTP_DELIVERABLE, 1, 300), 0);
}

static void
a_hint_moves_the_first_delay_both_ways_within_bounds(void **state)
{
	(void) state;
	assert_int_equal(next(EV_REASON_PROOFPOINT_AD_LOOKUP, 1, 30), 45);
	assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, 1, 1), 30);
	assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, 1, 3600), 3615);
	assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, 1, UINT32_MAX), 86400);
	/* later delays only grow */
	assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, 2, 30), 2100);
	assert_int_equal(next(EV_REASON_SMTP_GREYLISTED, 2, 3600), 3615);
}

static void
a_full_ladder_without_an_end_mark_ends_all_the_same(void **state)
{
	struct ev_schedule schedule;

	(void) state;
	for (size_t i = 0; i < N_ROWS(schedule.ladder); i++)
		for (int k = 0; k < EV_LADDER_MAX; k++)
			schedule.ladder[i].delay[k] = 10;
	assert_int_equal(ev_schedule_next(&schedule, EV_REASON_SMTP_TIMEOUT, EV_LADDER_MAX, 0), 10);
	assert_int_equal(ev_schedule_next(&schedule, EV_REASON_SMTP_TIMEOUT, EV_LADDER_MAX + 1, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_comes_to_an_end),
		cmocka_unit_test(grey_lists_are_retried_at_the_agreed_times),
		cmocka_unit_test(a_dead_host_takes_three_attempts_over_72_hours),
		cmocka_unit_test(final_verdicts_are_not_asked_again_for_a_hint),
		cmocka_unit_test(a_hint_moves_the_first_delay_both_ways_within_bounds),
		cmocka_unit_test(a_full_ladder_without_an_end_mark_ends_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
