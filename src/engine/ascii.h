/*
 * ascii.h
 *	  Kinds and cases of ASCII characters, whatever the locale.  Other bytes are of no kind.
 */
#ifndef EV_ASCII_H
#define EV_ASCII_H

#include <stdbool.h>

static inline bool
ev_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ev_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
ev_is_alnum(char c)
{
	return ev_is_alpha(c) || ev_is_digit(c);
}

static inline char
ev_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

/* -1 when it is no hexadecimal digit. */
static inline int
ev_hex_value(char c)
{
	if (ev_is_digit(c))
		return c - '0';
	c = ev_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
