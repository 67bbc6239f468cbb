/*
 * words.c
 *	  Words and numbers of mail systems for SQL: a verdict in another vocabulary, status codes, and
 *	  what a reply means.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "engine/classify.h"
#include "engine/judge.h"
#include "engine/vocabulary.h"
#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_verdict_as);
PG_FUNCTION_INFO_V1(ev_enhanced_statuses);
PG_FUNCTION_INFO_V1(ev_reply_codes);
PG_FUNCTION_INFO_V1(ev_find_enhanced);

static Datum
text_datum(const char *text)
{
	return CStringGetTextDatum(text);
}

/* email_verdict_as(verdict email_verify.verdict, vocabulary text, OUT status text, OUT code text, OUT code_group text) */
Datum
ev_verdict_as(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	text *name = PG_GETARG_TEXT_PP(1);
	enum ev_vocabulary vocabulary;
	struct ev_verdict verdict;
	struct ev_words words;
	enum ev_reason reason;
	enum ev_status status;
	enum ev_detail detail = EV_DETAIL_NONE;
	TupleDesc desc;
	Datum value;
	Datum values[3];
	bool nulls[3] = {false, false, false};
	bool null;

	if (!ev_vocabulary_by_label(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &vocabulary))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		     errmsg("unrecognized vocabulary: \"%s\"", text_to_cstring(name)),
		     errhint("Vocabularies are \"emailhippo\", \"bounceless\" and \"billionverify\".")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verdict_as must return a record");

	value = GetAttributeByName(row, "reason", &null);
	if (null || !ev_reason_from_oid(DatumGetObjectId(value), &reason))
		PG_RETURN_NULL();
	value = GetAttributeByName(row, "detail", &null);
	if (!null)
	{
		text *label = DatumGetTextPP(value);

		(void) ev_detail_by_label(VARDATA_ANY(label), VARSIZE_ANY_EXHDR(label), &detail);
	}
	verdict = ev_verdict_of(reason, detail);
	value = GetAttributeByName(row, "status", &null);
	if (!null && ev_status_from_oid(DatumGetObjectId(value), &status))
		verdict.status = status;

	words = ev_words_of(&verdict, vocabulary);
	values[0] = text_datum(words.status);
	nulls[1] = words.code == NULL;
	if (!nulls[1])
		values[1] = text_datum(words.code);
	nulls[2] = words.group == NULL;
	if (!nulls[2])
		values[2] = text_datum(words.group);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

struct enhanced
{
	uint16 subject;
	uint16 detail;
	const char *title;
	const char *basic;
	const char *reference;
	const char *useful; /* NULL: with either class */
	const char *description;
};

#define PERMANENT "permanent"
#define TRANSIENT "transient"
#define SUCCESS   "success"
#define EITHER    NULL
static const struct enhanced statuses[] = {
#define EV_ENHANCED(subject, detail, title, basic, reference, useful, description)                 \
	{(subject), (detail), (title), (basic), (reference), (useful), (description)},
#include "engine/enhanced_status.def"
};

static const char *const subjects[] = {
#define EV_SUBJECT(subject, title) [subject] = (title),
#include "engine/enhanced_status.def"
};

/* What a reply says that has this status and no text: reason and detail at RCPT. */
static void
implied(int klass, const struct enhanced *status, Datum *values, bool *nulls)
{
	static struct ev_reply reply;
	struct ev_case the_case = {.outcome = EV_OUTCOME_REPLY, .stage = EV_STAGE_RCPT};
	struct ev_judgement judgement;
	const char *detail;

	memset(&reply, 0, sizeof(reply));
	reply.code = (uint16_t) (klass * 100 + 50);
	reply.enhanced.klass = (uint8_t) klass;
	reply.enhanced.subject = status->subject;
	reply.enhanced.detail = status->detail;
	ev_classify(&reply, EV_STAGE_RCPT, EV_PROVIDER_OTHER, false, NULL, &the_case.finding);
	the_case.trust = ev_provider_trust(EV_PROVIDER_OTHER);
	ev_judge(&the_case, &judgement);
	if (judgement.put_back)
		judgement.verdict = ev_verdict_of(the_case.finding.reason, the_case.finding.detail);
	values[0] = text_datum(ev_reason_info(judgement.verdict.reason)->label);
	detail = ev_detail_info(judgement.verdict.detail)->label;
	nulls[0] = false;
	nulls[1] = detail == NULL;
	if (detail != NULL)
		values[1] = text_datum(detail);
}

#define N_STATUS_COLUMNS 11

static void
fill_status(const struct enhanced *status, Datum *values, bool *nulls)
{
	memset(nulls, false, N_STATUS_COLUMNS);
	values[0] = text_datum(psprintf("X.%d.%d", status->subject, status->detail));
	values[1] = text_datum(subjects[status->subject]);
	values[2] = text_datum(status->title);
	nulls[3] = status->basic[0] == '\0';
	if (!nulls[3])
		values[3] = text_datum(status->basic);
	values[4] = text_datum(status->reference);
	implied(4, status, &values[5], &nulls[5]);
	implied(5, status, &values[7], &nulls[7]);
	values[9] = text_datum(status->description);
	nulls[10] = status->useful == NULL;
	if (!nulls[10])
		values[10] = text_datum(status->useful);
}

/* _enhanced_statuses(): one row for each code of the registry */
Datum
ev_enhanced_statuses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(statuses); i++)
	{
		Datum values[N_STATUS_COLUMNS];
		bool nulls[N_STATUS_COLUMNS];

		fill_status(&statuses[i], values, nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * The first enhanced status in a text: "5.1.1", "X.1.1", "550 5.1.1 …", "… (#5.1.1)".  *klass is 0
 * for X.
 */
static bool
find_status(const char *text, size_t n, int *klass, struct ev_enhanced *out)
{
	for (size_t i = 0; i + 4 < n; i++)
	{
		char copy[EV_ENHANCED_MAX + 2];
		size_t len = Min(n - i, sizeof(copy) - 1);
		size_t used;

		if (i > 0 && (isalnum((unsigned char) text[i - 1]) || text[i - 1] == '.'))
			continue;
		memcpy(copy, text + i, len);
		copy[len] = '\0';
		*klass = copy[0] == 'X' || copy[0] == 'x' ? 0 : copy[0] - '0';
		if (*klass == 0)
			copy[0] = '5';
		if (ev_enhanced_parse(copy, len, out, &used))
			return true;
	}
	return false;
}

/* _find_enhanced(code_or_line text, OUT code text, OUT class text) */
Datum
ev_find_enhanced(PG_FUNCTION_ARGS)
{
	static const char *const classes[] = {[0] = NULL,
	                                      [2] = "Success",
	                                      [4] = "Persistent Transient Failure",
	                                      [5] = "Permanent Failure"};
	text *line = PG_GETARG_TEXT_PP(0);
	TupleDesc desc;
	struct ev_enhanced enhanced;
	int klass;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_verify._find_enhanced must return a record");
	if (!find_status(VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line), &klass, &enhanced))
		PG_RETURN_NULL();
	values[0] = text_datum(psprintf("X.%d.%d", enhanced.subject, enhanced.detail));
	nulls[1] = classes[klass] == NULL;
	if (!nulls[1])
		values[1] = text_datum(classes[klass]);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* _reply_codes(OUT code integer, OUT meaning text, OUT reference text) */
Datum
ev_reply_codes(PG_FUNCTION_ARGS)
{
	static const struct
	{
		int code;
		const char *meaning;
		const char *reference;
	} codes[] = {
#define EV_REPLY_CODE(code, meaning, reference) {(code), (meaning), (reference)},
#include "engine/reply_code.def"
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(codes); i++)
	{
		bool nulls[3] = {false, false, codes[i].reference[0] == '\0'};
		Datum values[3] = {Int32GetDatum(codes[i].code), text_datum(codes[i].meaning),
		                   text_datum(codes[i].reference)};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
