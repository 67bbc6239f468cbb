/*
 * syntax.h
 *	  Can this text be an e-mail address?  RFC 5321 4.1.2 (Mailbox), RFC 6531 3.3, RFC 1123 2.1.
 *
 * One pass over the bytes, no allocation, no locale.  Input is UTF-8; the caller converts.
 */
#ifndef EV_SYNTAX_H
#define EV_SYNTAX_H

#include "engine/verdict.h"

/* What the address shall be good for. */
enum ev_syntax_level
{
	EV_SYNTAX_INTERNET, /* somebody's mailbox on the public internet: dotted names only */
	EV_SYNTAX_SMTP,     /* RFC 5321/6531 Mailbox: address literals and dotless domains too */
	EV_SYNTAX_HEADER    /* RFC 5322 addr-spec */
};

struct ev_syntax
{
	enum ev_detail fault; /* EV_DETAIL_NONE when it is sound */
	uint32_t fault_at;    /* byte offset of the fault */
	uint32_t local_start, local_len;
	uint32_t domain_start, domain_len;
	bool quoted;      /* the local part is a quoted-string */
	bool eai;         /* the local part is not ASCII: SMTPUTF8 is needed */
	bool idn;         /* the domain is not ASCII */
	bool literal;     /* the domain is an address literal */
	bool special_use; /* RFC 6761 and relatives: .test, .invalid, example.com, … */
};

/*
 * Check `text` (n bytes, UTF-8, may hold NULs).  Leading and trailing ASCII spaces, tabs, CRs and
 * LFs are not part of an address and are a fault like any other: callers that want to be kind trim
 * first. Offsets are into text.  Returns true when sound at that level; *out is always filled.
 */
extern bool ev_syntax_parse(const char *text, size_t n, enum ev_syntax_level level,
                            struct ev_syntax *out);

/* Look a level's name up ("internet", "smtp", "header").  False when there is none. */
extern bool ev_syntax_level_by_label(const char *label, size_t n, enum ev_syntax_level *out);

/* An address in the form it travels in: what is cached, queued, looked up and sent. */
struct ev_address
{
	uint8_t local_len;
	uint8_t domain_len;
	bool eai;
	char local[EV_LOCAL_MAX + 1];   /* as given, a needless quoting undone (RFC 5321 4.1.2) */
	char domain[EV_DOMAIN_MAX + 1]; /* lower-case A-labels */
};

/*
 * Bring a sound address (level internet) into its travelling form.  Returns EV_DETAIL_NONE, or the
 * fault (invalid_idn, domain_too_long, address_too_long) that shows only in that form.
 */
extern enum ev_detail ev_address_from(const char *text, const struct ev_syntax *syntax,
                                      struct ev_address *out);

/*
 * The same for a text that ev_address_key() made.  False when it is none.
 */
extern bool ev_address_parse_key(const char *key, size_t n, struct ev_address *out);

/* "local@domain", NUL-terminated, into buf of EV_ADDRESS_KEY_SIZE bytes; returns its length. */
#define EV_ADDRESS_KEY_SIZE (EV_LOCAL_MAX + 1 + EV_DOMAIN_MAX + 1)
extern size_t ev_address_key(const struct ev_address *address, char *buf);

#endif
