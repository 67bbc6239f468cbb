/*
 * lost.c
 *	  Addresses whose prober was gone before it had answered; see lost.h.
 */
#include "postgres.h"

#include <signal.h>

#include "pg/worker/lease.h"
#include "pg/worker/lost.h"
#include "pg/worker/suspects.h"

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

/* The address that was alone under way when somebody outside last ended the process. */
static char alone_when_killed[EV_ADDRESS_KEY_SIZE] = "";

/* Only the one that is under way, if it is the same as the last time. */
static bool
is_alone_again(EvWorker *worker)
{
	HASH_SEQ_STATUS seq;
	EvFlight *flight;
	const EvFlight *first = NULL;
	bool again;
	int n = 0;

	hash_seq_init(&seq, worker->flights);
	while ((flight = hash_seq_search(&seq)) != NULL)
		if (!flight->answered && flight->lost == EV_LOST_NOT && n++ == 0)
			first = flight;
	if (n == 0)
		return false;
	again = n == 1 && strcmp(alone_when_killed, first->key) == 0;
	strlcpy(alone_when_killed, n == 1 ? first->key : "", sizeof(alone_when_killed));
	return again;
}

/*
 * May one of the addresses under way have ended it?  Not by a signal that only somebody else sends (a
 * hand, the kernel that is out of memory), unless that meets the same address alone again.
 */
static bool
is_suspicious(EvWorker *worker, const struct ev_prober_end *end)
{
	bool outside =
		end->cause == EV_END_SIGNALED && (end->status == SIGKILL || end->status == SIGTERM);

	return end->suspect && (!outside || is_alone_again(worker));
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

	ev_lost_mark(worker, is_suspicious(worker, end));
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
	return ev_store_suspect(ids, n, EV_SUSPECTS_TOO_OFTEN, *parked);
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
