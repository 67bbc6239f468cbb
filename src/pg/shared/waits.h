/*
 * waits.h
 *	  What this extension waits for, by the names that pg_stat_activity.wait_event shows (17 and
 *	  later; older releases say "Extension").
 */
#ifndef EV_WAITS_H
#define EV_WAITS_H

typedef enum EvWait
{
	EV_WAIT_LAUNCHER,    /* the launcher: for something to do */
	EV_WAIT_WORKER,      /* a worker: for something to do */
	EV_WAIT_NETWORK,     /* a worker: for name servers and mail servers */
	EV_WAIT_STORE_RETRY, /* a worker: before it tries again to write the tables */
	EV_WAIT_VERDICT,     /* a session: for one verdict (wait => …) */
	EV_WAIT_PROGRESS,    /* a session: in email_verify.wait() */
	EV_WAIT_INBOX,       /* a session: for room in the inbox */
	EV_WAIT_WORKER_END,  /* a session: for the end of the worker, in a command on its database */
	EV_N_WAITS
} EvWait;

/* For WaitLatch() and its like; looked up once in each process. */
extern uint32 ev_wait(EvWait wait);

#endif
