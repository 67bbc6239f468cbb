/*
 * test_bounce_status.c
 *	  The status of a report beside the words of the reply that it quotes, over the corpus of replies.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/bounce.h"

#ifndef CORPUS
#define CORPUS "test/data/replies.tsv"
#endif

static struct ev_bounce_work work;
static struct ev_bounce rows[8];

/* A refusal of the corpus at RCPT: its words, \n and \xHH undone, and what it means. */
struct line
{
	char text[4096];
	char host[300];
	enum ev_reason reason;
	bool put_back;
};

static void
undo_escapes(const char *in, char *out)
{
	for (; *in != '\0'; in++)
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
}

/* The next refusal at RCPT; false at the end of the corpus. */
static bool
next_line(FILE *file, struct line *out)
{
	char line[4096];

	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *field[5] = {line};

		if (line[0] == '#' || strncmp(line, "rcpt\t", 5) != 0)
			continue;
		for (int i = 1; i < 5; i++)
		{
			field[i] = strchr(field[i - 1], '\t');
			assert_non_null(field[i]);
			*field[i]++ = '\0';
		}
		if (field[2][0] != '4' && field[2][0] != '5')
			continue;
		undo_escapes(field[2], out->text);
		snprintf(out->host, sizeof(out->host), "%s", field[1]);
		out->put_back = !ev_reason_by_label(field[3], strlen(field[3]), &out->reason);
		return true;
	}
	return false;
}

/* The report of a mail system that quotes this reply, with a status of its own choice. */
static const struct ev_bounce *
report(const struct line *line, const char *status)
{
	static char message[8192];
	int n =
		snprintf(message, sizeof(message),
	             "Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; john.doe@corp.com\n"
	             "Action: failed\nStatus: %s\nRemote-MTA: dns; %s\nDiagnostic-Code: smtp; ",
	             status, line->host);

	for (const char *p = line->text; *p != '\0' && n < (int) sizeof(message) - 3; p++)
	{
		message[n++] = *p;
		if (*p == '\n')
			message[n++] = ' ';
	}
	message[n++] = '\n';
	memset(rows, 0, sizeof(rows));
	CHECK_INT(line->text, ev_bounce_read(message, (size_t) n, &work, rows, N_ROWS(rows)), 1);
	return &rows[0];
}

static bool
has_enhanced_code(const struct line *line)
{
	struct ev_enhanced e;
	size_t len;

	for (const char *p = line->text; *p != '\0'; p++)
		if (ev_enhanced_parse(p, strlen(p), &e, &len))
			return true;
	return false;
}

/* Mail systems make a status of a reply code; it must not make a difference. */
static void
a_status_made_of_the_reply_code_is_no_evidence(void **state)
{
	static const struct
	{
		const char *code;
		const char *status;
	} made_up[] = {
		{"550", "5.1.1"}, {"550", "5.5.0"}, {"551", "5.1.6"}, {"552", "5.2.2"}, {"553", "5.1.3"},
		{"554", "5.0.0"}, {"501", "5.1.3"}, {"421", "4.3.2"}, {"450", "4.2.0"}, {"451", "4.3.0"},
		{"452", "4.2.2"}, {"550", "5.2.1"}, {"450", "4.2.1"}, {"552", "5.3.4"}, {"503", "5.5.1"},
	};
	FILE *file = fopen(CORPUS, "r");
	struct line line;
	int n = 0;

	(void) state;
	assert_non_null(file);
	while (next_line(file, &line))
		for (size_t i = 0; i < N_ROWS(made_up); i++)
		{
			struct ev_bounce plain;
			const struct ev_bounce *row;

			if (strncmp(line.text, made_up[i].code, 3) != 0 || has_enhanced_code(&line))
				continue;
			plain = *report(&line, made_up[i].code[0] == '4' ? "4.0.0" : "5.0.0");
			row = report(&line, made_up[i].status);
			CHECK_STR(line.text, ev_reason_info(row->verdict.reason)->label,
			          ev_reason_info(plain.verdict.reason)->label);
			CHECK_STR(line.text, ev_bounce_scope_label(row->scope),
			          ev_bounce_scope_label(plain.scope));
			n++;
		}
	fclose(file);
	assert_true(n > 500);
}

/* Whatever the status says of an address, words about something else outweigh it. */
static void
a_status_alone_condemns_nobody_against_the_words(void **state)
{
	static const char *const statuses[] = {"5.1.1", "5.1.2", "5.1.3",  "5.1.6",
	                                       "5.2.1", "5.4.4", "5.1.10", "5.0.0"};
	FILE *file = fopen(CORPUS, "r");
	struct line line;
	int n = 0;
	int wrong = 0;

	(void) state;
	assert_non_null(file);
	while (next_line(file, &line))
	{
		/* words that name no cause are outweighed by a status that somebody said */
		if (line.put_back || ev_reason_info(line.reason)->status == EV_STATUS_INVALID ||
		    line.reason == EV_REASON_SMTP_UNVERIFIABLE || has_enhanced_code(&line))
			continue;
		for (size_t i = 0; i < N_ROWS(statuses); i++)
		{
			const struct ev_bounce *row = report(&line, statuses[i]);

			n++;
			if (row->verdict.status != EV_STATUS_INVALID)
				continue;
			print_error("%s with %s: %s by %s\n", line.text, statuses[i],
			            ev_reason_info(row->verdict.reason)->label, row->rule);
			wrong++;
		}
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(n > 1000);
}

/* What the column shows: what was said, not what was made of it. */
static void
the_status_that_is_shown_was_said(void **state)
{
	static const struct
	{
		const char *status;
		const char *diagnostic;
		const char *shown;
	} cases[] = {
		{"5.1.1", "smtp; 550 5.1.1 no such user", "5.1.1"},
		{"5.1.1", "smtp; 550 no such user", "5.1.1"},
		{"5.1.1", "smtp; 550 5.7.1 not today", "5.7.1"},
		{"5.5.0", "smtp;550 5.2.2 mailbox full", "5.2.2"},
		{"5.0.0", "smtp; 550-5.1.1 no such user", "5.1.1"},
		{"5.4.4", "smtp; 550 5.1.1 no such user", "5.4.4"},
		{"5.0.0", "smtp; 550 <x@corp.com>: Recipient address rejected: closed", "5.0.0"},
		{"4.4.1", "X-Postfix; connect to mx.corp.com[192.0.2.1]:25: Connection timed out", "4.4.1"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(cases); i++)
	{
		char message[1000];
		char shown[EV_ENHANCED_MAX + 1];
		int n =
			snprintf(message, sizeof(message),
		             "Reporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; x@corp.com\n"
		             "Action: failed\nStatus: %s\nDiagnostic-Code: %s\n",
		             cases[i].status, cases[i].diagnostic);

		assert_int_equal(ev_bounce_read(message, (size_t) n, &work, rows, N_ROWS(rows)), 1);
		ev_enhanced_format(rows[0].enhanced, shown);
		CHECK_STR(cases[i].diagnostic, shown, cases[i].shown);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_made_of_the_reply_code_is_no_evidence),
		cmocka_unit_test(a_status_alone_condemns_nobody_against_the_words),
		cmocka_unit_test(the_status_that_is_shown_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
