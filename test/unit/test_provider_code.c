/*
 * test_provider_code.c
 *	  Providers' numbered codes: each row decides a reply, and nothing that only looks like one does.
 */
#include "corpus.h"

#include <ctype.h>
#include <stdlib.h>

#include "engine/provider_code.h"
#include "engine/reply_rules.h"

#ifndef CORPUS
#define CORPUS "test/data/replies.tsv"
#endif

static const struct ev_code_form_info *
form_of(const struct ev_provider_code *row)
{
	return &ev_code_forms[row->form];
}

static enum ev_provider
host_of(const struct ev_code_form_info *form)
{
	return form->family == EV_FAMILY_EVERY       ? EV_PROVIDER_OTHER
	       : form->family == EV_FAMILY_MICROSOFT ? EV_PROVIDER_MICROSOFT_365
	                                             : (enum ev_provider) form->family;
}

/* The code as the provider prints it, with what has to stand around it. */
static void
print_code(const struct ev_code_form_info *form, uint64_t value, char *out, size_t size)
{
	char digits[20];
	size_t n = 0;
	char page[60];

	while (value > 0 || n < form->min)
	{
		digits[n++] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[value % 36];
		value /= 36;
	}
	for (size_t i = 0; i < n / 2; i++)
	{
		char c = digits[i];

		digits[i] = digits[n - 1 - i];
		digits[n - 1 - i] = c;
	}
	digits[n] = '\0';
	snprintf(page, sizeof(page), "%.*s", form->words == NULL ? 0 : (int) strcspn(form->words, "|"),
	         form->words == NULL ? "" : form->words);
	if (form->where == EV_CODE_URL)
		snprintf(out, size, "https://www%s%s/x?%s%s", page[0] == '.' ? "" : ".", page, form->prefix,
		         digits);
	else
		snprintf(out, size, "%s%s%s%s%s", form->where == EV_CODE_BRACKET ? "[" : "", form->prefix,
		         form->tail == EV_CODE_PLATFORM ? "007_" : "", digits,
		         form->where == EV_CODE_BRACKET || form->prefix[strlen(form->prefix) - 1] == '('
		             ? ")"
		             : "");
}

/* A reply of this class with some words around the row's code; format has one %s. */
static void
say(const struct ev_provider_code *row, uint64_t value, int klass, const char *format, char *out,
    size_t size)
{
	char code[200];
	char text[400];

	if (form_of(row)->where == EV_CODE_ENHANCED)
	{
		snprintf(text, sizeof(text), format, "");
		snprintf(out, size, "%d50 %d.%d.%d %s", klass, klass, (int) (value / 1000),
		         (int) (value % 1000), text);
		return;
	}
	print_code(form_of(row), value, code, sizeof(code));
	snprintf(text, sizeof(text), format, code);
	snprintf(out, size, "%d50 %s", klass, text);
}

static void
classify(const char *text, enum ev_stage stage, enum ev_provider provider, const char *domain,
         struct ev_finding *out)
{
	struct ev_mask_terms terms = corpus_terms;
	struct ev_reply reply;

	terms.domain = domain;
	corpus_reply(text, &reply);
	ev_classify(&reply, stage, provider, false, &terms, out);
}

static const char *const wordings[] = {"%s", "Sorry, not today. %s", "That did not work (%s",
                                       "Ask your postmaster, %s, thank you", "zzz %s yyy"};

static void
every_row_decides_a_reply(void **state)
{
	char text[600];
	int n = 0;

	(void) state;
	for (size_t i = 0; i < ev_n_provider_codes; i++)
	{
		const struct ev_provider_code *row = &ev_provider_codes[i];
		const struct ev_code_form_info *form = form_of(row);

		for (size_t w = 0; w < N_ROWS(wordings) * 2; w++)
		{
			int klass = row->klass != 0 ? row->klass : (w & 1) != 0 ? 4 : 5;
			struct ev_finding finding;

			say(row, w % 3 == 0 ? row->first : row->last, klass, wordings[w / 2], text,
			    sizeof(text));
			classify(text, EV_STAGE_RCPT, host_of(form), "corp.com", &finding);
			if (!finding.numbered)
				fail_msg("%s: by %s", text, finding.rule);
			CHECK_INT(text, finding.about, row->about);
			CHECK_STR(text, ev_reason_info(finding.reason)->label,
			          ev_reason_info(row->reason)->label);
			CHECK_INT(text, finding.detail, row->detail);
			CHECK_INT(text, finding.strength, row->hearsay ? EV_WEAK : EV_STRONG);
			CHECK_INT(text, finding.put_back, row->about == EV_ABOUT_SESSION);
			assert_true(strncmp(finding.rule, "code.", 5) == 0);
			n++;
		}
	}
	assert_true(n > 3000);
}

/* Whose code it is: the host, or words around it; else it is no code, whatever it looks like. */
static void
a_code_counts_where_it_is_told_whose_it_is(void **state)
{
	char text[600];
	char named[700];

	(void) state;
	for (size_t i = 0; i < ev_n_provider_codes; i++)
	{
		const struct ev_provider_code *row = &ev_provider_codes[i];
		const struct ev_code_form_info *form = form_of(row);
		struct ev_finding finding;

		if (form->family == EV_FAMILY_EVERY || row->yields ||
		    (form->where == EV_CODE_ENHANCED && row->last % 1000 >= 500))
			continue;
		say(row, row->first, row->klass == 4 ? 4 : 5, "Sorry. %s", text, sizeof(text));
		classify(text, EV_STAGE_RCPT, EV_PROVIDER_OTHER, "corp.com", &finding);
		if (finding.numbered)
			fail_msg("%s: by %s", text, finding.rule);
		snprintf(named, sizeof(named), "%s www.%.*s.example", text, (int) strcspn(form->words, "|"),
		         form->words);
		classify(named, EV_STAGE_RCPT, EV_PROVIDER_OTHER, "corp.com", &finding);
		if (!finding.numbered)
			fail_msg("%s: by %s", named, finding.rule);
	}
	for (int i = 0; i < 2; i++)
	{
		struct ev_finding finding;

		classify("550 Refused OFR416", EV_STAGE_RCPT, EV_PROVIDER_OTHER,
		         i ? "orange.fr" : "corp.com", &finding);
		CHECK_INT("by the domain of the recipient", finding.numbered, i);
	}
}

static bool
is_lasting(const struct ev_provider_code *row)
{
	switch (row->reason)
	{
		case EV_REASON_MAILBOX_DISABLED:
		case EV_REASON_MESSAGE_REJECTED:
		case EV_REASON_RECIPIENT_RESTRICTED: return true;
		default: return ev_reason_info(row->reason)->status == EV_STATUS_INVALID;
	}
}

static void
no_row_makes_a_lasting_verdict_of_a_4xx(void **state)
{
	(void) state;
	for (size_t i = 0; i < ev_n_provider_codes; i++)
	{
		const struct ev_provider_code *row = &ev_provider_codes[i];
		const char *id = form_of(row)->id;

		if (is_lasting(row))
			CHECK_INT(id, row->klass, 5);
		if (row->hearsay)
			assert_false(ev_reason_info(row->reason)->status == EV_STATUS_INVALID);
		if (ev_reason_info(row->reason)->status == EV_STATUS_UNKNOWN &&
		    row->detail == EV_DETAIL_NONE)
			fail_msg("%s: an unknown verdict without a detail", id);
		assert_true(!row->hearsay || row->yields);
		assert_true(row->first <= row->last);
	}
}

static void
nothing_before_rcpt_is_about_the_recipient(void **state)
{
	static const enum ev_stage stages[] = {EV_STAGE_GREETING, EV_STAGE_EHLO, EV_STAGE_MAIL};
	char text[600];

	(void) state;
	for (size_t i = 0; i < ev_n_provider_codes; i++)
		for (size_t k = 0; k < N_ROWS(stages); k++)
		{
			const struct ev_provider_code *row = &ev_provider_codes[i];
			struct ev_finding finding;

			say(row, row->first, row->klass == 4 ? 4 : 5, "%s", text, sizeof(text));
			classify(text, stages[k], host_of(form_of(row)), "corp.com", &finding);
			if (ev_reason_info(finding.reason)->status == EV_STATUS_INVALID ||
			    (finding.numbered && finding.about == EV_ABOUT_RECIPIENT))
				fail_msg("%s: %s", text, finding.rule);
		}
}

static void
a_number_that_is_not_listed_is_left_to_the_words(void **state)
{
	static const struct
	{
		const char *reply;
		enum ev_provider provider;
		enum ev_reason reason;
	} rows[] = {
		{"550 IB199 No such user here", EV_PROVIDER_GODADDY, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 5.1.1 OFR_777 Mailbox full", EV_PROVIDER_ORANGE, EV_REASON_MAILBOX_FULL},
		{"550 5.1.1 User unknown LPN007_777", EV_PROVIDER_LAPOSTE, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown (G99)", EV_PROVIDER_RACKSPACE, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown [S9999]", EV_PROVIDER_MICROSOFT_365, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 SL E599 User unknown", EV_PROVIDER_SIMPLELOGIN, EV_REASON_MAILBOX_NOT_FOUND},
		{"552 Mailbox full DT:ZZZ", EV_PROVIDER_NETEASE, EV_REASON_MAILBOX_FULL},
		{"550 5.1.1 User unknown RCP-P9", EV_PROVIDER_OTHER, EV_REASON_MAILBOX_NOT_FOUND},
		/* hearsay gives way to words, and takes the point off those that condemn */
		{"550 5.1.1 Mailbox full LPN007_519", EV_PROVIDER_LAPOSTE, EV_REASON_MAILBOX_FULL},
		{"550 5.1.1 User unknown LPN007_519", EV_PROVIDER_LAPOSTE, EV_REASON_SENDER_REJECTED},
		/* what looks like the beginning or the end of a code */
		{"550 User unknown IB1031", EV_PROVIDER_GODADDY, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown XIB103", EV_PROVIDER_GODADDY, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown q-TSS09", EV_PROVIDER_YAHOO, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown TSS09-4f", EV_PROVIDER_YAHOO, EV_REASON_MAILBOX_NOT_FOUND},
		{"550 User unknown id=PH01", EV_PROVIDER_YAHOO, EV_REASON_MAILBOX_NOT_FOUND},
		/* other pages with the same parameter */
		{"550 User unknown https://help.example.com/?c=rdns", EV_PROVIDER_GMX,
	     EV_REASON_MAILBOX_NOT_FOUND},
		{"550 Mailbox full https://www.example.com/err/2", EV_PROVIDER_I_UA,
	     EV_REASON_MAILBOX_FULL},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding;

		classify(rows[i].reply, EV_STAGE_RCPT, rows[i].provider, "corp.com", &finding);
		if (i != 9 && finding.numbered)
			fail_msg("%s: by %s", rows[i].reply, finding.rule);
		CHECK_STR(rows[i].reply, ev_reason_info(finding.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
	}
}

static void
an_echo_is_no_code(void **state)
{
	static const char *const locals[] = {"ib103", "ofr_416", "ofr416", "tss09", "ts04"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(locals); i++)
		for (int p = 0; p < EV_N_PROVIDER; p++)
		{
			struct ev_mask_terms terms = corpus_terms;
			char text[200];
			struct ev_reply reply;
			struct ev_finding finding;

			terms.local = locals[i];
			snprintf(text, sizeof(text), "550 5.1.1 %s is not welcome, <%s@corp.com>", locals[i],
			         locals[i]);
			corpus_reply(text, &reply);
			ev_classify(&reply, EV_STAGE_RCPT, (enum ev_provider) p, false, &terms, &finding);
			if (finding.numbered)
				fail_msg("%s: by %s", text, finding.rule);
		}
}

static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

/* Queue ids, as mail servers make them: hexadecimal, base 32, 36 or 62, of 6 to 20 characters. */
static void
make_queue_id(unsigned *seed, char *out)
{
	static const char *const alphabets[] = {"0123456789ABCDEF", "0123456789abcdef",
	                                        "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
	                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
	                                        "abcdefghijklmnopqrstuvwxyz234567"};
	const char *alphabet = alphabets[next(seed) % N_ROWS(alphabets)];
	size_t n = 6 + next(seed) % 15;

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[next(seed) % strlen(alphabet)];
	if (next(seed) % 4 == 0)
		out[n / 2] = "-_."[next(seed) % 3];
	out[n] = '\0';
}

static void
random_queue_ids_are_no_codes(void **state)
{
	static const char *const frames[] = {
		"550 User unknown %s", "550 5.1.1 Unknown user (%s)", "550 5.7.1 No [%s] thanks",
		"421 try again #%s",   "550 %s: no mailbox, id=%s/1", "554 5.7.1 [%s] 192.0.2.104"};
	unsigned seed = 20260101;

	(void) state;
	for (int i = 0; i < 120000; i++)
	{
		char id[40];
		char text[200];
		struct ev_finding finding;

		make_queue_id(&seed, id);
		/* NOLINTNEXTLINE: one %s or two */
		snprintf(text, sizeof(text), frames[next(&seed) % N_ROWS(frames)], id, id);
		classify(text, EV_STAGE_RCPT, (enum ev_provider)(i % EV_N_PROVIDER), "corp.com", &finding);
		if (finding.numbered)
			fail_msg("%s: by %s", text, finding.rule);
	}
}

/* The same behind every reply of the corpus: it changes nothing. */
static void
a_queue_id_behind_a_reply_changes_nothing(void **state)
{
	FILE *file = fopen(CORPUS, "r");
	char line[4096];
	unsigned seed = 7;
	int n = 0;

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *host = strchr(line, '\t');
		char *text = host == NULL ? NULL : strchr(host + 1, '\t');
		char with[4300];
		char id[40];
		struct ev_finding before;
		struct ev_finding after;
		enum ev_provider provider;

		if (line[0] == '#' || text == NULL || strncmp(line, "rcpt\t", 5) != 0)
			continue;
		*text++ = '\0';
		text[strcspn(text, "\t")] = '\0';
		if (strstr(text, "\\") != NULL)
			continue;
		provider = ev_provider_of_host(host + 1, strlen(host + 1));
		make_queue_id(&seed, id);
		snprintf(with, sizeof(with), "%s [%s]", text, id);
		classify(text, EV_STAGE_RCPT, provider, "corp.com", &before);
		classify(with, EV_STAGE_RCPT, provider, "corp.com", &after);
		if (before.numbered != after.numbered ||
		    (before.numbered && strcmp(before.rule, after.rule) != 0))
			fail_msg("%s: %s, not %s", with, after.rule, before.rule);
		n++;
	}
	fclose(file);
	assert_true(n > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_decides_a_reply),
		cmocka_unit_test(a_code_counts_where_it_is_told_whose_it_is),
		cmocka_unit_test(no_row_makes_a_lasting_verdict_of_a_4xx),
		cmocka_unit_test(nothing_before_rcpt_is_about_the_recipient),
		cmocka_unit_test(a_number_that_is_not_listed_is_left_to_the_words),
		cmocka_unit_test(an_echo_is_no_code),
		cmocka_unit_test(random_queue_ids_are_no_codes),
		cmocka_unit_test(a_queue_id_behind_a_reply_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
