/*
 * many.c
 *	  Questions about many addresses, and the ones with yes or no for an answer.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "catalog/pg_type.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_verify_ok);
PG_FUNCTION_INFO_V1(ev_verify_many);

static int64
interval_arg(FunctionCallInfo fcinfo, int n)
{
	const char *name = n == 1 ? "wait" : "max_age";

	return PG_ARGISNULL(n) ? -1 : ev_argument_us(name, PG_GETARG_INTERVAL_P(n));
}

/* email_verify_ok(email text, wait interval, reject email_verify.verification_status[]) */
Datum
ev_verify_ok(PG_FUNCTION_ARGS)
{
	text *email;
	EvAnswer answer;
	ArrayType *reject;
	Datum *statuses;
	bool *nulls;
	int n;
	bool ok = true;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	email = PG_GETARG_TEXT_PP(0);
	ev_ask(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), interval_arg(fcinfo, 1), -1, &answer);
	if (PG_ARGISNULL(2))
		PG_RETURN_BOOL(true);

	reject = PG_GETARG_ARRAYTYPE_P(2);
	deconstruct_array(reject, ARR_ELEMTYPE(reject), sizeof(Oid), true, TYPALIGN_INT, &statuses,
	                  &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && DatumGetObjectId(statuses[i]) == ev_status_oid(answer.verdict.status))
			ok = false;
	PG_RETURN_BOOL(ok);
}

static void
put_row(ReturnSetInfo *rsinfo, Datum email, bool is_null, const EvAnswer *answer)
{
	Datum values[8];
	bool nulls[8];

	memset(nulls, true, sizeof(nulls));
	if (!is_null)
	{
		values[0] = email;
		nulls[0] = false;
		ev_answer_values(answer, values + 1, nulls + 1);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * email_verify_many(emails text[], wait interval, max_age interval): one row for each element, in
 * their order.
 *
 * First all are asked for, which queues what is unknown; then those without an answer are waited
 * for, one after the other, on one budget: they are verified at the same time, so the wait is that
 * of the slowest.
 */
Datum
ev_verify_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64 wait;
	int64 max_age;
	Datum *emails;
	bool *nulls;
	int n;
	EvAnswer *answers;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	wait = interval_arg(fcinfo, 1);
	max_age = interval_arg(fcinfo, 2);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &emails, &nulls,
	                  &n);
	answers = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(EvAnswer));

	for (int round = 0; round < (wait > 0 ? 2 : 1); round++)
		for (int i = 0; i < n; i++)
		{
			text *email = nulls[i] ? NULL : DatumGetTextPP(emails[i]);

			CHECK_FOR_INTERRUPTS();
			if (email != NULL &&
			    (round == 0 || answers[i].stale || answers[i].verdict.reason == EV_REASON_PENDING))
				ev_ask(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), round == 0 ? -1 : wait,
				       max_age, &answers[i]);
		}
	for (int i = 0; i < n; i++)
		put_row(rsinfo, emails[i], nulls[i], &answers[i]);
	return (Datum) 0;
}
