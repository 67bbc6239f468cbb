/*
 * idna.h
 *	  Internationalised domain names, UTS-46 non-transitional, through libidn2 and libunistring.
 *
 * The one place of the engine that calls libraries which allocate; plain ASCII never gets here.
 */
#ifndef EV_IDNA_H
#define EV_IDNA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Domain (UTF-8, n bytes) to lower-case A-labels, NUL-terminated, in out (size bytes). Labels that
 * start with xn-- must decode and round-trip.  Returns the length, 0 when it is not valid or does
 * not fit.  Emoji are not valid (RFC 5892), though a few registries sell them.
 */
extern size_t ev_idna_to_ascii(const char *domain, size_t n, char *out, size_t size);

/* Is the text in Unicode normalisation form C and free of unassigned, private-use, control,
 * bidirectional-control and invisible code points?  n bytes of valid UTF-8. */
extern bool ev_unicode_text_ok(const char *text, size_t n);

#endif
