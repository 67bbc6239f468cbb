/*
 * session.c
 *	  A session's life: what comes next, timers, the end.  See session.h; bytes are moved by
 *	  session_io.c, and session_connect.c gets it started.
 */
#include "net/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/trace.h"

static void on_poll(uv_poll_t *poll, int status, int events);

struct ev_session *
ev_session_new(struct ev_prober *prober, struct ev_attempt *attempt, const char *host,
               const struct ev_ip *ip, size_t n_rcpts)
{
	struct ev_session *session = calloc(1, sizeof(*session) + n_rcpts * sizeof(session->rcpts[0]));

	if (session == NULL)
		return NULL;
	ev_list_init(&session->link);
	session->prober = prober;
	session->attempt = attempt;
	session->fd = -1;
	session->outcome = EV_OUTCOME_REPLY;
	strcpy(session->host, host);
	session->ip = *ip;
	ev_ip_text(ip, session->ip_text);
	return session;
}

void
ev_session_drop(struct ev_session *session)
{
	if (session->fd >= 0)
		close(session->fd);
	ev_trace_end(session);
	free(session);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	struct ev_session *session = handle->data;

	if (--session->handles == 0)
		free(session);
}

void
ev_session_close(struct ev_session *session)
{
	if (session->closing)
		return;
	session->closing = true;
	if (session->domain != NULL)
	{
		session->domain->draining = NULL;
		if (!session->prober->ending)
			ev_domain_advance(session->domain);
	}
	ev_trace_flush(session);
	/* a transcript also tells how it was judged: see ev_session_give_outcome() */
	if (session->attempt == NULL || session->prober->ending)
		ev_trace_end(session);
	if (!ev_list_empty(&session->link))
	{
		ev_list_remove(&session->link);
		session->prober->n_draining--;
	}
	else
		session->prober->stats.sessions--;
	if (session->tls.ssl != NULL)
		ev_tls_close(&session->tls);
	uv_timer_stop(&session->timer);
	uv_poll_stop(&session->poll);
	uv_close((uv_handle_t *) &session->timer, on_handle_closed);
	uv_close((uv_handle_t *) &session->poll, on_handle_closed);
	close(session->fd);
	session->fd = -1;
}

/*
 * Give the outcome to the planner, once.  A session that has been closed lives until the loop's
 * next turn, and a peer shall not see a second connection of ours before the first one has gone.
 */
void
ev_session_give_outcome(struct ev_session *session)
{
	struct ev_attempt *attempt = session->attempt;

	if (attempt == NULL)
		return;
	session->attempt = NULL;
	session->failed = !ev_attempt_over(attempt, session);
	if (session->closing)
		ev_trace_end(session);
}

void
ev_session_poll(struct ev_session *session, int events)
{
	if (events == session->events)
		return;
	session->events = events;
	uv_poll_start(&session->poll, events, on_poll);
}

static void on_timer(uv_timer_t *timer);

void
ev_session_start_timer(struct ev_session *session, uint64_t ms)
{
	uint64_t now = prober_now(session->prober);
	uint64_t left = session->session_deadline > now ? session->session_deadline - now : 0;

	if (session->state != EV_SESSION_DRAINING && left < ms)
		ms = left;
	uv_timer_start(&session->timer, on_timer, ms, 0);
}

/* The connection did not come to stand. */
static void
give_up_connecting(struct ev_session *session, enum ev_outcome outcome, const char *why)
{
	ev_trace_event(session, "%s", why);
	session->outcome = outcome;
	ev_session_close(session);
	ev_session_give_outcome(session);
}

void
ev_session_cancel(struct ev_session *session)
{
	if (session->state == EV_SESSION_CONNECTING)
	{
		give_up_connecting(session, EV_OUTCOME_CANCELED, "canceled");
		return;
	}
	ev_trace_event(session, "canceled at %s", ev_stage_label(session->smtp.stage));
	ev_smtp_event(&session->smtp, EV_SMTP_CANCEL);
	ev_session_proceed(session);
}

static void
on_timer(uv_timer_t *timer)
{
	struct ev_session *session = timer->data;
	bool all = prober_now(session->prober) >= session->session_deadline;

	if (session->state == EV_SESSION_DRAINING)
	{
		ev_session_close(session);
		return;
	}
	if (session->state == EV_SESSION_CONNECTING)
	{
		give_up_connecting(session, EV_OUTCOME_TIMEOUT, "no connection in time");
		return;
	}
	ev_trace_event(session, "%s timed out at %s", all ? "session" : "reply",
	               ev_stage_label(session->smtp.stage));
	ev_smtp_event(&session->smtp, all ? EV_SMTP_SESSION_TIMED_OUT : EV_SMTP_TIMED_OUT);
	ev_session_proceed(session);
}

static void
start_tls(struct ev_session *session)
{
	struct ev_prober *prober = session->prober;

	session->state = EV_SESSION_HANDSHAKE;
	if (prober->tls == NULL || !ev_tls_open(&session->tls, prober->tls, session->host))
	{
		ev_smtp_event(&session->smtp, EV_SMTP_TLS_FAILED);
		return;
	}
	ev_tls_handshake(&session->tls);
}

static void
start_draining(struct ev_session *session)
{
	struct ev_prober *prober = session->prober;

	session->state = EV_SESSION_DRAINING;
	session->received = 0;
	prober->stats.sessions--;
	ev_list_push(&prober->draining, &session->link);
	prober->n_draining++;
	uv_timer_start(&session->timer, on_timer, EV_DRAIN_MS, 0);
	/* those that wait cost memory and a descriptor, so there is an end to that too */
	if (prober->n_draining > prober->config.max_sessions)
		ev_session_close(EV_ENTRY(prober->draining.next, struct ev_session, link));
}

/* After anything that has happened: do what the dialogue wants. */
void
ev_session_proceed(struct ev_session *session)
{
	struct ev_smtp *smtp = &session->smtp;

	if (smtp->action == EV_SMTP_START_TLS && session->state == EV_SESSION_TALKING)
		start_tls(session);
	if (smtp->done)
	{
		ev_session_flush(session); /* the QUIT, before others are let in */
		if (smtp->action != EV_SMTP_DRAIN)
			ev_session_close(session);
		ev_session_give_outcome(session);
		if (smtp->action == EV_SMTP_DRAIN)
			start_draining(session);
		if (!session->closing)
			ev_session_half_close(session);
		return;
	}
	ev_session_poll(session, ev_session_flush(session) ? UV_READABLE : UV_READABLE | UV_WRITABLE);
	if (session->stage_serial != smtp->stage_serial)
	{
		session->stage_serial = smtp->stage_serial;
		ev_session_start_timer(session, ev_smtp_timeout(smtp));
	}
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct ev_session *session = poll->data;

	if (status < 0)
		session->events = 0; /* libuv has stopped it: error or hang-up, which reading will tell */
	if (session->state == EV_SESSION_CONNECTING)
	{
		ev_session_connected(session);
		return;
	}
	if (status < 0 || (events & UV_READABLE))
		ev_session_read(session);
	if (session->state != EV_SESSION_DRAINING)
		ev_session_proceed(session);
	else if (session->smtp.action == EV_SMTP_CLOSE)
		ev_session_close(session);
	else if (session->events != UV_READABLE)
		ev_session_half_close(session);
}
