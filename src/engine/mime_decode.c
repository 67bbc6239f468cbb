/*
 * mime_decode.c
 *	  Transfer encodings, charsets, encoded words, parameters, and the text in HTML.
 */
#include "engine/mime.h"

#include <string.h>

#include "engine/ascii.h"

/* Longest encoded word and tag that are taken for one; they bound how far a search looks ahead. */
#define WORD_MAX 1000
#define TAG_MAX  2000
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

/* --- parameters ---------------------------------------------------------------------------------------- */

/* A token or quoted string at *at: appended to out, *at moved behind it. */
static void
read_value(struct ev_slice v, size_t *at, bool percent, char *out, size_t size, size_t *len)
{
	size_t i = *at;
	bool quoted = i < v.n && v.s[i] == '"';

	if (quoted)
		i++;
	while (i < v.n && (quoted ? v.s[i] != '"' : v.s[i] != ';' && !ev_slice_is_blank(v.s[i])))
	{
		char c = v.s[i++];

		if (quoted && c == '\\' && i < v.n)
			c = v.s[i++];
		else if (percent && c == '%' && i + 1 < v.n && ev_hex_value(v.s[i]) >= 0 &&
		         ev_hex_value(v.s[i + 1]) >= 0)
		{
			c = (char) (ev_hex_value(v.s[i]) << 4 | ev_hex_value(v.s[i + 1]));
			i += 2;
		}
		else if (c == '\r' || c == '\n')
			continue;
		if (*len + 1 < size)
			out[(*len)++] = c != '\0' ? c : '?';
	}
	if (quoted && i < v.n)
		i++;
	*at = i;
}

/* Leave out "charset'language'" of an extended value. */
static size_t
drop_language(char *out, size_t len)
{
	char *first = memchr(out, '\'', len);
	char *second;

	if (first == NULL)
		return len;
	second = memchr(first + 1, '\'', len - (size_t) (first + 1 - out));
	if (second == NULL)
		return len;
	len -= (size_t) (second + 1 - out);
	memmove(out, second + 1, len);
	return len;
}

bool
ev_mime_parameter(struct ev_slice value, const char *name, char *out, size_t size)
{
	size_t name_len = strlen(name);
	size_t len = 0;
	size_t at = 0;
	bool found = false;

	out[0] = '\0';
	while (at < value.n && value.s[at] != ';')
		at++;
	while (at < value.n)
	{
		size_t start;
		size_t end;
		bool percent = false;
		bool ours;
		char other[2];
		size_t other_len = 0;

		while (at < value.n && (value.s[at] == ';' || ev_slice_is_blank(value.s[at])))
			at++;
		start = at;
		while (at < value.n && value.s[at] != '=' && value.s[at] != ';')
			at++;
		if (at >= value.n || value.s[at] == ';')
			continue;
		end = at++;
		while (end > start && ev_slice_is_blank(value.s[end - 1]))
			end--;
		while (at < value.n && ev_slice_is_blank(value.s[at]))
			at++;
		ours = end - start >= name_len &&
		       ev_slice_starts((struct ev_slice){value.s + start, name_len}, name) &&
		       (end - start == name_len || value.s[start + name_len] == '*');
		percent = ours && end > start && value.s[end - 1] == '*';

		/* "name", "name*", or "name*0", "name*1*", …, which come in their order */
		if (ours && (!found || end - start > name_len))
		{
			bool first = !found;

			found = true;
			read_value(value, &at, percent, out, size, &len);
			if (first && percent)
				len = drop_language(out, len);
		}
		else
			read_value(value, &at, false, other, sizeof(other), &other_len);
	}
	if (size > 0)
		out[len] = '\0';
	return found;
}

/* --- HTML ------------------------------------------------------------------------------------------------ */

/* The character of an entity at s ("&lt;", "&#64;"): *used its length; 0 when it is none. */
static unsigned
entity(const char *s, size_t n, size_t *used)
{
	static const struct
	{
		const char *name;
		unsigned c;
	} names[] = {{"&lt;", '<'},   {"&gt;", '>'},    {"&amp;", '&'},   {"&quot;", '"'},
	             {"&nbsp;", ' '}, {"&apos;", '\''}, {"&rsquo;", '\''}};
	unsigned c = 0;
	size_t at = 2;
	bool hex;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_slice_starts((struct ev_slice){s, n}, names[i].name))
		{
			*used = strlen(names[i].name);
			return names[i].c;
		}
	if (n < 4 || s[1] != '#')
		return 0;
	hex = s[2] == 'x' || s[2] == 'X';
	if (hex)
		at++;
	for (; at < n && at < 9 && ev_hex_value(s[at]) >= 0 && (hex || ev_hex_value(s[at]) < 10); at++)
		c = c * (hex ? 16 : 10) + (unsigned) ev_hex_value(s[at]);
	if (at >= n || s[at] != ';' || c < 0x20 || c > 0x7e)
		return c == 160 && at < n && s[at] == ';' ? (*used = at + 1, ' ') : 0;
	*used = at + 1;
	return c;
}

/* Does the tag at s (behind the "<") end a line? */
static bool
is_break(struct ev_slice s)
{
	static const char *const tags[] = {
		"br", "p",   "/p", "div", "/div",  "tr", "/tr",    "li",  "/li",  "h1", "/h1",
		"h2", "/h2", "h3", "/h3", "table", "hr", "/table", "pre", "/pre", "ul", "blockquote"};
	size_t n = 0;

	while (n < s.n && n < 12 &&
	       ((s.s[n] >= 'a' && s.s[n] <= 'z') || (s.s[n] >= 'A' && s.s[n] <= 'Z') ||
	        (s.s[n] >= '0' && s.s[n] <= '9') || (n == 0 && s.s[n] == '/')))
		n++;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (ev_slice_is(ev_slice_to(s, n), tags[i]))
			return true;
	return false;
}

/* The text of <style>, <script>, <head>'s title and comments is none: where it ends. */
static size_t
skip_silent(struct ev_slice s)
{
	static const char *const silent[][2] = {
		{"<style", "</style>"}, {"<script", "</script>"}, {"<!--", "-->"}, {"<title", "</title>"}};
	size_t at;

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (ev_slice_starts(s, silent[i][0]))
			return ev_slice_find(s, silent[i][1], &at) ? at + strlen(silent[i][1]) : s.n;
	return 0;
}

size_t
ev_mime_strip_html(char *text, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n;)
	{
		struct ev_slice rest = {text + i, n - i};
		size_t used = 0;
		unsigned c;

		if (text[i] == '<' && (used = skip_silent(rest)) > 0)
			i += used;
		else if (text[i] == '<' && i + 1 < n &&
		         ((text[i + 1] | 0x20) >= 'a' ? (text[i + 1] | 0x20) <= 'z'
		                                      : text[i + 1] == '/' || text[i + 1] == '!'))
		{
			const char *close = memchr(text + i, '>', ev_slice_to(rest, TAG_MAX).n);
			const char *at = memchr(text + i, '@', close == NULL ? 0 : (size_t) (close - text) - i);
			bool line_end = is_break(ev_slice_from(rest, 1));

			/* an address in brackets that should have been escaped */
			if (close == NULL ||
			    (at != NULL && memchr(text + i, ' ', (size_t) (at - text) - i) == NULL &&
			     memchr(text + i, '=', (size_t) (at - text) - i) == NULL))
			{
				text[len++] = text[i++];
				continue;
			}
			i = (size_t) (close - text) + 1;
			/* as many bytes as were read, at least: a tag has three */
			if (line_end && len > 0 && text[len - 1] != '\n')
				text[len++] = '\n';
		}
		else if (text[i] == '&' && (c = entity(text + i, rest.n, &used)) != 0)
		{
			text[len++] = (char) c;
			i += used;
		}
		else
			text[len++] = text[i++];
	}
	return len;
}
