/*
 * bounce_log.h
 *	  What the readers of mail logs share.
 */
#ifndef EV_BOUNCE_LOG_H
#define EV_BOUNCE_LOG_H

#include "engine/bounce_internal.h"

#define EV_LOG_DELIVERIES 64 /* of qmail, at one time */

enum ev_log_outcome
{
	EV_LOG_FAILED,
	EV_LOG_REFUSED, /* by the server whose log it is, when somebody wanted to send */
	EV_LOG_DEFERRED,
	EV_LOG_DELIVERED
};

/* qmail names the recipient when a delivery starts, and tells how it ended by its number. */
struct ev_log_delivery
{
	unsigned long number;
	struct ev_slice recipient;
};

struct ev_log
{
	const struct ev_bounce_input *input;
	struct ev_bounce_rows *rows;
	const char *format;   /* of the line being read */
	struct ev_slice peer; /* whom it was delivered to; empty when not told */
	struct ev_log_delivery deliveries[EV_LOG_DELIVERIES];
	size_t n_deliveries; /* ever started; the table is a ring */
};

/* Add a row; original and said may be empty.  False when the recipient is no address. */
extern bool ev_log_add(struct ev_log *log, struct ev_slice recipient, struct ev_slice original,
                       enum ev_log_outcome outcome, struct ev_enhanced enhanced,
                       struct ev_slice said);

/* "5.1.1" at the beginning; klass 0 when it is none. */
extern struct ev_enhanced ev_log_enhanced(struct ev_slice s);

/* What stands behind the first " key=" of a line, up to the line's end; not within quotes. */
extern bool ev_log_value(struct ev_slice line, const char *key, struct ev_slice *value);

/* The value alone: to its closing quote or bracket, or up to a comma or blank. */
extern struct ev_slice ev_log_word(struct ev_slice value);

/* Readers of one line; true when it is theirs, whether or not it gave a row. */
extern bool ev_log_read_exim(struct ev_log *log, struct ev_slice line);
extern bool ev_log_read_qmail(struct ev_log *log, struct ev_slice line);
extern bool ev_log_read_haraka(struct ev_log *log, struct ev_slice line);
extern bool ev_log_read_reject(struct ev_log *log, struct ev_slice line);
extern bool ev_log_read_fields(struct ev_log *log, struct ev_slice line);

/* A whole log whose columns have names: Exchange's message tracking, PowerMTA's accounting. */
extern bool ev_log_read_csv(struct ev_log *log);

#endif
