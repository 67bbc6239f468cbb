/*
 * bounce_event.c
 *	  JSON events of mail providers: one object, several of them one behind the other, or an array.
 */
#include "engine/bounce_event.h"

#include <string.h>

#define EVENTS_MAX 10000

static const struct
{
	enum ev_bounce_kind kind;
	enum ev_bounce_action action;
} outcomes[] = {
	[EV_EVENT_FAILED] = {EV_KIND_DSN, EV_ACTION_FAILED},
	[EV_EVENT_SOFT] = {EV_KIND_DSN, EV_ACTION_FAILED},
	[EV_EVENT_DELAYED] = {EV_KIND_DELAY, EV_ACTION_DELAYED},
	[EV_EVENT_DELIVERED] = {EV_KIND_SUCCESS, EV_ACTION_DELIVERED},
	[EV_EVENT_COMPLAINT] = {EV_KIND_ARF, EV_ACTION_NONE},
	[EV_EVENT_SUBSCRIPTION] = {EV_KIND_SUBSCRIPTION, EV_ACTION_NONE},
};

static struct ev_slice
unescaped(const struct ev_event *event, int token, char *buf, size_t size)
{
	return (struct ev_slice){buf, ev_json_unescape(ev_json_raw(event->json, token), buf, size)};
}

bool
ev_event_is(const struct ev_event *event, int token, const char *word)
{
	return ev_slice_is(ev_json_raw(event->json, token), word);
}

bool
ev_event_add(struct ev_event *event, enum ev_event_outcome outcome, int address, int status,
             int said, struct ev_enhanced fallback)
{
	char recipient[EV_BOUNCE_RECIPIENT_MAX + 1];
	char buf[4096];
	struct ev_bounce *row;
	struct ev_slice words;
	size_t len;

	if (!ev_bounce_copy_address(recipient, sizeof(recipient),
	                            unescaped(event, address, buf, sizeof(buf))))
		return false;
	row = ev_bounce_add(event->rows, event->format, outcomes[outcome].kind);
	if (row == NULL)
		return false;
	memcpy(row->final_recipient, recipient, sizeof(recipient));
	row->action = outcomes[outcome].action;
	row->confidence = 95;
	words = unescaped(event, said, buf, sizeof(buf));
	if (outcome == EV_EVENT_COMPLAINT || outcome == EV_EVENT_SUBSCRIPTION)
	{
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), words);
		return true;
	}
	if (!ev_enhanced_parse(ev_json_raw(event->json, status).s, ev_json_raw(event->json, status).n,
	                       &row->enhanced, &len))
		row->enhanced = (struct ev_enhanced){0, 0, 0};
	if (outcome == EV_EVENT_DELIVERED)
	{
		/* it was taken, whatever words the reply has */
		ev_bounce_diagnose(row, ev_slice_to(words, words.n > 0 && words.s[0] == '2' ? 3 : 0),
		                   event->input->work);
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), words);
		return true;
	}
	ev_bounce_diagnose(row, words, event->input->work);

	/* neither words nor code say what it was: the provider's class does */
	if (row->reply_code == 0 && row->enhanced.klass == 0 && fallback.klass != 0 &&
	    (row->verdict.reason == EV_REASON_SMTP_UNVERIFIABLE ||
	     row->verdict.reason == EV_REASON_POLICY_TEMP_FAIL))
	{
		row->enhanced = fallback;
		ev_bounce_diagnose(row, words, event->input->work);
	}
	if (outcome == EV_EVENT_SOFT && row->permanence == EV_PERMANENCE_HARD)
		row->permanence = EV_PERMANENCE_SOFT;
	return true;
}

static bool
read_object(struct ev_event *event, int object)
{
	static bool (*const readers[])(struct ev_event *, int) = {
		ev_event_read_ses,       ev_event_read_mailgun,  ev_event_read_postmark,
		ev_event_read_sparkpost, ev_event_read_mandrill, ev_event_read_flat};

	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (readers[i](event, object))
			return true;
	return false;
}

/* SNS (and SQS around it) has the event as a string in "Message" ("Body"); EventBridge as "detail". */
static bool
read_wrapped(struct ev_event *event, struct ev_json *json, int object)
{
	struct ev_bounce_work *work = event->input->work;
	size_t used;
	size_t n;

	for (int i = 0; i < 2; i++)
	{
		int inner = ev_json_get(json, object, "Message");

		if (inner == EV_JSON_NONE)
			inner = ev_json_get(json, object, "Body");
		if (inner == EV_JSON_NONE || !ev_slice_starts(ev_slice_trim(ev_json_raw(json, inner)), "{"))
			break;
		/* the string may lie in the room for strings: there, it only gets shorter */
		n = ev_json_unescape(ev_json_raw(json, inner), work->more, EV_BOUNCE_TEXT_MAX);
		if (!ev_json_parse((struct ev_slice){work->more, n}, json, &used))
			return false;
		object = 0;
	}
	if (ev_json_get(json, object, "detail") != EV_JSON_NONE)
		object = ev_json_get(json, object, "detail");
	return read_object(event, object);
}

bool
ev_bounce_read_event(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_json json;
	struct ev_event event = {input, rows, &json, NULL};
	struct ev_slice rest = ev_slice_trim(input->message);
	size_t before = rows->n;
	size_t used;

	if (rest.n == 0 || (rest.s[0] != '{' && rest.s[0] != '['))
		return false;
	for (size_t i = 0; i < EVENTS_MAX && rows->n < rows->max; i++)
	{
		/* between objects: brackets of arrays, commas */
		while (rest.n > 0 && (ev_slice_is_blank(rest.s[0]) || rest.s[0] == ',' ||
		                      rest.s[0] == '[' || rest.s[0] == ']'))
			rest = ev_slice_from(rest, 1);
		if (rest.n == 0 || rest.s[0] != '{' || !ev_json_parse(rest, &json, &used))
			break;
		read_wrapped(&event, &json, 0);
		rest = ev_slice_from(rest, used);
	}
	return rows->n > before;
}
