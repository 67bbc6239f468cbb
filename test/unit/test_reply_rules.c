/*
 * test_reply_rules.c
 *	  The matcher of reply rules against a plain scan of the table, and what holds of every rule.
 */
#include "corpus.h"

#include <stdlib.h>

#include "engine/pattern.h"
#include "engine/reply_rules.h"
#include "engine/vocabulary.h"

/* --- the matcher --------------------------------------------------------------------------------- */

/* Does some alternative match where the rule heeds it? */
static bool
says(const struct ev_reply_rule *rule, const struct ev_pattern_text *text)
{
	for (const char *p = rule->pattern; *p != '\0';)
	{
		const char *end = p + strcspn(p, "|");

		for (size_t i = 0; i < text->n_words; i++)
			if (ev_pattern_match_at(text, text->words[i], p, end) &&
			    ev_reply_rule_heeds(rule, text, text->words[i]))
				return true;
		p = *end == '|' ? end + 1 : end;
	}
	return false;
}

static const struct ev_reply_rule *
scan(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
     const struct ev_pattern_text *text)
{
	for (size_t i = 0; reply->code >= 400 && i < ev_n_reply_rules; i++)
		if (ev_reply_rule_fits(&ev_reply_rules[i], reply, stage, provider, eai) &&
		    (ev_reply_rules[i].pattern == NULL || says(&ev_reply_rules[i], text)))
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
	assert_false(ev_reply_rule_word("alice"));
	assert_false(ev_reply_rule_word("tom"));
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

/* Judge an alternative, behind a noun or not, at every stage and code the rule is for; is it the rule? */
static bool
finds(const struct ev_reply_rule *rule, const char *before, const char *alternative, size_t n)
{
	static const uint16_t of_class[2][4] = {{421, 450, 451, 452}, {550, 554, 551, 501}};
	static struct ev_reply reply;
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;

	memcpy(masked, before, strlen(before));
	ev_pattern_prepare(&text, masked,
	                   strlen(before) + text_of(alternative, n, "", masked + strlen(before)));
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

			found = finds(rule, "", p, n) || finds(rule, " zyx", p, n);
			p += n + (p[n] == '|');
		}
		if (!found)
			print_error("%s is never reached\n", rule->id);
		hidden += !found;
	}
	assert_int_equal(hidden, 0);
}

/* Whatever speaks of us, our sender or a session outweighs a missing user in the same reply, and its code. */
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

			for (int variant = 0; variant < (before ? 4 : 2); variant++)
			{
				static struct ev_reply reply;
				char masked[EV_PATTERN_TEXT_MAX];
				struct ev_pattern_text text;
				const struct ev_reply_rule *got;

				reply.code = rule->code >= 100 ? rule->code : 550;
				reply.enhanced.klass = rule->subject < 0 && variant % 2 == 0 ? 0 : 5;
				reply.enhanced.subject = (uint16_t) (rule->subject < 0 ? 1 : rule->subject);
				reply.enhanced.detail = (uint16_t) (rule->subject < 0 ? 1 : rule->first);
				ev_pattern_prepare(&text, masked,
				                   text_of(p, n, variant >= 2 ? ", no such user" : "", masked));
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

/* --- what is echoed, and what holds whatever is said ------------------------------------------------ */

/* Call back for each alternative of each pattern, its blanks and gaps written as sep. */
static void
for_each_alternative(char sep, void (*check)(const char *words, const struct ev_reply_rule *rule))
{
	for (size_t i = 0; i < ev_n_reply_rules; i++)
		for (const char *p = ev_reply_rules[i].pattern; p != NULL && *p != '\0';)
		{
			char words[200];
			size_t n = strcspn(p, "|");
			size_t len = 0;

			assert_true(n < sizeof(words));
			for (size_t k = 0; k < n; k++)
				if (p[k] == ' ' || (p[k] == '*' && k + 1 < n))
					words[len++] = sep;
				else if (p[k] != '*')
					words[len++] = p[k] == '@' ? 'x' : p[k];
			words[len] = '\0';
			check(words, &ev_reply_rules[i]);
			p += n + (p[n] == '|');
		}
}

static void
judge_code(uint16_t code, struct ev_enhanced enhanced, enum ev_stage stage,
           enum ev_provider provider, const char *text, const struct ev_mask_terms *terms,
           struct ev_finding *out)
{
	static struct ev_reply reply;

	reply.code = code;
	reply.enhanced = enhanced;
	reply.lines = 1;
	reply.text_len = (uint16_t) snprintf(reply.text, sizeof(reply.text), "%s", text);
	ev_classify(&reply, stage, provider, false, terms, out);
}

/*
 * Replies that echo something.  What is echoed stands for %s: the recipient's address, its local
 * part, our EHLO name or sender.
 */
static const struct
{
	uint16_t code;
	uint16_t subject, detail;
	const char *text;
} echoing[] = {
	{550, 1, 1, "<%s@corp.com>: Recipient address rejected: User unknown"},
	{550, 1, 1, "%s@corp.com... User unknown"},
	{550, 0, 0, "No such user (%s)"},
	{550, 0, 0, "no mailbox '%s' here by that name"},
	{550, 7, 1, "%s@corp.com rejected by policy"},
	{550, 0, 0, "<%s@corp.com>"},
	{550, 0, 0, "sorry, <%s@corp.com>"},
	{554, 7, 1, "<%s@corp.com>: Relay access denied"},
	{554, 7, 1,
     "Service unavailable; Client host blocked using zen.example.org, for <%s@corp.com>"},
	{450, 7, 1, "<%s@corp.com>: Recipient address rejected: Greylisted"},
	{452, 2, 2, "<%s@corp.com>: mailbox full"},
	{552, 2, 2, "\"%s\"@corp.com over quota"},
	{550, 0, 0, "<%s@lab.example.com>: sender verify failed"},
	{550, 7, 1, "HELO %s.example.com does not resolve"},
	{550, 0, 0, "see http://example.com/%s for more"},
	{550, 0, 0, "mx-%s.example.org says no"},
	{451, 0, 0, "[%s] try again later"},
};

static int echo_faults;
static int echoes;

static void
an_echo(const char *words, const struct ev_reply_rule *rule)
{
	struct ev_mask_terms terms = corpus_terms;

	for (const char *c = words; *c != '\0'; c++)
		if ((unsigned char) *c >= 0x80 || strchr("'.:#", *c) != NULL)
			return; /* no atom, or no host name */
	for (size_t i = 0; i < N_ROWS(echoing); i++)
	{
		struct ev_enhanced enhanced = {echoing[i].subject == 0 && echoing[i].detail == 0
		                                   ? 0
		                                   : (uint8_t) (echoing[i].code / 100),
		                               echoing[i].subject, echoing[i].detail};
		char text[400];
		struct ev_finding want;
		struct ev_finding got;

		snprintf(text, sizeof(text), echoing[i].text, "john.doe");
		judge_code(echoing[i].code, enhanced, EV_STAGE_RCPT, provider_of(rule), text, &corpus_terms,
		           &want);
		terms.local = words;
		snprintf(text, sizeof(text), echoing[i].text, words);
		judge_code(echoing[i].code, enhanced, EV_STAGE_RCPT, provider_of(rule), text, &terms, &got);
		if (strcmp(want.rule, got.rule) != 0)
		{
			if (echo_faults++ < 40)
				print_error("%d %s: %s, not %s\n", echoing[i].code, text, got.rule, want.rule);
		}
		echoes++;
	}
}

static void
an_echo_of_a_rules_words_changes_nothing(void **state)
{
	(void) state;
	echo_faults = 0;
	echoes = 0;
	for_each_alternative('-', an_echo);
	for_each_alternative('_', an_echo);
	assert_int_equal(echo_faults, 0);
	assert_true(echoes > 50000);
}

/*
 * A local part that stands alone, without quotes, brackets or a domain.  What is no plain word is
 * seen for what it is; a plain word may be one that the server says of itself, but makes nobody
 * invalid.
 */
static void
a_bare_echo(const char *words, const struct ev_reply_rule *rule)
{
	static const struct
	{
		uint16_t code;
		const char *text;
	} replies[] = {
		{550, "%s rejected"},
		{550, "rejected: %s"},
		{550, "%s: rejected by policy"},
		{554, "%s, blocked using zen.example.org"},
		{451, "%s: try again later"},
	};
	struct ev_mask_terms terms = corpus_terms;
	bool plain = strpbrk(words, "-_.'#: ") == NULL;

	for (size_t i = 0; i < N_ROWS(replies); i++)
	{
		char text[400];
		struct ev_finding want;
		struct ev_finding got;

		snprintf(text, sizeof(text), replies[i].text, "john.doe");
		judge_code(replies[i].code, (struct ev_enhanced){0, 0, 0}, EV_STAGE_RCPT, provider_of(rule),
		           text, &corpus_terms, &want);
		terms.local = words;
		snprintf(text, sizeof(text), replies[i].text, words);
		judge_code(replies[i].code, (struct ev_enhanced){0, 0, 0}, EV_STAGE_RCPT, provider_of(rule),
		           text, &terms, &got);
		if (plain ? ev_reason_info(got.reason)->status == EV_STATUS_INVALID
		          : strcmp(want.rule, got.rule) != 0)
		{
			if (echo_faults++ < 40)
				print_error("%d %s: %s, not %s\n", replies[i].code, text, got.rule, want.rule);
		}
		echoes++;
	}
}

static void
a_bare_echo_condemns_nobody(void **state)
{
	(void) state;
	echo_faults = 0;
	echoes = 0;
	for_each_alternative('-', a_bare_echo);
	for_each_alternative('_', a_bare_echo);
	assert_int_equal(echo_faults, 0);
	assert_true(echoes > 10000);
}

/* What every rule says, in every form: never `invalid` below 500, `unknown` with its cause, in all words. */
static int n_said;

static void
a_text_at_every_code(const char *words, const struct ev_reply_rule *rule)
{
	static const uint16_t codes[] = {421, 432, 450, 451, 452, 454, 501, 550, 551, 552, 554};
	static const struct ev_enhanced enhanced[] = {{0, 0, 0}, {0, 1, 1}, {0, 2, 1}, {0, 7, 1}};

	for (size_t c = 0; c < N_ROWS(codes); c++)
		for (size_t e = 0; e < N_ROWS(enhanced); e++)
		{
			struct ev_enhanced code = enhanced[e];
			struct ev_finding finding;
			struct ev_verdict verdict;

			code.klass = code.subject == 0 ? 0 : (uint8_t) (codes[c] / 100);
			judge_code(codes[c], code, EV_STAGE_RCPT, provider_of(rule), words, &corpus_terms,
			           &finding);
			verdict = ev_verdict_of(finding.reason, finding.detail);
			if (codes[c] < 500)
				CHECK_INT(words, verdict.status == EV_STATUS_INVALID, false);
			if (verdict.status == EV_STATUS_UNKNOWN)
				CHECK_INT(words, finding.detail != EV_DETAIL_NONE, true);
			if (finding.about == EV_ABOUT_US || finding.about == EV_ABOUT_SENDER ||
			    finding.about == EV_ABOUT_SESSION || finding.about == EV_ABOUT_SYSTEM)
				CHECK_INT(words, verdict.status, EV_STATUS_UNKNOWN);
			for (int v = 0; v < EV_N_VOCABULARY; v++)
				CHECK_INT(words, ev_words_of(&verdict, (enum ev_vocabulary) v).status != NULL,
				          true);
			n_said++;
		}
}

static void
no_4xx_says_invalid_and_every_unknown_has_a_detail(void **state)
{
	(void) state;
	n_said = 0;
	for_each_alternative(' ', a_text_at_every_code);
	assert_true(n_said > 50000);
}

/* An id is stored with verdicts: no two things may have the same one. */
static void
no_two_rules_have_one_id(void **state)
{
	static const char *const ids[] = {
#define EV_BOUNCE_RULE(id, when, enhanced, pattern, about, reason, detail, later_reason,           \
                       later_detail, scope)                                                        \
	(id),
#include "engine/bounce_rules.def"
		"accept",     "accept.250", "accept.251",         "accept.252",
		"accept.2xx", "unexpected", "rcpt.contradiction",
	};

	(void) state;
	for (size_t i = 0; i < ev_n_reply_rules; i++)
	{
		assert_true(ev_reply_rules[i].id[0] != '\0');
		assert_true(strncmp(ev_reply_rules[i].id, "outcome.", 8) != 0);
		for (size_t k = 0; k < ev_n_reply_rules; k++)
			assert_true(k == i || strcmp(ev_reply_rules[i].id, ev_reply_rules[k].id) != 0);
		for (size_t k = 0; k < N_ROWS(ids); k++)
			assert_string_not_equal(ev_reply_rules[i].id, ids[k]);
	}
	for (size_t i = 0; i < N_ROWS(ids); i++)
		for (size_t k = i + 1; k < N_ROWS(ids); k++)
			assert_string_not_equal(ids[i], ids[k]);
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
		cmocka_unit_test(an_echo_of_a_rules_words_changes_nothing),
		cmocka_unit_test(a_bare_echo_condemns_nobody),
		cmocka_unit_test(no_4xx_says_invalid_and_every_unknown_has_a_detail),
		cmocka_unit_test(no_two_rules_have_one_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
