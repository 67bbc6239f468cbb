/*
 * spf.h
 *	  SPF records (RFC 7208): whether a domain takes mail at all, and the terms of a record.
 *
 * SPF is a policy about senders.  It says something about a recipient's domain only when it
 * authorises nobody ("v=spf1 -all") and there is no MX record.  Whether a record authorises an
 * address is decided by who can look names up (net/spf_check.h); it reads the terms here.
 */
#ifndef EV_SPF_H
#define EV_SPF_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/verdict.h"

enum ev_spf
{
	EV_SPF_NONE,     /* no SPF record */
	EV_SPF_NOBODY,   /* authorises nothing: -all is its only mechanism */
	EV_SPF_FAIL_ALL, /* authorises somebody and ends in -all */
	EV_SPF_OTHER,    /* anything else that is well-formed */
	EV_SPF_REDIRECT, /* redirect=: the answer is another domain's; see target */
	EV_SPF_INVALID   /* malformed, or more than one record (RFC 7208 4.5) */
};

/*
 * Judge one TXT record, its strings joined (RFC 7208 3.3).  Not an SPF record: EV_SPF_NONE.
 * target (EV_DOMAIN_MAX + 1 bytes) receives the lower-cased domain of a redirect, else "".
 */
extern enum ev_spf ev_spf_parse(const char *txt, size_t n, char *target);

/* What a term of a record asks for. */
enum ev_spf_kind
{
	EV_SPF_TERM_ALL,
	EV_SPF_TERM_INCLUDE,
	EV_SPF_TERM_A,
	EV_SPF_TERM_MX,
	EV_SPF_TERM_IP4,
	EV_SPF_TERM_IP6,
	EV_SPF_TERM_REDIRECT, /* a modifier: it counts when no mechanism has matched */
	EV_SPF_TERM_OTHER,    /* a modifier without effect on the result */
	EV_SPF_TERM_UNDECIDED /* ptr, exists, or a domain with macros: nobody evaluates it here */
};

struct ev_spf_term
{
	enum ev_spf_kind kind;
	char qualifier;                   /* one of "+-~?"; '+' when none is given */
	char domain[EV_DOMAIN_MAX + 1];   /* lower case; "": the domain of the record */
	char address[EV_IP_TEXT_MAX + 1]; /* of ip4 and ip6, without the prefix length */
	unsigned prefix4, prefix6;        /* bits that count: 32 and 128 unless given */
};

/*
 * Read the next term of a record that ev_spf_parse() has found well-formed: from *at on, 0 for the
 * first; *at is moved behind it.  False behind the last one.
 */
extern bool ev_spf_next(const char *txt, size_t n, size_t *at, struct ev_spf_term *term);

#endif
