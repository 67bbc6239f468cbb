/*
 * redact.c
 *	  Cut local parts short; see redact.h.
 *
 * One pass.  A run of characters that may stand in a local part is looked at where it begins: is
 * there an '@' behind it, all of it goes.  Elsewhere words are held against the local parts that are
 * known.
 */
#include "engine/redact.h"

#include <stdbool.h>
#include <string.h>

#include "engine/ascii.h"

#define STARS "***"

/* The longest quoted local part that is taken for one (RFC 5321 4.5.3.1.1, escaped). */
#define QUOTED_MAX 140

struct output
{
	char *text;
	size_t n;
	size_t size;
};

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (unsigned char) c >= 0x80;
}

static bool
is_local_char(char c)
{
	return is_word_char(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static void
put(struct output *out, const char *text, size_t n)
{
	size_t room = out->size - 1 - out->n;

	if (n > room)
		n = room;
	memcpy(out->text + out->n, text, n);
	out->n += n;
}

/* Its first character, if that is one that stands for itself, and stars. */
static void
put_short(struct output *out, char first)
{
	if (is_word_char(first) && (unsigned char) first < 0x80)
		put(out, &first, 1);
	put(out, STARS, strlen(STARS));
}

/* Bytes of the local part that begins at p and has an '@' behind it; 0: none does. */
static size_t
local_at(const char *p, const char *end)
{
	const char *q = p;

	if (*p == '"')
	{
		for (q++; q < end && *q != '"' && q - p < QUOTED_MAX; q++)
			if (*q == '\\' && q + 1 < end)
				q++;
		if (q >= end || *q != '"')
			return 0;
		q++;
	}
	else
		while (q < end && is_local_char(*q))
			q++;
	return q > p && q < end && *q == '@' ? (size_t) (q - p) : 0;
}

/* Bytes of the known local part that stands at p as a word of its own; 0: none does. */
static size_t
known_at(const char *p, const char *end, const char *const *locals, size_t n_locals)
{
	for (size_t i = 0; i < n_locals; i++)
	{
		size_t len = strlen(locals[i]);
		size_t k = 0;

		if (len < 2 || len > (size_t) (end - p))
			continue;
		while (k < len && ev_lower(p[k]) == ev_lower(locals[i][k]))
			k++;
		if (k == len && (p + len == end || !is_word_char(p[len])))
			return len;
	}
	return 0;
}

size_t
ev_redact(const char *text, size_t n, const char *const *locals, size_t n_locals, char *out,
          size_t size)
{
	struct output output = {out, 0, size};
	const char *end = text + n;

	for (const char *p = text; p < end;)
	{
		char before = p > text ? p[-1] : ' ';
		bool begins = !is_local_char(before) || !is_local_char(*p);
		size_t len = begins ? local_at(p, end) : 0;

		if (len == 0 && !is_word_char(before))
			len = known_at(p, end, locals, n_locals);
		if (len > 0)
			put_short(&output, *p);
		else
			put(&output, p, len = 1);
		p += len;
	}
	out[output.n] = '\0';
	return output.n;
}
