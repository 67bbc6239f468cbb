/*
 * canonical.h
 *	  The key under which all spellings of one mailbox meet.
 *
 * Rule sets are frozen by number: unique indexes stand on their results.  There is one:
 *
 *	1	the local part in lower case everywhere; where data/provider.tsv knows the provider, a tag is
 *		left out, letters that do not count as well, and domains that share one name space become one.
 *		user@NAME.fastmail.com is NAME@fastmail.com.  Elsewhere nothing is taken away.
 */
#ifndef EV_CANONICAL_H
#define EV_CANONICAL_H

#include "engine/syntax.h"

#define EV_CANONICAL_RULES 1 /* the newest rule set */

/*
 * *out becomes the canonical form of *address, which may be the same; it is an address again, and
 * its own canonical form.  False when there is no such rule set.
 */
extern bool ev_canonical(const struct ev_address *address, int rules, struct ev_address *out);

#endif
