/*
 * bounce_facts.c
 *	  What a bounce says of the message as a whole: by whom and when it was taken, and from whom.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#include "engine/bounce_phrase.h"

#define OPENING 250 /* bytes of a text in which a mail system tells its name */

/* The fields before the first recipient (RFC 3464 2.2). */
static struct ev_slice
message_fields(struct ev_slice report)
{
	struct ev_slice rest = report;
	struct ev_slice line;
	bool begun = false;

	while (ev_slice_line(&rest, &line))
	{
		if (ev_slice_trim(line).n == 0 ? begun : ev_slice_starts(line, "Final-Recipient"))
			return ev_slice_to(report, (size_t) (line.s - report.s));
		begun = true;
	}
	return report;
}

/* "X-Postfix-Queue-ID: 4AB", "X-Haraka-Sender: …": a field of any software's whose name ends so. */
static bool
software_field(struct ev_slice fields, const char *end, struct ev_slice *value)
{
	struct ev_slice line;
	size_t at;

	while (ev_slice_line(&fields, &line))
		if (ev_slice_starts(line, "X-") && ev_slice_find(ev_slice_to(line, 60), end, &at))
		{
			*value = ev_slice_trim(ev_slice_from(line, at + strlen(end)));
			return value->n > 0;
		}
	return false;
}

/* What stands before the name of a mail system, and before the time at which it took the message. */
enum
{
	NAME,
	ARRIVAL
};

static const struct ev_phrase sentences[] = {
	{"at host ", NAME},
	{"qmail-send program at ", NAME},
	{"generating server: ", NAME},
	{"mail server at ", NAME},
	{"original message was received at ", ARRIVAL},
};

#define N_SENTENCES (sizeof(sentences) / sizeof(sentences[0]))

static struct ev_phrases phrases = EV_PHRASES(sentences);

/*
 * "This is the mail system at host mx.example."; "The original message was received at Mon, 23 Nov 2026 10:00:00
 * GMT", as sendmail says
 */
static void
read_opening(struct ev_slice text, struct ev_bounce *row)
{
	uint32_t at[N_SENTENCES];

	ev_phrases_find(text, &phrases, at);
	for (size_t i = 0; i < N_SENTENCES; i++)
	{
		struct ev_slice rest;
		struct ev_slice line;

		if (at[i] == EV_PHRASE_ABSENT)
			continue;
		rest = ev_slice_from(text, at[i] + strlen(sentences[i].text));
		if (!ev_slice_line(&rest, &line))
			continue;
		if (sentences[i].value == ARRIVAL)
			row->arrival = ev_mail_date(line);
		else if (row->reporting_mta[0] == '\0' && memchr(line.s, '.', line.n) != NULL)
			ev_bounce_copy(row->reporting_mta, sizeof(row->reporting_mta), ev_dsn_host(line));
	}
}

static void
read_facts(const struct ev_bounce_input *input, struct ev_bounce *row)
{
	struct ev_slice fields = message_fields(input->report);
	struct ev_slice value;

	row->arrival = EV_MAIL_DATE_NONE;
	if (ev_bounce_header(fields, "Reporting-MTA", &value))
		ev_bounce_copy(row->reporting_mta, sizeof(row->reporting_mta), ev_dsn_host(value));
	if (ev_bounce_header(fields, "Arrival-Date", &value))
		row->arrival = ev_mail_date(value);
	if (input->report.n == 0)
		read_opening(ev_slice_to(input->text, OPENING), row);
	if (software_field(fields, "-Queue-ID:", &value))
		ev_bounce_copy(row->queue_id, sizeof(row->queue_id), value);
	if (software_field(fields, "-Sender:", &value) ||
	    ev_bounce_header(input->original, "Return-Path", &value))
		ev_bounce_copy_address(row->sender, sizeof(row->sender), value);
}

/* "team-bounces@lists.example", "owner-team@lists.example": nobody's mailbox but a list's */
static bool
is_control(const char *address)
{
	static const char *const ends[] = {"-bounces@", "-bounce@", "-owner@", "-request@", "-return@"};
	struct ev_slice s = {address, strlen(address)};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ev_slice_find(s, ends[i], NULL))
			return true;
	return ev_slice_starts(s, "owner-");
}

/* A list that sent the message to one person each names the person in the address that bounces come to. */
static void
name_person(const struct ev_bounce_input *input, struct ev_bounce *row)
{
	static const char *const names[] = {"To", "Delivered-To", "X-Original-To", "Envelope-To"};
	char to[EV_BOUNCE_RECIPIENT_MAX + 1];
	char person[EV_BOUNCE_RECIPIENT_MAX + 1];
	struct ev_slice value;

	if (!is_control(row->final_recipient))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_bounce_header(input->headers, names[i], &value) &&
		    ev_bounce_copy_address(to, sizeof(to), value) &&
		    ev_bounce_undo_verp(to, person, sizeof(person)))
		{
			memcpy(row->final_recipient, person, sizeof(row->final_recipient));
			return;
		}
}

void
ev_bounce_add_facts(const struct ev_bounce_input *input, struct ev_bounce *rows, size_t n)
{
	if (n == 0 || rows[0].kind > EV_KIND_EXPANDED)
		return;
	read_facts(input, &rows[0]);
	if (n == 1)
		name_person(input, &rows[0]);
	for (size_t i = 1; i < n; i++)
	{
		rows[i].arrival = rows[0].arrival;
		memcpy(rows[i].reporting_mta, rows[0].reporting_mta, sizeof(rows[0].reporting_mta));
		memcpy(rows[i].queue_id, rows[0].queue_id, sizeof(rows[0].queue_id));
		memcpy(rows[i].sender, rows[0].sender, sizeof(rows[0].sender));
	}
}
