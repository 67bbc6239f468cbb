/*
 * standing.h
 *	  What mail servers say of us: for the groups heard of last, how many replies refused our address, name
 *	  or sender, and how many did not.
 *
 * A group is a provider's family, or else the domain of a mail host.  Kept in shared memory since the worker's
 * start; when all places are taken, the group that was heard of longest ago makes way.
 */
#ifndef EV_STANDING_H
#define EV_STANDING_H

#include "storage/lwlock.h"
#include "utils/timestamp.h"

#define EV_STANDING_GROUPS    32
#define EV_STANDING_NAME_SIZE 64
#define EV_STANDING_TEXT_SIZE 128

typedef struct EvStandingGroup
{
	char name[EV_STANDING_NAME_SIZE]; /* "": free */
	uint32 heard;                     /* replies about a recipient, or about us */
	uint32 refused;                   /* of these, those about us */
	TimestampTz heard_at;
	TimestampTz refused_at;           /* 0: never */
	char text[EV_STANDING_TEXT_SIZE]; /* of the last refusal: ASCII */
} EvStandingGroup;

typedef struct EvStanding
{
	EvStandingGroup groups[EV_STANDING_GROUPS];
} EvStanding;

/* A mail server of that group has replied; text is NULL unless it refused us.  Under the database's lock. */
extern void ev_standing_note(EvStanding *standing, const char *group, const char *text,
                             TimestampTz at);

/* The group of a mail host: its provider's label, else the end of its name; name has EV_STANDING_NAME_SIZE bytes. */
extern void ev_standing_group_of(const char *host, char *name);

#endif
