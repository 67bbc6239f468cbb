/*
 * session_connect.c
 *	  How a session gets its connection, or learns that there is none.
 *
 * Plain sockets under uv_poll_t rather than uv_tcp_t: MSG_NOSIGNAL keeps SIGPIPE away whatever the
 * process does with it, a source address is bound before connecting, and errno is seen as it is.
 */
#include "net/session_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "net/trace.h"

static enum ev_outcome
outcome_of_errno(int error)
{
	switch (error)
	{
		case ECONNREFUSED: return EV_OUTCOME_REFUSED;
		case EPIPE:
		case ECONNRESET: return EV_OUTCOME_CLOSED; /* it stood for a moment */
		case ETIMEDOUT: return EV_OUTCOME_TIMEOUT;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
		case EADDRNOTAVAIL: /* no port is left for that peer */
		case EAFNOSUPPORT: return EV_OUTCOME_NO_SOCKET;
		default: return EV_OUTCOME_UNREACHABLE;
	}
}

static void
fail_to_connect(struct ev_session *session, int error)
{
	ev_trace_event(session, "%s", strerror(error));
	session->outcome = outcome_of_errno(error);
}

/* The socket has become writable, or has an error. */
void
ev_session_connected(struct ev_session *session)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(session->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error != 0)
	{
		fail_to_connect(session, error);
		ev_session_close(session);
		ev_session_give_outcome(session);
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
	ev_trace_event(session, "connected");
	ev_egress_connected(session->prober, &session->ip);
	session->state = EV_SESSION_TALKING;
	ev_session_proceed(session);
}

/* Bind to the configured source address, if there is one for the family. */
static bool
bind_source(struct ev_session *session)
{
	const struct ev_prober_config *config = &session->prober->config;
	const char *source = session->ip.v6 ? config->source_v6 : config->source_v4;
	struct sockaddr_storage address;
	struct ev_ip ip;
	int on = 1;

	if (source[0] == '\0')
		return true;
	if (!ev_ip_parse(source, &ip) || ip.v6 != session->ip.v6)
		return false;
	/* a port is chosen when connecting: one may then serve connections to several peers */
	setsockopt(session->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(session->fd, (struct sockaddr *) &address, ev_ip_sockaddr(&ip, 0, &address)) == 0;
}

bool
ev_session_connect(struct ev_session *session, size_t n_rcpts)
{
	struct ev_prober *prober = session->prober;
	struct sockaddr_storage address;
	socklen_t len;

	if (prober->config.trace || prober->config.transcripts != EV_TRANSCRIPTS_OFF)
		session->trace = ev_trace_new(session, n_rcpts);
	ev_trace_event(session, "connecting to %s [%s]:%u", session->host, session->ip_text,
	               prober->config.smtp_port);
	/* again, since the route may be older than the setting */
	if (!ev_ip_may_connect(&session->ip, &prober->config, &prober->nat64))
	{
		ev_trace_event(session, "refused: no public address");
		session->outcome = EV_OUTCOME_TARGET_REFUSED;
		return false;
	}
	session->fd =
		socket(session->ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (session->fd < 0)
	{
		ev_trace_event(session, "no socket: %s", strerror(errno));
		session->outcome = EV_OUTCOME_NO_SOCKET;
		return false;
	}
	if (!bind_source(session))
	{
		ev_trace_event(session, "cannot use the source address");
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
	ev_session_poll(session, UV_WRITABLE);
	ev_session_start_timer(session, session->config.timeout.connect);
	return true;
}
