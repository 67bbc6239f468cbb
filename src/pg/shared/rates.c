/*
 * rates.c
 *	  Counting what happened in the last minute; see rates.h.
 */
#include "postgres.h"

#include "pg/shared/rates.h"
#include "pg/shared/shmem.h"

static int64
bucket_us(void)
{
	return ev_in_time(EV_RATE_SECONDS * USECS_PER_SEC);
}

/* A clock before 2000 has no buckets of its own. */
static uint64
bucket_number(TimestampTz now)
{
	return now < 0 ? 0 : (uint64) (now / bucket_us());
}

void
ev_rates_init(EvRates *rates)
{
	pg_atomic_init_u64(&rates->since, 0);
	for (int i = 0; i < EV_RATE_BUCKETS; i++)
	{
		pg_atomic_init_u64(&rates->buckets[i].number, 0);
		for (int r = 0; r < EV_N_RATES; r++)
			pg_atomic_init_u64(&rates->buckets[i].count[r], 0);
	}
}

static void
begin_bucket(EvRateBucket *bucket, uint64 number)
{
	/* in this order: until it has its number nobody counts it among the last ones */
	pg_atomic_write_u64(&bucket->number, 0);
	pg_write_barrier();
	for (int r = 0; r < EV_N_RATES; r++)
		pg_atomic_write_u64(&bucket->count[r], 0);
	pg_write_barrier();
	pg_atomic_write_u64(&bucket->number, number);
}

void
ev_rates_start(EvRates *rates, TimestampTz now)
{
	for (int i = 0; i < EV_RATE_BUCKETS; i++)
		begin_bucket(&rates->buckets[i], 0);
	pg_atomic_write_u64(&rates->since, (uint64) now);
}

void
ev_rates_add(EvRates *rates, TimestampTz now, const uint64 n[EV_N_RATES])
{
	uint64 number = bucket_number(now);
	EvRateBucket *bucket = &rates->buckets[number % EV_RATE_BUCKETS];

	if (pg_atomic_read_u64(&bucket->number) != number)
		begin_bucket(bucket, number);
	for (int r = 0; r < EV_N_RATES; r++)
		if (n[r] > 0)
			pg_atomic_write_u64(&bucket->count[r], pg_atomic_read_u64(&bucket->count[r]) + n[r]);
}

void
ev_rates_read(EvRates *rates, TimestampTz now, double per_second[EV_N_RATES])
{
	uint64 current = bucket_number(now);
	int64 covered = now - (int64) current * bucket_us() + (EV_RATE_BUCKETS - 1) * bucket_us();
	int64 counted = now - (TimestampTz) pg_atomic_read_u64(&rates->since);
	double seconds = (double) Max(Min(covered, counted), USECS_PER_SEC) / USECS_PER_SEC;
	uint64 sum[EV_N_RATES] = {0};

	for (int i = 0; i < EV_RATE_BUCKETS; i++)
	{
		EvRateBucket *bucket = &rates->buckets[i];
		uint64 number = pg_atomic_read_u64(&bucket->number);

		pg_read_barrier();
		if (number == 0 || number > current || number + EV_RATE_BUCKETS <= current)
			continue;
		for (int r = 0; r < EV_N_RATES; r++)
			sum[r] += pg_atomic_read_u64(&bucket->count[r]);
	}
	for (int r = 0; r < EV_N_RATES; r++)
		per_second[r] = (double) sum[r] / seconds;
}
