/*
 * spf_check.h
 *	  Does a domain's SPF record authorise an address (RFC 7208 4, check_host)?
 *
 * Mechanisms that need macros, "exists" and "ptr" are not evaluated: where one of them could have decided,
 * the result is UNKNOWN and not a failure.
 */
#ifndef EV_SPF_CHECK_H
#define EV_SPF_CHECK_H

#include "net/dns.h"
#include "net/ip.h"

enum ev_spf_result
{
	EV_SPF_CHECK_PASS,
	EV_SPF_CHECK_FAIL,
	EV_SPF_CHECK_SOFTFAIL,
	EV_SPF_CHECK_NEUTRAL,
	EV_SPF_CHECK_NO_RECORD,
	EV_SPF_CHECK_PERMERROR, /* the record is broken, or needs too many look-ups */
	EV_SPF_CHECK_TEMPERROR, /* the name servers failed */
	EV_SPF_CHECK_UNKNOWN
};

struct ev_spf_check;

/*
 * Begin a check of ip against domain.  done() is called once, never at once; it may free the check with
 * ev_spf_check_free().  NULL without memory.
 */
extern struct ev_spf_check *ev_spf_check_start(struct ev_prober *prober, const char *domain,
                                               const struct ev_ip *ip, void *arg,
                                               void (*done)(void *arg, enum ev_spf_result result));
extern void ev_spf_check_free(struct ev_spf_check *check);

#endif
