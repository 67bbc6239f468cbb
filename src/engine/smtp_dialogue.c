/*
 * smtp_dialogue.c
 *	  What a reply leads to: the states of a session, and whom a refusal concerns.
 */
#include "engine/smtp_internal.h"

#include <string.h>

/* Nothing more is to be asked. */
static void
end(struct ev_smtp *smtp)
{
	/* who says 421 closes (RFC 5321 3.8) */
	if (smtp->last.code == 421)
		ev_smtp_finish(smtp, EV_SMTP_DRAIN);
	else
		ev_smtp_send_quit(smtp);
}

/* A refusal before RCPT, of everything that is left. */
static void
refuse_rest(struct ev_smtp *smtp)
{
	ev_smtp_note_end(smtp, EV_OUTCOME_REPLY);
	ev_smtp_decide_rest(smtp, false, EV_OUTCOME_REPLY, smtp->stage, &smtp->last);
	end(smtp);
}

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char) (c - 'a' + 'A') : c;
}

/* Is `word` the first word of the line? */
static bool
is_keyword(const char *line, size_t n, const char *word)
{
	size_t i;

	for (i = 0; word[i] != '\0'; i++)
	{
		if (i >= n || upper(line[i]) != word[i])
			return false;
	}
	return i == n || line[i] == ' ' || line[i] == '\t' || line[i] == '=';
}

/*
 * Extensions of an EHLO reply: the first line is a greeting, each other one a keyword (RFC 5321
 * 4.1.1.1).
 */
static uint8_t
read_extensions(const struct ev_reply *reply)
{
	static const struct
	{
		const char *word;
		uint8_t ext;
	} known[] = {
		{"PIPELINING", EV_SMTP_EXT_PIPELINING},
		{"STARTTLS", EV_SMTP_EXT_STARTTLS},
		{"SMTPUTF8", EV_SMTP_EXT_SMTPUTF8},
		{"8BITMIME", EV_SMTP_EXT_8BITMIME},
		{"ENHANCEDSTATUSCODES", EV_SMTP_EXT_ENHANCED},
	};
	const char *line = memchr(reply->text, '\n', reply->text_len);
	const char *end = reply->text + reply->text_len;
	uint8_t ext = 0;

	while (line != NULL)
	{
		const char *next;

		line++;
		next = memchr(line, '\n', (size_t) (end - line));
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		{
			if (is_keyword(line, (size_t) ((next != NULL ? next : end) - line), known[i].word))
				ext |= known[i].ext;
		}
		line = next;
	}
	return ext;
}

/*
 * On to the recipients.  Those that need SMTPUTF8 end here when there is none; hello is the reply
 * that lacks it, if it is still at hand.
 */
static void
start_mail(struct ev_smtp *smtp, const struct ev_reply *hello)
{
	for (size_t i = 0; i < smtp->n_rcpts && !(smtp->ext & EV_SMTP_EXT_SMTPUTF8); i++)
	{
		struct ev_smtp_rcpt *rcpt = &smtp->rcpts[i];

		if (!rcpt->eai || rcpt->outcome != EV_OUTCOME_NOT_ASKED)
			continue;
		ev_smtp_decide(smtp, rcpt, EV_OUTCOME_REPLY, EV_STAGE_EHLO, hello);
		rcpt->no_smtputf8 = true;
	}
	smtp->step = EV_STEP_MAIL;
	ev_smtp_send_next(smtp);
}

static void
on_hello(struct ev_smtp *smtp, bool ok)
{
	if (!ok)
	{
		/*
		 * HELO is for servers that do not know EHLO.  501, 504 and 550 are about our name, which
		 * HELO would not make better.
		 */
		if (smtp->step == EV_STEP_EHLO && !smtp->tls &&
		    (smtp->last.code == 500 || smtp->last.code == 502))
			ev_smtp_send_hello(smtp, "HELO", EV_STEP_HELO);
		else
			refuse_rest(smtp);
		return;
	}

	smtp->esmtp = smtp->step == EV_STEP_EHLO;
	smtp->ext = smtp->esmtp ? read_extensions(&smtp->last) : 0;
	if ((smtp->ext & EV_SMTP_EXT_STARTTLS) && smtp->config->use_tls && !smtp->tls)
		ev_smtp_send_starttls(smtp);
	else
		start_mail(smtp, &smtp->last);
}

static void
on_starttls(struct ev_smtp *smtp, bool ok)
{
	if (ok)
	{
		smtp->step = EV_STEP_HANDSHAKE;
		smtp->action = EV_SMTP_START_TLS;
	}
	else if (smtp->last.code == 421)
		refuse_rest(smtp);
	else
		start_mail(smtp, NULL);
}

static void
on_mail_refused(struct ev_smtp *smtp)
{
	bool others = false;

	smtp->in_mail = false;
	if (smtp->random_turn)
	{
		/* the real ones that are left, if any, were not going to be asked */
		smtp->random_asked = true;
		ev_smtp_decide(smtp, &smtp->random, EV_OUTCOME_REPLY, EV_STAGE_MAIL, &smtp->last);
		end(smtp);
		return;
	}

	/* a refusal of SMTPUTF8 says nothing to those that do without it */
	for (size_t i = smtp->next_rcpt; i < smtp->n_rcpts; i++)
		others |= !smtp->rcpts[i].eai && smtp->rcpts[i].outcome == EV_OUTCOME_NOT_ASKED;
	if (!smtp->mail_eai || smtp->last.code == 421 || (!others && smtp->accepted == 0))
	{
		refuse_rest(smtp);
		return;
	}
	while (ev_smtp_in_flight(smtp) != NULL)
	{
		smtp->ignored++;
		smtp->first_in_flight++;
	}
	ev_smtp_decide_rest(smtp, true, EV_OUTCOME_REPLY, EV_STAGE_MAIL, &smtp->last);
}

/* Too many recipients?  452 stands for full mailboxes too. */
static bool
is_too_many(const struct ev_reply *reply)
{
	bool named = reply->enhanced.subject == 5 && reply->enhanced.detail == 3;

	return (reply->code == 452 && (named || reply->enhanced.klass == 0)) ||
	       (reply->code == 451 && named && reply->enhanced.klass != 0);
}

/*
 * RFC 5321 4.5.3.1.10: it is to be asked for again, once, in a transaction with as many as were
 * taken in this one. The first of a transaction has nobody before it to blame.
 */
static void
on_too_many(struct ev_smtp *smtp, struct ev_smtp_rcpt *rcpt)
{
	size_t i = (size_t) (rcpt - smtp->rcpts);

	smtp->too_many = true;
	if (smtp->taken == 0 || rcpt->deferred)
		return;
	rcpt->deferred = true;
	rcpt->asked = false;
	rcpt->outcome = EV_OUTCOME_NOT_ASKED;
	smtp->transaction_limit = smtp->taken;
	if (i < smtp->first_deferred)
		smtp->first_deferred = i;
}

/* RFC 5321 3.8: who says so closes. */
static void
close_by_421(struct ev_smtp *smtp)
{
	ev_smtp_note_end(smtp, EV_OUTCOME_REPLY);
	ev_smtp_finish(smtp, EV_SMTP_DRAIN);
}

/* A reply behind EHLO. */
static void
on_mail_step(struct ev_smtp *smtp, bool ok)
{
	struct ev_smtp_rcpt *rcpt;

	if (smtp->awaiting & EV_AWAIT_RSET)
	{
		smtp->awaiting &= ~EV_AWAIT_RSET;
		if (!ok)
		{
			ev_smtp_note_end(smtp, EV_OUTCOME_REPLY);
			end(smtp);
			return;
		}
	}
	else if (smtp->awaiting & EV_AWAIT_MAIL)
	{
		smtp->awaiting &= ~EV_AWAIT_MAIL;
		if (!ok)
			on_mail_refused(smtp);
	}
	else if (smtp->ignored > 0)
		smtp->ignored--;
	else if ((rcpt = ev_smtp_in_flight(smtp)) != NULL)
	{
		ev_smtp_decide(smtp, rcpt, EV_OUTCOME_REPLY, EV_STAGE_RCPT, &smtp->last);
		if (is_too_many(&smtp->last))
			on_too_many(smtp, rcpt);
		else
			smtp->taken++;
		if (ok)
			smtp->accepted++;
		else if (smtp->last.code >= 500)
			smtp->refused++;
		if (smtp->last.code == 421)
			close_by_421(smtp);
		else
			smtp->answered++;
	}
	else
	{
		smtp->awaiting &= ~EV_AWAIT_RANDOM;
		if (is_too_many(&smtp->last) && smtp->taken > 0 && !smtp->random.deferred)
		{
			smtp->too_many = true;
			smtp->random.deferred = true;
			smtp->random_asked = false;
			ev_smtp_send_next(smtp);
			return;
		}
		ev_smtp_decide(smtp, &smtp->random, EV_OUTCOME_REPLY, EV_STAGE_RANDOM_RCPT, &smtp->last);
		if (smtp->last.code >= 500)
			smtp->refused++;
		if (smtp->last.code == 421)
			close_by_421(smtp);
		else
			smtp->answered++;
	}

	if (!smtp->done && smtp->awaiting == 0 && smtp->ignored == 0 && ev_smtp_in_flight(smtp) == NULL)
		ev_smtp_send_next(smtp);
}

void
ev_smtp_on_reply(struct ev_smtp *smtp)
{
	bool ok = smtp->last.code / 100 == 2;

	switch ((enum ev_smtp_step) smtp->step)
	{
		case EV_STEP_GREETING:
			smtp->greeted = ok;
			if (ok)
				ev_smtp_send_hello(smtp, "EHLO", EV_STEP_EHLO);
			else
				refuse_rest(smtp);
			break;
		case EV_STEP_EHLO:
		case EV_STEP_HELO: on_hello(smtp, ok); break;
		case EV_STEP_STARTTLS: on_starttls(smtp, ok); break;
		case EV_STEP_MAIL: on_mail_step(smtp, ok); break;
		case EV_STEP_HANDSHAKE:
		case EV_STEP_OVER: break;
	}
	if (!smtp->done)
		ev_smtp_set_stage(smtp);
}
