/*
 * trap_name.c
 *	  Addresses that call themselves spam traps; see trap_name.h.
 */
#include "engine/trap_name.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/verdict.h"

/* What joins or numbers words does not count. */
static bool
counts(char c)
{
	return c != '.' && c != '-' && c != '_' && c != '+' && !(c >= '0' && c <= '9');
}

/* The letters of a name that count, in lower case; out has room for EV_DOMAIN_MAX + 1 bytes. */
static size_t
reduce(const char *name, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < EV_DOMAIN_MAX; i++)
	{
		if (counts(name[i]))
			out[len++] = ev_lower(name[i]);
	}
	out[len] = '\0';
	return len;
}

static bool
is_word(const char *name, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && memcmp(name, word, len) == 0 &&
	       (n == len || (n == len + 1 && name[len] == 's'));
}

static bool
starts_or_ends_with(const char *name, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && (memcmp(name, word, len) == 0 || memcmp(name + n - len, word, len) == 0);
}

bool
ev_is_trap_name(const char *local, size_t local_len, const char *domain, size_t domain_len)
{
	char name[EV_DOMAIN_MAX + 1];
	size_t n = reduce(local, local_len, name);

	if (is_word(name, n, "honeypot") || starts_or_ends_with(name, n, "spamtrap") ||
	    (n > 0 && name[n - 1] == 's' && starts_or_ends_with(name, n - 1, "spamtrap")))
		return true;
	for (size_t at = 0; at < domain_len;)
	{
		const char *dot = memchr(domain + at, '.', domain_len - at);
		size_t len = dot != NULL ? (size_t) (dot - (domain + at)) : domain_len - at;

		n = reduce(domain + at, len, name);
		if (is_word(name, n, "spamtrap"))
			return true;
		at += len + 1;
	}
	return false;
}
