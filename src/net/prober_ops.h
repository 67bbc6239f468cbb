/*
 * prober_ops.h
 *	  What stands behind the functions of prober.h: a prober is in this process or in another one.
 *
 * Whatever a struct ev_prober * points to begins with a pointer to its operations.
 */
#ifndef EV_PROBER_OPS_H
#define EV_PROBER_OPS_H

#include "net/prober.h"

/* As the functions ev_prober_* of the same names, which check nothing and only come here. */
struct ev_prober_ops
{
	bool (*configure)(struct ev_prober *prober, const struct ev_prober_config *config, char *error,
	                  size_t size);
	bool (*set_policies)(struct ev_prober *prober, const struct ev_mx_policy *policies, size_t n);
	bool (*set_rules)(struct ev_prober *prober, const struct ev_site_rule *rules, size_t n);
	void (*examine)(struct ev_prober *prober, const struct ev_health_request *request);
	size_t (*room)(const struct ev_prober *prober);
	size_t (*submit)(struct ev_prober *prober, const struct ev_request *requests, size_t n);
	void (*run)(struct ev_prober *prober);
	size_t (*collect)(struct ev_prober *prober, struct ev_message *messages, size_t n);
	int (*fd)(const struct ev_prober *prober);
	int (*deadline)(struct ev_prober *prober);
	void (*stats)(const struct ev_prober *prober, struct ev_prober_stats *stats);
	void (*forget)(struct ev_prober *prober);
	void (*cancel)(struct ev_prober *prober);
	void (*destroy)(struct ev_prober *prober);
};

#endif
