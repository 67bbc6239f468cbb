/*
 * prober_child.c
 *	  The inside of a prober's process; see prober_child.h.
 *
 * Results are not sent one by one: each writing wakes the other process.  They wait a moment for
 * company, but not when they are the last that are asked for.
 */
#include "net/prober_child.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/confine.h"
#include "net/pipe_list.h"
#include "net/prober.h"

#define OUT_MAX    (1024 * 1024)
#define OUT_ENOUGH (16 * 1024)  /* is sent at once */
#define OUT_FULL   (256 * 1024) /* beyond that, results stay in the prober */
#define GATHER_MS  4            /* for which a message waits for company */
#define STATS_MS   100          /* between two looks at the counters */

struct child
{
	struct ev_pipe pipe;
	struct ev_prober *prober;
	int status;   /* with which to end; -1: not yet */
	bool confine; /* give up rights */

	struct ev_pipe_list lists[EV_N_LIST]; /* that are still being told */

	uint64_t gathering_since; /* 0: nothing waits to be sent */
	uint64_t counted_at;
	struct ev_prober_stats told; /* the counters as they were sent */
	bool told_busy;
};

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* Room for a frame, or NULL: the other end has asked for more than it reads. */
static uint8_t *
reserve(struct child *c)
{
	uint8_t *frame = ev_pipe_reserve(&c->pipe);

	if (frame == NULL)
		c->status = EV_EXIT_TROUBLE;
	else if (c->gathering_since == 0)
		c->gathering_since = now_ms();
	return frame;
}

/* --- what has come ----------------------------------------------------------------------------- */

/* Who cannot even be taken is given back. */
static void
give_back(struct child *c, uint64_t id)
{
	struct ev_message message = {.type = EV_MESSAGE_RESULT};
	uint8_t *frame = reserve(c);

	message.u.result.id = id;
	message.u.result.put_back = true;
	message.u.result.verdict = ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_NONE);
	if (frame != NULL)
		ev_pipe_add(&c->pipe, ev_frame_message(frame, &message));
}

static const char *
take_request(struct child *c, const uint8_t *body, size_t n)
{
	struct ev_request request;
	const char *fault = ev_frame_read_request(body, n, &request);

	if (fault == NULL && ev_prober_submit(c->prober, &request, 1) != 1)
		give_back(c, request.id);
	return fault;
}

/* A list that is whole, or another frame of one. */
static const char *
use_list(struct child *c, enum ev_list_of of, const char *fault, bool whole)
{
	struct ev_pipe_list *list = &c->lists[of];
	bool ok = !ev_pipe_list_failed(list);

	if (whole)
	{
		ok = of == EV_LIST_POLICIES ? ev_prober_set_policies(c->prober, list->items, list->n)
		                            : ev_prober_set_rules(c->prober, list->items, list->n);
		ev_pipe_list_clear(list);
	}
	if (!ok)
		c->status = EV_EXIT_TROUBLE;
	return fault;
}

static const char *
begin_list(struct child *c, enum ev_list_of of, const uint8_t *body, size_t n)
{
	bool whole;
	const char *fault = ev_pipe_list_begin(&c->lists[of], of, body, n, &whole);

	return use_list(c, of, fault, whole);
}

static const char *
take_item(struct child *c, enum ev_list_of of, const uint8_t *body, size_t n)
{
	bool whole;
	const char *fault = ev_pipe_list_add(&c->lists[of], of, body, n, &whole);

	return use_list(c, of, fault, whole);
}

static const char *
take_config(struct child *c, const uint8_t *body, size_t n)
{
	struct ev_prober_config config;
	char error[256];
	const char *fault = ev_frame_read_config(body, n, &config);

	if (fault != NULL)
		return fault;
	if (c->confine)
		(void) ev_confine_limits(&config);
	if (!ev_prober_configure(c->prober, &config, error, sizeof(error)))
		c->status = EV_EXIT_SETTINGS;
	return NULL;
}

static const char *
take_ping(struct child *c, const uint8_t *body, size_t n)
{
	const char *fault = ev_frame_read_empty(body, n);
	uint8_t *frame = fault == NULL ? reserve(c) : NULL;

	if (frame != NULL)
		ev_pipe_add(&c->pipe, ev_frame_empty(frame, EV_FRAME_PONG));
	return fault;
}

static const char *
take_forget(struct child *c, const uint8_t *body, size_t n)
{
	const char *fault = ev_frame_read_empty(body, n);

	if (fault == NULL)
		ev_prober_forget(c->prober);
	return fault;
}

static const char *
take_cancel(struct child *c, const uint8_t *body, size_t n)
{
	const char *fault = ev_frame_read_empty(body, n);

	if (fault == NULL)
		ev_prober_cancel(c->prober);
	return fault;
}

static const char *
take_examine(struct child *c, const uint8_t *body, size_t n)
{
	struct ev_health_request request;
	const char *fault = ev_frame_read_examine(body, n, &request);

	if (fault == NULL)
		ev_prober_examine(c->prober, &request);
	return fault;
}

static const char *
take_frame(struct child *c, enum ev_frame_type type, const uint8_t *body, size_t n)
{
	switch (type)
	{
		case EV_FRAME_CONFIG: return take_config(c, body, n);
		case EV_FRAME_POLICIES: return begin_list(c, EV_LIST_POLICIES, body, n);
		case EV_FRAME_POLICY: return take_item(c, EV_LIST_POLICIES, body, n);
		case EV_FRAME_RULES: return begin_list(c, EV_LIST_RULES, body, n);
		case EV_FRAME_RULE: return take_item(c, EV_LIST_RULES, body, n);
		case EV_FRAME_REQUEST: return take_request(c, body, n);
		case EV_FRAME_EXAMINE: return take_examine(c, body, n);
		case EV_FRAME_FORGET: return take_forget(c, body, n);
		case EV_FRAME_CANCEL: return take_cancel(c, body, n);
		case EV_FRAME_PING: return take_ping(c, body, n);
		default: return "a frame of a type that it must not have";
	}
}

static void
take_frames(struct child *c)
{
	enum ev_frame_type type;
	enum ev_pipe_next next;
	const uint8_t *body;
	size_t n;

	(void) ev_pipe_fill(&c->pipe);
	while (c->status < 0 && (next = ev_pipe_next(&c->pipe, &type, &body, &n)) != EV_PIPE_NOTHING)
		if (next == EV_PIPE_BROKEN || take_frame(c, type, body, n) != NULL)
			c->status = EV_EXIT_PROTOCOL;
	if (c->pipe.ended && c->status < 0)
		c->status = 0;
}

/* --- what is to be sent ------------------------------------------------------------------------ */

static void
gather_messages(struct child *c)
{
	struct ev_message message;

	while (c->status < 0 && ev_pipe_waiting(&c->pipe) < OUT_FULL &&
	       ev_prober_collect(c->prober, &message, 1) == 1)
	{
		uint8_t *frame = reserve(c);

		if (frame != NULL)
			ev_pipe_add(&c->pipe, ev_frame_message(frame, &message));
	}
}

/* Of the name servers, also what their trials say. */
static bool
servers_are_as_told(const struct child *c, const struct ev_prober_stats *now)
{
	if (now->n_servers != c->told.n_servers)
		return false;
	for (uint32_t i = 0; i < now->n_servers; i++)
	{
		const struct ev_server_stats *a = &now->servers[i];
		const struct ev_server_stats *b = &c->told.servers[i];

		if (a->queries != b->queries || a->trust != b->trust || a->next_trial != b->next_trial ||
		    strcmp(a->address, b->address) != 0)
			return false;
	}
	return true;
}

/*
 * The counters, if they have changed.  *wait: ms until the prober has something to do; then until the
 * counters are to be looked at again, if that is sooner.
 */
static void
gather_stats(struct child *c, const struct ev_prober_stats *now, int *wait)
{
	bool busy = *wait >= 0;
	uint64_t time = now_ms();
	uint64_t since = time - c->counted_at;
	uint8_t *frame;

	if (busy == c->told_busy && now->sessions == c->told.sessions &&
	    now->lookups == c->told.lookups && now->sessions_total == c->told.sessions_total &&
	    now->lookups_total == c->told.lookups_total && now->rcpts_total == c->told.rcpts_total &&
	    now->tls_total == c->told.tls_total && servers_are_as_told(c, now))
		return;
	if (since < STATS_MS && now->requests > 0)
	{
		int left = (int) (STATS_MS - since);

		*wait = *wait < 0 || left < *wait ? left : *wait;
		return;
	}
	frame = reserve(c);
	if (frame == NULL)
		return;
	ev_pipe_add(&c->pipe, ev_frame_stats(frame, now, busy));
	c->told = *now;
	c->told_busy = busy;
	c->counted_at = time;
}

/* Send what is ripe; *wait: ms until something is, or as it was.  False: the socket is full. */
static bool
send_ripe(struct child *c, const struct ev_prober_stats *now, int *wait)
{
	size_t waiting = ev_pipe_waiting(&c->pipe);
	uint64_t since;

	if (waiting == 0)
		return true;
	since = now_ms() - c->gathering_since;
	if (waiting < OUT_ENOUGH && now->requests > 0 && since < GATHER_MS)
	{
		int left = (int) (GATHER_MS - since);

		*wait = *wait < 0 || left < *wait ? left : *wait;
		return true;
	}
	ev_pipe_flush(&c->pipe);
	if (ev_pipe_waiting(&c->pipe) > 0)
		return false;
	c->gathering_since = 0;
	return true;
}

/* --- its life ---------------------------------------------------------------------------------- */

static void
serve(struct child *c)
{
	while (c->status < 0)
	{
		struct pollfd fds[2] = {{.fd = c->pipe.fd, .events = POLLIN},
		                        {.fd = ev_prober_fd(c->prober), .events = POLLIN}};
		struct ev_prober_stats stats;
		int wait;

		take_frames(c);
		ev_prober_run(c->prober);
		gather_messages(c);
		ev_prober_stats(c->prober, &stats);
		wait = ev_prober_deadline(c->prober);
		gather_stats(c, &stats, &wait);

		/* with the socket full, what the prober holds for the other end is no reason to go on */
		if (!send_ripe(c, &stats, &wait))
		{
			fds[0].events |= POLLOUT;
			if (wait == 0 && ev_pipe_waiting(&c->pipe) >= OUT_FULL)
				wait = GATHER_MS;
		}
		if (c->status < 0)
			(void) poll(fds, 2, wait);
	}
}

/* Wait for the settings, which come first. */
static bool
await_config(struct child *c, struct ev_prober_config *config)
{
	enum ev_frame_type type;
	const uint8_t *body;
	size_t n;

	while (!ev_pipe_has_next(&c->pipe))
	{
		struct pollfd fd = {.fd = c->pipe.fd, .events = POLLIN};

		(void) poll(&fd, 1, -1);
		(void) ev_pipe_fill(&c->pipe);
		if (c->pipe.ended && !ev_pipe_has_next(&c->pipe))
		{
			c->status = 0;
			return false;
		}
	}
	if (ev_pipe_next(&c->pipe, &type, &body, &n) == EV_PIPE_FRAME && type == EV_FRAME_CONFIG &&
	    ev_frame_read_config(body, n, config) == NULL)
		return true;
	c->status = EV_EXIT_PROTOCOL;
	return false;
}

static void
set_up(struct child *c)
{
	struct ev_prober_config config;
	char error[256];
	uint32_t confinement = 0;
	uint8_t *frame;
	bool limits;

	if (!await_config(c, &config))
		return;
	if (c->confine)
		(void) ev_confine_io_uring();
	c->prober = ev_prober_create(&config, error, sizeof(error));
	if (c->prober == NULL)
	{
		fprintf(stderr, "email_verify_prober: %s\n", error);
		c->status = EV_EXIT_SETTINGS;
		return;
	}
	if (c->confine)
	{
		limits = ev_confine_limits(&config);
		confinement = ev_confine(&config, limits);
	}
	frame = reserve(c);
	if (frame != NULL)
		ev_pipe_add(&c->pipe, ev_frame_hello(frame, confinement));
	ev_pipe_flush(&c->pipe);
}

int
ev_prober_child(int fd, bool confine)
{
	struct child child = {.status = -1, .confine = confine};

	if (!ev_pipe_open(&child.pipe, fd, OUT_MAX))
		return EV_EXIT_TROUBLE;
	set_up(&child);
	if (child.prober != NULL)
		serve(&child);
	ev_prober_destroy(child.prober);
	for (int of = 0; of < EV_N_LIST; of++)
		ev_pipe_list_clear(&child.lists[of]);
	ev_pipe_close(&child.pipe);
	return child.status;
}
