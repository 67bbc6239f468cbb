/*
 * trace.h
 *	  The dialogue of a session, line by line, for people to read: told as it goes on
 *	  (config.trace), or kept and told when the session has ended (config.transcripts).
 */
#ifndef EV_NET_TRACE_H
#define EV_NET_TRACE_H

#include <stddef.h>

struct ev_session;
struct ev_session_trace;

/*
 * As the settings want it now.  NULL when there is no memory: then nothing is told.  The session has
 * n_rcpts recipients.
 */
extern struct ev_session_trace *ev_trace_new(const struct ev_session *session, size_t n_rcpts);

/* Bytes of one direction ('<' or '>') as they came; whole lines are passed on. */
extern void ev_trace_bytes(struct ev_session *session, char direction, const char *bytes, size_t n);

/* What is left of unfinished lines. */
extern void ev_trace_flush(struct ev_session *session);

/* Something that is no line of either side. */
extern void ev_trace_event(struct ev_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The session has ended: what is left is told, and the trace freed.  session->failed counts now. */
extern void ev_trace_end(struct ev_session *session);

#endif
