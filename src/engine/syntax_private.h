/*
 * syntax_private.h
 *	  What syntax.c, literal.c and address.c share.
 */
#ifndef EV_SYNTAX_PRIVATE_H
#define EV_SYNTAX_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* atext of RFC 5322 3.2.3, ASCII only. */
extern bool ev_is_atext(unsigned char c);

/*
 * The shortest form in which a local part travels: as a dot-string where it is one, else quoted, with backslashes
 * only where they are needed.  unquoted: what stood between the quotes, quoted pairs undone.  Returns the
 * length; writes to out (no NUL) unless it is NULL.
 */
extern size_t ev_quote_local(const char *unquoted, size_t n, char *out);

/* Is this an address literal with its brackets (RFC 5321 4.1.3)? */
extern bool ev_is_address_literal(const char *text, size_t n);

#endif
