/*
 * answer.c
 *	  Results and facts out of sessions; see answer.h.
 */
#include "net/answer.h"

#include <string.h>

#include "engine/same_words.h"
#include "engine/sanitize.h"
#include "net/internal.h"

static void
finish(struct ev_prober *prober, struct ev_task *task, const struct ev_domain *domain)
{
	if (domain != NULL && domain->route != NULL)
		task->result.mx_fingerprint = domain->route->fingerprint;
	ev_outbox_result(prober, task);
}

void
ev_answer_internal(struct ev_prober *prober, struct ev_task *task, enum ev_detail detail)
{
	task->result.verdict = ev_verdict_of(EV_REASON_INTERNAL_VERIFIER_ERROR, detail);
	finish(prober, task, NULL);
}

void
ev_answer_internal_all(struct ev_domain *domain)
{
	while (!ev_list_empty(&domain->pending))
		ev_answer_internal(domain->prober, EV_ENTRY(domain->pending.next, struct ev_task, link),
		                   EV_DETAIL_NONE);
}

void
ev_answer_dns(struct ev_task *task, const struct ev_domain *domain)
{
	const struct ev_route *route = domain->route;
	struct ev_result *result = &task->result;

	result->evidence.stage = EV_STAGE_DNS;
	if (route->reason != EV_REASON_PENDING)
	{
		const char *detail = ev_detail_info(route->detail)->label;

		result->verdict = ev_verdict_of(route->reason, route->detail);
		snprintf(result->evidence.rule, sizeof(result->evidence.rule), "dns.%s",
		         detail != NULL ? detail : ev_reason_info(route->reason)->label);
	}
	else
	{
		result->verdict = ev_verdict_of(task->request.dns_only_detail == EV_DETAIL_DAILY_LIMIT
		                                    ? EV_REASON_RATE_LIMITED
		                                    : EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN,
		                                (enum ev_detail) task->request.dns_only_detail);
		strcpy(result->evidence.host, route->hosts[0].name);
	}
	finish(domain->prober, task, domain);
}

void
ev_answer_refraining(struct ev_task *task, const struct ev_domain *domain,
                     const struct ev_refrain *why)
{
	struct ev_result *result = &task->result;

	result->evidence.stage = EV_STAGE_DNS;
	result->verdict = why->verdict;
	strcpy(result->evidence.rule, why->rule);
	strcpy(result->evidence.host, why->host);
	finish(domain->prober, task, domain);
}

void
ev_answer_no_session(struct ev_domain *domain)
{
	while (!ev_list_empty(&domain->pending))
	{
		struct ev_task *task = EV_ENTRY(domain->pending.next, struct ev_task, link);
		struct ev_result *result = &task->result;

		result->verdict =
			ev_verdict_of(EV_REASON_MX_ONLY_VERIFICATION_SEMAPHORE_TIMEOUT, EV_DETAIL_NO_SESSION);
		result->evidence.stage = EV_STAGE_DNS;
		strcpy(result->evidence.rule, "session.wait");
		strcpy(result->evidence.host, domain->route->hosts[0].name);
		finish(domain->prober, task, domain);
	}
}

void
ev_answer_canceled(struct ev_task *task, const struct ev_domain *domain, enum ev_stage stage)
{
	struct ev_result *result = &task->result;

	result->verdict = ev_verdict_of(EV_REASON_SMTP_TIMEOUT, EV_DETAIL_CANCELED);
	result->put_back = true;
	result->evidence.stage = (uint8_t) stage;
	strcpy(result->evidence.rule, "outcome.canceled");
	finish(domain->prober, task, domain);
}

void
ev_answer_canceled_all(struct ev_domain *domain)
{
	while (!ev_list_empty(&domain->pending))
		ev_answer_canceled(EV_ENTRY(domain->pending.next, struct ev_task, link), domain,
		                   EV_STAGE_DNS);
}

/* What the peer may have echoed. */
static struct ev_mask_terms
terms_of(const struct ev_domain *domain, const struct ev_met *met)
{
	const struct ev_prober_config *config = &domain->prober->config;
	struct ev_mask_terms terms = {
		.local = met->rcpt->local,
		.domain = domain->name,
		.sender = config->mail_from,
		.helo = config->helo_name,
		.source_ip = met->source_text[0] != '\0' ? met->source_text : NULL,
		.mx_host = met->host,
		.mx_ip = met->ip_text,
	};

	return terms;
}

/* What does the reply say, if it was one? */
static void
find(const struct ev_domain *domain, const struct ev_met *met, enum ev_provider provider,
     struct ev_finding *out)
{
	struct ev_mask_terms terms = terms_of(domain, met);

	memset(out, 0, sizeof(*out));
	if (met->rcpt->outcome != EV_OUTCOME_REPLY)
		return;
	if (met->rcpt->no_smtputf8)
	{
		/* no reply said so, but the EHLO reply that does not offer it (RFC 6531 3.2) */
		out->about = EV_ABOUT_RECIPIENT;
		out->strength = EV_STRONG;
		out->reason = EV_REASON_SMTPUTF8_UNSUPPORTED;
		strcpy(out->rule, "smtputf8_not_offered");
		return;
	}
	ev_classify(&met->rcpt->reply, met->rcpt->stage, provider, met->rcpt->eai, &terms, out);
	(void) ev_site_rules_apply(
		&(struct ev_site_rules){domain->prober->rules, domain->prober->n_rules}, &met->rcpt->reply,
		met->rcpt->stage, met->host, provider, &terms, out);
}

static void
gather_evidence(struct ev_evidence *evidence, const struct ev_met *met, const char *rule)
{
	const struct ev_smtp_rcpt *rcpt = met->rcpt;

	evidence->stage = (uint8_t) rcpt->stage;
	evidence->tls = rcpt->tls;
	evidence->code = rcpt->reply.code;
	ev_enhanced_format(rcpt->reply.enhanced, evidence->enhanced);
	snprintf(evidence->rule, sizeof(evidence->rule), "%s", rule);
	snprintf(evidence->host, sizeof(evidence->host), "%s", met->host);
	snprintf(evidence->address, sizeof(evidence->address), "%s", met->ip_text);
	if (rcpt->reply.text_len > 0)
		ev_sanitize(rcpt->reply.text, rcpt->reply.text_len, evidence->text, sizeof(evidence->text));
}

/* The words of a refusal; 0 where it is none. */
static uint64_t
words_of(const struct ev_domain *domain, const struct ev_met *met)
{
	struct ev_mask_terms terms = terms_of(domain, met);

	if (met->rcpt->outcome != EV_OUTCOME_REPLY || met->rcpt->reply.code < 500)
		return 0;
	return ev_same_words(&met->rcpt->reply, &terms);
}

/* address: hash of whom it is about. */
static void
judge(const struct ev_domain *domain, const struct ev_met *met, enum ev_random random,
      const struct ev_fact *fact, uint64_t address, struct ev_verdict end, struct ev_judgement *out)
{
	uint64_t now = prober_now(domain->prober);
	struct ev_case the_case;

	memset(&the_case, 0, sizeof(the_case));
	the_case.outcome = met->rcpt->outcome;
	the_case.stage = met->rcpt->stage;
	the_case.random = random;
	the_case.control = ev_fact_control(fact, address, now);
	the_case.random_text_same = ev_fact_says_unknown(fact, words_of(domain, met), now,
	                                                 domain->prober->config.random_max_age);
	the_case.bystander = met->rcpt->bystander;
	the_case.end = end;
	the_case.provider = ev_provider_of_host(met->host, strlen(met->host));
	the_case.trust = ev_policy_trust(domain->prober, met->host, the_case.provider);
	the_case.random_unwanted = !ev_policy_catch_all_test(domain->prober, met->host);
	find(domain, met, the_case.provider, &the_case.finding);
	ev_judge(&the_case, out);
}

static void
answer(struct ev_domain *domain, struct ev_task *task, const struct ev_met *met,
       const struct ev_judgement *judgement, bool asked)
{
	struct ev_result *result = &task->result;

	result->verdict = judgement->verdict;
	result->put_back = judgement->put_back;
	result->confirm = judgement->confirm;
	result->retry_after = judgement->retry_after;
	result->probed |= asked;
	gather_evidence(&result->evidence, met, judgement->rule);
	finish(domain->prober, task, domain);
}

/* Was the recipient accepted as such?  252 is not that. */
static bool
was_accepted(const struct ev_smtp_rcpt *rcpt)
{
	return rcpt->outcome == EV_OUTCOME_REPLY && rcpt->stage == EV_STAGE_RCPT &&
	       (rcpt->reply.code == 250 || rcpt->reply.code == 251);
}

/* Tell the caller what was learned of the host, if anything was. */
static void
announce(struct ev_domain *domain, const struct ev_session *session, enum ev_random random,
         uint64_t words, bool accepted, uint16_t limit)
{
	struct ev_host_fact fact;

	if (random == EV_RANDOM_UNKNOWN && !accepted && limit == 0)
		return;
	memset(&fact, 0, sizeof(fact));
	fact.random_words = random == EV_RANDOM_REFUSED ? words : 0;
	strcpy(fact.domain, domain->name);
	strcpy(fact.host, session->host);
	fact.random = (uint8_t) random;
	fact.accepted = accepted;
	fact.limit = limit;
	if (random != EV_RANDOM_UNKNOWN)
		memcpy(fact.random_local, session->config.random_local, sizeof(fact.random_local) - 1);
	ev_outbox_host(domain->prober, &fact);
}

/* Has the host ended the session before all had their turn?  Returns how many it bears, or 0. */
static uint16_t
learn_limit(const struct ev_session *session, struct ev_fact *fact, size_t n, uint64_t now)
{
	const struct ev_smtp *smtp = &session->smtp;
	bool unasked =
		session->smtp.random.outcome == EV_OUTCOME_REPLY && session->smtp.random.reply.code == 421;

	for (size_t i = 0; i < n; i++)
		unasked |=
			session->rcpts[i].outcome == EV_OUTCOME_NOT_ASKED || session->rcpts[i].bystander ||
			(session->rcpts[i].outcome == EV_OUTCOME_REPLY &&
		     session->rcpts[i].stage == EV_STAGE_RCPT && session->rcpts[i].reply.code == 421);

	/* who answers for nobody would not answer for fewer either */
	if (smtp->ended == EV_OUTCOME_NOT_ASKED || smtp->ended == EV_OUTCOME_CANCELED ||
	    smtp->limit_reached || smtp->answered == 0 || !unasked)
		return 0;
	return ev_fact_ended_early(fact, smtp->answered, n, smtp->ended == EV_OUTCOME_REPLY, now);
}

/*
 * Take what the session tells of the host into its facts; returns the state of made-up recipients.
 */
static enum ev_random
learn(struct ev_domain *domain, const struct ev_session *session, struct ev_fact *fact,
      struct ev_task **tasks, size_t n)
{
	struct ev_prober *prober = domain->prober;
	uint64_t now = prober_now(prober);
	struct ev_met met = {&session->smtp.random, session->host, session->ip_text,
	                     session->source_text};
	enum ev_random random = ev_fact_random(fact, now, prober->config.random_max_age);
	uint16_t limit = learn_limit(session, fact, n, now);
	bool accepted = false;

	for (size_t i = 0; i < n; i++)
	{
		const struct ev_smtp_rcpt *rcpt = &session->rcpts[i];

		if (was_accepted(rcpt))
		{
			accepted = true;
			ev_fact_accepted(fact, tasks[i]->address_hash, now);
		}
		else if (rcpt->outcome == EV_OUTCOME_REPLY && rcpt->stage == EV_STAGE_RCPT &&
		         rcpt->reply.code >= 500)
		{
			struct ev_met one = {rcpt, session->host, session->ip_text, session->source_text};

			ev_fact_refused(fact, tasks[i]->address_hash, words_of(domain, &one), now);
		}
	}

	if (session->smtp.random_asked)
	{
		struct ev_finding finding;

		find(domain, &met, ev_provider_of_host(session->host, strlen(session->host)), &finding);
		random = ev_random_from(session->smtp.random.outcome, &finding);
		if (random == EV_RANDOM_REFUSED || random == EV_RANDOM_ACCEPTED)
		{
			ev_fact_learn_random(fact, random, words_of(domain, &met), now);
			domain->random_local[0] = '\0'; /* the test has ended; the next one takes a new name */
		}
		announce(domain, session, random, words_of(domain, &met), accepted, limit);
	}
	else
	{
		announce(domain, session, EV_RANDOM_UNKNOWN, 0, accepted, limit);
		/* it was to be asked for, and the session ended before its turn */
		if (session->config.ask_random && session->smtp.accepted > 0)
			random = EV_RANDOM_CLOSED;
	}
	if (random == EV_RANDOM_UNKNOWN &&
	    ev_facts_refused_elsewhere(&domain->facts, fact, now, prober->config.random_max_age))
		random = EV_RANDOM_OTHER_HOST;
	return random;
}

/* Is it an answer about the mailbox, and not about the circumstances? */
static bool
is_clear(const struct ev_judgement *judgement)
{
	switch (judgement->verdict.reason)
	{
		case EV_REASON_SMTP_UNVERIFIABLE:
		case EV_REASON_MAILBOX_FULL:
		case EV_REASON_MAILBOX_DISABLED: return !judgement->put_back;
		default: return !judgement->put_back && judgement->verdict.status != EV_STATUS_UNKNOWN;
	}
}

/* What ended a session, as if it had happened to somebody: to those whose turn did not come. */
static struct ev_smtp_rcpt
end_of(const struct ev_session *session, size_t n)
{
	const struct ev_smtp *smtp = &session->smtp;
	struct ev_smtp_rcpt end;

	memset(&end, 0, sizeof(end));
	end.outcome = smtp->ended;
	end.stage = smtp->ended_at;
	end.tls = smtp->tls;
	if (smtp->ended != EV_OUTCOME_REPLY)
		return end;
	end.reply = smtp->last;
	/* whom it was said to: the text may quote that name */
	for (size_t i = 0; i < n; i++)
		if (session->rcpts[i].asked && session->rcpts[i].reply.code == end.reply.code)
			strcpy(end.local, session->rcpts[i].local);
	return end;
}

/*
 * What to say of them.  A reply that was about somebody else is not what they stand on.
 */
static struct ev_verdict
judge_end(const struct ev_domain *domain, const struct ev_session *session,
          struct ev_smtp_rcpt *end)
{
	struct ev_met met = {end, session->host, session->ip_text, session->source_text};
	struct ev_case the_case;
	struct ev_verdict verdict;

	memset(&the_case, 0, sizeof(the_case));
	the_case.outcome = end->outcome;
	the_case.stage = end->stage;
	find(domain, &met, ev_provider_of_host(session->host, strlen(session->host)),
	     &the_case.finding);
	verdict = ev_judge_end(&the_case);
	if (end->outcome == EV_OUTCOME_REPLY && verdict.reason != the_case.finding.reason)
		memset(&end->reply, 0, sizeof(end->reply));
	return verdict;
}

bool
ev_answer_session(struct ev_domain *domain, const struct ev_session *session,
                  struct ev_task **tasks, size_t n, bool plain_retry)
{
	struct ev_prober *prober = domain->prober;
	uint64_t now = prober_now(prober);
	struct ev_fact *fact = ev_facts_of(&domain->facts, ev_host_hash(session->host), now);
	enum ev_random random = learn(domain, session, fact, tasks, n);
	struct ev_smtp_rcpt end_rcpt = end_of(session, n);
	struct ev_verdict end = judge_end(domain, session, &end_rcpt);
	bool clear = true;

	for (size_t i = 0; i < n; i++)
	{
		struct ev_smtp_rcpt rcpt = session->rcpts[i];
		struct ev_met met = {&rcpt, session->host, session->ip_text, session->source_text};
		struct ev_judgement judgement;

		if (rcpt.asked)
			prober_count(prober, rcpts_total);
		/* RFC 3207 4: 530 insists on TLS, and that has just failed */
		if (plain_retry && rcpt.outcome == EV_OUTCOME_REPLY && rcpt.reply.code == 530)
			rcpt.outcome = EV_OUTCOME_TLS;
		judge(domain, &met, random, fact, tasks[i]->address_hash, end, &judgement);
		tasks[i]->result.probed |= rcpt.asked;
		if (rcpt.outcome == EV_OUTCOME_NOT_ASKED && judgement.put_back)
		{
			/* our own limit: the next session begins with those that are left, and so has an end */
			if (session->smtp.limit_reached)
				continue;
			met.rcpt = &end_rcpt;
		}
		/* accepted, but the test for a catch-all did not come to its turn */
		if (session->smtp.ended == EV_OUTCOME_CANCELED && was_accepted(&rcpt) &&
		    !is_clear(&judgement))
		{
			ev_answer_canceled(tasks[i], domain, rcpt.stage);
			tasks[i] = NULL;
			continue;
		}
		clear = clear && is_clear(&judgement);
		answer(domain, tasks[i], &met, &judgement, rcpt.asked);
		tasks[i] = NULL;
	}
	if (session->smtp.random_asked)
		prober_count(prober, rcpts_total);
	return clear;
}

void
ev_answer_failure(struct ev_domain *domain, const struct ev_met *met, struct ev_task **tasks,
                  size_t n)
{
	struct ev_prober *prober = domain->prober;
	uint64_t now = prober_now(prober);
	struct ev_fact *fact = ev_facts_of(&domain->facts, ev_host_hash(met->host), now);
	enum ev_random random = ev_fact_random(fact, now, prober->config.random_max_age);
	const struct ev_verdict none = {0};

	for (size_t i = 0; i < n; i++)
	{
		struct ev_judgement judgement;

		judge(domain, met, random, fact, tasks[i]->address_hash, none, &judgement);
		if (met->rcpt->outcome == EV_OUTCOME_NO_EGRESS)
			judgement.retry_after = ev_egress_retry(prober, strchr(met->ip_text, ':') != NULL);
		answer(domain, tasks[i], met, &judgement, met->rcpt->asked);
		tasks[i] = NULL;
	}
}
