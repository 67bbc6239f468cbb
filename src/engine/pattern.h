/*
 * pattern.h
 *	  The small pattern language of reply_rules.def.
 *
 * A pattern is a list of alternatives separated by |.  In an alternative a space fits a space,
 * hyphen or underscore; @ fits one masked item; * between two characters fits up to 60 characters.
 * An alternative starts at the beginning of a word and ends at the end of one; a * at its end lets
 * the word go on.
 */
#ifndef EV_PATTERN_H
#define EV_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EV_PATTERN_TEXT_MAX  2304 /* a whole reply's text */
#define EV_PATTERN_WORDS_MAX 768 /* words that a match may start at; later ones are not looked at */

/* Masked text with the places where its words start. */
struct ev_pattern_text
{
	const char *text; /* not owned */
	size_t len;
	size_t n_words;
	uint64_t pairs[8]; /* set of how words begin: two bytes, hashed */
	uint16_t words[EV_PATTERN_WORDS_MAX];
};

extern void ev_pattern_prepare(struct ev_pattern_text *subject, const char *text, size_t n);
extern bool ev_pattern_match(const struct ev_pattern_text *subject, const char *pattern);

/* Does one alternative (without |, up to end) match where a word starts? */
extern bool ev_pattern_match_at(const struct ev_pattern_text *subject, size_t pos,
                                const char *alternative, const char *end);

/*
 * The rest of an alternative (not its first byte), up to end, at byte pos of the text: where the match ends
 * (where the last * begins, if it ends in one); 0 when there is none.
 */
extern size_t ev_pattern_match_rest(const struct ev_pattern_text *subject, size_t pos,
                                    const char *rest, const char *end);

/* Is word (any case) one of the words that a pattern is made of? */
extern bool ev_pattern_has_word(const char *pattern, const char *word);

#endif
