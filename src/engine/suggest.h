/*
 * suggest.h
 *	  The address that was probably meant by a mistyped one.
 */
#ifndef EV_SUGGEST_H
#define EV_SUGGEST_H

#include "engine/syntax.h"

/* How sure a suggestion is. */
enum ev_suggestion
{
	EV_SUGGEST_NOTHING,
	EV_SUGGEST_NEAR, /* a popular domain is a letter or two away: wrong if the typed one is real */
	EV_SUGGEST_SLIP  /* a known typing error, or what can be no address, whatever DNS says */
};

/*
 * What was meant by text (n bytes, UTF-8)?  *out receives a sound address of level internet that is
 * another one than the text; undefined with EV_SUGGEST_NOTHING.  Repaired are: white space, brackets, quotes,
 * "mailto:" and a name around an address; commas, semicolons and doubled, leading or trailing dots;
 * a doubled @ and its spellings; a popular domain without its dot or its ending; endings that are no
 * top-level domains (.con, .cmo, .ent).  Of a sound address only the domain is
 * changed, and not if a list knows it to be real.
 */
extern enum ev_suggestion ev_suggest_address(const char *text, size_t n, struct ev_address *out);

#endif
