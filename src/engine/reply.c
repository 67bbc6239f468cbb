/*
 * reply.c
 *	  Reading SMTP replies; see reply.h.
 *
 * A line is collected first and looked at when its end has come, so nothing depends on how the
 * bytes were cut.  The code of the *last* line counts: a greeting that starts with "220-" may end
 * in "521 " (postscreen does that), and then it is a refusal.
 */
#include "engine/reply.h"

#include <string.h>

#include "engine/ascii.h"

void
ev_reply_reader_init(struct ev_reply_reader *reader)
{
	/* text and line need not be cleared: their lengths say what is in them */
	memset(&reader->reply.enhanced, 0, sizeof(reader->reply.enhanced));
	reader->reply.code = 0;
	reader->reply.mixed = false;
	reader->reply.lines = 0;
	reader->reply.text_len = 0;
	reader->reply.text[0] = '\0';
	reader->bytes = 0;
	reader->line_len = 0;
}

/*
 * One to three digits at *at: the number, *at moved behind it.  False when there are none or more.
 */
static bool
read_number(const char *text, size_t n, size_t *at, uint16_t *out)
{
	size_t start = *at;
	uint16_t value = 0;

	while (*at < n && ev_is_digit(text[*at]))
	{
		if (*at - start == 3)
			return false;
		value = (uint16_t) (value * 10 + (text[*at] - '0'));
		(*at)++;
	}
	*out = value;
	return *at > start;
}

bool
ev_enhanced_parse(const char *text, size_t n, struct ev_enhanced *out, size_t *len)
{
	struct ev_enhanced e;
	size_t at = 1;

	if (n < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[at++] != '.')
		return false;
	e.klass = (uint8_t) (text[0] - '0');
	if (!read_number(text, n, &at, &e.subject) || at >= n || text[at++] != '.')
		return false;
	if (!read_number(text, n, &at, &e.detail))
		return false;
	/* "5.1.1.1" is an IP address; "5.1.1." is a status at the end of a sentence */
	if (at + 1 < n && text[at] == '.' && ev_is_digit(text[at + 1]))
		return false;
	*out = e;
	*len = at;
	return true;
}

static char *
put_number(char *p, unsigned value)
{
	if (value >= 100)
		*p++ = (char) ('0' + value / 100 % 10);
	if (value >= 10)
		*p++ = (char) ('0' + value / 10 % 10);
	*p++ = (char) ('0' + value % 10);
	return p;
}

void
ev_enhanced_format(struct ev_enhanced enhanced, char *buf)
{
	char *p = buf;

	if (enhanced.klass != 0)
	{
		*p++ = (char) ('0' + enhanced.klass % 10);
		*p++ = '.';
		p = put_number(p, enhanced.subject);
		*p++ = '.';
		p = put_number(p, enhanced.detail);
	}
	*p = '\0';
}

/*
 * Find the enhanced code of one line: at its start, or behind a '#' anywhere ("(#5.1.1)" is qmail's
 * way).  One whose class is not that of the code is no better than none (RFC 3463 2 and 5).
 */
static void
find_enhanced(struct ev_reply *reply, const char *text, size_t n)
{
	struct ev_enhanced e;
	size_t len;

	for (size_t i = 0; i < n; i++)
	{
		if (text[i] == '#' ? ev_enhanced_parse(text + i + 1, n - i - 1, &e, &len)
		                   : i == 0 && ev_enhanced_parse(text, n, &e, &len))
		{
			if (e.klass == reply->code / 100)
				reply->enhanced = e;
			return;
		}
	}
}

/* Append a line's text to the reply's, as far as there is room. */
static void
keep_text(struct ev_reply *reply, const char *text, size_t n)
{
	size_t room = EV_REPLY_TEXT_MAX - reply->text_len;

	if (reply->lines > 1 && room > 0)
	{
		reply->text[reply->text_len++] = '\n';
		room--;
	}
	if (n > room)
		n = room;
	for (size_t i = 0; i < n; i++)
		reply->text[reply->text_len++] = text[i] != '\0' ? text[i] : '?';
	reply->text[reply->text_len] = '\0';
}

/* A whole line, without its end.  True in *last when it ends the reply. */
static enum ev_read
take_line(struct ev_reply_reader *reader, bool *last)
{
	struct ev_reply *reply = &reader->reply;
	const char *line = reader->line;
	size_t n = reader->line_len;
	size_t start;

	*last = false;
	if (n > 0 && line[n - 1] == '\r')
		n--;
	reader->line_len = 0;

	if (n < 3 || line[0] < '2' || line[0] > '5' || !ev_is_digit(line[1]) || !ev_is_digit(line[2]) ||
	    (n > 3 && ev_is_digit(line[3])))
	{
		/* what there was of a reply before is left out: the line itself is what one wants to see */
		ev_reply_reader_init(reader);
		reply->lines = 1;
		keep_text(reply, line, n);
		return EV_READ_GARBAGE;
	}

	if (reply->lines == EV_REPLY_LINES_MAX)
		return EV_READ_TOO_LONG;
	reply->lines++;
	reply->mixed |= reply->code != 0 && reply->code / 100 != line[0] - '0';
	reply->code = (uint16_t) ((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
	*last = n == 3 || line[3] != '-';
	start = n > 3 && (line[3] == ' ' || line[3] == '-' || line[3] == '\t') ? 4 : 3;
	if (reply->enhanced.klass == 0)
		find_enhanced(reply, line + start, n - start);
	keep_text(reply, line + start, n - start);
	return EV_READ_MORE;
}

enum ev_read
ev_reply_feed(struct ev_reply_reader *reader, const char *bytes, size_t n, size_t *used,
              struct ev_reply *out)
{
	for (size_t i = 0; i < n; i++)
	{
		enum ev_read result;
		bool last;

		*used = i + 1;
		if (reader->bytes == EV_REPLY_BYTES_MAX)
			return EV_READ_TOO_LONG;
		reader->bytes++;

		if (bytes[i] != '\n')
		{
			if (reader->line_len == EV_REPLY_LINE_MAX)
				return EV_READ_TOO_LONG;
			reader->line[reader->line_len++] = bytes[i];
			continue;
		}

		result = take_line(reader, &last);
		if (result != EV_READ_MORE)
			return result;
		if (last)
		{
			/* a class that a later line of another class has made wrong */
			if (reader->reply.enhanced.klass != reader->reply.code / 100)
				reader->reply.enhanced = (struct ev_enhanced){0, 0, 0};
			*out = reader->reply;
			ev_reply_reader_init(reader);
			return EV_READ_REPLY;
		}
	}
	*used = n;
	return EV_READ_MORE;
}
