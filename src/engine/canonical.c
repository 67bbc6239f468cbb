/*
 * canonical.c
 *	  Rule set 1.
 */
#include "engine/canonical.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/domain_list.h"
#include "engine/idna.h"
#include "engine/syntax_private.h"

/*
 * Leave out what does not count.  A local part of which nothing would be left, or no dot-string, is
 * a name of its own: "+x".
 */
static void
reduce(char *local, uint8_t *len, const struct ev_mailbox_family *family)
{
	const char *tag = family->tag == 0 ? NULL : memchr(local, family->tag, *len);
	size_t n = tag == NULL || tag == local ? *len : (size_t) (tag - local);
	size_t kept = 0;
	char reduced[EV_LOCAL_MAX + 1];

	for (size_t i = 0; i < n; i++)
	{
		char c = local[i];

		if (family->dot_is_hyphen && c == '.')
			c = '-';
		if (strchr(family->removed, c) == NULL)
			reduced[kept++] = c;
	}
	if (kept == 0 || ev_quote_local(reduced, kept, NULL) != kept)
		return;
	memcpy(local, reduced, kept);
	local[kept] = '\0';
	*len = (uint8_t) kept;
}

/* Lower case and form C.  Idempotent. */
static void
normalize(struct ev_address *address)
{
	address->local_len = (uint8_t) ev_unicode_lower(address->local, address->local_len,
	                                                address->local, EV_LOCAL_MAX);
	address->local[address->local_len] = '\0';
}

static void
set_domain(struct ev_address *address, const char *domain)
{
	address->domain_len = (uint8_t) strlen(domain);
	memcpy(address->domain, domain, address->domain_len + 1);
}

/*
 * anything@NAME.fastmail.com is NAME@fastmail.com, of whichever domain of that provider.  A name
 * that has dots itself is nobody's.
 */
static bool
subdomain_is_name(struct ev_address *address)
{
	const char *dot = memchr(address->domain, '.', address->domain_len);
	size_t len = dot == NULL ? 0 : (size_t) (dot - address->domain);
	const struct ev_mailbox_family *family;

	if (dot == NULL || len > EV_LOCAL_MAX)
		return false;
	family = ev_mailbox_family(
		ev_domain_look_up(dot + 1, (size_t) address->domain_len - len - 1).family);
	if (family == NULL || strcmp(family->provider, "fastmail") != 0)
		return false;
	memcpy(address->local, address->domain, len);
	address->local[len] = '\0';
	address->local_len = (uint8_t) len;
	address->eai = false;
	address->domain_len = (uint8_t) (address->domain_len - len - 1);
	memmove(address->domain, dot + 1, (size_t) address->domain_len + 1);
	return true;
}

bool
ev_canonical(const struct ev_address *address, int rules, struct ev_address *out)
{
	const struct ev_mailbox_family *family;

	if (rules != 1)
		return false;
	if (out != address)
		*out = *address;
	if (out->eai)
		normalize(out);
	for (size_t i = 0; i < out->local_len; i++)
		out->local[i] = ev_lower(out->local[i]);
	out->local[out->local_len] = '\0';

	family = ev_mailbox_family(ev_domain_look_up(out->domain, out->domain_len).family);
	if (family == NULL && subdomain_is_name(out))
		return true;
	if (family == NULL || out->local[0] == '"')
		return true;
	reduce(out->local, &out->local_len, family);
	if (out->eai)
		normalize(out); /* a combining mark may have come to stand behind another letter */
	if (family->domain != NULL)
		set_domain(out, family->domain);
	return true;
}
