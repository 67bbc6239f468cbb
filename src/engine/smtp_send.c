/*
 * smtp_send.c
 *	  The commands of a session: what is sent next, and in flights of what size.
 *
 * Bounds that decide it: recipients of a transaction (config.rcpt_per_transaction), refusals that
 * are left (config.max_refused; a flight could be refused as a whole), and room in the output
 * buffer.
 */
#include "engine/smtp_internal.h"

#include <string.h>

/* A RCPT with the longest local part and domain, and RSET, MAIL and QUIT besides. */
#define RCPT_ROOM (EV_LOCAL_MAX + EV_DOMAIN_MAX + 32)
#define MAIL_ROOM (EV_ADDRESS_MAX + 64)
#define QUIT_ROOM 16

static void
put(struct ev_smtp *smtp, const char *text)
{
	size_t n = strlen(text);

	if (n > EV_SMTP_OUT_MAX - smtp->out_len)
		return; /* cannot be: every caller has asked has_room() */
	memcpy(smtp->out + smtp->out_len, text, n);
	smtp->out_len += n;
}

static bool
has_room(struct ev_smtp *smtp, size_t n)
{
	if (smtp->out_sent > 0)
	{
		smtp->out_len -= smtp->out_sent;
		memmove(smtp->out, smtp->out + smtp->out_sent, smtp->out_len);
		smtp->out_sent = 0;
	}
	return EV_SMTP_OUT_MAX - smtp->out_len >= n + QUIT_ROOM;
}

void
ev_smtp_set_stage(struct ev_smtp *smtp)
{
	switch ((enum ev_smtp_step) smtp->step)
	{
		case EV_STEP_GREETING: smtp->stage = EV_STAGE_GREETING; break;
		case EV_STEP_EHLO:
		case EV_STEP_HELO: smtp->stage = EV_STAGE_EHLO; break;
		case EV_STEP_STARTTLS:
		case EV_STEP_HANDSHAKE: smtp->stage = EV_STAGE_STARTTLS; break;
		case EV_STEP_MAIL:
			if (smtp->awaiting & EV_AWAIT_RSET)
				smtp->stage = EV_STAGE_RSET;
			else if (smtp->awaiting & EV_AWAIT_MAIL)
				smtp->stage = EV_STAGE_MAIL;
			else if (smtp->ignored == 0 && (smtp->awaiting & EV_AWAIT_RANDOM) &&
			         ev_smtp_in_flight(smtp) == NULL)
				smtp->stage = EV_STAGE_RANDOM_RCPT;
			else
				smtp->stage = EV_STAGE_RCPT;
			break;
		case EV_STEP_OVER: smtp->stage = EV_STAGE_QUIT; break;
	}
	smtp->stage_serial++;
}

struct ev_smtp_rcpt *
ev_smtp_in_flight(struct ev_smtp *smtp)
{
	for (; smtp->first_in_flight < smtp->next_rcpt; smtp->first_in_flight++)
	{
		struct ev_smtp_rcpt *rcpt = &smtp->rcpts[smtp->first_in_flight];

		if (rcpt->asked && rcpt->outcome == EV_OUTCOME_NOT_ASKED)
			return rcpt;
	}
	return NULL;
}

/* The first recipient that has yet to be sent, or NULL. */
static struct ev_smtp_rcpt *
next_to_send(struct ev_smtp *smtp)
{
	for (; smtp->next_rcpt < smtp->n_rcpts; smtp->next_rcpt++)
	{
		if (smtp->rcpts[smtp->next_rcpt].outcome == EV_OUTCOME_NOT_ASKED)
			return &smtp->rcpts[smtp->next_rcpt];
	}
	return NULL;
}

void
ev_smtp_send_hello(struct ev_smtp *smtp, const char *verb, enum ev_smtp_step step)
{
	if (!has_room(smtp, EV_HOST_MAX + 16))
	{
		ev_smtp_fail_overrun(smtp);
		return;
	}
	put(smtp, verb);
	put(smtp, " ");
	put(smtp, smtp->config->helo_name);
	put(smtp, "\r\n");
	smtp->step = step;
}

void
ev_smtp_send_starttls(struct ev_smtp *smtp)
{
	if (!has_room(smtp, 16))
	{
		ev_smtp_fail_overrun(smtp);
		return;
	}
	put(smtp, "STARTTLS\r\n");
	smtp->step = EV_STEP_STARTTLS;
}

void
ev_smtp_finish(struct ev_smtp *smtp, enum ev_smtp_action action)
{
	/* whose second turn never came has the reply of the first one */
	for (size_t i = 0; i < smtp->n_rcpts; i++)
	{
		struct ev_smtp_rcpt *rcpt = &smtp->rcpts[i];

		if (rcpt->deferred && !rcpt->asked && rcpt->outcome == EV_OUTCOME_NOT_ASKED)
		{
			rcpt->asked = true;
			rcpt->outcome = EV_OUTCOME_REPLY;
		}
	}
	smtp->out_len = smtp->out_sent; /* commands not yet sent have no use any more */
	smtp->step = EV_STEP_OVER;
	smtp->done = true;
	smtp->action = action;
	ev_smtp_set_stage(smtp);
}

void
ev_smtp_send_quit(struct ev_smtp *smtp)
{
	bool pipelining = (smtp->ext & EV_SMTP_EXT_PIPELINING) && smtp->config->use_pipelining;

	ev_smtp_finish(smtp, EV_SMTP_DRAIN);
	if (!has_room(smtp, 0))
		return; /* cannot be: the buffer is empty */
	/* a group may end in QUIT (RFC 2920 3.1), so RSET costs nothing where pipelining is offered */
	if (smtp->in_mail && pipelining)
		put(smtp, "RSET\r\n");
	put(smtp, "QUIT\r\n");
}

static void
send_mail(struct ev_smtp *smtp, bool eai)
{
	put(smtp, "MAIL FROM:<");
	put(smtp, smtp->config->mail_from);
	/* RFC 6531 3.4: only where it is needed, since some servers refuse it */
	put(smtp, eai ? "> SMTPUTF8\r\n" : ">\r\n");
	smtp->awaiting |= EV_AWAIT_MAIL;
	smtp->in_mail = true;
	smtp->mail_eai = eai;
	smtp->in_transaction = smtp->taken = 0;
	smtp->too_many = false;
}

static void
send_rcpt(struct ev_smtp *smtp, struct ev_smtp_rcpt *rcpt)
{
	put(smtp, "RCPT TO:<");
	put(smtp, rcpt->local);
	put(smtp, "@");
	put(smtp, smtp->config->domain);
	put(smtp, ">\r\n");
	rcpt->asked = true;
	smtp->in_transaction++;
}

/* How many more refusals of real recipients can be borne? */
static size_t
refusals_left(const struct ev_smtp *smtp)
{
	const struct ev_smtp_config *config = smtp->config;
	size_t kept = config->ask_random && !smtp->random_asked && smtp->accepted > 0 ? 1 : 0;

	if (config->max_refused == 0)
		return SIZE_MAX;
	if (smtp->refused + kept >= config->max_refused)
		return 0;
	return config->max_refused - smtp->refused - kept;
}

static size_t
recipients_per_transaction(const struct ev_smtp *smtp)
{
	size_t n = smtp->config->rcpt_per_transaction;

	if (smtp->transaction_limit > 0 && smtp->transaction_limit < n)
		n = smtp->transaction_limit;
	return n > 0 ? n : 1;
}

static bool
may_ask_random(const struct ev_smtp *smtp)
{
	const struct ev_smtp_config *config = smtp->config;

	return config->ask_random && !smtp->random_asked && smtp->accepted > 0 &&
	       (config->max_refused == 0 || smtp->refused < config->max_refused);
}

void
ev_smtp_send_next(struct ev_smtp *smtp)
{
	bool pipelining = (smtp->ext & EV_SMTP_EXT_PIPELINING) && smtp->config->use_pipelining;
	size_t per_transaction = recipients_per_transaction(smtp);
	size_t left = refusals_left(smtp);
	struct ev_smtp_rcpt *next;
	bool random = false;
	bool eai;

	/*
	 * those that were too many for their transaction come first; others in between are known by now
	 */
	if (smtp->first_deferred < smtp->next_rcpt)
		smtp->next_rcpt = smtp->first_deferred;
	smtp->first_deferred = SIZE_MAX;
	next = next_to_send(smtp);
	if (next != NULL && left == 0)
	{
		smtp->limit_reached = true;
		next = NULL;
	}
	if (next == NULL)
	{
		random = may_ask_random(smtp);
		if (!random)
		{
			ev_smtp_send_quit(smtp);
			return;
		}
		smtp->random_turn = true;
	}
	if (!has_room(smtp, MAIL_ROOM + RCPT_ROOM))
	{
		ev_smtp_fail_overrun(smtp);
		return;
	}

	eai = next != NULL && next->eai;
	if (smtp->in_mail &&
	    (smtp->in_transaction >= per_transaction || smtp->too_many || smtp->mail_eai != eai))
	{
		put(smtp, "RSET\r\n");
		smtp->awaiting |= EV_AWAIT_RSET;
		smtp->in_mail = false;
		if (!pipelining)
			return;
	}
	if (!smtp->in_mail)
	{
		send_mail(smtp, eai);
		if (!pipelining)
			return;
	}
	if (random)
	{
		send_rcpt(smtp, &smtp->random);
		smtp->random_asked = true;
		smtp->awaiting |= EV_AWAIT_RANDOM;
		return;
	}

	if (left > per_transaction - smtp->in_transaction)
		left = per_transaction - smtp->in_transaction;
	if (!pipelining)
		left = 1;
	smtp->first_in_flight = smtp->next_rcpt;
	while (next != NULL && left-- > 0 && next->eai == eai && has_room(smtp, RCPT_ROOM))
	{
		send_rcpt(smtp, next);
		smtp->next_rcpt++;
		next = next_to_send(smtp);
	}
}
