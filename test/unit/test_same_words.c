/*
 * test_same_words.c
 *	  Two refusals are worded alike when only what changes with each session or recipient differs.
 */
#include "corpus.h"

#include "engine/same_words.h"

static uint64_t
words(const char *text)
{
	struct ev_reply reply;

	corpus_reply(text, &reply);
	return ev_same_words(&reply, &corpus_terms);
}

static void
what_changes_with_each_session_makes_no_other_words(void **state)
{
	static const char *const pairs[][2] = {
		{"550 Rejected", "550 rejected"},
		{"550 <john.doe@corp.com>: Rejected", "550 <somebody.else@corp.com>: Rejected"},
		{"550 john.doe not taken", "550 <jane@corp.com> not taken"},
		{"550 Rejected (in reply 4bX7q2Zk)", "550 Rejected (in reply 9aK1m3Wq)"},
		{"550 Rejected at 12:01:33 by mx1.corp.com", "550 Rejected at 18:44:02 by mx7.corp.com"},
		{"550-5.1.0 Rejected\n550 5.1.0 ask us", "550-5.1.0 Rejected\n550 5.1.0 ask us"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK_INT(pairs[i][0], words(pairs[i][0]) == words(pairs[i][1]), true);
}

static void
other_words_or_codes_are_other_refusals(void **state)
{
	static const char *const texts[] = {
		"550 Rejected",
		"554 Rejected",
		"550 5.7.1 Rejected",
		"550 5.1.0 Rejected",
		"550 Rejected by policy",
		"550 Callout verification failed",
		"550 ",
		"554 5.0.0 Service unavailable",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		CHECK_INT(texts[i], words(texts[i]) != 0, true);
		for (size_t j = 0; j < i; j++)
			CHECK_INT(texts[i], words(texts[i]) != words(texts[j]), true);
	}
}

/* It is stored: another build must come to the same. */
static void
the_number_of_some_words_never_changes(void **state)
{
	(void) state;
	CHECK_INT("550 5.1.0 Rejected", words("550 5.1.0 Rejected") == UINT64_C(0xb884c9db7e2e788d),
	          true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_with_each_session_makes_no_other_words),
		cmocka_unit_test(other_words_or_codes_are_other_refusals),
		cmocka_unit_test(the_number_of_some_words_never_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
