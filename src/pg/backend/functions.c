/*
 * functions.c
 *	  The SQL functions that ask about one address.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_verify);
PG_FUNCTION_INFO_V1(ev_verdict);

/*
 * Arguments email, wait, max_age as the two functions below have them.  False when email is NULL.
 */
static bool
ask(FunctionCallInfo fcinfo, EvAnswer *out)
{
	text *email;
	int64 wait = -1;
	int64 max_age = -1;

	if (PG_ARGISNULL(0))
		return false;
	email = PG_GETARG_TEXT_PP(0);
	if (!PG_ARGISNULL(1))
		wait = ev_argument_us("wait", PG_GETARG_INTERVAL_P(1));
	if (!PG_ARGISNULL(2))
		max_age = ev_argument_us("max_age", PG_GETARG_INTERVAL_P(2));
	if (wait >= USECS_PER_HOUR)
		ev_hint_long_wait(wait);
	ev_ask(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), wait, max_age, out);
	return true;
}

/* email_verify(email text, wait interval, max_age interval) */
Datum
ev_verify(PG_FUNCTION_ARGS)
{
	EvAnswer answer;

	if (!ask(fcinfo, &answer))
		PG_RETURN_NULL();
	PG_RETURN_OID(ev_reason_oid(answer.verdict.reason));
}

void
ev_answer_values(const EvAnswer *answer, Datum *values, bool *nulls)
{
	const char *detail = ev_detail_info(answer->verdict.detail)->label;

	memset(nulls, false, 7 * sizeof(bool));
	values[0] = ObjectIdGetDatum(ev_status_oid(answer->verdict.status));
	values[1] = ObjectIdGetDatum(ev_reason_oid(answer->verdict.reason));
	nulls[2] = detail == NULL;
	if (detail != NULL)
		values[2] = CStringGetTextDatum(detail);
	values[3] = BoolGetDatum(ev_reason_info(answer->verdict.reason)->retryable);
	nulls[4] = answer->checked_at == 0;
	values[4] = TimestampTzGetDatum(answer->checked_at);
	nulls[5] = answer->retry_at == 0;
	values[5] = TimestampTzGetDatum(answer->retry_at);
	values[6] = BoolGetDatum(answer->stale);
}

Datum
ev_form_by_name(TupleDesc desc, int n, const char *const *names, const Datum *ours,
                const bool *our_nulls)
{
	Datum *values = palloc0(desc->natts * sizeof(Datum));
	bool *nulls = palloc(desc->natts * sizeof(bool));

	for (int i = 0; i < desc->natts; i++)
	{
		nulls[i] = true;
		for (int k = 0; k < n; k++)
			if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), names[k]) == 0)
			{
				values[i] = ours[k];
				nulls[i] = our_nulls[k];
			}
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static Datum
form_verdict(TupleDesc desc, const EvAnswer *answer)
{
	static const char *const names[7] = {"status",     "reason",   "detail", "retryable",
	                                     "checked_at", "retry_at", "stale"};
	Datum values[7];
	bool nulls[7];

	ev_answer_values(answer, values, nulls);
	return ev_form_by_name(desc, 7, names, values, nulls);
}

/* email_verdict(email text, wait interval, max_age interval) */
Datum
ev_verdict(PG_FUNCTION_ARGS)
{
	EvAnswer answer;
	TupleDesc desc;

	if (!ask(fcinfo, &answer))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verdict must return a composite type");
	PG_RETURN_DATUM(form_verdict(BlessTupleDesc(desc), &answer));
}
