/*
 * pattern_index.c
 *	  Alternatives by their first character.
 */
#include "engine/pattern_index.h"

#include <string.h>

/* The byte of masked text that an alternative begins with. */
static unsigned char
first_of(const char *alternative)
{
	return *alternative == '@' ? 1 : (unsigned char) *alternative;
}

void
ev_pattern_index_build(struct ev_pattern_index *index, const char *const *patterns, size_t n)
{
	uint16_t at[256];

	memset(index, 0, sizeof(*index));
	index->complete = n <= EV_INDEX_PATTERNS_MAX;

	/* count, then place */
	for (int placing = 0; placing < 2; placing++)
	{
		for (size_t i = 0; i < n && i < EV_INDEX_PATTERNS_MAX; i++)
			for (const char *p = patterns[i]; p != NULL && *p != '\0';)
			{
				size_t len = strcspn(p, "|");

				if (placing)
				{
					size_t slot = at[first_of(p)]++;

					index->alternatives[slot].s = p;
					index->alternatives[slot].len = (uint16_t) len;
					index->alternatives[slot].pattern = (uint16_t) i;
				}
				else if (len > 0)
				{
					index->n++;
					index->first[first_of(p) + 1]++;
				}
				p += len;
				if (*p == '|')
					p++;
			}
		if (index->n > EV_INDEX_ALTERNATIVES_MAX)
		{
			index->complete = false;
			return;
		}
		if (!placing)
			for (int c = 0; c < 256; c++)
			{
				index->first[c + 1] = (uint16_t) (index->first[c + 1] + index->first[c]);
				at[c] = index->first[c];
			}
	}
}

void
ev_pattern_index_match(const struct ev_pattern_index *index, const struct ev_pattern_text *subject,
                       struct ev_pattern_set *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t w = 0; w < subject->n_words; w++)
	{
		size_t pos = subject->words[w];
		unsigned char c = (unsigned char) subject->text[pos];
		char second = pos + 1 < subject->len ? subject->text[pos + 1] : '\0';

		for (size_t i = index->first[c]; i < index->first[c + 1]; i++)
		{
			const char *s = index->alternatives[i].s;
			size_t pattern = index->alternatives[i].pattern;

			/* most are told apart by their second character already */
			if (index->alternatives[i].len > 1 && s[1] != second && s[1] != ' ' && s[1] != '*' &&
			    s[1] != '@')
				continue;
			if (!ev_pattern_set_has(out, pattern) &&
			    ev_pattern_match_at(subject, pos, s, s + index->alternatives[i].len))
				out->bits[pattern / 64] |= (uint64_t) 1 << (pattern % 64);
		}
	}
}
