/*
 * smtp_client.c
 *	  One SMTP session: bytes and events in, outcomes out.  What a reply leads to is in
 *	  smtp_dialogue.c, what is sent in smtp_send.c.
 *
 * A peer may say anything at any time.  What holds in every case: each reply is that to the oldest
 * command in flight, each ends in at most one flight of commands, and a session that cannot go on
 * sets every outcome and `done` at once.
 */
#include "engine/smtp_internal.h"

#include <stddef.h>
#include <string.h>

void
ev_smtp_decide(struct ev_smtp *smtp, struct ev_smtp_rcpt *rcpt, enum ev_outcome outcome,
               enum ev_stage stage, const struct ev_reply *reply)
{
	rcpt->outcome = outcome;
	rcpt->stage = stage;
	rcpt->tls = smtp->tls;
	if (reply != NULL)
		rcpt->reply = *reply;
}

void
ev_smtp_decide_rest(struct ev_smtp *smtp, bool eai_only, enum ev_outcome outcome,
                    enum ev_stage stage, const struct ev_reply *reply)
{
	for (size_t i = 0; i < smtp->n_rcpts; i++)
	{
		struct ev_smtp_rcpt *rcpt = &smtp->rcpts[i];

		if (rcpt->outcome == EV_OUTCOME_NOT_ASKED && (rcpt->eai || !eai_only))
			ev_smtp_decide(smtp, rcpt, outcome, stage, reply);
	}
}

/*
 * The session cannot go on.  Whose outcome that is depends on what was being waited for (see the
 * header).  reply is what was read of a reply that is none.
 */
static void
fail(struct ev_smtp *smtp, enum ev_outcome outcome, const struct ev_reply *reply)
{
	struct ev_smtp_rcpt *rcpt;
	bool all_in_flight = outcome == EV_OUTCOME_TIMEOUT || outcome == EV_OUTCOME_SESSION_TIMEOUT;

	ev_smtp_note_end(smtp, outcome);
	if ((smtp->step == EV_STEP_STARTTLS || smtp->step == EV_STEP_HANDSHAKE) &&
	    outcome != EV_OUTCOME_CANCELED && outcome != EV_OUTCOME_SESSION_TIMEOUT)
		smtp->tls_failed = true;

	if (smtp->step != EV_STEP_MAIL || outcome == EV_OUTCOME_CANCELED)
		ev_smtp_decide_rest(smtp, false, outcome, smtp->stage, reply);
	else if (smtp->awaiting & EV_AWAIT_RSET)
		; /* the rest is NOT_ASKED */
	else if (smtp->random_turn)
	{
		smtp->random_asked = true;
		ev_smtp_decide(smtp, &smtp->random, outcome, smtp->stage, reply);
	}
	else if (smtp->awaiting & EV_AWAIT_MAIL)
		ev_smtp_decide_rest(smtp, false, outcome, smtp->stage, reply);
	else
	{
		for (bool first = true; (rcpt = ev_smtp_in_flight(smtp)) != NULL; first = false)
		{
			if (first || all_in_flight)
				ev_smtp_decide(smtp, rcpt, outcome, smtp->stage, reply);
			rcpt->bystander = first && outcome == EV_OUTCOME_CLOSED && smtp->answered > 0;
			smtp->first_in_flight++;
		}
	}
}

/* A reply came that nobody had asked for: which of the others were to what is anyone's guess. */
static void
fail_out_of_turn(struct ev_smtp *smtp)
{
	for (size_t i = 0; i < smtp->n_rcpts; i++)
	{
		struct ev_smtp_rcpt *rcpt = &smtp->rcpts[i];

		if (rcpt->asked && rcpt->outcome == EV_OUTCOME_REPLY)
			rcpt->outcome = EV_OUTCOME_GARBAGE;
	}
	if (smtp->random_asked)
		ev_smtp_decide(smtp, &smtp->random, EV_OUTCOME_GARBAGE, smtp->stage, NULL);
	ev_smtp_decide_rest(smtp, false, EV_OUTCOME_GARBAGE, smtp->stage, &smtp->last);
	ev_smtp_note_end(smtp, EV_OUTCOME_GARBAGE);
	ev_smtp_finish(smtp, EV_SMTP_CLOSE);
}

void
ev_smtp_fail_overrun(struct ev_smtp *smtp)
{
	fail(smtp, EV_OUTCOME_GARBAGE, NULL);
	ev_smtp_finish(smtp, EV_SMTP_CLOSE);
}

/* A whole reply has come: is it one to what was asked? */
static void
take_reply(struct ev_smtp *smtp)
{
	bool greeting = smtp->step == EV_STEP_GREETING;

	/* 421 may come at any time (RFC 5321 3.8) */
	if (!greeting && smtp->unanswered == 0 && smtp->last.code != 421)
	{
		fail_out_of_turn(smtp);
		return;
	}
	if (!greeting && smtp->unanswered > 0)
		smtp->unanswered--;
	/* postscreen's greeting begins with 220- even where it ends in a refusal */
	if (smtp->last.mixed && !(greeting && smtp->last.code >= 400))
	{
		fail(smtp, EV_OUTCOME_GARBAGE, &smtp->last);
		ev_smtp_finish(smtp, EV_SMTP_CLOSE);
		return;
	}
	ev_smtp_on_reply(smtp);
}

static bool
is_clean(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if ((unsigned char) *text < ' ' || *text == '\x7f')
			return false;
	}
	return true;
}

void
ev_smtp_init(struct ev_smtp *smtp, const struct ev_smtp_config *config, struct ev_smtp_rcpt *rcpts,
             size_t n)
{
	memset(smtp, 0, offsetof(struct ev_smtp, reader));
	smtp->last.code = 0;
	smtp->last.text_len = 0;
	smtp->out_len = smtp->out_sent = 0;
	ev_reply_reader_init(&smtp->reader);
	smtp->config = config;
	smtp->rcpts = rcpts;
	smtp->n_rcpts = n;
	smtp->action = EV_SMTP_WAIT;
	smtp->first_deferred = SIZE_MAX;
	memcpy(smtp->random.local, config->random_local, sizeof(smtp->random.local));
	smtp->random.outcome = EV_OUTCOME_NOT_ASKED;
	smtp->ended = EV_OUTCOME_NOT_ASKED;
	smtp->step = EV_STEP_GREETING;
	ev_smtp_set_stage(smtp);

	for (size_t i = 0; i < n; i++)
	{
		rcpts[i].outcome = is_clean(rcpts[i].local) ? EV_OUTCOME_NOT_ASKED : EV_OUTCOME_UNSENDABLE;
		rcpts[i].stage = EV_STAGE_NONE;
		rcpts[i].deferred = false;
		rcpts[i].asked = rcpts[i].tls = rcpts[i].no_smtputf8 = rcpts[i].bystander = false;
		rcpts[i].reply.code = 0;
		rcpts[i].reply.enhanced = (struct ev_enhanced){0, 0, 0};
		rcpts[i].reply.lines = 0;
		rcpts[i].reply.text_len = 0;
		rcpts[i].reply.text[0] = '\0';
	}
	/* nobody may smuggle commands into a session by way of a name */
	if (!is_clean(config->helo_name) || !is_clean(config->mail_from) || !is_clean(config->domain) ||
	    !is_clean(config->random_local))
	{
		fail(smtp, EV_OUTCOME_UNSENDABLE, NULL);
		ev_smtp_finish(smtp, EV_SMTP_CLOSE);
	}
}

void
ev_smtp_receive(struct ev_smtp *smtp, const char *bytes, size_t n)
{
	/* clear text behind the 220 to STARTTLS is dropped: nobody knows who wrote it (RFC 3207 6) */
	while (n > 0 && !smtp->done && smtp->step != EV_STEP_HANDSHAKE)
	{
		size_t used = 0;
		enum ev_read read = ev_reply_feed(&smtp->reader, bytes, n, &used, &smtp->last);

		bytes += used;
		n -= used;
		if (read == EV_READ_REPLY)
			take_reply(smtp);
		else if (read != EV_READ_MORE)
		{
			fail(smtp, read == EV_READ_GARBAGE ? EV_OUTCOME_GARBAGE : EV_OUTCOME_TOO_LONG,
			     &smtp->reader.reply);
			ev_smtp_finish(smtp, EV_SMTP_CLOSE);
		}
	}
}

void
ev_smtp_event(struct ev_smtp *smtp, enum ev_smtp_event event)
{
	/* a QUIT would be early talking before the greeting, and noise in a handshake */
	bool may_quit = smtp->step != EV_STEP_GREETING && smtp->step != EV_STEP_HANDSHAKE;

	if (smtp->done)
	{
		if (event != EV_SMTP_CANCEL)
			smtp->action = EV_SMTP_CLOSE;
		return;
	}
	switch (event)
	{
		case EV_SMTP_TLS_UP:
			if (smtp->step != EV_STEP_HANDSHAKE)
				return;
			/* RFC 3207 4.2: forget everything and start over */
			smtp->tls = true;
			smtp->ext = 0;
			smtp->unanswered = 0;
			smtp->action = EV_SMTP_WAIT;
			ev_reply_reader_init(&smtp->reader);
			ev_smtp_send_hello(smtp, "EHLO", EV_STEP_EHLO);
			if (!smtp->done)
				ev_smtp_set_stage(smtp);
			return;
		case EV_SMTP_TLS_FAILED:
			fail(smtp, EV_OUTCOME_TLS, NULL);
			ev_smtp_finish(smtp, EV_SMTP_CLOSE);
			return;
		case EV_SMTP_CLOSED:
			fail(smtp, smtp->step == EV_STEP_HANDSHAKE ? EV_OUTCOME_TLS : EV_OUTCOME_CLOSED, NULL);
			ev_smtp_finish(smtp, EV_SMTP_CLOSE);
			return;
		case EV_SMTP_TIMED_OUT:
			fail(smtp, smtp->step == EV_STEP_HANDSHAKE ? EV_OUTCOME_TLS : EV_OUTCOME_TIMEOUT, NULL);
			break;
		case EV_SMTP_SESSION_TIMED_OUT: fail(smtp, EV_OUTCOME_SESSION_TIMEOUT, NULL); break;
		case EV_SMTP_CANCEL: fail(smtp, EV_OUTCOME_CANCELED, NULL); break;
	}
	if (may_quit)
		ev_smtp_send_quit(smtp);
	else
		ev_smtp_finish(smtp, EV_SMTP_CLOSE);
}

size_t
ev_smtp_output(const struct ev_smtp *smtp, const char **bytes)
{
	*bytes = smtp->out + smtp->out_sent;
	return smtp->out_len - smtp->out_sent;
}

void
ev_smtp_sent(struct ev_smtp *smtp, size_t n)
{
	for (size_t i = 0; i < n; i++)
		smtp->unanswered += smtp->out[smtp->out_sent + i] == '\n';
	smtp->out_sent += n;
}

enum ev_smtp_action
ev_smtp_action(const struct ev_smtp *smtp)
{
	return smtp->action;
}

uint32_t
ev_smtp_timeout(const struct ev_smtp *smtp)
{
	const struct ev_smtp_timeouts *timeout = &smtp->config->timeout;

	switch (smtp->stage)
	{
		case EV_STAGE_GREETING: return timeout->greeting;
		case EV_STAGE_EHLO:
		case EV_STAGE_STARTTLS: return timeout->ehlo;
		case EV_STAGE_MAIL:
		case EV_STAGE_RSET: return timeout->mail;
		case EV_STAGE_RCPT:
		case EV_STAGE_RANDOM_RCPT: return timeout->rcpt;
		default: return timeout->quit;
	}
}

bool
ev_smtp_may_fall_over(const struct ev_smtp *smtp)
{
	return smtp->done && !smtp->greeted;
}

bool
ev_smtp_wants_plain(const struct ev_smtp *smtp)
{
	return smtp->done && smtp->tls_failed;
}
