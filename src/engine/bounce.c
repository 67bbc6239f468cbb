/*
 * bounce.c
 *	  Which reader can read this?  A message is taken apart once; the readers get what they need.
 */
#include "engine/bounce.h"

#include <string.h>

#include "engine/bounce_internal.h"

/* Bounces within bounces: how many forwarded messages are unwrapped. */
#define UNWRAP_MAX 4

/* Empty lines before a message that are passed over. */
#define PREAMBLE_LINES_MAX 1000

/* Bytes of events; what is behind them is not read. */
#define EVENT_BYTES_MAX (8u * 1024 * 1024)

static const struct ev_slice nothing = {"", 0};

/* --- what kind of bytes are these? ------------------------------------------------------------------------ */

/* Without a byte order mark, empty lines and an mbox line before the headers. */
static struct ev_slice
skip_preamble(struct ev_slice s)
{
	struct ev_slice rest;
	struct ev_slice line;
	size_t lines = 0;

	if (ev_slice_starts(s, "\xef\xbb\xbf"))
		s = ev_slice_from(s, 3);
	rest = s;
	while (lines++ < PREAMBLE_LINES_MAX && ev_slice_line(&rest, &line) &&
	       line.n < PREAMBLE_LINES_MAX && ev_slice_trim(line).n == 0)
		s = rest;
	if (ev_slice_starts(s, "From ") || ev_slice_starts(s, ">From "))
	{
		rest = s;
		if (ev_slice_line(&rest, &line))
			s = rest;
	}
	return s;
}

/* "Name: value", the name made of letters, digits and hyphens. */
static bool
is_field(struct ev_slice line)
{
	size_t n = 0;

	while (n < line.n && n < 60 &&
	       ((line.s[n] | 0x20) >= 'a' ? (line.s[n] | 0x20) <= 'z'
	                                  : (line.s[n] >= '0' && line.s[n] <= '9') || line.s[n] == '-'))
		n++;
	return n > 1 && n < line.n && line.s[n] == ':' &&
	       (n + 1 == line.n || ev_slice_is_blank(line.s[n + 1]) || n > 3);
}

/* Does it begin with the headers of a message?  One line is enough if it is a name that mail has. */
static bool
is_message(struct ev_slice s)
{
	static const char *const names[] = {
		"Return-Path:",    "Received:",       "From:",          "To:",           "Subject:",
		"Date:",           "Message-ID:",     "MIME-Version:",  "Content-Type:", "Delivered-To:",
		"X-Original-To:",  "DKIM-Signature:", "Delivery-Date:", "Envelope-To:",  "Reply-To:",
		"Auto-Submitted:", "Sender:"};
	struct ev_slice rest = s;
	struct ev_slice line;
	size_t fields = 0;

	for (size_t i = 0; i < 40 && ev_slice_line(&rest, &line) && line.n > 0; i++)
	{
		if (line.s[0] == ' ' || line.s[0] == '\t')
		{
			if (i == 0)
				return false;
			continue;
		}
		if (!is_field(line))
			return false;
		fields++;
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (ev_slice_starts(line, names[k]))
				return true;
	}
	return fields >= 3;
}

/* The fields of a report without a message around it. */
bool
ev_bounce_is_report(struct ev_slice s)
{
	return ev_slice_starts(s, "Reporting-MTA:") || ev_slice_starts(s, "Final-Recipient:") ||
	       ev_slice_starts(s, "Original-Recipient:") || ev_slice_starts(s, "Feedback-Type:") ||
	       ev_slice_starts(s, "Original-Envelope-Id:");
}

bool
ev_bounce_is_bare_reply(struct ev_slice text)
{
	struct ev_enhanced enhanced;
	size_t len;

	text = ev_slice_trim(ev_slice_to(text, 2000));
	if (text.n < 3 || strchr("245", text.s[0]) == NULL)
		return false;
	if (ev_enhanced_parse(text.s, text.n, &enhanced, &len))
		return true;
	for (size_t i = 1; i < 3; i++)
		if (text.s[i] < '0' || text.s[i] > '9')
			return false;
	return text.n == 3 || text.s[3] == ' ' || text.s[3] == '-';
}

bool
ev_bounce_is_whole(struct ev_slice text)
{
	text = skip_preamble(text);
	return text.n > 0 && (text.s[0] == '{' || ev_bounce_is_report(text) ||
	                      (is_message(text) && memchr(text.s, '\n', text.n) != NULL));
}

/* --- the readers -------------------------------------------------------------------------------------------- */

static bool
try(ev_bounce_reader reader, const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	size_t before = rows->n;

	if (ev_bounce_stopped(input->work))
		return false;
	if (reader(input, rows) && rows->n > before)
		return true;
	rows->n = before;
	return false;
}

static bool
read_message(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	static const ev_bounce_reader readers[] = {ev_bounce_read_arf,  ev_bounce_read_mdn,
	                                           ev_bounce_read_dsn,  ev_bounce_read_human,
	                                           ev_bounce_read_text, ev_bounce_read_address};
	struct ev_slice text = ev_slice_trim(input->text);

	/* a notification by mail: the event is the text */
	if (text.n > 1 && text.s[0] == '{')
	{
		struct ev_bounce_input event = *input;

		event.message = text;
		event.headers = nothing;
		if (try(ev_bounce_read_event, &event, rows))
			return true;
	}
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (try(readers[i], input, rows))
			return true;
	return false;
}

static bool
read_mime(struct ev_slice message, struct ev_bounce_work *work, struct ev_bounce_rows *rows)
{
	struct ev_bounce_taken t;

	ev_mime_parse(message, work->stop, &t.mime);
	t.input.message = message;
	t.input.work = work;
	t.root = 0;
	for (int i = 0; i < UNWRAP_MAX && !ev_bounce_stopped(work); i++)
	{
		ev_bounce_take(&t);
		if (read_message(&t.input, rows))
		{
			ev_bounce_add_facts(&t.input, rows->rows, rows->n);
			return true;
		}
		/* somebody forwarded it */
		if (t.forwarded < 0)
			return false;
		t.root = t.forwarded;
	}
	return false;
}

/* A log line, an event, a report without a message, or just words. */
static bool
read_bare(struct ev_slice message, struct ev_bounce_work *work, struct ev_bounce_rows *rows)
{
	struct ev_mime_part part = {.body = message, .type = nothing};
	struct ev_bounce_input input = {.message = message,
	                                .headers = nothing,
	                                .text = nothing,
	                                .report = nothing,
	                                .original = nothing,
	                                .work = work};

	if (message.s[0] == '{' || message.s[0] == '[')
	{
		/* a look at the whole of it costs a long time */
		input.message = ev_slice_to(message, EVENT_BYTES_MAX);
		if (try(ev_bounce_read_event, &input, rows))
			return true;
		/* whatever words are in it: an event is read as such or not at all */
		if (work->event == EV_EVENT_KNOWN)
			return false;
		input.message = message;
	}
	if (try(ev_bounce_read_log, &input, rows))
		return true;
	if (work->event != EV_EVENT_NONE)
		return false;
	input.text =
		(struct ev_slice){work->text, ev_mime_decode(&part, work->text, EV_BOUNCE_TEXT_MAX)};
	input.text.n = ev_bounce_unquote(work->text, input.text.n);
	if (ev_bounce_is_report(input.text))
	{
		input.report = input.text;
		if (!try(ev_bounce_read_arf, &input, rows) && !try(ev_bounce_read_dsn, &input, rows))
			return false;
		ev_bounce_add_facts(&input, rows->rows, rows->n);
		return true;
	}
	if (!try(ev_bounce_read_text, &input, rows))
		return false;
	ev_bounce_add_facts(&input, rows->rows, rows->n);
	return true;
}

/* --- finishing ------------------------------------------------------------------------------------------------ */

static bool
is_failure(enum ev_bounce_kind kind)
{
	return kind == EV_KIND_DSN || kind == EV_KIND_DELAY;
}

static enum ev_bounce_action
default_action(enum ev_bounce_kind kind)
{
	switch (kind)
	{
		case EV_KIND_DSN: return EV_ACTION_FAILED;
		case EV_KIND_DELAY: return EV_ACTION_DELAYED;
		case EV_KIND_SUCCESS: return EV_ACTION_DELIVERED;
		case EV_KIND_RELAYED: return EV_ACTION_RELAYED;
		case EV_KIND_EXPANDED: return EV_ACTION_EXPANDED;
		default: return EV_ACTION_NONE;
	}
}

static void
finish_row(struct ev_bounce *row, bool message)
{
	if (row->action == EV_ACTION_NONE)
		row->action = default_action(row->kind);
	if (is_failure(row->kind))
	{
		if (row->permanence == EV_PERMANENCE_NONE)
			row->permanence =
				row->kind == EV_KIND_DELAY ? EV_PERMANENCE_DELAYED : EV_PERMANENCE_HARD;
		if (row->refused_by == EV_REFUSED_BY_NONE)
			row->refused_by = message ? EV_REFUSED_BY_REPORTING : EV_REFUSED_BY_LOCAL;
		row->async = row->async || (message && row->refused_by == EV_REFUSED_BY_REPORTING &&
		                            row->kind == EV_KIND_DSN);
	}
	else
	{
		row->permanence = EV_PERMANENCE_NONE;
		if (row->kind != EV_KIND_NOT_SENT)
			row->refused_by = EV_REFUSED_BY_NONE;
		row->scope = EV_SCOPE_NONE;
	}
	/* somebody on the way took it; whether there is a mailbox nobody says */
	if (row->kind == EV_KIND_RELAYED || row->kind == EV_KIND_EXPANDED)
		row->verdict = ev_verdict_of(EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CANNOT_VERIFY);
	else if (!is_failure(row->kind) && row->kind != EV_KIND_SUCCESS &&
	         row->kind != EV_KIND_NOT_SENT)
		row->rule[0] = '\0';
	if (row->confidence == 0)
		row->confidence =
			row->final_recipient[0] != '\0' || row->original_recipient[0] != '\0' ? 80 : 40;
}

/* Letters of the domain compare without case; so do local parts here: nobody has both. */
static bool
same_address(const char *a, const char *b)
{
	return ev_slice_is((struct ev_slice){a, strlen(a)}, b);
}

static bool
says_more(const struct ev_bounce *a, const struct ev_bounce *b)
{
	bool a_open = a->verdict.reason == EV_REASON_SMTP_UNVERIFIABLE;
	bool b_open = b->verdict.reason == EV_REASON_SMTP_UNVERIFIABLE;

	if (a_open != b_open)
		return b_open;
	return a->diagnostic[0] != '\0' && b->diagnostic[0] == '\0';
}

/* The same recipient told of twice: the row that says more stays, at the place of the first. */
static size_t
drop_repeats(struct ev_bounce *rows, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
	{
		size_t k = 0;

		/* neighbours and near ones: a report of a thousand is not held against itself */
		size_t first = len > 64 ? len - 64 : 0;

		for (k = first; k < len; k++)
			if (rows[k].kind == rows[i].kind && rows[i].final_recipient[0] != '\0' &&
			    same_address(rows[k].final_recipient, rows[i].final_recipient) &&
			    same_address(rows[k].original_recipient, rows[i].original_recipient))
				break;
		if (k < len)
		{
			if (says_more(&rows[i], &rows[k]))
				rows[k] = rows[i];
			continue;
		}
		if (len != i)
			rows[len] = rows[i];
		len++;
	}
	return len;
}

size_t
ev_bounce_read(const char *message, size_t n, struct ev_bounce_work *work, struct ev_bounce *rows,
               size_t max)
{
	struct ev_bounce_rows out = {rows, 0, max < EV_BOUNCE_ROWS_MAX ? max : EV_BOUNCE_ROWS_MAX};
	struct ev_slice s = {message, n};
	bool is_mail;

	if (n == 0 || n > EV_BOUNCE_MESSAGE_MAX || max == 0)
		return 0;
	work->event = EV_EVENT_NONE;
	s = skip_preamble(s);
	if (s.n == 0)
		return 0;
	is_mail = !ev_bounce_is_report(s) && is_message(s);
	if (!(is_mail ? read_mime(s, work, &out) : read_bare(s, work, &out)) || ev_bounce_stopped(work))
		return 0;
	for (size_t i = 0; i < out.n; i++)
		finish_row(&out.rows[i],
		           out.rows[i].async || is_mail || rows[i].refused_by == EV_REFUSED_BY_REPORTING);
	return drop_repeats(rows, out.n);
}
