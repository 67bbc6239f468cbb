/*
 * pipe.h
 *	  One end of a socket over which frames go both ways: non-blocking, with bounded buffers.
 *
 * Nothing is written before ev_pipe_flush() and nothing read before ev_pipe_fill().  What has come
 * stays where it is until it is asked for, and when the buffer is full no more is read: so who
 * cannot take messages holds up the other end, and nothing is lost.
 */
#ifndef EV_PIPE_H
#define EV_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/pipe_frame.h"

#define EV_PIPE_IN_SIZE (64 * 1024)

struct ev_pipe
{
	int fd;     /* -1: closed */
	bool ended; /* the other end is gone: nothing more will come */
	uint8_t *in;
	size_t in_start, in_end;
	uint8_t *out;
	size_t out_start, out_end, out_size, out_max;
};

enum ev_pipe_next
{
	EV_PIPE_NOTHING, /* no whole frame is there */
	EV_PIPE_FRAME,
	EV_PIPE_BROKEN /* what is there is no frame */
};

/*
 * Use fd, which is non-blocking and the pipe's from now on, with at most out_max bytes waiting to be
 * written.  False without memory; the descriptor is the caller's then.
 */
extern bool ev_pipe_open(struct ev_pipe *pipe, int fd, size_t out_max);
extern void ev_pipe_close(struct ev_pipe *pipe);

/*
 * Room for one frame (EV_FRAME_SIZE bytes), to be filled and then made part of what is to be
 * written by ev_pipe_add() with its length.  NULL when too much waits already or without memory.
 */
extern uint8_t *ev_pipe_reserve(struct ev_pipe *pipe);
extern void ev_pipe_add(struct ev_pipe *pipe, size_t n);

/* Bytes that wait to be written. */
extern size_t ev_pipe_waiting(const struct ev_pipe *pipe);

/* Write what can be written. */
extern void ev_pipe_flush(struct ev_pipe *pipe);

/* Read what there is, as far as there is room; returns the number of bytes. */
extern size_t ev_pipe_fill(struct ev_pipe *pipe);

/* Is there room for more? */
extern bool ev_pipe_has_room(const struct ev_pipe *pipe);

/* Is ev_pipe_next() going to say something? */
extern bool ev_pipe_has_next(const struct ev_pipe *pipe);

/* The next frame; the body (n bytes) is valid until the next call of ev_pipe_fill(). */
extern enum ev_pipe_next ev_pipe_next(struct ev_pipe *pipe, enum ev_frame_type *type,
                                      const uint8_t **body, size_t *n);

#endif
