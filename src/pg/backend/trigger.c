/*
 * trigger.c
 *	  email_verify_trigger(): refuse known bad addresses on their way into a table.
 *
 *	  CREATE TRIGGER email_verify BEFORE INSERT OR UPDATE OF email ON signup
 *		FOR EACH ROW EXECUTE FUNCTION email_verify_trigger('email', '3 s', 'invalid,disposable');
 *
 * Unlike a CHECK it is not run for updates of other columns, nor by pg_restore before the data, and
 * the rights to verify are asked of who creates it, not of everybody who inserts.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_verify_trigger);

typedef struct Arguments
{
	const char *column;
	int64 wait;
	bool refused[EV_N_STATUS];
} Arguments;

static void
protocol_error(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
	                errmsg("email_verify_trigger: %s", message), errhint("%s", hint)));
}

/* "invalid, disposable" */
static void
read_refused(const char *list, bool *refused)
{
	const char *p = list;

	memset(refused, 0, EV_N_STATUS * sizeof(bool));
	while (*p != '\0')
	{
		size_t len;
		int status = 0;

		p += strspn(p, " ,{}");
		len = strcspn(p, " ,{}");
		if (len == 0)
			break;
		while (status < EV_N_STATUS && (strlen(ev_status_label(status)) != len ||
		                                strncmp(ev_status_label(status), p, len) != 0))
			status++;
		if (status == EV_N_STATUS)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			                errmsg("unrecognized status: \"%.*s\"", (int) len, p),
			                errhint("Statuses are the labels of type "
			                        "email_verify.verification_status.")));
		refused[status] = true;
		p += len;
	}
}

static Arguments
read_arguments(Trigger *trigger)
{
	Arguments args = {.wait = -1};

	if (trigger->tgnargs < 1 || trigger->tgnargs > 3)
		protocol_error("wrong number of arguments",
		               "Arguments are the column, the time to wait (optional) and the refused "
		               "statuses (optional).");
	args.column = trigger->tgargs[0];
	if (trigger->tgnargs > 1)
		args.wait = ev_interval_us(DatumGetIntervalP(
			DirectFunctionCall3(interval_in, CStringGetDatum(trigger->tgargs[1]),
		                        ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
	read_refused(trigger->tgnargs > 2 ? trigger->tgargs[2] : "invalid,disposable", args.refused);
	return args;
}

/* A domain that takes no mail may be another one mistyped; what is a known slip is one whatever the verdict. */
static char *
suggestion_for(const char *email, enum ev_reason reason)
{
	bool sure;
	char *suggestion = ev_suggestion(email, strlen(email), &sure);

	return sure || reason == EV_REASON_NO_MX_RECORDS || reason == EV_REASON_HOST_NOT_FOUND
	           ? suggestion
	           : NULL;
}

/*
 * Who only inserts learns that the address is refused and why, but not what this site knows of it: which names
 * are in use in its network, what somebody has entered by hand.  Faults of syntax and the built-in lists are
 * everybody's.
 */
static bool
may_hear_detail(Oid function, const struct ev_verdict *verdict)
{
	return verdict->reason == EV_REASON_INVALID_SYNTAX || verdict->detail == EV_DETAIL_BUILTIN ||
	       ev_may_know(function, GetOuterUserId());
}

static void
refuse(Oid function, Relation rel, const char *column, const char *email, const EvAnswer *answer)
{
	const char *detail = may_hear_detail(function, &answer->verdict)
	                         ? ev_detail_info(answer->verdict.detail)->label
	                         : NULL;
	char *suggestion = suggestion_for(email, answer->verdict.reason);

	ereport(
		ERROR,
		(errcode(ERRCODE_CHECK_VIOLATION),
	     errmsg("e-mail address refused: %s", ev_reason_info(answer->verdict.reason)->label),
	     detail == NULL
	         ? 0
	         : errdetail("%s: %s.", detail, ev_detail_info(answer->verdict.detail)->description),
	     suggestion != NULL ? errhint("Did you mean %s?", suggestion)
	     : answer->verdict.detail == EV_DETAIL_SEVERAL_ADDRESSES
	         ? errhint("Give one address; others belong into rows of their own.")
	         : 0,
	     errtableconstraint(rel, "email_verify"), err_generic_string(PG_DIAG_COLUMN_NAME, column)));
}

/* The blanks that char(n) adds are not part of the address. */
static char *
column_text(HeapTuple tuple, TupleDesc desc, int attnum)
{
	char *text = SPI_getvalue(tuple, desc, attnum);

	if (text != NULL && getBaseType(SPI_gettypeid(desc, attnum)) == BPCHAROID)
		for (size_t len = strlen(text); len > 0 && text[len - 1] == ' '; len--)
			text[len - 1] = '\0';
	return text;
}

Datum
ev_verify_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	Arguments args;
	EvAnswer answer;
	int attnum;
	char *email;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
	    !TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
		protocol_error(
			"not called by a BEFORE INSERT OR UPDATE trigger FOR EACH ROW",
			"CREATE TRIGGER ... BEFORE INSERT OR UPDATE OF column ... FOR EACH ROW EXECUTE "
			"FUNCTION email_verify_trigger('column').");
	args = read_arguments(data->tg_trigger);
	desc = RelationGetDescr(data->tg_relation);
	attnum = SPI_fnumber(desc, args.column);
	if (attnum <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
		                errmsg("column \"%s\" of relation \"%s\" does not exist", args.column,
		                       RelationGetRelationName(data->tg_relation))));

	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	email = column_text(tuple, desc, attnum);
	if (email == NULL)
		return PointerGetDatum(tuple);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		char *old = column_text(data->tg_trigtuple, desc, attnum);

		/*
		 * an address that was good enough once does not lock its owner out by an update that keeps
		 * it
		 */
		if (old != NULL && strcmp(old, email) == 0)
			return PointerGetDatum(tuple);
	}
	ev_ask(email, strlen(email), args.wait, -1, &answer);
	if (args.refused[answer.verdict.status])
		refuse(fcinfo->flinfo->fn_oid, data->tg_relation, args.column, email, &answer);
	return PointerGetDatum(tuple);
}
