/*
 * bounce_address.c
 *	  Addresses as bounces write them: typed, encoded, in brackets, with comments.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/mime.h"
#include "engine/utf8.h"

/* Longest form of an address that is looked at, before decoding. */
#define FORM_MAX 2048

/* "rfc822;", "RFC822 ;", "rfc/822;", "utf-8;", "x-local;", "mailto:": the address behind it. */
static struct ev_slice
skip_type(struct ev_slice from, bool *typed)
{
	size_t at = 0;
	size_t n;

	*typed = false;
	while (at < from.n && at < 24 &&
	       (ev_is_alnum(from.s[at]) || from.s[at] == '-' || from.s[at] == '/' || from.s[at] == '_'))
		at++;
	n = at;
	while (at < from.n && (from.s[at] == ' ' || from.s[at] == '\t'))
		at++;
	if (n > 0 && at < from.n && from.s[at] == ';')
	{
		*typed = true;
		return ev_slice_trim(ev_slice_from(from, at + 1));
	}
	if (ev_slice_starts(from, "mailto:"))
		return ev_slice_from(from, 7);
	return from;
}

/* "(…)" outside of quotes, nested, is left out.  Returns the new length. */
static size_t
drop_comments(char *s, size_t n)
{
	size_t len = 0;
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++)
	{
		char c = s[i];

		if (c == '\\' && i + 1 < n)
		{
			if (depth == 0)
			{
				s[len++] = c;
				s[len++] = s[i + 1];
			}
			i++;
			continue;
		}
		if (c == '"' && depth == 0)
			quoted = !quoted;
		if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth > 0)
			depth--;
		else if (depth == 0)
			s[len++] = c;
	}

	/* a bracket that nothing closes is no comment: leave the text alone */
	return depth == 0 ? len : n;
}

size_t
ev_bounce_find_at(const char *s, size_t n)
{
	bool quoted = false;

	for (size_t i = 0; i < n; i++)
	{
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (s[i] == '@' && !quoted)
			return i;
	}
	return n;
}

/* "\x{HHHH}" (RFC 6533 3) at s: the character, and its length in *len; 0 when it is none. */
static unsigned long
embedded_char(const char *s, size_t n, size_t *len)
{
	unsigned long c = 0;
	size_t at = 3;

	if (n < 5 || s[0] != '\\' || (s[1] != 'x' && s[1] != 'X') || s[2] != '{')
		return 0;
	for (; at < n && at < 9 && ev_hex_value(s[at]) >= 0; at++)
		c = c << 4 | (unsigned long) ev_hex_value(s[at]);
	if (at >= n || s[at] != '}' || c < 0x20 || c == 0x7f || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*len = at + 1;
	return c;
}

/*
 * "+2B" and its like (RFC 3461 4) undone in place, for what xtext must encode and an address can
 * hold: a tag ("bob+2024@") stays what it is.
 */
static size_t
undo_encodings(char *s, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n;)
	{
		size_t used;
		unsigned long c = embedded_char(s + i, n - i, &used);

		if (c != 0)
		{
			len += ev_utf8_put(c, s + len);
			i += used;
		}
		else if (s[i] == '+' && i + 2 < n && s[i + 1] == '2' && s[i + 2] == 'B')
		{
			s[len++] = '+';
			i += 3;
		}
		else if (s[i] == '+' && i + 2 < n && s[i + 1] == '3' && s[i + 2] == 'D')
		{
			s[len++] = '=';
			i += 3;
		}
		else
			s[len++] = s[i++];
	}
	return len;
}

/* What may stand around an address in a sentence. */
static struct ev_slice
strip_marks(struct ev_slice a)
{
	for (;;)
	{
		size_t n = a.n;

		a = ev_slice_trim(a);
		if (a.n > 0 && strchr("<'[{`,;:=", a.s[0]) != NULL && a.s[0] != '\0')
			a = ev_slice_from(a, 1);
		if (a.n > 0 && strchr(">'}`,;:.!?", a.s[a.n - 1]) != NULL && a.s[a.n - 1] != '\0')
			a.n--;
		else if (a.n > 0 && a.s[a.n - 1] == ']' && memchr(a.s, '[', a.n) == NULL)
			a.n--;
		/* quotes around the whole address */
		if (a.n > 2 && a.s[0] == '"' && a.s[a.n - 1] == '"')
			a = (struct ev_slice){a.s + 1, a.n - 2};
		if (a.n == n)
			return a;
	}
}

/* The address in "Name <address>", or the word with the @. */
static struct ev_slice
pick(struct ev_slice a, bool typed)
{
	const char *open = NULL;
	size_t at;
	size_t start;
	size_t end;
	bool quoted = false;

	for (size_t i = 0; i < a.n && open == NULL; i++)
	{
		if (a.s[i] == '"')
			quoted = !quoted;
		if (a.s[i] == '<' && !quoted)
			open = a.s + i;
	}
	if (open != NULL)
	{
		struct ev_slice in = {open + 1, (size_t) (a.s + a.n - open - 1)};
		const char *close = memchr(in.s, '>', in.n);

		if (close != NULL)
			in.n = (size_t) (close - in.s);
		/* a source route (RFC 5321 4.1.1.3) */
		if (in.n > 0 && in.s[0] == '@')
		{
			const char *colon = memchr(in.s, ':', in.n);

			if (colon != NULL)
				in = ev_slice_from(in, (size_t) (colon - in.s) + 1);
		}
		if (ev_bounce_find_at(in.s, in.n) < in.n || typed)
			return ev_slice_trim(in);
	}
	a = strip_marks(a);
	at = ev_bounce_find_at(a.s, a.n);
	if (at == a.n)
		return a;

	/* from blank to blank around it; a quoted local part may hold blanks */
	start = at;
	end = at;
	if (start > 0 && a.s[start - 1] == '"')
	{
		start--;
		while (start > 0 && a.s[start - 1] != '"')
			start--;
		if (start > 0)
			start--;
	}
	else
		while (start > 0 && !ev_slice_is_blank(a.s[start - 1]) && a.s[start - 1] != '<')
			start--;
	while (end < a.n && !ev_slice_is_blank(a.s[end]) && a.s[end] != '>' && a.s[end] != ',')
		end++;
	return strip_marks((struct ev_slice){a.s + start, end - start});
}

/* Is it an address, or at least what a report calls one? */
static bool
is_address(struct ev_slice a, bool typed)
{
	size_t at = ev_bounce_find_at(a.s, a.n);

	if (a.n == 0 || (at == a.n && !typed))
		return false;
	if (at < a.n && (at == 0 || at + 1 == a.n))
		return false;
	for (size_t i = 0; i < a.n; i++)
		if ((unsigned char) a.s[i] < 0x20 || a.s[i] == 0x7f ||
		    (a.s[i] == ' ' && (at == a.n || a.s[0] != '"')))
			return false;
	return true;
}

bool
ev_bounce_copy_address(char *field, size_t size, struct ev_slice from)
{
	char form[FORM_MAX];
	struct ev_slice a;
	bool typed;
	size_t n = 0;
	size_t len = 0;

	field[0] = '\0';
	a = skip_type(ev_slice_trim(from), &typed);
	if (a.n > FORM_MAX)
		return false;
	if (a.n > 2 && ev_slice_find(a, "=?", NULL))
		n = ev_mime_decode_words(a, form, sizeof(form));
	else
		for (size_t i = 0; i < a.n; i++)
			if (a.s[i] != '\r' && a.s[i] != '\n')
				form[n++] = a.s[i];
	n = drop_comments(form, n);
	a = pick(ev_slice_trim((struct ev_slice){form, n}), typed);
	n = undo_encodings(form + (a.s - form), a.n);
	a.n = n;
	if (!is_address(a, typed))
		return false;

	/* UTF-8 stays; what is none is shown as escapes */
	for (size_t i = 0; i < a.n;)
	{
		size_t used;
		size_t unit_len;
		char unit[5];

		if ((unsigned char) a.s[i] - 0x20u < 0x5f && len + 1 < size)
		{
			field[len++] = a.s[i++];
			continue;
		}
		used = ev_utf8_len((const unsigned char *) a.s + i, a.n - i);
		unit_len = used;
		if (used > 0)
			memcpy(unit, a.s + i, used);
		else
		{
			static const char hex[] = "0123456789abcdef";

			used = 1;
			unit[0] = '\\';
			unit[1] = 'x';
			unit[2] = hex[(unsigned char) a.s[i] >> 4];
			unit[3] = hex[(unsigned char) a.s[i] & 15];
			unit_len = 4;
		}
		if (len + unit_len > size - 1)
		{
			field[0] = '\0';
			return false;
		}
		memcpy(field + len, unit, unit_len);
		len += unit_len;
		i += used;
	}
	field[len] = '\0';
	return true;
}
