/*
 * cycle.c
 *	  One store cycle: policies out, results in, inbox in, leases out, in one short transaction.
 *
 * Nothing is taken out of the worker's arrays before the transaction has committed, so a failed
 * cycle is simply tried again.  What the network is told to do (submit) and what sessions are told
 * (answers) comes after the commit.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/aside.h"
#include "pg/worker/worker.h"

/* Results wait this long for company, unless somebody waits for them. */
#define GATHER_MS 20

/* A full queue is counted anew at most this often. */
#define RECOUNT_MS 10000

static bool
outcomes_are_ripe(EvWorker *worker)
{
	if (worker->n_outcomes == 0)
		return false;
	return worker->n_outcomes >= EV_RESULT_BATCH / 2 ||
	       pg_atomic_read_u32(&ev_shared->waiting) > 0 ||
	       TimestampDifferenceExceeds(worker->oldest_outcome, GetCurrentTimestamp(), GATHER_MS);
}

static bool
lease_is_due(EvWorker *worker)
{
	if (ev_probing_room(worker) == 0)
		return false;
	for (int p = 0; p < EV_PRIORITIES; p++)
		if (!worker->cursors[p].exhausted)
			return true;
	return worker->next_due != 0 && worker->next_due <= GetCurrentTimestamp();
}

static bool
count_is_asked(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->count_asked) >
	       pg_atomic_read_u64(&worker->db->count_answered);
}

bool
ev_cycle_is_due(EvWorker *worker)
{
	return worker->policies_stale || pg_atomic_read_u32(&worker->db->policies) ||
	       worker->n_inbox > 0 || !ev_inbox_is_empty(worker->db) || outcomes_are_ripe(worker) ||
	       worker->n_outcomes + worker->n_domains + worker->n_hosts >= EV_RESULT_BATCH ||
	       lease_is_due(worker) || count_is_asked(worker);
}

/* Take rows of all priorities; rows that are under way already are passed over. */
static int
lease(EvWorker *worker, EvLease *leases, int room)
{
	TimestampTz now = GetCurrentTimestamp();
	int n = 0;

	/*
	 * with nothing under way there is nothing to pass over: this also mends a clock that was set
	 * back
	 */
	if (hash_get_num_entries(worker->flights) == 0)
		for (int p = 0; p < EV_PRIORITIES; p++)
		{
			worker->cursors[p].due_at = 0;
			worker->cursors[p].id = 0;
		}
	if (worker->next_due != 0 && worker->next_due <= now)
		for (int p = 0; p < EV_PRIORITIES; p++)
			worker->cursors[p].exhausted = false;
	for (int p = 0; p < EV_PRIORITIES; p++)
	{
		EvCursor *cursor = &worker->cursors[p];
		int want = Min(room, EV_LEASE_BATCH) - n;
		int got;

		if (cursor->exhausted || want <= 0)
			continue;
		got = ev_store_lease(p, cursor->due_at, cursor->id, now, leases + n, want);
		if (got > 0)
		{
			cursor->due_at = leases[n + got - 1].due_at;
			cursor->id = leases[n + got - 1].id;
		}
		cursor->exhausted = got < want;
		for (int i = 0, end = n + got, start = n; start + i < end; i++)
			if (hash_search(worker->flights, &leases[start + i].id, HASH_FIND, NULL) == NULL)
				leases[n++] = leases[start + i];
	}
	return n;
}

/*
 * Batches that have nothing under way once these results are stored; finished has room for all
 * batches.  Counted anew each time, so that a cycle which fails leaves nothing to be put right.
 */
static int
finished_batches(EvWorker *worker, int64 *finished)
{
	HASH_SEQ_STATUS seq;
	EvBatch *batch;
	EvFlight *flight;
	int n = 0;

	hash_seq_init(&seq, worker->batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
		batch->left = 0;
	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
	{
		batch = hash_search(worker->batches, &flight->batch, HASH_FIND, NULL);
		if (batch != NULL)
			batch->left++;
	}
	for (int i = 0; i < worker->n_outcomes; i++)
	{
		flight = hash_search(worker->flights, &worker->outcomes[i].id, HASH_FIND, NULL);
		batch =
			flight == NULL ? NULL : hash_search(worker->batches, &flight->batch, HASH_FIND, NULL);
		if (batch != NULL)
			batch->left--;
	}
	hash_seq_init(&seq, worker->batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
		if (batch->left == 0)
			finished[n++] = batch->batch;
	return n;
}

static void
forget_outcomes(EvWorker *worker, const int64 *finished, int n_finished)
{
	for (int i = 0; i < worker->n_outcomes; i++)
	{
		(void) hash_search(worker->flights, &worker->outcomes[i].id, HASH_REMOVE, NULL);
		if (worker->outcomes[i].put_back)
			pg_atomic_fetch_add_u64(&worker->db->counters.put_back, 1);
		else
		{
			pg_atomic_fetch_add_u64(&worker->db->counters.completed, 1);
			worker->completed++;
		}
	}
	for (int i = 0; i < n_finished; i++)
		(void) hash_search(worker->batches, &finished[i], HASH_REMOVE, NULL);
	worker->n_outcomes = worker->n_domains = worker->n_hosts = 0;
}

static void
remember_batch(EvWorker *worker, int64 number, int n)
{
	EvBatch *batch = hash_search(worker->batches, &number, HASH_ENTER, NULL);

	batch->left = n;
	pg_atomic_fetch_add_u64(&worker->db->counters.leased, n);
}

static void
answer(EvWorker *worker, const EvStored *stored, int n)
{
	for (int i = 0; i < n; i++)
		ev_waiters_answer(worker->db->dboid, stored[i].key, strlen(stored[i].key),
		                  &stored[i].verdict, stored[i].checked_at, stored[i].retry_at,
		                  stored[i].asked_at);
}

/* What one cycle has read and written, for after its commit. */
typedef struct Done
{
	MemoryContext
		context; /* outlives the transaction, unlike SPI's, which every SPI call makes current */
	EvStored *stored;
	int n_stored;
	EvStored *known;
	int n_known;
	EvLease *leases;
	int n_leases;
	int64 batch;
	int64 *finished;
	int n_finished;
	int added; /* rows that came to the queue in this cycle, and rows that left it: about */
	int final;
	bool recounted;
	bool counted;
	uint64 asked;
	int64 unanswered;
	int64 queued;
} Done;

/*
 * What the site says of mail servers, if it is new.  It was committed by others, so it does not
 * wait for our commit; and nobody is leased, or asked, as long as it cannot be had.
 */
static void
take_policies(EvWorker *worker)
{
	struct ev_mx_policy *policies;

	if (ev_store_policies_changed())
		worker->policies_stale = true;
	if (!worker->policies_stale)
		return;
	policies = palloc0(EV_POLICIES_MAX * sizeof(struct ev_mx_policy));
	ev_probing_set_policies(worker, policies, ev_store_policies(policies, EV_POLICIES_MAX));
	pfree(policies);
	worker->policies_stale = false;
}

/* The count of queued rows is kept by adding and subtracting; while it refuses questions it is looked at more closely. */
static bool
recount_is_due(EvWorker *worker)
{
	static TimestampTz last = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (pg_atomic_read_u64(&worker->db->queued) < (uint64) worker->settings.max_queue ||
	    !TimestampDifferenceExceeds(last, now, RECOUNT_MS))
		return false;
	last = now;
	return true;
}

static void
store_all(EvWorker *worker, Done *done)
{
	TimestampTz soonest = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 1000);
	int room;

	take_policies(worker);
	if (worker->n_domains > 0)
		ev_store_learn_domains(worker->domains, worker->n_domains);
	if (worker->n_hosts > 0)
		ev_store_learn_hosts(worker->hosts, worker->n_hosts);
	if (worker->n_outcomes > 0)
	{
		done->stored = MemoryContextAlloc(done->context, worker->n_outcomes * sizeof(EvStored));
		done->finished = MemoryContextAlloc(
			done->context, Max(hash_get_num_entries(worker->batches), 1) * sizeof(int64));
		done->n_stored = ev_store_complete(worker->outcomes, worker->n_outcomes,
		                                   worker->settings.flip_delay, done->stored);
		done->n_finished = finished_batches(worker, done->finished);
		if (done->n_finished > 0)
			ev_store_end_batches(done->finished, done->n_finished);
	}
	if (worker->n_inbox > 0)
	{
		done->known = MemoryContextAlloc(done->context, worker->n_inbox * sizeof(EvStored));
		done->n_known = ev_store_enqueue(worker->inbox, worker->n_inbox,
		                                 worker->settings.mode == EV_MODE_SMTP &&
		                                     ev_settings_configured(&worker->settings),
		                                 done->known, &done->added);
		if (done->added > 0)
			worker->cursors[0].exhausted = false;
	}

	/* rows that wait for their results to be stored are still in the queue: not before */
	room = ev_probing_room(worker);
	if (room > 0)
	{
		TimestampTz now = GetCurrentTimestamp();

		done->leases =
			MemoryContextAlloc(done->context, Min(room, EV_LEASE_BATCH) * sizeof(EvLease));
		done->n_leases = lease(worker, done->leases, room);
		if (done->n_leases > 0)
		{
			int64 *ids = palloc(done->n_leases * sizeof(int64));

			for (int i = 0; i < done->n_leases; i++)
				ids[i] = done->leases[i].id;
			done->batch = ev_store_begin_batch(ids, done->n_leases);
		}

		/*
		 * what this cycle postponed lies at least a second ahead: by now, in a slow one, it may be
		 * due
		 */
		worker->looked_at = Min(now, soonest - 1);
	}
	worker->next_due = ev_store_next_due(worker->looked_at);
	if (count_is_asked(worker) && worker->n_inbox < EV_INBOX_BATCH)
	{
		done->counted = true;
		done->unanswered = ev_store_count_unanswered() + ev_aside_questions();
		done->queued = ev_store_count_queued();
	}
	else if (recount_is_due(worker))
	{
		done->recounted = true;
		done->queued = ev_store_count_queued();
	}
}

/* Only this process writes the count, so it need not be done in one step; it never goes below 0. */
static void
count_queued(EvDatabase *db, int change)
{
	int64 queued = (int64) pg_atomic_read_u64(&db->queued) + change;

	pg_atomic_write_u64(&db->queued, (uint64) Max(queued, 0));
}

static int
count_final(const EvWorker *worker)
{
	int n = 0;

	for (int i = 0; i < worker->n_outcomes; i++)
		if (!worker->outcomes[i].put_back && worker->outcomes[i].retry_after == 0)
			n++;
	return n;
}

static void
after_commit(EvWorker *worker, const Done *done)
{
	EvDatabase *db = worker->db;

	forget_outcomes(worker, done->finished, done->n_finished);
	pg_atomic_fetch_add_u64(&db->counters.drained, worker->n_inbox);
	worker->n_inbox = 0;
	if (done->n_leases > 0)
	{
		remember_batch(worker, done->batch, done->n_leases);
		ev_probing_submit(worker, done->leases, done->n_leases, done->batch);
	}
	answer(worker, done->stored, done->n_stored);
	answer(worker, done->known, done->n_known);
	if (done->counted)
	{
		pg_atomic_write_u64(&db->unanswered, (uint64) done->unanswered);
		pg_atomic_write_u64(&db->queued, (uint64) done->queued);
		pg_atomic_write_u64(&db->count_answered, done->asked);
	}
	else if (done->recounted)
		pg_atomic_write_u64(&db->queued, (uint64) done->queued);
	else
		count_queued(db, done->added - done->final);
	ConditionVariableBroadcast(&db->progress);
}

bool
ev_cycle(EvWorker *worker)
{
	static MemoryContext context = NULL;
	Done done = {.asked = pg_atomic_read_u64(&worker->db->count_asked)};
	bool durable;

	if (context == NULL)
		context =
			AllocSetContextCreate(TopMemoryContext, "email_verify cycle", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(context);
	done.context = context;
	done.final = count_final(worker);
	if (pg_atomic_exchange_u32(&worker->db->policies, 0) != 0)
		worker->policies_stale = true;
	if (!ev_store_begin())
		return false;

	/* not before: what is asked of a new extension is for the worker that comes after this one */
	if (worker->n_inbox == 0)
		worker->n_inbox = ev_inbox_take(worker->db, worker->inbox, EV_INBOX_BATCH);
	store_all(worker, &done);

	/*
	 * what is promised, and what may kill us, must outlive a crash; results are merely worth a
	 * second look
	 */
	durable = worker->n_inbox > 0 || done.n_leases > 0;
	ev_store_commit(durable);
	after_commit(worker, &done);
	return true;
}
