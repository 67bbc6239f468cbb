/*
 * special_use.c
 *	  Names that look special in the text of a domain: A-labels, and the domains reserved by RFC
 *	  6761.
 */
#include "engine/syntax_private.h"

#include <string.h>

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

/* Does text start with word (lower case), case not mattering? */
static bool
starts_with(const char *text, size_t n, const char *word)
{
	size_t len = strlen(word);

	if (n < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (lower(text[i]) != word[i])
			return false;
	return true;
}

/* Does a label of this ASCII domain start with xn--? */
bool
ev_has_a_label(const char *domain, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i++)
		if ((i == 0 || domain[i - 1] == '.') && starts_with(domain + i, n - i, "xn--"))
			return true;
	return false;
}

/* Does domain equal name (lower case) or end in "." name? */
static bool
is_below(const char *domain, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && starts_with(domain + n - len, len, name) &&
	       (n == len || domain[n - len - 1] == '.');
}

/*
 * Names that no mail server of the public DNS answers for: RFC 6761, 6762 (local), 7686 (onion),
 * 8375 (home.arpa), 9476 (alt), and ICANN's internal.  tld is where the last label starts.
 */
bool
ev_is_special_use(const char *domain, size_t n, size_t tld)
{
	static const char *const tlds[] = {"alt",     "test",    "local",    "onion",
	                                   "invalid", "example", "internal", "localhost"};
	static const char *const names[] = {"example.com", "example.net", "example.org"};
	static const char *const arpa[] = {"home.arpa", "in-addr.arpa", "ip6.arpa", "ipv4only.arpa",
	                                   "service.arpa"};

	/* the one case that matters for speed: a TLD that no special name has */
	switch (n - tld)
	{
		case 3:
			for (size_t i = 0; n >= 11 && i < sizeof(names) / sizeof(names[0]); i++)
				if (lower(domain[n - 11]) == 'e' && is_below(domain, n, names[i]))
					return true;
			break;
		case 4:
			for (size_t i = 0; lower(domain[tld]) == 'a' && i < sizeof(arpa) / sizeof(arpa[0]); i++)
				if (is_below(domain, n, arpa[i]))
					return true;
			break;
		case 5:
		case 7:
		case 8:
		case 9: break;
		default: return false;
	}
	for (size_t i = 0; i < sizeof(tlds) / sizeof(tlds[0]); i++)
		if (lower(domain[tld]) == tlds[i][0] && strlen(tlds[i]) == n - tld &&
		    starts_with(domain + tld, n - tld, tlds[i]))
			return true;
	return false;
}
