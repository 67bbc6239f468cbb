/*
 * checker.c
 *	  What external checkers say when they claim addresses and submit results: refused with a word why.
 *
 * A class of checkers is a family of reasons that no probe gives, named after what they begin with.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/sanitize.h"
#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

#define CLAIM_MAX    1000 /* addresses in one call */
#define LEASE_MIN    (1 * USECS_PER_SEC)
#define LEASE_MAX    (24 * USECS_PER_HOUR)
#define EVIDENCE_MAX 8000 /* bytes; what is kept of it is shorter */

static const char *const classes[] = {"yahoo_api"};

#define CLASS_HINT "Classes of external checkers: \"yahoo_api\"."

PG_FUNCTION_INFO_V1(ev_checker_claim);
PG_FUNCTION_INFO_V1(ev_checker_class);
PG_FUNCTION_INFO_V1(ev_checker_evidence);

/* Is this reason one of the class? */
static bool
has_reason(const char *class, const char *reason)
{
	size_t n = strlen(class);

	return strncmp(reason, class, n) == 0 && reason[n] == '_';
}

static void
check_class(const char *class)
{
	for (size_t i = 0; i < lengthof(classes); i++)
		if (strcmp(class, classes[i]) == 0)
			return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
	                errmsg("unrecognized class of external checkers: \"%s\"", class),
	                errhint(CLASS_HINT)));
}

/* _checker_claim(class text, n integer, lease interval): n, if all three are as they should be */
Datum
ev_checker_claim(PG_FUNCTION_ARGS)
{
	int64 lease;
	int32 n;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
		                errmsg("class, number and lease of a claim must not be null")));
	check_class(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	n = PG_GETARG_INT32(1);
	if (n < 1 || n > CLAIM_MAX)
		ereport(ERROR,
		        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cannot claim %d addresses", n),
		         errhint("Between 1 and %d can be claimed in one call.", CLAIM_MAX)));
	lease = ev_interval_us(PG_GETARG_INTERVAL_P(2));
	if (lease < LEASE_MIN || lease > LEASE_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("lease of a claim is out of range"),
		                errhint("It is between one second and one day.")));
	PG_RETURN_INT32(n);
}

/* _checker_class(reason text): whose reason is it? */
Datum
ev_checker_class(PG_FUNCTION_ARGS)
{
	char *reason;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
		                errmsg("reason of a result must not be null")));
	reason = text_to_cstring(PG_GETARG_TEXT_PP(0));
	for (size_t i = 0; i < lengthof(classes); i++)
		if (has_reason(classes[i], reason))
			PG_RETURN_TEXT_P(cstring_to_text(classes[i]));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
	                errmsg("reason \"%s\" is not one that an external checker may give", reason),
	                errhint("Reasons of a class begin with its name.  " CLASS_HINT)));
	PG_RETURN_NULL();
}

/* _checker_evidence(evidence text): as much as is kept of it, printable ASCII */
Datum
ev_checker_evidence(PG_FUNCTION_ARGS)
{
	text *evidence = PG_GETARG_TEXT_PP(0);
	size_t n = VARSIZE_ANY_EXHDR(evidence);
	char out[EV_PEER_TEXT_MAX + 1];

	if (n > EVIDENCE_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		                errmsg("evidence of %zu bytes is too long", n),
		                errdetail("The limit is %d bytes.", EVIDENCE_MAX)));
	(void) ev_sanitize(VARDATA_ANY(evidence), n, out, sizeof(out));
	PG_RETURN_TEXT_P(cstring_to_text(out));
}
