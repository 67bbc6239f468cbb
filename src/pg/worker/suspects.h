/*
 * suspects.h
 *	  Addresses that a crash has found under way: when they are probed again, and with whom.
 *
 * A crash of the prober ends in the worker's start with rows of table inflight left over, or (a
 * prober in a process of its own) in a call of ev_store_suspect().  Nobody knows which of these
 * addresses it was, if it was any, so they are told apart by trying again:
 *
 *	after one crash		at most EV_SUSPECTS_MAX of them at a time, beside everything else
 *	after two			alone: no other address is under way, no session open
 *	after three			not at all, see ev_store_suspect()
 *
 * So an address that crashes the prober does that three times, and nobody else is ever suspected
 * that often on its account: whoever is under way beside it has one crash before and two after.
 *
 * What is leased waits while one is probed alone.  Such a spell lasts until the probe is over, by the
 * time limits of a probe; others follow in the same spell for a minute, then ordinary work has its turn for
 * as long as the spell took.
 */
#ifndef EV_SUSPECTS_H
#define EV_SUSPECTS_H

#include "pg/worker/worker.h"

/*
 * The crash with which a row is parked.  An end of the whole server may have had any reason (a kill by
 * hand, the kernel that is out of memory, another process): there it takes one more, so that the row was alone
 * in two of them.
 */
#define EV_SUSPECTS_TOO_OFTEN        3
#define EV_SUSPECTS_TOO_OFTEN_SERVER 4

/* Of those with one crash: how many may be under way at a time. */
#define EV_SUSPECTS_MAX 16

typedef enum EvTurn
{
	EV_TURN_ALL,   /* lease what is due */
	EV_TURN_ALONE, /* lease one suspect that is to be alone, and nothing else */
	EV_TURN_NONE   /* wait: one is under way alone, or is to be as soon as all else has ended */
} EvTurn;

/* Is it to be looked up whether a row is to be alone?  That comes before the next question. */
extern bool ev_suspects_may_be_alone(EvWorker *worker);

/* What may be leased now. */
extern EvTurn ev_suspects_turn(EvWorker *worker);

/* Is ordinary work held up by one that is alone, or is to be? */
extern bool ev_suspects_hold(const EvWorker *worker);

/* Are rows to be looked for that may be probed a few at a time? */
extern bool ev_suspects_few_are_due(const EvWorker *worker);

/*
 * They were: `more` may be there that could be leased at once, or at least there are `any`.  As long as
 * there are, they are looked for whenever one of them has ended, and from time to time: what nobody
 * has told of is found all the same.
 */
extern void ev_suspects_few_seen(EvWorker *worker, bool more, bool any);

/* One of them is no longer under way. */
extern void ev_suspects_few_ended(EvWorker *worker);

/* When any of that changes without another event; 0: it does not. */
extern TimestampTz ev_suspects_wake(EvWorker *worker);

/*
 * Is the probe of one that is alone over, while its row of table inflight is still there?  That is
 * to be deleted durably before anything else is leased, or a later crash would be its third.
 */
extern bool ev_suspects_alone_is_over(EvWorker *worker);

/* The commit of that, or of its lease. */
extern void ev_suspects_alone_ended(EvWorker *worker);
extern void ev_suspects_alone_began(EvWorker *worker, int64 batch);

/*
 * Rows that are to be alone were looked for: there is one that is not under way, or none, or all that
 * were seen are.
 */
extern void ev_suspects_alone_seen(EvWorker *worker, bool found, bool any);

/* There may be suspects that are not under way: more of them, or a lease that came to nothing. */
extern void ev_suspects_look(EvWorker *worker);

/* After the commit of ev_store_suspect(): the log and whoever waits is told what it has parked. */
extern void ev_suspects_tell(EvWorker *worker, const EvStored *parked, int n);

/*
 * The first transaction of a worker: what was under way in a crash becomes suspect.  False when the
 * extension is gone.  Throws what the store throws.
 */
extern bool ev_suspects_recover(EvWorker *worker);

#endif
