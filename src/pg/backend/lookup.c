/*
 * lookup.c
 *	  Finds rows of one of our tables by a text key, straight through an index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
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

static void
invalidate(Datum arg, Oid relation)
{
	EvLookup *lookup = (EvLookup *) DatumGetPointer(arg);

	if (relation == InvalidOid || relation == lookup->relation || relation == lookup->index ||
		!lookup->usable)
	{
		lookup->valid = false;
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

static Oid
find_index(EvLookup *lookup, Relation rel)
{
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;
	Oid result = InvalidOid;

	foreach (cell, indexes)
	{
		Relation index = open_now(lfirst_oid(cell));

		if (index == NULL)
			continue;
		if (index_fits(lookup, index))
			result = lfirst_oid(cell);
		relation_close(index, AccessShareLock);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

/* Called with the relation locked. */
static void
learn_shape(EvLookup *lookup, Relation rel)
{
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
	lookup->index = lookup->usable ? find_index(lookup, rel) : InvalidOid;
	lookup->usable = OidIsValid(lookup->index);
	lookup->valid = true;
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
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData skey;
	bool more = true;

	ScanKeyEntryInitialize(&skey, 0, 1,
						   lookup->ordered ? BTEqualStrategyNumber : HTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ, PointerGetDatum(key));
	desc = ev_index_beginscan(rel, index, GetActiveSnapshot(), 1);
	index_rescan(desc, &skey, 1, NULL, 0);
	while (more && index_getnext_slot(desc, ForwardScanDirection, slot))
	{
		Datum values[EV_LOOKUP_COLUMNS];
		bool nulls[EV_LOOKUP_COLUMNS];
		text *found;

		for (int i = 0; i < lookup->n_columns; i++)
			values[i] = slot_getattr(slot, lookup->attnums[i], &nulls[i]);
		if (nulls[0])
			continue;

		/* a hash index finds candidates only */
		found = DatumGetTextPP(values[0]);
		if (VARSIZE_ANY_EXHDR(found) == VARSIZE_ANY_EXHDR(key) &&
			memcmp(VARDATA_ANY(found), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0)
			more = row(values, nulls, arg);
	}
	index_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
}

bool
ev_lookup(EvLookup *lookup, const char *key, size_t len, EvLookupRow row, void *arg)
{
	Oid oid = ev_lookup_relation(lookup);
	Relation rel;
	Relation index = NULL;

	if (!OidIsValid(oid) || !ActiveSnapshotSet())
		return false;
	rel = open_now(oid);
	if (rel == NULL)
		return false;
	if (!lookup->valid)
		learn_shape(lookup, rel);
	if (lookup->usable)
		index = open_now(lookup->index);
	if (index != NULL)
	{
		text *value = cstring_to_text_with_len(key, (int) len);

		scan(lookup, rel, index, value, row, arg);
		pfree(value);
		relation_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
	return index != NULL;
}
