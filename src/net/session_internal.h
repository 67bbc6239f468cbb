/*
 * session_internal.h
 *	  Shared by session.c, session_io.c and session_connect.c; nobody else's.
 */
#ifndef EV_SESSION_INTERNAL_H
#define EV_SESSION_INTERNAL_H

#include "net/internal.h"

/*
 * session.c: do what the dialogue wants, after anything that has happened.  The session may be
 * closed then.
 */
extern void ev_session_proceed(struct ev_session *session);

/* Give the outcome to the planner, once. */
extern void ev_session_give_outcome(struct ev_session *session);

extern void ev_session_poll(struct ev_session *session, int events);
extern void ev_session_start_timer(struct ev_session *session, uint64_t ms);

/* session_connect.c: the socket has become writable, or has an error. */
extern void ev_session_connected(struct ev_session *session);

/* session_io.c: send what can be sent.  True when nothing is left. */
extern bool ev_session_flush(struct ev_session *session);

/* Read what there is, and hand it to the dialogue. */
extern void ev_session_read(struct ev_session *session);

/* Say that nothing more will come, once all is sent. */
extern void ev_session_half_close(struct ev_session *session);

#endif
