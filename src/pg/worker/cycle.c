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
#include "pg/worker/cancel.h"
#include "pg/worker/count.h"
#include "pg/worker/cursor.h"
#include "pg/worker/fitness.h"
#include "pg/worker/lease.h"
#include "pg/worker/lost.h"
#include "pg/worker/spool.h"
#include "pg/worker/suspects.h"

/* Results wait this long for company, unless somebody waits for them. */
#define GATHER_MS 20

static bool
outcomes_are_ripe(EvWorker *worker)
{
	if (worker->n_outcomes == 0)
		return false;
	return worker->n_outcomes >= EV_RESULT_BATCH / 2 ||
	       pg_atomic_read_u32(&ev_shared->waiting) > 0 ||
	       TimestampDifferenceExceeds(worker->oldest_outcome, GetCurrentTimestamp(), GATHER_MS);
}

bool
ev_cycle_is_due(EvWorker *worker)
{
	if (ev_fitness_wants_cycle())
		return true;
	if (ev_fitness_refused())
		return false;
	return !worker->recovered || worker->policies_stale || worker->n_lost > 0 ||
	       pg_atomic_read_u32(&worker->db->policies) || worker->n_inbox > 0 ||
	       (!ev_aside_rests(EV_DOING_QUESTIONS) && !ev_inbox_is_empty(worker->db)) ||
	       (ev_spool_is_due(worker) && !ev_aside_rests(EV_DOING_QUESTIONS)) || ev_aside_is_due() ||
	       outcomes_are_ripe(worker) ||
	       worker->n_outcomes + worker->n_domains + worker->n_hosts >= EV_RESULT_BATCH ||
	       ev_lease_is_due(worker) || ev_count_is_due(worker);
}

static void
forget_outcomes(EvWorker *worker, const int64 *finished, int n_finished)
{
	for (int i = 0; i < worker->n_outcomes; i++)
	{
		ev_flight_end(worker, worker->outcomes[i].id);
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

void
ev_answer(EvWorker *worker, const EvStored *stored, int n)
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
	EvLeased leased;
	int64 *finished;
	int n_finished;
	bool alone_is_over;
	EvStored *parked; /* of those that are lost */
	int n_parked;
	int added; /* rows that came to the queue in this cycle, and rows that left it: about */
	int final;
	EvCount count;
} Done;

static void
take_rules(EvWorker *worker)
{
	struct ev_site_rule *rules = palloc0(EV_SITE_RULES_MAX * sizeof(struct ev_site_rule));
	int n;
	int there = ev_store_rules(rules, &n, &worker->rules_end);

	ev_probing_set_rules(worker, rules, n, there);
	pfree(rules);
}

/*
 * What the site says of mail servers and of their replies, if it is new.  It was committed by others,
 * so it does not wait for our commit; and nobody is leased, or asked, as long as it cannot be had.
 */
static void
take_policies(EvWorker *worker)
{
	struct ev_mx_policy *policies;

	if (ev_store_policies_changed() ||
	    (worker->rules_end != 0 && worker->rules_end <= GetCurrentTimestamp()))
		worker->policies_stale = true;
	if (!worker->policies_stale)
		return;
	policies = palloc0(EV_POLICIES_MAX * sizeof(struct ev_mx_policy));
	ev_probing_set_policies(worker, policies, ev_store_policies(policies, EV_POLICIES_MAX));
	pfree(policies);
	take_rules(worker);
	worker->checkers = ev_store_checkers();
	worker->policies_stale = false;
}

/* Before one is probed alone nothing else is under way: what cannot be stored just now has been answered. */
static void
end_batches(EvWorker *worker, Done *done)
{
	int n = (int) hash_get_num_entries(worker->batches);

	done->alone_is_over = ev_suspects_alone_is_over(worker);
	if (n == 0 || (worker->n_outcomes == 0 && worker->n_lost == 0 && !done->alone_is_over &&
	               !done->leased.alone))
		return;
	done->finished = MemoryContextAlloc(done->context, n * sizeof(int64));
	done->n_finished = ev_batches_finished(worker, done->leased.alone, done->finished);
	if (done->n_finished > 0)
		ev_store_end_batches(done->finished, done->n_finished);
}

/*
 * A row of the spool ends when all its addresses are queued.  Where some were set aside, since somebody holds them or
 * one is not sound, it stays: what is set aside lies in memory only, and the next round finds the rest queued.
 */
static void
end_unspooling(EvWorker *worker, Done *done)
{
	if (worker->n_inbox == worker->n_unspooled)
	{
		ev_store_unspooled(worker->unspooling);
		done->added -= worker->n_unspooled; /* they were counted when they were spooled */
		return;
	}
	worker->spool_after = worker->unspooling;
	done->added = 0;
}

static void
store_all(EvWorker *worker, Done *done)
{
	TimestampTz soonest = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 1000);

	take_policies(worker);
	ev_aside_doing(EV_DOING_FACTS);
	if (worker->n_domains > 0)
		ev_store_learn_domains(worker->domains, worker->n_domains);
	if (worker->n_hosts > 0)
		ev_store_learn_hosts(worker->hosts, worker->n_hosts);
	ev_aside_doing(EV_DOING_RESULTS);
	if (worker->n_outcomes > 0)
	{
		done->stored = MemoryContextAlloc(done->context, worker->n_outcomes * sizeof(EvStored));
		done->n_stored = ev_store_complete(worker->outcomes, worker->n_outcomes,
		                                   worker->settings.flip_delay, done->stored);
		if (worker->checkers && done->n_stored > 0)
			ev_store_set_aside(done->stored, done->n_stored);
	}
	ev_aside_doing(EV_DOING_OTHER);
	ev_aside_park();
	if (worker->n_lost > 0)
		done->n_parked = ev_lost_store(worker, done->context, &done->parked);
	ev_aside_doing(EV_DOING_QUESTIONS);
	if (worker->n_inbox > 0)
	{
		done->known = MemoryContextAlloc(done->context, worker->n_inbox * sizeof(EvStored));
		done->n_known = ev_store_enqueue(worker->inbox, worker->n_inbox,
		                                 worker->settings.mode == EV_MODE_SMTP &&
		                                     ev_settings_configured(&worker->settings),
		                                 worker->spools, done->known, &done->added);
		if (done->added > 0)
			for (int p = 0; p < EV_PRIORITIES; p++)
				worker->cursors[p].exhausted = false;
	}
	if (worker->unspooling != 0)
		end_unspooling(worker, done);
	ev_aside_doing(EV_DOING_OTHER);

	/* rows that wait for their results to be stored are still in the queue: not before */
	/*
	 * what this cycle postponed lies at least a second ahead: by now, in a slow one, it may be due,
	 * but is still called under way
	 */
	ev_lease(worker, Min(GetCurrentTimestamp(), soonest - 1), done->context, &done->leased);
	if (done->leased.looked_at != 0)
		worker->looked_at = done->leased.looked_at;
	end_batches(worker, done);
	worker->next_due = ev_store_next_due(worker->looked_at);
	ev_count_take(worker, &done->count);
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

	ev_cancel_tell(worker);
	forget_outcomes(worker, done->finished, done->n_finished);
	ev_aside_parked(worker);
	ev_lost_return(worker);
	if (worker->unspooling == 0)
		pg_atomic_fetch_add_u64(&db->counters.drained, worker->n_inbox);
	if (worker->spools)
	{
		worker->spooled = true;
		worker->spool_at = 0;
	}
	worker->n_inbox = 0;
	worker->unspooling = 0;
	worker->spools = false;
	if (done->alone_is_over)
		ev_suspects_alone_ended(worker);
	ev_lease_begin(worker, &done->leased);
	ev_answer(worker, done->stored, done->n_stored);
	ev_answer(worker, done->known, done->n_known);
	ev_suspects_tell(worker, done->parked, done->n_parked);
	ev_count_add(worker, done->added - done->final - done->n_parked);
	ev_count_publish(worker, &done->count);
	ConditionVariableBroadcast(&db->progress);
}

/*
 * What sessions ask goes first, and what lies in the spool is next in turn.  When sessions push faster than
 * addresses can be queued one by one, those of statements that ask for many are spooled.
 */
static void
take_questions(EvWorker *worker)
{
	int room = EV_INBOX_BATCH - ev_aside_share();

	worker->spool_turn = ev_spool_is_due(worker) &&
	                     (!worker->spool_turn || ev_inbox_is_empty(worker->db)) &&
	                     !ev_inbox_is_crowded(worker->db);
	if (worker->spool_turn)
	{
		ev_aside_doing(EV_DOING_QUESTIONS);
		ev_spool_take(worker);
		ev_aside_doing(EV_DOING_OTHER);
		return;
	}
	worker->spools = ev_inbox_is_crowded(worker->db);
	worker->n_inbox = ev_inbox_take(worker->db, worker->inbox, room);
}

bool
ev_cycle(EvWorker *worker)
{
	static MemoryContext context = NULL;
	Done done = {.count.asked = pg_atomic_read_u64(&worker->db->count_asked)};
	bool durable;

	if (context == NULL)
		context =
			AllocSetContextCreate(TopMemoryContext, "email_verify cycle", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(context);
	done.context = context;
	if (pg_atomic_exchange_u32(&worker->db->policies, 0) != 0)
		worker->policies_stale = true;
	ev_cursors_save(worker);
	if (!ev_store_begin())
		return false;

	/* not before: what is asked of a new extension is for the worker that comes after this one */
	if (worker->n_inbox == 0 && worker->unspooling == 0 && !ev_aside_rests(EV_DOING_QUESTIONS))
		take_questions(worker);
	ev_aside_return(worker);
	ev_aside_look(worker);
	done.final = count_final(worker);
	store_all(worker, &done);

	/*
	 * what is promised, and what may kill us, must outlive a crash; results are merely worth a
	 * second look
	 */
	durable = worker->n_inbox > 0 || worker->unspooling != 0 || done.leased.n > 0 ||
	          done.alone_is_over || worker->n_lost > 0;
	ev_store_commit(durable);
	after_commit(worker, &done);
	return true;
}
