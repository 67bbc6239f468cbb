/*
 * syntax.h
 *	  Can this text be an e-mail address?  RFC 5321 4.1.2 (Mailbox), RFC 6531 3.3, RFC 1123 2.1,
 *	  RFC 5322 3.4.1 (addr-spec).
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
	EV_SYNTAX_HEADER /* RFC 5322 addr-spec: also comments, folding and obsolete forms, any length */
};

struct ev_syntax
{
	enum ev_detail fault; /* EV_DETAIL_NONE when it is sound */
	uint32_t fault_at;    /* byte offset of the fault in the text */

	/*
	 * The parts of the bare address: the text itself, but for what only a header may have, which is
	 * left out there
	 */
	uint32_t local_start, local_len;
	uint32_t domain_start, domain_len;
	bool quoted;         /* the local part is or has a quoted-string */
	bool eai;            /* the local part is not ASCII: SMTPUTF8 is needed */
	bool idn;            /* the domain is not ASCII */
	bool literal;        /* the domain is an address literal */
	bool numeric_tld;    /* the last label has digits only */
	bool special_use;    /* RFC 6761 and relatives: .test, .invalid, example.com, … */
	bool carrier_legacy; /* dots that RFC 5321 forbids, at a domain that gave them out */
	bool comment;        /* level header: there are comments, */
	bool folding;        /* white space that is no part of the address, */
	bool obsolete;       /* forms of RFC 5322 4.4 */
};

/* What kind of thing a text is, each wider than the one before. */
enum ev_syntax_category
{
	EV_SYNTAX_VALID,   /* like nearly all mailboxes */
	EV_SYNTAX_RFC5321, /* SMTP carries it, though it is unusual: quoted, literal, undotted, … */
	EV_SYNTAX_CFWS,    /* comments or folding around an address that SMTP carries */
	EV_SYNTAX_DEPRECATED, /* so are obsolete forms (RFC 5322 4.4) */
	EV_SYNTAX_RFC5322,    /* an addr-spec that SMTP does not carry: too long, no host name, … */
	EV_SYNTAX_ERROR,      /* no address by any rule */
	EV_N_SYNTAX_CATEGORY
};

/*
 * Check `text` (n bytes, UTF-8, may hold NULs).  Leading and trailing ASCII spaces, tabs, CRs and
 * LFs are not part of an address and are a fault like any other: callers that want to be kind trim
 * first. Offsets are into text.  Returns true when sound at that level; *out is always filled.
 */
extern bool ev_syntax_parse(const char *text, size_t n, enum ev_syntax_level level,
                            struct ev_syntax *out);

/*
 * What kind of text is this?  bare (room for n bytes) receives the address without comments and
 * white space; the parts in *out are offsets into it, and the fault in *out is that of level header
 * (none unless the answer is EV_SYNTAX_ERROR).
 */
extern enum ev_syntax_category ev_syntax_categorize(const char *text, size_t n, char *bare,
                                                    struct ev_syntax *out);

/* "valid", "rfc5321", …, and "internet", "smtp", "header" */
extern const char *ev_syntax_category_label(enum ev_syntax_category category);
extern const char *ev_syntax_level_label(enum ev_syntax_level level);

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
