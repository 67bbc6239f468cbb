/*
 * inbox.c
 *	  The inbox: a ring of bytes in shared memory, backends in, worker out.
 *
 * Best effort: what lies here is lost in a crash and asked for again by the next call.  An entry is
 * its length, the time that an answer must be newer than, and the address; it may wrap around.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "pg/shared/shmem.h"

typedef struct EntryHeader
{
	TimestampTz newer_than;
	TimestampTz pushed_at;
	uint16 len;
} EntryHeader;

static void
ring_write(EvDatabase *db, uint32 at, const void *data, uint32 n)
{
	uint32 size = ev_shared->inbox_size;
	uint32 first;

	at %= size;
	first = Min(n, size - at);
	memcpy(db->inbox + at, data, first);
	memcpy(db->inbox, (const char *) data + first, n - first);
}

static void
ring_read(const EvDatabase *db, uint32 at, void *data, uint32 n)
{
	uint32 size = ev_shared->inbox_size;
	uint32 first;

	at %= size;
	first = Min(n, size - at);
	memcpy(data, db->inbox + at, first);
	memcpy((char *) data + first, db->inbox, n - first);
}

/* Under the lock; false when there is no room. */
static bool
append(EvDatabase *db, const EntryHeader *header, const char *key)
{
	uint32 need = (uint32) sizeof(*header) + header->len;
	uint32 end = db->inbox_start + db->inbox_used;

	if (db->inbox_used + need > ev_shared->inbox_size)
		return false;
	ring_write(db, end, header, sizeof(*header));
	ring_write(db, end + sizeof(*header), key, header->len);
	db->inbox_used += need;
	return true;
}

bool
ev_inbox_push(EvDatabase *db, const char *key, size_t len, TimestampTz newer_than)
{
	EntryHeader header = {.newer_than = newer_than,
	                      .pushed_at = GetCurrentStatementStartTimestamp(),
	                      .len = (uint16) len};
	bool was_empty;
	bool fits;

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	was_empty = db->inbox_used == 0;
	fits = db->dboid == MyDatabaseId && append(db, &header, key);
	if (fits && was_empty && db->worker_latch != NULL)
		SetLatch(db->worker_latch);
	LWLockRelease(db->lock);
	if (!fits)
		pg_atomic_fetch_add_u64(&db->counters.refused, 1);
	return fits;
}

void
ev_inbox_return(EvDatabase *db, const EvInboxEntry *entries, int n)
{
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	for (int i = 0; i < n; i++)
	{
		EntryHeader header = {.newer_than = entries[i].newer_than,
		                      .pushed_at = entries[i].pushed_at,
		                      .len = entries[i].len};

		if (!append(db, &header, entries[i].key))
			break;
	}
	LWLockRelease(db->lock);
}

int
ev_inbox_take(EvDatabase *db, EvInboxEntry *entries, int max)
{
	int n = 0;

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	while (n < max && db->inbox_used > 0)
	{
		EntryHeader header;
		uint32 at = db->inbox_start;

		ring_read(db, at, &header, sizeof(header));
		entries[n].newer_than = header.newer_than;
		entries[n].pushed_at = header.pushed_at;
		entries[n].len = header.len;
		ring_read(db, at + sizeof(header), entries[n].key, header.len);
		entries[n].key[header.len] = '\0';
		db->inbox_start = (at + sizeof(header) + header.len) % ev_shared->inbox_size;
		db->inbox_used -= sizeof(header) + header.len;
		n++;
	}
	LWLockRelease(db->lock);
	return n;
}

bool
ev_inbox_is_empty(EvDatabase *db)
{
	bool empty;

	LWLockAcquire(db->lock, LW_SHARED);
	empty = db->inbox_used == 0;
	LWLockRelease(db->lock);
	return empty;
}
