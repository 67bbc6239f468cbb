/*
 * egress.c
 *	  The gates on the way out; see egress.h.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/shared/gate_state.h"
#include "pg/worker/egress.h"
#include "pg/worker/fitness.h"
#include "pg/worker/upkeep.h"

/* What was stored so long before a gate closed is asked for anew when it opens. */
#define BEFORE_MS (30 * 60 * 1000)

/* After an error. */
#define FAILED_MS 60000

/* What connections that fail make of an address. */
#define REASONS                                                                                    \
	"[\"smtp_connection_failed\", \"smtp_timeout\", \"host_not_found\", "                          \
	"\"internal_verifier_error\"]"

static TimestampTz doubted_since =
	0; /* what was judged since then is to be asked for anew; 0: nothing is */
static bool opened = false;
static TimestampTz not_before = 0;

void
ev_egress_take(EvWorker *worker, const struct ev_egress_news *news)
{
	EvGate gate = news->v6 ? EV_GATE_EGRESS_V6 : EV_GATE_EGRESS_V4;
	char evidence[EV_GATE_EVIDENCE_SIZE];

	opened = !news->closed;
	if (opened)
	{
		ev_gate_open(worker->db, gate);
		return;
	}
	if (doubted_since == 0)
		doubted_since = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -BEFORE_MS);
	snprintf(
		evidence, sizeof(evidence),
		"no connection to port %u of %u groups of mail servers of %u owners within ten minutes",
		news->port, news->groups, news->providers);
	ev_gate_close(worker->db, gate, evidence, 0);
}

void
ev_egress_prober_ended(EvWorker *worker)
{
	ev_gate_open(worker->db, EV_GATE_EGRESS_V4);
	ev_gate_open(worker->db, EV_GATE_EGRESS_V6);
}

TimestampTz
ev_egress_wake(EvWorker *worker)
{
	if (doubted_since == 0 || !opened || pg_atomic_read_u32(&worker->db->paused))
		return 0;
	return Max(not_before, 1);
}

void
ev_egress_run(EvWorker *worker)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz wake = ev_egress_wake(worker);
	static bool said = false;

	if (wake == 0 || GetCurrentTimestamp() < wake || ev_fitness_refused())
		return;
	PG_TRY();
	{
		if (ev_store_begin())
		{
			ev_store_recheck_since(doubted_since, REASONS);
			ev_store_commit(true);
			doubted_since = 0;
			said = false;
			ev_commands_look();
		}
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "have verdicts asked for anew", &said);
		not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILED_MS);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}
