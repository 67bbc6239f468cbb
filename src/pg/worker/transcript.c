/*
 * transcript.c
 *	  Dialogues with mail servers in the server log; see transcript.h.
 *
 * The prober has cut local parts short, escaped what is not printable and bounded the number of
 * lines; here it is about the log as a whole.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/activity.h"
#include "pg/worker/transcript.h"

/* So many may be logged at once, and so many a second in the long run. */
#define BURST      50
#define PER_SECOND 10

/* A prober that does not keep its bounds does not fill our memory. */
#define TEXT_MAX (256 * 1024)

static StringInfoData lines = {0};
static uint64 of_session = 0;

static double budget = BURST;
static TimestampTz counted_at = 0;
static uint64 left_out = 0;

static bool
may_log(TimestampTz now)
{
	if (counted_at != 0 && now > counted_at)
		budget = Min(budget + (double) (now - counted_at) / USECS_PER_SEC * PER_SECOND, BURST);
	counted_at = now;
	if (budget < 1)
		return false;
	budget -= 1;
	return true;
}

static void
log_transcript(const char *whom)
{
	if (!may_log(GetCurrentTimestamp()))
	{
		left_out++;
		return;
	}
	if (left_out > 0)
		ereport(LOG,
		        (errmsg("email_verify: " UINT64_FORMAT " SMTP dialogues were not logged, since "
		                "at most %d a second are",
		                left_out, PER_SECOND)));
	left_out = 0;
	ereport(LOG, (errmsg("email_verify: SMTP dialogue with %s for database \"%s\"", whom,
	                     ev_activity_database()),
	              errdetail_internal("%s", lines.data), errhidestmt(true), errhidecontext(true)));
}

void
ev_transcript_line(const struct ev_trace *trace)
{
	if (lines.data == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&lines);
		MemoryContextSwitchTo(old);
	}
	/* without memory the prober leaves lines out, maybe the last one */
	if (trace->id != of_session)
		resetStringInfo(&lines);
	of_session = trace->id;
	if (trace->direction != '.')
	{
		if (lines.len < TEXT_MAX)
			appendStringInfo(&lines, "%s%c %s", lines.len > 0 ? "\n" : "", trace->direction,
			                 trace->text);
		return;
	}
	log_transcript(trace->text);
	resetStringInfo(&lines);
}
