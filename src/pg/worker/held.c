/*
 * held.c
 *	  Who holds a row; see held.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg/shared/compat.h"
#include "pg/worker/held.h"

/* Nobody is waited for: whoever locks the table against readers holds up more than a row. */
static bool
lock_now(Oid oid)
{
	return OidIsValid(oid) && ConditionalLockRelationOid(oid, AccessShareLock);
}

/* The unique index by that column first, locked; NULL: there is none to be had. */
static Relation
open_index(Relation table, AttrNumber column)
{
	List *indexes = RelationGetIndexList(table);
	ListCell *cell;

	foreach (cell, indexes)
	{
		Oid oid = lfirst_oid(cell);
		Relation index;

		if (!lock_now(oid))
			continue;
		index = index_open(oid, NoLock);
		if (index->rd_index->indisunique && index->rd_index->indisvalid &&
		    index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indkey.values[0] == column &&
		    RelationGetIndexPredicate(index) == NIL)
			return index;
		index_close(index, AccessShareLock);
	}
	return NULL;
}

static Oid
table_oid(const char *table)
{
	Oid schema = get_namespace_oid("email_verify", true);

	return OidIsValid(schema) ? get_relname_relid(table, schema) : InvalidOid;
}

bool
ev_held_written(const char *table)
{
	Oid oid = table_oid(table);
	VirtualTransactionId *others;
	LOCKTAG tag;
	int n;

	if (!OidIsValid(oid))
		return false;
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, oid);

	/* what conflicts with this mode is a lock for writing or for FOR UPDATE and its like, not one for reading */
	others = GetLockConflicts(&tag, ExclusiveLock, &n);
	pfree(others);
	return n > 0;
}

bool
ev_held_begin(EvHeldScan *scan, const char *table, const char *column)
{
	Oid oid = table_oid(table);

	memset(scan, 0, sizeof(*scan));
	if (!lock_now(oid))
		return false;
	scan->table = table_open(oid, NoLock);
	scan->index = open_index(scan->table, get_attnum(oid, column));
	if (scan->index == NULL)
	{
		table_close(scan->table, AccessShareLock);
		scan->table = NULL;
		return false;
	}
	InitDirtySnapshot(scan->snapshot);
	scan->slot = table_slot_create(scan->table, NULL);
	scan->scan = ev_index_beginscan(scan->table, scan->index, &scan->snapshot, 1);
	return true;
}

void
ev_held_end(EvHeldScan *scan)
{
	if (scan->table == NULL)
		return;
	index_endscan(scan->scan);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, AccessShareLock);
	table_close(scan->table, AccessShareLock);
	scan->table = NULL;
}

static TransactionId
running(TransactionId xid)
{
	return TransactionIdIsValid(xid) && TransactionIdIsInProgress(xid) ? xid : InvalidTransactionId;
}

static TransactionId
running_of_many(MultiXactId multi, bool only_locks)
{
	MultiXactMember *members;
	int n = GetMultiXactIdMembers(multi, &members, false, only_locks);
	TransactionId found = InvalidTransactionId;

	for (int i = 0; i < n && !TransactionIdIsValid(found); i++)
		found = running(members[i].xid);
	if (n > 0)
		pfree(members);
	return found;
}

/* Who has locked the row in the slot, or changed it: the dirty snapshot tells of changes only. */
static TransactionId
locker(TupleTableSlot *slot)
{
	BufferHeapTupleTableSlot *heap = (BufferHeapTupleTableSlot *) slot;
	uint16 mask;
	TransactionId xmax;

	if (!TTS_IS_BUFFERTUPLE(slot) || !BufferIsValid(heap->buffer))
		return InvalidTransactionId;
	LockBuffer(heap->buffer, BUFFER_LOCK_SHARE);
	mask = heap->base.tuple->t_data->t_infomask;
	xmax = HeapTupleHeaderGetRawXmax(heap->base.tuple->t_data);
	LockBuffer(heap->buffer, BUFFER_LOCK_UNLOCK);
	if (mask & HEAP_XMAX_INVALID)
		return InvalidTransactionId;
	return mask & HEAP_XMAX_IS_MULTI ? running_of_many(xmax, HEAP_XMAX_IS_LOCKED_ONLY(mask))
	                                 : running(xmax);
}

static TransactionId
find(EvHeldScan *scan, RegProcedure equal, Datum value)
{
	ScanKeyData key;
	TransactionId found = InvalidTransactionId;

	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
	                       scan->index->rd_indcollation[0], equal, value);
	index_rescan(scan->scan, &key, 1, NULL, 0);
	while (!TransactionIdIsValid(found) &&
	       index_getnext_slot(scan->scan, ForwardScanDirection, scan->slot))
	{
		found = running(scan->snapshot.xmin);
		if (!TransactionIdIsValid(found))
			found = running(scan->snapshot.xmax);
		if (!TransactionIdIsValid(found))
			found = locker(scan->slot);
	}
	ExecClearTuple(scan->slot);
	return found;
}

TransactionId
ev_held_text(EvHeldScan *scan, const char *value)
{
	return scan->table == NULL ? InvalidTransactionId
	                           : find(scan, F_TEXTEQ, CStringGetTextDatum(value));
}

TransactionId
ev_held_int64(EvHeldScan *scan, int64 value)
{
	return scan->table == NULL ? InvalidTransactionId : find(scan, F_INT8EQ, Int64GetDatum(value));
}
