/*
 * opt_out.h
 *	  A domain's wish not to be probed: a TXT record of the name EV_OPT_OUT_PREFIX and the domain.
 *
 * The record is a list of tags, name=value, with semicolons between them.  Case and blanks around
 * names and values do not matter; tags that are not known are passed over.  "probe=none" is the
 * wish; no other value says anything yet.
 */
#ifndef EV_OPT_OUT_H
#define EV_OPT_OUT_H

#include <stdbool.h>
#include <stddef.h>

#define EV_OPT_OUT_PREFIX "_email-verify."

enum ev_opt_out
{
	EV_OPT_OUT_UNASKED,
	EV_OPT_OUT_NO, /* no such record, or it could not be had */
	EV_OPT_OUT_YES,
	EV_N_OPT_OUT
};

/* Does this TXT record, its strings joined, say that the domain is not to be probed? */
extern bool ev_opt_out_parse(const char *txt, size_t n);

#endif
