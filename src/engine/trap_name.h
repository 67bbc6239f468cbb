/*
 * trap_name.h
 *	  Addresses that call themselves spam traps.
 *
 * Most traps do not: nobody publishes a list of them, and one that can be told is worth little to
 * its owner.  These are the few that stand in web pages under their own name, for harvesters.
 */
#ifndef EV_TRAP_NAME_H
#define EV_TRAP_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the address (UTF-8; ASCII letters of any case) call itself a spam trap?
 *	  - its local part is "spamtrap" or "honeypot", or such words joined ("spam-trap", "honey_pot"),
 *		also in the plural or with a number;
 *	  - its local part begins or ends with "spamtrap" in one of these spellings;
 *	  - a label of its domain is "spamtrap" in one of these spellings.
 * "honeypot" as a part of something else is the name of many a business.
 */
extern bool ev_is_trap_name(const char *local, size_t local_len, const char *domain,
                            size_t domain_len);

#endif
