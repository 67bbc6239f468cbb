/*
 * lookup.c
 *	  Finds rows of one of our tables by a text key, straight through an index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/hash.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/backend/bucket.h"
#include "pg/backend/lookup.h"
#include "pg/shared/compat.h"

/* The short way through a hash index is for up to so many rows of one hash value, dead ones too. */
#define SHORT_WAY_MAX 16

/* How much of a row is read, more or less, and what comes from memory at a time. */
#define ROW_BYTES  192
#define CACHE_LINE 64

/* All that are in use: the server has room for few callbacks, and others want some as well. */
static EvLookup *first = NULL;

static void
invalidate(Datum arg, Oid relation)
{
	for (EvLookup *lookup = first; lookup != NULL; lookup = lookup->next)
		if (relation == InvalidOid || relation == lookup->relation || relation == lookup->index ||
		    !lookup->usable)
		{
			lookup->valid = false;
			lookup->lock_xact = InvalidLocalTransactionId;
			lookup->generation++;
		}
}

/* NULL when it cannot be had at once. */
static Relation
open_now(Oid oid)
{
	Relation rel;

	if (!ConditionalLockRelationOid(oid, AccessShareLock))
		return NULL;
	rel = try_relation_open(oid, NoLock);
	if (rel == NULL)
		UnlockRelationOid(oid, AccessShareLock);
	return rel;
}

/*
 * A predicate is only looked for, not looked at: reading it would run what is constant in it.  An
 * operator family that did not come with the server may hash or compare by anything.
 */
static bool
index_fits(const EvLookup *lookup, Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisvalid && form->indisready && form->indkey.values[0] == lookup->attnums[0] &&
	       index->rd_indcollation[0] == C_COLLATION_OID &&
	       (lookup->ordered ? index->rd_rel->relam == BTREE_AM_OID
	                        : index->rd_rel->relam == HASH_AM_OID && form->indnatts == 1 &&
	                              index_getprocid(index, 1, HASHSTANDARD_PROC) == F_HASHTEXT) &&
	       index->rd_opcintype[0] == TEXTOID && index->rd_opfamily[0] < FirstNormalObjectId &&
	       heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

static bool
column_fits(const EvLookup *lookup, Relation rel, int i)
{
	Form_pg_attribute column;

	if (lookup->attnums[i] == InvalidAttrNumber)
		return false;
	column = TupleDescAttr(RelationGetDescr(rel), lookup->attnums[i] - 1);
	if (i == 0 && column->attcollation != C_COLLATION_OID)
		return false;
	return OidIsValid(lookup->types[i]) ? column->atttypid == lookup->types[i]
	                                    : get_typtype(column->atttypid) == TYPTYPE_ENUM;
}

/* *all tells whether all indexes could be looked at: one that is locked may be the one. */
static Oid
find_index(EvLookup *lookup, Relation rel, bool *all)
{
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;
	Oid result = InvalidOid;

	foreach (cell, indexes)
	{
		Relation index = open_now(lfirst_oid(cell));

		if (index == NULL)
		{
			*all = false;
			continue;
		}
		if (index_fits(lookup, index))
			result = lfirst_oid(cell);
		relation_close(index, AccessShareLock);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

/*
 * A slot of our own, with a descriptor that no relation cache entry owns: made once, not for each
 * look-up.  It never owns the row that it shows.
 */
static void
make_slot(EvLookup *lookup, Relation rel)
{
	MemoryContext old;

	if (lookup->context == NULL)
		lookup->context =
			AllocSetContextCreate(TopMemoryContext, "email_verify lookup", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(lookup->context);
	old = MemoryContextSwitchTo(lookup->context);
	lookup->slot =
		MakeTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(rel)), &TTSOpsHeapTuple);
	MemoryContextSwitchTo(old);
}

/* Called with the relation locked. */
static void
learn_shape(EvLookup *lookup, Relation rel)
{
	bool all = true;

	lookup->usable =
		rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relam == HEAP_TABLE_AM_OID;
	for (int i = 0; i < lookup->n_columns && lookup->usable; i++)
	{
		lookup->attnums[i] = get_attnum(RelationGetRelid(rel), lookup->columns[i]);
		lookup->usable = column_fits(lookup, rel, i);
	}
	lookup->index = lookup->usable ? find_index(lookup, rel, &all) : InvalidOid;
	lookup->usable = OidIsValid(lookup->index);
	lookup->n_deform = 0;
	for (int i = 0; i < lookup->n_columns && lookup->usable; i++)
		lookup->n_deform = Max(lookup->n_deform, lookup->attnums[i]);
	make_slot(lookup, rel);
	lookup->valid = lookup->usable || all;
}

Oid
ev_lookup_relation(EvLookup *lookup)
{
	if (!lookup->registered)
	{
		if (first == NULL)
			CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
		lookup->next = first;
		first = lookup;
		lookup->registered = true;
	}
	if (!lookup->valid || !OidIsValid(lookup->relation))
	{
		Oid namespace = get_namespace_oid("email_verify", true);

		lookup->relation =
			OidIsValid(namespace) ? get_relname_relid(lookup->table, namespace) : InvalidOid;
	}
	return lookup->relation;
}

/* One search: what for, and whom to tell. */
typedef struct Search
{
	EvLookup *lookup;
	const char *key;
	size_t len;
	EvLookupRow row;
	void *arg;
} Search;

/* Is the row in the slot one of those?  An index may have candidates only.  False: no more. */
static bool
offer(const Search *search, TupleTableSlot *slot)
{
	const EvLookup *lookup = search->lookup;
	Datum values[EV_LOOKUP_COLUMNS];
	bool nulls[EV_LOOKUP_COLUMNS];
	text *found;

	slot_getsomeattrs(slot, lookup->n_deform);
	for (int i = 0; i < lookup->n_columns; i++)
	{
		values[i] = slot->tts_values[lookup->attnums[i] - 1];
		nulls[i] = slot->tts_isnull[lookup->attnums[i] - 1];
	}
	if (nulls[0])
		return true;
	found = DatumGetTextPP(values[0]);
	if (VARSIZE_ANY_EXHDR(found) != search->len ||
	    memcmp(VARDATA_ANY(found), search->key, search->len) != 0)
		return true;
	return search->row(values, nulls, search->arg);
}

/* Through the access method: any index, any snapshot. */
static void
scan(const Search *search, Relation rel, Relation index)
{
	EvLookup *lookup = search->lookup;
	text *key = cstring_to_text_with_len(search->key, (int) search->len);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsBufferHeapTuple);
	IndexScanDesc desc;
	ScanKeyData skey;

	ScanKeyEntryInitialize(&skey, 0, 1,
	                       lookup->ordered ? BTEqualStrategyNumber : HTEqualStrategyNumber,
	                       InvalidOid, C_COLLATION_OID, F_TEXTEQ, PointerGetDatum(key));
	desc = ev_index_beginscan(rel, index, lookup->dead_too ? SnapshotAny : GetActiveSnapshot(), 1);
	index_rescan(desc, &skey, 1, NULL, 0);
	while (index_getnext_slot(desc, ForwardScanDirection, slot))
		if (!offer(search, slot))
			break;
	index_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	pfree(key);
}

/*
 * The row at tid, or the one of its versions that the snapshot sees.  Pages are not pruned on the
 * way, which an index scan would do: the worker's updates come by often enough.
 */
static bool
offer_version(const Search *search, Relation rel, ItemPointer tid, Snapshot snapshot)
{
	TupleTableSlot *slot = search->lookup->slot;
	Buffer buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(tid));
	HeapTupleData tuple;
	Page page = BufferGetPage(buffer);
	bool found;
	bool more = true;

	ItemId id = PageGetItemId(page, ItemPointerGetOffsetNumber(tid));

	/* nobody has read them for long: to wait for them one after the other takes several times as long */
	ev_prefetch(page);
	ev_prefetch(id);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	for (int i = 0; i < ROW_BYTES; i += CACHE_LINE)
		ev_prefetch((char *) page + ItemIdGetOffset(id) + i);
	found = heap_hot_search_buffer(tid, rel, buffer, snapshot, &tuple, NULL, true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (found)
	{
		ExecStoreHeapTuple(&tuple, slot, false);
		more = offer(search, slot);
		ExecClearTuple(slot);
	}
	ReleaseBuffer(buffer);
	return more;
}

/* The short way through a hash index.  False when it is none for this key. */
static bool
scan_bucket(const Search *search, Relation rel, Relation index)
{
	ItemPointerData tids[SHORT_WAY_MAX];
	Snapshot snapshot = GetActiveSnapshot();
	uint32 hash = hash_bytes((const unsigned char *) search->key, (int) search->len);
	int n = ev_bucket_read(index, hash, snapshot, tids, SHORT_WAY_MAX);

	for (int i = 0; i < n; i++)
	{
		pgstat_count_index_tuples(index, 1);
		pgstat_count_heap_fetch(index);
		if (!offer_version(search, rel, &tids[i], snapshot))
			break;
	}
	return n != EV_BUCKET_ASK;
}

static bool
is_locked(const EvLookup *lookup)
{
	return lookup->lock_xact == ev_local_xid() &&
	       lookup->lock_subxact == GetCurrentSubTransactionId();
}

/*
 * Lock table and index, learn their shape if need be.  False, and nothing locked, when that cannot
 * be done at once.
 */
static bool
lock_both(EvLookup *lookup, Oid oid)
{
	Relation rel = open_now(oid);

	if (rel == NULL)
		return false;
	if (!lookup->valid)
		learn_shape(lookup, rel);
	if (!lookup->usable || !ConditionalLockRelationOid(lookup->index, AccessShareLock))
	{
		relation_close(rel, AccessShareLock);
		return false;
	}
	relation_close(rel, NoLock);
	lookup->lock_xact = ev_local_xid();
	lookup->lock_subxact = GetCurrentSubTransactionId();
	return true;
}

bool
ev_lookup(EvLookup *lookup, const char *key, size_t len, EvLookupRow row, void *arg)
{
	Search search = {.lookup = lookup, .key = key, .len = len, .row = row, .arg = arg};
	Oid oid = ev_lookup_relation(lookup);
	Relation rel;
	Relation index;

	if (!OidIsValid(oid) || !ActiveSnapshotSet())
		return false;
	if (!(lookup->valid && is_locked(lookup)) && !lock_both(lookup, oid))
		return false;

	/* they are locked: there is no need to look into the catalogue whether they are still there */
	rel = RelationIdGetRelation(oid);
	index = rel == NULL ? NULL : RelationIdGetRelation(lookup->index);
	if (index != NULL)
	{
		if (lookup->ordered || lookup->dead_too || !scan_bucket(&search, rel, index))
			scan(&search, rel, index);
		RelationClose(index);
	}
	if (rel != NULL)
		RelationClose(rel);
	return index != NULL;
}
