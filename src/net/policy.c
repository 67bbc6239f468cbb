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
ev_policy_forbids(const struct ev_prober *prober, const char *host)
{
	return ev_policy_of_host(prober, host)->probe == EV_SAID_NO;
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

bool
ev_policy_forbids_route(const struct ev_prober *prober, const struct ev_route *route)
{
	const struct ev_route_host *best = NULL;

	if (prober->policies.rows == NULL)
		return false;
	for (size_t i = 0; i < route->n_hosts; i++)
	{
		const struct ev_route_host *host = &route->hosts[i];

		if (!is_reachable(&prober->config, host))
			continue;
		if (best != NULL && host->preference != best->preference)
			break;
		if (!ev_policy_forbids(prober, host->name))
			return false;
		best = host;
	}
	return best != NULL;
}
