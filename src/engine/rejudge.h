/*
 * rejudge.h
 *	  A verdict that was given for an SMTP reply, judged again by the rules of today from what was
 *	  stored with it.
 *
 * The reply is the same, and so is the evidence that decided then: what was known of made-up
 * recipients and of others at that host follows from the verdict itself, as far as it stood on that.
 * As long as no rule and no trust has changed, the result is what was stored.
 */
#ifndef EV_REJUDGE_H
#define EV_REJUDGE_H

#include "engine/judge.h"
#include "engine/site_rules.h"

/* The site's own word on a host, in place of what is built in. */
enum ev_own_word
{
	EV_OWN_NOTHING,
	EV_OWN_NO,
	EV_OWN_YES
};

/* What is stored of one verdict.  Texts are NUL-terminated and not owned. */
struct ev_stored_reply
{
	enum ev_stage stage;
	uint16_t code;              /* 200 to 599 */
	const char *enhanced;       /* "5.1.1"; "" for none */
	const char *text;           /* as ev_sanitize() left it in EV_PEER_TEXT_MAX + 1 bytes */
	const char *host;           /* the mail server's name; "" when not known */
	struct ev_mask_terms terms; /* what may be echoed in it */
	bool eai;                   /* the local part is not ASCII */
	struct ev_verdict had;
	enum ev_random random; /* what is known today of made-up recipients there */
	uint64_t random_words; /* how one was refused there (same_words.h); 0: not known */
	bool accepted_other;   /* it accepted another recipient within a day of this reply */
	enum ev_own_word trust_accept, trust_reject, needs_control;
	const struct ev_site_rules *site; /* its own rules for replies, which come first; NULL: none */
};

/*
 * reply is room.  False, and nothing is said, when too little is stored for a judgement: a text that
 * was cut, and what is left of it names no cause.  out->put_back is never set.
 */
extern bool ev_rejudge(const struct ev_stored_reply *stored, struct ev_reply *reply,
                       struct ev_judgement *out);

#endif
