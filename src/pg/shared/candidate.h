/*
 * candidate.h
 *	  Which databases may have a worker.
 */
#ifndef EV_CANDIDATE_H
#define EV_CANDIDATE_H

#include "catalog/pg_database.h"

/*
 * May a worker connect to it?  Not to templates, since CREATE DATABASE shall find them unused, nor
 * to what takes no connections, be it by its owner's will or because a DROP DATABASE was cut short.
 */
extern bool ev_database_connectable(Form_pg_database form);

/*
 * The same of this process's own database, as it is in the cache of the catalogues: cheap.  In a
 * transaction.
 */
extern bool ev_my_database_connectable(void);

/*
 * Shall this process's own database have a worker: connectable, and named by the list?  As it is in
 * the catalogue itself: who tells us of a change does so when it is committed, but before our cache
 * has heard of it.  In a transaction.
 */
extern bool ev_my_database_wanted(const char *list);

#endif
