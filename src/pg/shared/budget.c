/*
 * budget.c
 *	  Counting the addresses asked for in a day; see budget.h.
 */
#include "postgres.h"

#include "pg/shared/budget.h"

/* A TimestampTz counts from the beginning of a day in UTC. */
static uint64
day_of(TimestampTz now)
{
	return (uint64) Max(now, 0) / USECS_PER_DAY;
}

void
ev_budget_init(EvBudget *budget)
{
	pg_atomic_init_u64(&budget->spent, 0);
}

static uint32
spent_on(uint64 spent, uint64 day)
{
	return spent >> 32 == day ? (uint32) spent : 0;
}

void
ev_budget_spend(EvBudget *budget, TimestampTz now, uint32 n)
{
	uint64 day = day_of(now);
	uint64 old = pg_atomic_read_u64(&budget->spent);
	uint64 new;

	do
	{
		uint32 spent = spent_on(old, day);

		new = day << 32 | (spent > PG_UINT32_MAX - n ? PG_UINT32_MAX : spent + n);
	} while (!pg_atomic_compare_exchange_u64(&budget->spent, &old, new));
}

uint32
ev_budget_spent(EvBudget *budget, TimestampTz now)
{
	return spent_on(pg_atomic_read_u64(&budget->spent), day_of(now));
}

int32
ev_budget_renewal(TimestampTz now)
{
	uint64 gone = (uint64) Max(now, 0) % USECS_PER_DAY;

	return (int32) ((USECS_PER_DAY - gone + USECS_PER_SEC - 1) / USECS_PER_SEC);
}
