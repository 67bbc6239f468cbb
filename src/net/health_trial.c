/*
 * health_trial.c
 *	  Do we get out?  A connection to the mail server of each of a few domains, up to its greeting.
 *
 * The mail servers are looked up one after the other and connected to side by side.  Nobody is asked for
 * anything: what follows the greeting is QUIT.
 */
#include "net/health_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void next_domain(struct ev_health *health);

/* --- the end ----------------------------------------------------------------------------------- */

static void
tell_result(struct ev_health *health)
{
	char failures[EV_PEER_TEXT_MAX + 1] = "";
	unsigned n_good = 0;
	size_t at = 0;

	for (size_t i = 0; i < health->n_trials; i++)
	{
		const struct ev_health_trial *trial = &health->trials[i];

		if (trial->connected)
			n_good++;
		if (trial->greeted || at >= sizeof(failures))
			continue;
		at += (size_t) snprintf(failures + at, sizeof(failures) - at, "%s%s: %s",
		                        at == 0 ? "; " : ", ", trial->host, trial->outcome);
	}
	ev_health_tell(health,
	               n_good == 0                  ? EV_FINDING_TRIAL_FAILED
	               : n_good == health->n_trials ? EV_FINDING_TRIAL_OK
	                                            : EV_FINDING_TRIAL_PARTLY,
	               "%u of %zu mail servers can be connected to at port %u%s", n_good,
	               health->n_trials, health->prober->config.smtp_port, failures);
}

static void
on_closed(uv_handle_t *handle)
{
	struct ev_health_trial *trial = handle->data;
	struct ev_health *health = trial->health;

	if (--health->n_open > 0 || health->prober->ending)
		return;
	tell_result(health);
	ev_health_done(health);
}

static void
close_trial(struct ev_health_trial *trial, const char *outcome)
{
	trial->outcome = outcome;
	uv_close((uv_handle_t *) &trial->poll, on_closed);
	uv_close((uv_handle_t *) &trial->timer, on_closed);
	close(trial->fd);
	trial->fd = -1;
}

/* --- a connection ------------------------------------------------------------------------------ */

static const char *
words_of(int error)
{
	switch (error)
	{
		case ECONNREFUSED: return "connection refused";
		case ETIMEDOUT: return "timed out";
		case ENETUNREACH:
		case EHOSTUNREACH: return "unreachable";
		default: return "no connection";
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct ev_health_trial *trial = timer->data;

	close_trial(trial, trial->connected ? "no greeting" : "timed out");
}

static void
on_event(uv_poll_t *poll, int status, int events)
{
	struct ev_health_trial *trial = poll->data;
	struct ev_prober *prober = trial->health->prober;
	int error = 0;
	socklen_t len = sizeof(error);
	char reply[512];
	ssize_t n;

	(void) events;
	if (!trial->connected)
	{
		if (getsockopt(trial->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0 ||
		    status < 0)
		{
			close_trial(trial, words_of(error));
			return;
		}
		trial->connected = true;
		uv_timer_start(&trial->timer, on_timer, prober->config.timeout.greeting, 0);
		uv_poll_start(&trial->poll, UV_READABLE, on_event);
		return;
	}
	n = recv(trial->fd, reply, sizeof(reply), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	trial->greeted = n > 0 && reply[0] == '2';
	if (n > 0)
		(void) !send(trial->fd, "QUIT\r\n", 6, MSG_NOSIGNAL);
	close_trial(trial, n > 0 ? "refuses us" : "closes without a greeting");
}

/* False, with the outcome said, when there is not even an attempt. */
static bool
open_trial(struct ev_health_trial *trial)
{
	struct ev_prober *prober = trial->health->prober;
	struct sockaddr_storage address;
	socklen_t len = ev_ip_sockaddr(&trial->ip, prober->config.smtp_port, &address);

	trial->fd = -1;
	trial->outcome = "no public address";
	if (!ev_ip_may_connect(&trial->ip, &prober->config, &prober->nat64))
		return false;
	trial->outcome = "no socket";
	trial->fd =
		socket(trial->ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (trial->fd < 0)
		return false;
	if (connect(trial->fd, (struct sockaddr *) &address, len) != 0 && errno != EINPROGRESS)
		trial->outcome = words_of(errno);
	else if (uv_poll_init(&prober->loop, &trial->poll, trial->fd) == 0)
	{
		uv_timer_init(&prober->loop, &trial->timer);
		trial->poll.data = trial->timer.data = trial;
		uv_poll_start(&trial->poll, UV_WRITABLE, on_event);
		uv_timer_start(&trial->timer, on_timer, prober->config.timeout.connect, 0);
		return true;
	}
	close(trial->fd);
	trial->fd = -1;
	return false;
}

static void
open_trials(struct ev_health *health)
{
	health->n_open = 0;
	for (size_t i = 0; i < health->n_trials; i++)
		if (open_trial(&health->trials[i]))
			health->n_open += 2;
	if (health->n_trials == 0)
		ev_health_tell(health, EV_FINDING_TRIAL_NOBODY, "%s", health->request.trial);
	else if (health->n_open == 0)
		tell_result(health);
	if (health->n_open == 0)
		ev_health_done(health);
}

/* --- whom to connect to ------------------------------------------------------------------------ */

static void
on_host(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = EV_ENTRY(query, struct ev_health, query);
	struct ev_health_trial *trial = &health->trials[health->n_trials];
	struct ev_dns_message message;
	struct ev_dns_record found;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, query->type) &&
	    ev_dns_next(&message, &found) && found.len == (query->type == EV_DNS_A ? 4 : 16))
	{
		memset(trial, 0, sizeof(*trial));
		trial->health = health;
		trial->ip.v6 = query->type != EV_DNS_A;
		memcpy(trial->ip.bytes, message.bytes + found.at, found.len);
		snprintf(trial->host, sizeof(trial->host), "%s", query->name);
		health->n_trials++;
	}
	next_domain(health);
}

static void
on_mx(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = EV_ENTRY(query, struct ev_health, query);
	struct ev_dns_message message;
	struct ev_dns_record found;
	char host[EV_DOMAIN_MAX + 1];
	size_t end;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_MX) &&
	    ev_dns_next(&message, &found) && found.len > 2 &&
	    ev_dns_name(message.bytes, message.len, found.at + 2, host, &end) && host[0] != '\0')
		ev_health_ask(health, host, health->prober->config.use_v4 ? EV_DNS_A : EV_DNS_AAAA,
		              on_host);
	else
		next_domain(health);
}

static void
next_domain(struct ev_health *health)
{
	if (health->n_trials < EV_HEALTH_TRIALS &&
	    ev_health_name(health->request.trial, &health->trial_at, health->trial_domain))
		ev_health_ask(health, health->trial_domain, EV_DNS_MX, on_mx);
	else
		open_trials(health);
}

void
ev_health_trials(struct ev_health *health)
{
	if (health->request.trial[0] == '\0')
		ev_health_done(health);
	else
		next_domain(health);
}
