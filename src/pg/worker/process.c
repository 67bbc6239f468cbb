/*
 * process.c
 *	  What the background processes of this library have in common.
 */
#include "postgres.h"

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
	ev_shmem_startup(settings.max_databases, settings.inbox_size, settings.max_waiters);
	if (ev_shared->layout != EV_SHARED_LAYOUT)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		                errmsg("the libraries of email_verify do not fit each other"),
		                errhint("Restart the server after an upgrade of email_verify.")));
}

void
ev_process_pin_settings(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	} pinned[] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		/* a trigger or rule that somebody has put on our tables is not run with our rights */
		{"session_replication_role", "replica"},
		{"row_security", "off"},
		{"synchronous_commit", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "200ms"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"}, /* from 17 on */
		{"jit", "off"},
		{"enable_seqscan", "off"}, /* fresh tables have no statistics, and plans are saved */
		{"default_tablespace", ""},
		{"check_function_bodies", "off"},
	};

	for (size_t i = 0; i < lengthof(pinned); i++)
		if (GetConfigOption(pinned[i].name, true, false) != NULL)
			SetConfigOption(pinned[i].name, pinned[i].value, PGC_SUSET, PGC_S_OVERRIDE);
}
