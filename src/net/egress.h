/*
 * egress.h
 *	  Do we get out?  Connections that fail everywhere are our fault and not the mail servers'.
 *
 * Each family of addresses has a gate of its own.  It closes when connections to many groups of mail servers,
 * of several providers, have failed within ten minutes and none has succeeded; while it is closed one attempt
 * a minute goes through, and the first connection that stands opens it.  A group is a provider's family, else a
 * /24 or /48.
 */
#ifndef EV_EGRESS_H
#define EV_EGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/judge.h"
#include "net/ip.h"

#define EV_EGRESS_GROUPS    8 /* that must have failed */
#define EV_EGRESS_PROVIDERS 3 /* that these must belong to */
#define EV_EGRESS_PLACES    32

struct ev_prober;

struct ev_egress_failure
{
	uint64_t group;
	uint64_t provider;
	uint64_t at; /* prober_now(); 0: no failure */
};

struct ev_egress
{
	struct ev_egress_failure failures[EV_EGRESS_PLACES];
	uint64_t connected_at; /* the last connection that stood; 0: none */
	bool closed;
	uint64_t closed_at;
	uint64_t tried_at; /* the last attempt that was let through */
};

/* A connection stands. */
extern void ev_egress_connected(struct ev_prober *prober, const struct ev_ip *ip);

/* One has failed; only what may be the way out's fault counts. */
extern void ev_egress_failed(struct ev_prober *prober, const struct ev_ip *ip, const char *host,
                             enum ev_outcome outcome);

/* May an address of this family be connected to now?  While the gate is closed, true is the one trial a minute. */
extern bool ev_egress_may_try(struct ev_prober *prober, bool v6);

/* What a failure means: while the gate is closed it says nothing about the host. */
extern enum ev_outcome ev_egress_outcome(const struct ev_prober *prober, bool v6,
                                         enum ev_outcome outcome);

/* Seconds after which those who were not connected to are to come again. */
extern uint32_t ev_egress_retry(const struct ev_prober *prober, bool v6);

#endif
