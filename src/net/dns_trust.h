/*
 * dns_trust.h
 *	  Does a name server tell the truth?  It is tried when it is first used, before anything that it
 *	  says is believed, and again and again.
 *
 * A trial asks one server for names that exist and for made-up names that do not.  It is good when most
 * of the former have a mail server or an address and none of the latter has.
 *
 *	untried ── good ──► good ◄─── two good rounds in a row ─── bad (tried again by itself)
 *	   │                 │ ▲                                      ▲
 *	   │                 ▼ │ good                                 │
 *	   └─── bad ─────► doubtful (once more after a second) ── bad ─┘
 *
 * What is concluded meanwhile waits; with no server that is good it is not believed.  A server that is
 * good is tried again only while somebody asks: before a denial is believed a minute after the last
 * trial, every ten minutes, and when it denies far more than it used to or fails too often.
 *
 * The names that exist are config.dns_canaries.  With "auto" they are those of large providers; where a
 * server has never known these (a network of its own), names with mail servers that were met on the way
 * take their place, so that it is believed as soon as it has answered for somebody.
 */
#ifndef EV_DNS_TRUST_H
#define EV_DNS_TRUST_H

#include <uv.h>

#include "engine/verdict.h"
#include "net/list.h"
#include "net/prober.h"

struct ev_prober;
enum ev_dns_status;

#define EV_LEARNED_NAMES 4

struct ev_dns_trust
{
	uv_timer_t timer;       /* the next step of any server's trials */
	bool ready;             /* the timer is there */
	struct ev_list waiting; /* struct ev_dns_doubter */
	uint32_t lies;          /* times that a server was found to be bad */
	unsigned n_learned;
	char learned[EV_LEARNED_NAMES][EV_DOMAIN_MAX + 1];
};

/* Who waits for a trial.  Embedded; done() is called once, after which it may ask again. */
struct ev_dns_doubter
{
	struct ev_list link;
	void (*done)(struct ev_dns_doubter *doubter);
};

enum ev_dns_belief
{
	EV_DNS_BELIEVED,
	EV_DNS_NOT_BELIEVED,
	EV_DNS_IN_DOUBT /* done() will be called */
};

/* May a conclusion from answers be drawn?  denial: that there is no such name, host or address. */
extern enum ev_dns_belief ev_dns_trust_ask(struct ev_prober *prober, bool denial,
                                           struct ev_dns_doubter *doubter);

/* This domain has a mail server, says who was asked. */
extern void ev_dns_trust_learn(struct ev_prober *prober, const char *domain);

/* An answer of a server, or none: is it a reason to try it again? */
extern void ev_dns_trust_note(struct ev_prober *prober, unsigned server, uint16_t type,
                              enum ev_dns_status status);

/* Servers or names have changed: stop what is under way, and begin anew with those that are new. */
extern void ev_dns_trust_configure(struct ev_prober *prober, bool other_names);

/* Stop for good; nobody is called. */
extern void ev_dns_trust_stop(struct ev_prober *prober);

#endif
