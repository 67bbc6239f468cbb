/*
 * facts.c
 *	  Facts of (domain, host); see facts.h.
 */
#include "net/facts.h"

#include <string.h>

#include "engine/hash.h"

#define CONTROL_AGE (INT64_C(24) * 3600 * 1000) /* a control holds for a day */
#define LIMIT_AGE   (INT64_C(24) * 3600 * 1000) /* so does a host's patience */
#define ALIKE_MIN   2                           /* recipients refused alike are "all" */

void
ev_facts_init(struct ev_facts *facts)
{
	memset(facts, 0, sizeof(*facts));
}

uint64_t
ev_host_hash(const char *host)
{
	return ev_hash(EV_HASH_INIT, host, strlen(host));
}

struct ev_fact *
ev_facts_of(struct ev_facts *facts, uint64_t host_hash, uint64_t now)
{
	struct ev_fact *fact = &facts->hosts[0];

	for (size_t i = 0; i < EV_KNOWN_HOSTS; i++)
	{
		if (facts->hosts[i].host_hash == host_hash)
		{
			facts->hosts[i].used_at = now;
			return &facts->hosts[i];
		}
		if (facts->hosts[i].used_at < fact->used_at)
			fact = &facts->hosts[i];
	}
	memset(fact, 0, sizeof(*fact));
	fact->host_hash = host_hash;
	fact->used_at = now;
	return fact;
}

void
ev_fact_learn_random(struct ev_fact *fact, enum ev_random random, uint64_t words, uint64_t now)
{
	fact->random = (uint8_t) random;
	fact->random_words = random == EV_RANDOM_REFUSED ? words : 0;
	fact->random_at = (int64_t) now;
}

void
ev_fact_accepted(struct ev_fact *fact, uint64_t address, uint64_t now)
{
	if (fact->accepted[0] != address)
	{
		fact->accepted[1] = fact->accepted[0];
		fact->accepted_at[1] = fact->accepted_at[0];
	}
	fact->accepted[0] = address;
	fact->accepted_at[0] = (int64_t) now + 1; /* never 0 */
	fact->n_refused = 0;
}

void
ev_fact_refused(struct ev_fact *fact, uint64_t address, uint64_t words, uint64_t now)
{
	if (fact->refusal != words || fact->n_refused == 0)
	{
		fact->n_refused = 1;
		fact->refusal = words;
	}
	else if (fact->refused != address && fact->n_refused < UINT8_MAX)
		fact->n_refused++;
	fact->refused = address;
	fact->refused_at = (int64_t) now;
}

static uint16_t
limit_now(const struct ev_fact *fact, uint64_t now)
{
	return (int64_t) now - fact->limit_at <= LIMIT_AGE ? fact->limit : 0;
}

uint16_t
ev_fact_ended_early(struct ev_fact *fact, size_t n, size_t tried, bool by_reply, uint64_t now)
{
	size_t limit = by_reply || n > tried / 2 ? n : tried / 2;

	fact->limit = limit < UINT16_MAX ? (uint16_t) limit : UINT16_MAX;
	fact->limit_at = (int64_t) now;
	return fact->limit;
}

void
ev_facts_merge(struct ev_facts *facts, const struct ev_request *request, uint64_t now)
{
	for (size_t i = 0; i < request->n_known && i < EV_KNOWN_HOSTS; i++)
	{
		const struct ev_known_host *known = &request->known[i];
		struct ev_fact *fact = ev_facts_of(facts, known->host_hash, now);
		int64_t at = (int64_t) now - (int64_t) known->random_age * 1000;

		if ((known->random == EV_RANDOM_REFUSED || known->random == EV_RANDOM_ACCEPTED) &&
		    (fact->random == EV_RANDOM_UNKNOWN || fact->random_at < at))
		{
			fact->random = known->random;
			fact->random_at = at;
			fact->random_words = known->random == EV_RANDOM_REFUSED ? known->random_words : 0;
		}
		if (known->accepted_other && fact->accepted_at[0] == 0)
			ev_fact_accepted(fact, 0, now);
		/* what this process has seen itself is newer than what was stored of it */
		if (known->limit > 0 && limit_now(fact, now) == 0)
		{
			fact->limit = known->limit;
			fact->limit_at = (int64_t) now - (int64_t) known->limit_age * 1000;
		}
	}
}

enum ev_random
ev_fact_random(const struct ev_fact *fact, uint64_t now, uint32_t max_age)
{
	if ((int64_t) now - fact->random_at > (int64_t) max_age * 1000)
		return EV_RANDOM_UNKNOWN;
	return (enum ev_random) fact->random;
}

static const struct ev_fact *
find_fact(const struct ev_facts *facts, uint64_t host_hash)
{
	for (size_t i = 0; i < EV_KNOWN_HOSTS; i++)
		if (facts->hosts[i].host_hash == host_hash)
			return &facts->hosts[i];
	return NULL;
}

enum ev_random
ev_facts_random(const struct ev_facts *facts, uint64_t host_hash, uint64_t now, uint32_t max_age)
{
	const struct ev_fact *fact = find_fact(facts, host_hash);

	return fact != NULL ? ev_fact_random(fact, now, max_age) : EV_RANDOM_UNKNOWN;
}

uint16_t
ev_facts_limit(const struct ev_facts *facts, uint64_t host_hash, uint64_t now)
{
	const struct ev_fact *fact = find_fact(facts, host_hash);

	return fact != NULL ? limit_now(fact, now) : 0;
}

bool
ev_fact_says_unknown(const struct ev_fact *fact, uint64_t words, uint64_t now, uint32_t max_age)
{
	return words != 0 && fact->random_words == words &&
	       ev_fact_random(fact, now, max_age) == EV_RANDOM_REFUSED;
}

bool
ev_facts_refused_elsewhere(const struct ev_facts *facts, const struct ev_fact *fact, uint64_t now,
                           uint32_t max_age)
{
	for (size_t i = 0; i < EV_KNOWN_HOSTS; i++)
	{
		if (&facts->hosts[i] != fact && facts->hosts[i].host_hash != 0 &&
		    ev_fact_random(&facts->hosts[i], now, max_age) == EV_RANDOM_REFUSED)
			return true;
	}
	return false;
}

enum ev_control
ev_fact_control(const struct ev_fact *fact, uint64_t address, uint64_t now)
{
	bool any = false;

	for (size_t i = 0; i < 2; i++)
	{
		if (fact->accepted_at[i] == 0 || (int64_t) now - fact->accepted_at[i] > CONTROL_AGE)
			continue;
		any = true;
		if (fact->accepted[i] != address)
			return EV_CONTROL_ACCEPTED_OTHER;
	}
	if (!any && fact->n_refused >= ALIKE_MIN && (int64_t) now - fact->refused_at <= CONTROL_AGE)
		return EV_CONTROL_REFUSED_ALL;
	return EV_CONTROL_NONE;
}
