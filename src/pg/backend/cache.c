/*
 * cache.c
 *	  Looks an address up in table email_verify.address.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"
#include "pg/backend/lookup.h"

enum
{
	C_ADDRESS,
	C_STATUS,
	C_REASON,
	C_DETAIL,
	C_CHECKED_AT,
	C_FRESH_UNTIL,
	C_EXPIRES_AT,
	C_RETRY_AT,
	C_ASKED_AT,
	N_COLUMNS
};

static EvLookup address_table = {.table = "address",
                                 .n_columns = N_COLUMNS,
                                 .columns = {"address", "status", "reason", "detail", "checked_at",
                                             "fresh_until", "expires_at", "retry_at", "asked_at"},
                                 .types = {TEXTOID, InvalidOid, InvalidOid, TEXTOID, TIMESTAMPTZOID,
                                           TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
                                           TIMESTAMPTZOID}};

typedef struct Found
{
	EvCached *out;
	bool found;
} Found;

/* The address is unique: one row is all there is. */
static bool
read_row(const Datum *values, const bool *nulls, void *arg)
{
	Found *found = arg;
	EvCached *out = found->out;

	memset(out, 0, sizeof(*out));
	if (!ev_status_from_oid(DatumGetObjectId(values[C_STATUS]), &out->answer.verdict.status) ||
	    !ev_reason_from_oid(DatumGetObjectId(values[C_REASON]), &out->answer.verdict.reason))
		return false;
	if (!nulls[C_DETAIL])
	{
		text *detail = DatumGetTextPP(values[C_DETAIL]);

		(void) ev_detail_by_label(VARDATA_ANY(detail), VARSIZE_ANY_EXHDR(detail),
		                          &out->answer.verdict.detail);
	}
	out->answer.checked_at = DatumGetTimestampTz(values[C_CHECKED_AT]);
	out->fresh_until = DatumGetTimestampTz(values[C_FRESH_UNTIL]);
	out->expires_at = DatumGetTimestampTz(values[C_EXPIRES_AT]);
	if (!nulls[C_RETRY_AT])
		out->answer.retry_at = DatumGetTimestampTz(values[C_RETRY_AT]);
	out->asked_at =
		nulls[C_ASKED_AT] ? out->answer.checked_at : DatumGetTimestampTz(values[C_ASKED_AT]);
	found->found = true;
	return false;
}

bool
ev_cache_lookup(const char *key, size_t len, EvCached *out)
{
	Found found = {.out = out};

	(void) ev_lookup(&address_table, key, len, read_row, &found);
	return found.found;
}
