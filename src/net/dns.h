/*
 * dns.h
 *	  DNS look-ups by c-ares on the prober's loop: at most so many in flight, the others in a queue.
 *
 * Names are absolute: no search list, no hosts file.  Truncated replies are asked for again by TCP.
 */
#ifndef EV_DNS_H
#define EV_DNS_H

#include <ares.h>
#include <uv.h>

#include "engine/verdict.h"
#include "net/dns_message.h"
#include "net/list.h"

struct ev_prober;

enum ev_dns_status
{
	EV_DNS_OK,
	EV_DNS_NODATA,
	EV_DNS_NXDOMAIN,
	EV_DNS_SERVFAIL,
	EV_DNS_REFUSED,
	EV_DNS_TIMEOUT,
	EV_DNS_UNREACHABLE,
	EV_DNS_MALFORMED,
	EV_DNS_NO_MEMORY,
	EV_DNS_UNASKED
};

/* Is it an answer (be it that there is nothing), or a failure to get one? */
static inline bool
ev_dns_answered(enum ev_dns_status status)
{
	return status <= EV_DNS_NXDOMAIN;
}

/* One look-up.  Embedded by whoever asks, who must keep it until done() is called. */
struct ev_dns_query
{
	struct ev_list link;
	struct ev_prober *prober;
	char name[EV_DOMAIN_MAX + 1];
	uint16_t type;
	uint8_t tries; /* servers that said SERVFAIL or REFUSED */

	/*
	 * reply is NULL unless OK, NODATA or NXDOMAIN, and is gone afterwards.  May start other
	 * look-ups.
	 */
	void (*done)(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
	             size_t len);
};

struct ev_dns
{
	ares_channel channel;
	uv_timer_t timer;
	struct ev_list waiting;   /* queries not yet sent */
	struct ev_list in_flight; /* and those that were */
	struct ev_list sockets;
	uint32_t n_in_flight;
	int n_servers;
	bool open;
};

/* Open a channel with the prober's configuration; again after it has changed. */
extern bool ev_dns_open_channel(struct ev_prober *prober, char *error, size_t size);
extern void ev_dns_close_channel(struct ev_prober *prober);

/* Queue a look-up; prober, done, name and type are set.  Never calls done() by itself. */
extern void ev_dns_start(struct ev_dns_query *query);

/* Send what may be sent.  ev_dns_can_send(): is there any? */
extern void ev_dns_pump(struct ev_prober *prober);
extern bool ev_dns_can_send(const struct ev_prober *prober);

#endif
