/*
 * outbox.h
 *	  Requests while they are under way, and messages that wait to be collected.
 *
 * A request brings the room for its result along, so that a result cannot be lost for want of
 * memory; facts and traces can.
 */
#ifndef EV_OUTBOX_H
#define EV_OUTBOX_H

#include "net/list.h"
#include "net/prober.h"

struct ev_outgoing
{
	struct ev_list link;
	enum ev_message_type type;
};

/* An accepted request. */
struct ev_task
{
	struct ev_outgoing out; /* when it has been answered */
	struct ev_list link;    /* until then: in its domain's pending list */
	uint64_t address_hash;
	struct ev_request request;
	struct ev_result result;
};

struct ev_outbox
{
	struct ev_list messages;
	uint32_t n_notes; /* facts and traces among them */
};

extern void ev_outbox_init(struct ev_prober *prober);
extern void ev_outbox_free(struct ev_prober *prober);
extern size_t ev_outbox_collect(struct ev_prober *prober, struct ev_message *messages, size_t n);

/* The task is answered: its result is complete. */
extern void ev_outbox_result(struct ev_prober *prober, struct ev_task *task);

extern void ev_outbox_domain(struct ev_prober *prober, const struct ev_domain_fact *fact);
extern void ev_outbox_host(struct ev_prober *prober, const struct ev_host_fact *fact);
extern void ev_outbox_egress(struct ev_prober *prober, const struct ev_egress_news *news);
extern void ev_outbox_finding(struct ev_prober *prober, const struct ev_health_finding *finding);

/* A line of the dialogue: n bytes as they came. */
extern void ev_outbox_trace(struct ev_prober *prober, uint64_t id, char direction, const char *text,
                            size_t n);

/* An event, formatted; nothing is done unless config.trace is set. */
extern void ev_outbox_event(struct ev_prober *prober, uint64_t id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
