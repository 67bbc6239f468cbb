/*
 * syntax_private.h
 *	  What the parts of the syntax check share.
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

/* The fast pass: true when sound at every level, false when it cannot say.  *out is cleared by the
 * caller, here and below. */
extern bool ev_syntax_parse_plain(const char *text, size_t n, struct ev_syntax *out);

/* The slow pass, at any level: what the fast one says has to be what this says. */
extern bool ev_syntax_parse_fully(const char *text, size_t n, enum ev_syntax_level level,
                                  struct ev_syntax *out);

/* Its parts: a Mailbox (RFC 5321; level internet or smtp), and an addr-spec (RFC 5322). */
extern bool ev_syntax_parse_mailbox(const char *text, size_t n, enum ev_syntax_level level,
                                    struct ev_syntax *out);

/* bare: NULL, or room for n bytes, which receive the address without comments and white space. */
extern bool ev_syntax_parse_header(const char *text, size_t n, struct ev_syntax *out, char *bare);

/*
 * Is the text, which is no address, a list of addresses?  Then *separator_at is where the first of them ends: the offset of the
 * comma, the semicolon, the blank … behind it.
 */
extern bool ev_syntax_is_several(const char *text, size_t n, uint32_t *separator_at);

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

/*
 * Do mailboxes of this domain (any case) live on whose local parts break RFC 5321?  Japanese
 * carriers gave out dots before the @ and runs of dots until 2009.
 */
extern bool ev_is_legacy_carrier(const char *domain, size_t n);

#endif
