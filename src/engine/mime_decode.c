/*
 * mime_decode.c
 *	  Transfer encodings, charsets, encoded words.
 */
#include "engine/mime.h"

#include <string.h>

#include "engine/ascii.h"

/* Longest encoded word that is taken for one; it bounds how far a search looks ahead. */
#define WORD_MAX 1000
#define RUN_MAX  4096 /* bytes that are looked at and copied at once */

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* --- bytes to UTF-8 with LF line ends -------------------------------------------------------------- */

struct sink
{
	char *out;
	size_t len;
	size_t size;
	enum ev_mime_charset charset;
	bool cr; /* a CR is waiting for its LF */
};

/* 0x80 to 0x9f of windows-1252; 0 where it has nothing. */
static const uint16_t windows_1252[32] = {
	0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

static unsigned
to_unicode(enum ev_mime_charset charset, unsigned char c)
{
	static const struct
	{
		unsigned char c;
		uint16_t u;
	} latin9[] = {{0xa4, 0x20ac}, {0xa6, 0x160}, {0xa8, 0x161}, {0xb4, 0x17d},
	              {0xb8, 0x17e},  {0xbc, 0x152}, {0xbd, 0x153}, {0xbe, 0x178}};

	if (charset == EV_MIME_LATIN9)
		for (size_t i = 0; i < sizeof(latin9) / sizeof(latin9[0]); i++)
			if (latin9[i].c == c)
				return latin9[i].u;
	/* what calls itself ISO 8859-1 is windows-1252 more often than it has C1 controls */
	if (c < 0xa0)
		return windows_1252[c - 0x80] != 0 ? windows_1252[c - 0x80] : '?';
	return c;
}

static void
put_byte(struct sink *sink, char c)
{
	if (sink->len < sink->size)
		sink->out[sink->len++] = c;
}

static void
put(struct sink *sink, char c)
{
	unsigned char u = (unsigned char) c;

	if (sink->cr)
	{
		sink->cr = false;
		put_byte(sink, '\n');
		if (c == '\n')
			return;
	}
	if (c == '\r')
		sink->cr = true;
	else if (c == '\0')
		put_byte(sink, '?');
	else if (u < 0x80 || sink->charset == EV_MIME_UTF8 || sink->charset == EV_MIME_OTHER)
		put_byte(sink, c);
	else
	{
		unsigned w = to_unicode(sink->charset, u);

		if (sink->size - sink->len < 3)
			sink->size = sink->len; /* no half characters */
		else if (w < 0x80)
			put_byte(sink, (char) w);
		else if (w < 0x800)
		{
			put_byte(sink, (char) (0xc0 | w >> 6));
			put_byte(sink, (char) (0x80 | (w & 0x3f)));
		}
		else
		{
			put_byte(sink, (char) (0xe0 | w >> 12));
			put_byte(sink, (char) (0x80 | (w >> 6 & 0x3f)));
			put_byte(sink, (char) (0x80 | (w & 0x3f)));
		}
	}
}

/* Bytes that stay as they are: up to a CR, a NUL, or one that the charset has otherwise. */
static size_t
plain_run(const struct sink *sink, const char *s, size_t n)
{
	const char *end = memchr(s, '\r', n);
	size_t at = 0;

	if (end != NULL)
		n = (size_t) (end - s);
	end = memchr(s, '\0', n);
	if (end != NULL)
		n = (size_t) (end - s);
	if (sink->charset == EV_MIME_UTF8 || sink->charset == EV_MIME_OTHER)
		return n;
	while (at < n && (unsigned char) s[at] < 0x80)
		at++;
	return at;
}

/* Put n bytes: plain ones in one go. */
static void
put_all(struct sink *sink, const char *s, size_t n)
{
	while (n > 0 && sink->len < sink->size)
	{
		size_t run = sink->cr ? 0 : plain_run(sink, s, n < RUN_MAX ? n : RUN_MAX);

		if (run > sink->size - sink->len)
			run = sink->size - sink->len;
		if (run == 0)
		{
			put(sink, *s);
			run = 1;
		}
		else
		{
			memcpy(sink->out + sink->len, s, run);
			sink->len += run;
		}
		s += run;
		n -= run;
	}
}

static void
decode_base64(struct ev_slice body, struct sink *sink)
{
	unsigned long bits = 0;
	int n = 0;

	for (size_t i = 0; i < body.n && sink->len < sink->size; i++)
	{
		int value = base64_value(body.s[i]);

		if (body.s[i] == '=')
		{
			/* the end of a quantum; more may follow where pieces were joined */
			bits = 0;
			n = 0;
		}
		if (value < 0)
			continue;
		bits = (bits << 6 | (unsigned long) value) & 0xffffff;
		n += 6;
		if (n >= 8)
		{
			n -= 8;
			put(sink, (char) (bits >> n & 0xff));
		}
	}
}

/* Blanks from `at` up to a line end: what is behind it; `at` itself when there is no line end. */
static size_t
skip_line_end(struct ev_slice body, size_t at)
{
	size_t i = at;

	while (i < body.n && (body.s[i] == ' ' || body.s[i] == '\t'))
		i++;
	if (i == body.n)
		return i;
	if (body.s[i] == '\r')
		return i + 1 < body.n && body.s[i + 1] == '\n' ? i + 2 : i + 1;
	return body.s[i] == '\n' ? i + 1 : at;
}

static void
decode_quoted_printable(struct ev_slice body, struct sink *sink, bool word)
{
	for (size_t i = 0; i < body.n && sink->len < sink->size;)
	{
		char c = body.s[i];

		if (c == '=' && i + 2 < body.n && ev_hex_value(body.s[i + 1]) >= 0 &&
		    ev_hex_value(body.s[i + 2]) >= 0)
		{
			put(sink, (char) (ev_hex_value(body.s[i + 1]) << 4 | ev_hex_value(body.s[i + 2])));
			i += 3;
		}
		else if (c == '=' && !word && skip_line_end(body, i + 1) > i + 1)
			i = skip_line_end(body, i + 1);
		else if (word)
		{
			put(sink, c == '_' ? ' ' : c);
			i++;
		}
		else
		{
			/* up to the next =, itself if it is none of an escape */
			const char *end = memchr(body.s + i + 1, '=', body.n - i - 1);
			size_t n = end != NULL ? (size_t) (end - body.s) - i : body.n - i;

			put_all(sink, body.s + i, n);
			i += n;
		}
	}
}

size_t
ev_mime_decode(const struct ev_mime_part *part, char *out, size_t size)
{
	struct sink sink = {.out = out, .size = size, .charset = part->charset};

	switch (part->encoding)
	{
		case EV_MIME_BASE64: decode_base64(part->body, &sink); break;
		case EV_MIME_QUOTED_PRINTABLE: decode_quoted_printable(part->body, &sink, false); break;
		case EV_MIME_IDENTITY: put_all(&sink, part->body.s, part->body.n); break;
	}
	if (sink.cr)
		put_byte(&sink, '\n');
	return sink.len;
}

/* --- encoded words ------------------------------------------------------------------------------------ */

/* "=?charset?B?text?=" at the start of the slice: decode it; the length it has, 0 when it is none. */
static size_t
decode_word(struct ev_slice s, struct sink *sink)
{
	size_t charset = 2;
	size_t at = 2;
	size_t n;
	struct ev_slice name;
	struct ev_slice text;

	if (!ev_slice_starts(s, "=?"))
		return 0;
	while (at < s.n && at < 64 && s.s[at] != '?' && s.s[at] != ' ')
		at++;
	if (at + 3 >= s.n || s.s[at] != '?' || s.s[at + 2] != '?')
		return 0;
	name = (struct ev_slice){s.s + charset, at - charset};
	for (n = 0; n < name.n; n++)
		if (name.s[n] == '*') /* RFC 2231 5: a language */
			name.n = n;
	text = ev_slice_from(s, at + 3);
	text = ev_slice_to(text, WORD_MAX);
	for (n = 0; n + 1 < text.n && !(text.s[n] == '?' && text.s[n + 1] == '='); n++)
		if (text.s[n] == '\n' || text.s[n] == '\r')
			return 0;
	if (n + 1 >= text.n)
		return 0;
	text.n = n;
	sink->charset = ev_mime_charset_of(name);
	if ((s.s[at + 1] | 0x20) == 'b')
		decode_base64(text, sink);
	else if ((s.s[at + 1] | 0x20) == 'q')
		decode_quoted_printable(text, sink, true);
	else
		return 0;
	if (sink->cr)
	{
		sink->cr = false;
		put_byte(sink, '\n');
	}
	sink->charset = EV_MIME_UTF8;
	return at + 3 + n + 2;
}

size_t
ev_mime_decode_words(struct ev_slice value, char *out, size_t size)
{
	struct sink sink = {.out = out, .size = size > 0 ? size - 1 : 0, .charset = EV_MIME_UTF8};
	size_t blanks = 0; /* where white space began that a second word would swallow */
	bool after_word = false;
	size_t give_up = 0; /* no word begins before this: the search for an end is not repeated */

	for (size_t i = 0; i < value.n && sink.len < sink.size;)
	{
		size_t n = 0;
		char c = value.s[i];

		if (c == '=' && i >= give_up && i + 1 < value.n && value.s[i + 1] == '?')
		{
			size_t was = sink.len;

			if (after_word)
				sink.len = blanks;
			n = decode_word(ev_slice_from(value, i), &sink);
			if (n == 0)
			{
				sink.len = was;
				give_up = i + 64;
			}
		}
		if (n > 0)
		{
			i += n;
			after_word = true;
			blanks = sink.len;
			continue;
		}
		if (!ev_slice_is_blank(c))
			after_word = false;
		else if (c == '\r' || c == '\n')
			c = ' ';
		put_byte(&sink, c == '\0' ? '?' : c);
		i++;
		if (c == ' ' && i < value.n && (value.s[i] == '\n' || value.s[i] == '\t'))
			i++;
	}
	return sink.len;
}
