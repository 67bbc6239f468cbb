/*
 * syntax_header.c
 *	  addr-spec as a message header may have it: RFC 5322 3.2 to 3.4 with the obsolete forms of 4.4,
 *	  as amended by its errata 1908 and 1905, and UTF-8 by RFC 6532 3.2.
 *
 * Comments nest and are counted, not descended into, so that no text can exhaust the stack.  What a
 * header may hold is more than what SMTP can carry: no limit of RFC 5321 is looked at here.  Two
 * rules come from elsewhere: labels that begin or end with a hyphen are refused (RFC 5322 3.4.1 makes
 * a domain a host name, RFC 1123 2.1), and bytes that are not UTF-8.
 */
#include "engine/syntax.h"

#include "engine/syntax_private.h"
#include "engine/utf8.h"

/* A text being read, and what it is without comments and white space. */
struct header
{
	const unsigned char *s;
	size_t n;
	size_t pos;
	char *bare; /* NULL: nobody wants it */
	size_t bare_len;
	struct ev_syntax *out;
};

/* Record a fault; always false. */
static bool
fault(struct header *h, enum ev_detail detail, size_t at)
{
	h->out->fault = detail;
	h->out->fault_at = at > UINT32_MAX ? UINT32_MAX : (uint32_t) at;
	return false;
}

static void
keep(struct header *h, size_t from)
{
	for (size_t i = from; i < h->pos; i++)
	{
		if (h->bare != NULL)
			h->bare[h->bare_len] = (char) h->s[i];
		h->bare_len++;
	}
}

static bool
is_wsp(unsigned char c)
{
	return c == ' ' || c == '\t';
}

/* obs-NO-WS-CTL (RFC 5322 4.1) */
static bool
is_obsolete_control(unsigned char c)
{
	return c == 0x7f || (c > 0 && c < 0x20 && !(ev_char_class[c] & C_BLANK));
}

/* Is a byte at this place, and which? */
static bool
at(const struct header *h, unsigned char c)
{
	return h->pos < h->n && h->s[h->pos] == c;
}

/* Step over one character of any script. */
static bool
skip_character(struct header *h)
{
	size_t len = ev_utf8_len(h->s + h->pos, h->n - h->pos);

	if (len == 0)
		return fault(h, EV_DETAIL_INVALID_ENCODING, h->pos);
	h->pos += len;
	return true;
}

/* Append the white space from `from` on without its line breaks, which are not part of anything. */
static void
keep_unfolded(struct header *h, size_t from)
{
	size_t end = h->pos;

	for (size_t i = from; i < end; i++)
		if (h->s[i] != '\r' && h->s[i] != '\n')
		{
			h->pos = i + 1;
			keep(h, i);
		}
	h->pos = end;
}

/*
 * Folding white space, maybe none.  A line break is one only before a blank; more than one is
 * obsolete (erratum 1908: obs-FWS = 1*([CRLF] WSP)).
 */
static bool
skip_folding(struct header *h, bool *found)
{
	int breaks = 0;

	for (*found = false; h->pos < h->n; *found = true)
	{
		if (is_wsp(h->s[h->pos]))
			h->pos++;
		else if (h->s[h->pos] == '\r')
		{
			if (h->pos + 1 == h->n || h->s[h->pos + 1] != '\n')
				return fault(h, EV_DETAIL_BARE_CR, h->pos);
			if (h->pos + 2 == h->n || !is_wsp(h->s[h->pos + 2]))
				return fault(h, EV_DETAIL_LINE_BREAK, h->pos);
			h->pos += 3;
			if (++breaks > 1)
				h->out->obsolete = true;
		}
		else if (h->s[h->pos] == '\n')
			return fault(h, EV_DETAIL_BARE_LF, h->pos);
		else
			break;
	}
	return true;
}

/* A backslash and what it quotes: any ASCII, of which controls are obsolete (obs-qp). */
static bool
skip_quoted_pair(struct header *h)
{
	unsigned char c;

	if (h->pos + 1 == h->n)
		return fault(h, EV_DETAIL_TRAILING_BACKSLASH, h->pos);
	c = h->s[++h->pos];
	if (c < 0x20 && c != '\t')
		h->out->obsolete = true;
	if (c == 0x7f)
		h->out->obsolete = true;
	return skip_character(h);
}

/* A comment with all that it holds. */
static bool
skip_comment(struct header *h)
{
	size_t start = h->pos;
	size_t depth = 0;
	bool folding;

	do
	{
		unsigned char c;

		if (h->pos == h->n)
			return fault(h, EV_DETAIL_UNBALANCED_COMMENT, start);
		c = h->s[h->pos];
		if (c == '(' || c == ')')
		{
			depth += c == '(' ? 1 : (size_t) -1;
			h->pos++;
		}
		else if (c == '\\')
		{
			if (!skip_quoted_pair(h))
				return false;
		}
		else if (ev_char_class[c] & C_BLANK)
		{
			if (!skip_folding(h, &folding))
				return false;
		}
		else if (c == 0)
			return fault(h, EV_DETAIL_CONTROL_CHARACTER, h->pos);
		else
		{
			h->out->obsolete |= is_obsolete_control(c);
			if (!skip_character(h))
				return false;
		}
	} while (depth > 0);
	h->out->comment = true;
	return true;
}

/* CFWS, maybe none (RFC 5322 3.2.2). */
static bool
skip_cfws(struct header *h, bool *found)
{
	bool folding;

	for (*found = false;;)
	{
		if (!skip_folding(h, &folding))
			return false;
		if (folding)
			*found = h->out->folding = true;
		if (!at(h, '('))
			return true;
		if (!skip_comment(h))
			return false;
		*found = true;
	}
}

/* The fault of a byte that begins no word and no label. */
static enum ev_detail
bad_byte(unsigned char c)
{
	if (ev_char_class[c] & C_CTL)
		return EV_DETAIL_CONTROL_CHARACTER;
	return EV_DETAIL_INVALID_CHARACTER;
}

/* 1*atext; in a domain, where hyphens may not stand at its ends. */
static bool
scan_atom(struct header *h, bool label)
{
	size_t start = h->pos;

	while (h->pos < h->n && (h->s[h->pos] >= 0x80 || (ev_char_class[h->s[h->pos]] & C_ATEXT)))
	{
		if (h->s[h->pos] >= 0x80 && label)
			h->out->idn = true;
		else if (h->s[h->pos] >= 0x80)
			h->out->eai = true;
		if (!skip_character(h))
			return false;
	}
	if (h->pos == start)
		return fault(h, bad_byte(h->s[start]), start);
	if (label && h->s[start] == '-')
		return fault(h, EV_DETAIL_DOMAIN_HYPHEN, start);
	if (label && h->s[h->pos - 1] == '-')
		return fault(h, EV_DETAIL_DOMAIN_HYPHEN, h->pos - 1);
	keep(h, start);
	return true;
}

/* quoted-string (RFC 5322 3.2.4), obs-qtext included. */
static bool
scan_quoted_string(struct header *h)
{
	size_t open = h->pos;
	size_t start = h->pos++;
	bool folding;

	h->out->quoted = true;
	for (;;)
	{
		unsigned char c;

		if (h->pos == h->n)
			return fault(h, EV_DETAIL_UNBALANCED_QUOTE, open);
		c = h->s[h->pos];
		if (c == '"')
			break;
		if (c == '\\')
		{
			if (!skip_quoted_pair(h))
				return false;
		}
		else if (c == '\r' || c == '\n')
		{
			size_t fold = h->pos;

			keep(h, start);
			if (!skip_folding(h, &folding))
				return false;
			keep_unfolded(h, fold);
			start = h->pos;
			h->out->folding = true;
		}
		else if (c == 0)
			return fault(h, EV_DETAIL_CONTROL_CHARACTER, h->pos);
		else
		{
			h->out->obsolete |= is_obsolete_control(c);
			h->out->eai |= c >= 0x80;
			if (!skip_character(h))
				return false;
		}
	}
	h->pos++;
	keep(h, start);
	return true;
}

/*
 * What stands behind a word: nothing that belongs to it is left, so a dot, the @ or the end has to
 * come.
 */
static bool
fault_behind_word(struct header *h, bool cfws, bool quoted)
{
	unsigned char c = h->s[h->pos];

	if (cfws || quoted || c == '"' || c == '[')
		return fault(h, EV_DETAIL_MISPLACED_TEXT, h->pos);
	return fault(h, bad_byte(c), h->pos);
}

/* local-part (RFC 5322 3.4.1): words with dots between them, up to the @. */
static bool
scan_local_part(struct header *h)
{
	bool cfws;
	int words = 0;
	bool any_quoted = false;

	if (!skip_cfws(h, &cfws))
		return false;
	if (h->pos == h->n)
		return fault(h, EV_DETAIL_NO_AT_SIGN, h->n);
	for (;;)
	{
		bool quoted = at(h, '"');

		if (at(h, '@') || at(h, '.'))
		{
			if (words == 0)
				return fault(h,
				             at(h, '.') ? EV_DETAIL_LOCAL_PART_STARTS_WITH_DOT
				                        : EV_DETAIL_EMPTY_LOCAL_PART,
				             h->pos);
			if (at(h, '.'))
				return fault(h, EV_DETAIL_DOUBLE_DOT, h->pos);
			return fault(h, EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT, h->pos - 1);
		}
		if (!(quoted ? scan_quoted_string(h) : scan_atom(h, false)))
			return false;
		any_quoted |= quoted;
		words++;
		if (!skip_cfws(h, &cfws))
			return false;
		if (h->pos == h->n)
			return fault(h, EV_DETAIL_NO_AT_SIGN, h->n);
		if (at(h, '@'))
			break;
		if (!at(h, '.'))
			return fault_behind_word(h, cfws, quoted);
		h->out->obsolete |= cfws;
		h->pos++;
		keep(h, h->pos - 1);
		if (!skip_cfws(h, &cfws))
			return false;
		if (h->pos == h->n)
			return fault(h, EV_DETAIL_NO_AT_SIGN, h->n);
		h->out->obsolete |= cfws;
	}
	/* CFWS around the @ "SHOULD NOT be used" (RFC 5322 3.4.1) */
	h->out->obsolete |= cfws || (any_quoted && words > 1);
	h->out->local_len = (uint32_t) h->bare_len;
	return true;
}

/* domain-literal with obs-dtext (RFC 5322 3.4.1): whatever stands in brackets. */
static bool
scan_literal(struct header *h)
{
	size_t start = h->pos++;
	bool folding;

	h->out->literal = true;
	for (;;)
	{
		unsigned char c;

		if (h->pos == h->n)
			return fault(h, EV_DETAIL_UNBALANCED_BRACKET, start);
		c = h->s[h->pos];
		if (c == ']')
			break;
		if (c == '[' || c == 0)
			return fault(h, EV_DETAIL_INVALID_DOMAIN_LITERAL, h->pos);
		if (c == '\\')
		{
			h->out->obsolete = true;
			if (!skip_quoted_pair(h))
				return false;
		}
		else if (ev_char_class[c] & C_BLANK)
		{
			if (!skip_folding(h, &folding))
				return false;
			h->out->folding = true;
		}
		else
		{
			h->out->obsolete |= is_obsolete_control(c);
			if (!skip_character(h))
				return false;
		}
	}
	h->pos++;
	keep(h, start);
	return true;
}

/* Labels with dots between them, up to the end. */
static bool
scan_labels(struct header *h)
{
	bool cfws;
	int labels = 0;

	for (;;)
	{
		if (h->pos == h->n)
			return fault(h, labels == 0 ? EV_DETAIL_EMPTY_DOMAIN : EV_DETAIL_EMPTY_LABEL, h->n);
		if (at(h, '.'))
			return fault(h, labels == 0 ? EV_DETAIL_EMPTY_LABEL : EV_DETAIL_DOUBLE_DOT, h->pos);
		if (at(h, '@'))
			return fault(h, EV_DETAIL_TOO_MANY_AT_SIGNS, h->pos);
		if (!scan_atom(h, true))
			return false;
		labels++;
		if (!skip_cfws(h, &cfws))
			return false;
		if (h->pos == h->n)
			return true;
		if (at(h, '@'))
			return fault(h, EV_DETAIL_TOO_MANY_AT_SIGNS, h->pos);
		if (!at(h, '.'))
			return fault_behind_word(h, cfws, false);
		h->out->obsolete |= cfws;
		h->pos++;
		keep(h, h->pos - 1);
		if (!skip_cfws(h, &cfws))
			return false;
		h->out->obsolete |= cfws;
	}
}

static bool
scan_domain(struct header *h)
{
	bool cfws;

	h->pos++;
	keep(h, h->pos - 1);
	h->out->domain_start = (uint32_t) h->bare_len;
	if (!skip_cfws(h, &cfws))
		return false;
	if (h->pos == h->n)
		return fault(h, EV_DETAIL_EMPTY_DOMAIN, h->n);
	h->out->obsolete |= cfws;
	if (!at(h, '['))
		return scan_labels(h);
	if (!scan_literal(h) || !skip_cfws(h, &cfws))
		return false;
	return h->pos == h->n || fault_behind_word(h, cfws, true);
}

bool
ev_syntax_parse_header(const char *text, size_t n, struct ev_syntax *out, char *bare)
{
	struct header h = {(const unsigned char *) text, n, 0, bare, 0, out};
	size_t blank = 0;

	while (blank < n && (ev_char_class[h.s[blank]] & C_BLANK))
		blank++;
	if (blank == n)
		return fault(&h, EV_DETAIL_EMPTY, 0);
	if (!scan_local_part(&h) || !scan_domain(&h))
		return false;
	out->domain_len = (uint32_t) (h.bare_len - out->domain_start);
	return true;
}
