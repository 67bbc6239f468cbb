/*
 * slice.h
 *	  Pieces of text that somebody else owns.
 *
 * Letters compare without regard to ASCII case.
 */
#ifndef EV_SLICE_H
#define EV_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ascii.h"

struct ev_slice
{
	const char *s;
	size_t n;
};

/* Does the slice contain, begin with, or equal this text?  Offset in *at, if not NULL. */
extern bool ev_slice_find(struct ev_slice slice, const char *text, size_t *at);
extern bool ev_slice_starts_as(struct ev_slice slice, const char *text);
extern bool ev_slice_is(struct ev_slice slice, const char *text);

static inline bool
ev_slice_starts(struct ev_slice slice, const char *text)
{
	/* mostly the first byte tells */
	if (slice.n == 0 || ev_lower(slice.s[0]) != ev_lower(text[0]))
		return text[0] == '\0';
	return ev_slice_starts_as(slice, text);
}

/* Which two bytes follow each other in a text, hashed: tells quickly that a text is not in it. */
struct ev_slice_pairs
{
	uint64_t bits[16];
};

extern void ev_slice_pairs_of(struct ev_slice slice, struct ev_slice_pairs *out);

/* May text, of two bytes at least, stand there? */
extern bool ev_slice_pairs_may_have(const struct ev_slice_pairs *pairs, const char *text);

/* Without blanks at its ends; from an offset on; its first n bytes. */
extern struct ev_slice ev_slice_trim(struct ev_slice slice);
extern struct ev_slice ev_slice_from(struct ev_slice slice, size_t at);
extern struct ev_slice ev_slice_to(struct ev_slice slice, size_t n);

/* Space, tab, line end. */
static inline bool
ev_slice_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * The next line of a text (without its end: CRLF, LF or CR) and what is behind it; false at the end.
 */
extern bool ev_slice_line(struct ev_slice *rest, struct ev_slice *line);

#endif
