/*
 * domain.c
 *	  Who keeps the mailboxes of an address's domain, and whether the domain is a mistyped one.
 *
 * The lists of the engine answer everybody.  What DNS has said of the domain, in table email_verify.domain, tells
 * whom this site has mailed: it is for those who may know (knows.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "engine/domain_list.h"
#include "engine/provider.h"
#include "pg/backend/backend.h"
#include "pg/backend/lookup.h"
#include "pg/shared/compat.h"

PG_FUNCTION_INFO_V1(ev_provider_of_address);
PG_FUNCTION_INFO_V1(ev_suggest);

enum
{
	C_DOMAIN,
	C_REASON,
	C_MX_HOSTS,
	N_COLUMNS
};

static EvLookup domain_table = {.table = "domain",
                                .ordered = true,
                                .n_columns = N_COLUMNS,
                                .columns = {"domain", "reason", "mx_hosts"},
                                .types = {TEXTOID, InvalidOid, TEXTARRAYOID}};

typedef struct Known
{
	bool takes_mail;
	enum ev_provider provider; /* of the first mail server */
} Known;

static bool
read_row(const Datum *values, const bool *nulls, void *arg)
{
	Known *known = arg;

	known->takes_mail = nulls[C_REASON];
	if (!nulls[C_MX_HOSTS])
	{
		bool null;
		int first = 1;
		Datum host =
			array_get_element(values[C_MX_HOSTS], 1, &first, -1, -1, false, TYPALIGN_INT, &null);

		if (!null)
			known->provider = ev_provider_of_host(VARDATA_ANY(DatumGetTextPP(host)),
			                                      VARSIZE_ANY_EXHDR(DatumGetTextPP(host)));
	}
	return false;
}

/* What the caller may know of the domain; nothing when the table cannot be read at once. */
static Known
known_of(FunctionCallInfo fcinfo, const struct ev_address *address)
{
	Known known = {.provider = EV_PROVIDER_OTHER};

	if (ev_may_know(fcinfo->flinfo->fn_oid, GetUserId()))
		(void) ev_lookup(&domain_table, address->domain, address->domain_len, read_row, &known);
	return known;
}

/* email_provider(email text) */
Datum
ev_provider_of_address(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	struct ev_syntax syntax;
	struct ev_address address;
	const struct ev_mailbox_family *family;
	Known known;

	if (ev_address_of_text(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &syntax, &address) !=
	    EV_DETAIL_NONE)
		PG_RETURN_NULL();
	family = ev_mailbox_family(ev_domain_look_up(address.domain, address.domain_len).family);
	if (family != NULL)
		PG_RETURN_TEXT_P(cstring_to_text(family->provider));
	known = known_of(fcinfo, &address);
	if (known.provider == EV_PROVIDER_OTHER)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(ev_provider_info(known.provider)->label));
}

/* email_suggest(email text) */
Datum
ev_suggest(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	struct ev_syntax syntax;
	struct ev_address address;
	bool sure;
	char *suggestion = ev_suggestion(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &sure);

	if (suggestion == NULL)
		PG_RETURN_NULL();
	/* a domain that is real is not mistyped, unless it is one that people mistype others as */
	if (!sure &&
	    ev_address_of_text(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &syntax, &address) ==
	        EV_DETAIL_NONE &&
	    known_of(fcinfo, &address).takes_mail)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(suggestion));
}
