/*
 * worker.h
 *	  What the parts of one database's worker know of each other.
 */
#ifndef EV_WORKER_H
#define EV_WORKER_H

#include "utils/hsearch.h"

#include "engine/schedule.h"
#include "net/prober.h"
#include "pg/shared/settings.h"
#include "pg/shared/shmem.h"
#include "pg/worker/store.h"

/* Bounds of one store cycle. */
#define EV_INBOX_BATCH  1000
#define EV_LEASE_BATCH  500
#define EV_RESULT_BATCH 500

/* Rows of mx_policy that are heeded. */
#define EV_POLICIES_MAX 10000

/* Is the prober gone before it has answered?  See lost.h. */
typedef enum EvLost
{
	EV_LOST_NOT,
	EV_LOST_RETURNED, /* that was nobody's fault */
	EV_LOST_SUSPECT   /* this address may have ended it */
} EvLost;

/* An address that is being probed; the hash key is the queue row's id. */
typedef struct EvFlight
{
	int64 id;
	int64 batch;
	int32 attempts;
	int32 put_backs;
	bool second_look;
	bool few;      /* one crash has found it under way: see suspects.h */
	bool visits;   /* counted in the worker's n_visits: mail servers may be asked for it */
	bool answered; /* its result is on its way into the store */
	EvLost lost;
	bool row_lost; /* the row of that id is another address's by now, and waits for its turn */
	int16 priority;
	struct EvLine *line; /* that it is counted in; NULL: in none */
	char key[EV_ADDRESS_KEY_SIZE];
} EvFlight;

/* A batch of the inflight table, and how many of its rows are still under way. */
typedef struct EvBatch
{
	int64 batch;
	int32 left;
} EvBatch;

/* Where the worker is among the rows of a priority; see cursor.h. */
typedef struct EvCursor
{
	TimestampTz due_at;
	int64 id;
	bool exhausted; /* nothing more was due behind it when it was last used */
	bool blocked;   /* the next row can be neither taken nor passed over: see lines.h */
} EvCursor;

/* Are there rows with two crashes, which are to be probed alone? */
typedef enum EvAlone
{
	EV_ALONE_NONE,
	EV_ALONE_MAYBE, /* to be looked up */
	EV_ALONE_SURE
} EvAlone;

/* suspects.c: what is known of rows that crashes have found under way. */
typedef struct EvSuspects
{
	bool few;              /* there may be rows with one crash that are not under way */
	TimestampTz few_after; /* look for them then; 0: at once */
	int under_way;         /* of those with one crash */
	EvAlone alone;
	int64 alone_batch;       /* under way alone; 0: none */
	TimestampTz spell_start; /* nothing but rows that are to be alone is leased; 0: not so */
	TimestampTz alone_after; /* the next spell is not before; 0: at any time */
	TimestampTz quiet_since; /* in a spell: nobody has been asked; 0: not so */
} EvSuspects;

typedef struct EvWorker
{
	EvDatabase *db;
	EvSettings settings;
	MemoryContext settings_context;
	struct ev_schedule schedule;
	struct ev_prober *prober;
	int prober_place;                        /* enum ev_prober_place: where it is */
	bool prober_is_new;                      /* the loop does not know its descriptor yet */
	struct ev_prober_stats published_prober; /* its process as it was told last */
	bool recovered; /* what a crash has found under way is suspect, and no longer under way */
	char settings_fault[256]; /* why the prober has not taken the settings; "": it has */
	bool policies_stale;   /* mx_policy and reply_rule are to be read before anything is leased */
	bool checkers;         /* there are external checkers */
	int rcpt_per_session;  /* the most that the settings or any row of mx_policy allow */
	TimestampTz rules_end; /* when the first rule for replies is in force no longer; 0: never */
	HTAB *flights;
	int n_lost; /* flights that are lost */
	HTAB *batches;
	EvSuspects suspects;
	EvCursor cursors[EV_PRIORITIES];
	TimestampTz
		looked_at; /* what was due then is under way or ahead of a cursor that is not exhausted */
	TimestampTz next_due; /* the first that fell due later, maybe by now; 0: none */

	/* on their way into the store; kept until their transaction has committed */
	EvInboxEntry *inbox;
	int n_inbox;
	int64 unspooling; /* the row of the spool that these are of; 0: they come from sessions */
	int n_unspooled;  /* how many they were; some may have been set aside since */
	int64
		spool_after; /* rows of the spool up to this id are to wait: somebody holds what is in them */
	TimestampTz spool_at; /* not before then: the last round met such rows; 0: at once */
	bool spooled;         /* there may be rows in the spool */
	bool spools;          /* those that are asked for by the many go there */
	bool spool_turn;      /* it is the spool's turn, and not the sessions' */
	EvOutcome *outcomes;
	int n_outcomes;
	uint32 n_visits; /* flights for which mail servers may yet be asked */
	TimestampTz oldest_outcome;
	struct ev_domain_fact *domains;
	int n_domains;
	struct ev_host_fact *hosts;
	int n_hosts;

	bool canceled;    /* what was under way was stopped by the pause that there is */
	uint64 completed; /* verdicts stored by this process */
} EvWorker;

/*
 * cycle.c: one store transaction; false when ev_store_begin() is.  Throws what the store throws.
 */
extern bool ev_cycle(EvWorker *worker);

/* Is there anything for a cycle to do now? */
extern bool ev_cycle_is_due(EvWorker *worker);

/* To whoever waits for one of these. */
extern void ev_answer(EvWorker *worker, const EvStored *stored, int n);

/* probing.c: the prober's settings, and what it has found. */
extern void ev_probing_configure(EvWorker *worker);
extern void ev_probing_end(EvWorker *worker); /* the worker ends: at once, whatever is under way */
extern void ev_probing_submit(EvWorker *worker, const EvLease *leases, int n, int64 batch);
extern void ev_probing_collect(EvWorker *worker);
extern bool ev_probing_can_collect(EvWorker *worker);

/* How many more may be under way, and how many in all. */
extern int ev_probing_room(EvWorker *worker);
extern int ev_probing_capacity(EvWorker *worker);

/*
 * The site's word on mail servers; there are `there` of them in the table.  Throws when there is no
 * memory.
 */
extern void ev_probing_set_policies(EvWorker *worker, const struct ev_mx_policy *policies,
                                    int there);

/* Likewise its rules for replies, n of `there`. */
extern void ev_probing_set_rules(EvWorker *worker, const struct ev_site_rule *rules, int n,
                                 int there);

#endif
