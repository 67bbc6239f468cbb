/*
 * fuzz_prober_frame.c
 *	  What a prober's process sends, read as the worker reads it.
 *
 * The bytes come through a socket as they would.  Held: nothing is read behind a frame; a message
 * that is accepted is one that could have been sent (made again, it is the same), its enums are in
 * range and its texts end and are printable ASCII; the same frames come whatever the chunks.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/opt_out.h"
#include "net/pipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
hold(bool fine)
{
	if (!fine)
		abort();
}

static void
check_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	hold(n < size);
	for (size_t i = 0; i < n; i++)
		hold(text[i] >= ' ' && text[i] <= '~');
}

static void
check_result(const struct ev_result *r)
{
	hold(r->verdict.reason < EV_N_REASON && r->verdict.detail < EV_N_DETAIL);
	hold(r->verdict.status == ev_reason_info(r->verdict.reason)->status);
	hold(r->evidence.stage < EV_N_STAGE && r->evidence.code <= 999);
	check_text(r->evidence.enhanced, sizeof(r->evidence.enhanced));
	check_text(r->evidence.rule, sizeof(r->evidence.rule));
	check_text(r->evidence.host, sizeof(r->evidence.host));
	check_text(r->evidence.address, sizeof(r->evidence.address));
	check_text(r->evidence.text, sizeof(r->evidence.text));
}

static void
check_domain(const struct ev_domain_fact *f)
{
	hold(f->reason < EV_N_REASON && f->detail < EV_N_DETAIL && f->n_hosts <= EV_DOMAIN_HOSTS);
	hold(f->opt_out < EV_N_OPT_OUT);
	check_text(f->domain, sizeof(f->domain));
	for (int i = 0; i < f->n_hosts; i++)
		check_text(f->hosts[i], sizeof(f->hosts[i]));
}

static void
check_message(const struct ev_message *m)
{
	switch (m->type)
	{
		case EV_MESSAGE_RESULT: check_result(&m->u.result); break;
		case EV_MESSAGE_DOMAIN_FACT: check_domain(&m->u.domain); break;
		case EV_MESSAGE_HOST_FACT:
			hold(m->u.host.random <= EV_RANDOM_OTHER_HOST);
			check_text(m->u.host.domain, sizeof(m->u.host.domain));
			check_text(m->u.host.host, sizeof(m->u.host.host));
			check_text(m->u.host.random_local, sizeof(m->u.host.random_local));
			break;
		case EV_MESSAGE_TRACE: check_text(m->u.trace.text, sizeof(m->u.trace.text)); break;
		case EV_MESSAGE_END: hold(false);
	}
}

/* It can be sent again, and is the same then. */
static void
check_again(const struct ev_message *m, enum ev_frame_type type)
{
	uint8_t frame[EV_FRAME_SIZE];
	struct ev_message again;
	size_t n = ev_frame_message(frame, m);

	memset(&again, 0, sizeof(again));
	hold(n >= EV_FRAME_HEADER && n <= EV_FRAME_SIZE && frame[2] == (uint8_t) type);
	hold(ev_frame_read_message(type, frame + EV_FRAME_HEADER, n - EV_FRAME_HEADER, &again) == NULL);
	hold(memcmp(m, &again, sizeof(again)) == 0);
}

/* Returns whether the sender would be kept. */
static bool
take(enum ev_frame_type type, const uint8_t *body, size_t n)
{
	/* of its size, so that reading behind it is found */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	struct ev_prober_stats stats;
	struct ev_message message;
	uint32_t confinement;
	const char *fault;
	bool busy;

	memset(&message, 0, sizeof(message));
	memcpy(exact, body, n);
	switch (type)
	{
		case EV_FRAME_HELLO: fault = ev_frame_read_hello(exact, n, &confinement); break;
		case EV_FRAME_PONG: fault = ev_frame_read_empty(exact, n); break;
		case EV_FRAME_STATS: fault = ev_frame_read_stats(exact, n, &stats, &busy); break;
		default: fault = ev_frame_read_message(type, exact, n, &message);
	}
	free(exact);
	if (fault == NULL && type >= EV_FRAME_RESULT)
	{
		check_message(&message);
		check_again(&message, type);
	}
	return fault == NULL;
}

/* All frames, with so many bytes coming at a time; returns a sum over what was taken. */
static uint64_t
run(const uint8_t *data, size_t size, size_t chunk)
{
	struct ev_pipe pipe;
	uint64_t sum = 0;
	int fds[2];

	hold(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	hold(ev_pipe_open(&pipe, fds[0], 0));
	while (size > 0)
	{
		size_t part = size < chunk ? size : chunk;
		enum ev_frame_type type;
		enum ev_pipe_next next;
		const uint8_t *body;
		size_t n;

		hold(send(fds[1], data, part, 0) == (ssize_t) part);
		data += part;
		size -= part;
		hold(ev_pipe_fill(&pipe) == part);
		while ((next = ev_pipe_next(&pipe, &type, &body, &n)) == EV_PIPE_FRAME)
		{
			sum = sum * 31 + n * 17 + type;
			if (!take(type, body, n))
			{
				size = 0;
				break;
			}
			sum++;
		}
		if (next == EV_PIPE_BROKEN)
			break;
	}
	ev_pipe_close(&pipe);
	shutdown(fds[1], SHUT_RDWR);
	close(fds[1]);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* what fits into a socket in one go */
	if (size > 32768)
		size = 32768;
	hold(run(data, size, 32768) == run(data, size, 7));
	return 0;
}
