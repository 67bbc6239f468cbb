/*
 * suggest.c
 *	  Slips of the hand in a typed address, repaired one after the other.
 *
 * The text is brought into one address (what surrounds it is taken off), its @ and its dots are put
 * right, then its domain.  What comes out is offered only if it is sound.
 */
#include "engine/suggest.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/domain_list.h"

#define TEXT_MAX 400 /* longer ones are no address with a slip in it */

struct text
{
	char s[TEXT_MAX + 8];
	size_t n;
};

static void
cut(struct text *text, size_t from, size_t n)
{
	memmove(text->s + from, text->s + from + n, text->n - from - n);
	text->n -= n;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Put with in the place of every what. */
static void
replace(struct text *text, const char *what, const char *with)
{
	size_t n = strlen(what);
	size_t m = strlen(with);

	for (size_t i = 0; i + n <= text->n;)
	{
		size_t k = 0;

		while (k < n && ev_lower(text->s[i + k]) == what[k])
			k++;
		if (k < n)
		{
			i++;
			continue;
		}
		cut(text, i, n - m);
		memcpy(text->s + i, with, m);
		i += m;
	}
}

static bool
starts_with(const struct text *text, const char *prefix)
{
	for (size_t i = 0; prefix[i] != '\0'; i++)
		if (i >= text->n || ev_lower(text->s[i]) != prefix[i])
			return false;
	return true;
}

static void
trim(struct text *text, const char *first, const char *last)
{
	while (text->n > 0 && (is_blank(text->s[0]) || strchr(first, text->s[0]) != NULL))
		cut(text, 0, 1);
	while (text->n > 0 &&
	       (is_blank(text->s[text->n - 1]) || strchr(last, text->s[text->n - 1]) != NULL))
		text->n--;
}

/* What surrounds an address: "Ann Bee" <ann@x.org>, mailto:ann@x.org?subject=…, (ann@x.org). */
static void
unwrap(struct text *text)
{
	const char *open = memchr(text->s, '<', text->n);
	const char *close =
		open == NULL ? NULL : memchr(open, '>', text->n - (size_t) (open - text->s));
	const char *query;

	if (close != NULL && memchr(open, '@', (size_t) (close - open)) != NULL)
	{
		text->n = (size_t) (close - text->s);
		cut(text, 0, (size_t) (open - text->s) + 1);
	}
	trim(text, "<([{,;:.", ">)]},;:.!");
	if (text->n > 1 && (text->s[0] == '"' || text->s[0] == '\'') &&
	    text->s[text->n - 1] == text->s[0])
		trim(text, "\"'", "\"'");
	if (starts_with(text, "mailto:") || starts_with(text, "e-mail:") || starts_with(text, "email:"))
	{
		cut(text, 0, (size_t) ((const char *) memchr(text->s, ':', text->n) - text->s) + 1);
		query = memchr(text->s, '?', text->n);
		if (query != NULL && memchr(text->s, '@', (size_t) (query - text->s)) != NULL)
			text->n = (size_t) (query - text->s);
		trim(text, "/<", ">,;.");
	}
}

/* The @, however it is spelled, once; without white space, dots or commas beside it. */
static bool
mend_at(struct text *text)
{
	char *at;

	replace(text, "\xef\xbc\xa0", "@");
	replace(text, "\xef\xbc\x8e", ".");
	if (memchr(text->s, '@', text->n) == NULL)
	{
		replace(text, "(at)", "@");
		replace(text, "[at]", "@");
		replace(text, " at ", "@");
		replace(text, "(dot)", ".");
		replace(text, "[dot]", ".");
	}
	replace(text, "@@", "@");
	at = memchr(text->s, '@', text->n);
	if (at == NULL || memchr(at + 1, '@', text->n - (size_t) (at + 1 - text->s)) != NULL)
		return false;
	for (size_t i = (size_t) (at - text->s);
	     i > 0 && (is_blank(text->s[i - 1]) || text->s[i - 1] == '.');)
		cut(text, --i, 1);
	at = memchr(text->s, '@', text->n);
	for (size_t i = (size_t) (at - text->s) + 1;
	     i < text->n && (is_blank(text->s[i]) || strchr(".,;", text->s[i]) != NULL);)
		cut(text, i, 1);
	return true;
}

/* Dots of the domain: a comma or semicolon for one, several, white space around one. */
static void
mend_dots(struct text *text)
{
	size_t at = (size_t) ((const char *) memchr(text->s, '@', text->n) - text->s);

	for (size_t i = at + 1; i < text->n;)
	{
		char *c = &text->s[i];

		if (*c == ',' || *c == ';')
			*c = '.';
		if (is_blank(*c) && (text->s[i - 1] == '.' || (i + 1 < text->n && text->s[i + 1] == '.')))
			cut(text, i, 1);
		else if (*c == '.' && text->s[i - 1] == '.')
			cut(text, i, 1);
		else
			i++;
	}
	/* of the local part, two dots in a row */
	for (size_t i = 1; i < at && text->s[0] != '"';)
		if (text->s[i] == '.' && text->s[i - 1] == '.')
		{
			cut(text, i, 1);
			at--;
		}
		else
			i++;
}

/* Endings that are no top-level domains, and what was meant. */
static const struct
{
	const char *typed;
	char meant[5];
} endings[] = {
	{".con", ".com"}, {".cmo", ".com"},  {".ocm", ".com"},  {".comm", ".com"}, {".vom", ".com"},
	{".xom", ".com"}, {".cpm", ".com"},  {".coom", ".com"}, {".ccom", ".com"}, {".cim", ".com"},
	{".c0m", ".com"}, {".comn", ".com"}, {".nte", ".net"},  {".ent", ".net"},  {".nett", ".net"},
	{".ner", ".net"}, {".ogr", ".org"},  {".rog", ".org"},  {".orgg", ".org"}, {".prg", ".org"},
};

/* The domain's ending. */
static bool
mend_ending(char *domain)
{
	size_t n = strlen(domain);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
	{
		size_t len = strlen(endings[i].typed);

		if (n > len && strcmp(domain + n - len, endings[i].typed) == 0)
		{
			memcpy(domain + n - len, endings[i].meant, sizeof(endings[i].meant));
			return true;
		}
	}
	return false;
}

/* Is it a sound address?  Its travelling form. */
static bool
is_sound(const struct text *text, struct ev_address *address)
{
	struct ev_syntax syntax;

	return ev_syntax_parse(text->s, text->n, EV_SYNTAX_INTERNET, &syntax) && !syntax.special_use &&
	       ev_address_from(text->s, &syntax, address) == EV_DETAIL_NONE;
}

/* A popular domain that lost its dots or its ending: "gmailcom", "gmail". */
static bool
mend_undotted(struct text *text)
{
	size_t at = (size_t) ((const char *) memchr(text->s, '@', text->n) - text->s);
	const char *domain = ev_complete_domain(text->s + at + 1, text->n - at - 1);

	if (domain == NULL || at + 1 + strlen(domain) > TEXT_MAX)
		return false;
	memcpy(text->s + at + 1, domain, strlen(domain));
	text->n = at + 1 + strlen(domain);
	return true;
}

/* Bring a text that is no address into one; false when it cannot be told which. */
static bool
mend(struct text *text, struct ev_address *address)
{
	unwrap(text);
	if (text->n == 0)
		return false;
	if (is_sound(text, address))
		return true;
	if (!mend_at(text))
		return false;
	mend_dots(text);
	trim(text, ".", ".");
	if (memchr(text->s, '@', text->n) == NULL)
		return false;
	return is_sound(text, address) || (mend_undotted(text) && is_sound(text, address));
}

enum ev_suggestion
ev_suggest_address(const char *text, size_t n, struct ev_address *out)
{
	enum ev_suggestion sure = EV_SUGGEST_NOTHING;
	struct ev_syntax syntax;
	struct text typed;
	const char *domain;
	bool curated = false;

	if (n == 0 || n > TEXT_MAX)
		return EV_SUGGEST_NOTHING;
	memcpy(typed.s, text, n);
	typed.n = n;
	if (ev_syntax_parse(text, n, EV_SYNTAX_INTERNET, &syntax))
	{
		/* sound, and on a name that is nobody's: there is nothing to mend */
		if (!is_sound(&typed, out))
			return EV_SUGGEST_NOTHING;
	}
	else if (mend(&typed, out))
		sure = EV_SUGGEST_SLIP;
	else
		return EV_SUGGEST_NOTHING;
	if (mend_ending(out->domain))
		sure = EV_SUGGEST_SLIP;
	out->domain_len = (uint8_t) strlen(out->domain);
	domain = ev_suggest_domain(out->domain, out->domain_len, &curated);
	if (domain != NULL)
	{
		out->domain_len = (uint8_t) strlen(domain);
		memcpy(out->domain, domain, out->domain_len + 1u);
		if (curated)
			sure = EV_SUGGEST_SLIP;
		else if (sure == EV_SUGGEST_NOTHING)
			sure = EV_SUGGEST_NEAR;
	}
	if (out->local_len + 1u + out->domain_len > EV_ADDRESS_MAX)
		return EV_SUGGEST_NOTHING;
	return sure;
}
