/*
 * mask.h
 *	  Replies quote what was said to them: the recipient, our sender, our name and address, their
 *	  host
 *	  names, URLs.  All of it is blanked before any pattern is matched, so that neither a local part
 *	  nor a host
 *	  name can decide a verdict.
 */
#ifndef EV_MASK_H
#define EV_MASK_H

#include <stdbool.h>
#include <stddef.h>

/* What may be echoed.  NUL-terminated or NULL; not owned. */
struct ev_mask_terms
{
	const char *local; /* recipient's local part */
	bool
		local_is_word; /* it is also a word of the rules ("user@"): mask it only in quotes or brackets;
							* ev_classify() sees to it */
	const char *domain;    /* and domain */
	const char *sender;    /* our MAIL FROM */
	const char *helo;      /* our EHLO name */
	const char *source_ip; /* our address */
	const char *mx_host;   /* the peer's name */
	const char *mx_ip;     /* and address */
};

/*
 * Copy n bytes of reply text into out (size bytes) for matching: ASCII lower-cased, every echoed
 * term, e-mail address, <…> path, URL, host name and IP address replaced by one '\x01', runs of
 * white space and line ends by one space, the enhanced code of each line left out.  One space is
 * put before and behind, so that patterns may name word boundaries.  Returns the length;
 * NUL-terminated.
 */
extern size_t ev_mask_text(const char *text, size_t n, const struct ev_mask_terms *terms, char *out,
                           size_t size);

/*
 * The same; *left tells whether the local part was left in somewhere because it is a word.  Where it was
 * not, local_is_word makes no difference.
 */
extern size_t ev_mask_text_told(const char *text, size_t n, const struct ev_mask_terms *terms,
                                char *out, size_t size, bool *left);

#endif
