/*
 * upkeep.c
 *	  What the worker does beside its cycles; see upkeep.h.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/egress.h"
#include "pg/worker/health.h"
#include "pg/worker/resolver.h"
#include "pg/worker/upkeep.h"

void
ev_upkeep_failed(MemoryContext context, const char *what, bool *said)
{
	ErrorData *error = ev_store_caught(context);

	if (!*said)
		ereport(LOG, (errcode(error->sqlerrcode),
		              errmsg("email_verify could not %s: %s", what, error->message),
		              errdetail("It is tried again, and not said again before it has worked.")));
	*said = true;
	FreeErrorData(error);
}

void
ev_upkeep_run(EvWorker *worker)
{
	ev_resolver_run(worker);
	ev_commands_run(worker);
	ev_retention_run(worker);
	ev_notify_run(worker);
	ev_health_run(worker);
	ev_egress_run(worker);
	ev_store_report();
}

static TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	return a == 0 ? b : b == 0 ? a : Min(a, b);
}

TimestampTz
ev_upkeep_wake(EvWorker *worker)
{
	TimestampTz wake = earlier(ev_retention_wake(worker), ev_notify_wake(worker));

	wake = earlier(wake, ev_health_wake(worker));
	wake = earlier(wake, ev_egress_wake(worker));
	wake = earlier(wake, ev_resolver_wake(worker));
	return earlier(earlier(wake, ev_commands_wake(worker)), ev_store_report_wake());
}
