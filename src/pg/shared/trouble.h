/*
 * trouble.h
 *	  The last error of a worker, in shared memory for others to read.
 *
 * One writer, which may be in the middle of an error: no lock, but a count that is odd while it
 * writes (as PostgreSQL's backend status has it).
 */
#ifndef EV_TROUBLE_H
#define EV_TROUBLE_H

#include "port/atomics.h"
#include "utils/timestamp.h"

#define EV_TROUBLE_SIZE 256

typedef struct EvTrouble
{
	pg_atomic_uint32 changes;
	TimestampTz at; /* 0: there was none */
	char text[EV_TROUBLE_SIZE];
} EvTrouble;

extern void ev_trouble_init(EvTrouble *trouble);

/* The worker: what has gone wrong now, cut to fit; NULL: nothing did. */
extern void ev_trouble_set(EvTrouble *trouble, const char *text, TimestampTz at);

/* Anybody: when it was, 0 for never; text has room for EV_TROUBLE_SIZE bytes. */
extern TimestampTz ev_trouble_get(EvTrouble *trouble, char *text);

#endif
