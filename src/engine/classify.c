/*
 * classify.c
 *	  Hold one reply against the table of rules.
 */
#include "engine/classify.h"

#include <string.h>

#include "engine/pattern.h"
#include "engine/slice.h"

/* Sets of stages. */
#define GREET (1u << EV_STAGE_GREETING | 1u << EV_STAGE_CONNECT)
#define EHLO  (1u << EV_STAGE_EHLO)
#define TLS   (1u << EV_STAGE_STARTTLS)
#define MAIL  (1u << EV_STAGE_MAIL)
#define RCPT  (1u << EV_STAGE_RCPT | 1u << EV_STAGE_RANDOM_RCPT)
#define ANY   (GREET | EHLO | MAIL | RCPT) /* not TLS: its refusal says nothing but that */

/* Sets of codes. */
#define ALL 0

/* Enhanced codes: subject, first and last detail; the class is the reply code's. */
#define E(subject, detail)       (subject), (detail), (detail)
#define ER(subject, first, last) (subject), (first), (last)
#define ES(subject)              (subject), 0, 999
#define NO_E                     (-1), 0, 999

#define PUT_BACK  0x01
#define ONLY_EAI  0x02
#define AFTER_30S 0x04

/* Families that a rule may name beside those of provider.def. */
#define FAMILY_EVERY     (-1)
#define FAMILY_MICROSOFT (-2)

enum family
{
#define EV_PROVIDER(id, label, kind, trust_accept, trust_reject, needs_control, one_rcpt)          \
	FAMILY_##id = EV_PROVIDER_##id,
#include "engine/provider.def"
};

struct rule
{
	char id[EV_RULE_MAX + 1];
	uint16_t stages;
	uint16_t code;
	int16_t subject, first, last;
	int16_t family;
	const char *pattern;
	enum ev_about about;
	enum ev_strength strength;
	enum ev_reason reason;
	enum ev_detail detail;
	uint8_t flags;
};

static const struct rule rules[] = {
#define EV_RULE(id, stages, code, enhanced, provider, pattern, about, strength, reason, detail,    \
                flags)                                                                             \
	{(id),      (stages),         (code),        enhanced,           FAMILY_##provider,            \
	 (pattern), EV_ABOUT_##about, EV_##strength, EV_REASON_##reason, EV_DETAIL_##detail,           \
	 (flags)},
#include "engine/reply_rules.def"
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

static bool
family_fits(int family, enum ev_provider provider)
{
	if (family == FAMILY_EVERY)
		return true;
	if (family == FAMILY_MICROSOFT)
		return provider == EV_PROVIDER_MICROSOFT_365 || provider == EV_PROVIDER_MICROSOFT_CONSUMER;
	return family == (int) provider;
}

static bool
code_fits(uint16_t wanted, uint16_t code)
{
	return wanted == ALL || wanted == code || wanted == code / 100;
}

static bool
enhanced_fits(const struct rule *rule, struct ev_enhanced enhanced)
{
	if (rule->subject < 0)
		return true;
	return enhanced.klass != 0 && enhanced.subject == rule->subject &&
	       enhanced.detail >= rule->first && enhanced.detail <= rule->last;
}

/* The first rule that fits; NULL when the stage has none for this code. */
static const struct rule *
find_rule(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
          const struct ev_pattern_text *text)
{
	for (size_t i = 0; i < N_RULES; i++)
	{
		const struct rule *rule = &rules[i];

		if ((rule->stages & 1u << stage) && code_fits(rule->code, reply->code) &&
		    (eai || !(rule->flags & ONLY_EAI)) && enhanced_fits(rule, reply->enhanced) &&
		    family_fits(rule->family, provider) &&
		    (rule->pattern == NULL || ev_pattern_match(text, rule->pattern)))
			return rule;
	}
	return NULL;
}

/*
 * Does the enhanced code deny what a text says about the mailbox?  Subjects 5 and 7 are never about
 * a mailbox, 6 and most of 3 neither (RFC 3463 3); X.1.7 and X.1.8 are about the sender.
 * Providers' own rules are not doubted.
 */
static bool
contradicts(const struct rule *rule, struct ev_enhanced enhanced)
{
	if (rule->about != EV_ABOUT_RECIPIENT || rule->pattern == NULL || rule->subject >= 0 ||
	    rule->family != FAMILY_EVERY || enhanced.klass != 5)
		return false;
	if (rule->reason != EV_REASON_MAILBOX_NOT_FOUND && rule->reason != EV_REASON_MAILBOX_DISABLED &&
	    rule->reason != EV_REASON_MAILBOX_FULL && rule->reason != EV_REASON_MAILBOX_MOVED)
		return false;
	switch (enhanced.subject)
	{
		case 1: return enhanced.detail == 7 || enhanced.detail == 8;
		case 3: return enhanced.detail != 0;
		case 5:
		case 6:
		case 7: return true;
		default: return false;
	}
}

/* Seconds in "… 5 minutes", "300s", "1 hour": the first number that a unit follows; 0 for none. */
static uint32_t
find_delay(const char *text)
{
	static const struct
	{
		const char *unit;
		uint32_t seconds;
	} units[] = {{"second", 1}, {"sec", 1},     {"s ", 1},   {"minute", 60},
	             {"min", 60},   {"hour", 3600}, {"hr", 3600}};

	for (const char *p = text; *p != '\0'; p++)
	{
		uint32_t number = 0;

		if (*p < '0' || *p > '9' || (p > text && p[-1] != ' ' && p[-1] != '(' && p[-1] != '='))
			continue;
		for (; *p >= '0' && *p <= '9'; p++)
			if (number < 1000000)
				number = number * 10 + (uint32_t) (*p - '0');
		if (*p == ' ' || *p == '-')
			p++;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strncmp(p, units[i].unit, strlen(units[i].unit)) == 0)
				return number <= 86400 / units[i].seconds ? number * units[i].seconds : 86400;
		p--;
	}
	return 0;
}

static void
set_finding(struct ev_finding *out, const char *id, enum ev_about about, enum ev_strength strength,
            enum ev_reason reason, enum ev_detail detail)
{
	out->about = about;
	out->strength = strength;
	out->reason = reason;
	out->detail = detail;
	ev_rule_set(out->rule, id);
}

/* 2xx.  Only 250 and 251 say that the recipient is accepted for what it is (RFC 5321 4.2.3). */
static void
classify_accept(uint16_t code, enum ev_stage stage, struct ev_finding *out)
{
	out->accepted = true;
	if (!(RCPT & 1u << stage))
		set_finding(out, "accept", EV_ABOUT_NOBODY, EV_WEAK, EV_REASON_SMTP_UNVERIFIABLE,
		            EV_DETAIL_CANNOT_VERIFY);
	else if (code == 250)
		set_finding(out, "accept.250", EV_ABOUT_RECIPIENT, EV_STRONG, EV_REASON_SMTP_DELIVERABLE,
		            EV_DETAIL_NONE);
	else if (code == 251)
		set_finding(out, "accept.251", EV_ABOUT_RECIPIENT, EV_STRONG, EV_REASON_SMTP_DELIVERABLE,
		            EV_DETAIL_FORWARDED);
	else if (code == 252)
		set_finding(out, "accept.252", EV_ABOUT_NOBODY, EV_STRONG, EV_REASON_SMTP_UNVERIFIABLE,
		            EV_DETAIL_CANNOT_VERIFY);
	else
		set_finding(out, "accept.2xx", EV_ABOUT_NOBODY, EV_STRONG, EV_REASON_SMTP_UNVERIFIABLE,
		            EV_DETAIL_UNEXPECTED_REPLY);
}

/* Is the local part a word that some rule looks for, such as "user"? */
static bool
is_rule_word(const char *local)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].pattern != NULL && ev_pattern_has_word(rules[i].pattern, local))
			return true;
	return false;
}

void
ev_classify(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
            const struct ev_mask_terms *terms, struct ev_finding *out)
{
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;
	struct ev_mask_terms known = {0};
	const struct rule *rule;

	memset(out, 0, sizeof(*out));
	if (reply->code >= 200 && reply->code <= 299)
	{
		classify_accept(reply->code, stage, out);
		return;
	}

	if (terms != NULL)
		known = *terms;
	/* the rules are looked through only if it is there to be masked */
	known.local_is_word =
		known.local != NULL &&
		ev_slice_find((struct ev_slice){reply->text, reply->text_len}, known.local, NULL) &&
		is_rule_word(known.local);
	ev_pattern_prepare(&text, masked,
	                   ev_mask_text(reply->text, reply->text_len, &known, masked, sizeof(masked)));

	rule = reply->code >= 400 ? find_rule(reply, stage, provider, eai, &text) : NULL;
	if (rule == NULL)
	{
		set_finding(out, "unexpected", EV_ABOUT_SYSTEM, EV_WEAK, EV_REASON_SMTP_PROTOCOL_ERROR,
		            EV_DETAIL_UNEXPECTED_REPLY);
		return;
	}
	out->temporary = reply->code < 500;
	out->put_back = (rule->flags & PUT_BACK) != 0;
	if (contradicts(rule, reply->enhanced))
		set_finding(out, "rcpt.contradiction", EV_ABOUT_NOBODY, EV_WEAK,
		            EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CONTRADICTION);
	else
		set_finding(out, rule->id, rule->about, rule->strength, rule->reason, rule->detail);
	if (rule->flags & AFTER_30S)
		out->retry_after = 30;
	else if (out->temporary)
		out->retry_after = find_delay(masked);
}
