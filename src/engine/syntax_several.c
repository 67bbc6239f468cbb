/*
 * syntax_several.c
 *	  Is a text that is no address more than one?  People paste lists where one address is asked for.
 *
 * Looked at only after the text has failed as an address.  What stands before the separator and what
 * begins behind it must both be addresses beyond doubt: "a@b@c" and "a@corp.com,b" are not several.
 */
#include "engine/syntax_private.h"

#include <string.h>

#include "engine/slice.h"

/* How far behind its first @ an address may end, or a display name with it: bounds what is tried. */
#define WINDOW (2 * EV_ADDRESS_MAX)

/* Words between two addresses. */
static const char *const conjunctions[] = {"and", "or", "und", "oder", "et", "ou",
                                           "y",   "o",  "e",   "i",    "en", "of"};

/* Bytes of the separator that begins here: one ASCII byte, or a full-width comma or semicolon; 0: none does. */
static size_t
separator(struct ev_slice rest)
{
	static const char *const wide[] = {"\xef\xbc\x8c", "\xef\xbc\x9b", "\xe3\x80\x81"};

	if (rest.n == 0)
		return 0;
	if (ev_slice_is_blank(rest.s[0]) || memchr(",;/|&+\\", rest.s[0], 7) != NULL)
		return 1;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		if (rest.n >= 3 && memcmp(rest.s, wide[i], 3) == 0)
			return 3;
	return 0;
}

/* The address of "Display name <address>" and of "mailto:address"; any other text as it is. */
static struct ev_slice
unwrap(struct ev_slice piece)
{
	static const char scheme[] = "mailto:";
	const char *open;

	piece = ev_slice_trim(piece);
	if (piece.n > 2 && piece.s[piece.n - 1] == '>' &&
	    (open = memchr(piece.s, '<', piece.n)) != NULL)
		piece = ev_slice_trim(
			(struct ev_slice){open + 1, (size_t) (piece.s + piece.n - 1 - (open + 1))});
	if (ev_slice_starts(piece, scheme))
		piece = ev_slice_from(piece, sizeof(scheme) - 1);
	return piece;
}

static bool
is_address(struct ev_slice piece)
{
	struct ev_slice address = unwrap(piece);
	struct ev_syntax syntax;

	memset(&syntax, 0, sizeof(syntax));
	return address.n <= EV_ADDRESS_MAX && memchr(address.s, '@', address.n) != NULL &&
	       ev_syntax_parse_mailbox(address.s, address.n, EV_SYNTAX_SMTP, &syntax);
}

/* Where the address ends that the text begins with: at a separator, or at the end of the text; 0: there is none. */
static size_t
address_end(struct ev_slice text, bool at_separator)
{
	const char *at = memchr(text.s, '@', text.n);
	size_t first = at == NULL ? text.n : (size_t) (at - text.s);
	size_t last = text.n - first > WINDOW ? first + WINDOW : text.n;

	for (size_t i = first; i < last; i++)
		if (separator(ev_slice_from(text, i)) > 0 && is_address(ev_slice_to(text, i)))
			return i;
	return !at_separator && last == text.n && is_address(text) ? text.n : 0;
}

/* Separators at the beginning, and the words that may stand among them. */
static struct ev_slice
skip_separators(struct ev_slice rest)
{
	for (;;)
	{
		size_t n = separator(rest);

		for (size_t i = 0; n == 0 && i < sizeof(conjunctions) / sizeof(conjunctions[0]); i++)
		{
			size_t len = strlen(conjunctions[i]);

			if (ev_slice_starts(rest, conjunctions[i]) && rest.n > len &&
			    ev_slice_is_blank(rest.s[len]))
				n = len;
		}
		if (n == 0)
			return rest;
		rest = ev_slice_from(rest, n);
	}
}

/* Of the separators that begin there, the one that says most: not a blank, if there is another one. */
static size_t
place_of_separator(struct ev_slice text, size_t at)
{
	size_t i = at;

	while (i < text.n && ev_slice_is_blank(text.s[i]))
		i++;
	return separator(ev_slice_from(text, i)) > 0 ? i : at;
}

bool
ev_syntax_is_several(const char *text, size_t n, uint32_t *separator_at)
{
	struct ev_slice all = {text, n};
	const char *at = n > 0 ? memchr(text, '@', n) : NULL;
	size_t end;

	/* one @ is the rule: nearly all that is no address ends here */
	if (at == NULL || memchr(at + 1, '@', (size_t) (text + n - (at + 1))) == NULL)
		return false;
	end = address_end(all, true);
	if (end == 0 || address_end(skip_separators(ev_slice_from(all, end)), false) == 0)
		return false;
	*separator_at = (uint32_t) place_of_separator(all, end);
	return true;
}
