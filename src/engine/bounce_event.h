/*
 * bounce_event.h
 *	  What the parts of the reader of events share: an event, and the object that is being looked at.
 */
#ifndef EV_BOUNCE_EVENT_H
#define EV_BOUNCE_EVENT_H

#include "engine/bounce_internal.h"
#include "engine/bounce_json.h"
#include "engine/event_format.h"

#define EV_EVENT_SCOPES_MAX (EV_JSON_DEPTH_MAX + 2)

/* An event being read. */
struct ev_event
{
	const struct ev_bounce_input *input;
	struct ev_bounce_rows *rows;
	struct ev_json *json;
	const struct ev_event_format *format;
	/* the objects around the part that is looked at, the outermost first, and the part itself */
	int scopes[EV_EVENT_SCOPES_MAX];
	size_t depth;
	bool seen;  /* there was an object */
	bool known; /* an object was recognised, whether it tells of a delivery or not */
};

/* bounce_event_path.c: the first of some paths that is filled; EV_JSON_NONE when none is. */
extern int ev_event_look_up(const struct ev_event *event, struct ev_slice paths);

/*
 * A set of the keys of an object, in which some share a place; and can conditions hold for an object
 * with these keys?  True says no more than that it is worth a look.
 */
extern uint64_t ev_event_keys(const struct ev_event *event, int object);
extern bool ev_event_may_hold(uint64_t keys, const char *conditions);

/* Do these conditions hold?  NULL: they do. */
extern bool ev_event_holds(const struct ev_event *event, const char *conditions);

/* Has the object none but these keys? */
extern bool ev_event_has_only(const struct ev_event *event, int object, const char *keys);

/* Call `part` for each part of an object that paths lead to; returns how many there were. */
typedef void (*ev_event_part)(struct ev_event *event);
extern size_t ev_event_each(struct ev_event *event, int object, const char *paths,
                            ev_event_part part);

/* bounce_event_row.c: the row that the part on top of the scopes is worth, if it is worth one. */
extern void ev_event_add_row(struct ev_event *event);

/* event_format.c: what a cause says of a refusal (later: of one that may pass). */
struct ev_event_verdict
{
	enum ev_reason reason;
	enum ev_detail detail;
	enum ev_bounce_scope scope;
	const char *rule; /* static */
};
extern struct ev_event_verdict ev_event_verdict_of(enum ev_event_cause cause, bool later);

#endif
