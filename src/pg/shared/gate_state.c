/*
 * gate_state.c
 *	  Since when and why a gate is closed; see gate_state.h.
 */
#include "postgres.h"

#include "pg/shared/shmem.h"

/* Evidence may quote what came from the network. */
static void
set_evidence(char *to, const char *from)
{
	int n = 0;

	for (; *from != '\0' && n < EV_GATE_EVIDENCE_SIZE - 1; from++)
		to[n++] = *from >= ' ' && *from <= '~' ? *from : '?';
	to[n] = '\0';
}

void
ev_gate_close(EvDatabase *db, EvGate gate, const char *evidence, TimestampTz next_trial)
{
	EvGateState *state = &db->gate_states[gate];

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	if (state->since == 0)
		state->since = GetCurrentTimestamp();
	state->next_trial = next_trial;
	set_evidence(state->evidence, evidence);
	LWLockRelease(db->lock);
	pg_atomic_fetch_or_u32(&db->gates_closed, EV_GATE_BIT(gate));
	pg_atomic_fetch_or_u32(&db->gates, EV_GATE_BIT(gate));
}

void
ev_gate_open(EvDatabase *db, EvGate gate)
{
	if (!ev_gate_is_closed(db, gate))
		return;
	pg_atomic_fetch_and_u32(&db->gates_closed, ~EV_GATE_BIT(gate));
	(void) ev_gates_publish(db, pg_atomic_read_u32(&db->gates) & ~EV_GATE_BIT(gate));
}

bool
ev_gate_is_closed(EvDatabase *db, EvGate gate)
{
	return (pg_atomic_read_u32(&db->gates_closed) & EV_GATE_BIT(gate)) != 0;
}

uint32
ev_gates_publish(EvDatabase *db, uint32 gates)
{
	uint32 before = pg_atomic_read_u32(&db->gates);
	TimestampTz now;

	gates |= pg_atomic_read_u32(&db->gates_closed);
	if (gates == before)
		return gates;
	now = GetCurrentTimestamp();
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	for (int i = 0; i < EV_N_GATES; i++)
	{
		EvGateState *state = &db->gate_states[i];

		if (!(gates & EV_GATE_BIT(i)))
			memset(state, 0, sizeof(*state));
		else if (state->since == 0)
			state->since = now;
	}
	LWLockRelease(db->lock);
	pg_atomic_write_u32(&db->gates, gates);
	return gates;
}

void
ev_gates_clear(EvDatabase *db)
{
	pg_atomic_write_u32(&db->gates_closed, 0);
	(void) ev_gates_publish(db, 0);
}

bool
ev_gate_read(EvDatabase *db, EvGate gate, EvGateState *out)
{
	EvGateState state;

	LWLockAcquire(db->lock, LW_SHARED);
	state = db->gate_states[gate];
	LWLockRelease(db->lock);
	if (state.since == 0)
		return false;
	*out = state;
	return true;
}
