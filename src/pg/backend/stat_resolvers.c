/*
 * stat_resolvers.c
 *	  The view email_verify.stat_resolver: each name server, how it answers and whether it is believed.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "pg/backend/backend.h"
#include "pg/backend/stat_row.h"

PG_FUNCTION_INFO_V1(ev_stat_resolvers);

/* In the order of net's enum ev_server_trust, which this library does not know. */
static const char *const trusts[] = {"off", "untried", "doubtful", "good", "bad"};

static void
put_total(EvRow *row, const char *column, uint64 value)
{
	ev_put(row, column, Int64GetDatum((int64) value));
}

static void
put_resolver(EvRow *row, const EvResolver *r)
{
	ev_put_text(row, "server", r->address);
	ev_put_text(row, "trust", r->trust < lengthof(trusts) ? trusts[r->trust] : "?");
	ev_put_time(row, "since", r->trust_since);
	if (r->evidence[0] != '\0')
		ev_put_text(row, "evidence", r->evidence);
	ev_put_time(row, "next_trial", r->next_trial);
	put_total(row, "queries", r->queries);
	put_total(row, "answers", r->answers);
	put_total(row, "denials", r->denials);
	put_total(row, "timeouts", r->timeouts);
	put_total(row, "servfails", r->servfails);
	put_total(row, "refusals", r->refusals);
	put_total(row, "faults", r->faults);
	if (r->latency > 0)
		ev_put_rounded(row, "latency_ms", r->latency / 1000.0);
}

/* _stat_resolvers(): the name servers of this database's worker, in the order of the setting */
Datum
ev_stat_resolvers(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	EvResolver resolvers[EV_RESOLVERS_MAX];
	int n = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	LWLockAcquire(db->lock, LW_SHARED);
	n = db->n_resolvers;
	memcpy(resolvers, db->resolvers, sizeof(resolvers));
	LWLockRelease(db->lock);
	for (int i = 0; i < n; i++)
	{
		EvRow row;

		ev_begin_row(&row, rsinfo);
		put_resolver(&row, &resolvers[i]);
		ev_end_row(&row, rsinfo);
	}
	return (Datum) 0;
}
