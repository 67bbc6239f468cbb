/*
 * weigh.c
 *	  The second rule that fits, where the first one is of policy or of relaying.
 */
#include "engine/weigh.h"

#include "engine/qualify.h"

/* What is weighed. */
struct weighing
{
	const struct ev_reply *reply;
	enum ev_stage stage;
	enum ev_provider provider;
	bool eai;
	const struct ev_pattern_text *text;
	const struct ev_reply_marks *marks;
	struct ev_reply_match *match;
};

/* Look among rules about some only; false when none of them fits. */
static bool
find_about(const struct weighing *w, enum ev_about about, struct ev_reply_match *out)
{
	ev_reply_rule_match(w->reply, w->stage, w->provider, w->eai, w->text, 1u << about, NULL, out);
	return out->rule != NULL;
}

/* Is the enhanced code about a mailbox? */
static bool
code_is_of_mailbox(struct ev_enhanced enhanced)
{
	return enhanced.klass == 5 && ((enhanced.subject == 1 && enhanced.detail == 1) ||
	                               (enhanced.subject == 2 && enhanced.detail <= 2));
}

/* Does the enhanced code say the same of the mailbox as these words? */
static bool
code_agrees(struct ev_enhanced enhanced, enum ev_reason reason)
{
	if (enhanced.subject == 1)
		return reason == EV_REASON_MAILBOX_NOT_FOUND;
	if (enhanced.detail == 1)
		return reason == EV_REASON_MAILBOX_DISABLED || reason == EV_REASON_MAILBOX_NOT_FOUND;
	return enhanced.detail == 2 && reason == EV_REASON_MAILBOX_FULL;
}

/*
 * Words of policy come before words about the mailbox; but a mailbox that is closed because of abuse is
 * closed, and who is told that there is no such user, and what will come of asking for more, is told that.
 * Words that are about us whatever the code is are no cause of anything, unless the mailbox is spoken of first.
 */
static void
weigh_policy(const struct weighing *w)
{
	const struct ev_reply_rule *rule = w->match->rule;
	struct ev_reply_match other;
	bool of_mailbox = code_is_of_mailbox(w->reply->enhanced);

	if (!(of_mailbox || ev_qualify_may_have_cause(w->match, w->marks)) ||
	    !find_about(w, EV_ABOUT_RECIPIENT, &other) || other.rule->strength == EV_WEAK ||
	    other.rule->reason == EV_REASON_RECIPIENT_RESTRICTED ||
	    ev_qualify(&other, w->text, w->marks) != EV_AS_SAID)
		return;
	if ((of_mailbox && code_agrees(w->reply->enhanced, other.rule->reason) &&
	     (rule->detail == EV_DETAIL_POLICY ||
	      (other.rule->subject < 0 && other.begin < w->match->begin))) ||
	    ev_qualify_is_cause(&other, w->match, w->text, w->marks))
		*w->match = other;
}

/* Relaying is denied, and it is said why: for what we are. */
static void
weigh_relay(const struct weighing *w)
{
	struct ev_reply_match other;

	if (!find_about(w, EV_ABOUT_US, &other) ||
	    (other.begin < w->match->end && other.end > w->match->begin))
		return;
	switch (other.rule->detail)
	{
		case EV_DETAIL_BLOCKLIST:
		case EV_DETAIL_REPUTATION:
		case EV_DETAIL_ACCESS_DENIED:
		case EV_DETAIL_POLICY:
		case EV_DETAIL_RATE: *w->match = other; break;
		default: break;
	}
}

void
ev_weigh(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
         const struct ev_pattern_text *text, const struct ev_reply_marks *marks,
         struct ev_reply_match *match)
{
	const struct weighing w = {reply, stage, provider, eai, text, marks, match};
	const struct ev_reply_rule *rule = match->rule;

	if (rule->pattern == NULL || rule->family != EV_FAMILY_EVERY || reply->code < 500 ||
	    !(EV_AT_RCPT & 1u << stage))
		return;
	if (rule->about == EV_ABOUT_US)
		weigh_policy(&w);
	else if (rule->reason == EV_REASON_RELAY_DENIED)
		weigh_relay(&w);
}
