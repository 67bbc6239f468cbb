/*
 * email_verify_prober.c
 *	  The program of a prober's process: started by the worker (spawn.c), of no use by itself.
 *
 * It ends when the other end of its socket is closed, and with its parent.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/confine.h"
#include "net/prober.h"
#include "net/prober_child.h"
#include "net/spawn.h"

/* A build that looks for faults has to be able to tell of them. */
#ifdef EV_UNCONFINED
static const bool confine = false;
#else
static const bool confine = true;
#endif

/* Those that a parent left open by mistake. */
static void
close_descriptors(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, EV_SPAWN_FD + 1, ~0U, 0) == 0)
		return;
#endif
	for (long fd = sysconf(_SC_OPEN_MAX) - 1; fd > EV_SPAWN_FD; fd--)
		close((int) fd);
}

/*
 * A packager may have made the program set-user-id, to a user who owns nothing else: then this process
 * is that user's alone.  The server's user is left as the saved one, since without it the worker could
 * not end a process that hangs; nobody goes back to it, because the filter of system calls knows no
 * setuid() and the user namespace no such user.  The change clears the signal of the parent's death.
 */
static bool
become_owner(void)
{
	uid_t server = getuid();
	uid_t owner = geteuid();

	return owner == server || (owner != 0 && setresuid(owner, owner, server) == 0);
}

/* Standard error is the server's log: good for saying that a library is missing, and no longer. */
static void
silence_errors(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		(void) dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

int
main(void)
{
	int type = 0;
	socklen_t size = sizeof(type);
	pid_t parent = getppid();

	if (getsockopt(EV_SPAWN_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
	{
		fprintf(stderr, "%s is started by the worker of email_verify; see email_probe --help\n",
		        EV_SPAWN_NAME);
		return EV_EXIT_USAGE;
	}
	if (!become_owner())
		return EV_EXIT_TROUBLE;
	if (confine)
		ev_confine_core();
	(void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		return 0;
	close_descriptors();
	if (chdir("/") != 0 || fcntl(EV_SPAWN_FD, F_SETFL, O_NONBLOCK) != 0 ||
	    fcntl(EV_SPAWN_FD, F_SETFD, FD_CLOEXEC) != 0)
		return EV_EXIT_TROUBLE;
	if (confine)
		silence_errors();
	return ev_prober_child(EV_SPAWN_FD, confine);
}
