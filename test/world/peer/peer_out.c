/*
 * peer_out.c
 *		The output side of a session: when bytes leave, and in what portions.
 *
 * Replies are queued with the time they are due.  That time is the arrival of the bytes that
 * caused them plus the listener's latency, so a pipelined group costs one latency, as a round
 * trip does; the per-stage delays come on top, one after the other, as a slow server's would.
 * Everything that is due together leaves in one segment, unless the listener drips or chunks.
 */
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define FLOOD_PIECE 4096
#define FLOOD_MAX   (32u * 1024 * 1024) /* an endless reply ends here, should nobody hang up */
#define LINGER_MS   10000               /* how long the client may take to close after our FIN */

typedef struct WriteReq
{
	uv_write_t req;
	PeerSession *s;
	size_t len;
	char data[];
} WriteReq;

static void flood(PeerSession *s);

static void
on_written(uv_write_t *req, int status)
{
	WriteReq *w = (WriteReq *) req;
	PeerSession *s = w->s;

	s->writing -= w->len;
	free(w);
	if (s->closed)
		return;
	if (status < 0)
	{
		if (status == UV_ECONNRESET || status == UV_EPIPE)
		{
			PEER_COUNT(s->l, rsts);
			if (!s->quit && !s->ending)
				PEER_COUNT(s->l, lost);
		}
		peer_session_close(s, false);
		return;
	}
	if (s->flooding != ACT_NONE && s->writing == 0)
		flood(s);
	else
		peer_session_pace(s);
}

/* Bytes to the socket, as they are.  False if the session has been closed. */
bool
peer_write_raw(PeerSession *s, const char *data, size_t len)
{
	WriteReq *w;
	uv_buf_t buf;

	if (s->closed)
		return false;
	if (len == 0)
		return true;
	w = malloc(sizeof(*w) + len);
	if (!w)
	{
		peer_session_close(s, true);
		return false;
	}
	w->s = s;
	w->len = len;
	memcpy(w->data, data, len);
	buf = uv_buf_init(w->data, (unsigned) len);
	s->writing += len;
	if (uv_write(&w->req, (uv_stream_t *) &s->tcp, &buf, 1, on_written) < 0)
	{
		s->writing -= len;
		free(w);
		peer_session_close(s, false);
		return false;
	}
	return true;
}

static bool
write_out(PeerSession *s, const char *data, size_t len)
{
	return s->ssl ? peer_tls_write(s, data, len) : peer_write_raw(s, data, len);
}

static void
flood(PeerSession *s)
{
	char piece[FLOOD_PIECE];

	if (s->flooded >= FLOOD_MAX)
	{
		peer_session_close(s, true);
		return;
	}
	if (s->flooding == ACT_FLOOD_LINE)
		memset(piece, 'a', sizeof(piece));
	else
	{
		/* 64 lines of 64 bytes, all of them continued */
		memset(piece, 'b', sizeof(piece));
		for (size_t i = 0; i < sizeof(piece); i += 64)
		{
			memcpy(piece + i, "250-", 4);
			memcpy(piece + i + 62, "\r\n", 2);
		}
	}
	s->flooded += sizeof(piece);
	write_out(s, piece, sizeof(piece));
}

static void
on_linger(uv_timer_t *t)
{
	peer_session_close(t->data, false);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	PeerSession *s = req->data;

	(void) status;
	free(req);
	if (!s->closed)
		uv_timer_start(&s->timer, on_linger, LINGER_MS, 0);
}

/*
 * End the session from this side.  With FIN the client's own close is waited for: closing at
 * once would send a RST over any bytes still unread, and a test could not tell whose fault it is.
 */
static void
end_session(PeerSession *s, bool rst)
{
	uv_shutdown_t *req;

	s->ending = true;
	s->mute = true;
	if (!s->quit)
		PEER_COUNT(s->l, hung_up);
	if (!rst)
		peer_tls_bye(s);
	if (s->closed)
		return;
	if (rst || (req = malloc(sizeof(*req))) == NULL)
	{
		peer_session_close(s, true);
		return;
	}
	req->data = s;
	if (uv_shutdown(req, (uv_stream_t *) &s->tcp, on_shutdown) < 0)
	{
		free(req);
		peer_session_close(s, false);
	}
}

static void
after_item(PeerSession *s, PeerAction action)
{
	switch (action)
	{
		case ACT_NONE: break;
		case ACT_END: end_session(s, s->l->conf.rst != 0); break;
		case ACT_RST: end_session(s, true); break;
		case ACT_STARTTLS:
			s->await_tls = false;
			s->helo_done = s->mail_done = false;
			if (!peer_tls_start(s))
				peer_session_close(s, true);
			break;
		case ACT_TLS_BROKEN:
			s->await_tls = false;
			s->tls_broken = true;
			break;
		case ACT_FLOOD_LINE:
		case ACT_FLOOD_REPLY:
			s->mute = true;
			s->flooding = action;
			flood(s);
			break;
	}
}

static void
on_timer(uv_timer_t *t)
{
	peer_out_run(t->data);
}

/* Take from the queue what is due now, up to and including the first item with an action. */
static size_t
collect(PeerSession *s, uint64_t now, char *buf, size_t size, PeerAction *after)
{
	size_t portion = SIZE_MAX;
	uint64_t pause = 0;
	size_t n = 0;

	*after = ACT_NONE;
	if (s->l->conf.drip_ms > 0)
	{
		portion = 1;
		pause = (uint64_t) s->l->conf.drip_ms;
	}
	else if (s->l->conf.chunk > 0)
	{
		portion = (size_t) s->l->conf.chunk;
		pause = (uint64_t) (s->l->conf.chunk_ms > 0 ? s->l->conf.chunk_ms : 1);
	}
	while (s->head && s->head->due <= now && n < size)
	{
		PeerOut *o = s->head;
		size_t take = o->len - o->off;

		if (take > size - n)
			take = size - n;
		if (take > portion)
			take = portion;
		memcpy(buf + n, o->data + o->off, take);
		n += take;
		o->off += take;
		s->out_bytes -= take;
		if (o->off < o->len)
		{
			o->due = now + pause;
			break;
		}
		s->head = o->next;
		if (!s->head)
			s->tail = NULL;
		*after = o->after;
		free(o);
		if (*after != ACT_NONE || pause > 0)
			break;
	}
	if (pause > 0 && s->head && s->head->due < now + pause)
		s->head->due = now + pause;
	return n;
}

/* Send what is due, do what follows it, and set the timer for the rest. */
void
peer_out_run(PeerSession *s)
{
	char buf[8192];

	uv_update_time(peer.loop);
	while (!s->closed && !s->ending && s->flooding == ACT_NONE && s->head)
	{
		uint64_t now = uv_now(peer.loop);
		PeerAction after;
		size_t n;

		if (s->head->due > now)
		{
			uv_timer_start(&s->timer, on_timer, s->head->due - now, 0);
			break;
		}
		s->greeted = true;
		n = collect(s, now, buf, sizeof(buf), &after);
		if (!write_out(s, buf, n))
			return;
		after_item(s, after);
	}
	peer_session_pace(s);
}

void
peer_out_push(PeerSession *s, const char *data, size_t len, int delay_ms, PeerAction after)
{
	PeerOut *o = malloc(sizeof(*o) + len);

	if (!o)
	{
		peer_session_close(s, true);
		return;
	}
	o->next = NULL;
	o->due = (s->last_due > s->group_due ? s->last_due : s->group_due) +
	         (uint64_t) (delay_ms > 0 ? delay_ms : 0);
	s->last_due = o->due;
	o->len = len;
	o->off = 0;
	o->after = after;
	memcpy(o->data, data, len);
	s->out_bytes += len;
	if (s->tail)
		s->tail->next = o;
	else
		s->head = o;
	s->tail = o;
}

void
peer_out_free(PeerSession *s)
{
	while (s->head)
	{
		PeerOut *o = s->head;

		s->head = o->next;
		free(o);
	}
	s->tail = NULL;
}
