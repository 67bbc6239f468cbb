/*
 * spf.h
 *	  The little of SPF (RFC 7208) that tells whether a domain takes mail at all.
 *
 * SPF is a policy about senders.  It says something about a recipient's domain only when it
 * authorises nobody ("v=spf1 -all") and there is no MX record.
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

#endif
