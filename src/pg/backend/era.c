/*
 * era.c
 *	  What makes two calls see the same rows of a table in force; see memo.c.
 *
 * Tables of the site that functions read for every row of a statement are read once for an era.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

static uint32 aborted = 0;

/* Rows that a subtransaction wrote are gone with it, and no snapshot tells. */
static void
at_subxact_end(SubXactEvent event, SubTransactionId subxact, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		aborted++;
}

EvEra
ev_era_of(Snapshot snapshot)
{
	static bool registered = false;
	EvEra era;

	if (!registered)
		RegisterSubXactCallback(at_subxact_end, NULL);
	registered = true;
	memset(&era, 0, sizeof(era));
	era.statement = GetCurrentStatementStartTimestamp();
	era.xact = ev_local_xid();
	era.xmin = snapshot->xmin;
	era.xmax = snapshot->xmax;
	/* between the same two ends they only become fewer */
	era.in_progress = snapshot->xcnt + (uint32) snapshot->subxcnt;
	era.command = snapshot->curcid;
	era.aborted = aborted;
	return era;
}
