/*
 * idna.h
 *	  Internationalised domain names, UTS-46 non-transitional, through libidn2 and libunistring.
 *
 * The one place of the engine that calls libraries which allocate; plain ASCII never gets here.
 */
#ifndef EV_IDNA_H
#define EV_IDNA_H

#include <stddef.h>

#include "engine/reason.h"

/*
 * Domain (UTF-8, n bytes) to lower-case A-labels, NUL-terminated, in out (size bytes). Labels that
 * start with xn-- must decode and round-trip.  Returns the length, 0 when it is not valid or does
 * not fit.  Emoji are not valid (RFC 5892), though a few registries sell them.
 */
extern size_t ev_idna_to_ascii(const char *domain, size_t n, char *out, size_t size);

/*
 * Can this text (n bytes of valid UTF-8) be a local part that somebody types?  EV_DETAIL_NONE, or
 * the first fault with its place in *at:
 *	disallowed_character	an unassigned, private-use or control code point, a space other than
 *						the ASCII one, one that is not to be seen (Default_Ignorable_Code_Point) or
 *						turns the direction of writing (Bidi_Control); joiners are allowed where
 *						RFC 5892 A.1 and A.2 allow them in a domain name
 *	not_nfc				not in normalisation form C (RFC 6532 3.1, RFC 5198 3)
 */
extern enum ev_detail ev_unicode_text_fault(const char *text, size_t n, size_t *at);

/*
 * The text (n bytes of valid UTF-8 in form C) in lower case and form C, without regard to language,
 * in out (size bytes, not NUL-terminated; may be the text).  Returns its length; what would not fit,
 * or cannot be done, leaves the text as it is.
 */
extern size_t ev_unicode_lower(const char *text, size_t n, char *out, size_t size);

/* The libraries in use, and with them the Unicode data: "2.3.3", and 0x010000 for 1.0.0. */
extern const char *ev_idn2_version(void);
extern unsigned ev_unistring_version(void);

#endif
