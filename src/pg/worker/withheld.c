/*
 * withheld.c
 *	  Answers for what a gate withholds for too long.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "pg/shared/gate_state.h"
#include "pg/worker/withheld.h"

/* Since when has a gate withheld what is said with this detail?  0: none does. */
static TimestampTz
withheld_since(EvDatabase *db, enum ev_detail detail)
{
	static const struct
	{
		enum ev_detail detail;
		EvGate gate;
	} gates[] = {{EV_DETAIL_DNS_UNTRUSTED, EV_GATE_DNS_UNTRUSTED},
	             {EV_DETAIL_PORT_25_BLOCKED, EV_GATE_EGRESS_V4},
	             {EV_DETAIL_PORT_25_BLOCKED, EV_GATE_EGRESS_V6}};
	TimestampTz since = 0;
	EvGateState state;

	for (size_t i = 0; i < lengthof(gates); i++)
		if (gates[i].detail == detail && ev_gate_read(db, gates[i].gate, &state))
			since =
				Max(since,
			        state.since); /* of both families the one that has not been closed for long */
	return since;
}

void
ev_withheld_answer(EvWorker *worker, EvOutcome *outcome)
{
	TimestampTz since = withheld_since(worker->db, outcome->verdict.detail);
	const struct ev_reason_info *info = ev_reason_info(EV_REASON_INTERNAL_VERIFIER_ERROR);

	if (since == 0 || !TimestampDifferenceExceeds(since, GetCurrentTimestamp(),
	                                              worker->settings.withheld_max_age * 1000))
		return;
	outcome->verdict = ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, outcome->verdict.detail);
	outcome->fresh = info->fresh;
	outcome->expire = info->expire;
}
