/*
 * event_format.c
 *	  The site's own senders: table email_verify.event_format.
 *
 * A row is checked when it is written, so that whoever writes it is told what is wrong, and again when it
 * is read.  Functions that read events see the table as their statement does.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "engine/event_format.h"
#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

enum
{
	C_NAME,
	C_MARKS,
	C_EACH,
	C_RECIPIENT,
	C_TYPE,
	C_CODE,
	C_ENHANCED,
	C_DIAGNOSTIC,
	C_REMOTE_MTA,
	C_STAGE,
	C_LATE,
	C_TIME,
	C_TYPES,
	N_COLUMNS
};

static const char *const column_names[N_COLUMNS] = {
	"name",       "marks",      "each",  "recipient", "type", "code", "enhanced",
	"diagnostic", "remote_mta", "stage", "late",      "time", "types"};

/* --- a row ------------------------------------------------------------------------------------------- */

/* What is wrong with a row, for whoever writes it: a part of a sentence, what it is about, what to do. */
typedef struct Fault
{
	const char *what;
	const char *where;
	const char *hint;
} Fault;

static const char *
utf8_of(const char *s, size_t n)
{
	size_t len;
	const char *utf8 = ev_to_utf8(s, n, &len);

	return pnstrdup(utf8, len);
}

/* Patterns that tell a cause only come first, then those with more letters. */
static int
by_rank(const void *a, const void *b)
{
	const struct ev_event_value *one = a;
	const struct ev_event_value *other = b;
	bool one_decides = one->outcome != EV_EVENT_CAUSE;
	bool other_decides = other->outcome != EV_EVENT_CAUSE;
	size_t one_letters = strlen(one->pattern);
	size_t other_letters = strlen(other->pattern);

	for (const char *p = one->pattern; *p != '\0'; p++)
		one_letters -= *p == '*' || *p == '?';
	for (const char *p = other->pattern; *p != '\0'; p++)
		other_letters -= *p == '*' || *p == '?';
	if (one_decides != other_decides)
		return one_decides ? 1 : -1;
	if (one_letters != other_letters)
		return one_letters > other_letters ? -1 : 1;
	return strcmp(one->pattern, other->pattern);
}

/* {"pattern": "outcome cause", ...} in the current memory context; NULL and *fault. */
static struct ev_event_value *
read_types(Jsonb *types, Fault *fault)
{
	struct ev_event_value *values = palloc0((EV_EVENT_VALUES_MAX + 1) * sizeof(*values));
	JsonbIterator *it = JsonbIteratorInit(&types->root);
	JsonbIteratorToken token;
	JsonbValue v;
	size_t n = 0;

	fault->where = column_names[C_TYPES];
	if (!JB_ROOT_IS_OBJECT(types) || JB_ROOT_COUNT(types) == 0)
		fault->what = "types are no object with a pattern and what it means";
	else if (JB_ROOT_COUNT(types) > EV_EVENT_VALUES_MAX)
		fault->what = "there are more than 100 types";
	while (fault->what == NULL && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			values[n].pattern = utf8_of(v.val.string.val, v.val.string.len);
			fault->what = ev_event_pattern_fault(values[n].pattern);
		}
		else if (token == WJB_VALUE)
		{
			struct ev_event_value value = {NULL, 0, 0};

			fault->where = values[n].pattern;
			if (v.type != jbvString ||
			    !ev_event_value_parse(v.val.string.val, v.val.string.len, &value))
			{
				fault->what = "a type means nothing that is known";
				fault->hint =
					"It is an outcome (hard, soft, failed, delayed, delivered, complaint, "
					"unsubscribed, auto_reply, not_sent, ignore), a cause such as unknown_user, "
					"or both: see doc/events.md.";
			}
			values[n].outcome = value.outcome;
			values[n].cause = value.cause;
			n++;
		}
	}
	if (fault->what != NULL)
		return NULL;
	qsort(values, n, sizeof(*values), by_rank);
	return values;
}

static const char *
type_fault(const char *type)
{
	char *groups = pstrdup(type);
	char *save = NULL;
	const char *fault = NULL;
	int n = 0;

	for (char *group = strtok_r(groups, " ", &save); group != NULL && fault == NULL;
	     group = strtok_r(NULL, " ", &save))
	{
		fault = ev_event_paths_fault(group);
		n++;
	}
	return n == 0 ? "there is no path" : n > 6 ? "there are more than 6 paths" : fault;
}

/* A row as a format, in the current memory context. */
static bool
make_format(const Datum *values, const bool *nulls, struct ev_event_format *out, Fault *fault)
{
	const char *texts[N_COLUMNS] = {NULL};

	memset(fault, 0, sizeof(*fault));
	memset(out, 0, sizeof(*out));
	for (int c = 0; c < C_TYPES && fault->what == NULL; c++)
	{
		if (nulls[c])
			continue;
		texts[c] = TextDatumGetCString(values[c]);
		texts[c] = utf8_of(texts[c], strlen(texts[c]));
		fault->where = column_names[c];
		switch (c)
		{
			case C_NAME: break;
			case C_MARKS:
			case C_LATE: fault->what = ev_event_marks_fault(texts[c]); break;
			case C_TYPE: fault->what = type_fault(texts[c]); break;
			default: fault->what = ev_event_paths_fault(texts[c]); break;
		}
	}
	if (fault->what == NULL)
		out->values = read_types(DatumGetJsonbP(values[C_TYPES]), fault);
	out->name = texts[C_NAME];
	out->marks = texts[C_MARKS];
	out->each = texts[C_EACH];
	out->recipient = texts[C_RECIPIENT];
	out->type = texts[C_TYPE];
	out->code = texts[C_CODE];
	out->enhanced = texts[C_ENHANCED];
	out->said = texts[C_DIAGNOSTIC];
	out->remote_mta = texts[C_REMOTE_MTA];
	out->stage = texts[C_STAGE];
	out->late = texts[C_LATE];
	out->time = texts[C_TIME];
	return fault->what == NULL;
}

PG_FUNCTION_INFO_V1(ev_event_format_ok);

/* _event_format_ok(name, marks, each, ..., types): for the CHECK of the table; says what is wrong */
Datum
ev_event_format_ok(PG_FUNCTION_ARGS)
{
	Datum values[N_COLUMNS];
	bool nulls[N_COLUMNS];
	struct ev_event_format format;
	Fault fault;

	for (int c = 0; c < N_COLUMNS; c++)
	{
		nulls[c] = PG_ARGISNULL(c);
		values[c] = nulls[c] ? (Datum) 0 : PG_GETARG_DATUM(c);
	}
	/* the NOT NULL constraints say it */
	if (nulls[C_NAME] || nulls[C_MARKS] || nulls[C_RECIPIENT] || nulls[C_TYPE] || nulls[C_TYPES])
		PG_RETURN_BOOL(true);
	if (!make_format(values, nulls, &format, &fault))
		ereport(ERROR,
		        (errcode(ERRCODE_CHECK_VIOLATION), errmsg("not a format of events: %s", fault.what),
		         fault.where != NULL ? errdetail("It is about \"%s\".", fault.where) : 0,
		         fault.hint != NULL ? errhint("%s", fault.hint) : 0));
	PG_RETURN_BOOL(true);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static MemoryContext context = NULL;
static struct ev_event_formats kept;
static EvEra kept_era;
static bool is_kept = false;

static bool
find_columns(TupleDesc desc, AttrNumber *numbers)
{
	for (int c = 0; c < N_COLUMNS; c++)
	{
		int number = SPI_fnumber(desc, column_names[c]);

		if (number <= 0 ||
		    SPI_gettypeid(desc, number) != (c == C_TYPES ? (Oid) JSONBOID : (Oid) TEXTOID))
			return false;
		numbers[c] = (AttrNumber) number;
	}
	return true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct ev_event_format *) a)->name,
	              ((const struct ev_event_format *) b)->name);
}

static void
read_all(Relation rel, Snapshot snapshot)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);
	struct ev_event_format *rows = palloc(EV_EVENT_FORMATS_MAX * sizeof(*rows));
	AttrNumber numbers[N_COLUMNS];
	size_t n = 0;

	while (n < EV_EVENT_FORMATS_MAX && find_columns(RelationGetDescr(rel), numbers) &&
	       table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		Datum values[N_COLUMNS];
		bool nulls[N_COLUMNS];
		Fault fault;

		CHECK_FOR_INTERRUPTS();
		for (int c = 0; c < N_COLUMNS; c++)
			values[c] = slot_getattr(slot, numbers[c], &nulls[c]);
		if (!nulls[C_NAME] && !nulls[C_MARKS] && !nulls[C_RECIPIENT] && !nulls[C_TYPE] &&
		    !nulls[C_TYPES] && make_format(values, nulls, &rows[n], &fault))
			n++;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	if (n > 1)
		qsort(rows, n, sizeof(*rows), by_name);
	kept = (struct ev_event_formats){rows, n};
}

static void
load(Snapshot snapshot)
{
	Oid namespace = get_namespace_oid("email_verify", true);
	Oid oid = OidIsValid(namespace) ? get_relname_relid("event_format", namespace) : InvalidOid;
	MemoryContext old;
	Relation rel;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "email_verify event formats",
		                                ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	kept = (struct ev_event_formats){NULL, 0};
	rel = OidIsValid(oid) ? try_table_open(oid, AccessShareLock) : NULL;
	if (rel == NULL)
		return;
	old = MemoryContextSwitchTo(context);
	if (rel->rd_rel->relkind == RELKIND_RELATION)
		read_all(rel, snapshot);
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
}

const struct ev_event_formats *
ev_event_formats_now(void)
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
