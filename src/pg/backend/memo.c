/*
 * memo.c
 *	  Answers of the current statement, so that the same question is not asked twice.
 *
 * `SELECT (email_verdict(email)).*` calls the function once for each column: the row must not be
 * torn, and must not cost seven look-ups, pushes and waits.  And a verdict that a statement has
 * waited for is newer than its snapshot: asking the cache again would not find it.  A memo holds
 * for one snapshot of one statement; a small table, the newest question wins.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

#define MEMO_SIZE 256

typedef struct Entry
{
	uint32 era; /* entries of earlier statements are empty */
	uint16 len;
	int64 wait;
	int64 max_age;
	EvAnswer answer;
	char key[EV_ADDRESS_KEY_SIZE];
} Entry;

/*
 * What makes two calls part of the same statement, seeing the same rows, under the same settings.
 */
typedef struct Era
{
	TimestampTz statement;
	uint64 completions;
	LocalTransactionId xact;
	TransactionId xmin;
	TransactionId xmax;
	CommandId command;
	int mode;
} Era;

static Entry *entries = NULL;
static Era current;
static uint32 era = 0;

/* Where the answer to the question asked last belongs; NULL: nowhere. */
static Entry *asked = NULL;

static bool
enter_era(void)
{
	Snapshot snapshot;
	Era now;

	if (!ActiveSnapshotSet())
		return false;
	snapshot = GetActiveSnapshot();
	memset(&now, 0, sizeof(now));
	now.statement = GetCurrentStatementStartTimestamp();
	now.completions = snapshot->snapXactCompletionCount;
	now.xact = ev_local_xid();
	now.xmin = snapshot->xmin;
	now.xmax = snapshot->xmax;
	now.command = snapshot->curcid;
	now.mode = ev_settings.mode;
	if (memcmp(&now, &current, sizeof(now)) != 0)
	{
		current = now;
		era++;
	}
	return true;
}

static Entry *
entry(const char *key, size_t len)
{
	if (entries == NULL)
		entries = MemoryContextAllocZero(TopMemoryContext, MEMO_SIZE * sizeof(Entry));
	return &entries[hash_bytes((const unsigned char *) key, (int) len) % MEMO_SIZE];
}

/* Who waits longer than was waited may get more than this. */
static bool
is_open(const EvAnswer *answer)
{
	return answer->stale || answer->verdict.reason == EV_REASON_PENDING ||
	       answer->verdict.detail == EV_DETAIL_CANCELED;
}

bool
ev_memo_get(const char *key, size_t len, int64 wait, int64 max_age, EvAnswer *out)
{
	asked = NULL;
	if (!enter_era())
		return false;
	asked = entry(key, len);
	if (asked->era != era || asked->len != len || asked->max_age != max_age ||
	    memcmp(asked->key, key, len) != 0)
		return false;
	if (asked->wait < wait && is_open(&asked->answer))
		return false;
	*out = asked->answer;
	return true;
}

void
ev_memo_put(const char *key, size_t len, int64 wait, int64 max_age, const EvAnswer *answer)
{
	if (asked == NULL)
		return;
	asked->era = era;
	asked->len = (uint16) len;
	asked->wait = wait;
	asked->max_age = max_age;
	asked->answer = *answer;
	memcpy(asked->key, key, len);
}
