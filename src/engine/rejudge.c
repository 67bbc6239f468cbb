/*
 * rejudge.c
 *	  Stored replies back into what they were, and through classifier and decision table again.
 */
#include "engine/rejudge.h"

#include <string.h>

#include "engine/same_words.h"
#include "engine/sanitize.h"

/*
 * Lines were joined by blanks.  Those behind the first are found again by the enhanced code that each
 * of them begins with, which the classifier leaves out only there.
 */
static void
restore_lines(char *text, const char *enhanced)
{
	size_t n = strlen(enhanced);
	char *p = text;

	if (n == 0)
		return;
	while ((p = strstr(p, enhanced)) != NULL)
	{
		if (p > text && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\0'))
			p[-1] = '\n';
		p += n;
	}
}

static bool
was_cut(const char *text)
{
	size_t n = strlen(text);

	/* the last unit that fits has at most four characters */
	return n > EV_PEER_TEXT_MAX - 4 && strcmp(text + n - 3, "...") == 0;
}

static void
restore_reply(const struct ev_stored_reply *stored, struct ev_reply *reply)
{
	size_t len;

	memset(reply, 0, sizeof(*reply));
	reply->code = stored->code;
	(void) ev_enhanced_parse(stored->enhanced, strlen(stored->enhanced), &reply->enhanced, &len);
	(void) ev_sanitize_undo(stored->text, strlen(stored->text), reply->text, sizeof(reply->text));
	restore_lines(reply->text, stored->enhanced);
	reply->text_len = (uint16_t) strlen(reply->text);
}

/* What was known of made-up recipients, as far as the verdict tells; else what is known today. */
static enum ev_random
random_then(const struct ev_stored_reply *stored)
{
	switch (stored->had.reason)
	{
		case EV_REASON_SMTP_DELIVERABLE: return EV_RANDOM_REFUSED;
		case EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL: return EV_RANDOM_UNKNOWN;
		case EV_REASON_CATCH_ALL_DELIVERABLE:
		case EV_REASON_CATCH_ALL_DOMAIN:
		case EV_REASON_CATCH_ALL_INFERRED:
		case EV_REASON_M365_INTERNAL_RELAY:
		case EV_REASON_GATEWAY_ACCEPT_ALL:
		case EV_REASON_REGION_CONSUMER_ACCEPT_ALL: return EV_RANDOM_ACCEPTED;
		case EV_REASON_CATCH_ALL_INCONCLUSIVE: break;
		default: return stored->random;
	}
	switch (stored->had.detail)
	{
		case EV_DETAIL_CATCH_ALL_TEMP_FAIL: return EV_RANDOM_TEMP_FAIL;
		case EV_DETAIL_CATCH_ALL_TIMEOUT: return EV_RANDOM_TIMEOUT;
		case EV_DETAIL_CATCH_ALL_CONNECTION: return EV_RANDOM_CLOSED;
		case EV_DETAIL_CATCH_ALL_OTHER_HOST: return EV_RANDOM_OTHER_HOST;
		default: return EV_RANDOM_UNKNOWN;
	}
}

static bool
wants_control(struct ev_trust trust)
{
	return trust.needs_control || !trust.reject;
}

/*
 * The control that there was.  A verdict against the mailbox that stood on one keeps it; one that
 * needed none, and needs one now, has what is known of that day.
 */
static enum ev_control
control_then(const struct ev_stored_reply *stored, struct ev_trust built_in)
{
	bool own = stored->trust_reject != EV_OWN_NOTHING || stored->needs_control != EV_OWN_NOTHING;

	if (stored->had.detail == EV_DETAIL_ALL_REFUSED)
		return EV_CONTROL_REFUSED_ALL;
	if (stored->had.detail == EV_DETAIL_WEAK ||
	    (stored->had.status == EV_STATUS_INVALID && !own && wants_control(built_in)))
		return EV_CONTROL_ACCEPTED_OTHER;
	if (stored->had.detail == EV_DETAIL_WEAK_REFUSAL)
		return EV_CONTROL_NONE;
	return stored->accepted_other ? EV_CONTROL_ACCEPTED_OTHER : EV_CONTROL_NONE;
}

/* Was a made-up recipient refused in the same words?  The verdict tells, or what is known today. */
static bool
same_words_then(const struct ev_stored_reply *stored, const struct ev_reply *reply)
{
	if (stored->had.detail == EV_DETAIL_WEAK)
		return true;
	return stored->had.reason != EV_REASON_SMTP_UNVERIFIABLE && stored->random_words != 0 &&
	       ev_same_words(reply, &stored->terms) == stored->random_words;
}

static bool
own_or(enum ev_own_word word, bool built_in)
{
	return word == EV_OWN_NOTHING ? built_in : word == EV_OWN_YES;
}

bool
ev_rejudge(const struct ev_stored_reply *stored, struct ev_reply *reply, struct ev_judgement *out)
{
	struct ev_case the_case;
	struct ev_trust trust;

	memset(&the_case, 0, sizeof(the_case));
	the_case.outcome = EV_OUTCOME_REPLY;
	the_case.stage = stored->stage;
	the_case.provider = ev_provider_of_host(stored->host, strlen(stored->host));
	trust = ev_provider_trust(the_case.provider);
	the_case.random = random_then(stored);
	the_case.random_unwanted = stored->had.reason == EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL;
	the_case.control = control_then(stored, trust);
	the_case.trust.accept = own_or(stored->trust_accept, trust.accept);
	the_case.trust.reject = own_or(stored->trust_reject, trust.reject);
	the_case.trust.needs_control = own_or(stored->needs_control, trust.needs_control);

	restore_reply(stored, reply);
	the_case.random_text_same = same_words_then(stored, reply);
	ev_classify(reply, stored->stage, the_case.provider, stored->eai, &stored->terms,
	            &the_case.finding);
	if (stored->site != NULL)
		(void) ev_site_rules_apply(stored->site, reply, stored->stage, stored->host,
		                           the_case.provider, &stored->terms, &the_case.finding);
	if (!the_case.finding.accepted && the_case.finding.strength == EV_WEAK && was_cut(stored->text))
		return false;
	ev_judge(&the_case, out);

	/* what was cut off may have been what spoke for the recipient */
	if (was_cut(stored->text) && out->verdict.status == EV_STATUS_INVALID &&
	    stored->had.status != EV_STATUS_INVALID)
		return false;
	out->put_back = false;

	/* heard once, unless it is what was already said */
	if (out->confirm && out->verdict.detail != EV_DETAIL_WEAK &&
	    out->verdict.reason != stored->had.reason)
		out->verdict = ev_verdict_of(EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_UNCONFIRMED);
	return true;
}
