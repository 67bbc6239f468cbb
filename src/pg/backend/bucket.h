/*
 * bucket.h
 *	  What a hash index has under one hash value, read off its pages.
 *
 * An index scan costs more than what it finds when it is begun and ended for every row of a query:
 * descriptor, position and slot are made and thrown away, and a binary search touches a dozen cache
 * lines of a page that nobody has seen for long.  Here nothing is allocated and nothing stays open
 * from one call to the next, and since hash values are spread evenly, where one must lie in its
 * page is known before the page is searched.
 */
#ifndef EV_BUCKET_H
#define EV_BUCKET_H

#include "storage/itemptr.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/*
 * Up to `max` rows, of whatever visibility, that a hash index of one column has under `hash`; the
 * index is open and locked.  EV_BUCKET_ASK when that cannot be told so: there are more of them, or
 * the bucket is just being split.  Then the access method is to be asked, which also marks what is
 * dead.  The snapshot must be an MVCC snapshot: no buffer stays pinned to keep the rows from being
 * removed, but what it sees is not.
 */
#define EV_BUCKET_ASK (-1)
extern int ev_bucket_read(Relation index, uint32 hash, Snapshot snapshot, ItemPointerData *tids,
                          int max);

#endif
