/*
 * reply_rules.h
 *	  The rows of reply_rules.def as data: for classify.c, for the program that makes its matcher,
 *	  and for tests.
 */
#ifndef EV_REPLY_RULES_H
#define EV_REPLY_RULES_H

#include "engine/classify.h"

/* Sets of stages. */
#define EV_AT_GREET (1u << EV_STAGE_GREETING | 1u << EV_STAGE_CONNECT)
#define EV_AT_EHLO  (1u << EV_STAGE_EHLO)
#define EV_AT_TLS   (1u << EV_STAGE_STARTTLS)
#define EV_AT_MAIL  (1u << EV_STAGE_MAIL)
#define EV_AT_RCPT  (1u << EV_STAGE_RCPT | 1u << EV_STAGE_RANDOM_RCPT)

/* Families that a rule may name beside those of provider.def. */
#define EV_FAMILY_EVERY     (-1)
#define EV_FAMILY_MICROSOFT (-2)

enum ev_family
{
#define EV_PROVIDER(id, label, kind, trust_accept, trust_reject, needs_control, one_rcpt)          \
	EV_FAMILY_##id = EV_PROVIDER_##id,
#include "engine/provider.def"
};

#define EV_RULE_PUT_BACK  0x01
#define EV_RULE_ONLY_EAI  0x02
#define EV_RULE_AFTER_30S 0x04
#define EV_RULE_SURE      0x08
#define EV_RULE_UNNAMED   0x10
#define EV_RULE_NUMBERS   0x20

struct ev_reply_rule
{
	char id[EV_RULE_MAX + 1];
	uint16_t stages;              /* set of EV_AT_… */
	uint16_t code;                /* a code, its class, or 0 for all */
	int16_t subject, first, last; /* enhanced code; subject -1 for any or none */
	int16_t family;
	const char *pattern; /* NULL: any text */
	enum ev_about about;
	enum ev_strength strength;
	enum ev_reason reason;
	enum ev_detail detail;
	uint8_t flags; /* EV_RULE_… */
};

/* In the order of judgement. */
extern const struct ev_reply_rule ev_reply_rules[];
extern const size_t ev_n_reply_rules;

/* Does all of the rule but its pattern fit? */
extern bool ev_reply_rule_fits(const struct ev_reply_rule *rule, const struct ev_reply *reply,
                               enum ev_stage stage, enum ev_provider provider, bool eai);

struct ev_pattern_text;
struct ev_reply_marks;

/* May the rule's words count that begin at byte pos of the text? */
extern bool ev_reply_rule_heeds(const struct ev_reply_rule *rule,
                                const struct ev_pattern_text *text, size_t pos);

/* A rule, and where its words stand. */
struct ev_reply_match
{
	const struct ev_reply_rule *rule; /* NULL: none fits */
	uint16_t begin, end;              /* of its words in the text; the same where it has none */
};

/* Abouts of all kinds, for the set below. */
#define EV_ABOUT_ALL (~0u)

/*
 * As below, among the rules about this set of 1 << enum ev_about, of which those without a pattern only
 * with all of them.  marks, if not NULL, are added to, and have to begin as zero.
 */
extern void ev_reply_rule_match(const struct ev_reply *reply, enum ev_stage stage,
                                enum ev_provider provider, bool eai,
                                const struct ev_pattern_text *text, unsigned abouts,
                                struct ev_reply_marks *marks, struct ev_reply_match *out);

/*
 * The first rule that fits, by one walk over the text; NULL when there is none.  text is masked.
 * Codes below 400 have no rule.
 */
extern const struct ev_reply_rule *ev_reply_rule_find(const struct ev_reply *reply,
                                                      enum ev_stage stage,
                                                      enum ev_provider provider, bool eai,
                                                      const struct ev_pattern_text *text);

/* Is this local part a word that some rule looks for, such as "user"? */
extern bool ev_reply_rule_word(const char *local);

#endif

/*
 * The table itself, where EV_REPLY_RULE_TABLE names it: words of reply_rules.def, and its rows.
 */
#ifdef EV_REPLY_RULE_TABLE
#define GREET EV_AT_GREET
#define EHLO  EV_AT_EHLO
#define TLS   EV_AT_TLS
#define MAIL  EV_AT_MAIL
#define RCPT  EV_AT_RCPT
#define ANY   (GREET | EHLO | MAIL | RCPT) /* not TLS: its refusal says nothing but that */
#define ALL   0

#define E(subject, detail)       (subject), (detail), (detail)
#define ER(subject, first, last) (subject), (first), (last)
#define ES(subject)              (subject), 0, 999
#define NO_E                     (-1), 0, 999

#define PUT_BACK  EV_RULE_PUT_BACK
#define ONLY_EAI  EV_RULE_ONLY_EAI
#define AFTER_30S EV_RULE_AFTER_30S
#define SURE      EV_RULE_SURE
#define UNNAMED   EV_RULE_UNNAMED
#define NUMBERS   EV_RULE_NUMBERS

const struct ev_reply_rule EV_REPLY_RULE_TABLE[] = {
#define EV_RULE(id, stages, code, enhanced, provider, pattern, about, strength, reason, detail,    \
                flags)                                                                             \
	{(id),      (stages),         (code),        enhanced,           EV_FAMILY_##provider,         \
	 (pattern), EV_ABOUT_##about, EV_##strength, EV_REASON_##reason, EV_DETAIL_##detail,           \
	 (flags)},
#include "engine/reply_rules.def"
};
#endif
