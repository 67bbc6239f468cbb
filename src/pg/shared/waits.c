/*
 * waits.c
 *	  The names of waits.h.
 */
#include "postgres.h"

#include "pg/shared/compat.h"
#include "pg/shared/waits.h"

uint32
ev_wait(EvWait wait)
{
	static const char *const names[EV_N_WAITS] = {
		[EV_WAIT_LAUNCHER] = "EmailVerifyLauncherMain",
		[EV_WAIT_WORKER] = "EmailVerifyWorkerMain",
		[EV_WAIT_NETWORK] = "EmailVerifyWorkerNetwork",
		[EV_WAIT_STORE_RETRY] = "EmailVerifyStoreRetry",
		[EV_WAIT_VERDICT] = "EmailVerifyVerdict",
		[EV_WAIT_PROGRESS] = "EmailVerifyProgress",
		[EV_WAIT_INBOX] = "EmailVerifyInbox",
		[EV_WAIT_WORKER_END] = "EmailVerifyWorkerEnd",
	};
	static uint32 known[EV_N_WAITS];

	if (known[wait] == 0)
		known[wait] = ev_wait_event(names[wait]);
	return known[wait];
}
