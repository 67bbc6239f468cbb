/*
 * outbox.c
 *	  Messages to the caller; see outbox.h.
 */
#include "net/internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sanitize.h"

#define NOTES_MAX 100000 /* a caller that never collects gets no more */

struct note
{
	struct ev_outgoing out;
	max_align_t body[]; /* of the type's size */
};

void
ev_outbox_init(struct ev_prober *prober)
{
	ev_list_init(&prober->outbox.messages);
	prober->outbox.n_notes = 0;
}

void
ev_outbox_result(struct ev_prober *prober, struct ev_task *task)
{
	ev_list_remove(&task->link);
	task->result.id = task->request.id;
	/* that is a word for what is queued, and no answer: nobody would ever ask again */
	if (task->result.verdict.reason == EV_REASON_PENDING)
		task->result.verdict = ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_NONE);
	task->out.type = EV_MESSAGE_RESULT;
	ev_list_push(&prober->outbox.messages, &task->out.link);
}

/* Queue a note: the body is copied, and only as much memory taken as it needs. */
static void
push_note(struct ev_prober *prober, enum ev_message_type type, const void *body, size_t size)
{
	struct note *note;

	if (prober->outbox.n_notes >= NOTES_MAX)
		return;
	note = malloc(sizeof(*note) + size);
	if (note == NULL)
		return;
	note->out.type = type;
	memcpy(note->body, body, size);
	prober->outbox.n_notes++;
	ev_list_push(&prober->outbox.messages, &note->out.link);
}

void
ev_outbox_domain(struct ev_prober *prober, const struct ev_domain_fact *fact)
{
	push_note(prober, EV_MESSAGE_DOMAIN_FACT, fact, sizeof(*fact));
}

void
ev_outbox_host(struct ev_prober *prober, const struct ev_host_fact *fact)
{
	push_note(prober, EV_MESSAGE_HOST_FACT, fact, sizeof(*fact));
}

void
ev_outbox_egress(struct ev_prober *prober, const struct ev_egress_news *news)
{
	push_note(prober, EV_MESSAGE_EGRESS, news, sizeof(*news));
}

void
ev_outbox_finding(struct ev_prober *prober, const struct ev_health_finding *finding)
{
	push_note(prober, EV_MESSAGE_FINDING, finding, sizeof(*finding));
}

void
ev_outbox_trace(struct ev_prober *prober, uint64_t id, char direction, const char *text, size_t n)
{
	struct ev_trace trace = {0};

	trace.id = id;
	trace.direction = direction;
	ev_sanitize(text, n, trace.text, sizeof(trace.text));
	push_note(prober, EV_MESSAGE_TRACE, &trace, sizeof(trace));
}

void
ev_outbox_event(struct ev_prober *prober, uint64_t id, const char *format, ...)
{
	char text[EV_PEER_TEXT_MAX + 1];
	va_list args;
	int n;

	if (!prober->config.trace)
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		ev_outbox_trace(prober, id, '*', text, strlen(text));
}

/* The memory that a message is in. */
static void *
memory_of(struct ev_outgoing *out)
{
	return out->type == EV_MESSAGE_RESULT ? (void *) EV_ENTRY(out, struct ev_task, out)
	                                      : (void *) EV_ENTRY(out, struct note, out);
}

size_t
ev_outbox_collect(struct ev_prober *prober, struct ev_message *messages, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
	{
		struct ev_list *link = ev_list_shift(&prober->outbox.messages);
		struct ev_outgoing *out;
		const struct note *note;

		if (link == NULL)
			break;
		out = EV_ENTRY(link, struct ev_outgoing, link);
		note = EV_ENTRY(out, struct note, out);
		messages[i].type = out->type;
		switch (out->type)
		{
			case EV_MESSAGE_RESULT:
				messages[i].u.result = EV_ENTRY(out, struct ev_task, out)->result;
				break;
			case EV_MESSAGE_DOMAIN_FACT:
				memcpy(&messages[i].u.domain, note->body, sizeof(struct ev_domain_fact));
				break;
			case EV_MESSAGE_HOST_FACT:
				memcpy(&messages[i].u.host, note->body, sizeof(struct ev_host_fact));
				break;
			case EV_MESSAGE_TRACE:
				memcpy(&messages[i].u.trace, note->body, sizeof(struct ev_trace));
				break;
			case EV_MESSAGE_FINDING:
				memcpy(&messages[i].u.finding, note->body, sizeof(struct ev_health_finding));
				break;
			case EV_MESSAGE_EGRESS:
				memcpy(&messages[i].u.egress, note->body, sizeof(struct ev_egress_news));
				break;
			case EV_MESSAGE_END: break; /* no process, no end */
		}
		if (out->type == EV_MESSAGE_RESULT)
			prober->n_requests--;
		else
			prober->outbox.n_notes--;
		free(memory_of(out));
	}
	return i;
}

void
ev_outbox_free(struct ev_prober *prober)
{
	struct ev_list *link;

	while ((link = ev_list_shift(&prober->outbox.messages)) != NULL)
		free(memory_of(EV_ENTRY(link, struct ev_outgoing, link)));
}
