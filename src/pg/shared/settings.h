/*
 * settings.h
 *	  The settings email_verify.* as a struct; the list itself is settings.def.
 */
#ifndef EV_SETTINGS_H
#define EV_SETTINGS_H

#include "engine/schedule.h"

/* How far a verification goes. */
enum ev_mode
{
	EV_MODE_SANDBOX, /* the local part decides; no worker, network, tables */
	EV_MODE_OFFLINE, /* syntax, data and cache */
	EV_MODE_DNS,
	EV_MODE_SMTP
};

/* Which mail servers that are not on the public internet may be connected to. */
enum ev_private
{
	EV_PRIVATE_OFF,
	EV_PRIVATE_LOOPBACK,
	EV_PRIVATE_ON
};

/* Where mail servers are talked to. */
enum ev_prober_place
{
	EV_PROBER_PROCESS, /* in a process of its own, without rights */
	EV_PROBER_INLINE   /* in the worker */
};

typedef struct EvSettings
{
#define EV_INT(name, boot, min, max, context, flags, description) int name;
#define EV_BOOL(name, boot, context, flags, description)          bool name;
#define EV_STRING(name, boot, context, flags, check, description) char *name;
#define EV_ENUM(name, boot, options, context, flags, description) int name;
#include "pg/shared/settings.def"
} EvSettings;

/* May mail servers be asked at all?  They get a real name and a real sender or nothing. */
static inline bool
ev_settings_configured(const EvSettings *settings)
{
	return settings->helo_name[0] != '\0' && settings->mail_from[0] != '\0';
}

/*
 * Read all settings by name into *settings; strings are allocated in CurrentMemoryContext.  For
 * code that shares no variables with the library which defined them.
 */
extern void ev_settings_read(EvSettings *settings);

/*
 * Is the database among those of email_verify.databases?  The list is the setting's text.
 */
extern bool ev_settings_database_enabled(const char *list, const char *database);

/*
 * Parse a list of delays ("6min, 35min, 4h"; a bare number means seconds) into a ladder.  False,
 * with a message for the user in *detail, when it is malformed.
 */
extern bool ev_settings_parse_delays(const char *text, struct ev_ladder *out, const char **detail);

#endif
