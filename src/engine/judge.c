/*
 * judge.c
 *	  The decision table: one recipient's outcome and what is known of made-up ones, to a verdict.
 */
#include "engine/judge.h"

#include <string.h>

static void
decide(struct ev_judgement *out, enum ev_reason reason, enum ev_detail detail)
{
	out->verdict = ev_verdict_of(reason, detail);
}

/*
 * Nothing is said about the recipient: why that is so must be no word about a mailbox, whoever the
 * host meant.
 */
static void
put_back(struct ev_judgement *out, struct ev_verdict why)
{
	out->put_back = true;
	if (why.status != EV_STATUS_UNKNOWN || why.reason == EV_REASON_PENDING)
		why = ev_verdict_of(EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED);
	out->verdict = why;
}

/* The recipient was accepted, and so are made-up ones. */
static void
judge_catch_all(enum ev_provider provider, struct ev_judgement *out)
{
	if (provider == EV_PROVIDER_MICROSOFT_365)
		decide(out, EV_REASON_M365_INTERNAL_RELAY, EV_DETAIL_NONE);
	else if (ev_provider_info(provider)->kind == EV_PROVIDER_GATEWAY)
		decide(out, EV_REASON_GATEWAY_ACCEPT_ALL, EV_DETAIL_NONE);
	else if (ev_provider_info(provider)->kind == EV_PROVIDER_ACCEPT_ALL)
		decide(out, EV_REASON_REGION_CONSUMER_ACCEPT_ALL, EV_DETAIL_NONE);
	else
		decide(out, EV_REASON_CATCH_ALL_DELIVERABLE, EV_DETAIL_NONE);
}

/* An acceptance that means nothing at this host. */
static void
judge_untrusted(enum ev_provider provider, struct ev_judgement *out)
{
	decide(out, EV_REASON_SMTP_UNVERIFIABLE,
	       provider == EV_PROVIDER_MICROSOFT_CONSUMER ? EV_DETAIL_MICROSOFT_CONSUMER
	                                                  : EV_DETAIL_UNTRUSTED_ACCEPT);
}

static void
judge_accepted(const struct ev_case *c, struct ev_judgement *out)
{
	bool trusted = c->trust.accept;

	/* 252 and its like */
	if (c->finding.reason != EV_REASON_SMTP_DELIVERABLE)
	{
		decide(out, c->finding.reason, c->finding.detail);
		return;
	}
	switch (c->random)
	{
		case EV_RANDOM_ACCEPTED: judge_catch_all(c->provider, out); break;
		case EV_RANDOM_REFUSED:
			if (trusted)
				decide(out, EV_REASON_SMTP_DELIVERABLE, c->finding.detail);
			else
				judge_untrusted(c->provider, out);
			break;
		case EV_RANDOM_UNKNOWN:
			/* where the acceptance means nothing, nobody need ask for a made-up recipient */
			if (trusted && c->random_unwanted)
				decide(out, EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL, EV_DETAIL_NONE);
			else if (trusted)
				decide(out, EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_NOT_ASKED);
			else
				judge_untrusted(c->provider, out);
			break;
		case EV_RANDOM_TEMP_FAIL:
			decide(out, EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_TEMP_FAIL);
			break;
		case EV_RANDOM_TIMEOUT:
			decide(out, EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_TIMEOUT);
			break;
		case EV_RANDOM_CLOSED:
			decide(out, EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_CONNECTION);
			break;
		case EV_RANDOM_OTHER_HOST:
			decide(out, EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_OTHER_HOST);
			break;
	}
}

/* A refusal that says nothing of the mailbox, for what it is. */
static void
judge_unsaid(const struct ev_finding *finding, struct ev_judgement *out)
{
	if (ev_reason_info(finding->reason)->status == EV_STATUS_INVALID)
		decide(out, EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL);
	else
		decide(out, finding->reason, finding->detail);
}

/*
 * A 5xx whose text and code name no cause, or whose host cannot be trusted alone.  Only a control
 * turns it into a verdict about the mailbox; words that name no cause must, besides, be the ones with
 * which this host refuses somebody who certainly does not exist, or they mean something else there.
 */
static void
judge_weak(const struct ev_case *c, bool strong, struct ev_judgement *out)
{
	switch (c->control)
	{
		case EV_CONTROL_ACCEPTED_OTHER:
			if (strong)
				decide(out, c->finding.reason, c->finding.detail);
			else if (!c->random_text_same)
				judge_unsaid(&c->finding, out);
			else
			{
				decide(out, EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_WEAK);
				out->confirm = true;
			}
			break;
		case EV_CONTROL_REFUSED_ALL:
			decide(out, EV_REASON_SMTP_BLOCKED, EV_DETAIL_ALL_REFUSED);
			break;
		case EV_CONTROL_NONE:
			if (strong)
				decide(out, EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL);
			else
				judge_unsaid(&c->finding, out);
			break;
	}
}

static bool
at_rcpt(const struct ev_case *c)
{
	return c->stage == EV_STAGE_RCPT || c->stage == EV_STAGE_RANDOM_RCPT;
}

static void
judge_refused(const struct ev_case *c, struct ev_judgement *out)
{
	const struct ev_finding *finding = &c->finding;

	out->retry_after = finding->retry_after;
	if (finding->put_back)
	{
		put_back(out, ev_verdict_of(finding->reason, finding->detail));
		return;
	}

	switch (finding->about)
	{
		case EV_ABOUT_RECIPIENT:
			if (finding->strength == EV_WEAK)
				break;

			/* what a refusal says beyond "no such mailbox" needs no control: it is no `invalid` */
			if (ev_reason_info(finding->reason)->status == EV_STATUS_INVALID &&
			    finding->reason != EV_REASON_SMTPUTF8_UNSUPPORTED &&
			    (c->trust.needs_control || !c->trust.reject))
				judge_weak(c, true, out);
			else
				decide(out, finding->reason, finding->detail);
			return;
		case EV_ABOUT_DOMAIN:
			if (finding->strength == EV_STRONG && !finding->temporary)
			{
				decide(out, finding->reason, finding->detail);
				out->confirm = ev_reason_info(finding->reason)->status == EV_STATUS_INVALID;
				return;
			}
			break;
		case EV_ABOUT_NOBODY:
		case EV_ABOUT_US:
		case EV_ABOUT_SENDER:
		case EV_ABOUT_SYSTEM:
		case EV_ABOUT_SESSION: break;
	}

	/* no answer about this recipient from a host that takes every recipient */
	if (finding->temporary && at_rcpt(c) && c->random == EV_RANDOM_ACCEPTED)
		decide(out, EV_REASON_CATCH_ALL_DOMAIN, EV_DETAIL_NONE);
	else if (!finding->temporary && at_rcpt(c) && finding->strength == EV_WEAK &&
	         (finding->about == EV_ABOUT_NOBODY || finding->about == EV_ABOUT_RECIPIENT ||
	          finding->about == EV_ABOUT_DOMAIN))
		judge_weak(c, false, out);
	else
		decide(out, finding->reason, finding->detail);
}

/* No reply: the connection failed, ended or stayed silent. */
static void
judge_silence(const struct ev_case *c, struct ev_judgement *out)
{
	enum ev_reason reason = EV_REASON_INTERNAL_VERIFIER_ERROR;
	enum ev_detail detail = EV_DETAIL_CRASH_SUSPECT;
	const char *rule = "outcome.unknown";

	switch (c->outcome)
	{
		case EV_OUTCOME_CLOSED:
			rule = "outcome.closed";
			if (c->stage <= EV_STAGE_GREETING)
			{
				reason = EV_REASON_SMTP_EOF_BLOCKED;
				detail = EV_DETAIL_CLOSED_BEFORE_GREETING;
			}
			else
			{
				reason = EV_REASON_SMTP_PROTOCOL_ERROR;
				detail = EV_DETAIL_CLOSED;
			}
			break;
		case EV_OUTCOME_TIMEOUT:
			rule = "outcome.timeout";
			reason = EV_REASON_SMTP_TIMEOUT;
			detail = c->stage <= EV_STAGE_CONNECT    ? EV_DETAIL_CONNECT_TIMEOUT
			         : c->stage == EV_STAGE_GREETING ? EV_DETAIL_GREETING_TIMEOUT
			                                         : EV_DETAIL_COMMAND_TIMEOUT;
			break;
		case EV_OUTCOME_SESSION_TIMEOUT:
			rule = "outcome.session_timeout";
			reason = EV_REASON_SMTP_TIMEOUT;
			detail = EV_DETAIL_SESSION_TIMEOUT;
			break;
		case EV_OUTCOME_REFUSED:
			rule = "outcome.refused";
			reason = EV_REASON_SMTP_CONNECTION_FAILED;
			detail = EV_DETAIL_CONNECTION_REFUSED;
			break;
		case EV_OUTCOME_UNREACHABLE:
			rule = "outcome.unreachable";
			reason = EV_REASON_SMTP_CONNECTION_FAILED;
			detail = EV_DETAIL_UNREACHABLE;
			break;
		case EV_OUTCOME_NO_EGRESS:
			rule = "outcome.no_egress";
			reason = EV_REASON_SMTP_CONNECTION_FAILED;
			detail = EV_DETAIL_PORT_25_BLOCKED;
			break;
		case EV_OUTCOME_TARGET_REFUSED:
			rule = "outcome.target_refused";
			reason = EV_REASON_SMTP_CONNECTION_FAILED;
			detail = EV_DETAIL_MX_UNROUTABLE;
			break;
		case EV_OUTCOME_TLS:
			rule = "outcome.tls";
			reason = EV_REASON_SMTP_CONNECTION_FAILED;
			detail = EV_DETAIL_TLS_FAILED;
			break;
		case EV_OUTCOME_NO_SOCKET:
			rule = "outcome.no_socket";
			reason = EV_REASON_INTERNAL_VERIFIER_ERROR;
			detail = EV_DETAIL_SOCKET_UNAVAILABLE;
			break;
		case EV_OUTCOME_NO_BIND:
			rule = "outcome.no_bind";
			reason = EV_REASON_INTERNAL_VERIFIER_ERROR;
			detail = EV_DETAIL_LOCAL_BIND_FAILED;
			break;
		case EV_OUTCOME_GARBAGE:
			rule = "outcome.garbage";
			reason = EV_REASON_SMTP_PROTOCOL_ERROR;
			detail = EV_DETAIL_GARBAGE;
			break;
		case EV_OUTCOME_TOO_LONG:
			rule = "outcome.too_long";
			reason = EV_REASON_SMTP_PROTOCOL_ERROR;
			detail = EV_DETAIL_REPLY_TOO_LONG;
			break;
		case EV_OUTCOME_CANCELED:
			rule = "outcome.canceled";
			reason = EV_REASON_SMTP_TIMEOUT;
			detail = EV_DETAIL_CANCELED;
			break;
		case EV_OUTCOME_UNSENDABLE:
			rule = "outcome.unsendable";
			reason = EV_REASON_INTERNAL_VERIFIER_ERROR;
			detail = EV_DETAIL_NONE;
			break;
		case EV_OUTCOME_REPLY:
		case EV_OUTCOME_NOT_ASKED: break; /* judged elsewhere */
	}
	ev_rule_set(out->rule, rule);

	if (c->outcome == EV_OUTCOME_CANCELED)
	{
		put_back(out, ev_verdict_of(reason, detail));
		return;
	}

	/* the host was asked for this recipient, kept silent, and is known to take every recipient */
	if (at_rcpt(c) && c->random == EV_RANDOM_ACCEPTED &&
	    (c->outcome == EV_OUTCOME_CLOSED || c->outcome == EV_OUTCOME_TIMEOUT ||
	     c->outcome == EV_OUTCOME_SESSION_TIMEOUT))
	{
		reason = EV_REASON_CATCH_ALL_DOMAIN;
		detail = EV_DETAIL_NONE;
	}
	else if (at_rcpt(c) && c->outcome == EV_OUTCOME_CLOSED && c->bystander)
	{
		put_back(out, ev_verdict_of(reason, detail));
		return;
	}
	decide(out, reason, detail);
}

void
ev_judge(const struct ev_case *the_case, struct ev_judgement *out)
{
	memset(out, 0, sizeof(*out));
	switch (the_case->outcome)
	{
		case EV_OUTCOME_REPLY:
			memcpy(out->rule, the_case->finding.rule, sizeof(out->rule));
			if (the_case->finding.accepted && at_rcpt(the_case))
				judge_accepted(the_case, out);
			else if (the_case->finding.accepted)
				decide(out, EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_UNEXPECTED_REPLY);
			else
				judge_refused(the_case, out);
			break;
		case EV_OUTCOME_NOT_ASKED:
			ev_rule_set(out->rule, "outcome.not_asked");
			if (the_case->random == EV_RANDOM_ACCEPTED)
				decide(out, EV_REASON_CATCH_ALL_INFERRED, EV_DETAIL_NONE);
			else
				put_back(out, the_case->end);
			break;
		default: judge_silence(the_case, out); break;
	}
}

struct ev_verdict
ev_judge_end(const struct ev_case *end)
{
	const struct ev_finding *finding = &end->finding;
	struct ev_case alone = *end;
	struct ev_judgement judgement;

	/* what was said to one recipient is about nobody else */
	if (end->outcome == EV_OUTCOME_REPLY && !finding->accepted &&
	    finding->about != EV_ABOUT_RECIPIENT &&
	    ev_reason_info(finding->reason)->status == EV_STATUS_UNKNOWN)
		return ev_verdict_of(finding->reason, finding->detail);
	if (end->outcome == EV_OUTCOME_REPLY || end->outcome == EV_OUTCOME_NOT_ASKED)
		return ev_verdict_of(EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED);

	/* made-up recipients have nothing to do with it, nor those that were asked for */
	alone.random = EV_RANDOM_UNKNOWN;
	alone.bystander = false;
	memset(&judgement, 0, sizeof(judgement));
	judge_silence(&alone, &judgement);
	return judgement.verdict;
}

enum ev_random
ev_random_from(enum ev_outcome outcome, const struct ev_finding *finding)
{
	switch (outcome)
	{
		case EV_OUTCOME_REPLY: break;
		case EV_OUTCOME_TIMEOUT:
		case EV_OUTCOME_SESSION_TIMEOUT: return EV_RANDOM_TIMEOUT;
		case EV_OUTCOME_CLOSED: return EV_RANDOM_CLOSED;
		case EV_OUTCOME_GARBAGE:
		case EV_OUTCOME_TOO_LONG: return EV_RANDOM_TEMP_FAIL;
		default: return EV_RANDOM_UNKNOWN;
	}
	if (finding->accepted)
		return finding->reason == EV_REASON_SMTP_DELIVERABLE ? EV_RANDOM_ACCEPTED
		                                                     : EV_RANDOM_TEMP_FAIL;
	if (finding->temporary || finding->put_back)
		return EV_RANDOM_TEMP_FAIL;

	/* a bare 5xx counts here: the real recipient was accepted, so it is about the made-up one */
	switch (finding->about)
	{
		case EV_ABOUT_RECIPIENT:
		case EV_ABOUT_NOBODY: return EV_RANDOM_REFUSED;
		default: return EV_RANDOM_TEMP_FAIL;
	}
}
