/*
 * bounce_event_row.c
 *	  What a part of an event is worth as a row.
 *
 * What counts, in this order: the words and codes of the server that said it; the sender's own class of
 * them; its "hard" or "soft".  A flag says no more than that this sender will, or will not, try again.
 */
#include <string.h>

#include "engine/bounce_event.h"

#define SURE  95 /* confidence: a sure mark, and words or codes */
#define CLASS 85 /* ... the sender's class only */
#define FLAG  75 /* ... no more than its hard or soft */

/* What happened, as the values of the paths of a type tell it. */
struct what
{
	enum ev_event_outcome outcome;
	enum ev_event_cause cause;
};

static struct ev_slice
value_of(const struct ev_event *event, const char *paths)
{
	if (paths == NULL)
		return (struct ev_slice){"", 0};
	return ev_json_raw(event->json,
	                   ev_event_look_up(event, (struct ev_slice){paths, strlen(paths)}));
}

/* The values of a type, joined: "bounce/hard/550". */
static size_t
join_type(const struct ev_event *event, char *out, size_t size)
{
	const char *rest = event->format->type;
	size_t n = 0;

	while (rest != NULL)
	{
		const char *end = strchr(rest, ' ');
		size_t len = end == NULL ? strlen(rest) : (size_t) (end - rest);
		struct ev_slice value =
			ev_json_raw(event->json, ev_event_look_up(event, (struct ev_slice){rest, len}));

		if (n > 0 || rest != event->format->type)
			out[n++] = '/';
		n += ev_json_unescape(ev_slice_to(value, 120), out + n, size - n - 1);
		if (n + 2 >= size)
			break;
		rest = end == NULL ? NULL : end + 1;
	}
	return n;
}

static struct what
find_what(const struct ev_event *event)
{
	struct what what = {EV_EVENT_IGNORE, EV_CAUSE_NONE};
	char type[512];
	size_t n = join_type(event, type, sizeof(type));

	for (const struct ev_event_value *value = event->format->values; value->pattern != NULL;
	     value++)
	{
		if (value->outcome == EV_EVENT_CAUSE && what.cause != EV_CAUSE_NONE)
			continue;
		if (!ev_event_pattern_fits(value->pattern, type, n))
			continue;
		if (what.cause == EV_CAUSE_NONE || value->outcome == EV_EVENT_NOT_SENT)
			what.cause = (enum ev_event_cause) value->cause;
		if (value->outcome == EV_EVENT_CAUSE)
			continue;
		what.outcome = (enum ev_event_outcome) value->outcome;
		break;
	}
	return what;
}

static enum ev_bounce_kind
kind_of(enum ev_event_outcome outcome)
{
	switch (outcome)
	{
		case EV_EVENT_DELAYED: return EV_KIND_DELAY;
		case EV_EVENT_DELIVERED: return EV_KIND_SUCCESS;
		case EV_EVENT_COMPLAINT: return EV_KIND_ARF;
		case EV_EVENT_UNSUBSCRIBED: return EV_KIND_SUBSCRIPTION;
		case EV_EVENT_AUTO_REPLY: return EV_KIND_AUTO_REPLY;
		case EV_EVENT_CHALLENGE: return EV_KIND_CHALLENGE;
		case EV_EVENT_ADDRESS_CHANGE: return EV_KIND_ADDRESS_CHANGE;
		case EV_EVENT_NOT_SENT: return EV_KIND_NOT_SENT;
		default: return EV_KIND_DSN;
	}
}

/* --- codes and words -------------------------------------------------------------------------- */

/* A string of a status, or an object with its three numbers. */
static struct ev_enhanced
enhanced_of(const struct ev_event *event, const char *paths)
{
	const struct ev_json *json = event->json;
	struct ev_enhanced e = {0, 0, 0};
	unsigned parts[3] = {0, 0, 0};
	size_t n = 0;
	int token;

	if (paths == NULL)
		return e;
	token = ev_event_look_up(event, (struct ev_slice){paths, strlen(paths)});
	if (!ev_json_is_object(json, token))
		return ev_dsn_status(ev_json_raw(json, token));
	for (int i = ev_json_first_key(json, token); i != EV_JSON_NONE && n < 3;
	     i = ev_json_next_key(json, token, i))
	{
		struct ev_slice value = ev_json_raw(json, i + 1);

		for (size_t k = 0; k < value.n && k < 3 && value.s[k] >= '0' && value.s[k] <= '9'; k++)
			parts[n] = parts[n] * 10 + (unsigned) (value.s[k] - '0');
		n++;
	}
	if (n == 3 && (parts[0] == 2 || parts[0] == 4 || parts[0] == 5))
		e = (struct ev_enhanced){(uint8_t) parts[0], (uint16_t) parts[1], (uint16_t) parts[2]};
	return e;
}

/* A code that a server can have said: some senders have numbers of their own (498, 605). */
static bool
is_reply_code(struct ev_slice s)
{
	return s.n == 3 && (s.s[0] == '2' || s.s[0] == '4' || s.s[0] == '5') && s.s[1] >= '0' &&
	       s.s[1] <= '8' && s.s[2] >= '0' && s.s[2] <= '9';
}

static bool
starts_with_code(struct ev_slice said)
{
	said = ev_slice_trim(said);
	if (ev_slice_starts(said, "smtp;"))
		said = ev_slice_trim(ev_slice_from(said, 5));
	return said.n >= 3 && is_reply_code(ev_slice_to(said, 3)) &&
	       (said.n == 3 || said.s[3] < '0' || said.s[3] > '9');
}

/* What was said, as a reply: with its code in front.  prose: in the sender's words, not a server's. */
static struct ev_slice
words_of(const struct ev_event *event, char *buf, size_t size, bool *prose)
{
	const struct ev_event_format *format = event->format;
	struct ev_slice code = value_of(event, format->code);
	struct ev_slice raw = {"", 0};
	const char *rest = format->said;
	size_t n = 0;

	*prose = false;
	while (rest != NULL && raw.n == 0)
	{
		const char *end = strchr(rest, '|');
		size_t len = end == NULL ? strlen(rest) : (size_t) (end - rest);

		*prose = len > 0 && rest[0] == '~';
		raw = ev_json_raw(event->json,
		                  ev_event_look_up(event, (struct ev_slice){rest + *prose, len - *prose}));
		rest = end == NULL ? NULL : end + 1;
	}
	*prose = *prose && raw.n > 0;
	if (!*prose && is_reply_code(code) && !starts_with_code(raw))
	{
		memcpy(buf, code.s, 3);
		buf[3] = ' ';
		n = raw.n > 0 ? 4 : 3;
	}
	n += ev_json_unescape(raw, buf + n, size - n);
	return (struct ev_slice){buf, n};
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Does the sender's class say more than what the words have come to? */
static bool
says_more(const struct ev_bounce *row, enum ev_bounce_scope scope)
{
	switch (row->verdict.reason)
	{
		case EV_REASON_SMTP_UNVERIFIABLE:
		case EV_REASON_POLICY_TEMP_FAIL: return true;
		case EV_REASON_SMTP_BLOCKED:
			return row->verdict.detail == EV_DETAIL_POLICY && scope != EV_SCOPE_MAILBOX &&
			       scope != EV_SCOPE_DOMAIN;
		default: return false;
	}
}

static void
apply_cause(struct ev_bounce *row, enum ev_event_cause cause, bool later)
{
	struct ev_event_verdict verdict = ev_event_verdict_of(cause, later);

	row->verdict = ev_verdict_of(verdict.reason, verdict.detail);
	row->scope = verdict.scope;
	ev_rule_set(row->rule, verdict.rule);
}

/* Is it about the mailbox or its domain?  Then what was said decides how lasting it is. */
static bool
is_settled(const struct ev_bounce *row)
{
	return row->verdict.status == EV_STATUS_INVALID || row->scope == EV_SCOPE_MAILBOX ||
	       row->scope == EV_SCOPE_DOMAIN;
}

static enum ev_bounce_permanence
permanence_of(const struct ev_bounce *row, struct what what, bool said)
{
	if (what.outcome == EV_EVENT_DELAYED)
		return EV_PERMANENCE_DELAYED;
	if (what.cause == EV_CAUSE_EXPIRED || row->verdict.detail == EV_DETAIL_EXPIRED)
		return EV_PERMANENCE_EXPIRED;
	/* of an event it is not known how long somebody has tried */
	if (row->permanence == EV_PERMANENCE_EXPIRED || row->verdict.reason == EV_REASON_MAILBOX_FULL)
		return EV_PERMANENCE_SOFT;
	if (is_settled(row))
		return EV_PERMANENCE_HARD;
	if (!said)
		return what.outcome == EV_EVENT_HARD ? EV_PERMANENCE_HARD : EV_PERMANENCE_SOFT;
	/* a refusal that may pass, says the server; or one for good of us, which the sender calls soft */
	return row->permanence == EV_PERMANENCE_HARD && what.outcome == EV_EVENT_SOFT
	           ? EV_PERMANENCE_SOFT
	           : row->permanence;
}

static enum ev_bounce_refuser
refuser_of(const struct ev_event *event, const struct ev_bounce *row, bool said)
{
	if (row->async)
		return EV_REFUSED_BY_REPORTING;
	if (row->refused_by == EV_REFUSED_BY_REMOTE)
		return row->refused_by;
	if (event->format->host_always && row->remote_mta[0] == '\0')
		return EV_REFUSED_BY_LOCAL;
	/* a reply, or what only a server of the recipient's can know */
	if ((said && (row->reply_code != 0 || row->remote_mta[0] != '\0')) ||
	    row->scope == EV_SCOPE_MAILBOX)
		return EV_REFUSED_BY_REMOTE;
	return EV_REFUSED_BY_LOCAL;
}

static void
judge(struct ev_event *event, struct ev_bounce *row, struct what what, struct ev_slice words,
      bool prose)
{
	struct ev_bounce_work *work = event->input->work;
	struct ev_slice stage = value_of(event, event->format->stage);
	struct ev_slice judged = prose ? (struct ev_slice){"", 0} : words;
	uint8_t most = event->format->confidence != 0 ? event->format->confidence : SURE;
	char *room = (char *) words.s;
	bool said;
	bool later;

	row->enhanced = enhanced_of(event, event->format->enhanced);
	/* the command stands where mail systems put it, for those who judge */
	if (judged.n > 0 && stage.n > 0)
	{
		memcpy(room + judged.n, " (in reply to ", 14);
		judged.n += 14 + ev_json_unescape(ev_slice_to(stage, 60), room + judged.n + 14, 60);
		memcpy(room + judged.n, " command)", 9);
		judged.n += 9;
	}
	ev_bounce_diagnose(row, judged, work);
	if (judged.n != words.n)
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), words);
	said = judged.n > 0 || row->enhanced.klass != 0;
	later = what.outcome == EV_EVENT_DELAYED || row->reply_code / 100 == 4 ||
	        (row->reply_code == 0 && row->enhanced.klass == 4);
	if (!said && what.cause == EV_CAUSE_NONE &&
	    (what.outcome == EV_EVENT_SOFT || what.outcome == EV_EVENT_DELAYED))
	{
		apply_cause(row, EV_CAUSE_TEMPORARY, true);
		row->scope = EV_SCOPE_NONE; /* nobody says what it lies in */
		most = most < FLAG ? most : FLAG;
	}
	else if (what.cause != EV_CAUSE_NONE &&
	         (!said || says_more(row, ev_event_verdict_of(what.cause, later).scope)))
	{
		apply_cause(row, what.cause, later);
		if (!later && row->permanence == EV_PERMANENCE_EXPIRED)
			row->permanence = EV_PERMANENCE_HARD;
		most = most < CLASS ? most : CLASS;
	}
	else if (!said)
		most = most < FLAG ? most : FLAG;
	row->permanence = permanence_of(row, what, said);
	row->refused_by = refuser_of(event, row, said);
	row->confidence = most;
}

/* When it happened. */
static int64_t
time_of(const struct ev_event *event)
{
	char buf[80];
	struct ev_slice raw = value_of(event, event->format->time);

	if (raw.n == 0 || raw.n >= sizeof(buf))
		return EV_MAIL_DATE_NONE;
	return ev_event_time((struct ev_slice){buf, ev_json_unescape(raw, buf, sizeof(buf))});
}

/* --- together --------------------------------------------------------------------------------- */

static void
fill(struct ev_event *event, struct ev_bounce *row, struct what what)
{
	char buf[4096];
	bool prose;
	struct ev_slice words = words_of(event, buf, sizeof(buf) - 100, &prose);
	struct ev_slice host = ev_dsn_host(value_of(event, event->format->remote_mta));

	row->confidence = event->format->confidence != 0 ? event->format->confidence : SURE;
	switch (what.outcome)
	{
		case EV_EVENT_DELIVERED:
			row->action = EV_ACTION_DELIVERED;
			ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), host);
			/* it was taken, whatever words the reply has */
			ev_bounce_diagnose(row, ev_slice_to(words, words.n > 0 && words.s[0] == '2' ? 3 : 0),
			                   event->input->work);
			break;
		case EV_EVENT_NOT_SENT:
			row->action = EV_ACTION_FAILED;
			row->refused_by = EV_REFUSED_BY_LOCAL;
			if (what.cause >= EV_CAUSE_KNOWN_INVALID)
				apply_cause(row, what.cause, false);
			break;
		case EV_EVENT_FAILED:
		case EV_EVENT_HARD:
		case EV_EVENT_SOFT:
		case EV_EVENT_DELAYED:
			row->action = what.outcome == EV_EVENT_DELAYED ? EV_ACTION_DELAYED : EV_ACTION_FAILED;
			row->async = event->format->late != NULL && ev_event_holds(event, event->format->late);
			ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), host);
			judge(event, row, what, words, prose);
			return;
		default: break;
	}
	ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), words);
}

void
ev_event_add_row(struct ev_event *event)
{
	char recipient[EV_BOUNCE_RECIPIENT_MAX + 1];
	char buf[EV_BOUNCE_RECIPIENT_MAX * 2];
	struct ev_slice raw = value_of(event, event->format->recipient);
	struct ev_slice address = {buf, ev_json_unescape(raw, buf, sizeof(buf))};
	struct ev_bounce *row;
	struct what what;

	if (!ev_bounce_copy_address(recipient, sizeof(recipient), address))
		return;
	what = find_what(event);
	if (what.outcome == EV_EVENT_IGNORE)
		return;
	row = ev_bounce_add(event->rows, event->format->name, kind_of(what.outcome));
	if (row == NULL)
		return;
	memcpy(row->final_recipient, recipient, sizeof(recipient));
	row->last_attempt = time_of(event);
	fill(event, row, what);
}
