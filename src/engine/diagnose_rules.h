/*
 * diagnose_rules.h
 *	  The rules of bounce_rules.def, and which of them some words fit.
 */
#ifndef EV_DIAGNOSE_RULES_H
#define EV_DIAGNOSE_RULES_H

#include "engine/diagnose.h"
#include "engine/pattern_index.h"

/* When a rule counts. */
enum ev_when
{
	EV_WHEN_OWN = 1,  /* no peer's reply is quoted */
	EV_WHEN_ANY = 2,  /* always, unless a reply says something strong about recipient or host */
	EV_WHEN_LATE = 4, /* a policy, or nothing, was found */
	EV_WHEN_LATE_DATA = 8,  /* idem, after DATA */
	EV_WHEN_OWN_LATE = 16,  /* nothing was found */
	EV_WHEN_CODE = 32,      /* idem */
	EV_WHEN_FIRST = 64,     /* always */
	EV_WHEN_BACK = 128,     /* nothing was found, and a message came back */
	EV_WHEN_OWN_CODE = 256, /* nothing was found, and no peer's reply is quoted: the code alone */
	EV_WHEN_PEER = 512      /* not of a rule: a peer's reply is quoted, its names may be ours */
};

struct ev_bounce_rule
{
	char id[EV_RULE_MAX + 1];
	enum ev_when when;
	int16_t subject, first, last;
	const char *pattern;
	enum ev_about about;
	enum ev_reason reason;
	enum ev_detail detail;
	enum ev_reason later_reason;
	enum ev_detail later_detail;
	enum ev_bounce_scope scope;
};

/* The words once masked, and which patterns they match. */
struct ev_bounce_words
{
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;
	bool left;                 /* the local part stands in them as a word (mask.h) */
	bool matched;              /* set is made */
	struct ev_pattern_set set; /* for diagnose_rules.c: made when first asked for */
};

/* Mask n bytes of text. */
extern void ev_bounce_words(const char *text, size_t n, const struct ev_mask_terms *terms,
                            struct ev_bounce_words *out);

/* The first rule of this kind (a set of enum ev_when) that fits; NULL when there is none. */
extern const struct ev_bounce_rule *ev_bounce_rule_find(unsigned when, struct ev_enhanced enhanced,
                                                        struct ev_bounce_words *words);

/* Is it said that it was tried for a long time?  Is whoever sends spoken of? */
extern bool ev_bounce_words_given_up(struct ev_bounce_words *words);
extern bool ev_bounce_words_sender(struct ev_bounce_words *words);

/*
 * diagnose_codes.c: is this what a mail system makes of a reply code when a report must have a status,
 * and the reply has no enhanced code?
 */
extern bool ev_status_is_made_up(uint16_t code, struct ev_enhanced status);

/*
 * Complete the codes of a reply by what else is known: its enhanced code by the report's status, its
 * reply code, where there is none, by the class of the enhanced one.  Returns the enhanced code.
 */
extern struct ev_enhanced ev_diagnose_codes(const struct ev_diagnose_context *context,
                                            struct ev_reply *reply);

#endif
