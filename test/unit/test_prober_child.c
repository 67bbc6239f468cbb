/*
 * test_prober_child.c
 *	  The inside of a prober's process, between a socket and a network that is not there.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "net/pipe.h"
#include "net/prober.h"
#include "net/prober_child.h"

/* Their results are more than a small socket takes, and less than what would be sent in any case. */
#define N_REQUESTS 60

/* A process with as little room in its socket as there can be, and our end of that. */
static pid_t
start(struct ev_pipe *pipe)
{
	int fds[2];
	int little = 1;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
	{
		close(fds[0]);
		_exit(ev_prober_child(fds[1], false));
	}
	close(fds[1]);
	assert_true(ev_pipe_open(pipe, fds[0], 1024 * 1024));
	return pid;
}

/* Settings with a name server that nobody is, and requests that are all decided by its silence. */
static void
ask(struct ev_pipe *pipe)
{
	struct ev_prober_config config;
	struct ev_request request;

	ev_prober_config_default(&config);
	strcpy(config.dns_servers, "127.0.0.1:1");
	config.allow_loopback = true;
	config.dns_timeout = 100;
	config.dns_tries = 1;
	ev_pipe_add(pipe, ev_frame_config(ev_pipe_reserve(pipe), &config));
	memset(&request, 0, sizeof(request));
	assert_true(ev_address_parse_key("a@corp.com", 10, &request.address));
	request.dns_only = true;
	for (request.id = 1; request.id <= N_REQUESTS; request.id++)
		ev_pipe_add(pipe, ev_frame_request(ev_pipe_reserve(pipe), &request));
	ev_pipe_flush(pipe);
	assert_int_equal(ev_pipe_waiting(pipe), 0);
}

static int
count_results(struct ev_pipe *pipe)
{
	enum ev_frame_type type;
	const uint8_t *body;
	size_t n;
	int results = 0;

	while (ev_pipe_next(pipe, &type, &body, &n) == EV_PIPE_FRAME)
		results += type == EV_FRAME_RESULT;
	return results;
}

/* With nothing else to do, it waits until the socket takes the rest, not until somebody wakes it. */
static void
what_the_socket_did_not_take_is_sent_later(void **state)
{
	const struct timespec nap = {.tv_nsec = 500 * 1000000L};
	struct ev_pipe pipe;
	pid_t pid = start(&pipe);
	struct pollfd fd = {.fd = pipe.fd, .events = POLLIN};
	int results = 0;
	int status;

	(void) state;
	ask(&pipe);

	/* the socket is full, and all look-ups have ended */
	assert_int_equal(poll(&fd, 1, 10000), 1);
	(void) nanosleep(&nap, NULL);
	while (results < N_REQUESTS && poll(&fd, 1, 5000) == 1)
	{
		(void) ev_pipe_fill(&pipe);
		results += count_results(&pipe);
	}
	assert_int_equal(results, N_REQUESTS);
	ev_pipe_close(&pipe);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_socket_did_not_take_is_sent_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
