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
