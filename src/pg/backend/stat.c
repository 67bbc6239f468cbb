/*
 * stat.c
 *	  What the views email_verify.stat, stat_cluster and gate show; stat_reset().
 *
 * Columns are filled by name, so that their order is the install script's alone.
 */
#include "postgres.h"

#include <math.h>

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "catalog/pg_type.h"

#include "pg/backend/backend.h"
#include "pg/shared/candidate.h"

PG_FUNCTION_INFO_V1(ev_stat);
PG_FUNCTION_INFO_V1(ev_stat_cluster);
PG_FUNCTION_INFO_V1(ev_stat_reset);
PG_FUNCTION_INFO_V1(ev_gates);

#define COLUMNS_MAX 64

/* The inbox is full for an address of the greatest length. */
#define INBOX_ENTRY_MAX (EV_ADDRESS_KEY_SIZE + 24)

typedef struct Row
{
	TupleDesc desc;
	Datum values[COLUMNS_MAX];
	bool nulls[COLUMNS_MAX];
} Row;

static void
begin_row(Row *row, ReturnSetInfo *rsinfo)
{
	row->desc = rsinfo->setDesc;
	if (row->desc->natts > COLUMNS_MAX)
		elog(ERROR, "too many columns");
	memset(row->nulls, true, sizeof(row->nulls));
}

/* A column that the installed SQL does not have is left out: it may be older than this library. */
static void
put(Row *row, const char *column, Datum value)
{
	for (int i = 0; i < row->desc->natts; i++)
		if (namestrcmp(&TupleDescAttr(row->desc, i)->attname, column) == 0)
		{
			row->values[i] = value;
			row->nulls[i] = false;
		}
}

static void
put_text(Row *row, const char *column, const char *text)
{
	put(row, column, CStringGetTextDatum(text));
}

static void
put_time(Row *row, const char *column, TimestampTz at)
{
	if (at != 0)
		put(row, column, TimestampTzGetDatum(at));
}

static void
put_int(Row *row, const char *column, uint32 value)
{
	put(row, column, Int32GetDatum((int32) value));
}

static void
put_counter(Row *row, const char *column, pg_atomic_uint64 *value)
{
	put(row, column, Int64GetDatum((int64) pg_atomic_read_u64(value)));
}

/* With one digit behind the point. */
static void
put_rounded(Row *row, const char *column, double value)
{
	put(row, column, Float8GetDatum(rint(value * 10) / 10));
}

static void
end_row(Row *row, ReturnSetInfo *rsinfo)
{
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
}

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

static bool
database_enabled(void)
{
	char *name = get_database_name(MyDatabaseId);

	return name != NULL && ev_settings_database_enabled(ev_settings.databases, name) &&
	       ev_my_database_connectable();
}

/* What the state of worker and server alone holds back. */
static uint32
gates_of_state(EvDatabase *db)
{
	EvDatabaseState state;

	if (ev_shared == NULL)
		return EV_GATE_BIT(EV_GATE_NOT_PRELOADED);
	if (RecoveryInProgress())
		return EV_GATE_BIT(EV_GATE_STANDBY);
	state = db == NULL ? EV_DB_FREE : pg_atomic_read_u32(&db->state);
	if (state == EV_DB_RUNNING)
		return 0;
	if (state == EV_DB_REFUSED)
		return ev_gate_of_refusal(pg_atomic_read_u32(&db->refusal));
	if (!database_enabled())
		return EV_GATE_BIT(EV_GATE_DATABASE_NOT_ENABLED);
	if (state == EV_DB_NOT_STARTED)
		return EV_GATE_BIT(EV_GATE_WORKER_NOT_STARTED);
	if (state == EV_DB_DOWN || ev_shared->launcher_pid == 0)
		return EV_GATE_BIT(EV_GATE_WORKER_DOWN);
	return 0;
}

static uint32
find_gates(EvDatabase *db, uint32 inbox_used)
{
	uint32 gates = gates_of_state(db);

	if (db == NULL)
		return gates;
	gates |= pg_atomic_read_u32(&db->gates);
	if (pg_atomic_read_u32(&db->paused))
		gates |= EV_GATE_BIT(EV_GATE_PAUSED);
	if (pg_atomic_read_u64(&db->queued) >= (uint64) ev_settings.max_queue)
		gates |= EV_GATE_BIT(EV_GATE_QUEUE_FULL);
	if (inbox_used + INBOX_ENTRY_MAX > ev_shared->inbox_size)
		gates |= EV_GATE_BIT(EV_GATE_INBOX_FULL);
	return gates;
}

/* The words, and the advice on the first of them. */
static void
put_gates(Row *row, uint32 gates)
{
	Datum words[EV_N_GATES];
	int n = 0;

	for (int i = 0; i < EV_N_GATES; i++)
	{
		if (!(gates & EV_GATE_BIT(i)))
			continue;
		if (n == 0)
			put_text(row, "hint", ev_gate_info(i)->advice);
		words[n++] = CStringGetTextDatum(ev_gate_info(i)->word);
	}
	put(row, "gates", PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT)));
}

static void
put_worker(Row *row, EvDatabase *db)
{
	EvDatabaseState state = pg_atomic_read_u32(&db->state);

	put_text(row, "worker", state_label(state));
	put_text(row, "worker_detail", state_detail(db, state));
	put_time(row, "since", db->state_since);
	if (db->worker_pid != 0)
	{
		put_int(row, "worker_pid", db->worker_pid);
		put_time(row, "started_at", db->started_at);
	}
	put(row, "paused", BoolGetDatum(pg_atomic_read_u32(&db->paused) != 0));
	put_int(row, "inflight", pg_atomic_read_u32(&db->inflight));
	put_int(row, "sessions", pg_atomic_read_u32(&db->sessions));
	put_counter(row, "errors_total", &db->counters.errors);
	put_counter(row, "starts_total", &db->counters.starts);
	put_counter(row, "failures_total", &db->counters.failures);
}

static void
put_counters(Row *row, EvCounters *c)
{
	put_counter(row, "drained_total", &c->drained);
	put_counter(row, "leased_total", &c->leased);
	put_counter(row, "completed_total", &c->completed);
	put_counter(row, "put_back_total", &c->put_back);
	put_counter(row, "sessions_total", &c->sessions);
	put_counter(row, "lookups_total", &c->lookups);
	put_counter(row, "rcpts_total", &c->rcpts);
	put_counter(row, "refused_total", &c->refused);
	put_counter(row, "commands_total", &c->commands);
	put_counter(row, "command_failures_total", &c->command_failures);
	put_counter(row, "cache_hits", &c->cache_hits);
	put_counter(row, "cache_misses", &c->cache_misses);
	put_counter(row, "cache_stale", &c->cache_stale);
}

static void
put_rates(Row *row, EvRates *rates)
{
	double per_second[EV_N_RATES];

	ev_rates_read(rates, GetCurrentTimestamp(), per_second);
	put_rounded(row, "completed_rate", per_second[EV_RATE_COMPLETED]);
	put_rounded(row, "rcpts_rate", per_second[EV_RATE_RCPTS]);
	put_rounded(row, "lookups_rate", per_second[EV_RATE_LOOKUPS]);
}

static uint32
inbox_used(EvDatabase *db)
{
	uint32 used;

	LWLockAcquire(db->lock, LW_SHARED);
	used = db->inbox_used;
	LWLockRelease(db->lock);
	return used;
}

/* The process that talks to the network, if there is one. */
static void
put_prober(Row *row, EvDatabase *db)
{
	char confined[EV_PROBER_CONFINED_SIZE];
	int32 pid;

	LWLockAcquire(db->lock, LW_SHARED);
	pid = db->prober_pid;
	strlcpy(confined, db->prober_confined, sizeof(confined));
	LWLockRelease(db->lock);
	put_counter(row, "prober_crashes_total", &db->counters.prober_crashes);
	if (pid == 0)
		return;
	put(row, "prober_pid", Int32GetDatum(pid));
	put_text(row, "prober_confined", confined);
}

/* _stat(): what shared memory knows of this database's worker */
Datum
ev_stat(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db;
	uint32 used = 0;
	Row row;

	InitMaterializedSRF(fcinfo, 0);
	begin_row(&row, rsinfo);
	ev_statistics_flush();
	db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	put_text(&row, "database", get_database_name(MyDatabaseId));
	put_text(&row, "worker", ev_shared == NULL ? "not_preloaded" : "none");
	if (db != NULL)
	{
		char error[EV_TROUBLE_SIZE];
		TimestampTz error_at = ev_trouble_get(&db->trouble, error);

		used = inbox_used(db);
		put_worker(&row, db);
		put_prober(&row, db);
		put_counters(&row, &db->counters);
		put_rates(&row, &db->rates);
		put_int(&row, "inbox_bytes", used);
		put_rounded(&row, "inbox_pct", 100.0 * used / ev_shared->inbox_size);
		put_time(&row, "stats_reset", db->counted_since);
		put_time(&row, "last_error_at", error_at);
		if (error_at != 0)
			put_text(&row, "last_error", error);
	}
	if (ev_shared != NULL)
	{
		put_int(&row, "waiters", pg_atomic_read_u32(&ev_shared->waiting));
		put_int(&row, "max_waiters", (uint32) ev_shared->max_waiters);
		put_int(&row, "server_crashes", ev_shared->crashes);
	}
	put_gates(&row, find_gates(db, used));
	if (db != NULL && pg_atomic_read_u32(&db->state) == EV_DB_REFUSED)
		put_text(&row, "hint", refusal(db, db->refusal_hint));
	end_row(&row, rsinfo);
	return (Datum) 0;
}

static void
put_launcher(Row *row, int in_use)
{
	bool there = ev_shared->launcher_pid != 0;

	put_text(row, "process", "launcher");
	put_text(row, "state", there ? "running" : RecoveryInProgress() ? "none" : "down");
	put_text(row, "detail",
	         psprintf("%d of %d places are in use", in_use, ev_shared->max_databases));
	if (there)
	{
		put_time(row, "since", ev_shared->launcher_since);
		put_int(row, "pid", ev_shared->launcher_pid);
	}
}

/* _stat_cluster(): the launcher, and each place in the directory that is taken */
Datum
ev_stat_cluster(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int in_use = 0;
	Row row;

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
		begin_row(&row, rsinfo);
		put_worker(&row, db);
		put_text(&row, "process", "worker");
		put(&row, "dboid", ObjectIdGetDatum(db->dboid));
		put_text(&row, "state", state_label(state));
		put_text(&row, "detail", state_detail(db, state));
		if (db->worker_pid != 0)
			put_int(&row, "pid", db->worker_pid);
		put_counter(&row, "queued", &db->queued);
		end_row(&row, rsinfo);
	}
	begin_row(&row, rsinfo);
	put_launcher(&row, in_use);
	LWLockRelease(ev_shared->directory);
	end_row(&row, rsinfo);
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

/* _gates(): (gate, description, advice) */
Datum
ev_gates(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < EV_N_GATES; i++)
	{
		Row row;

		begin_row(&row, rsinfo);
		put_text(&row, "gate", ev_gate_info(i)->word);
		put_text(&row, "description", ev_gate_info(i)->description);
		put_text(&row, "advice", ev_gate_info(i)->advice);
		end_row(&row, rsinfo);
	}
	return (Datum) 0;
}
