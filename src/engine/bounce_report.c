/*
 * bounce_report.c
 *	  Reports that are no failures: complaints (RFC 5965), dispositions (RFC 8098), and reports about
 *	  many messages (DMARC, RFC 7489; TLS, RFC 8460).
 */
#include "engine/bounce_internal.h"

#include <string.h>

/* The content type of the message. */
static struct ev_slice
content_type(struct ev_slice headers)
{
	struct ev_slice value = {"", 0};

	if (!ev_bounce_header(headers, "Content-Type", &value))
		value = (struct ev_slice){"", 0};
	return value;
}

/* --- complaints ----------------------------------------------------------------------------------------- */

/* Fields of a feedback report that name who complained, the surest one first. */
static const char *const complainants[] = {"Original-Rcpt-To", "Removal-Recipient",
                                           "Redacted-Address", "X-Original-Rcpt-To"};

#define N_COMPLAINANTS (sizeof(complainants) / sizeof(complainants[0]))

/* Whom a complaint is about: who complained, that is the recipient of the message. */
static bool
complainant(const struct ev_bounce_input *input, struct ev_bounce *row)
{
	static const char *const headers[] = {"X-HmXmrOriginalRecipient", "X-Original-To",
	                                      "Delivered-To", "X-Rcpt-To", "To"};
	struct ev_slice value;

	for (size_t i = 0; i < N_COMPLAINANTS; i++)
		if (ev_bounce_header(input->report, complainants[i], &value) &&
		    ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value))
			return true;
	/* VERP in the sender of the message, or in Original-Mail-From */
	if (ev_bounce_header(input->report, "Original-Mail-From", &value) &&
	    ev_bounce_copy_address(row->original_recipient, sizeof(row->original_recipient), value))
	{
		char sender[EV_BOUNCE_RECIPIENT_MAX + 1];

		memcpy(sender, row->original_recipient, sizeof(sender));
		row->original_recipient[0] = '\0';
		if (ev_bounce_undo_verp(sender, row->final_recipient, sizeof(row->final_recipient)))
			return true;
	}
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (ev_bounce_header(input->original, headers[i], &value) &&
		    ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value))
			return true;
	/* Microsoft's Junk Mail Reporting Program has it in the headers of the report itself */
	return ev_bounce_header(input->headers, "X-HmXmrOriginalRecipient", &value) &&
	       ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value);
}

/*
 * A report may name several recipients, each in a field of its own (RFC 5965 3.2): rows for those that
 * the first row, which was made of the first such field, does not name.
 */
static void
add_other_complainants(const struct ev_bounce_input *input, struct ev_bounce_rows *rows,
                       size_t first)
{
	struct ev_slice rest;
	struct ev_slice value;

	for (size_t i = 0; i < N_COMPLAINANTS; i++)
	{
		bool found = false;

		rest = input->report;
		while (ev_bounce_header(rest, complainants[i], &value))
		{
			struct ev_bounce *row = ev_bounce_add(rows, rows->rows[first].format, EV_KIND_ARF);

			if (row == NULL)
				return;
			*row = rows->rows[first];
			found =
				ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value) ||
				found;
			for (size_t k = first; k + 1 < rows->n; k++)
				if (row->final_recipient[0] == '\0' ||
				    strcmp(rows->rows[k].final_recipient, row->final_recipient) == 0)
				{
					rows->n--;
					break;
				}
			rest = ev_slice_from(rest, (size_t) (value.s + value.n - rest.s));
		}
		if (found)
			return;
	}
}

bool
ev_bounce_read_arf(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_slice type;
	struct ev_slice value;
	struct ev_bounce *row;
	size_t first = rows->n;
	bool jmrp;

	jmrp = ev_bounce_header(input->headers, "X-HmXmrOriginalRecipient", &value) ||
	       (ev_bounce_header(input->headers, "Subject", &type) &&
	        ev_slice_starts(type, "complaint about message from "));
	if (!ev_bounce_header(input->report, "Feedback-Type", &type))
	{
		if (!jmrp)
			return false;
		type = (struct ev_slice){"abuse", 5};
	}

	/* a report on the authentication of our domain is no complaint about a message */
	row = ev_bounce_add(rows, "rfc5965",
	                    ev_slice_starts(type, "auth-failure") || ev_slice_starts(type, "dmarc")
	                        ? EV_KIND_REPORT
	                        : EV_KIND_ARF);
	if (row == NULL)
		return false;
	complainant(input, row);
	ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), type);
	if (ev_bounce_header(input->report, "Reporting-MTA", &value))
	{
		for (size_t i = 0; i < value.n; i++)
			if (value.s[i] == ';')
			{
				value = ev_slice_from(value, i + 1);
				break;
			}
		ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), value);
	}
	row->confidence = 95;
	add_other_complainants(input, rows, first);
	return true;
}

/* --- dispositions ---------------------------------------------------------------------------------------- */

bool
ev_bounce_read_mdn(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_slice disposition;
	struct ev_slice value;
	struct ev_bounce *row;

	if (!ev_bounce_header(input->report, "Disposition", &disposition))
		return false;
	row = ev_bounce_add(rows, "rfc8098", EV_KIND_MDN);
	if (row == NULL)
		return false;
	if (ev_bounce_header(input->report, "Original-Recipient", &value))
		ev_bounce_copy_address(row->original_recipient, sizeof(row->original_recipient), value);
	if (!ev_bounce_header(input->report, "Final-Recipient", &value) ||
	    !ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value))
		if (ev_bounce_header(input->headers, "From", &value))
			ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), value);
	ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), disposition);
	row->confidence = 98;
	return true;
}

/* --- reports about many messages --------------------------------------------------------------------------- */

bool
ev_bounce_read_report(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_slice type = content_type(input->headers);
	struct ev_slice subject = {"", 0};
	struct ev_bounce *row;
	const char *format = NULL;

	if (!ev_bounce_header(input->headers, "Subject", &subject))
		subject = (struct ev_slice){"", 0};
	if (ev_slice_find(type, "report-type=tlsrpt", NULL) ||
	    ev_slice_find(type, "report-type=\"tlsrpt\"", NULL) ||
	    ev_bounce_header(input->headers, "TLS-Report-Domain", &type))
		format = "rfc8460";
	else if (ev_slice_find(subject, "report domain:", NULL) &&
	         (ev_slice_find(subject, "submitter:", NULL) ||
	          ev_slice_find(subject, "report-id:", NULL)))
		format = "rfc7489";
	if (format == NULL)
		return false;
	row = ev_bounce_add(rows, format, EV_KIND_REPORT);
	if (row == NULL)
		return false;
	ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), subject);
	row->confidence = 95;
	return true;
}
