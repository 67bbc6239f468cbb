/*
 * session_io.c
 *	  A session's bytes: sockets, TLS and dialogue put together.
 */
#include "net/session_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "net/trace.h"

#define RECEIVED_MAX (4 * 1024 * 1024) /* of one session, in bytes */
#define DRAINED_MAX  (64 * 1024)       /* and while draining */
#define READS_MAX    8                 /* in a row, then others have their turn */

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
bool
ev_session_flush(struct ev_session *session)
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

/* Say that nothing more will come, once all is sent. */
void
ev_session_half_close(struct ev_session *session)
{
	if (!ev_session_flush(session))
	{
		ev_session_poll(session, UV_READABLE | UV_WRITABLE);
		return;
	}
	if (session->tls.ssl != NULL && session->tls.up)
	{
		ev_tls_shutdown(&session->tls);
		ev_session_flush(session);
	}
	shutdown(session->fd, SHUT_WR);
	ev_session_poll(session, UV_READABLE);
}

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
			ev_session_flush(session); /* the alert */
			ev_trace_event(session, "TLS handshake failed");
			ev_smtp_event(&session->smtp, EV_SMTP_TLS_FAILED);
			return;
		}
		if (!tls->up)
			return;
		prober_count(session->prober, tls_total);
		session->state = EV_SESSION_TALKING;
		ev_trace_event(session, "TLS: %s, %s", SSL_get_version(tls->ssl),
		               SSL_get_cipher_name(tls->ssl));
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
		ev_trace_event(session, "closed by the peer");
		ev_smtp_event(&session->smtp, EV_SMTP_CLOSED);
	}
}

/* The reply to QUIT is of interest to readers of the dialogue only. */
static void
trace_farewell(struct ev_session *session, const char *bytes, size_t n)
{
	char clear[1024];

	if (session->trace == NULL)
		return;
	if (session->tls.ssl == NULL)
		ev_trace_bytes(session, '<', bytes, n);
	else if (ev_tls_feed(&session->tls, bytes, n) &&
	         (n = ev_tls_read(&session->tls, clear, sizeof(clear))) > 0)
		ev_trace_bytes(session, '<', clear, n);
}

/* As a fault in the code that reads from strangers would: for tests of those who have to survive it. */
static void
crash_if_asked(const struct ev_session *session)
{
	const struct rlimit no_core = {0, 0};

	for (size_t i = 0; i < session->smtp.n_rcpts; i++)
	{
		if (strcmp(session->rcpts[i].local, session->prober->config.crash_on) != 0)
			continue;
		setrlimit(RLIMIT_CORE, &no_core);
		raise(SIGSEGV);
	}
}

/* Read what there is. */
void
ev_session_read(struct ev_session *session)
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
		if (n > 0 && !draining && prober->config.crash_on[0] != '\0')
			crash_if_asked(session);
		if (n <= 0 || session->received > (draining ? DRAINED_MAX : RECEIVED_MAX))
		{
			if (!draining)
				ev_trace_event(session, n > 0    ? "too many bytes"
				                        : n == 0 ? "closed by the peer"
				                                 : "reset by the peer");
			ev_smtp_event(&session->smtp, EV_SMTP_CLOSED);
			break;
		}
		if (draining)
		{
			trace_farewell(session, prober->buffer, (size_t) n);
			continue;
		}
		if (session->tls.ssl != NULL)
			receive_tls(session, prober->buffer, (size_t) n);
		else
		{
			ev_trace_bytes(session, '<', prober->buffer, (size_t) n);
			ev_smtp_receive(&session->smtp, prober->buffer, (size_t) n);
		}
		/*
		 * the rest of a chunk with a 220 to STARTTLS has been dropped; what follows is cipher text
		 */
		if (session->smtp.done || session->smtp.action == EV_SMTP_START_TLS)
			break;
	}
}
