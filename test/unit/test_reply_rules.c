/*
 * test_reply_rules.c
 *	  The matcher of reply rules against a plain scan of the table, and what holds of every rule.
 */
#include "corpus.h"

#include <stdlib.h>

#include "engine/pattern.h"
#include "engine/reply_rules.h"

/* --- the matcher --------------------------------------------------------------------------------- */

static const struct ev_reply_rule *
scan(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
     const struct ev_pattern_text *text)
{
	for (size_t i = 0; reply->code >= 400 && i < ev_n_reply_rules; i++)
		if (ev_reply_rule_fits(&ev_reply_rules[i], reply, stage, provider, eai) &&
		    (ev_reply_rules[i].pattern == NULL ||
		     ev_pattern_match(text, ev_reply_rules[i].pattern)))
			return &ev_reply_rules[i];
	return NULL;
}

/* A small generator of our own: the same texts on every machine. */
static uint32_t
draw(uint32_t below)
{
	static uint64_t state = 20261122;

	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t) ((state >> 33) % below);
}

/* Pieces of patterns, their first bytes and ends cut now and then, among fillers. */
static size_t
random_text(char *out, size_t size)
{
	static const char *const fillers[] = {" ", " ",  "; ", " the ",        "-",       "_", "\x01",
	                                      "x", ", ", ". ", "\xe4\xb8\x8d", "\xd3\xc3"};
	size_t len = 0;
	uint32_t pieces = 1 + draw(8);

	out[len++] = ' ';
	while (pieces-- > 0)
	{
		const char *pattern = ev_reply_rules[draw((uint32_t) ev_n_reply_rules)].pattern;
		const char *filler = fillers[draw(N_ROWS(fillers))];
		size_t n;

		for (uint32_t skip = draw(40); pattern != NULL && skip > 0; skip--)
		{
			const char *next = strchr(pattern, '|');

			if (next == NULL)
				break;
			pattern = next + 1;
		}
		n = pattern == NULL ? 0 : strcspn(pattern, "|");
		if (n > 1 && draw(8) == 0)
			n = 1 + draw((uint32_t) n - 1);
		if (len + n * 3 + 8 >= size)
			break;
		for (size_t i = 0; i < n; i++)
			if (pattern[i] == '*')
			{
				const char *gap = fillers[draw(N_ROWS(fillers))];

				memcpy(out + len, gap, strlen(gap));
				len += strlen(gap);
			}
			else
				out[len++] = pattern[i] == '@' ? '\x01' : pattern[i];
		memcpy(out + len, filler, strlen(filler));
		len += strlen(filler);
	}
	out[len] = '\0';
	return len;
}

static void
check_same(const char *masked, size_t n, struct ev_reply *reply)
{
	static const enum ev_provider providers[] = {EV_PROVIDER_OTHER,         EV_PROVIDER_GOOGLE,
	                                             EV_PROVIDER_MICROSOFT_365, EV_PROVIDER_YAHOO,
	                                             EV_PROVIDER_MIMECAST,      EV_PROVIDER_BARRACUDA};
	static const uint16_t codes[] = {421, 450, 451, 501, 550, 551, 552, 554};
	struct ev_pattern_text text;

	ev_pattern_prepare(&text, masked, n);
	for (int stage = EV_STAGE_GREETING; stage <= EV_STAGE_RCPT; stage++)
		for (size_t p = 0; p < N_ROWS(providers); p++)
		{
			const struct ev_reply_rule *want;
			const struct ev_reply_rule *got;
			bool eai = draw(2) == 0;

			reply->code = codes[draw(N_ROWS(codes))];
			reply->enhanced.klass = draw(2) == 0 ? 0 : (uint8_t) (reply->code / 100);
			reply->enhanced.subject = (uint16_t) draw(8);
			reply->enhanced.detail = (uint16_t) draw(12);
			want = scan(reply, (enum ev_stage) stage, providers[p], eai, &text);
			got = ev_reply_rule_find(reply, (enum ev_stage) stage, providers[p], eai, &text);
			if (want != got)
				fail_msg("%d %s: %s, not %s", reply->code, masked, got ? got->id : "none",
				         want ? want->id : "none");
		}
}

static void
the_matcher_finds_what_a_scan_of_the_table_finds(void **state)
{
	static struct ev_reply reply;
	char masked[EV_PATTERN_TEXT_MAX];

	(void) state;
	reply.lines = 1;
	for (int i = 0; i < 4000; i++)
		check_same(masked, random_text(masked, 600), &reply);
}

static void
the_matcher_finds_the_same_in_the_corpus(void **state)
{
	FILE *file = fopen("test/data/replies.tsv", "r");
	static struct ev_reply reply;
	char line[4096];
	char masked[EV_PATTERN_TEXT_MAX];

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *text = strchr(line, '\t');

		text = text == NULL ? NULL : strchr(text + 1, '\t');
		if (line[0] == '#' || text == NULL || strcspn(text + 1, "\t") < 4)
			continue;
		text += 5;
		check_same(masked,
		           ev_mask_text(text, strcspn(text, "\t"), &corpus_terms, masked, sizeof(masked)),
		           &reply);
	}
	fclose(file);
}

static void
words_of_rules_are_known(void **state)
{
	(void) state;
	for (int i = 0; i < 3000; i++)
	{
		char text[700];
		char *word;
		bool want = false;

		random_text(text, 600);
		word = strtok(text, " ;,.\x01");
		if (word == NULL)
			continue;
		for (size_t k = 0; k < ev_n_reply_rules; k++)
			want |= ev_reply_rules[k].pattern != NULL &&
			        ev_pattern_has_word(ev_reply_rules[k].pattern, word);
		CHECK_INT(word, ev_reply_rule_word(word), want);
	}
	assert_true(ev_reply_rule_word("USER"));
	assert_true(ev_reply_rule_word("spamhausen"));
	assert_false(ev_reply_rule_word(""));
	assert_false(ev_reply_rule_word("jane.roe"));
}

/* --- every rule ------------------------------------------------------------------------------------ */

/* A text that fits one alternative, masked as it would be. */
static size_t
text_of(const char *alternative, size_t n, const char *behind, char *out)
{
	size_t len = 0;

	out[len++] = ' ';
	for (size_t i = 0; i < n; i++)
		if (alternative[i] == '*')
			out[len++] = ' ';
		else
			out[len++] = alternative[i] == '@' ? '\x01' : alternative[i];
	len += (size_t) sprintf(out + len, "%s ", behind);
	return len;
}

static enum ev_provider
provider_of(const struct ev_reply_rule *rule)
{
	if (rule->family == EV_FAMILY_EVERY)
		return EV_PROVIDER_OTHER;
	return rule->family == EV_FAMILY_MICROSOFT ? EV_PROVIDER_MICROSOFT_365
	                                           : (enum ev_provider) rule->family;
}

/* Judge behind's text behind an alternative at every stage and code the rule is for; is it the rule? */
static bool
finds(const struct ev_reply_rule *rule, const char *alternative, size_t n)
{
	static const uint16_t of_class[2][4] = {{421, 450, 451, 452}, {550, 554, 551, 501}};
	static struct ev_reply reply;
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;

	ev_pattern_prepare(&text, masked, text_of(alternative, n, "", masked));
	for (int stage = EV_STAGE_CONNECT; stage <= EV_STAGE_RCPT; stage++)
		for (int klass = 4; klass <= 5; klass++)
			for (int i = 0; i < 4; i++)
				for (int16_t detail = rule->first; detail <= rule->first + 8; detail++)
				{
					reply.code = rule->code >= 100 ? rule->code : of_class[klass - 4][i];
					reply.enhanced.klass = rule->subject < 0 ? 0 : (uint8_t) (reply.code / 100);
					reply.enhanced.subject = (uint16_t) rule->subject;
					reply.enhanced.detail = (uint16_t) detail;
					if (ev_reply_rule_find(&reply, (enum ev_stage) stage, provider_of(rule),
					                       (rule->flags & EV_RULE_ONLY_EAI) != 0, &text) == rule)
						return true;
				}
	return false;
}

static void
no_rule_is_hidden_by_earlier_ones(void **state)
{
	int hidden = 0;

	(void) state;
	for (size_t i = 0; i < ev_n_reply_rules; i++)
	{
		const struct ev_reply_rule *rule = &ev_reply_rules[i];
		const char *p = rule->pattern == NULL ? "zyx" : rule->pattern;
		bool found = false;

		while (!found && *p != '\0')
		{
			size_t n = strcspn(p, "|");

			found = finds(rule, p, n);
			p += n + (p[n] == '|');
		}
		if (!found)
			print_error("%s is never reached\n", rule->id);
		hidden += !found;
	}
	assert_int_equal(hidden, 0);
}

/* Whatever speaks of us, our sender or a session outweighs a missing user in the same reply. */
static void
no_text_about_us_says_invalid(void **state)
{
	bool before = true;
	int n_texts = 0;
	int wrong = 0;

	(void) state;
	for (size_t i = 0; i < ev_n_reply_rules; i++)
	{
		const struct ev_reply_rule *rule = &ev_reply_rules[i];
		bool at_rcpt =
			(rule->stages & 1u << EV_STAGE_RCPT) && rule->code / 100 != 4 && rule->code != 4;

		before &= strcmp(rule->id, "rcpt.unknown.user") != 0;
		if (rule->pattern == NULL || !at_rcpt ||
		    (rule->about != EV_ABOUT_US && rule->about != EV_ABOUT_SENDER &&
		     rule->about != EV_ABOUT_SESSION))
			continue;
		for (const char *p = rule->pattern; *p != '\0';)
		{
			size_t n = strcspn(p, "|");

			for (int behind = 0; behind <= (before ? 1 : 0); behind++)
			{
				static struct ev_reply reply;
				char masked[EV_PATTERN_TEXT_MAX];
				struct ev_pattern_text text;
				const struct ev_reply_rule *got;

				reply.code = rule->code >= 100 ? rule->code : 550;
				reply.enhanced.klass = rule->subject < 0 ? 0 : 5;
				reply.enhanced.subject = (uint16_t) rule->subject;
				reply.enhanced.detail = (uint16_t) rule->first;
				ev_pattern_prepare(&text, masked,
				                   text_of(p, n, behind ? ", no such user" : "", masked));
				got = ev_reply_rule_find(&reply, EV_STAGE_RCPT, provider_of(rule), false, &text);
				assert_non_null(got);
				if (ev_reason_info(got->reason)->status == EV_STATUS_INVALID)
				{
					wrong++;
					print_error("%s: %s: %s\n", rule->id, masked, got->id);
				}
				n_texts++;
			}
			p += n + (p[n] == '|');
		}
	}
	assert_int_equal(wrong, 0);
	assert_true(n_texts > 1000);
}

static void
no_rule_for_a_4xx_or_before_rcpt_says_invalid(void **state)
{
	(void) state;
	for (size_t i = 0; i < ev_n_reply_rules; i++)
	{
		const struct ev_reply_rule *rule = &ev_reply_rules[i];
		enum ev_status status = ev_reason_info(rule->reason)->status;

		if (rule->code != 5 && rule->code / 100 != 5)
			CHECK_INT(rule->id, status == EV_STATUS_INVALID, false);
		if (rule->stages & ~(uint16_t) (EV_AT_RCPT) &&
		    rule->reason != EV_REASON_SMTPUTF8_UNSUPPORTED)
			CHECK_INT(rule->id, status == EV_STATUS_INVALID, false);
		if (rule->about != EV_ABOUT_RECIPIENT && rule->about != EV_ABOUT_DOMAIN)
			CHECK_INT(rule->id, status, EV_STATUS_UNKNOWN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_matcher_finds_what_a_scan_of_the_table_finds),
		cmocka_unit_test(the_matcher_finds_the_same_in_the_corpus),
		cmocka_unit_test(words_of_rules_are_known),
		cmocka_unit_test(no_rule_is_hidden_by_earlier_ones),
		cmocka_unit_test(no_text_about_us_says_invalid),
		cmocka_unit_test(no_rule_for_a_4xx_or_before_rcpt_says_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
