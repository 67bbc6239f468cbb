/*
 * waiters.c
 *	  The slots in which sessions wait for the verdict of one address.
 *
 * The answer travels in the slot, since the waiting statement's snapshot is older than the stored
 * row.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "engine/hash.h"
#include "pg/shared/shmem.h"

/* A role may have at most so many times as many slots as it leaves free: then another one finds some. */
#define SHARE 3

EvWaiter *
ev_waiter_take(Oid dboid, const char *key, size_t len, TimestampTz newer_than)
{
	EvWaiter *result = NULL;
	Oid role = GetSessionUserId();
	int free = 0;
	int ours = 0;

	LWLockAcquire(ev_shared->waiters_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ev_shared->max_waiters; i++)
	{
		EvWaiter *w = &ev_shared->waiters[i];

		if (w->pid == 0)
		{
			free++;
			result = result == NULL ? w : result;
		}
		else if (w->role == role)
			ours++;
	}
	if (ours >= SHARE * free)
		result = NULL;
	if (result != NULL)
	{
		result->pid = MyProcPid;
		result->role = role;
		result->latch = MyLatch;
		result->dboid = dboid;
		result->hash = ev_hash(EV_HASH_INIT, key, len);
		result->answered = false;
		result->newer_than = newer_than;
		result->key_len = (uint16) len;
		memcpy(result->key, key, len);
		pg_atomic_fetch_add_u32(&ev_shared->waiting, 1);
	}
	LWLockRelease(ev_shared->waiters_lock);
	return result;
}

void
ev_waiter_release(EvWaiter *waiter)
{
	LWLockAcquire(ev_shared->waiters_lock, LW_EXCLUSIVE);
	if (waiter->pid == MyProcPid)
	{
		waiter->pid = 0;
		waiter->latch = NULL;
		pg_atomic_fetch_sub_u32(&ev_shared->waiting, 1);
	}
	LWLockRelease(ev_shared->waiters_lock);
}

void
ev_waiters_answer(Oid dboid, const char *key, size_t len, const struct ev_verdict *verdict,
                  TimestampTz checked_at, TimestampTz retry_at, TimestampTz asked_at)
{
	uint64 hash;

	if (pg_atomic_read_u32(&ev_shared->waiting) == 0)
		return;
	hash = ev_hash(EV_HASH_INIT, key, len);
	LWLockAcquire(ev_shared->waiters_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ev_shared->max_waiters; i++)
	{
		EvWaiter *w = &ev_shared->waiters[i];

		if (w->pid == 0 || w->answered || w->dboid != dboid || w->hash != hash ||
		    w->key_len != len || memcmp(w->key, key, len) != 0 || asked_at < w->newer_than)
			continue;
		w->verdict = *verdict;
		w->checked_at = checked_at;
		w->retry_at = retry_at;
		w->answered = true;
		SetLatch(w->latch);
	}
	LWLockRelease(ev_shared->waiters_lock);
}

void
ev_waiters_cancel(Oid dboid)
{
	struct ev_verdict verdict = ev_verdict_of(EV_REASON_SMTP_TIMEOUT, EV_DETAIL_CANCELED);
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(ev_shared->waiters_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ev_shared->max_waiters; i++)
	{
		EvWaiter *w = &ev_shared->waiters[i];

		if (w->pid == 0 || w->answered || w->dboid != dboid)
			continue;
		w->verdict = verdict;
		w->checked_at = now;
		w->retry_at = 0;
		w->answered = true;
		SetLatch(w->latch);
	}
	LWLockRelease(ev_shared->waiters_lock);
}

void
ev_waiters_wake(Oid dboid)
{
	if (pg_atomic_read_u32(&ev_shared->waiting) == 0)
		return;
	LWLockAcquire(ev_shared->waiters_lock, LW_SHARED);
	for (int i = 0; i < ev_shared->max_waiters; i++)
	{
		const EvWaiter *w = &ev_shared->waiters[i];

		if (w->pid != 0 && w->dboid == dboid)
			SetLatch(w->latch);
	}
	LWLockRelease(ev_shared->waiters_lock);
}
