/*
 * test_codes.c
 *	  Each code and word of the vocabularies is had from an input, as test/data/codes.tsv says; and
 *	  that list leaves none out.
 */
#include "corpus.h"

#include <stdlib.h>

#include "engine/diagnose.h"
#include "engine/judge.h"
#include "engine/syntax.h"
#include "engine/vocabulary.h"

#ifndef CODES
#define CODES "test/data/codes.tsv"
#endif

/* One line of the list. */
struct line
{
	char *list, *code, *how, *input, *reason, *detail;
};

static const char *const outcomes[] = {
	"reply",       "closed",         "timeout",   "session_timeout", "refused",
	"unreachable", "target_refused", "no_socket", "no_bind",         "tls",
	"garbage",     "too_long",       "canceled",  "not_asked"};
static const char *const randoms[] = {"unknown", "refused", "accepted",  "temp_fail",
                                      "timeout", "closed",  "other_host"};
static const char *const controls[] = {"none", "accepted_other", "refused_all"};

static int
number_of(const char *const *names, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return (int) i;
	fail_msg("what is %.*s?", (int) len, name);
	return 0;
}

static enum ev_stage
stage_of(const char *name, size_t len)
{
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
		if (strlen(ev_stage_label((enum ev_stage) i)) == len &&
		    memcmp(ev_stage_label((enum ev_stage) i), name, len) == 0)
			return (enum ev_stage) i;
	fail_msg("what is stage %.*s?", (int) len, name);
	return EV_STAGE_NONE;
}

/* "stage=mail host=mx.example.com random=accepted 250 ok" */
static struct ev_verdict
judge(const char *input)
{
	struct ev_case the_case = {.outcome = EV_OUTCOME_REPLY, .stage = EV_STAGE_RCPT};
	struct ev_judgement judgement;
	char host[100] = "mx.corp.com";

	for (;;)
	{
		size_t n = strcspn(input, " ");
		const char *value = memchr(input, '=', n);
		size_t len;

		if (value == NULL || (*input >= '0' && *input <= '9'))
			break;
		len = n - (size_t) (++value - input);
		if (strncmp(input, "stage=", 6) == 0)
			the_case.stage = stage_of(value, len);
		else if (strncmp(input, "host=", 5) == 0)
			snprintf(host, sizeof(host), "%.*s", (int) len, value);
		else if (strncmp(input, "random=", 7) == 0)
			the_case.random = (enum ev_random) number_of(randoms, N_ROWS(randoms), value, len);
		else if (strncmp(input, "control=", 8) == 0)
			the_case.control = (enum ev_control) number_of(controls, N_ROWS(controls), value, len);
		else if (strncmp(input, "outcome=", 8) == 0)
			the_case.outcome = (enum ev_outcome) number_of(outcomes, N_ROWS(outcomes), value, len);
		else
			fail_msg("what is %s?", input);
		input += n + (input[n] == ' ');
	}
	the_case.provider = ev_provider_of_host(host, strlen(host));
	the_case.trust = ev_provider_trust(the_case.provider);
	if (the_case.outcome == EV_OUTCOME_REPLY)
		corpus_classify(input, the_case.stage, host, false, &corpus_terms, &the_case.finding);
	ev_judge(&the_case, &judgement);
	return judgement.verdict;
}

static struct ev_verdict
read_address(const char *input)
{
	struct ev_syntax syntax;
	struct ev_address address;
	enum ev_detail detail;

	if (ev_syntax_parse(input, strlen(input), EV_SYNTAX_INTERNET, &syntax))
		detail = ev_address_from(input, &syntax, &address);
	else
		detail = syntax.fault;
	return ev_verdict_of(detail == EV_DETAIL_NONE ? EV_REASON_PENDING : EV_REASON_INVALID_SYNTAX,
	                     detail);
}

/* As email_classify_reply() does; a code that is all that is known of a message came back with one. */
static struct ev_verdict
diagnose(const char *input)
{
	static struct ev_reply reply;
	struct ev_diagnose_context context = {.recipient = "john.doe@corp.com"};
	struct ev_diagnosis diagnosis;
	struct ev_said said;

	ev_said_parse((struct ev_slice){input, strlen(input)}, &said);
	ev_diagnose(&said, &context, &reply, &diagnosis);
	return ev_verdict_of(diagnosis.finding.reason, diagnosis.finding.detail);
}

static struct ev_verdict
verdict_of(const struct line *line)
{
	enum ev_reason reason;
	enum ev_detail detail = EV_DETAIL_NONE;

	if (strcmp(line->how, "syntax") == 0)
		return read_address(line->input);
	if (strcmp(line->how, "reply") == 0)
		return judge(line->input);
	if (strcmp(line->how, "said") == 0)
		return diagnose(line->input);

	/* had elsewhere: what the words of such a verdict are is held here */
	if (!ev_reason_by_label(line->reason, strlen(line->reason), &reason))
		fail_msg("what is %s?", line->reason);
	for (int i = 0; i < EV_N_DETAIL; i++)
		if (i != EV_DETAIL_NONE &&
		    strcmp(ev_detail_info((enum ev_detail) i)->label, line->detail) == 0)
			detail = (enum ev_detail) i;
	return ev_verdict_of(reason, detail);
}

/* Is the code of this line what the verdict is called in its list? */
static bool
is_called_so(const struct line *line, const struct ev_verdict *verdict)
{
	struct ev_words hippo = ev_words_of(verdict, EV_VOCABULARY_EMAILHIPPO);
	struct ev_words bounceless = ev_words_of(verdict, EV_VOCABULARY_BOUNCELESS);

	if (strcmp(line->list, "hippo-main") == 0)
		return strcmp(hippo.status, line->code) == 0;
	if (strcmp(line->list, "hippo") == 0)
		return strcmp(hippo.code, line->code) == 0;
	if (strcmp(line->list, "bounceless") == 0)
		return bounceless.code != NULL && strcmp(bounceless.code, line->code) == 0;
	if (strcmp(line->list, "term") == 0)
		return strcmp(bounceless.status, line->code) == 0;
	if (strcmp(line->list, "reason") == 0)
		return strcmp(ev_reason_info(verdict->reason)->label, line->code) == 0;
	return true;
}

static char text[1 << 17];
static struct line lines[600];
static size_t n_lines;

static void
read_lines(void)
{
	FILE *file = fopen(CODES, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	assert_true(n < sizeof(text) - 1);
	fclose(file);
	for (char *p = text; *p != '\0';)
	{
		char *end = p + strcspn(p, "\n");
		char **field = (char **) &lines[n_lines];

		if (*end == '\n')
			*end++ = '\0';
		if (*p != '#' && *p != '\0')
		{
			assert_true(n_lines < N_ROWS(lines));
			for (int i = 0; i < 6; i++)
			{
				field[i] = p;
				p += strcspn(p, "\t");
				if (i < 5 && *p != '\t')
					fail_msg("%s %s: a field is missing", lines[n_lines].list, lines[n_lines].code);
				if (*p == '\t')
					*p++ = '\0';
			}
			n_lines++;
		}
		p = end;
	}
}

static void
each_input_is_judged_and_called_as_listed(void **state)
{
	int wrong = 0;

	(void) state;
	for (size_t i = 0; i < n_lines; i++)
	{
		struct ev_verdict verdict = verdict_of(&lines[i]);
		const char *reason = ev_reason_info(verdict.reason)->label;
		const char *detail =
			verdict.detail == EV_DETAIL_NONE ? "-" : ev_detail_info(verdict.detail)->label;

		if (strcmp(reason, lines[i].reason) != 0 || strcmp(detail, lines[i].detail) != 0)
		{
			print_error("%s\t%s\t%s\t%s\t%s\t%s\n", lines[i].list, lines[i].code, lines[i].how,
			            lines[i].input, reason, detail);
			wrong++;
		}
		else if (!is_called_so(&lines[i], &verdict))
		{
			print_error("%s: %s (%s) is not called %s\n", lines[i].list, reason, detail,
			            lines[i].code);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static int missing;

static void
look_for(const char *list, const char *code)
{
	for (size_t i = 0; i < n_lines; i++)
		if (strcmp(lines[i].list, list) == 0 && strcmp(lines[i].code, code) == 0)
			return;
	print_error("%s: %s has no line in %s\n", list, code, CODES);
	missing++;
}

/* What a word fits everywhere is not in the tables of words, but in the code that reads them. */
static void
no_code_or_word_is_without_a_line(void **state)
{
	static const char *const hippo[] = {
#define EV_HIPPO(reason, detail, code) (code),
#include "engine/vocabulary.def"
		"None", "Unknown"};
	static const char *const bounceless[][2] = {
#define EV_BOUNCELESS(reason, detail, code, term) {(code), (term)},
#include "engine/vocabulary.def"
	};
	static const unsigned enhanced[][2] = {
#define EV_ENHANCED(subject, detail, title, basic, reference, useful, description)                 \
	{(subject), (detail)},
#include "engine/enhanced_status.def"
	};
	static const int codes[] = {
#define EV_REPLY_CODE(code, meaning, reference) (code),
#include "engine/reply_code.def"
	};
	char code[16];

	(void) state;
	missing = 0;
	for (int i = 0; i < EV_N_REASON; i++)
		look_for("reason", ev_reason_info((enum ev_reason) i)->label);
	for (size_t i = 0; i < N_ROWS(hippo); i++)
		look_for("hippo", hippo[i]);
	for (size_t i = 0; i < N_ROWS(bounceless); i++)
	{
		if (bounceless[i][0][0] != '\0')
			look_for("bounceless", bounceless[i][0]);
		look_for("term", bounceless[i][1]);
	}
	for (size_t i = 0; i < N_ROWS(enhanced); i++)
	{
		snprintf(code, sizeof(code), "X.%u.%u", enhanced[i][0], enhanced[i][1]);
		look_for("enhanced", code);
	}
	for (size_t i = 0; i < N_ROWS(codes); i++)
	{
		snprintf(code, sizeof(code), "%d", codes[i]);
		look_for("code", code);
	}
	assert_int_equal(missing, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_input_is_judged_and_called_as_listed),
		cmocka_unit_test(no_code_or_word_is_without_a_line),
	};

	read_lines();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
