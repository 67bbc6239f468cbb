/*
 * diagnose.h
 *	  What a reply, or a mail system's own words about a delivery, mean.
 */
#ifndef EV_DIAGNOSE_H
#define EV_DIAGNOSE_H

#include "engine/bounce.h"
#include "engine/said.h"

/* What is known beside the words. */
struct ev_diagnose_context
{
	const char *recipient;       /* "" or NULL when not known */
	const char *mx_host;         /* idem: who replied */
	struct ev_enhanced enhanced; /* of the report, in case that the words have none */
	uint8_t klass; /* 2 delivered, 4 still being tried, whatever is quoted; 0: what the codes say */
	const struct ev_site_rules *site; /* they come first; NULL for none */
	bool bounce; /* a message came back: the words about a recipient weigh more than in a probe */
};

struct ev_diagnosis
{
	struct ev_finding finding;
	enum ev_bounce_scope scope;
	bool expired; /* given up after trying; told of bounces alone */
};

/*
 * Judge what was said.  reply is room, and holds afterwards what was judged: its code is made up of
 * the enhanced one where there was none.
 */
extern void ev_diagnose(const struct ev_said *said, const struct ev_diagnose_context *context,
                        struct ev_reply *reply, struct ev_diagnosis *out);

/* How lasting is a refusal with this diagnosis, given the class of its code (4 or 5)? */
extern enum ev_bounce_permanence ev_diagnose_permanence(const struct ev_diagnosis *diagnosis,
                                                        int klass);

#endif
