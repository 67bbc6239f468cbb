/*
 * bounce_take.c
 *	  Of the parts of a message: what a person reads, the report, the message that came back.
 */
#include "engine/bounce_internal.h"

#include <string.h>

static const struct ev_slice nothing = {"", 0};

static bool
type_is(const struct ev_mime_part *part, const char *type)
{
	return ev_slice_is(part->type, type);
}

static bool
is_report_part(const struct ev_mime_part *part)
{
	static const char *const types[] = {"message/delivery-status",
	                                    "message/global-delivery-status",
	                                    "message/disposition-notification",
	                                    "message/global-disposition-notification",
	                                    "message/feedback-report",
	                                    "message/delivery-report",
	                                    "text/delivery-status",
	                                    "message/xdelivery-status"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type_is(part, types[i]))
			return true;
	return false;
}

/* Text that begins like a report though its type does not say so. */
static bool
reads_like_report(struct ev_slice text)
{
	text = ev_slice_trim(ev_slice_to(text, 4000));
	return ev_bounce_is_report(text) ||
	       ((ev_slice_starts(text, "X-Postfix") || ev_slice_starts(text, "Arrival-Date:")) &&
	        ev_slice_find(text, "\nFinal-Recipient:", NULL));
}

/* Is the part within a message that came back, or was forwarded? */
static bool
is_inner(const struct ev_mime *mime, int i, int root)
{
	for (; i != root && i >= 0; i = mime->parts[i].parent)
		if (mime->parts[i].message)
			return true;
	return i < 0;
}

static struct ev_slice
decode_more(struct ev_bounce_taken *t, const struct ev_mime_part *part)
{
	struct ev_bounce_work *work = t->input.work;
	char *at = work->more + t->more;
	size_t n;

	/* as it stands, if there is nothing to undo */
	if (part->encoding == EV_MIME_IDENTITY && memchr(part->body.s, '\r', part->body.n) == NULL &&
	    memchr(part->body.s, '\0', part->body.n) == NULL)
		return ev_slice_to(part->body, EV_BOUNCE_TEXT_MAX);
	n = ev_mime_decode(part, at, EV_BOUNCE_TEXT_MAX - t->more);
	t->more += n;
	return (struct ev_slice){at, n};
}

/* Append the text of a part to what a person reads. */
static void
add_text(struct ev_bounce_taken *t, const struct ev_mime_part *part)
{
	char *text = t->input.work->text;
	size_t len = t->input.text.n;
	size_t n;

	if (len > 0 && len < EV_BOUNCE_TEXT_MAX)
		text[len++] = '\n';
	n = ev_mime_decode(part, text + len, EV_BOUNCE_TEXT_MAX - len);
	if (type_is(part, "text/html"))
		n = ev_mime_strip_html(text + len, n);
	t->input.text = (struct ev_slice){text, len + n};
}

static bool
is_text(const struct ev_mime_part *part)
{
	return ev_slice_starts(part->type, "text/plain") || ev_slice_is(part->type, "text") ||
	       memchr(part->type.s, '/', part->type.n) == NULL;
}

/* Headers of the message that came back: a part of its own, or what follows in the text. */
static void
find_original(struct ev_bounce_taken *t)
{
	struct ev_slice rest = t->input.text;
	struct ev_slice line;

	if (t->input.original.n > 0)
		return;
	while (ev_slice_line(&rest, &line))
	{
		struct ev_slice from = {line.s, (size_t) (rest.s + rest.n - line.s)};

		if (line.n == 0 || ((line.s[0] | 0x20) != 'r' && (line.s[0] | 0x20) != 'm'))
			continue;
		if (!ev_slice_starts(line, "Return-Path:") && !ev_slice_starts(line, "Received:") &&
		    !(ev_slice_starts(line, "Message-ID:") &&
		      ev_slice_find(ev_slice_to(from, 2000), "\nTo:", NULL)))
			continue;
		t->input.original = from;
		return;
	}
}

size_t
ev_bounce_unquote(char *text, size_t n)
{
	struct ev_slice rest = {text, n};
	struct ev_slice line;
	size_t lines = 0;
	size_t len = 0;

	while (ev_slice_line(&rest, &line))
	{
		if (line.n > 0 && line.s[0] != '>')
			return n;
		lines += line.n > 0 && !ev_slice_starts(line, ">>>");
	}
	if (lines < 2)
		return n;
	rest = (struct ev_slice){text, n};
	while (ev_slice_line(&rest, &line))
	{
		line = ev_slice_from(line, line.n > 0);
		line = ev_slice_from(line, line.n > 0 && line.s[0] == ' ');
		memmove(text + len, line.s, line.n);
		len += line.n;
		if (len < n)
			text[len++] = '\n';
	}
	return len;
}

/* Fill the input from the parts below root. */
void
ev_bounce_take(struct ev_bounce_taken *t)
{
	const struct ev_mime *mime = &t->mime;
	const struct ev_mime_part *root = &mime->parts[t->root];
	bool html = false;

	t->input.headers = root->headers;
	t->input.text = nothing;
	t->input.report = nothing;
	t->input.original = nothing;
	t->forwarded = -1;
	t->more = 0;

	for (int round = 0; round < 2; round++)
	{
		for (int i = t->root; i < (int) mime->n; i++)
		{
			const struct ev_mime_part *part = &mime->parts[i];

			if (is_inner(mime, i, t->root))
			{
				if (round == 0 && part->message && t->forwarded < 0)
				{
					t->forwarded = i;
					t->input.original = part->headers;
				}
				continue;
			}
			if (round == 0 && is_report_part(part))
			{
				if (t->input.report.n == 0)
					t->input.report = decode_more(t, part);
			}
			else if (round == 0 &&
			         (type_is(part, "text/rfc822-headers") ||
			          type_is(part, "message/rfc822-headers") ||
			          type_is(part, "message/global-headers") ||
			          (type_is(part, "message/rfc822") && part->encoding != EV_MIME_IDENTITY)))
			{
				if (t->input.original.n == 0)
					t->input.original = ev_slice_trim(decode_more(t, part));
			}
			else if (is_text(part) && round == 0)
			{
				struct ev_slice before = t->input.text;

				add_text(t, part);
				if (t->input.report.n == 0 && i != t->root)
				{
					struct ev_slice added = ev_slice_from(t->input.text, before.n);

					if (reads_like_report(added))
					{
						t->input.report = decode_more(t, part);
						t->input.text = before;
					}
				}
			}
			else if (round == 1 && type_is(part, "text/html") && !html)
			{
				/* only where there is no plain text */
				add_text(t, part);
				html = true;
			}
		}
		if (ev_slice_trim(t->input.text).n > 0)
			break;
	}
	/* what a person quotes is a person's */
	if (ev_bounce_from_daemon(t->input.headers))
		t->input.text.n = ev_bounce_unquote(t->input.work->text, t->input.text.n);
	find_original(t);
}
