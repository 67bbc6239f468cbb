/*
 * settings.c
 *	  Defines the settings email_verify.*, from settings.def.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "engine/syntax.h"
#include "pg/backend/backend.h"
#include "pg/shared/nat64_setting.h"

EvSettings ev_settings;

static const struct config_enum_entry mode_options[] = {{"sandbox", EV_MODE_SANDBOX, false},
                                                        {"offline", EV_MODE_OFFLINE, false},
                                                        {"dns", EV_MODE_DNS, false},
                                                        {"smtp", EV_MODE_SMTP, false},
                                                        {NULL, 0, false}};

static const struct config_enum_entry private_options[] = {
	{"off", EV_PRIVATE_OFF, false}, {"loopback", EV_PRIVATE_LOOPBACK, false},
	{"on", EV_PRIVATE_ON, false},   {"false", EV_PRIVATE_OFF, true},
	{"true", EV_PRIVATE_ON, true},  {"no", EV_PRIVATE_OFF, true},
	{"yes", EV_PRIVATE_ON, true},   {"0", EV_PRIVATE_OFF, true},
	{"1", EV_PRIVATE_ON, true},     {NULL, 0, false}};

/* the values of net's enum ev_transcripts, which this library does not know */
#define EV_TRANSCRIPTS_OFF 0
static const struct config_enum_entry transcript_options[] = {{"off", EV_TRANSCRIPTS_OFF, false},
                                                              {"failures", 1, false},
                                                              {"all", 2, false},
                                                              {"on", 2, true},
                                                              {NULL, 0, false}};

static const struct config_enum_entry prober_options[] = {
	{"process", EV_PROBER_PROCESS, false}, {"inline", EV_PROBER_INLINE, false}, {NULL, 0, false}};

/* The domain of an address at that level of syntax, in ASCII. */
static bool
is_domain(const char *name, enum ev_syntax_level level)
{
	char probe[EV_DOMAIN_MAX + 16];
	struct ev_syntax syntax;

	if (strlen(name) > EV_DOMAIN_MAX || name[0] == '[')
		return false;
	snprintf(probe, sizeof(probe), "x@%s", name);
	return ev_syntax_parse(probe, strlen(probe), level, &syntax) && !syntax.idn;
}

/* A fully qualified host name; address literals and bare host names are refused by many servers. */
static bool
check_helo_name(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_domain(*newval, EV_SYNTAX_INTERNET))
		return true;
	GUC_check_errdetail("The EHLO name must be a fully qualified host name in ASCII.");
	return false;
}

static bool
check_mail_from(char **newval, void **extra, GucSource source)
{
	struct ev_syntax syntax;

	if (**newval == '\0' ||
	    (ev_syntax_parse(*newval, strlen(*newval), EV_SYNTAX_INTERNET, &syntax) && !syntax.idn &&
	     !syntax.eai))
		return true;
	GUC_check_errdetail("The sender must be an e-mail address in ASCII.");
	return false;
}

static bool
check_source_ipv4(char **newval, void **extra, GucSource source)
{
	struct in_addr address;

	return **newval == '\0' || inet_pton(AF_INET, *newval, &address) == 1;
}

static bool
check_source_ipv6(char **newval, void **extra, GucSource source)
{
	struct in6_addr address;

	return **newval == '\0' || inet_pton(AF_INET6, *newval, &address) == 1;
}

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	List *names = NIL;
	bool ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return ok;
}

/* Names of domains, separated by commas, as short as net/prober.h takes them (EV_HEALTH_NAMES_MAX). */
static bool
check_zones(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	List *names = NIL;
	ListCell *cell;
	bool ok = strlen(*newval) < 1024 && SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("List syntax is invalid, or the list is longer than 1023 bytes.");
	foreach (cell, names)
	{
		const char *name = lfirst(cell);

		if (!ok || is_domain(name, EV_SYNTAX_SMTP))
			continue;
		GUC_check_errdetail("\"%s\" is no domain name in ASCII.", name);
		ok = false;
	}
	list_free(names);
	pfree(copy);
	return ok;
}

/* "192.0.2.53", "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:53".  The text is changed. */
static bool
is_name_server(char *text)
{
	struct in6_addr address;
	char *port = NULL;
	char *end;
	bool v6 = text[0] == '[';

	if (v6)
	{
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return false;
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
	}
	else if (inet_pton(AF_INET6, text, &address) != 1 && (end = strchr(text, ':')) != NULL)
	{
		*end = '\0';
		port = end + 1;
	}
	if (port != NULL && (strspn(port, "0123456789") != strlen(port) || atoi(port) < 1 ||
	                     atoi(port) > 65535 || strlen(port) > 5))
		return false;
	return inet_pton(AF_INET6, text, &address) == 1 ||
	       (!v6 && inet_pton(AF_INET, text, &address) == 1);
}

/* Each name server is an IP address, with a port or without one. */
static bool
check_dns_servers(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	char *rest = copy;
	char *one;
	bool ok = true;

	while (ok && (one = strsep(&rest, ",")) != NULL)
	{
		one += strspn(one, " \t");
		one[strcspn(one, " \t")] = '\0';
		ok = (*newval)[0] == '\0' || is_name_server(one);
		if (!ok)
			GUC_check_errdetail("\"%s\" is no IP address with or without a port.", one);
	}
	pfree(copy);
	if (!ok)
		GUC_check_errhint("For example: \"192.0.2.53, 192.0.2.54:5353, [2001:db8::53]:53\".");
	return ok;
}

static bool
check_delays(char **newval, void **extra, GucSource source)
{
	struct ev_ladder ladder;
	const char *detail = NULL;

	if (ev_settings_parse_delays(*newval, &ladder, &detail))
		return true;
	GUC_check_errdetail("%s", detail);
	return false;
}

static bool
check_nat64_prefixes(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	struct ev_nat64 prefixes;
	bool sound = strlen(copy) <= EV_NAT64_TEXT_MAX && ev_nat64_read(copy, &prefixes);

	if (!sound)
	{
		GUC_check_errdetail("Up to %d IPv6 prefixes of 32, 40, 48, 56, 64 or 96 bits can be named.",
		                    EV_NAT64_MAX);
		GUC_check_errhint("For example: \"2001:db8:64::/96, 64:ff9b:1::/96\".");
	}
	pfree(copy);
	return sound;
}

/* What net's ev_dns_canaries_fault() says of it, too; this library does not know that one. */
#define DNS_CANARIES_MAX 511

static bool
check_dns_canaries(char **newval, void **extra, GucSource source)
{
	char *copy = pstrdup(*newval);
	bool sound = strlen(copy) <= DNS_CANARIES_MAX;
	char *rest = copy;
	char *item;

	if (strcmp(*newval, "auto") != 0 && *newval[0] != '\0')
	{
		while (sound && (item = strsep(&rest, ",")) != NULL)
		{
			char probe[EV_DOMAIN_MAX + 16];
			struct ev_syntax syntax;

			item += strspn(item, " \t");
			item[strcspn(item, " \t")] = '\0';
			sound = strlen(item) <= EV_DOMAIN_MAX;
			if (!sound)
				break;
			snprintf(probe, sizeof(probe), "x@%s", item);
			sound = ev_syntax_parse(probe, strlen(probe), EV_SYNTAX_SMTP, &syntax) && !syntax.idn &&
			        item[0] != '[' && strchr(item, '.') != NULL;
		}
	}
	if (!sound)
		GUC_check_errdetail("Each name must be a domain name in ASCII with a dot, as in "
		                    "\"example.com, example.org\".");
	pfree(copy);
	return sound;
}

static bool
check_crash_on(char **newval, void **extra, GucSource source)
{
	return strlen(*newval) <= EV_LOCAL_MAX;
}

/* A setting that is fixed at server start cannot be defined by a library that is loaded later. */
static bool
can_define(GucContext context)
{
	return context != PGC_POSTMASTER || process_shared_preload_libraries_in_progress;
}

void
ev_settings_define(void)
{
#define EV_INT(name, boot, min, max, context, flags, description)                                  \
	ev_settings.name = (boot);                                                                     \
	if (can_define(context))                                                                       \
		DefineCustomIntVariable("email_verify." #name, description, NULL, &ev_settings.name, boot, \
		                        min, max, context, flags, NULL, NULL, NULL);
#define EV_BOOL(name, boot, context, flags, description)                                           \
	DefineCustomBoolVariable("email_verify." #name, description, NULL, &ev_settings.name, boot,    \
	                         context, flags, NULL, NULL, NULL);
#define EV_STRING(name, boot, context, flags, check, description)                                  \
	DefineCustomStringVariable("email_verify." #name, description, NULL, &ev_settings.name, boot,  \
	                           context, flags, check, NULL, NULL);
#define EV_ENUM(name, boot, options, context, flags, description)                                  \
	DefineCustomEnumVariable("email_verify." #name, description, NULL, &ev_settings.name, boot,    \
	                         options, context, flags, NULL, NULL, NULL);
#include "pg/shared/settings.def"
	MarkGUCPrefixReserved("email_verify");
}
