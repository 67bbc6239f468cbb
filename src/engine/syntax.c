/*
 * syntax.c
 *	  Check of an address: a fast pass for plain ASCII, and a slower one that finds the first fault.
 *
 * The fast pass takes only what is sound without any doubt: dot-atom @ dotted LDH labels.  All else goes to
 * the slow pass, which is the reference: it alone knows faults, quoted strings, literals and UTF-8.
 */
#include "engine/syntax.h"

#include <string.h>

#include "engine/idna.h"
#include "engine/syntax_private.h"

/* Classes of ASCII bytes. */
#define C_ATEXT  0x01 /* RFC 5322 3.2.3 */
#define C_LDH    0x02 /* letter, digit, hyphen */
#define C_DIGIT  0x04
#define C_BLANK  0x08 /* space, tab, CR, LF */
#define C_CTL    0x10 /* control characters that are not blanks */
#define C_HYPHEN 0x20
#define C_DOT    0x40

/* clang-format off */
#define AL (C_ATEXT | C_LDH)
#define AD (C_ATEXT | C_LDH | C_DIGIT)
#define AH (C_ATEXT | C_LDH | C_HYPHEN)
#define A_ C_ATEXT
#define BL C_BLANK
#define CT C_CTL
#define DT C_DOT

static const unsigned char class_of[256] = {
	CT, CT, CT, CT, CT, CT, CT, CT, CT, BL, BL, CT, CT, BL, CT, CT,
	CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT, CT,
	/*   !   "   #   $   %   &   '   (   )   *   +   ,   -   .   / */
	BL, A_, 0,  A_, A_, A_, A_, A_, 0,  0,  A_, A_, 0,  AH, DT, A_,
	AD, AD, AD, AD, AD, AD, AD, AD, AD, AD, 0,  0,  0,  A_, 0,  A_,
	0,  AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, 0,  0,  0,  A_, A_,
	A_, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL,
	AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, AL, A_, A_, A_, A_, CT,
};
/* clang-format on */

bool
ev_is_atext(unsigned char c)
{
	return (class_of[c] & C_ATEXT) != 0;
}

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

/* Does domain equal name (lower case) or end in "." name? */
static bool
is_below(const char *domain, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && starts_with(domain + n - len, len, name) &&
	       (n == len || domain[n - len - 1] == '.');
}

/*
 * Names that no mail server of the public DNS answers for: RFC 6761, 6762 (local), 7686 (onion), 8375
 * (home.arpa), 9476 (alt), and ICANN's internal.  tld is where the last label starts.
 */
static bool
is_special_use(const char *domain, size_t n, size_t tld)
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

/* Does a label of this ASCII domain start with xn--? */
static bool
has_a_label(const char *domain, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i++)
		if ((i == 0 || domain[i - 1] == '.') && starts_with(domain + i, n - i, "xn--"))
			return true;
	return false;
}

/*
 * The fast pass.  True when the text is sound at every level; false says nothing.
 */
static bool
parse_plain(const char *text, size_t n, struct ev_syntax *out)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t i = 0;
	size_t at;
	size_t label;
	unsigned seen = 0; /* classes seen in the domain */

	if (n > EV_ADDRESS_MAX)
		return false;

	/* the local part: atext in runs, single dots between them */
	for (;;)
	{
		size_t run = i;

		while (i < n && (class_of[s[i]] & C_ATEXT))
			i++;
		if (i == run || i == n)
			return false;
		if (s[i] != '.')
			break;
		i++;
	}
	if (s[i] != '@' || i > EV_LOCAL_MAX)
		return false;
	at = i++;

	/* the domain: labels that neither start nor end with a hyphen */
	for (label = i;; label = i)
	{
		unsigned kind = 0;
		unsigned all = C_LDH | C_DIGIT;

		while (i < n && ((kind = class_of[s[i]]) & C_LDH))
		{
			seen |= kind;
			all &= kind;
			i++;
		}
		if (i == label || i - label > 63 || s[label] == '-' || s[i - 1] == '-')
			return false;
		if (i == n)
		{
			if (label == at + 1 || (all & C_DIGIT))
				return false;
			break;
		}
		if (s[i] != '.')
			return false;
		i++;
	}
	if (n - at - 1 > EV_DOMAIN_MAX)
		return false;
	if ((seen & C_HYPHEN) && has_a_label(text + at + 1, n - at - 1))
		return false;

	out->local_len = (uint32_t) at;
	out->domain_start = (uint32_t) at + 1;
	out->domain_len = (uint32_t) (n - at - 1);
	out->special_use = is_special_use(text + at + 1, n - at - 1, label - at - 1);
	return true;
}

/* --- the slow pass --------------------------------------------------------------------------------- */

/* A text being read, and the first fault found in it. */
struct scan
{
	const unsigned char *s;
	size_t n;
	size_t pos;
	enum ev_syntax_level level;
	size_t local_wire;  /* octets the local part travels in */
	size_t domain_wire; /* and the domain */
	struct ev_syntax *out;
};

/* Record a fault; always false. */
static bool
fault(struct scan *scan, enum ev_detail detail, size_t at)
{
	scan->out->fault = detail;
	scan->out->fault_at = at > UINT32_MAX ? UINT32_MAX : (uint32_t) at;
	return false;
}

/* The fault of a byte that may not stand where it stands. */
static enum ev_detail
bad_byte(unsigned char c)
{
	if (class_of[c] & C_BLANK)
		return EV_DETAIL_WHITE_SPACE;
	if (class_of[c] & C_CTL)
		return EV_DETAIL_CONTROL_CHARACTER;
	return EV_DETAIL_INVALID_CHARACTER;
}

/*
 * Length of the UTF-8 sequence at s (n bytes left), 0 when it is none: RFC 3629 4, so neither overlong forms
 * nor surrogates nor what lies above U+10FFFF.
 */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	size_t len;
	unsigned char low = 0x80;
	unsigned char high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	switch (s[0])
	{
		case 0xe0: low = 0xa0; break;
		case 0xed: high = 0x9f; break;
		case 0xf0: low = 0x90; break;
		case 0xf4: high = 0x8f; break;
		default: break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return len;
}

/* Step over the UTF-8 character at pos. */
static bool
skip_utf8(struct scan *scan)
{
	size_t len = utf8_len(scan->s + scan->pos, scan->n - scan->pos);

	if (len == 0)
		return fault(scan, EV_DETAIL_INVALID_ENCODING, scan->pos);
	scan->pos += len;
	return true;
}

/* Dot-string (RFC 5321 4.1.2), up to the @ that somebody made sure of. */
static bool
scan_dot_string(struct scan *scan)
{
	const unsigned char *s = scan->s;

	while (s[scan->pos] != '@')
	{
		unsigned char c = s[scan->pos];

		if (scan->pos >= EV_LOCAL_MAX)
			return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, EV_LOCAL_MAX);
		if (c == '.')
		{
			if (scan->pos == 0)
				return fault(scan, EV_DETAIL_LOCAL_PART_STARTS_WITH_DOT, 0);
			if (s[scan->pos - 1] == '.')
				return fault(scan, EV_DETAIL_DOUBLE_DOT, scan->pos);
			if (s[scan->pos + 1] == '@')
				return fault(scan, EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT, scan->pos);
			scan->pos++;
		}
		else if (c >= 0x80)
		{
			scan->out->eai = true;
			if (!skip_utf8(scan))
				return false;
		}
		else if (class_of[c] & C_ATEXT)
			scan->pos++;
		else
			return fault(scan, bad_byte(c), scan->pos);
	}
	if (scan->pos == 0)
		return fault(scan, EV_DETAIL_EMPTY_LOCAL_PART, 0);
	if (scan->pos > EV_LOCAL_MAX)
		return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, EV_LOCAL_MAX);
	scan->local_wire = scan->pos;
	return true;
}

/* Quoted-string (RFC 5321 4.1.2, RFC 6531 3.3), with the @ behind it. */
static bool
scan_quoted_string(struct scan *scan)
{
	const unsigned char *s = scan->s;
	char unquoted[EV_LOCAL_MAX + 1];
	size_t len = 0;

	scan->out->quoted = true;
	for (scan->pos = 1;;)
	{
		unsigned char c;
		size_t start;

		if (scan->pos == scan->n)
			return fault(scan, EV_DETAIL_UNBALANCED_QUOTE, 0);
		c = s[scan->pos];
		if (c == '"')
			break;
		if (c == '\\')
		{
			if (++scan->pos == scan->n)
				return fault(scan, EV_DETAIL_UNBALANCED_QUOTE, 0);
			c = s[scan->pos];
			if (c < 0x20 || c > 0x7e)
				return fault(scan, EV_DETAIL_INVALID_QUOTED_PAIR, scan->pos - 1);
		}
		start = scan->pos;
		if (c >= 0x80)
		{
			scan->out->eai = true;
			if (!skip_utf8(scan))
				return false;
		}
		else if (c < 0x20 || c == 0x7f)
			return fault(scan, EV_DETAIL_CONTROL_CHARACTER, scan->pos);
		else
			scan->pos++;

		if (len + (scan->pos - start) > EV_LOCAL_MAX)
			return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, start);
		memcpy(unquoted + len, s + start, scan->pos - start);
		len += scan->pos - start;
	}
	scan->pos++;
	if (scan->pos == scan->n)
		return fault(scan, EV_DETAIL_NO_AT_SIGN, scan->n);
	if (s[scan->pos] != '@')
		return fault(scan, bad_byte(s[scan->pos]), scan->pos);
	if (len == 0 && scan->level == EV_SYNTAX_INTERNET)
		return fault(scan, EV_DETAIL_EMPTY_LOCAL_PART, 0);
	scan->local_wire = ev_quote_local(unquoted, len, NULL);
	if (scan->local_wire > EV_LOCAL_MAX)
		return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, EV_LOCAL_MAX);
	return true;
}

static bool
scan_local(struct scan *scan)
{
	bool ok;

	if (scan->s[0] == '"')
		ok = scan_quoted_string(scan);
	else if (memchr(scan->s, '@', scan->n) == NULL)
		return fault(scan, EV_DETAIL_NO_AT_SIGN, scan->n);
	else
		ok = scan_dot_string(scan);
	if (!ok)
		return false;
	scan->out->local_len = (uint32_t) scan->pos;
	if (scan->out->eai && !ev_unicode_text_ok((const char *) scan->s, scan->pos))
		return fault(scan, EV_DETAIL_INVALID_CHARACTER, 0);
	return true;
}

/*
 * Walk the labels of a domain.  Bytes above ASCII count as letters; label lengths are those of the text, so they
 * are held against the limit only where a label is all ASCII.  *tld receives the last label's start.
 */
static bool
scan_labels(struct scan *scan, const unsigned char *s, size_t n, size_t offset, size_t *tld)
{
	size_t label = 0;
	size_t high = 0; /* bytes above ASCII in this label */

	for (size_t i = 0;; i++)
	{
		if (i == n || s[i] == '.')
		{
			if (i == label)
				return fault(scan, i > 0 && i < n ? EV_DETAIL_DOUBLE_DOT : EV_DETAIL_EMPTY_LABEL,
				             offset + i);
			if (s[i - 1] == '-')
				return fault(scan, EV_DETAIL_DOMAIN_HYPHEN, offset + i - 1);
			*tld = label;
			if (i == n)
				return true;
			label = i + 1;
			high = 0;
		}
		else if (i >= EV_DOMAIN_MAX * 4)
			return fault(scan, EV_DETAIL_DOMAIN_TOO_LONG, offset + i);
		else if (s[i] >= 0x80)
		{
			size_t len = utf8_len(s + i, n - i);

			if (len == 0)
				return fault(scan, EV_DETAIL_INVALID_ENCODING, offset + i);
			scan->out->idn = true;
			high += len;
			i += len - 1;
		}
		else if (s[i] == '@')
			return fault(scan, EV_DETAIL_TOO_MANY_AT_SIGNS, offset + i);
		else if (!(class_of[s[i]] & C_LDH))
			return fault(scan, bad_byte(s[i]), offset + i);
		else if (s[i] == '-' && i == label)
			return fault(scan, EV_DETAIL_DOMAIN_HYPHEN, offset + i);
		else if (high == 0 && i - label >= 63)
			return fault(scan, EV_DETAIL_LABEL_TOO_LONG, offset + label + 63);
	}
}

/* A domain name in either script; everything behind the @. */
static bool
scan_domain_name(struct scan *scan)
{
	size_t start = scan->pos;
	const unsigned char *name = scan->s + start;
	size_t n = scan->n - start;
	char ascii[EV_DOMAIN_MAX + 1];
	size_t tld;

	if (!scan_labels(scan, name, n, start, &tld))
		return false;
	scan->out->domain_len = (uint32_t) n;
	if (scan->out->idn || has_a_label((const char *) name, n))
	{
		bool idn = scan->out->idn;

		n = ev_idna_to_ascii((const char *) name, n, ascii, sizeof(ascii));
		name = (const unsigned char *) ascii;

		/* the mapping may bring in what no domain may have */
		if (n == 0 || !scan_labels(scan, name, n, start, &tld))
			return fault(scan, EV_DETAIL_INVALID_IDN, start);
		scan->out->idn = idn;
	}
	if (n > EV_DOMAIN_MAX)
		return fault(scan, EV_DETAIL_DOMAIN_TOO_LONG, start + EV_DOMAIN_MAX);
	scan->domain_wire = n;
	scan->out->special_use = is_special_use((const char *) name, n, tld);
	if (scan->level != EV_SYNTAX_INTERNET)
		return true;
	if (tld == 0)
		return fault(scan, EV_DETAIL_DOMAIN_NOT_DOTTED, start);
	for (size_t i = tld; class_of[name[i]] & C_DIGIT; i++)
		if (i + 1 == n)
			return fault(scan, EV_DETAIL_NUMERIC_TLD, scan->out->idn ? start : start + tld);
	return true;
}

static bool
scan_domain(struct scan *scan)
{
	size_t start = ++scan->pos;

	scan->out->domain_start = (uint32_t) start;
	if (start == scan->n)
		return fault(scan, EV_DETAIL_EMPTY_DOMAIN, start);
	if (scan->s[start] != '[')
		return scan_domain_name(scan);

	scan->out->literal = true;
	if (scan->n - start > EV_DOMAIN_MAX)
		return fault(scan, EV_DETAIL_DOMAIN_TOO_LONG, start + EV_DOMAIN_MAX);
	scan->out->domain_len = (uint32_t) (scan->n - start);
	if (!ev_is_address_literal((const char *) scan->s + start, scan->n - start))
		return fault(scan, EV_DETAIL_INVALID_DOMAIN_LITERAL, start);
	if (scan->level == EV_SYNTAX_INTERNET)
		return fault(scan, EV_DETAIL_DOMAIN_LITERAL, start);
	scan->domain_wire = scan->n - start;
	return true;
}

static bool
parse_slowly(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	struct scan scan = {(const unsigned char *) text, n, 0, level, 0, 0, out};
	size_t blank = 0;

	while (blank < n && (class_of[scan.s[blank]] & C_BLANK))
		blank++;
	if (blank == n)
		return fault(&scan, EV_DETAIL_EMPTY, 0);
	if (!scan_local(&scan) || !scan_domain(&scan))
		return false;
	if (scan.local_wire + 1 + scan.domain_wire > EV_ADDRESS_MAX)
		return fault(&scan, EV_DETAIL_ADDRESS_TOO_LONG, EV_ADDRESS_MAX);
	return true;
}

bool
ev_syntax_parse(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	memset(out, 0, sizeof(*out));
	return parse_plain(text, n, out) || parse_slowly(text, n, level, out);
}

bool
ev_syntax_level_by_label(const char *label, size_t n, enum ev_syntax_level *out)
{
	static const char *const labels[] = {
		[EV_SYNTAX_INTERNET] = "internet",
		[EV_SYNTAX_SMTP] = "smtp",
		[EV_SYNTAX_HEADER] = "header",
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strlen(labels[i]) == n && memcmp(label, labels[i], n) == 0)
		{
			*out = (enum ev_syntax_level) i;
			return true;
		}
	return false;
}
