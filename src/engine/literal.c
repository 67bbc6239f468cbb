/*
 * literal.c
 *	  Address literals (RFC 5321 4.1.3): [192.0.2.1], [IPv6:2001:db8::1], [tag:content].
 */
#include "engine/syntax_private.h"

#include "engine/ascii.h"

static bool
is_hex(char c)
{
	return ev_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Four Snums of one to three digits, up to 255. */
static bool
is_ipv4(const char *text, size_t n)
{
	size_t i = 0;

	for (int part = 0; part < 4; part++)
	{
		size_t start;
		unsigned value = 0;

		if (part > 0 && (i == n || text[i++] != '.'))
			return false;
		for (start = i; i < n && ev_is_digit(text[i]) && i - start < 4; i++)
			value = value * 10 + (unsigned) (text[i] - '0');
		if (i == start || i - start > 3 || value > 255)
			return false;
	}
	return i == n;
}

/* Groups of hex digits; "::" once, for at least two groups; the last two may be an IPv4 address. */
static bool
is_ipv6(const char *text, size_t n)
{
	int groups = 0;
	bool gap = false;
	size_t i = 0;

	if (n >= 2 && text[0] == ':' && text[1] == ':')
	{
		gap = true;
		i = 2;
	}
	while (i < n)
	{
		size_t start = i;

		while (i < n && is_hex(text[i]))
			i++;
		if (i < n && text[i] == '.')
		{
			groups += 2;
			i = n;
			if (!is_ipv4(text + start, n - start))
				return false;
			break;
		}
		if (i == start || i - start > 4)
			return false;
		groups++;
		if (i == n)
			break;
		if (text[i++] != ':' || i == n)
			return false;
		if (text[i] == ':')
		{
			if (gap)
				return false;
			gap = true;
			i++;
		}
	}
	return gap ? groups <= 6 : groups == 8;
}

/*
 * Standardized-tag ":" 1*dcontent.  The tag IPv6 is taken: what follows it is an IPv6 address or
 * nothing.  An IPv6 address whose tag was forgotten would fit, its first group being the tag; it is
 * none.
 */
static bool
is_general(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && (ev_is_alpha(text[i]) || ev_is_digit(text[i]) || text[i] == '-'))
		i++;
	if (i == 0 || text[i - 1] == '-' || i == n || text[i] != ':' || i + 1 == n)
		return false;
	for (i++; i < n; i++)
		if (text[i] < 33 || text[i] > 126 || (text[i] >= '[' && text[i] <= ']'))
			return false;
	return true;
}

static bool
has_ipv6_tag(const char *text, size_t n)
{
	return n >= 5 && (text[0] | 0x20) == 'i' && (text[1] | 0x20) == 'p' &&
	       (text[2] | 0x20) == 'v' && text[3] == '6' && text[4] == ':';
}

bool
ev_is_address_literal(const char *text, size_t n)
{
	if (n < 2 || text[0] != '[' || text[n - 1] != ']')
		return false;
	text++;
	n -= 2;
	if (has_ipv6_tag(text, n))
		return is_ipv6(text + 5, n - 5);
	return is_ipv4(text, n) || (is_general(text, n) && !is_ipv6(text, n));
}
