/*
 * lists.c
 *	  What is known of an address without asking anybody: the lists of the engine and the site's own
 *	  word on them.  Spellings of an address, and the one that was probably meant.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"

#include "engine/canonical.h"
#include "engine/domain_list.h"
#include "engine/suggest.h"
#include "engine/idna.h"
#include "engine/trap_name.h"
#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_is_disposable);
PG_FUNCTION_INFO_V1(ev_is_free);
PG_FUNCTION_INFO_V1(ev_is_alias);
PG_FUNCTION_INFO_V1(ev_is_role_address);
PG_FUNCTION_INFO_V1(ev_is_trap_name_of);
PG_FUNCTION_INFO_V1(ev_normalize);
PG_FUNCTION_INFO_V1(ev_canonical_address);
PG_FUNCTION_INFO_V1(ev_domain_of);
PG_FUNCTION_INFO_V1(ev_local_part_of);
PG_FUNCTION_INFO_V1(ev_data_version);
PG_FUNCTION_INFO_V1(ev_rarely_true);

bool
ev_is_role_with(const struct ev_address *address, const EvOverride *override)
{
	return override->role == EV_SAY_YES ||
	       (override->role == EV_SAY_NOTHING && ev_is_role(address->local, address->local_len));
}

static bool
calls_itself_trap(const struct ev_address *address)
{
	return ev_is_trap_name(address->local, address->local_len, address->domain,
	                       address->domain_len);
}

bool
ev_lists_verdict(const struct ev_address *address, const EvOverride *override,
                 struct ev_verdict *verdict)
{
	uint8_t classes = ev_domain_look_up(address->domain, address->domain_len).classes;

	/* in the order of certainty; what says that the domain is disposable is in has_verdict */
	if ((classes & EV_DOMAIN_DISPOSABLE) && override->disposable != EV_SAY_NO)
		*verdict = ev_verdict_of(EV_REASON_DISPOSABLE_DOMAIN, EV_DETAIL_BUILTIN);
	else if (override->trap != EV_SAY_NO && calls_itself_trap(address))
		*verdict = ev_verdict_of(EV_REASON_POSSIBLE_SPAM_TRAP, EV_DETAIL_TRAP_NAME);
	else if (classes & EV_DOMAIN_CARRIER)
		*verdict = ev_verdict_of(EV_REASON_CARRIER_BLOCKED, EV_DETAIL_BUILTIN);
	else if (classes & EV_DOMAIN_ACCEPT_ALL)
		*verdict = ev_verdict_of(EV_REASON_REGION_CONSUMER_ACCEPT_ALL, EV_DETAIL_BUILTIN);
	else if (classes & EV_DOMAIN_ALIAS)
		*verdict = ev_verdict_of(EV_REASON_FORWARDING_ALIAS, EV_DETAIL_BUILTIN);
	else
		return false;
	return true;
}

static bool
says_something(const EvOverride *override)
{
	return override->has_verdict || override->disposable != EV_SAY_NOTHING ||
	       override->role != EV_SAY_NOTHING || override->free != EV_SAY_NOTHING ||
	       override->trap != EV_SAY_NOTHING;
}

static bool
caller_may_know(FunctionCallInfo fcinfo)
{
	return ev_may_know(fcinfo->flinfo->fn_oid, GetUserId());
}

/*
 * The argument as an address, and what the site says of it to who may know.  False when it is no address.
 */
static bool
address_arg(FunctionCallInfo fcinfo, struct ev_address *address, EvOverride *override)
{
	text *email = PG_GETARG_TEXT_PP(0);
	struct ev_syntax syntax;

	if (ev_address_of_text(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &syntax, address) !=
	    EV_DETAIL_NONE)
		return false;
	if (override == NULL)
		return true;
	memset(override, 0, sizeof(*override));
	if (ev_settings.mode != EV_MODE_SANDBOX && !ev_override_find(address, override))
		ev_override_read(address, override);
	if (says_something(override) && !caller_may_know(fcinfo))
		memset(override, 0, sizeof(*override));
	return true;
}

static uint8_t
classes_of(const struct ev_address *address)
{
	return ev_domain_look_up(address->domain, address->domain_len).classes;
}

/* email_is_disposable(email text) */
Datum
ev_is_disposable(PG_FUNCTION_ARGS)
{
	struct ev_address address;
	EvOverride override;

	if (!address_arg(fcinfo, &address, &override))
		PG_RETURN_BOOL(false);
	if (override.disposable != EV_SAY_NOTHING)
		PG_RETURN_BOOL(override.disposable == EV_SAY_YES);
	PG_RETURN_BOOL((classes_of(&address) & EV_DOMAIN_DISPOSABLE) != 0);
}

/* email_is_free(email text) */
Datum
ev_is_free(PG_FUNCTION_ARGS)
{
	struct ev_address address;
	EvOverride override;

	if (!address_arg(fcinfo, &address, &override))
		PG_RETURN_BOOL(false);
	if (override.free != EV_SAY_NOTHING)
		PG_RETURN_BOOL(override.free == EV_SAY_YES);
	PG_RETURN_BOOL((classes_of(&address) & EV_DOMAIN_FREE) != 0);
}

/* email_is_role(email text) */
Datum
ev_is_role_address(PG_FUNCTION_ARGS)
{
	struct ev_address address;
	EvOverride override;

	PG_RETURN_BOOL(address_arg(fcinfo, &address, &override) &&
	               ev_is_role_with(&address, &override));
}

/* email_is_alias(email text) */
Datum
ev_is_alias(PG_FUNCTION_ARGS)
{
	struct ev_address address;

	PG_RETURN_BOOL(address_arg(fcinfo, &address, NULL) &&
	               (classes_of(&address) & EV_DOMAIN_ALIAS) != 0);
}

/* _is_trap_name(email text) */
Datum
ev_is_trap_name_of(PG_FUNCTION_ARGS)
{
	struct ev_address address;

	PG_RETURN_BOOL(address_arg(fcinfo, &address, NULL) && calls_itself_trap(&address));
}

/* email_normalize(email text) */
Datum
ev_normalize(PG_FUNCTION_ARGS)
{
	struct ev_address address;

	if (!address_arg(fcinfo, &address, NULL))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(ev_address_text(&address));
}

/* email_canonical(email text, rules integer) */
Datum
ev_canonical_address(PG_FUNCTION_ARGS)
{
	int32 rules = PG_GETARG_INT32(1);
	struct ev_address address;

	if (rules < 1 || rules > EV_CANONICAL_RULES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("there is no rule set %d for canonical addresses", rules),
		                errhint("Rule sets of this version: 1 to %d.", EV_CANONICAL_RULES)));
	if (!address_arg(fcinfo, &address, NULL))
		PG_RETURN_NULL();
	(void) ev_canonical(&address, rules, &address);
	PG_RETURN_TEXT_P(ev_address_text(&address));
}

/* email_domain(email text) */
Datum
ev_domain_of(PG_FUNCTION_ARGS)
{
	struct ev_address address;

	if (!address_arg(fcinfo, &address, NULL))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(address.domain, address.domain_len));
}

/* email_local_part(email text) */
Datum
ev_local_part_of(PG_FUNCTION_ARGS)
{
	struct ev_address address;
	text *whole;

	if (!address_arg(fcinfo, &address, NULL))
		PG_RETURN_NULL();
	whole = ev_address_text(&address);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(whole), (int) VARSIZE_ANY_EXHDR(whole) -
	                                                                  address.domain_len - 1));
}

char *
ev_suggestion(const char *email, size_t len, bool *sure)
{
	struct ev_address address;
	const char *utf8 = ev_to_utf8(email, len, &len);
	enum ev_suggestion suggestion = ev_suggest_address(utf8, len, &address);

	*sure = suggestion == EV_SUGGEST_SLIP;
	return suggestion == EV_SUGGEST_NOTHING ? NULL : text_to_cstring(ev_address_text(&address));
}

/* data_version(OUT lists text, OUT canonical_rules integer, OUT unicode text) */
Datum
ev_data_version(PG_FUNCTION_ARGS)
{
	unsigned unistring = ev_unistring_version();
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verify.data_version must return a record");
	values[0] = CStringGetTextDatum(psprintf("%08x", (unsigned) (ev_domain_list_version() >> 32)));
	values[1] = Int32GetDatum(EV_CANONICAL_RULES);
	values[2] =
		CStringGetTextDatum(psprintf("libidn2 %s, libunistring %u.%u.%u", ev_idn2_version(),
	                                 unistring >> 16, unistring >> 8 & 0xff, unistring & 0xff));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Planner support for predicates that hold for few addresses of a real table. */
Datum
ev_rarely_true(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSelectivity))
	{
		((SupportRequestSelectivity *) request)->selectivity = 0.02;
		PG_RETURN_POINTER(request);
	}
	PG_RETURN_POINTER(NULL);
}
