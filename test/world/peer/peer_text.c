/*
 * peer_text.c
 *		Turns a configured reply into the bytes that are sent.
 *
 * Escapes: \n ends a line (CRLF, or LF where the listener says so), \r \t \0 \\ \xHH are bytes.
 * Variables: %r the recipient, %h this host, %c the client's address, %e its EHLO name, %m its
 * MAIL FROM, %% a percent sign.  The caller adds no line end: a reply gets one unless it ends in
 * \c ("and nothing more"), which is how an unfinished line is written.
 */
#include <string.h>

#include "peer.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

typedef struct Sink
{
	char *out;
	size_t len;
	size_t size;
} Sink;

static void
put(Sink *k, const char *data, size_t len)
{
	if (len > k->size - k->len)
		len = k->size - k->len;
	memcpy(k->out + k->len, data, len);
	k->len += len;
}

static void
put_eol(Sink *k, const PeerSession *s)
{
	if (s->l->conf.lf)
		put(k, "\n", 1);
	else
		put(k, "\r\n", 2);
}

static const char *
variable(const PeerSession *s, const char *rcpt, char c)
{
	switch (c)
	{
		case 'r': return rcpt ? rcpt : "";
		case 'h': return s->l->conf.host;
		case 'c': return s->client;
		case 'e': return s->ehlo;
		case 'm': return s->mail;
		case '%': return "%";
		default: return NULL;
	}
}

/* Returns the length; never writes more than size bytes. */
size_t
peer_text_expand(const PeerSession *s, const char *rcpt, const char *text, char *out, size_t size)
{
	Sink k = {out, 0, size};

	for (const char *p = text; *p; p++)
	{
		const char *v;

		if (*p == '%' && p[1] && (v = variable(s, rcpt, p[1])) != NULL)
		{
			put(&k, v, strlen(v));
			p++;
			continue;
		}
		if (*p != '\\' || p[1] == '\0')
		{
			put(&k, p, 1);
			continue;
		}
		p++;
		switch (*p)
		{
			case 'n': put_eol(&k, s); break;
			case 'r': put(&k, "\r", 1); break;
			case 't': put(&k, "\t", 1); break;
			case '0': put(&k, "", 1); break;
			case 'c': return k.len;
			case 'x':
				if (hex(p[1]) >= 0 && hex(p[2]) >= 0)
				{
					char b = (char) (hex(p[1]) * 16 + hex(p[2]));

					put(&k, &b, 1);
					p += 2;
					break;
				}
				/* fall through */
			default: put(&k, p, 1);
		}
	}
	put_eol(&k, s);
	return k.len;
}
