/*
 * lost.c
 *	  Addresses whose prober was gone before it had answered; see lost.h.
 */
#include "postgres.h"

#include "pg/worker/lease.h"
#include "pg/worker/lost.h"

void
ev_lost_mark(EvWorker *worker, bool suspect)
{
	HASH_SEQ_STATUS seq;
	EvFlight *flight;

	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
	{
		if (flight->answered || flight->lost != EV_LOST_NOT)
			continue;
		flight->lost = suspect ? EV_LOST_SUSPECT : EV_LOST_RETURNED;
		worker->n_lost++;
	}
}

static const char *
hint_for(const struct ev_prober_end *end)
{
	if (end->cause == EV_END_NOT_STARTED)
		return "The program email_verify_prober belongs next to the library email_verify_worker. "
			   "Without it, set email_verify.prober to \"inline\".";
	if (end->cause != EV_END_EXITED)
		return NULL;
	switch (end->status)
	{
		case EV_EXIT_PROTOCOL: return "Restart the server after an upgrade of email_verify.";
		case EV_EXIT_SETTINGS: return "Look at the settings email_verify.*.";
		case EV_EXIT_NOT_LOADED: return "Look for libraries that the program misses.";
		default: return NULL;
	}
}

static const char *
story_of(const struct ev_prober_end *end)
{
	switch (end->cause)
	{
		case EV_END_EXITED: return psprintf("it exited with exit code %d", end->status);
		case EV_END_SIGNALED:
			return psprintf("it was ended by signal %d: %s", end->status,
			                pg_strsignal(end->status));
		case EV_END_PROTOCOL: return psprintf("it sent what no prober sends (%s)", end->fault);
		case EV_END_SILENT: return "it did not respond";
		case EV_END_NOT_STARTED:
			return psprintf("it could not be started: %s", strerror(end->status));
		case EV_END_REPLACED: break;
	}
	return "the new settings need a new one";
}

static void
report(const struct ev_prober_end *end, int lost)
{
	const char *hint = hint_for(end);

	ereport(end->cause == EV_END_REPLACED ? DEBUG1 : WARNING,
	        (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
	         errmsg("email_verify has lost its prober's process (PID %d): %s", end->process,
	                story_of(end)),
	         errdetail("%d addresses that it was verifying are queued again; the next process is "
	                   "started in %u seconds.",
	                   lost, end->restart / 1000),
	         hint == NULL ? 0 : errhint("%s", hint)));
}

void
ev_lost_process(EvWorker *worker, const struct ev_prober_end *end)
{
	int before = worker->n_lost;

	ev_lost_mark(worker, end->suspect);
	if (end->cause != EV_END_REPLACED && end->cause != EV_END_NOT_STARTED)
		pg_atomic_fetch_add_u64(&worker->db->counters.prober_crashes, 1);
	report(end, worker->n_lost - before);
}

int
ev_lost_store(EvWorker *worker, MemoryContext context, EvStored **parked)
{
	int64 *ids = palloc(worker->n_lost * sizeof(int64));
	HASH_SEQ_STATUS seq;
	EvFlight *flight;
	int n = 0;

	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
		if (flight->lost == EV_LOST_SUSPECT)
			ids[n++] = flight->id;
	if (n == 0)
		return 0;
	*parked = MemoryContextAllocHuge(context, n * sizeof(EvStored));
	return ev_store_suspect(ids, n, *parked);
}

void
ev_lost_return(EvWorker *worker)
{
	HASH_SEQ_STATUS seq;
	EvFlight *flight;

	if (worker->n_lost == 0)
		return;
	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
		if (flight->lost != EV_LOST_NOT)
			ev_flight_end(worker, flight->id);
	worker->n_lost = 0;
	ev_lease_reset(worker);
}
