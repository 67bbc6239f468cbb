/*
 * smtp_client.h
 *	  The client's side of one SMTP session (RFC 5321) up to RCPT, without any I/O.
 *
 * The driver (net) owns the socket, TLS and the timer.  It hands in bytes and events, takes out
 * bytes and does what ev_smtp_action() says.  One session asks for any number of recipients of one
 * domain:
 *
 *	greeting → EHLO (HELO) → [STARTTLS → EHLO] → MAIL → RCPT… → [RCPT made-up] → [RSET] → QUIT
 *
 * MAIL and RCPTs go out in one flight where PIPELINING is offered (RFC 2920).  The made-up
 * recipient is asked for last, and only if a real one was accepted and config.ask_random is set.
 * DATA and VRFY are never sent. When the session ends, in whatever way, every recipient has its
 * outcome:
 *
 *	- a refusal, close or time-out before RCPT is the outcome of every recipient not yet judged;
 *	- at RCPT, a time-out is the outcome of all whose RCPT was sent, a close or nonsense only of the
 *	  first of them without a reply; the others are NOT_ASKED;
 *	- behind a 421 or a refused RSET the rest is NOT_ASKED, behind max_refused too (then
 *	  limit_reached is set); `ended` and `ended_at` tell what ended the session;
 *	- a close behind a reply to another RCPT may be about that one: `bystander` is set then;
 *	- a reply without a command (but 421) or of lines that contradict each other is nonsense; the
 *	  first one takes the RCPT replies of the session with it, since it may have been all others that
 *	  were out of place;
 *	- a recipient that needs SMTPUTF8 where it is not offered has OUTCOME_REPLY with no_smtputf8
 *	  set, stage EHLO and the EHLO reply that lacks it.  The others are not touched by that.
 */
#ifndef EV_SMTP_CLIENT_H
#define EV_SMTP_CLIENT_H

#include "engine/judge.h"
#include "engine/reply.h"

/* Milliseconds; RFC 5321 4.5.3.2 gives longer ones for mail that shall be delivered. */
struct ev_smtp_timeouts
{
	uint32_t connect; /* the driver's: until the TCP connection stands */
	uint32_t greeting;
	uint32_t ehlo; /* EHLO, HELO, STARTTLS and its handshake */
	uint32_t mail;
	uint32_t rcpt;
	uint32_t quit;
	uint32_t session; /* the driver's: all of it */
};

struct ev_smtp_config
{
	char helo_name[EV_HOST_MAX + 1];
	char mail_from[EV_ADDRESS_MAX + 1]; /* without angle brackets */
	char domain[EV_DOMAIN_MAX + 1];     /* of all recipients, A-labels */
	char random_local[EV_LOCAL_MAX + 1];
	bool ask_random;
	bool use_tls;                  /* STARTTLS when it is offered */
	bool use_pipelining;           /* when it is offered */
	uint16_t rcpt_per_transaction; /* at least 1; MAIL is repeated after RSET for the rest */
	/*
	 * 5xx recipients before the session ends, 0 = no limit; one is kept for the made-up one if that
	 * is asked for
	 */
	uint16_t max_refused;
	struct ev_smtp_timeouts timeout;
};

/* One recipient: filled by the caller up to `eai`, by the session from `outcome` on. */
struct ev_smtp_rcpt
{
	char local[EV_LOCAL_MAX + 1]; /* one with control characters is never sent: UNSENDABLE */
	bool eai; /* needs SMTPUTF8; better put last, since each change costs a MAIL */

	enum ev_outcome outcome; /* NOT_ASKED until there is another one */
	enum ev_stage stage;
	bool asked;            /* its RCPT was sent */
	bool deferred;         /* "too many recipients" was said to it once */
	bool tls;              /* the session was encrypted by then */
	bool no_smtputf8;      /* it was not sent for want of SMTPUTF8; see above */
	bool bystander;        /* with OUTCOME_CLOSED: others had an answer before the host closed */
	struct ev_reply reply; /* with OUTCOME_REPLY: the decisive one, be it to EHLO or MAIL */
};

enum ev_smtp_action
{
	EV_SMTP_WAIT,      /* send what is to be sent, then wait for bytes or the time-out */
	EV_SMTP_START_TLS, /* send, then start the TLS handshake; drop clear text already read */
	EV_SMTP_DRAIN,     /* send, half-close, read and ignore until the peer closes (at most 5 s) */
	EV_SMTP_CLOSE      /* the session is over: close */
};

enum ev_smtp_event
{
	EV_SMTP_TLS_UP,
	EV_SMTP_TLS_FAILED, /* not required: the driver may connect again with use_tls = false */
	EV_SMTP_CLOSED,     /* end of file or reset from the peer */
	EV_SMTP_TIMED_OUT,  /* the stage's time-out */
	EV_SMTP_SESSION_TIMED_OUT,
	EV_SMTP_CANCEL /* we want to stop: QUIT if that is possible */
};

#define EV_SMTP_OUT_MAX 16384

#define EV_SMTP_EXT_PIPELINING 0x01
#define EV_SMTP_EXT_STARTTLS   0x02
#define EV_SMTP_EXT_SMTPUTF8   0x04
#define EV_SMTP_EXT_8BITMIME   0x08
#define EV_SMTP_EXT_ENHANCED   0x10

/*
 * The state of a session.  Public only so that drivers can embed it; read it through the functions.
 */
struct ev_smtp
{
	const struct ev_smtp_config *config; /* not owned, constant while the session lives */
	struct ev_smtp_rcpt *rcpts;          /* the caller's array */
	size_t n_rcpts;
	struct ev_smtp_rcpt random; /* outcome of the made-up recipient, if it was asked for */
	bool random_asked;
	bool limit_reached; /* we ended it at max_refused: the rest may be asked elsewhere */

	/*
	 * What ended the session before everybody was asked for: REPLY (it is in `last`), CLOSED,
	 * TIMEOUT, …, and at which stage; NOT_ASKED when nothing did but ourselves.
	 */
	enum ev_outcome ended;
	enum ev_stage ended_at;
	size_t answered; /* recipients that had a reply other than 421, the made-up one included */

	enum ev_stage stage;   /* what is being waited for */
	uint32_t stage_serial; /* changes whenever the stage's time-out starts anew */
	bool done;             /* every outcome is known, even if there is something left to send */
	bool greeted;          /* the greeting was 2xx */
	bool tls;              /* encrypted now */
	bool tls_failed;       /* STARTTLS was tried and came to nothing: see ev_smtp_wants_plain() */
	bool esmtp;            /* EHLO was accepted, not only HELO */
	uint8_t ext;           /* offered extensions, EV_SMTP_EXT_* */

	/* internal */
	uint8_t step;
	uint8_t awaiting;         /* replies in flight besides those to RCPTs */
	bool in_mail;             /* MAIL was sent and nothing has ended that transaction */
	bool mail_eai;            /* with SMTPUTF8 */
	bool random_turn;         /* nobody but the made-up recipient is asked for any more */
	size_t next_rcpt;         /* first recipient not yet sent */
	size_t first_in_flight;   /* first recipient whose reply may be outstanding */
	size_t unanswered;        /* commands sent whose replies have not come */
	size_t ignored;           /* replies to come that mean nothing: RCPTs behind a refused MAIL */
	size_t taken;             /* RCPT replies since MAIL, but those of "too many recipients" */
	bool too_many;            /* that was said since MAIL: the next RCPT needs another one */
	size_t transaction_limit; /* recipients that the peer takes in a transaction; 0: not known */
	size_t first_deferred;    /* first recipient to be asked for again; SIZE_MAX for none */
	size_t in_transaction;    /* recipients sent since MAIL */
	size_t accepted;
	size_t refused;
	enum ev_smtp_action action;

	struct ev_reply_reader reader;
	struct ev_reply last; /* the reply being handled */
	size_t out_len;
	size_t out_sent;
	char out[EV_SMTP_OUT_MAX];
};

/*
 * Start a session whose TCP connection stands.  rcpts (n of them, at least one) stay the caller's.
 */
extern void ev_smtp_init(struct ev_smtp *smtp, const struct ev_smtp_config *config,
                         struct ev_smtp_rcpt *rcpts, size_t n);

/*
 * Bytes from the peer (decrypted).  Any chunking gives the same session.  Bytes must be handed in
 * before ev_smtp_sent() tells of commands that were sent after they had come.
 */
extern void ev_smtp_receive(struct ev_smtp *smtp, const char *bytes, size_t n);
extern void ev_smtp_event(struct ev_smtp *smtp, enum ev_smtp_event event);

/* Bytes to send: returns how many there are at *bytes; ev_smtp_sent() tells how many were taken. */
extern size_t ev_smtp_output(const struct ev_smtp *smtp, const char **bytes);
extern void ev_smtp_sent(struct ev_smtp *smtp, size_t n);

extern enum ev_smtp_action ev_smtp_action(const struct ev_smtp *smtp);

/* Time-out in milliseconds of what is being waited for now. */
extern uint32_t ev_smtp_timeout(const struct ev_smtp *smtp);

/*
 * After the end.  Another MX may be tried only when this one failed before it had accepted us, that
 * is without a greeting of 2xx.  (A 4xx at RCPT never counts: last-MX traps list whoever skips to
 * them.)
 */
extern bool ev_smtp_may_fall_over(const struct ev_smtp *smtp);

/* STARTTLS was agreed upon and then failed: try the same host again with use_tls = false. */
extern bool ev_smtp_wants_plain(const struct ev_smtp *smtp);

#endif
