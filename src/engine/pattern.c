/*
 * pattern.c
 *	  Matching of masked reply texts.
 */
#include "engine/pattern.h"

#include <string.h>

#define GAP_MAX 60

static bool
is_alnum(char c)
{
	unsigned char u = (unsigned char) c;

	return (u >= 'a' && u <= 'z') || (u >= '0' && u <= '9') || u >= 0x80;
}

/*
 * Does a character of several bytes begin here?  Scripts without blanks have no word boundaries: there
 * every character is a word.
 */
static bool
is_letter_start(char c)
{
	return (unsigned char) c >= 0xc0;
}

/* Does a word start at text[i]? */
static bool
starts_word(const char *text, size_t i)
{
	return i == 0 || !is_alnum(text[i - 1]) || is_letter_start(text[i]);
}

/* The place of two bytes in the set of pairs. */
static inline unsigned
pair_of(char first, char second)
{
	return ((unsigned char) first * 21u + (unsigned char) second) % 512;
}

void
ev_pattern_prepare(struct ev_pattern_text *subject, const char *text, size_t n)
{
	bool in_word = false; /* the byte before is of a word */

	subject->text = text;
	subject->len = n < EV_PATTERN_TEXT_MAX ? n : EV_PATTERN_TEXT_MAX;
	subject->n_words = 0;
	memset(subject->pairs, 0, sizeof(subject->pairs));
	for (size_t i = 0; i < subject->len && subject->n_words < EV_PATTERN_WORDS_MAX; i++)
	{
		if (text[i] != ' ' && (!in_word || is_letter_start(text[i])))
		{
			unsigned pair = pair_of(text[i], i + 1 < subject->len ? text[i + 1] : ' ');

			subject->pairs[pair / 64] |= UINT64_C(1) << pair % 64;
			subject->words[subject->n_words++] = (uint16_t) i;
		}
		in_word = is_alnum(text[i]);
	}
}

/* May a word of the text begin as this part of a pattern does, which begins with a letter or digit? */
static bool
may_begin(const struct ev_pattern_text *subject, const char *pattern, const char *end)
{
	unsigned pair;

	if (pattern + 1 >= end || !is_alnum(pattern[1]))
		return true;
	pair = pair_of(pattern[0], pattern[1]);
	return (subject->pairs[pair / 64] >> pair % 64 & 1) != 0;
}

/* The first word behind byte pos, by its number; n_words when there is none. */
static size_t
first_word_behind(const struct ev_pattern_text *subject, size_t pos)
{
	size_t low = 0;
	size_t high = subject->n_words;

	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (subject->words[middle] <= pos)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t match_here(const struct ev_pattern_text *subject, size_t pos, const char *pattern,
                         const char *end);

/* Match pattern to end at text[pos] or up to GAP_MAX bytes later. */
static size_t
match_after_gap(const struct ev_pattern_text *subject, size_t pos, const char *pattern,
                const char *end)
{
	const char *text = subject->text;
	size_t stop;

	if (!is_alnum(*pattern))
	{
		for (size_t at = pos; at < subject->len && at - pos <= GAP_MAX; at++)
			if ((stop = match_here(subject, at, pattern, end)) != 0)
				return stop;
		return 0;
	}
	if (pos < subject->len && text[pos] == *pattern &&
	    (stop = match_here(subject, pos, pattern, end)) != 0)
		return stop;

	/* what follows a gap starts a word, like the alternative itself */
	if (!may_begin(subject, pattern, end))
		return 0;
	for (size_t i = first_word_behind(subject, pos);
	     i < subject->n_words && subject->words[i] - pos <= GAP_MAX; i++)
		if (text[subject->words[i]] == *pattern &&
		    (stop = match_here(subject, subject->words[i], pattern, end)) != 0)
			return stop;
	return 0;
}

/* Match the alternative (pattern to end) at text[pos]; where the match ends, 0 for none. */
static size_t
match_here(const struct ev_pattern_text *subject, size_t pos, const char *pattern, const char *end)
{
	const char *text = subject->text;

	for (; pattern < end; pattern++, pos++)
	{
		if (*pattern == '*')
		{
			const char *rest = pattern + 1;

			if (rest == end)
				return pos;
			return match_after_gap(subject, pos, rest, end);
		}
		if (pos >= subject->len)
			return 0;
		switch (*pattern)
		{
			case ' ':
				if (text[pos] != ' ' && text[pos] != '-' && text[pos] != '_')
					return 0;
				break;
			case '@':
				if (text[pos] != '\x01')
					return 0;
				break;
			default:
				if (text[pos] != *pattern)
					return 0;
		}
	}
	if (is_alnum(end[-1]) && pos < subject->len && is_alnum(text[pos]) && !starts_word(text, pos))
		return 0;
	return pos;
}

size_t
ev_pattern_match_rest(const struct ev_pattern_text *subject, size_t pos, const char *rest,
                      const char *end)
{
	return match_here(subject, pos, rest, end);
}

bool
ev_pattern_match_at(const struct ev_pattern_text *subject, size_t pos, const char *alternative,
                    const char *end)
{
	return match_here(subject, pos, alternative, end) != 0;
}

bool
ev_pattern_match(const struct ev_pattern_text *subject, const char *pattern)
{
	while (*pattern != '\0')
	{
		const char *end = pattern + strcspn(pattern, "|");
		char first = *pattern == '@' ? '\x01' : *pattern;

		for (size_t i = 0; i < subject->n_words; i++)
			if (subject->text[subject->words[i]] == first &&
			    match_here(subject, subject->words[i], pattern, end) != 0)
				return true;
		pattern = *end == '|' ? end + 1 : end;
	}
	return false;
}

bool
ev_pattern_has_word(const char *pattern, const char *word)
{
	size_t len = strlen(word);

	while (*pattern != '\0')
	{
		size_t n = strcspn(pattern, " |*@");
		size_t i = 0;

		/* a word that goes on ("relay*") is held against the beginning only, unless it is very short */
		while (i < n && i < len &&
		       (word[i] >= 'A' && word[i] <= 'Z' ? word[i] | 0x20 : word[i]) == pattern[i])
			i++;
		if (n > 0 && i == n && (i == len || (pattern[n] == '*' && n > 2)))
			return true;
		pattern += n;
		if (*pattern != '\0')
			pattern++;
	}
	return false;
}
