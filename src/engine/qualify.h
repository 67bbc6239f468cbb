/*
 * qualify.h
 *	  What the words beside those of a rule make of it.
 *
 * A rule knows its own words.  Whether they are a statement or a guess, one explanation of two, said of the
 * mailbox or of something that has "mail" or "user" in its name, of a quota of storage or of messages in an
 * hour, for good or for a while: that stands beside them (reply_marks.def).
 */
#ifndef EV_QUALIFY_H
#define EV_QUALIFY_H

#include "engine/pattern.h"
#include "engine/reply_marks.h"
#include "engine/reply_rules.h"

enum ev_qualified
{
	EV_AS_SAID,         /* it is what its rule says */
	EV_A_GUESS,         /* a guess, or one explanation of two: it says nothing that counts */
	EV_ANOTHER_SUBJECT, /* something else than a mailbox is missing */
	EV_A_RATE, /* mail in a time, or of a sender, has been too much; the mailbox is not full */
	EV_A_RATE_OF_THEIRS, /* the recipient gets too much mail */
	EV_FOR_A_WHILE       /* closed, and will be open again */
};

/*
 * match is what was found in the text, marks are those of the whole text.  Rules of one provider and rules
 * that are sure of themselves are as they say.
 */
extern enum ev_qualified ev_qualify(const struct ev_reply_match *match,
                                    const struct ev_pattern_text *text,
                                    const struct ev_reply_marks *marks);

/*
 * Do the words of cause, about the recipient, win over those of policy, which come later in the text: is the
 * policy why a mailbox is closed or full, or what would come of going on?
 */
extern bool ev_qualify_is_cause(const struct ev_reply_match *cause,
                                const struct ev_reply_match *policy,
                                const struct ev_pattern_text *text,
                                const struct ev_reply_marks *marks);

/* Could that be, as far as the marks tell? */
extern bool ev_qualify_may_have_cause(const struct ev_reply_match *policy,
                                      const struct ev_reply_marks *marks);

#endif
