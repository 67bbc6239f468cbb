/*
 * verdict.c
 *	  Verdicts as values: their status, the role rule, the names of stages.
 */
#include "engine/verdict.h"

static const char *const stage_labels[EV_N_STAGE] = {
	[EV_STAGE_NONE] = NULL,
	[EV_STAGE_SYNTAX] = "syntax",
	[EV_STAGE_DATA] = "data",
	[EV_STAGE_DNS] = "dns",
	[EV_STAGE_CONNECT] = "connect",
	[EV_STAGE_GREETING] = "greeting",
	[EV_STAGE_EHLO] = "ehlo",
	[EV_STAGE_STARTTLS] = "starttls",
	[EV_STAGE_MAIL] = "mail",
	[EV_STAGE_RCPT] = "rcpt",
	[EV_STAGE_RANDOM_RCPT] = "random_rcpt",
	[EV_STAGE_RSET] = "rset",
	[EV_STAGE_QUIT] = "quit",
};

const char *
ev_stage_label(enum ev_stage stage)
{
	return stage_labels[stage];
}

struct ev_verdict
ev_verdict_of(enum ev_reason reason, enum ev_detail detail)
{
	struct ev_verdict verdict = {ev_reason_info(reason)->status, reason, detail};

	return verdict;
}

bool
ev_verdict_heeds_role(const struct ev_verdict *verdict)
{
	switch (verdict->status)
	{
		case EV_STATUS_VALID:
		case EV_STATUS_RISKY:
		case EV_STATUS_CATCHALL: return true;
		case EV_STATUS_INVALID:
		case EV_STATUS_UNKNOWN:
		case EV_STATUS_ROLE:
		case EV_STATUS_DISPOSABLE:
		case EV_N_STATUS: break;
	}
	return false;
}

void
ev_verdict_apply_role(struct ev_verdict *verdict, bool is_role)
{
	if (is_role && ev_verdict_heeds_role(verdict))
		verdict->status = EV_STATUS_ROLE;
}

void
ev_rule_set(char *field, const char *id)
{
	size_t n = 0;

	while (n < EV_RULE_MAX && id[n] != '\0')
	{
		field[n] = id[n];
		n++;
	}
	field[n] = '\0';
}
