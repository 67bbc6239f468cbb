/*
 * budget.h
 *	  How many addresses mail servers were asked for today, by all databases of the server together.
 *
 * Days are those of UTC.  The number is in shared memory: a restart of the server begins anew.
 */
#ifndef EV_BUDGET_H
#define EV_BUDGET_H

#include "port/atomics.h"
#include "utils/timestamp.h"

/* The day in the upper half, the number in the lower one. */
typedef struct EvBudget
{
	pg_atomic_uint64 spent;
} EvBudget;

extern void ev_budget_init(EvBudget *budget);
extern void ev_budget_spend(EvBudget *budget, TimestampTz now, uint32 n);
extern uint32 ev_budget_spent(EvBudget *budget, TimestampTz now);

/* Seconds until the next day begins, 1 to 86400. */
extern int32 ev_budget_renewal(TimestampTz now);

#endif
