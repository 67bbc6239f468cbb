/*
 * 045_prober_asan.c
 *	  A prober's process from its first message to its end: 045_prober_asan.pl compiles and runs it.
 *
 * Environment: WORLD_DNS, WORLD_SMTP_PORT.  Argument: the program.  Asks for 20 addresses that are
 * answered and 10 at a host that takes its time, and closes the socket in the midst of these.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/pipe.h"
#include "net/spawn.h"

static struct ev_pipe wire;

static void
ask(uint64_t id, const char *local, const char *domain)
{
	struct ev_request r;

	memset(&r, 0, sizeof(r));
	r.id = id;
	strcpy(r.address.local, local);
	strcpy(r.address.domain, domain);
	r.address.local_len = (uint8_t) strlen(local);
	r.address.domain_len = (uint8_t) strlen(domain);
	ev_pipe_add(&wire, ev_frame_request(ev_pipe_reserve(&wire), &r));
}

static int
count_answers(int wanted)
{
	int n = 0;

	while (n < wanted)
	{
		struct pollfd fd = {.fd = wire.fd, .events = POLLIN};
		enum ev_frame_type type;
		const uint8_t *body;
		size_t length;

		ev_pipe_flush(&wire);
		if (poll(&fd, 1, 30000) != 1)
			break;
		ev_pipe_fill(&wire);
		while (ev_pipe_next(&wire, &type, &body, &length) == EV_PIPE_FRAME)
			n += type == EV_FRAME_RESULT;
		if (wire.ended)
			break;
	}
	return n;
}

int
main(int argc, char **argv)
{
	struct ev_prober_config config;
	struct ev_mx_policy policy = {.suffix = "weak.deliver.com", .rcpt_per_session = 1};
	int fds[2], status = -1, n;
	pid_t pid;

	if (argc != 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return 1;
	pid = ev_spawn(argv[1], fds[1]);
	close(fds[1]);
	if (pid < 0 || !ev_pipe_open(&wire, fds[0], 1024 * 1024))
		return 1;
	ev_prober_config_default(&config);
	strcpy(config.dns_servers, getenv("WORLD_DNS"));
	config.smtp_port = (uint16_t) atoi(getenv("WORLD_SMTP_PORT"));
	strcpy(config.helo_name, "probe.lab-sender.com");
	strcpy(config.mail_from, "check@check.lab-sender.com");
	config.allow_loopback = true;
	ev_pipe_add(&wire, ev_frame_config(ev_pipe_reserve(&wire), &config));
	ev_pipe_add(&wire, ev_frame_number(ev_pipe_reserve(&wire), EV_FRAME_POLICIES, 1));
	ev_pipe_add(&wire, ev_frame_policy(ev_pipe_reserve(&wire), &policy));
	for (uint64_t i = 0; i < 20; i++)
	{
		char domain[64];

		snprintf(domain, sizeof(domain), "q%d.wild.deliver.com", (int) i);
		ask(i, i % 2 == 0 ? "ok1" : "nobody", domain);
	}
	for (uint64_t i = 20; i < 30; i++)
		ask(i, "ok1", "hangrcpt.deliver.com");
	n = count_answers(20);
	config.max_sessions = 50;
	ev_pipe_add(&wire, ev_frame_config(ev_pipe_reserve(&wire), &config));
	ev_pipe_add(&wire, ev_frame_empty(ev_pipe_reserve(&wire), EV_FRAME_FORGET));
	ev_pipe_add(&wire, ev_frame_empty(ev_pipe_reserve(&wire), EV_FRAME_CANCEL));
	ev_pipe_flush(&wire);

	/* it may still write, but hears that there is nothing more to come */
	shutdown(wire.fd, SHUT_WR);
	waitpid(pid, &status, 0);
	printf("%d answers of 30, exit code %d\n", n,
	       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	ev_pipe_close(&wire);
	return 0;
}
