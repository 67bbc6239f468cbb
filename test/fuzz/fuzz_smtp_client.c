/*
 * fuzz_smtp_client.c
 *	  A whole session with a peer that says what the fuzzer says.
 *
 * The first byte holds settings.  Then a byte 0x01 ends a turn of the peer's (what we have to say
 * is taken), 0x02 to 0x07 are events, all else is what the peer says.  Held: bounds, one outcome
 * for each recipient, no line of ours that is no command, and the same session whether a turn comes
 * at once or byte by byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/smtp_client.h"

#define N 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ev_smtp_config config;

struct session
{
	struct ev_smtp smtp;
	struct ev_smtp_rcpt rcpts[N];
};

static struct session one, two;

static void
start(struct session *session)
{
	static const char *const locals[N] = {"ann", "bob", "j\xc3\xb6rg", "cid", "\xc3\xa4"};

	memset(session, 0, sizeof(*session));
	for (size_t i = 0; i < N; i++)
	{
		strcpy(session->rcpts[i].local, locals[i]);
		session->rcpts[i].eai = (locals[i][0] | locals[i][1]) & 0x80;
	}
	ev_smtp_init(&session->smtp, &config, session->rcpts, N);
}

static void
take_output(struct ev_smtp *smtp)
{
	static const char *const verbs[] = {"EHLO ",     "HELO ",    "STARTTLS\r\n", "MAIL FROM:<",
	                                    "RCPT TO:<", "RSET\r\n", "QUIT\r\n"};
	const char *out;
	size_t n = ev_smtp_output(smtp, &out);

	for (const char *line = out; line < out + n;)
	{
		const char *end = memchr(line, '\n', (size_t) (out + n - line));
		size_t i;

		for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		{
			if ((size_t) (out + n - line) >= strlen(verbs[i]) &&
			    memcmp(line, verbs[i], strlen(verbs[i])) == 0)
				break;
		}
		if (end == NULL || i == sizeof(verbs) / sizeof(verbs[0]))
			abort();
		line = end + 1;
	}
	ev_smtp_sent(smtp, n);
}

static void
compare(const struct ev_smtp_rcpt *a, const struct ev_smtp_rcpt *b)
{
	if (a->outcome != b->outcome || a->stage != b->stage || a->asked != b->asked ||
	    a->tls != b->tls || a->reply.code != b->reply.code ||
	    strcmp(a->reply.text, b->reply.text) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum ev_smtp_event events[] = {
		EV_SMTP_TLS_UP,    EV_SMTP_TLS_FAILED,        EV_SMTP_CLOSED,
		EV_SMTP_TIMED_OUT, EV_SMTP_SESSION_TIMED_OUT, EV_SMTP_CANCEL};

	if (size == 0)
		return 0;
	strcpy(config.helo_name, "probe.example.org");
	strcpy(config.mail_from, "check@example.org");
	strcpy(config.domain, "example.com");
	strcpy(config.random_local, "made.up");
	config.ask_random = data[0] & 1;
	config.use_tls = data[0] & 2;
	config.use_pipelining = data[0] & 4;
	config.rcpt_per_transaction = (uint16_t) (1 + (data[0] >> 3 & 3));
	config.max_refused = data[0] >> 5 & 3;
	start(&one);
	start(&two);
	for (size_t i = 1; i < size;)
	{
		size_t n = 0;

		while (i + n < size && (data[i + n] == 0 || data[i + n] > 7))
			n++;
		ev_smtp_receive(&one.smtp, (const char *) data + i, n);
		for (size_t k = 0; k < n; k++)
			ev_smtp_receive(&two.smtp, (const char *) data + i + k, 1);
		i += n;
		if (i < size && data[i] > 1)
		{
			ev_smtp_event(&one.smtp, events[data[i] - 2]);
			ev_smtp_event(&two.smtp, events[data[i] - 2]);
		}
		i++;
		take_output(&one.smtp);
		take_output(&two.smtp);
		if (ev_smtp_timeout(&one.smtp) != 0 || one.smtp.done != two.smtp.done ||
		    one.smtp.action != two.smtp.action)
			abort();
	}
	if (!one.smtp.done)
	{
		ev_smtp_event(&one.smtp, EV_SMTP_CLOSED);
		ev_smtp_event(&two.smtp, EV_SMTP_CLOSED);
	}
	if (!one.smtp.done)
		abort();
	for (size_t i = 0; i < N; i++)
	{
		const struct ev_smtp_rcpt *rcpt = &one.rcpts[i];

		compare(rcpt, &two.rcpts[i]);
		/* nobody is accepted but by a reply to a RCPT of his own */
		if (rcpt->outcome == EV_OUTCOME_REPLY && rcpt->stage == EV_STAGE_RCPT && !rcpt->asked)
			abort();
		if (rcpt->outcome == EV_OUTCOME_REPLY && rcpt->reply.code / 100 == 2 &&
		    rcpt->stage != EV_STAGE_RCPT && !rcpt->no_smtputf8)
			abort();
	}
	compare(&one.smtp.random, &two.smtp.random);
	return 0;
}
