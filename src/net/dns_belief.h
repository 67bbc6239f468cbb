/*
 * dns_belief.h
 *	  What does a DNS reply say, and does it deserve belief?  (RFC 1034 4.3, RFC 2308)
 *
 * A name server that does not know says so in ways that look like "there is nothing": it refers to
 * others, or answers about other names.  Nothing of that is a statement about the name asked for.
 */
#ifndef EV_DNS_BELIEF_H
#define EV_DNS_BELIEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ev_dns_says
{
	EV_DNS_SAYS_RECORDS, /* here are some of that type */
	EV_DNS_SAYS_NO_RECORDS,
	EV_DNS_SAYS_NO_NAME, /* there is no such name, or its alias leads to none */
	EV_DNS_SAYS_NOTHING, /* it is no answer to the question */
	EV_DNS_SAYS_GARBAGE  /* it, or a record of it, cannot be read */
};

/*
 * Read a reply with the reply code 0 or 3 to a question for (name, type).  *proven: what it denies
 * comes with the SOA record of the zone; without one it must not be remembered, and counts only when
 * heard twice (RFC 2308 5, 2.1).  *proven is true for all else.
 */
extern enum ev_dns_says ev_dns_listen(const uint8_t *bytes, size_t len, const char *name,
                                      uint16_t type, bool *proven);

#endif
