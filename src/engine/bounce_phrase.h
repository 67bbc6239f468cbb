/*
 * bounce_phrase.h
 *	  Which of many fixed sentences stand in a text?  All of them are looked for in one pass.
 *
 * Bounces in words of their own are known by such sentences, in many languages; bounce_text.h and its
 * readers own the tables.
 */
#ifndef EV_BOUNCE_PHRASE_H
#define EV_BOUNCE_PHRASE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/byte_tree.h"
#include "engine/slice.h"

#define EV_PHRASES_MAX   800
#define EV_PHRASE_ABSENT UINT32_MAX

/*
 * A sentence: ASCII letters in any case; a space stands for any white space.  It begins where no letter
 * or digit of ASCII stands before it.
 */
struct ev_phrase
{
	const char *text;
	uint16_t value; /* the owner's */
};

/* All sentences as a tree; made at the first search, and the same ever after. */
struct ev_phrase_index
{
	bool complete;                 /* all sentences had room */
	uint16_t same[EV_PHRASES_MAX]; /* the next sentence of the same words, its number and 1 */
	struct ev_byte_tree tree;      /* with the first sentence that ends at a node, likewise */
};

/* A table of phrases, static: EV_PHRASES(list). */
struct ev_phrases
{
	const struct ev_phrase *list;
	size_t n;  /* at most EV_PHRASES_MAX */
	int state; /* of the index; read and written atomically */
	struct ev_phrase_index index;
};

#define EV_PHRASES(table)                                                                          \
	{                                                                                              \
		.list = (table), .n = sizeof(table) / sizeof((table)[0])                                   \
	}

/*
 * Set at[i] to the offset of the first occurrence of phrase i, or EV_PHRASE_ABSENT, for all of them.
 * Time is linear in the text.  Threads may search at the same time.
 */
extern void ev_phrases_find(struct ev_slice text, struct ev_phrases *phrases, uint32_t *at);

/*
 * The phrase that occurs first in the text, of several at one place that which stands first in the
 * table; NULL when none does.  Offset in *at, if not NULL.
 */
extern const struct ev_phrase *ev_phrases_first(struct ev_slice text, struct ev_phrases *phrases,
                                                size_t *at);

/* Had all phrases of the table room in its index? */
extern bool ev_phrases_complete(struct ev_phrases *phrases);

#endif
