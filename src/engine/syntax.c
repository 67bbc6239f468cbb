/*
 * syntax.c
 *	  Check of an address: a fast pass for plain ASCII, and a slower one that finds the first fault.
 *
 * The fast pass takes only what is sound without any doubt: dot-atom @ dotted LDH labels.  All else
 * goes to the slow pass (syntax_full.c), which is the reference: it alone knows faults, quoted
 * strings, literals and UTF-8.
 */
#include "engine/syntax.h"

#include <string.h>

#include "engine/syntax_private.h"

/* clang-format off */
#define AL (C_ATEXT | C_LDH)
#define AD (C_ATEXT | C_LDH | C_DIGIT)
#define AH (C_ATEXT | C_LDH | C_HYPHEN)
#define A_ C_ATEXT
#define BL C_BLANK
#define CT C_CTL
#define DT C_DOT

const unsigned char ev_char_class[256] = {
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

	out->local_len = (uint32_t) at;
	out->domain_start = (uint32_t) at + 1;
	out->domain_len = (uint32_t) (n - at - 1);
	out->special_use = ev_is_special_use(text + at + 1, n - at - 1, label - at - 1);
	return true;
}

bool
ev_syntax_parse(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	memset(out, 0, sizeof(*out));
	return parse_plain(text, n, out) || ev_syntax_parse_fully(text, n, level, out);
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
