/*
 * aside.c
 *	  Results and questions that cannot be stored just now; see aside.h.
 */
#include "postgres.h"

#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/aside.h"
#include "pg/worker/held.h"
#include "pg/worker/lease.h"

/* Looks in a row that did not help: others may have come between the look and the lock. */
#define LOOKS_MAX 3

#define MIN_PAUSE_MS 1000
#define MAX_PAUSE_MS 15000

/* The end of a transaction that is watched is noticed within so long, if nobody tells. */
#define WATCH_MS 250

/* What has come back may have one part in so many of a cycle's questions. */
#define SHARE 4

typedef struct Question
{
	char key[EV_ADDRESS_KEY_SIZE];
	EvInboxEntry entry;
	TransactionId holder; /* invalid: it can be stored */
} Question;

typedef struct Result
{
	EvOutcome outcome;
	TransactionId holder;
} Result;

static MemoryContext context = NULL;
static HTAB *questions = NULL; /* NULL: there are none */
static Result *results = NULL;
static int n_results = 0;
static int max_results = 0;
static int n_free_results = 0; /* of these: they can be stored */
static int n_free_questions = 0;

/* The transactions that hold the others. */
static TransactionId *holders = NULL;
static int n_holders = 0;
static int max_holders = 0;
static TimestampTz watched_at = 0;

static EvDoing doing = EV_DOING_OTHER;
static bool searching = false; /* for a row with a fault: nothing comes back meanwhile */
static struct
{
	int64 id; /* 0: none */
	char fault[256];
} bad;
static bool look_next = false;
static int looks = 0; /* in a row, that did not help */
static struct
{
	int pause_ms;
	TimestampTz until; /* 0: it does not rest */
} rests[EV_DOING_KINDS];

void
ev_aside_doing(EvDoing what)
{
	doing = what;
}

bool
ev_aside_rests(EvDoing what)
{
	return rests[what].until != 0 && GetCurrentTimestamp() < rests[what].until;
}

static void
rest(EvDoing what)
{
	rests[what].pause_ms =
		rests[what].pause_ms == 0 ? MIN_PAUSE_MS : Min(2 * rests[what].pause_ms, MAX_PAUSE_MS);
	rests[what].until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), rests[what].pause_ms);
}

EvLockMet
ev_aside_locked(void)
{
	EvDoing what = doing;

	doing = EV_DOING_OTHER;
	look_next = true;
	if (looks++ < LOOKS_MAX)
		return EV_LOCK_EXPLAINED;
	looks = 0;
	if (what == EV_DOING_OTHER)
		return EV_LOCK_ALL;
	rest(what);
	return EV_LOCK_TABLE;
}

void
ev_aside_stored(void)
{
	searching = false;
	looks = 0;
	look_next = false;
	for (int i = 0; i < EV_DOING_KINDS; i++)
		if (rests[i].until == 0)
			rests[i].pause_ms = 0;
}

static void
make_context(void)
{
	if (context == NULL)
		context =
			AllocSetContextCreate(TopMemoryContext, "email_verify aside", ALLOCSET_DEFAULT_SIZES);
}

static void
watch(TransactionId xid)
{
	for (int i = 0; i < n_holders; i++)
		if (holders[i] == xid)
			return;
	if (n_holders == max_holders)
	{
		max_holders = Max(2 * max_holders, 16);
		holders = holders == NULL ? MemoryContextAlloc(context, max_holders * sizeof(*holders))
		                          : repalloc(holders, max_holders * sizeof(*holders));
	}
	holders[n_holders++] = xid;
}

static void
set_result_aside(const EvOutcome *outcome, TransactionId holder)
{
	if (n_results == max_results)
	{
		max_results = Max(2 * max_results, 64);
		results = results == NULL ? MemoryContextAllocHuge(context, max_results * sizeof(*results))
		                          : repalloc_huge(results, max_results * sizeof(*results));
	}
	results[n_results].outcome = *outcome;
	results[n_results++].holder = holder;
	n_free_results += !TransactionIdIsValid(holder);
}

/* A question for the same address is the same question. */
static void
set_question_aside(EvWorker *worker, const EvInboxEntry *entry, TransactionId holder)
{
	HASHCTL ctl = {.keysize = EV_ADDRESS_KEY_SIZE, .entrysize = sizeof(Question), .hcxt = context};
	Question *question;
	bool found;

	if (questions == NULL)
		questions = hash_create("email_verify questions", 64, &ctl,
		                        HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	question = hash_search(questions, entry->key, HASH_FIND, NULL);
	if (question == NULL && hash_get_num_entries(questions) >= EV_ASIDE_QUESTIONS)
	{
		pg_atomic_fetch_add_u64(&worker->db->counters.refused, 1);
		return;
	}
	question = hash_search(questions, entry->key, HASH_ENTER, &found);
	if (found)
	{
		n_free_questions -= !TransactionIdIsValid(question->holder);
		question->entry.newer_than = Max(question->entry.newer_than, entry->newer_than);
		question->entry.pushed_at = Max(question->entry.pushed_at, entry->pushed_at);
		if (entry->class == EV_INBOX_FEW)
			question->entry.class = EV_INBOX_FEW;
	}
	else
		question->entry = *entry;
	question->holder = holder;
	n_free_questions += !TransactionIdIsValid(holder);
}

static void
halve_results(EvWorker *worker)
{
	int half = worker->n_outcomes / 2;

	for (int i = half; i < worker->n_outcomes; i++)
		set_result_aside(&worker->outcomes[i], InvalidTransactionId);
	worker->n_outcomes = half;
}

static void
halve_questions(EvWorker *worker)
{
	int half = worker->n_inbox / 2;

	for (int i = half; i < worker->n_inbox; i++)
		set_question_aside(worker, &worker->inbox[i], InvalidTransactionId);
	worker->n_inbox = half;
}

bool
ev_aside_fault(EvWorker *worker, const char *fault)
{
	EvDoing what = doing;

	doing = EV_DOING_OTHER;
	make_context();
	searching = true;
	switch (what)
	{
		case EV_DOING_FACTS: worker->n_domains = worker->n_hosts = 0; return true;
		case EV_DOING_RESULTS:
			if (worker->n_outcomes > 1)
				halve_results(worker);
			else if (worker->n_outcomes == 1 && bad.id == 0)
			{
				bad.id = worker->outcomes[0].id;
				strlcpy(bad.fault, fault, sizeof(bad.fault));
				worker->n_outcomes = 0;
			}
			return true;
		case EV_DOING_QUESTIONS:
			if (worker->n_inbox > 1)
				halve_questions(worker);
			else
				worker->n_inbox = 0;
			return true;
		default: searching = false; return false;
	}
}

void
ev_aside_park(void)
{
	if (bad.id != 0)
		ev_store_park(bad.id, bad.fault);
}

void
ev_aside_parked(EvWorker *worker)
{
	if (bad.id == 0)
		return;
	ereport(WARNING,
	        (errmsg("email_verify cannot store the result of queue row " INT64_FORMAT ": %s",
	                bad.id, bad.fault),
	         errhint("The address is in table email_verify.parked; email_verify.recheck() has it "
	                 "tried again.")));
	ev_flight_end(worker, bad.id);
	bad.id = 0;
}

/* All of a kind that rests, and of the others what is held. */
static void
look_at_results(EvWorker *worker)
{
	bool all = ev_aside_rests(EV_DOING_RESULTS);
	EvHeldScan queue = {0};
	EvHeldScan address = {0};
	int kept = 0;

	if (!all)
	{
		(void) ev_held_begin(&queue, "queue", "id");
		(void) ev_held_begin(&address, "address", "address");
	}
	for (int i = 0; i < worker->n_outcomes; i++)
	{
		const EvOutcome *outcome = &worker->outcomes[i];
		TransactionId holder = ev_held_int64(&queue, outcome->id);

		if (!TransactionIdIsValid(holder))
			holder = ev_held_text(&address, outcome->key);
		if (all || TransactionIdIsValid(holder))
			set_result_aside(outcome, holder);
		else if (kept++ < i)
			worker->outcomes[kept - 1] = *outcome;
		if (TransactionIdIsValid(holder))
			watch(holder);
	}
	worker->n_outcomes = kept;
	ev_held_end(&queue);
	ev_held_end(&address);
}

/* Who holds that address, if that is known: many ask for what is held, and a row need not be looked at again for each. */
static TransactionId
known_holder(const char *key)
{
	Question *question = questions == NULL ? NULL : hash_search(questions, key, HASH_FIND, NULL);

	return question == NULL ? InvalidTransactionId : question->holder;
}

static void
look_at_questions(EvWorker *worker)
{
	bool all = ev_aside_rests(EV_DOING_QUESTIONS);
	EvHeldScan queue = {0};
	int kept = 0;

	if (!all)
		(void) ev_held_begin(&queue, "queue", "address");
	for (int i = 0; i < worker->n_inbox; i++)
	{
		const EvInboxEntry *entry = &worker->inbox[i];
		TransactionId holder = known_holder(entry->key);

		if (!TransactionIdIsValid(holder))
			holder = ev_held_text(&queue, entry->key);
		if (all || TransactionIdIsValid(holder))
			set_question_aside(worker, entry, holder);
		else if (kept++ < i)
			worker->inbox[kept - 1] = *entry;
		if (TransactionIdIsValid(holder))
			watch(holder);
	}
	worker->n_inbox = kept;
	ev_held_end(&queue);
}

static void
look_at_facts(EvWorker *worker)
{
	EvHeldScan domain;
	EvHeldScan host;
	int kept = 0;

	if (ev_aside_rests(EV_DOING_FACTS))
	{
		worker->n_domains = worker->n_hosts = 0;
		return;
	}
	(void) ev_held_begin(&domain, "domain", "domain");
	(void) ev_held_begin(&host, "domain_host", "domain");
	for (int i = 0; i < worker->n_domains; i++)
		if (!TransactionIdIsValid(ev_held_text(&domain, worker->domains[i].domain)))
			worker->domains[kept++] = worker->domains[i];
	worker->n_domains = kept;
	kept = 0;
	for (int i = 0; i < worker->n_hosts; i++)
		if (!TransactionIdIsValid(ev_held_text(&domain, worker->hosts[i].domain)) &&
		    !TransactionIdIsValid(ev_held_text(&host, worker->hosts[i].domain)))
			worker->hosts[kept++] = worker->hosts[i];
	worker->n_hosts = kept;
	ev_held_end(&domain);
	ev_held_end(&host);
}

/*
 * Is there a reason to look at what one kind stores?  Whoever holds a row of a table has a lock on the table, so most
 * cycles see in time what they would run into, and no time-out is spent on finding out.
 */
static bool
has_reason(EvDoing what, const char *table, const char *other)
{
	return look_next || n_holders > 0 || ev_aside_rests(what) || ev_held_written(table) ||
	       (other != NULL && ev_held_written(other));
}

void
ev_aside_look(EvWorker *worker)
{
	make_context();
	if (worker->n_outcomes > 0 && has_reason(EV_DOING_RESULTS, "queue", "address"))
		look_at_results(worker);
	if (worker->n_inbox > 0 && has_reason(EV_DOING_QUESTIONS, "queue", NULL))
		look_at_questions(worker);
	if (worker->n_domains + worker->n_hosts > 0 &&
	    has_reason(EV_DOING_FACTS, "domain", "domain_host"))
		look_at_facts(worker);
}

static bool
is_among(TransactionId xid, const TransactionId *xids, int n)
{
	for (int i = 0; i < n; i++)
		if (xids[i] == xid)
			return true;
	return false;
}

/* What these have held, which have ended. */
static void
set_free(const TransactionId *ended, int n)
{
	HASH_SEQ_STATUS seq;
	Question *question;

	for (int i = 0; i < n_results; i++)
		if (is_among(results[i].holder, ended, n))
		{
			results[i].holder = InvalidTransactionId;
			n_free_results++;
		}
	if (questions == NULL)
		return;
	hash_seq_init(&seq, questions);
	while ((question = hash_seq_search(&seq)) != NULL)
		if (is_among(question->holder, ended, n))
		{
			question->holder = InvalidTransactionId;
			n_free_questions++;
		}
}

void
ev_aside_watch(bool now)
{
	TimestampTz time;
	TransactionId *ended;
	int n_ended = 0;
	int kept = 0;

	for (int i = 0; i < EV_DOING_KINDS; i++)
		if (rests[i].until != 0 && !ev_aside_rests(i))
			rests[i].until = 0;
	if (n_holders == 0)
		return;
	time = GetCurrentTimestamp();
	if (!now && !TimestampDifferenceExceeds(watched_at, time, WATCH_MS))
		return;
	watched_at = time;
	ended = MemoryContextAlloc(context, n_holders * sizeof(*ended));
	for (int i = 0; i < n_holders; i++)
		if (TransactionIdIsInProgress(holders[i]))
			holders[kept++] = holders[i];
		else
			ended[n_ended++] = holders[i];
	n_holders = kept;
	if (n_ended > 0)
		set_free(ended, n_ended);
	pfree(ended);
}

bool
ev_aside_is_due(void)
{
	if (bad.id != 0)
		return true;
	if (searching)
		return false;
	return (n_free_results > 0 && !ev_aside_rests(EV_DOING_RESULTS)) ||
	       (n_free_questions > 0 && !ev_aside_rests(EV_DOING_QUESTIONS));
}

static void
return_results(EvWorker *worker)
{
	int kept = 0;

	for (int i = 0; i < n_results; i++)
	{
		if (TransactionIdIsValid(results[i].holder) || worker->n_outcomes == EV_RESULT_BATCH)
		{
			if (kept++ < i)
				results[kept - 1] = results[i];
			continue;
		}
		worker->outcomes[worker->n_outcomes++] = results[i].outcome;
		n_free_results--;
	}
	n_results = kept;
}

static void
return_questions(EvWorker *worker)
{
	HASH_SEQ_STATUS seq;
	Question *question;

	if (questions == NULL)
		return;
	hash_seq_init(&seq, questions);
	while ((question = hash_seq_search(&seq)) != NULL)
	{
		if (TransactionIdIsValid(question->holder))
			continue;
		if (worker->n_inbox == EV_INBOX_BATCH)
		{
			hash_seq_term(&seq);
			break;
		}
		worker->inbox[worker->n_inbox++] = question->entry;
		n_free_questions--;
		(void) hash_search(questions, question->key, HASH_REMOVE, NULL);
	}
}

/* All memory that it took for many goes with the last one. */
static void
give_memory_back(void)
{
	if (context == NULL || n_results > 0 || n_holders > 0 ||
	    (questions != NULL && hash_get_num_entries(questions) > 0))
		return;
	if (questions != NULL)
		hash_destroy(questions);
	questions = NULL;
	results = NULL;
	holders = NULL;
	max_results = max_holders = 0;
	MemoryContextReset(context);
}

void
ev_aside_return(EvWorker *worker)
{
	if (searching)
		return;
	if (n_free_results > 0 && !ev_aside_rests(EV_DOING_RESULTS))
		return_results(worker);
	/* a batch of the spool's has no company: its row ends with it */
	if (n_free_questions > 0 && worker->unspooling == 0 && !ev_aside_rests(EV_DOING_QUESTIONS))
		return_questions(worker);
	give_memory_back();
}

int
ev_aside_share(void)
{
	return Min(n_free_questions, EV_INBOX_BATCH / SHARE);
}

TimestampTz
ev_aside_wake(void)
{
	TimestampTz wake = 0;

	if (n_holders > 0)
		wake = TimestampTzPlusMilliseconds(watched_at, WATCH_MS);
	for (int i = 0; i < EV_DOING_KINDS; i++)
		if (rests[i].until != 0 && (wake == 0 || rests[i].until < wake))
			wake = rests[i].until;
	return wake;
}

int
ev_aside_questions(void)
{
	return questions == NULL ? 0 : (int) hash_get_num_entries(questions);
}

void
ev_aside_give_back(EvWorker *worker)
{
	HASH_SEQ_STATUS seq;
	Question *question;

	if (questions == NULL)
		return;
	hash_seq_init(&seq, questions);
	while ((question = hash_seq_search(&seq)) != NULL)
		ev_inbox_return(worker->db, &question->entry, 1);
	questions = NULL;
}
