/*
 * store_verdicts.c
 *	  The store by SPI: results into the tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/shared/enums.h"
#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

enum
{
	C_ID,
	C_ADDRESS,
	C_STATUS,
	C_REASON,
	C_DETAIL,
	C_DECISIVE,
	C_PUT_BACK,
	C_FRESH,
	C_EXPIRE,
	C_RETRY_AFTER,
	C_PROBED,
	C_STAGE,
	C_CODE,
	C_ENHANCED,
	C_TEXT,
	C_RULE,
	C_HOST,
	C_IP,
	C_TLS,
	C_FINGERPRINT,
	C_SECOND_LOOK,
	N_COMPLETE
};

static const Oid complete_types[N_COMPLETE] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID,
                                               BOOLOID, INT4OID, INT4OID, INT4OID, BOOLOID, TEXTOID,
                                               INT2OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
                                               BOOLOID, INT8OID, BOOLOID};

/*
 * Where the installed SQL has no word for the verdict, what it says instead is kept as long as that is
 * worth being kept.
 */
static struct ev_verdict
fit_verdict(const EvOutcome *o, int32 *fresh, int32 *expire)
{
	struct ev_verdict verdict = ev_enums_fit(o->verdict);

	*fresh = o->fresh;
	*expire = o->expire;
	if (verdict.reason != o->verdict.reason)
	{
		*fresh = Min(*fresh, (int32) ev_reason_info(verdict.reason)->fresh);
		*expire = Min(*expire, (int32) ev_reason_info(verdict.reason)->expire);
	}
	return verdict;
}

static void
set_outcome(EvColumn *c, int i, const EvOutcome *o)
{
	int32 fresh;
	int32 expire;
	struct ev_verdict verdict = fit_verdict(o, &fresh, &expire);

	ev_column_set(&c[C_ID], i, Int64GetDatum(o->id));
	ev_column_set(&c[C_ADDRESS], i, PointerGetDatum(cstring_to_text(o->key))); /* "" is no NULL */
	ev_column_set_text(&c[C_STATUS], i, ev_status_label(verdict.status));
	ev_column_set_text(&c[C_REASON], i, ev_reason_info(verdict.reason)->label);
	ev_column_set_text(&c[C_DETAIL], i, ev_detail_info(verdict.detail)->label);
	ev_column_set(&c[C_DECISIVE], i,
	              BoolGetDatum(o->decisive && verdict.reason == o->verdict.reason));
	ev_column_set(&c[C_PUT_BACK], i, BoolGetDatum(o->put_back));
	ev_column_set(&c[C_FRESH], i, Int32GetDatum(fresh));
	ev_column_set(&c[C_EXPIRE], i, Int32GetDatum(expire));
	if (o->retry_after > 0)
		ev_column_set(&c[C_RETRY_AFTER], i, Int32GetDatum(o->retry_after));
	ev_column_set(&c[C_PROBED], i, BoolGetDatum(o->probed));
	ev_column_set(&c[C_SECOND_LOOK], i, BoolGetDatum(o->second_look));
	ev_column_set_text(&c[C_STAGE], i, ev_stage_label(o->evidence.stage));
	if (o->evidence.code != 0)
	{
		ev_column_set(&c[C_CODE], i, Int16GetDatum(o->evidence.code));
		ev_column_set(&c[C_TLS], i, BoolGetDatum(o->evidence.tls));
	}
	ev_column_set_text(&c[C_ENHANCED], i, o->evidence.enhanced);
	ev_column_set_text(&c[C_TEXT], i, o->evidence.text);
	ev_column_set_text(&c[C_RULE], i, o->evidence.rule);
	ev_column_set_text(&c[C_HOST], i, o->evidence.host);
	ev_column_set_text(&c[C_IP], i, o->evidence.address);
	if (o->mx_fingerprint != 0)
		ev_column_set(&c[C_FINGERPRINT], i, Int64GetDatum(o->mx_fingerprint));
}

int
ev_store_complete(const EvOutcome *outcomes, int n, int flip_delay, EvStored *stored)
{
	static EvStatement statement = {
		.sql =
			"SELECT address, status, reason, detail, checked_at, retry_at, asked_at "
			"FROM email_verify._complete($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
			"$14, $15, $16, $17, $18, $19, $20, $21, pg_catalog.make_interval(secs => $22))",
		.n_params = N_COMPLETE + 1};
	EvColumn columns[N_COMPLETE];
	Datum values[N_COMPLETE + 1];
	uint64 rows;
	int n_stored = 0;

	for (int c = 0; c < N_COMPLETE; c++)
	{
		columns[c] = ev_column(complete_types[c], n);
		statement.types[c] = get_array_type(complete_types[c]);
	}
	for (int i = 0; i < n; i++)
		set_outcome(columns, i, &outcomes[i]);
	for (int c = 0; c < N_COMPLETE; c++)
		values[c] = ev_column_array(&columns[c]);
	statement.types[N_COMPLETE] = INT4OID;
	values[N_COMPLETE] = Int32GetDatum(flip_delay);
	rows = ev_spi_run(&statement, values);
	for (uint64 i = 0; i < rows && n_stored < n; i++)
		if (ev_spi_stored(i, 1, 2, &stored[n_stored]))
			n_stored++;
	return n_stored;
}
