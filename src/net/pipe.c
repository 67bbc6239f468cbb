/*
 * pipe.c
 *	  Frames over a socket; see pipe.h.
 */
#include "net/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_FIRST (4 * EV_FRAME_SIZE)
#define OUT_KEPT  (64 * EV_FRAME_SIZE) /* what grew beyond this is given back once it is empty */

bool
ev_pipe_open(struct ev_pipe *pipe, int fd, size_t out_max)
{
	memset(pipe, 0, sizeof(*pipe));
	pipe->fd = -1;
	pipe->in = malloc(EV_PIPE_IN_SIZE);
	pipe->out = malloc(OUT_FIRST);
	if (pipe->in == NULL || pipe->out == NULL)
	{
		ev_pipe_close(pipe);
		return false;
	}
	pipe->fd = fd;
	pipe->out_size = OUT_FIRST;
	pipe->out_max = out_max < OUT_FIRST ? OUT_FIRST : out_max;
	return true;
}

void
ev_pipe_close(struct ev_pipe *pipe)
{
	if (pipe->fd >= 0)
		close(pipe->fd);
	free(pipe->in);
	free(pipe->out);
	memset(pipe, 0, sizeof(*pipe));
	pipe->fd = -1;
}

uint8_t *
ev_pipe_reserve(struct ev_pipe *pipe)
{
	if (pipe->out_size - pipe->out_end >= EV_FRAME_SIZE)
		return pipe->out + pipe->out_end;

	/* half of it is free at the front: moving costs no more than what was written */
	if (pipe->out_start >= pipe->out_size / 2)
	{
		memmove(pipe->out, pipe->out + pipe->out_start, pipe->out_end - pipe->out_start);
		pipe->out_end -= pipe->out_start;
		pipe->out_start = 0;
	}
	else
	{
		size_t size = pipe->out_size * 2 < pipe->out_max ? pipe->out_size * 2 : pipe->out_max;
		uint8_t *out;

		if (size - pipe->out_end < EV_FRAME_SIZE)
			return NULL;
		out = realloc(pipe->out, size);
		if (out == NULL)
			return NULL;
		pipe->out = out;
		pipe->out_size = size;
	}
	return pipe->out_size - pipe->out_end >= EV_FRAME_SIZE ? pipe->out + pipe->out_end : NULL;
}

void
ev_pipe_add(struct ev_pipe *pipe, size_t n)
{
	pipe->out_end += n;
}

size_t
ev_pipe_waiting(const struct ev_pipe *pipe)
{
	return pipe->out_end - pipe->out_start;
}

void
ev_pipe_flush(struct ev_pipe *pipe)
{
	while (pipe->out_start < pipe->out_end)
	{
		ssize_t n = send(pipe->fd, pipe->out + pipe->out_start, pipe->out_end - pipe->out_start,
		                 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0)
			break; /* nobody will read it; reading tells that the other end is gone */
		pipe->out_start += (size_t) n;
	}
	pipe->out_start = pipe->out_end = 0;
	if (pipe->out_size > OUT_KEPT)
	{
		uint8_t *out = realloc(pipe->out, OUT_FIRST);

		if (out != NULL)
		{
			pipe->out = out;
			pipe->out_size = OUT_FIRST;
		}
	}
}

bool
ev_pipe_has_room(const struct ev_pipe *pipe)
{
	return pipe->in_end - pipe->in_start < EV_PIPE_IN_SIZE;
}

size_t
ev_pipe_fill(struct ev_pipe *pipe)
{
	size_t before = pipe->in_end - pipe->in_start;

	if (pipe->in_start > 0)
	{
		memmove(pipe->in, pipe->in + pipe->in_start, before);
		pipe->in_start = 0;
		pipe->in_end = before;
	}
	while (!pipe->ended && pipe->in_end < EV_PIPE_IN_SIZE)
	{
		size_t want = EV_PIPE_IN_SIZE - pipe->in_end;
		ssize_t n = recv(pipe->fd, pipe->in + pipe->in_end, want, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0)
			pipe->ended = true;
		else
			pipe->in_end += (size_t) n;
		if (n > 0 && (size_t) n < want)
			break; /* that was all */
	}
	return pipe->in_end - before;
}

/* Length of the first frame's body, or -1 when its header is not there yet. */
static long
first_length(const struct ev_pipe *pipe)
{
	uint16_t length;

	if (pipe->in_end - pipe->in_start < EV_FRAME_HEADER)
		return -1;
	memcpy(&length, pipe->in + pipe->in_start, sizeof(length));
	return length;
}

bool
ev_pipe_has_next(const struct ev_pipe *pipe)
{
	long length = first_length(pipe);

	return length >= 0 && (length > EV_FRAME_BODY ||
	                       pipe->in_end - pipe->in_start >= EV_FRAME_HEADER + (size_t) length);
}

enum ev_pipe_next
ev_pipe_next(struct ev_pipe *pipe, enum ev_frame_type *type, const uint8_t **body, size_t *n)
{
	const uint8_t *header = pipe->in + pipe->in_start;

	if (!ev_pipe_has_next(pipe))
		return EV_PIPE_NOTHING;
	*n = (size_t) first_length(pipe);
	if (*n > EV_FRAME_BODY || header[3] != 0)
		return EV_PIPE_BROKEN;
	*type = (enum ev_frame_type) header[2];
	*body = header + EV_FRAME_HEADER;
	pipe->in_start += EV_FRAME_HEADER + *n;
	return EV_PIPE_FRAME;
}
