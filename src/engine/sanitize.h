/*
 * sanitize.h
 *	  Text of strangers, made fit to be stored and shown: printable ASCII, all else as \xNN.
 */
#ifndef EV_SANITIZE_H
#define EV_SANITIZE_H

#include <stddef.h>

/*
 * Escape n bytes of text into out (size bytes, NUL-terminated).  CR, LF and tab runs become one
 * space, a backslash is doubled; an escape is never cut in two; what does not fit is left out and
 * "..." ends the text.  Returns the length.  size must be at least 8.
 */
extern size_t ev_sanitize(const char *text, size_t n, char *out, size_t size);

/*
 * The bytes that such a text was made of, but for kinds of blanks and what was cut off; a NUL becomes
 * a question mark.  out has size bytes, at least 1; returns the length, NUL-terminated.  Any text may
 * go in.
 */
extern size_t ev_sanitize_undo(const char *text, size_t n, char *out, size_t size);

#endif
