/*
 * held.h
 *	  Who holds a row: a transaction that is still under way and has inserted, changed, deleted or locked it.
 *
 * What a transaction has written is looked for without waiting for it, by a scan that sees what has not
 * been committed.  So one row that is held is told from all others before any statement has met it.
 */
#ifndef EV_HELD_H
#define EV_HELD_H

#include "postgres.h"

#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* A look at the rows of one table of schema email_verify, by the first column of one of its unique indexes. */
typedef struct EvHeldScan
{
	Relation table; /* NULL: it cannot be looked at */
	Relation index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	SnapshotData snapshot;
} EvHeldScan;

/*
 * Does another transaction, also a prepared one, have a lock on that table of schema email_verify as who
 * changes or locks rows takes it?  In a transaction; costs some microseconds, and waits for nobody.
 */
extern bool ev_held_written(const char *table);

/*
 * In a transaction.  False when there is no such table or index, or either is locked against
 * readers: then ev_held_*() find nothing.
 */
extern bool ev_held_begin(EvHeldScan *scan, const char *table, const char *column);
extern void ev_held_end(EvHeldScan *scan);

/* Who holds a row with that value, one of them; InvalidTransactionId: nobody does. */
extern TransactionId ev_held_text(EvHeldScan *scan, const char *value);
extern TransactionId ev_held_int64(EvHeldScan *scan, int64 value);

#endif
