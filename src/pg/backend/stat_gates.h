/*
 * stat_gates.h
 *	  What holds verification back in this database, for the views stat, stat_gate and gate.
 */
#ifndef EV_STAT_GATES_H
#define EV_STAT_GATES_H

#include "pg/backend/stat_row.h"

/* A set of EvGate.  db: this database's place, or NULL. */
extern uint32 ev_gates_find(EvDatabase *db);

/* The columns gates (words) and hint (the advice on the first of them). */
extern void ev_put_gates(EvRow *row, uint32 gates);

#endif
