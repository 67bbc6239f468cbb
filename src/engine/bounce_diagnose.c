/*
 * bounce_diagnose.c
 *	  A row of a bounce, judged by what was said about its recipient.
 */
#include "engine/bounce_internal.h"
#include "engine/diagnose_rules.h"

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
	/* what somebody said counts, not what a report made of a reply code */
	if ((is_generic(row->enhanced) ||
	     (parsed.code != 0 && ev_status_is_made_up(parsed.code, row->enhanced))) &&
	    !is_generic(work->reply.enhanced))
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
