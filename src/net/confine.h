/*
 * confine.h
 *	  A prober's process gives up all that it does not need, before it talks to anybody.
 *
 * Linux.  Each step is tried; what the system does not allow is left out, and the result says what
 * was had.  doc/architecture.md says what each step keeps the process from.
 */
#ifndef EV_CONFINE_H
#define EV_CONFINE_H

#include "net/prober.h"

/* TCP ports that the process connects to.  More than fit: any. */
#define EV_PORTS_MAX 8

struct ev_ports
{
	bool any;
	uint8_t n;
	uint16_t port[EV_PORTS_MAX];
};

extern struct ev_ports ev_ports_of(const struct ev_prober_config *config);

/* Does what was allowed by the first suffice for the second? */
extern bool ev_ports_cover(const struct ev_ports *allowed, const struct ev_ports *wanted);

/*
 * The first step, when the program starts: it is offered to a kernel that is out of memory, leaves no
 * core and is not looked into.  (A core that is piped into a program knows no limit of size, so both are
 * needed.)
 */
extern void ev_confine_core(void);

/*
 * Limits of memory and descriptors that fit the settings.  May be called again with others.  False
 * when that could not be had.
 */
extern bool ev_confine_limits(const struct ev_prober_config *config);

/*
 * Give up everything else, for good.  Must be the last step before the first word to the network:
 * no file can be opened afterwards.  Returns EV_CONFINED_…; limits: whether ev_confine_limits() had
 * what it wanted.
 */
extern uint32_t ev_confine(const struct ev_prober_config *config, bool limits);

/* confine_landlock.c: the EV_CONFINED_… that were had. */
extern uint32_t ev_confine_landlock(const struct ev_ports *ports);

/* confine_syscalls.c: false when there is no filter for this machine or system. */
extern bool ev_confine_syscalls(void);

/*
 * Before there is an event loop: no io_uring.  What is done through one passes the filter of system
 * calls by, so that filter will not have it; libuv, from 1.45 on, makes one with each loop where it
 * can, and ends the process when it may not be used any more.
 */
extern bool ev_confine_io_uring(void);

#endif
