/*
 * init.c
 *	  Entry point of email_verify.so: what every backend loads.
 *
 * Preloaded, it asks for shared memory and registers the launcher, whose code is in the other
 * library. Loaded later, by a first call of one of its functions, it does all that needs neither.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"

#include "pg/backend/backend.h"
#include "pg/shared/library.h"
#include "pg/shared/compat.h"

EV_MODULE_MAGIC("email_verify");

extern PGDLLEXPORT void _PG_init(void);

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_hook(void)
{
	if (previous_request_hook)
		previous_request_hook();
	ev_shmem_request(ev_settings.max_databases, ev_settings.inbox_size, ev_settings.max_waiters);
}

static void
startup_hook(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	ev_shmem_startup(ev_settings.max_databases, ev_settings.inbox_size, ev_settings.max_waiters,
	                 ev_settings.debug_hurry);
}

static void
register_launcher(void)
{
	BackgroundWorker worker = {
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 10,
	};

	strlcpy(worker.bgw_name, "email_verify launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "email_verify launcher", BGW_MAXLEN);
	ev_worker_library(worker.bgw_library_name, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "ev_launcher_main", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

void
_PG_init(void)
{
	ev_settings_define();

	/* pg_upgrade restores into this cluster: no worker of ours may write there, no hook act */
	if (IsBinaryUpgrade)
		return;
	ev_hooks_install();
	if (!process_shared_preload_libraries_in_progress)
		return;
	ev_database_commands_install();

	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_hook;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_hook;
	register_launcher();
}
