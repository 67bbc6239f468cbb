/*
 * event_format.h
 *	  How a sender's events are read: what they are recognised by, and where in them stands what.
 *
 * A format is data: those that are shipped are rows of event_format.def, a site's own are rows of a
 * table.  One reader (bounce_event.c) reads them all.
 *
 * PATHS.  `a.b` is key b of the object under key a.  An array on the way stands for its first element;
 * `a!.b` wants it to have exactly one, so that nobody is blamed for another recipient.  `a|b` is the
 * first of two that is there and not empty; `.` is the event's own value.  Keys compare in any case.
 *
 * A path is looked up in the object that `each` leads to, then in the object around it, and so on to
 * the outermost one.
 *
 * CONDITIONS, divided by blanks, all of which must hold for an object as a whole: `a.b` (it is there
 * and not null), `a.b#` (it is a number), `a.b=PATTERN`; `|` divides alternatives.
 *
 * PATTERNS are texts in any case, in which * stands for anything and ? for one character.
 */
#ifndef EV_EVENT_FORMAT_H
#define EV_EVENT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EV_EVENT_NAME_MAX    40  /* bytes of a format's name */
#define EV_EVENT_PATHS_MAX   200 /* bytes of paths or conditions */
#define EV_EVENT_STEPS_MAX   8   /* keys of a path */
#define EV_EVENT_VALUES_MAX  100 /* of a site's format */
#define EV_EVENT_PATTERN_MAX 100 /* bytes */
#define EV_EVENT_FORMATS_MAX 100 /* of a site, that are heeded */

/* What an event tells.  Hard and soft are the sender's words, which count when nothing else does. */
enum ev_event_outcome
{
	EV_EVENT_CAUSE, /* nothing yet: the row tells a cause only */
	EV_EVENT_IGNORE,
	EV_EVENT_FAILED, /* whether for good is not told */
	EV_EVENT_HARD,
	EV_EVENT_SOFT, /* given up, for a cause that may pass */
	EV_EVENT_DELAYED,
	EV_EVENT_DELIVERED,
	EV_EVENT_COMPLAINT,
	EV_EVENT_UNSUBSCRIBED,
	EV_EVENT_AUTO_REPLY,
	EV_EVENT_CHALLENGE,
	EV_EVENT_ADDRESS_CHANGE,
	EV_EVENT_NOT_SENT, /* the sender refused by itself: nobody else was asked */
	EV_N_EVENT_OUTCOME
};

/* A sender's own class of what was said.  It counts when the words and codes of a server say nothing. */
enum ev_event_cause
{
	EV_CAUSE_NONE,
#define EV_EVENT_CAUSE_ROW(id, label, reason, detail, scope, later_reason, later_detail)           \
	EV_CAUSE_##id,
#include "engine/event_cause.def"
	EV_N_EVENT_CAUSE
};

struct ev_event_value
{
	const char *pattern; /* of the values of the paths of `type`, joined with / */
	uint8_t outcome;     /* enum ev_event_outcome */
	uint8_t cause;       /* enum ev_event_cause */
};

/* Texts are NUL-terminated and not owned; NULL: there is none. */
struct ev_event_format
{
	const char *name;       /* for column format */
	const char *marks;      /* conditions */
	const char *only;       /* keys divided by blanks: an object that has any other is none */
	const char *each;       /* paths to the parts that tell of one recipient each */
	const char *recipient;  /* paths */
	const char *type;       /* paths divided by blanks, for the patterns of values */
	const char *code;       /* reply code, for when the text has none */
	const char *enhanced;   /* as a text, or an object of three numbers */
	const char *said;       /* text of a server; with ~ in front: prose of the sender, not judged */
	const char *remote_mta; /* host that said it */
	const char *stage;      /* command that it said it to */
	const char *late;       /* conditions: it had been accepted before */
	const char *time;       /* when it happened, as ev_event_time() reads it */
	/* the first that fits and has an outcome decides; a pattern of NULL ends them */
	const struct ev_event_value *values;
	uint8_t confidence; /* percent, of what words or codes say; 0 for that of a sure mark */
	bool host_always;   /* without remote_mta no remote host said anything */
};

struct ev_event_formats
{
	const struct ev_event_format *rows; /* not owned */
	size_t n;
};

/* The shipped ones, in the order in which they are asked. */
extern const struct ev_event_formats *ev_event_formats_shipped(void);

/* A part of a sentence that says why these cannot be paths, conditions or a pattern; NULL: they can. */
extern const char *ev_event_paths_fault(const char *paths);
extern const char *ev_event_marks_fault(const char *marks);
extern const char *ev_event_pattern_fault(const char *pattern);

/*
 * "hard", "soft mailbox_full", "mailbox_full": an outcome, a cause, or both (n bytes).  False when it
 * is none of these.
 */
extern bool ev_event_value_parse(const char *words, size_t n, struct ev_event_value *out);

/* Their words; NULL past the end of the enum. */
extern const char *ev_event_outcome_label(int outcome);
extern const char *ev_event_cause_label(int cause);

/* Does a text of n bytes fit a pattern? */
extern bool ev_event_pattern_fits(const char *pattern, const char *text, size_t n);

#endif
