/*
 * peer_listen.c
 *		Listening sockets, and the birth and death of sessions.
 *
 * Only loopback addresses are bound; anything else in the configuration is an error, since this
 * program answers whatever it is asked.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

#define BACKLOG 4096

static bool
parse_addr(const char *text, int port, struct sockaddr_storage *ss)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *) ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ss;

	memset(ss, 0, sizeof(*ss));
	if (uv_ip4_addr(text, port, v4) == 0)
		return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
	return uv_ip6_addr(text, port, v6) == 0 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void
on_handle_closed(uv_handle_t *h)
{
	PeerSession *s = h->data;

	if (--s->handles > 0)
		return;
	peer_out_free(s);
	peer_tls_free(s);
	free(s);
}

void
peer_session_close(PeerSession *s, bool rst)
{
	if (s->closed)
		return;
	s->closed = true;
	s->l->stats.current--;
	peer.total.current--;
	uv_close((uv_handle_t *) &s->timer, on_handle_closed);
	if (!rst || uv_tcp_close_reset(&s->tcp, on_handle_closed) < 0)
		uv_close((uv_handle_t *) &s->tcp, on_handle_closed);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	/* one loop, and the bytes are used before the next read: one buffer serves all sessions */
	static char shared[65536];

	(void) h;
	(void) suggested;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	PeerSession *s = stream->data;

	if (n == 0 || s->closed)
		return;
	if (n < 0)
	{
		if (n == UV_ECONNRESET)
			PEER_COUNT(s->l, rsts);
		if (!s->quit && !s->ending)
			PEER_COUNT(s->l, lost);
		peer_session_close(s, false);
		return;
	}
	if (s->tls_broken)
	{
		static const char noise[] = "this is not a TLS record, and never will be one\r\n";

		peer_write_raw(s, noise, sizeof(noise) - 1);
		return;
	}
	if (s->ssl)
		peer_tls_input(s, buf->base, (size_t) n);
	else
		peer_session_input(s, buf->base, (size_t) n);
}

/* Stop reading from a client that asks faster than it takes answers; go on when it has. */
void
peer_session_pace(PeerSession *s)
{
	size_t owed = s->out_bytes + s->writing;

	if (s->closed)
		return;
	if (!s->paused && owed > PEER_OUT_MAX)
	{
		s->paused = true;
		uv_read_stop((uv_stream_t *) &s->tcp);
	}
	else if (s->paused && owed < PEER_OUT_MAX / 2)
	{
		s->paused = false;
		uv_read_start((uv_stream_t *) &s->tcp, on_alloc, on_read);
	}
}

static void
on_connection(uv_stream_t *server, int status)
{
	PeerListener *l = server->data;
	PeerSession *s;
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	if (status < 0 || (s = calloc(1, sizeof(*s))) == NULL)
		return;
	s->l = l;
	s->tcp.data = s->timer.data = s;
	s->handles = 2;
	uv_tcp_init(peer.loop, &s->tcp);
	uv_timer_init(peer.loop, &s->timer);
	l->stats.current++;
	peer.total.current++;
	if (uv_accept(server, (uv_stream_t *) &s->tcp) < 0)
	{
		peer_session_close(s, false);
		return;
	}
	uv_tcp_nodelay(&s->tcp, 1);
	if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *) &ss, &len) == 0)
	{
		if (ss.ss_family == AF_INET)
			uv_ip4_name((struct sockaddr_in *) &ss, s->client, sizeof(s->client));
		else
			uv_ip6_name((struct sockaddr_in6 *) &ss, s->client, sizeof(s->client));
	}
	s->id = ++peer.next_id;
	PEER_COUNT(l, sessions);
	PEER_MAX(l, peak, l->stats.current);
	if (peer.total.current > peer.total.peak)
		peer.total.peak = peer.total.current;
	if (uv_read_start((uv_stream_t *) &s->tcp, on_alloc, on_read) < 0)
	{
		peer_session_close(s, false);
		return;
	}
	peer_session_start(s);
}

/*
 * An address on which connecting neither succeeds nor fails: a backlog that our own connections
 * have filled.  Linux then drops further SYNs, and the client runs into its time-out.
 */
static bool
make_blackhole(const struct sockaddr *sa, socklen_t len)
{
	int on = 1;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, sa, len) < 0 || listen(fd, 0) < 0)
		return false;
	for (int i = 0; i < 4; i++)
	{
		int c = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		/* kept open until the process ends; EINPROGRESS is the expected answer */
		if (c >= 0)
			(void) !connect(c, sa, len);
	}
	return true;
}

static int
listen_one(PeerListener *l)
{
	struct sockaddr_storage ss;
	int rc;

	if (!parse_addr(l->addr, peer.smtp_port, &ss))
		return UV_EADDRNOTAVAIL;
	if (l->conf.blackhole)
		return make_blackhole((struct sockaddr *) &ss, ss.ss_family == AF_INET
		                                                   ? sizeof(struct sockaddr_in)
		                                                   : sizeof(struct sockaddr_in6))
		           ? 0
		           : UV_EADDRINUSE;
	uv_tcp_init(peer.loop, &l->tcp);
	l->tcp.data = l;
	rc = uv_tcp_bind(&l->tcp, (struct sockaddr *) &ss,
	                 ss.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *) &l->tcp, BACKLOG, on_connection);
	if (rc < 0)
		uv_close((uv_handle_t *) &l->tcp, NULL);
	return rc;
}

bool
peer_listen_all(void)
{
	for (PeerListener *l = peer.listeners; l; l = l->next)
	{
		int rc = listen_one(l);

		l->bound = rc == 0;
		if (rc < 0 && !l->conf.optional)
		{
			fprintf(stderr, "listener %s: %s port %d: %s\n", l->name, l->addr, peer.smtp_port,
			        uv_strerror(rc));
			return false;
		}
	}
	return true;
}
