/*
 * special_use.c
 *	  Names that look special in the text of a domain: A-labels, the domains reserved by RFC 6761,
 *	  and those with mailboxes that break the rules.
 */
#include "engine/syntax_private.h"

#include <string.h>

#include "engine/ascii.h"

/* Does text start with word (lower case), case not mattering? */
static bool
starts_with(const char *text, size_t n, const char *word)
{
	size_t len = strlen(word);

	if (n < len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (ev_lower(text[i]) != word[i])
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
	static const char *const arpa[] = {"home.arpa", "in-addr.arpa", "ip6.arpa", "ipv4only.arpa",
	                                   "service.arpa"};
	const char *last = domain + tld;
	size_t len = n - tld;

	/*
	 * Nearly every address comes by here: what most are is found out without a branch that depends on
	 * their letters.  Short names that matter are alt and "example." before com, net and org.
	 */
	if ((len < 4) & (ev_lower(*last) != 'a') &
	    (n < 11 || ev_lower(domain[n - (n < 11 ? n : 11)]) != 'e'))
		return false;
	switch (ev_lower(*last))
	{
		case 'a':
			if (len == 3)
				return starts_with(last, len, "alt");
			for (size_t i = 0; len == 4 && i < sizeof(arpa) / sizeof(arpa[0]); i++)
				if (is_below(domain, n, arpa[i]))
					return true;
			return false;
		case 'c':
		case 'n':
			/* "example.com" from its first letter on */
			return len == 3 && n >= 11 && ev_lower(domain[n - 11]) == 'e' &&
			       (is_below(domain, n, "example.com") || is_below(domain, n, "example.net"));
		case 'e': return len == 7 && starts_with(last, len, "example");
		case 'i':
			return (len == 7 && starts_with(last, len, "invalid")) ||
			       (len == 8 && starts_with(last, len, "internal"));
		case 'l':
			return (len == 5 && starts_with(last, len, "local")) ||
			       (len == 9 && starts_with(last, len, "localhost"));
		case 'o':
			return (len == 5 && starts_with(last, len, "onion")) ||
			       (len == 3 && n >= 11 && ev_lower(domain[n - 11]) == 'e' &&
			        is_below(domain, n, "example.org"));
		case 't': return len == 4 && starts_with(last, len, "test");
		default: return false;
	}
}

bool
ev_is_legacy_carrier(const char *domain, size_t n)
{
	return (n == 12 && starts_with(domain, n, "docomo.ne.jp")) ||
	       is_below(domain, n, "ezweb.ne.jp") || is_below(domain, n, "au.com");
}
