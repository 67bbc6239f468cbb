/*
 * aside.h
 *	  Results and questions that cannot be stored just now, since another transaction holds their rows.
 *
 * While others write to a table, or a transaction is watched, a cycle looks who holds what it is going to store (held.h):
 * held questions and results are set aside, together with the transaction that holds them, and the others are stored.
 * Who comes between the look and the storing is run into: such a cycle fails as a whole, after a short time-out, and the
 * next one looks.  What is set aside is not tried again, but comes back when that transaction has ended,
 * however it ended, behind what has come in meanwhile.
 *
 * What fails although nobody holds one of its rows meets a locked table: that kind (facts, results or
 * questions) rests for a while, which doubles, and the others go on.  Facts about domains are dropped
 * in either case, since they are found out again.
 *
 * A batch that fails for what one of its rows says (a value out of range, somebody's constraint) is searched
 * by halves; the row that cannot be stored alone is parked with its fault, or let go if it is a question.
 *
 * Bounded: results by what is under way, questions by EV_ASIDE_QUESTIONS.  One more is let go, and counted as
 * refused: whoever holds that many addresses is about to queue them himself.
 */
#ifndef EV_ASIDE_H
#define EV_ASIDE_H

#include "pg/worker/worker.h"

#define EV_ASIDE_QUESTIONS 100000

/* What a cycle is doing, so that it is known what a lock has stopped. */
typedef enum EvDoing
{
	EV_DOING_OTHER,
	EV_DOING_FACTS,
	EV_DOING_RESULTS,
	EV_DOING_QUESTIONS,
	EV_DOING_KINDS
} EvDoing;

extern void ev_aside_doing(EvDoing what);

/*
 * A cycle met a lock.  EV_LOCK_EXPLAINED: the next one will look who holds what, or knows what to leave
 * alone, and that is at once; EV_LOCK_TABLE: likewise, but one kind rests; EV_LOCK_ALL: nothing can be done, a pause
 * is due.
 */
typedef enum EvLockMet
{
	EV_LOCK_EXPLAINED,
	EV_LOCK_TABLE,
	EV_LOCK_ALL
} EvLockMet;

extern EvLockMet ev_aside_locked(void);

/*
 * A cycle met an error that lies in what it stores.  False: in nothing that it could leave out.  fault: what
 * was said.
 */
extern bool ev_aside_fault(EvWorker *worker, const char *fault);

/* In a cycle's transaction: park the row that was found.  After its commit: it is not under way any more. */
extern void ev_aside_park(void);
extern void ev_aside_parked(EvWorker *worker);

/* In a cycle's transaction, before it stores anything: set aside what is held, as far as there is reason to look. */
extern void ev_aside_look(EvWorker *worker);

/* A cycle was stored. */
extern void ev_aside_stored(void);

/* Look whether transactions that are watched have ended; now: without regard to when that was done last. */
extern void ev_aside_watch(bool now);

/* Is there something that can be stored now? */
extern bool ev_aside_is_due(void);

/* Behind what the worker has to store already, as much as there is room for. */
extern void ev_aside_return(EvWorker *worker);

/* Questions that a cycle leaves for ev_aside_return() of what it could take. */
extern int ev_aside_share(void);

/* Does that kind rest? */
extern bool ev_aside_rests(EvDoing what);

/* At the end of the process: questions go back to the inbox, as far as it has room. */
extern void ev_aside_give_back(EvWorker *worker);

/* When ev_aside_watch() is to be called; 0: never. */
extern TimestampTz ev_aside_wake(void);

/* How many questions are set aside: they are not in the queue yet. */
extern int ev_aside_questions(void);

#endif
