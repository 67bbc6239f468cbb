/*
 * bounce_event.h
 *	  What the readers of providers' events share.
 */
#ifndef EV_BOUNCE_EVENT_H
#define EV_BOUNCE_EVENT_H

#include "engine/bounce_internal.h"
#include "engine/bounce_json.h"

/* An event being read. */
struct ev_event
{
	const struct ev_bounce_input *input;
	struct ev_bounce_rows *rows;
	const struct ev_json *json;
	const char *format;
};

enum ev_event_outcome
{
	EV_EVENT_FAILED,
	EV_EVENT_SOFT, /* failed, for a cause that may pass */
	EV_EVENT_DELAYED,
	EV_EVENT_DELIVERED,
	EV_EVENT_COMPLAINT,
	EV_EVENT_SUBSCRIPTION
};

/*
 * Add a row.  Tokens may be EV_JSON_NONE.  status: an enhanced status code; said: what was said;
 * fallback: a status code for when nothing tells one.  False when the address is none.
 */
extern bool ev_event_add(struct ev_event *event, enum ev_event_outcome outcome, int address,
                         int status, int said, struct ev_enhanced fallback);

/* Is the token this word? */
extern bool ev_event_is(const struct ev_event *event, int token, const char *word);

/* Readers of one event; true when it is theirs. */
extern bool ev_event_read_ses(struct ev_event *event, int object);
extern bool ev_event_read_mailgun(struct ev_event *event, int object);
extern bool ev_event_read_postmark(struct ev_event *event, int object);
extern bool ev_event_read_sparkpost(struct ev_event *event, int object);
extern bool ev_event_read_mandrill(struct ev_event *event, int object);
extern bool ev_event_read_flat(struct ev_event *event, int object); /* SendGrid, Brevo */

#endif
