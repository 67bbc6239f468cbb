/*
 * pattern_index.h
 *	  Many patterns held against one text at once.
 *
 * The alternatives of all patterns lie in lists by their first character, so that a word of the text
 * meets only those that begin as it does.
 */
#ifndef EV_PATTERN_INDEX_H
#define EV_PATTERN_INDEX_H

#include "engine/pattern.h"

#define EV_INDEX_ALTERNATIVES_MAX 2000
#define EV_INDEX_PATTERNS_MAX     256

struct ev_pattern_index
{
	bool complete; /* all alternatives had room */
	uint16_t n;
	uint16_t first[257]; /* where the list of each first character begins */
	struct
	{
		const char *s;
		uint16_t len;
		uint16_t pattern;
	} alternatives[EV_INDEX_ALTERNATIVES_MAX];
};

/* Which patterns match: one bit each. */
struct ev_pattern_set
{
	uint64_t bits[EV_INDEX_PATTERNS_MAX / 64];
};

/* Add n patterns, at most EV_INDEX_PATTERNS_MAX, by their numbers; NULL ones are left out. */
extern void ev_pattern_index_build(struct ev_pattern_index *index, const char *const *patterns,
                                   size_t n);

/* The set of patterns that match; the same ones as with ev_pattern_match(). */
extern void ev_pattern_index_match(const struct ev_pattern_index *index,
                                   const struct ev_pattern_text *subject,
                                   struct ev_pattern_set *out);

static inline bool
ev_pattern_set_has(const struct ev_pattern_set *set, size_t pattern)
{
	return set->bits[pattern / 64] >> (pattern % 64) & 1;
}

#endif
