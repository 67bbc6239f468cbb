/*
 * settings.c
 *	  Reading settings by name, and the lists that some of them hold.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "pg/shared/settings.h"

static const char *
option(const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	if (value == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		                errmsg("setting \"%s\" is not defined", name),
		                errdetail("The worker's library does not fit the library in "
		                          "shared_preload_libraries."),
		                errhint("Restart the server after an upgrade of email_verify.")));
	return value;
}

static int
int_option(const char *name)
{
	const char *value = option(name);
	int result;

	if (!parse_int(value, &result, 0, NULL))
		elog(ERROR, "setting \"%s\" has the value \"%s\"", name, value);
	return result;
}

static bool
bool_option(const char *name)
{
	const char *value = option(name);
	bool result;

	if (!parse_bool(value, &result))
		elog(ERROR, "setting \"%s\" has the value \"%s\"", name, value);
	return result;
}

/* The labels as SHOW gives them, in the order of the C enums. */
static const char *const mode_options[] = {"sandbox", "offline", "dns", "smtp", NULL};
static const char *const private_options[] = {"off", "loopback", "on", NULL};
static const char *const transcript_options[] = {"off", "failures", "all", NULL};
static const char *const prober_options[] = {"process", "inline", NULL};

static int
enum_option(const char *name, const char *const *labels)
{
	const char *value = option(name);

	for (int i = 0; labels[i] != NULL; i++)
		if (strcmp(labels[i], value) == 0)
			return i;
	elog(ERROR, "setting \"%s\" has the value \"%s\"", name, value);
	return 0; /* keep compiler quiet */
}

void
ev_settings_read(EvSettings *settings)
{
#define EV_INT(name, boot, min, max, context, flags, description)                                  \
	settings->name = int_option("email_verify." #name);
#define EV_BOOL(name, boot, context, flags, description)                                           \
	settings->name = bool_option("email_verify." #name);
#define EV_STRING(name, boot, context, flags, check, description)                                  \
	settings->name = pstrdup(option("email_verify." #name));
#define EV_ENUM(name, boot, options, context, flags, description)                                  \
	settings->name = enum_option("email_verify." #name, options);
#include "pg/shared/settings.def"
}

bool
ev_settings_database_enabled(const char *list, const char *database)
{
	char *copy = pstrdup(list);
	List *names;
	ListCell *cell;
	bool found = false;

	if (SplitIdentifierString(copy, ',', &names))
	{
		foreach (cell, names)
		{
			const char *name = lfirst(cell);

			if (strcmp(name, "*") == 0 || strcmp(name, database) == 0)
				found = true;
		}
		list_free(names);
	}
	pfree(copy);
	return found;
}

bool
ev_settings_parse_delays(const char *text, struct ev_ladder *out, const char **detail)
{
	const char *p = text;
	int n = 0;

	memset(out, 0, sizeof(*out));
	while (*p == ' ')
		p++;
	while (*p != '\0')
	{
		char item[32];
		size_t len = strcspn(p, ",");
		size_t trimmed = len;
		int seconds;

		while (trimmed > 0 && p[trimmed - 1] == ' ')
			trimmed--;
		if (n == EV_LADDER_MAX || trimmed >= sizeof(item))
		{
			*detail = "At most 8 delays can be given.";
			return false;
		}
		memcpy(item, p, trimmed);
		item[trimmed] = '\0';
		if (!parse_int(item, &seconds, GUC_UNIT_S, detail) || seconds < 1)
		{
			if (*detail == NULL)
				*detail =
					"Each delay is a time of at least one second, such as \"6min\" or \"4h\".";
			return false;
		}
		out->delay[n++] = seconds;
		p += len;
		if (*p == ',')
			p++;
		while (*p == ' ')
			p++;
	}
	return true;
}
