/*
 * dns_trust.c
 *	  Trials of name servers, and what follows from them; see dns_trust.h.
 */
#include "net/dns_trust.h"

#include <string.h>

#include "net/dns_trial.h"
#include "net/internal.h"

#define ONCE_MORE_MS    1000   /* between a bad round and the one that decides */
#define CLOSED_MS       10000  /* between trials of a bad server at first, then doubled */
#define CLOSED_MAX_MS   60000  /* … up to this */
#define DENIAL_FRESH_MS 60000  /* a denial needs a trial not older than this */
#define RHYTHM_MS       600000 /* any answer needs one not older than this */
#define SUSPECT_MS      3000   /* between two trials for suspicion */
#define TRIAL_MS_MAX    5000   /* a canary that takes longer is not answered */

#define WINDOW     50 /* answers of which the shares are taken */
#define FAILED_MAX 15 /* failures among them that need no explanation */
#define DENIED_RUN 8  /* denials in a row of a server that does not deny that much */

static bool
is_off(const struct ev_prober *prober)
{
	return prober->config.dns_canaries[0] == '\0';
}

static bool
is_settled(const struct ev_dns_server *server)
{
	return server->stats.trust == EV_TRUST_GOOD || server->stats.trust == EV_TRUST_BAD;
}

static void restart_timer(struct ev_prober *prober);

/* --- what is concluded ------------------------------------------------------------------------- */

/* Whoever waits asks again: nothing is left in doubt, or all is as it was at the start. */
static void
release(struct ev_prober *prober)
{
	struct ev_dns_trust *trust = &prober->dns.trust;
	struct ev_list waiting;
	struct ev_list *link;

	ev_list_init(&waiting);
	while ((link = ev_list_shift(&trust->waiting)) != NULL)
		ev_list_push(&waiting, link);
	while ((link = ev_list_shift(&waiting)) != NULL)
	{
		struct ev_dns_doubter *doubter = EV_ENTRY(link, struct ev_dns_doubter, link);

		doubter->done(doubter);
	}
}

static void
release_if_settled(struct ev_prober *prober)
{
	for (unsigned i = 0; i < prober->dns.channels->n; i++)
	{
		const struct ev_dns_server *server = &prober->dns.servers[i];

		if (!is_settled(server) || (server->stats.trust == EV_TRUST_GOOD && server->trial != NULL))
			return;
	}
	release(prober);
}

static void
become_good(struct ev_prober *prober, struct ev_dns_server *server)
{
	bool was_bad = server->stats.trust == EV_TRUST_BAD;

	server->stats.trust = EV_TRUST_GOOD;
	server->stats.evidence[0] = '\0';
	server->stats.lies = 0;
	server->stats.next_trial = 0;
	if (was_bad)
		ev_prober_forget(prober);
}

static void
become_bad(struct ev_prober *prober, struct ev_dns_server *server)
{
	if (server->stats.trust != EV_TRUST_BAD)
	{
		server->stats.trust = EV_TRUST_BAD;
		server->closed_ms = CLOSED_MS;
		prober->dns.trust.lies++;
		/* what it has said so far may be as wrong */
		ev_prober_forget(prober);
	}
	server->stats.next_trial = prober_now(prober) + server->closed_ms;
	server->closed_ms =
		server->closed_ms * 2 < CLOSED_MAX_MS ? server->closed_ms * 2 : CLOSED_MAX_MS;
}

/* --- trials ------------------------------------------------------------------------------------ */

/* Is it good?  If not, *server says why. */
static bool
judge(const struct ev_prober *prober, struct ev_dns_server *server, const struct ev_dns_finding *f)
{
	char *evidence = server->stats.evidence;
	size_t size = sizeof(server->stats.evidence);
	bool automatic = strcmp(prober->config.dns_canaries, EV_CANARIES_AUTO) == 0;

	server->stats.lies = 0;
	if (f->invented > 0)
	{
		server->stats.lies = EV_LIE_INVENTS;
		snprintf(evidence, size, "has an answer for %.40s, which does not exist",
		         f->first_invented);
		return false;
	}
	if (f->exist > f->denied)
	{
		server->knows_canaries = true;
		return true;
	}
	/* a network of its own, which has never known the large providers */
	if (automatic && !server->knows_canaries && f->learned_exist > f->learned_denied)
		return true;
	server->stats.lies = EV_LIE_DENIES;
	if (f->denied > 0)
		snprintf(evidence, size, "denies %.60s%s, which exists", f->first_denied,
		         f->denied > 1 ? " and others" : "");
	else
		snprintf(evidence, size, "has no answer for any name that exists");
	return false;
}

static void
end_round(struct ev_prober *prober, struct ev_dns_server *server)
{
	struct ev_dns_finding finding;

	ev_dns_trial_find(server->trial, &finding);
	ev_dns_trial_free(server->trial);
	server->trial = NULL;
	server->stats.next_trial = 0;
	if (judge(prober, server, &finding))
	{
		server->bad_rounds = 0;
		server->good_rounds++;
		server->good_at = server->trial_at;
		if (server->stats.trust != EV_TRUST_BAD || server->good_rounds >= 2)
			become_good(prober, server);
		else
			server->stats.next_trial = prober_now(prober) + ONCE_MORE_MS;
	}
	else
	{
		server->good_rounds = 0;
		server->bad_rounds++;
		if (server->stats.trust == EV_TRUST_BAD || server->bad_rounds >= 2)
			become_bad(prober, server);
		else
		{
			server->stats.trust = EV_TRUST_DOUBTFUL;
			server->stats.next_trial = prober_now(prober) + ONCE_MORE_MS;
		}
	}
	restart_timer(prober);
	release_if_settled(prober);
}

static void
on_trial(struct ev_prober *prober, unsigned server)
{
	/* not from within the trial's own call: its memory is still in use */
	prober->dns.servers[server].trial_over = true;
	restart_timer(prober);
}

static uint64_t
trial_ms(const struct ev_prober *prober)
{
	return prober->config.dns_timeout < TRIAL_MS_MAX ? prober->config.dns_timeout : TRIAL_MS_MAX;
}

static void
start_trial(struct ev_prober *prober, unsigned i)
{
	struct ev_dns_server *server = &prober->dns.servers[i];

	if (server->trial != NULL)
		return;
	server->trial_at = prober_now(prober);
	server->trial_over = false;
	server->trial = ev_dns_trial_start(prober, i, on_trial);
	server->stats.next_trial = server->trial != NULL ? 0 : server->trial_at + ONCE_MORE_MS;
	server->denied_in_a_row = 0;
	restart_timer(prober);
}

static void
on_timer(uv_timer_t *timer)
{
	struct ev_prober *prober = timer->data;
	uint64_t now = prober_now(prober);

	for (unsigned i = 0; i < prober->dns.channels->n; i++)
	{
		struct ev_dns_server *server = &prober->dns.servers[i];

		if (server->trial != NULL &&
		    (server->trial_over || now >= server->trial_at + trial_ms(prober)))
			end_round(prober, server);
		if (server->trial == NULL && server->stats.next_trial != 0 &&
		    now >= server->stats.next_trial)
			start_trial(prober, i);
	}
	restart_timer(prober);
}

static void
restart_timer(struct ev_prober *prober)
{
	struct ev_dns_trust *trust = &prober->dns.trust;
	uint64_t now = prober_now(prober);
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < prober->dns.channels->n; i++)
	{
		const struct ev_dns_server *server = &prober->dns.servers[i];
		uint64_t at = server->stats.next_trial != 0 ? server->stats.next_trial : UINT64_MAX;

		if (server->trial != NULL)
			at = server->trial_over ? now : server->trial_at + trial_ms(prober);
		if (at < next)
			next = at;
	}
	if (next == UINT64_MAX)
		uv_timer_stop(&trust->timer);
	else
		uv_timer_start(&trust->timer, on_timer, next > now ? next - now : 0, 0);
}

/* --- what others see --------------------------------------------------------------------------- */

enum ev_dns_belief
ev_dns_trust_ask(struct ev_prober *prober, bool denial, struct ev_dns_doubter *doubter)
{
	uint64_t now = prober_now(prober);
	bool wait = false;
	bool good = false;

	if (is_off(prober))
		return EV_DNS_BELIEVED;
	for (unsigned i = 0; i < prober->dns.channels->n; i++)
	{
		struct ev_dns_server *server = &prober->dns.servers[i];
		uint64_t age = now - server->good_at;

		if (server->stats.trust == EV_TRUST_UNTRIED ||
		    (server->stats.trust == EV_TRUST_GOOD && age >= (denial ? DENIAL_FRESH_MS : RHYTHM_MS)))
			start_trial(prober, i);
		/* without memory for a trial it goes on as it was */
		if (server->stats.trust == EV_TRUST_GOOD)
		{
			wait |= denial && server->trial != NULL;
			good = true;
		}
		else
			wait |= server->stats.trust != EV_TRUST_BAD;
	}
	if (!wait)
		return good ? EV_DNS_BELIEVED : EV_DNS_NOT_BELIEVED;
	ev_list_init(&doubter->link);
	ev_list_push(&prober->dns.trust.waiting, &doubter->link);
	return EV_DNS_IN_DOUBT;
}

void
ev_dns_trust_learn(struct ev_prober *prober, const char *domain)
{
	struct ev_dns_trust *trust = &prober->dns.trust;

	if (is_off(prober) || strcmp(prober->config.dns_canaries, EV_CANARIES_AUTO) != 0)
		return;
	for (unsigned i = 0; i < trust->n_learned; i++)
	{
		if (strcmp(trust->learned[i], domain) == 0)
			return;
	}
	if (trust->n_learned == EV_LEARNED_NAMES)
	{
		/* a name may end; the youngest ones are asked for first */
		memmove(trust->learned[1], trust->learned[0],
		        sizeof(trust->learned[0]) * (EV_LEARNED_NAMES - 1));
		strcpy(trust->learned[0], domain);
		return;
	}
	strcpy(trust->learned[trust->n_learned++], domain);
	/* what was wanting may be there now */
	for (unsigned i = 0; i < prober->dns.channels->n; i++)
	{
		struct ev_dns_server *server = &prober->dns.servers[i];

		if (server->stats.trust == EV_TRUST_BAD && !server->knows_canaries &&
		    server->stats.lies == EV_LIE_DENIES)
			start_trial(prober, i);
	}
}

static void
suspect(struct ev_prober *prober, unsigned i)
{
	struct ev_dns_server *server = &prober->dns.servers[i];

	if (server->stats.trust == EV_TRUST_GOOD && prober_now(prober) >= server->trial_at + SUSPECT_MS)
		start_trial(prober, i);
}

void
ev_dns_trust_note(struct ev_prober *prober, unsigned i, uint16_t type, enum ev_dns_status status)
{
	struct ev_dns_server *server = &prober->dns.servers[i];
	bool denied = status == EV_DNS_NXDOMAIN || status == EV_DNS_NODATA;
	unsigned share;

	/* that a domain has none of these says nothing */
	if (is_off(prober) || type == EV_DNS_TXT || type == EV_DNS_AAAA)
		return;
	server->seen++;
	server->denied += denied;
	server->failed += status == EV_DNS_SERVFAIL || status == EV_DNS_TIMEOUT;
	server->denied_in_a_row = denied ? server->denied_in_a_row + 1 : 0;
	if (server->denied_in_a_row >= DENIED_RUN && server->usual_share < 50)
		suspect(prober, i);
	if (server->seen < WINDOW)
		return;
	if (server->failed > FAILED_MAX)
		suspect(prober, i);
	if (server->usual_share > 0 && server->denied * 100 / WINDOW > 30u + server->usual_share)
		suspect(prober, i);
	share = server->denied * 100 / WINDOW;
	if (server->usual_share > 0)
		share = (server->usual_share * 7 + share) / 8;
	server->usual_share = (uint8_t) (share > 0 ? share : 1);
	server->seen = server->denied = server->failed = 0;
}

void
ev_dns_trust_configure(struct ev_prober *prober, bool other_names)
{
	struct ev_dns_trust *trust = &prober->dns.trust;

	if (!trust->ready)
	{
		uv_timer_init(&prober->loop, &trust->timer);
		trust->timer.data = prober;
		ev_list_init(&trust->waiting);
		trust->ready = true;
	}
	for (unsigned i = 0; i < EV_SERVERS_MAX; i++)
	{
		struct ev_dns_server *server = &prober->dns.servers[i];

		ev_dns_trial_free(server->trial);
		server->trial = NULL;
		server->stats.next_trial = 0;
		if (!other_names && is_settled(server) && !is_off(prober))
		{
			if (server->stats.trust == EV_TRUST_BAD)
				server->stats.next_trial = prober_now(prober) + ONCE_MORE_MS;
			continue;
		}
		server->stats.trust = is_off(prober) ? EV_TRUST_OFF : EV_TRUST_UNTRIED;
		server->stats.evidence[0] = '\0';
		server->stats.lies = 0;
		server->good_rounds = server->bad_rounds = 0;
		server->knows_canaries = false;
		/* at once: somebody may have mended what was found, and what was withheld waits for that */
		if (!is_off(prober) && i < prober->dns.channels->n)
			server->stats.next_trial = prober_now(prober);
	}
	restart_timer(prober);
	release(prober);
}

void
ev_dns_trust_stop(struct ev_prober *prober)
{
	for (unsigned i = 0; i < EV_SERVERS_MAX; i++)
	{
		ev_dns_trial_free(prober->dns.servers[i].trial);
		prober->dns.servers[i].trial = NULL;
	}
	if (prober->dns.trust.ready)
		uv_timer_stop(&prober->dns.trust.timer);
}
