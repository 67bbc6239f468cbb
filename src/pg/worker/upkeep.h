/*
 * upkeep.h
 *	  What the worker does beside its cycles: tables are kept small, listeners are told, statistics
 *	  are handed on.
 *
 * Nothing of it is urgent, all of it is short, and each has one next time at which it is due.  An
 * error is said once and costs a pause of that part.
 */
#ifndef EV_UPKEEP_H
#define EV_UPKEEP_H

#include "pg/worker/worker.h"

/* Do what is due.  Outside transactions; throws nothing but what ends the process. */
extern void ev_upkeep_run(EvWorker *worker);

/* When something is due by itself, maybe by now; 0: never. */
extern TimestampTz ev_upkeep_wake(EvWorker *worker);

/* retention.c: walks over the tables that delete what need not be kept. */
extern void ev_retention_run(EvWorker *worker);
extern TimestampTz ev_retention_wake(EvWorker *worker);

/* commands.c: what sessions have asked the worker to do (table command). */
extern void ev_commands_run(EvWorker *worker);
extern TimestampTz ev_commands_wake(EvWorker *worker);

/* There may be new commands. */
extern void ev_commands_look(void);

/* May a command be marked as under way?  An orderly end says that it is not: ev_store_leave_commands(). */
extern bool ev_commands_under_way(void);

/* notify.c: NOTIFY email_verify. */
extern void ev_notify_run(EvWorker *worker);
extern TimestampTz ev_notify_wake(EvWorker *worker);

/*
 * Called in a PG_CATCH of the above: ends the transaction, forgets the error, and says it in the
 * log unless the same trouble has been said already.
 */
extern void ev_upkeep_failed(MemoryContext context, const char *what, bool *said);

#endif
