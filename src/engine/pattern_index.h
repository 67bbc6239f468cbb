/*
 * pattern_index.h
 *	  Many patterns held against one text at once.
 *
 * The alternatives of all patterns, as far as their first *, are one tree, which is walked from each
 * word of the text; where one ends, or its * begins, the rest is looked at as pattern.c does.
 */
#ifndef EV_PATTERN_INDEX_H
#define EV_PATTERN_INDEX_H

#include "engine/byte_tree.h"
#include "engine/pattern.h"

#define EV_INDEX_ALTERNATIVES_MAX 2500
#define EV_INDEX_PATTERNS_MAX     256

/* An alternative from its first * on, or its end. */
struct ev_pattern_rest
{
	const char *s;
	uint16_t len;
	uint16_t pattern;
	uint16_t same; /* another one at the same node, its number and 1; 0: none */
};

struct ev_pattern_index
{
	bool complete; /* all alternatives had room, and none is of bytes that the tree cannot tell */
	uint16_t n;
	struct ev_pattern_rest rests[EV_INDEX_ALTERNATIVES_MAX];
	struct ev_byte_tree tree; /* with the first rest at a node, its number and 1 */
};

/* Which patterns match: one bit each. */
struct ev_pattern_set
{
	uint64_t bits[EV_INDEX_PATTERNS_MAX / 64];
};

/*
 * Add n patterns, at most EV_INDEX_PATTERNS_MAX, by their numbers; NULL ones are left out.  Before its
 * first * an alternative has no hyphen or underscore of its own: a space stands for them.  The index
 * is static: it starts as zero.
 */
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
