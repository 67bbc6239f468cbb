/*
 * mime_html.c
 *	  The text in HTML.
 */
#include "engine/mime.h"

#include <string.h>

#include "engine/ascii.h"

#define TAG_MAX 2000 /* longest tag that is taken for one; it bounds how far a search looks ahead */

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
