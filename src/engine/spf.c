/*
 * spf.c
 *	  Parse one SPF record (RFC 7208 4.6, 12) as far as the header promises.
 */
#include "engine/spf.h"

#include <string.h>

#include "engine/ascii.h"

static const char version[] = "v=spf1";
static const size_t version_len = sizeof(version) - 1;

struct term
{
	const char *name;
	size_t name_len;
	char separator; /* ':', '/' or '=' behind the name, 0 for none */
	const char *value;
	size_t value_len; /* behind ':' or '='; with '/', the slash is part of it */
	char qualifier;   /* '+' when none is given */
};

static bool
is_name(const struct term *term, const char *name)
{
	for (size_t i = 0; i < term->name_len; i++)
		if (ev_lower(term->name[i]) != name[i] || name[i] == '\0')
			return false;
	return name[term->name_len] == '\0';
}

/* Split a term into its name and what follows. */
static bool
split_term(const char *text, size_t n, struct term *term)
{
	size_t i = 0;

	term->qualifier = '+';
	if (n > 0 && (text[0] == '+' || text[0] == '-' || text[0] == '~' || text[0] == '?'))
	{
		term->qualifier = text[0];
		text++;
		n--;
	}
	while (i < n && (ev_is_alpha(text[i]) || (i > 0 && (ev_is_digit(text[i]) || text[i] == '-' ||
	                                                    text[i] == '_' || text[i] == '.'))))
		i++;
	term->name = text;
	term->name_len = i;
	term->separator = i < n ? text[i] : '\0';
	if (i == 0 || (i < n && strchr(":/=", text[i]) == NULL))
		return false;
	if (i < n && text[i] != '/')
		i++;
	term->value = text + i;
	term->value_len = n - i;
	return true;
}

/* domain-spec (RFC 7208 7.1): visible characters; a percent sign only in an escape or a macro. */
static bool
is_domain_spec(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (text[i] < 0x21 || text[i] > 0x7e)
			return false;
		if (text[i] != '%')
			continue;
		if (++i == n)
			return false;
		if (text[i] == '{')
		{
			const char *close = memchr(text + i, '}', n - i);

			if (close == NULL || !ev_is_alpha(text[i + 1]))
				return false;
			i = (size_t) (close - text);
		}
		else if (text[i] != '%' && text[i] != '_' && text[i] != '-')
			return false;
	}
	return n > 0;
}

/* Take a "/24", "//64" or "/24//64" off the end.  False when there is a slash but no length. */
static bool
strip_cidr(const char *text, size_t *n)
{
	size_t end = *n;

	for (int i = 0; i < 2; i++)
	{
		size_t p = end;

		while (p > 0 && ev_is_digit(text[p - 1]))
			p--;
		if (p == 0 || text[p - 1] != '/')
			break;
		if (p == end || end - p > 3)
			return false;
		p--;
		if (p > 0 && text[p - 1] == '/')
			p--;
		end = p;
	}
	*n = end;
	return true;
}

static bool
is_address(const char *text, size_t n, bool v6)
{
	if (n < 2)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		char c = ev_lower(text[i]);

		if (!ev_is_digit(c) && c != '.' && !(v6 && (c == ':' || (c >= 'a' && c <= 'f'))))
			return false;
	}
	return memchr(text, v6 ? ':' : '.', n) != NULL;
}

/* Is this a mechanism as RFC 7208 5 writes it? */
static bool
is_mechanism(const struct term *term)
{
	size_t n = term->value_len;

	if (is_name(term, "all"))
		return term->separator == '\0';
	if (is_name(term, "include") || is_name(term, "exists"))
		return term->separator == ':' && is_domain_spec(term->value, n);
	if (is_name(term, "ip4") || is_name(term, "ip6"))
		return term->separator == ':' && strip_cidr(term->value, &n) &&
		       is_address(term->value, n, is_name(term, "ip6"));
	if (is_name(term, "ptr"))
		return term->separator == '\0' ||
		       (term->separator == ':' && is_domain_spec(term->value, n));
	if (is_name(term, "a") || is_name(term, "mx"))
	{
		if (term->separator == '\0')
			return true;
		if (!strip_cidr(term->value, &n))
			return false;
		return term->separator == '/' ? n == 0
		                              : term->separator == ':' && is_domain_spec(term->value, n);
	}
	return false;
}

/* The domain of a redirect into target.  False when it has macros, whose values nobody has here. */
static bool
copy_target(const struct term *term, char *target)
{
	size_t n = term->value_len;

	if (n > 0 && term->value[n - 1] == '.')
		n--;
	if (n == 0 || n > EV_DOMAIN_MAX || memchr(term->value, '%', n) != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		target[i] = ev_lower(term->value[i]);
	target[n] = '\0';
	return true;
}

/* What the terms seen so far amount to. */
struct record
{
	unsigned mechanisms; /* all included */
	char all;            /* qualifier of the first "all", 0 for none */
	bool exp;
	bool redirect;
	struct term redirect_term;
};

static bool
add_term(struct record *record, const struct term *term)
{
	if (term->separator != '=')
	{
		if (!is_mechanism(term))
			return false;
		record->mechanisms++;
		if (is_name(term, "all") && record->all == '\0')
			record->all = term->qualifier;
		return true;
	}

	/* redirect and exp may stand once each (RFC 7208 6); modifiers that nobody knows are ignored */
	if (is_name(term, "redirect"))
	{
		if (record->redirect || !is_domain_spec(term->value, term->value_len))
			return false;
		record->redirect = true;
		record->redirect_term = *term;
	}
	else if (is_name(term, "exp"))
	{
		if (record->exp || !is_domain_spec(term->value, term->value_len))
			return false;
		record->exp = true;
	}
	return true;
}

/* Where the next word begins, n when there is none; *at is moved to its end. */
static size_t
next_word(const char *txt, size_t n, size_t *at)
{
	size_t start = *at;

	while (start < n && txt[start] == ' ')
		start++;
	for (*at = start; *at < n && txt[*at] != ' ';)
		(*at)++;
	return start;
}

enum ev_spf
ev_spf_parse(const char *txt, size_t n, char *target)
{
	struct record record = {0};

	target[0] = '\0';
	if (n < version_len)
		return EV_SPF_NONE;
	for (size_t i = 0; i < version_len; i++)
		if (ev_lower(txt[i]) != version[i])
			return EV_SPF_NONE;
	if (n > version_len && txt[version_len] != ' ')
		return EV_SPF_NONE;

	for (size_t i = version_len, start; (start = next_word(txt, n, &i)) < n;)
	{
		struct term term;

		if (!split_term(txt + start, i - start, &term) || !add_term(&record, &term))
			return EV_SPF_INVALID;
	}

	if (record.all == '-')
		return record.mechanisms == 1 ? EV_SPF_NOBODY : EV_SPF_FAIL_ALL;

	/*
	 * a record with mechanisms of its own authorises somebody, whatever the redirect's target says
	 */
	if (record.redirect && record.mechanisms == 0 && copy_target(&record.redirect_term, target))
		return EV_SPF_REDIRECT;
	return EV_SPF_OTHER;
}

/* The number behind the slash at `at`; 999 when there is none, which no prefix reaches. */
static unsigned
number_behind(const char *text, size_t n, size_t at)
{
	unsigned number = 0;

	if (at >= n || !ev_is_digit(text[at]))
		return 999;
	for (; at < n && ev_is_digit(text[at]); at++)
		number = number * 10 + (unsigned) (text[at] - '0');
	return number;
}

/* "/24", "//64" or both behind the value: take them off, and keep those that can be. */
static void
read_prefixes(struct ev_spf_term *out, const char *text, size_t *n)
{
	size_t whole = *n;

	(void) strip_cidr(text, n);
	for (size_t at = *n; at < whole; at++)
	{
		unsigned number;

		if (text[at] != '/')
			continue;
		if (at + 1 < whole && text[at + 1] == '/')
		{
			number = number_behind(text, whole, at + 2);
			out->prefix6 = number < 128 ? number : 128;
			return;
		}
		number = number_behind(text, whole, at + 1);
		if (out->kind == EV_SPF_TERM_IP6)
			out->prefix6 = number < 128 ? number : 128;
		else
			out->prefix4 = number < 32 ? number : 32;
	}
}

static enum ev_spf_kind
kind_of(const struct term *term)
{
	static const struct
	{
		const char *name;
		enum ev_spf_kind kind;
	} mechanisms[] = {{"all", EV_SPF_TERM_ALL}, {"include", EV_SPF_TERM_INCLUDE},
	                  {"a", EV_SPF_TERM_A},     {"mx", EV_SPF_TERM_MX},
	                  {"ip4", EV_SPF_TERM_IP4}, {"ip6", EV_SPF_TERM_IP6}};

	if (term->separator == '=')
		return is_name(term, "redirect") ? EV_SPF_TERM_REDIRECT : EV_SPF_TERM_OTHER;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (is_name(term, mechanisms[i].name))
			return mechanisms[i].kind;
	return EV_SPF_TERM_UNDECIDED;
}

static void
read_value(const struct term *from, struct ev_spf_term *out)
{
	size_t n = from->value_len;
	struct term domain = *from;

	if (out->kind == EV_SPF_TERM_ALL || out->kind >= EV_SPF_TERM_OTHER)
		return;
	if (out->kind != EV_SPF_TERM_REDIRECT && out->kind != EV_SPF_TERM_INCLUDE)
		read_prefixes(out, from->value, &n);
	if (out->kind == EV_SPF_TERM_IP4 || out->kind == EV_SPF_TERM_IP6)
	{
		n = n < EV_IP_TEXT_MAX ? n : EV_IP_TEXT_MAX;
		memcpy(out->address, from->value, n);
		out->address[n] = '\0';
		return;
	}
	domain.value_len = n;
	if (n > 0 && !copy_target(&domain, out->domain))
		out->kind = EV_SPF_TERM_UNDECIDED;
}

bool
ev_spf_next(const char *txt, size_t n, size_t *at, struct ev_spf_term *term)
{
	struct term from;
	size_t start;

	if (*at < version_len)
		*at = version_len;
	start = next_word(txt, n, at);
	if (start == n || !split_term(txt + start, *at - start, &from))
		return false;
	term->kind = kind_of(&from);
	term->qualifier = from.qualifier;
	term->domain[0] = term->address[0] = '\0';
	term->prefix4 = 32;
	term->prefix6 = 128;
	read_value(&from, term);
	return true;
}
