/*
 * dns.h
 *	  DNS look-ups by c-ares on the prober's loop: at most so many in flight, the others in a queue.
 *
 * Names are absolute: no search list, no hosts file.  Truncated replies are asked for again by TCP.
 */
#ifndef EV_DNS_H
#define EV_DNS_H

#include <uv.h>

#include "engine/verdict.h"
#include "net/dns_channels.h"
#include "net/dns_message.h"
#include "net/dns_server.h"
#include "net/dns_trust.h"
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
	EV_DNS_LAME, /* a reply that is no answer to the question: see dns_belief.h */
	EV_DNS_NO_MEMORY,
	EV_DNS_UNASKED
};

/* Is it an answer (be it that there is nothing), or a failure to get one? */
static inline bool
ev_dns_answered(enum ev_dns_status status)
{
	return status <= EV_DNS_NXDOMAIN;
}

/* What c-ares holds of a query in flight, maybe for longer than we wait: then query is NULL. */
struct ev_dns_ticket
{
	struct ev_dns_query *query;
};

/* One look-up.  Embedded by whoever asks, who must keep it until done() is called. */
struct ev_dns_query
{
	struct ev_list link;
	struct ev_prober *prober;
	char name[EV_DOMAIN_MAX + 1];
	uint16_t type;
	uint8_t only;               /* 0: of any server; n: of the nth alone */
	uint8_t server;             /* which one is asked, or has answered */
	uint8_t rounds;             /* in which each has been asked */
	uint8_t n_denied;           /* times that it was denied without proof */
	uint16_t asked, failed;     /* sets of servers: in this round; those that will say no more */
	enum ev_dns_status failure; /* what the first one said; OK: nobody failed */
	enum ev_dns_status denied;  /* how it was denied without proof; OK: it was not */
	bool unproven;              /* the answer denies without proof, twice: not to be remembered */
	uint64_t sent_at;           /* ms */
	uint64_t deadline;          /* when it has been in flight for as long as it may (ms) */
	struct ev_dns_ticket *ticket;

	/*
	 * reply is NULL unless OK, NODATA or NXDOMAIN, and is gone afterwards.  May start other
	 * look-ups.
	 */
	void (*done)(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
	             size_t len);
};

struct ev_dns
{
	struct ev_dns_channels *channels;
	uv_timer_t timer;
	struct ev_list waiting;   /* queries not yet sent */
	struct ev_list in_flight; /* and those that were, the oldest first */
	struct ev_list sockets;
	uint32_t n_in_flight;
	uint64_t patience; /* how long a query may be in flight (ms) */
	unsigned next;     /* server that is asked next */
	struct ev_dns_server servers[EV_SERVERS_MAX];
	struct ev_dns_trust trust;
};

/*
 * Use the name servers and time-outs of the prober's configuration; again after it has changed,
 * when what is in flight is asked anew.  False, with all as it was, when they cannot be used.
 */
extern bool ev_dns_configure(struct ev_prober *prober, char *error, size_t size);

/* The end; what is in flight goes back to what waits. */
extern void ev_dns_close(struct ev_prober *prober);

/* Queue a look-up; prober, done, name and type are set.  Never calls done() by itself. */
extern void ev_dns_start(struct ev_dns_query *query);

/* Forget about a look-up that was started: done() will not be called.  No harm if it has ended. */
extern void ev_dns_cancel(struct ev_dns_query *query);

/* Set the timer to when something is to be done: after each call that may have sent something. */
extern void ev_dns_restart_timer(struct ev_prober *prober);

/* Send what may be sent.  ev_dns_can_send(): is there any? */
extern void ev_dns_pump(struct ev_prober *prober);
extern bool ev_dns_can_send(const struct ev_prober *prober);

#endif
