/*
 * shmem.h
 *	  What the backends, the launcher and the workers share: one directory of databases, each with
 *	  an inbox,
 *	  and the slots in which sessions wait for an answer.
 *
 * Both libraries reach it by its name in shared memory, never through each other's variables.
 * Locks: `directory` guards which slot belongs to which database and the launcher's fields; each
 * database's `lock` guards its inbox; `waiters_lock` guards all waiting slots.  Order: directory
 * before a database's lock.
 */
#ifndef EV_SHMEM_H
#define EV_SHMEM_H

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

#include "engine/syntax.h"
#include "engine/verdict.h"
#include "pg/shared/budget.h"
#include "pg/shared/gate_state.h"
#include "pg/shared/rates.h"
#include "pg/shared/standing.h"
#include "pg/shared/trouble.h"

typedef enum EvDatabaseState
{
	EV_DB_FREE,
	EV_DB_WANTED,   /* somebody wants a worker here; the launcher has been told */
	EV_DB_STARTING, /* the launcher has registered one */
	EV_DB_RUNNING,
	EV_DB_REFUSED,     /* it runs, but refuses to work; see EvDatabase.refusal */
	EV_DB_DOWN,        /* it ended by an error; the launcher starts it again after a delay */
	EV_DB_NOT_STARTED, /* no worker could be registered: max_worker_processes */
	EV_DB_ABSENT       /* it found no extension, or a reason to stay away, and ended */
} EvDatabaseState;

/* Milliseconds after which the launcher starts a worker again that has ended by an error. */
#define EV_RESTART_DELAY 10000

/* At least what net says about a prober's process needs. */
#define EV_PROBER_CONFINED_SIZE 80

/*
 * Counters since EvDatabase.counted_since; written by the worker, read by anybody.  Every member is a
 * pg_atomic_uint64.
 */
typedef struct EvCounters
{
	pg_atomic_uint64 drained;   /* taken out of the inbox */
	pg_atomic_uint64 leased;    /* taken out of the queue */
	pg_atomic_uint64 completed; /* verdicts stored */
	pg_atomic_uint64 put_back;
	pg_atomic_uint64 sessions; /* SMTP sessions begun */
	pg_atomic_uint64 lookups;  /* DNS queries sent */
	pg_atomic_uint64 rcpts;    /* RCPT commands sent */
	pg_atomic_uint64 errors;   /* store cycles that failed */
	pg_atomic_uint64 refused;  /* pushes that found the inbox full; written by backends */

	pg_atomic_uint64 prober_crashes; /* of the prober's process */

	pg_atomic_uint64 commands;         /* of table command, carried out */
	pg_atomic_uint64 command_failures; /* attempts at one that failed; locks are none */

	/* the worker's life */
	pg_atomic_uint64 starts;   /* it was there and began to work */
	pg_atomic_uint64 failures; /* it ended by an error, or was terminated */

	/* what sessions found in the cache; written by backends */
	pg_atomic_uint64 cache_hits;
	pg_atomic_uint64 cache_misses;
	pg_atomic_uint64 cache_stale; /* too old, or not as young as was asked for */
} EvCounters;

/* Size of the sentence that says why a worker refuses to work. */
#define EV_REFUSAL_SIZE 384

/*
 * What lies in an inbox: a statement's first questions have a ring of their own, so that one that asks for very
 * many addresses neither keeps the others out nor has them wait behind it.
 */
typedef enum EvInboxClass
{
	EV_INBOX_FEW,
	EV_INBOX_MANY,
	EV_N_INBOX_CLASSES
} EvInboxClass;

/* Questions of one statement that belong to EV_INBOX_FEW. */
#define EV_INBOX_FEW_MAX 100

typedef struct EvRing
{
	uint32 size;
	uint32 used;
	uint32 start;
	char *bytes;
} EvRing;

/* Name servers of which something is said. */
#define EV_RESOLVERS_MAX 8

/* One of them; counters are since EvDatabase.counted_since, and what they count says net/prober.h. */
typedef struct EvResolver
{
	char address[56];
	uint64 queries;
	uint64 answers;
	uint64 denials;
	uint64 timeouts;
	uint64 servfails;
	uint64 refusals;
	uint64 faults;
	uint32 latency; /* microseconds, 0: not known */
	uint8 trust;    /* net's enum ev_server_trust: off, untried, doubtful, good, bad */
	char evidence[120];
	TimestampTz trust_since;
	TimestampTz next_trial; /* 0: none is due by itself */
} EvResolver;

/* Does verification rest?  What is under way is stopped then, or may finish first. */
typedef enum EvPaused
{
	EV_PAUSED_NOT,
	EV_PAUSED,
	EV_PAUSED_FINISHING
} EvPaused;

typedef struct EvDatabase
{
	LWLock *lock;
	Oid dboid;              /* InvalidOid: the slot is free; under the directory lock */
	pg_atomic_uint32 state; /* EvDatabaseState */
	pid_t worker_pid;       /* 0: none; from before it connects until it is about to end */
	Latch *worker_latch;    /* NULL: none; under lock */
	TimestampTz state_since;
	TimestampTz started_at;
	pg_atomic_uint32 check;    /* worker, look whether the extension is still there */
	pg_atomic_uint32 policies; /* worker, table mx_policy has changed */
	pg_atomic_uint64
		poked_since;         /* start of the oldest transaction that wrote the queue; 0: none */
	pg_atomic_uint64 added;  /* rows that these transactions put there */
	pg_atomic_uint32 paused; /* enum EvPaused */
	pg_atomic_uint32 holds;  /* by commands that need the database for themselves: see hold.c */

	/* why the worker refuses to work, while that is the state */
	pg_atomic_uint32 refusal; /* enum ev_detail */
	char
		refusal_text[EV_REFUSAL_SIZE]; /* in the database's encoding; under lock, as the next one */
	char refusal_hint[EV_REFUSAL_SIZE];

	/* published by the worker */
	pg_atomic_uint64 queued;                       /* rows in the queue, as far as it knows */
	pg_atomic_uint32 inflight;                     /* addresses being probed */
	pg_atomic_uint32 sessions;                     /* open now */
	int32 prober_pid;                              /* 0: none; under lock */
	char prober_confined[EV_PROBER_CONFINED_SIZE]; /* what it has given up; under lock */
	EvCounters counters;

	/* what else email_verify.stat shows */
	TimestampTz counted_since; /* of counters */
	EvRates rates;
	EvTrouble trouble;
	pg_atomic_uint32 gates;              /* set of EvGate that the worker knows of; 0 without one */
	pg_atomic_uint32 gates_closed;       /* those among them that ev_gate_close() has closed */
	EvGateState gate_states[EV_N_GATES]; /* under lock, as are the next two */
	int n_resolvers;
	EvResolver resolvers[EV_RESOLVERS_MAX];

	/*
	 * email_verify.wait(): a session asks for a count, the worker answers with one at least as new
	 */
	pg_atomic_uint64 count_asked;
	pg_atomic_uint64 count_answered;
	pg_atomic_uint64 unanswered; /* rows without any answer at count_answered */

	/* email_verify.doctor(): a session asks for an examination, likewise; see worker/health.h */
	pg_atomic_uint64 health_asked;
	pg_atomic_uint64 health_answered;
	pg_atomic_uint32 health_trial; /* with connections to port 25 */
	EvStanding standing;           /* what mail servers say of us; under lock */

	ConditionVariable progress; /* broadcast whenever one of these has changed */

	/* the inbox; rings under lock */
	EvRing inbox[EV_N_INBOX_CLASSES];
	pg_atomic_uint64
		taken; /* entries that were ever taken out: who waits for room sees that there is progress */
	ConditionVariable room; /* broadcast when some were */
} EvDatabase;

/* A session waits for the verdict of one address. */
typedef struct EvWaiter
{
	pid_t pid; /* 0: free */
	Latch *latch;
	Oid role; /* whose session it is */
	Oid dboid;
	uint64 hash; /* ev_hash() of key */
	bool answered;
	TimestampTz newer_than; /* an older verdict is no answer */
	struct ev_verdict verdict;
	TimestampTz checked_at;
	TimestampTz retry_at; /* 0: none */
	uint16 key_len;
	char key[EV_ADDRESS_KEY_SIZE];
} EvWaiter;

/*
 * Says how this memory is laid out.  After an upgrade without a restart a new library meets the
 * memory of the old one.
 */
#define EV_SHARED_LAYOUT                                                                           \
	((uint32) (sizeof(EvShared) + (sizeof(EvDatabase) << 8) + (sizeof(EvWaiter) << 16)))

typedef struct EvShared
{
	uint32 layout; /* EV_SHARED_LAYOUT of the library that made it */
	LWLock *directory;
	LWLock *waiters_lock;
	pid_t launcher_pid;    /* 0: none */
	Latch *launcher_latch; /* NULL: none; under directory */
	TimestampTz launcher_since;
	uint32 crashes;  /* of the server since it was started: each has made this memory anew */
	EvBudget budget; /* of the day: email_verify.max_probes_per_day */
	pg_atomic_uint32 waiting; /* waiters in use: saves looking at them */
	int max_databases;
	int max_waiters;
	uint32 inbox_size;
	uint32 hurry; /* email_verify.debug_hurry: see ev_in_time() */
	EvDatabase *databases;
	EvWaiter *waiters;
} EvShared;

/* NULL when the library was not preloaded. */
extern EvShared *ev_shared;

/* For shmem_request_hook and shmem_startup_hook. */
extern void ev_shmem_request(int max_databases, int inbox_kb, int max_waiters);
extern void ev_shmem_startup(int max_databases, int inbox_kb, int max_waiters, int hurry);

/* So long (in any unit) is a time that one of our processes lets pass of itself: less in tests. */
static inline int64
ev_in_time(int64 time)
{
	return Max(time / ev_shared->hurry, 1);
}

/*
 * The slot of a database, or NULL.  With create, take a free one (state WANTED) and tell the
 * launcher; NULL when all are in use.
 */
extern EvDatabase *ev_database_find(Oid dboid, bool create);

/*
 * Give a slot back, and drop what is in its inbox: false, and nothing done, when its state is not
 * ABSENT or somebody holds it.
 */
extern bool ev_database_free(EvDatabase *db);
extern void ev_database_set_state(EvDatabase *db, EvDatabaseState state);

/* All counters to zero, from now on. */
extern void ev_counters_reset(EvDatabase *db);
extern void ev_launcher_wake(void);
extern void ev_worker_wake(EvDatabase *db);

/* A transaction that began at since has committed rows of the queue, `added` of them new. */
extern void ev_database_poke(EvDatabase *db, TimestampTz since, int64 added);

/*
 * Append one entry to this database's inbox and wake the worker if there was none of its class.  False when
 * there is no room for it or the slot has changed hands.  newer_than: a verdict of before then does not do.
 */
extern bool ev_inbox_push(EvDatabase *db, EvInboxClass class, const char *key, size_t len,
                          TimestampTz newer_than);

/*
 * Take entries out of the inbox, at most max, those of EV_INBOX_FEW first.  Some of the other ones are always
 * among them if there are any.  Returns how many.
 */
typedef struct EvInboxEntry
{
	TimestampTz newer_than;
	TimestampTz pushed_at; /* start of the statement that asked */
	EvInboxClass class;
	uint16 len;
	char key[EV_ADDRESS_KEY_SIZE];
} EvInboxEntry;
extern int ev_inbox_take(EvDatabase *db, EvInboxEntry *entries, int max);
extern bool ev_inbox_is_empty(EvDatabase *db);

/* Is more than half of the room for statements with many questions in use? */
extern bool ev_inbox_is_crowded(EvDatabase *db);

/* Bytes in use; *full: there is a class without room for a longest address. */
extern uint32 ev_inbox_used(EvDatabase *db, bool *full);

/* Nothing is in it; under its lock, or while nobody else can know of it. */
extern void ev_inbox_clear(EvDatabase *db);

/* Entries that were taken and not stored go back, behind the others and as far as there is room. */
extern void ev_inbox_return(EvDatabase *db, const EvInboxEntry *entries, int n);

/*
 * Waiting slots: taken and released by the session itself, answered by the worker.  NULL when none is free, or
 * the role has its share: three times as many as it leaves to others.
 */
extern EvWaiter *ev_waiter_take(Oid dboid, const char *key, size_t len, TimestampTz newer_than);
extern void ev_waiter_release(EvWaiter *waiter);

/* The worker has ended: those who wait in that database decide anew whether that is worth it. */
extern void ev_waiters_wake(Oid dboid);

/* Whoever waits in that database is told smtp_timeout/canceled: nobody is going to ask. */
extern void ev_waiters_cancel(Oid dboid);

/* asked_at: when it was last asked for; the verdict itself may be older. */
extern void ev_waiters_answer(Oid dboid, const char *key, size_t len,
                              const struct ev_verdict *verdict, TimestampTz checked_at,
                              TimestampTz retry_at, TimestampTz asked_at);

/*
 * hold.c: until ev_database_release() no worker is started for this database, and one that is just
 * starting stays away.  NULL, and nothing done, when the database has no slot.  Holds are counted;
 * each must be released by who took it, whatever becomes of its session.
 */
extern EvDatabase *ev_database_hold(Oid dboid);
extern void ev_database_release(EvDatabase *db);
extern bool ev_database_is_held(EvDatabase *db);

/*
 * hold.c: tell the worker of a database that is held to end, and wait until its process has left
 * the list of the server's backends.  False when it has not within patience_ms.  Can be cancelled.
 */
extern bool ev_database_stop_worker(EvDatabase *db, int patience_ms);

/* hold.c: what a worker does before it connects, and last of all. */
typedef enum EvAttach
{
	EV_ATTACHED,
	EV_ATTACH_HELD,      /* somebody holds the database: stay away */
	EV_ATTACH_UNEXPECTED /* a launcher that was restarted has given it up, or started another one */
} EvAttach;
extern EvAttach ev_database_attach(EvDatabase *db);
extern void ev_database_detach(EvDatabase *db);

/*
 * Something has changed that decides whether this database shall have a worker: whoever is there
 * looks, and if nobody is one is sent to look.  False, and nothing done, when there is no slot left.
 */
extern bool ev_database_look(Oid dboid);

/* Slot of this session's database: if a worker ended for want of the extension, want one again. */
extern void ev_database_want(EvDatabase *db);

#endif
