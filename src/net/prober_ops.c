/*
 * prober_ops.c
 *	  The functions of prober.h, for whatever kind of prober; see prober_ops.h.
 */
#include "net/prober_ops.h"

static const struct ev_prober_ops *
ops_of(const struct ev_prober *prober)
{
	return *(const struct ev_prober_ops *const *) prober;
}

bool
ev_prober_configure(struct ev_prober *prober, const struct ev_prober_config *config, char *error,
                    size_t size)
{
	return ops_of(prober)->configure(prober, config, error, size);
}

bool
ev_prober_set_policies(struct ev_prober *prober, const struct ev_mx_policy *policies, size_t n)
{
	return ops_of(prober)->set_policies(prober, policies, n);
}

bool
ev_prober_set_rules(struct ev_prober *prober, const struct ev_site_rule *rules, size_t n)
{
	return ops_of(prober)->set_rules(prober, rules, n);
}

void
ev_prober_examine(struct ev_prober *prober, const struct ev_health_request *request)
{
	ops_of(prober)->examine(prober, request);
}

size_t
ev_prober_room(const struct ev_prober *prober)
{
	return ops_of(prober)->room(prober);
}

size_t
ev_prober_submit(struct ev_prober *prober, const struct ev_request *requests, size_t n)
{
	return ops_of(prober)->submit(prober, requests, n);
}

void
ev_prober_run(struct ev_prober *prober)
{
	ops_of(prober)->run(prober);
}

size_t
ev_prober_collect(struct ev_prober *prober, struct ev_message *messages, size_t n)
{
	return ops_of(prober)->collect(prober, messages, n);
}

int
ev_prober_fd(const struct ev_prober *prober)
{
	return ops_of(prober)->fd(prober);
}

int
ev_prober_deadline(struct ev_prober *prober)
{
	return ops_of(prober)->deadline(prober);
}

void
ev_prober_stats(const struct ev_prober *prober, struct ev_prober_stats *stats)
{
	ops_of(prober)->stats(prober, stats);
}

void
ev_prober_forget(struct ev_prober *prober)
{
	ops_of(prober)->forget(prober);
}

void
ev_prober_cancel(struct ev_prober *prober)
{
	ops_of(prober)->cancel(prober);
}

void
ev_prober_destroy(struct ev_prober *prober)
{
	if (prober != NULL)
		ops_of(prober)->destroy(prober);
}
