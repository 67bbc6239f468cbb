/*
 * 011_prober.c
 *	  Drives the prober through prober.h alone, as a worker does; 011_prober.pl compiles and runs
 *	  it.
 *
 * Environment: WORLD_DNS, WORLD_SMTP_PORT of a test world; PROBER_PROGRAM to have the prober in a
 * process of its own.  Argument: the name of a test.  What a
 * test cannot tell by the prober's own word it prints, for the Perl side to hold against the peers'
 * counters.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/same_words.h"
#include "engine/hash.h"
#include "net/prober.h"

#define MANY 300

/* Every nth allocation fails, once so many have been made.  0: none does. */
static unsigned long fail_every, fail_after, n_allocations;
static bool fail_enlarging;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool
shall_fail(void)
{
	n_allocations++;
	return fail_every != 0 && n_allocations > fail_after && n_allocations % fail_every == 0;
}

void *
malloc(size_t size)
{
	return shall_fail() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return shall_fail() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return shall_fail() || (fail_enlarging && old != NULL) ? NULL : __libc_realloc(old, size);
}

static struct ev_prober_config config;
static struct ev_prober *prober;
static struct ev_result results[8 * MANY];
static unsigned n_results, n_domain_facts, n_host_facts, n_early;
static struct ev_host_fact last_host;
static bool domain_known[8 * MANY];
static unsigned per_domain = 1;

static void
fail(const char *why)
{
	printf("failed: %s\n", why);
	exit(1);
}

#define CHECK(what)                                                                                \
	do                                                                                             \
	{                                                                                              \
		if (!(what))                                                                               \
			fail(#what);                                                                           \
	} while (0)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void
create(void)
{
	const char *program = getenv("PROBER_PROGRAM");
	char error[200];

	if (program != NULL)
		prober = ev_prober_create_process(&config, program, error, sizeof(error));
	else
		prober = ev_prober_create(&config, error, sizeof(error));
	if (prober == NULL)
		fail(error);
}

static struct ev_request
request(uint64_t id, const char *text)
{
	struct ev_request r;
	struct ev_syntax syntax;

	memset(&r, 0, sizeof(r));
	r.id = id;
	CHECK(ev_syntax_parse(text, strlen(text), EV_SYNTAX_INTERNET, &syntax));
	CHECK(ev_address_from(text, &syntax, &r.address) == EV_DETAIL_NONE);
	return r;
}

static void
submit(uint64_t id, const char *text)
{
	struct ev_request r = request(id, text);

	CHECK(ev_prober_submit(prober, &r, 1) == 1);
}

/* n domains, per_domain addresses of each. */
static void
submit_many(unsigned n, const char *format)
{
	for (unsigned i = 0; i < n * per_domain; i++)
	{
		char text[200];

		snprintf(text, sizeof(text), format, i % per_domain, i / per_domain);
		submit(i, text);
	}
}

static void
take(const struct ev_message *message)
{
	unsigned number;

	switch (message->type)
	{
		case EV_MESSAGE_RESULT:
			CHECK(message->u.result.id < 8 * MANY);
			CHECK(results[message->u.result.id].id == UINT64_MAX); /* only one for each */
			results[message->u.result.id] = message->u.result;
			n_results++;
			if (!domain_known[message->u.result.id / per_domain])
				n_early++;
			break;
		case EV_MESSAGE_DOMAIN_FACT:
			n_domain_facts++;
			if (sscanf(message->u.domain.domain, "d%u.", &number) == 1 && number < MANY)
				domain_known[number] = true;
			break;
		case EV_MESSAGE_HOST_FACT:
			n_host_facts++;
			last_host = message->u.host;
			break;
		case EV_MESSAGE_TRACE:
		case EV_MESSAGE_FINDING:
		case EV_MESSAGE_EGRESS: break;
		case EV_MESSAGE_END:
			printf("cause %d, status %d, %s\n", message->u.end.cause, message->u.end.status,
			       message->u.end.fault);
			fail("the prober's process has ended");
			break;
	}
}

/* Run until there are n results, or for so many seconds. */
static void
run(unsigned n, double seconds)
{
	double end = now() + seconds;

	while (n_results < n && now() < end)
	{
		struct ev_message message;
		struct pollfd fd = {.fd = ev_prober_fd(prober), .events = POLLIN};
		int deadline;

		ev_prober_run(prober);
		while (ev_prober_collect(prober, &message, 1) == 1)
			take(&message);
		deadline = ev_prober_deadline(prober);
		if (n_results >= n)
			break;
		if (deadline < 0)
			fail("idle, and results are missing");
		if (deadline != 0)
			poll(&fd, 1, deadline < 100 ? deadline : 100);
	}
}

static void
run_until_idle(void)
{
	double end = now() + 10;
	int deadline;

	do
	{
		struct ev_message message;
		struct pollfd fd = {.fd = ev_prober_fd(prober), .events = POLLIN};

		ev_prober_run(prober);
		while (ev_prober_collect(prober, &message, 1) == 1)
			take(&message);
		deadline = ev_prober_deadline(prober);
		if (deadline > 0)
			poll(&fd, 1, deadline);
		CHECK(now() < end);
	} while (deadline >= 0);
}

static void
start_over(void)
{
	memset(results, 0xff, sizeof(results));
	memset(domain_known, 0, sizeof(domain_known));
	n_results = n_domain_facts = n_host_facts = n_early = 0;
}

static enum ev_reason
reason_of(uint64_t id)
{
	return results[id].verdict.reason;
}

/*
 * --- the tests -----------------------------------------------------------------------------------
 */

static void
idle(void)
{
	struct pollfd fd;

	create();
	run_until_idle(); /* one in a process of its own says hello first */
	CHECK(ev_prober_deadline(prober) == -1);
	run_until_idle(); /* what else it has to say of its start may come later */
	CHECK(ev_prober_room(prober) == config.max_requests);
	submit(0, "ok1@d0.wild.deliver.com");
	CHECK(ev_prober_deadline(prober) >= 0);
	CHECK(ev_prober_room(prober) == config.max_requests - 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_DELIVERABLE);
	run_until_idle();
	fd = (struct pollfd){.fd = ev_prober_fd(prober), .events = POLLIN};
	CHECK(poll(&fd, 1, 300) == 0);
	CHECK(ev_prober_deadline(prober) == -1);
}

static void
many(void)
{
	struct ev_prober_stats stats;

	config.max_sessions = 40;
	create();
	submit_many(MANY, "ok%u@d%u.wild.deliver.com");
	run(MANY, 30);
	CHECK(n_results == MANY);
	CHECK(n_domain_facts == MANY && n_host_facts == MANY && n_early == 0);
	for (unsigned i = 0; i < MANY; i++)
		CHECK(reason_of(i) == EV_REASON_SMTP_DELIVERABLE);
	run_until_idle();
	ev_prober_stats(prober, &stats);
	CHECK(stats.requests == 0 && stats.sessions == 0 && stats.lookups == 0);
	CHECK(stats.sessions_total == MANY && stats.rcpts_total == 2 * MANY);
	/* two look-ups a domain, MX and opt-out, and one of the host that all have; one that fails is repeated */
	CHECK(stats.lookups_total >= 2 * MANY + 1 && stats.lookups_total < 2 * MANY + 10);
}

static void
coalesce(void)
{
	struct ev_prober_stats stats;

	per_domain = 50;
	config.rcpt_per_session = 20;
	create();
	submit_many(1, "ok%u@d%u.wild.deliver.com");
	run(50, 10);
	ev_prober_stats(prober, &stats);
	CHECK(n_results == 50 && n_domain_facts == 1);
	CHECK(stats.lookups_total == 3 && stats.sessions_total == 3); /* MX, A, opt-out */
	CHECK(stats.rcpts_total == 51); /* the made-up one is asked for once */
	run_until_idle();

	/* from the cache, and not from it */
	start_over();
	submit(0, "ok1@d0.wild.deliver.com");
	run(1, 10);
	ev_prober_stats(prober, &stats);
	CHECK(n_domain_facts == 0 && stats.lookups_total == 3);
	run_until_idle();
	ev_prober_forget(prober);
	start_over();
	submit(0, "ok1@d0.wild.deliver.com");
	run(1, 10);
	ev_prober_stats(prober, &stats);
	CHECK(n_domain_facts == 1 && stats.lookups_total == 6);
}

static void
full(void)
{
	struct ev_request r = request(0, "ok1@d0.wild.deliver.com");
	struct ev_message message;

	config.max_requests = 2;
	create();
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	r.id = 1;
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	r.id = 2;
	CHECK(ev_prober_submit(prober, &r, 1) == 0);
	run(2, 10);
	CHECK(ev_prober_collect(prober, &message, 1) == 0);
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(3, 10);
}

/* What the caller knows of made-up recipients is believed, as long as it is young. */
static void
known(void)
{
	static const char host[] = "mx.ok.deliver.com";
	static const struct ev_reply unknown = {
		.code = 550,
		.lines = 1,
		.text_len = sizeof("Requested action not taken") - 1,
		.text = "Requested action not taken",
	};
	struct ev_request r = request(0, "ok1@d0.wild.deliver.com");
	struct ev_prober_stats stats;

	create();
	r.n_known = 1;
	r.known[0].host_hash = ev_hash(EV_HASH_INIT, host, strlen(host));
	r.known[0].random = EV_RANDOM_REFUSED;
	r.known[0].random_age = 1000;
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	ev_prober_stats(prober, &stats);
	CHECK(reason_of(0) == EV_REASON_SMTP_DELIVERABLE && stats.rcpts_total == 1);
	CHECK(n_host_facts == 1 && last_host.accepted && last_host.random == EV_RANDOM_UNKNOWN);

	start_over();
	r = request(0, "ok1@d1.wild.deliver.com");
	r.n_known = 1;
	r.known[0].host_hash = ev_hash(EV_HASH_INIT, host, strlen(host));
	r.known[0].random = EV_RANDOM_ACCEPTED;
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_CATCH_ALL_DELIVERABLE);

	start_over();
	r = request(0, "ok1@d2.wild.deliver.com");
	r.n_known = 1;
	r.known[0].host_hash = ev_hash(EV_HASH_INIT, host, strlen(host));
	r.known[0].random = EV_RANDOM_ACCEPTED;
	r.known[0].random_age = config.random_max_age + 1;
	strcpy(r.random_local, "may.mustermann77");
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_DELIVERABLE);
	CHECK(last_host.random == EV_RANDOM_REFUSED);
	CHECK(strcmp(last_host.random_local, "may.mustermann77") == 0);

	/* a control that was seen earlier */
	start_over();
	r = request(0, "zz1@weak.deliver.com");
	r.n_known = 1;
	r.known[0].host_hash = ev_hash(EV_HASH_INIT, "mx.weak.deliver.com", 19);
	r.known[0].accepted_other = true;
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_UNVERIFIABLE && !results[0].confirm);

	/* ... and how the host says that it knows somebody not, in these words and in others */
	start_over();
	r.known[0].random = EV_RANDOM_REFUSED;
	r.known[0].random_words = ev_same_words(&unknown, NULL);
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_MAILBOX_NOT_FOUND && results[0].confirm);
	start_over();
	r.known[0].random_words ^= 1;
	CHECK(ev_prober_submit(prober, &r, 1) == 1);
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_UNVERIFIABLE && !results[0].confirm);
}

static void
set_policies(size_t n, const struct ev_mx_policy *policies)
{
	CHECK(ev_prober_set_policies(prober, policies, n));
	start_over();
}

static enum ev_detail
detail_of(uint64_t id)
{
	return results[id].verdict.detail;
}

/*
 * The site's own word on mail servers: the longest suffix, on a label boundary, from the next
 * session on.
 */
static void
policies(void)
{
	struct ev_mx_policy list[] = {
		{.suffix = "com", .probe = EV_SAID_NO},
		{.suffix = "deliver.com", .probe = EV_SAID_YES, .trust_accept = EV_SAID_YES},
		{.suffix = "k.deliver.com", .probe = EV_SAID_NO}, /* no label of mx.ok.deliver.com */
		{.suffix = "ok.deliver.com", .trust_accept = EV_SAID_NO},
		{.suffix = "x.mx.ok.deliver.com", .probe = EV_SAID_NO},
		{.suffix = "mx.weak.deliver.com", .trust_reject = EV_SAID_NO},
	};
	struct ev_mx_policy *all;
	struct ev_prober_stats stats;
	unsigned sessions;

	create();
	set_policies(sizeof(list) / sizeof(list[0]), list);
	memset(list, 0xff, sizeof(list)); /* it has a copy */

	/* an acceptance that means nothing, and so nobody made up is asked for */
	submit(0, "ok1@d0.wild.deliver.com");
	submit(1, "nobody@d0.wild.deliver.com");
	submit(2, "ok1@notls.deliver.com");
	run(3, 10);
	ev_prober_stats(prober, &stats);
	CHECK(reason_of(0) == EV_REASON_SMTP_UNVERIFIABLE);
	CHECK(detail_of(0) == EV_DETAIL_UNTRUSTED_ACCEPT);
	CHECK(reason_of(1) == EV_REASON_MAILBOX_NOT_FOUND);
	CHECK(reason_of(2) == EV_REASON_SMTP_DELIVERABLE);
	CHECK(stats.rcpts_total == 4);

	/* one label is enough to be never visited; none left, and all is as built in */
	start_over();
	submit(0, "ok1@gmail.com");
	run(1, 10);
	ev_prober_stats(prober, &stats);
	CHECK(reason_of(0) == EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN);
	CHECK(detail_of(0) == EV_DETAIL_NEVER_PROBE && !results[0].probed);
	CHECK(results[0].evidence.stage == EV_STAGE_DNS);
	CHECK(strcmp(results[0].evidence.rule, "mx_policy.probe") == 0);
	CHECK(stats.sessions_total == 2);
	run_until_idle();
	set_policies(0, NULL);
	submit(0, "ok1@gmail.com");
	submit(1, "ok1@d0.wild.deliver.com");
	run(2, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_DELIVERABLE && reason_of(1) == EV_REASON_SMTP_DELIVERABLE);
	run_until_idle();

	/* the next best host is no way round the best one, and not tried itself when it is forbidden */
	set_policies(1, &(struct ev_mx_policy){.suffix = "mx.ok.deliver.com", .probe = EV_SAID_NO});
	submit(0, "ok1@backupmx.deliver.com");
	submit(1, "ok1@manymx.deliver.com");
	run(2, 10);
	CHECK(detail_of(0) == EV_DETAIL_NEVER_PROBE);
	run_until_idle();
	set_policies(
		1, &(struct ev_mx_policy){.suffix = "mx.openbackup.deliver.com", .probe = EV_SAID_NO});
	submit(0, "ok1@backupmx.deliver.com");
	submit(1, "ok1@deadbackup.deliver.com");
	run(2, 10);
	CHECK(reason_of(0) == EV_REASON_SMTP_DELIVERABLE);
	CHECK(reason_of(1) == EV_REASON_SMTP_CONNECTION_FAILED);
	run_until_idle();

	/* recipients of a session: fewer, and more, than is set for all */
	set_policies(1, &(struct ev_mx_policy){.suffix = "ok.deliver.com", .rcpt_per_session = 2});
	ev_prober_stats(prober, &stats);
	sessions = (unsigned) stats.sessions_total;
	per_domain = 6;
	submit_many(1, "ok%u@d%u.wild.deliver.com");
	run(6, 20);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions_total - sessions == 3);
	run_until_idle();
	set_policies(1, &(struct ev_mx_policy){.suffix = "ok.deliver.com", .rcpt_per_session = 100});
	per_domain = 50;
	submit_many(1, "ok%u@d%u.wild.deliver.com");
	run(50, 20);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions_total - sessions == 4);
	run_until_idle();
	per_domain = 1;

	/* as many as a site may have */
	all = calloc(10000, sizeof(*all));
	CHECK(all != NULL);
	for (unsigned i = 0; i < 10000; i++)
	{
		snprintf(all[i].suffix, sizeof(all[i].suffix), "h%u.example.com", i);
		all[i].probe = EV_SAID_NO;
	}
	strcpy(all[9999].suffix, "mx.ok.deliver.com");
	set_policies(10000, all);
	free(all);
	submit(0, "ok1@d0.wild.deliver.com");
	submit(1, "ok1@notls.deliver.com");
	run(2, 10);
	CHECK(detail_of(0) == EV_DETAIL_NEVER_PROBE);
	CHECK(reason_of(1) == EV_REASON_SMTP_DELIVERABLE);
}

/*
 * Whoever waits for a session when policies change is treated by the new ones.  The host takes its
 * time.
 */
static void
policies_change(void)
{
	struct ev_prober_stats stats;
	unsigned forbidden = 0;

	config.max_sessions = 1;
	create();
	submit_many(20, "ok%u@d%u.wild.deliver.com");
	run(2, 20);
	CHECK(ev_prober_set_policies(
		prober, &(struct ev_mx_policy){.suffix = "ok.deliver.com", .probe = EV_SAID_NO}, 1));
	run(20, 20);
	CHECK(n_results == 20);
	for (unsigned i = 0; i < 20; i++)
	{
		forbidden += detail_of(i) == EV_DETAIL_NEVER_PROBE;
		CHECK(detail_of(i) == EV_DETAIL_NEVER_PROBE || reason_of(i) == EV_REASON_SMTP_DELIVERABLE);
	}
	ev_prober_stats(prober, &stats);
	/* the session that was open then ended as it was */
	CHECK(forbidden >= 17 && stats.sessions_total == 20 - forbidden);
}

/* Two bad candidates, and while the first one keeps us waiting they are forbidden. */
static void
policies_fall_over(void)
{
	struct ev_prober_stats stats;

	config.timeout.greeting = 1500;
	create();
	submit(0, "ok1@firstsilent.deliver.com");
	run(1, 0.7);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions == 1 && n_results == 0);
	set_policies(1, &(struct ev_mx_policy){.suffix = "deliver.com", .probe = EV_SAID_NO});
	run(1, 10);
	CHECK(detail_of(0) == EV_DETAIL_NEVER_PROBE);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions_total == 1);
}

static void
reconfigure(void)
{
	char error[200];
	struct ev_prober_config other;

	create();
	submit_many(MANY, "ok%u@d%u.wild.deliver.com");
	run(1, 10);
	other = config;
	other.dns_tries = 2; /* a new channel: what is in flight is asked again */
	CHECK(ev_prober_configure(prober, &other, error, sizeof(error)));
	other.smtp_port = 0;
	CHECK(!ev_prober_configure(prober, &other, error, sizeof(error)));
	strcpy(other.dns_servers, "what is this");
	other.smtp_port = config.smtp_port;
	CHECK(!ev_prober_configure(prober, &other, error, sizeof(error)));
	run(MANY, 30);
	CHECK(n_results == MANY);
	for (unsigned i = 0; i < MANY; i++)
		CHECK(reason_of(i) == EV_REASON_SMTP_DELIVERABLE);

	/* what loopback is allowed for is decided anew */
	start_over();
	other = config;
	other.allow_loopback = false;
	CHECK(ev_prober_configure(prober, &other, error, sizeof(error)));
	submit(0, "ok1@d0.wild.deliver.com");
	run(1, 10);
	CHECK(reason_of(0) == EV_REASON_HOST_NOT_FOUND);
	start_over();
	other = config;
	other.helo_name[0] = '\0';
	CHECK(ev_prober_configure(prober, &other, error, sizeof(error)));
	submit(0, "ok1@d0.wild.deliver.com");
	run(1, 10);
	CHECK(results[0].verdict.detail == EV_DETAIL_NOT_CONFIGURED);
}

/* The hosts have been told to hang.  Nothing of that must hold up the end. */
static void
destroy(void)
{
	struct ev_prober_stats stats;
	double started;

	create();
	submit_many(MANY, "ok%u@d%u.wild.deliver.com");
	run(1, 2);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions == MANY && n_results == 0);
	started = now();
	ev_prober_destroy(prober);
	CHECK(now() - started < 1.0);
	create();
	submit_many(MANY, "ok%u@d%u.wild.deliver.com");
	ev_prober_run(prober); /* and in the middle of look-ups */
}

/* What is asked of DNS alone ends so when DNS has answered. */
static bool
dns_answered(uint64_t id)
{
	return results[id].verdict.detail == EV_DETAIL_NOT_CONFIGURED;
}

/* What has been forgotten is asked again, and nobody else remembers it. */
static void
forget(void)
{
	config.helo_name[0] = '\0';
	create();
	for (unsigned i = 1; i <= 2; i++)
	{
		submit(0, "ok1@forgotten.com");
		run(1, 10);
		CHECK(dns_answered(0));
		submit(1, "ok2@forgotten.com");
		run(2, 10);
		CHECK(dns_answered(1));
		ev_prober_forget(prober);
		start_over();
	}
}

/*
 * A server that is quick with most names takes, for one, longer than a try, but not longer than all
 * tries: it is waited for.
 */
static void
slow_name(void)
{
	config.helo_name[0] = '\0';
	config.dns_timeout = 1000;
	config.dns_tries = 2;
	create();
	for (unsigned i = 0; i < 10; i++)
	{
		char text[40];

		snprintf(text, sizeof(text), "ok@quick%u.com", i);
		submit(i, text);
		run(i + 1, 10);
		CHECK(dns_answered(i));
	}
	submit(10, "ok@slow.com");
	run(11, 10);
	CHECK(dns_answered(10));
	submit(11, "ok@silent.com");
	run(12, 20);
	CHECK(reason_of(11) == EV_REASON_DNS_TIMEOUT);
	run_until_idle();
}

/* One of two servers refuses everything: that is the other one's to answer. */
static void
other_server(void)
{
	config.helo_name[0] = '\0';
	create();
	submit_many(MANY, "ok%u@d%u.com");
	run(MANY, 30);
	CHECK(n_results == MANY);
	for (unsigned i = 0; i < MANY; i++)
		CHECK(dns_answered(i));
}

/* All refuse: that is the answer, be there a dead server, too. */
static void
no_server(void)
{
	config.helo_name[0] = '\0';
	config.dns_timeout = 300;
	config.dns_tries = 1;
	create();
	submit(0, "ok@refused.com");
	run(1, 10);
	CHECK(results[0].verdict.detail == EV_DETAIL_DNS_REFUSED);
	run_until_idle();
}

/* Whatever cannot be had: one result for each request, and no other crash. */
static void
memory(void)
{
	static const char *const domains[] = {"ok",    "closercpt", "nx",     "spfreject", "catchall",
	                                      "aonly", "tlsbroken", "manymx", "greet421",  "deadfirst"};
	static const struct ev_mx_policy policy = {.suffix = "deliver.com", .rcpt_per_session = 3};
	unsigned n = 0;

	config.timeout = (struct ev_smtp_timeouts){1000, 1000, 1000, 1000, 1000, 1000, 4000};
	config.dns_timeout = 300;
	config.dns_tries = 2;
	for (unsigned turn = 0; turn < 12; turn++)
	{
		start_over();
		create();
		n = 0;
		n_allocations = 0;
		fail_after = 3ul << turn;
		fail_every = 3 + turn % 5;
		(void) ev_prober_set_policies(prober, &policy, 1);
		for (unsigned i = 0; i < 40; i++)
		{
			struct ev_request r;
			char text[100];

			snprintf(text, sizeof(text), "ok%u@%s.deliver.com", i, domains[i % 10]);
			r = request(n, text);
			n += (unsigned) ev_prober_submit(prober, &r, 1);
		}
		run(n, 30);
		CHECK(n_results == n);
		for (unsigned i = 0; i < n; i++)
		{
			/* no want of memory makes a living address a dead one */
			if (ev_reason_info(reason_of(i))->status == EV_STATUS_INVALID)
				CHECK(reason_of(i) == EV_REASON_NO_MX_RECORDS ||
				      reason_of(i) == EV_REASON_SPF_REJECT_ALL);
		}
		fail_every = 0;
		ev_prober_destroy(prober);
	}
	prober = NULL;
}

/* With what was there before memory ran short, as many sessions as are allowed go together. */
static void
no_growth(void)
{
	struct ev_prober_config other = config;
	struct ev_prober_stats stats;
	char error[200];

	config.max_sessions = 1;
	create();
	submit_many(100, "ok%u@d%u.wild.deliver.com");
	run(100, 60);
	CHECK(n_results == 100);
	start_over();
	CHECK(ev_prober_configure(prober, &other, error, sizeof(error)));
	ev_prober_run(prober);
	fail_enlarging = true;
	submit_many(100, "info%u@d%u.wild.deliver.com");
	run(50, 30);
	ev_prober_stats(prober, &stats);
	CHECK(stats.sessions_total >= 200); /* TLS may fail, and is then gone without */
	run(100, 30);
	CHECK(n_results == 100);
	fail_enlarging = false;
}

int
main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		void (*run)(void);
	} tests[] = {
		{"idle", idle},
		{"many", many},
		{"coalesce", coalesce},
		{"full", full},
		{"known", known},
		{"reconfigure", reconfigure},
		{"destroy", destroy},
		{"forget", forget},
		{"slow_name", slow_name},
		{"other_server", other_server},
		{"no_server", no_server},
		{"memory", memory},
		{"no_growth", no_growth},
		{"policies", policies},
		{"policies_change", policies_change},
		{"policies_fall_over", policies_fall_over},
	};

	ev_prober_config_default(&config);
	if (argc != 2 || getenv("WORLD_DNS") == NULL || getenv("WORLD_SMTP_PORT") == NULL)
		fail("environment or argument is missing");
	strcpy(config.dns_servers, getenv("WORLD_DNS"));
	config.smtp_port = (uint16_t) atoi(getenv("WORLD_SMTP_PORT"));
	strcpy(config.helo_name, "probe.lab-sender.com");
	strcpy(config.mail_from, "check@check.lab-sender.com");
	config.allow_loopback = true;
	config.max_sessions = MANY;
	config.max_refused = 0;
	start_over();
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
	{
		if (strcmp(argv[1], tests[i].name) != 0)
			continue;
		tests[i].run();
		ev_prober_destroy(prober);
		puts("passed");
		return 0;
	}
	fail("no such test");
	return 1;
}
