/*
 * pattern_index.c
 *	  Patterns as a tree of bytes.
 */
#include "engine/pattern_index.h"

#include <string.h>

/* The byte of masked text that a byte of a pattern stands for. */
static unsigned char
byte_of(char c)
{
	return c == '@' ? 1 : (unsigned char) c;
}

/* Add one alternative; false when there is no room, or it has bytes that a space stands for. */
static bool
add(struct ev_pattern_index *index, const char *s, size_t len, size_t pattern)
{
	struct ev_pattern_rest *rest;
	uint16_t node = 0;
	size_t at = 0;

	if (index->n == EV_INDEX_ALTERNATIVES_MAX)
		return false;
	for (; at < len && s[at] != '*'; at++)
		if (s[at] == '-' || s[at] == '_' ||
		    (node = ev_byte_tree_grow(&index->tree, node, byte_of(s[at]))) == 0)
			return false;
	if (node == 0)
		return false;
	rest = &index->rests[index->n++];
	rest->s = s + at;
	rest->len = (uint16_t) (len - at);
	rest->pattern = (uint16_t) pattern;
	rest->same = index->tree.node[node].owned;
	index->tree.node[node].owned = index->n;
	return true;
}

void
ev_pattern_index_build(struct ev_pattern_index *index, const char *const *patterns, size_t n)
{
	index->complete = n <= EV_INDEX_PATTERNS_MAX;
	for (size_t i = 0; i < n && i < EV_INDEX_PATTERNS_MAX; i++)
		for (const char *p = patterns[i]; p != NULL && *p != '\0';)
		{
			size_t len = strcspn(p, "|");

			if (len > 0 && !add(index, p, len, i))
				index->complete = false;
			p += len;
			if (*p == '|')
				p++;
		}
}

/* What begins at one word. */
static void
match_word(const struct ev_pattern_index *index, const struct ev_pattern_text *subject, size_t pos,
           struct ev_pattern_set *out)
{
	uint16_t node = index->tree.first[(unsigned char) subject->text[pos]];

	while (node != 0)
	{
		unsigned char byte;

		pos++;
		for (unsigned k = index->tree.node[node].owned; k != 0; k = index->rests[k - 1].same)
		{
			const struct ev_pattern_rest *rest = &index->rests[k - 1];

			if (!ev_pattern_set_has(out, rest->pattern) &&
			    ev_pattern_match_rest(subject, pos, rest->s, rest->s + rest->len))
				out->bits[rest->pattern / 64] |= (uint64_t) 1 << rest->pattern % 64;
		}
		if (pos >= subject->len)
			break;
		byte = (unsigned char) subject->text[pos];
		node = ev_byte_tree_child(&index->tree, node, byte == '-' || byte == '_' ? ' ' : byte);
	}
}

void
ev_pattern_index_match(const struct ev_pattern_index *index, const struct ev_pattern_text *subject,
                       struct ev_pattern_set *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t w = 0; w < subject->n_words; w++)
		match_word(index, subject, subject->words[w], out);
}
