/*
 * bounce_phrase.c
 *	  Which of many fixed sentences stand in a text?
 *
 * Phrases are put into buckets by their first three bytes; only where a word begins is the bucket of
 * the text's next three bytes looked at.
 */
#include "engine/bounce_phrase.h"

#include <string.h>

#define N_BUCKETS 1024
#define NO_PHRASE UINT16_MAX
#define BLANK_MAX 16 /* white space within a sentence: a line end and an indentation */

struct phrase_index
{
	uint16_t bucket[N_BUCKETS]; /* the first of a chain */
	uint16_t next[EV_PHRASES_MAX];
};

/* Lower case, and one kind of white space. */
static unsigned char
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned char) (c | 0x20);
	if (ev_slice_is_blank(c))
		return ' ';
	return (unsigned char) c;
}

static unsigned
bucket_of(const char *s)
{
	return ((fold(s[0]) * 37u + fold(s[1])) * 37u + fold(s[2])) % N_BUCKETS;
}

static bool
is_word(char c)
{
	unsigned char u = fold(c);

	return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9');
}

/* From the last to the first, so that a chain has the order of the table. */
static void
build(struct phrase_index *index, const struct ev_phrase *phrases, size_t n)
{
	memset(index->bucket, 0xff, sizeof(index->bucket));
	for (size_t i = n; i-- > 0;)
	{
		unsigned b = bucket_of(phrases[i].text);

		index->next[i] = index->bucket[b];
		index->bucket[b] = (uint16_t) i;
	}
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

			while (at < text.n && blanks < BLANK_MAX && ev_slice_is_blank(text.s[at]))
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
	return !ev_slice_is_blank(text.s[i]) && (i == 0 || !is_word(text.s[i - 1]));
}

void
ev_phrases_find(struct ev_slice text, const struct ev_phrase *phrases, size_t n, uint32_t *at)
{
	struct phrase_index index;

	if (n > EV_PHRASES_MAX)
		n = EV_PHRASES_MAX;
	if (text.n >= EV_PHRASE_ABSENT)
		text.n = EV_PHRASE_ABSENT - 1;
	for (size_t i = 0; i < n; i++)
		at[i] = EV_PHRASE_ABSENT;
	build(&index, phrases, n);
	for (size_t i = 0; i + 3 <= text.n; i++)
	{
		if (!is_start(text, i))
			continue;
		for (uint16_t p = index.bucket[bucket_of(text.s + i)]; p != NO_PHRASE; p = index.next[p])
			if (at[p] == EV_PHRASE_ABSENT && matches(ev_slice_from(text, i), phrases[p].text))
				at[p] = (uint32_t) i;
	}
}

const struct ev_phrase *
ev_phrases_first(struct ev_slice text, const struct ev_phrase *phrases, size_t n, size_t *at)
{
	struct phrase_index index;

	if (text.n < 3)
		return NULL;
	if (n > EV_PHRASES_MAX)
		n = EV_PHRASES_MAX;
	build(&index, phrases, n);
	for (size_t i = 0; i + 3 <= text.n; i++)
	{
		if (!is_start(text, i))
			continue;
		for (uint16_t p = index.bucket[bucket_of(text.s + i)]; p != NO_PHRASE; p = index.next[p])
			if (matches(ev_slice_from(text, i), phrases[p].text))
			{
				if (at != NULL)
					*at = i;
				return &phrases[p];
			}
	}
	return NULL;
}
