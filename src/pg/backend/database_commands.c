/*
 * database_commands.c
 *	  DROP DATABASE, ALTER DATABASE … RENAME and … SET TABLESPACE, CREATE DATABASE … TEMPLATE: our
 *	  worker makes way for them.
 *
 * These fail while anybody else is connected to the database.  Of a command that may succeed the
 * lock is taken that the server itself takes a little later, so that nobody can connect from then
 * on; then the worker is told to leave, and its end is waited for.  The launcher starts no worker
 * there until the transaction ends (the subtransaction, if it is rolled back), however it ends.
 * What the command is refused for is left to the server: it says so, and the worker is not touched.
 *
 * DROP EXTENSION tells those who wait for a verdict that there will be none.
 *
 * Whatever decides whether a database shall have a worker (its name, ALLOW_CONNECTIONS,
 * IS_TEMPLATE) is looked at again after such a command has been committed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_tablespace.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/syscache.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

/*
 * A worker ends within milliseconds.  One that has not by then is left to the server, which waits
 * for some seconds more before it refuses the command.
 */
#define PATIENCE_MS 10000

typedef enum Kind
{
	NOT_OURS,
	DROP,
	RENAME,
	MOVE,
	COPY,
	OPTIONS /* whether one may connect */
} Kind;

typedef struct Command
{
	Kind kind;
	const char *database;
	const char *new_name;   /* RENAME, COPY */
	const char *tablespace; /* MOVE */
} Command;

/* A database that this transaction holds, or that is to be looked at after its commit. */
typedef struct Concern
{
	Oid dboid;
	EvDatabase *held; /* NULL: not held */
	SubTransactionId since;
	bool look;
	struct Concern *next;
} Concern;

static ProcessUtility_hook_type previous_hook = NULL;
static Concern *concerns = NULL;

/* --- until the transaction ends ------------------------------------------------------------------ */

static Concern *
concern_of(Oid dboid)
{
	Concern *concern;

	for (concern = concerns; concern != NULL; concern = concern->next)
		if (concern->dboid == dboid)
			return concern;
	concern = MemoryContextAllocZero(TopMemoryContext, sizeof(Concern));
	concern->dboid = dboid;
	concern->next = concerns;
	concerns = concern;
	return concern;
}

static void
release(Concern *concern)
{
	if (concern->held != NULL)
		ev_database_release(concern->held);
	concern->held = NULL;
}

static void
at_xact_end(XactEvent event, void *arg)
{
	Concern *concern;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	while ((concern = concerns) != NULL)
	{
		concerns = concern->next;
		release(concern);
		if (concern->look && event != XACT_EVENT_ABORT)
			(void) ev_database_look(concern->dboid); /* without a slot it has no worker anyway */
		pfree(concern);
	}
}

static void
at_subxact_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (Concern *concern = concerns; concern != NULL; concern = concern->next)
		if (concern->held != NULL && concern->since == mine)
		{
			if (event == SUBXACT_EVENT_COMMIT_SUB)
				concern->since = parent;
			else
				release(concern);
		}
}

/* Stop its worker and keep it without one. */
static void
hold(Oid dboid)
{
	Concern *concern = concern_of(dboid);

	if (concern->held == NULL)
	{
		concern->since = GetCurrentSubTransactionId();
		concern->held = ev_database_hold(dboid);
	}
	if (concern->held != NULL &&
	    !ev_database_stop_worker(concern->held, (int) ev_in_time(PATIENCE_MS)))
		ereport(WARNING,
		        (errmsg("the email_verify worker of database %u has not ended in time", dboid)));
}

/* --- which command it is ----------------------------------------------------------------------------- */

static const DefElem *
option(const List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return lfirst_node(DefElem, cell);
	return NULL;
}

/* The text of an option that may also be a keyword; NULL when it is not given or DEFAULT. */
static const char *
option_text(const List *options, const char *name)
{
	const DefElem *element = option(options, name);

	return element == NULL || element->arg == NULL ? NULL : defGetString((DefElem *) element);
}

static Command
alter_command(const AlterDatabaseStmt *stmt)
{
	Command command = {NOT_OURS, stmt->dbname, NULL, option_text(stmt->options, "tablespace")};

	if (command.tablespace != NULL)
		command.kind = list_length(stmt->options) == 1 ? MOVE : NOT_OURS;
	else if (option(stmt->options, "allow_connections") != NULL ||
	         option(stmt->options, "is_template") != NULL)
		command.kind = OPTIONS;
	return command;
}

static Command
command_of(Node *stmt, bool top_level)
{
	Command command = {NOT_OURS, NULL, NULL, NULL};

	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			command.kind = DROP;
			command.database = castNode(DropdbStmt, stmt)->dbname;
			break;
		case T_RenameStmt:
			if (castNode(RenameStmt, stmt)->renameType != OBJECT_DATABASE)
				break;
			command.kind = RENAME;
			command.database = castNode(RenameStmt, stmt)->subname;
			command.new_name = castNode(RenameStmt, stmt)->newname;
			break;
		case T_AlterDatabaseStmt: command = alter_command(castNode(AlterDatabaseStmt, stmt)); break;
		case T_CreatedbStmt:
			command.kind = COPY;
			command.database = option_text(castNode(CreatedbStmt, stmt)->options, "template");
			command.new_name = castNode(CreatedbStmt, stmt)->dbname;
			if (command.database == NULL)
				command.database = "template1";
			break;
		default: break;
	}

	/* the other ones are refused in a transaction block or a function */
	if (command.kind != RENAME && command.kind != OPTIONS && IsInTransactionBlock(top_level))
		command.kind = NOT_OURS;
	return command;
}

/* --- whether it may succeed: the server's own conditions, as far as they are those of a person ------------ */

static bool
may_create_databases(void)
{
	HeapTuple tuple;
	bool result = false;

	if (superuser())
		return true;
	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return result;
}

static bool
may_move(const Command *command, const FormData_pg_database *form)
{
	Oid tablespace = get_tablespace_oid(command->tablespace, true);

	return OidIsValid(tablespace) && tablespace != form->dattablespace &&
	       tablespace != GLOBALTABLESPACE_OID &&
	       ev_may_create_in_tablespace(tablespace, GetUserId());
}

static bool
name_is_free(const char *name)
{
	return !OidIsValid(get_database_oid(name, true));
}

static bool
may(const Command *command, Oid dboid)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	FormData_pg_database form;
	bool owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = *(Form_pg_database) GETSTRUCT(tuple);
	ReleaseSysCache(tuple);
	owner = ev_owns_database(dboid, GetUserId());
	switch (command->kind)
	{
		case DROP: return owner && dboid != MyDatabaseId && !form.datistemplate;
		case RENAME:
			return owner && dboid != MyDatabaseId && may_create_databases() &&
			       name_is_free(command->new_name);
		case MOVE: return owner && dboid != MyDatabaseId && may_move(command, &form);
		case COPY:
			return (owner || form.datistemplate) && may_create_databases() &&
			       name_is_free(command->new_name);
		case OPTIONS: return owner;
		case NOT_OURS: break;
	}
	return false;
}

/*
 * The database of a command that may succeed, locked as the server will lock it; else InvalidOid.
 * While the lock is waited for its name or owner may change.
 */
static Oid
lock_database(const Command *command)
{
	LOCKMODE mode = command->kind == COPY ? ShareLock : AccessExclusiveLock;

	for (;;)
	{
		Oid dboid = get_database_oid(command->database, true);

		if (!OidIsValid(dboid) || !may(command, dboid))
			return InvalidOid;
		if (command->kind == OPTIONS)
			return dboid; /* the server locks it not either: whoever is connected may stay */
		LockSharedObject(DatabaseRelationId, dboid, 0, mode);
		if (get_database_oid(command->database, true) == dboid && may(command, dboid))
			return dboid;
		UnlockSharedObject(DatabaseRelationId, dboid, 0, mode);
	}
}

/* --- the hook ------------------------------------------------------------------------------------------------ */

static void
before(const Command *command)
{
	Oid dboid = lock_database(command);

	if (!OidIsValid(dboid))
		return;
	if (command->kind != OPTIONS)
		hold(dboid);
	if (command->kind == RENAME || command->kind == OPTIONS)
		concern_of(dboid)->look = true;
}

/*
 * DROP EXTENSION waits for the locks of whoever has used a table of the extension's, and so for those who wait
 * for a verdict: it comes to its turn when they are told that there will be none.
 */
static void
before_drop(const DropStmt *stmt)
{
	Oid extension = get_extension_oid("email_verify", true);
	ListCell *cell;

	if (ev_shared == NULL || stmt->removeType != OBJECT_EXTENSION || !OidIsValid(extension) ||
	    !ev_owns_extension(extension, GetUserId()))
		return;
	foreach (cell, stmt->objects)
		if (strcmp(strVal(lfirst(cell)), "email_verify") == 0)
			ev_waiters_cancel(MyDatabaseId);
}

/* A copy of a database with a worker has the extension, too. */
static void
after_copy(const Command *command)
{
	Oid source = get_database_oid(command->database, true);
	Oid copy;

	if (!OidIsValid(source) || concern_of(source)->held == NULL)
		return;
	CommandCounterIncrement();
	copy = get_database_oid(command->new_name, true);
	if (OidIsValid(copy))
		concern_of(copy)->look = true;
}

static void
execute(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
        ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest,
        QueryCompletion *completion)
{
	if (previous_hook)
		previous_hook(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment, dest,
		                        completion);
}

/* ALTER TABLE checks rows while nobody else can use the table: see patience.c. */
static void
exclusively(PlannedStmt *pstmt, const char *query, bool read_only_tree,
            ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
            DestReceiver *dest, QueryCompletion *completion)
{
	if (!IsA(pstmt->utilityStmt, AlterTableStmt))
	{
		execute(pstmt, query, read_only_tree, context, params, environment, dest, completion);
		return;
	}
	ev_patience_exclusive(true);
	PG_TRY();
	{
		execute(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	}
	PG_FINALLY();
	{
		ev_patience_exclusive(false);
	}
	PG_END_TRY();
}

static void
utility_hook(PlannedStmt *pstmt, const char *query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
             DestReceiver *dest, QueryCompletion *completion)
{
	Command command = {NOT_OURS, NULL, NULL, NULL};

	/* a standby has no workers, and the others refuse such commands */
	if (!XactReadOnly && !IsInParallelMode())
		command = command_of(pstmt->utilityStmt, context == PROCESS_UTILITY_TOPLEVEL);
	if (command.kind != NOT_OURS)
		before(&command);
	if (!XactReadOnly && IsA(pstmt->utilityStmt, DropStmt))
		before_drop(castNode(DropStmt, pstmt->utilityStmt));
	exclusively(pstmt, query, read_only_tree, context, params, environment, dest, completion);
	if (IsA(pstmt->utilityStmt, TransactionStmt) &&
	    castNode(TransactionStmt, pstmt->utilityStmt)->kind == TRANS_STMT_COMMIT_PREPARED)
		ev_hooks_prepared_committed();
	if (command.kind == COPY)
		after_copy(&command);
}

void
ev_database_commands_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility_hook;
	RegisterXactCallback(at_xact_end, NULL);
	RegisterSubXactCallback(at_subxact_end, NULL);
}
