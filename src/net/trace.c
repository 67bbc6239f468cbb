/*
 * trace.c
 *	  Cutting the bytes of a dialogue into lines, and keeping them until they may be told.
 */
#include "net/trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/redact.h"
#include "net/internal.h"

#define LINE_MAX_TRACED 600
#define LINES_MAX       1000 /* of a session: a flood need not be seen to its end */

/* What is kept of a session for its transcript. */
#define KEPT_LINES_MAX 200
#define KEPT_MAX       16384

struct line
{
	size_t n;
	char text[LINE_MAX_TRACED];
};

struct ev_session_trace
{
	struct line in, out;
	unsigned lines;

	/* of a transcript: lines of a direction and a text with its NUL, one after the other */
	bool keep;
	uint8_t wanted; /* enum ev_transcripts, as it was when the session began */
	size_t n_locals;
	const char **locals; /* in the session's recipients */
	unsigned kept_lines;
	size_t kept_len;
	size_t kept_room;
	char *kept;
};

/* What is made up for a catch-all test is cut short like the others, so that it does not stand out. */
static bool
list_locals(struct ev_session_trace *trace, const struct ev_session *session, size_t n_rcpts)
{
	trace->locals = calloc(n_rcpts + 1, sizeof(trace->locals[0]));
	if (trace->locals == NULL)
		return false;
	for (size_t i = 0; i < n_rcpts; i++)
		trace->locals[i] = session->rcpts[i].local;
	trace->locals[n_rcpts] = session->config.random_local;
	trace->n_locals = n_rcpts + 1;
	return true;
}

struct ev_session_trace *
ev_trace_new(const struct ev_session *session, size_t n_rcpts)
{
	const struct ev_prober_config *config = &session->prober->config;
	struct ev_session_trace *trace = calloc(1, sizeof(struct ev_session_trace));

	if (trace == NULL)
		return NULL;
	trace->keep = !config->trace;
	trace->wanted = config->transcripts;
	if (trace->keep && !list_locals(trace, session, n_rcpts))
	{
		free(trace);
		return NULL;
	}
	return trace;
}

static bool
make_room(struct ev_session_trace *trace, size_t n)
{
	size_t room = trace->kept_room == 0 ? 1024 : trace->kept_room;
	char *bigger;

	while (room - trace->kept_len < n)
		room *= 2;
	if (room == trace->kept_room)
		return true;
	bigger = realloc(trace->kept, room);
	if (bigger == NULL)
		return false;
	trace->kept = bigger;
	trace->kept_room = room;
	return true;
}

static void
keep_line(struct ev_session_trace *trace, char direction, const char *text, size_t n)
{
	char redacted[LINE_MAX_TRACED + 1];

	/* of a line that was cut, the last word may be half a local part */
	if (n == LINE_MAX_TRACED)
		while (n > 0 && text[n - 1] != ' ' && text[n - 1] != '<')
			n--;
	n = ev_redact(text, n, trace->locals, trace->n_locals, redacted, sizeof(redacted));
	if (trace->kept_lines == KEPT_LINES_MAX || trace->kept_len + n + sizeof(n) + 1 > KEPT_MAX ||
	    !make_room(trace, n + sizeof(n) + 1))
		return;
	trace->kept_lines++;
	trace->kept[trace->kept_len++] = direction;
	memcpy(trace->kept + trace->kept_len, &n, sizeof(n));
	memcpy(trace->kept + trace->kept_len + sizeof(n), redacted, n);
	trace->kept_len += sizeof(n) + n;
}

static void
tell_line(struct ev_session *session, char direction, const char *text, size_t n)
{
	struct ev_session_trace *trace = session->trace;

	if (trace->lines++ >= LINES_MAX)
		return;
	if (trace->keep)
		keep_line(trace, direction, text, n);
	else
		ev_outbox_trace(session->prober, session->trace_id, direction, text, n);
}

static void
end_line(struct ev_session *session, char direction, struct line *line)
{
	tell_line(session, direction, line->text, line->n);
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

void
ev_trace_event(struct ev_session *session, const char *format, ...)
{
	char text[EV_PEER_TEXT_MAX + 1];
	va_list args;

	if (session->trace == NULL)
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) > 0)
		tell_line(session, '*', text, strlen(text));
	va_end(args);
}

static void
tell_kept(struct ev_session *session)
{
	struct ev_session_trace *trace = session->trace;
	char whom[EV_PEER_TEXT_MAX + 1];
	size_t at = 0;
	size_t n;

	if (trace->wanted == EV_TRANSCRIPTS_FAILURES && !session->failed)
		return;
	while (at < trace->kept_len)
	{
		char direction = trace->kept[at++];

		memcpy(&n, trace->kept + at, sizeof(n));
		at += sizeof(n);
		ev_outbox_trace(session->prober, session->trace_id, direction, trace->kept + at, n);
		at += n;
	}
	if (trace->lines > trace->kept_lines)
	{
		n = (size_t) snprintf(whom, sizeof(whom), "%u more lines",
		                      trace->lines - trace->kept_lines);
		ev_outbox_trace(session->prober, session->trace_id, '*', whom, n);
	}
	n = (size_t) snprintf(whom, sizeof(whom), "%s [%s]", session->host, session->ip_text);
	ev_outbox_trace(session->prober, session->trace_id, '.', whom, n);
}

void
ev_trace_end(struct ev_session *session)
{
	struct ev_session_trace *trace = session->trace;

	if (trace == NULL)
		return;
	ev_trace_flush(session);
	if (trace->keep)
		tell_kept(session);
	session->trace = NULL;
	free(trace->locals);
	free(trace->kept);
	free(trace);
}
