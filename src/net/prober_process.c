/*
 * prober_process.c
 *	  A prober in a process of its own, as its user sees it: see ev_prober_create_process().
 *
 * Frames go out in the order of the calls, so what is submitted behind new settings or policies meets
 * them.  Results stay in the pipe's buffer until they are collected.  The descriptor for the caller
 * is an epoll of our own: it stays the same when a process and its socket are replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/confine.h"
#include "net/dns_servers.h"
#include "net/id_set.h"
#include "net/internal.h"
#include "net/pipe_list.h"
#include "net/prober_ops.h"
#include "net/spawn.h"

#define BACKOFF_FIRST 1000
#define BACKOFF_MAX   60000
#define GOOD_RUN      60000 /* who ran so long (ms) starts with the first back-off again */

/* A process that owes us something is asked for a sign of life, and ended if there is none. */
#ifndef SILENCE_PING /* a test is less patient */
#define SILENCE_PING 15000
#define SILENCE_END  45000
#endif

/* Bytes that may wait to be written: settings and policies, and each request that may be there. */
#define OUT_MAX_BASE        (8 * 1024 * 1024)
#define OUT_MAX_PER_REQUEST 1024

struct process
{
	const struct ev_prober_ops *ops; /* first: see prober_ops.h */
	char *program;
	int epoll;
	uint32_t events; /* that epoll waits for on the socket */

	/* what a new process has to be told */
	struct ev_prober_config config; /* with name servers filled in */
	struct ev_ports ports;          /* that the process may connect to */
	struct ev_pipe_list lists[EV_N_LIST];

	pid_t pid; /* 0: none, or it has ended */
	struct ev_pipe pipe;
	bool greeted; /* it said HELLO */
	uint64_t started_at;
	uint64_t heard_at;
	uint64_t pinged_at; /* 0: no answer is owed */

	bool ended; /* `end` is to be collected, behind what else has come */
	struct ev_prober_end end;
	uint64_t restart_at;
	uint32_t backoff;

	struct ev_id_set asked;        /* requests without a result */
	struct ev_prober_stats past;   /* totals of the processes before this one */
	struct ev_prober_stats latest; /* of this one */
	bool busy;                     /* it has sessions that say good-bye, at least */
};

static struct process *
process_of(const struct ev_prober *prober)
{
	return (struct process *) (uintptr_t) prober;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

/* --- frames out -------------------------------------------------------------------------------- */

static bool
send_config(struct process *p)
{
	uint8_t *frame = ev_pipe_reserve(&p->pipe);

	if (frame == NULL)
		return false;
	ev_pipe_add(&p->pipe, ev_frame_config(frame, &p->config));
	return true;
}

static bool
send_lists(struct process *p)
{
	for (enum ev_list_of of = 0; of < EV_N_LIST; of++)
		if (!ev_pipe_list_send(&p->lists[of], of, &p->pipe))
			return false;
	return true;
}

static void
send_empty(struct process *p, enum ev_frame_type type)
{
	uint8_t *frame = ev_pipe_reserve(&p->pipe);

	if (frame != NULL)
		ev_pipe_add(&p->pipe, ev_frame_empty(frame, type));
}

/* --- beginning and end ------------------------------------------------------------------------- */

static void
watch(struct process *p)
{
	uint32_t events =
		(ev_pipe_has_room(&p->pipe) ? EPOLLIN : 0) | (ev_pipe_waiting(&p->pipe) > 0 ? EPOLLOUT : 0);
	struct epoll_event event = {.events = events};

	if (p->pid == 0 || events == p->events)
		return;
	p->events = events;
	(void) epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->pipe.fd, &event);
}

/* When and how soon the next process comes. */
static void
schedule_restart(struct process *p, enum ev_end_cause cause)
{
	uint64_t now = now_ms();

	if (cause == EV_END_REPLACED)
	{
		p->restart_at = now;
		p->end.restart = 0;
		return;
	}
	if (p->backoff == 0 || (cause != EV_END_NOT_STARTED && now - p->started_at >= GOOD_RUN))
		p->backoff = BACKOFF_FIRST;
	else
		p->backoff = p->backoff * 2 < BACKOFF_MAX ? p->backoff * 2 : BACKOFF_MAX;
	p->restart_at = now + p->backoff;
	p->end.restart = p->backoff;
}

/* Prepare the message of the end.  What has come before it can still be collected. */
static void
note_end(struct process *p, enum ev_end_cause cause, int status, const char *fault)
{
	memset(&p->end, 0, sizeof(p->end));
	p->end.cause = cause;
	p->end.process = (int32_t) p->pid;
	p->end.status = status;
	p->end.suspect = p->greeted && cause != EV_END_REPLACED && cause != EV_END_NOT_STARTED;
	snprintf(p->end.fault, sizeof(p->end.fault), "%s", fault != NULL ? fault : "");
	schedule_restart(p, cause);
	p->ended = true;
	p->pid = 0;
	p->pinged_at = 0;
	p->past.sessions_total += p->latest.sessions_total;
	p->past.lookups_total += p->latest.lookups_total;
	p->past.rcpts_total += p->latest.rcpts_total;
	p->past.tls_total += p->latest.tls_total;
	memset(&p->latest, 0, sizeof(p->latest));
	p->busy = false;
}

/* End the process for a cause of ours; nothing more of what it sent is believed. */
static void
end_process(struct process *p, enum ev_end_cause cause, const char *fault)
{
	pid_t pid = p->pid;

	(void) ev_spawn_end(pid);
	note_end(p, cause, 0, fault);
	ev_pipe_close(&p->pipe);
}

/* It has closed its end of the socket, which nobody else has. */
static void
take_end(struct process *p)
{
	int status = ev_spawn_end(p->pid);

	if (WIFSIGNALED(status))
		note_end(p, EV_END_SIGNALED, WTERMSIG(status), NULL);
	else
		note_end(p, EV_END_EXITED, WIFEXITED(status) ? WEXITSTATUS(status) : 0, NULL);
}

/* False with errno set. */
static bool
start_process(struct process *p)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		return false;
	pid = ev_spawn(p->program, fds[1]);
	close(fds[1]);
	if (pid < 0 ||
	    !ev_pipe_open(&p->pipe, fds[0],
	                  OUT_MAX_BASE + p->lists[EV_LIST_POLICIES].n * sizeof(struct ev_mx_policy) +
	                      EV_SITE_RULES_MAX * sizeof(struct ev_site_rule) +
	                      (size_t) p->config.max_requests * OUT_MAX_PER_REQUEST))
	{
		int error = pid < 0 ? errno : ENOMEM;

		if (pid > 0)
			(void) ev_spawn_end(pid);
		close(fds[0]);
		errno = error;
		return false;
	}
	p->pid = pid;
	p->greeted = false;
	p->pinged_at = 0;
	p->started_at = p->heard_at = now_ms();
	p->events = EPOLLIN;
	p->ports = ev_ports_of(&p->config);
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fds[0], &event) == 0 && send_config(p) && send_lists(p))
		return true;
	(void) ev_spawn_end(pid);
	p->pid = 0;
	ev_pipe_close(&p->pipe);
	errno = ENOMEM;
	return false;
}

static void
start_or_wait(struct process *p)
{
	p->restart_at = 0;
	if (!start_process(p))
		note_end(p, EV_END_NOT_STARTED, errno, NULL);
}

/* --- what has come ----------------------------------------------------------------------------- */

/* Counters never go back. */
static const char *
take_stats(struct process *p, const uint8_t *body, size_t n)
{
	struct ev_prober_stats stats;
	const char *fault = ev_frame_read_stats(body, n, &stats, &p->busy);

	if (fault != NULL)
		return fault;
	if (stats.sessions_total < p->latest.sessions_total ||
	    stats.lookups_total < p->latest.lookups_total ||
	    stats.rcpts_total < p->latest.rcpts_total || stats.tls_total < p->latest.tls_total)
		return "a counter goes back";
	stats.confinement = p->latest.confinement;
	p->latest = stats;
	return NULL;
}

static const char *
take_message(struct process *p, enum ev_frame_type type, const uint8_t *body, size_t n,
             struct ev_message *message, bool *taken)
{
	const char *fault = ev_frame_read_message(type, body, n, message);

	if (fault == NULL && message->type == EV_MESSAGE_RESULT &&
	    !ev_id_set_remove(&p->asked, message->u.result.id))
		fault = "a result that nobody asked for";
	/* dialogues that are no longer wanted may still have been on their way */
	*taken = fault == NULL && (message->type != EV_MESSAGE_TRACE || p->config.trace ||
	                           p->config.transcripts != EV_TRANSCRIPTS_OFF);
	return fault;
}

/* One frame: NULL, or what is wrong.  *taken: it was a message, which is for the caller. */
static const char *
take_frame(struct process *p, enum ev_frame_type type, const uint8_t *body, size_t n,
           struct ev_message *message, bool *taken)
{
	const char *fault;

	*taken = false;
	if (!p->greeted)
	{
		if (type != EV_FRAME_HELLO)
			return "no greeting";
		fault = ev_frame_read_hello(body, n, &p->latest.confinement);
		p->greeted = fault == NULL;
		return fault;
	}
	switch (type)
	{
		case EV_FRAME_STATS: return take_stats(p, body, n);
		case EV_FRAME_PONG:
			fault = p->pinged_at == 0 ? "a sign of life that nobody asked for"
			                          : ev_frame_read_empty(body, n);
			p->pinged_at = 0;
			return fault;
		default: return take_message(p, type, body, n, message, taken);
	}
}

/* Is there a frame of a process to be read?  Of one that we have ended there is none. */
static bool
has_frame(const struct process *p)
{
	return p->pipe.in != NULL && ev_pipe_has_next(&p->pipe);
}

static size_t
process_collect(struct ev_prober *prober, struct ev_message *messages, size_t n)
{
	struct process *p = process_of(prober);
	size_t taken = 0;

	while (taken < n && has_frame(p))
	{
		enum ev_frame_type type;
		const uint8_t *body;
		size_t length;
		bool is_message = false;
		const char *fault = "bytes that are no frame";

		if (ev_pipe_next(&p->pipe, &type, &body, &length) == EV_PIPE_FRAME)
			fault = take_frame(p, type, body, length, &messages[taken], &is_message);
		if (is_message)
			taken++;
		if (fault == NULL)
			continue;
		if (p->pid != 0)
			end_process(p, EV_END_PROTOCOL, fault);
		else
			ev_pipe_close(&p->pipe); /* it has ended already, and that is told */
	}
	if (taken < n && p->ended && !has_frame(p))
	{
		ev_pipe_close(&p->pipe);
		p->ended = false;
		p->end.lost = (uint32_t) p->asked.n;
		ev_id_set_clear(&p->asked);
		messages[taken].type = EV_MESSAGE_END;
		messages[taken++].u.end = p->end;
	}
	watch(p); /* there may be room again for what it says */
	return taken;
}

/* --- the other operations ---------------------------------------------------------------------- */

/* Does the process owe us something: its greeting, results, its attention, news of its sessions? */
static bool
is_owing(const struct process *p)
{
	return p->pid != 0 && (!p->greeted || p->asked.n > 0 || ev_pipe_waiting(&p->pipe) > 0 ||
	                       p->pinged_at != 0 || p->busy);
}

/* After reading: a process that says nothing is asked for a sign of life, and then ended. */
static void
mind_silence(struct process *p, bool heard)
{
	uint64_t now = now_ms();

	/* nor is it silent while we cannot listen, or when it owed us nothing before now */
	if (heard || !ev_pipe_has_room(&p->pipe) || !is_owing(p))
	{
		p->heard_at = now;
		if (p->pinged_at != 0)
			p->pinged_at = now;
	}
	else if (p->pinged_at != 0 && now - p->pinged_at >= SILENCE_END)
		end_process(p, EV_END_SILENT, NULL);
	else if (p->pinged_at == 0 && now - p->heard_at >= SILENCE_PING)
	{
		p->pinged_at = now;
		send_empty(p, EV_FRAME_PING);
	}
}

static void
process_run(struct ev_prober *prober)
{
	struct process *p = process_of(prober);
	bool heard;

	if (p->pid == 0)
	{
		if (p->ended || now_ms() < p->restart_at)
			return;
		start_or_wait(p);
		if (p->pid == 0)
			return;
	}
	ev_pipe_flush(&p->pipe);
	heard = ev_pipe_fill(&p->pipe) > 0;
	if (p->pipe.ended)
		take_end(p);
	else
	{
		mind_silence(p, heard);
		if (p->pid != 0 && ev_pipe_waiting(&p->pipe) > 0)
			ev_pipe_flush(&p->pipe);
	}
	if (p->pid != 0)
		watch(p);
	else if (p->pipe.fd >= 0)
		(void) epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->pipe.fd, NULL);
}

static int
process_deadline(struct ev_prober *prober)
{
	struct process *p = process_of(prober);
	uint64_t now, then;

	if (has_frame(p) || p->ended)
		return 0;
	now = now_ms();
	if (p->pid == 0)
		then = p->restart_at;
	else if (!is_owing(p))
		return -1;
	else
		then = p->pinged_at != 0 ? p->pinged_at + SILENCE_END : p->heard_at + SILENCE_PING;
	return then > now ? (int) (then - now) : 0;
}

static size_t
process_room(const struct ev_prober *prober)
{
	const struct process *p = process_of(prober);

	if (p->pid == 0 || p->asked.n >= p->config.max_requests)
		return 0;
	return p->config.max_requests - p->asked.n;
}

static size_t
process_submit(struct ev_prober *prober, const struct ev_request *requests, size_t n)
{
	struct process *p = process_of(prober);
	size_t room = process_room(prober);
	size_t i;

	/* from now on it owes us something */
	if (!is_owing(p))
		p->heard_at = now_ms();
	for (i = 0; i < n && i < room; i++)
	{
		uint8_t *frame = ev_pipe_reserve(&p->pipe);

		if (frame == NULL || !ev_id_set_add(&p->asked, requests[i].id))
			break;
		ev_pipe_add(&p->pipe, ev_frame_request(frame, &requests[i]));
	}
	if (i > 0)
		watch(p);
	return i;
}

static int
process_fd(const struct ev_prober *prober)
{
	return process_of(prober)->epoll;
}

static void
process_stats(const struct ev_prober *prober, struct ev_prober_stats *stats)
{
	const struct process *p = process_of(prober);

	*stats = p->latest;
	stats->requests = (uint32_t) p->asked.n;
	stats->sessions_total += p->past.sessions_total;
	stats->lookups_total += p->past.lookups_total;
	stats->rcpts_total += p->past.rcpts_total;
	stats->tls_total += p->past.tls_total;
	stats->process = (int32_t) p->pid;
}

static void
process_forget(struct ev_prober *prober)
{
	struct process *p = process_of(prober);

	if (p->pid == 0)
		return; /* the next one knows nothing */
	send_empty(p, EV_FRAME_FORGET);
	watch(p);
}

static void
process_cancel(struct ev_prober *prober)
{
	struct process *p = process_of(prober);

	if (p->pid == 0)
		return; /* its requests are lost, and told of as such */
	send_empty(p, EV_FRAME_CANCEL);
	watch(p);
}

static void
process_examine(struct ev_prober *prober, const struct ev_health_request *request)
{
	struct process *p = process_of(prober);
	uint8_t *frame = p->pid == 0 ? NULL : ev_pipe_reserve(&p->pipe);

	if (frame != NULL)
		ev_pipe_add(&p->pipe, ev_frame_examine(frame, request));
	watch(p);
}

/* Sound settings with name servers in them, or false with a message. */
static bool
complete_config(const struct ev_prober_config *config, struct ev_prober_config *out, char *error,
                size_t size)
{
	const char *fault = ev_config_fault(config);

	if (fault != NULL)
	{
		snprintf(error, size, "%s", fault);
		return false;
	}
	memcpy(out, config, sizeof(*out));
	return ev_dns_servers_fill(out, error, size);
}

static bool
process_configure(struct ev_prober *prober, const struct ev_prober_config *config, char *error,
                  size_t size)
{
	struct process *p = process_of(prober);
	struct ev_prober_config complete;
	struct ev_ports ports;

	if (!complete_config(config, &complete, error, size))
		return false;
	memcpy(&p->config, &complete, sizeof(complete));
	if (p->pid == 0)
		return true;

	/* it cannot be given back what it has given up */
	ports = ev_ports_of(&p->config);
	if (!ev_ports_cover(&p->ports, &ports))
		end_process(p, EV_END_REPLACED, NULL);
	else if (!send_config(p))
		end_process(p, EV_END_SILENT, "it does not read");
	else
		watch(p);
	return true;
}

static bool
set_list(struct process *p, enum ev_list_of of, const void *items, size_t n)
{
	if (!ev_pipe_list_set(&p->lists[of], of, items, n))
		return false;
	if (p->pid == 0)
		return true;
	if (!ev_pipe_list_send(&p->lists[of], of, &p->pipe))
		end_process(p, EV_END_SILENT, "it does not read");
	else
		watch(p);
	return true;
}

static bool
process_set_policies(struct ev_prober *prober, const struct ev_mx_policy *policies, size_t n)
{
	return set_list(process_of(prober), EV_LIST_POLICIES, policies, n);
}

static bool
process_set_rules(struct ev_prober *prober, const struct ev_site_rule *rules, size_t n)
{
	return set_list(process_of(prober), EV_LIST_RULES, rules, n);
}

static void
process_destroy(struct ev_prober *prober)
{
	struct process *p = process_of(prober);

	if (p->pid != 0)
		(void) ev_spawn_end(p->pid);
	ev_pipe_close(&p->pipe);
	ev_id_set_clear(&p->asked);
	if (p->epoll >= 0)
		close(p->epoll);
	for (int of = 0; of < EV_N_LIST; of++)
		ev_pipe_list_clear(&p->lists[of]);
	free(p->program);
	free(p);
}

static const struct ev_prober_ops process_ops = {
	.configure = process_configure,
	.set_policies = process_set_policies,
	.set_rules = process_set_rules,
	.examine = process_examine,
	.room = process_room,
	.submit = process_submit,
	.run = process_run,
	.collect = process_collect,
	.fd = process_fd,
	.deadline = process_deadline,
	.stats = process_stats,
	.forget = process_forget,
	.cancel = process_cancel,
	.destroy = process_destroy,
};

struct ev_prober *
ev_prober_create_process(const struct ev_prober_config *config, const char *program, char *error,
                         size_t size)
{
	struct ev_prober_config complete;
	struct process *p;

	if (!complete_config(config, &complete, error, size))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
	{
		snprintf(error, size, "out of memory");
		return NULL;
	}
	p->ops = &process_ops;
	p->pipe.fd = -1;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->program = strdup(program);
	if (p->epoll < 0 || p->program == NULL)
	{
		snprintf(error, size, "cannot set up a prober's process: %s", strerror(errno));
		process_destroy((struct ev_prober *) p);
		return NULL;
	}
	memcpy(&p->config, &complete, sizeof(complete));
	start_or_wait(p);
	return (struct ev_prober *) p;
}
