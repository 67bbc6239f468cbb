/*
 * cache.c
 *	  Looks an address up in table email_verify.address.
 *
 * Straight through the hash index, without SPI, since it stands in every query.  It never waits for a lock:
 * a TRUNCATE or REINDEX of the cache makes a miss, not a stall of a query that does not even name the table.
 * Columns are found by name, once per invalidation, so that an older or newer table does no harm.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
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

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

typedef enum Column
{
	COLUMN_ADDRESS,
	COLUMN_STATUS,
	COLUMN_REASON,
	COLUMN_DETAIL,
	COLUMN_CHECKED_AT,
	COLUMN_FRESH_UNTIL,
	COLUMN_EXPIRES_AT,
	COLUMN_RETRY_AT,
	N_COLUMNS
} Column;

static const char *const column_names[N_COLUMNS] = {
	"address", "status", "reason", "detail", "checked_at", "fresh_until", "expires_at", "retry_at"};

/* What is known of the table; valid until anything about it changes. */
static struct
{
	bool valid;
	bool usable;
	Oid relation;
	Oid index;
	AttrNumber columns[N_COLUMNS];
} shape;

static void
invalidate(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == shape.relation || relation == shape.index ||
		!shape.usable)
		shape.valid = false;
}

/* The hash index on the address column alone, without a condition. */
static Oid
find_index(Relation rel, AttrNumber address)
{
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;
	Oid result = InvalidOid;

	foreach (cell, indexes)
	{
		Oid oid = lfirst_oid(cell);
		Relation index;

		if (!ConditionalLockRelationOid(oid, AccessShareLock))
			continue;
		index = try_relation_open(oid, NoLock);
		if (index == NULL)
		{
			UnlockRelationOid(oid, AccessShareLock);
			continue;
		}
		if (index->rd_rel->relam == HASH_AM_OID && index->rd_index->indisvalid &&
			index->rd_index->indisready && index->rd_index->indnatts == 1 &&
			index->rd_index->indkey.values[0] == address && RelationGetIndexPredicate(index) == NIL)
			result = oid;
		relation_close(index, AccessShareLock);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

/* Called with the relation locked. */
static void
learn_shape(Relation rel)
{
	shape.usable = rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relam == HEAP_TABLE_AM_OID;
	for (int i = 0; i < N_COLUMNS && shape.usable; i++)
	{
		shape.columns[i] = get_attnum(RelationGetRelid(rel), column_names[i]);
		if (shape.columns[i] == InvalidAttrNumber)
			shape.usable = false;
	}
	if (shape.usable)
	{
		Form_pg_attribute address =
			TupleDescAttr(RelationGetDescr(rel), shape.columns[COLUMN_ADDRESS] - 1);

		shape.usable = address->atttypid == TEXTOID && address->attcollation == C_COLLATION_OID;
	}
	shape.index =
		shape.usable ? find_index(rel, shape.columns[COLUMN_ADDRESS]) : InvalidOid;
	shape.usable = OidIsValid(shape.index);
	shape.valid = true;
}

static Oid
address_relation(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
		registered = true;
	}
	if (!shape.valid || !OidIsValid(shape.relation))
	{
		Oid namespace = get_namespace_oid("email_verify", true);

		shape.relation =
			OidIsValid(namespace) ? get_relname_relid("address", namespace) : InvalidOid;
	}
	return shape.relation;
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
read_row(TupleTableSlot *slot, EvCached *out)
{
	Datum value[N_COLUMNS];
	bool null[N_COLUMNS];

	for (int i = 0; i < N_COLUMNS; i++)
		value[i] = slot_getattr(slot, shape.columns[i], &null[i]);
	memset(out, 0, sizeof(*out));
	if (!ev_status_from_oid(DatumGetObjectId(value[COLUMN_STATUS]), &out->answer.verdict.status) ||
		!ev_reason_from_oid(DatumGetObjectId(value[COLUMN_REASON]), &out->answer.verdict.reason))
		return false;
	if (!null[COLUMN_DETAIL])
	{
		text *detail = DatumGetTextPP(value[COLUMN_DETAIL]);

		(void) ev_detail_by_label(VARDATA_ANY(detail), VARSIZE_ANY_EXHDR(detail),
								  &out->answer.verdict.detail);
	}
	out->answer.checked_at = DatumGetTimestampTz(value[COLUMN_CHECKED_AT]);
	out->fresh_until = DatumGetTimestampTz(value[COLUMN_FRESH_UNTIL]);
	out->expires_at = DatumGetTimestampTz(value[COLUMN_EXPIRES_AT]);
	if (!null[COLUMN_RETRY_AT])
		out->answer.retry_at = DatumGetTimestampTz(value[COLUMN_RETRY_AT]);
	return true;
}

static bool
scan(Relation rel, Relation index, text *key, EvCached *out)
{
	IndexScanDesc desc;
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData skey;
	bool found = false;

	ScanKeyEntryInitialize(&skey, 0, 1, HTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   PointerGetDatum(key));
	desc = ev_index_beginscan(rel, index, GetActiveSnapshot(), 1);
	index_rescan(desc, &skey, 1, NULL, 0);
	while (!found && index_getnext_slot(desc, ForwardScanDirection, slot))
	{
		bool null;
		text *address = DatumGetTextPP(slot_getattr(slot, shape.columns[COLUMN_ADDRESS], &null));

		/* a hash index finds candidates only */
		if (!null && VARSIZE_ANY_EXHDR(address) == VARSIZE_ANY_EXHDR(key) &&
			memcmp(VARDATA_ANY(address), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0)
			found = read_row(slot, out);
	}
	index_endscan(desc);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

bool
ev_cache_lookup(const char *key, size_t len, EvCached *out)
{
	Oid oid = address_relation();
	Relation rel;
	Relation index = NULL;
	bool found = false;

	if (!OidIsValid(oid) || !ActiveSnapshotSet())
		return false;
	rel = open_now(oid);
	if (rel == NULL)
		return false;
	if (!shape.valid)
		learn_shape(rel);
	if (shape.usable)
		index = open_now(shape.index);
	if (index != NULL)
	{
		text *value = cstring_to_text_with_len(key, (int) len);

		found = scan(rel, index, value, out);
		pfree(value);
		relation_close(index, AccessShareLock);
	}
	relation_close(rel, AccessShareLock);
	return found;
}
