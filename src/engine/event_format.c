/*
 * event_format.c
 *	  The formats of events that are shipped, and the words for outcomes and causes.
 */
#include "engine/event_format.h"

#include "engine/bounce_event.h"

/* All rows of all formats one behind the other, with an empty one in front of each format's. */
static const struct ev_event_value values[] = {
#define EV_EVENT_FORMAT(id, values_of, ...)     {NULL, 0, 0},
#define EV_EVENT_VALUE(pattern, outcome, cause) {pattern, EV_EVENT_##outcome, EV_CAUSE_##cause},
#include "engine/event_format.def"
	{NULL, 0, 0}};

/* Where the empty row of each format is: the lines between them count. */
#define LINE_NAME(line)  LINE_NAME_(line)
#define LINE_NAME_(line) VALUE_OF_LINE_##line
enum
{
#define EV_EVENT_FORMAT(id, values_of, ...)     BEFORE_##id,
#define EV_EVENT_VALUE(pattern, outcome, cause) LINE_NAME(__LINE__),
#include "engine/event_format.def"
	AFTER_ALL
};

static const struct ev_event_format formats[] = {
#define EV_EVENT_FORMAT(id, values_of, ...)                                                        \
	{__VA_ARGS__, .values = values + BEFORE_##values_of + 1},
#define EV_EVENT_VALUE(pattern, outcome, cause)
#include "engine/event_format.def"
};

const struct ev_event_formats *
ev_event_formats_shipped(void)
{
	static const struct ev_event_formats all = {formats, sizeof(formats) / sizeof(formats[0])};

	return &all;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *
ev_event_outcome_label(int outcome)
{
	static const char *const labels[EV_N_EVENT_OUTCOME] = {
		"",          "ignore",         "failed",    "hard",         "soft",
		"delayed",   "delivered",      "complaint", "unsubscribed", "auto_reply",
		"challenge", "address_change", "not_sent"};

	return outcome < 0 || outcome >= EV_N_EVENT_OUTCOME ? NULL : labels[outcome];
}

const char *
ev_event_cause_label(int cause)
{
	static const char *const labels[EV_N_EVENT_CAUSE] = {
		"",
#define EV_EVENT_CAUSE_ROW(id, label, reason, detail, scope, later_reason, later_detail) label,
#include "engine/event_cause.def"
	};

	return cause < 0 || cause >= EV_N_EVENT_CAUSE ? NULL : labels[cause];
}

struct ev_event_verdict
ev_event_verdict_of(enum ev_event_cause cause, bool later)
{
	static const struct
	{
		struct ev_event_verdict now, later;
	} verdicts[EV_N_EVENT_CAUSE] = {
#define EV_EVENT_CAUSE_ROW(id, label, reason, detail, scope, later_reason, later_detail)           \
	[EV_CAUSE_##id] = {                                                                            \
		{EV_REASON_##reason, EV_DETAIL_##detail, EV_SCOPE_##scope, "event." label},                \
		{EV_REASON_##later_reason, EV_DETAIL_##later_detail, EV_SCOPE_##scope, "event." label}},
#include "engine/event_cause.def"
	};

	return later ? verdicts[cause].later : verdicts[cause].now;
}

/* The number of a word among labels, from `first` on; -1 when it is none. */
static int
number_of(struct ev_slice word, const char *(*label)(int), int first)
{
	for (int i = first; label(i) != NULL; i++)
		if (ev_slice_is(word, label(i)))
			return i;
	return -1;
}

bool
ev_event_value_parse(const char *words, size_t n, struct ev_event_value *out)
{
	struct ev_slice first = ev_slice_trim((struct ev_slice){words, n});
	struct ev_slice second = {"", 0};
	int outcome;
	int cause;
	bool own;

	for (size_t i = 0; i < first.n; i++)
		if (ev_slice_is_blank(first.s[i]))
		{
			second = ev_slice_trim(ev_slice_from(first, i));
			first.n = i;
		}
	outcome = number_of(first, ev_event_outcome_label, EV_EVENT_CAUSE + 1);
	if (outcome < 0 && second.n == 0)
	{
		outcome = EV_EVENT_CAUSE;
		second = first;
	}
	cause =
		second.n == 0 ? EV_CAUSE_NONE : number_of(second, ev_event_cause_label, EV_CAUSE_NONE + 1);
	if (outcome < 0 || cause < 0 || (outcome == EV_EVENT_CAUSE && cause == EV_CAUSE_NONE))
		return false;
	/* why somebody did not send is told of what was not sent, and of nothing else */
	own = cause >= EV_CAUSE_KNOWN_INVALID;
	if (cause != EV_CAUSE_NONE && own != (outcome == EV_EVENT_NOT_SENT))
		return false;
	if (cause != EV_CAUSE_NONE && (outcome == EV_EVENT_IGNORE || outcome >= EV_EVENT_DELIVERED) &&
	    outcome != EV_EVENT_NOT_SENT)
		return false;
	out->outcome = (uint8_t) outcome;
	out->cause = (uint8_t) cause;
	return true;
}
