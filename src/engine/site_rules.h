/*
 * site_rules.h
 *	  A site's own rules for replies, which come before those of reply_rules.def.
 *
 * What stays in force whatever they say:
 *	- text is matched after masking, so nothing that a peer echoes decides;
 *	- replies with a 2xx code have no rule;
 *	- `invalid` takes a 5xx at RCPT: a rule that could say it of anything else is refused;
 *	- a reason about the mailbox or its domain takes a reply at RCPT;
 *	- a rule without a pattern knows a code only.  It does not speak of a reply that tells by its words
 *	  or its enhanced code that the recipient was not judged (it is put back), nor turns one that is
 *	  about us, our sender or their own trouble into `invalid`;
 *	- evidence: what comes out is a finding like any other, so that controls, second looks and what is
 *	  known of made-up recipients (judge.h) count as ever.
 */
#ifndef EV_SITE_RULES_H
#define EV_SITE_RULES_H

#include "engine/classify.h"

#define EV_SITE_RULES_MAX    1000 /* that are heeded */
#define EV_SITE_PATTERN_MAX  200  /* bytes */
#define EV_SITE_ALTERNATIVES 20   /* of a pattern */
#define EV_SITE_GAPS         1    /* * between two characters of an alternative: more multiply */

/* One rule; texts are NUL-terminated, "" fits everything. */
struct ev_site_rule
{
	int32_t id;          /* from 1 on; the verdict's rule is "site:ID" */
	uint16_t stages;     /* set of 1 << enum ev_stage */
	uint16_t code;       /* the first digits of the reply code: 5, 55, 550; 0 for 4xx and 5xx */
	uint8_t klass;       /* of the enhanced code: 4, 5, or 0 for both */
	int16_t subject;     /* -1: whatever the enhanced code is, if there is one */
	int16_t first, last; /* its detail */
	int16_t provider;    /* enum ev_provider; -1 for every one */
	uint8_t reason;      /* enum ev_reason */
	uint8_t detail;      /* enum ev_detail */
	char mx[EV_HOST_MAX + 1];              /* this host and all below: lower-case, no outer dot */
	char pattern[EV_SITE_PATTERN_MAX + 1]; /* see pattern.h; folded */
};

/* In the order in which they are asked. */
struct ev_site_rules
{
	const struct ev_site_rule *rows; /* not owned */
	size_t n;
};

/* A rule as its words in a table; NULL: says nothing.  UTF-8, brought into form (see below). */
struct ev_site_rule_words
{
	const char *stage;    /* greeting, ehlo, mail, rcpt */
	const char *code;     /* 5, 55, 550 */
	const char *enhanced; /* 5.1.1, X.1.1, 5.1.X, 5.1 */
	const char *provider; /* label of a family of provider.def */
	const char *mx;
	const char *pattern;
	const char *reason; /* labels */
	const char *detail;
};

/* Why a rule cannot be one: a part of a sentence, and what to do.  Static texts. */
struct ev_site_fault
{
	const char *what;
	const char *hint;
};

/*
 * Bring a pattern of n bytes into form: ASCII in lower case, runs of blanks one space, none at the
 * ends of alternatives.  out has size bytes; what does not fit is cut.  Returns its length.
 */
extern size_t ev_site_pattern_normalize(const char *pattern, size_t n, char *out, size_t size);

/*
 * As masked texts are spelled: letters without their accents (mask.h).  pattern is UTF-8 of at most
 * EV_SITE_PATTERN_MAX bytes; out has room for as many and the NUL.
 */
extern void ev_site_pattern_fold(const char *pattern, char *out);

/* NULL when it can be the pattern of a rule. */
extern const struct ev_site_fault *ev_site_pattern_fault(const char *pattern);

/* NULL and *out, or why not. */
extern const struct ev_site_fault *
ev_site_rule_parse(int32_t id, const struct ev_site_rule_words *words, struct ev_site_rule *out);

/* Is this, which came from somewhere else, a rule that ev_site_rule_parse() could have made? */
extern bool ev_site_rule_sound(const struct ev_site_rule *rule);

/*
 * What do the rules say of a reply?  finding is what the shipped ones say, and is changed if one of
 * these speaks: then the result is true.  host: of the peer, NULL when not known.  terms may be NULL.
 */
extern bool ev_site_rules_apply(const struct ev_site_rules *rules, const struct ev_reply *reply,
                                enum ev_stage stage, const char *host, enum ev_provider provider,
                                const struct ev_mask_terms *terms, struct ev_finding *finding);

#endif
