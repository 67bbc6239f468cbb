/*
 * test_prober_frame.c
 *	  Messages to and from a prober's process: what goes in comes out, and nothing else does.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#include "net/id_set.h"
#include "net/pipe.h"

static uint8_t frame[EV_FRAME_SIZE];

/* The body of the frame that was just made, checked for its header. */
static size_t
body_of(size_t n, enum ev_frame_type type)
{
	uint16_t length;

	assert_true(n >= EV_FRAME_HEADER && n <= EV_FRAME_SIZE);
	memcpy(&length, frame, sizeof(length));
	assert_int_equal(length, n - EV_FRAME_HEADER);
	assert_int_equal(frame[2], type);
	return length;
}

#define BODY (frame + EV_FRAME_HEADER)

static void
fill(char *field, size_t size, char c)
{
	memset(field, c, size - 1);
	field[size - 1] = '\0';
}

/* Every field at its longest. */
static struct ev_message
full_result(void)
{
	struct ev_message m;
	struct ev_result *r = &m.u.result;

	memset(&m, 0, sizeof(m));
	m.type = EV_MESSAGE_RESULT;
	r->id = UINT64_MAX;
	r->verdict = ev_verdict_of(EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_WEAK);
	r->confirm = r->probed = true;
	r->retry_after = 86400;
	r->mx_fingerprint = 0x123456789abcdef0;
	r->evidence.stage = EV_STAGE_RCPT;
	r->evidence.tls = true;
	r->evidence.code = 550;
	fill(r->evidence.enhanced, sizeof(r->evidence.enhanced), '5');
	fill(r->evidence.rule, sizeof(r->evidence.rule), 'r');
	fill(r->evidence.host, sizeof(r->evidence.host), 'h');
	strcpy(r->evidence.address, "2001:db8:1111:2222:3333:4444:5555:6666");
	fill(r->evidence.text, sizeof(r->evidence.text), ' ');
	return m;
}

static struct ev_message
full_domain(void)
{
	struct ev_message m;
	struct ev_domain_fact *f = &m.u.domain;

	memset(&m, 0, sizeof(m));
	m.type = EV_MESSAGE_DOMAIN_FACT;
	fill(f->domain, sizeof(f->domain), 'd');
	f->reason = EV_REASON_PENDING;
	f->detail = EV_DETAIL_NONE;
	f->implicit_mx = true;
	f->spf = 1;
	f->opt_out = 2;
	f->ttl = 3600;
	f->mx_fingerprint = 7;
	f->n_hosts = EV_DOMAIN_HOSTS;
	for (int i = 0; i < EV_DOMAIN_HOSTS; i++)
		fill(f->hosts[i], sizeof(f->hosts[i]), (char) ('a' + i));
	return m;
}

static struct ev_message
full_host(void)
{
	struct ev_message m;

	memset(&m, 0, sizeof(m));
	m.type = EV_MESSAGE_HOST_FACT;
	fill(m.u.host.domain, sizeof(m.u.host.domain), 'd');
	fill(m.u.host.host, sizeof(m.u.host.host), 'h');
	m.u.host.random = EV_RANDOM_REFUSED;
	m.u.host.accepted = true;
	m.u.host.limit = UINT16_MAX;
	fill(m.u.host.random_local, sizeof(m.u.host.random_local), 'x');
	m.u.host.random_words = UINT64_MAX;
	return m;
}

static struct ev_message
full_trace(void)
{
	struct ev_message m;

	memset(&m, 0, sizeof(m));
	m.type = EV_MESSAGE_TRACE;
	m.u.trace.id = 3;
	m.u.trace.direction = '<';
	fill(m.u.trace.text, sizeof(m.u.trace.text), '~');
	return m;
}

static const struct
{
	const char *name;
	enum ev_frame_type type;
	struct ev_message (*make)(void);
} kinds[] = {{"result", EV_FRAME_RESULT, full_result},
             {"domain", EV_FRAME_DOMAIN_FACT, full_domain},
             {"host", EV_FRAME_HOST_FACT, full_host},
             {"trace", EV_FRAME_TRACE, full_trace}};

static void
messages_come_back(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(kinds); i++)
	{
		struct ev_message in = kinds[i].make(), out;
		size_t n = body_of(ev_frame_message(frame, &in), kinds[i].type);
		const char *fault;

		memset(&out, 0, sizeof(out));
		fault = ev_frame_read_message(kinds[i].type, BODY, n, &out);
		CHECK_STR(kinds[i].name, fault, NULL);
		CHECK_INT(kinds[i].name, memcmp(&in, &out, sizeof(in)), 0);
	}
}

/* A frame that is cut anywhere, or has a byte too many, is refused. */
static void
cut_frames_are_refused(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(kinds); i++)
	{
		struct ev_message in = kinds[i].make(), out;
		size_t n = body_of(ev_frame_message(frame, &in), kinds[i].type);

		for (size_t cut = 0; cut < n; cut++)
		{
			/* on the heap and of that size, so that a byte read behind it is found */
			uint8_t *part = malloc(cut > 0 ? cut : 1);

			memcpy(part, BODY, cut);
			if (ev_frame_read_message(kinds[i].type, part, cut, &out) == NULL)
				fail_msg("%s: %zu of %zu bytes are enough", kinds[i].name, cut, n);
			free(part);
		}
		BODY[n] = 0;
		assert_non_null(ev_frame_read_message(kinds[i].type, BODY, n + 1, &out));
	}
}

/* Whatever stands in its bytes, a message that is accepted is one that could have been sent. */
static void
changed_frames_stay_sound(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(kinds); i++)
	{
		struct ev_message in = kinds[i].make();
		size_t n = body_of(ev_frame_message(frame, &in), kinds[i].type);

		for (size_t at = 0; at < n; at++)
		{
			uint8_t was = BODY[at];

			for (int value = 0; value < 256; value++)
			{
				struct ev_message out, again;
				uint8_t copy[EV_FRAME_SIZE];
				size_t length;

				memset(&out, 0, sizeof(out));
				memset(&again, 0, sizeof(again));
				BODY[at] = (uint8_t) value;
				if (ev_frame_read_message(kinds[i].type, BODY, n, &out) != NULL)
					continue;
				length = ev_frame_message(copy, &out);
				if (ev_frame_read_message(kinds[i].type, copy + EV_FRAME_HEADER,
				                          length - EV_FRAME_HEADER, &again) != NULL ||
				    memcmp(&out, &again, sizeof(out)) != 0)
					fail_msg("%s: byte %zu as %d is taken, and no message", kinds[i].name, at,
					         value);
			}
			BODY[at] = was;
		}
	}
}

static void
set_text(char *field, const char *text)
{
	strcpy(field, text);
}

/* What would break a table, a log or a terminal is no message. */
static void
bad_values_are_refused(void **state)
{
	struct ev_message m, out;
	size_t n;

	(void) state;
#define REFUSED(make, what, change)                                                                \
	do                                                                                             \
	{                                                                                              \
		m = make();                                                                                \
		change;                                                                                    \
		n = ev_frame_message(frame, &m);                                                           \
		n = body_of(n, frame[2]);                                                                  \
		CHECK_STR(#change, ev_frame_read_message((enum ev_frame_type) frame[2], BODY, n, &out),    \
		          what);                                                                           \
	} while (0)
	REFUSED(full_result, "there is no such reason", m.u.result.verdict.reason = EV_N_REASON);
	REFUSED(full_result, "there is no such detail", m.u.result.verdict.detail = EV_N_DETAIL);
	REFUSED(full_result, "a result is no answer", m.u.result.verdict.reason = EV_REASON_PENDING);
	REFUSED(full_result, "nobody judged it, and it has a verdict", m.u.result.put_back = true);
	REFUSED(full_result, "there is no such stage", m.u.result.evidence.stage = EV_N_STAGE);
	REFUSED(full_result, "a reply code is out of range", m.u.result.evidence.code = 1000);
	REFUSED(full_result, "a delay is out of range", m.u.result.retry_after = UINT32_MAX);
	REFUSED(full_result, "an address is none", set_text(m.u.result.evidence.address, "1.2.3"));
	REFUSED(full_result, "a text has a byte that it must not have",
	        set_text(m.u.result.evidence.text, "caf\xc3\xa9"));
	REFUSED(full_result, "a text has a byte that it must not have",
	        set_text(m.u.result.evidence.text, "\033[2J"));
	REFUSED(full_result, "a text has a byte that it must not have",
	        set_text(m.u.result.evidence.host, "two names"));
	REFUSED(full_domain, "a name is empty", m.u.domain.domain[0] = '\0');
	REFUSED(full_domain, "a name is empty", m.u.domain.hosts[3][0] = '\0');
	REFUSED(full_domain, "there is no such state of SPF", m.u.domain.spf = 99);
	REFUSED(full_domain, "there is no such wish", m.u.domain.opt_out = 99);
	REFUSED(full_domain, "a delay is out of range", m.u.domain.ttl = UINT32_MAX);
	REFUSED(full_host, "there is no such state of a host", m.u.host.random = 99);
	REFUSED(full_host, "a name is empty", m.u.host.host[0] = '\0');
	REFUSED(full_trace, "a line has no direction", m.u.trace.direction = 'x');

	m = full_domain();
	n = body_of(ev_frame_message(frame, &m), EV_FRAME_DOMAIN_FACT);
	assert_non_null(ev_frame_read_message(EV_FRAME_REQUEST, BODY, n, &out));

	/* a status of its own it cannot send */
	m = full_result();
	m.u.result.verdict.status = EV_STATUS_VALID;
	n = body_of(ev_frame_message(frame, &m), EV_FRAME_RESULT);
	assert_null(ev_frame_read_message(EV_FRAME_RESULT, BODY, n, &out));
	assert_int_equal(out.u.result.verdict.status, EV_STATUS_INVALID);
}

static void
requests_come_back(void **state)
{
	struct ev_request in, out;
	size_t n;

	(void) state;
	memset(&in, 0, sizeof(in));
	in.id = 42;
	fill(in.address.local, sizeof(in.address.local), '\xc3');
	fill(in.address.domain, sizeof(in.address.domain), 'd');
	in.address.local_len = EV_LOCAL_MAX;
	in.address.domain_len = EV_DOMAIN_MAX;
	in.address.eai = in.dns_only = true;
	in.dns_only_detail = EV_DETAIL_MODE_DNS;
	fill(in.random_local, sizeof(in.random_local), 'r');
	fill(in.last_ip, sizeof(in.last_ip), '1');
	in.n_known = EV_KNOWN_HOSTS;
	for (int i = 0; i < EV_KNOWN_HOSTS; i++)
	{
		in.known[i].host_hash = UINT64_MAX - (uint64_t) i;
		in.known[i].random = EV_RANDOM_ACCEPTED;
		in.known[i].accepted_other = true;
		in.known[i].random_age = (uint32_t) i;
		in.known[i].random_words = UINT64_MAX - 100 - (uint64_t) i;
		in.known[i].limit = (uint16_t) (UINT16_MAX - i);
		in.known[i].limit_age = UINT32_MAX;
	}
	n = body_of(ev_frame_request(frame, &in), EV_FRAME_REQUEST);
	assert_null(ev_frame_read_request(BODY, n, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	assert_non_null(ev_frame_read_request(BODY, n - 1, &out));
}

static void
settings_and_policies_come_back(void **state)
{
	struct ev_prober_config config, other;
	struct ev_mx_policy policy, copy;
	uint32_t number;
	size_t n;

	(void) state;
	ev_prober_config_default(&config);
	strcpy(config.helo_name, "probe.example.org");
	n = body_of(ev_frame_config(frame, &config), EV_FRAME_CONFIG);
	assert_null(ev_frame_read_config(BODY, n, &other));
	assert_memory_equal(&config, &other, sizeof(config));
	BODY[0] ^= 1;
	assert_string_equal(ev_frame_read_config(BODY, n, &other), "the other end is of another build");

	memset(&policy, 0, sizeof(policy));
	fill(policy.suffix, sizeof(policy.suffix), 's');
	policy.probe = policy.needs_control = EV_SAID_NO;
	policy.trap = policy.catch_all_test = policy.trust_accept = policy.trust_reject = EV_SAID_YES;
	policy.rcpt_per_transaction = UINT16_MAX;
	policy.rcpt_per_session = 1;
	n = body_of(ev_frame_policy(frame, &policy), EV_FRAME_POLICY);
	assert_null(ev_frame_read_policy(BODY, n, &copy));
	assert_memory_equal(&policy, &copy, sizeof(policy));

	n = body_of(ev_frame_number(frame, EV_FRAME_POLICIES, 10000), EV_FRAME_POLICIES);
	assert_null(ev_frame_read_number(BODY, n, &number));
	assert_int_equal(number, 10000);
	assert_null(
		ev_frame_read_empty(BODY, body_of(ev_frame_empty(frame, EV_FRAME_PING), EV_FRAME_PING)));
}

static void
rules_come_back(void **state)
{
	static const struct ev_site_rule_words words = {.stage = "rcpt",
	                                                .code = "550",
	                                                .enhanced = "5.1.X",
	                                                .provider = "google",
	                                                .mx = "example.com",
	                                                .pattern = "no longer here",
	                                                .reason = "mailbox_not_found"};
	struct ev_site_rule rule, copy;
	size_t n;

	(void) state;
	assert_null(ev_site_rule_parse(INT32_MAX, &words, &rule));
	rule.stages = 1u << EV_STAGE_RCPT;
	fill(rule.mx, sizeof(rule.mx), 'h');
	fill(rule.pattern, sizeof(rule.pattern), 'p');
	n = body_of(ev_frame_rule(frame, &rule), EV_FRAME_RULE);
	assert_null(ev_frame_read_rule(BODY, n, &copy));
	assert_memory_equal(&rule, &copy, sizeof(rule));
	for (size_t cut = 0; cut < n; cut++)
		assert_non_null(ev_frame_read_rule(BODY, cut, &copy));
	assert_non_null(ev_frame_read_rule(BODY, n + 1, &copy));

	/* whatever stands in it: a rule that is taken is one that could have been written */
	for (size_t at = 0; at < n; at++)
	{
		uint8_t was = BODY[at];

		for (int value = 0; value < 256; value++)
		{
			BODY[at] = (uint8_t) value;
			if (ev_frame_read_rule(BODY, n, &copy) == NULL && !ev_site_rule_sound(&copy))
				fail_msg("byte %zu as %d makes an unsound rule", at, value);
		}
		BODY[at] = was;
	}
	rule.code = 45;
	n = body_of(ev_frame_rule(frame, &rule), EV_FRAME_RULE);
	assert_string_equal(ev_frame_read_rule(BODY, n, &copy), "a rule is none");
}

static void
counters_are_sane(void **state)
{
	struct ev_prober_stats in = {.sessions = 3, .sessions_total = 1ULL << 40, .tls_total = 1}, out;
	uint32_t confinement;
	bool busy = false;
	size_t n;

	(void) state;
	n = body_of(ev_frame_stats(frame, &in, true), EV_FRAME_STATS);
	assert_null(ev_frame_read_stats(BODY, n, &out, &busy));
	assert_true(busy);
	assert_memory_equal(&in, &out, sizeof(in));

	/* as many name servers as there can be, each with all there is to say */
	in.n_servers = EV_SERVERS_MAX;
	for (int i = 0; i < EV_SERVERS_MAX; i++)
	{
		struct ev_server_stats *s = &in.servers[i];

		fill(s->address, sizeof(s->address), '1');
		s->queries = s->answers = s->denials = 1ULL << 48;
		s->timeouts = s->servfails = s->refusals = s->faults = 1ULL << 47;
		s->latency = UINT32_MAX;
		s->trust = EV_TRUST_BAD;
		s->lies = EV_LIE_ALL;
		fill(s->evidence, sizeof(s->evidence), 'e');
		s->next_trial = 1ULL << 40;
	}
	n = body_of(ev_frame_stats(frame, &in, true), EV_FRAME_STATS);
	assert_null(ev_frame_read_stats(BODY, n, &out, &busy));
	assert_memory_equal(&in, &out, sizeof(in));
	in.servers[7].trust = EV_N_TRUST;
	n = body_of(ev_frame_stats(frame, &in, true), EV_FRAME_STATS);
	assert_string_equal(ev_frame_read_stats(BODY, n, &out, &busy),
	                    "there is no such state of a name server");
	in.n_servers = 0;
	in.sessions_total = UINT64_MAX;
	n = body_of(ev_frame_stats(frame, &in, true), EV_FRAME_STATS);
	assert_string_equal(ev_frame_read_stats(BODY, n, &out, &busy), "a counter is out of range");
	in.sessions_total = 0;
	in.sessions = UINT32_MAX;
	n = body_of(ev_frame_stats(frame, &in, true), EV_FRAME_STATS);
	assert_string_equal(ev_frame_read_stats(BODY, n, &out, &busy), "a counter is out of range");

	n = body_of(ev_frame_hello(frame, UINT32_MAX), EV_FRAME_HELLO);
	assert_null(ev_frame_read_hello(BODY, n, &confinement));
	assert_int_equal(confinement, EV_CONFINED_ALL);
}

/* --- the pipe ---------------------------------------------------------------------------------- */

static struct ev_pipe one, two;

static void
open_pipes(size_t out_max)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_true(ev_pipe_open(&one, fds[0], out_max));
	assert_true(ev_pipe_open(&two, fds[1], out_max));
}

static void
close_pipes(void)
{
	ev_pipe_close(&one);
	ev_pipe_close(&two);
}

/* Who does not read holds up who writes, and loses nothing. */
static void
a_slow_reader_loses_nothing(void **state)
{
	uint32_t sent = 0, read = 0;

	(void) state;
	open_pipes(1024 * 1024);
	for (int turn = 0; turn < 2000; turn++)
	{
		enum ev_frame_type type;
		const uint8_t *body;
		uint8_t *to;
		size_t n;

		/* more than the reader takes, until the writer has no room left */
		for (int i = 0; i < 400 && (to = ev_pipe_reserve(&one)) != NULL; i++)
			ev_pipe_add(&one, ev_frame_number(to, EV_FRAME_POLICIES, sent++));
		ev_pipe_flush(&one);
		ev_pipe_fill(&two);
		assert_true(ev_pipe_waiting(&one) <= 1024 * 1024);
		for (int i = 0; i < 100 && ev_pipe_next(&two, &type, &body, &n) == EV_PIPE_FRAME; i++)
		{
			uint32_t number;

			assert_null(ev_frame_read_number(body, n, &number));
			assert_int_equal(number, read);
			read++;
		}
	}
	assert_true(sent > read && read >= 199000);
	while (read < sent)
	{
		enum ev_frame_type type;
		const uint8_t *body;
		size_t n;

		ev_pipe_flush(&one);
		ev_pipe_fill(&two);
		while (ev_pipe_next(&two, &type, &body, &n) == EV_PIPE_FRAME)
			read++;
	}
	assert_int_equal(ev_pipe_waiting(&one), 0);

	/* what was written before the end can still be read */
	ev_pipe_add(&one, ev_frame_empty(ev_pipe_reserve(&one), EV_FRAME_PING));
	ev_pipe_flush(&one);
	ev_pipe_close(&one);
	ev_pipe_fill(&two);
	ev_pipe_fill(&two);
	assert_true(two.ended && ev_pipe_has_next(&two));
	close_pipes();
}

static void
frames_come_byte_by_byte(void **state)
{
	struct ev_message m = full_domain();
	size_t n = ev_frame_message(frame, &m), length;
	enum ev_frame_type type;
	const uint8_t *body;

	(void) state;
	open_pipes(0);
	for (size_t i = 0; i < n; i++)
	{
		assert_int_equal(ev_pipe_next(&two, &type, &body, &length), EV_PIPE_NOTHING);
		assert_int_equal(send(one.fd, frame + i, 1, 0), 1);
		assert_int_equal(ev_pipe_fill(&two), 1);
	}
	assert_int_equal(ev_pipe_next(&two, &type, &body, &length), EV_PIPE_FRAME);
	assert_int_equal(length, n - EV_FRAME_HEADER);
	assert_int_equal(ev_pipe_next(&two, &type, &body, &length), EV_PIPE_NOTHING);
	close_pipes();
}

static void
what_is_no_frame_breaks_the_pipe(void **state)
{
	static const uint8_t too_long[EV_FRAME_HEADER] = {0xff, 0xff, EV_FRAME_PING, 0};
	static const uint8_t odd[EV_FRAME_HEADER] = {0, 0, EV_FRAME_PING, 1};
	enum ev_frame_type type;
	const uint8_t *body;
	size_t n;

	(void) state;
	open_pipes(0);
	assert_int_equal(send(one.fd, too_long, sizeof(too_long), 0), sizeof(too_long));
	ev_pipe_fill(&two);
	assert_int_equal(ev_pipe_next(&two, &type, &body, &n), EV_PIPE_BROKEN);
	close_pipes();
	open_pipes(0);
	assert_int_equal(send(one.fd, odd, sizeof(odd), 0), sizeof(odd));
	ev_pipe_fill(&two);
	assert_int_equal(ev_pipe_next(&two, &type, &body, &n), EV_PIPE_BROKEN);
	close_pipes();
}

/* --- the set of requests ------------------------------------------------------------------------ */

static void
a_set_forgets_what_it_is_told_to(void **state)
{
	static bool there[5000];
	struct ev_id_set set = {.slots = NULL};
	uint64_t random = 88172645463325252u;
	size_t n = 0;

	(void) state;
	assert_false(ev_id_set_remove(&set, 1));
	for (int i = 0; i < 300000; i++)
	{
		uint64_t id;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		id = random % N_ROWS(there);
		if (random >> 63)
		{
			assert_int_equal(ev_id_set_add(&set, id), !there[id]);
			n += !there[id];
			there[id] = true;
		}
		else
		{
			assert_int_equal(ev_id_set_remove(&set, id), there[id]);
			n -= there[id];
			there[id] = false;
		}
		assert_int_equal(set.n, n);
	}
	ev_id_set_clear(&set);
	assert_int_equal(set.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_back),
		cmocka_unit_test(cut_frames_are_refused),
		cmocka_unit_test(changed_frames_stay_sound),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(requests_come_back),
		cmocka_unit_test(settings_and_policies_come_back),
		cmocka_unit_test(rules_come_back),
		cmocka_unit_test(counters_are_sane),
		cmocka_unit_test(a_slow_reader_loses_nothing),
		cmocka_unit_test(frames_come_byte_by_byte),
		cmocka_unit_test(what_is_no_frame_breaks_the_pipe),
		cmocka_unit_test(a_set_forgets_what_it_is_told_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
