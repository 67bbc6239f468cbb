/*
 * process.c
 *	  What the background processes of this library have in common.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "pg/shared/compat.h"
#include "pg/worker/process.h"

EV_MODULE_MAGIC("email_verify_worker");

void
ev_process_start(void)
{
	EvSettings settings;

	/* no handlers of our own: these set flags that CHECK_FOR_INTERRUPTS and the loop look at */
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	ev_settings_read(&settings);
	ev_shmem_startup(settings.max_databases, settings.inbox_size, settings.max_waiters,
	                 settings.debug_hurry);
	if (ev_shared->layout != EV_SHARED_LAYOUT)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		                errmsg("the libraries of email_verify do not fit each other"),
		                errhint("Restart the server after an upgrade of email_verify.")));
}

/*
 * What a setting of database, role or configuration file could break is set here, with a source that
 * none of these overrides.  Left alone is what the worker never meets (output formats of SQL it does
 * not write, time-outs of client connections), what only an operator decides (logging, costs of I/O),
 * and this extension's own settings.
 *
 * session_preload_libraries and local_preload_libraries are not read by background workers, and login
 * event triggers not run.
 */
static const struct
{
	const char *name;
	const char *value;
} pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},

	/* transactions */
	{"default_transaction_read_only", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_deferrable", "off"},
	{"synchronous_commit", "off"},
	{"statement_timeout", "0"},
	{"lock_timeout", "200ms"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"transaction_timeout", "0"},
	{"exit_on_error", "off"},

	/*
     * a second line behind the inspection of our tables: what does not ask to be run always is not
     * run
     */
	{"session_replication_role", "replica"},
	{"event_triggers", "off"},
	{"row_security", "off"}, /* an error would be better than rows that are hidden */
	{"restrict_nonsystem_relation_kind", ""},

	/* plans: fresh tables have no statistics, and plans are saved; nothing here is worth a helper */
	{"enable_seqscan", "off"},
	{"enable_indexscan", "on"},
	{"enable_indexonlyscan", "on"},
	{"enable_bitmapscan", "on"},
	{"enable_tidscan", "on"},
	{"enable_nestloop", "on"},
	{"enable_hashjoin", "on"},
	{"enable_mergejoin", "on"},
	{"enable_hashagg", "on"},
	{"enable_sort", "on"},
	{"enable_incremental_sort", "on"},
	{"enable_material", "on"},
	{"enable_memoize", "on"},
	{"plan_cache_mode", "auto"},
	{"from_collapse_limit", "8"},
	{"join_collapse_limit", "8"},
	{"geqo", "off"},
	{"jit", "off"},
	{"max_parallel_workers_per_gather", "0"},
	{"force_parallel_mode", "off"},  /* to 15 */
	{"debug_parallel_query", "off"}, /* from 16 on */

	/* room for a batch, whatever little a database has been given */
	{"work_mem", "4MB"},
	{"temp_file_limit", "-1"},
	{"default_tablespace", ""},
	{"temp_tablespaces", ""},

	/* what is written is counted: autovacuum lives by it */
	{"track_counts", "on"},

	/* how values are read and written as text */
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "GMT"},
	{"bytea_output", "hex"},
	{"extra_float_digits", "1"},
	{"array_nulls", "on"},
	{"transform_null_equals", "off"},
	{"standard_conforming_strings", "on"},
	{"check_function_bodies", "off"},
};

/* Whom a setting of database or role has made us. */
static void
become_ourselves(void)
{
	StartTransactionCommand();
	SetConfigOption("session_authorization", GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false),
	                PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("role", "none", PGC_SUSET, PGC_S_OVERRIDE);
	CommitTransactionCommand();
}

void
ev_process_pin_settings(void)
{
	for (size_t i = 0; i < lengthof(pinned); i++)
		if (GetConfigOption(pinned[i].name, true, false) != NULL)
			SetConfigOption(pinned[i].name, pinned[i].value, PGC_SUSET, PGC_S_OVERRIDE);
	if (OidIsValid(MyDatabaseId))
		become_ourselves();
}
