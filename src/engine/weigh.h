/*
 * weigh.h
 *	  Two things that one reply says, and which of them counts.
 */
#ifndef EV_WEIGH_H
#define EV_WEIGH_H

#include "engine/pattern.h"
#include "engine/reply_marks.h"
#include "engine/reply_rules.h"

/*
 * *match is the first rule that fits; it becomes another one where that says more: words about the mailbox
 * before words of policy, which are their cause or what would come of going on; words about us beside a
 * refusal to relay.
 */
extern void ev_weigh(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                     bool eai, const struct ev_pattern_text *text,
                     const struct ev_reply_marks *marks, struct ev_reply_match *match);

#endif
