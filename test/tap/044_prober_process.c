/*
 * 044_prober_process.c
 *	  What becomes of a prober's process that misbehaves; run by 044_prober_process.pl.
 *
 * Under its own name it is the user of a prober's process.  Under the name child-WHAT it is that
 * process: it gets a file descriptor, no arguments and no environment, so its name has to tell it how
 * to misbehave.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/verdict.h"
#include "net/pipe.h"
#include "net/prober.h"
#include "net/spawn.h"

#define N_REQUESTS 3

/* --- the process that misbehaves ---------------------------------------------------------------- */

static struct ev_pipe wire;

static uint8_t *
room(void)
{
	uint8_t *frame = ev_pipe_reserve(&wire);

	if (frame == NULL)
		_exit(99);
	return frame;
}

static void
say_result(uint64_t id, const char *text)
{
	struct ev_message m;

	memset(&m, 0, sizeof(m));
	m.type = EV_MESSAGE_RESULT;
	m.u.result.id = id;
	m.u.result.verdict = ev_verdict_of(EV_REASON_SMTP_DELIVERABLE, EV_DETAIL_NONE);
	strcpy(m.u.result.evidence.text, text);
	ev_pipe_add(&wire, ev_frame_message(room(), &m));
}

static void
say_stats(uint64_t sessions_total)
{
	struct ev_prober_stats stats = {.sessions_total = sessions_total};

	ev_pipe_add(&wire, ev_frame_stats(room(), &stats, false));
}

static void
flush(void)
{
	while (ev_pipe_waiting(&wire) > 0)
		ev_pipe_flush(&wire);
}

/* Read until so many requests have come. */
static void
await_requests(int n)
{
	enum ev_frame_type type;
	const uint8_t *body;
	size_t length;

	while (n > 0)
	{
		struct pollfd fd = {.fd = EV_SPAWN_FD, .events = POLLIN};

		poll(&fd, 1, -1);
		ev_pipe_fill(&wire);
		if (wire.ended)
			_exit(0);
		while (ev_pipe_next(&wire, &type, &body, &length) == EV_PIPE_FRAME)
			n -= type == EV_FRAME_REQUEST;
	}
}

/* How an honest one is set up: nothing but 0, 1, 2 and the socket; no environment, its own session. */
static int
inspect(void)
{
	extern char **environ;
	DIR *dir = opendir("/proc/self/fd");
	struct sigaction action;
	struct dirent *entry;
	sigset_t blocked;

	while ((entry = readdir(dir)) != NULL)
	{
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd > EV_SPAWN_FD)
			return 10;
	}
	if (environ != NULL && environ[0] != NULL)
		return 11;
	if (getsid(0) != getpid())
		return 12;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int s = 1; s < 32; s++)
		if (sigismember(&blocked, s) ||
		    (sigaction(s, NULL, &action) == 0 && action.sa_handler != SIG_DFL))
			return 13;
	if (read(STDIN_FILENO, &action, 1) != 0)
		return 14;
	return 42;
}

/* More than is read at a time, then what is waited for. */
static void
flood(void)
{
	for (uint64_t i = 11; i < 3000; i++)
	{
		say_stats(i);
		if (ev_pipe_waiting(&wire) > 4096)
			flush();
	}
	say_result(1, "");
}

static int
misbehave(const char *how)
{
	fcntl(EV_SPAWN_FD, F_SETFL, O_NONBLOCK);
	if (!ev_pipe_open(&wire, EV_SPAWN_FD, 1024 * 1024))
		return 99;
	if (strcmp(how, "inspect") == 0)
		return inspect();
	if (strcmp(how, "rude") == 0)
		say_result(0, "");
	ev_pipe_add(&wire, ev_frame_hello(room(), EV_CONFINED_ALL));
	if (strcmp(how, "stranger") == 0)
		wire.out[wire.out_end - 8] ^= 0xff;
	flush();
	await_requests(strcmp(how, "deaf") == 0 ? 1 : N_REQUESTS);
	say_stats(10);
	say_result(0, "fine");
	if (strcmp(how, "crash") == 0)
	{
		flush();
		raise(SIGSEGV);
	}
	else if (strcmp(how, "exit") == 0)
	{
		flush();
		return 3;
	}
	else if (strcmp(how, "flood") == 0)
		flood();
	else if (strcmp(how, "invent") == 0)
		say_result(77, "");
	else if (strcmp(how, "repeat") == 0)
		say_result(0, "");
	else if (strcmp(how, "shout") == 0)
		say_result(1, "\a\a\a");
	else if (strcmp(how, "rewind") == 0)
		say_stats(9);
	else if (strcmp(how, "chat") == 0)
		ev_pipe_add(&wire, ev_frame_empty(room(), EV_FRAME_PONG));
	else if (strcmp(how, "mutter") == 0)
	{
		memset(room(), 0xff, EV_FRAME_SIZE);
		ev_pipe_add(&wire, EV_FRAME_SIZE);
	}
	flush();
	for (;;)
		pause(); /* silent, deaf and all that should have been ended */
}

/* --- its user ----------------------------------------------------------------------------------- */

static struct ev_prober *prober;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static bool
exists(pid_t pid)
{
	return kill(pid, 0) == 0;
}

/* Messages until the process has ended: how many results came first, and how it ended. */
static struct ev_prober_end
await_end(int *results)
{
	double limit = now() + 20;
	bool in_vain = false;

	*results = 0;
	while (now() < limit)
	{
		struct pollfd fd = {.fd = ev_prober_fd(prober), .events = POLLIN};
		struct ev_message m;
		int deadline;

		poll(NULL, 0, 20); /* it may say more meanwhile than is read at a time */
		ev_prober_run(prober);
		while (ev_prober_collect(prober, &m, 1) == 1)
		{
			if (m.type == EV_MESSAGE_END)
				return m.u.end;
			*results += m.type == EV_MESSAGE_RESULT;
			if (m.type == EV_MESSAGE_RESULT && in_vain)
				puts("a result was there, and nobody was woken for it");
		}
		deadline = ev_prober_deadline(prober);
		in_vain = deadline != 0 && poll(&fd, 1, deadline < 0 ? 100 : deadline) == 0;
	}
	puts("it does not end");
	exit(1);
}

static void
submit_all(void)
{
	for (uint64_t i = 0; i < N_REQUESTS; i++)
	{
		struct ev_request r;

		memset(&r, 0, sizeof(r));
		r.id = i;
		strcpy(r.address.local, "a");
		strcpy(r.address.domain, "example.org");
		r.address.local_len = 1;
		r.address.domain_len = 11;
		if (ev_prober_submit(prober, &r, 1) != 1)
			puts("it does not take a request");
	}
}

static const char *
word(enum ev_end_cause cause)
{
	static const char *const words[] = {"exited", "signaled",    "protocol",
	                                    "silent", "not started", "replaced"};

	return words[cause];
}

static int
use(const char *program)
{
	struct ev_prober_config config;
	struct ev_prober_stats stats;
	struct ev_prober_end end;
	char error[200];
	int results;

	ev_prober_config_default(&config);
	strcpy(config.dns_servers, "127.0.0.1:5300");
	prober = ev_prober_create_process(&config, program, error, sizeof(error));
	if (prober == NULL)
	{
		puts(error);
		return 1;
	}
	ev_prober_stats(prober, &stats);
	if (stats.process != 0)
		submit_all();
	end = await_end(&results);
	printf("%s %d, %d results, %u lost, %s, %u ms: %s\n", word(end.cause), end.status, results,
	       end.lost, end.suspect ? "suspect" : "not suspect", end.restart, end.fault);
	if (end.process != 0 && exists(end.process))
		puts("the process is still there");
	ev_prober_stats(prober, &stats);
	if (stats.process != 0 || stats.requests != 0 || ev_prober_room(prober) != 0)
		puts("it is not told as gone");

	/* the next one comes, and is no better: then the pause is longer */
	if (stats.sessions_total == 10)
		puts("its counters stay");
	for (double limit = now() + 5; ev_prober_deadline(prober) > 0 && now() < limit;)
		poll(NULL, 0, ev_prober_deadline(prober));
	ev_prober_run(prober);
	ev_prober_stats(prober, &stats);
	if (stats.process != 0)
		submit_all();
	end = await_end(&results);
	printf("%s again, %d results, %u ms\n", word(end.cause), results, end.restart);
	ev_prober_destroy(prober);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		puts("a process is left");
	return 0;
}

int
main(int argc, char **argv)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *how;

	path[n < 0 ? 0 : n] = '\0';
	how = strstr(path, "/child-");
	if (how != NULL)
		return misbehave(how + strlen("/child-"));
	return argc == 2 ? use(argv[1]) : 1;
}
