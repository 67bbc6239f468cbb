/*
 * domain_list.h
 *	  What is known of domains without asking anybody: disposable, free, aliases, carriers, who keeps
 *	  the mailboxes.  Made from the lists in data/.
 */
#ifndef EV_DOMAIN_LIST_H
#define EV_DOMAIN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes of a domain; a value of ev_domain_look_up() has several. */
#define EV_DOMAIN_DISPOSABLE 0x01 /* its mailboxes are thrown away */
#define EV_DOMAIN_FREE       0x02 /* anybody gets a mailbox there */
#define EV_DOMAIN_ALIAS      0x04 /* forwards to a mailbox elsewhere */
#define EV_DOMAIN_CARRIER    0x08 /* a mobile carrier's: refuses or filters probes */
#define EV_DOMAIN_ACCEPT_ALL 0x10 /* a consumer provider's that is said to accept every recipient */
#define EV_DOMAIN_SUBDOMAINS 0x20 /* domains below it are the same */
#define EV_DOMAIN_MISTYPED   0x40 /* somebody else's name with a typing error */

struct ev_domain_entry
{
	uint8_t classes;
	uint8_t family; /* index for ev_mailbox_family(); 0: none */
};

/* Who keeps the mailboxes of a domain, and which spellings of a local part are one mailbox there. */
struct ev_mailbox_family
{
	const char *provider; /* as in provider.def where it is there */
	char tag;             /* what is behind it does not count; 0: none */
	const char *removed;  /* letters that do not count */
	bool dot_is_hyphen;
	const char *domain; /* the domain that stands for all of one name space, or NULL */
};

/*
 * What the lists say of a domain (ASCII, any case, n bytes): its own entry, and what is said of the
 * domains above it as far as that holds below them.  All zero for a name that is not there.
 */
extern struct ev_domain_entry ev_domain_look_up(const char *domain, size_t n);

/* NULL for 0. */
extern const struct ev_mailbox_family *ev_mailbox_family(uint8_t family);

/* Is this local part (ASCII, any case) one of a function, like info or postmaster?  RFC 2142 and
 * custom; a tag behind + does not matter. */
extern bool ev_is_role(const char *local, size_t n);

/*
 * The domain that was probably meant by a mistyped one (lower-case ASCII), or NULL.  Never for a
 * domain that a list knows to be real.  *curated, if not NULL, tells whether it is on the list of
 * typing errors, so that it is one even if somebody has registered it.
 */
extern const char *ev_suggest_domain(const char *domain, size_t n, bool *curated);

/*
 * The popular domain of which this (any case) is the name without its dots or its ending, the one in
 * .com if there are several; NULL when none or several fit.
 */
extern const char *ev_complete_domain(const char *name, size_t n);

/* Version of the lists: changes when any name in them does. */
extern uint64_t ev_domain_list_version(void);

#endif
