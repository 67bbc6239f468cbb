/*
 * smtp_load.c
 *	  The simplest client that asks for a recipient: one session an address, no pipelining, no TLS,
 *	  no thought.
 *
 * Usage: smtp_load PORT SENDER ADDRESSES SESSIONS
 *	  Asks corp001.com to corp064.com's servers (127.20.0.1 to .64) for so many addresses, with so
 *	  many sessions at a
 *	  time; prints wall-clock seconds and CPU seconds.  Exits with 1 if a recipient was not
 *	  accepted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOSTS 64

struct session
{
	int fd;
	int number;
	int step; /* replies so far: greeting, EHLO, MAIL, RCPT, QUIT */
	size_t len;
	char reply[4096];
};

static const char *sender;
static int port;

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "smtp_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
begin(struct session *s, int number, int poll)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t) port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};

	to.sin_addr.s_addr = htonl(0x7f140001 + (uint32_t) number % HOSTS);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	s->number = number;
	s->step = 0;
	s->len = 0;
	if (s->fd < 0 ||
	    (connect(s->fd, (struct sockaddr *) &to, sizeof(to)) != 0 && errno != EINPROGRESS))
		die("connect");
	if (epoll_ctl(poll, EPOLL_CTL_ADD, s->fd, &event) != 0)
		die("epoll_ctl");
}

static void
say(struct session *s)
{
	char line[512];
	int n = 0;

	switch (s->step)
	{
		case 1: n = snprintf(line, sizeof(line), "EHLO load.localdomain\r\n"); break;
		case 2: n = snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender); break;
		case 3:
			n = snprintf(line, sizeof(line), "RCPT TO:<user%d@corp%03d.com>\r\n", s->number,
			             s->number % HOSTS + 1);
			break;
		case 4: n = snprintf(line, sizeof(line), "QUIT\r\n"); break;
	}
	if (write(s->fd, line, (size_t) n) != n)
		die("write");
}

/* Is the last line there, "250 text" and not "250-text"? */
static bool
complete(const struct session *s)
{
	size_t start = s->len;

	if (s->len < 5 || s->reply[s->len - 1] != '\n')
		return false;
	for (start = s->len - 1; start > 0 && s->reply[start - 1] != '\n'; start--)
		;
	return s->reply[start + 3] != '-';
}

/* False when the session is over. */
static bool
listen_to(struct session *s)
{
	ssize_t n = read(s->fd, s->reply + s->len, sizeof(s->reply) - s->len);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		die("closed early");
	s->len += (size_t) n;
	if (!complete(s))
		return true;
	if (s->reply[0] != '2')
	{
		errno = 0;
		fprintf(stderr, "%.*s", (int) s->len, s->reply);
		die("refused");
	}
	s->len = 0;
	if (++s->step == 5)
		return false;
	say(s);
	return true;
}

int
main(int argc, char **argv)
{
	int total;
	int parallel;
	int begun = 0;
	int ended = 0;
	int poll = epoll_create1(0);
	struct session *sessions;
	double start = seconds(CLOCK_MONOTONIC);

	if (argc != 5)
		return 64;
	port = atoi(argv[1]);
	sender = argv[2];
	total = atoi(argv[3]);
	parallel = atoi(argv[4]);
	sessions = calloc((size_t) parallel, sizeof(*sessions));
	if (sessions == NULL || poll < 0)
		die("start");
	while (begun < parallel && begun < total)
	{
		begin(&sessions[begun], begun, poll);
		begun++;
	}
	while (ended < total)
	{
		struct epoll_event events[64];
		int n = epoll_wait(poll, events, 64, 30000);

		if (n <= 0)
			die("no answer");
		for (int i = 0; i < n; i++)
		{
			struct session *s = events[i].data.ptr;

			if (listen_to(s))
				continue;
			close(s->fd);
			ended++;
			if (begun < total)
				begin(s, begun++, poll);
		}
	}
	printf("%.3f %.3f\n", seconds(CLOCK_MONOTONIC) - start, seconds(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
