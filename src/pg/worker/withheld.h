/*
 * withheld.h
 *	  Answers for what a gate withholds for too long.
 */
#ifndef EV_WITHHELD_H
#define EV_WITHHELD_H

#include "pg/worker/worker.h"

/*
 * What a closed gate has withheld for longer than email_verify.withheld_max_age is answered
 * internal_verifier_error, with the gate's detail, so that a list comes to its end; it is asked for again all
 * the same.  Changes the outcome's verdict, or leaves it.
 */
extern void ev_withheld_answer(EvWorker *worker, EvOutcome *outcome);

#endif
