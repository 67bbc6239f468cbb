/*
 * override.c
 *	  The site's own word on addresses and domains: table email_verify.override.
 *
 * The most specific pattern wins: the address, its domain, the domain's parents, the local part; at
 * each step also the HMAC of the pattern.  The table may hold millions of rows, so it is asked by
 * index; but most sites have none, or only some kinds of patterns, and that is remembered until the
 * table changes.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "access/htup_details.h"
#include "access/xact.h"

#include "pg/backend/backend.h"
#include "pg/backend/lookup.h"

enum
{
	C_PATTERN,
	C_ACTION,
	C_NOTE,
	C_UNTIL,
	N_COLUMNS
};

static EvLookup by_pattern = {.table = "override",
                              .n_columns = N_COLUMNS,
                              .columns = {"pattern", "action", "note", "until"},
                              .types = {TEXTOID, InvalidOid, TEXTOID, TIMESTAMPTZOID}};

static EvLookup by_kind = {.table = "override",
                           .ordered = true,
                           .dead_too = true,
                           .n_columns = 1,
                           .columns = {"kind"},
                           .types = {TEXTOID}};

typedef enum Kind
{
	KIND_ADDRESS,
	KIND_DOMAIN,
	KIND_PARENT,
	KIND_LOCAL,
	KIND_HASHED,
	N_KINDS
} Kind;

static const char *const kind_labels[N_KINDS] = {"address", "domain", "parent", "local", "hashed"};

/*
 * Which kinds of patterns may be there at all, in any transaction's eyes?  It is remembered longer
 * than the snapshot under which it was looked up; what others change is announced when it has been
 * committed.
 */
static bool present[N_KINDS];
static uint64 present_generation = 0;
static bool present_known = false;

static bool
note_presence(const Datum *values, const bool *nulls, void *arg)
{
	*(bool *) arg = true;
	return false;
}

/* False when that cannot be read just now: any kind may be there. */
static bool
learn_presence(void)
{
	/* a transaction that locks nothing new would not hear of it by itself */
	AcceptInvalidationMessages();
	(void) ev_lookup_relation(&by_kind);
	if (present_known && present_generation == by_kind.generation)
		return true;
	present_generation = by_kind.generation;
	present_known = true;
	for (int k = 0; k < N_KINDS; k++)
	{
		present[k] = false;

		if (!ev_lookup(&by_kind, kind_labels[k], strlen(kind_labels[k]), note_presence,
		               &present[k]))
			present_known = false;
	}
	return present_known;
}

static enum ev_detail
suppression_detail(const Datum *values, const bool *nulls)
{
	enum ev_detail detail = EV_DETAIL_OVERRIDE;

	if (!nulls[C_NOTE])
	{
		text *note = DatumGetTextPP(values[C_NOTE]);

		if (!ev_detail_by_label(VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note), &detail) ||
		    (detail != EV_DETAIL_COMPLAINT && detail != EV_DETAIL_UNSUBSCRIBED &&
		     detail != EV_DETAIL_KNOWN_INVALID))
			detail = EV_DETAIL_OVERRIDE;
	}
	return detail;
}

static void
say(EvSay *facet, EvSay what)
{
	if (*facet == EV_SAY_NOTHING)
		*facet = what;
}

static void
say_verdict(EvOverride *out, enum ev_reason reason, enum ev_detail detail)
{
	if (out->has_verdict)
		return;
	out->has_verdict = true;
	out->verdict = ev_verdict_of(reason, detail);
}

static void
apply(const char *action, enum ev_detail suppressed, EvOverride *out)
{
	if (strcmp(action, "valid") == 0)
		say_verdict(out, EV_REASON_SMTP_DELIVERABLE, EV_DETAIL_OVERRIDE);
	else if (strcmp(action, "invalid") == 0)
		say_verdict(out, EV_REASON_SUPPRESSED, EV_DETAIL_KNOWN_INVALID);
	else if (strcmp(action, "suppressed") == 0)
		say_verdict(out, EV_REASON_SUPPRESSED, suppressed);
	else if (strcmp(action, "disposable") == 0)
	{
		if (out->disposable == EV_SAY_NOTHING)
			say_verdict(out, EV_REASON_DISPOSABLE_DOMAIN, EV_DETAIL_OVERRIDE);
		say(&out->disposable, EV_SAY_YES);
	}
	else if (strcmp(action, "not_disposable") == 0)
		say(&out->disposable, EV_SAY_NO);
	else if (strcmp(action, "role") == 0)
		say(&out->role, EV_SAY_YES);
	else if (strcmp(action, "not_role") == 0)
		say(&out->role, EV_SAY_NO);
	else if (strcmp(action, "free") == 0)
		say(&out->free, EV_SAY_YES);
	else if (strcmp(action, "not_free") == 0)
		say(&out->free, EV_SAY_NO);
	else if (strcmp(action, "trap") == 0)
	{
		if (out->trap == EV_SAY_NOTHING)
			say_verdict(out, EV_REASON_POSSIBLE_SPAM_TRAP, EV_DETAIL_OVERRIDE);
		say(&out->trap, EV_SAY_YES);
	}
	else if (strcmp(action, "not_trap") == 0)
		say(&out->trap, EV_SAY_NO);
	else if (strcmp(action, "never_probe") == 0)
		say_verdict(out, EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN, EV_DETAIL_NEVER_PROBE);
}

/* One row; rows of the same pattern are all read, since each action is a row. */
static bool
read_row(const Datum *values, const bool *nulls, void *arg)
{
	HeapTuple label;

	if (!nulls[C_UNTIL] &&
	    DatumGetTimestampTz(values[C_UNTIL]) <= GetCurrentStatementStartTimestamp())
		return true;
	label = SearchSysCache1(ENUMOID, values[C_ACTION]);
	if (HeapTupleIsValid(label))
	{
		apply(NameStr(((Form_pg_enum) GETSTRUCT(label))->enumlabel),
		      suppression_detail(values, nulls), arg);
		ReleaseSysCache(label);
	}
	return true;
}

static bool
try_pattern(Kind kind, const char *pattern, size_t len, EvOverride *out)
{
	char hmac[EV_HMAC_SIZE];
	bool locked = false;

	if (present[kind] && !ev_lookup(&by_pattern, pattern, len, read_row, out))
		return false;
	if (present[KIND_HASHED] && ev_site_hmac(pattern, len, hmac, &locked))
		return ev_lookup(&by_pattern, hmac, EV_HMAC_SIZE - 1, read_row, out);
	return !locked;
}

/* Wait for the locks without which it cannot be read. */
static void
wait_for_tables(void)
{
	static const char *const tables[] = {"override", "site_key"};
	Oid namespace = get_namespace_oid("email_verify", false);

	for (size_t i = 0; i < lengthof(tables); i++)
	{
		Oid oid = get_relname_relid(tables[i], namespace);

		if (OidIsValid(oid))
			LockRelationOid(oid, AccessShareLock);
	}
}

void
ev_override_read(const struct ev_address *address, EvOverride *out)
{
	if (ev_override_find(address, out))
		return;
	wait_for_tables();
	if (!ev_override_find(address, out))
		ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
		                errmsg("table email_verify.override cannot be read")));
}

bool
ev_override_find(const struct ev_address *address, EvOverride *out)
{
	char pattern[EV_PATTERN_SIZE];
	bool any = false;
	bool read;
	size_t len;
	size_t local_len;

	memset(out, 0, sizeof(*out));
	if (!learn_presence())
		return false;
	for (int k = 0; k < N_KINDS; k++)
		any = any || present[k];
	if (!any)
		return true;

	/* local parts are compared without regard to ASCII case, domains are lower-case already */
	len = ev_server_key(address, pattern);
	local_len = len - address->domain_len - 1;
	for (size_t i = 0; i < local_len; i++)
		pattern[i] = pg_ascii_tolower((unsigned char) pattern[i]);
	read = try_pattern(KIND_ADDRESS, pattern, len, out) &&
	       try_pattern(KIND_DOMAIN, pattern + local_len, len - local_len, out);
	for (const char *dot = strchr(address->domain, '.'); read && dot != NULL;
	     dot = strchr(dot + 1, '.'))
	{
		char parent[EV_PATTERN_SIZE];
		int n = snprintf(parent, sizeof(parent), "@%s", dot);

		read = try_pattern(KIND_PARENT, parent, (size_t) n, out);
	}
	return read && try_pattern(KIND_LOCAL, pattern, local_len + 1, out);
}
