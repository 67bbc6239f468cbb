/*
 * hooks.c
 *	  CREATE EXTENSION starts this database's worker at commit, DROP EXTENSION stops it, rows in the
 *	  queue and changed
 *	  policies wake it.
 *
 * The install script announces itself by calling a function; a drop is seen through the object
 * access hook, which also sees the extension go with a schema or an owner.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "pg/backend/backend.h"

static object_access_hook_type previous_hook = NULL;
static bool created = false;
static bool dropped = false;
static bool poked = false;
static bool changed = false;
static int64 added = 0;
static bool policies_changed = false;
static bool committed = false; /* all that: it is to be told */

/* Asked in the midst of invalidations, so without a lock: a wrong answer costs no more than a look. */
static bool
worker_has_refused(void)
{
	for (int i = 0; ev_shared != NULL && i < ev_shared->max_databases; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];

		if (OidIsValid(MyDatabaseId) && db->dboid == MyDatabaseId)
			return pg_atomic_read_u32(&db->state) == EV_DB_REFUSED;
	}
	return false;
}

/* Not all that mends a reason is seen through the object access hook. */
static void
note_catalogue(Datum arg, int cache, uint32 hash)
{
	if (!changed && worker_has_refused())
		changed = true;
}

static void
note_relation(Datum arg, Oid relation)
{
	note_catalogue(arg, 0, 0);
}

/*
 * May the worker be unfit to work after this, or fit again?  Rare kinds of statements make it look at
 * once; it would see by itself before it works next, but until then questions would be accepted that
 * nobody answers.  A worker that has refused looks after whatever may have mended its reason.
 */
static bool
concerns_worker(ObjectAccessType access, Oid class_id)
{
	if (access != OAT_POST_CREATE && access != OAT_POST_ALTER && access != OAT_DROP)
		return false;
	return class_id == TriggerRelationId || class_id == RewriteRelationId ||
	       class_id == PolicyRelationId || class_id == ExtensionRelationId || worker_has_refused();
}

static void
access_hook(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (previous_hook)
		previous_hook(access, class_id, object_id, sub_id, arg);
	if (concerns_worker(access, class_id))
		changed = true;
	if (access == OAT_DROP && class_id == ExtensionRelationId)
	{
		char *name = get_extension_name(object_id);

		if (name != NULL && strcmp(name, "email_verify") == 0)
			dropped = true;
	}
}

/* Said at the end of the transaction, since CREATE EXTENSION silences what its script says. */
static void
say_what_is_missing(void)
{
	const char *hint;

	if (ev_shared == NULL)
		hint = "Nothing is probed until shared_preload_libraries contains \"email_verify\" and the "
			   "server is restarted.";
	else if (!ev_settings_configured(&ev_settings))
		hint =
			"Mailboxes are not probed until email_verify.helo_name and email_verify.mail_from are "
			"set.";
	else
		return;
	ereport(NOTICE,
	        (errmsg("email_verify is installed; no mailbox is probed yet"), errhint("%s", hint)));
}

static void
forget_all(void)
{
	created = dropped = poked = changed = policies_changed = committed = false;
	added = 0;
}

static void
at_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && created)
		say_what_is_missing();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		ev_statistics_flush();
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		forget_all();
	if (event == XACT_EVENT_COMMIT)
		committed = true;
}

static void
tell_of_extension(void)
{
	EvDatabase *db = ev_database_find(MyDatabaseId, created || poked);

	if (db == NULL)
		return;
	if (poked)
		ev_database_poke(db, GetCurrentTransactionStartTimestamp(), added);
	pg_atomic_write_u32(&db->check, 1);
	if (created || poked)
		ev_database_want(db);
	ev_worker_wake(db);
}

/* Without a worker there is nobody to tell: it reads them when it starts. */
static void
tell_of_policies(void)
{
	EvDatabase *db = ev_database_find(MyDatabaseId, false);

	if (db == NULL)
		return;
	pg_atomic_write_u32(&db->policies, 1);
	ev_worker_wake(db);
}

int64
ev_hooks_added(void)
{
	return added;
}

/* It began some time ago, so the queue is looked through from its start. */
void
ev_hooks_prepared_committed(void)
{
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);

	if (db == NULL)
		return;
	ev_database_poke(db, 1, 0);
	pg_atomic_write_u32(&db->check, 1);
	tell_of_policies();
}

/*
 * The worker is told when invalidations have been sent and locks released, which comes after the
 * transaction's own callbacks: told by those, it might look too early, and not again.
 */
static void
at_release(ResourceReleasePhase phase, bool is_commit, bool is_top, void *arg)
{
	if (!committed || !is_top || phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	if (ev_shared != NULL && (created || dropped || poked || changed))
		tell_of_extension();
	if (ev_shared != NULL && policies_changed)
		tell_of_policies();
	forget_all();
}

void
ev_hooks_install(void)
{
	static const int caches[] = {AUTHOID, NAMESPACEOID, PROCOID, ENUMOID};

	previous_hook = object_access_hook;
	object_access_hook = access_hook;
	RegisterXactCallback(at_xact_end, NULL);
	RegisterResourceReleaseCallback(at_release, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	CacheRegisterRelcacheCallback(note_relation, (Datum) 0);
	for (size_t i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], note_catalogue, (Datum) 0);
}

PG_FUNCTION_INFO_V1(ev_announce);
PG_FUNCTION_INFO_V1(ev_poke);
PG_FUNCTION_INFO_V1(ev_mx_policy_changed);
PG_FUNCTION_INFO_V1(ev_reply_rule_changed);

/* Called by the install script, last. */
Datum
ev_announce(PG_FUNCTION_ARGS)
{
	created = true;
	PG_RETURN_VOID();
}

/* _poke(n): called by functions that write the queue, with the number of rows that are new; returns it */
Datum
ev_poke(PG_FUNCTION_ARGS)
{
	poked = true;
	added += PG_GETARG_INT64(0);
	PG_RETURN_INT64(PG_GETARG_INT64(0));
}

/*
 * AFTER any change of email_verify.mx_policy or reply_rule, FOR EACH STATEMENT.  The invalidation is for
 * what this session does not commit itself: a prepared transaction.
 */
static Datum
site_changed(FunctionCallInfo fcinfo, const char *function)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "email_verify.%s must be called as a trigger", function);
	CacheInvalidateRelcache(data->tg_relation);
	policies_changed = true;
	return PointerGetDatum(NULL);
}

Datum
ev_mx_policy_changed(PG_FUNCTION_ARGS)
{
	return site_changed(fcinfo, "_mx_policy_changed");
}

Datum
ev_reply_rule_changed(PG_FUNCTION_ARGS)
{
	return site_changed(fcinfo, "_reply_rule_changed");
}
