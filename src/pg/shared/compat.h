/*
 * compat.h
 *	  PostgreSQL 15 to 18 as one: every difference between versions that this project meets.
 *
 * Include it after postgres.h.  No other file asks for PG_VERSION_NUM.
 */
#ifndef EV_COMPAT_H
#define EV_COMPAT_H

#include "access/genam.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_tablespace.h"
#include "storage/bufmgr.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
#error "email_verify needs PostgreSQL 15 or later"
#endif

/* Have the memory at this address, which need not be valid, come nearer: it will be read soon. */
static inline void
ev_prefetch(const void *address)
{
#if defined(__GNUC__)
	__builtin_prefetch(address);
#else
	(void) address;
#endif
}

/* A wait event set that lives as long as the process. */
static inline WaitEventSet *
ev_create_wait_event_set(int n)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, n);
#else
	return CreateWaitEventSet(TopMemoryContext, n);
#endif
}

/* The name under which a wait is seen in pg_stat_activity; older releases know only "Extension". */
static inline uint32
ev_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	(void) name;
	return PG_WAIT_EXTENSION;
#endif
}

static inline LocalTransactionId
ev_local_xid(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

static inline IndexScanDesc
ev_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(heap, index, snapshot, nkeys, 0);
#endif
}

/* old_snapshot_threshold: what the snapshot should see may be gone from the page.  Until 16. */
static inline void
ev_test_for_old_snapshot(Snapshot snapshot, Relation rel, Page page)
{
#if PG_VERSION_NUM < 170000
	TestForOldSnapshot(snapshot, rel, page);
#else
	(void) snapshot, (void) rel, (void) page;
#endif
}

static inline bool
ev_owns_database(Oid dboid, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, dboid, role);
#else
	return pg_database_ownercheck(dboid, role);
#endif
}

static inline bool
ev_owns_extension(Oid extension, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ExtensionRelationId, extension, role);
#else
	return pg_extension_ownercheck(extension, role);
#endif
}

static inline bool
ev_may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

static inline bool
ev_may_create_in_tablespace(Oid tablespace, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(TableSpaceRelationId, tablespace, role, ACL_CREATE) == ACLCHECK_OK;
#else
	return pg_tablespace_aclcheck(tablespace, role, ACL_CREATE) == ACLCHECK_OK;
#endif
}

/* A database whose DROP DATABASE was cut short; the first minor releases do not know such. */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB (-2)
#endif

#ifdef PG_MODULE_MAGIC_EXT
#define EV_MODULE_MAGIC(module) PG_MODULE_MAGIC_EXT(.name = module, .version = "1.0.0")
#else
#define EV_MODULE_MAGIC(module) PG_MODULE_MAGIC
#endif

#endif
