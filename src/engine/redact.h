/*
 * redact.h
 *	  Lines of a dialogue, fit for a log: whose mailbox it was about is not told.
 */
#ifndef EV_REDACT_H
#define EV_REDACT_H

#include <stddef.h>

/*
 * Copy n bytes of text into out (size bytes, at least 1; NUL-terminated, what does not fit is left
 * out).  Of the local part of every e-mail address only the first character is left:
 * `ann.lee@acme.com` becomes `a***@acme.com`, a quoted local part `***`.  So does every word that is
 * one of the local parts given (n_locals of them, of any length, case ignored), since peers quote
 * them without the domain; those of one character are not looked for.  Domains stay.  Returns the
 * length.
 */
extern size_t ev_redact(const char *text, size_t n, const char *const *locals, size_t n_locals,
                        char *out, size_t size);

#endif
