/*
 * spawn.c
 *	  Starting and ending a prober's process; see spawn.h.
 *
 * posix_spawn() neither copies the page tables of a large caller nor runs anything of the caller's in
 * the new process.  A session of its own keeps signals away that are meant for the caller's group:
 * the prober ends with its caller, not before it.
 */
#include "net/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

/* Descriptors that nobody has closed on exec are closed by the program itself where this is missing. */
static int
close_others(posix_spawn_file_actions_t *actions)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
	return posix_spawn_file_actions_addclosefrom_np(actions, EV_SPAWN_FD + 1);
#else
	(void) actions;
	return 0;
#endif
}

static int
set_signals(posix_spawnattr_t *attributes)
{
	sigset_t set;
	int error;

	sigemptyset(&set);
	error = posix_spawnattr_setsigmask(attributes, &set);
	sigfillset(&set);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &set);
	if (error == 0)
		error = posix_spawnattr_setflags(
			attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	return error;
}

pid_t
ev_spawn(const char *program, int fd)
{
	char *const arguments[] = {(char[]){EV_SPAWN_NAME}, NULL};
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid = -1;
	int error;

	if ((error = posix_spawn_file_actions_init(&actions)) != 0)
	{
		errno = error;
		return -1;
	}
	if ((error = posix_spawnattr_init(&attributes)) != 0)
	{
		posix_spawn_file_actions_destroy(&actions);
		errno = error;
		return -1;
	}
	if ((error = posix_spawn_file_actions_adddup2(&actions, fd, EV_SPAWN_FD)) == 0 &&
	    (error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
	    (error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)) == 0 &&
	    (error = close_others(&actions)) == 0 && (error = set_signals(&attributes)) == 0)
		error = posix_spawn(&pid, program, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (error == 0)
		return pid;
	errno = error;
	return -1;
}

int
ev_spawn_end(pid_t pid)
{
	int status = 0;

	/* one that is ending already keeps the status that it ends with */
	(void) kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return status;
}
