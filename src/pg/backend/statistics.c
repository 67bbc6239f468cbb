/*
 * statistics.c
 *	  What sessions found in the cache, on its way into shared memory.
 *
 * A question costs an increment of this session's own memory; the counts are handed over when the
 * transaction ends, or when there are many.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "pg/backend/backend.h"

EvAsked ev_asked;

static void
hand_over(pg_atomic_uint64 *counter, uint32 *count)
{
	if (*count > 0)
		pg_atomic_fetch_add_u64(counter, *count);
	*count = 0;
}

void
ev_statistics_flush(void)
{
	static EvDatabase *db = NULL;

	if (ev_asked.hits + ev_asked.misses + ev_asked.stale == 0)
		return;
	if (ev_shared != NULL && (db == NULL || db->dboid != MyDatabaseId))
		db = ev_database_find(MyDatabaseId, false);

	/* without a place in shared memory (a standby, no worker) nobody would see them */
	if (db != NULL)
	{
		hand_over(&db->counters.cache_hits, &ev_asked.hits);
		hand_over(&db->counters.cache_misses, &ev_asked.misses);
		hand_over(&db->counters.cache_stale, &ev_asked.stale);
	}
	memset(&ev_asked, 0, sizeof(ev_asked));
}
