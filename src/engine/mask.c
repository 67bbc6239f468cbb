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

/* Base letters of U+00C0 to U+017F; '.' where there is none. */
static const char base_letters[] =
	"aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty"
	"aaaaaaccccccccddddeeeeeeeeeegggggggghh.hiiiiiiiiii..jjkk.llllll."
	".llnnnnnn..noooooooorrrrrrsssssssstttt..uuuuuuuuuuuuwwyyyzzzzzz.";

/* How many bytes from p on belong to one run of bytes beyond ASCII, and is the run UTF-8? */
static size_t
high_run(const char *p, const char *end, bool *utf8)
{
	const char *q = p;

	*utf8 = true;
	while (q < end && is_high(*q))
	{
		unsigned c = (unsigned char) *q++;
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

		if (c < 0xc2 || c > 0xf4)
			*utf8 = false;
		for (; *utf8 && more > 0; more--, q++)
			if (q == end || ((unsigned char) *q & 0xc0) != 0x80)
			{
				*utf8 = false;
				break;
			}
	}
	return (size_t) (q - p);
}

/*
 * A letter beyond ASCII as rules spell it: Latin ones lose their accent, in UTF-8 as well as alone
 * among ASCII letters (Latin-1), Cyrillic capitals become small, a typographic apostrophe plain.
 * Returns how many bytes of the text it takes, 0 when it stays as it is; *n bytes are written to out,
 * never more than were taken.
 */
static size_t
fold(const char *p, const char *end, bool utf8, char *out, size_t *n)
{
	unsigned c0 = (unsigned char) *p;
	unsigned c1 = p + 1 < end ? (unsigned char) p[1] : 0;

	*n = 1;
	if (utf8 && c0 == 0xc2 && c1 == 0xb4)
	{
		*out = '\'';
		return 2;
	}
	if (!utf8)
	{
		/* Latin-1 if it stands alone; other encodings have no single bytes of this range */
		if (c0 < 0xc0 || c1 >= 0x80)
			return 0;
		*out = base_letters[c0 - 0xc0];
		return *out != '.' ? 1 : 0;
	}
	if (c0 >= 0xc3 && c0 <= 0xc5)
	{
		*out = base_letters[((c0 & 0x1f) << 6 | (c1 & 0x3f)) - 0xc0];
		return *out != '.' ? 2 : 0;
	}
	if (c0 == 0xd0 && c1 >= 0x90 && c1 <= 0xaf)
	{
		out[0] = (char) (c1 < 0xa0 ? 0xd0 : 0xd1);
		out[1] = (char) (c1 < 0xa0 ? c1 + 0x20 : c1 - 0x20);
		*n = 2;
		return 2;
	}
	if (c0 == 0xe2 && c1 == 0x80 && ((unsigned char) p[2] == 0x98 || (unsigned char) p[2] == 0x99))
	{
		*out = '\'';
		return 3;
	}
	return 0;
}

/* Letters of a run beyond ASCII, folded; returns the bytes taken, no more than there is room for. */
static size_t
fold_run(const char *p, const char *end, char *out, size_t room, size_t *written)
{
	bool utf8;
	size_t run = high_run(p, end, &utf8);
	size_t at = 0;
	size_t len = 0;

	/* a Latin-1 letter is one byte among ASCII letters */
	if (!utf8 && run > 1)
	{
		len = run < room ? run : room;
		memcpy(out, p, len);
		*written = len;
		return len;
	}
	while (at < run && len + 2 <= room)
	{
		size_t n;
		size_t taken = fold(p + at, end, utf8, out + len, &n);

		if (taken == 0)
		{
			out[len] = p[at];
			taken = 1;
		}
		at += taken;
		len += n;
	}
	*written = len;
	return at;
}

/* What a byte may be part of. */
#define WORD  1 /* a word: letter, digit, hyphen, underscore, anything beyond ASCII */
#define LOCAL 2 /* an unquoted local part */
#define HOST  4 /* a host name */
#define BLANK 8

static const unsigned char classes[256] = {
	8, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	8, 2, 0, 2, 2, 2, 2, 2, 0, 0, 2, 2, 0, 7, 6, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 2, 0, 2,
	0, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 2, 7,
	2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 2, 0,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};

static bool
is_blank(char c)
{
	return classes[(unsigned char) c] & BLANK;
}

static bool
is_word_char(char c)
{
	return classes[(unsigned char) c] & WORD;
}

static bool
is_host_char(char c)
{
	return classes[(unsigned char) c] & HOST;
}

static bool
is_local_char(char c)
{
	return classes[(unsigned char) c] & LOCAL;
}

/* The text being masked; p is where we are. */
struct text
{
	const char *start;
	const char *end;
	bool *left; /* to be set where the local part is left in */
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
	size_t len = 0;

	if (term == NULL || *term == '\0')
		return 0;
	for (; term[len] != '\0'; len++)
		if (p + len >= text->end || ev_lower(p[len]) != ev_lower(term[len]))
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
	{
		*text->left = true;
		return 0;
	}
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

	if (ev_lower(*p) != 'h' && ev_lower(*p) != 'w')
		return 0;
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

/* Does a word begin here that no byte follows which could make it an address or a name? */
static bool
is_plain_word(const struct text *text, const char *p)
{
	if (!is_word_char(*p) || is_word_char(before(text, p)))
		return false;
	while (p < text->end && is_word_char(*p))
		p++;
	return p == text->end ||
	       (!(classes[(unsigned char) *p] & (LOCAL | HOST)) && *p != '@' && *p != ':');
}

/* The first bytes of all terms, as a set; small letters. */
struct first_bytes
{
	bool is[256];
};

static void
find_first_bytes(const struct ev_mask_terms *terms, struct first_bytes *first)
{
	const char *const names[] = {terms->local,     terms->domain,  terms->sender, terms->helo,
	                             terms->source_ip, terms->mx_host, terms->mx_ip};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] != NULL)
			first->is[(unsigned char) ev_lower(names[i][0])] = true;
}

static size_t
match_at(const struct text *text, const char *p, const struct ev_mask_terms *terms,
         const struct first_bytes *first)
{
	size_t len = first->is[(unsigned char) ev_lower(*p)] ? known_term(text, p, terms) : 0;
	size_t n;

	if (is_plain_word(text, p))
		return len;
	if ((n = path(text, p)) > len)
		len = n;
	if ((n = address(text, p)) > len)
		len = n;
	if (len > 0)
		return len;

	/* the others begin with a letter, digit or colon */
	if (!is_word_char(*p))
		return *p == ':' ? ipv6(text, p) : 0;
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
ev_mask_text(const char *text, size_t n, const struct ev_mask_terms *terms, char *out, size_t size)
{
	bool left;

	return ev_mask_text_told(text, n, terms, out, size, &left);
}

size_t
ev_mask_text_told(const char *text_start, size_t n, const struct ev_mask_terms *terms, char *out,
                  size_t size, bool *left)
{
	const struct text text = {text_start, text_start + n, left};
	struct first_bytes first = {{false}};
	const char *p = text_start;
	size_t len = 0;
	bool line_start = true;

	*left = false;
	if (size == 0)
		return 0;
	if (terms != NULL)
		find_first_bytes(terms, &first);
	if (size > 1)
		out[len++] = ' ';
	/* two bytes stay free for the last space and the NUL */
	while (p < text.end && len + 2 < size)
	{
		size_t match;
		size_t folded;

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

		/* no recogniser begins within a word */
		if (p > text_start && is_word_char(*p) && is_word_char(p[-1]) && !is_high(*p))
		{
			do
				out[len++] = ev_lower(*p++);
			while (p < text.end && len + 2 < size && is_word_char(*p) && !is_high(*p));
			continue;
		}
		match = match_at(&text, p, terms, &first);
		if (match > 0)
		{
			out[len++] = MASK_CHAR;
			p += match;
		}
		else if (is_high(*p) &&
		         (match = fold_run(p, text.end, out + len, size - len - 2, &folded)) > 0)
		{
			len += folded;
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
