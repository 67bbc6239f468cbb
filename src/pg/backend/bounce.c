/*
 * bounce.c
 *	  Replies, bounces, log lines and events for SQL.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/bounce.h"
#include "engine/diagnose.h"
#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_classify_reply);
PG_FUNCTION_INFO_V1(ev_classify_bounce_text);
PG_FUNCTION_INFO_V1(ev_classify_bounce_bytea);

/* The part of a reply that is looked at; the engine looks at less. */
#define EV_REPLY_LOOK 16384

/*
 * The function's columns, made out once for a statement: from the catalogue that takes longer than to read a
 * reply.  It counts as referred to, so that no executor frees it.
 */
static TupleDesc
result_of(FunctionCallInfo fcinfo)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	MemoryContext old;
	TupleDesc desc;

	if (flinfo->fn_extra != NULL)
		return flinfo->fn_extra;
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	desc = CreateTupleDescCopy(BlessTupleDesc(desc));
	MemoryContextSwitchTo(old);
	desc->tdrefcount = 1;
	flinfo->fn_extra = desc;
	return desc;
}

/* A tuple being filled. */
typedef struct EvColumns
{
	Datum *values;
	bool *nulls;
	int n;
} EvColumns;

static void
add_null(EvColumns *columns)
{
	columns->nulls[columns->n++] = true;
}

static void
add_datum(EvColumns *columns, Datum value)
{
	columns->nulls[columns->n] = false;
	columns->values[columns->n++] = value;
}

/* ASCII; NULL and "" are shown as NULL. */
static void
add_text(EvColumns *columns, const char *text)
{
	if (text == NULL || text[0] == '\0')
		add_null(columns);
	else
		add_datum(columns, CStringGetTextDatum(text));
}

/* status, reason, detail, retryable */
static void
add_verdict(EvColumns *columns, const struct ev_verdict *verdict)
{
	if (verdict == NULL)
	{
		for (int i = 0; i < 4; i++)
			add_null(columns);
		return;
	}
	add_datum(columns, ObjectIdGetDatum(ev_status_oid(verdict->status)));
	add_datum(columns, ObjectIdGetDatum(ev_reason_oid(verdict->reason)));
	add_text(columns, ev_detail_info(verdict->detail)->label);
	add_datum(columns, BoolGetDatum(ev_reason_info(verdict->reason)->retryable));
}

/* --- one reply ---------------------------------------------------------------------------------------------- */

#define N_REPLY_COLUMNS 9

static enum ev_said_stage
stage_argument(FunctionCallInfo fcinfo, int i)
{
	enum ev_said_stage stage = EV_SAID_UNKNOWN;
	text *label;

	if (PG_ARGISNULL(i))
		return stage;
	label = PG_GETARG_TEXT_PP(i);
	if (!ev_said_stage_by_label((struct ev_slice){VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label)},
	                            &stage))
		ereport(ERROR,
		        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		         errmsg("unrecognized stage of an SMTP session: \"%s\"", text_to_cstring(label)),
		         errhint("Stages are \"connect\", \"greeting\", \"ehlo\", \"starttls\", "
		                 "\"auth\", \"mail\", \"rcpt\", \"data\" and \"unknown\".")));
	return stage;
}

static Datum
interval_of_seconds(uint32 seconds)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = seconds * USECS_PER_SEC;
	return IntervalPGetDatum(interval);
}

static void
fill_reply(EvColumns *columns, const struct ev_diagnosis *diagnosis, int klass, bool coded)
{
	enum ev_bounce_permanence permanence;
	const struct ev_finding *finding = &diagnosis->finding;
	struct ev_verdict verdict = ev_verdict_of(finding->reason, finding->detail);

	add_verdict(columns, &verdict);
	add_text(columns, ev_bounce_scope_label(diagnosis->scope));
	/* words without any code do not say that it is for good */
	permanence = ev_diagnose_permanence(diagnosis, klass);
	add_text(columns, permanence == EV_PERMANENCE_HARD && !coded
	                      ? NULL
	                      : ev_bounce_permanence_label(permanence));
	add_text(columns, finding->strength == EV_STRONG ? "strong" : "weak");
	if (finding->retry_after > 0)
		add_datum(columns, interval_of_seconds(finding->retry_after));
	else
		add_null(columns);
	add_text(columns, finding->rule);
}

/*
 * email_classify_reply(reply text, mx text, stage text, OUT status, reason, detail, retryable, scope,
 * permanence, strength, retry_after, rule)
 */
Datum
ev_classify_reply(PG_FUNCTION_ARGS)
{
	static struct ev_reply reply;
	struct ev_diagnose_context context = {.site = ev_reply_rules_now()};
	enum ev_said_stage stage;
	struct ev_diagnosis diagnosis;
	struct ev_said said;
	struct ev_slice slice;
	Datum values[N_REPLY_COLUMNS];
	bool nulls[N_REPLY_COLUMNS];
	EvColumns columns = {values, nulls, 0};
	text *argument;
	size_t len;

	stage = stage_argument(fcinfo, 2);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	argument = PG_GETARG_TEXT_PP(0);
	slice.s = ev_long_to_utf8(VARDATA_ANY(argument),
	                          Min(VARSIZE_ANY_EXHDR(argument), EV_REPLY_LOOK), &len);
	slice.n = len;
	slice = ev_slice_trim(slice);
	if (slice.n == 0)
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(1))
		context.mx_host = text_to_cstring(PG_GETARG_TEXT_PP(1));

	if (ev_bounce_is_whole(slice))
		ereport(NOTICE, (errmsg("a whole message, report or event is no reply"),
		                 errhint("See email_classify_bounce().")));
	ev_said_parse(slice, &said);
	if (stage != EV_SAID_UNKNOWN && (said.stage == EV_SAID_UNKNOWN || said.code != 0))
		said.stage = said.stage == EV_SAID_UNKNOWN ? stage : said.stage;
	ev_diagnose(&said, &context, &reply, &diagnosis);
	fill_reply(&columns, &diagnosis, reply.code / 100, said.code != 0 || said.enhanced.klass != 0);
	Assert(columns.n == N_REPLY_COLUMNS);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_of(fcinfo), values, nulls)));
}

/* --- whole messages ---------------------------------------------------------------------------------------- */

#define N_BOUNCE_COLUMNS 25 /* the last one, the rule, is for _bounces() alone */

static void
add_recipient(EvColumns *columns, const char *utf8)
{
	if (utf8[0] == '\0')
		add_null(columns);
	else
		add_datum(columns, PointerGetDatum(ev_text_from_utf8(utf8)));
}

/* Seconds of ev_mail_date(). */
static void
add_time(EvColumns *columns, int64 seconds)
{
	const int64 epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;

	if (seconds == EV_MAIL_DATE_NONE)
		add_null(columns);
	else
		add_datum(columns, TimestampTzGetDatum((seconds - epoch) * USECS_PER_SEC));
}

static void
fill_bounce(EvColumns *columns, const struct ev_bounce *row)
{
	char enhanced[EV_ENHANCED_MAX + 1];

	add_recipient(columns, row->original_recipient);
	add_recipient(columns, row->final_recipient);
	add_text(columns, ev_bounce_action_label(row->action));
	ev_enhanced_format(row->enhanced, enhanced);
	add_text(columns, enhanced);
	if (row->reply_code != 0)
		add_datum(columns, Int32GetDatum(row->reply_code));
	else
		add_null(columns);
	add_text(columns, row->diagnostic);
	add_text(columns, row->remote_mta);
	add_verdict(columns, row->rule[0] != '\0' ? &row->verdict : NULL);
	add_text(columns, ev_bounce_scope_label(row->scope));
	add_text(columns, ev_bounce_permanence_label(row->permanence));
	add_text(columns, ev_bounce_refuser_label(row->refused_by));
	add_datum(columns, BoolGetDatum(row->async));
	add_text(columns, ev_bounce_kind_label(row->kind));
	add_datum(columns, Int32GetDatum(row->confidence));
	add_text(columns, row->format);
	add_text(columns, row->reporting_mta);
	add_time(columns, row->arrival);
	add_text(columns, row->queue_id);
	add_recipient(columns, row->sender);
	add_time(columns, row->last_attempt);
	add_time(columns, row->will_retry_until);
	add_text(columns, row->rule);
	Assert(columns->n == N_BOUNCE_COLUMNS);
}

/*
 * Room for one message and its rows: some megabytes, which most sessions never need and those that
 * do need again and again.
 */
typedef struct EvBounceRoom
{
	struct ev_bounce_work work;
	struct ev_bounce rows[EV_BOUNCE_ROWS_MAX];
} EvBounceRoom;

static EvBounceRoom *
room(void)
{
	static EvBounceRoom *kept = NULL;

	StaticAssertStmt(sizeof(InterruptPending) == sizeof(int),
	                 "the engine looks at InterruptPending as at an int");
	if (kept == NULL)
		kept = MemoryContextAllocHuge(TopMemoryContext, sizeof(EvBounceRoom));
	kept->work.stop = (const volatile int *) &InterruptPending;
	kept->work.site = ev_reply_rules_now();
	kept->work.formats = ev_event_formats_now();
	return kept;
}

/* A known event that tells of no delivery (opened, clicked) is no reason to speak. */
static void
tell_that_nothing_was_read(enum ev_bounce_event event, struct ev_slice message)
{
	switch (event)
	{
		case EV_EVENT_NONE:
			ereport(
				NOTICE,
				(errmsg("no bounce, log line or event could be read"),
			     ev_bounce_is_bare_reply(message)
			         ? errhint(
						   "It is a reply without a message around it: see email_classify_reply().")
			         : 0));
			break;
		case EV_EVENT_UNKNOWN:
			ereport(NOTICE,
			        (errmsg("the event is not of a sender that is known here"),
			         errhint("Add a row to table email_verify.event_format that says how it is "
			                 "recognised and where in it the recipient and the type are.")));
			break;
		case EV_EVENT_KNOWN: break;
	}
}

/* As InitMaterializedSRF(), with a descriptor that is there. */
static void
begin_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		                errmsg("set-valued function called in context that cannot accept a set")));
	rsinfo->setDesc = result_of(fcinfo);
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
	                                          false, work_mem);
	MemoryContextSwitchTo(old);
	rsinfo->returnMode = SFRM_Materialize;
}

static Datum
classify_bounce(FunctionCallInfo fcinfo, const char *message, size_t len)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvBounceRoom *r = room();
	size_t n = 0;

	begin_rows(fcinfo);
	if (len > EV_BOUNCE_MESSAGE_MAX)
	{
		ereport(NOTICE, (errmsg("a message of %zu bytes is not read", len),
		                 errdetail("The limit is %u bytes.", EV_BOUNCE_MESSAGE_MAX)));
		return (Datum) 0;
	}
	/* an interrupt that is none of ours (a barrier, say) must not cost the message */
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		n = ev_bounce_read(message, len, &r->work, r->rows, EV_BOUNCE_ROWS_MAX);
		if (n > 0 || !InterruptPending || InterruptHoldoffCount > 0 || QueryCancelHoldoffCount > 0)
			break;
	}
	if (n == 0)
		tell_that_nothing_was_read(r->work.event, (struct ev_slice){message, len});
	for (size_t i = 0; i < n; i++)
	{
		Datum values[N_BOUNCE_COLUMNS];
		bool nulls[N_BOUNCE_COLUMNS];
		EvColumns columns = {values, nulls, 0};

		fill_bounce(&columns, &r->rows[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* email_classify_bounce(message text) */
Datum
ev_classify_bounce_text(PG_FUNCTION_ARGS)
{
	text *message = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(message);
	const char *utf8 = VARDATA_ANY(message);

	if (len <= EV_BOUNCE_MESSAGE_MAX)
		utf8 = ev_long_to_utf8(utf8, len, &len);
	return classify_bounce(fcinfo, utf8, len);
}

/* email_classify_bounce(message bytea): charsets are those that the message names */
Datum
ev_classify_bounce_bytea(PG_FUNCTION_ARGS)
{
	bytea *message = PG_GETARG_BYTEA_PP(0);

	return classify_bounce(fcinfo, VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message));
}
