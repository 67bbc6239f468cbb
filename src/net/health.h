/*
 * health.h
 *	  An examination of ourselves: how our name, sender and address look to mail servers, whether block lists
 *	  name us and, if that is asked for, whether we get out at all.
 *
 *	helo_name ──► A, AAAA ──► PTR of each address
 *	mail_from ──► MX, else A ──► SPF for each address (spf_check.h)
 *	dnsbl     ──► self-test (RFC 5782 5) ──► each address
 *	trial     ──► MX of some domains ──► a connection to each, a greeting, QUIT (health_trial.h)
 *
 * "Our address" is what email_verify.source_ipv4 and _ipv6 say, else what helo_name resolves to: behind a
 * translation of addresses nothing else on this host knows it.  One step after the other, one query at
 * a time; what the name servers do not answer is told as unknown.
 */
#ifndef EV_HEALTH_H
#define EV_HEALTH_H

#include "net/prober.h"

struct ev_health;

/* Begin, or do it again after the one that is under way.  The last finding of each is EV_FINDING_DONE. */
extern void ev_health_start(struct ev_prober *prober, const struct ev_health_request *request);

/* The prober ends: after its queries and handles have been closed. */
extern void ev_health_free(struct ev_prober *prober);

#endif
