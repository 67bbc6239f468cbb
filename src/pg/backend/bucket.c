/*
 * bucket.c
 *	  What a hash index has under one hash value, read off its pages.
 *
 * The way of the access method's own scan (_hash_first, _hash_readpage), with its locks: a bucket
 * is read under a share lock of each of its pages, one at a time, and its first page stays pinned
 * to the end, which keeps splits and the clean-up of VACUUM away.
 */
#include "postgres.h"

#include "access/hash.h"
#include "access/xact.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/rel.h"

#include "pg/backend/bucket.h"
#include "pg/shared/compat.h"

/* How far from where it should be an item is looked for at first. */
#define STRIDE 4

/* As far from there most items are: all but a few in a hundred of a page of 300. */
#define AROUND 8

/* Items of the bucket that was read last; the next one has about as many. */
static OffsetNumber usual_items = FirstOffsetNumber;

typedef struct Taken
{
	uint32 hash;
	bool dead_too; /* marks of the primary server mean nothing to snapshots of a standby */
	ItemPointerData *tids;
	int n;
	int max;
} Taken;

/* An item is a hash value, never NULL, after the header. */
static inline uint32
hash_of(IndexTuple item)
{
	return *(uint32 *) ((char *) item + IndexInfoFindDataOffset(item->t_info));
}

static inline uint32
hash_at(Page page, OffsetNumber offset)
{
	return hash_of((IndexTuple) PageGetItem(page, PageGetItemId(page, offset)));
}

/*
 * Where an item of this hash must be in a page of n, more or less.  All of a bucket have their lower
 * bits in common, the upper ones are spread evenly.
 */
static inline uint32
expected_at(uint32 hash, uint32 n)
{
	return FirstOffsetNumber + (uint32) (((uint64) hash * n) >> 32);
}

/*
 * A bucket that nobody has read for long is not in the processor's caches, and each step of a search in
 * it would wait for memory.  What will be needed is called for at once instead: first both ends of the
 * page and the line pointers where they probably are, before its content may be looked at ...
 */
static inline void
call_for_page(Page page, uint32 hash)
{
	char *pointer = (char *) &((PageHeader) page)->pd_linp[expected_at(hash, usual_items) - 1];

	ev_prefetch(page);
	ev_prefetch((char *) page + BLCKSZ - MAXALIGN(sizeof(HashPageOpaqueData)));
	ev_prefetch(pointer);
	ev_prefetch(pointer + AROUND * sizeof(ItemIdData));
}

/* ... then the items around the place. */
static inline void
call_for_items(Page page, uint32 hash)
{
	uint32 n = PageGetMaxOffsetNumber(page);
	uint32 place = expected_at(hash, n);
	uint32 from = place > AROUND ? place - AROUND : FirstOffsetNumber;
	uint32 to = Min(place + AROUND, n);

	for (uint32 i = from; i <= to; i++)
		ev_prefetch(PageGetItem(page, PageGetItemId(page, (OffsetNumber) i)));
	usual_items = (OffsetNumber) Max(n, FirstOffsetNumber);
}

/*
 * The first item of a page whose hash is not less than this one, or the offset after the last.
 *
 * Items are in the order of their hashes: from the expected place in growing strides until the item is
 * passed, then by halves.
 */
static OffsetNumber
first_not_less(Page page, uint32 hash)
{
	uint32 low = FirstOffsetNumber;                 /* all before it are less */
	uint32 high = PageGetMaxOffsetNumber(page) + 1; /* it and all after it are not */
	uint32 probe = expected_at(hash, high - low);

	for (uint32 stride = STRIDE; low < high; stride *= 2)
	{
		if (hash_at(page, (OffsetNumber) probe) < hash)
		{
			low = probe + 1;
			if (high - low <= stride)
				break;
			probe = low + stride - 1;
		}
		else
		{
			high = probe;
			if (high - low <= stride)
				break;
			probe = high - stride;
		}
	}
	while (low < high)
	{
		uint32 middle = (low + high) / 2;

		if (hash_at(page, (OffsetNumber) middle) < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return (OffsetNumber) low;
}

/* False when there are more than there is room for. */
static bool
take(Taken *taken, Page page)
{
	OffsetNumber end = PageGetMaxOffsetNumber(page);

	call_for_items(page, taken->hash);
	for (OffsetNumber i = first_not_less(page, taken->hash); i <= end; i++)
	{
		ItemId id = PageGetItemId(page, i);
		IndexTuple item = (IndexTuple) PageGetItem(page, id);

		if (hash_of(item) != taken->hash)
			break;
		if (ItemIdIsDead(id) && !taken->dead_too)
			continue;
		if (taken->n == taken->max)
			return false;
		taken->tids[taken->n++] = item->t_tid;
	}
	return true;
}

/* _hash_getbucketbuf_from_hashkey(), but for the calls ahead: the bucket's first page, share-locked. */
static Buffer
read_first_page(Relation index, uint32 hash)
{
	Buffer meta_buffer = InvalidBuffer;
	HashMetaPage meta = _hash_getcachedmetap(index, &meta_buffer, false);
	Buffer buffer;

	for (;;)
	{
		Bucket bucket = _hash_hashkey2bucket(hash, meta->hashm_maxbucket, meta->hashm_highmask,
		                                     meta->hashm_lowmask);
		Page page;

		buffer = ReadBuffer(index, BUCKET_TO_BLKNO(meta, bucket));
		page = BufferGetPage(buffer);
		call_for_page(page, hash);
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
		_hash_checkpage(index, buffer, LH_BUCKET_PAGE);

		/* the bucket page tells how many buckets there were when it was split last */
		if (HashPageGetOpaque(page)->hasho_prevblkno <= meta->hashm_maxbucket)
			break;
		_hash_relbuf(index, buffer);
		meta = _hash_getcachedmetap(index, &meta_buffer, true);
	}
	if (BufferIsValid(meta_buffer))
		_hash_dropbuf(index, meta_buffer);
	return buffer;
}

int
ev_bucket_read(Relation index, uint32 hash, Snapshot snapshot, ItemPointerData *tids, int max)
{
	Taken taken = {.hash = hash, .tids = tids, .max = max};
	Buffer first = read_first_page(index, hash);
	Page page = BufferGetPage(first);
	BlockNumber next = HashPageGetOpaque(page)->hasho_nextblkno;
	bool complete;

	pgstat_count_index_scan(index);
	PredicateLockPage(index, BufferGetBlockNumber(first), snapshot);
	ev_test_for_old_snapshot(snapshot, index, page);
	taken.dead_too = TransactionStartedDuringRecovery();

	/* rows may still be in the bucket that this one is split from */
	complete = !H_BUCKET_BEING_POPULATED(HashPageGetOpaque(page)) && take(&taken, page);
	LockBuffer(first, BUFFER_LOCK_UNLOCK);
	while (complete && BlockNumberIsValid(next))
	{
		Buffer buffer = _hash_getbuf(index, next, HASH_READ, LH_OVERFLOW_PAGE);

		page = BufferGetPage(buffer);
		ev_test_for_old_snapshot(snapshot, index, page);
		next = HashPageGetOpaque(page)->hasho_nextblkno;
		complete = take(&taken, page);
		_hash_relbuf(index, buffer);
	}
	ReleaseBuffer(first);
	return complete ? taken.n : EV_BUCKET_ASK;
}
