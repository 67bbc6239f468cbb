/*
 * lookup.c
 *	  Finds rows of one of our tables by a text key, straight through an index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/backend/lookup.h"
#include "pg/shared/compat.h"

/* Longer keys than these are none of ours, but are no fault either. */
#define KEY_MAX 512

static void
invalidate(Datum arg, Oid relation)
{
	EvLookup *lookup = (EvLookup *) DatumGetPointer(arg);

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

static bool
index_fits(const EvLookup *lookup, Relation index)
{
	Form_pg_index form = index->rd_index;

	return form->indisvalid && form->indisready && form->indkey.values[0] == lookup->attnums[0] &&
	       (lookup->ordered ? index->rd_rel->relam == BTREE_AM_OID
	                        : index->rd_rel->relam == HASH_AM_OID && form->indnatts == 1) &&
	       RelationGetIndexPredicate(index) == NIL;
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
 * look-up.
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
	lookup->slot = MakeTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(rel)),
	                                  &TTSOpsBufferHeapTuple);
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
		lookup->usable = lookup->attnums[i] != InvalidAttrNumber;
	}
	if (lookup->usable)
	{
		Form_pg_attribute key = TupleDescAttr(RelationGetDescr(rel), lookup->attnums[0] - 1);

		lookup->usable = key->atttypid == TEXTOID && key->attcollation == C_COLLATION_OID;
	}
	lookup->index = lookup->usable ? find_index(lookup, rel, &all) : InvalidOid;
	lookup->usable = OidIsValid(lookup->index);
	lookup->n_deform = 0;
	for (int i = 0; i < lookup->n_columns && lookup->usable; i++)
		lookup->n_deform = Max(lookup->n_deform, lookup->attnums[i]);
	make_slot(lookup, rel);
	lookup->scanning = false;
	lookup->valid = lookup->usable || all;
}

Oid
ev_lookup_relation(EvLookup *lookup)
{
	if (!lookup->registered)
	{
		CacheRegisterRelcacheCallback(invalidate, PointerGetDatum(lookup));
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

static void
scan(EvLookup *lookup, Relation rel, Relation index, text *key, EvLookupRow row, void *arg)
{
	IndexScanDesc desc;
	TupleTableSlot *slot = lookup->slot;
	ScanKeyData skey;
	bool more = true;

	ScanKeyEntryInitialize(&skey, 0, 1,
	                       lookup->ordered ? BTEqualStrategyNumber : HTEqualStrategyNumber,
	                       InvalidOid, C_COLLATION_OID, F_TEXTEQ, PointerGetDatum(key));
	lookup->scanning = true;
	desc = ev_index_beginscan(rel, index, lookup->dead_too ? SnapshotAny : GetActiveSnapshot(), 1);
	index_rescan(desc, &skey, 1, NULL, 0);
	while (more && index_getnext_slot(desc, ForwardScanDirection, slot))
	{
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
			continue;

		/* a hash index finds candidates only */
		found = DatumGetTextPP(values[0]);
		if (VARSIZE_ANY_EXHDR(found) == VARSIZE_ANY_EXHDR(key) &&
		    memcmp(VARDATA_ANY(found), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0)
			more = row(values, nulls, arg);
	}
	index_endscan(desc);
	ExecClearTuple(slot);
	lookup->scanning = false;
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

static void
search(EvLookup *lookup, Relation rel, Relation index, const char *key, size_t len, EvLookupRow row,
       void *arg)
{
	union
	{
		text value;
		char room[VARHDRSZ + KEY_MAX];
	} buffer;

	if (len > KEY_MAX)
		return;
	SET_VARSIZE(&buffer.value, VARHDRSZ + len);
	memcpy(VARDATA(&buffer.value), key, len);
	scan(lookup, rel, index, &buffer.value, row, arg);
}

bool
ev_lookup(EvLookup *lookup, const char *key, size_t len, EvLookupRow row, void *arg)
{
	Oid oid;
	Relation rel;
	Relation index;

	/*
	 * an error has ended a scan: the slot's pin is gone already, so it must not be cleared but made
	 * anew
	 */
	if (lookup->scanning)
		lookup->valid = false;
	oid = ev_lookup_relation(lookup);
	if (!OidIsValid(oid) || !ActiveSnapshotSet())
		return false;
	if (!(lookup->valid && is_locked(lookup)) && !lock_both(lookup, oid))
		return false;
	rel = try_relation_open(oid, NoLock);
	index = rel == NULL ? NULL : try_relation_open(lookup->index, NoLock);
	if (index != NULL)
	{
		search(lookup, rel, index, key, len, row, arg);
		relation_close(index, NoLock);
	}
	if (rel != NULL)
		relation_close(rel, NoLock);
	return index != NULL;
}
