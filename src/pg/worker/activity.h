/*
 * activity.h
 *	  What others see of a worker: pg_stat_activity, the shared memory behind email_verify.stat, and
 *	  the server log.
 */
#ifndef EV_ACTIVITY_H
#define EV_ACTIVITY_H

#include "pg/worker/worker.h"

/* From now on errors of this process are remembered as the database's last one. */
extern void ev_activity_start(EvDatabase *db);

/* One that is not reported. */
extern void ev_activity_error(const char *message);

/* The worker has begun to work, or ends (why: a clause). */
extern void ev_activity_hello(void);
extern void ev_activity_goodbye(const char *why);

/*
 * After each turn of the loop: publish what the prober does and what holds work back; store_fails:
 * the last cycle failed.  The text in pg_stat_activity and the log follow at most once a second.
 */
extern void ev_activity_publish(EvWorker *worker, bool store_fails);

/* When the text, which is old by now, may be renewed; 0: it is not old. */
extern TimestampTz ev_activity_due(void);

/* Begin and end of a transaction of the store, for the column `state`. */
extern void ev_activity_busy(void);
extern void ev_activity_idle(void);

/* The name of this database, also outside of transactions. */
extern const char *ev_activity_database(void);

#endif
