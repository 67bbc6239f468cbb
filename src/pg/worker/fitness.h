/*
 * fitness.h
 *	  Whether the worker may work in its database, and what becomes of it while it may not.
 *
 * The extension is inspected (inspect.h) when the worker starts, and whenever something about it may
 * have changed, before anything else is done in a transaction; while nothing changes that costs a
 * comparison.  What is found unfit is said once in the log and seen in email_verify.stat.  The worker
 * then rests until a statement that may have mended it is committed, or the configuration is reloaded:
 * then it tries a cycle, and works again if that can be stored.
 *
 * A statement of the store that can never be run, since what it names is not there, is met in the same
 * way.
 */
#ifndef EV_FITNESS_H
#define EV_FITNESS_H

#include "pg/shared/shmem.h"
#include "pg/shared/inspect.h"

/*
 * Once, after connecting, outside of a transaction: the first look.  Sets the state of db to RUNNING or
 * REFUSED.
 */
extern void ev_fitness_start(EvDatabase *db);

/* Something may have changed that no invalidation tells of. */
extern void ev_fitness_doubt(void);

/* In a transaction that has done nothing yet: may the worker work in it? */
extern bool ev_fitness_check(const EvExtension *extension);

/* The extension is no longer there, or is another one: there is nothing left to refuse. */
extern void ev_fitness_gone(void);

/* Has the last look, or the last try, ended in a refusal? */
extern bool ev_fitness_refused(void);

/* Is a cycle to be tried for the sake of finding out, whether or not there is anything to do? */
extern bool ev_fitness_wants_cycle(void);

/* A cycle has been stored. */
extern void ev_fitness_succeeded(void);

/*
 * A cycle has failed and its transaction has ended.  True when it would fail again and again, since the
 * SQL objects are not what they should be: the worker refuses from now on.
 */
extern bool ev_fitness_failed(const ErrorData *error);

#endif
