/*
 * prober.c
 *	  The life of a prober inside the caller's process: see prober.h, which is the contract, and
 *	  README.md for the inside.
 */
#include "net/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/hash.h"
#include "net/answer.h"
#include "net/health.h"
#include "net/prober_ops.h"

#define TURNS_MAX 16 /* of the loop in one run; what is left then is due at once */

static const struct ev_prober_ops inline_ops;
static void inline_forget(struct ev_prober *prober);
static void inline_destroy(struct ev_prober *prober);

static void
on_reserve(uv_poll_t *handle, int status, int events)
{
	(void) handle;
	(void) status;
	(void) events;
}

static void
on_reserve_closed(uv_handle_t *handle)
{
	free(handle);
}

/*
 * libuv has a table with an entry for each descriptor up to the highest one watched, and aborts the
 * process when it cannot be enlarged: let it be large enough before memory runs short.
 */
static void
reserve_watchers(struct ev_prober *prober)
{
	uv_poll_t *handle = malloc(sizeof(*handle));
	int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int high = -1;
	struct rlimit limit;

	if (low >= 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		/* as many sessions again may be waiting for the peer to close */
		rlim_t want = (rlim_t) low + 2 * (rlim_t) prober->config.max_sessions + 128;

		high =
			fcntl(low, F_DUPFD_CLOEXEC, (int) (want < limit.rlim_cur ? want : limit.rlim_cur - 1));
	}
	if (handle != NULL && high >= 0 && uv_poll_init(&prober->loop, handle, high) == 0)
	{
		uv_poll_start(handle, UV_READABLE, on_reserve);
		uv_close((uv_handle_t *) handle, on_reserve_closed);
	}
	else
		free(handle);
	if (high >= 0)
		close(high);
	if (low >= 0)
		close(low);
}

struct ev_prober *
ev_prober_create(const struct ev_prober_config *config, char *error, size_t size)
{
	const char *fault = ev_config_fault(config);
	struct ev_prober *prober;
	uint64_t noise[2];

	if (fault != NULL)
	{
		snprintf(error, size, "%s", fault);
		return NULL;
	}
	prober = calloc(1, sizeof(*prober));
	if (prober == NULL)
	{
		snprintf(error, size, "out of memory");
		return NULL;
	}
	prober->ops = &inline_ops;
	prober->config = *config;
	if (getrandom(noise, sizeof(noise), GRND_NONBLOCK) != (ssize_t) sizeof(noise))
		noise[0] = noise[1] = uv_hrtime();
	prober->seed = noise[0];
	prober->random_state = noise[1] | 1;

	ev_outbox_init(prober);
	ev_list_init(&prober->dns.waiting);
	ev_list_init(&prober->dns.in_flight);
	ev_list_init(&prober->dns.sockets);
	ev_list_init(&prober->resolutions);
	ev_list_init(&prober->ready);
	ev_list_init(&prober->attempts);
	ev_list_init(&prober->draining);
	if (uv_loop_init(&prober->loop) != 0)
	{
		snprintf(error, size, "cannot set up an event loop");
		free(prober);
		return NULL;
	}
	uv_timer_init(&prober->loop, &prober->wait_timer);
	prober->wait_timer.data = prober;
	if (!ev_host_cache_init(prober) || !ev_domain_cache_init(prober))
	{
		snprintf(error, size, "out of memory");
		inline_destroy(prober);
		return NULL;
	}
	if (!ev_dns_configure(prober, error, size))
	{
		inline_destroy(prober);
		return NULL;
	}
	reserve_watchers(prober);
	uv_run(&prober->loop, UV_RUN_NOWAIT); /* it is closed, and the loop idle */
	/* without a context there is no TLS, and peers that insist on it say so */
	prober->tls = ev_tls_context();
	return prober;
}

static bool
inline_configure(struct ev_prober *prober, const struct ev_prober_config *config, char *error,
                 size_t size)
{
	struct ev_prober_config old = prober->config;
	const char *fault = ev_config_fault(config);

	if (fault != NULL)
	{
		snprintf(error, size, "%s", fault);
		return false;
	}
	prober->config = *config;
	if ((strcmp(old.dns_servers, config->dns_servers) != 0 ||
	     old.dns_timeout != config->dns_timeout || old.dns_tries != config->dns_tries) &&
	    !ev_dns_configure(prober, error, size))
	{
		prober->config = old;
		return false;
	}
	if (strcmp(old.dns_canaries, config->dns_canaries) != 0)
		ev_dns_trust_configure(prober, true);
	if (config->max_sessions > old.max_sessions)
		reserve_watchers(prober);
	/* what these decide is part of what is cached */
	if (strcmp(old.dns_servers, config->dns_servers) != 0 ||
	    old.allow_private != config->allow_private ||
	    old.allow_loopback != config->allow_loopback || old.use_v4 != config->use_v4 ||
	    old.use_v6 != config->use_v6 ||
	    memcmp(&old.nat64, &config->nat64, sizeof(config->nat64)) != 0)
		inline_forget(prober);
	return true;
}

/* False when there is no room even for saying so. */
static bool
accept_request(struct ev_prober *prober, const struct ev_request *request)
{
	struct ev_task *task = calloc(1, sizeof(*task));
	struct ev_domain *domain;
	char key[EV_ADDRESS_KEY_SIZE];

	if (task == NULL)
		return false;
	task->request = *request;
	task->request.last_ip[EV_IP_TEXT_MAX] = '\0';
	task->request.random_local[EV_RANDOM_NAME_SIZE - 1] = '\0';
	task->address_hash = ev_hash(EV_HASH_INIT, key, ev_address_key(&task->request.address, key));
	ev_list_init(&task->out.link);
	ev_list_init(&task->link);
	prober->n_requests++;

	domain = ev_domain_get(prober, task->request.address.domain);
	if (domain == NULL)
	{
		ev_answer_internal(prober, task, EV_DETAIL_NONE);
		return true;
	}
	ev_facts_merge(&domain->facts, &task->request, prober_now(prober));
	if (domain->random_local[0] == '\0')
		strcpy(domain->random_local, task->request.random_local);
	ev_list_push(&domain->pending, &task->link);
	ev_domain_advance(domain);
	return true;
}

static bool
inline_set_rules(struct ev_prober *prober, const struct ev_site_rule *rules, size_t n)
{
	struct ev_site_rule *copy = NULL;

	if (n > EV_SITE_RULES_MAX)
		n = EV_SITE_RULES_MAX;
	if (n > 0)
	{
		copy = calloc(n, sizeof(*copy));
		if (copy == NULL)
			return false;
		memcpy(copy, rules, n * sizeof(*copy));
	}
	free(prober->rules);
	prober->rules = copy;
	prober->n_rules = n;
	return true;
}

static size_t
inline_room(const struct ev_prober *prober)
{
	uint32_t max = prober->config.max_requests;

	return prober->n_requests < max ? max - prober->n_requests : 0;
}

static size_t
inline_submit(struct ev_prober *prober, const struct ev_request *requests, size_t n)
{
	size_t i;

	uv_update_time(&prober->loop);
	for (i = 0; i < n && prober->n_requests < prober->config.max_requests; i++)
	{
		if (!accept_request(prober, &requests[i]))
			break;
	}
	return i;
}

/* Is there something that needs no event to go on? */
static bool
has_work(const struct ev_prober *prober)
{
	return ev_dns_can_send(prober) || ev_planner_can_start(prober);
}

static void
inline_run(struct ev_prober *prober)
{
	int turns = 0;

	uv_update_time(&prober->loop);
	do
	{
		ev_dns_pump(prober);
		ev_planner_pump(prober);
		uv_run(&prober->loop, UV_RUN_NOWAIT);
	} while (has_work(prober) && ++turns < TURNS_MAX);
}

static size_t
inline_collect(struct ev_prober *prober, struct ev_message *messages, size_t n)
{
	return ev_outbox_collect(prober, messages, n);
}

static int
inline_fd(const struct ev_prober *prober)
{
	return uv_backend_fd(&prober->loop);
}

static int
inline_deadline(struct ev_prober *prober)
{
	if (has_work(prober) || !ev_list_empty(&prober->outbox.messages))
		return 0;
	/* without this guard an idle loop would say 0, and its caller would spin */
	if (!uv_loop_alive(&prober->loop))
		return -1;
	uv_update_time(&prober->loop);
	return uv_backend_timeout(&prober->loop);
}

static void
inline_stats(const struct ev_prober *prober, struct ev_prober_stats *stats)
{
	*stats = prober->stats;
	stats->requests = prober->n_requests;
	stats->lookups = prober->dns.n_in_flight;
	stats->n_servers = prober->dns.channels != NULL ? prober->dns.channels->n : 0;
	for (uint32_t i = 0; i < stats->n_servers; i++)
		stats->servers[i] = prober->dns.servers[i].stats;
}

static void
inline_forget(struct ev_prober *prober)
{
	ev_host_cache_forget(prober);
	ev_domain_cache_forget(prober);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void) arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
inline_destroy(struct ev_prober *prober)
{
	prober->ending = true;
	ev_planner_abandon(prober);
	ev_dns_close(prober);
	ev_route_abandon(prober);
	ev_domain_cache_free(prober);
	ev_host_cache_free(prober);
	ev_policies_free(&prober->policies);
	free(prober->rules);
	ev_outbox_free(prober);
	uv_walk(&prober->loop, close_handle, NULL);
	/* nothing is open but what is being closed, so this does not wait */
	uv_run(&prober->loop, UV_RUN_DEFAULT);
	ev_health_free(prober);
	uv_loop_close(&prober->loop);
	SSL_CTX_free(prober->tls);
	free(prober);
}

static const struct ev_prober_ops inline_ops = {
	.configure = inline_configure,
	.set_policies = ev_policies_set,
	.set_rules = inline_set_rules,
	.examine = ev_health_start,
	.room = inline_room,
	.submit = inline_submit,
	.run = inline_run,
	.collect = inline_collect,
	.fd = inline_fd,
	.deadline = inline_deadline,
	.stats = inline_stats,
	.forget = inline_forget,
	.cancel = ev_planner_cancel,
	.destroy = inline_destroy,
};
