/*
 * site_key.c
 *	  HMAC-SHA-256 with the site's own key: names an address without telling it.
 *
 * A bare hash of an e-mail address can be guessed; one with a secret key cannot.  The key is the
 * one row of table email_verify.site_key, made when it is first needed.  It is read without the
 * caller having rights on the table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/backend/backend.h"

#define KEY_SIZE 32

/* The column of the key; InvalidAttrNumber when the relation is not the table it should be. */
static AttrNumber
key_column(Relation rel)
{
	AttrNumber column = get_attnum(RelationGetRelid(rel), "key");

	if (rel->rd_rel->relkind != RELKIND_RELATION || column == InvalidAttrNumber ||
	    TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid != BYTEAOID)
		return InvalidAttrNumber;
	return column;
}

/* The first row's key, whatever the table's owner would have shown instead. */
static bool
scan_key(Relation rel, AttrNumber column, uint8 *key)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	HeapTuple tuple = systable_getnext(scan);
	bool found = false;

	if (HeapTupleIsValid(tuple))
	{
		bool null;
		Datum value = heap_getattr(tuple, column, RelationGetDescr(rel), &null);

		if (!null && VARSIZE_ANY_EXHDR(DatumGetByteaPP(value)) == KEY_SIZE)
		{
			memcpy(key, VARDATA_ANY(DatumGetByteaPP(value)), KEY_SIZE);
			found = true;
		}
	}
	systable_endscan(scan);
	return found;
}

static bool
read_key(uint8 *key, bool *locked)
{
	Oid namespace = get_namespace_oid("email_verify", true);
	Oid oid = OidIsValid(namespace) ? get_relname_relid("site_key", namespace) : InvalidOid;
	Relation rel;
	AttrNumber column;
	bool found;

	if (!OidIsValid(oid) || !ActiveSnapshotSet())
		return false;
	if (locked == NULL)
		LockRelationOid(oid, AccessShareLock);
	else if (!ConditionalLockRelationOid(oid, AccessShareLock))
	{
		*locked = true;
		return false;
	}
	rel = table_open(oid, NoLock);
	column = key_column(rel);
	found = column != InvalidAttrNumber && scan_key(rel, column, key);
	table_close(rel, AccessShareLock);
	return found;
}

bool
ev_site_hmac(const char *text, size_t len, char *out, bool *locked)
{
	uint8 key[KEY_SIZE];
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *ctx;

	if (!read_key(key, locked))
		return false;

	/* the same in every database, whatever its encoding: a dump may be restored into another one */
	text = ev_to_utf8(text, len, &len);
	ctx = pg_hmac_create(PG_SHA256);
	if (ctx == NULL || pg_hmac_init(ctx, key, KEY_SIZE) < 0 ||
	    pg_hmac_update(ctx, (const uint8 *) text, len) < 0 ||
	    pg_hmac_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute HMAC: %s", pg_hmac_error(ctx));
	pg_hmac_free(ctx);
	memcpy(out, "hmac:", 5);
	hex_encode((const char *) digest, sizeof(digest), out + 5);
	out[EV_HMAC_SIZE - 1] = '\0';
	return true;
}

PG_FUNCTION_INFO_V1(ev_hmac);
PG_FUNCTION_INFO_V1(ev_random_key);

/* _hmac(pattern text): NULL without a key or with a malformed pattern */
Datum
ev_hmac(PG_FUNCTION_ARGS)
{
	text *pattern = PG_GETARG_TEXT_PP(0);
	char normal[EV_PATTERN_SIZE];
	char hmac[EV_HMAC_SIZE];
	size_t len = ev_pattern_normalize(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern), normal);

	if (len == 0 || !ev_site_hmac(normal, len, hmac, NULL))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(hmac));
}

/* _random_key(): as many strong random bytes as a key has */
Datum
ev_random_key(PG_FUNCTION_ARGS)
{
	bytea *key = palloc(VARHDRSZ + KEY_SIZE);

	SET_VARSIZE(key, VARHDRSZ + KEY_SIZE);
	if (!pg_strong_random(VARDATA(key), KEY_SIZE))
		ereport(ERROR,
		        (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	PG_RETURN_BYTEA_P(key);
}
