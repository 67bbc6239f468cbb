/*
 * domain_hash.h
 *	  Where a name stands in the tables of domain_list.c: shared by that and by the program that
 *	  makes them (data/generate.c).
 *
 * A name is hashed from its end, so that on the way to the hash of a.b.example the hash of each domain
 * above it is met.
 */
#ifndef EV_DOMAIN_HASH_H
#define EV_DOMAIN_HASH_H

#include <stdint.h>

#include "engine/hash.h"

/* One more byte in front; begin with EV_HASH_INIT. */
static inline uint64_t
ev_domain_hash_step(uint64_t h, unsigned char c)
{
	return (h ^ c) * UINT64_C(0x100000001b3);
}

/* The hash of a name from its last step: every bit depends on every byte. */
static inline uint64_t
ev_domain_hash_end(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static inline uint32_t
ev_domain_bucket(uint64_t hash, uint32_t n_buckets)
{
	return (uint32_t) (((hash >> 32) * n_buckets) >> 32);
}

/* The slot of a name whose bucket has this displacement. */
static inline uint32_t
ev_domain_slot(uint64_t hash, uint32_t displacement, uint32_t n_slots)
{
	uint64_t x =
		(hash ^ (displacement * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xd6e8feb86659fd93);

	return (uint32_t) (((x >> 32) * n_slots) >> 32);
}

/* What is kept of the name itself: another one is taken for it once in four thousand million. */
static inline uint32_t
ev_domain_print(uint64_t hash)
{
	return (uint32_t) hash;
}

/* Local parts of functions are few: a table that stays in the processor's caches. */
#define EV_ROLE_SLOTS 512

static inline uint32_t
ev_role_slot(uint64_t hash)
{
	return (uint32_t) (hash >> 32) % EV_ROLE_SLOTS;
}

#endif
