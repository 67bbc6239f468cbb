/*
 * 044_confined.c
 *	  What a prober's process cannot do once it has given up its rights; run by
 *	  044_prober_process.pl.
 *
 * Argument: which rights are given up (landlock, syscalls, all).  Prints what could be given up, and
 * for each attempt what became of it: "ok", the error, or the signal that ended it.  Each is made by
 * a process of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/confine.h"

static int
said(long result)
{
	return result < 0 ? errno : 0;
}

static int
connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return said(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *) &to, sizeof(to)));
}

static int
read_file(void)
{
	return said(open("/etc/passwd", O_RDONLY));
}

static int
write_file(void)
{
	return said(open("/tmp/email_verify_confined", O_WRONLY | O_CREAT, 0600));
}

static int
look_around(void)
{
	struct stat status;

	return said(stat("/etc/passwd", &status));
}

static int
unix_socket(void)
{
	return said(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
inet_socket(void)
{
	return said(socket(AF_INET, SOCK_DGRAM, 0));
}

static int
smtp(void)
{
	return connect_to(2525);
}

static int
dns(void)
{
	return connect_to(5353);
}

static int
database(void)
{
	return connect_to(5432);
}

static int
serve(void)
{
	return said(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int
another_process(void)
{
	long pid = syscall(SYS_clone, (long) SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return said(pid);
}

static int
another_program(void)
{
	char *const none[] = {NULL};

	return said(execve("/bin/true", none, none));
}

static int
signal_parent(void)
{
	return said(kill(getppid(), 0));
}

static int
shared_memory(void)
{
	return said(shmget(IPC_PRIVATE, 4096, 0600));
}

static int
code_of_its_own(void)
{
	void *at =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
raise_limit(void)
{
	const struct rlimit more = {.rlim_cur = 1, .rlim_max = 1};

	return said(setrlimit(RLIMIT_NPROC, &more));
}

static int
much_memory(void)
{
	void *at = mmap(NULL, (size_t) 8 << 30, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
some_memory(void)
{
	char *at = malloc(64 << 20);

	if (at == NULL)
		return ENOMEM;
	memset(at, 1, 64 << 20);
	return 0;
}

static int
fail_loudly(void)
{
	abort();
}

static const struct
{
	const char *name;
	int (*attempt)(void);
} attempts[] = {{"read", read_file},
                {"write", write_file},
                {"stat", look_around},
                {"unix", unix_socket},
                {"inet", inet_socket},
                {"smtp", smtp},
                {"dns", dns},
                {"database", database},
                {"listen", serve},
                {"fork", another_process},
                {"exec", another_program},
                {"signal", signal_parent},
                {"shm", shared_memory},
                {"code", code_of_its_own},
                {"limit", raise_limit},
                {"much", much_memory},
                {"some", some_memory},
                {"abort", fail_loudly}};

static uint32_t
give_up(const char *what)
{
	struct ev_prober_config config;
	struct ev_ports ports;

	ev_prober_config_default(&config);
	config.smtp_port = 2525;
	strcpy(config.dns_servers, "127.0.0.1:5353");
	ports = ev_ports_of(&config);
	if (strcmp(what, "all") == 0)
		return ev_confine(&config, ev_confine_limits(&config));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 0;
	if (strcmp(what, "landlock") == 0)
		return ev_confine_landlock(&ports);
	return ev_confine_syscalls() ? EV_CONFINED_SYSCALLS : 0;
}

/* In a process of its own: 255 to ask what could be given up, else the number of an attempt. */
static int
in_process(const char *what, size_t number)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
	{
		uint32_t had = give_up(what);

		_exit(number == 255 ? (int) had : attempts[number].attempt());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(1);
	return status;
}

int
main(int argc, char **argv)
{
	char text[EV_CONFINEMENT_TEXT_SIZE];

	if (argc != 2)
		return 1;
	ev_confinement_text((uint32_t) WEXITSTATUS(in_process(argv[1], 255)), text);
	printf("had: %s\n", text);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
	{
		int status = in_process(argv[1], i);

		if (WIFSIGNALED(status))
			printf("%s: signal %d\n", attempts[i].name, WTERMSIG(status));
		else
			printf("%s: %s\n", attempts[i].name,
			       WEXITSTATUS(status) == 0 ? "ok" : strerrorname_np(WEXITSTATUS(status)));
	}
	return 0;
}
