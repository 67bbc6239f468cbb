/*
 * smtp_internal.h
 *	  Shared by smtp_client.c (events), smtp_dialogue.c (replies) and smtp_send.c (commands); nobody
 *	  else's.
 */
#ifndef EV_SMTP_INTERNAL_H
#define EV_SMTP_INTERNAL_H

#include "engine/smtp_client.h"

enum ev_smtp_step
{
	EV_STEP_GREETING,
	EV_STEP_EHLO,
	EV_STEP_HELO,
	EV_STEP_STARTTLS,
	EV_STEP_HANDSHAKE,
	EV_STEP_MAIL, /* anything from MAIL to the last RCPT: see `awaiting` and the recipients in flight */
	EV_STEP_OVER
};

/* ev_smtp.awaiting; replies come in this order, with the RCPTs' between MAIL's and RANDOM's */
#define EV_AWAIT_RSET   0x01
#define EV_AWAIT_MAIL   0x02
#define EV_AWAIT_RANDOM 0x04

/*
 * Decide one recipient, or all that have no outcome yet (or only those with SMTPUTF8).  reply may
 * be NULL.
 */
extern void ev_smtp_decide(struct ev_smtp *smtp, struct ev_smtp_rcpt *rcpt, enum ev_outcome outcome,
                           enum ev_stage stage, const struct ev_reply *reply);
extern void ev_smtp_decide_rest(struct ev_smtp *smtp, bool eai_only, enum ev_outcome outcome,
                                enum ev_stage stage, const struct ev_reply *reply);

/* Remember what ends the session now: the stage is the one that is being waited for. */
static inline void
ev_smtp_note_end(struct ev_smtp *smtp, enum ev_outcome outcome)
{
	smtp->ended = outcome;
	smtp->ended_at = smtp->stage;
}

/* A whole reply is in `last`. */
extern void ev_smtp_on_reply(struct ev_smtp *smtp);

/* The first recipient that waits for its reply, or NULL. */
extern struct ev_smtp_rcpt *ev_smtp_in_flight(struct ev_smtp *smtp);

/* Send EHLO, HELO, STARTTLS. */
extern void ev_smtp_send_hello(struct ev_smtp *smtp, const char *verb, enum ev_smtp_step step);
extern void ev_smtp_send_starttls(struct ev_smtp *smtp);

/* Nothing is in flight: send what comes next, be it the end. */
extern void ev_smtp_send_next(struct ev_smtp *smtp);

/* Say QUIT and be done. */
extern void ev_smtp_send_quit(struct ev_smtp *smtp);

/* Be done without a word: DRAIN or CLOSE. */
extern void ev_smtp_finish(struct ev_smtp *smtp, enum ev_smtp_action action);

/* Nothing can be sent any more, which a peer brings about that replies before it was asked. */
extern void ev_smtp_fail_overrun(struct ev_smtp *smtp);

/* Set `stage` from what is in flight and start its time-out anew. */
extern void ev_smtp_set_stage(struct ev_smtp *smtp);

#endif
