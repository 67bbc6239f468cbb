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

/* The same of a database by its OID, false when there is none.  In a transaction. */
extern bool ev_database_oid_connectable(Oid dboid);

#endif
