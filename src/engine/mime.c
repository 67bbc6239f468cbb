/*
 * mime.c
 *	  The structure of a message, found in one pass over its lines.
 *
 * Open multiparts lie on a stack with their boundaries; a line that begins with "--" is held
 * against all of them, the innermost first, and closes what is deeper.
 */
#include "engine/mime.h"

#include <string.h>

/* After how many lines one looks whether to stop. */
#define LINES_PER_LOOK 1000

struct open_multipart
{
	int part;
	size_t n; /* 0: not told */
	bool met; /* a line of it has been seen */
	char boundary[EV_MIME_BOUNDARY_MAX + 1];
};

struct parser
{
	struct ev_mime *mime;
	int current;     /* the part that lines belong to */
	bool in_headers; /* of the current part */
	size_t depth;
	struct open_multipart open[EV_MIME_DEPTH_MAX];
	size_t n_open;
	const char *end; /* of the message */

	/* first lines of the current part's headers that begin so, met on the way; NULL: none */
	const char *type_line;
	const char *encoding_line;
};

bool
ev_mime_header(struct ev_slice headers, const char *name, struct ev_slice *value)
{
	size_t n = strlen(name);
	struct ev_slice line;

	while (ev_slice_line(&headers, &line))
	{
		size_t at = n;

		if (line.n <= n || (line.s[0] | 0x20) != (name[0] | 0x20) || !ev_slice_starts(line, name))
			continue;
		while (at < line.n && (line.s[at] == ' ' || line.s[at] == '\t'))
			at++;
		if (at >= line.n || line.s[at] != ':')
			continue;
		*value = ev_slice_from(line, at + 1);
		while (headers.n > 0 && (headers.s[0] == ' ' || headers.s[0] == '\t') &&
		       ev_slice_line(&headers, &line))
			value->n = (size_t) (line.s + line.n - value->s);
		*value = ev_slice_trim(*value);
		return true;
	}
	return false;
}

/* "name: value", or the continuation of one. */
static bool
is_header_line(struct ev_slice line)
{
	if (line.n > 0 && (line.s[0] == ' ' || line.s[0] == '\t'))
		return true;
	for (size_t i = 0; i < line.n; i++)
	{
		if (line.s[i] == ':')
			return i > 0;
		if (line.s[i] == ' ' || line.s[i] == '\t')
		{
			/* "Name :" */
			while (i < line.n && (line.s[i] == ' ' || line.s[i] == '\t'))
				i++;
			return i < line.n && line.s[i] == ':';
		}
		if ((unsigned char) line.s[i] < 0x21)
			return false;
	}
	return false;
}

static enum ev_mime_encoding
encoding_of(struct ev_slice headers)
{
	struct ev_slice value;

	if (!ev_mime_header(headers, "Content-Transfer-Encoding", &value))
		return EV_MIME_IDENTITY;
	if (ev_slice_starts(value, "base64"))
		return EV_MIME_BASE64;
	if (ev_slice_starts(value, "quoted-printable"))
		return EV_MIME_QUOTED_PRINTABLE;
	return EV_MIME_IDENTITY;
}

enum ev_mime_charset
ev_mime_charset_of(struct ev_slice name)
{
	static const struct
	{
		const char *name;
		enum ev_mime_charset charset;
	} names[] = {
		{"utf-8", EV_MIME_UTF8},          {"utf8", EV_MIME_UTF8},
		{"us-ascii", EV_MIME_UTF8},       {"ascii", EV_MIME_UTF8},
		{"ansi_x3.4-1968", EV_MIME_UTF8}, {"unknown-8bit", EV_MIME_UTF8},
		{"iso-8859-1", EV_MIME_LATIN1},   {"iso8859-1", EV_MIME_LATIN1},
		{"iso_8859-1", EV_MIME_LATIN1},   {"latin1", EV_MIME_LATIN1},
		{"iso-8859-15", EV_MIME_LATIN9},  {"iso8859-15", EV_MIME_LATIN9},
		{"latin9", EV_MIME_LATIN9},       {"windows-1252", EV_MIME_WINDOWS_1252},
		{"cp1252", EV_MIME_WINDOWS_1252}, {"x-ansi", EV_MIME_WINDOWS_1252},
		{"iso-8859-9", EV_MIME_LATIN1},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_slice_is(name, names[i].name))
			return names[i].charset;
	return EV_MIME_OTHER;
}

/* "text/plain" of "Text/Plain; charset=…"; what has no slash is told as it is. */
static struct ev_slice
type_of(struct ev_slice value)
{
	size_t n = 0;

	while (n < value.n && !ev_slice_is_blank(value.s[n]) && value.s[n] != ';' && value.s[n] != ',')
		n++;
	return ev_slice_to(value, n);
}

/* What a part without Content-Type is: in a multipart/digest a message (RFC 2046 5.1.5). */
static struct ev_slice
default_type(const struct parser *p, const struct ev_mime_part *part)
{
	static const char plain[] = "text/plain";
	static const char message[] = "message/rfc822";

	if (!part->message && part->parent >= 0 &&
	    ev_slice_is(p->mime->parts[part->parent].type, "multipart/digest"))
		return (struct ev_slice){message, sizeof(message) - 1};
	return (struct ev_slice){plain, sizeof(plain) - 1};
}

static bool
open_part(struct parser *p, int parent, const char *at, bool message)
{
	struct ev_mime *mime = p->mime;
	struct ev_mime_part *part;

	if (mime->n == EV_MIME_PARTS_MAX)
		return false;
	part = &mime->parts[mime->n];
	memset(part, 0, sizeof(*part));
	part->headers = (struct ev_slice){at, 0};
	part->body = (struct ev_slice){at, 0};
	part->parent = (int16_t) parent;
	part->depth = parent < 0 ? 0 : (uint8_t) (mime->parts[parent].depth + 1);
	part->message = message;
	part->type = default_type(p, part);
	p->current = (int) mime->n++;
	p->in_headers = true;
	p->type_line = NULL;
	p->encoding_line = NULL;
	return true;
}

/* The headers from one of their lines on; none of them for NULL. */
static struct ev_slice
headers_from(const struct ev_mime_part *part, const char *line)
{
	return ev_slice_from(part->headers,
	                     line == NULL ? part->headers.n : (size_t) (line - part->headers.s));
}

/* Remember where the headers stand that end_headers() looks for. */
static void
note_header(struct parser *p, struct ev_slice line)
{
	if (!ev_slice_starts(line, "Content-T"))
		return;
	if (p->type_line == NULL && ev_slice_starts(line, "Content-Type"))
		p->type_line = line.s;
	else if (p->encoding_line == NULL && ev_slice_starts(line, "Content-Transfer-Encoding"))
		p->encoding_line = line.s;
}

/* The headers of the current part have ended before `end`; its body begins at `body`. */
static void
end_headers(struct parser *p, const char *end, const char *body)
{
	struct ev_mime_part *part = &p->mime->parts[p->current];
	struct ev_slice value;
	char charset[40];

	p->in_headers = false;
	part->headers.n = (size_t) (end - part->headers.s);
	part->headers = ev_slice_to(part->headers, EV_MIME_HEADERS_MAX);
	part->body = (struct ev_slice){body, 0};
	part->encoding = encoding_of(headers_from(part, p->encoding_line));
	if (!ev_mime_header(headers_from(part, p->type_line), "Content-Type", &value))
		return;
	if (value.n > 0)
		part->type = type_of(value);
	if (part->depth + 1 >= EV_MIME_DEPTH_MAX)
		return;
	if (ev_slice_starts(part->type, "multipart"))
	{
		struct open_multipart *open = &p->open[p->n_open];

		if (p->n_open < EV_MIME_DEPTH_MAX)
		{
			if (!ev_mime_parameter(value, "boundary", open->boundary, sizeof(open->boundary)))
				open->boundary[0] = '\0';
			open->n = strlen(open->boundary);
			open->met = false;
			open->part = p->current;
			p->n_open++;
		}
	}
	else if (part->encoding == EV_MIME_IDENTITY &&
	         (ev_slice_is(part->type, "message/rfc822") ||
	          ev_slice_is(part->type, "message/global") || ev_slice_is(part->type, "message/news")))
		open_part(p, p->current, body, true);
	else if (ev_mime_parameter(value, "charset", charset, sizeof(charset)))
		part->charset = ev_mime_charset_of((struct ev_slice){charset, strlen(charset)});
}

/* All parts from the current one up to, and without, `last` end at `end`. */
static void
close_parts(struct parser *p, int last, const char *end)
{
	if (p->in_headers)
	{
		/* the line end before a boundary may be that of the boundary before */
		const char *start = p->mime->parts[p->current].headers.s;

		end_headers(p, end > start ? end : start, end > start ? end : start);
	}
	p->in_headers = false;
	for (int i = p->current; i != last && i >= 0; i = p->mime->parts[i].parent)
	{
		struct ev_mime_part *part = &p->mime->parts[i];

		part->body.n = end > part->body.s ? (size_t) (end - part->body.s) : 0;
	}
	p->current = last;
}

/* Which open multipart does this line bound?  n_open for none. */
static size_t
find_boundary(const struct parser *p, struct ev_slice line, bool *last)
{
	for (size_t i = p->n_open; i-- > 0;)
	{
		const struct open_multipart *open = &p->open[i];
		size_t at = 2 + open->n;

		if (open->n == 0 || line.n < at || memcmp(line.s + 2, open->boundary, open->n) != 0)
			continue;
		*last = line.n >= at + 2 && line.s[at] == '-' && line.s[at + 1] == '-';
		if (*last)
			at += 2;
		while (at < line.n && (line.s[at] == ' ' || line.s[at] == '\t'))
			at++;
		if (at == line.n)
			return i;
	}
	return p->n_open;
}

/*
 * The boundary that a multipart names is missing, or stands nowhere: the first line that looks like one, with
 * the header of a part behind it, is taken for it.
 */
static void
guess_boundary(struct parser *p, struct ev_slice line, const char *next)
{
	struct open_multipart *open = &p->open[p->n_open - 1];
	struct ev_slice behind = {next, (size_t) (p->end - next)};
	size_t n = line.n - 2;

	if (open->met || open->part != p->current || p->in_headers || n > EV_MIME_BOUNDARY_MAX ||
	    ev_slice_is_blank(line.s[2]) || !ev_slice_starts(behind, "Content-"))
		return;
	while (n > 0 && ev_slice_is_blank(line.s[2 + n - 1]))
		n--;
	memcpy(open->boundary, line.s + 2, n);
	open->boundary[n] = '\0';
	open->n = n;
}

/* The line end before `at` belongs to the boundary. */
static const char *
before_line_end(const char *start, const char *at)
{
	if (at > start && at[-1] == '\n')
		at--;
	else if (at > start && at[-1] == '\r')
		return at - 1;
	if (at > start && at[-1] == '\r')
		at--;
	return at;
}

static void
take_line(struct parser *p, const char *start, struct ev_slice line, const char *next)
{
	if (line.n > 2 && line.s[0] == '-' && line.s[1] == '-' && p->n_open > 0)
	{
		bool last;
		size_t level = find_boundary(p, line, &last);

		if (level == p->n_open)
		{
			guess_boundary(p, line, next);
			level = find_boundary(p, line, &last);
		}
		if (level < p->n_open)
		{
			int part = p->open[level].part;

			p->open[level].met = true;

			close_parts(p, part, before_line_end(start, line.s));
			p->n_open = last ? level : level + 1;
			if (!last)
				open_part(p, part, next, false);
			return;
		}
	}
	if (!p->in_headers)
		return;
	if (line.n == 0)
		end_headers(p, line.s, next);
	else if (!is_header_line(line))
	{
		const struct ev_mime_part *part = &p->mime->parts[p->current];

		/* an mbox line before the headers of a message that came back */
		if (part->message && line.s == part->headers.s &&
		    (ev_slice_starts(line, "From ") || ev_slice_starts(line, ">From ")))
		{
			p->mime->parts[p->current].headers.s = next;
			return;
		}
		end_headers(p, line.s, line.s);
	}
	else
		note_header(p, line);
}

void
ev_mime_parse(struct ev_slice message, const volatile int *stop, struct ev_mime *out)
{
	struct parser p = {.mime = out, .end = message.s + message.n};
	struct ev_slice rest = message;
	struct ev_slice line;

	out->n = 0;
	open_part(&p, -1, message.s, true);
	for (size_t i = 1; ev_slice_line(&rest, &line); i++)
	{
		if (i % LINES_PER_LOOK == 0 && stop != NULL && *stop != 0)
			break;
		take_line(&p, message.s, line, rest.s);
	}
	close_parts(&p, -1, message.s + message.n);
}
