/*
 * policy.c
 *	  Policies by host name: a hash table of suffixes, asked once for each label of a host's name.
 */
#include "net/policy.h"

#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

struct ev_policy
{
	struct ev_node node;
	struct ev_mx_policy said;
};

void
ev_policies_free(struct ev_policies *policies)
{
	if (policies->rows == NULL)
		return;
	ev_table_free(&policies->table);
	free(policies->rows);
	policies->rows = NULL;
}

bool
ev_policies_set(struct ev_prober *prober, const struct ev_mx_policy *policies, size_t n)
{
	struct ev_policies fresh = {.rows = NULL};

	if (n > 0)
	{
		fresh.rows = calloc(n, sizeof(fresh.rows[0]));
		if (fresh.rows == NULL)
			return false;
		if (!ev_table_init(&fresh.table, prober->seed))
		{
			free(fresh.rows);
			return false;
		}
	}
	for (size_t i = 0; i < n; i++)
	{
		fresh.rows[i].said = policies[i];
		fresh.rows[i].said.suffix[EV_HOST_MAX] = '\0';
		fresh.rows[i].node.name = fresh.rows[i].said.suffix;
		ev_table_insert(&fresh.table, &fresh.rows[i].node);
	}
	ev_policies_free(&prober->policies);
	prober->policies = fresh;
	return true;
}

const struct ev_mx_policy *
ev_policy_of_host(const struct ev_prober *prober, const char *host)
{
	static const struct ev_mx_policy nothing = {.probe = EV_SAID_NOTHING};
	const struct ev_policies *policies = &prober->policies;
	const struct ev_node *node = NULL;

	if (policies->rows == NULL)
		return &nothing;
	while (host[0] != '\0' && node == NULL)
	{
		node = ev_table_find(&policies->table, host);
		host += strcspn(host, ".");
		if (host[0] == '.')
			host++;
	}
	return node == NULL ? &nothing : &EV_ENTRY(node, const struct ev_policy, node)->said;
}

static bool
said_or(uint8_t said, bool built_in)
{
	return said == EV_SAID_NOTHING ? built_in : said == EV_SAID_YES;
}

struct ev_trust
ev_policy_trust(const struct ev_prober *prober, const char *host, enum ev_provider provider)
{
	const struct ev_mx_policy *policy = ev_policy_of_host(prober, host);
	struct ev_trust trust = ev_provider_trust(provider);

	trust.accept = said_or(policy->trust_accept, trust.accept);
	trust.reject = said_or(policy->trust_reject, trust.reject);
	trust.needs_control = said_or(policy->needs_control, trust.needs_control);
	return trust;
}

bool
ev_policy_catch_all_test(const struct ev_prober *prober, const char *host)
{
	return said_or(ev_policy_of_host(prober, host)->catch_all_test, prober->config.catch_all_test);
}

enum ev_visit
ev_policy_visit(const struct ev_prober *prober, const struct ev_route_host *host)
{
	const struct ev_mx_policy *policy = ev_policy_of_host(prober, host->name);

	if (policy->trap == EV_SAID_YES)
		return EV_VISIT_TRAP;
	if (ev_provider_info(host->provider)->kind == EV_PROVIDER_PARKED &&
	    policy->trap == EV_SAID_NOTHING && policy->probe != EV_SAID_YES)
		return EV_VISIT_PARKED;
	return policy->probe == EV_SAID_NO ? EV_VISIT_FORBIDDEN : EV_VISIT_WELCOME;
}

static bool
is_reachable(const struct ev_prober_config *config, const struct ev_route_host *host)
{
	for (uint8_t i = 0; i < host->n_ips; i++)
	{
		if (host->ips[i].v6 ? config->use_v6 : config->use_v4)
			return true;
	}
	return false;
}

/* Nobody is connected to, since that is how it is with this host. */
static void
refrain(struct ev_refrain *why, enum ev_visit visit, enum ev_reason reason,
        const struct ev_route_host *host)
{
	static const struct
	{
		enum ev_detail detail;
		const char *rule;
	} causes[] = {
		[EV_VISIT_FORBIDDEN] = {EV_DETAIL_NEVER_PROBE, "mx_policy.probe"},
		[EV_VISIT_PARKED] = {EV_DETAIL_PARKED_MX, "mx.parked"},
		[EV_VISIT_TRAP] = {EV_DETAIL_TRAP_MX, "mx_policy.trap"},
	};

	if (why == NULL)
		return;
	why->verdict = ev_verdict_of(reason, causes[visit].detail);
	why->rule = causes[visit].rule;
	why->host = host->name;
}

/* By the names of the hosts. */
static bool
hosts_are_unwelcome(const struct ev_prober *prober, const struct ev_route *route,
                    struct ev_refrain *why)
{
	const struct ev_route_host *best = NULL; /* of those that can be reached */
	enum ev_visit cause = EV_VISIT_PARKED;
	bool all_parked = true;

	for (size_t i = 0; i < route->n_hosts; i++)
	{
		if (ev_policy_visit(prober, &route->hosts[i]) != EV_VISIT_TRAP)
			continue;
		refrain(why, EV_VISIT_TRAP, EV_REASON_POSSIBLE_SPAM_TRAP, &route->hosts[i]);
		return true;
	}
	for (size_t i = 0; i < route->n_hosts; i++)
	{
		const struct ev_route_host *host = &route->hosts[i];
		enum ev_visit visit = ev_policy_visit(prober, host);

		if (!is_reachable(&prober->config, host))
			continue;
		all_parked = all_parked && visit == EV_VISIT_PARKED;
		if (best != NULL && host->preference != best->preference)
			continue;
		if (visit == EV_VISIT_WELCOME)
			return false;
		if (best == NULL || visit == EV_VISIT_FORBIDDEN)
		{
			best = host;
			cause = visit;
		}
	}
	if (best != NULL)
		refrain(why, cause,
		        all_parked ? EV_REASON_POSSIBLE_SPAM_TRAP
		                   : EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN,
		        best);
	return best != NULL;
}

bool
ev_policy_refrains(const struct ev_prober *prober, const struct ev_route *route,
                   struct ev_refrain *why)
{
	if (hosts_are_unwelcome(prober, route, why))
		return true;
	if (route->opt_out != EV_OPT_OUT_YES || route->n_hosts == 0)
		return false;
	if (why != NULL)
	{
		why->verdict = ev_verdict_of(EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN, EV_DETAIL_OPT_OUT);
		why->rule = "dns.opt_out";
		why->host = route->hosts[0].name;
	}
	return true;
}
