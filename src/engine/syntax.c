/*
 * syntax.c
 *	  Check of an address: a fast pass for plain ASCII, and slower ones that find the first fault.
 *
 * The fast pass (syntax_plain.c) takes only what is sound without any doubt: dot-atom @ dotted LDH
 * labels.  All else goes to the slow pass (syntax_full.c), which is the reference for what travels:
 * it alone knows quoted strings, literals and UTF-8.  What only a message header may have, comments,
 * folding and obsolete forms, is read by syntax_header.c.
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

bool
ev_syntax_parse(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	memset(out, 0, sizeof(*out));
	if (ev_syntax_parse_plain(text, n, out) || ev_syntax_parse_fully(text, n, level, out))
		return true;
	if (ev_syntax_is_several(text, n, &out->fault_at))
		out->fault = EV_DETAIL_SEVERAL_ADDRESSES;
	return false;
}

bool
ev_syntax_parse_fully(const char *text, size_t n, enum ev_syntax_level level, struct ev_syntax *out)
{
	if (level != EV_SYNTAX_HEADER)
		return ev_syntax_parse_mailbox(text, n, level, out);

	/* every Mailbox is an addr-spec, also where limits of RFC 5321 leave no doubt */
	if (ev_syntax_parse_mailbox(text, n, EV_SYNTAX_SMTP, out))
		return true;
	memset(out, 0, sizeof(*out));
	return ev_syntax_parse_header(text, n, out, NULL);
}

/*
 * Is the bare address within what RFC 5321 allows, apart from the words of its local part?
 */
static bool
is_within_smtp(const char *bare, const struct ev_syntax *syntax)
{
	const char *domain = bare + syntax->domain_start;
	struct ev_syntax smtp;
	char mailbox[2 + EV_DOMAIN_MAX];

	if (syntax->local_len > EV_LOCAL_MAX || syntax->domain_len > EV_DOMAIN_MAX ||
	    syntax->local_len + 1 + syntax->domain_len > EV_ADDRESS_MAX)
		return false;
	mailbox[0] = 'x';
	mailbox[1] = '@';
	memcpy(mailbox + 2, domain, syntax->domain_len);
	memset(&smtp, 0, sizeof(smtp));
	return ev_syntax_parse_mailbox(mailbox, 2 + syntax->domain_len, EV_SYNTAX_SMTP, &smtp);
}

enum ev_syntax_category
ev_syntax_categorize(const char *text, size_t n, char *bare, struct ev_syntax *out)
{
	if (ev_syntax_parse(text, n, EV_SYNTAX_INTERNET, out) ||
	    ev_syntax_parse(text, n, EV_SYNTAX_SMTP, out))
	{
		bool dotted = memchr(text + out->domain_start, '.', out->domain_len) != NULL;

		memcpy(bare, text, n);
		if (out->quoted || out->literal || out->carrier_legacy || !dotted || out->numeric_tld)
			return EV_SYNTAX_RFC5321;
		return EV_SYNTAX_VALID;
	}
	memset(out, 0, sizeof(*out));
	if (!ev_syntax_parse_header(text, n, out, bare))
		return EV_SYNTAX_ERROR;
	if (!is_within_smtp(bare, out))
		return EV_SYNTAX_RFC5322;
	return out->obsolete ? EV_SYNTAX_DEPRECATED : EV_SYNTAX_CFWS;
}

static const char *const levels[] = {
	[EV_SYNTAX_INTERNET] = "internet",
	[EV_SYNTAX_SMTP] = "smtp",
	[EV_SYNTAX_HEADER] = "header",
};

const char *
ev_syntax_level_label(enum ev_syntax_level level)
{
	return levels[level];
}

const char *
ev_syntax_category_label(enum ev_syntax_category category)
{
	static const char *const labels[EV_N_SYNTAX_CATEGORY] = {
		[EV_SYNTAX_VALID] = "valid",     [EV_SYNTAX_RFC5321] = "rfc5321",
		[EV_SYNTAX_CFWS] = "cfws",       [EV_SYNTAX_DEPRECATED] = "deprecated",
		[EV_SYNTAX_RFC5322] = "rfc5322", [EV_SYNTAX_ERROR] = "error",
	};

	return labels[category];
}

bool
ev_syntax_level_by_label(const char *label, size_t n, enum ev_syntax_level *out)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strlen(levels[i]) == n && memcmp(label, levels[i], n) == 0)
		{
			*out = (enum ev_syntax_level) i;
			return true;
		}
	return false;
}
