/*
 * nat64_setting.h
 *	  Reading email_verify.nat64_prefixes: where it is set, and where it is used.
 */
#ifndef EV_NAT64_SETTING_H
#define EV_NAT64_SETTING_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/nat64.h"

/* Of the setting, without its NUL. */
#define EV_NAT64_TEXT_MAX 511

/* "2001:db8:64::/96"; the text is changed. */
static inline bool
ev_nat64_read_one(char *text, struct ev_nat64 *out)
{
	char *slash = strchr(text, '/');
	unsigned char address[16];
	char *end;
	unsigned long bits;

	if (slash == NULL || slash[1] < '0' || slash[1] > '9')
		return false;
	*slash = '\0';
	bits = strtoul(slash + 1, &end, 10);
	return *end == '\0' && bits <= 128 && inet_pton(AF_INET6, text, address) == 1 &&
	       ev_nat64_add(out, address, (unsigned) bits);
}

/* A list with commas, "" for none.  The text is changed.  False: it is none, or too long. */
static inline bool
ev_nat64_read(char *text, struct ev_nat64 *out)
{
	char *one;

	memset(out, 0, sizeof(*out));
	if (text[strspn(text, " \t")] == '\0')
		return true;
	while ((one = strsep(&text, ",")) != NULL)
	{
		one += strspn(one, " \t");
		one[strcspn(one, " \t")] = '\0';
		if (!ev_nat64_read_one(one, out))
			return false;
	}
	return true;
}

#endif
