/*
 * stat.c
 *	  What the views email_verify.stat and stat_cluster show; stat_reset().
 *
 * Columns are filled by name, so that their order is the install script's alone.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"
#include "pg/backend/stat_gates.h"
#include "pg/backend/stat_row.h"

PG_FUNCTION_INFO_V1(ev_stat);
PG_FUNCTION_INFO_V1(ev_stat_cluster);
PG_FUNCTION_INFO_V1(ev_stat_reset);

static const char *
state_label(EvDatabaseState state)
{
	switch (state)
	{
		case EV_DB_WANTED:
		case EV_DB_STARTING: return "starting";
		case EV_DB_RUNNING: return "running";
		case EV_DB_REFUSED: return "refused";
		case EV_DB_DOWN: return "down";
		case EV_DB_NOT_STARTED: return "not_started";
		case EV_DB_FREE:
		case EV_DB_ABSENT: break;
	}
	return "none";
}

/* Why the worker refuses to work, or what to do about it, as far as it can be said in this database's encoding. */
static const char *
refusal(EvDatabase *db, const char *field)
{
	char text[EV_REFUSAL_SIZE];

	if (db->dboid != MyDatabaseId)
		return "refuses to work; email_verify.stat there says why";
	LWLockAcquire(db->lock, LW_SHARED);
	strlcpy(text, field, sizeof(text));
	LWLockRelease(db->lock);
	return pstrdup(text);
}

/* The state in a sentence. */
static const char *
state_detail(EvDatabase *db, EvDatabaseState state)
{
	switch (state)
	{
		case EV_DB_WANTED:
			return ev_database_is_held(db) ? "makes way for a command that needs the database"
			                               : "waits for the launcher";
		case EV_DB_STARTING: return "is being started";
		case EV_DB_RUNNING:
			if (pg_atomic_read_u32(&db->inflight) == 0)
				return "waits for something to do";
			return psprintf("probes %u addresses in %u sessions", pg_atomic_read_u32(&db->inflight),
			                pg_atomic_read_u32(&db->sessions));
		case EV_DB_REFUSED: return refusal(db, db->refusal_text);
		case EV_DB_DOWN: return "ended by an error; is started again within 10 seconds";
		case EV_DB_NOT_STARTED: return "no worker process was free; is tried again within a minute";
		case EV_DB_FREE:
		case EV_DB_ABSENT: break;
	}
	return "found no extension to work for";
}

static void
put_worker(EvRow *row, EvDatabase *db)
{
	EvDatabaseState state = pg_atomic_read_u32(&db->state);

	ev_put_text(row, "worker", state_label(state));
	ev_put_text(row, "worker_detail", state_detail(db, state));
	ev_put_time(row, "since", db->state_since);
	if (db->worker_pid != 0)
	{
		ev_put_int(row, "worker_pid", db->worker_pid);
		ev_put_time(row, "started_at", db->started_at);
	}
	ev_put(row, "paused", BoolGetDatum(pg_atomic_read_u32(&db->paused) != 0));
	ev_put_int(row, "inflight", pg_atomic_read_u32(&db->inflight));
	ev_put_int(row, "sessions", pg_atomic_read_u32(&db->sessions));
	ev_put_counter(row, "errors_total", &db->counters.errors);
	ev_put_counter(row, "starts_total", &db->counters.starts);
	ev_put_counter(row, "failures_total", &db->counters.failures);
}

static void
put_counters(EvRow *row, EvCounters *c)
{
	ev_put_counter(row, "drained_total", &c->drained);
	ev_put_counter(row, "leased_total", &c->leased);
	ev_put_counter(row, "completed_total", &c->completed);
	ev_put_counter(row, "put_back_total", &c->put_back);
	ev_put_counter(row, "sessions_total", &c->sessions);
	ev_put_counter(row, "lookups_total", &c->lookups);
	ev_put_counter(row, "rcpts_total", &c->rcpts);
	ev_put_counter(row, "refused_total", &c->refused);
	ev_put_counter(row, "commands_total", &c->commands);
	ev_put_counter(row, "command_failures_total", &c->command_failures);
	ev_put_counter(row, "cache_hits", &c->cache_hits);
	ev_put_counter(row, "cache_misses", &c->cache_misses);
	ev_put_counter(row, "cache_stale", &c->cache_stale);
}

static void
put_rates(EvRow *row, EvRates *rates)
{
	double per_second[EV_N_RATES];

	ev_rates_read(rates, GetCurrentTimestamp(), per_second);
	ev_put_rounded(row, "completed_rate", per_second[EV_RATE_COMPLETED]);
	ev_put_rounded(row, "rcpts_rate", per_second[EV_RATE_RCPTS]);
	ev_put_rounded(row, "lookups_rate", per_second[EV_RATE_LOOKUPS]);
}

/* The process that talks to the network, if there is one. */
static void
put_prober(EvRow *row, EvDatabase *db)
{
	char confined[EV_PROBER_CONFINED_SIZE];
	int32 pid;

	LWLockAcquire(db->lock, LW_SHARED);
	pid = db->prober_pid;
	strlcpy(confined, db->prober_confined, sizeof(confined));
	LWLockRelease(db->lock);
	ev_put_counter(row, "prober_crashes_total", &db->counters.prober_crashes);
	if (pid == 0)
		return;
	ev_put(row, "prober_pid", Int32GetDatum(pid));
	ev_put_text(row, "prober_confined", confined);
}

/* _stat(): what shared memory knows of this database's worker */
Datum
ev_stat(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db;
	EvRow row;

	InitMaterializedSRF(fcinfo, 0);
	ev_begin_row(&row, rsinfo);
	ev_statistics_flush();
	db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	ev_put_text(&row, "database", get_database_name(MyDatabaseId));
	ev_put_text(&row, "worker", ev_shared == NULL ? "not_preloaded" : "none");
	if (db != NULL)
	{
		char error[EV_TROUBLE_SIZE];
		TimestampTz error_at = ev_trouble_get(&db->trouble, error);
		bool full;
		uint32 used = ev_inbox_used(db, &full);

		put_worker(&row, db);
		put_prober(&row, db);
		put_counters(&row, &db->counters);
		put_rates(&row, &db->rates);
		ev_put_int(&row, "inbox_bytes", used);
		ev_put_rounded(&row, "inbox_pct", 100.0 * used / ev_shared->inbox_size);
		ev_put_time(&row, "stats_reset", db->counted_since);
		ev_put_time(&row, "last_error_at", error_at);
		if (error_at != 0)
			ev_put_text(&row, "last_error", error);
	}
	if (ev_shared != NULL)
	{
		ev_put_int(&row, "waiters", pg_atomic_read_u32(&ev_shared->waiting));
		ev_put_int(&row, "max_waiters", (uint32) ev_shared->max_waiters);
		ev_put_int(&row, "server_crashes", ev_shared->crashes);
	}
	ev_put_gates(&row, ev_gates_find(db));
	if (db != NULL && pg_atomic_read_u32(&db->state) == EV_DB_REFUSED)
		ev_put_text(&row, "hint", refusal(db, db->refusal_hint));
	ev_end_row(&row, rsinfo);
	return (Datum) 0;
}

static void
put_launcher(EvRow *row, int in_use)
{
	bool there = ev_shared->launcher_pid != 0;

	ev_put_text(row, "process", "launcher");
	ev_put_text(row, "state", there ? "running" : RecoveryInProgress() ? "none" : "down");
	ev_put_text(row, "detail",
	            psprintf("%d of %d places are in use", in_use, ev_shared->max_databases));
	if (there)
	{
		ev_put_time(row, "since", ev_shared->launcher_since);
		ev_put_int(row, "pid", ev_shared->launcher_pid);
	}
}

/* _stat_cluster(): the launcher, and each place in the directory that is taken */
Datum
ev_stat_cluster(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int in_use = 0;
	EvRow row;

	InitMaterializedSRF(fcinfo, 0);
	if (ev_shared == NULL)
		return (Datum) 0;
	LWLockAcquire(ev_shared->directory, LW_SHARED);
	for (int i = 0; i < ev_shared->max_databases; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];
		EvDatabaseState state = pg_atomic_read_u32(&db->state);

		if (db->dboid == InvalidOid)
			continue;
		in_use++;
		ev_begin_row(&row, rsinfo);
		put_worker(&row, db);
		ev_put_text(&row, "process", "worker");
		ev_put(&row, "dboid", ObjectIdGetDatum(db->dboid));
		ev_put_text(&row, "state", state_label(state));
		ev_put_text(&row, "detail", state_detail(db, state));
		if (db->worker_pid != 0)
			ev_put_int(&row, "pid", db->worker_pid);
		ev_put_counter(&row, "queued", &db->queued);
		ev_end_row(&row, rsinfo);
	}
	ev_begin_row(&row, rsinfo);
	put_launcher(&row, in_use);
	LWLockRelease(ev_shared->directory);
	ev_end_row(&row, rsinfo);
	return (Datum) 0;
}

/* email_verify.stat_reset(): the counters of this database to zero */
Datum
ev_stat_reset(PG_FUNCTION_ARGS)
{
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);

	/* what this session has counted so far is of before, too */
	ev_statistics_flush();
	if (db != NULL)
		ev_counters_reset(db);
	PG_RETURN_VOID();
}
