/*
 * planner.c
 *	  Which recipients are asked for in which session, and at which host.
 *
 * A batch of a domain's requests takes a slot and is tried at the domain's hosts in order of
 * preference, v4 before v6, until one lets us in.  What the batch met at a host that did not is
 * kept if it says more than what was met before, for the case that none does.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

#include "net/answer.h"
#include "net/trace.h"

struct candidate
{
	uint8_t host; /* index into the route's */
	struct ev_ip ip;
};

/* A batch under way. */
struct ev_attempt
{
	struct ev_list link; /* in prober->attempts */
	struct ev_domain *domain;
	struct ev_session *session;
	size_t n_candidates;
	size_t at;  /* the one being tried */
	bool plain; /* TLS has failed there: now without */
	struct candidate candidates[EV_CANDIDATES_MAX];

	/* the best evidence so far; valid if best_rank > 0 */
	int best_rank;
	struct ev_smtp_rcpt best;
	uint8_t best_host;
	struct ev_ip best_ip;
	char best_source[EV_IP_TEXT_MAX + 1];

	size_t n;
	struct ev_task *tasks[];
};

static void try_candidate(struct ev_attempt *attempt);

/*
 * Is a made-up recipient to be asked for at this host?  Whose 250 means nothing need not be tested for
 * it, unless that is what would be shown.
 */
static bool
wants_random(const struct ev_domain *domain, const char *host)
{
	const struct ev_prober *prober = domain->prober;
	enum ev_provider family = ev_provider_of_host(host, strlen(host));

	return ev_policy_catch_all_test(prober, host) &&
	       (ev_policy_trust(prober, host, family).accept ||
	        ev_provider_info(family)->kind == EV_PROVIDER_ACCEPT_ALL) &&
	       ev_facts_random(&domain->facts, ev_host_hash(host), prober_now(prober),
	                       prober->config.random_max_age) == EV_RANDOM_UNKNOWN;
}

/* The addresses to try, most preferred first; not those of hosts that nobody connects to. */
static void
list_candidates(struct ev_attempt *attempt)
{
	struct ev_domain *domain = attempt->domain;
	const struct ev_prober_config *config = &domain->prober->config;
	const struct ev_route *route = domain->route;
	const char *last_ip = "";
	struct ev_ip last;

	for (size_t i = 0; i < route->n_hosts; i++)
	{
		if (ev_policy_visit(domain->prober, &route->hosts[i]) != EV_VISIT_WELCOME)
			continue;
		for (uint8_t k = 0; k < route->hosts[i].n_ips; k++)
		{
			const struct ev_ip *ip = &route->hosts[i].ips[k];

			if (!(ip->v6 ? config->use_v6 : config->use_v4) ||
			    attempt->n_candidates == EV_CANDIDATES_MAX)
				continue;
			attempt->candidates[attempt->n_candidates].host = (uint8_t) i;
			attempt->candidates[attempt->n_candidates++].ip = *ip;
		}
	}

	/* grey-lists are kept by host: go back to the one that has seen us */
	for (size_t i = 0; i < attempt->n && last_ip[0] == '\0'; i++)
		last_ip = attempt->tasks[i]->request.last_ip;
	if (last_ip[0] == '\0' || !ev_ip_parse(last_ip, &last))
		return;
	for (size_t i = 1; i < attempt->n_candidates; i++)
	{
		struct candidate found = attempt->candidates[i];

		if (found.ip.v6 != last.v6 || memcmp(found.ip.bytes, last.bytes, 16) != 0)
			continue;
		memmove(&attempt->candidates[1], &attempt->candidates[0], i * sizeof(found));
		attempt->candidates[0] = found;
		return;
	}
}

/*
 * Recipients of one session that a host wants, by the site's word and by what it has borne so far.  The
 * made-up one is one of them where it has to be asked for.
 */
static size_t
wanted_by(const struct ev_domain *domain, const char *host)
{
	const struct ev_prober *prober = domain->prober;
	const struct ev_mx_policy *policy = ev_policy_of_host(prober, host);
	size_t wanted =
		policy->rcpt_per_session > 0 ? policy->rcpt_per_session : prober->config.rcpt_per_session;
	size_t borne = ev_facts_limit(&domain->facts, ev_host_hash(host), prober_now(prober));

	if (borne > 1 && wants_random(domain, host))
		borne--;
	return borne > 0 && borne < wanted ? borne : wanted;
}

/*
 * A batch may come to any of its domain's hosts, so it is as small as the one that wants the fewest
 * has it.
 */
static size_t
batch_limit(const struct ev_domain *domain)
{
	const struct ev_prober *prober = domain->prober;
	const struct ev_route *route = domain->route;
	size_t limit = 0;

	for (size_t i = 0; i < route->n_hosts; i++)
	{
		const struct ev_route_host *host = &route->hosts[i];
		size_t wanted;

		if (host->n_ips == 0 || ev_policy_visit(prober, host) != EV_VISIT_WELCOME)
			continue;
		wanted = wanted_by(domain, host->name);
		if (limit == 0 || wanted < limit)
			limit = wanted;
	}
	return limit > 0 ? limit : prober->config.rcpt_per_session;
}

/*
 * Take tasks of the domain into a new batch, those that need SMTPUTF8 last: they cost a MAIL of
 * their own.
 */
static struct ev_attempt *
new_attempt(struct ev_domain *domain)
{
	struct ev_prober *prober = domain->prober;
	size_t limit = batch_limit(domain);
	struct ev_attempt *attempt;
	size_t n = 0;

	for (struct ev_list *l = domain->pending.next; l != &domain->pending && n < limit; l = l->next)
		n++;
	attempt = calloc(1, sizeof(*attempt) + n * sizeof(attempt->tasks[0]));
	if (attempt == NULL)
		return NULL;
	attempt->domain = domain;
	for (int eai = 0; eai < 2; eai++)
	{
		struct ev_list *next;
		size_t seen = 0;

		for (struct ev_list *l = domain->pending.next;
		     l != &domain->pending && seen < limit && attempt->n < n; l = next, seen++)
		{
			struct ev_task *task = EV_ENTRY(l, struct ev_task, link);

			next = l->next;
			if (eai == 0 && task->request.address.eai)
				continue;
			ev_list_remove(&task->link);
			attempt->tasks[attempt->n++] = task;
		}
	}
	list_candidates(attempt);
	ev_list_push(&prober->attempts, &attempt->link);
	domain->attempt = attempt;
	prober->slots_used++;
	return attempt;
}

/* The batch is over: tasks that are left go back to where they came from. */
static void
end_attempt(struct ev_attempt *attempt)
{
	struct ev_domain *domain = attempt->domain;
	struct ev_list *front = domain->pending.next;

	for (size_t i = 0; i < attempt->n; i++)
	{
		if (attempt->tasks[i] != NULL)
			ev_list_push(front, &attempt->tasks[i]->link);
	}
	ev_list_remove(&attempt->link);
	domain->prober->slots_used--;
	domain->attempt = NULL;
	free(attempt);
	ev_domain_advance(domain);
}

static void
fill_config(struct ev_attempt *attempt, struct ev_smtp_config *out, const char *host)
{
	struct ev_domain *domain = attempt->domain;
	struct ev_prober *prober = domain->prober;
	const struct ev_prober_config *config = &prober->config;
	const struct ev_provider_info *provider =
		ev_provider_info(ev_provider_of_host(host, strlen(host)));
	const struct ev_mx_policy *policy = ev_policy_of_host(prober, host);

	strcpy(out->helo_name, config->helo_name);
	strcpy(out->mail_from, config->mail_from);
	strcpy(out->domain, domain->name);
	out->ask_random = wants_random(domain, host);
	strcpy(out->random_local, ev_domain_random_local(domain));
	out->use_tls = config->use_tls && !attempt->plain;
	out->use_pipelining = true;
	out->rcpt_per_transaction = policy->rcpt_per_transaction > 0 ? policy->rcpt_per_transaction
	                            : provider->one_rcpt             ? 1
	                                                             : config->rcpt_per_transaction;
	out->max_refused = config->max_refused;
	out->timeout = config->timeout;
}

/* How much does an outcome before RCPT tell? */
static int
rank_of(enum ev_outcome outcome)
{
	switch (outcome)
	{
		case EV_OUTCOME_REPLY: return 5;
		case EV_OUTCOME_GARBAGE:
		case EV_OUTCOME_TOO_LONG:
		case EV_OUTCOME_CLOSED: return 4;
		case EV_OUTCOME_TIMEOUT:
		case EV_OUTCOME_SESSION_TIMEOUT: return 3;
		case EV_OUTCOME_REFUSED: return 2;
		default: return 1;
	}
}

/* What was met at a host that did not let us in. */
static void
keep_best(struct ev_attempt *attempt, const struct ev_smtp_rcpt *rcpt, const char *source)
{
	int rank = rank_of(rcpt->outcome);

	if (rank < attempt->best_rank)
		return;
	attempt->best_rank = rank;
	attempt->best = *rcpt;
	attempt->best_host = attempt->candidates[attempt->at].host;
	attempt->best_ip = attempt->candidates[attempt->at].ip;
	strcpy(attempt->best_source, source);
}

static void
keep_failure(struct ev_attempt *attempt, enum ev_outcome outcome)
{
	const struct candidate *candidate = &attempt->candidates[attempt->at];
	struct ev_prober *prober = attempt->domain->prober;
	struct ev_smtp_rcpt rcpt;

	ev_egress_failed(prober, &candidate->ip, attempt->domain->route->hosts[candidate->host].name,
	                 outcome);
	outcome = ev_egress_outcome(prober, candidate->ip.v6, outcome);

	memset(&rcpt, 0, sizeof(rcpt));
	rcpt.outcome = outcome;
	rcpt.stage = outcome == EV_OUTCOME_CLOSED ? EV_STAGE_GREETING : EV_STAGE_CONNECT;
	keep_best(attempt, &rcpt, "");
}

/* No host is left: answer by the best evidence. */
static void
give_up(struct ev_attempt *attempt)
{
	const struct ev_route *route = attempt->domain->route;
	char ip_text[EV_IP_TEXT_MAX + 1] = "";
	struct ev_met met = {&attempt->best, route->hosts[attempt->best_host].name, ip_text,
	                     attempt->best_source};

	if (attempt->best_rank == 0)
	{
		/* there was nobody to try: only when the families in use have just been changed */
		attempt->best.outcome = EV_OUTCOME_UNREACHABLE;
		attempt->best.stage = EV_STAGE_CONNECT;
	}
	else
		ev_ip_text(&attempt->best_ip, ip_text);
	ev_answer_failure(attempt->domain, &met, attempt->tasks, attempt->n);
	end_attempt(attempt);
}

static void
try_candidate(struct ev_attempt *attempt)
{
	struct ev_domain *domain = attempt->domain;
	struct ev_prober *prober = domain->prober;

	/* policies may have changed since the batch began; those left are answered accordingly */
	if (ev_policy_refrains(prober, domain->route, NULL))
	{
		end_attempt(attempt);
		return;
	}
	for (; attempt->at < attempt->n_candidates; attempt->at++, attempt->plain = false)
	{
		const struct candidate *candidate = &attempt->candidates[attempt->at];
		const struct ev_route_host *route_host = &domain->route->hosts[candidate->host];
		const char *host = route_host->name;
		struct ev_session *session;

		if (ev_policy_visit(prober, route_host) != EV_VISIT_WELCOME)
			continue;
		if (!ev_egress_may_try(prober, candidate->ip.v6))
		{
			keep_failure(attempt, EV_OUTCOME_NO_EGRESS);
			continue;
		}
		session = ev_session_new(prober, attempt, host, &candidate->ip, attempt->n);
		if (session == NULL)
		{
			for (size_t i = 0; i < attempt->n; i++)
			{
				ev_answer_internal(prober, attempt->tasks[i], EV_DETAIL_NONE);
				attempt->tasks[i] = NULL;
			}
			end_attempt(attempt);
			return;
		}
		session->trace_id = attempt->tasks[0]->request.id;
		fill_config(attempt, &session->config, host);
		for (size_t i = 0; i < attempt->n; i++)
		{
			strcpy(session->rcpts[i].local, attempt->tasks[i]->request.address.local);
			session->rcpts[i].eai = attempt->tasks[i]->request.address.eai;
		}
		attempt->session = session;
		if (ev_session_connect(session, attempt->n))
			return;
		keep_failure(attempt, session->outcome);
		attempt->session = NULL;
		session->failed = true;
		ev_session_drop(session);
	}
	give_up(attempt);
}

/* We have stopped before any host let the batch in. */
static void
cancel_attempt(struct ev_attempt *attempt)
{
	for (size_t i = 0; i < attempt->n; i++)
	{
		ev_answer_canceled(attempt->tasks[i], attempt->domain, EV_STAGE_CONNECT);
		attempt->tasks[i] = NULL;
	}
	end_attempt(attempt);
}

/* Is the batch tried elsewhere, or in another way, since this session did not get far?  Then that has begun. */
static bool
tries_again(struct ev_attempt *attempt, struct ev_session *session)
{
	if (session->outcome != EV_OUTCOME_REPLY)
	{
		keep_failure(attempt, session->outcome);
		attempt->at++;
		attempt->plain = false;
	}
	else if (ev_smtp_wants_plain(&session->smtp) && !attempt->plain)
	{
		ev_trace_event(session, "again without TLS");
		attempt->plain = true;
	}
	else if (ev_smtp_may_fall_over(&session->smtp))
	{
		keep_best(attempt, &session->rcpts[0], session->source_text);
		attempt->at++;
		attempt->plain = false;
	}
	else
		return false;
	try_candidate(attempt);
	return true;
}

bool
ev_attempt_over(struct ev_attempt *attempt, struct ev_session *session)
{
	bool clear;

	attempt->session = NULL;
	if (session->outcome == EV_OUTCOME_CANCELED)
	{
		cancel_attempt(attempt);
		return false;
	}
	if (!attempt->domain->prober->canceling && tries_again(attempt, session))
		return false;
	if (session->smtp.action == EV_SMTP_DRAIN)
	{
		/* one connection at a time, until the very end */
		session->domain = attempt->domain;
		attempt->domain->draining = session;
	}
	clear = ev_answer_session(attempt->domain, session, attempt->tasks, attempt->n, attempt->plain);
	end_attempt(attempt);
	return clear;
}

bool
ev_planner_can_start(const struct ev_prober *prober)
{
	return !ev_list_empty(&prober->ready) && prober->slots_used < prober->config.max_sessions;
}

static void on_wait_timer(uv_timer_t *timer);

/* Domains that have waited for too long are told so, the others have a timer for the first. */
static void
end_waits(struct ev_prober *prober)
{
	uint64_t wait = prober->config.session_wait;

	while (wait > 0 && !ev_list_empty(&prober->ready))
	{
		struct ev_domain *domain = EV_ENTRY(prober->ready.next, struct ev_domain, ready);
		uint64_t waited = prober_now(prober) - domain->ready_since;

		if (waited < wait)
		{
			uv_timer_start(&prober->wait_timer, on_wait_timer, wait - waited, 0);
			return;
		}
		ev_list_remove(&domain->ready);
		ev_answer_no_session(domain);
		ev_domain_advance(domain);
	}
	uv_timer_stop(&prober->wait_timer);
}

static void
on_wait_timer(uv_timer_t *timer)
{
	end_waits(timer->data);
}

static void
start_sessions(struct ev_prober *prober)
{
	while (ev_planner_can_start(prober))
	{
		struct ev_domain *domain = EV_ENTRY(ev_list_shift(&prober->ready), struct ev_domain, ready);
		struct ev_attempt *attempt;

		/* it may have waited for longer than its route, the settings or the policies hold */
		if (domain->expires <= prober_now(prober) || !prober_may_visit(prober) ||
		    ev_policy_refrains(prober, domain->route, NULL))
		{
			ev_domain_advance(domain);
			continue;
		}
		attempt = new_attempt(domain);
		if (attempt != NULL)
			try_candidate(attempt);
		else
		{
			ev_answer_internal_all(domain);
			ev_domain_advance(domain);
		}
	}
}

void
ev_planner_pump(struct ev_prober *prober)
{
	start_sessions(prober);
	end_waits(prober);
}

void
ev_planner_cancel(struct ev_prober *prober)
{
	const struct ev_table *table = &prober->domains.table;

	prober->canceling = true;
	while (!ev_list_empty(&prober->attempts))
	{
		struct ev_attempt *attempt = EV_ENTRY(prober->attempts.next, struct ev_attempt, link);

		ev_session_cancel(attempt->session);
	}
	for (size_t i = 0; i < table->n_slots; i++)
	{
		for (struct ev_node *node = table->slots[i]; node != NULL; node = node->next)
		{
			struct ev_domain *domain = EV_ENTRY(node, struct ev_domain, node);

			if (ev_list_empty(&domain->pending))
				continue;
			ev_answer_canceled_all(domain);
			ev_domain_advance(domain);
		}
	}
	prober->canceling = false;
}

void
ev_planner_abandon(struct ev_prober *prober)
{
	struct ev_list *link;

	while ((link = ev_list_shift(&prober->attempts)) != NULL)
	{
		struct ev_attempt *attempt = EV_ENTRY(link, struct ev_attempt, link);

		if (attempt->session != NULL)
			ev_session_close(attempt->session);
		for (size_t i = 0; i < attempt->n; i++)
			free(attempt->tasks[i]);
		free(attempt);
	}
	while ((link = ev_list_shift(&prober->draining)) != NULL)
	{
		/* back in, so that closing it finds it there */
		ev_list_push(&prober->draining, link);
		ev_session_close(EV_ENTRY(link, struct ev_session, link));
	}
}
