/*
 * checker.c
 *	  What external checkers say when they claim addresses and submit results: refused with a word why.
 *
 * A class of checkers is a name of the site's choice (mx_policy.checker).  Class yahoo_api has reasons of its own, which no
 * probe gives; all others tell what they have found in the words for mailboxes and for failures, and never what only
 * this server's own look-ups and sessions can know.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "engine/sanitize.h"
#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

#define CLAIM_MAX    1000 /* addresses in one call */
#define LEASE_MIN    (1 * USECS_PER_SEC)
#define LEASE_MAX    (24 * USECS_PER_HOUR)
#define EVIDENCE_MAX 8000 /* bytes; what is kept of it is shorter */

#define FACTS_MAX       8000 /* bytes of text */
#define FACTS_DEPTH_MAX 16
#define CLASS_MAX       32 /* characters, as the CHECK of mx_policy.checker has it */

/* The class with reasons of its own. */
static const char yahoo[] = "yahoo_api";

/* What a checker of any other class may have found out, or why it has not. */
static const enum ev_reason general[] = {
	EV_REASON_SMTP_DELIVERABLE,   EV_REASON_MAILBOX_NOT_FOUND,
	EV_REASON_MAILBOX_MOVED,      EV_REASON_MAILBOX_DISABLED,
	EV_REASON_MAILBOX_FULL,       EV_REASON_RECIPIENT_RESTRICTED,
	EV_REASON_CATCH_ALL_DOMAIN,   EV_REASON_FORWARDING_ALIAS,
	EV_REASON_POSSIBLE_SPAM_TRAP, EV_REASON_SMTP_UNVERIFIABLE,
	EV_REASON_SMTP_TIMEOUT,       EV_REASON_SMTP_CONNECTION_FAILED,
	EV_REASON_SMTP_EOF_BLOCKED,   EV_REASON_SMTP_PROTOCOL_ERROR,
	EV_REASON_SMTP_RATE_LIMITED,  EV_REASON_INTERNAL_VERIFIER_ERROR,
};

PG_FUNCTION_INFO_V1(ev_checker_claim);
PG_FUNCTION_INFO_V1(ev_checker_reason);
PG_FUNCTION_INFO_V1(ev_checker_evidence);
PG_FUNCTION_INFO_V1(ev_checker_facts);

static bool
is_yahoos(const char *reason)
{
	size_t n = sizeof(yahoo) - 1;

	return strncmp(reason, yahoo, n) == 0 && reason[n] == '_';
}

static bool
is_general(const char *reason)
{
	for (size_t i = 0; i < lengthof(general); i++)
		if (strcmp(reason, ev_reason_info(general[i])->label) == 0)
			return true;
	return false;
}

/* May a row of mx_policy name it? */
static void
check_class(const char *class)
{
	size_t n = strspn(class, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (n > 0 && n <= CLASS_MAX && class[n] == '\0' && class[0] >= 'a' && class[0] <= 'z')
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
	                errmsg("invalid name of a class of external checkers: \"%s\"", class),
	                errhint("It is what column checker of email_verify.mx_policy says: at most %d "
	                        "lower-case letters, digits "
	                        "and underscores, a letter first.",
	                        CLASS_MAX)));
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

/* The reasons of a class, for a hint. */
static char *
reasons_of(const char *class)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < EV_N_REASON; i++)
	{
		const char *label = ev_reason_info((enum ev_reason) i)->label;

		if (strcmp(class, yahoo) == 0 ? is_yahoos(label) : is_general(label))
			appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", label);
	}
	return text.data;
}

/*
 * _checker_reason(class text, reason text): true, if checkers of this class may give that reason; class NULL: if any may.
 * It is an error if not.
 */
Datum
ev_checker_reason(PG_FUNCTION_ARGS)
{
	const char *class = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *reason;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
		                errmsg("reason of a result must not be null")));
	reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!is_yahoos(reason) && !is_general(reason))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		     errmsg("reason \"%s\" is not one that an external checker may give", reason),
		     errhint("Reasons of class \"%s\" begin with its name; those of all others are: %s.",
		             yahoo, reasons_of(""))));
	if (class != NULL && (strcmp(class, yahoo) == 0 ? !is_yahoos(reason) : !is_general(reason)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("reason \"%s\" is not one that a checker of class \"%s\" may give",
		                       reason, class),
		                errhint("Its reasons are: %s.", reasons_of(class))));
	PG_RETURN_BOOL(true);
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

static int
depth_of(Jsonb *facts)
{
	JsonbIterator *it = JsonbIteratorInit(&facts->root);
	JsonbIteratorToken token;
	JsonbValue value;
	int depth = 0;
	int most = 0;

	while ((token = JsonbIteratorNext(&it, &value, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY)
		{
			depth++;
			most = Max(most, depth);
		}
		else if (token == WJB_END_OBJECT || token == WJB_END_ARRAY)
			depth--;
	}
	return most;
}

/* _checker_facts(facts jsonb): as it is, if it is an object of bounded size and depth */
Datum
ev_checker_facts(PG_FUNCTION_ARGS)
{
	Jsonb *facts = PG_GETARG_JSONB_P(0);
	int size = VARSIZE(facts);

	if (!JB_ROOT_IS_OBJECT(facts))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("further facts of a result must be a JSON object")));
	/* what is far too large is not even written down */
	if (size <= 4 * FACTS_MAX)
		size = (int) strlen(JsonbToCString(NULL, &facts->root, size));
	if (size > FACTS_MAX)
		ereport(ERROR,
		        (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		         errmsg("further facts of a result are too large: %d bytes", size),
		         errdetail("The limit is %d bytes.", FACTS_MAX),
		         errhint("Submit what is of use for a decision, and keep the rest yourself.")));
	if (depth_of(facts) > FACTS_DEPTH_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		                errmsg("further facts of a result are nested too deeply"),
		                errdetail("The limit is %d levels.", FACTS_DEPTH_MAX)));
	PG_RETURN_JSONB_P(facts);
}
