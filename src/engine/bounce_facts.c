/*
 * bounce_facts.c
 *	  What a bounce says of the message as a whole: by whom and when it was taken, and from whom.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#define OPENING 3000 /* bytes of a text in which a mail system tells its name */

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

/* The host in "This is the mail system at host mx.example." */
static void
read_name(struct ev_slice text, struct ev_bounce *row)
{
	static const char *const sentences[] = {
		"mail system at host ",          "program at host ",    "qmail-send program at ",
		"mail delivery system at host ", "generating server: ", "mail server at "};
	size_t at;

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (ev_slice_find(text, sentences[i], &at))
		{
			struct ev_slice host = ev_dsn_host(ev_slice_from(text, at + strlen(sentences[i])));

			if (memchr(host.s, '.', host.n) != NULL)
				ev_bounce_copy(row->reporting_mta, sizeof(row->reporting_mta), host);
			return;
		}
}

/* "The original message was received at Mon, 23 Nov 2026 10:00:00 GMT", as sendmail says */
static void
read_arrival(struct ev_slice text, struct ev_bounce *row)
{
	static const char words[] = "original message was received at ";
	struct ev_slice line;
	size_t at;

	if (!ev_slice_find(text, words, &at))
		return;
	text = ev_slice_from(text, at + strlen(words));
	if (ev_slice_line(&text, &line))
		row->arrival = ev_mail_date(line);
}

static void
read_facts(const struct ev_bounce_input *input, struct ev_bounce *row)
{
	struct ev_slice fields = message_fields(input->report);
	struct ev_slice opening = ev_slice_to(input->text, OPENING);
	struct ev_slice value;

	row->arrival = EV_MAIL_DATE_NONE;
	if (ev_bounce_header(fields, "Reporting-MTA", &value))
		ev_bounce_copy(row->reporting_mta, sizeof(row->reporting_mta), ev_dsn_host(value));
	else
		read_name(opening, row);
	if (ev_bounce_header(fields, "Arrival-Date", &value))
		row->arrival = ev_mail_date(value);
	else
		read_arrival(opening, row);
	if (software_field(fields, "-Queue-ID:", &value))
		ev_bounce_copy(row->queue_id, sizeof(row->queue_id), value);
	if (software_field(fields, "-Sender:", &value) ||
	    ev_bounce_header(input->original, "Return-Path", &value))
		ev_bounce_copy_address(row->sender, sizeof(row->sender), value);
}

void
ev_bounce_add_facts(const struct ev_bounce_input *input, struct ev_bounce *rows, size_t n)
{
	if (n == 0 || rows[0].kind > EV_KIND_EXPANDED)
		return;
	read_facts(input, &rows[0]);
	for (size_t i = 1; i < n; i++)
	{
		rows[i].arrival = rows[0].arrival;
		memcpy(rows[i].reporting_mta, rows[0].reporting_mta, sizeof(rows[0].reporting_mta));
		memcpy(rows[i].queue_id, rows[0].queue_id, sizeof(rows[0].queue_id));
		memcpy(rows[i].sender, rows[0].sender, sizeof(rows[0].sender));
	}
}
