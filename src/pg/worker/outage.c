/*
 * outage.c
 *	  Errors of the store in the server log; see outage.h.
 */
#include "postgres.h"

#include "utils/elog.h"
#include "utils/timestamp.h"

#include "pg/worker/activity.h"
#include "pg/worker/outage.h"

/* The same error is reported again after so long. */
#define REPEAT_MS 60000

static TimestampTz began_at = 0; /* 0: there is no outage */
static int failures = 0;
static TimestampTz reported_at = 0;
static char reported[256] = "";

void
ev_outage_report(bool locked)
{
	ErrorData *edata = CopyErrorData();
	TimestampTz now = GetCurrentTimestamp();
	const char *message = edata->message == NULL ? "" : edata->message;

	if (!locked)
	{
		if (began_at == 0)
			began_at = now;
		failures++;
	}
	if (strncmp(message, reported, sizeof(reported) - 1) != 0 ||
	    TimestampDifferenceExceeds(reported_at, now, REPEAT_MS))
	{
		EmitErrorReport();
		strlcpy(reported, message, sizeof(reported));
		reported_at = now;
	}
	else
		ev_activity_error(message);
	FreeErrorData(edata);
}

void
ev_outage_over(void)
{
	if (began_at == 0)
		return;
	ereport(LOG, (errmsg("email_verify worker for database \"%s\" stores verdicts again, after %d "
	                     "failures in %ld s",
	                     ev_activity_database(), failures,
	                     TimestampDifferenceMilliseconds(began_at, GetCurrentTimestamp()) / 1000)));
	began_at = 0;
	failures = 0;
}
