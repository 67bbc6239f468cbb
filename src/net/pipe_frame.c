/*
 * pipe_frame.c
 *	  Messages to and from a prober's process as frames; see pipe_frame.h.
 */
#include "net/pipe_frame.h"

#include <string.h>

#include "engine/hash.h"
#include "engine/opt_out.h"
#include "engine/spf.h"
#include "net/frame_bytes.h"
#include "net/ip.h"

#define VERSION 1

/* Longest texts and all: no frame can outgrow its buffer. */
_Static_assert(sizeof(struct ev_prober_config) + 16 <= EV_FRAME_BODY, "frame of the settings");
_Static_assert(sizeof(struct ev_message) + 64 <= EV_FRAME_BODY, "frame of a message");
_Static_assert(sizeof(struct ev_prober_stats) + 64 <= EV_FRAME_BODY, "frame of the counters");
_Static_assert(sizeof(struct ev_request) + 64 <= EV_FRAME_BODY, "frame of a request");
_Static_assert(EV_FRAME_BODY <= UINT16_MAX, "length of a frame");

#define RETRY_MAX    (30 * 86400) /* seconds; the engine's own hints end at a day */
#define SESSIONS_MAX 1000000      /* at once */
#define TOTAL_MAX    (1ULL << 48) /* of any counter in a process's life */

uint32_t
ev_frame_protocol(void)
{
	const uint32_t shape[] = {VERSION,
	                          sizeof(struct ev_prober_config),
	                          sizeof(struct ev_mx_policy),
	                          sizeof(struct ev_request),
	                          sizeof(struct ev_site_rule),
	                          sizeof(struct ev_message),
	                          sizeof(struct ev_prober_stats),
	                          EV_N_REASON,
	                          EV_N_DETAIL,
	                          EV_N_STAGE,
	                          EV_N_PROVIDER};

	return (uint32_t) ev_hash(EV_HASH_INIT, (const char *) shape, sizeof(shape));
}

/* --- frames ------------------------------------------------------------------------------------ */

static struct ev_writer
begin(uint8_t *buf, enum ev_frame_type type)
{
	struct ev_writer w = {.start = buf, .at = buf + EV_FRAME_HEADER};

	buf[2] = (uint8_t) type;
	buf[3] = 0;
	return w;
}

static size_t
end(struct ev_writer *w)
{
	size_t n = (size_t) (w->at - w->start);
	uint16_t body = (uint16_t) (n - EV_FRAME_HEADER);

	memcpy(w->start, &body, sizeof(body));
	return n;
}

static struct ev_reader
reader(const uint8_t *body, size_t n)
{
	return (struct ev_reader){.at = body, .end = body + n, .fault = NULL};
}

/* --- to the prober ----------------------------------------------------------------------------- */

size_t
ev_frame_empty(uint8_t *buf, enum ev_frame_type type)
{
	struct ev_writer w = begin(buf, type);

	return end(&w);
}

const char *
ev_frame_read_empty(const uint8_t *body, size_t n)
{
	struct ev_reader r = reader(body, n);

	return finish_reading(&r);
}

size_t
ev_frame_number(uint8_t *buf, enum ev_frame_type type, uint32_t number)
{
	struct ev_writer w = begin(buf, type);

	put_u32(&w, number);
	return end(&w);
}

const char *
ev_frame_read_number(const uint8_t *body, size_t n, uint32_t *number)
{
	struct ev_reader r = reader(body, n);

	*number = get_u32(&r);
	return finish_reading(&r);
}

/* As it stands in memory: it goes one way only, and ev_config_fault() looks at what arrives. */
size_t
ev_frame_config(uint8_t *buf, const struct ev_prober_config *config)
{
	struct ev_writer w = begin(buf, EV_FRAME_CONFIG);

	put_u32(&w, ev_frame_protocol());
	put_bytes(&w, config, sizeof(*config));
	return end(&w);
}

const char *
ev_frame_read_config(const uint8_t *body, size_t n, struct ev_prober_config *config)
{
	struct ev_reader r = reader(body, n);

	demand(&r, get_u32(&r) == ev_frame_protocol(), "the other end is of another build");
	get_bytes(&r, config, sizeof(*config));
	return finish_reading(&r);
}

size_t
ev_frame_policy(uint8_t *buf, const struct ev_mx_policy *policy)
{
	struct ev_writer w = begin(buf, EV_FRAME_POLICY);

	put_text(&w, policy->suffix, sizeof(policy->suffix));
	put_u8(&w, policy->probe);
	put_u8(&w, policy->trap);
	put_u8(&w, policy->trust_accept);
	put_u8(&w, policy->trust_reject);
	put_u8(&w, policy->needs_control);
	put_u8(&w, policy->catch_all_test);
	put_u16(&w, policy->rcpt_per_transaction);
	put_u16(&w, policy->rcpt_per_session);
	return end(&w);
}

const char *
ev_frame_read_policy(const uint8_t *body, size_t n, struct ev_mx_policy *policy)
{
	static const char *const said = "a policy says neither yes nor no";
	struct ev_reader r = reader(body, n);

	memset(policy, 0, sizeof(*policy));
	get_text(&r, policy->suffix, sizeof(policy->suffix), EV_CHARS_ANY);
	policy->probe = get_below(&r, EV_SAID_NO + 1, said);
	policy->trap = get_below(&r, EV_SAID_NO + 1, said);
	policy->trust_accept = get_below(&r, EV_SAID_NO + 1, said);
	policy->trust_reject = get_below(&r, EV_SAID_NO + 1, said);
	policy->needs_control = get_below(&r, EV_SAID_NO + 1, said);
	policy->catch_all_test = get_below(&r, EV_SAID_NO + 1, said);
	policy->rcpt_per_transaction = get_u16(&r);
	policy->rcpt_per_session = get_u16(&r);
	return finish_reading(&r);
}

size_t
ev_frame_rule(uint8_t *buf, const struct ev_site_rule *rule)
{
	struct ev_writer w = begin(buf, EV_FRAME_RULE);

	put_u32(&w, (uint32_t) rule->id);
	put_u16(&w, rule->stages);
	put_u16(&w, rule->code);
	put_u8(&w, rule->klass);
	put_u16(&w, (uint16_t) rule->subject);
	put_u16(&w, (uint16_t) rule->first);
	put_u16(&w, (uint16_t) rule->last);
	put_u16(&w, (uint16_t) rule->provider);
	put_u8(&w, rule->reason);
	put_u8(&w, rule->detail);
	put_text(&w, rule->mx, sizeof(rule->mx));
	put_text(&w, rule->pattern, sizeof(rule->pattern));
	return end(&w);
}

const char *
ev_frame_read_rule(const uint8_t *body, size_t n, struct ev_site_rule *rule)
{
	struct ev_reader r = reader(body, n);

	memset(rule, 0, sizeof(*rule));
	rule->id = (int32_t) get_u32(&r);
	rule->stages = get_u16(&r);
	rule->code = get_u16(&r);
	rule->klass = get_u8(&r);
	rule->subject = (int16_t) get_u16(&r);
	rule->first = (int16_t) get_u16(&r);
	rule->last = (int16_t) get_u16(&r);
	rule->provider = (int16_t) get_u16(&r);
	rule->reason = get_u8(&r);
	rule->detail = get_u8(&r);
	get_text(&r, rule->mx, sizeof(rule->mx), EV_CHARS_HOST);
	get_text(&r, rule->pattern, sizeof(rule->pattern), EV_CHARS_ANY);
	demand(&r, r.fault != NULL || ev_site_rule_sound(rule), "a rule is none");
	return finish_reading(&r);
}

size_t
ev_frame_request(uint8_t *buf, const struct ev_request *request)
{
	struct ev_writer w = begin(buf, EV_FRAME_REQUEST);
	uint8_t n_known = request->n_known < EV_KNOWN_HOSTS ? request->n_known : EV_KNOWN_HOSTS;

	put_u64(&w, request->id);
	put_text(&w, request->address.local, sizeof(request->address.local));
	put_text(&w, request->address.domain, sizeof(request->address.domain));
	put_u8(&w, request->address.eai);
	put_u8(&w, request->dns_only);
	put_u8(&w, request->dns_only_detail);
	put_text(&w, request->random_local, sizeof(request->random_local));
	put_text(&w, request->last_ip, sizeof(request->last_ip));
	put_u8(&w, n_known);
	for (int i = 0; i < n_known; i++)
	{
		put_u64(&w, request->known[i].host_hash);
		put_u8(&w, request->known[i].random);
		put_u8(&w, request->known[i].accepted_other);
		put_u32(&w, request->known[i].random_age);
		put_u64(&w, request->known[i].random_words);
		put_u16(&w, request->known[i].limit);
		put_u32(&w, request->known[i].limit_age);
	}
	return end(&w);
}

const char *
ev_frame_read_request(const uint8_t *body, size_t n, struct ev_request *request)
{
	struct ev_reader r = reader(body, n);

	memset(request, 0, sizeof(*request));
	request->id = get_u64(&r);
	request->address.local_len = (uint8_t) get_text(&r, request->address.local,
	                                                sizeof(request->address.local), EV_CHARS_ANY);
	request->address.domain_len = (uint8_t) get_text(
		&r, request->address.domain, sizeof(request->address.domain), EV_CHARS_HOST);
	request->address.eai = get_bool(&r);
	request->dns_only = get_bool(&r);
	request->dns_only_detail = get_below(&r, EV_N_DETAIL, "there is no such detail");
	get_text(&r, request->random_local, sizeof(request->random_local), EV_CHARS_ANY);
	get_text(&r, request->last_ip, sizeof(request->last_ip), EV_CHARS_ANY);
	request->n_known = get_below(&r, EV_KNOWN_HOSTS + 1, "too many hosts are known");
	for (int i = 0; i < request->n_known; i++)
	{
		request->known[i].host_hash = get_u64(&r);
		request->known[i].random =
			get_below(&r, EV_RANDOM_OTHER_HOST + 1, "there is no such state of a host");
		request->known[i].accepted_other = get_bool(&r);
		request->known[i].random_age = get_u32(&r);
		request->known[i].random_words = get_u64(&r);
		request->known[i].limit = get_u16(&r);
		request->known[i].limit_age = get_u32(&r);
	}
	return finish_reading(&r);
}

size_t
ev_frame_examine(uint8_t *buf, const struct ev_health_request *request)
{
	struct ev_writer w = begin(buf, EV_FRAME_EXAMINE);

	put_text(&w, request->dnsbl, sizeof(request->dnsbl));
	put_text(&w, request->trial, sizeof(request->trial));
	return end(&w);
}

const char *
ev_frame_read_examine(const uint8_t *body, size_t n, struct ev_health_request *request)
{
	struct ev_reader r = reader(body, n);

	memset(request, 0, sizeof(*request));
	get_text(&r, request->dnsbl, sizeof(request->dnsbl), EV_CHARS_ANY);
	get_text(&r, request->trial, sizeof(request->trial), EV_CHARS_ANY);
	return finish_reading(&r);
}

/* --- from the prober --------------------------------------------------------------------------- */

size_t
ev_frame_hello(uint8_t *buf, uint32_t confinement)
{
	struct ev_writer w = begin(buf, EV_FRAME_HELLO);

	put_u32(&w, ev_frame_protocol());
	put_u32(&w, confinement);
	return end(&w);
}

const char *
ev_frame_read_hello(const uint8_t *body, size_t n, uint32_t *confinement)
{
	struct ev_reader r = reader(body, n);

	demand(&r, get_u32(&r) == ev_frame_protocol(), "the other end is of another build");
	*confinement = get_u32(&r) & EV_CONFINED_ALL;
	return finish_reading(&r);
}

static void
put_server(struct ev_writer *w, const struct ev_server_stats *s)
{
	put_text(w, s->address, sizeof(s->address));
	put_u64(w, s->queries);
	put_u64(w, s->answers);
	put_u64(w, s->denials);
	put_u64(w, s->timeouts);
	put_u64(w, s->servfails);
	put_u64(w, s->refusals);
	put_u64(w, s->faults);
	put_u32(w, s->latency);
	put_u8(w, s->trust);
	put_u8(w, s->lies);
	put_text(w, s->evidence, sizeof(s->evidence));
	put_u64(w, s->next_trial);
}

static void
get_server(struct ev_reader *r, struct ev_server_stats *s)
{
	get_text(r, s->address, sizeof(s->address), EV_CHARS_WORD);
	s->queries = get_u64(r);
	s->answers = get_u64(r);
	s->denials = get_u64(r);
	s->timeouts = get_u64(r);
	s->servfails = get_u64(r);
	s->refusals = get_u64(r);
	s->faults = get_u64(r);
	s->latency = get_u32(r);
	demand(r,
	       s->queries <= TOTAL_MAX && s->answers <= TOTAL_MAX && s->denials <= TOTAL_MAX &&
	           s->timeouts <= TOTAL_MAX && s->servfails <= TOTAL_MAX && s->refusals <= TOTAL_MAX &&
	           s->faults <= TOTAL_MAX,
	       "a counter is out of range");
	s->trust = get_below(r, EV_N_TRUST, "there is no such state of a name server");
	s->lies = get_below(r, EV_LIE_ALL + 1, "there is no such lie");
	get_text(r, s->evidence, sizeof(s->evidence), EV_CHARS_PRINTABLE);
	s->next_trial = get_u64(r);
	demand(r, s->next_trial <= TOTAL_MAX, "a time is out of range");
}

size_t
ev_frame_stats(uint8_t *buf, const struct ev_prober_stats *stats, bool busy)
{
	struct ev_writer w = begin(buf, EV_FRAME_STATS);

	put_u32(&w, stats->sessions);
	put_u32(&w, stats->lookups);
	put_u64(&w, stats->sessions_total);
	put_u64(&w, stats->lookups_total);
	put_u64(&w, stats->rcpts_total);
	put_u64(&w, stats->tls_total);
	put_u8(&w, busy);
	put_u8(&w, (uint8_t) stats->n_servers);
	for (uint32_t i = 0; i < stats->n_servers; i++)
		put_server(&w, &stats->servers[i]);
	return end(&w);
}

const char *
ev_frame_read_stats(const uint8_t *body, size_t n, struct ev_prober_stats *stats, bool *busy)
{
	struct ev_reader r = reader(body, n);

	memset(stats, 0, sizeof(*stats));
	stats->sessions = get_u32(&r);
	stats->lookups = get_u32(&r);
	stats->sessions_total = get_u64(&r);
	stats->lookups_total = get_u64(&r);
	stats->rcpts_total = get_u64(&r);
	stats->tls_total = get_u64(&r);
	*busy = get_bool(&r);
	stats->n_servers = get_below(&r, EV_SERVERS_MAX + 1, "too many name servers");
	for (uint32_t i = 0; i < stats->n_servers; i++)
		get_server(&r, &stats->servers[i]);
	demand(&r,
	       stats->sessions <= SESSIONS_MAX && stats->lookups <= SESSIONS_MAX &&
	           stats->sessions_total <= TOTAL_MAX && stats->lookups_total <= TOTAL_MAX &&
	           stats->rcpts_total <= TOTAL_MAX && stats->tls_total <= TOTAL_MAX,
	       "a counter is out of range");
	return finish_reading(&r);
}

/* The status is not sent: it is the reason's. */
static size_t
put_result(uint8_t *buf, const struct ev_result *result)
{
	struct ev_writer w = begin(buf, EV_FRAME_RESULT);
	const struct ev_evidence *e = &result->evidence;

	put_u64(&w, result->id);
	put_u8(&w, (uint8_t) result->verdict.reason);
	put_u8(&w, (uint8_t) result->verdict.detail);
	put_u8(&w, result->put_back);
	put_u8(&w, result->confirm);
	put_u8(&w, result->probed);
	put_u32(&w, result->retry_after);
	put_u64(&w, result->mx_fingerprint);
	put_u8(&w, e->stage);
	put_u8(&w, e->tls);
	put_u16(&w, e->code);
	put_text(&w, e->enhanced, sizeof(e->enhanced));
	put_text(&w, e->rule, sizeof(e->rule));
	put_text(&w, e->host, sizeof(e->host));
	put_text(&w, e->address, sizeof(e->address));
	put_text(&w, e->text, sizeof(e->text));
	return end(&w);
}

_Static_assert(EV_N_REASON <= UINT8_MAX && EV_N_DETAIL <= UINT8_MAX, "a byte for each");

static const char *
get_result(const uint8_t *body, size_t n, struct ev_result *result)
{
	struct ev_reader r = reader(body, n);
	struct ev_evidence *e = &result->evidence;
	struct ev_ip ip;
	enum ev_reason reason;

	memset(result, 0, sizeof(*result));
	result->id = get_u64(&r);
	reason = get_below(&r, EV_N_REASON, "there is no such reason");
	demand(&r, reason != EV_REASON_PENDING, "a result is no answer");
	result->verdict = ev_verdict_of(reason, get_below(&r, EV_N_DETAIL, "there is no such detail"));
	result->put_back = get_bool(&r);
	demand(&r, !result->put_back || result->verdict.status == EV_STATUS_UNKNOWN,
	       "nobody judged it, and it has a verdict");
	result->confirm = get_bool(&r);
	result->probed = get_bool(&r);
	result->retry_after = get_u32(&r);
	demand(&r, result->retry_after <= RETRY_MAX, "a delay is out of range");
	result->mx_fingerprint = get_u64(&r);
	e->stage = get_below(&r, EV_N_STAGE, "there is no such stage");
	e->tls = get_bool(&r);
	e->code = get_u16(&r);
	demand(&r, e->code <= 999, "a reply code is out of range");
	get_text(&r, e->enhanced, sizeof(e->enhanced), EV_CHARS_WORD);
	get_text(&r, e->rule, sizeof(e->rule), EV_CHARS_WORD);
	get_text(&r, e->host, sizeof(e->host), EV_CHARS_HOST);
	get_text(&r, e->address, sizeof(e->address), EV_CHARS_WORD);
	demand(&r, e->address[0] == '\0' || ev_ip_parse(e->address, &ip), "an address is none");
	get_text(&r, e->text, sizeof(e->text), EV_CHARS_PRINTABLE);
	return finish_reading(&r);
}

static size_t
put_domain_fact(uint8_t *buf, const struct ev_domain_fact *fact)
{
	struct ev_writer w = begin(buf, EV_FRAME_DOMAIN_FACT);

	put_text(&w, fact->domain, sizeof(fact->domain));
	put_u8(&w, fact->reason);
	put_u8(&w, fact->detail);
	put_u8(&w, fact->implicit_mx);
	put_u8(&w, fact->spf);
	put_u8(&w, fact->opt_out);
	put_u32(&w, fact->ttl);
	put_u64(&w, fact->mx_fingerprint);
	put_u8(&w, fact->n_hosts);
	for (int i = 0; i < fact->n_hosts; i++)
		put_text(&w, fact->hosts[i], sizeof(fact->hosts[i]));
	return end(&w);
}

/* A name that must be there. */
static void
get_name(struct ev_reader *r, char *name, size_t size)
{
	demand(r, get_text(r, name, size, EV_CHARS_HOST) > 0, "a name is empty");
}

static const char *
get_domain_fact(const uint8_t *body, size_t n, struct ev_domain_fact *fact)
{
	struct ev_reader r = reader(body, n);

	memset(fact, 0, sizeof(*fact));
	get_name(&r, fact->domain, sizeof(fact->domain));
	fact->reason = get_below(&r, EV_N_REASON, "there is no such reason");
	fact->detail = get_below(&r, EV_N_DETAIL, "there is no such detail");
	fact->implicit_mx = get_bool(&r);
	fact->spf = get_below(&r, EV_SPF_INVALID + 1, "there is no such state of SPF");
	fact->opt_out = get_below(&r, EV_N_OPT_OUT, "there is no such wish");
	fact->ttl = get_u32(&r);
	demand(&r, fact->ttl <= RETRY_MAX, "a delay is out of range");
	fact->mx_fingerprint = get_u64(&r);
	fact->n_hosts = get_below(&r, EV_DOMAIN_HOSTS + 1, "too many hosts");
	for (int i = 0; i < fact->n_hosts; i++)
		get_name(&r, fact->hosts[i], sizeof(fact->hosts[i]));
	return finish_reading(&r);
}

static size_t
put_host_fact(uint8_t *buf, const struct ev_host_fact *fact)
{
	struct ev_writer w = begin(buf, EV_FRAME_HOST_FACT);

	put_text(&w, fact->domain, sizeof(fact->domain));
	put_text(&w, fact->host, sizeof(fact->host));
	put_u8(&w, fact->random);
	put_u8(&w, fact->accepted);
	put_text(&w, fact->random_local, sizeof(fact->random_local));
	put_u64(&w, fact->random_words);
	put_u16(&w, fact->limit);
	return end(&w);
}

static const char *
get_host_fact(const uint8_t *body, size_t n, struct ev_host_fact *fact)
{
	struct ev_reader r = reader(body, n);

	memset(fact, 0, sizeof(*fact));
	get_name(&r, fact->domain, sizeof(fact->domain));
	get_name(&r, fact->host, sizeof(fact->host));
	fact->random = get_below(&r, EV_RANDOM_OTHER_HOST + 1, "there is no such state of a host");
	fact->accepted = get_bool(&r);
	get_text(&r, fact->random_local, sizeof(fact->random_local), EV_CHARS_WORD);
	fact->random_words = get_u64(&r);
	fact->limit = get_u16(&r);
	return finish_reading(&r);
}

static size_t
put_trace(uint8_t *buf, const struct ev_trace *trace)
{
	struct ev_writer w = begin(buf, EV_FRAME_TRACE);

	put_u64(&w, trace->id);
	put_u8(&w, (uint8_t) trace->direction);
	put_text(&w, trace->text, sizeof(trace->text));
	return end(&w);
}

static const char *
get_trace(const uint8_t *body, size_t n, struct ev_trace *trace)
{
	struct ev_reader r = reader(body, n);

	memset(trace, 0, sizeof(*trace));
	trace->id = get_u64(&r);
	trace->direction = (char) get_u8(&r);
	demand(&r, strchr("<>*.", trace->direction) != NULL && trace->direction != '\0',
	       "a line has no direction");
	get_text(&r, trace->text, sizeof(trace->text), EV_CHARS_PRINTABLE);
	return finish_reading(&r);
}

static size_t
put_finding(uint8_t *buf, const struct ev_health_finding *finding)
{
	struct ev_writer w = begin(buf, EV_FRAME_FINDING);

	put_u16(&w, finding->id);
	put_text(&w, finding->about, sizeof(finding->about));
	return end(&w);
}

static const char *
get_finding(const uint8_t *body, size_t n, struct ev_health_finding *finding)
{
	struct ev_reader r = reader(body, n);

	memset(finding, 0, sizeof(*finding));
	finding->id = get_u16(&r);
	demand(&r, finding->id <= EV_FINDING_DONE, "there is no such finding");
	get_text(&r, finding->about, sizeof(finding->about), EV_CHARS_PRINTABLE);
	return finish_reading(&r);
}

static size_t
put_egress(uint8_t *buf, const struct ev_egress_news *news)
{
	struct ev_writer w = begin(buf, EV_FRAME_EGRESS);

	put_u8(&w, news->v6);
	put_u8(&w, news->closed);
	put_u16(&w, news->groups);
	put_u16(&w, news->providers);
	put_u16(&w, news->port);
	return end(&w);
}

static const char *
get_egress(const uint8_t *body, size_t n, struct ev_egress_news *news)
{
	struct ev_reader r = reader(body, n);

	memset(news, 0, sizeof(*news));
	news->v6 = get_bool(&r);
	news->closed = get_bool(&r);
	news->groups = get_u16(&r);
	news->providers = get_u16(&r);
	news->port = get_u16(&r);
	return finish_reading(&r);
}

size_t
ev_frame_message(uint8_t *buf, const struct ev_message *message)
{
	switch (message->type)
	{
		case EV_MESSAGE_RESULT: return put_result(buf, &message->u.result);
		case EV_MESSAGE_DOMAIN_FACT: return put_domain_fact(buf, &message->u.domain);
		case EV_MESSAGE_HOST_FACT: return put_host_fact(buf, &message->u.host);
		case EV_MESSAGE_TRACE: return put_trace(buf, &message->u.trace);
		case EV_MESSAGE_FINDING: return put_finding(buf, &message->u.finding);
		case EV_MESSAGE_EGRESS: return put_egress(buf, &message->u.egress);
		case EV_MESSAGE_END: break;
	}
	return 0;
}

const char *
ev_frame_read_message(enum ev_frame_type type, const uint8_t *body, size_t n,
                      struct ev_message *message)
{
	switch (type)
	{
		case EV_FRAME_RESULT:
			message->type = EV_MESSAGE_RESULT;
			return get_result(body, n, &message->u.result);
		case EV_FRAME_DOMAIN_FACT:
			message->type = EV_MESSAGE_DOMAIN_FACT;
			return get_domain_fact(body, n, &message->u.domain);
		case EV_FRAME_HOST_FACT:
			message->type = EV_MESSAGE_HOST_FACT;
			return get_host_fact(body, n, &message->u.host);
		case EV_FRAME_TRACE:
			message->type = EV_MESSAGE_TRACE;
			return get_trace(body, n, &message->u.trace);
		case EV_FRAME_FINDING:
			message->type = EV_MESSAGE_FINDING;
			return get_finding(body, n, &message->u.finding);
		case EV_FRAME_EGRESS:
			message->type = EV_MESSAGE_EGRESS;
			return get_egress(body, n, &message->u.egress);
		default: return "a frame of a type that it must not have";
	}
}
