/*
 * inspect.h
 *	  Looks whether the extension in this database is one that a worker may work with.
 *
 * The worker is a superuser, and whatever hangs on a table that it writes runs with its rights: a
 * trigger, a rule, the expression of an index, a column default.  So nothing may hang there that is not
 * the extension's own, and all of it must belong to a superuser.  The installed SQL must also be of a
 * version that this library knows.  The same holds for functions that run with their owner's rights,
 * which are a superuser's, too: whoever calls them lends these rights to what hangs on the tables.
 *
 * Only catalogues are read, as they are now and not as some cache remembers them: no lock on a table
 * of ours is taken or waited for, and no code that is looked at is run.
 */
#ifndef EV_INSPECT_H
#define EV_INSPECT_H

#include "postgres.h"

#include "pg/shared/shmem.h"

/* Versions of the installed SQL that this library can work with, both ends included. */
#define EV_SQL_OLDEST "1.0"
#define EV_SQL_NEWEST "1.0"

#define EV_VERSION_SIZE 32

/* The extension has few tables of its own. */
#define EV_TABLES_MAX 32

/* The extension as it stands in pg_extension. */
typedef struct EvExtension
{
	Oid oid;
	Oid owner;
	char version[EV_VERSION_SIZE];
} EvExtension;

/* What stands against working here. */
typedef struct EvFault
{
	enum ev_detail detail;      /* for who asks */
	char text[EV_REFUSAL_SIZE]; /* a sentence, for who operates */
	char hint[EV_REFUSAL_SIZE]; /* what to do about it */
} EvFault;

typedef struct EvTables
{
	Oid oids[EV_TABLES_MAX];
	int n;
} EvTables;

/* False when it is not installed.  In a transaction. */
extern bool ev_extension_find(EvExtension *out);

/*
 * In a transaction: true when a worker may work here, else *fault says why not, the first thing that
 * is found.  *tables receives the extension's tables, as far as they were looked at.
 */
extern bool ev_inspect(const EvExtension *extension, EvTables *tables, EvFault *fault);

/* The same about what would run with the owner's rights alone: other versions and missing pieces are no fault. */
extern bool ev_inspect_hangers(const EvExtension *extension, EvTables *tables, EvFault *fault);

#endif
