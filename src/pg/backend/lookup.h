/*
 * lookup.h
 *	  Finds rows of one of our tables by a text key, straight through an index.
 *
 * For what stands in every query: no SPI, no waiting for locks.  A TRUNCATE or REINDEX of the table
 * makes a miss, not a stall of a query that does not even name it.  What was locked stays so to the
 * end of the transaction, like any table that a query reads: taking and giving back two locks for
 * every row would cost more than finding it.  Nothing else outlives the call: no open relation, no
 * scan, no pinned page, so that whatever the session does next meets no trace of it.  Columns are
 * found by name and type, once per invalidation, so that a table of an older or newer version does no
 * harm.
 *
 * What is read is what stands there, whoever asks: neither row level security nor any other code of a
 * table's owner is run.
 */
#ifndef EV_LOOKUP_H
#define EV_LOOKUP_H

#include "access/attnum.h"
#include "executor/tuptable.h"

#define EV_LOOKUP_COLUMNS 9

/* One table; static, set up by its user with table and column names, the rest zero. */
typedef struct EvLookup
{
	const char *table; /* in schema email_verify */
	bool ordered;      /* through a btree index that starts with the key, instead of a hash index */
	bool
		dead_too; /* rows that nobody sees yet, or any more, as well: for what outlives a snapshot */
	int n_columns;
	const char *columns[EV_LOOKUP_COLUMNS]; /* the first is the key: text COLLATE "C" */
	Oid types[EV_LOOKUP_COLUMNS];           /* of the columns; InvalidOid: an enum */

	/* what is known of the table; valid until anything about it changes */
	bool registered;
	struct EvLookup *next;
	bool valid;
	bool usable;
	Oid relation;
	Oid index;
	AttrNumber attnums[EV_LOOKUP_COLUMNS];
	uint64 generation; /* changes with every invalidation */

	/* where and when table and index were locked; locks go with their subtransaction */
	LocalTransactionId lock_xact;
	SubTransactionId lock_subxact;

	/* for the row that is looked at */
	MemoryContext context;
	TupleTableSlot *slot;
	int n_deform; /* attributes up to the last of ours */
} EvLookup;

/* Called for each row with its columns in the order of EvLookup.columns; false ends the search. */
typedef bool (*EvLookupRow)(const Datum *values, const bool *nulls, void *arg);

/*
 * Look for rows under the active snapshot; key is a text of len bytes.  Returns whether the table
 * could be read at all.
 */
extern bool ev_lookup(EvLookup *lookup, const char *key, size_t len, EvLookupRow row, void *arg);

/* The table's OID, InvalidOid when there is none; registers for invalidations. */
extern Oid ev_lookup_relation(EvLookup *lookup);

#endif
