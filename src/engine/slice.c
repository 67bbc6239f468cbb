/*
 * slice.c
 *	  Pieces of text: compare, search, cut, and go through lines.
 */
#include "engine/slice.h"

#include <string.h>

#include "engine/ascii.h"

struct ev_slice
ev_slice_trim(struct ev_slice slice)
{
	while (slice.n > 0 && ev_slice_is_blank(slice.s[0]))
	{
		slice.s++;
		slice.n--;
	}
	while (slice.n > 0 && ev_slice_is_blank(slice.s[slice.n - 1]))
		slice.n--;
	return slice;
}

struct ev_slice
ev_slice_from(struct ev_slice slice, size_t at)
{
	if (at > slice.n)
		at = slice.n;
	return (struct ev_slice){slice.s + at, slice.n - at};
}

struct ev_slice
ev_slice_to(struct ev_slice slice, size_t n)
{
	return (struct ev_slice){slice.s, n < slice.n ? n : slice.n};
}

bool
ev_slice_starts_as(struct ev_slice slice, const char *text)
{
	size_t i = 0;

	for (; text[i] != '\0'; i++)
		if (i >= slice.n || (slice.s[i] != text[i] && ev_lower(slice.s[i]) != ev_lower(text[i])))
			return false;
	return true;
}

bool
ev_slice_is(struct ev_slice slice, const char *text)
{
	return slice.n == strlen(text) && ev_slice_starts(slice, text);
}

bool
ev_slice_find(struct ev_slice slice, const char *text, size_t *at)
{
	size_t n = strlen(text);
	char low = ev_lower(text[0]);
	char high = low >= 'a' && low <= 'z' ? (char) (low & ~0x20) : low;
	const char *next_low = NULL;
	const char *next_high = NULL;
	const char *p = slice.s;
	const char *end = slice.s + slice.n;

	if (n == 0 || slice.n < n)
		return false;
	end -= n - 1;

	/* memchr() twice, each looking again only behind what it has found */
	while (p < end)
	{
		if (next_low == NULL || next_low < p)
			next_low = memchr(p, low, (size_t) (end - p));
		if (next_low == NULL)
			next_low = end;
		if (low == high)
			next_high = end;
		else if (next_high == NULL || next_high < p)
			next_high = memchr(p, high, (size_t) (end - p));
		if (next_high == NULL)
			next_high = end;
		p = next_low < next_high ? next_low : next_high;
		if (p >= end)
			return false;
		if (ev_slice_starts((struct ev_slice){p, n}, text))
		{
			if (at != NULL)
				*at = (size_t) (p - slice.s);
			return true;
		}
		p++;
	}
	return false;
}

/* Bytes of either case have one place. */
static inline unsigned
pair_of(char first, char second)
{
	return ((first & 0x5f) * 29u + (second & 0x5f)) % 1024;
}

void
ev_slice_pairs_of(struct ev_slice slice, struct ev_slice_pairs *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 1; i < slice.n; i++)
	{
		unsigned pair = pair_of(slice.s[i - 1], slice.s[i]);

		out->bits[pair / 64] |= UINT64_C(1) << pair % 64;
	}
}

bool
ev_slice_pairs_may_have(const struct ev_slice_pairs *pairs, const char *text)
{
	for (; text[1] != '\0'; text++)
	{
		unsigned pair = pair_of(text[0], text[1]);

		if ((pairs->bits[pair / 64] >> pair % 64 & 1) == 0)
			return false;
	}
	return true;
}

/* Where the first LF or CR of n bytes is; n when there is none.  Looks no further than it must. */
static size_t
find_line_end(const char *s, size_t n)
{
	size_t from = 0;

	for (size_t window = 128; from < n; window *= 4)
	{
		size_t len = window < n - from ? window : n - from;
		const char *lf = memchr(s + from, '\n', len);
		const char *cr = memchr(s + from, '\r', lf == NULL ? len : (size_t) (lf - s) - from);

		if (cr != NULL)
			return (size_t) (cr - s);
		if (lf != NULL)
			return (size_t) (lf - s);
		from += len;
	}
	return n;
}

bool
ev_slice_line(struct ev_slice *rest, struct ev_slice *line)
{
	size_t n;

	if (rest->n == 0)
		return false;
	n = find_line_end(rest->s, rest->n);
	*line = (struct ev_slice){rest->s, n};
	if (n + 1 < rest->n && rest->s[n] == '\r' && rest->s[n + 1] == '\n')
		n++;
	*rest = ev_slice_from(*rest, n + 1);
	return true;
}
