/*
 * probing.c
 *	  Between queue and prober: settings in, requests in, results out as rows to be stored.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <sys/resource.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/shared/nat64_setting.h"
#include "pg/worker/cancel.h"
#include "pg/worker/egress.h"
#include "pg/worker/health.h"
#include "pg/worker/lease.h"
#include "pg/worker/lines.h"
#include "pg/worker/lost.h"
#include "pg/worker/transcript.h"
#include "pg/worker/withheld.h"

/*
 * Requests that the prober holds, for each SMTP session that may be open: enough to keep all of
 * them busy.
 */
#define REQUESTS_PER_SESSION 10

/* A mail server of the site's own word may have one part in so many of them for a session. */
#define LINE_SHARE 8

/* Seconds of a day's beginning in which those are asked for for whom the day before had no room. */
#define BUDGET_SPREAD 3600

static void
fill_config(const EvSettings *s, struct ev_prober_config *c)
{
	char prefixes[EV_NAT64_TEXT_MAX + 1];

	ev_prober_config_default(c);
	strlcpy(c->helo_name, s->helo_name, sizeof(c->helo_name));
	strlcpy(c->mail_from, s->mail_from, sizeof(c->mail_from));
	strlcpy(c->dns_servers, s->dns_servers, sizeof(c->dns_servers));
	/* who asks nobody need not know whom to believe */
	if (s->mode >= EV_MODE_DNS)
		strlcpy(c->dns_canaries, s->dns_canaries, sizeof(c->dns_canaries));
	strlcpy(c->source_v4, s->source_ipv4, sizeof(c->source_v4));
	strlcpy(c->source_v6, s->source_ipv6, sizeof(c->source_v6));
	c->smtp_port = (uint16_t) s->smtp_port;
	c->allow_private = s->allow_private_networks == EV_PRIVATE_ON;
	c->allow_loopback = s->allow_private_networks == EV_PRIVATE_LOOPBACK;
	strlcpy(prefixes, s->nat64_prefixes, sizeof(prefixes));
	(void) ev_nat64_read(prefixes, &c->nat64);
	c->use_v4 = s->ipv4;
	c->use_v6 = s->ipv6;
	c->use_tls = s->tls;
	c->catch_all_test = s->catch_all_test;
	c->transcripts = (uint8_t) s->log_transcripts;
	c->max_sessions = s->max_sessions;
	c->session_wait = s->session_wait_timeout;
	c->max_lookups = s->max_lookups;
	c->max_requests = s->max_sessions * REQUESTS_PER_SESSION;
	c->dns_timeout = s->dns_timeout;
	c->dns_tries = s->dns_tries;
	c->rcpt_per_transaction = (uint16_t) s->rcpt_per_transaction;
	c->rcpt_per_session = (uint16_t) s->rcpt_per_session;
	c->max_refused = (uint16_t) s->max_refused;
	c->random_max_age = s->catch_all_max_age;
	c->egress_trial = (uint32_t) s->egress_trial_interval;
	c->timeout.connect = s->connect_timeout;
	c->timeout.greeting = s->greeting_timeout;
	c->timeout.ehlo = s->ehlo_timeout;
	c->timeout.mail = s->mail_timeout;
	c->timeout.rcpt = s->rcpt_timeout;
	c->timeout.session = s->session_timeout;
	strlcpy(c->crash_on, s->debug_crash_on, sizeof(c->crash_on));
}

static void
fill_schedule(const EvSettings *s, struct ev_schedule *schedule)
{
	const char *detail = NULL;
	const struct
	{
		enum ev_retry retry;
		const char *text;
	} lists[] = {{EV_RETRY_GREYLIST, s->greylist_delays},
	             {EV_RETRY_TRANSIENT, s->transient_delays},
	             {EV_RETRY_CONNECTION, s->connection_delays},
	             {EV_RETRY_BLOCKED, s->blocked_delays},
	             {EV_RETRY_CATCHALL, s->catch_all_delays}};

	*schedule = ev_schedule_default;
	for (size_t i = 0; i < lengthof(lists); i++)
		(void) ev_settings_parse_delays(lists[i].text, &schedule->ladder[lists[i].retry], &detail);
}

/*
 * Sockets are not counted in the server's own budget of files: they get headroom of their own, so
 * that neither can starve the other.
 */
static void
make_room_for_sockets(int sessions)
{
	static bool made = false;
	struct rlimit limit;
	rlim_t want;

	if (made || getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	made = true;
	/* sessions that only wait for the peer to close are not counted among those that may be open */
	want = limit.rlim_cur + 2 * (rlim_t) sessions + 128;
	if (limit.rlim_max != RLIM_INFINITY && want > limit.rlim_max)
		want = limit.rlim_max;
	limit.rlim_cur = want;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		ereport(LOG, (errmsg("could not raise the limit of open files: %m")));
}

/* The program of a prober's process lies where our own library does. */
static bool
find_program(char *path, size_t size)
{
	Dl_info info;
	const char *slash;

	if (dladdr((void *) ev_probing_configure, &info) == 0 || info.dli_fname[0] != '/')
		return false;
	slash = strrchr(info.dli_fname, '/');
	return snprintf(path, size, "%.*s/email_verify_prober", (int) (slash - info.dli_fname),
	                info.dli_fname) < (int) size;
}

/* NULL with a message. */
static struct ev_prober *
create_prober(const EvSettings *settings, const struct ev_prober_config *config, char *error,
              size_t size)
{
	char program[MAXPGPATH];

	if (settings->prober == EV_PROBER_INLINE)
	{
		make_room_for_sockets(settings->max_sessions);
		return ev_prober_create(config, error, size);
	}
	if (!find_program(program, sizeof(program)))
	{
		strlcpy(error, "the library's own place is not known", size);
		return NULL;
	}
	return ev_prober_create_process(config, program, error, size);
}

/* The new prober takes the place of one that was somewhere else, or of none. */
static void
use_prober(EvWorker *worker, struct ev_prober *prober)
{
	if (worker->prober != NULL)
	{
		ev_lost_mark(worker, false);
		ev_prober_destroy(worker->prober);
	}
	worker->prober = prober;
	worker->prober_place = worker->settings.prober;
	worker->prober_is_new = true;
	worker->policies_stale = true;
}

void
ev_probing_end(EvWorker *worker)
{
	ev_prober_destroy(worker->prober);
	worker->prober = NULL;
}

/*
 * A domain may have two sessions' recipients under way: while some are asked for, the next ones wait in
 * the prober.  Which host it will be is not known when they are taken; the most generous one counts, as
 * long as it leaves room for others.
 */
static void
set_line_cap(EvWorker *worker)
{
	int usual = worker->settings.rcpt_per_session;
	int most = Max(worker->rcpt_per_session, usual);

	/* where nobody is connected to a look-up answers for all of a domain at once */
	if (worker->settings.mode < EV_MODE_SMTP)
		most = ev_probing_capacity(worker);
	ev_lines_set_cap(2 * Max(usual, Min(most, ev_probing_capacity(worker) / LINE_SHARE)));
}

void
ev_probing_configure(EvWorker *worker)
{
	struct ev_prober_config config;
	MemoryContext old;
	char error[256] = "";
	bool ok;

	MemoryContextReset(worker->settings_context);
	old = MemoryContextSwitchTo(worker->settings_context);
	ev_settings_read(&worker->settings);
	MemoryContextSwitchTo(old);

	fill_config(&worker->settings, &config);
	fill_schedule(&worker->settings, &worker->schedule);
	if (worker->prober == NULL || worker->prober_place != worker->settings.prober)
	{
		struct ev_prober *prober = create_prober(&worker->settings, &config, error, sizeof(error));

		ok = prober != NULL;
		if (ok)
			use_prober(worker, prober);
	}
	else
		ok = ev_prober_configure(worker->prober, &config, error, sizeof(error));
	set_line_cap(worker);
	if (!ok)
		ereport(worker->prober == NULL ? ERROR : WARNING,
		        (errcode(ERRCODE_CONFIG_FILE_ERROR),
		         errmsg("email_verify cannot use its settings: %s", error)));
}

void
ev_probing_set_policies(EvWorker *worker, const struct ev_mx_policy *policies, int there)
{
	worker->rcpt_per_session = 0;
	for (int i = 0; i < Min(there, EV_POLICIES_MAX); i++)
		worker->rcpt_per_session = Max(worker->rcpt_per_session, policies[i].rcpt_per_session);
	set_line_cap(worker);
	if (there > EV_POLICIES_MAX)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		                  errmsg("email_verify heeds %d of the %d rows of table "
		                         "email_verify.mx_policy",
		                         EV_POLICIES_MAX, there),
		                  errhint("A shorter suffix stands for all hosts below it.")));
	if (!ev_prober_set_policies(worker->prober, policies, Min(there, EV_POLICIES_MAX)))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
		                errmsg("out of memory for table email_verify.mx_policy")));
}

void
ev_probing_set_rules(EvWorker *worker, const struct ev_site_rule *rules, int n, int there)
{
	if (there > n)
		ereport(
			WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		     errmsg("email_verify heeds %d of the %d rows of table email_verify.reply_rule", n,
		            there),
		     errhint("At most %d can be in force, those with the lowest ids.", EV_SITE_RULES_MAX)));
	if (!ev_prober_set_rules(worker->prober, rules, (size_t) n))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
		                errmsg("out of memory for table email_verify.reply_rule")));
}

int
ev_probing_capacity(EvWorker *worker)
{
	return worker->settings.max_sessions * REQUESTS_PER_SESSION;
}

int
ev_probing_room(EvWorker *worker)
{
	if (worker->settings.mode < EV_MODE_DNS || pg_atomic_read_u32(&worker->db->paused))
		return 0;
	return (int) Min(ev_prober_room(worker->prober), (size_t) INT_MAX);
}

/*
 * May it take the place of a good verdict?  What is undecided may not; a full or disabled mailbox
 * is a decision.
 */
static bool
is_decisive(const struct ev_verdict *verdict)
{
	if (verdict->reason == EV_REASON_MX_ONLY_VERIFICATION_SEMAPHORE_TIMEOUT)
		return false;
	return verdict->status != EV_STATUS_UNKNOWN || verdict->reason == EV_REASON_MAILBOX_FULL ||
	       verdict->reason == EV_REASON_MAILBOX_DISABLED;
}

/*
 * A refusal that must be heard twice: weak ones count in the meantime, what condemns a whole domain
 * does not.
 */
static void
hold_back(EvOutcome *outcome, int32 delay)
{
	outcome->retry_after = delay;
	outcome->second_look = true;
	if (outcome->verdict.detail == EV_DETAIL_WEAK)
		return;
	outcome->verdict = ev_verdict_of(EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_UNCONFIRMED);
	outcome->decisive = false;
}

/* The host is said not to be there. */
static void
condemn_host(EvOutcome *outcome)
{
	const struct ev_reason_info *info = ev_reason_info(EV_REASON_HOST_NOT_FOUND);

	outcome->verdict = ev_verdict_of(EV_REASON_HOST_NOT_FOUND, EV_DETAIL_MX_DEAD);
	outcome->decisive = is_decisive(&outcome->verdict);
	outcome->fresh = info->fresh;
	outcome->expire = info->expire;
}

/* Attempts at a mail server that nobody reaches before that is said of the host and not of the moment. */
#define DEAD_ATTEMPTS 3

/*
 * Nobody could connect to any of the hosts, time and again until the schedule was used up, while other mail
 * servers answered: they are not there (facts of one attempt prove nothing).
 */
static bool
is_dead(EvWorker *worker, const struct ev_result *result, const EvFlight *flight)
{
	const struct ev_verdict *verdict = &result->verdict;

	return result->evidence.stage == EV_STAGE_CONNECT &&
	       (verdict->reason == EV_REASON_SMTP_TIMEOUT ||
	        verdict->detail == EV_DETAIL_CONNECTION_REFUSED ||
	        verdict->detail == EV_DETAIL_UNREACHABLE) &&
	       flight->attempts + 1 >= DEAD_ATTEMPTS && ev_health_others_answer(worker);
}

static void
add_outcome(EvWorker *worker, const struct ev_result *result, EvFlight *flight)
{
	EvOutcome *outcome = &worker->outcomes[worker->n_outcomes++];
	const struct ev_reason_info *info = ev_reason_info(result->verdict.reason);

	memset(outcome, 0, sizeof(*outcome));
	flight->answered = true;
	ev_flight_visited(worker, flight, result->probed);
	ev_health_heard(worker, result);
	outcome->id = flight->id;
	strlcpy(outcome->key, flight->key, sizeof(outcome->key));
	outcome->verdict = result->verdict;
	outcome->evidence = result->evidence;
	outcome->decisive = is_decisive(&result->verdict);
	outcome->probed = result->probed;
	outcome->fresh = info->fresh;
	outcome->expire = info->expire;
	outcome->mx_fingerprint = (int64) result->mx_fingerprint;
	outcome->put_back = result->put_back && (ev_is_canceled(&result->verdict, true) ||
	                                         flight->put_backs < worker->settings.max_put_backs);
	if (ev_is_canceled(&outcome->verdict, outcome->put_back))
		outcome->retry_after = EV_CANCELED_DELAY;
	else if (outcome->put_back)
		outcome->retry_after = Max((int32) result->retry_after, worker->settings.put_back_delay);
	else if (result->verdict.detail == EV_DETAIL_PORT_25_BLOCKED)
		outcome->retry_after = (int32) result->retry_after; /* that is no attempt: see _complete */
	else if (result->verdict.reason == EV_REASON_RATE_LIMITED)
		outcome->retry_after = ev_budget_renewal(GetCurrentTimestamp()) +
		                       (int32) ((uint64) flight->id % BUDGET_SPREAD);
	else if (result->confirm && !flight->second_look)
		hold_back(outcome, worker->settings.confirm_delay);
	else
	{
		outcome->retry_after =
			(int32) ev_schedule_next(&worker->schedule, result->verdict.reason,
		                             (uint32_t) flight->attempts + 1, result->retry_after);
		if (outcome->retry_after == 0 && is_dead(worker, result, flight))
			condemn_host(outcome);
	}
	ev_withheld_answer(worker, outcome);
	if (worker->n_outcomes == 1)
		worker->oldest_outcome = GetCurrentTimestamp();
}

/* May mail servers be asked for one more today, if all that are under way are? */
static bool
has_budget(EvWorker *worker)
{
	uint32 limit = (uint32) worker->settings.max_probes_per_day;

	return limit == 0 ||
	       (uint64) ev_budget_spent(&ev_shared->budget, GetCurrentTimestamp()) + worker->n_visits <
	           limit;
}

void
ev_flight_visited(EvWorker *worker, EvFlight *flight, bool probed)
{
	worker->n_visits -= flight->visits;
	flight->visits = false;
	if (probed)
		ev_budget_spend(&ev_shared->budget, GetCurrentTimestamp(), 1);
}

/* Something other than a backend has put a row into the queue that is no address. */
static void
answer_nonsense(EvWorker *worker, EvFlight *flight)
{
	struct ev_result result = {
		.verdict = ev_verdict_of(EV_REASON_INVALID_SYNTAX, EV_DETAIL_NONE),
		.evidence = {.stage = EV_STAGE_SYNTAX},
	};

	add_outcome(worker, &result, flight);
}

void
ev_probing_submit(EvWorker *worker, const EvLease *leases, int n, int64 batch)
{
	for (int i = 0; i < n; i++)
	{
		struct ev_request request = leases[i].request;
		EvFlight *flight = ev_flight_begin(worker, &leases[i], batch);

		if (request.address.domain_len == 0)
		{
			answer_nonsense(worker, flight);
			continue;
		}
		if (worker->settings.mode == EV_MODE_DNS)
		{
			request.dns_only = true;
			request.dns_only_detail = EV_DETAIL_MODE_DNS;
		}
		else if (!ev_settings_configured(&worker->settings))
		{
			request.dns_only = true;
			request.dns_only_detail = EV_DETAIL_NOT_CONFIGURED;
		}
		else if (!has_budget(worker))
		{
			request.dns_only = true;
			request.dns_only_detail = EV_DETAIL_DAILY_LIMIT;
		}
		flight->visits = !request.dns_only;
		worker->n_visits += flight->visits;
		if (ev_prober_submit(worker->prober, &request, 1) != 1)
		{
			/*
			 * cannot be, while room is what ev_prober_stats() says; the row stays due all the same
			 */
			ev_flight_end(worker, leases[i].id);
			ev_lease_reset(worker);
		}
	}
}

/*
 * A newer fact about the same domain replaces an older one, since a statement may not touch a row
 * twice.
 */
static void
add_domain(EvWorker *worker, const struct ev_domain_fact *fact)
{
	int i = 0;

	while (i < worker->n_domains && strcmp(worker->domains[i].domain, fact->domain) != 0)
		i++;
	worker->domains[i] = *fact;
	worker->n_domains = Max(worker->n_domains, i + 1);
}

static void
add_host(EvWorker *worker, const struct ev_host_fact *fact)
{
	int i = 0;

	while (i < worker->n_hosts && (strcmp(worker->hosts[i].domain, fact->domain) != 0 ||
	                               strcmp(worker->hosts[i].host, fact->host) != 0))
		i++;
	if (i < worker->n_hosts)
	{
		bool accepted = worker->hosts[i].accepted || fact->accepted;

		uint16_t limit = fact->limit > 0 ? fact->limit : worker->hosts[i].limit;

		if (fact->random != EV_RANDOM_UNKNOWN)
			worker->hosts[i] = *fact;
		worker->hosts[i].accepted = accepted;
		worker->hosts[i].limit = limit;
	}
	else
		worker->hosts[worker->n_hosts++] = *fact;
}

bool
ev_probing_can_collect(EvWorker *worker)
{
	return worker->n_outcomes < EV_RESULT_BATCH && worker->n_domains < EV_RESULT_BATCH &&
	       worker->n_hosts < EV_RESULT_BATCH;
}

/* Take over what the prober has found, as far as there is room; the rest waits inside it. */
void
ev_probing_collect(EvWorker *worker)
{
	struct ev_message message;

	while (ev_probing_can_collect(worker) && ev_prober_collect(worker->prober, &message, 1) == 1)
	{
		EvFlight *flight;
		int64 id;

		switch (message.type)
		{
			case EV_MESSAGE_RESULT:
				id = (int64) message.u.result.id;
				flight = hash_search(worker->flights, &id, HASH_FIND, NULL);
				if (flight != NULL && !flight->answered)
					add_outcome(worker, &message.u.result, flight);
				break;
			case EV_MESSAGE_DOMAIN_FACT: add_domain(worker, &message.u.domain); break;
			case EV_MESSAGE_HOST_FACT: add_host(worker, &message.u.host); break;
			case EV_MESSAGE_TRACE: ev_transcript_line(&message.u.trace); break;
			case EV_MESSAGE_EGRESS: ev_egress_take(worker, &message.u.egress); break;
			case EV_MESSAGE_FINDING: ev_health_found(&message.u.finding); break;
			case EV_MESSAGE_END:
				ev_health_prober_ended();
				ev_egress_prober_ended(worker);
				ev_lost_process(worker, &message.u.end);
				break;
		}
	}
}
