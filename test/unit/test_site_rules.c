/*
 * test_site_rules.c
 *	  A site's own rules for replies: what can be one, what they change, and what they cannot.
 */
#include "unit.h"

#include "engine/judge.h"
#include "engine/site_rules.h"

static void
parse(const char *name, const struct ev_site_rule_words *words, struct ev_site_rule *rule)
{
	const struct ev_site_fault *fault = ev_site_rule_parse(1, words, rule);

	CHECK_STR(name, fault == NULL ? NULL : fault->what, NULL);
	CHECK_INT(name, ev_site_rule_sound(rule), true);
}

/* What n rules make of one reply at a host that nobody knows. */
static struct ev_finding
judge_by(const struct ev_site_rule *rules, size_t n, uint16_t code, const char *text,
         enum ev_stage stage, const char *local)
{
	static struct ev_reply reply;
	struct ev_site_rules all = {rules, n};
	struct ev_mask_terms terms = {.local = local, .domain = "corp.com", .sender = "check@lab.com"};
	struct ev_finding finding;
	size_t len;

	memset(&reply, 0, sizeof(reply));
	reply.code = code;
	reply.lines = 1;
	reply.text_len = (uint16_t) strlen(text);
	strcpy(reply.text, text);
	if (!ev_enhanced_parse(reply.text, reply.text_len, &reply.enhanced, &len) ||
	    reply.enhanced.klass != code / 100)
		reply.enhanced = (struct ev_enhanced){0, 0, 0};
	ev_classify(&reply, stage, EV_PROVIDER_OTHER, false, &terms, &finding);
	ev_site_rules_apply(&all, &reply, stage, "mx.corp.com", EV_PROVIDER_OTHER, &terms, &finding);
	return finding;
}

static void
patterns_that_can_be_none(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *what;
	} rows[] = {
		{"", "the pattern is empty"},
		{"|", "an alternative of the pattern is empty"},
		{"gone|", "an alternative of the pattern is empty"},
		{"|gone", "an alternative of the pattern is empty"},
		{"gone||left", "an alternative of the pattern is empty"},
		{"*gone", "a * of the pattern stands where it fits nothing"},
		{"gone**", "a * of the pattern stands where it fits nothing"},
		{"left|*gone", "a * of the pattern stands where it fits nothing"},
		{"a*b*cc", "an alternative of the pattern has too many *"},
		{"x", "an alternative of the pattern fits nearly every text"},
		{"x*", "an alternative of the pattern fits nearly every text"},
		{"\xc3\xa4", "an alternative of the pattern fits nearly every text"},
		{"@", "an alternative of the pattern fits nearly every text"},
		{"gone|-", "an alternative of the pattern fits nearly every text"},
		{"Gone", "the pattern has a character that no text has"},
		{"go\tne", "the pattern has a character that no text has"},
		{"go\x7fne", "the pattern has a character that no text has"},
		{"two  blanks", "the pattern has blanks that no text has"},
		{" gone", "the pattern has blanks that no text has"},
		{"gone ", "the pattern has blanks that no text has"},
		{"gone |left", "the pattern has blanks that no text has"},
		{"gone\xff", "the pattern is not valid UTF-8"},
		{"not at mx.corp.com", "the pattern names what is masked before it is matched"},
		{"user ann@corp.com unknown", "the pattern names what is masked before it is matched"},
		{"see https://corp.com/why", "the pattern names what is masked before it is matched"},
		{"<ann> unknown", "the pattern names what is masked before it is matched"},
		{"client 192.0.2.1 blocked", "the pattern names what is masked before it is matched"},
		{"5.1.1 user unknown", "the pattern names what is masked before it is matched"},
		{"host corp.com*refused", "the pattern names what is masked before it is matched"},
	};
	char longest[EV_SITE_PATTERN_MAX + 2];
	char many[128] = "";

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const struct ev_site_fault *fault = ev_site_pattern_fault(rows[i].pattern);

		CHECK_STR(rows[i].pattern, fault == NULL ? NULL : fault->what, rows[i].what);
	}
	memset(longest, 'x', sizeof(longest));
	longest[EV_SITE_PATTERN_MAX + 1] = '\0';
	CHECK_STR("long", ev_site_pattern_fault(longest)->what, "the pattern is too long");
	longest[EV_SITE_PATTERN_MAX] = '\0';
	assert_null(ev_site_pattern_fault(longest));
	for (int i = 0; i < EV_SITE_ALTERNATIVES; i++)
		strcat(many, i == 0 ? "no" : "|no");
	assert_null(ev_site_pattern_fault(many));
	strcat(many, "|no");
	CHECK_STR("many", ev_site_pattern_fault(many)->what, "the pattern has too many alternatives");
}

static void
patterns_that_can_be_one(void **state)
{
	static const char *const rows[] = {
		"gone",
		"has left the company",
		"gone*",
		"user*unknown",
		"aa*bb*",
		"recipient @ unknown",
		"@: gone|gone away",
		"resolver.adr.*",
		"no such user (in reply to rcpt)",
		"utilisateur inconnu|empf\xc3\xa4nger unbekannt|\xe7\x94\xa8\xe6\x88\xb7",
		"error 42",
		"x-42"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const struct ev_site_fault *fault = ev_site_pattern_fault(rows[i]);

		CHECK_STR(rows[i], fault == NULL ? NULL : fault->what, NULL);
	}
}

static void
patterns_are_brought_into_form(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *normal;
	} rows[] = {{"Gone  Away", "gone away"},
	            {"  gone | LEFT\tthe \n company  ", "gone|left the company"},
	            {"Gr\xc3\x9c\xc3\x9f"
	             "E",
	             "gr\xc3\x9c\xc3\x9f"
	             "e"},
	            {"   ", ""},
	            {" | ", "|"}};
	char out[64];

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		size_t n =
			ev_site_pattern_normalize(rows[i].pattern, strlen(rows[i].pattern), out, sizeof(out));

		CHECK_STR(rows[i].pattern, out, rows[i].normal);
		CHECK_INT(rows[i].pattern, n, strlen(rows[i].normal));
	}
	assert_int_equal(ev_site_pattern_normalize("abcdef", 6, out, 4), 3);
	assert_string_equal(out, "abc");
}

static void
rules_that_can_be_none(void **state)
{
	static const struct
	{
		struct ev_site_rule_words words;
		const char *what;
	} rows[] = {
		{{.stage = "data", .code = "5", .reason = "smtp_blocked"}, "there is no such stage"},
		{{.code = "2", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.code = "3", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.code = "5500", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.code = "570", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.code = "5x", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.code = "", .reason = "smtp_blocked"}, "there is no such class of reply codes"},
		{{.enhanced = "2.1.1", .reason = "smtp_blocked"}, "there is no such enhanced status code"},
		{{.enhanced = "5", .reason = "smtp_blocked"}, "there is no such enhanced status code"},
		{{.enhanced = "5.", .reason = "smtp_blocked"}, "there is no such enhanced status code"},
		{{.enhanced = "5.X.1", .reason = "smtp_blocked"}, "there is no such enhanced status code"},
		{{.enhanced = "5.1.1.1", .reason = "smtp_blocked"},
	     "there is no such enhanced status code"},
		{{.enhanced = "5.1.1000", .reason = "smtp_blocked"},
	     "there is no such enhanced status code"},
		{{.code = "4", .enhanced = "5.1.1", .reason = "smtp_blocked"},
	     "reply code and enhanced status code are of different classes"},
		{{.provider = "nobody", .reason = "smtp_blocked"}, "there is no such provider"},
		{{.mx = "", .reason = "smtp_blocked"}, "the name of the mail server is too long"},
		{{.mx = "MX.corp.com", .reason = "smtp_blocked"},
	     "the name of the mail server is malformed"},
		{{.code = "5", .reason = "pending"}, "no reply has this reason"},
		{{.code = "5", .reason = "smtp_deliverable"}, "no reply has this reason"},
		{{.code = "5", .reason = "catch_all_domain"}, "no reply has this reason"},
		{{.code = "5", .reason = "disposable_domain"}, "no reply has this reason"},
		{{.code = "5", .reason = "yahoo_api_verified"}, "no reply has this reason"},
		{{.code = "5", .reason = "gone"}, "no reply has this reason"},
		{{.code = "5"}, "no reply has this reason"},
		{{.code = "5", .reason = "smtp_blocked", .detail = "gone"}, "there is no such detail"},
		{{.code = "4", .stage = "rcpt", .reason = "mailbox_not_found"},
	     "a temporary refusal (4xx) never makes an address invalid"},
		{{.code = "450", .stage = "rcpt", .reason = "relay_denied"},
	     "a temporary refusal (4xx) never makes an address invalid"},
		{{.pattern = "gone", .stage = "rcpt", .reason = "mailbox_moved"},
	     "a temporary refusal (4xx) never makes an address invalid"},
		{{.enhanced = "X.1.1", .stage = "rcpt", .reason = "mailbox_not_found"},
	     "a temporary refusal (4xx) never makes an address invalid"},
		{{.code = "5", .reason = "mailbox_not_found"},
	     "nothing that is said before RCPT is about a mailbox or its domain"},
		{{.code = "5", .stage = "mail", .reason = "smtputf8_unsupported"},
	     "nothing that is said before RCPT is about a mailbox or its domain"},
		{{.code = "4", .stage = "greeting", .reason = "mailbox_full"},
	     "nothing that is said before RCPT is about a mailbox or its domain"},
		{{.stage = "rcpt", .reason = "smtp_blocked"}, "the rule fits every reply"},
		{{.code = "5", .pattern = "x", .reason = "smtp_blocked"},
	     "an alternative of the pattern fits nearly every text"},
	};
	struct ev_site_rule rule;

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const struct ev_site_fault *fault = ev_site_rule_parse(1, &rows[i].words, &rule);

		CHECK_STR(rows[i].what, fault == NULL ? NULL : fault->what, rows[i].what);
	}
	assert_non_null(ev_site_rule_parse(
		0, &(struct ev_site_rule_words){.code = "5", .reason = "smtp_blocked"}, &rule));
}

/* Which replies fit a rule. */
static void
rules_fit_what_they_name(void **state)
{
	static const struct
	{
		const char *name;
		struct ev_site_rule_words words;
		uint16_t code;
		const char *text;
		enum ev_stage stage;
		bool fits;
	} rows[] = {
		{"class", {.code = "5"}, 554, "x y", EV_STAGE_RCPT, true},
		{"class, other", {.code = "5"}, 450, "x y", EV_STAGE_RCPT, false},
		{"two digits", {.code = "55"}, 552, "x y", EV_STAGE_RCPT, true},
		{"two digits, other", {.code = "55"}, 521, "x y", EV_STAGE_RCPT, false},
		{"code", {.code = "550"}, 550, "x y", EV_STAGE_RCPT, true},
		{"code, other", {.code = "550"}, 551, "x y", EV_STAGE_RCPT, false},
		{"accepted", {.pattern = "fine"}, 250, "fine", EV_STAGE_RCPT, false},
		{"enhanced", {.enhanced = "5.1.1"}, 550, "5.1.1 x", EV_STAGE_RCPT, true},
		{"enhanced, other", {.enhanced = "5.1.1"}, 550, "5.1.2 x", EV_STAGE_RCPT, false},
		{"enhanced, none", {.enhanced = "5.1.1"}, 550, "x", EV_STAGE_RCPT, false},
		{"enhanced, class", {.enhanced = "5.2.1"}, 450, "4.2.1 x", EV_STAGE_RCPT, false},
		{"enhanced, X", {.enhanced = "X.2.1"}, 450, "4.2.1 x", EV_STAGE_RCPT, true},
		{"enhanced, all", {.enhanced = "5.7.X"}, 550, "5.7.606 x", EV_STAGE_RCPT, true},
		{"enhanced, short", {.enhanced = "5.7"}, 550, "5.7.606 x", EV_STAGE_RCPT, true},
		{"provider", {.provider = "other"}, 550, "x", EV_STAGE_RCPT, true},
		{"provider, other", {.provider = "google"}, 550, "x", EV_STAGE_RCPT, false},
		{"host", {.mx = "mx.corp.com"}, 550, "x", EV_STAGE_RCPT, true},
		{"hosts", {.mx = "corp.com"}, 550, "x", EV_STAGE_RCPT, true},
		{"half a label", {.mx = "orp.com"}, 550, "x", EV_STAGE_RCPT, false},
		{"below", {.mx = "a.mx.corp.com"}, 550, "x", EV_STAGE_RCPT, false},
		{"words", {.pattern = "has left"}, 550, "Ann has-left us", EV_STAGE_RCPT, true},
		{"word, half", {.pattern = "has left"}, 550, "Ann has lefty", EV_STAGE_RCPT, false},
		{"gap", {.pattern = "ann*left"}, 550, "ann, whom we like, left", EV_STAGE_RCPT, true},
		{"masked", {.pattern = "@ has left"}, 550, "<ann@x.com> has left", EV_STAGE_RCPT, true},
		{"alternatives", {.pattern = "gone|left"}, 550, "left", EV_STAGE_RCPT, true},
		{"accents", {.pattern = "sp\xc3\xa4ter"}, 550, "bitte SP\xc3\x84TER", EV_STAGE_RCPT, true},
		{"accents, Latin-1", {.pattern = "sp\xc3\xa4ter"}, 550, "sp\xe4ter", EV_STAGE_RCPT, true},
		{"Cyrillic",
	     {.pattern = "\xd0\xbd\xd0\xb5\xd1\x82"},
	     550,
	     "\xd0\x9d\xd0\x95\xd0\xa2",
	     EV_STAGE_RCPT,
	     true},
		{"no blanks",
	     {.pattern = "\xe7\x94\xa8\xe6\x88\xb7"},
	     550,
	     "\xe8\xaf\xa5\xe7\x94\xa8\xe6\x88\xb7\xe4\xb8\x8d",
	     EV_STAGE_RCPT,
	     true},
		{"made-up recipient", {.code = "5"}, 550, "x", EV_STAGE_RANDOM_RCPT, true},
		{"another stage", {.stage = "mail", .code = "5"}, 550, "x", EV_STAGE_RCPT, false},
		{"that stage", {.stage = "mail", .code = "5"}, 550, "x", EV_STAGE_MAIL, true},
		{"every stage", {.code = "5"}, 554, "x", EV_STAGE_GREETING, true},
		{"starttls", {.code = "4"}, 454, "x", EV_STAGE_STARTTLS, false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_site_rule_words words = rows[i].words;
		struct ev_site_rule rule;
		struct ev_finding finding;

		words.reason = "smtp_unverifiable";
		parse(rows[i].name, &words, &rule);
		finding = judge_by(&rule, 1, rows[i].code, rows[i].text, rows[i].stage, "ann");
		CHECK_INT(rows[i].name, strcmp(finding.rule, "site:1") == 0, rows[i].fits);
		if (rows[i].fits)
			CHECK_STR(rows[i].name, ev_detail_info(finding.detail)->label, "site_rule");
	}
}

static void
the_first_that_fits_decides(void **state)
{
	struct ev_site_rule rules[3];
	struct ev_finding finding;

	(void) state;
	parse("1",
	      &(struct ev_site_rule_words){.stage = "rcpt",
	                                   .code = "5",
	                                   .pattern = "gone",
	                                   .reason = "mailbox_not_found",
	                                   .detail = "disabled"},
	      &rules[0]);
	parse("2",
	      &(struct ev_site_rule_words){
			  .stage = "rcpt", .code = "5", .pattern = "gone fishing", .reason = "mailbox_full"},
	      &rules[1]);
	parse("3",
	      &(struct ev_site_rule_words){
			  .stage = "rcpt", .code = "4", .pattern = "gone", .reason = "smtp_greylisted"},
	      &rules[2]);
	rules[0].id = 7;
	rules[1].id = 2147483647;
	rules[2].id = 3000;

	finding = judge_by(rules, 3, 550, "gone fishing", EV_STAGE_RCPT, "ann");
	assert_string_equal(finding.rule, "site:7");
	assert_int_equal(finding.reason, EV_REASON_MAILBOX_NOT_FOUND);
	assert_int_equal(finding.detail, EV_DETAIL_DISABLED);
	assert_int_equal(finding.about, EV_ABOUT_RECIPIENT);
	assert_int_equal(finding.strength, EV_STRONG);
	finding = judge_by(rules + 1, 2, 550, "gone fishing", EV_STAGE_RCPT, "ann");
	assert_string_equal(finding.rule, "site:2147483647");
	finding = judge_by(rules, 3, 450, "gone for 5 minutes", EV_STAGE_RCPT, "ann");
	assert_string_equal(finding.rule, "site:3000");
	assert_true(finding.temporary);
	assert_int_equal(finding.retry_after, 300);
	finding = judge_by(rules, 3, 550, "User unknown", EV_STAGE_RCPT, "ann");
	assert_string_not_equal(finding.rule, "site:7");
	assert_int_equal(finding.reason, EV_REASON_MAILBOX_NOT_FOUND);
}

/* Nothing that is echoed decides, and a local part that is a word of a rule does not hide it. */
static void
echoes_do_not_decide(void **state)
{
	static const struct
	{
		const char *text;
		const char *local;
		bool fits;
	} rows[] = {
		{"<gone@corp.com>: no", "gone", false},
		{"gone@corp.com no", "ann", false},
		{"gone.corp.com says no", "ann", false},
		{"no, see http://x.org/gone", "ann", false},
		{"recipient \"gone\" refused", "gone", false},
		{"ann is gone", "ann", true},
		{"mailbox is gone", "gone", false},
		{"mailbox has left", "has", true},
		{"mailbox has left", "left", true},
		{"mailbox of left", "left", false},
		{"check@lab.com is gone", "ann", true},
	};
	struct ev_site_rule rule;

	(void) state;
	parse("gone",
	      &(struct ev_site_rule_words){.stage = "rcpt",
	                                   .code = "5",
	                                   .pattern = "gone|has left",
	                                   .reason = "mailbox_not_found"},
	      &rule);
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding =
			judge_by(&rule, 1, 554, rows[i].text, EV_STAGE_RCPT, rows[i].local);

		CHECK_INT(rows[i].text, strcmp(finding.rule, "site:1") == 0, rows[i].fits);
	}
}

/* A rule that knows a code alone does not turn what is about us into a dead mailbox. */
static void
a_code_alone_is_not_believed_against_words(void **state)
{
	static const struct
	{
		uint16_t code;
		const char *text;
		bool fits;
	} rows[] = {
		{550, "code zebra", true},
		{550, "5.1.1 user unknown", true},
		{550, "5.7.1 code zebra", false},
		{521, "code zebra", false},
		{554, "your IP address is on a blacklist", false},
		{550, "5.7.1 Client host blocked using Spamhaus", false},
		{550, "sender verify failed", false},
		{550, "5.5.3 too many recipients", false},
		{554, "Server configuration problem", false},
	};
	struct ev_site_rule by_code, by_words, soft;

	(void) state;
	parse("by code",
	      &(struct ev_site_rule_words){.stage = "rcpt", .code = "5", .reason = "mailbox_not_found"},
	      &by_code);
	parse("by words",
	      &(struct ev_site_rule_words){.stage = "rcpt",
	                                   .code = "5",
	                                   .pattern = "on a blacklist",
	                                   .reason = "mailbox_not_found"},
	      &by_words);
	parse("soft",
	      &(struct ev_site_rule_words){.stage = "rcpt", .code = "5", .reason = "mailbox_full"},
	      &soft);
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding =
			judge_by(&by_code, 1, rows[i].code, rows[i].text, EV_STAGE_RCPT, "ann");

		CHECK_INT(rows[i].text, strcmp(finding.rule, "site:1") == 0, rows[i].fits);
	}
	assert_string_equal(judge_by(&by_words, 1, 554, rows[4].text, EV_STAGE_RCPT, "ann").rule,
	                    "site:1");
	assert_string_equal(judge_by(&soft, 1, 554, rows[4].text, EV_STAGE_RCPT, "ann").rule, "site:1");
	/* who was not judged is put back, unless the words are the rule's */
	assert_true(judge_by(&soft, 1, 550, rows[7].text, EV_STAGE_RCPT, "ann").put_back);
}

/* No rule that can be written makes 4xx invalid, or a refusal valid: all reasons, all kinds of rules. */
static void
no_rule_breaks_what_holds(void **state)
{
	static const char *const codes[] = {NULL, "4", "5", "45", "55", "450", "550"};
	static const char *const stages[] = {NULL, "greeting", "ehlo", "mail", "rcpt"};
	static const char *const patterns[] = {NULL, "no"};
	static const uint16_t replies[] = {250, 252, 354, 421, 450, 550, 554};
	size_t n = 0;

	(void) state;
	for (int reason = 0; reason < EV_N_REASON; reason++)
		for (size_t c = 0; c < N_ROWS(codes); c++)
			for (size_t s = 0; s < N_ROWS(stages); s++)
				for (size_t p = 0; p < N_ROWS(patterns); p++)
				{
					struct ev_site_rule_words words = {
						.stage = stages[s],
						.code = codes[c],
						.pattern = patterns[p],
						.reason = ev_reason_info((enum ev_reason) reason)->label};
					struct ev_site_rule rule;

					if (ev_site_rule_parse(1, &words, &rule) != NULL)
						continue;
					n++;
					for (size_t r = 0; r < N_ROWS(replies); r++)
						for (int stage = EV_STAGE_CONNECT; stage < EV_N_STAGE; stage++)
						{
							struct ev_finding finding =
								judge_by(&rule, 1, replies[r], "no", (enum ev_stage) stage, "ann");
							const struct ev_reason_info *info = ev_reason_info(finding.reason);

							if (strcmp(finding.rule, "site:1") != 0)
								continue;
							assert_true(replies[r] >= 400);
							assert_int_not_equal(info->status, EV_STATUS_VALID);
							if (info->status == EV_STATUS_INVALID)
								assert_true(replies[r] >= 500 && (stage == EV_STAGE_RCPT ||
								                                  stage == EV_STAGE_RANDOM_RCPT));
							if (info->status == EV_STATUS_UNKNOWN)
								assert_int_not_equal(finding.detail, EV_DETAIL_NONE);
						}
				}
	assert_true(n > 500);
}

/* A site's word is a finding like others: a host that is not to be believed alone is not. */
static void
evidence_is_weighed_as_ever(void **state)
{
	struct ev_site_rule rule;
	struct ev_case c = {.outcome = EV_OUTCOME_REPLY, .stage = EV_STAGE_RCPT};
	struct ev_judgement judgement;

	(void) state;
	parse("gone",
	      &(struct ev_site_rule_words){
			  .stage = "rcpt", .code = "5", .pattern = "gone", .reason = "mailbox_not_found"},
	      &rule);
	c.finding = judge_by(&rule, 1, 550, "gone", EV_STAGE_RCPT, "ann");
	c.trust = (struct ev_trust){.accept = true, .reject = true};
	ev_judge(&c, &judgement);
	assert_int_equal(judgement.verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);
	assert_string_equal(judgement.rule, "site:1");
	c.trust.reject = false;
	ev_judge(&c, &judgement);
	assert_int_equal(judgement.verdict.reason, EV_REASON_SMTP_UNVERIFIABLE);
	assert_int_equal(judgement.verdict.detail, EV_DETAIL_WEAK_REFUSAL);
	c.control = EV_CONTROL_REFUSED_ALL;
	ev_judge(&c, &judgement);
	assert_int_equal(judgement.verdict.reason, EV_REASON_SMTP_BLOCKED);

	parse("relay",
	      &(struct ev_site_rule_words){
			  .stage = "rcpt", .code = "5", .pattern = "not ours", .reason = "relay_denied"},
	      &rule);
	c.finding = judge_by(&rule, 1, 550, "not ours", EV_STAGE_RCPT, "ann");
	ev_judge(&c, &judgement);
	assert_true(judgement.confirm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_that_can_be_none),
		cmocka_unit_test(patterns_that_can_be_one),
		cmocka_unit_test(patterns_are_brought_into_form),
		cmocka_unit_test(rules_that_can_be_none),
		cmocka_unit_test(rules_fit_what_they_name),
		cmocka_unit_test(the_first_that_fits_decides),
		cmocka_unit_test(echoes_do_not_decide),
		cmocka_unit_test(a_code_alone_is_not_believed_against_words),
		cmocka_unit_test(no_rule_breaks_what_holds),
		cmocka_unit_test(evidence_is_weighed_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
