/*
 * session.h
 *	  One connection to a mail server: socket, timers, TLS, and the dialogue of
 *	  engine/smtp_client.h.
 *
 *	connecting → talking ⇄ handshake → (answered) → draining → closed
 *
 * The outcome is given to the planner as soon as it is known; the session then says QUIT,
 * half-closes and waits for the peer to close, so that nobody logs a lost connection.  By then it
 * takes no slot.
 */
#ifndef EV_SESSION_H
#define EV_SESSION_H

#include <uv.h>

#include "engine/smtp_client.h"
#include "net/ip.h"
#include "net/list.h"
#include "net/tls.h"

struct ev_prober;
struct ev_attempt;
struct ev_domain;
struct ev_session_trace;

enum ev_session_state
{
	EV_SESSION_CONNECTING,
	EV_SESSION_TALKING,
	EV_SESSION_HANDSHAKE,
	EV_SESSION_DRAINING
};

struct ev_session
{
	struct ev_list link; /* in prober->draining */
	struct ev_prober *prober;
	struct ev_attempt *attempt; /* NULL when it has the outcome */
	struct ev_domain *domain;   /* whose next session waits for the end of this one, or NULL */
	uint64_t trace_id;
	struct ev_session_trace *trace; /* NULL: none is wanted */
	bool failed;                    /* somebody was left without a clear answer */
	char host[EV_HOST_MAX + 1];
	struct ev_ip ip;
	char ip_text[EV_IP_TEXT_MAX + 1];
	char source_text[EV_IP_TEXT_MAX + 1]; /* our address, once connected */

	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	int events;  /* being polled for */
	int handles; /* still open */
	bool closing;
	enum ev_session_state state;
	uint64_t session_deadline;
	uint32_t stage_serial; /* of the stage that the timer runs for */
	uint64_t received;     /* bytes */
	bool cannot_send;
	struct ev_tls tls; /* tls.ssl NULL: clear text */

	/* EV_OUTCOME_REPLY: see the recipients; else the connection never stood, for this reason */
	enum ev_outcome outcome;
	struct ev_smtp_config config;
	struct ev_smtp smtp;
	struct ev_smtp_rcpt rcpts[];
};

/*
 * NULL when there is no memory.  The caller fills in config and the recipients' names, then
 * connects.
 */
extern struct ev_session *ev_session_new(struct ev_prober *prober, struct ev_attempt *attempt,
                                         const char *host, const struct ev_ip *ip, size_t n_rcpts);

/*
 * Connect.  False when that failed at once: then `outcome` tells why, and the session is to be
 * dropped.  Otherwise ev_attempt_over() will be called once.
 */
extern bool ev_session_connect(struct ev_session *session, size_t n_rcpts);

/* Free a session that never connected. */
extern void ev_session_drop(struct ev_session *session);

/* Give up what is under way, with a QUIT where one is in place; ev_attempt_over() is called before this returns. */
extern void ev_session_cancel(struct ev_session *session);

/* Close at once, without a word to anybody. */
extern void ev_session_close(struct ev_session *session);

/*
 * planner.c: the outcome of an attempt's session is known.  Whether everybody who was asked for in it
 * has a clear answer.
 */
extern bool ev_attempt_over(struct ev_attempt *attempt, struct ev_session *session);

#endif
