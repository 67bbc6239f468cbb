/*
 * classify.c
 *	  Hold one reply against the table of rules.
 */
#include "engine/classify.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/pattern.h"
#include "engine/provider_code.h"
#include "engine/qualify.h"
#include "engine/reply_marks.h"
#include "engine/reply_rules.h"
#include "engine/slice.h"
#include "engine/weigh.h"

/*
 * Does the enhanced code deny that there is no such mailbox?  Subjects 5 and 7 are never about a
 * mailbox (but for X.7.17 and X.7.18, RFC 7293), 6 and most of 3 neither (RFC 3463 3); X.1.7 and
 * X.1.8 are about the sender.  Providers' own rules are not doubted, and neither are words of a full
 * or closed mailbox: they say no more than `unknown`.
 */
static bool
contradicts(const struct ev_reply_rule *rule, struct ev_enhanced enhanced)
{
	if (rule->about != EV_ABOUT_RECIPIENT || rule->pattern == NULL || rule->subject >= 0 ||
	    rule->family != EV_FAMILY_EVERY || (rule->flags & EV_RULE_SURE) || enhanced.klass != 5)
		return false;
	if (rule->reason != EV_REASON_MAILBOX_NOT_FOUND && rule->reason != EV_REASON_MAILBOX_MOVED)
		return false;
	switch (enhanced.subject)
	{
		case 1: return enhanced.detail == 7 || enhanced.detail == 8;
		case 3: return enhanced.detail != 0;
		case 5:
		case 6: return true;
		case 7: return enhanced.detail != 17 && enhanced.detail != 18;
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
	if (!(EV_AT_RCPT & 1u << stage))
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

/* What a reply is judged by. */
struct question
{
	const struct ev_reply *reply;
	enum ev_stage stage;
	enum ev_provider provider;
	bool eai;
	const struct ev_provider_code *code; /* found on the way; NULL for none */
	char code_rule[EV_RULE_MAX + 1];
};

/* What was found in a text once masked, and what stands beside it. */
struct found
{
	struct ev_reply_match match;
	struct ev_reply_marks marks;
	const struct ev_pattern_text *text;
	struct ev_pattern_text own; /* where it was masked here */
	bool left;                  /* in own, the local part stands as a word */
};

/*
 * Set out->match to the first rule that fits the text once masked; returns it, NULL when there is none, or
 * a code decides.  text is that of a caller who has masked it, or NULL.
 */
static const struct ev_reply_rule *
find_rule(struct question *question, const struct ev_mask_terms *terms,
          const struct ev_pattern_text *text, char masked[EV_PATTERN_TEXT_MAX], struct found *out)
{
	const struct ev_reply *reply = question->reply;

	out->match.rule = NULL;
	out->marks.seen = 0;
	out->marks.n = 0;
	out->text = text != NULL ? text : &out->own;
	if (text == NULL)
		ev_pattern_prepare(&out->own, masked,
		                   ev_mask_text_told(reply->text, reply->text_len, terms, masked,
		                                     EV_PATTERN_TEXT_MAX, &out->left));
	question->code = ev_provider_code_find(reply, question->stage, question->provider, terms,
	                                       out->text, question->code_rule);
	if (question->code != NULL && !question->code->yields)
		return NULL;
	ev_reply_rule_match(reply, question->stage, question->provider, question->eai, out->text,
	                    EV_ABOUT_ALL, &out->marks, &out->match);
	return out->match.rule;
}

/* Could it be a word of a sentence?  What has other bytes in it is somebody's name. */
static bool
is_plain_word(const char *local)
{
	for (const char *p = local; *p != '\0'; p++)
		if (!ev_is_alnum(*p) && (unsigned char) *p < 0x80)
			return false;
	return *local != '\0';
}

static bool
says_invalid(const struct ev_reply_rule *rule)
{
	return rule != NULL && ev_reason_info(rule->reason)->status == EV_STATUS_INVALID;
}

/*
 * The local part is also a word that rules look for ("user@", "spam@"), and stands in the text
 * outside of quotes and brackets: the server may have said it of itself or have echoed it.  Where
 * that word alone decides, what else is said decides if it can; an echo condemns nobody.
 */
static void
find_rule_with_word(struct question *question, struct ev_mask_terms *terms,
                    char masked[EV_PATTERN_TEXT_MAX], struct found *kept)
{
	const struct ev_mask_terms nobody = {0};
	char scratch[EV_PATTERN_TEXT_MAX];
	struct found left_out;
	struct ev_pattern_text text;
	const struct ev_reply_rule *with;
	const struct ev_reply_rule *without;
	bool prefer;

	terms->local_is_word = true;
	with = find_rule(question, terms, NULL, masked, kept);
	if (!kept->left)
		return;
	if (question->code != NULL)
	{
		/* a code counts if it is there without the echo, too */
		terms->local_is_word = false;
		(void) find_rule(question, terms, NULL, masked, kept);
		return;
	}
	ev_pattern_prepare(
		&text, scratch,
		ev_mask_text(terms->local, strlen(terms->local), &nobody, scratch, sizeof(scratch)));
	if (with == NULL || with->pattern == NULL || !ev_pattern_match(&text, with->pattern))
		return;

	terms->local_is_word = false;
	without = find_rule(question, terms, NULL, scratch, &left_out);
	if (without == NULL || without->pattern == NULL || without->strength == EV_WEAK)
		prefer = says_invalid(with);
	else
		prefer = !says_invalid(without) || says_invalid(with);
	if (!prefer)
		return;
	*kept = left_out;
	memcpy(masked, scratch, EV_PATTERN_TEXT_MAX);
	kept->own.text = masked;
	kept->text = &kept->own;
}

/*
 * Does the code decide?  One that yields counts where the words say nothing, or condemn.
 */
static bool
code_decides(const struct ev_provider_code *code, const struct ev_reply_rule *rule)
{
	if (code == NULL)
		return false;
	return !code->yields || rule == NULL || rule->strength == EV_WEAK || says_invalid(rule) ||
	       ((rule->flags & EV_RULE_NUMBERS) && code->about == EV_ABOUT_RECIPIENT);
}

static void
set_code(const struct question *question, struct ev_finding *out)
{
	const struct ev_provider_code *code = question->code;

	set_finding(out, question->code_rule, code->about, code->hearsay ? EV_WEAK : EV_STRONG,
	            code->reason, code->detail);
	out->numbered = true;
	out->put_back = code->about == EV_ABOUT_SESSION;
	out->retry_after = code->after;
}

/*
 * A refusal that says nothing but where to look an address up: "550 https://…/ip/192.0.2.7".  It is ours.
 * Names in the link decide nothing.
 */
static bool
is_lookup_link(const struct ev_reply *reply)
{
	const struct ev_slice text = {reply->text, reply->text_len};
	size_t at;
	int digits = 0;
	int dots = 0;

	if (!ev_slice_find(text, "http://", &at) && !ev_slice_find(text, "https://", &at))
		return false;
	for (; at < text.n && !ev_slice_is_blank(text.s[at]); at++)
	{
		char c = text.s[at];

		if (ev_is_digit(c))
		{
			if (++digits > 3)
				digits = dots = 0;
			else if (dots == 3)
				return true;
		}
		else
		{
			dots = c == '.' && digits > 0 ? dots + 1 : 0;
			digits = 0;
		}
	}
	return false;
}

/* What the words beside it make of the rule. */
static void
set_qualified(enum ev_qualified how, const struct ev_reply_rule *rule, struct ev_finding *out)
{
	switch (how)
	{
		case EV_A_GUESS:
			set_finding(out, "rcpt.guess", EV_ABOUT_NOBODY, EV_STRONG, EV_REASON_SMTP_UNVERIFIABLE,
			            EV_DETAIL_WEAK_REFUSAL);
			return;
		case EV_ANOTHER_SUBJECT:
			set_finding(out, "other.subject", EV_ABOUT_NOBODY, EV_STRONG,
			            EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_ACCESS_DENIED);
			return;
		case EV_A_RATE:
			set_finding(out, "us.quota", EV_ABOUT_US, EV_STRONG, EV_REASON_SMTP_RATE_LIMITED,
			            EV_DETAIL_RATE);
			return;
		case EV_A_RATE_OF_THEIRS:
			set_finding(out, "rcpt.quota", EV_ABOUT_RECIPIENT, EV_STRONG,
			            EV_REASON_SMTP_RATE_LIMITED, EV_DETAIL_RECIPIENT_RATE);
			return;
		case EV_FOR_A_WHILE:
			set_finding(out, "rcpt.for_a_while", EV_ABOUT_RECIPIENT, EV_STRONG,
			            EV_REASON_POLICY_TEMP_FAIL, EV_DETAIL_TEMPORARILY_DISABLED);
			return;
		case EV_AS_SAID: break;
	}
	set_finding(out, rule->id, rule->about, rule->strength, rule->reason, rule->detail);
}

void
ev_classify(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider, bool eai,
            const struct ev_mask_terms *terms, struct ev_finding *out)
{
	ev_classify_masked(reply, stage, provider, eai, terms, NULL, out);
}

void
ev_classify_masked(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                   bool eai, const struct ev_mask_terms *terms, const struct ev_pattern_text *text,
                   struct ev_finding *out)
{
	struct question question = {reply, stage, provider, eai, NULL, ""};
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_mask_terms known = {0};
	const struct ev_reply_rule *rule;
	struct found found;

	memset(out, 0, sizeof(*out));
	if (reply->code >= 200 && reply->code <= 299)
	{
		classify_accept(reply->code, stage, out);
		return;
	}

	if (terms != NULL)
		known = *terms;
	known.local_is_word = false;
	if (known.local != NULL && is_plain_word(known.local) &&
	    ev_slice_find((struct ev_slice){reply->text, reply->text_len}, known.local, NULL) &&
	    ev_reply_rule_word(known.local))
		find_rule_with_word(&question, &known, masked, &found);
	else
		(void) find_rule(&question, &known, text, masked, &found);
	if (found.match.rule != NULL)
		ev_weigh(reply, stage, provider, eai, found.text, &found.marks, &found.match);
	rule = found.match.rule;
	out->temporary = reply->code < 500;
	if (code_decides(question.code, rule))
	{
		set_code(&question, out);
		if (out->retry_after == 0 && out->temporary)
			out->retry_after = find_delay(found.text->text);
		return;
	}
	if (rule == NULL)
	{
		out->temporary = false;
		set_finding(out, "unexpected", EV_ABOUT_SYSTEM, EV_WEAK, EV_REASON_SMTP_PROTOCOL_ERROR,
		            EV_DETAIL_UNEXPECTED_REPLY);
		return;
	}
	out->put_back = (rule->flags & EV_RULE_PUT_BACK) != 0;
	if (rule->pattern == NULL && rule->strength == EV_WEAK && !out->temporary &&
	    is_lookup_link(reply))
	{
		set_finding(out, "us.link", EV_ABOUT_US, EV_STRONG, EV_REASON_SMTP_BLOCKED,
		            EV_DETAIL_BLOCKLIST);
		return;
	}
	if (contradicts(rule, reply->enhanced))
		set_finding(out, "rcpt.contradiction", EV_ABOUT_NOBODY, EV_WEAK,
		            EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CONTRADICTION);
	else
		set_qualified(ev_qualify(&found.match, found.text, &found.marks), rule, out);
	if (rule->flags & EV_RULE_AFTER_30S)
		out->retry_after = 30;
	else if (out->temporary)
		out->retry_after = find_delay(found.text->text);
}
