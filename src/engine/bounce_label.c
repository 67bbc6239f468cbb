/*
 * bounce_label.c
 *	  The words of bounces' columns.
 */
#include "engine/bounce.h"

const char *
ev_bounce_action_label(enum ev_bounce_action action)
{
	static const char *const labels[] = {NULL,        "failed",  "delayed",
	                                     "delivered", "relayed", "expanded"};

	return labels[action];
}

const char *
ev_bounce_scope_label(enum ev_bounce_scope scope)
{
	static const char *const labels[] = {NULL,     "mailbox",    "domain", "message",
	                                     "our_ip", "our_domain", "route",  "policy"};

	return labels[scope];
}

const char *
ev_bounce_permanence_label(enum ev_bounce_permanence p)
{
	static const char *const labels[] = {NULL, "hard", "soft", "delayed", "expired"};

	return labels[p];
}

const char *
ev_bounce_refuser_label(enum ev_bounce_refuser refused_by)
{
	static const char *const labels[] = {NULL, "remote", "reporting", "local"};

	return labels[refused_by];
}

const char *
ev_bounce_kind_label(enum ev_bounce_kind kind)
{
	static const char *const labels[EV_N_BOUNCE_KIND] = {
		"dsn",    "delay",        "success",   "relayed",        "expanded",
		"mdn",    "auto_reply",   "challenge", "address_change", "arf",
		"report", "subscription", "not_sent"};

	return labels[kind];
}
