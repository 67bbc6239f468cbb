/*
 * rejudge.c
 *	  Stored replies judged by the rules of today, for the worker's walk over the verdicts.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "engine/rejudge.h"
#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_rejudge_stored);

enum
{
	A_ADDRESS,
	A_STAGE,
	A_CODE,
	A_ENHANCED,
	A_TEXT,
	A_HOST,
	A_IP,
	A_REASON,
	A_DETAIL,
	A_CATCH_ALL,
	A_ACCEPTED,
	A_TRUST_ACCEPT,
	A_TRUST_REJECT,
	A_NEEDS_CONTROL,
	A_REFUSAL
};

#define N_COLUMNS 4

static const char *
text_or_empty(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static enum ev_own_word
own_word(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? EV_OWN_NOTHING : PG_GETARG_BOOL(i) ? EV_OWN_YES : EV_OWN_NO;
}

static bool
stage_by_label(const char *label, enum ev_stage *stage)
{
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
		if (strcmp(label, ev_stage_label(i)) == 0)
		{
			*stage = i;
			return true;
		}
	return false;
}

/* False: it is not what this library stores. */
static bool
read_arguments(FunctionCallInfo fcinfo, struct ev_address *address, struct ev_stored_reply *out)
{
	const char *reason = text_or_empty(fcinfo, A_REASON);
	const char *detail = text_or_empty(fcinfo, A_DETAIL);
	enum ev_reason had;
	enum ev_detail had_detail = EV_DETAIL_NONE;
	struct ev_syntax syntax;
	int code = PG_ARGISNULL(A_CODE) ? 0 : PG_GETARG_INT16(A_CODE);

	memset(out, 0, sizeof(*out));
	if (code < 200 || code > 599 || PG_ARGISNULL(A_TEXT) || PG_ARGISNULL(A_ADDRESS) ||
	    !stage_by_label(text_or_empty(fcinfo, A_STAGE), &out->stage) ||
	    !ev_reason_by_label(reason, strlen(reason), &had))
		return false;
	if (ev_address_of_text(VARDATA_ANY(PG_GETARG_TEXT_PP(A_ADDRESS)),
	                       VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(A_ADDRESS)), &syntax,
	                       address) != EV_DETAIL_NONE)
		return false;
	(void) ev_detail_by_label(detail, strlen(detail), &had_detail);
	out->code = (uint16_t) code;
	out->had = ev_verdict_of(had, had_detail);
	out->enhanced = text_or_empty(fcinfo, A_ENHANCED);
	out->text = text_or_empty(fcinfo, A_TEXT);
	out->host = text_or_empty(fcinfo, A_HOST);
	out->eai = address->eai;
	out->terms = (struct ev_mask_terms){
		.local = address->local,
		.domain = address->domain,
		.sender = ev_settings.mail_from,
		.helo = ev_settings.helo_name,
		.mx_host = out->host,
		.mx_ip = text_or_empty(fcinfo, A_IP),
	};
	out->random = PG_ARGISNULL(A_CATCH_ALL)     ? EV_RANDOM_UNKNOWN
	              : PG_GETARG_BOOL(A_CATCH_ALL) ? EV_RANDOM_ACCEPTED
	                                            : EV_RANDOM_REFUSED;
	out->random_words = PG_ARGISNULL(A_REFUSAL) ? 0 : (uint64_t) PG_GETARG_INT64(A_REFUSAL);
	out->accepted_other = !PG_ARGISNULL(A_ACCEPTED) && PG_GETARG_BOOL(A_ACCEPTED);
	out->trust_accept = own_word(fcinfo, A_TRUST_ACCEPT);
	out->trust_reject = own_word(fcinfo, A_TRUST_REJECT);
	out->needs_control = own_word(fcinfo, A_NEEDS_CONTROL);
	out->site = ev_reply_rules_now();
	return true;
}

/*
 * _rejudge(address text, stage text, reply_code smallint, enhanced_status text, reply_text text,
 * mx_host text, mx_address text, reason text, detail text, catch_all boolean, accepted boolean,
 * trust_accept boolean, trust_reject boolean, needs_control boolean, refusal bigint, OUT status text, OUT reason text,
 * OUT detail text, OUT rule text): all NULL when too little is stored
 */
Datum
ev_rejudge_stored(PG_FUNCTION_ARGS)
{
	static struct ev_reply reply;
	struct ev_address address;
	struct ev_stored_reply stored;
	struct ev_judgement judgement;
	TupleDesc desc;
	Datum values[N_COLUMNS];
	bool nulls[N_COLUMNS] = {true, true, true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verify._rejudge must return a record");
	if (read_arguments(fcinfo, &address, &stored) && ev_rejudge(&stored, &reply, &judgement))
	{
		const char *detail = ev_detail_info(judgement.verdict.detail)->label;

		values[0] = CStringGetTextDatum(ev_status_label(judgement.verdict.status));
		values[1] = CStringGetTextDatum(ev_reason_info(judgement.verdict.reason)->label);
		nulls[0] = nulls[1] = false;
		if (detail != NULL)
		{
			values[2] = CStringGetTextDatum(detail);
			nulls[2] = false;
		}
		values[3] = CStringGetTextDatum(judgement.rule);
		nulls[3] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
