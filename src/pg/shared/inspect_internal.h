/*
 * inspect_internal.h
 *	  What inspect.c and inspect_table.c know of each other.
 */
#ifndef EV_INSPECT_INTERNAL_H
#define EV_INSPECT_INTERNAL_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "nodes/pg_list.h"

#include "pg/shared/inspect.h"

/* One inspection; it ends with the first fault. */
typedef struct EvInspection
{
	const EvExtension *extension;
	EvTables *tables;
	EvFault *fault;
	bool all; /* not only what hangs on tables */
	bool faulty;
	Oid schema; /* email_verify; InvalidOid: there is none */

	/* the extension's members */
	List *relations;
	List *functions;
	List *types;
	uint64 tables_seen; /* bits: places in the lists of what must be there */
	uint64 functions_seen;

	/* the table that is looked at */
	Oid table;
	char *table_name;
} EvInspection;

/* The first fault is kept. */
extern void ev_inspect_fault(EvInspection *in, enum ev_detail detail, char *text, char *hint);

/* Calls row for each row of a catalogue with key in its OID column, until there is a fault. */
typedef void (*EvInspectRow)(EvInspection *in, HeapTuple tuple, TupleDesc desc);
extern void ev_inspect_rows(EvInspection *in, Oid catalog, Oid index, AttrNumber column, Oid key,
                            EvInspectRow row);

/* inspect_table.c: what hangs on in->table and is not the extension's own. */
extern void ev_inspect_attached(EvInspection *in);

#endif
