/*
 * test_classify.c
 *	  The corpus of replies, the order of judgement, and rules that cannot be reached or stored.
 */
#include "corpus.h"

#include <stdlib.h>

#include "engine/pattern.h"
#include "engine/reply_rules.h"

#ifndef CORPUS
#define CORPUS "test/data/replies.tsv"
#endif

static enum ev_stage
stage_by_label(const char *label, size_t n)
{
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
	{
		const char *name = ev_stage_label((enum ev_stage) i);

		if (strlen(name) == n && memcmp(name, label, n) == 0)
			return (enum ev_stage) i;
	}
	fail_msg("no stage %.*s", (int) n, label);
	return EV_STAGE_NONE;
}

/* Which rules have decided a line of the corpus? */
static bool has_decided[1024];

static void
note_rule(const char *id)
{
	for (size_t i = 0; i < ev_n_reply_rules; i++)
		if (strcmp(ev_reply_rules[i].id, id) == 0)
			has_decided[i] = true;
}

/* Is this line of the corpus judged as it says?  Tells what is wrong, so that one run shows all. */
static bool
check_line(char *line)
{
	char *field[6];
	char row[400];
	struct ev_finding finding;
	const char *reason;
	const char *detail;
	size_t stage_len;
	char *out;

	for (int i = 0; i < 6; i++)
	{
		field[i] = line;
		line += strcspn(line, "\t");
		if (*line == '\t')
			*line++ = '\0';
	}
	snprintf(row, sizeof(row), "%s %s %s", field[0], field[1], field[2]);

	/* \n stands for a line end, \xHH for a byte */
	out = field[2];
	for (char *in = field[2]; *in != '\0'; in++)
		if (in[0] == '\\' && in[1] == 'n')
			*out++ = '\n', in++;
		else if (in[0] == '\\' && in[1] == 'x')
		{
			char hex[] = {in[2], in[3], '\0'};

			*out++ = (char) strtol(hex, NULL, 16), in += 3;
		}
		else
			*out++ = *in;
	*out = '\0';
	if (field[5][0] == '\0')
		fail_msg("%s: no source", row);

	stage_len = strcspn(field[0], "+");
	corpus_classify(field[2], stage_by_label(field[0], stage_len), field[1],
	                field[0][stage_len] == '+', &corpus_terms, &finding);
	note_rule(finding.rule);
	reason = finding.put_back ? "put_back" : ev_reason_info(finding.reason)->label;
	detail = finding.put_back || finding.detail == EV_DETAIL_NONE
	             ? "-"
	             : ev_detail_info(finding.detail)->label;
	if (strcmp(reason, field[3]) == 0 &&
	    (strcmp(field[4], "*") == 0 || strcmp(detail, field[4]) == 0) &&
	    finding.accepted == (field[2][0] == '2') && finding.temporary == (field[2][0] == '4') &&
	    (!finding.put_back || finding.about == EV_ABOUT_SESSION))
		return true;
	print_error("%s: %s %s by %s, not %s %s\n", row, reason, detail, finding.rule, field[3],
	            field[4]);
	return false;
}

static void
replies_of_the_corpus_mean_what_they_mean(void **state)
{
	FILE *file = fopen(CORPUS, "r");
	char line[4096];
	int n = 0;
	int wrong = 0;

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		wrong += !check_line(line);
		n++;
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(n >= 950);
}

/* A rule that decides no line is one that nobody has seen at work. */
static void
every_rule_decides_a_line_of_the_corpus(void **state)
{
	int missing = 0;

	(void) state;
	assert_true(ev_n_reply_rules <= N_ROWS(has_decided));
	for (size_t i = 0; i < ev_n_reply_rules; i++)
		if (!has_decided[i])
		{
			print_error("%s decides no line of %s\n", ev_reply_rules[i].id, CORPUS);
			missing++;
		}
	assert_int_equal(missing, 0);
}

static void
no_4xx_says_that_a_mailbox_does_not_exist(void **state)
{
	FILE *file = fopen(CORPUS, "r");
	char line[4096];

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *host = strchr(line, '\t');
		char *text = host ? strchr(host + 1, '\t') : NULL;
		struct ev_reply reply = {.lines = 1};

		if (line[0] == '#' || text == NULL)
			continue;
		*text++ = '\0';
		text[strcspn(text, "\t")] = '\0';
		if (strlen(text) < 4)
			continue;
		reply.text_len = (uint16_t) snprintf(reply.text, sizeof(reply.text), "%s", text + 4);
		for (uint16_t code = 400; code < 500; code++)
		{
			struct ev_finding finding;

			reply.code = code;
			ev_classify(&reply, EV_STAGE_RCPT, ev_provider_of_host(host + 1, strlen(host + 1)),
			            false, NULL, &finding);
			if (ev_reason_info(finding.reason)->status == EV_STATUS_INVALID ||
			    finding.reason == EV_REASON_MAILBOX_DISABLED)
				fail_msg("%d %s: %s", code, text + 4, finding.rule);
		}
	}
	fclose(file);
}

static void
nothing_before_rcpt_is_about_the_recipient(void **state)
{
	static const enum ev_stage stages[] = {EV_STAGE_CONNECT, EV_STAGE_GREETING, EV_STAGE_EHLO,
	                                       EV_STAGE_STARTTLS, EV_STAGE_MAIL};
	static const char *const texts[] = {
		"550 5.1.1 User unknown",     "550 No such user",    "552 5.2.2 Mailbox full",
		"550 5.2.1 Mailbox disabled", "550 relaying denied", "551 try <a@b.com>",
		"501 5.1.3 bad address",      "524 5.2.4 x",         "556 5.1.10 null MX",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(stages); i++)
		for (size_t k = 0; k < N_ROWS(texts); k++)
		{
			struct ev_finding finding;

			corpus_classify(texts[k], stages[i], "mx.corp.com", false, &corpus_terms, &finding);
			CHECK_INT(texts[k], ev_reason_info(finding.reason)->status, EV_STATUS_UNKNOWN);
			CHECK_INT(texts[k], finding.about == EV_ABOUT_RECIPIENT, false);
			CHECK_INT(texts[k], finding.about == EV_ABOUT_DOMAIN, false);
			CHECK_INT(texts[k], finding.detail == EV_DETAIL_NONE, false);
		}
}

/* Every code at every stage has an answer, and every answer that says unknown has a detail. */
static void
no_reply_is_left_without_a_finding(void **state)
{
	(void) state;
	for (int stage = 0; stage < EV_N_STAGE; stage++)
		for (uint16_t code = 0; code < 600; code++)
			for (int subject = 0; subject <= 8; subject++)
			{
				struct ev_reply reply = {.code = code, .lines = 1};
				struct ev_finding finding;

				reply.enhanced.klass = (uint8_t) (subject == 8 ? 0 : code / 100);
				reply.enhanced.subject = (uint16_t) subject;
				reply.enhanced.detail = (uint16_t) (code % 40);
				ev_classify(&reply, (enum ev_stage) stage, EV_PROVIDER_OTHER, false, NULL,
				            &finding);
				assert_true(finding.rule[0] != '\0');
				if (ev_reason_info(finding.reason)->status == EV_STATUS_UNKNOWN)
					assert_int_not_equal(finding.detail, EV_DETAIL_NONE);
			}
}

static void
hints_are_read_from_the_text(void **state)
{
	static const struct
	{
		const char *text;
		uint32_t seconds;
	} rows[] = {
		{"451 4.7.1 Greylisted, please try again in 300 seconds", 300},
		{"451 Greylisted for 5 minutes", 300},
		{"450 greylisted for 60 seconds by zerospam", 60},
		{"451 try again in 1 hour", 3600},
		{"451 try again after 90s please", 90},
		{"451 greylisted (00:05:00)", 0},
		{"451 try again in 99999999 hours", 86400},
		{"451 4.7.1 try later", 0},
		{"550 User unknown, 5 minutes", 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding;

		corpus_classify(rows[i].text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
		CHECK_INT(rows[i].text, finding.retry_after, rows[i].seconds);
	}
}

static void
the_text_of_a_whole_reply_is_used_not_its_first_line(void **state)
{
	struct ev_finding finding;

	(void) state;
	corpus_classify("550-5.1.1 The account you tried to reach\n550-5.1.1 does\n550 5.1.1 not exist",
	                EV_STAGE_RCPT, "mx.corp.com", false, NULL, &finding);
	assert_string_equal(finding.rule, "rcpt.unknown.mailbox");
}

static void
a_text_of_any_length_is_bounded(void **state)
{
	static struct ev_reply reply;
	static const char *const parts[] = {"user ", "<", "\"", "a@", "1:", "x.", "user*", "@", "- "};

	(void) state;
	for (size_t i = 0; i < N_ROWS(parts); i++)
	{
		struct ev_finding finding;

		reply.code = 550;
		reply.text_len = 0;
		while (reply.text_len + strlen(parts[i]) <= EV_REPLY_TEXT_MAX)
		{
			memcpy(reply.text + reply.text_len, parts[i], strlen(parts[i]));
			reply.text_len = (uint16_t) (reply.text_len + strlen(parts[i]));
		}
		ev_classify(&reply, EV_STAGE_RCPT, EV_PROVIDER_OTHER, false, &corpus_terms, &finding);
		assert_true(finding.rule[0] != '\0');
	}
}

/* "Not found" is said of many things: only where nothing is named, it is the recipient. */
static void
what_is_not_found_may_be_something_else(void **state)
{
	static const struct
	{
		const char *text;
		bool recipient;
	} rows[] = {
		{"550 not found", true},
		{"550 Sorry, not found.", true},
		{"550 <john.doe@corp.com>: not found", true},
		{"550 john.doe@corp.com does not exist", true},
		{"550 Recipient address rejected: does not exist", true},
		{"550 550 could not be found", true},
		{"550 Your request failed; it was not found here", true},
		{"550 the thing you sent with was not found", false},
		{"550 Blob not found", false},
		{"550 <john.doe@corp.com>: the blob does not exist", false},
		{"550 Blob: not found", false},
		{"550 a b c d e f the it is was not no a an of for the it is was not no a an blob not "
	     "found",
	     false},
		{"550 5.1.1 Blob not found", true},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding;

		corpus_classify(rows[i].text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
		CHECK_INT(rows[i].text, finding.reason == EV_REASON_MAILBOX_NOT_FOUND, rows[i].recipient);
		CHECK_INT(rows[i].text, finding.strength, EV_STRONG);
	}
}

/*
 * --- the pattern language
 * --------------------------------------------------------------------------
 */

static void
patterns_match_words_not_parts_of_words(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *text;
		bool match;
	} rows[] = {
		{"rbl", " marble is no block list ", false},
		{"rbl", " an rbl, they say ", true},
		{"rbl", " [rbl] ", true},
		{"rbl", " rbls ", false},
		{"rbl*", " rbls ", true},
		{"user unknown", " user unknown ", true},
		{"user unknown", " user-unknown ", true},
		{"user unknown", " user_unknown ", true},
		{"user unknown", " user  unknown ", false},
		{"user unknown", " superuser unknown ", false},
		{"user unknown", " user unknowns ", false},
		{"user*unknown", " user \x01 is unknown ", true},
		{"user*unknown", " user unknown ", true},
		{"user*unknown", " user is wellunknown ", false},
		{"user*unknown",
	     " user ............................................................ unknown ", false},
		{"try @", " try \x01 ", true},
		{"try @", " try me ", false},
		{"no|yes", " yes ", true},
		{"no|yes", " maybe ", false},
		{"a", "", false},
		{"a*b*c", " a b ", false},
		{"full", " fully ", false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_pattern_text text;

		ev_pattern_prepare(&text, rows[i].text, strlen(rows[i].text));
		CHECK_INT(rows[i].text, ev_pattern_match(&text, rows[i].pattern), rows[i].match);
	}
}

static void
a_local_part_that_rules_look_for_is_known_as_such(void **state)
{
	(void) state;
	assert_true(ev_pattern_has_word("no such user|mailbox full", "user"));
	assert_true(ev_pattern_has_word("no such user|mailbox full", "Mailbox"));
	assert_true(ev_pattern_has_word("relay*denied|x", "relaying"));
	assert_false(ev_pattern_has_word("no such user|mailbox full", "such user"));
	assert_false(ev_pattern_has_word("no such user|mailbox full", "use"));
	assert_false(ev_pattern_has_word("no such user|mailbox full", "users"));
	assert_false(ev_pattern_has_word("no such user", ""));
	assert_false(ev_pattern_has_word("have a*account|unknown to*", "tom"));
}

/*
 * --- the table itself ----------------------------------------------------------------------------
 */

struct rule_row
{
	const char *id;
	const char *pattern;
	int reason;
	int detail;
};

static const struct rule_row rule_rows[] = {
#define EV_RULE(id, stages, code, enhanced, provider, pattern, about, strength, reason, detail,    \
                flags)                                                                             \
	{(id), (pattern), EV_REASON_##reason, EV_DETAIL_##detail},
#include "engine/reply_rules.def"
};

static void
rule_ids_are_stored_whole_and_only_once(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(rule_rows); i++)
	{
		CHECK_INT(rule_rows[i].id, strlen(rule_rows[i].id) <= EV_RULE_MAX, true);
		for (size_t k = i + 1; k < N_ROWS(rule_rows); k++)
			assert_string_not_equal(rule_rows[i].id, rule_rows[k].id);
	}
}

static void
patterns_are_lower_case_and_have_no_empty_alternative(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(rule_rows); i++)
	{
		const char *p = rule_rows[i].pattern;

		if (p == NULL)
			continue;
		for (const char *c = p; *c != '\0'; c++)
			CHECK_INT(rule_rows[i].id,
			          (unsigned char) *c >= 0x80 ||
			              strchr("abcdefghijklmnopqrstuvwxyz0123456789 *@|.:'#", *c) != NULL,
			          true);
		CHECK_INT(rule_rows[i].id,
		          strstr(p, "||") == NULL && strstr(p, "| ") == NULL && strstr(p, " |") == NULL &&
		              strstr(p, "|*") == NULL,
		          true);
		CHECK_INT(rule_rows[i].id, *p != '*' && *p != '|' && *p != ' ' && p[strlen(p) - 1] != '|',
		          true);
	}
}

static void
an_unknown_verdict_of_a_rule_has_a_detail(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(rule_rows); i++)
		if (ev_reason_info((enum ev_reason) rule_rows[i].reason)->status == EV_STATUS_UNKNOWN)
			CHECK_INT(rule_rows[i].id, rule_rows[i].detail != EV_DETAIL_NONE, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_of_the_corpus_mean_what_they_mean),
		cmocka_unit_test(every_rule_decides_a_line_of_the_corpus),
		cmocka_unit_test(no_4xx_says_that_a_mailbox_does_not_exist),
		cmocka_unit_test(nothing_before_rcpt_is_about_the_recipient),
		cmocka_unit_test(no_reply_is_left_without_a_finding),
		cmocka_unit_test(hints_are_read_from_the_text),
		cmocka_unit_test(the_text_of_a_whole_reply_is_used_not_its_first_line),
		cmocka_unit_test(a_text_of_any_length_is_bounded),
		cmocka_unit_test(what_is_not_found_may_be_something_else),
		cmocka_unit_test(patterns_match_words_not_parts_of_words),
		cmocka_unit_test(a_local_part_that_rules_look_for_is_known_as_such),
		cmocka_unit_test(rule_ids_are_stored_whole_and_only_once),
		cmocka_unit_test(patterns_are_lower_case_and_have_no_empty_alternative),
		cmocka_unit_test(an_unknown_verdict_of_a_rule_has_a_detail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
