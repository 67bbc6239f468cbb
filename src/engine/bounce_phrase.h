/*
 * bounce_phrase.h
 *	  Which of many fixed sentences stand in a text?  All of them are looked for in one pass.
 *
 * Bounces in words of their own are known by such sentences, in many languages; bounce_text.h and its
 * readers own the tables.
 */
#ifndef EV_BOUNCE_PHRASE_H
#define EV_BOUNCE_PHRASE_H

#include <stdint.h>

#include "engine/slice.h"

#define EV_PHRASES_MAX   640
#define EV_PHRASE_ABSENT UINT32_MAX

/*
 * A sentence, at least three bytes long, its first word at least two: ASCII letters in any case; a space
 * stands for any white space.  It begins where no letter or digit of ASCII stands before it.
 */
struct ev_phrase
{
	const char *text;
	uint16_t value; /* the owner's */
};

/*
 * Set at[i] to the offset of the first occurrence of phrases[i], or EV_PHRASE_ABSENT, for all n of them
 * (at most EV_PHRASES_MAX).  Time is linear in the text.
 */
extern void ev_phrases_find(struct ev_slice text, const struct ev_phrase *phrases, size_t n,
                            uint32_t *at);

/* The phrase that occurs first in the text, NULL when none does.  Offset in *at, if not NULL. */
extern const struct ev_phrase *
ev_phrases_first(struct ev_slice text, const struct ev_phrase *phrases, size_t n, size_t *at);

#endif
