/*
 * bounce_event_other.c
 *	  Events of Mailgun, Postmark, SparkPost, Mandrill, SendGrid and Brevo.
 */
#include "engine/bounce_event.h"

/* A provider's word for what happened, and what it says when the peer's words are missing. */
struct event_name
{
	const char *name;
	enum ev_event_outcome outcome;
	struct ev_enhanced code;
};

static const struct event_name *
find_name(const struct ev_event *event, int token, const struct event_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ev_event_is(event, token, names[i].name))
			return &names[i];
	return NULL;
}

#define FIND(event, token, names)                                                                  \
	find_name((event), (token), (names), sizeof(names) / sizeof((names)[0]))

/* The first of these keys that has a value which is not empty. */
static int
first_of(const struct ev_event *event, int object, const char *const *keys)
{
	for (; *keys != NULL; keys++)
	{
		int token = ev_json_get(event->json, object, *keys);

		if (ev_json_raw(event->json, token).n > 0)
			return token;
	}
	return EV_JSON_NONE;
}

/* --- Mailgun ---------------------------------------------------------------------------------- */

bool
ev_event_read_mailgun(struct ev_event *event, int object)
{
	static const struct event_name names[] = {
		{"failed", EV_EVENT_FAILED, {0, 0, 0}},
		{"bounced", EV_EVENT_FAILED, {0, 0, 0}},
		{"dropped", EV_EVENT_FAILED, {0, 0, 0}},
		{"rejected", EV_EVENT_FAILED, {5, 7, 1}},
		{"delivered", EV_EVENT_DELIVERED, {0, 0, 0}},
		{"complained", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"unsubscribed", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const char *const words[] = {"message", "description", NULL};
	static const char *const old_words[] = {"error", "description", "notification", "reason", NULL};
	const struct ev_json *json = event->json;
	const struct event_name *name;
	int data = ev_json_get(json, object, "event-data");
	int status;
	int said;
	enum ev_event_outcome outcome;

	if (data == EV_JSON_NONE)
		data = object;
	if (ev_json_get(json, data, "recipient") == EV_JSON_NONE ||
	    ev_json_get(json, data, "event") == EV_JSON_NONE)
		return false;
	event->format = "mailgun_json";
	name = FIND(event, ev_json_get(json, data, "event"), names);
	if (name == NULL)
		return true;
	outcome = name->outcome;
	if (outcome == EV_EVENT_FAILED &&
	    ev_event_is(event, ev_json_get(json, data, "severity"), "temporary"))
		outcome = EV_EVENT_DELAYED;
	status = ev_json_get(json, data, "delivery-status");
	said = first_of(event, status, words);
	if (said == EV_JSON_NONE)
		said = first_of(event, data, old_words);
	status = ev_json_get(json, status, "enhanced-code");
	ev_event_add(event, outcome, ev_json_get(json, data, "recipient"), status, said, name->code);
	return true;
}

/* --- Postmark --------------------------------------------------------------------------------- */

bool
ev_event_read_postmark(struct ev_event *event, int object)
{
	static const struct event_name records[] = {
		{"Bounce", EV_EVENT_FAILED, {0, 0, 0}},
		{"SpamComplaint", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"Delivery", EV_EVENT_DELIVERED, {0, 0, 0}},
		{"SubscriptionChange", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const struct event_name types[] = {
		{"HardBounce", EV_EVENT_FAILED, {5, 1, 1}},
		{"BadEmailAddress", EV_EVENT_FAILED, {5, 1, 3}},
		{"SoftBounce", EV_EVENT_SOFT, {4, 0, 0}},
		{"Transient", EV_EVENT_DELAYED, {4, 0, 0}},
		{"DnsError", EV_EVENT_SOFT, {4, 4, 3}},
		{"Blocked", EV_EVENT_FAILED, {5, 7, 1}},
		{"SpamNotification", EV_EVENT_FAILED, {5, 7, 1}},
		{"VirusNotification", EV_EVENT_FAILED, {5, 7, 6}},
		{"DMARCPolicy", EV_EVENT_FAILED, {5, 7, 26}},
		{"TemplateRenderingFailed", EV_EVENT_FAILED, {5, 6, 0}},
		{"SpamComplaint", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"Unsubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"Subscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"AutoResponder", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"AddressChange", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"ChallengeVerification", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"OpenRelayTest", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const char *const addresses[] = {"Email", "Recipient", NULL};
	static const char *const words[] = {"Details", "Description", NULL};
	const struct ev_json *json = event->json;
	int record = ev_json_get(json, object, "RecordType");
	int type = ev_json_get(json, object, "Type");
	const struct event_name *name;
	const struct event_name *kind;

	if (record == EV_JSON_NONE &&
	    (type == EV_JSON_NONE || ev_json_get(json, object, "TypeCode") == EV_JSON_NONE))
		return false;
	event->format = "postmark_json";
	name = record == EV_JSON_NONE ? &records[0] : FIND(event, record, records);
	if (name == NULL)
		return true;
	if (name->outcome == EV_EVENT_FAILED && (kind = FIND(event, type, types)) != NULL)
		name = kind;
	ev_event_add(event, name->outcome, first_of(event, object, addresses), EV_JSON_NONE,
	             first_of(event, object, words), name->code);
	return true;
}

/* --- SparkPost -------------------------------------------------------------------------------- */

bool
ev_event_read_sparkpost(struct ev_event *event, int object)
{
	static const struct event_name names[] = {
		{"bounce", EV_EVENT_FAILED, {0, 0, 0}},
		{"out_of_band", EV_EVENT_FAILED, {0, 0, 0}},
		{"policy_rejection", EV_EVENT_FAILED, {5, 7, 1}},
		{"delay", EV_EVENT_DELAYED, {4, 0, 0}},
		{"delivery", EV_EVENT_DELIVERED, {0, 0, 0}},
		{"spam_complaint", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"list_unsubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"link_unsubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const char *const wrappers[] = {"message_event", "unsubscribe_event", "gen_event"};
	static const char *const words[] = {"raw_reason", "reason", NULL};
	static const char *const addresses[] = {"raw_rcpt_to", "rcpt_to", NULL};
	const struct ev_json *json = event->json;
	int msys = ev_json_get(json, object, "msys");
	int data = EV_JSON_NONE;
	const struct event_name *name;

	for (size_t i = 0; i < 3 && data == EV_JSON_NONE; i++)
		data = ev_json_get(json, msys, wrappers[i]);
	if (data == EV_JSON_NONE)
	{
		if (ev_json_get(json, object, "rcpt_to") == EV_JSON_NONE)
			return false;
		data = object;
	}
	event->format = "sparkpost_json";
	name = FIND(event, ev_json_get(json, data, "type"), names);
	if (name != NULL)
		ev_event_add(event, name->outcome, first_of(event, data, addresses), EV_JSON_NONE,
		             first_of(event, data, words), name->code);
	return true;
}

/* --- Mandrill --------------------------------------------------------------------------------- */

bool
ev_event_read_mandrill(struct ev_event *event, int object)
{
	static const struct event_name names[] = {
		{"hard_bounce", EV_EVENT_FAILED, {0, 0, 0}},  {"soft_bounce", EV_EVENT_SOFT, {4, 0, 0}},
		{"reject", EV_EVENT_FAILED, {0, 0, 0}},       {"deferral", EV_EVENT_DELAYED, {4, 0, 0}},
		{"delivered", EV_EVENT_DELIVERED, {0, 0, 0}}, {"spam", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"unsub", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const struct event_name descriptions[] = {
		{"bad_mailbox", EV_EVENT_FAILED, {5, 1, 1}},
		{"invalid_domain", EV_EVENT_FAILED, {5, 1, 2}},
		{"mailbox_full", EV_EVENT_SOFT, {5, 2, 2}},
	};
	static const char *const words[] = {"diag", "bounce_description", NULL};
	const struct ev_json *json = event->json;
	int msg = ev_json_get(json, object, "msg");
	const struct event_name *name = FIND(event, ev_json_get(json, object, "event"), names);
	const struct event_name *cause;

	if (msg == EV_JSON_NONE || ev_json_get(json, msg, "email") == EV_JSON_NONE)
		return false;
	event->format = "mandrill_json";
	if (name == NULL)
		return true;
	cause = FIND(event, ev_json_get(json, msg, "bounce_description"), descriptions);
	ev_event_add(event, name->outcome, ev_json_get(json, msg, "email"), EV_JSON_NONE,
	             first_of(event, msg, words), cause != NULL ? cause->code : name->code);
	return true;
}

/* --- SendGrid, Brevo -------------------------------------------------------------------------- */

bool
ev_event_read_flat(struct ev_event *event, int object)
{
	static const struct event_name sendgrid[] = {
		{"bounce", EV_EVENT_FAILED, {0, 0, 0}},
		{"dropped", EV_EVENT_FAILED, {0, 0, 0}},
		{"deferred", EV_EVENT_DELAYED, {4, 0, 0}},
		{"delivered", EV_EVENT_DELIVERED, {0, 0, 0}},
		{"spamreport", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"unsubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"group_unsubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
		{"group_resubscribe", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const struct event_name brevo[] = {
		{"hard_bounce", EV_EVENT_FAILED, {0, 0, 0}},
		{"hardBounce", EV_EVENT_FAILED, {0, 0, 0}},
		{"invalid_email", EV_EVENT_FAILED, {5, 1, 3}},
		{"soft_bounce", EV_EVENT_SOFT, {4, 0, 0}},
		{"softBounce", EV_EVENT_SOFT, {4, 0, 0}},
		{"blocked", EV_EVENT_FAILED, {5, 7, 1}},
		{"error", EV_EVENT_FAILED, {5, 3, 0}},
		{"spam", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"complaint", EV_EVENT_COMPLAINT, {0, 0, 0}},
		{"unsubscribed", EV_EVENT_SUBSCRIPTION, {0, 0, 0}},
	};
	static const char *const words[] = {"reason", "response", NULL};
	const struct ev_json *json = event->json;
	int what = ev_json_get(json, object, "event");
	const struct event_name *name;

	if (what == EV_JSON_NONE || ev_json_get(json, object, "email") == EV_JSON_NONE)
		return false;
	name = FIND(event, what, sendgrid);
	event->format = name != NULL || ev_json_get(json, object, "sg_event_id") != EV_JSON_NONE
	                    ? "sendgrid_json"
	                    : "brevo_json";
	if (name == NULL)
		name = FIND(event, what, brevo);
	if (name != NULL)
		ev_event_add(event, name->outcome, ev_json_get(json, object, "email"),
		             ev_json_get(json, object, "status"), first_of(event, object, words),
		             name->code);
	return true;
}
