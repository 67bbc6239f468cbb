/*
 * dns_channels.h
 *	  The c-ares channels of a prober: one for each name server, so that it is known who said what.
 */
#ifndef EV_DNS_CHANNELS_H
#define EV_DNS_CHANNELS_H

/* c-ares is used as of 1.18; from 1.28 on it calls some of that deprecated, but keeps it. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/prober.h"

struct ev_prober;

struct ev_dns_channel
{
	ares_channel ares;
	struct ev_prober *prober;
	char address[EV_SERVER_TEXT];
};

struct ev_dns_channels
{
	struct ev_dns_channel each[EV_SERVERS_MAX];
	unsigned n; /* at least 1 */
};

/*
 * Open channels with the prober's configuration; they watch their sockets on its loop.  NULL, with
 * the reason in `error`, when the servers cannot be used or there is no memory.
 */
extern struct ev_dns_channels *ev_dns_channels_open(struct ev_prober *prober, char *error,
                                                    size_t size);

/* Close them: the call-backs of what is in flight are called with ARES_EDESTRUCTION. */
extern void ev_dns_channels_close(struct ev_dns_channels *channels);

/* In how many milliseconds does c-ares want to be called?  UINT64_MAX: nothing is in flight. */
extern uint64_t ev_dns_channels_timeout(const struct ev_dns_channels *channels);
extern void ev_dns_channels_process(struct ev_dns_channels *channels);

#endif
