/*
 * noun_phrase.h
 *	  Is it a mailbox that is missing, or something that has one in its name, or belongs to it?
 *
 * A rule's words name a noun: "user … not found".  "User profile", "list of users", "MAC address",
 * "sender: no such user" are other things.  The nouns are marks (reply_marks.def); where one is missing
 * ("in the user table") is no subject.
 */
#ifndef EV_NOUN_PHRASE_H
#define EV_NOUN_PHRASE_H

#include "engine/pattern.h"
#include "engine/reply_marks.h"
#include "engine/reply_rules.h"

/*
 * Is something else than the recipient, or his domain, what the rule's words are about?  Reads text and
 * marks, keeps nothing.
 */
extern bool ev_noun_phrase_is_other(const struct ev_reply_match *match,
                                    const struct ev_pattern_text *text,
                                    const struct ev_reply_marks *marks);

#endif
