/*
 * classify.h
 *	  What does one SMTP reply say, and about whom?  Rules as data in reply_rules.def.
 *
 * Order: stage, first digit, a provider's numbered code, provider rule, strong texts about us, texts about the mailbox,
 * enhanced code, bare code.  Text is matched only after masking (mask.h).  Weak evidence may move a
 * verdict only towards `unknown`; judge.h turns findings into verdicts.
 *
 * A refusal without a usable cause has reason smtp_unverifiable and strength EV_WEAK; judge.h looks
 * for a control before it says more.
 */
#ifndef EV_CLASSIFY_H
#define EV_CLASSIFY_H

#include "engine/mask.h"
#include "engine/provider.h"
#include "engine/reply.h"
#include "engine/verdict.h"

/* Whom the reply is about. */
enum ev_about
{
	EV_ABOUT_NOBODY,    /* nothing is known */
	EV_ABOUT_RECIPIENT, /* this mailbox */
	EV_ABOUT_DOMAIN,    /* the recipient's domain: relaying denied, no such domain */
	EV_ABOUT_US,        /* our address, name, reputation, behaviour */
	EV_ABOUT_SENDER,    /* our MAIL FROM */
	EV_ABOUT_SYSTEM,    /* their trouble, or a temporary policy */
	EV_ABOUT_SESSION    /* too many recipients, errors, connections: ask again, never judge */
};

enum ev_strength
{
	EV_WEAK,
	EV_STRONG
};

struct ev_finding
{
	bool accepted;  /* 2xx */
	bool temporary; /* 4xx */
	bool put_back; /* the recipient was not judged: ask again in another session.  Callers bound how
							 * often; when they lose patience, reason and detail below are the verdict */
	enum ev_about about;
	enum ev_strength strength;
	enum ev_reason reason; /* the verdict if nothing else speaks against it */
	enum ev_detail detail;
	bool numbered;        /* a provider's numbered code decided (provider_code.h) */
	uint32_t retry_after; /* hint in seconds that the text gives, 0 for none */
	char rule[EV_RULE_MAX + 1];
};

/*
 * Judge one reply.  stage is where it was given; eai tells that the local part is not ASCII (it
 * changes what a syntax refusal means).  terms may be NULL.  Never fails: what nothing matches is
 * weak.
 */
extern void ev_classify(const struct ev_reply *reply, enum ev_stage stage,
                        enum ev_provider provider, bool eai, const struct ev_mask_terms *terms,
                        struct ev_finding *out);

struct ev_pattern_text;

/*
 * The same for a caller that has masked the text already, with these terms and without local_is_word:
 * text is what ev_pattern_prepare() made of it.  NULL: it is still to be masked.
 */
extern void ev_classify_masked(const struct ev_reply *reply, enum ev_stage stage,
                               enum ev_provider provider, bool eai,
                               const struct ev_mask_terms *terms,
                               const struct ev_pattern_text *text, struct ev_finding *out);

#endif
