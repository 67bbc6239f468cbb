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
#include "engine/pattern_index.h"

#define E(subject, detail) (subject), (detail), (detail)
#define ES(subject)        (subject), 0, 999
#define NO_E               (-1), 0, 999

/* When a rule counts. */
enum when
{
	OWN = 1,        /* no peer's reply is quoted */
	ANY = 2,        /* always, unless a reply says something strong about recipient or host */
	LATE = 4,       /* a policy, or nothing, was found */
	LATE_DATA = 8,  /* idem, after DATA */
	OWN_LATE = 16,  /* nothing was found */
	CODE = 32,      /* idem */
	FIRST = 64,     /* always */
	BACK = 128,     /* nothing was found, and a message came back */
	OWN_CODE = 256, /* nothing was found, and no peer's reply is quoted: the code alone */
	PEER = 512      /* not of a rule: a peer's reply is quoted, its names may be ours */
};

struct rule
{
	char id[EV_RULE_MAX + 1];
	enum when when;
	int16_t subject, first, last;
	const char *pattern;
	enum ev_about about;
	enum ev_reason reason;
	enum ev_detail detail;
	enum ev_reason later_reason;
	enum ev_detail later_detail;
	enum ev_bounce_scope scope;
};

static const struct rule rules[] = {
#define EV_BOUNCE_RULE(id, when, enhanced, pattern, about, reason, detail, later_reason,           \
                       later_detail, scope)                                                        \
	{(id),                                                                                         \
	 (when),                                                                                       \
	 enhanced,                                                                                     \
	 (pattern),                                                                                    \
	 EV_ABOUT_##about,                                                                             \
	 EV_REASON_##reason,                                                                           \
	 EV_DETAIL_##detail,                                                                           \
	 EV_REASON_##later_reason,                                                                     \
	 EV_DETAIL_##later_detail,                                                                     \
	 EV_SCOPE_##scope},
#include "engine/bounce_rules.def"
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

/* Words of quota: what they say of sizes is about the mailbox. */
static const char quota[] =
	"quota*|quota exceeded|mailbox full|mailbox is full|mailbox*full|overquota|mailbox size limit*|"
	"storage*exceeded|storage limit*|exceeded storage*";

static const char given_up[] =
	"retry timeout exceeded|retry time not reached*|delivery time expired|message expired*|queue "
	"too long|"
	"too long in*queue|exceeded*retry*|message timed out|delivery expired|giving up|gave up|"
	"not going to try again|could not be delivered for*|expired|unable to deliver*days|"
	"long failure period";

/* Words that name who sends: then a name that does not exist may be theirs. */
static const char sender[] = "sender*|sending*|originat*|from|mail from|return path*|return "
							 "address*|reverse path*|envelope*|your*|"
							 "you|helo*|ehlo*|client*|spf|dkim|dmarc";

/* The words once masked, and which patterns they match. */
struct words
{
	char masked[EV_PATTERN_TEXT_MAX];
	struct ev_pattern_text text;
	struct ev_pattern_set set;
};

/* Numbers of the patterns that are no rules'. */
#define QUOTA_PATTERN    N_RULES
#define GIVEN_UP_PATTERN (N_RULES + 1)
#define SENDER_PATTERN   (N_RULES + 2)
#define N_PATTERNS       (N_RULES + 3)

/*
 * Patterns of all rules, made ready once; whoever comes first makes what everybody would.  Callers
 * are processes of one thread.
 */
static const struct ev_pattern_index *
patterns(void)
{
	static struct ev_pattern_index index;

	if (index.n == 0)
	{
		const char *all[N_PATTERNS];

		for (size_t i = 0; i < N_RULES; i++)
			all[i] = rules[i].pattern;
		all[QUOTA_PATTERN] = quota;
		all[GIVEN_UP_PATTERN] = given_up;
		all[SENDER_PATTERN] = sender;
		ev_pattern_index_build(&index, all, N_PATTERNS);
	}
	return &index;
}

_Static_assert(N_PATTERNS <= EV_INDEX_PATTERNS_MAX, "more rules than the index has room for");

/* --- the rules of bounces ------------------------------------------------------------------------------ */

static bool
enhanced_fits(const struct rule *rule, struct ev_enhanced enhanced)
{
	if (rule->subject < 0)
		return true;
	return enhanced.klass != 0 && enhanced.subject == rule->subject &&
	       enhanced.detail >= rule->first && enhanced.detail <= rule->last;
}

static const struct rule *
find_rule(unsigned when, struct ev_enhanced enhanced, const struct words *words)
{
	for (size_t i = 0; i < N_RULES; i++)
	{
		const struct rule *rule = &rules[i];

		if (!((unsigned) rule->when & when) || !enhanced_fits(rule, enhanced))
			continue;
		if (rule->pattern != NULL && !ev_pattern_set_has(&words->set, i))
			continue;
		if ((when & PEER) && rule->when == OWN && rule->about == EV_ABOUT_DOMAIN)
			continue;
		if (rule->detail == EV_DETAIL_MESSAGE_SIZE && rule->pattern != NULL && rule->when == ANY &&
		    ev_pattern_set_has(&words->set, QUOTA_PATTERN))
			continue;
		return rule;
	}
	return NULL;
}

static void
apply_rule(const struct rule *rule, bool temporary, struct ev_diagnosis *out)
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
names_another(const struct ev_finding *finding, const struct rule *rule, const struct words *words)
{
	if (finding->strength != EV_STRONG || by_code(finding))
		return false;
	switch (finding->about)
	{
		case EV_ABOUT_SENDER:
		case EV_ABOUT_US:
			return rule->about == EV_ABOUT_DOMAIN &&
			       ev_pattern_set_has(&words->set, SENDER_PATTERN);
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

/*
 * A bounce of an address whose text names an unknown user says so, whatever policy its code is of;
 * texts about us and our sender were looked for first.
 */
static void
resolve_contradiction(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                      const struct ev_mask_terms *terms, struct ev_reply *scratch,
                      struct ev_finding *finding)
{
	struct ev_finding other;
	struct ev_enhanced was = reply->enhanced;

	scratch->enhanced = (struct ev_enhanced){0, 0, 0};
	ev_classify(scratch, stage, provider, false, terms, &other);
	scratch->enhanced = was;
	if (other.about == EV_ABOUT_RECIPIENT && other.strength == EV_STRONG)
		*finding = other;
}

static struct ev_enhanced
complete_codes(const struct ev_diagnose_context *context, struct ev_reply *reply)
{
	struct ev_enhanced enhanced = reply->enhanced;
	uint8_t klass = reply->code != 0 ? (uint8_t) (reply->code / 100) : 0;

	/* a reply without an enhanced code, or with one that says nothing, has that of the report */
	if ((enhanced.klass == 0 || (enhanced.subject == 0 && enhanced.detail == 0)) &&
	    context->enhanced.klass != 0 && (klass == 0 || klass == context->enhanced.klass))
		enhanced = context->enhanced;
	if (klass == 0)
	{
		klass = enhanced.klass != 0 ? enhanced.klass : context->klass != 0 ? context->klass : 5;
		reply->code = klass == 2 ? 250 : klass == 4 ? 450 : 550;
	}
	/* what is still being tried, or has arrived, has not failed for good whatever is quoted */
	if ((context->klass == 4 && klass == 5) || (context->klass == 2 && klass != 2))
	{
		klass = context->klass;
		reply->code = klass == 2 ? 250 : 450;
		enhanced.klass = enhanced.klass == 0 ? 0 : klass;
	}
	if (enhanced.klass != klass)
		enhanced = (struct ev_enhanced){0, 0, 0};
	reply->enhanced = enhanced;
	return enhanced;
}

/* What the rules that are shipped say. */
static void
diagnose(const struct ev_said *said, const struct ev_diagnose_context *context,
         struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct halves halves;
	struct words words;
	struct ev_mask_terms terms = {0};
	const char *host = context->mx_host == NULL ? "" : context->mx_host;
	enum ev_provider provider = ev_provider_of_host(host, strlen(host));
	enum ev_stage stage = stage_of(said->stage);
	struct ev_finding *finding = &out->finding;
	const struct rule *rule = NULL;
	struct ev_enhanced enhanced;
	bool own;
	bool temporary;

	memset(out, 0, sizeof(*out));
	ev_said_reply(said, reply);
	own = reply->code == 0;
	enhanced = complete_codes(context, reply);
	temporary = reply->code < 500;

	split(context->recipient, &halves);
	terms.local = halves.local[0] != '\0' ? halves.local : NULL;
	terms.domain = halves.domain[0] != '\0' ? halves.domain : NULL;
	terms.mx_host = host[0] != '\0' ? host : NULL;

	if (reply->code / 100 == 2)
	{
		/* a message that is taken says nothing of mailboxes */
		if (said->stage == EV_SAID_DATA)
			stage = EV_STAGE_MAIL;
		ev_classify(reply, stage, provider, false, &terms, finding);
		return;
	}

	terms.local_is_word = terms.local != NULL && is_word_like(terms.local);
	ev_pattern_prepare(
		&words.text, words.masked,
		ev_mask_text(reply->text, reply->text_len, &terms, words.masked, sizeof(words.masked)));
	/* the words around a reply may say that it was the last of many */
	ev_pattern_index_match(patterns(), &words.text, &words.set);
	out->expired = ev_pattern_set_has(&words.set, GIVEN_UP_PATTERN);
	if (!out->expired && said->reply.n > 0 && said->reply.s > said->all.s)
	{
		struct ev_slice before = {said->all.s, (size_t) (said->reply.s - said->all.s)};

		out->expired = ev_slice_find(before, "retry timeout exceeded", NULL) ||
		               ev_slice_find(before, "expired", NULL) ||
		               ev_slice_find(before, "too long", NULL);
	}

	rule = find_rule(FIRST, enhanced, &words);
	if (rule != NULL)
	{
		apply_rule(rule, temporary, out);
		return;
	}
	ev_classify(reply, stage, provider, !is_ascii(halves.local), &terms, finding);
	/* their transport's trouble comes with codes of its own (X.4.X, X.1.2) as well as without */
	if (own || enhanced.subject == 4 || (enhanced.subject == 1 && enhanced.detail == 2))
		rule = find_rule(OWN, enhanced, &words);
	if (rule != NULL && names_another(finding, rule, &words))
		rule = NULL;
	if (rule == NULL)
	{
		if (context->bounce && finding->detail == EV_DETAIL_CONTRADICTION)
			resolve_contradiction(reply, stage, provider, &terms, reply, finding);
		out->scope = scope_of(finding);
		if (!is_settled(finding))
			rule = find_rule(ANY, enhanced, &words);
		if (rule != NULL && names_another(finding, rule, &words))
			rule = NULL;
		if (rule == NULL && is_open(finding))
			rule = find_rule(LATE, enhanced, &words);
		if (rule == NULL && says_nothing(finding))
			/* a relay tells its own trouble behind a code as well; what is not found may be named */
			rule = find_rule((own ? OWN_LATE | OWN_CODE : 0) | CODE |
			                     (context->bounce ? OWN | OWN_LATE : 0) |
			                     (context->bounce && finding->strength == EV_WEAK ? BACK : 0) |
			                     (said->quoted || host[0] != '\0' ? PEER : 0),
			                 enhanced, &words);
		if (rule == NULL && said->stage == EV_SAID_DATA && is_open(finding))
			rule = find_rule(LATE_DATA, enhanced, &words);
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
           struct ev_reply *reply, struct ev_diagnosis *out)
{
	struct halves halves;
	struct ev_mask_terms terms = {0};
	const char *host = context->mx_host == NULL ? "" : context->mx_host;
	uint16_t code = reply->code;

	if (context->site == NULL || context->site->n == 0 ||
	    (said->code == 0 && reply->enhanced.klass == 0))
		return;
	split(context->recipient, &halves);
	terms.local = halves.local[0] != '\0' ? halves.local : NULL;
	terms.domain = halves.domain[0] != '\0' ? halves.domain : NULL;
	terms.mx_host = host[0] != '\0' ? host : NULL;
	if (said->code == 0)
		reply->code = (uint16_t) (code / 100 * 100);
	if (ev_site_rules_apply(context->site, reply, stage_of(said->stage), host,
	                        ev_provider_of_host(host, strlen(host)), &terms, &out->finding))
		out->scope = scope_of(&out->finding);
	reply->code = code;
}

void
ev_diagnose(const struct ev_said *said, const struct ev_diagnose_context *context,
            struct ev_reply *reply, struct ev_diagnosis *out)
{
	diagnose(said, context, reply, out);
	apply_site(said, context, reply, out);
}

enum ev_bounce_permanence
ev_diagnose_permanence(const struct ev_diagnosis *diagnosis, int klass)
{
	if (diagnosis->finding.accepted || klass == 2)
		return EV_PERMANENCE_NONE;
	if (klass == 4)
		return EV_PERMANENCE_SOFT;
	switch (diagnosis->finding.reason)
	{
		case EV_REASON_MAILBOX_FULL:
		case EV_REASON_SMTP_RATE_LIMITED:
		case EV_REASON_GOOGLE_RATE_LIMIT:
		case EV_REASON_SMTP_GREYLISTED:
		case EV_REASON_POLICY_TEMP_FAIL:
		case EV_REASON_SMTP_TIMEOUT:
		case EV_REASON_SMTP_CONNECTION_FAILED:
		case EV_REASON_SMTP_EOF_BLOCKED:
		case EV_REASON_DNS_LOOKUP_ERROR:
		case EV_REASON_DNS_TIMEOUT: return EV_PERMANENCE_SOFT;
		default: return EV_PERMANENCE_HARD;
	}
}

/* --- one row ---------------------------------------------------------------------------------------------- */

static bool
is_generic(struct ev_enhanced e)
{
	return e.klass == 0 || (e.subject == 0 && e.detail == 0);
}

static void
set_permanence(struct ev_bounce *row, const struct ev_diagnosis *diagnosis, int klass)
{
	row->permanence = ev_diagnose_permanence(diagnosis, klass);
	if (row->permanence == EV_PERMANENCE_NONE)
		return;
	if (row->kind == EV_KIND_DELAY || row->action == EV_ACTION_DELAYED)
		row->permanence = EV_PERMANENCE_DELAYED;
	else if (row->action == EV_ACTION_FAILED &&
	         (klass == 4 || diagnosis->expired || diagnosis->finding.detail == EV_DETAIL_EXPIRED ||
	          (row->enhanced.klass == 4) ||
	          (row->enhanced.subject == 4 && row->enhanced.detail == 7)))
		row->permanence = EV_PERMANENCE_EXPIRED;
}

void
ev_bounce_diagnose(struct ev_bounce *row, struct ev_slice said, struct ev_bounce_work *work)
{
	struct ev_diagnose_context context = {.bounce = true, .site = work->site};
	struct ev_diagnosis diagnosis;
	struct ev_said parsed;
	int klass;

	ev_said_parse(said, &parsed);
	ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), parsed.all);
	if (row->remote_mta[0] == '\0' && parsed.host.n > 0)
		ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), parsed.host);

	context.recipient =
		row->final_recipient[0] != '\0' ? row->final_recipient : row->original_recipient;
	context.mx_host = row->remote_mta;
	context.enhanced = row->enhanced;
	if (row->kind == EV_KIND_DELAY || row->action == EV_ACTION_DELAYED)
		context.klass = 4;
	else if (row->kind == EV_KIND_SUCCESS || row->action == EV_ACTION_DELIVERED ||
	         row->action == EV_ACTION_RELAYED || row->action == EV_ACTION_EXPANDED)
		context.klass = 2;
	ev_diagnose(&parsed, &context, &work->reply, &diagnosis);
	klass = work->reply.code / 100;

	row->reply_code = parsed.code;
	if (is_generic(row->enhanced) && !is_generic(work->reply.enhanced))
		row->enhanced = work->reply.enhanced;
	row->verdict = ev_verdict_of(diagnosis.finding.reason, diagnosis.finding.detail);
	ev_rule_set(row->rule, diagnosis.finding.rule);
	row->scope = diagnosis.scope;
	set_permanence(row, &diagnosis, klass);
	if (row->permanence == EV_PERMANENCE_NONE)
		row->refused_by = EV_REFUSED_BY_NONE;
	else if (parsed.quoted || (parsed.code != 0 && row->remote_mta[0] != '\0'))
		row->refused_by = EV_REFUSED_BY_REMOTE;
}
