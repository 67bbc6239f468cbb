/*
 * subject.h
 *	  Does a sentence name what it says something of?
 *
 * "not found" says of nobody that it was not found; "the key for this host was not found" does.  Before
 * the rules take such words for the recipient's, nothing else may stand before them.
 */
#ifndef EV_SUBJECT_H
#define EV_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is a subject other than the recipient named before byte pos of a masked text (mask.h), in the same
 * clause?  Words for recipients, and words that name nothing, do not count; what is masked is the
 * recipient.
 */
extern bool ev_subject_is_named(const char *text, size_t pos);

#endif
