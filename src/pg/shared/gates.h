/*
 * gates.h
 *	  What can hold back the verification of addresses; the list itself is gates.def.
 */
#ifndef EV_GATES_H
#define EV_GATES_H

#include "engine/verdict.h"

typedef enum EvGate
{
#define EV_GATE(id, word, description, advice) EV_GATE_##id,
#include "pg/shared/gates.def"
	EV_N_GATES
} EvGate;

/* A set of them. */
#define EV_GATE_BIT(gate) (UINT32_C(1) << (gate))

typedef struct EvGateInfo
{
	const char *word;
	const char *description;
	const char *advice;
} EvGateInfo;

extern const EvGateInfo *ev_gate_info(EvGate gate);

/* As a set: why a worker refuses to work, by what sessions are told. */
extern uint32 ev_gate_of_refusal(enum ev_detail refusal);

#endif
