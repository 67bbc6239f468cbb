/*
 * dns_trial.h
 *	  One trial of one name server: see dns_trust.h.
 */
#ifndef EV_DNS_TRIAL_H
#define EV_DNS_TRIAL_H

#include "net/prober.h"

struct ev_prober;
struct ev_dns_trial;

#define EV_CANARIES_ASKED 3 /* names that exist, of those that are named */

/* What a trial has found. */
struct ev_dns_finding
{
	uint8_t exist, denied, silent;          /* of the canaries */
	uint8_t learned_exist, learned_denied;  /* of names met on the way */
	uint8_t invented;                       /* of the made-up ones */
	char first_denied[EV_DOMAIN_MAX + 1];   /* a canary; "" none */
	char first_invented[EV_DOMAIN_MAX + 1]; /* a made-up name; "" none */
};

/*
 * Begin one of the server with that index; done() is called when all has been answered, never at once.
 * NULL without memory.
 */
extern struct ev_dns_trial *ev_dns_trial_start(struct ev_prober *prober, unsigned server,
                                               void (*done)(struct ev_prober *prober,
                                                            unsigned server));

/* As far as it has come. */
extern void ev_dns_trial_find(const struct ev_dns_trial *trial, struct ev_dns_finding *out);

/* End it, whatever is still unanswered.  May be NULL. */
extern void ev_dns_trial_free(struct ev_dns_trial *trial);

/* NULL when the setting can be used, else what is wrong with it. */
extern const char *ev_dns_canaries_fault(const char *canaries);

#endif
