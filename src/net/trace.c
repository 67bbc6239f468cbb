/*
 * trace.c
 *	  Cutting the bytes of a dialogue into lines.
 */
#include "net/trace.h"

#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

#define LINE_MAX_TRACED 600
#define LINES_MAX       1000 /* of a session: a flood need not be seen to its end */

struct line
{
	size_t n;
	char text[LINE_MAX_TRACED];
};

struct ev_session_trace
{
	struct line in, out;
	unsigned lines;
};

struct ev_session_trace *
ev_trace_new(void)
{
	return calloc(1, sizeof(struct ev_session_trace));
}

static void
end_line(struct ev_session *session, char direction, struct line *line)
{
	if (session->trace->lines++ < LINES_MAX)
		ev_outbox_trace(session->prober, session->trace_id, direction, line->text, line->n);
	line->n = 0;
}

void
ev_trace_bytes(struct ev_session *session, char direction, const char *bytes, size_t n)
{
	struct line *line;

	if (session->trace == NULL)
		return;
	line = direction == '<' ? &session->trace->in : &session->trace->out;
	for (size_t i = 0; i < n; i++)
	{
		if (bytes[i] == '\n')
		{
			if (line->n > 0 && line->text[line->n - 1] == '\r')
				line->n--;
			end_line(session, direction, line);
		}
		else if (line->n < LINE_MAX_TRACED)
			line->text[line->n++] = bytes[i];
	}
}

void
ev_trace_flush(struct ev_session *session)
{
	if (session->trace == NULL)
		return;
	if (session->trace->in.n > 0)
		end_line(session, '<', &session->trace->in);
	if (session->trace->out.n > 0)
		end_line(session, '>', &session->trace->out);
}
