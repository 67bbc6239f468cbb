/*
 * parse.c
 *	  What the SQL of the install script needs of the engine: addresses in the form they travel in.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_parse);
PG_FUNCTION_INFO_V1(ev_queueable);
PG_FUNCTION_INFO_V1(ev_mostly_true);

static enum ev_detail
parse_arg(FunctionCallInfo fcinfo, struct ev_syntax *syntax, struct ev_address *address)
{
	text *email = PG_GETARG_TEXT_PP(0);

	return ev_address_of_text(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), syntax, address);
}

/* _parse(email text, OUT key text, OUT domain text, OUT fault text) */
Datum
ev_parse(PG_FUNCTION_ARGS)
{
	struct ev_syntax syntax;
	struct ev_address address;
	enum ev_detail fault = parse_arg(fcinfo, &syntax, &address);
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verify._parse must return a record");
	if (fault == EV_DETAIL_NONE)
	{
		values[0] = PointerGetDatum(ev_address_text(&address));
		values[1] = CStringGetTextDatum(address.domain);
		nulls[0] = nulls[1] = false;
	}
	else
	{
		values[2] = CStringGetTextDatum(ev_detail_info(fault)->label);
		nulls[2] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * _queueable(email text): its key, or NULL when its verdict needs no worker.  What writes the queue
 * may wait for a lock.
 */
Datum
ev_queueable(PG_FUNCTION_ARGS)
{
	struct ev_syntax syntax;
	struct ev_address address;
	struct ev_verdict verdict;
	EvOverride override;

	if (parse_arg(fcinfo, &syntax, &address) != EV_DETAIL_NONE || syntax.special_use)
		PG_RETURN_NULL();
	ev_override_read(&address, &override);
	if (override.has_verdict || ev_lists_verdict(&address, &override, &verdict))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(ev_address_text(&address));
}

/* Planner support for predicates about addresses: nearly all of a real table's are sound. */
Datum
ev_mostly_true(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSelectivity))
	{
		((SupportRequestSelectivity *) request)->selectivity = 0.98;
		PG_RETURN_POINTER(request);
	}
	PG_RETURN_POINTER(NULL);
}
