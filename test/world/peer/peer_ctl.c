/*
 * peer_ctl.c
 *		The control port: one command a line, answered by data lines and then "OK" or "ERR why".
 *
 *		stats [LISTENER-GLOB]		key=value lines, of the whole process without a glob
 *		log [N]						the last N recipients, tab separated, oldest first
 *		reset						counters, log and the memory of stateful replies
 *		set LISTENER-GLOB KEY=VALUE...	as in the configuration file
 *		rule LISTENER-GLOB RCPT-GLOB REPLY...	goes before all older rules
 *		restore						configuration and rules as in the file, and reset
 *		listeners					name, address and whether it is bound
 *		quit
 *
 * Bound to 127.0.0.1 only.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

#define CTL_LINE  4096
#define CTL_OUT   (8u * 1024 * 1024)
#define CTL_WORDS 64

typedef struct Ctl
{
	uv_tcp_t tcp;
	size_t len;
	char line[CTL_LINE];
} Ctl;

typedef struct CtlWrite
{
	uv_write_t req;
	char data[];
} CtlWrite;

static uv_tcp_t ctl_server;
static char *out; /* one command is answered at a time */
static size_t out_len;

static void
say(const char *text)
{
	size_t len = strlen(text);

	if (out_len + len < CTL_OUT)
	{
		memcpy(out + out_len, text, len);
		out_len += len;
	}
}

static void
on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
ctl_close(Ctl *c)
{
	if (!uv_is_closing((uv_handle_t *) &c->tcp))
		uv_close((uv_handle_t *) &c->tcp, on_closed);
}

static void
on_written(uv_write_t *req, int status)
{
	(void) status;
	free(req);
}

static void
cmd_set(char **w, int n)
{
	char err[256];
	int matched = 0;

	for (PeerListener *l = peer.listeners; l; l = l->next)
	{
		PeerConf next = l->conf;

		if (fnmatch(w[1], l->name, FNM_CASEFOLD) != 0)
			continue;
		matched++;
		for (int i = 2; i < n; i++)
			if (!peer_conf_set(&next, w[i], err, sizeof(err)))
			{
				say("ERR ");
				say(err);
				say("\n");
				return;
			}
		if (next.fail_conns != l->conf.fail_conns)
			l->fail_left = next.fail_conns;
		l->conf = next;
	}
	say(matched ? "OK\n" : "ERR no such listener\n");
}

static void
cmd_rule(char **w, int n)
{
	char text[PEER_TEXT] = "";
	size_t used = 0;

	for (int i = 3; i < n && used < sizeof(text); i++)
		used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s", i > 3 ? " " : "", w[i]);
	if (used < sizeof(text) && peer_rule_add(w[1], w[2], text, true))
		say("OK\n");
	else
		say("ERR rule too long\n");
}

static void
cmd_listeners(void)
{
	char line[160];

	for (PeerListener *l = peer.listeners; l; l = l->next)
	{
		snprintf(line, sizeof(line), "%s\t%s\t%s\n", l->name, l->addr,
		         l->bound ? "bound" : "absent");
		say(line);
	}
	say("OK\n");
}

static void
cmd_restore(void)
{
	for (PeerListener *l = peer.listeners; l; l = l->next)
		l->conf = l->original;
	peer_rules_restore();
	peer_stats_reset();
	say("OK\n");
}

static void
cmd_stats(const char *glob)
{
	size_t n = peer_stats_print(glob, out + out_len, CTL_OUT - out_len);

	out_len += n;
	say(n ? "OK\n" : "ERR no such listener\n");
}

/* False if the connection is to be closed. */
static bool
command(char *line)
{
	char *w[CTL_WORDS];
	int n = peer_conf_words(line, w, CTL_WORDS);

	if (n == 0)
		return true;
	if (strcmp(w[0], "quit") == 0)
		return false;
	if (strcmp(w[0], "stats") == 0)
		cmd_stats(n > 1 ? w[1] : NULL);
	else if (strcmp(w[0], "log") == 0)
	{
		out_len += peer_log_print(n > 1 ? atoi(w[1]) : 0, out + out_len, CTL_OUT / 2);
		say("OK\n");
	}
	else if (strcmp(w[0], "reset") == 0)
	{
		peer_stats_reset();
		peer_rules_reset_state();
		say("OK\n");
	}
	else if (strcmp(w[0], "set") == 0 && n >= 3)
		cmd_set(w, n);
	else if (strcmp(w[0], "rule") == 0 && n >= 4)
		cmd_rule(w, n);
	else if (strcmp(w[0], "restore") == 0)
		cmd_restore();
	else if (strcmp(w[0], "listeners") == 0)
		cmd_listeners();
	else
		say("ERR what?\n");
	return true;
}

static void
ctl_flush(Ctl *c)
{
	CtlWrite *w;
	uv_buf_t buf;

	if (out_len == 0 || (w = malloc(sizeof(*w) + out_len)) == NULL)
		return;
	memcpy(w->data, out, out_len);
	buf = uv_buf_init(w->data, (unsigned) out_len);
	if (uv_write(&w->req, (uv_stream_t *) &c->tcp, &buf, 1, on_written) < 0)
		free(w);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char shared[CTL_LINE];

	(void) h;
	(void) suggested;
	*buf = uv_buf_init(shared, sizeof(shared));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	Ctl *c = stream->data;
	bool more = n >= 0;

	out_len = 0;
	uv_update_time(peer.loop);
	for (ssize_t i = 0; i < n && more; i++)
	{
		if (buf->base[i] != '\n')
		{
			if (c->len + 1 >= sizeof(c->line))
				more = false;
			else
				c->line[c->len++] = buf->base[i];
			continue;
		}
		if (c->len > 0 && c->line[c->len - 1] == '\r')
			c->len--;
		c->line[c->len] = '\0';
		c->len = 0;
		more = command(c->line);
	}
	ctl_flush(c);
	if (!more)
		ctl_close(c);
}

static void
on_connection(uv_stream_t *server, int status)
{
	Ctl *c;

	if (status < 0 || (c = calloc(1, sizeof(*c))) == NULL)
		return;
	uv_tcp_init(peer.loop, &c->tcp);
	c->tcp.data = c;
	if (uv_accept(server, (uv_stream_t *) &c->tcp) < 0 ||
	    uv_read_start((uv_stream_t *) &c->tcp, on_alloc, on_read) < 0)
		ctl_close(c);
}

bool
peer_ctl_listen(int port)
{
	struct sockaddr_in sa;
	int rc;

	out = malloc(CTL_OUT);
	if (!out)
		return false;
	uv_ip4_addr("127.0.0.1", port, &sa);
	uv_tcp_init(peer.loop, &ctl_server);
	rc = uv_tcp_bind(&ctl_server, (struct sockaddr *) &sa, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *) &ctl_server, 16, on_connection);
	if (rc < 0)
		fprintf(stderr, "control port %d: %s\n", port, uv_strerror(rc));
	return rc == 0;
}
