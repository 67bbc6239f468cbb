/*
 * guard.c
 *	  Functions that run with their owner's rights do not run while something of others hangs on the tables.
 *
 * Who may create a trigger on one of our tables would otherwise have it run with the rights of the
 * extension's owner, a superuser, by the next call of such a function.  Each of them calls _guard() first.
 * What was found is remembered until something changes; and while it runs, each of its queries is looked
 * at again if something has changed by when it holds its locks, which keep new triggers out.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "pg/backend/backend.h"
#include "pg/shared/inspect.h"

PG_FUNCTION_INFO_V1(ev_guard);
PG_FUNCTION_INFO_V1(ev_revoke_dangerous);

/* Doubts are numbered, so that one that comes up during an inspection is not lost. */
static uint64 doubts = 1;
static uint64 settled = 0;
static bool watching = false;
static Oid owner = InvalidOid;
static EvTables tables = {.n = 0};
static EvFault fault;
static bool faulty = false;
static ExecutorStart_hook_type previous_executor_start = NULL;

static void
note_relation(Datum arg, Oid relation)
{
	if (relation == InvalidOid)
		doubts++;
	for (int i = 0; i < tables.n; i++)
		if (tables.oids[i] == relation)
			doubts++;
}

static void
note_catalogue(Datum arg, int cache, uint32 hash)
{
	doubts++;
}

static void
refuse(void)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
	                errmsg("functions of email_verify refuse to run with their owner's rights"),
	                errdetail_internal("%s", fault.text), errhint("%s", fault.hint)));
}

static void
look(void)
{
	uint64 at = doubts;
	EvExtension extension;

	if (settled == at || !ev_extension_find(&extension))
		return;
	owner = extension.owner;
	faulty = !ev_inspect_hangers(&extension, &tables, &fault);
	settled = at;
}

static bool
touches_ours(const QueryDesc *query)
{
	ListCell *cell;

	foreach (cell, query->plannedstmt->relationOids)
		for (int i = 0; i < tables.n; i++)
			if (tables.oids[i] == lfirst_oid(cell))
				return true;
	return false;
}

/* By now the query holds its locks. */
static void
guard_query(QueryDesc *query, int flags)
{
	if (settled != doubts && GetUserId() == owner && InLocalUserIdChange() && touches_ours(query))
	{
		look();
		if (faulty)
			refuse();
	}
	if (previous_executor_start)
		previous_executor_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

static void
watch(void)
{
	CacheRegisterRelcacheCallback(note_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, note_catalogue, (Datum) 0);
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = guard_query;
	watching = true;
}

/* email_verify._guard(): an error while something hangs on the tables that is not the extension's own. */
Datum
ev_guard(PG_FUNCTION_ARGS)
{
	if (!watching)
		watch();
	look();
	if (faulty)
		refuse();
	PG_RETURN_VOID();
}

/*
 * email_verify._revoke_dangerous(): at CREATE EXTENSION, what default privileges have granted on the tables just
 * made, and would let others hang something on them.
 */
Datum
ev_revoke_dangerous(PG_FUNCTION_ARGS)
{
	char **statements;
	uint64 n;

	SPI_connect();
	(void) SPI_execute("SELECT pg_catalog.format('REVOKE TRIGGER, REFERENCES ON %s FROM %s', "
	                   "c.oid::pg_catalog.regclass, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE "
	                   "a.grantee::pg_catalog.regrole::pg_catalog.text END) "
	                   "FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a "
	                   "WHERE c.relnamespace = 'email_verify'::pg_catalog.regnamespace "
	                   "AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner "
	                   "AND a.privilege_type IN ('TRIGGER', 'REFERENCES')",
	                   true, 0);
	n = SPI_processed;
	statements = palloc0(Max(n, 1) * sizeof(char *));
	for (uint64 i = 0; i < n; i++)
		statements[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
	for (uint64 i = 0; i < n; i++)
		(void) SPI_execute(statements[i], false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}
