/*
 * inspect_table.c
 *	  What hangs on one of our tables and is not the extension's own: triggers, rules, policies,
 *	  parents and children, foreign keys, and functions in defaults, constraints and indexes.
 *
 * A function is ours to call when it came with the server or with the extension.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "pg/shared/inspect_internal.h"

static void
refuse(EvInspection *in, char *text, char *hint)
{
	ev_inspect_fault(in, EV_DETAIL_WORKER_REFUSED, text, hint);
}

static char *
relation_name(Oid relation)
{
	char *name = get_rel_name(relation);

	if (name == NULL)
		return psprintf("%u", relation);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

/* --- functions in expressions ------------------------------------------------------------------ */

static bool
is_ours(Oid oid, List *members)
{
	return oid < FirstNormalObjectId || list_member_oid(members, oid);
}

typedef struct Search
{
	EvInspection *in;
	char *what; /* the first thing of somebody else's */
} Search;

static bool
check_function(Oid function, void *context)
{
	Search *search = context;

	if (is_ours(function, search->in->functions))
		return false;
	search->what = psprintf("function %s", format_procedure(function));
	return true;
}

/* True ends the search. */
static bool
search_walker(Node *node, void *context)
{
	Search *search = context;

	if (node == NULL)
		return false;
	if (check_functions_in_node(node, check_function, context))
		return true;

	/* a domain's constraints are expressions, too */
	if (IsA(node, CoerceToDomain) &&
	    !is_ours(((CoerceToDomain *) node)->resulttype, search->in->types))
	{
		search->what = psprintf("domain %s", format_type_be(((CoerceToDomain *) node)->resulttype));
		return true;
	}
	return expression_tree_walker(node, search_walker, context);
}

/* An expression as it is stored in a catalogue; NULL: it uses nothing of somebody else's. */
static char *
foreign_in(EvInspection *in, HeapTuple tuple, TupleDesc desc, AttrNumber column)
{
	Search search = {.in = in};
	bool null;
	Datum stored = heap_getattr(tuple, column, desc, &null);

	if (!null)
		(void) search_walker(stringToNode(TextDatumGetCString(stored)), &search);
	return search.what;
}

static void
inspect_column(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_attribute form = (Form_pg_attribute) GETSTRUCT(tuple);

	if (form->attnum > 0 && !form->attisdropped && !is_ours(form->atttypid, in->types))
		refuse(in,
		       psprintf("Column %s of table %s is of type %s.",
		                quote_identifier(NameStr(form->attname)), in->table_name,
		                format_type_be(form->atttypid)),
		       "Drop the column.");
}

static void
inspect_default(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_attrdef form = (Form_pg_attrdef) GETSTRUCT(tuple);
	char *what = foreign_in(in, tuple, desc, Anum_pg_attrdef_adbin);

	if (what != NULL)
		refuse(in,
		       psprintf("Column %s of table %s has a default that uses %s.",
		                quote_identifier(get_attname(in->table, form->adnum, false)),
		                in->table_name, what),
		       "Drop the default or the column.");
}

static void
inspect_constraint(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	const char *name = quote_identifier(NameStr(form->conname));
	char *what = foreign_in(in, tuple, desc, Anum_pg_constraint_conbin);

	if (form->contype == CONSTRAINT_FOREIGN)
		refuse(in,
		       psprintf("Table %s has the foreign key %s, which is not the extension's.",
		                in->table_name, name),
		       "Drop the constraint.");
	else if (what != NULL)
		refuse(
			in,
			psprintf("Table %s has the constraint %s, which uses %s.", in->table_name, name, what),
			"Drop the constraint.");
}

static void
inspect_index(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
	char *what = foreign_in(in, tuple, desc, Anum_pg_index_indexprs);

	if (what == NULL)
		what = foreign_in(in, tuple, desc, Anum_pg_index_indpred);
	if (what != NULL)
		refuse(in,
		       psprintf("Table %s has the index %s, which uses %s.", in->table_name,
		                relation_name(form->indexrelid), what),
		       "Drop the index.");
}

/* --- what runs by itself ------------------------------------------------------------------------- */

/*
 * Ours call a function of the extension that is named after their table, and have no condition: that
 * is an expression.  What PostgreSQL itself puts there for a constraint runs no code of others; what it
 * puts there for a foreign key does, or keeps rows from being deleted.
 */
static bool
is_our_trigger(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	char *function;
	char *prefix;

	if (form->tgisinternal)
		return form->tgfoid < FirstNormalObjectId;
	if (!list_member_oid(in->functions, form->tgfoid) ||
	    !heap_attisnull(tuple, Anum_pg_trigger_tgqual, desc))
		return false;
	function = get_func_name(form->tgfoid);
	prefix = psprintf("_%s_", get_rel_name(in->table));
	return function != NULL && strncmp(function, prefix, strlen(prefix)) == 0;
}

static void
inspect_trigger(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

	if (form->tgisinternal && OidIsValid(form->tgconstrrelid))
		refuse(in,
		       psprintf("Table %s is one end of a foreign key whose other end is table %s.",
		                in->table_name, relation_name(form->tgconstrrelid)),
		       "Drop the constraint.");
	else if (!is_our_trigger(in, tuple, desc))
		refuse(in,
		       psprintf("Table %s has the trigger %s, which is not the extension's.",
		                in->table_name, quote_identifier(NameStr(form->tgname))),
		       "Drop the trigger.");
}

static void
inspect_rule(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	refuse(in,
	       psprintf("Table %s has the rule %s, which is not the extension's.", in->table_name,
	                quote_identifier(NameStr(((Form_pg_rewrite) GETSTRUCT(tuple))->rulename))),
	       "Drop the rule.");
}

static void
inspect_policy(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	refuse(in,
	       psprintf("Table %s has the policy %s, which is not the extension's.", in->table_name,
	                quote_identifier(NameStr(((Form_pg_policy) GETSTRUCT(tuple))->polname))),
	       "Drop the policy.");
}

static void
inspect_parent(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	refuse(in,
	       psprintf("Table %s inherits from table %s.", in->table_name,
	                relation_name(((Form_pg_inherits) GETSTRUCT(tuple))->inhparent)),
	       psprintf("Run ALTER TABLE %s NO INHERIT, or detach it.", in->table_name));
}

static void
inspect_child(EvInspection *in, HeapTuple tuple, TupleDesc desc)
{
	refuse(in,
	       psprintf("Table %s inherits from table %s.",
	                relation_name(((Form_pg_inherits) GETSTRUCT(tuple))->inhrelid), in->table_name),
	       "Drop that table, or ALTER TABLE it to NO INHERIT.");
}

void
ev_inspect_attached(EvInspection *in)
{
	static const struct
	{
		Oid catalog;
		Oid index;
		AttrNumber column; /* the table */
		EvInspectRow row;
	} looks[] = {
		{TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, inspect_trigger},
		{RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class, inspect_rule},
		{PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid, inspect_policy},
		{InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, inspect_parent},
		{InheritsRelationId, InheritsParentIndexId, Anum_pg_inherits_inhparent, inspect_child},
		{AttributeRelationId, AttributeRelidNumIndexId, Anum_pg_attribute_attrelid, inspect_column},
		{AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid, inspect_default},
		{ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid,
	     inspect_constraint},
		{IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, inspect_index},
	};

	for (size_t i = 0; i < lengthof(looks) && !in->faulty; i++)
		ev_inspect_rows(in, looks[i].catalog, looks[i].index, looks[i].column, in->table,
		                looks[i].row);
}
