/*
 * inspect.c
 *	  Looks whether the extension in this database is one that a worker may work with; see inspect.h.
 *
 * This file looks at the extension and at each of its tables as a whole; what hangs on a table is
 * looked at in inspect_table.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/rel.h"

#include "pg/shared/enums.h"
#include "pg/shared/inspect_internal.h"

/* What worker and backends know by name. */
static const char *const table_names[] = {
	"address",    "domain",         "domain_host", "queue",  "inflight", "override",
	"mx_policy",  "site_key",       "tombstone",   "parked", "upkeep",   "command",
	"reply_rule", "external_check", "health",      "report", "spool"};
static const char *const function_names[] = {
	"_complete",
	"_end_commands",
	"_enqueue",
	"_spool",
	"_unspool",
	"_unspooled",
	"_feedback",
	"_feedback_undo",
	"_soft_bounces",
	"_soft_bounce_limit",
	"_hand_over",
	"_hold_commands",
	"_learn_domains",
	"_learn_hosts",
	"_lease",
	"_leave",
	"_leave_commands",
	"_next_command",
	"_next_due",
	"_policies",
	"_put_off_command",
	"_recover",
	"_recover_commands",
	"_reply_rules",
	"_suspect",
	"_take_commands",
	"_take_walk",
	"_walked",
	"_retire_addresses",
	"_retire_domains",
	"_retire_domain_hosts",
	"_retire_tombstones",
	"_retire_commands",
	"_submit",
	"_recheck_since",
	"_reclassify",
	"_set_aside",
	"_checkers",
	"_due",
	"_due_of",
	"_suspects",
	"_health",
	"_park",
};

void
ev_inspect_fault(EvInspection *in, enum ev_detail detail, char *text, char *hint)
{
	if (in->faulty)
		return;
	in->faulty = true;
	in->fault->detail = detail;
	strlcpy(in->fault->text, text, EV_REFUSAL_SIZE);
	strlcpy(in->fault->hint, hint, EV_REFUSAL_SIZE);
}

void
ev_inspect_rows(EvInspection *in, Oid catalog, Oid index, AttrNumber column, Oid key,
                EvInspectRow row)
{
	Relation rel = table_open(catalog, AccessShareLock);
	ScanKeyData skey;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&skey, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(key));
	scan = systable_beginscan(rel, index, true, NULL, 1, &skey);
	while (!in->faulty && HeapTupleIsValid(tuple = systable_getnext(scan)))
		row(in, tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* The row of a name in a catalogue whose names are unique. */
static SysScanDesc
begin_by_name(Relation rel, Oid index, AttrNumber column, const char *name)
{
	ScanKeyData skey;

	ScanKeyInit(&skey, column, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(name));
	return systable_beginscan(rel, index, true, NULL, 1, &skey);
}

bool
ev_extension_find(EvExtension *out)
{
	Relation rel = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan =
		begin_by_name(rel, ExtensionNameIndexId, Anum_pg_extension_extname, "email_verify");
	HeapTuple tuple = systable_getnext(scan);
	bool found = HeapTupleIsValid(tuple);

	if (found)
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);
		bool null;
		Datum version =
			heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(rel), &null);

		memset(out, 0, sizeof(*out));
		out->oid = form->oid;
		out->owner = form->extowner;
		if (!null)
			text_to_cstring_buffer(DatumGetTextPP(version), out->version, sizeof(out->version));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* major.minor as a number; -1 for anything else */
static int
version_number(const char *version)
{
	unsigned major;
	unsigned minor;
	char rest;

	if (sscanf(version, "%4u.%4u%c", &major, &minor, &rest) != 2)
		return -1;
	return (int) (major * 10000 + minor);
}

static void
inspect_version(EvInspection *in)
{
	int version = version_number(in->extension->version);
	bool newer = version < 0 || version > version_number(EV_SQL_NEWEST);

	if (!newer && version >= version_number(EV_SQL_OLDEST))
		return;
	ev_inspect_fault(
		in, newer ? EV_DETAIL_LIBRARY_TOO_OLD : EV_DETAIL_SQL_TOO_OLD,
		psprintf("The installed SQL objects are of version %s, the library works with %s to %s.",
	             in->extension->version, EV_SQL_OLDEST, EV_SQL_NEWEST),
		newer ? "Restart the server; if that does not help, install the library of that version."
			  : "Run ALTER EXTENSION email_verify UPDATE.");
}

static void
add_member(EvInspection *in, Form_pg_depend form)
{
	if (form->deptype != DEPENDENCY_EXTENSION)
		return;
	if (form->classid == RelationRelationId)
		in->relations = lappend_oid(in->relations, form->objid);
	else if (form->classid == ProcedureRelationId)
		in->functions = lappend_oid(in->functions, form->objid);
	else if (form->classid == TypeRelationId)
		in->types = lappend_oid(in->types, form->objid);
}

static void
find_members(EvInspection *in)
{
	Relation rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData skey[2];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&skey[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&skey[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
	            ObjectIdGetDatum(in->extension->oid));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, skey);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		add_member(in, (Form_pg_depend) GETSTRUCT(tuple));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

static Oid
find_schema(void)
{
	Relation rel = table_open(NamespaceRelationId, AccessShareLock);
	SysScanDesc scan =
		begin_by_name(rel, NamespaceNameIndexId, Anum_pg_namespace_nspname, "email_verify");
	HeapTuple tuple = systable_getnext(scan);
	Oid result = HeapTupleIsValid(tuple) ? ((Form_pg_namespace) GETSTRUCT(tuple))->oid : InvalidOid;

	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* The function belongs to the extension's owner: nobody else can put another body into it. */
static void
inspect_function(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

	if (form->proowner != in->extension->owner)
		ev_inspect_fault(
			in, EV_DETAIL_WORKER_REFUSED,
			psprintf("Function %s does not belong to the owner of the extension.",
		             format_procedure(form->oid)),
			psprintf("Run ALTER FUNCTION %s OWNER TO %s.", format_procedure(form->oid),
		             quote_identifier(GetUserNameFromId(in->extension->owner, false))));
	if (form->pronamespace == in->schema)
		for (size_t i = 0; i < lengthof(function_names); i++)
			if (strcmp(NameStr(form->proname), function_names[i]) == 0)
				in->functions_seen |= UINT64CONST(1) << i;
}

static void
inspect_functions(EvInspection *in)
{
	ListCell *cell;

	foreach (cell, in->functions)
		ev_inspect_rows(in, ProcedureRelationId, ProcedureOidIndexId, Anum_pg_proc_oid,
		                lfirst_oid(cell), inspect_function);
	for (size_t i = 0; i < lengthof(function_names) && !in->faulty; i++)
		if (!(in->functions_seen & (UINT64CONST(1) << i)))
			ev_inspect_fault(in, EV_DETAIL_WORKER_REFUSED,
			                 psprintf("Function email_verify.%s is missing from the extension.",
			                          function_names[i]),
			                 "Put it back, or drop and create the extension.");
}

static void
inspect_table_itself(EvInspection *in, Form_pg_class form)
{
	char *text = NULL;
	char *hint = NULL;

	if (form->relkind != RELKIND_RELATION)
		text = psprintf("Relation %s is not a table.", in->table_name);
	else if (form->relpersistence != RELPERSISTENCE_PERMANENT)
	{
		text = psprintf("Table %s is unlogged.", in->table_name);
		hint = psprintf("Run ALTER TABLE %s SET LOGGED.", in->table_name);
	}
	else if (form->relam != HEAP_TABLE_AM_OID)
	{
		text = psprintf("Table %s has another access method than heap.", in->table_name);
		hint = psprintf("Run ALTER TABLE %s SET ACCESS METHOD heap.", in->table_name);
	}
	else if (form->relowner != in->extension->owner)
	{
		text = psprintf("Table %s does not belong to the owner of the extension.", in->table_name);
		hint = psprintf("Run ALTER TABLE %s OWNER TO %s.", in->table_name,
		                quote_identifier(GetUserNameFromId(in->extension->owner, false)));
	}
	else if (form->relrowsecurity || form->relforcerowsecurity)
	{
		text = psprintf("Table %s has row level security enabled.", in->table_name);
		hint = psprintf("Run ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL "
		                "SECURITY.",
		                in->table_name);
	}
	if (text != NULL)
		ev_inspect_fault(in, EV_DETAIL_WORKER_REFUSED, text,
		                 hint != NULL ? hint
		                              : "Put the table back, or drop and create the extension.");
}

static void
inspect_relation(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

	if (form->relnamespace != in->schema || form->relkind == RELKIND_SEQUENCE ||
	    form->relkind == RELKIND_VIEW || form->relkind == RELKIND_COMPOSITE_TYPE)
		return;
	in->table = form->oid;
	in->table_name = quote_qualified_identifier("email_verify", NameStr(form->relname));
	if (in->tables->n < EV_TABLES_MAX)
		in->tables->oids[in->tables->n++] = form->oid;
	for (size_t i = 0; i < lengthof(table_names); i++)
		if (strcmp(NameStr(form->relname), table_names[i]) == 0)
			in->tables_seen |= UINT64CONST(1) << i;
	if (in->all)
		inspect_table_itself(in, form);
	if (!in->faulty)
		ev_inspect_attached(in);
}

static void
inspect_tables(EvInspection *in)
{
	ListCell *cell;

	foreach (cell, in->relations)
		ev_inspect_rows(in, RelationRelationId, ClassOidIndexId, Anum_pg_class_oid,
		                lfirst_oid(cell), inspect_relation);
	for (size_t i = 0; i < lengthof(table_names) && !in->faulty && in->all; i++)
		if (!(in->tables_seen & (UINT64CONST(1) << i)))
			ev_inspect_fault(
				in, EV_DETAIL_WORKER_REFUSED,
				psprintf("Table email_verify.%s is missing from the extension.", table_names[i]),
				"Put it back, or drop and create the extension.");
}

static void
inspect_owner(EvInspection *in)
{
	if (!superuser_arg(in->extension->owner))
		ev_inspect_fault(
			in, EV_DETAIL_WORKER_REFUSED,
			psprintf("The extension's owner, %s, is not a superuser.",
		             GetUserNameFromId(in->extension->owner, false)),
			"Make the owner a superuser again and reload the configuration, or drop and "
			"create the extension as one.");
}

static void
inspect_words(EvInspection *in)
{
	if (!ev_enums_are_usable())
		ev_inspect_fault(in, EV_DETAIL_SQL_TOO_OLD,
		                 "Type email_verify.verification_reason has no label "
		                 "internal_verifier_error.",
		                 "Run ALTER EXTENSION email_verify UPDATE.");
}

static bool
inspect(const EvExtension *extension, EvTables *tables, EvFault *fault, bool all)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "email_verify inspection",
	                                              ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	EvInspection in = {.extension = extension, .tables = tables, .fault = fault, .all = all};

	tables->n = 0;
	if (all)
		inspect_version(&in);
	in.schema = find_schema();
	find_members(&in);
	if (!in.faulty && all)
		inspect_owner(&in);
	if (!in.faulty)
		inspect_tables(&in);
	if (!in.faulty && all)
		inspect_functions(&in);
	if (!in.faulty && all)
		inspect_words(&in);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return !in.faulty;
}

bool
ev_inspect(const EvExtension *extension, EvTables *tables, EvFault *fault)
{
	return inspect(extension, tables, fault, true);
}

bool
ev_inspect_hangers(const EvExtension *extension, EvTables *tables, EvFault *fault)
{
	return inspect(extension, tables, fault, false);
}
