/*
 * reply_rule.c
 *	  The site's own rules for replies: table email_verify.reply_rule.
 *
 * A row is brought into form and checked when it is written, so that whoever writes it is told what is
 * wrong.  It is checked again when it is read: triggers can be disabled.
 *
 * Functions that judge replies see the rules as their statement sees the table.  They are read once
 * for a snapshot, straight from the table, whoever asks: most sites have none, and a look at an empty table
 * costs less than remembering that it was empty.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/site_rules.h"
#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

enum
{
	C_ID,
	C_STAGE,
	C_CODE,
	C_ENHANCED,
	C_PROVIDER,
	C_MX,
	C_PATTERN,
	C_REASON,
	C_DETAIL,
	C_UNTIL,
	N_COLUMNS
};

static const char *const column_names[N_COLUMNS] = {
	"id", "stage", "code", "enhanced", "provider", "mx", "pattern", "reason", "detail", "until"};

/* Words of a row that are texts. */
#define IS_TEXT(column) ((column) >= C_STAGE && (column) <= C_DETAIL && (column) != C_REASON)

/* Where the columns are; false when the table has not what we know. */
static bool
find_columns(TupleDesc desc, AttrNumber *numbers)
{
	for (int c = 0; c < N_COLUMNS; c++)
	{
		int number = SPI_fnumber(desc, column_names[c]);
		Oid type = c == C_ID ? INT4OID : c == C_UNTIL ? TIMESTAMPTZOID : TEXTOID;

		if (number <= 0 || (c != C_REASON && SPI_gettypeid(desc, number) != type))
			return false;
		numbers[c] = (AttrNumber) number;
	}
	return true;
}

/* The columns of a row as the engine's words, those that are texts in the server's encoding. */
static void
fill_words(const Datum *values, const bool *nulls, struct ev_site_rule_words *words)
{
	const char *texts[N_COLUMNS] = {NULL};
	enum ev_reason reason;

	for (int c = 0; c < N_COLUMNS; c++)
		if (IS_TEXT(c) && !nulls[c])
			texts[c] = TextDatumGetCString(values[c]);
	words->stage = texts[C_STAGE];
	words->code = texts[C_CODE];
	words->enhanced = texts[C_ENHANCED];
	words->provider = texts[C_PROVIDER];
	words->mx = texts[C_MX];
	words->pattern = texts[C_PATTERN];
	words->detail = texts[C_DETAIL];
	words->reason = NULL;
	if (!nulls[C_REASON] && ev_reason_from_oid(DatumGetObjectId(values[C_REASON]), &reason))
		words->reason = ev_reason_info(reason)->label;
	if (words->pattern != NULL)
	{
		size_t len;
		const char *utf8 = ev_to_utf8(words->pattern, strlen(words->pattern), &len);

		words->pattern = pnstrdup(utf8, len);
	}
}

/* --- writing ------------------------------------------------------------------------------------------ */

PG_FUNCTION_INFO_V1(ev_reply_rule_normalize);

static Datum
other_case(Datum value, unsigned char (*convert)(unsigned char c))
{
	char *word = TextDatumGetCString(value);

	for (char *p = word; *p != '\0'; p++)
		*p = (char) convert((unsigned char) *p);
	return CStringGetTextDatum(word);
}

static Datum
normal_pattern(Datum value)
{
	text *pattern = DatumGetTextPP(value);
	size_t size = VARSIZE_ANY_EXHDR(pattern) + 1;
	char *out = palloc(size);

	(void) ev_site_pattern_normalize(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern), out, size);
	return CStringGetTextDatum(out);
}

static Datum
normal_suffix(Datum value)
{
	text *mx = DatumGetTextPP(value);
	char out[EV_PATTERN_SIZE];

	if (ev_suffix_normalize(VARDATA_ANY(mx), VARSIZE_ANY_EXHDR(mx), out) == 0)
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
		                errmsg("malformed mail server name: \"%s\"", text_to_cstring(mx)),
		                errhint("It is the name of a mail server, or the end of one: "
		                        "\"example.com\" stands for that host and all below it.")));
	return CStringGetTextDatum(out);
}

static Datum
normal(int column, Datum value)
{
	switch (column)
	{
		case C_PATTERN: return normal_pattern(value);
		case C_MX: return normal_suffix(value);
		case C_ENHANCED: return other_case(value, pg_ascii_toupper);
		default: return other_case(value, pg_ascii_tolower);
	}
}

/* on email_verify.reply_rule, BEFORE INSERT OR UPDATE FOR EACH ROW */
Datum
ev_reply_rule_normalize(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const struct ev_site_fault *fault;
	struct ev_site_rule_words words;
	struct ev_site_rule rule;
	AttrNumber numbers[N_COLUMNS];
	Datum values[N_COLUMNS];
	bool nulls[N_COLUMNS];
	HeapTuple tuple;
	TupleDesc desc;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		elog(ERROR, "email_verify._reply_rule_normalize must be called as a row trigger");
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	desc = RelationGetDescr(data->tg_relation);
	if (!find_columns(desc, numbers))
		elog(ERROR, "table email_verify.reply_rule has other columns than this library knows");
	for (int c = 0; c < N_COLUMNS; c++)
	{
		int number = numbers[c];

		values[c] = heap_getattr(tuple, number, desc, &nulls[c]);
		if (!IS_TEXT(c) || nulls[c])
			continue;
		values[c] = normal(c, values[c]);
		tuple = heap_modify_tuple_by_cols(tuple, desc, 1, &number, &values[c], &nulls[c]);
	}
	if (nulls[C_ID] || nulls[C_REASON])
		return PointerGetDatum(tuple); /* the NOT NULL constraints say it */

	fill_words(values, nulls, &words);
	fault = ev_site_rule_parse(DatumGetInt32(values[C_ID]), &words, &rule);
	if (fault != NULL)
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
		                errmsg("not a rule for replies: %s", fault->what),
		                fault->hint != NULL ? errhint("%s", fault->hint) : 0));
	return PointerGetDatum(tuple);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static MemoryContext context = NULL;
static struct ev_site_rules kept;
static EvEra kept_era;
static bool is_kept = false;

static int
by_id(const void *a, const void *b)
{
	int32 one = ((const struct ev_site_rule *) a)->id;
	int32 other = ((const struct ev_site_rule *) b)->id;

	return (one > other) - (one < other);
}

/* All rules in force, in the order of their ids; more than are heeded may come. */
static struct ev_site_rule *
read_all(Relation rel, Snapshot snapshot, size_t *n)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "email_verify rule", ALLOCSET_SMALL_SIZES);
	struct ev_site_rule *rules = NULL;
	AttrNumber numbers[N_COLUMNS];
	size_t room = 0;

	*n = 0;
	while (find_columns(RelationGetDescr(rel), numbers) &&
	       table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		struct ev_site_rule_words words;
		struct ev_site_rule rule;
		Datum values[N_COLUMNS];
		bool nulls[N_COLUMNS];
		MemoryContext old = MemoryContextSwitchTo(row_context);
		bool sound;

		CHECK_FOR_INTERRUPTS();
		for (int c = 0; c < N_COLUMNS; c++)
			values[c] = slot_getattr(slot, numbers[c], &nulls[c]);
		sound = !nulls[C_ID] && (nulls[C_UNTIL] || DatumGetTimestampTz(values[C_UNTIL]) >
		                                               GetCurrentStatementStartTimestamp());
		if (sound)
		{
			fill_words(values, nulls, &words);
			sound = ev_site_rule_parse(DatumGetInt32(values[C_ID]), &words, &rule) == NULL;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
		if (!sound)
			continue;
		if (*n == room)
		{
			room = room == 0 ? 16 : room * 2;
			rules = rules == NULL ? palloc(room * sizeof(rule))
			                      : repalloc_huge(rules, room * sizeof(rule));
		}
		rules[(*n)++] = rule;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextDelete(row_context);
	if (*n > 1)
		qsort(rules, *n, sizeof(*rules), by_id);
	return rules;
}

static void
load(Snapshot snapshot)
{
	Oid namespace = get_namespace_oid("email_verify", true);
	Oid oid = OidIsValid(namespace) ? get_relname_relid("reply_rule", namespace) : InvalidOid;
	MemoryContext old;
	Relation rel;
	size_t n;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "email_verify reply rules",
		                                ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	kept = (struct ev_site_rules){NULL, 0};
	rel = OidIsValid(oid) ? try_table_open(oid, AccessShareLock) : NULL;
	if (rel == NULL)
		return;
	old = MemoryContextSwitchTo(context);
	if (rel->rd_rel->relkind == RELKIND_RELATION)
	{
		kept.rows = read_all(rel, snapshot, &n);
		kept.n = Min(n, EV_SITE_RULES_MAX);
	}
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
}

const struct ev_site_rules *
ev_reply_rules_now(void)
{
	EvEra now;

	if (!ActiveSnapshotSet())
		return NULL;
	now = ev_era_of(GetActiveSnapshot());
	if (is_kept && memcmp(&now, &kept_era, sizeof(now)) == 0)
		return &kept;
	is_kept = false;
	load(GetActiveSnapshot());
	kept_era = now;
	is_kept = true;
	return &kept;
}
