/*
 * test_reason.c
 *	  Statuses, reasons, details, stages: nothing without a label, nothing twice.
 */
#include "unit.h"

#include "engine/verdict.h"

static void
reasons_have_no_duplicate_or_malformed_labels(void **state)
{
	(void) state;
	for (int i = 0; i < EV_N_REASON; i++)
	{
		const struct ev_reason_info *info = ev_reason_info((enum ev_reason) i);

		assert_non_null(info->label);
		assert_non_null(info->description);
		assert_true(strspn(info->label, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
		            strlen(info->label));
		for (int k = i + 1; k < EV_N_REASON; k++)
			assert_string_not_equal(info->label, ev_reason_info((enum ev_reason) k)->label);
	}
}

static void
details_have_no_duplicate_or_malformed_labels(void **state)
{
	(void) state;
	assert_null(ev_detail_info(EV_DETAIL_NONE)->label);
	for (int i = 1; i < EV_N_DETAIL; i++)
	{
		const struct ev_detail_info *info = ev_detail_info((enum ev_detail) i);

		assert_non_null(info->label);
		assert_true(strspn(info->label, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
		            strlen(info->label));
		for (int k = i + 1; k < EV_N_DETAIL; k++)
			assert_string_not_equal(info->label, ev_detail_info((enum ev_detail) k)->label);
	}
}

/* The sort order of the SQL enum is status first, label second. */
static void
reasons_are_ordered_by_status_then_label(void **state)
{
	(void) state;
	for (int i = 1; i < EV_N_REASON; i++)
	{
		const struct ev_reason_info *last = ev_reason_info((enum ev_reason)(i - 1));
		const struct ev_reason_info *info = ev_reason_info((enum ev_reason) i);

		if (last->status == info->status)
			assert_true(strcmp(last->label, info->label) < 0);
	}
}

static void
a_served_verdict_never_expires_before_it_is_stale(void **state)
{
	(void) state;
	for (int i = 0; i < EV_N_REASON; i++)
	{
		const struct ev_reason_info *info = ev_reason_info((enum ev_reason) i);

		if (info->fresh > info->expire)
			fail_msg("%s", info->label);
	}
}

static void
labels_look_up_to_themselves_and_hyphens_do_not_matter(void **state)
{
	enum ev_reason reason = EV_REASON_PENDING;
	enum ev_detail detail = EV_DETAIL_NONE;

	(void) state;
	for (int i = 0; i < EV_N_REASON; i++)
	{
		const char *label = ev_reason_info((enum ev_reason) i)->label;

		assert_true(ev_reason_by_label(label, strlen(label), &reason));
		assert_int_equal(reason, i);
	}
	for (int i = 1; i < EV_N_DETAIL; i++)
	{
		const char *label = ev_detail_info((enum ev_detail) i)->label;

		assert_true(ev_detail_by_label(label, strlen(label), &detail));
		assert_int_equal(detail, i);
	}
	assert_true(ev_reason_by_label("mailbox-not-found!", 17, &reason));
	assert_int_equal(reason, EV_REASON_MAILBOX_NOT_FOUND);
}

static void
unknown_labels_leave_the_result_alone(void **state)
{
	enum ev_reason reason = EV_REASON_SUPPRESSED;
	enum ev_detail detail = EV_DETAIL_WEAK;

	(void) state;
	assert_false(ev_reason_by_label("mailbox_not", 11, &reason));
	assert_false(ev_reason_by_label("mailbox_not_found_", 18, &reason));
	assert_false(ev_reason_by_label("", 0, &reason));
	assert_false(ev_reason_by_label("mailbox_not_found\0x", 19, &reason));
	assert_int_equal(reason, EV_REASON_SUPPRESSED);
	assert_false(ev_detail_by_label("weak_", 5, &detail));
	assert_int_equal(detail, EV_DETAIL_WEAK);
}

static void
statuses_and_advices_have_labels(void **state)
{
	(void) state;
	for (int i = 0; i < EV_N_STATUS; i++)
		assert_non_null(ev_status_label((enum ev_status) i));
	for (int i = EV_ADVICE_SEND; i <= EV_ADVICE_REMOVE; i++)
		assert_non_null(ev_advice_label((enum ev_advice) i));
	assert_null(ev_stage_label(EV_STAGE_NONE));
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
		assert_non_null(ev_stage_label((enum ev_stage) i));
}

/* info@ of a domain that does not exist is invalid, not a role mailbox. */
static void
role_never_hides_a_bad_or_unknown_verdict(void **state)
{
	static const struct
	{
		enum ev_reason reason;
		enum ev_status status;
	} rows[] = {
		{EV_REASON_SMTP_DELIVERABLE, EV_STATUS_ROLE},
		{EV_REASON_CATCH_ALL_DOMAIN, EV_STATUS_ROLE},
		{EV_REASON_RECIPIENT_RESTRICTED, EV_STATUS_ROLE},
		{EV_REASON_MAILBOX_NOT_FOUND, EV_STATUS_INVALID},
		{EV_REASON_SMTP_TIMEOUT, EV_STATUS_UNKNOWN},
		{EV_REASON_DISPOSABLE_DOMAIN, EV_STATUS_DISPOSABLE},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_verdict verdict = ev_verdict_of(rows[i].reason, EV_DETAIL_NONE);

		assert_int_equal(verdict.status, ev_reason_info(rows[i].reason)->status);
		ev_verdict_apply_role(&verdict, false);
		assert_int_equal(verdict.status, ev_reason_info(rows[i].reason)->status);
		ev_verdict_apply_role(&verdict, true);
		CHECK_INT(ev_reason_info(rows[i].reason)->label, verdict.status, rows[i].status);
		assert_int_equal(verdict.reason, rows[i].reason);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_have_no_duplicate_or_malformed_labels),
		cmocka_unit_test(details_have_no_duplicate_or_malformed_labels),
		cmocka_unit_test(reasons_are_ordered_by_status_then_label),
		cmocka_unit_test(a_served_verdict_never_expires_before_it_is_stale),
		cmocka_unit_test(labels_look_up_to_themselves_and_hyphens_do_not_matter),
		cmocka_unit_test(unknown_labels_leave_the_result_alone),
		cmocka_unit_test(statuses_and_advices_have_labels),
		cmocka_unit_test(role_never_hides_a_bad_or_unknown_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
