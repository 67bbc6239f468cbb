/*
 * bounce_internal.h
 *	  What the readers of bounces share: a message taken apart, and rows to fill.
 *
 * Each family of formats has a file bounce_NAME.c with readers of the form below.  A reader looks
 * for its marks, returns false when they are not there, and else adds a row for each recipient.
 */
#ifndef EV_BOUNCE_INTERNAL_H
#define EV_BOUNCE_INTERNAL_H

#include "engine/bounce.h"
#include "engine/mime.h"

/* A message as readers see it. */
struct ev_bounce_input
{
	struct ev_slice message; /* all of it */
	struct ev_slice headers; /* of the outermost message; empty for log lines and events */
	struct ev_slice
		text; /* what a person reads first: decoded, UTF-8 as far as possible, LF line ends */
	struct ev_slice
		report; /* message/delivery-status, feedback-report or disposition-notification, decoded */
	struct ev_slice original; /* headers of the message that came back, as far as it is there */
	struct ev_bounce_work *work;
};

struct ev_bounce_rows
{
	struct ev_bounce *rows;
	size_t n;
	size_t max;
};

/* A message, and which of its parts counts as the message: it may have been forwarded. */
struct ev_bounce_taken
{
	struct ev_mime mime;
	struct ev_bounce_input input;
	int root;      /* the part that counts as the message */
	int forwarded; /* the first message in it, -1 for none */
	size_t more;   /* bytes of work->more that are used */
};

/* Does the caller want to stop? */
static inline bool
ev_bounce_stopped(const struct ev_bounce_work *work)
{
	return work->stop != NULL && *work->stop != 0;
}

/* bounce_take.c: fill input, forwarded and more from the parts below root. */
extern void ev_bounce_take(struct ev_bounce_taken *taken);

/*
 * bounce_take.c: leave out, in place, the mark of quotation in front of every line ("> "), as programs put it
 * that answer or forward; nothing where a line has none.  Returns the new length.
 */
extern size_t ev_bounce_unquote(char *text, size_t n);

/* Do these words begin as the fields of a report do? */
extern bool ev_bounce_is_report(struct ev_slice words);

/* A new row, all zero but for format and kind; NULL when there is no more room. */
extern struct ev_bounce *ev_bounce_add(struct ev_bounce_rows *rows, const char *format,
                                       enum ev_bounce_kind kind);

/* Copy a slice into a field of `size` bytes: ASCII with escapes, white space collapsed, cut to fit. */
extern void ev_bounce_copy(char *field, size_t size, struct ev_slice from);

/*
 * Copy an address: <>, comments, "rfc822;" and its like, encoded words, xtext (RFC 3461 4) and
 * utf-8-addr-xtext (RFC 6533 3) undone; UTF-8 stays, what is none is escaped.  Without an @ it must
 * have a type ("rfc822; root").  False, and the field is "", when there is no address in it.
 */
extern bool ev_bounce_copy_address(char *field, size_t size, struct ev_slice from);

/* The position of the @ that divides an address, quotes heeded; n when there is none. */
extern size_t ev_bounce_find_at(const char *s, size_t n);

/*
 * The address that another one was made of: SRS0, SRS1, BATV (prvs=, btv1==).  Theirs is the address
 * of a sender.  False when it is none of these.
 */
extern bool ev_bounce_unwrap(const char *address, char *field, size_t size);

/* The recipient that a bounce's own address names: VERP, "list-bounces+user=host.example@list". */
extern bool ev_bounce_undo_verp(const char *address, char *field, size_t size);

/*
 * Fill reply_code, enhanced, diagnostic, remote_mta, verdict, rule, scope, permanence and refused_by
 * of a row from what a mail system said about it: a reply ("550 5.1.1 …"), an MTA's own words
 * ("Connection timed out"), or a log's or report's sentence around either ("host mx.example[192.0.2.1]
 * said: 550 …", "SMTP error from remote mail server after RCPT TO:<…>: …").  Action and enhanced
 * code of the row count, if they were set before.  `said` may be empty.
 */
extern void ev_bounce_diagnose(struct ev_bounce *row, struct ev_slice said,
                               struct ev_bounce_work *work);

/* ev_mime_header() and ev_slice_line() by the names that readers use. */
static inline bool
ev_bounce_header(struct ev_slice headers, const char *name, struct ev_slice *value)
{
	return ev_mime_header(headers, name, value);
}

static inline bool
ev_bounce_line(struct ev_slice *rest, struct ev_slice *line)
{
	return ev_slice_line(rest, line);
}

typedef bool (*ev_bounce_reader)(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

/* bounce_dsn.c: RFC 3464, 6522, 6533 */
extern bool ev_bounce_read_dsn(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

/*
 * bounce_dsn_fields.c: a host without its type ("dns; mx.example (192.0.2.1)"), an action, which is that
 * of the status when it is no known word, and a status (klass 0 when it is none)
 */
extern struct ev_slice ev_dsn_host(struct ev_slice value);
extern enum ev_bounce_action ev_dsn_action(struct ev_slice value, struct ev_enhanced status);
extern struct ev_enhanced ev_dsn_status(struct ev_slice value);

/* bounce_dsn_fields.c: is this name of a final recipient what an alias runs or writes to? */
extern bool ev_dsn_is_program(const char *name);

/* bounce_dsn_fields.c: what was said is about somebody whose name cannot be read. */
extern void ev_dsn_blame_nobody(struct ev_bounce *row);

/* bounce_report.c: RFC 5965; RFC 8098; reports about many messages */
extern bool ev_bounce_read_report(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);
extern bool ev_bounce_read_arf(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);
extern bool ev_bounce_read_mdn(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

/*
 * bounce_nameless.c: a message of a mail system of which nobody can read more than whom it is about:
 * X-Failed-Recipients, VERP
 */
extern bool ev_bounce_read_address(const struct ev_bounce_input *input,
                                   struct ev_bounce_rows *rows);

/*
 * bounce_facts.c: fill in what the message says of itself as a whole (reporting_mta, arrival, queue_id,
 * sender), alike in all rows that are made of it; and whom a list's own address stands for.
 */
extern void ev_bounce_add_facts(const struct ev_bounce_input *input, struct ev_bounce *rows,
                                size_t n);

/* bounce_human.c: does a mail system, no person, write this? */
extern bool ev_bounce_from_daemon(struct ev_slice headers);

/* bounce_human.c: auto-replies, challenges, address changes, list managers */
extern bool ev_bounce_read_human(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

/* bounce_text.c: messages of mail systems in words of their own */
extern bool ev_bounce_read_text(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

/* bounce_log.c: lines of mail logs; bounce_event.c: JSON events */
extern bool ev_bounce_read_log(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);
extern bool ev_bounce_read_event(const struct ev_bounce_input *input, struct ev_bounce_rows *rows);

#endif
