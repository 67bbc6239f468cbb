/*
 * worker.c
 *	  One database's worker: its life and its loop.
 *
 * It waits in one place, for its latch, the postmaster's death and the prober's descriptor; it
 * holds no transaction, snapshot or lock while it waits; idle, it has no timer.  An error in a
 * store cycle costs that cycle and a pause, not the sessions under way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/shared/candidate.h"
#include "pg/shared/compat.h"
#include "pg/shared/waits.h"
#include "pg/worker/activity.h"
#include "pg/worker/aside.h"
#include "pg/worker/cancel.h"
#include "pg/worker/count.h"
#include "pg/worker/cursor.h"
#include "pg/worker/fitness.h"
#include "pg/worker/lease.h"
#include "pg/worker/lines.h"
#include "pg/worker/outage.h"
#include "pg/worker/process.h"
#include "pg/worker/spool.h"
#include "pg/worker/suspects.h"
#include "pg/worker/upkeep.h"

#define MAX_BACKOFF_MS 60000

/* With no room for more results the network is looked after at least this often. */
#define FULL_NAP_MS 50

static EvDatabase *my_database = NULL;

/* Why the process ends; an error leaves it at DOWN. */
static EvDatabaseState exit_state = EV_DB_DOWN;

/* Somebody needs the database for himself; the next worker goes on where this one ends. */
static bool makes_way = false;

static void
say_goodbye(int code, Datum arg)
{
	EvWorker *worker = (EvWorker *) DatumGetPointer(arg);

	/* a prober in a process of its own goes first */
	ev_probing_end(worker);
	ev_database_detach(my_database);
	pg_atomic_write_u32(&my_database->inflight, 0);
	pg_atomic_write_u32(&my_database->sessions, 0);
	ev_gates_clear(my_database);

	/* somebody may have created the extension while we were leaving because there was none */
	if (exit_state == EV_DB_ABSENT && pg_atomic_read_u32(&my_database->check))
		exit_state = EV_DB_WANTED;

	/* who has the database for himself may have had to terminate us: that is no failure */
	if (exit_state == EV_DB_DOWN && ev_database_is_held(my_database))
		exit_state = EV_DB_WANTED;
	ev_database_set_state(my_database, exit_state);
	ev_waiters_wake(my_database->dboid);
	ev_launcher_wake();
}

/* Before anything that others could see of us in the database. */
static void
attach(EvWorker *worker)
{
	switch (ev_database_attach(my_database))
	{
		case EV_ATTACHED: break;
		case EV_ATTACH_UNEXPECTED: proc_exit(0);
		case EV_ATTACH_HELD:
			ev_database_set_state(my_database, EV_DB_WANTED);
			ev_launcher_wake();
			proc_exit(0);
	}
	before_shmem_exit(say_goodbye, PointerGetDatum(worker));
}

static void
say_hello(void)
{
	my_database->started_at = GetCurrentTimestamp();
	ev_rates_start(&my_database->rates, my_database->started_at);
	ev_activity_hello();
	ev_fitness_start(my_database);

	/* it starts one worker at a time */
	ev_launcher_wake();
}

static void
leave(EvDatabaseState state, const char *why)
{
	ev_activity_goodbye(why);
	exit_state = state;
	proc_exit(0);
}

static bool
extension_exists(void)
{
	bool exists;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	exists = OidIsValid(get_extension_oid("email_verify", true));
	CommitTransactionCommand();
	return exists;
}

static void
leave_if_unwanted(const EvSettings *settings)
{
	bool wanted;

	pg_atomic_write_u32(&my_database->check, 0);
	makes_way = ev_database_is_held(my_database);
	if (makes_way)
		leave(EV_DB_WANTED, "a command needs the database for itself");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	wanted = ev_my_database_wanted(settings->databases);
	CommitTransactionCommand();
	if (!wanted)
		leave(EV_DB_ABSENT, "it is not in email_verify.databases, or not connectable");
	if (!extension_exists())
		leave(EV_DB_ABSENT, "the extension is not installed there");
}

/* Questions that are not in the queue yet go back to where the next worker finds them. */
static void
give_back_questions(EvWorker *worker)
{
	if (worker->unspooling == 0)
		ev_inbox_return(worker->db, worker->inbox, worker->n_inbox);
	worker->n_inbox = 0;
	ev_aside_give_back(worker);
}

/*
 * Whatever ends this process but a crash leads here: SIGTERM (also in the middle of a store
 * transaction), an error, a reason to leave.  Nobody shall suspect what was under way then.  It is no
 * time for waiting, neither for locks nor for other servers, nor for the disk if the shutdown
 * checkpoint is going to write it; if this fails, the next start suspects more than it had to.
 */
static void
end_in_order(int code, Datum arg)
{
	EvWorker *worker = (EvWorker *) DatumGetPointer(arg);
	int64 *batches;
	HASH_SEQ_STATUS seq;
	EvBatch *batch;
	int n = 0;

	AbortOutOfAnyTransaction();
	if (exit_state == EV_DB_DOWN || makes_way)
		give_back_questions(worker);
	if ((hash_get_num_entries(worker->batches) == 0 && !ev_commands_under_way()) ||
	    !ev_store_begin())
		return;
	batches = palloc(hash_get_num_entries(worker->batches) * sizeof(int64));
	hash_seq_init(&seq, worker->batches);
	while ((batch = hash_seq_search(&seq)) != NULL)
		batches[n++] = batch->batch;
	if (n > 0)
		ev_store_leave(batches, n);
	if (ev_commands_under_way())
		ev_store_leave_commands();
	ev_store_commit(!PostmasterIsAlive());
}

static HTAB *
make_hash(const char *name, Size entry)
{
	HASHCTL ctl = {.keysize = sizeof(int64), .entrysize = entry, .hcxt = TopMemoryContext};

	return hash_create(name, 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
init_worker(EvWorker *worker)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	memset(worker, 0, sizeof(*worker));
	worker->db = my_database;
	worker->policies_stale = true;
	worker->spooled = true;
	worker->settings_context =
		AllocSetContextCreate(TopMemoryContext, "email_verify settings", ALLOCSET_DEFAULT_SIZES);
	worker->flights = make_hash("email_verify flights", sizeof(EvFlight));
	worker->batches = make_hash("email_verify batches", sizeof(EvBatch));
	worker->inbox = palloc(EV_INBOX_BATCH * sizeof(EvInboxEntry));
	worker->outcomes = palloc(EV_RESULT_BATCH * sizeof(EvOutcome));
	worker->domains = palloc(EV_RESULT_BATCH * sizeof(struct ev_domain_fact));
	worker->hosts = palloc(EV_RESULT_BATCH * sizeof(struct ev_host_fact));
	MemoryContextSwitchTo(old);
	ev_probing_configure(worker);
}

/*
 * One cycle; an error is reported and costs a pause, which doubles while errors go on.  Rows that
 * somebody else holds, and tables that one kind of what is stored needs, cost none (aside.h).
 */
static bool
try_cycle(EvWorker *worker, int *backoff_ms)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool there = true;

	PG_TRY();
	{
		bool recovered = worker->recovered;

		there = recovered ? ev_cycle(worker) : ev_suspects_recover(worker);
		if (there)
		{
			ev_aside_stored();
			ev_outage_over();
		}
		if (there && recovered)
			ev_fitness_succeeded();
		*backoff_ms = 0;
	}
	PG_CATCH();
	{
		ErrorData *error;
		bool refused;
		bool fault;
		int code = geterrcode();
		int category = ERRCODE_TO_CATEGORY(code);
		bool locked = code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_T_R_DEADLOCK_DETECTED;
		EvLockMet met = locked ? ev_aside_locked() : EV_LOCK_ALL;

		if (locked)
			ev_spool_drop(worker);

		/* rows that it leased are not under way: they lie ahead again */
		ev_cursors_restore(worker);
		ev_lines_restore();
		ev_suspects_look(worker);

		/* a row that somebody holds is no fault: nothing is said of it */
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		ev_store_abort();
		MemoryContextSwitchTo(old);
		refused = ev_fitness_failed(error);

		/* what lies in a row is looked for, and costs that row */
		fault = !refused &&
		        (category == ERRCODE_DATA_EXCEPTION ||
		         category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION) &&
		        ev_aside_fault(worker, error->message == NULL ? "?" : error->message);
		FreeErrorData(error);
		if (!refused && met != EV_LOCK_EXPLAINED)
			ev_outage_report(met == EV_LOCK_TABLE || fault);
		FlushErrorState();
		if (met != EV_LOCK_EXPLAINED)
			pg_atomic_fetch_add_u64(&worker->db->counters.errors, 1);
		if (refused)
			*backoff_ms = 0; /* it is not time that mends this */
		else if (met == EV_LOCK_ALL && !fault)
			*backoff_ms = Min(Max(*backoff_ms * 2, 1000), MAX_BACKOFF_MS);
	}
	PG_END_TRY();
	return there;
}

/*
 * Which process the prober is, and what it has given up; once it is known, that the system did not
 * let it give up more.
 */
static void
publish_prober(EvWorker *worker)
{
	static bool told = false;
	struct ev_prober_stats stats;
	const struct ev_prober_stats *now = &stats;
	EvDatabase *db = worker->db;
	char text[EV_PROBER_CONFINED_SIZE];

	ev_prober_stats(worker->prober, &stats);
	if (now->process == worker->published_prober.process &&
	    now->confinement == worker->published_prober.confinement)
		return;
	worker->published_prober = *now;
	StaticAssertStmt(EV_PROBER_CONFINED_SIZE >= EV_CONFINEMENT_TEXT_SIZE, "room for the text");
	ev_confinement_text(now->confinement, text);
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	db->prober_pid = now->process;
	strlcpy(db->prober_confined, text, sizeof(db->prober_confined));
	LWLockRelease(db->lock);
	if (now->confinement == 0)
		return;
	ereport(now->confinement == EV_CONFINED_ALL || told ? DEBUG1 : LOG,
	        (errmsg("email_verify: the prober's process (PID %d) has given up: %s", now->process,
	                text)));
	told = true;
}

/* Milliseconds, -1: never; a time, 0: never. */
static long
sooner(long ms, TimestampTz wake)
{
	long until;

	if (wake == 0)
		return ms;
	until = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), wake);
	return ms < 0 ? until : Min(ms, until);
}

/* When something is to be done in the store by itself; 0: never.  A worker that refuses to work does nothing. */
static TimestampTz
store_wake(EvWorker *worker, TimestampTz not_before)
{
	TimestampTz wake = 0;

	if (ev_fitness_refused())
		return 0;
	if (not_before != 0)
		wake = not_before;
	else if (worker->n_outcomes > 0)
		wake = TimestampTzPlusMilliseconds(worker->oldest_outcome, 20);
	else
		wake = ev_lease_wake(worker);
	if (not_before == 0 && ev_aside_wake() != 0 && (wake == 0 || ev_aside_wake() < wake))
		wake = ev_aside_wake();
	if (not_before == 0 && ev_spool_wake(worker) != 0 &&
	    (wake == 0 || ev_spool_wake(worker) < wake))
		wake = ev_spool_wake(worker);
	return wake;
}

/*
 * Milliseconds until the prober is to be looked after; -1: never.  What it holds for us cannot be taken
 * before the store works again; until somebody has mended that, nothing but open sessions needs it.
 */
static long
network_wake(EvWorker *worker)
{
	long ms = ev_prober_deadline(worker->prober);
	struct ev_prober_stats stats;

	if (ms != 0 || ev_probing_can_collect(worker))
		return ms;
	ev_prober_stats(worker->prober, &stats);
	return ev_fitness_refused() && stats.sessions + stats.lookups == 0 ? -1 : FULL_NAP_MS;
}

/* Milliseconds until something is to be done by itself; -1: never. */
static long
sleep_time(EvWorker *worker, TimestampTz not_before)
{
	long ms = sooner(network_wake(worker), store_wake(worker, not_before));

	ms = sooner(ms, ev_activity_due());
	if (not_before != 0 || ev_fitness_refused())
		return ms;
	ms = sooner(ms, ev_count_wake(worker));
	return sooner(ms, ev_upkeep_wake(worker));
}

/* Rows have come from elsewhere, maybe due earlier than what was seen last. */
static void
take_over_what_came(EvWorker *worker)
{
	EvDatabase *db = worker->db;

	ev_cursors_go_back(worker, (TimestampTz) pg_atomic_exchange_u64(&db->poked_since, 0));
	ev_count_add(worker, (int64) pg_atomic_exchange_u64(&db->added, 0));
	ev_suspects_look(worker);
	ev_commands_look();
	ev_aside_watch(true);
}

static uint32
wait_for(const EvWorker *worker, bool store_fails)
{
	return ev_wait(store_fails                                     ? EV_WAIT_STORE_RETRY
	               : pg_atomic_read_u32(&worker->db->inflight) > 0 ? EV_WAIT_NETWORK
	                                                               : EV_WAIT_WORKER);
}

/* What to wait for; made anew when there is another prober. */
static WaitEventSet *
wait_set(EvWorker *worker, WaitEventSet *old)
{
	WaitEventSet *set;

	if (!worker->prober_is_new)
		return old;
	if (old != NULL)
		FreeWaitEventSet(old);
	set = ev_create_wait_event_set(3);
	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, ev_prober_fd(worker->prober), NULL, NULL);
	worker->prober_is_new = false;
	return set;
}

static void
loop(EvWorker *worker)
{
	WaitEventSet *set = NULL;
	TimestampTz not_before = 0; /* after an error: no cycle before then */
	int backoff_ms = 0;

	for (;;)
	{
		WaitEvent event;
		long timeout;

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			ev_probing_configure(worker);
			leave_if_unwanted(&worker->settings);
			ev_fitness_doubt();
		}
		if (pg_atomic_read_u32(&worker->db->check))
		{
			leave_if_unwanted(&worker->settings);
			ev_fitness_doubt();

			take_over_what_came(worker);
		}
		ev_cancel_heed_pause(worker);
		ev_prober_run(worker->prober);
		ev_probing_collect(worker);
		if (not_before != 0 && GetCurrentTimestamp() >= not_before)
			not_before = 0;
		ev_aside_watch(false);
		if (not_before == 0 && ev_cycle_is_due(worker))
		{
			if (!try_cycle(worker, &backoff_ms) && !ev_fitness_refused())
				leave(extension_exists() ? EV_DB_WANTED : EV_DB_ABSENT,
				      "the extension was dropped");
			if (backoff_ms > 0)
				not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), backoff_ms);
			CHECK_FOR_INTERRUPTS();
			ev_prober_run(worker->prober);
			ev_probing_collect(worker);
		}
		if (not_before == 0)
			ev_upkeep_run(worker);
		publish_prober(worker);
		ev_activity_publish(worker, not_before != 0 || ev_aside_rests(EV_DOING_RESULTS) ||
		                                ev_aside_rests(EV_DOING_QUESTIONS));

		/* one cycle a turn: whatever the load, settings and requests are looked at in between */
		timeout = not_before == 0 && ev_cycle_is_due(worker) ? 0 : sleep_time(worker, not_before);
		set = wait_set(worker, set);
		if (WaitEventSetWait(set, timeout, &event, 1, wait_for(worker, not_before != 0)) > 0 &&
		    event.events == WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
}

void
ev_worker_main(Datum arg)
{
	static EvWorker worker;
	int slot = DatumGetInt32(arg);

	ev_process_start();
	my_database = &ev_shared->databases[slot];
	attach(&worker);
	BackgroundWorkerInitializeConnectionByOid(my_database->dboid, InvalidOid, 0);
	ev_process_pin_settings();
	ev_activity_start(my_database);

	init_worker(&worker);
	leave_if_unwanted(&worker.settings);
	before_shmem_exit(end_in_order, PointerGetDatum(&worker));
	say_hello();
	loop(&worker);
}
