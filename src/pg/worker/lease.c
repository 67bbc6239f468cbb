/*
 * lease.c
 *	  Rows of the queue that are taken to be probed, and are under way.
 *
 * There is one consumer, so a lease is no more than a note of what is under way: the rows stay in the
 * queue until their results are stored.  Which ones are taken is told by pick.c and, of those that a
 * crash has found under way, by suspects.c.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/worker/cursor.h"
#include "pg/worker/lease.h"
#include "pg/worker/lines.h"
#include "pg/worker/pick.h"
#include "pg/worker/suspects.h"

/*
 * Rows looked at for one that is to be alone: others before it may have results that cannot be stored
 * just now.
 */
#define ALONE_LOOK 16

void
ev_lease_reset(EvWorker *worker)
{
	ev_cursors_look_now();
	ev_suspects_look(worker);
}

bool
ev_lease_is_due(EvWorker *worker)
{
	EvTurn turn;

	if (ev_suspects_alone_is_over(worker))
		return true;
	if (ev_probing_room(worker) == 0)
		return false;
	if (ev_suspects_may_be_alone(worker))
		return true;
	turn = ev_suspects_turn(worker);
	if (turn != EV_TURN_ALL)
		return turn == EV_TURN_ALONE;
	if (ev_suspects_few_are_due(worker))
		return true;
	if (ev_pick_is_due(worker))
		return true;
	if (ev_cursors_wake() != 0 && ev_cursors_wake() <= GetCurrentTimestamp())
		return true;
	return worker->next_due != 0 && worker->next_due <= GetCurrentTimestamp();
}

TimestampTz
ev_lease_wake(EvWorker *worker)
{
	TimestampTz wake;

	if (ev_probing_room(worker) == 0)
		return 0;
	wake = ev_suspects_wake(worker);
	if (ev_suspects_turn(worker) != EV_TURN_ALL)
		return wake;
	if (worker->next_due != 0 && (wake == 0 || worker->next_due < wake))
		wake = worker->next_due;
	if (ev_cursors_wake() != 0 && (wake == 0 || ev_cursors_wake() < wake))
		wake = ev_cursors_wake();
	return wake;
}

/*
 * Up to `room` rows with so many crashes that are not under way, of the first `look` of them.  *seen:
 * how many of these there are.
 */
static int
lease_suspects(EvWorker *worker, int crashes, int look, int room, EvLease *out, int *seen)
{
	EvDue *due = palloc(look * sizeof(EvDue));
	int64 *ids = palloc(room * sizeof(int64));
	int n = 0;

	*seen = ev_store_suspects(crashes, due, look);
	for (int i = 0; i < *seen && n < room; i++)
		if (!ev_is_under_way(worker, &due[i]))
			ids[n++] = due[i].id;
	n = ev_store_lease(ids, n, out);
	pfree(due);
	pfree(ids);
	return n;
}

/* The first row that is to be alone; false: there is none. */
static bool
find_alone(EvWorker *worker, EvLease *lease)
{
	int seen;
	bool found = lease_suspects(worker, 2, ALONE_LOOK, 1, lease, &seen) > 0;

	ev_suspects_alone_seen(worker, found, seen > 0);
	return found;
}

static void
lease_few(EvWorker *worker, int room, EvLeased *leased)
{
	int under_way = worker->suspects.under_way;
	int want = Min(room, EV_SUSPECTS_MAX - under_way);
	int seen;

	if (want <= 0 || !ev_suspects_few_are_due(worker))
		return;
	leased->n = leased->n_suspects =
		lease_suspects(worker, 1, under_way + want, want, leased->leases, &seen);
	ev_suspects_few_seen(worker, leased->n == want, seen > 0);
}

static void
lease_ordinary(EvWorker *worker, TimestampTz now, int room, EvLeased *leased)
{
	int64 *ids = palloc(room * sizeof(int64));
	int n = ev_pick(worker, now, ids, room - leased->n);

	leased->n += ev_store_lease(ids, n, leased->leases + leased->n);
	pfree(ids);
}

static int64
begin_batch(const EvLease *leases, int n)
{
	int64 *ids;

	if (n == 0)
		return 0;
	ids = palloc(n * sizeof(int64));
	for (int i = 0; i < n; i++)
		ids[i] = leases[i].id;
	return ev_store_begin_batch(ids, n);
}

void
ev_lease(EvWorker *worker, TimestampTz due_by, MemoryContext context, EvLeased *leased)
{
	int room = Min(ev_probing_room(worker), EV_LEASE_BATCH);

	memset(leased, 0, sizeof(*leased));
	if (room == 0)
		return;
	leased->leases = MemoryContextAlloc(context, room * sizeof(EvLease));
	if (ev_suspects_may_be_alone(worker))
		(void) find_alone(worker, leased->leases);
	if (ev_suspects_turn(worker) == EV_TURN_ALONE && find_alone(worker, leased->leases))
	{
		leased->alone = true;
		leased->n = leased->n_suspects = 1;
	}
	else if (ev_suspects_turn(worker) == EV_TURN_ALL)
	{
		lease_few(worker, room, leased);
		lease_ordinary(worker, due_by, room, leased);
		leased->looked_at = due_by;
	}
	leased->suspect_batch = begin_batch(leased->leases, leased->n_suspects);
	leased->batch =
		begin_batch(leased->leases + leased->n_suspects, leased->n - leased->n_suspects);
}

static void
remember_batch(EvWorker *worker, int64 number)
{
	EvBatch *batch;

	if (number == 0)
		return;
	batch = hash_search(worker->batches, &number, HASH_ENTER, NULL);
	batch->left = 0;
}

void
ev_lease_begin(EvWorker *worker, const EvLeased *leased)
{
	int n = leased->n_suspects;

	remember_batch(worker, leased->suspect_batch);
	remember_batch(worker, leased->batch);
	if (leased->alone)
		ev_suspects_alone_began(worker, leased->suspect_batch);
	pg_atomic_fetch_add_u64(&worker->db->counters.leased, leased->n);
	ev_probing_submit(worker, leased->leases, n, leased->suspect_batch);
	ev_probing_submit(worker, leased->leases + n, leased->n - n, leased->batch);
	ev_lines_settle();
}

EvFlight *
ev_flight_begin(EvWorker *worker, const EvLease *lease, int64 batch)
{
	EvFlight *flight = hash_search(worker->flights, &lease->id, HASH_ENTER, NULL);

	flight->batch = batch;
	flight->attempts = lease->attempts;
	flight->put_backs = lease->put_backs;
	flight->second_look = lease->second_look;
	flight->visits = false;
	flight->answered = false;
	flight->lost = EV_LOST_NOT;
	flight->row_lost = false;
	flight->few = lease->crashes == 1;
	flight->priority = lease->priority;
	flight->line = lease->crashes > 0 ? NULL : ev_line_of(lease->key);
	if (flight->line != NULL)
		ev_line_begin(flight->line, flight->priority);
	worker->suspects.under_way += flight->few;
	strlcpy(flight->key, lease->key, sizeof(flight->key));
	return flight;
}

void
ev_flight_end(EvWorker *worker, int64 id)
{
	EvFlight *flight = hash_search(worker->flights, &id, HASH_FIND, NULL);

	if (flight == NULL)
		return;
	if (flight->few)
		ev_suspects_few_ended(worker);
	if (flight->line != NULL)
		ev_line_end(flight->line, flight->priority);
	ev_flight_visited(worker, flight, false);
	if (flight->row_lost)
		ev_lease_reset(worker);
	(void) hash_search(worker->flights, &id, HASH_REMOVE, NULL);
}

/* Counted anew each time, so that a cycle which fails leaves nothing to be put right. */
int
ev_batches_finished(EvWorker *worker, bool all, int64 *finished)
{
	HASH_SEQ_STATUS seq;
	EvBatch *batch;
	EvFlight *flight;
	int64 alone = ev_suspects_alone_is_over(worker) ? worker->suspects.alone_batch : 0;
	int n = 0;

	hash_seq_init(&seq, worker->batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
		batch->left = 0;
	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
	{
		batch = hash_search(worker->batches, &flight->batch, HASH_FIND, NULL);
		if (batch != NULL && flight->lost == EV_LOST_NOT)
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
		if (batch->left == 0 || all || batch->batch == alone)
			finished[n++] = batch->batch;
	return n;
}
