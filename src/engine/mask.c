/*
 * mask.c
 *	  Blank everything in a reply that was said to the peer or that names a machine.
 *
 * One pass over the text.  At each byte the recognisers are tried in order; the first that fits
 * consumes its match and leaves one mask character.  Each looks at a run only where it begins, so
 * the whole stays linear.
 */
#include "engine/mask.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/reply.h"

#define MASK_CHAR '\x01'

/* Longest path or quoted local part that is taken for one. */
#define PATH_MAX_LEN   400
#define QUOTED_MAX_LEN 140

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_high(char c)
{
	return (unsigned char) c >= 0x80;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

static bool
is_word_char(char c)
{
	return ev_is_alpha(c) || ev_is_digit(c) || c == '_' || c == '-' || is_high(c);
}

static bool
is_host_char(char c)
{
	return is_word_char(c) || c == '.';
}

static bool
is_local_char(char c)
{
	return is_host_char(c) || (c != '\0' && strchr("!#$%&'*+/=?^`{|}~", c) != NULL);
}

/* The text being masked; p is where we are. */
struct text
{
	const char *start;
	const char *end;
};

static char
before(const struct text *text, const char *p)
{
	return p > text->start ? p[-1] : ' ';
}

static char
after(const struct text *text, const char *p)
{
	return p < text->end ? *p : ' ';
}

/* Does term stand at p?  Its length, or 0. */
static size_t
term_at(const struct text *text, const char *p, const char *term)
{
	size_t len = term == NULL ? 0 : strlen(term);

	if (len == 0 || (size_t) (text->end - p) < len)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (ev_lower(p[i]) != ev_lower(term[i]))
			return 0;
	if (is_word_char(term[0]) && is_word_char(before(text, p)))
		return 0;
	if (is_word_char(term[len - 1]) && is_word_char(after(text, p + len)))
		return 0;
	return len;
}

/* The recipient's local part, with a domain behind it or alone. */
static size_t
local_at(const struct text *text, const char *p, const struct ev_mask_terms *terms)
{
	size_t len = term_at(text, p, terms->local);

	if (len == 0)
		return 0;
	if (after(text, p + len) == '@')
	{
		size_t domain_len = term_at(text, p + len + 1, terms->domain);

		return domain_len > 0 ? len + 1 + domain_len : 0;
	}
	if (terms->local_is_word && !(before(text, p) != ' ' && strchr("<([{\"'`", before(text, p)) &&
	                              strchr(">)]}\"'`", after(text, p + len))))
		return 0;
	return len;
}

static size_t
known_term(const struct text *text, const char *p, const struct ev_mask_terms *terms)
{
	const char *const names[] = {terms->sender,    terms->domain,  terms->helo,
	                             terms->source_ip, terms->mx_host, terms->mx_ip};
	size_t longest = local_at(text, p, terms);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		size_t len = term_at(text, p, names[i]);

		if (len > longest)
			longest = len;
	}
	return longest;
}

/* "<…>" without a "<" inside, if it is a path: it has an @, or no blank, or is empty. */
static size_t
path(const struct text *text, const char *p)
{
	bool at = false;
	bool blank = false;

	if (*p != '<')
		return 0;
	for (const char *q = p + 1; q < text->end && *q != '\n' && q - p < PATH_MAX_LEN; q++)
	{
		if (*q == '>')
			return at || !blank ? (size_t) (q - p) + 1 : 0;
		if (*q == '<')
			return 0;
		at |= *q == '@';
		blank |= is_blank(*q);
	}
	return 0;
}

/* "http://…", "https://…", "www.…" up to the next blank or bracket. */
static size_t
url(const struct text *text, const char *p)
{
	static const char *const schemes[] = {"http://", "https://", "www."};

	if (is_word_char(before(text, p)))
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
	{
		const char *q = p;
		const char *s = schemes[i];

		while (*s != '\0' && q < text->end && ev_lower(*q) == *s)
			q++, s++;
		if (*s != '\0')
			continue;
		while (q < text->end && !is_blank(*q) && strchr("<>()[]\"'", *q) == NULL)
			q++;
		/* a mark at the end belongs to the sentence */
		while (strchr(".,;:!", q[-1]) != NULL)
			q--;
		return (size_t) (q - p);
	}
	return 0;
}

/* What may follow an @: a host name or an address literal. */
static size_t
domain_run(const struct text *text, const char *p)
{
	const char *q = p;

	if (q < text->end && *q == '[')
	{
		while (q < text->end && *q != ']' && !is_blank(*q))
			q++;
		return q < text->end && *q == ']' ? (size_t) (q - p) + 1 : 0;
	}
	while (q < text->end && is_host_char(*q))
		q++;
	while (q > p && q[-1] == '.')
		q--;
	return (size_t) (q - p);
}

/* An e-mail address, its local part perhaps quoted. */
static size_t
address(const struct text *text, const char *p)
{
	const char *q = p;
	size_t len;

	if (*q == '"')
	{
		for (q++; q < text->end && *q != '"' && *q != '\n' && q - p < QUOTED_MAX_LEN; q++)
			if (*q == '\\' && q + 1 < text->end)
				q++;
		if (q >= text->end || *q != '"')
			return 0;
		q++;
	}
	else
	{
		if (!is_local_char(*q) || is_local_char(before(text, p)))
			return 0;
		while (q < text->end && is_local_char(*q))
			q++;
	}
	if (q >= text->end || *q != '@')
		return 0;
	len = domain_run(text, q + 1);
	return len > 0 ? (size_t) (q - p) + 1 + len : 0;
}

/* Exchange names its causes as if they were hosts; they are what the rules look for. */
static bool
is_exchange_cause(const char *p, size_t n)
{
	static const char *const causes[] = {"resolver.adr.", "resolver.rst.", "resolver.fwd.",
	                                     "transport.rules."};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
	{
		size_t len = strlen(causes[i]);
		size_t same = 0;

		while (same < len && same < n && ev_lower(p[same]) == causes[i][same])
			same++;
		if (same == len && memchr(p + len, '.', n - len) == NULL)
			return true;
	}
	return false;
}

/* A dotted name or a dotted quad. */
static size_t
host_name(const struct text *text, const char *p)
{
	size_t n = 0;
	size_t last = 0; /* start of the last label */
	size_t dots = 0;
	bool digits = true;

	if (!is_word_char(*p) || is_host_char(before(text, p)))
		return 0;
	n = domain_run(text, p);
	for (size_t i = 0; i < n; i++)
	{
		if (p[i] == '.')
		{
			if (i + 1 < n && p[i + 1] == '.')
				return 0; /* an ellipsis joins no labels */
			dots++;
			last = i + 1;
		}
		else if (!ev_is_digit(p[i]))
			digits = false;
	}
	if (digits)
		return dots == 3 ? n : 0;
	if (dots == 0 || n - last < 2 || is_exchange_cause(p, n))
		return 0;

	/* "unknown.Please": two sentences with no blank between them */
	if (dots == 1 && is_upper(p[last]) && !is_upper(p[last + 1]) && last >= 2 &&
	    ev_is_alpha(p[last - 2]) && !is_upper(p[last - 2]))
		return 0;
	for (size_t i = last; i < n; i++)
		if (ev_is_alpha(p[i]) || is_high(p[i]))
			return n;
	return 0;
}

/* An IPv6 address: hex groups with at least two colons, and a digit or "::". */
static size_t
ipv6(const struct text *text, const char *p)
{
	const char *q = p;
	int colons = 0;
	bool sure = false;

	if (is_word_char(before(text, p)) || before(text, p) == ':')
		return 0;
	while (q < text->end && (ev_is_digit(*q) || *q == ':' || (*q == '.' && colons >= 2) ||
	                         (ev_lower(*q) >= 'a' && ev_lower(*q) <= 'f')))
	{
		if (*q == ':')
		{
			colons++;
			sure |= after(text, q + 1) == ':';
		}
		sure |= ev_is_digit(*q);
		q++;
	}
	while (q > p && (q[-1] == '.' || (q[-1] == ':' && !(q - p >= 2 && q[-2] == ':'))))
	{
		if (q[-1] == ':')
			colons--;
		q--;
	}
	if (colons < 2 || !sure || (size_t) (q - p) < 3 || is_word_char(after(text, q)))
		return 0;
	return (size_t) (q - p);
}

static size_t
match_at(const struct text *text, const char *p, const struct ev_mask_terms *terms)
{
	size_t len = terms == NULL ? 0 : known_term(text, p, terms);
	size_t n;

	if ((n = path(text, p)) > len)
		len = n;
	if ((n = address(text, p)) > len)
		len = n;
	if (len > 0)
		return len;
	if ((n = url(text, p)) > 0 || (n = ipv6(text, p)) > 0)
		return n;
	return host_name(text, p);
}

/* The enhanced code and the blanks before it, at the start of a line. */
static const char *
skip_enhanced(const char *p, const char *end)
{
	struct ev_enhanced enhanced;
	const char *q = p;
	size_t len;

	while (q < end && (*q == ' ' || *q == '\t'))
		q++;
	if (ev_enhanced_parse(q, (size_t) (end - q), &enhanced, &len))
		return q + len;
	return p;
}

size_t
ev_mask_text(const char *text_start, size_t n, const struct ev_mask_terms *terms, char *out,
             size_t size)
{
	const struct text text = {text_start, text_start + n};
	const char *p = text_start;
	size_t len = 0;
	bool line_start = true;

	if (size == 0)
		return 0;
	if (size > 1)
		out[len++] = ' ';
	/* two bytes stay free for the last space and the NUL */
	while (p < text.end && len + 2 < size)
	{
		size_t match;

		if (line_start)
		{
			line_start = false;
			p = skip_enhanced(p, text.end);
			if (p == text.end)
				break;
		}
		if (is_blank(*p))
		{
			line_start = *p == '\n';
			if (out[len - 1] != ' ')
				out[len++] = ' ';
			p++;
			continue;
		}
		match = match_at(&text, p, terms);
		if (match > 0)
		{
			out[len++] = MASK_CHAR;
			p += match;
		}
		else
			out[len++] = ev_lower(*p++);
	}
	if (len > 0 && len + 1 < size && out[len - 1] != ' ')
		out[len++] = ' ';
	out[len] = '\0';
	return len;
}
