/*
 * facts.h
 *	  What the hosts of a domain did with other recipients, made-up ones among them.
 *
 * Facts are of (domain, host): a backup MX that accepts everything says nothing about the primary.
 */
#ifndef EV_FACTS_H
#define EV_FACTS_H

#include "net/prober.h"

struct ev_fact
{
	uint64_t host_hash; /* 0: free */
	uint64_t used_at;
	uint8_t random; /* enum ev_random: UNKNOWN, REFUSED or ACCEPTED */
	int64_t random_at;
	uint64_t random_words; /* how the made-up recipient was refused (same_words.h); 0: not known */
	uint64_t accepted[2];  /* the last two recipients accepted, by hash; 0: somebody */
	int64_t accepted_at[2];
	uint8_t n_refused; /* recipients in a row that were refused with the same text */
	uint64_t refused;  /* the last of them */
	uint64_t refusal;  /* its words (same_words.h) */
	int64_t refused_at;
	uint16_t limit;   /* recipients of a session before the host ends it; 0: not known */
	int64_t limit_at; /* when that was learned */
};

struct ev_facts
{
	struct ev_fact hosts[EV_KNOWN_HOSTS];
};

extern void ev_facts_init(struct ev_facts *facts);

extern uint64_t ev_host_hash(const char *host);

/*
 * The record of a host; made, in place of the one longest unused, if there is none.  Times in ms.
 */
extern struct ev_fact *ev_facts_of(struct ev_facts *facts, uint64_t host_hash, uint64_t now);

/* What the request's caller knows from earlier runs. */
extern void ev_facts_merge(struct ev_facts *facts, const struct ev_request *request, uint64_t now);

/* UNKNOWN when nothing is known or it is older than max_age seconds. */
extern enum ev_random ev_fact_random(const struct ev_fact *fact, uint64_t now, uint32_t max_age);

/* The same for a host of these; makes no record of it. */
extern enum ev_random ev_facts_random(const struct ev_facts *facts, uint64_t host_hash,
                                      uint64_t now, uint32_t max_age);

/* Has another host than this one refused a made-up recipient? */
extern bool ev_facts_refused_elsewhere(const struct ev_facts *facts, const struct ev_fact *fact,
                                       uint64_t now, uint32_t max_age);

/* words: of the refusal, where it was one; else 0. */
extern void ev_fact_learn_random(struct ev_fact *fact, enum ev_random random, uint64_t words,
                                 uint64_t now);
extern void ev_fact_accepted(struct ev_fact *fact, uint64_t address, uint64_t now);
extern void ev_fact_refused(struct ev_fact *fact, uint64_t address, uint64_t words, uint64_t now);

/* Was a made-up recipient refused in these words there, in the last max_age seconds? */
extern bool ev_fact_says_unknown(const struct ev_fact *fact, uint64_t words, uint64_t now,
                                 uint32_t max_age);

/*
 * The host has ended a session in which it had answered for n recipients, at least one.  by_reply: it
 * said so, and that is its limit; else it fell silent or closed, which may have had other causes: the
 * next sessions are half as long as `tried` at most, but not shorter than n.  Returns the new limit.
 */
extern uint16_t ev_fact_ended_early(struct ev_fact *fact, size_t n, size_t tried, bool by_reply,
                                    uint64_t now);

/*
 * How many recipients a session with this host should have; 0: nothing is known, or it was learned
 * more than a day ago.  Makes no record of the host.
 */
extern uint16_t ev_facts_limit(const struct ev_facts *facts, uint64_t host_hash, uint64_t now);

/* What is there to hold a refusal of this address against? */
extern enum ev_control ev_fact_control(const struct ev_fact *fact, uint64_t address, uint64_t now);

#endif
