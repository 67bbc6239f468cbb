/*
 * store.h
 *	  How the worker reaches the tables: all that it knows of a database.
 *
 * Batches are plain C arrays.  Everything between begin and commit is one short transaction; an
 * error inside is the caller's to catch, and leaves nothing behind but the caller's arrays.  Each
 * operation is one call of an SQL function of the extension, so that the same interface can be
 * served over a connection from elsewhere.
 */
#ifndef EV_STORE_H
#define EV_STORE_H

#include "datatype/timestamp.h"

#include "net/prober.h"
#include "pg/shared/shmem.h"

/* 0: somebody asked just now; 1: lists and refreshes. */
#define EV_PRIORITIES 2

/* A row of the queue that is due. */
typedef struct EvDue
{
	int64 id;
	TimestampTz due_at;
	int line; /* which of those that were asked for */
	char key[EV_ADDRESS_KEY_SIZE];
} EvDue;

/* Rows of one domain that are asked for: at most n (of 1000) behind a place. */
typedef struct EvDueOf
{
	const char *domain;
	TimestampTz due_at;
	int64 id;
	int n;
} EvDueOf;

/* One row taken from the queue. */
typedef struct EvLease
{
	int64 id;
	int32 attempts;
	int32 put_backs;
	int16 priority;
	int16 crashes;                 /* that found it under way */
	bool second_look;              /* the last verdict waits for this one to confirm it */
	char key[EV_ADDRESS_KEY_SIZE]; /* as it stands in the table */
	struct ev_request request;
} EvLease;

/* One result on its way into the tables. */
typedef struct EvOutcome
{
	int64 id;
	char key[EV_ADDRESS_KEY_SIZE];
	struct ev_verdict verdict;
	struct ev_evidence evidence;
	bool decisive; /* it may replace a good verdict */
	bool put_back; /* it is no verdict */
	bool probed;
	bool second_look;  /* it counts, or counts in full, once it has been heard twice */
	int32 fresh;       /* seconds */
	int32 expire;      /* seconds */
	int32 retry_after; /* seconds; 0: final */
	int64 mx_fingerprint;
} EvOutcome;

/* A verdict as it stands in the tables now. */
typedef struct EvStored
{
	int64 id; /* its row in the queue, if that was asked for */
	char key[EV_ADDRESS_KEY_SIZE];
	struct ev_verdict verdict;
	TimestampTz checked_at;
	TimestampTz retry_at; /* 0: none */
	TimestampTz
		asked_at; /* at least checked_at: a later answer may not have replaced the verdict */
} EvStored;

/*
 * False, and no transaction is open, when the extension is not (or no longer the same) in this
 * database, or when it is not fit to be worked with: ev_fitness_refused() tells.
 */
extern bool ev_store_begin(void);

/* durable: the commit waits for its WAL to be on disk. */
extern void ev_store_commit(bool durable);
extern void ev_store_abort(void);

/* In a PG_CATCH: aborts, and returns the error in this context, which is current from then on. */
extern ErrorData *ev_store_caught(MemoryContext context);

/*
 * Queue addresses.  known (room for n) receives those that have a fresh verdict and were not
 * queued; *added how many rows are new.  Returns the number of known ones.  spool: those of statements
 * that asked for many are spooled instead, and counted as added.
 */
extern int ev_store_enqueue(const EvInboxEntry *entries, int n, bool smtp, bool spool,
                            EvStored *known, int *added);

/*
 * Have the entries of class EV_INBOX_MANY queued later, at a tenth of the cost; returns how many they are.
 * Then the oldest row of what was so put off behind an id, with at most max entries; *id is that
 * row, which ends with ev_store_unspooled() in the transaction that queues all of them, 0 if there is none.
 */
extern int ev_store_spool(const EvInboxEntry *entries, int n);
extern int ev_store_unspool(int64 after, EvInboxEntry *entries, int max, int64 *id);
extern void ev_store_unspooled(int64 id);
extern bool ev_store_spool_is_empty(void);

/* At most n rows (of 1000) of a priority that are due by now, behind (after_due, after_id); returns how many. */
extern int ev_store_due(int priority, TimestampTz after_due, int64 after_id, TimestampTz now,
                        EvDue *due, int n);

/* Likewise of each of these domains, one after the other; due has room for all that may come. */
extern int ev_store_due_of(int priority, const EvDueOf *of, int n_of, TimestampTz now, EvDue *due,
                           int n);

/* The first n rows that so many crashes (from 1 on) have found under way, whenever they are due. */
extern int ev_store_suspects(int crashes, EvDue *due, int n);

/* All that is to be known for probing these rows, as far as they are there; returns how many are. */
extern int ev_store_lease(const int64 *ids, int n, EvLease *leases);

/* Remember that these rows are under way; returns the batch's number. */
extern int64 ev_store_begin_batch(const int64 *ids, int n);
extern void ev_store_end_batches(const int64 *batches, int n);

/*
 * stored (room for n) receives what the tables now say; returns how many.  flip_delay: seconds
 * after which a second refusal of a formerly valid address counts.
 */
extern int ev_store_complete(const EvOutcome *outcomes, int n, int flip_delay, EvStored *stored);
extern void ev_store_learn_domains(const struct ev_domain_fact *facts, int n);
extern void ev_store_learn_hosts(const struct ev_host_fact *facts, int n);

/*
 * The site's word on mail servers, table mx_policy; policies has room for n.  Returns how many
 * there are: when that is more than n, those that forbid to connect have come first, then the
 * others by name.
 */
extern int ev_store_policies(struct ev_mx_policy *policies, int n);

/*
 * The site's rules for replies that are in force, table reply_rule; rules has room for
 * EV_SITE_RULES_MAX, *n receives how many came, by their ids.  Returns how many there are.  *ends: when
 * the first of them is in force no longer; 0: never.
 */
extern int ev_store_rules(struct ev_site_rule *rules, int *n, TimestampTz *ends);

/* Are there external checkers for any mail server (column checker of mx_policy)? */
extern bool ev_store_checkers(void);

/* Of those whose results have been stored, set aside what is for external checkers. */
extern void ev_store_set_aside(const EvStored *stored, int n);

/*
 * Has one of these two tables changed since it was last asked, as far as this process has been told?  A
 * start counts.
 */
extern bool ev_store_policies_changed(void);

/* How many rows the queue has, and how many of these have no answer yet; reads all of it. */
extern void ev_store_count(int64 *queued, int64 *unanswered);
extern TimestampTz ev_store_next_due(TimestampTz after); /* 0: nothing */

/* A walk over the tables that deletes what need not be kept (table upkeep). */
typedef enum EvPlace
{
	EV_PLACE_NONE, /* no walk is under way */
	EV_PLACE_ADDRESS,
	EV_PLACE_DOMAIN,
	EV_PLACE_DOMAIN_HOST,
	EV_PLACE_TOMBSTONE,
	EV_PLACE_COMMAND
} EvPlace;

typedef struct EvWalk
{
	EvPlace place;
	struct varlena
		*after; /* text[]: the key it has reached there; NULL: none; only until the commit */
	TimestampTz started_at;
	TimestampTz ended_at;
	int64 looked_at;
	int64 deleted;
} EvWalk;

extern void ev_store_read_walk(EvWalk *walk);
extern void ev_store_write_walk(const EvWalk *walk);

/* The next table, from its start. */
extern void ev_walk_go_on(EvWalk *walk);

/*
 * Look at the next n rows (at most 1000) of the walk's table and delete what was of no use any more
 * so many seconds ago (-1: nothing); reply_text_age: likewise for the texts of replies.  Returns how
 * many were looked at; fewer than n: that was the end of the table.
 */
extern int64 ev_store_retire(EvWalk *walk, int64 age, int64 reply_text_age, int n);

/*
 * Commands: rows of table command, which sessions insert and the worker carries out.  To add a kind:
 * its name in the table's CHECK and in store_commands.c, its SQL function there and in inspect.c, and a
 * function for sessions that calls email_verify._hand_over().
 */
#define EV_COMMAND_BATCH 500  /* commands about addresses in one transaction */
#define EV_COMMAND_SLICE 1000 /* rows that a walk looks at in one transaction */
#define EV_COMMAND_HELD  1000 /* rows that a walk leaves for its end, since somebody holds them */

typedef struct EvCommand
{
	int64 id;
	const char *kind; /* static; NULL: this library does not know it */
} EvCommand;

/*
 * At most n commands about addresses that are due, with numbers from `from` on, all of one kind; they
 * are marked as under way, which is to be committed durably before they are carried out.  Returns how
 * many.
 */
extern int ev_store_take_commands(int64 from, EvCommand *commands, int n);

/* Carry these out, but for those that are gone or held by somebody.  Returns how many. */
extern int ev_store_do_commands(const EvCommand *commands, int n);

/*
 * The first walk that is due, to be committed durably if it is *fresh: not yet marked as under way.
 * False: there is none.
 */
extern bool ev_store_take_walk(EvCommand *walk, bool *fresh);

/* Go on with it by n rows.  True: that was its end. */
extern bool ev_store_go_on(const EvCommand *walk, int n);

/*
 * One could not be carried out, and is not tried again before so many milliseconds: by this fault, or
 * (NULL) by somebody who holds what it needs.  True: that was the third fault in a row, and it is
 * parked.
 */
extern bool ev_store_put_off_command(const EvCommand *command, const char *fault, int64 delay_ms);

/* When the next one is due; by now: somebody holds it.  0: there is none. */
extern TimestampTz ev_store_next_command(void);

/*
 * At a start, to be committed durably: those under way have been so in a crash.  parked (room for n)
 * receives those that are parked now; returns how many.
 */
extern int ev_store_recover_commands(EvCommand *parked, int n);

/* At an orderly end: none is under way any more.  Waits for no lock. */
extern void ev_store_leave_commands(void);

/*
 * What was read and written is counted for the statistics views (and for autovacuum), but not with
 * each commit: the rest is handed over by ev_store_report() once that time has come; 0: nothing is
 * left.
 */
extern TimestampTz ev_store_report_wake(void);
extern void ev_store_report(void);

/* One line of an examination (health.h); check and advice are static, advice may be NULL. */
typedef struct EvHealthRow
{
	const char *check;
	enum ev_health_level level;
	const char *advice;
	char finding[EV_PEER_TEXT_MAX + 128];
} EvHealthRow;

/* Replace what the last examination has found; of port 25 only if this one has tried it. */
extern void ev_store_health(const EvHealthRow *rows, int n);

/*
 * A command as of email_verify.recheck_since(): what was judged since then is asked for anew, all of it
 * or what has one of these reasons, a JSON array; NULL: all.
 */
extern void ev_store_recheck_since(TimestampTz since, const char *reasons);

/*
 * These rows were under way in a crash of the prober.  Each has one crash more, and is due as before;
 * those for which it is that number (3 or 4) are parked: they leave the queue with a verdict that says so, or
 * with the good one that they had.  parked (room for n) receives what the tables say of these;
 * returns how many.  To be committed durably.
 */
extern int ev_store_suspect(const int64 *ids, int n, int too_often, EvStored *parked);

/* The result of that row cannot be stored: it leaves the queue, with the fault. */
extern void ev_store_park(int64 id, const char *fault);

/*
 * At a start: which rows a crash found under way.  No batch is left; *ids is allocated in the memory
 * context of this transaction.  Returns how many there are.
 */
extern int ev_store_recover(int64 **ids);

/*
 * At an orderly end: nothing of these batches is under way any more.  Does nothing when that would
 * mean to wait for a lock.
 */
extern void ev_store_leave(const int64 *batches, int n);

#endif
