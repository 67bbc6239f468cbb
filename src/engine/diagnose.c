/*
 * diagnose.c
 *	  Rules of replies and rules of bounces, held against what was said.
 *
 * A peer's reply goes through the rules of replies first; what those leave open (a bare code, a
 * policy, nothing) is looked for in the rules of bounces, which know of messages, connections, DNS
 * and loops.  Words of the mail system itself go the other way round.
 */
#include "engine/diagnose.h"

#include <string.h>

#include "engine/bounce_internal.h"
#include "engine/diagnose_rules.h"
#include "engine/provider_code.h"

static void
apply_rule(const struct ev_bounce_rule *rule, bool temporary, struct ev_diagnosis *out)
{
	struct ev_finding *finding = &out->finding;

	finding->accepted = false;
	finding->temporary = temporary;
	finding->put_back = false;
	finding->about = rule->about;
	finding->strength = rule->pattern != NULL ? EV_STRONG : EV_WEAK;
	finding->reason = temporary ? rule->later_reason : rule->reason;
	finding->detail = temporary ? rule->later_detail : rule->detail;
	ev_rule_set(finding->rule, rule->id);
	out->scope = temporary && rule->scope == EV_SCOPE_DOMAIN ? EV_SCOPE_ROUTE : rule->scope;
}

/* --- the rules of replies ------------------------------------------------------------------------------- */

static enum ev_stage
stage_of(enum ev_said_stage stage)
{
	switch (stage)
	{
		case EV_SAID_CONNECT:
		case EV_SAID_GREETING: return EV_STAGE_GREETING;
		case EV_SAID_EHLO: return EV_STAGE_EHLO;
		case EV_SAID_STARTTLS: return EV_STAGE_STARTTLS;
		case EV_SAID_AUTH:
		case EV_SAID_MAIL: return EV_STAGE_MAIL;
		case EV_SAID_UNKNOWN:
		case EV_SAID_RCPT:
		case EV_SAID_DATA: return EV_STAGE_RCPT;
	}
	return EV_STAGE_RCPT;
}

/* Was it found by a code alone?  Rules without a pattern are named after theirs ("rcpt.5.1.1"). */
static bool
by_code(const struct ev_finding *finding)
{
	const char *p = finding->rule;

	for (; *p != '\0'; p++)
		if (*p == '.' && p[1] >= '0' && p[1] <= '9')
			return true;
	return false;
}

/* Does the reply say something that no rule of bounces knows better? */
static bool
is_settled(const struct ev_finding *finding)
{
	if (finding->strength != EV_STRONG || by_code(finding))
		return false;
	switch (finding->about)
	{
		case EV_ABOUT_RECIPIENT:
		case EV_ABOUT_DOMAIN:
		case EV_ABOUT_SESSION: return true;
		case EV_ABOUT_US:
			return finding->detail != EV_DETAIL_POLICY && finding->detail != EV_DETAIL_RATE;
		case EV_ABOUT_SYSTEM: return finding->detail == EV_DETAIL_UNEXPECTED_REPLY;
		case EV_ABOUT_SENDER:
		case EV_ABOUT_NOBODY: break;
	}
	return false;
}

/* Is there no more than a policy, a bare code or nothing? */
static bool
is_open(const struct ev_finding *finding)
{
	if (finding->about == EV_ABOUT_RECIPIENT && finding->strength == EV_STRONG)
		return false;
	return finding->strength == EV_WEAK || finding->about == EV_ABOUT_NOBODY ||
	       (finding->about == EV_ABOUT_US && finding->detail == EV_DETAIL_POLICY) ||
	       (finding->about == EV_ABOUT_SYSTEM && by_code(finding));
}

static bool
says_nothing(const struct ev_finding *finding)
{
	return finding->strength == EV_WEAK || finding->about == EV_ABOUT_NOBODY ||
	       (by_code(finding) && finding->about != EV_ABOUT_RECIPIENT) ||
	       strcmp(finding->rule, "unexpected") == 0;
}

static enum ev_bounce_scope
scope_of(const struct ev_finding *finding)
{
	switch (finding->reason)
	{
		case EV_REASON_MESSAGE_REJECTED: return EV_SCOPE_MESSAGE;
		case EV_REASON_SENDER_REJECTED:
		case EV_REASON_GOOGLE_DMARC_MISALIGNMENT: return EV_SCOPE_OUR_DOMAIN;
		case EV_REASON_SMTP_GREYLISTED:
		case EV_REASON_MIMECAST_GREYLIST:
		case EV_REASON_PROOFPOINT_AD_LOOKUP:
		case EV_REASON_POLICY_TEMP_FAIL: return EV_SCOPE_POLICY;
		default: break;
	}
	switch (finding->about)
	{
		case EV_ABOUT_RECIPIENT:
			return finding->detail == EV_DETAIL_RECIPIENT_RATE ? EV_SCOPE_POLICY : EV_SCOPE_MAILBOX;
		case EV_ABOUT_DOMAIN: return EV_SCOPE_DOMAIN;
		case EV_ABOUT_SENDER: return EV_SCOPE_OUR_DOMAIN;
		case EV_ABOUT_US:
			return finding->detail == EV_DETAIL_POLICY ||
			               finding->detail == EV_DETAIL_TLS_REQUIRED ||
			               finding->detail == EV_DETAIL_AUTH_REQUIRED
			           ? EV_SCOPE_POLICY
			           : EV_SCOPE_OUR_IP;
		case EV_ABOUT_SESSION: return EV_SCOPE_OUR_IP;
		case EV_ABOUT_SYSTEM:
			return finding->reason == EV_REASON_SMTP_PROTOCOL_ERROR ||
			               finding->reason == EV_REASON_SMTP_CONNECTION_FAILED
			           ? EV_SCOPE_ROUTE
			           : EV_SCOPE_POLICY;
		case EV_ABOUT_NOBODY: break;
	}
	return EV_SCOPE_NONE;
}

/*
 * Do words about the recipient, our sender or us stand beside what a rule found?  A name that does not
 * exist may be that of our sender if the words name one, and a full mailbox outweighs the time-out
 * that ended the trying, though not a look-up that failed; a recipient's domain is nothing else than
 * the recipient.
 */
static bool
names_another(const struct ev_finding *finding, const struct ev_bounce_rule *rule,
              struct ev_bounce_words *words)
{
	if (finding->strength != EV_STRONG || by_code(finding))
		return false;
	switch (finding->about)
	{
		case EV_ABOUT_SENDER:
		case EV_ABOUT_US: return rule->about == EV_ABOUT_DOMAIN && ev_bounce_words_sender(words);
		case EV_ABOUT_RECIPIENT:
			return rule->about == EV_ABOUT_SYSTEM && rule->reason != EV_REASON_DNS_LOOKUP_ERROR;
		default: return false;
	}
}

/* --- together ------------------------------------------------------------------------------------------- */

/* The recipient's two halves; masked where they are echoed. */
struct halves
{
	char local[EV_BOUNCE_RECIPIENT_MAX + 1];
	char domain[EV_BOUNCE_RECIPIENT_MAX + 1];
};

static void
split(const char *recipient, struct halves *out)
{
	const char *at = recipient == NULL ? NULL : strrchr(recipient, '@');
	size_t n = at == NULL ? 0 : (size_t) (at - recipient);

	out->local[0] = '\0';
	out->domain[0] = '\0';
	if (n == 0 || n > EV_BOUNCE_RECIPIENT_MAX)
		return;
	memcpy(out->local, recipient, n);
	out->local[n] = '\0';
	n = strlen(at + 1);
	if (n <= EV_BOUNCE_RECIPIENT_MAX)
		memcpy(out->domain, at + 1, n + 1);
}

/* Could it be a word of a sentence?  Then it is masked only where it is quoted. */
static bool
is_word_like(const char *local)
{
	size_t n = 0;

	for (; local[n] != '\0'; n++)
		if (!((local[n] >= 'a' && local[n] <= 'z') || (local[n] >= 'A' && local[n] <= 'Z')))
			return false;
	return n <= 14;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char) *s >= 0x80)
			return false;
	return true;
}

/* What was said, made ready once for both looks at it. */
struct heard
{
	struct halves halves;
	struct ev_mask_terms terms;
	const char *host;
	enum ev_provider provider;
	struct ev_bounce_words words;
	bool masked;  /* words are set */
	bool as_said; /* and masked as ev_classify() masks them */
};

static void
hear(const struct ev_diagnose_context *context, struct heard *out)
{
	const char *host = context->mx_host == NULL ? "" : context->mx_host;

	split(context->recipient, &out->halves);
	memset(&out->terms, 0, sizeof(out->terms));
	out->terms.local = out->halves.local[0] != '\0' ? out->halves.local : NULL;
	out->terms.domain = out->halves.domain[0] != '\0' ? out->halves.domain : NULL;
	out->terms.mx_host = host[0] != '\0' ? host : NULL;
	out->host = host;
	out->provider = ev_provider_of_host(host, strlen(host));
	out->masked = false;
	out->as_said = false;
}

/* Mask the words; both looks have the same text. */
static void
mask(const struct ev_reply *reply, struct heard *heard)
{
	struct ev_mask_terms *terms = &heard->terms;

	if (heard->masked)
		return;
	terms->local_is_word = terms->local != NULL && is_word_like(terms->local);
	ev_bounce_words(reply->text, reply->text_len, terms, &heard->words);
	heard->masked = true;
	heard->as_said = !heard->words.left;
}

static void
classify(const struct ev_reply *reply, enum ev_stage stage, const struct heard *heard,
         struct ev_finding *out)
{
	ev_classify_masked(reply, stage, heard->provider, !is_ascii(heard->halves.local), &heard->terms,
	                   heard->as_said ? &heard->words.text : NULL, out);
}

/*
 * A bounce of an address whose text names an unknown user says so, whatever policy its code is of;
 * texts about us and our sender were looked for first.
 */
static void
resolve_contradiction(struct ev_reply *reply, enum ev_stage stage, const struct heard *heard,
                      struct ev_finding *finding)
{
	struct ev_finding other;
	struct ev_enhanced was = reply->enhanced;

	reply->enhanced = (struct ev_enhanced){0, 0, 0};
	ev_classify_masked(reply, stage, heard->provider, false, &heard->terms,
	                   heard->as_said ? &heard->words.text : NULL, &other);
	reply->enhanced = was;
	if (other.about == EV_ABOUT_RECIPIENT && other.strength == EV_STRONG)
		*finding = other;
}

/* Is it said, in the words or around the quoted reply, that it was the last of many attempts? */
static bool
is_expired(const struct ev_said *said, struct ev_bounce_words *words)
{
	struct ev_slice before = {said->all.s, 0};

	if (ev_bounce_words_given_up(words))
		return true;
	if (said->reply.n == 0 || said->reply.s <= said->all.s)
		return false;
	before.n = (size_t) (said->reply.s - said->all.s);
	return ev_slice_find(before, "retry timeout exceeded", NULL) ||
	       ev_slice_find(before, "expired", NULL) || ev_slice_find(before, "too long", NULL);
}

/* The rule for what a peer says of a message; NULL where something else is said. */
static const struct ev_bounce_rule *
message_rule(const struct ev_said *said, struct ev_enhanced enhanced, struct ev_bounce_words *words,
             const struct ev_finding *finding)
{
	const struct ev_bounce_rule *rule;

	if (!is_open(finding))
		return NULL;
	rule = ev_bounce_rule_find(EV_WHEN_ANY, enhanced, words);
	if (rule == NULL)
		rule = ev_bounce_rule_find(EV_WHEN_LATE, enhanced, words);
	if (rule == NULL && said->stage == EV_SAID_DATA)
		rule = ev_bounce_rule_find(EV_WHEN_LATE_DATA, enhanced, words);
	return rule != NULL && rule->scope == EV_SCOPE_MESSAGE ? rule : NULL;
}

/* What the rules that are shipped say. */
static void
diagnose(const struct ev_said *said, const struct ev_diagnose_context *context, struct heard *heard,
         struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct ev_bounce_words *words = &heard->words;
	bool hosted = heard->host[0] != '\0';
	bool classified = false;
	enum ev_stage stage = stage_of(said->stage);
	struct ev_finding *finding = &out->finding;
	const struct ev_bounce_rule *rule = NULL;
	struct ev_enhanced enhanced;
	bool own;
	bool temporary;

	memset(out, 0, sizeof(*out));
	ev_said_reply(said, reply);
	own = reply->code == 0;
	enhanced = ev_diagnose_codes(context, reply);
	temporary = reply->code < 500;

	if (reply->code / 100 == 2)
	{
		/* a message that is taken says nothing of mailboxes */
		if (said->stage == EV_SAID_DATA)
			stage = EV_STAGE_MAIL;
		ev_classify(reply, stage, heard->provider, false, &heard->terms, finding);
		return;
	}

	mask(reply, heard);
	out->expired = context->bounce && is_expired(said, words);

	/* a provider's numbered code says more than the words around it */
	if (ev_provider_code_find(reply, stage, heard->provider, &heard->terms, &words->text,
	                          finding->rule) != NULL)
	{
		classify(reply, stage, heard, finding);
		classified = true;
		if (finding->numbered && finding->strength == EV_STRONG)
		{
			out->scope = scope_of(finding);
			return;
		}
	}
	if (!own && (said->quoted || hosted || !context->bounce))
	{
		if (!classified)
			classify(reply, stage, heard, finding);
		out->scope = scope_of(finding);
		if (said->stage == EV_SAID_DATA || said->stage == EV_SAID_UNKNOWN)
			rule = message_rule(said, enhanced, words, finding);
		if (rule != NULL)
			apply_rule(rule, temporary, out);
		return;
	}
	rule = ev_bounce_rule_find(EV_WHEN_FIRST, enhanced, words);
	if (rule != NULL)
	{
		apply_rule(rule, temporary, out);
		return;
	}
	if (!classified)
		classify(reply, stage, heard, finding);
	/* their transport's trouble comes with codes of its own (X.4.X, X.1.2) as well as without */
	if (own || enhanced.subject == 4 || (enhanced.subject == 1 && enhanced.detail == 2))
		rule = ev_bounce_rule_find(EV_WHEN_OWN, enhanced, words);
	if (rule != NULL && names_another(finding, rule, words))
		rule = NULL;
	if (rule == NULL)
	{
		if (context->bounce && finding->detail == EV_DETAIL_CONTRADICTION)
			resolve_contradiction(reply, stage, heard, finding);
		out->scope = scope_of(finding);
		if (!is_settled(finding))
			rule = ev_bounce_rule_find(EV_WHEN_ANY, enhanced, words);
		if (rule != NULL && names_another(finding, rule, words))
			rule = NULL;
		if (rule == NULL && is_open(finding))
			rule = ev_bounce_rule_find(EV_WHEN_LATE, enhanced, words);
		if (rule == NULL && says_nothing(finding))
			/* a relay tells its own trouble behind a code as well; what is not found may be named */
			rule = ev_bounce_rule_find(
				(own ? EV_WHEN_OWN_LATE | EV_WHEN_OWN_CODE : 0) | EV_WHEN_CODE |
					(context->bounce ? EV_WHEN_OWN | EV_WHEN_OWN_LATE : 0) |
					(context->bounce && finding->strength == EV_WEAK ? EV_WHEN_BACK : 0) |
					(said->quoted || hosted ? EV_WHEN_PEER : 0),
				enhanced, words);
		if (rule == NULL && said->stage == EV_SAID_DATA && is_open(finding))
			rule = ev_bounce_rule_find(EV_WHEN_LATE_DATA, enhanced, words);
	}
	if (rule != NULL)
		apply_rule(rule, temporary, out);
}

/*
 * What the site's own rules say of it.  They are about replies: of words without any code, or with a code
 * that we made up, they know no more than its class.
 */
static void
apply_site(const struct ev_said *said, const struct ev_diagnose_context *context,
           const struct heard *heard, struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct ev_mask_terms terms = heard->terms;
	uint16_t code = reply->code;

	if (context->site == NULL || context->site->n == 0 ||
	    (said->code == 0 && reply->enhanced.klass == 0))
		return;
	terms.local_is_word = false;
	if (said->code == 0)
		reply->code = (uint16_t) (code / 100 * 100 + 99); /* no rule can name that one */
	if (ev_site_rules_apply(context->site, reply, stage_of(said->stage), heard->host,
	                        heard->provider, &terms, &out->finding))
		out->scope = scope_of(&out->finding);
	reply->code = code;
}

/*
 * Do the words of the quoted reply decide alone?  A report's status, which nobody may have said, fills in
 * where they leave open what they are about; it does not outweigh them.
 */
static bool
words_decide(const struct ev_said *said, const struct ev_diagnose_context *context,
             struct heard *heard, struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct ev_diagnose_context words = *context;

	if (said->code == 0 || context->enhanced.klass == 0)
		return false;
	words.enhanced = (struct ev_enhanced){0, 0, 0};
	diagnose(said, &words, heard, reply, out);
	if (out->finding.reason == EV_REASON_SMTP_UNVERIFIABLE)
		return false;
	return out->finding.strength == EV_STRONG || out->finding.about == EV_ABOUT_US ||
	       out->finding.about == EV_ABOUT_SENDER;
}

void
ev_diagnose(const struct ev_said *said, const struct ev_diagnose_context *context,
            struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct heard heard;

	hear(context, &heard);
	if (!words_decide(said, context, &heard, reply, out))
		diagnose(said, context, &heard, reply, out);
	apply_site(said, context, &heard, reply, out);
}
