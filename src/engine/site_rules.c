/*
 * site_rules.c
 *	  A site's own rules: from words, and held against a reply; see site_rules.h.
 */
#include "engine/site_rules.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/pattern.h"
#include "engine/slice.h"

#define AT(stage) (1u << EV_STAGE_##stage)
#define AT_GREET  (AT(GREETING) | AT(CONNECT))
#define AT_RCPT   (AT(RCPT) | AT(RANDOM_RCPT))

static const struct
{
	const char *label;
	uint16_t stages;
} stages[] = {{"greeting", AT_GREET}, {"ehlo", AT(EHLO)}, {"mail", AT(MAIL)}, {"rcpt", AT_RCPT}};

#define AT_ALL (AT_GREET | AT(EHLO) | AT(MAIL) | AT_RCPT)

/* --- reasons --------------------------------------------------------------------------------------- */

/* Whom a reply with this reason is about; false for reasons that no reply gives. */
static bool
about_of(enum ev_reason reason, enum ev_about *about)
{
	switch (reason)
	{
		case EV_REASON_MAILBOX_NOT_FOUND:
		case EV_REASON_MAILBOX_MOVED:
		case EV_REASON_MAILBOX_DISABLED:
		case EV_REASON_MAILBOX_FULL:
		case EV_REASON_RECIPIENT_RESTRICTED:
		case EV_REASON_POSSIBLE_SPAM_TRAP:
		case EV_REASON_SMTPUTF8_UNSUPPORTED: *about = EV_ABOUT_RECIPIENT; return true;
		case EV_REASON_RELAY_DENIED:
		case EV_REASON_NO_MX_RECORDS: *about = EV_ABOUT_DOMAIN; return true;
		case EV_REASON_SENDER_REJECTED:
		case EV_REASON_GOOGLE_DMARC_MISALIGNMENT: *about = EV_ABOUT_SENDER; return true;
		case EV_REASON_SMTP_BLOCKED:
		case EV_REASON_M365_IP_REP_BLOCK:
		case EV_REASON_CARRIER_BLOCKED:
		case EV_REASON_SMTP_RATE_LIMITED:
		case EV_REASON_GOOGLE_RATE_LIMIT: *about = EV_ABOUT_US; return true;
		case EV_REASON_SMTP_GREYLISTED:
		case EV_REASON_MIMECAST_GREYLIST:
		case EV_REASON_PROOFPOINT_AD_LOOKUP:
		case EV_REASON_POLICY_TEMP_FAIL:
		case EV_REASON_SMTP_CONNECTION_FAILED:
		case EV_REASON_SMTP_PROTOCOL_ERROR:
		case EV_REASON_MESSAGE_REJECTED:
		case EV_REASON_SMTP_UNVERIFIABLE: *about = EV_ABOUT_SYSTEM; return true;
		default: return false;
	}
}

static bool
is_invalid(enum ev_reason reason)
{
	return ev_reason_info(reason)->status == EV_STATUS_INVALID;
}

/* The class that the codes ask for: 4, 5 or 0 for both. */
static int
class_of(const struct ev_site_rule *rule)
{
	int klass = rule->code;

	while (klass > 9)
		klass /= 10;
	return klass != 0 ? klass : rule->klass;
}

/* --- from words ------------------------------------------------------------------------------------- */

static const struct ev_site_fault *
parse_stage(const char *label, struct ev_site_rule *rule)
{
	static const struct ev_site_fault fault = {
		"there is no such stage",
		"Stages are \"greeting\", \"ehlo\", \"mail\" and \"rcpt\"; NULL is "
		"all of them."};

	rule->stages = AT_ALL;
	if (label == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (strcmp(label, stages[i].label) == 0)
		{
			rule->stages = stages[i].stages;
			return NULL;
		}
	return &fault;
}

static const struct ev_site_fault *
parse_code(const char *code, struct ev_site_rule *rule)
{
	static const struct ev_site_fault fault = {"there is no such class of reply codes",
	                                           "Write the first digits of the code: \"5\", \"55\" "
	                                           "or \"550\", with 4 or 5 in front; NULL is "
	                                           "every code from 400 on."};
	size_t n = code == NULL ? 0 : strlen(code);

	if (code == NULL)
		return NULL;
	if (n < 1 || n > 3 || (code[0] != '4' && code[0] != '5') || (n > 1 && code[1] > '5'))
		return &fault;
	for (size_t i = 0; i < n; i++)
	{
		if (!ev_is_digit(code[i]))
			return &fault;
		rule->code = (uint16_t) (rule->code * 10 + (code[i] - '0'));
	}
	return NULL;
}

/* A number of one to three digits, or X for any; NULL for neither. */
static const char *
parse_number(const char *p, int16_t *first, int16_t *last)
{
	int n = 0;
	int16_t value = 0;

	if (*p == 'x' || *p == 'X')
	{
		*first = 0;
		*last = 999;
		return p + 1;
	}
	for (; n < 3 && ev_is_digit(*p); n++)
		value = (int16_t) (value * 10 + (*p++ - '0'));
	*first = *last = value;
	return n > 0 && !ev_is_digit(*p) ? p : NULL;
}

static const struct ev_site_fault *
parse_enhanced(const char *enhanced, struct ev_site_rule *rule)
{
	static const struct ev_site_fault fault = {"there is no such enhanced status code",
	                                           "Write it as \"5.1.1\", \"X.1.1\" for classes 4 and "
	                                           "5, or \"5.1.X\" for all of its subject."};
	static const struct ev_site_fault clash = {
		"reply code and enhanced status code are of different classes", NULL};
	const char *p = enhanced;
	int16_t last;

	rule->subject = -1;
	rule->first = 0;
	rule->last = 999;
	if (enhanced == NULL)
		return NULL;
	if (*p == '4' || *p == '5')
		rule->klass = (uint8_t) (*p - '0');
	else if (*p != 'X' && *p != 'x')
		return &fault;
	p++;
	if (*p++ != '.' || (p = parse_number(p, &rule->subject, &last)) == NULL ||
	    rule->subject != last)
		return &fault;
	if (*p == '.' && (p = parse_number(p + 1, &rule->first, &rule->last)) == NULL)
		return &fault;
	if (*p != '\0')
		return &fault;
	if (rule->klass != 0 && rule->code != 0 && class_of(rule) != rule->klass)
		return &clash;
	return NULL;
}

static const struct ev_site_fault *
parse_host(const struct ev_site_rule_words *words, struct ev_site_rule *rule)
{
	static const struct ev_site_fault unknown = {
		"there is no such provider", "Providers are what email_provider() returns, and \"other\"."};
	static const struct ev_site_fault length = {"the name of the mail server is too long", NULL};
	static const struct ev_site_fault form = {"the name of the mail server is malformed", NULL};

	rule->provider = -1;
	if (words->provider != NULL)
	{
		for (int i = 0; i < EV_N_PROVIDER; i++)
			if (strcmp(words->provider, ev_provider_info((enum ev_provider) i)->label) == 0)
				rule->provider = (int16_t) i;
		if (rule->provider < 0)
			return &unknown;
	}
	if (words->mx != NULL)
	{
		size_t n = strlen(words->mx);

		if (n == 0 || n > EV_HOST_MAX)
			return &length;
		if (strspn(words->mx, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n)
			return &form;
		memcpy(rule->mx, words->mx, n + 1);
	}
	return NULL;
}

static const struct ev_site_fault *
parse_verdict(const struct ev_site_rule_words *words, struct ev_site_rule *rule)
{
	static const struct ev_site_fault no_reason = {
		"no reply has this reason", "Reasons of replies are those about the mailbox, its domain, "
									"our sender, us, or a temporary "
									"refusal; see the documentation of table reply_rule."};
	static const struct ev_site_fault no_detail = {
		"there is no such detail", "View email_verify.detail lists them; NULL is \"site_rule\"."};
	enum ev_reason reason;
	enum ev_detail detail = EV_DETAIL_SITE_RULE;
	enum ev_about about;

	if (words->reason == NULL ||
	    !ev_reason_by_label(words->reason, strlen(words->reason), &reason) ||
	    !about_of(reason, &about))
		return &no_reason;
	if (words->detail != NULL && !ev_detail_by_label(words->detail, strlen(words->detail), &detail))
		return &no_detail;
	rule->reason = (uint8_t) reason;
	rule->detail = (uint8_t) detail;
	return NULL;
}

/* What a rule may not say, whoever says it. */
static const struct ev_site_fault *
safety_fault(const struct ev_site_rule *rule)
{
	static const struct ev_site_fault temporary = {
		"a temporary refusal (4xx) never makes an address invalid",
		"Give the rule a code that begins with 5, or another reason."};
	static const struct ev_site_fault early = {
		"nothing that is said before RCPT is about a mailbox or its domain",
		"Give the rule stage \"rcpt\", or a reason that is about us or our sender."};
	static const struct ev_site_fault everything = {
		"the rule fits every reply",
		"Give it a code, an enhanced code, a mail server or a pattern."};
	enum ev_about about;

	if (!about_of((enum ev_reason) rule->reason, &about))
		return &everything;
	if (is_invalid((enum ev_reason) rule->reason) && class_of(rule) != 5)
		return &temporary;
	if ((about == EV_ABOUT_RECIPIENT || about == EV_ABOUT_DOMAIN) && (rule->stages & ~AT_RCPT))
		return &early;
	if (rule->code == 0 && rule->subject < 0 && rule->provider < 0 && rule->mx[0] == '\0' &&
	    rule->pattern[0] == '\0')
		return &everything;
	return NULL;
}

const struct ev_site_fault *
ev_site_rule_parse(int32_t id, const struct ev_site_rule_words *words, struct ev_site_rule *out)
{
	static const struct ev_site_fault no_id = {"its id is not positive", NULL};
	const struct ev_site_fault *fault;

	memset(out, 0, sizeof(*out));
	out->id = id;
	if (id < 1)
		return &no_id;
	if ((fault = parse_stage(words->stage, out)) != NULL ||
	    (fault = parse_code(words->code, out)) != NULL ||
	    (fault = parse_enhanced(words->enhanced, out)) != NULL ||
	    (fault = parse_host(words, out)) != NULL)
		return fault;
	if (words->pattern != NULL)
	{
		fault = ev_site_pattern_fault(words->pattern);
		if (fault != NULL)
			return fault;
		ev_site_pattern_fold(words->pattern, out->pattern);
	}
	fault = parse_verdict(words, out);
	return fault != NULL ? fault : safety_fault(out);
}

bool
ev_site_rule_sound(const struct ev_site_rule *rule)
{
	static const uint16_t units[] = {1, 10, 100};
	enum ev_about about;
	bool code = rule->code == 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && !code; i++)
		code = rule->code / units[i] == 4 || rule->code / units[i] == 5;
	return rule->id > 0 && rule->stages != 0 && (rule->stages & ~AT_ALL) == 0 && code &&
	       (rule->klass == 0 || rule->klass == 4 || rule->klass == 5) && rule->subject >= -1 &&
	       rule->subject <= 999 && rule->first >= 0 && rule->last <= 999 && rule->provider >= -1 &&
	       rule->provider < EV_N_PROVIDER && rule->reason < EV_N_REASON &&
	       rule->detail < EV_N_DETAIL && about_of((enum ev_reason) rule->reason, &about) &&
	       (rule->pattern[0] == '\0' || ev_site_pattern_fault(rule->pattern) == NULL) &&
	       safety_fault(rule) == NULL;
}

/* --- held against a reply ---------------------------------------------------------------------------- */

/* Is the host this one, or below it? */
static bool
host_fits(const char *mx, const char *host)
{
	size_t len = strlen(mx);
	size_t n = host == NULL ? 0 : strlen(host);

	if (len == 0)
		return true;
	if (n > 0 && host[n - 1] == '.')
		n--;
	if (n < len || (n > len && host[n - len - 1] != '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (ev_lower(host[n - len + i]) != mx[i])
			return false;
	return true;
}

static bool
code_fits(uint16_t wanted, uint16_t code)
{
	return wanted == 0 || wanted == code || wanted == code / 10 || wanted == code / 100;
}

static bool
enhanced_fits(const struct ev_site_rule *rule, struct ev_enhanced enhanced)
{
	if (rule->subject < 0)
		return true;
	return enhanced.klass != 0 && (rule->klass == 0 || rule->klass == enhanced.klass) &&
	       enhanced.subject == rule->subject && enhanced.detail >= rule->first &&
	       enhanced.detail <= rule->last;
}

/*
 * Does a rule that knows no words have to give way to what the shipped ones found?  See the head of
 * site_rules.h.
 */
static bool
gives_way(const struct ev_site_rule *rule, const struct ev_finding *found)
{
	if (rule->pattern[0] != '\0')
		return false;
	if (found->put_back)
		return true;
	if (!is_invalid((enum ev_reason) rule->reason))
		return false;

	/* what is known by its enhanced code alone yields to a rule that names that code */
	if (found->strength != EV_STRONG && rule->subject >= 0)
		return false;
	return found->about == EV_ABOUT_US || found->about == EV_ABOUT_SENDER ||
	       found->about == EV_ABOUT_SYSTEM || found->about == EV_ABOUT_SESSION;
}

static bool
is_word_of(const struct ev_site_rules *rules, const char *local)
{
	for (size_t i = 0; i < rules->n; i++)
		if (ev_pattern_has_word(rules->rows[i].pattern, local))
			return true;
	return false;
}

/* Masked text, ready to be matched. */
struct words
{
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;
};

/* The reply's text, masked once it is first needed. */
struct question
{
	const struct ev_site_rules *rules;
	const struct ev_reply *reply;
	struct ev_mask_terms terms;
	bool ready;
	struct words said;

	/* only if the local part is a word of a rule and stands there (terms.local_is_word): */
	struct words local;    /* it alone */
	struct words left_out; /* the text with it masked wherever it stands */
};

static void
mask(const char *text, size_t n, const struct ev_mask_terms *terms, struct words *out)
{
	ev_pattern_prepare(&out->text, out->masked,
	                   ev_mask_text(text, n, terms, out->masked, sizeof(out->masked)));
}

static void
prepare(struct question *question)
{
	const struct ev_reply *reply = question->reply;
	struct ev_mask_terms *terms = &question->terms;
	const struct ev_mask_terms nobody = {0};

	question->ready = true;
	terms->local_is_word = false;
	if (terms->local != NULL &&
	    ev_slice_find((struct ev_slice){reply->text, reply->text_len}, terms->local, NULL) &&
	    is_word_of(question->rules, terms->local))
	{
		mask(reply->text, reply->text_len, terms, &question->left_out);
		mask(terms->local, strlen(terms->local), &nobody, &question->local);
		terms->local_is_word = true;
	}
	mask(reply->text, reply->text_len, terms, &question->said);
}

/*
 * Does the pattern fit what was said?  Where a local part is a word of rules ("user@"), the server may
 * have said it of itself or have echoed it: alone it does not decide.
 */
static bool
pattern_fits(const char *pattern, struct question *question)
{
	if (pattern[0] == '\0')
		return true;
	if (!question->ready)
		prepare(question);
	if (question->terms.local_is_word && ev_pattern_match(&question->local.text, pattern))
		return ev_pattern_match(&question->left_out.text, pattern);
	return ev_pattern_match(&question->said.text, pattern);
}

/* "site:ID" */
static void
set_rule(char *field, int32_t id)
{
	char digits[12];
	char text[EV_RULE_MAX + 1] = "site:";
	size_t n = 5;
	size_t d = 0;

	for (; id > 0; id /= 10)
		digits[d++] = (char) ('0' + id % 10);
	while (d > 0)
		text[n++] = digits[--d];
	text[n] = '\0';
	ev_rule_set(field, text);
}

static void
speak(const struct ev_site_rule *rule, struct ev_finding *finding)
{
	(void) about_of((enum ev_reason) rule->reason, &finding->about);
	finding->put_back = false;
	finding->strength = EV_STRONG;
	finding->reason = (enum ev_reason) rule->reason;
	finding->detail = (enum ev_detail) rule->detail;
	set_rule(finding->rule, rule->id);
}

bool
ev_site_rules_apply(const struct ev_site_rules *rules, const struct ev_reply *reply,
                    enum ev_stage stage, const char *host, enum ev_provider provider,
                    const struct ev_mask_terms *terms, struct ev_finding *finding)
{
	struct question question;

	if (rules == NULL || rules->n == 0 || reply->code < 400 || reply->code > 599)
		return false;
	question.rules = rules;
	question.reply = reply;
	question.ready = false;
	memset(&question.terms, 0, sizeof(question.terms));
	if (terms != NULL)
		question.terms = *terms;
	for (size_t i = 0; i < rules->n && i < EV_SITE_RULES_MAX; i++)
	{
		const struct ev_site_rule *rule = &rules->rows[i];

		if (!(rule->stages & 1u << stage) || !code_fits(rule->code, reply->code) ||
		    !enhanced_fits(rule, reply->enhanced) ||
		    (rule->provider >= 0 && rule->provider != (int) provider) ||
		    !host_fits(rule->mx, host) || gives_way(rule, finding))
			continue;
		if (reply->code < 500 && is_invalid((enum ev_reason) rule->reason))
			continue;
		if (!pattern_fits(rule->pattern, &question))
			continue;
		finding->temporary = reply->code < 500;
		speak(rule, finding);
		return true;
	}
	return false;
}
