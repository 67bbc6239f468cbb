/*
 * utf8.h
 *	  UTF-8 (RFC 3629), one character at a time.
 */
#ifndef EV_UTF8_H
#define EV_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length of the sequence at s (n > 0 bytes left), 0 when it is none: neither overlong forms nor
 * surrogates nor what lies above U+10FFFF.
 */
extern size_t ev_utf8_len(const unsigned char *s, size_t n);

/* Write a code point (at most U+10FFFF) to out, which has room for four bytes; returns how many. */
extern size_t ev_utf8_put(uint32_t c, char *out);

#endif
