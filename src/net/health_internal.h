/*
 * health_internal.h
 *	  What the parts of an examination (health.h) know of each other.
 */
#ifndef EV_HEALTH_INTERNAL_H
#define EV_HEALTH_INTERNAL_H

#include "net/health.h"
#include "net/internal.h"

#define EV_HEALTH_ADDRESSES 4 /* of ours that are looked at */
#define EV_HEALTH_TRIALS    3 /* mail servers that are connected to */

/* A connection to a mail server, to see whether we get out. */
struct ev_health_trial
{
	struct ev_health *health;
	char host[EV_HOST_MAX + 1];
	struct ev_ip ip;
	uv_poll_t poll;
	uv_timer_t timer;
	int fd; /* -1: none */
	uint64_t started;
	const char *outcome; /* in a word or two; NULL: not known yet */
	bool connected;
	bool greeted;
};

struct ev_health
{
	struct ev_prober *prober;
	struct ev_health_request request;
	struct ev_health_request next; /* asked for meanwhile */
	bool again;

	struct ev_dns_query query;
	struct ev_spf_check *spf;
	size_t n_addresses, address; /* ours, and the one that is being looked at */
	struct ev_ip addresses[EV_HEALTH_ADDRESSES];
	bool helo_answers;            /* the name servers told whether helo_name has addresses */
	char from[EV_DOMAIN_MAX + 1]; /* mail_from's domain */
	size_t zone_at, trial_at;     /* in the request's lists: what comes next */
	char zone[EV_DOMAIN_MAX + 1]; /* the block list that is being asked */
	char trial_domain[EV_DOMAIN_MAX + 1];
	size_t n_trials, n_open; /* connections, and those whose handles are not closed */
	struct ev_health_trial trials[EV_HEALTH_TRIALS];
};

/* What a step of the examination does with a reply; as ev_dns_query.done. */
typedef void (*ev_health_reply)(struct ev_dns_query *query, enum ev_dns_status status,
                                const uint8_t *reply, size_t len);

extern void ev_health_ask(struct ev_health *health, const char *name, uint16_t type,
                          ev_health_reply done);
extern void ev_health_tell(struct ev_health *health, enum ev_finding_id id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The next name of a list separated by commas or blanks; false at its end. */
extern bool ev_health_name(const char *list, size_t *at, char *name);

/* The nth name of an address's reverse zone: "1.2.0.192" + suffix, or nibbles for v6. */
extern void ev_health_reverse(const struct ev_ip *ip, const char *suffix4, const char *suffix6,
                              char *name);

/* The parts, in their order; each begins the one behind it. */
extern void ev_health_dnsbl(struct ev_health *health);  /* health_dnsbl.c */
extern void ev_health_trials(struct ev_health *health); /* health_trial.c */
extern void ev_health_done(struct ev_health *health);

#endif
