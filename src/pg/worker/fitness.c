/*
 * fitness.c
 *	  Whether the worker may work in its database, and what becomes of it while it may not; see
 *	  fitness.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "pg/worker/activity.h"
#include "pg/worker/fitness.h"

static enum {
	WORKING,
	REFUSED,
	TRYING /* refused, but the last inspection found nothing */
} state = WORKING;

static EvDatabase *database = NULL;
static ExecutorStart_hook_type previous_executor_start = NULL;

/*
 * Doubts are numbered, so that one that comes up during an inspection is not lost.  Settled is what
 * came up before the last one.
 */
static uint64 doubts = 1;
static uint64 settled = 0;
static EvTables tables = {.n = 0};
static char version[EV_VERSION_SIZE] = "";

/* What guard() has met in the cycle under way; "": nothing. */
static EvFault met = {.text = ""};

/* The refusal that was logged last; while it stays the same it is not said again. */
static char said[EV_REFUSAL_SIZE] = "";

void
ev_fitness_doubt(void)
{
	doubts++;
}

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
copy_clipped(char *to, const char *text)
{
	int len = pg_mbcliplen(text, (int) strlen(text), EV_REFUSAL_SIZE - 1);

	memcpy(to, text, (size_t) len);
	to[len] = '\0';
}

static void
refuse(const EvFault *fault)
{
	state = REFUSED;
	LWLockAcquire(database->lock, LW_EXCLUSIVE);
	copy_clipped(database->refusal_text, fault->text);
	copy_clipped(database->refusal_hint, fault->hint);
	LWLockRelease(database->lock);
	pg_atomic_write_u32(&database->refusal, (uint32) fault->detail);
	ev_database_set_state(database, EV_DB_REFUSED);
	ev_waiters_wake(database->dboid);
	if (strcmp(said, fault->text) == 0)
		return;
	strlcpy(said, fault->text, sizeof(said));
	ereport(LOG, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
	              errmsg("email_verify worker for database \"%s\" refuses to work",
	                     ev_activity_database()),
	              errdetail_internal("%s", fault->text), errhint("%s", fault->hint)));
}

bool
ev_fitness_check(const EvExtension *extension)
{
	uint64 at = doubts;
	EvFault fault;

	if (settled == at && strcmp(extension->version, version) == 0)
		return state != REFUSED;
	if (!ev_inspect(extension, &tables, &fault))
		refuse(&fault);
	else if (state == REFUSED)
		state = TRYING;
	strlcpy(version, extension->version, sizeof(version));
	settled = at;
	return state != REFUSED;
}

/*
 * Before each query of ours, by when it holds its locks: what was put on a table between the check and
 * the lock runs no code either.
 */
static void
guard(QueryDesc *query, int flags)
{
	EvExtension extension;

	if (settled != doubts && ev_extension_find(&extension))
	{
		uint64 at = doubts;

		if (!ev_inspect(&extension, &tables, &met))
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			                errmsg_internal("%s", met.text)));
		settled = at;
	}
	if (previous_executor_start)
		previous_executor_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

void
ev_fitness_start(EvDatabase *db)
{
	static const int caches[] = {AUTHOID, NAMESPACEOID, PROCOID, ENUMOID};
	EvExtension extension;

	database = db;
	CacheRegisterRelcacheCallback(note_relation, (Datum) 0);
	for (size_t i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], note_catalogue, (Datum) 0);
	previous_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = guard;

	StartTransactionCommand();
	if (ev_extension_find(&extension))
		(void) ev_fitness_check(&extension);
	CommitTransactionCommand();
	if (state != REFUSED)
		ev_database_set_state(database, EV_DB_RUNNING);
}

void
ev_fitness_gone(void)
{
	state = WORKING;
}

bool
ev_fitness_refused(void)
{
	return state == REFUSED;
}

bool
ev_fitness_wants_cycle(void)
{
	return settled != doubts || state == TRYING;
}

void
ev_fitness_succeeded(void)
{
	if (state == WORKING)
		return;
	state = WORKING;
	said[0] = '\0';
	ev_database_set_state(database, EV_DB_RUNNING);
	ereport(LOG, (errmsg("email_verify worker for database \"%s\" works again",
	                     ev_activity_database())));
}

bool
ev_fitness_failed(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
	EvFault fault = {.detail = EV_DETAIL_WORKER_REFUSED,
	                 .hint = "Put back what is missing, or drop and create the extension."};

	if (met.text[0] != '\0')
	{
		refuse(&met);
		met.text[0] = '\0';
		return true;
	}

	/* something undefined, ambiguous or of another type: that does not change by itself */
	if (category != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
	    category != ERRCODE_INVALID_SCHEMA_NAME)
		return false;
	strlcpy(fault.text, error->message == NULL ? "?" : error->message, sizeof(fault.text));
	refuse(&fault);
	return true;
}
