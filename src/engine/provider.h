/*
 * provider.h
 *	  Whose mail servers are these, and how much is their word worth?  Found by the MX host name,
 *	  on a label boundary; table in provider.def.
 */
#ifndef EV_PROVIDER_H
#define EV_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

enum ev_provider
{
#define EV_PROVIDER(id, label, kind, trust_accept, trust_reject, needs_control, one_rcpt)          \
	EV_PROVIDER_##id,
#include "engine/provider.def"
	EV_N_PROVIDER
};

enum ev_provider_kind
{
	EV_PROVIDER_MAILBOX,   /* holds the mailboxes itself */
	EV_PROVIDER_GATEWAY,   /* filters and passes on: may accept what the mailbox host refuses */
	EV_PROVIDER_FORWARDER, /* alias and forwarding services */
	EV_PROVIDER_PARKED,    /* takes mail for domains that have no owner's mailbox */
	EV_PROVIDER_ACCEPT_ALL /* consumers' mailboxes; reported to accept every recipient */
};

struct ev_provider_info
{
	const char *label;
	enum ev_provider_kind kind;
	bool trust_accept;  /* a 250 says that the mailbox exists (when made-up ones are refused) */
	bool trust_reject;  /* a 5xx about the mailbox says that it does not */
	bool needs_control; /* even a strong refusal needs a control */
	bool one_rcpt;      /* one RCPT a transaction: more are refused for their number */
};

/*
 * How much is one host's word worth?  The built-in values of its family, or what the site says
 * instead.
 */
struct ev_trust
{
	bool accept;        /* as trust_accept above */
	bool reject;        /* as trust_reject */
	bool needs_control; /* as needs_control */
};

/*
 * EV_PROVIDER_OTHER when the host belongs to none that is known.  Case and a final dot do not
 * matter.
 */
extern enum ev_provider ev_provider_of_host(const char *host, size_t n);
extern const struct ev_provider_info *ev_provider_info(enum ev_provider provider);
extern struct ev_trust ev_provider_trust(enum ev_provider provider);

#endif
