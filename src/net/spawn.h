/*
 * spawn.h
 *	  Starting and ending a prober's process.
 */
#ifndef EV_SPAWN_H
#define EV_SPAWN_H

#include <sys/types.h>

/* The descriptor under which the program finds its end of the socket; it has no higher one. */
#define EV_SPAWN_FD 3

/* Name and only argument of the program, as ps shows it. */
#define EV_SPAWN_NAME "email_verify_prober"

/*
 * Run the program at this absolute path, in a session of its own, with an empty environment, default
 * signals, /dev/null as standard input and output and fd as its only other descriptor.  fd stays the
 * caller's.  Memory of the caller's is never copied.  Returns the process id, or -1 with errno set.
 */
extern pid_t ev_spawn(const char *program, int fd);

/*
 * End the process, if it has not ended, and take its status (as of waitpid(); 0 when somebody else
 * has taken it).
 */
extern int ev_spawn_end(pid_t pid);

#endif
