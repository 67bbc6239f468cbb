/*
 * prober_child.h
 *	  The inside of a prober's process: a prober between a socket and the network.
 */
#ifndef EV_PROBER_CHILD_H
#define EV_PROBER_CHILD_H

#include <stdbool.h>

/*
 * Serve the socket fd until the other end is closed; returns the exit status (EV_EXIT_…).  confine: give up
 * rights before talking to anybody; without, the process says that it has given up none.
 */
extern int ev_prober_child(int fd, bool confine);

#endif
