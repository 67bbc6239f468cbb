/*
 * bounce_event.c
 *	  JSON events of senders: one object, several of them one behind the other (JSON lines), an array, or
 *	  any of these inside something else.
 *
 * An object is held against the formats that are known, the site's first.  One that fits none is
 * opened: events come in envelopes (SNS, SQS, EventBridge, a log of requests), also as strings of JSON.
 */
#include "engine/bounce_event.h"

#include <string.h>

#define EVENTS_MAX   10000 /* objects one behind the other */
#define STRINGS_MAX  100   /* strings of JSON in an object */
#define WRAPPED_MAX  3     /* strings within strings */
#define ENVELOPE_MAX 4     /* objects around an event */

/* Strings that may be JSON, as they were found. */
struct strings
{
	struct ev_slice slices[STRINGS_MAX];
	size_t n;
};

static bool
read_by(struct ev_event *event, const struct ev_event_formats *formats, int object)
{
	uint64_t keys = ev_event_keys(event, object);

	for (size_t i = 0; formats != NULL && i < formats->n; i++)
	{
		const struct ev_event_format *format = &formats->rows[i];

		event->scopes[0] = object;
		event->depth = 1;
		if (!ev_event_may_hold(keys, format->marks) || !ev_event_holds(event, format->marks) ||
		    (format->only != NULL && !ev_event_has_only(event, object, format->only)))
			continue;
		event->known = true;
		event->format = format;
		ev_event_each(event, object, format->each, ev_event_add_row);
		return true;
	}
	return false;
}

/* Read an object, or what is in it. */
static void
read_value(struct ev_event *event, int token, int envelopes, struct strings *strings)
{
	const struct ev_json *json = event->json;

	if (ev_json_is_array(json, token))
	{
		for (int i = ev_json_first(json, token); i != EV_JSON_NONE;
		     i = ev_json_next(json, token, i))
			read_value(event, i, envelopes, strings);
		return;
	}
	if (!ev_json_is_object(json, token))
	{
		struct ev_slice raw = ev_slice_trim(ev_json_raw(json, token));

		if ((ev_slice_starts(raw, "{") || ev_slice_starts(raw, "[")) && strings->n < STRINGS_MAX)
			strings->slices[strings->n++] = raw;
		return;
	}
	if (read_by(event, event->input->work->formats, token) ||
	    read_by(event, ev_event_formats_shipped(), token) || envelopes == 0)
		return;
	for (int i = ev_json_first_key(json, token); i != EV_JSON_NONE;
	     i = ev_json_next_key(json, token, i))
		read_value(event, i + 1, envelopes - 1, strings);
}

/* Behind a line that is no JSON. */
static struct ev_slice
skip_line(struct ev_slice rest)
{
	struct ev_slice line;

	(void) ev_slice_line(&rest, &line);
	return rest;
}

/* Read objects one behind the other.  What is in strings is read in room for it, in which it gets shorter. */
static void
read_text(struct ev_event *event, struct ev_slice rest, int wrapped)
{
	const volatile int *stop = event->input->work->stop;
	struct strings strings;
	char *room = event->input->work->more;
	size_t in_vain = 2 * rest.n + 4096;
	size_t used;

	for (size_t i = 0; i < EVENTS_MAX && event->rows->n < event->rows->max; i++)
	{
		if (stop != NULL && *stop != 0)
			break;
		/* between objects: brackets of arrays, commas */
		while (rest.n > 0 && (ev_slice_is_blank(rest.s[0]) || rest.s[0] == ',' ||
		                      rest.s[0] == '[' || rest.s[0] == ']'))
			rest = ev_slice_from(rest, 1);
		if (rest.n == 0)
			break;
		if (rest.s[0] != '{')
			break;
		if (!ev_json_parse(rest, stop, event->json, &used))
		{
			/* one line of many may be cut off; what is read again and again has an end */
			if (used > in_vain)
				break;
			in_vain -= used;
			rest = skip_line(rest);
			continue;
		}
		event->seen = true;
		strings.n = 0;
		read_value(event, 0, ENVELOPE_MAX, &strings);
		rest = ev_slice_from(rest, used);
		for (size_t k = 0; k < strings.n && wrapped > 0; k++)
		{
			char *out = wrapped == WRAPPED_MAX ? room : (char *) strings.slices[k].s;
			size_t size = wrapped == WRAPPED_MAX ? EV_BOUNCE_TEXT_MAX : strings.slices[k].n;
			size_t n = ev_json_unescape(strings.slices[k], out, size);

			read_text(event, (struct ev_slice){out, n}, wrapped - 1);
		}
	}
}

bool
ev_bounce_read_event(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_event event = {.input = input, .rows = rows, .json = &input->work->json};
	struct ev_slice rest = ev_slice_trim(input->message);
	size_t before = rows->n;

	if (rest.n == 0 || (rest.s[0] != '{' && rest.s[0] != '['))
		return false;
	read_text(&event, rest, WRAPPED_MAX);
	if (event.known)
		input->work->event = EV_EVENT_KNOWN;
	else if (event.seen && input->work->event == EV_EVENT_NONE)
		input->work->event = EV_EVENT_UNKNOWN;
	return rows->n > before;
}
