/*
 * gates.c
 *	  The words of gates.def.
 */
#include "postgres.h"

#include "pg/shared/gates.h"

static const EvGateInfo gates[EV_N_GATES] = {
#define EV_GATE(id, word, description, advice) {word, description, advice},
#include "pg/shared/gates.def"
};

StaticAssertDecl(EV_N_GATES <= 32, "a set of gates is a uint32");

const EvGateInfo *
ev_gate_info(EvGate gate)
{
	return &gates[gate];
}

uint32
ev_gate_of_refusal(enum ev_detail refusal)
{
	switch (refusal)
	{
		case EV_DETAIL_SQL_TOO_OLD: return EV_GATE_BIT(EV_GATE_SQL_TOO_OLD);
		case EV_DETAIL_LIBRARY_TOO_OLD: return EV_GATE_BIT(EV_GATE_LIBRARY_TOO_OLD);
		default: return EV_GATE_BIT(EV_GATE_WORKER_REFUSED);
	}
}
