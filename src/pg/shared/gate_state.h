/*
 * gate_state.h
 *	  Since when, by what evidence and until which trial a gate of gates.def is closed, in shared
 *	  memory: the view email_verify.stat_gate.
 *
 * The worker is the only writer.  A gate is closed in one of two ways:
 *
 * - It follows from the worker's state, and is found anew in each turn: activity.c says which hold, and
 *   ev_gates_publish() keeps since when.
 * - Somebody has evidence: he calls ev_gate_close(), and again whenever evidence or next trial have
 *   changed, and ev_gate_open() when he has seen that it is over.  It stays closed in between, whatever
 *   the turns say.  What a closed gate withholds is his to decide; the words are only for people.
 *   A worker that starts has all gates open, so whoever closes one gathers his evidence anew.
 *
 * To add one: a line in gates.def (its place among the others is its weight), one in doc/operation.md
 * and the calls; view, hint, log and the array email_verify.stat.gates follow from that.
 */
#ifndef EV_GATE_STATE_H
#define EV_GATE_STATE_H

#include "utils/timestamp.h"

#include "pg/shared/gates.h"

#define EV_GATE_EVIDENCE_SIZE 200

typedef struct EvGateState
{
	TimestampTz since;      /* 0: open */
	TimestampTz next_trial; /* when it is tried whether that is over; 0: there is no such time */
	char evidence[EV_GATE_EVIDENCE_SIZE]; /* ASCII; "": the word says it all */
} EvGateState;

struct EvDatabase;

/* The worker: close a gate, or say more of a closed one.  evidence: a clause, cut to fit, made ASCII. */
extern void ev_gate_close(struct EvDatabase *db, EvGate gate, const char *evidence,
                          TimestampTz next_trial);
extern void ev_gate_open(struct EvDatabase *db, EvGate gate);

/* Has ev_gate_close() closed it? */
extern bool ev_gate_is_closed(struct EvDatabase *db, EvGate gate);

/* The worker, once a turn: these follow from its state; returns them and what has been closed. */
extern uint32 ev_gates_publish(struct EvDatabase *db, uint32 gates);

/* All open: there is no worker, or one that has just started. */
extern void ev_gates_clear(struct EvDatabase *db);

/* Anybody: false, and *out as it was, when the worker does not say that it is closed. */
extern bool ev_gate_read(struct EvDatabase *db, EvGate gate, EvGateState *out);

#endif
