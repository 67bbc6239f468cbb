/*
 * bounce_unwrap.c
 *	  Addresses within the address that a bounce came to: SRS, BATV, VERP.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#include "engine/ascii.h"

/* Longest form of an address that is looked at. */
#define FORM_MAX 2048

static size_t
find_last(struct ev_slice a, char c)
{
	for (size_t i = a.n; i-- > 0;)
		if (a.s[i] == c)
			return i;
	return a.n;
}

static bool
join_address(char *field, size_t size, struct ev_slice local, struct ev_slice domain)
{
	char form[FORM_MAX];

	field[0] = '\0';
	if (local.n == 0 || domain.n < 3 || local.n + domain.n + 1 > sizeof(form) ||
	    memchr(domain.s, '.', domain.n) == NULL)
		return false;
	for (size_t i = 0; i < domain.n; i++)
		if (!ev_is_alnum(domain.s[i]) && domain.s[i] != '.' && domain.s[i] != '-' &&
		    (unsigned char) domain.s[i] < 0x80)
			return false;
	memcpy(form, local.s, local.n);
	form[local.n] = '@';
	memcpy(form + local.n + 1, domain.s, domain.n);
	return ev_bounce_copy_address(field, size, (struct ev_slice){form, local.n + domain.n + 1});
}

/* "SRS0=hash=tt=domain=local", "SRS1=hash=host==hash=tt=domain=local" */
static bool
undo_srs(struct ev_slice local, char *field, size_t size)
{
	size_t at;
	size_t skip;

	if (ev_slice_starts(local, "SRS1") && ev_slice_find(local, "==", &at))
	{
		local = ev_slice_from(local, at + 2);
		skip = 2;
	}
	else if (ev_slice_starts(local, "SRS0") && local.n > 5 && strchr("=+-", local.s[4]) != NULL)
	{
		local = ev_slice_from(local, 5);
		skip = 2;
	}
	else
		return false;
	for (; skip > 0; skip--)
	{
		const char *equals = memchr(local.s, '=', local.n);

		if (equals == NULL)
			return false;
		local = ev_slice_from(local, (size_t) (equals - local.s) + 1);
	}
	at = 0;
	while (at < local.n && local.s[at] != '=')
		at++;
	return at < local.n &&
	       join_address(field, size, ev_slice_from(local, at + 1), ev_slice_to(local, at));
}

/* "prvs=tag=local", "prvs=local/tag", "btv1==tag==local" */
static bool
undo_batv(struct ev_slice local, struct ev_slice domain, char *field, size_t size)
{
	size_t at;

	if (ev_slice_starts(local, "btv1==") && ev_slice_find(ev_slice_from(local, 6), "==", &at))
		return join_address(field, size, ev_slice_from(local, 6 + at + 2), domain);
	if (!ev_slice_starts(local, "prvs="))
		return false;
	local = ev_slice_from(local, 5);
	if (ev_slice_find(local, "=", &at))
		return join_address(field, size, ev_slice_from(local, at + 1), domain);
	if (ev_slice_find(local, "/", &at))
		return join_address(field, size, ev_slice_to(local, at), domain);
	return false;
}

bool
ev_bounce_unwrap(const char *address, char *field, size_t size)
{
	struct ev_slice a = {address, strlen(address)};
	size_t at = ev_bounce_find_at(a.s, a.n);

	field[0] = '\0';
	if (at == a.n)
		return false;
	return undo_srs(ev_slice_to(a, at), field, size) ||
	       undo_batv(ev_slice_to(a, at), ev_slice_from(a, at + 1), field, size);
}

/* How much of "list-bounces+john", "list-return-17-john", "bounces+17-a3f-john" is not "john"? */
static size_t
verp_prefix(struct ev_slice name)
{
	size_t at = find_last(name, '+');
	size_t start;

	if (at == name.n)
	{
		/* ezmlm: "-return-NUMBER-"; else the last hyphen */
		if (ev_slice_find(name, "-return-", &at))
		{
			start = at + 8;
			for (at = start; at < name.n && name.s[at] >= '0' && name.s[at] <= '9';)
				at++;
			if (at > start && at < name.n && name.s[at] == '-')
				return at + 1;
			return start;
		}
		if (ev_slice_find(name, "bounces-", &at))
			return at + 8;
		if (ev_slice_find(name, "bounce-", &at))
			return at + 7;
		at = find_last(name, '-');
		return at == name.n ? name.n : at + 1;
	}

	/* a number and a hash before the name */
	start = at + 1;
	at = start;
	while (at < name.n && name.s[at] >= '0' && name.s[at] <= '9')
		at++;
	if (at > start && at < name.n && name.s[at] == '-')
	{
		size_t hash = ++at;

		start = at;
		while (at < name.n && ev_hex_value(name.s[at]) >= 0)
			at++;
		if (at > hash && at < name.n && name.s[at] == '-')
			start = at + 1;
	}
	return start;
}

bool
ev_bounce_undo_verp(const char *address, char *field, size_t size)
{
	struct ev_slice local = {address, strlen(address)};
	size_t at = ev_bounce_find_at(local.s, local.n);
	size_t equals;
	size_t prefix;
	struct ev_slice name;

	field[0] = '\0';
	if (at == local.n)
		return false;
	local = ev_slice_to(local, at);
	if (ev_slice_starts(local, "SRS0") || ev_slice_starts(local, "SRS1") ||
	    ev_slice_starts(local, "prvs=") || ev_slice_starts(local, "btv1="))
		return false;
	equals = find_last(local, '=');
	if (equals == local.n)
		return false;
	name = ev_slice_to(local, equals);
	prefix = verp_prefix(name);
	if (prefix >= name.n)
		return false;
	return join_address(field, size, ev_slice_from(name, prefix), ev_slice_from(local, equals + 1));
}
