/*
 * syntax_full.c
 *	  The slow pass over a Mailbox (RFC 5321 4.1.2): every form there is, and the first fault with
 *	  its place.
 *
 * The local part first (a dot-string or a quoted-string), then the domain (a name in either script
 * or a literal).  Each scan_ function starts at scan->pos and leaves it behind what it read, or
 * records the fault and returns false.
 */
#include "engine/syntax.h"

#include <string.h>

#include "engine/idna.h"
#include "engine/syntax_private.h"
#include "engine/utf8.h"

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

/*
 * Record a fault; always false.  A bound may be passed in the travelling form only, behind the
 * text's end.
 */
static bool
fault(struct scan *scan, enum ev_detail detail, size_t at)
{
	if (at > scan->n)
		at = scan->n;
	scan->out->fault = detail;
	scan->out->fault_at = at > UINT32_MAX ? UINT32_MAX : (uint32_t) at;
	return false;
}

/* The fault of a byte that may not stand where it stands. */
static enum ev_detail
bad_byte(unsigned char c)
{
	if (ev_char_class[c] & C_BLANK)
		return EV_DETAIL_WHITE_SPACE;
	if (ev_char_class[c] & C_CTL)
		return EV_DETAIL_CONTROL_CHARACTER;
	return c == '(' ? EV_DETAIL_COMMENT : EV_DETAIL_INVALID_CHARACTER;
}

/* Step over the UTF-8 character at pos. */
static bool
skip_utf8(struct scan *scan)
{
	size_t len = ev_utf8_len(scan->s + scan->pos, scan->n - scan->pos);

	if (len == 0)
		return fault(scan, EV_DETAIL_INVALID_ENCODING, scan->pos);
	scan->pos += len;
	return true;
}

/* A dot that may not stand where it stands, unless the domain is one of those that gave it out. */
static bool
misplaced_dot(struct scan *scan, enum ev_detail detail)
{
	const unsigned char *at = memchr(scan->s, '@', scan->n);
	size_t domain = (size_t) (at - scan->s) + 1;

	if (!ev_is_legacy_carrier((const char *) scan->s + domain, scan->n - domain))
		return fault(scan, detail, scan->pos);
	scan->out->carrier_legacy = true;
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
			if (s[scan->pos - 1] == '.' && !misplaced_dot(scan, EV_DETAIL_DOUBLE_DOT))
				return false;
			if (s[scan->pos + 1] == '@' && !misplaced_dot(scan, EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT))
				return false;
			scan->pos++;
		}
		else if (c >= 0x80)
		{
			scan->out->eai = true;
			if (!skip_utf8(scan))
				return false;
		}
		else if (ev_char_class[c] & C_ATEXT)
			scan->pos++;
		else
			return fault(scan, bad_byte(c), scan->pos);
	}
	if (scan->pos == 0)
		return fault(scan, EV_DETAIL_EMPTY_LOCAL_PART, 0);
	if (scan->pos > EV_LOCAL_MAX)
		return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, EV_LOCAL_MAX);

	/* such dots travel in quotes */
	scan->local_wire = scan->pos + (scan->out->carrier_legacy ? 2 : 0);
	if (scan->local_wire > EV_LOCAL_MAX)
		return fault(scan, EV_DETAIL_LOCAL_PART_TOO_LONG, EV_LOCAL_MAX);
	return true;
}

/* The fault of a byte between a quoted-string and the @. */
static enum ev_detail
behind_quote(unsigned char c)
{
	enum ev_detail detail = bad_byte(c);

	return detail == EV_DETAIL_INVALID_CHARACTER ? EV_DETAIL_MISPLACED_TEXT : detail;
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
		return fault(scan, behind_quote(s[scan->pos]), scan->pos);
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
	if (scan->out->eai && scan->level == EV_SYNTAX_INTERNET)
	{
		size_t at = 0;
		enum ev_detail detail = ev_unicode_text_fault((const char *) scan->s, scan->pos, &at);

		if (detail != EV_DETAIL_NONE)
			return fault(scan, detail, at);
	}
	return true;
}

/*
 * Walk the labels of a domain.  Bytes above ASCII count as letters; label lengths are those of the
 * text, so they are held against the limit only where a label is all ASCII.  *tld receives the last
 * label's start.
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
			size_t len = ev_utf8_len(s + i, n - i);

			if (len == 0)
				return fault(scan, EV_DETAIL_INVALID_ENCODING, offset + i);
			scan->out->idn = true;
			high += len;
			i += len - 1;
		}
		else if (s[i] == '@')
			return fault(scan, EV_DETAIL_TOO_MANY_AT_SIGNS, offset + i);
		else if (!(ev_char_class[s[i]] & C_LDH))
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
	if (scan->out->idn || ev_has_a_label((const char *) name, n))
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
	scan->out->special_use = ev_is_special_use((const char *) name, n, tld);
	scan->out->numeric_tld = true;
	for (size_t i = tld; i < n && scan->out->numeric_tld; i++)
		scan->out->numeric_tld = (ev_char_class[name[i]] & C_DIGIT) != 0;
	if (scan->level != EV_SYNTAX_INTERNET)
		return true;
	if (tld == 0)
		return fault(scan, EV_DETAIL_DOMAIN_NOT_DOTTED, start);
	if (scan->out->numeric_tld)
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

bool
ev_syntax_parse_mailbox(const char *text, size_t n, enum ev_syntax_level level,
                        struct ev_syntax *out)
{
	struct scan scan = {(const unsigned char *) text, n, 0, level, 0, 0, out};
	size_t blank = 0;

	while (blank < n && (ev_char_class[scan.s[blank]] & C_BLANK))
		blank++;
	if (blank == n)
		return fault(&scan, EV_DETAIL_EMPTY, 0);
	if (!scan_local(&scan) || !scan_domain(&scan))
		return false;
	if (scan.local_wire + 1 + scan.domain_wire > EV_ADDRESS_MAX)
		return fault(&scan, EV_DETAIL_ADDRESS_TOO_LONG, EV_ADDRESS_MAX);
	return true;
}
