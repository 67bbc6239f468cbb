/*
 * syntax_private.h
 *	  What syntax.c, syntax_full.c, special_use.c, literal.c and address.c share.
 */
#ifndef EV_SYNTAX_PRIVATE_H
#define EV_SYNTAX_PRIVATE_H

#include "engine/syntax.h"

/* Classes of ASCII bytes. */
#define C_ATEXT  0x01 /* RFC 5322 3.2.3 */
#define C_LDH    0x02 /* letter, digit, hyphen */
#define C_DIGIT  0x04
#define C_BLANK  0x08 /* space, tab, CR, LF */
#define C_CTL    0x10 /* control characters that are not blanks */
#define C_HYPHEN 0x20
#define C_DOT    0x40

extern const unsigned char ev_char_class[256];

/* The slow pass; *out is cleared by the caller. */
extern bool ev_syntax_parse_fully(const char *text, size_t n, enum ev_syntax_level level,
                                  struct ev_syntax *out);

/*
 * The shortest form in which a local part travels: as a dot-string where it is one, else quoted,
 * with backslashes only where they are needed.  unquoted: what stood between the quotes, quoted
 * pairs undone.  Returns the length; writes to out (no NUL) unless it is NULL.
 */
extern size_t ev_quote_local(const char *unquoted, size_t n, char *out);

/* Is this an address literal with its brackets (RFC 5321 4.1.3)? */
extern bool ev_is_address_literal(const char *text, size_t n);

/* Does a label of this ASCII domain start with xn--? */
extern bool ev_has_a_label(const char *domain, size_t n);

/* Is this ASCII domain of special use?  tld is where its last label starts. */
extern bool ev_is_special_use(const char *domain, size_t n, size_t tld);

#endif
