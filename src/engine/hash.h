/*
 * hash.h
 *	  FNV-1a, 64 bits: names of hosts and fingerprints of MX sets.  Not for secrets.
 */
#ifndef EV_HASH_H
#define EV_HASH_H

#include <stddef.h>
#include <stdint.h>

#define EV_HASH_INIT UINT64_C(0xcbf29ce484222325)

static inline uint64_t
ev_hash(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#endif
