/*
 * rates.h
 *	  What a worker has done in the last minute: a ring of ten-second buckets in shared memory.
 *
 * One writer, the worker; anybody reads, without a lock.  A reader that meets the writer at the edge
 * of a bucket is off by what is in it, no more.  Nothing happens while nothing is counted.
 */
#ifndef EV_RATES_H
#define EV_RATES_H

#include "port/atomics.h"
#include "utils/timestamp.h"

#define EV_RATE_SECONDS 10
#define EV_RATE_BUCKETS 6

typedef enum EvRate
{
	EV_RATE_COMPLETED, /* verdicts stored */
	EV_RATE_RCPTS,     /* RCPT commands sent */
	EV_RATE_LOOKUPS,   /* DNS queries sent */
	EV_N_RATES
} EvRate;

typedef struct EvRateBucket
{
	pg_atomic_uint64 number; /* tens of seconds since 2000 */
	pg_atomic_uint64 count[EV_N_RATES];
} EvRateBucket;

typedef struct EvRates
{
	pg_atomic_uint64 since; /* TimestampTz: not counted before then */
	EvRateBucket buckets[EV_RATE_BUCKETS];
} EvRates;

/* In fresh shared memory, before anybody else sees it. */
extern void ev_rates_init(EvRates *rates);

/* Forget everything; counting begins now. */
extern void ev_rates_start(EvRates *rates, TimestampTz now);

/* The writer: n more of each. */
extern void ev_rates_add(EvRates *rates, TimestampTz now, const uint64 n[EV_N_RATES]);

/* A reader: per second, over the last 50 to 60 seconds or since counting began. */
extern void ev_rates_read(EvRates *rates, TimestampTz now, double per_second[EV_N_RATES]);

#endif
