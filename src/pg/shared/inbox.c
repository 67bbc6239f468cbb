/*
 * inbox.c
 *	  The inbox: a ring of bytes in shared memory for each class of questions, backends in, worker out.
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

/* Of a full batch at least one entry in so many is of EV_INBOX_MANY, if there are such. */
#define MANY_SHARE 4

static void
ring_write(EvRing *ring, uint32 at, const void *data, uint32 n)
{
	uint32 first;

	at %= ring->size;
	first = Min(n, ring->size - at);
	memcpy(ring->bytes + at, data, first);
	memcpy(ring->bytes, (const char *) data + first, n - first);
}

static void
ring_read(const EvRing *ring, uint32 at, void *data, uint32 n)
{
	uint32 first;

	at %= ring->size;
	first = Min(n, ring->size - at);
	memcpy(data, ring->bytes + at, first);
	memcpy((char *) data + first, ring->bytes, n - first);
}

/* Under the lock; false when there is no room. */
static bool
append(EvRing *ring, const EntryHeader *header, const char *key)
{
	uint32 need = (uint32) sizeof(*header) + header->len;
	uint32 end = ring->start + ring->used;

	if (ring->used + need > ring->size)
		return false;
	ring_write(ring, end, header, sizeof(*header));
	ring_write(ring, end + sizeof(*header), key, header->len);
	ring->used += need;
	return true;
}

bool
ev_inbox_push(EvDatabase *db, EvInboxClass class, const char *key, size_t len,
              TimestampTz newer_than)
{
	EvRing *ring = &db->inbox[class];
	EntryHeader header = {.newer_than = newer_than,
	                      .pushed_at = GetCurrentStatementStartTimestamp(),
	                      .len = (uint16) len};
	bool was_empty;
	bool fits;

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	was_empty = ring->used == 0;
	fits = db->dboid == MyDatabaseId && append(ring, &header, key);
	if (fits && was_empty && db->worker_latch != NULL)
		SetLatch(db->worker_latch);
	LWLockRelease(db->lock);
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

		(void) append(&db->inbox[entries[i].class], &header, entries[i].key);
	}
	LWLockRelease(db->lock);
}

/* Under the lock. */
static int
take(EvDatabase *db, EvInboxClass class, EvInboxEntry *entries, int max)
{
	EvRing *ring = &db->inbox[class];
	int n = 0;

	while (n < max && ring->used > 0)
	{
		EvInboxEntry *entry = &entries[n++];
		EntryHeader header;
		uint32 at = ring->start;

		ring_read(ring, at, &header, sizeof(header));
		entry->newer_than = header.newer_than;
		entry->pushed_at = header.pushed_at;
		entry->class = class;
		entry->len = header.len;
		ring_read(ring, at + sizeof(header), entry->key, header.len);
		entry->key[header.len] = '\0';
		ring->start = (at + sizeof(header) + header.len) % ring->size;
		ring->used -= sizeof(header) + header.len;
	}
	return n;
}

int
ev_inbox_take(EvDatabase *db, EvInboxEntry *entries, int max)
{
	int n;

	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	n = take(db, EV_INBOX_FEW, entries,
	         db->inbox[EV_INBOX_MANY].used > 0 ? max - max / MANY_SHARE : max);
	n += take(db, EV_INBOX_MANY, entries + n, max - n);
	n += take(db, EV_INBOX_FEW, entries + n, max - n);
	LWLockRelease(db->lock);
	if (n > 0)
	{
		pg_atomic_fetch_add_u64(&db->taken, n);
		ConditionVariableBroadcast(&db->room);
	}
	return n;
}

bool
ev_inbox_is_empty(EvDatabase *db)
{
	bool full;

	return ev_inbox_used(db, &full) == 0;
}

bool
ev_inbox_is_crowded(EvDatabase *db)
{
	EvRing *ring = &db->inbox[EV_INBOX_MANY];
	bool crowded;

	LWLockAcquire(db->lock, LW_SHARED);
	crowded = ring->used > ring->size / 2;
	LWLockRelease(db->lock);
	return crowded;
}

uint32
ev_inbox_used(EvDatabase *db, bool *full)
{
	uint32 used = 0;

	*full = false;
	LWLockAcquire(db->lock, LW_SHARED);
	for (int i = 0; i < EV_N_INBOX_CLASSES; i++)
	{
		EvRing *ring = &db->inbox[i];

		used += ring->used;
		if (ring->used + sizeof(EntryHeader) + EV_ADDRESS_KEY_SIZE > ring->size)
			*full = true;
	}
	LWLockRelease(db->lock);
	return used;
}

void
ev_inbox_clear(EvDatabase *db)
{
	for (int i = 0; i < EV_N_INBOX_CLASSES; i++)
		db->inbox[i].used = db->inbox[i].start = 0;
}
