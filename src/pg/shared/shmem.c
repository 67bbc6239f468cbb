/*
 * shmem.c
 *	  Shared memory: set-up, the directory of databases, waking each other.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "pg/shared/shmem.h"

#define TRANCHE "email_verify"

/* Part of the inbox that is for statements that ask for few addresses. */
#define FEW_SHARE 4

EvShared *ev_shared = NULL;

static Size
shared_size(int max_databases, int inbox_kb, int max_waiters)
{
	Size size = MAXALIGN(sizeof(EvShared));

	size = add_size(size, MAXALIGN(mul_size(max_databases, sizeof(EvDatabase))));
	size = add_size(size, MAXALIGN(mul_size(max_waiters, sizeof(EvWaiter))));
	size = add_size(size, mul_size(max_databases, mul_size(inbox_kb, 1024)));
	return size;
}

void
ev_shmem_request(int max_databases, int inbox_kb, int max_waiters)
{
	RequestAddinShmemSpace(shared_size(max_databases, inbox_kb, max_waiters));
	RequestNamedLWLockTranche(TRANCHE, 2 + max_databases);
}

/* They are all of one type: nobody has to be remembered. */
#define N_COUNTERS (sizeof(EvCounters) / sizeof(pg_atomic_uint64))

static void
ev_resolver_reset(EvResolver *r)
{
	r->queries = r->answers = r->denials = r->timeouts = 0;
	r->servfails = r->refusals = r->faults = 0;
}

static void
init_counters(EvCounters *counters)
{
	pg_atomic_uint64 *c = (pg_atomic_uint64 *) counters;

	for (size_t i = 0; i < N_COUNTERS; i++)
		pg_atomic_init_u64(&c[i], 0);
}

void
ev_counters_reset(EvDatabase *db)
{
	pg_atomic_uint64 *c = (pg_atomic_uint64 *) &db->counters;

	for (size_t i = 0; i < N_COUNTERS; i++)
		pg_atomic_write_u64(&c[i], 0);
	for (int i = 0; i < EV_RESOLVERS_MAX; i++)
		ev_resolver_reset(&db->resolvers[i]);
	db->counted_since = GetCurrentTimestamp();
}

static void
init_inbox(EvDatabase *db, char *bytes)
{
	uint32 few = ev_shared->inbox_size / FEW_SHARE;

	db->inbox[EV_INBOX_FEW].bytes = bytes;
	db->inbox[EV_INBOX_FEW].size = few;
	db->inbox[EV_INBOX_MANY].bytes = bytes + few;
	db->inbox[EV_INBOX_MANY].size = ev_shared->inbox_size - few;
	ev_inbox_clear(db);
}

static void
init_database(EvDatabase *db, LWLock *lock, char *inbox)
{
	db->lock = lock;
	db->dboid = InvalidOid;
	pg_atomic_init_u32(&db->state, EV_DB_FREE);
	pg_atomic_init_u32(&db->check, 0);
	pg_atomic_init_u32(&db->policies, 0);
	pg_atomic_init_u64(&db->poked_since, 0);
	pg_atomic_init_u64(&db->added, 0);
	pg_atomic_init_u32(&db->paused, 0);
	pg_atomic_init_u32(&db->refusal, EV_DETAIL_NONE);
	pg_atomic_init_u32(&db->holds, 0);
	pg_atomic_init_u64(&db->queued, 0);
	pg_atomic_init_u32(&db->inflight, 0);
	pg_atomic_init_u32(&db->sessions, 0);
	init_counters(&db->counters);
	ev_rates_init(&db->rates);
	ev_trouble_init(&db->trouble);
	pg_atomic_init_u32(&db->gates, 0);
	pg_atomic_init_u32(&db->gates_closed, 0);
	pg_atomic_init_u64(&db->count_asked, 0);
	pg_atomic_init_u64(&db->health_asked, 0);
	pg_atomic_init_u64(&db->health_answered, 0);
	pg_atomic_init_u32(&db->health_trial, 0);
	memset(&db->standing, 0, sizeof(db->standing));
	pg_atomic_init_u64(&db->count_answered, 0);
	pg_atomic_init_u64(&db->unanswered, 0);
	ConditionVariableInit(&db->progress);
	pg_atomic_init_u64(&db->taken, 0);
	ConditionVariableInit(&db->room);
	init_inbox(db, inbox);
}

void
ev_shmem_startup(int max_databases, int inbox_kb, int max_waiters, int hurry)
{
	static uint32 made = 0; /* in the postmaster, which lives through crashes of the others */
	bool found;
	Size size = shared_size(max_databases, inbox_kb, max_waiters);

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	ev_shared = ShmemInitStruct("email_verify", size, &found);
	if (!found)
	{
		LWLockPadded *locks = GetNamedLWLockTranche(TRANCHE);
		char *p = (char *) ev_shared;

		memset(ev_shared, 0, size);
		ev_shared->layout = EV_SHARED_LAYOUT;
		ev_shared->crashes = made++;
		ev_shared->directory = &locks[0].lock;
		ev_shared->waiters_lock = &locks[1].lock;
		ev_shared->max_databases = max_databases;
		ev_shared->max_waiters = max_waiters;
		ev_shared->inbox_size = (uint32) inbox_kb * 1024;
		ev_shared->hurry = (uint32) hurry;
		ev_budget_init(&ev_shared->budget);
		pg_atomic_init_u32(&ev_shared->waiting, 0);
		p += MAXALIGN(sizeof(EvShared));
		ev_shared->databases = (EvDatabase *) p;
		p += MAXALIGN(max_databases * sizeof(EvDatabase));
		ev_shared->waiters = (EvWaiter *) p;
		p += MAXALIGN(max_waiters * sizeof(EvWaiter));
		for (int i = 0; i < max_databases; i++)
			init_database(&ev_shared->databases[i], &locks[2 + i].lock,
			              p + (Size) i * ev_shared->inbox_size);
	}
	LWLockRelease(AddinShmemInitLock);
}

EvDatabase *
ev_database_find(Oid dboid, bool create)
{
	EvDatabase *result = NULL;
	EvDatabase *spare = NULL;

	LWLockAcquire(ev_shared->directory, create ? LW_EXCLUSIVE : LW_SHARED);
	for (int i = 0; i < ev_shared->max_databases && result == NULL; i++)
	{
		EvDatabase *db = &ev_shared->databases[i];

		if (db->dboid == dboid)
			result = db;
		else if (db->dboid == InvalidOid && spare == NULL)
			spare = db;
	}
	if (result == NULL && create && spare != NULL)
	{
		result = spare;
		result->dboid = dboid;
		result->worker_pid = 0;
		ev_inbox_clear(result);
		pg_atomic_write_u64(&result->queued, 0);
		pg_atomic_write_u64(&result->added, 0);
		pg_atomic_write_u64(&result->unanswered, 0);
		pg_atomic_write_u32(&result->paused, 0);
		ev_counters_reset(result);
		ev_rates_start(&result->rates, result->counted_since);
		ev_trouble_set(&result->trouble, NULL, 0);
		ev_gates_clear(result);
		pg_atomic_write_u32(&result->state, EV_DB_WANTED);
		result->state_since = GetCurrentTimestamp();
		if (ev_shared->launcher_latch != NULL)
			SetLatch(ev_shared->launcher_latch);
	}
	LWLockRelease(ev_shared->directory);
	return result;
}

void
ev_database_poke(EvDatabase *db, TimestampTz since, int64 added)
{
	uint64 oldest = pg_atomic_read_u64(&db->poked_since);

	pg_atomic_fetch_add_u64(&db->added, added);
	while ((oldest == 0 || oldest > (uint64) since) &&
	       !pg_atomic_compare_exchange_u64(&db->poked_since, &oldest, (uint64) since))
		;
}

bool
ev_database_free(EvDatabase *db)
{
	bool freed;

	LWLockAcquire(ev_shared->directory, LW_EXCLUSIVE);
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	freed = pg_atomic_read_u32(&db->state) == EV_DB_ABSENT && !ev_database_is_held(db);
	if (freed)
	{
		ev_inbox_clear(db);
		db->dboid = InvalidOid;
		pg_atomic_write_u32(&db->state, EV_DB_FREE);
	}
	LWLockRelease(db->lock);
	LWLockRelease(ev_shared->directory);
	return freed;
}

static void
want(EvDatabase *db, Oid dboid)
{
	uint32 absent = EV_DB_ABSENT;

	/* the lock keeps the slot its: it could be given back and taken by another database */
	LWLockAcquire(ev_shared->directory, LW_SHARED);
	if (db->dboid == dboid && pg_atomic_compare_exchange_u32(&db->state, &absent, EV_DB_WANTED))
		db->state_since = GetCurrentTimestamp();
	if (ev_shared->launcher_latch != NULL)
		SetLatch(ev_shared->launcher_latch);
	LWLockRelease(ev_shared->directory);
}

void
ev_database_want(EvDatabase *db)
{
	want(db, MyDatabaseId);
}

bool
ev_database_look(Oid dboid)
{
	EvDatabase *db = ev_database_find(dboid, true);

	if (db == NULL)
		return false;
	pg_atomic_write_u32(&db->check, 1);
	want(db, dboid);
	ev_worker_wake(db);
	return true;
}

void
ev_database_set_state(EvDatabase *db, EvDatabaseState state)
{
	if (state == EV_DB_RUNNING)
		pg_atomic_fetch_add_u64(&db->counters.starts, 1);
	else if (state == EV_DB_DOWN)
		pg_atomic_fetch_add_u64(&db->counters.failures, 1);
	db->state_since = GetCurrentTimestamp();
	pg_atomic_write_u32(&db->state, state);
	ConditionVariableBroadcast(&db->progress);
}

void
ev_launcher_wake(void)
{
	LWLockAcquire(ev_shared->directory, LW_SHARED);
	if (ev_shared->launcher_latch != NULL)
		SetLatch(ev_shared->launcher_latch);
	LWLockRelease(ev_shared->directory);
}

void
ev_worker_wake(EvDatabase *db)
{
	LWLockAcquire(db->lock, LW_SHARED);
	if (db->worker_latch != NULL)
		SetLatch(db->worker_latch);
	LWLockRelease(db->lock);
}
