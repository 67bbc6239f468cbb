/*
 * address.c
 *	  Addresses in the form they travel in.
 */
#include "engine/syntax.h"

#include <string.h>

#include "engine/idna.h"
#include "engine/syntax_private.h"

/* Is this a dot-string, so that it needs no quotes?  UTF-8 was checked before. */
static bool
is_dot_string(const char *text, size_t n)
{
	if (n == 0 || text[0] == '.' || text[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c == '.' ? text[i - 1] == '.' : c < 0x80 && !(ev_char_class[c] & C_ATEXT))
			return false;
	}
	return true;
}

size_t
ev_quote_local(const char *unquoted, size_t n, char *out)
{
	size_t len = 0;

	if (is_dot_string(unquoted, n))
	{
		if (out != NULL)
			memcpy(out, unquoted, n);
		return n;
	}
	if (out != NULL)
		out[0] = '"';
	len = 1;
	for (size_t i = 0; i < n; i++)
	{
		if (unquoted[i] == '"' || unquoted[i] == '\\')
		{
			if (out != NULL)
				out[len] = '\\';
			len++;
		}
		if (out != NULL)
			out[len] = unquoted[i];
		len++;
	}
	if (out != NULL)
		out[len] = '"';
	return len + 1;
}

/* The local part without its quotes and with its quoted pairs undone. */
static size_t
unquote(const char *quoted, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 1; i + 1 < n; i++)
	{
		if (quoted[i] == '\\')
			i++;
		out[len++] = quoted[i];
	}
	return len;
}

enum ev_detail
ev_address_from(const char *text, const struct ev_syntax *syntax, struct ev_address *out)
{
	const char *local = text + syntax->local_start;
	const char *domain = text + syntax->domain_start;
	size_t local_len = syntax->local_len;
	size_t domain_len = syntax->domain_len;

	if (syntax->fault != EV_DETAIL_NONE)
		return syntax->fault;
	if (syntax->literal)
		return EV_DETAIL_DOMAIN_LITERAL;

	if (syntax->quoted || syntax->carrier_legacy)
	{
		/* quoting can at most double what a sound local part holds */
		char unquoted[2 * EV_LOCAL_MAX + 2];

		if (local_len > sizeof(unquoted))
			return EV_DETAIL_LOCAL_PART_TOO_LONG;
		if (syntax->quoted)
			local_len = unquote(local, local_len, unquoted);
		else
			memcpy(unquoted, local, local_len);
		if (ev_quote_local(unquoted, local_len, NULL) > EV_LOCAL_MAX)
			return EV_DETAIL_LOCAL_PART_TOO_LONG;
		local_len = ev_quote_local(unquoted, local_len, out->local);
	}
	else
	{
		if (local_len > EV_LOCAL_MAX)
			return EV_DETAIL_LOCAL_PART_TOO_LONG;
		memcpy(out->local, local, local_len);
	}
	out->local[local_len] = '\0';

	if (syntax->idn)
	{
		domain_len = ev_idna_to_ascii(domain, domain_len, out->domain, sizeof(out->domain));
		if (domain_len == 0)
			return EV_DETAIL_INVALID_IDN;
	}
	else
	{
		if (domain_len > EV_DOMAIN_MAX)
			return EV_DETAIL_DOMAIN_TOO_LONG;
		for (size_t i = 0; i < domain_len; i++)
			out->domain[i] =
				domain[i] >= 'A' && domain[i] <= 'Z' ? (char) (domain[i] | 0x20) : domain[i];
		out->domain[domain_len] = '\0';
	}
	if (local_len + 1 + domain_len > EV_ADDRESS_MAX)
		return EV_DETAIL_ADDRESS_TOO_LONG;

	out->local_len = (uint8_t) local_len;
	out->domain_len = (uint8_t) domain_len;
	out->eai = syntax->eai;
	return EV_DETAIL_NONE;
}

bool
ev_address_parse_key(const char *key, size_t n, struct ev_address *out)
{
	struct ev_syntax syntax;
	char again[EV_ADDRESS_KEY_SIZE];

	return ev_syntax_parse(key, n, EV_SYNTAX_INTERNET, &syntax) &&
	       ev_address_from(key, &syntax, out) == EV_DETAIL_NONE &&
	       ev_address_key(out, again) == n && memcmp(again, key, n) == 0;
}

size_t
ev_address_key(const struct ev_address *address, char *buf)
{
	size_t len = address->local_len;

	memcpy(buf, address->local, len);
	buf[len++] = '@';
	memcpy(buf + len, address->domain, address->domain_len);
	len += address->domain_len;
	buf[len] = '\0';
	return len;
}
