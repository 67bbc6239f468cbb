/*
 * spf_lookup.h
 *	  A domain's SPF record, redirects followed.
 */
#ifndef EV_SPF_LOOKUP_H
#define EV_SPF_LOOKUP_H

#include "engine/spf.h"
#include "net/dns.h"

struct ev_spf_lookup
{
	struct ev_dns_query txt;
	enum ev_spf result; /* NONE also when the look-up failed: then the mail servers are asked */
	uint8_t redirects;
	void (*done)(struct ev_spf_lookup *lookup);
};

/* Embedded; must live until done() is called, which is never at once. */
extern void ev_spf_find(struct ev_prober *prober, struct ev_spf_lookup *lookup, const char *domain,
                        void (*done)(struct ev_spf_lookup *lookup));

#endif
