/*
 * same_words.h
 *	  Were two recipients refused in the same words?
 *
 * A host that refuses a made-up recipient shows how it says "unknown".  A refusal that names no cause
 * means the same only if it is worded alike.
 */
#ifndef EV_SAME_WORDS_H
#define EV_SAME_WORDS_H

#include <stdint.h>

#include "engine/mask.h"
#include "engine/reply.h"

/*
 * A number for what a reply says: its code, its enhanced code and its masked text (mask.h), but for
 * words with digits in them, which are numbers of sessions, queues or the time of day.  Never 0.
 * Equal words have equal numbers, in every build and on every machine: it is stored.  terms may be
 * NULL.
 */
extern uint64_t ev_same_words(const struct ev_reply *reply, const struct ev_mask_terms *terms);

#endif
