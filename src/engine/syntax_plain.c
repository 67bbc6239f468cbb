/*
 * syntax_plain.c
 *	  The fast pass over an address: dot-atom @ dotted LDH labels, the form nearly all have.
 *
 * Nearly all the time of a loop over the bytes goes into branches that nobody can foresee: where the
 * local part ends, where each label does.  So where the machine can compare sixteen bytes at a time,
 * each class of bytes becomes a mask with a bit for each byte, and the rules become operations on
 * masks.  Elsewhere, and for what is longer than a mask or rarer than its classes, there is the loop.
 *
 * True means sound at every level; false says nothing: the slow pass decides.
 */
#include "engine/syntax.h"

#include <string.h>

#include "engine/syntax_private.h"

/* What both ways end in. */
static void
fill(const char *text, size_t n, size_t at, size_t tld, struct ev_syntax *out)
{
	out->local_len = (uint32_t) at;
	out->domain_start = (uint32_t) at + 1;
	out->domain_len = (uint32_t) (n - at - 1);
	out->special_use = ev_is_special_use(text + at + 1, n - at - 1, tld - at - 1);
}

static bool
parse_bytes(const char *text, size_t n, struct ev_syntax *out)
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

		while (i < n && (ev_char_class[s[i]] & C_ATEXT))
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

		while (i < n && ((kind = ev_char_class[s[i]]) & C_LDH))
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
	if ((seen & C_HYPHEN) && ev_has_a_label(text + at + 1, n - at - 1))
		return false;
	fill(text, n, at, label, out);
	return true;
}

#ifdef __SSE2__

#include <emmintrin.h>

/* One bit a byte of the text, the first byte lowest. */
struct masks
{
	uint64_t alnum;
	uint64_t digit;
	uint64_t hyphen;
	uint64_t dot;
	uint64_t at;
	uint64_t other; /* what else is common in local parts: + and _ */
};

static inline unsigned
equal(__m128i bytes, char c)
{
	return (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

/* Bytes from first to first + span. */
static inline unsigned
between(__m128i bytes, char first, char span)
{
	__m128i offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first));

	return (unsigned) _mm_movemask_epi8(
		_mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(span)), offset));
}

/* The masks of sixteen bytes. */
static inline struct masks
classify(__m128i bytes)
{
	struct masks m;

	m.digit = between(bytes, '0', 9);
	m.alnum = m.digit | between(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 25);
	m.hyphen = equal(bytes, '-');
	m.dot = equal(bytes, '.');
	m.at = equal(bytes, '@');
	m.other = equal(bytes, '+') | equal(bytes, '_');
	return m;
}

static inline void
add(struct masks *all, const struct masks *m, unsigned shift)
{
	all->alnum |= m->alnum << shift;
	all->digit |= m->digit << shift;
	all->hyphen |= m->hyphen << shift;
	all->dot |= m->dot << shift;
	all->at |= m->at << shift;
	all->other |= m->other << shift;
}

/* The two halves of sixteen bits, the upper one moved down to bit n - half. */
static uint64_t
join(uint64_t bits, unsigned half, unsigned n)
{
	return (bits & ((1u << half) - 1)) | (bits >> 8) << (n - half);
}

/*
 * Four to fifteen bytes, without reading what lies behind them: their first and their last `half`
 * bytes, which overlap.
 */
static void
classify_short(const char *text, unsigned n, struct masks *m)
{
	unsigned half = n >= 8 ? 8 : 4;
	uint64_t first = 0;
	uint64_t last = 0;

	if (n >= 8)
	{
		memcpy(&first, text, 8);
		memcpy(&last, text + n - 8, 8);
	}
	else
	{
		memcpy(&first, text, 4);
		memcpy(&last, text + n - 4, 4);
	}
	*m = classify(_mm_set_epi64x((long long) last, (long long) first));
	m->alnum = join(m->alnum, half, n);
	m->digit = join(m->digit, half, n);
	m->hyphen = join(m->hyphen, half, n);
	m->dot = join(m->dot, half, n);
	m->at = join(m->at, half, n);
	m->other = join(m->other, half, n);
}

static void
classify_long(const char *text, size_t n, struct masks *all)
{
	struct masks m;
	size_t i;

	*all = classify(_mm_loadu_si128((const __m128i *) text));
	for (i = 16; i + 16 <= n; i += 16)
	{
		m = classify(_mm_loadu_si128((const __m128i *) (text + i)));
		add(all, &m, (unsigned) i);
	}
	if (i < n)
	{
		/* the last sixteen, some of them for the second time */
		m = classify(_mm_loadu_si128((const __m128i *) (text + n - 16)));
		add(all, &m, (unsigned) (n - 16));
	}
}

/* 4 <= n <= 63 */
static bool
parse_masks(const char *text, size_t n, struct ev_syntax *out)
{
	struct masks m;
	uint64_t end = (uint64_t) 1 << n;
	uint64_t local;
	uint64_t domain;
	uint64_t edge; /* where no dot may stand, since another stands before or nothing does */
	unsigned at;
	unsigned tld;

	if (n < 16)
		classify_short(text, (unsigned) n, &m);
	else
		classify_long(text, n, &m);

	/* one @, after something and before something */
	if (m.at == 0 || (m.at & (m.at - 1)) != 0)
		return false;
	local = m.at - 1;
	domain = (end - 1) & ~(local | m.at);
	if ((local & ~(m.alnum | m.hyphen | m.dot | m.other)) != 0 ||
	    (domain & ~(m.alnum | m.hyphen | m.dot)) != 0)
		return false;

	/* words and labels: none empty, so dots only between them; both @ and the ends bound them */
	edge = 1 | (m.dot << 1) | (m.at << 1);
	if ((m.dot & (edge | (m.at >> 1) | (end >> 1))) != 0 || local == 0 || domain == 0)
		return false;

	/* hyphens neither begin nor end a label; two in a row may be an A-label's */
	edge = (m.dot << 1) | (m.at << 1) | (m.dot >> 1) | (end >> 1) | (m.hyphen << 1);
	if ((m.hyphen & domain & edge) != 0 || (m.dot & domain) == 0)
		return false;

	at = (unsigned) __builtin_ctzll(m.at);
	tld = 64 - (unsigned) __builtin_clzll(m.dot & domain);
	if (((domain >> tld) & ~(m.digit >> tld)) == 0)
		return false;
	fill(text, n, at, tld, out);
	return true;
}

bool
ev_syntax_parse_plain(const char *text, size_t n, struct ev_syntax *out)
{
	if (n >= 4 && n <= 63)
	{
		if (parse_masks(text, n, out))
			return true;
	}
	return parse_bytes(text, n, out);
}

#else

bool
ev_syntax_parse_plain(const char *text, size_t n, struct ev_syntax *out)
{
	return parse_bytes(text, n, out);
}

#endif
