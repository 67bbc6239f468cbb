/*
 * bounce_phrase.c
 *	  Which of many fixed sentences stand in a text?
 *
 * Phrases are put into buckets by their first bytes; only where a word begins is the bucket of the
 * text's next bytes looked at.
 */
#include "engine/bounce_phrase.h"

#include <string.h>

#define NO_PHRASE UINT16_MAX
#define BLANK_MAX 16 /* white space within a sentence: a line end and an indentation */

/* States of an index. */
enum
{
	INDEX_NONE,
	INDEX_BEING_MADE,
	INDEX_READY
};

/* Lower case, and one kind of white space. */
static inline unsigned char
fold(char c)
{
	unsigned char u = (unsigned char) c;

	if ((unsigned) (u - 'A') < 26)
		return u | 0x20;
	return (unsigned) (u - '\t') < 5 ? ' ' : u;
}

/* Of the first bytes up to a blank: what stands behind that may be more blanks. */
static unsigned
bucket_of(const char *s, size_t n)
{
	unsigned hash = 0;

	for (size_t i = 0; i < n && i < EV_PHRASE_HEAD; i++)
	{
		unsigned char c = fold(s[i]);

		hash = hash * 37u + c;
		if (c == ' ')
			break;
	}
	return (hash ^ hash >> 10) % EV_PHRASE_BUCKETS;
}

static bool
is_word(char c)
{
	unsigned char u = fold(c);

	return (unsigned) (u - 'a') < 26 || (unsigned) (u - '0') < 10;
}

/* From the last to the first, so that a chain has the order of the table. */
static void
build(struct ev_phrase_index *index, const struct ev_phrase *list, size_t n)
{
	memset(index->bucket, 0xff, sizeof(index->bucket));
	for (size_t i = n; i-- > 0;)
	{
		unsigned b = bucket_of(list[i].text, strlen(list[i].text));

		index->next[i] = index->bucket[b];
		index->bucket[b] = (uint16_t) i;
	}
}

/* The index of a table; a thread that comes while another one makes it makes its own, in *room. */
static const struct ev_phrase_index *
index_of(struct ev_phrases *phrases, struct ev_phrase_index *room)
{
	int none = INDEX_NONE;

	if (__atomic_load_n(&phrases->state, __ATOMIC_ACQUIRE) == INDEX_READY)
		return &phrases->index;
	if (__atomic_compare_exchange_n(&phrases->state, &none, INDEX_BEING_MADE, false,
	                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
	{
		build(&phrases->index, phrases->list, phrases->n);
		__atomic_store_n(&phrases->state, INDEX_READY, __ATOMIC_RELEASE);
		return &phrases->index;
	}
	build(room, phrases->list, phrases->n);
	return room;
}

static bool
matches(struct ev_slice text, const char *phrase)
{
	size_t at = 0;

	for (; *phrase != '\0'; phrase++)
	{
		if (at >= text.n)
			return false;
		if (*phrase == ' ')
		{
			size_t blanks = 0;

			while (at < text.n && blanks < BLANK_MAX && fold(text.s[at]) == ' ')
			{
				at++;
				blanks++;
			}
			if (blanks == 0)
				return false;
		}
		else if (fold(text.s[at++]) != fold(*phrase))
			return false;
	}
	return true;
}

/* May a sentence begin here? */
static bool
is_start(struct ev_slice text, size_t i)
{
	return fold(text.s[i]) != ' ' && (i == 0 || !is_word(text.s[i - 1]));
}

void
ev_phrases_find(struct ev_slice text, struct ev_phrases *phrases, uint32_t *at)
{
	struct ev_phrase_index room;
	const struct ev_phrase_index *index = index_of(phrases, &room);

	if (text.n >= EV_PHRASE_ABSENT)
		text.n = EV_PHRASE_ABSENT - 1;
	for (size_t i = 0; i < phrases->n; i++)
		at[i] = EV_PHRASE_ABSENT;
	for (size_t i = 0; i < text.n; i++)
	{
		if (!is_start(text, i))
			continue;
		for (uint16_t p = index->bucket[bucket_of(text.s + i, text.n - i)]; p != NO_PHRASE;
		     p = index->next[p])
			if (at[p] == EV_PHRASE_ABSENT && matches(ev_slice_from(text, i), phrases->list[p].text))
				at[p] = (uint32_t) i;
	}
}

const struct ev_phrase *
ev_phrases_first(struct ev_slice text, struct ev_phrases *phrases, size_t *at)
{
	struct ev_phrase_index room;
	const struct ev_phrase_index *index = index_of(phrases, &room);

	for (size_t i = 0; i < text.n; i++)
	{
		if (!is_start(text, i))
			continue;
		for (uint16_t p = index->bucket[bucket_of(text.s + i, text.n - i)]; p != NO_PHRASE;
		     p = index->next[p])
			if (matches(ev_slice_from(text, i), phrases->list[p].text))
			{
				if (at != NULL)
					*at = i;
				return &phrases->list[p];
			}
	}
	return NULL;
}
