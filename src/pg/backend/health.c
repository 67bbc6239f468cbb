/*
 * health.c
 *	  What email_verify.doctor() needs of the worker: an examination on request, and what mail servers say of us.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "pg/backend/backend.h"
#include "pg/backend/stat_row.h"
#include "pg/shared/waits.h"

PG_FUNCTION_INFO_V1(ev_examine);
PG_FUNCTION_INFO_V1(ev_standing);

/* Most time that a session waits for an examination: of DNS alone, and with connections to port 25. */
#define PATIENCE_MS       10000
#define TRIAL_PATIENCE_MS 120000

/* Wait until the question is answered, the worker is gone or patience has ended. */
static bool
wait_for_answer(EvDatabase *db, uint64 asked, int patience_ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), patience_ms);
	bool answered = false;

	ConditionVariablePrepareToSleep(&db->progress);
	for (;;)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		answered = pg_atomic_read_u64(&db->health_answered) >= asked;
		if (answered || left <= 0 || pg_atomic_read_u32(&db->state) != EV_DB_RUNNING)
			break;
		ConditionVariableTimedSleep(&db->progress, Min(left, 1000), ev_wait(EV_WAIT_PROGRESS));
	}
	ConditionVariableCancelSleep();
	return answered;
}

/*
 * email_verify._examine(trial): have the worker examine this host's identity, and wait for it.  True when the
 * results are in table health; false when there is no worker to do it, or not in time.
 */
Datum
ev_examine(PG_FUNCTION_ARGS)
{
	bool trial = PG_GETARG_BOOL(0);
	EvDatabase *db;

	if (ev_shared == NULL || RecoveryInProgress())
		PG_RETURN_BOOL(false);
	db = ev_database_find(MyDatabaseId, false);
	if (db == NULL || pg_atomic_read_u32(&db->state) != EV_DB_RUNNING)
		PG_RETURN_BOOL(false);
	if (trial)
		pg_atomic_write_u32(&db->health_trial, 1);
	{
		uint64 asked = pg_atomic_add_fetch_u64(&db->health_asked, 1);

		ev_worker_wake(db);
		PG_RETURN_BOOL(wait_for_answer(db, asked, trial ? TRIAL_PATIENCE_MS : PATIENCE_MS));
	}
}

/* email_verify._standing(): a row for each group of mail servers that was heard of lately. */
Datum
ev_standing(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	EvStanding standing;

	InitMaterializedSRF(fcinfo, 0);
	if (db == NULL)
		return (Datum) 0;
	LWLockAcquire(db->lock, LW_SHARED);
	standing = db->standing;
	LWLockRelease(db->lock);
	for (int i = 0; i < EV_STANDING_GROUPS; i++)
	{
		const EvStandingGroup *group = &standing.groups[i];
		EvRow row;

		if (group->name[0] == '\0')
			continue;
		ev_begin_row(&row, rsinfo);
		ev_put_text(&row, "mx_group", group->name);
		ev_put_int(&row, "heard", group->heard);
		ev_put_int(&row, "refused", group->refused);
		ev_put_time(&row, "heard_at", group->heard_at);
		ev_put_time(&row, "refused_at", group->refused_at);
		if (group->refused > 0)
			ev_put_text(&row, "reply", group->text);
		ev_end_row(&row, rsinfo);
	}
	return (Datum) 0;
}
