/*
 * bounce_phrase.c
 *	  Which of many fixed sentences stand in a text?
 *
 * All sentences of a table are one tree of bytes; it is walked from each place where a word begins,
 * mostly for a byte or two.
 */
#include "engine/bounce_phrase.h"

#include <string.h>

#define BLANK_MAX 16 /* white space within a sentence: a line end and an indentation */

/* States of an index. */
enum
{
	INDEX_NONE,
	INDEX_BEING_MADE,
	INDEX_READY
};

/* Lower case, and one kind of white space. */
#define FOLD(c)   ((c) >= 'A' && (c) <= 'Z' ? (c) | 0x20 : (c) >= '\t' && (c) <= '\r' ? ' ' : (c))
#define FOLD4(c)  FOLD(c), FOLD((c) + 1), FOLD((c) + 2), FOLD((c) + 3)
#define FOLD16(c) FOLD4(c), FOLD4((c) + 4), FOLD4((c) + 8), FOLD4((c) + 12)
#define FOLD64(c) FOLD16(c), FOLD16((c) + 16), FOLD16((c) + 32), FOLD16((c) + 48)

static const unsigned char folded[256] = {FOLD64(0), FOLD64(64), FOLD64(128), FOLD64(192)};

static inline unsigned char
fold(char c)
{
	return folded[(unsigned char) c];
}

static inline bool
is_word(unsigned char c)
{
	return (unsigned) (c - 'a') < 26 || (unsigned) (c - '0') < 10;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* From the last to the first, so that sentences of the same words have the order of the table. */
static void
build(struct ev_phrase_index *index, const struct ev_phrase *list, size_t n)
{
	index->complete = n <= EV_PHRASES_MAX;
	for (size_t i = n < EV_PHRASES_MAX ? n : EV_PHRASES_MAX; i-- > 0;)
	{
		uint16_t node = 0;
		const char *p = list[i].text;

		for (; *p != '\0'; p++)
			if ((node = ev_byte_tree_grow(&index->tree, node, fold(*p))) == 0)
				break;
		if (node == 0)
		{
			index->complete = false;
			continue;
		}
		index->same[i] = index->tree.node[node].owned;
		index->tree.node[node].owned = (uint16_t) (i + 1);
	}
}

/* The index of a table; a thread that comes while another one makes it waits, less than a ms. */
static const struct ev_phrase_index *
index_of(struct ev_phrases *phrases)
{
	int none = INDEX_NONE;

	if (__atomic_load_n(&phrases->state, __ATOMIC_ACQUIRE) == INDEX_READY)
		return &phrases->index;
	if (__atomic_compare_exchange_n(&phrases->state, &none, INDEX_BEING_MADE, false,
	                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
	{
		build(&phrases->index, phrases->list, phrases->n);
		__atomic_store_n(&phrases->state, INDEX_READY, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&phrases->state, __ATOMIC_ACQUIRE) != INDEX_READY)
		;
	return &phrases->index;
}

bool
ev_phrases_complete(struct ev_phrases *phrases)
{
	return index_of(phrases)->complete;
}

/* --- the walk --------------------------------------------------------------------------------- */

/* Where one is in the tree and in the text. */
struct walk
{
	uint16_t node; /* 0: nowhere */
	size_t at;     /* behind its byte; behind all blanks of a blank */
};

static inline struct walk
step(const struct ev_byte_tree *tree, struct ev_slice text, struct walk from)
{
	struct walk to = {0, from.at};
	size_t blanks = 0;
	unsigned char c;

	if (from.at >= text.n)
		return to;
	c = fold(text.s[from.at]);
	to.node = ev_byte_tree_child(tree, from.node, c);
	if (to.node == 0)
		return to;
	to.at++;
	if (c == ' ')
		while (to.at < text.n && ++blanks < BLANK_MAX && fold(text.s[to.at]) == ' ')
			to.at++;
	return to;
}

void
ev_phrases_find(struct ev_slice text, struct ev_phrases *phrases, uint32_t *at)
{
	const struct ev_phrase_index *index = index_of(phrases);
	bool in_word = false;

	if (text.n >= EV_PHRASE_ABSENT)
		text.n = EV_PHRASE_ABSENT - 1;
	memset(at, 0xff, phrases->n * sizeof(*at)); /* EV_PHRASE_ABSENT */
	for (size_t i = 0; i < text.n; i++)
	{
		unsigned char c = fold(text.s[i]);
		struct walk walk = {index->tree.first[c], i + 1};

		if (walk.node != 0 && !in_word)
			for (; walk.node != 0; walk = step(&index->tree, text, walk))
				for (unsigned p = index->tree.node[walk.node].owned; p != 0; p = index->same[p - 1])
					if (at[p - 1] == EV_PHRASE_ABSENT)
						at[p - 1] = (uint32_t) i;
		in_word = is_word(c);
	}
}

const struct ev_phrase *
ev_phrases_first(struct ev_slice text, struct ev_phrases *phrases, size_t *at)
{
	const struct ev_phrase_index *index = index_of(phrases);
	bool in_word = false;

	for (size_t i = 0; i < text.n; i++)
	{
		unsigned char c = fold(text.s[i]);
		struct walk walk = {index->tree.first[c], i + 1};
		unsigned best = 0;

		if (walk.node != 0 && !in_word)
			for (; walk.node != 0; walk = step(&index->tree, text, walk))
			{
				unsigned p = index->tree.node[walk.node].owned;

				if (p != 0 && (best == 0 || p < best))
					best = p;
			}
		if (best != 0)
		{
			if (at != NULL)
				*at = i;
			return &phrases->list[best - 1];
		}
		in_word = is_word(c);
	}
	return NULL;
}
