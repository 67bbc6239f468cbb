/*
 * patience.c
 *	  What a statement may wait, all its calls together, and where it may not wait at all.
 *
 * A million rows must not wait a million times: email_verify.max_wait is spent once a statement, by waits for
 * verdicts and for room in the inbox alike.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "pg/backend/backend.h"

static TimestampTz statement = 0;
static int64 spent = 0;

/* Commands under way that keep everybody from a table, one inside the other. */
static int exclusive = 0;

int64
ev_patience_left(int64 wait)
{
	if (statement != GetCurrentStatementStartTimestamp())
	{
		statement = GetCurrentStatementStartTimestamp();
		spent = 0;
	}
	return Min(wait, (int64) ev_settings.max_wait * 1000) - spent;
}

void
ev_patience_spend(TimestampTz since)
{
	spent += GetCurrentTimestamp() - since;
}

void
ev_patience_exclusive(bool begins)
{
	exclusive += begins ? 1 : -1;
}

bool
ev_may_wait_for_room(void)
{
	return exclusive == 0 && INTERRUPTS_CAN_BE_PROCESSED();
}
