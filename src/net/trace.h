/*
 * trace.h
 *	  The dialogue of a session, line by line, for people to read.
 */
#ifndef EV_NET_TRACE_H
#define EV_NET_TRACE_H

#include <stddef.h>

struct ev_session;
struct ev_session_trace;

/* NULL when there is no memory: then nothing is traced. */
extern struct ev_session_trace *ev_trace_new(void);

/* Bytes of one direction ('<' or '>') as they came; whole lines are passed on. */
extern void ev_trace_bytes(struct ev_session *session, char direction, const char *bytes, size_t n);

/* What is left of unfinished lines. */
extern void ev_trace_flush(struct ev_session *session);

#endif
