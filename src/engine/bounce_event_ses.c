/*
 * bounce_event_ses.c
 *	  Amazon SES: notifications and published events.
 */
#include "engine/bounce_event.h"

/* What a bounceSubType says when the peer's words are missing. */
static struct ev_enhanced
code_of_subtype(const struct ev_event *event, int subtype, bool transient)
{
	static const struct
	{
		const char *name;
		struct ev_enhanced code;
	} subtypes[] = {{"NoEmail", {5, 1, 1}},
	                {"MailboxFull", {5, 2, 2}},
	                {"MessageTooLarge", {5, 3, 4}},
	                {"ContentRejected", {5, 6, 0}},
	                {"AttachmentRejected", {5, 6, 1}}};

	for (size_t i = 0; i < sizeof(subtypes) / sizeof(subtypes[0]); i++)
		if (ev_event_is(event, subtype, subtypes[i].name))
			return subtypes[i].code;
	return transient ? (struct ev_enhanced){4, 0, 0} : (struct ev_enhanced){0, 0, 0};
}

/* The same for a delayType. */
static struct ev_enhanced
code_of_delay(const struct ev_event *event, int type)
{
	static const struct
	{
		const char *name;
		struct ev_enhanced code;
	} types[] = {{"MailboxFull", {4, 2, 2}},         {"InternalFailure", {4, 3, 0}},
	             {"SpamDetected", {4, 7, 1}},        {"RecipientServerError", {4, 3, 0}},
	             {"IPFailure", {4, 7, 1}},           {"TransientCommunicationFailure", {4, 4, 1}},
	             {"SamplingNotPermitted", {4, 7, 1}}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (ev_event_is(event, type, types[i].name))
			return types[i].code;
	return (struct ev_enhanced){4, 0, 0};
}

/* A row for each object of a list of recipients. */
static void
add_each(struct ev_event *event, enum ev_event_outcome outcome, int list, int words,
         struct ev_enhanced fallback)
{
	const struct ev_json *json = event->json;

	for (int i = ev_json_first(json, list); i != EV_JSON_NONE; i = ev_json_next(json, list, i))
	{
		int said = ev_json_get(json, i, "diagnosticCode");

		ev_event_add(event, outcome, ev_json_get(json, i, "emailAddress"),
		             ev_json_get(json, i, "status"), said == EV_JSON_NONE ? words : said, fallback);
	}
}

/* The same for a list of addresses. */
static void
add_addresses(struct ev_event *event, enum ev_event_outcome outcome, int list, int said,
              struct ev_enhanced fallback)
{
	const struct ev_json *json = event->json;

	for (int i = ev_json_first(json, list); i != EV_JSON_NONE; i = ev_json_next(json, list, i))
		ev_event_add(event, outcome, i, EV_JSON_NONE, said, fallback);
}

static void
read_bounce(struct ev_event *event, int bounce)
{
	const struct ev_json *json = event->json;
	bool transient = ev_event_is(event, ev_json_get(json, bounce, "bounceType"), "Transient");
	int subtype = ev_json_get(json, bounce, "bounceSubType");

	add_each(event, transient ? EV_EVENT_SOFT : EV_EVENT_FAILED,
	         ev_json_get(json, bounce, "bouncedRecipients"), EV_JSON_NONE,
	         code_of_subtype(event, subtype, transient));
}

bool
ev_event_read_ses(struct ev_event *event, int object)
{
	static const struct ev_enhanced none = {0, 0, 0};
	const struct ev_json *json = event->json;
	int type = ev_json_get(json, object, "notificationType");
	int mail = ev_json_get(json, object, "mail");
	int part;

	if (type == EV_JSON_NONE)
		type = ev_json_get(json, object, "eventType");
	if (type == EV_JSON_NONE || mail == EV_JSON_NONE)
		return false;
	event->format = "ses_json";
	if (ev_event_is(event, type, "Bounce"))
		read_bounce(event, ev_json_get(json, object, "bounce"));
	else if (ev_event_is(event, type, "Complaint"))
	{
		part = ev_json_get(json, object, "complaint");
		add_each(event, EV_EVENT_COMPLAINT, ev_json_get(json, part, "complainedRecipients"),
		         ev_json_get(json, part, "complaintFeedbackType"), none);
	}
	else if (ev_event_is(event, type, "Delivery"))
	{
		part = ev_json_get(json, object, "delivery");
		add_addresses(event, EV_EVENT_DELIVERED, ev_json_get(json, part, "recipients"),
		              ev_json_get(json, part, "smtpResponse"), none);
	}
	else if (ev_event_is(event, type, "DeliveryDelay"))
	{
		part = ev_json_get(json, object, "deliveryDelay");
		add_each(event, EV_EVENT_DELAYED, ev_json_get(json, part, "delayedRecipients"),
		         EV_JSON_NONE, code_of_delay(event, ev_json_get(json, part, "delayType")));
	}
	else if (ev_event_is(event, type, "Reject"))
	{
		/* SES itself refused the message: it holds a virus */
		part = ev_json_get(json, object, "reject");
		add_addresses(event, EV_EVENT_FAILED, ev_json_get(json, mail, "destination"),
		              ev_json_get(json, part, "reason"), (struct ev_enhanced){5, 6, 0});
	}
	return true;
}
