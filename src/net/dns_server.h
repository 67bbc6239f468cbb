/*
 * dns_server.h
 *	  What is known of one name server: how it answers, and in what time.
 *
 * A domain whose own servers are broken makes ours say SERVFAIL or keep silent; so does a fault of ours.
 * The two are told apart by how it answers for all others.
 */
#ifndef EV_DNS_SERVER_H
#define EV_DNS_SERVER_H

#include "net/prober.h"

enum ev_dns_status;
struct ev_dns_trial;

struct ev_dns_server
{
	struct ev_server_stats stats;

	/* dns_trust.c */
	struct ev_dns_trial *trial; /* under way; NULL: none */
	bool trial_over;            /* and answered */
	bool knows_canaries;        /* it has known names that exist everywhere */
	uint8_t good_rounds;        /* in a row */
	uint8_t bad_rounds;
	uint8_t usual_share; /* of denials among its answers, percent; 0: not known yet */
	uint64_t trial_at;   /* when the last one began (ms) */
	uint64_t good_at;    /* when the last good one began */
	uint64_t closed_ms;  /* from one trial of a bad server to the next */
	uint32_t seen;       /* answers and failures since the shares were taken */
	uint32_t denied;     /* among them */
	uint32_t failed;
	uint32_t denied_in_a_row;

	uint8_t silent;      /* time-outs in a row, at most 255 */
	uint64_t silent_for; /* until then it is asked only if no other one is left (ms) */
};

/* It has this address ("" none) from now on; of another one nothing is known.  It is not on trial. */
extern void ev_dns_server_name(struct ev_dns_server *server, const char *address);

/* A query sent to it ended so; both times in ms. */
extern void ev_dns_server_count(struct ev_dns_server *server, enum ev_dns_status status,
                                uint64_t sent_at, uint64_t now);

/* Who is to be asked first: the lowest. */
extern int ev_dns_server_rank(const struct ev_dns_server *server, uint64_t now);

#endif
