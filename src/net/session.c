/*
 * session.c
 *	  A session's socket: connecting, reading, writing, timers, closing.  See session.h.
 *
 * Plain sockets under uv_poll_t rather than uv_tcp_t: MSG_NOSIGNAL keeps SIGPIPE away whatever the process
 * does with it, a source address is bound before connecting, and errno is seen as it is.
 */
#include "net/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/trace.h"

#define RECEIVED_MAX (4 * 1024 * 1024) /* of one session, in bytes */
#define DRAINED_MAX	 (64 * 1024)	   /* and while draining */
#define READS_MAX	 8				   /* in a row, then others have their turn */

static void on_poll(uv_poll_t *poll, int status, int events);
static void proceed(struct ev_session *session);

struct ev_session *
ev_session_new(struct ev_prober *prober, struct ev_attempt *attempt, const char *host,
			   const struct ev_ip *ip, size_t n_rcpts)
{
	struct ev_session *session =
		calloc(1, sizeof(*session) + n_rcpts * sizeof(session->rcpts[0]));

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
	free(session->trace);
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
	ev_trace_flush(session);
	free(session->trace);
	session->trace = NULL;
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

/* Give the outcome to the planner, once. */
static void
give_outcome(struct ev_session *session)
{
	struct ev_attempt *attempt = session->attempt;

	if (attempt == NULL)
		return;
	session->attempt = NULL;
	ev_attempt_over(attempt, session);
}

static void
poll_for(struct ev_session *session, int events)
{
	if (events == session->events)
		return;
	session->events = events;
	uv_poll_start(&session->poll, events, on_poll);
}

/* --- timers ------------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer);

static void
start_timer(struct ev_session *session, uint64_t ms)
{
	uint64_t now = prober_now(session->prober);
	uint64_t left = session->session_deadline > now ? session->session_deadline - now : 0;

	if (session->state != EV_SESSION_DRAINING && left < ms)
		ms = left;
	uv_timer_start(&session->timer, on_timer, ms, 0);
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
		ev_outbox_event(session->prober, session->trace_id, "no connection in time");
		session->outcome = EV_OUTCOME_TIMEOUT;
		give_outcome(session);
		ev_session_close(session);
		return;
	}
	ev_outbox_event(session->prober, session->trace_id, "%s timed out at %s",
					all ? "session" : "reply", ev_stage_label(session->smtp.stage));
	ev_smtp_event(&session->smtp, all ? EV_SMTP_SESSION_TIMED_OUT : EV_SMTP_TIMED_OUT);
	proceed(session);
}

/* --- writing ----------------------------------------------------------------------------------------- */

/* Write n bytes; returns how many were taken.  A dead peer takes all of them: reading will tell. */
static size_t
write_some(struct ev_session *session, const char *bytes, size_t n)
{
	size_t done = 0;

	while (done < n && !session->cannot_send)
	{
		ssize_t r = send(session->fd, bytes + done, n - done, MSG_NOSIGNAL);

		if (r >= 0)
			done += (size_t) r;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return done;
		else if (errno != EINTR)
			session->cannot_send = true;
	}
	return session->cannot_send ? n : done;
}

/* Send what can be sent.  True when nothing is left. */
static bool
flush(struct ev_session *session)
{
	const char *bytes;
	size_t n = ev_smtp_output(&session->smtp, &bytes);
	size_t sent;

	if (session->tls.ssl == NULL)
	{
		sent = write_some(session, bytes, n);
		ev_trace_bytes(session, '>', bytes, sent);
		ev_smtp_sent(&session->smtp, sent);
		return sent == n;
	}
	if (n > 0 && session->tls.up)
	{
		ev_trace_bytes(session, '>', bytes, n);
		ev_tls_write(&session->tls, bytes, n); /* what cannot be written will not be answered */
		ev_smtp_sent(&session->smtp, n);
	}
	n = ev_tls_output(&session->tls, &bytes);
	sent = write_some(session, bytes, n);
	ev_tls_sent(&session->tls, sent);
	return sent == n;
}

/* --- what comes next --------------------------------------------------------------------------------- */

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

/* Say that nothing more will come, once all is sent. */
static void
half_close(struct ev_session *session)
{
	if (!flush(session))
	{
		poll_for(session, UV_READABLE | UV_WRITABLE);
		return;
	}
	if (session->tls.ssl != NULL && session->tls.up)
	{
		ev_tls_shutdown(&session->tls);
		flush(session);
	}
	shutdown(session->fd, SHUT_WR);
	poll_for(session, UV_READABLE);
}

/* After anything that has happened: do what the dialogue wants. */
static void
proceed(struct ev_session *session)
{
	struct ev_smtp *smtp = &session->smtp;

	if (smtp->action == EV_SMTP_START_TLS && session->state == EV_SESSION_TALKING)
		start_tls(session);
	if (smtp->done)
	{
		flush(session); /* the QUIT, before others are let in */
		give_outcome(session);
		if (smtp->action == EV_SMTP_DRAIN)
		{
			start_draining(session);
			if (!session->closing)
				half_close(session);
		}
		else
			ev_session_close(session);
		return;
	}
	poll_for(session, flush(session) ? UV_READABLE : UV_READABLE | UV_WRITABLE);
	if (session->stage_serial != smtp->stage_serial)
	{
		session->stage_serial = smtp->stage_serial;
		start_timer(session, ev_smtp_timeout(smtp));
	}
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* Cipher text has come: the handshake goes on, or it holds clear text. */
static void
receive_tls(struct ev_session *session, const char *bytes, size_t n)
{
	struct ev_tls *tls = &session->tls;
	char clear[4096];

	if (!ev_tls_feed(tls, bytes, n))
	{
		ev_smtp_event(&session->smtp, EV_SMTP_CLOSED);
		return;
	}
	if (!tls->up)
	{
		ev_tls_handshake(tls);
		if (tls->failed)
		{
			flush(session); /* the alert */
			ev_outbox_event(session->prober, session->trace_id, "TLS handshake failed");
			ev_smtp_event(&session->smtp, EV_SMTP_TLS_FAILED);
			return;
		}
		if (!tls->up)
			return;
		prober_count(session->prober, tls_total);
		session->state = EV_SESSION_TALKING;
		ev_outbox_event(session->prober, session->trace_id, "TLS: %s, %s",
						SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
		ev_smtp_event(&session->smtp, EV_SMTP_TLS_UP);
	}
	while (!session->smtp.done)
	{
		size_t got = ev_tls_read(tls, clear, sizeof(clear));

		if (got == 0)
			break;
		ev_trace_bytes(session, '<', clear, got);
		ev_smtp_receive(&session->smtp, clear, got);
	}
	if (tls->failed)
	{
		ev_outbox_event(session->prober, session->trace_id, "closed by the peer");
		ev_smtp_event(&session->smtp, EV_SMTP_CLOSED);
	}
}

/* Read what there is. */
static void
read_all(struct ev_session *session)
{
	struct ev_prober *prober = session->prober;
	bool draining = session->state == EV_SESSION_DRAINING;

	for (int i = 0; i < READS_MAX; i++)
	{
		ssize_t n = recv(session->fd, prober->buffer, sizeof(prober->buffer), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n > 0)
			session->received += (uint64_t) n;
		if (n <= 0 || session->received > (draining ? DRAINED_MAX : RECEIVED_MAX))
		{
			if (!draining)
				ev_outbox_event(prober, session->trace_id, n > 0 ? "too many bytes"
														: n == 0 ? "closed by the peer"
																 : "reset by the peer");
			ev_smtp_event(&session->smtp, EV_SMTP_CLOSED);
			break;
		}
		if (draining)
		{
			if (session->tls.ssl == NULL)
				ev_trace_bytes(session, '<', prober->buffer, (size_t) n);
			continue;
		}
		if (session->tls.ssl != NULL)
			receive_tls(session, prober->buffer, (size_t) n);
		else
		{
			ev_trace_bytes(session, '<', prober->buffer, (size_t) n);
			ev_smtp_receive(&session->smtp, prober->buffer, (size_t) n);
		}
		/* the rest of a chunk with a 220 to STARTTLS has been dropped; what follows is cipher text */
		if (session->smtp.done || session->smtp.action == EV_SMTP_START_TLS)
			break;
	}
}

/* --- connecting -------------------------------------------------------------------------------------- */

static enum ev_outcome
outcome_of_errno(int error)
{
	switch (error)
	{
		case ECONNREFUSED:
		case ECONNRESET: return EV_OUTCOME_REFUSED;
		case ETIMEDOUT: return EV_OUTCOME_TIMEOUT;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
		case EAFNOSUPPORT: return EV_OUTCOME_NO_SOCKET;
		default: return EV_OUTCOME_UNREACHABLE;
	}
}

static void
fail_to_connect(struct ev_session *session, int error)
{
	ev_outbox_event(session->prober, session->trace_id, "%s", strerror(error));
	session->outcome = outcome_of_errno(error);
}

/* The socket has become writable, or has an error. */
static void
on_connected(struct ev_session *session)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0)
	{
		fail_to_connect(session, error);
		give_outcome(session);
		ev_session_close(session);
		return;
	}
	len = sizeof(address);
	if (getsockname(session->fd, (struct sockaddr *) &address, &len) == 0)
	{
		struct ev_ip ip = {.v6 = address.ss_family == AF_INET6};

		if (ip.v6)
			memcpy(ip.bytes, &((struct sockaddr_in6 *) &address)->sin6_addr, 16);
		else
			memcpy(ip.bytes, &((struct sockaddr_in *) &address)->sin_addr, 4);
		ev_ip_text(&ip, session->source_text);
	}
	ev_outbox_event(session->prober, session->trace_id, "connected");
	session->state = EV_SESSION_TALKING;
	proceed(session);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct ev_session *session = poll->data;

	if (status < 0)
		session->events = 0; /* libuv has stopped it: error or hang-up, which reading will tell */
	if (session->state == EV_SESSION_CONNECTING)
	{
		on_connected(session);
		return;
	}
	if (status < 0 || (events & UV_READABLE))
		read_all(session);
	if (session->state != EV_SESSION_DRAINING)
		proceed(session);
	else if (session->smtp.action == EV_SMTP_CLOSE)
		ev_session_close(session);
	else if (session->events != UV_READABLE)
		half_close(session);
}

/* Bind to the configured source address, if there is one for the family. */
static bool
bind_source(struct ev_session *session)
{
	const struct ev_prober_config *config = &session->prober->config;
	const char *source = session->ip.v6 ? config->source_v6 : config->source_v4;
	struct sockaddr_storage address;
	struct ev_ip ip;

	if (source[0] == '\0')
		return true;
	if (!ev_ip_parse(source, &ip) || ip.v6 != session->ip.v6)
		return false;
	return bind(session->fd, (struct sockaddr *) &address, ev_ip_sockaddr(&ip, 0, &address)) == 0;
}

bool
ev_session_connect(struct ev_session *session, size_t n_rcpts)
{
	struct ev_prober *prober = session->prober;
	struct sockaddr_storage address;
	socklen_t len;

	if (prober->config.trace)
		session->trace = ev_trace_new();
	ev_outbox_event(prober, session->trace_id, "connecting to %s [%s]:%u", session->host,
					session->ip_text, prober->config.smtp_port);
	/* again, since the route may be older than the setting */
	if (!ev_ip_may_connect(&session->ip, prober->config.allow_private))
	{
		session->outcome = EV_OUTCOME_TARGET_REFUSED;
		return false;
	}
	session->fd = socket(session->ip.v6 ? AF_INET6 : AF_INET,
						 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (session->fd < 0)
	{
		ev_outbox_event(prober, session->trace_id, "no socket: %s", strerror(errno));
		session->outcome = EV_OUTCOME_NO_SOCKET;
		return false;
	}
	if (!bind_source(session))
	{
		ev_outbox_event(prober, session->trace_id, "cannot use the source address");
		session->outcome = EV_OUTCOME_NO_BIND;
		return false;
	}
	len = ev_ip_sockaddr(&session->ip, prober->config.smtp_port, &address);
	if (connect(session->fd, (struct sockaddr *) &address, len) != 0 && errno != EINPROGRESS &&
		errno != EINTR)
	{
		fail_to_connect(session, errno);
		return false;
	}
	if (uv_poll_init(&prober->loop, &session->poll, session->fd) != 0)
	{
		session->outcome = EV_OUTCOME_NO_SOCKET;
		return false;
	}
	uv_timer_init(&prober->loop, &session->timer);
	session->handles = 2;
	session->poll.data = session->timer.data = session;
	prober->stats.sessions++;
	prober_count(prober, sessions_total);

	ev_smtp_init(&session->smtp, &session->config, session->rcpts, n_rcpts);
	session->session_deadline = prober_now(prober) + session->config.timeout.session;
	poll_for(session, UV_WRITABLE);
	start_timer(session, session->config.timeout.connect);
	return true;
}
