/*
 * stat_gates.c
 *	  What holds verification back: see stat_gates.h, and gates.def for the words.
 *
 * What the worker has closed, it says in shared memory (gate_state.h); what the state of worker and
 * server implies, is found here.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"
#include "pg/backend/stat_gates.h"
#include "pg/shared/candidate.h"
#include "pg/shared/gate_state.h"

PG_FUNCTION_INFO_V1(ev_gates);
PG_FUNCTION_INFO_V1(ev_stat_gates);

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

uint32
ev_gates_find(EvDatabase *db)
{
	uint32 gates = gates_of_state(db);
	bool inbox_full;

	if (db == NULL)
		return gates;
	gates |= pg_atomic_read_u32(&db->gates);
	if (pg_atomic_read_u32(&db->paused))
		gates |= EV_GATE_BIT(EV_GATE_PAUSED);
	if (pg_atomic_read_u64(&db->queued) >= (uint64) ev_settings.max_queue)
		gates |= EV_GATE_BIT(EV_GATE_QUEUE_FULL);
	(void) ev_inbox_used(db, &inbox_full);
	if (pg_atomic_read_u32(&ev_shared->waiting) >= (uint32) ev_shared->max_waiters)
		gates |= EV_GATE_BIT(EV_GATE_NO_WAIT_SLOT);
	if (inbox_full)
		gates |= EV_GATE_BIT(EV_GATE_INBOX_FULL);
	return gates;
}

void
ev_put_gates(EvRow *row, uint32 gates)
{
	Datum words[EV_N_GATES];
	int n = 0;

	for (int i = 0; i < EV_N_GATES; i++)
	{
		if (!(gates & EV_GATE_BIT(i)))
			continue;
		if (n == 0)
			ev_put_text(row, "hint", ev_gate_info(i)->advice);
		words[n++] = CStringGetTextDatum(ev_gate_info(i)->word);
	}
	ev_put(row, "gates",
	       PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT)));
}

/* _stat_gates(): (gate, since, evidence, next_trial) of those that hold now */
Datum
ev_stat_gates(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	EvDatabase *db = ev_shared == NULL ? NULL : ev_database_find(MyDatabaseId, false);
	uint32 gates;

	InitMaterializedSRF(fcinfo, 0);
	gates = ev_gates_find(db);
	for (int i = 0; i < EV_N_GATES; i++)
	{
		EvGateState state = {0};
		EvRow row;

		if (!(gates & EV_GATE_BIT(i)))
			continue;
		if (db != NULL && !ev_gate_read(db, i, &state) &&
		    pg_atomic_read_u32(&db->state) != EV_DB_RUNNING)
			state.since = db->state_since;
		ev_begin_row(&row, rsinfo);
		ev_put_text(&row, "gate", ev_gate_info(i)->word);
		ev_put_time(&row, "since", state.since);
		if (state.evidence[0] != '\0')
			ev_put_text(&row, "evidence", state.evidence);
		ev_put_time(&row, "next_trial", state.next_trial);
		ev_end_row(&row, rsinfo);
	}
	return (Datum) 0;
}

/* _gates(): (gate, description, advice) */
Datum
ev_gates(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < EV_N_GATES; i++)
	{
		EvRow row;

		ev_begin_row(&row, rsinfo);
		ev_put_text(&row, "gate", ev_gate_info(i)->word);
		ev_put_text(&row, "description", ev_gate_info(i)->description);
		ev_put_text(&row, "advice", ev_gate_info(i)->advice);
		ev_end_row(&row, rsinfo);
	}
	return (Datum) 0;
}
