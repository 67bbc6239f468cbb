/*
 * dns_trial.c
 *	  One trial of one name server; see dns_trial.h.
 *
 * Each name is asked for twice, for MX and for A: either makes it exist.
 */
#include "net/dns_trial.h"

#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

#define NAMES_MAX 16
#define LEARNED   2

/* Names with mail servers for as long as there has been mail to them. */
static const char *const providers[] = {"gmail.com", "outlook.com", "yahoo.com", "icloud.com"};
#define N_PROVIDERS (sizeof(providers) / sizeof(providers[0]))

/* Top-level domains in which a made-up name is none: RFC 2606, and the largest one. */
static const char *const made_up_under[] = {"invalid", "com"};

enum canary_kind
{
	CANARY_KNOWN,
	CANARY_LEARNED,
	CANARY_MADE_UP
};

struct canary
{
	struct ev_dns_query mx, a;
	struct ev_dns_trial *trial;
	enum canary_kind kind;
	bool exists;
	bool answered; /* by both look-ups, or by one that found it */
	uint8_t n_answers;
};

struct ev_dns_trial
{
	struct ev_prober *prober;
	unsigned server;
	void (*done)(struct ev_prober *prober, unsigned server);
	unsigned pending;
	unsigned n;
	struct canary canaries[NAMES_MAX];
};

static void
heard(struct canary *canary, enum ev_dns_status status)
{
	struct ev_dns_trial *trial = canary->trial;

	canary->exists |= status == EV_DNS_OK;
	canary->n_answers += ev_dns_answered(status);
	canary->answered = canary->exists || canary->n_answers == 2;
	if (--trial->pending == 0)
		trial->done(trial->prober, trial->server);
}

static void
on_mx(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	(void) reply;
	(void) len;
	heard(EV_ENTRY(query, struct canary, mx), status);
}

static void
on_a(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	(void) reply;
	(void) len;
	heard(EV_ENTRY(query, struct canary, a), status);
}

static void
prepare(struct ev_dns_trial *trial, struct ev_dns_query *query, const char *name, uint16_t type)
{
	ev_list_init(&query->link);
	query->prober = trial->prober;
	query->type = type;
	query->only = (uint8_t) (trial->server + 1);
	query->done = type == EV_DNS_MX ? on_mx : on_a;
	snprintf(query->name, sizeof(query->name), "%s", name);
}

static void
add(struct ev_dns_trial *trial, const char *name, enum canary_kind kind)
{
	struct canary *canary = &trial->canaries[trial->n];

	if (trial->n == NAMES_MAX || name[0] == '\0')
		return;
	trial->n++;
	canary->trial = trial;
	canary->kind = kind;
	prepare(trial, &canary->mx, name, EV_DNS_MX);
	prepare(trial, &canary->a, name, EV_DNS_A);
}

/* The item of the list at *at, without blanks and final dot, in lower case; *at is moved behind it. */
static void
next_item(const char **at, char *name, size_t size)
{
	size_t n = 0;

	for (; **at != '\0' && **at != ','; ++*at)
	{
		char c = **at;

		if (c != ' ' && c != '\t' && n + 1 < size)
			name[n++] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
	}
	if (**at == ',')
		++*at;
	if (n > 0 && name[n - 1] == '.')
		n--;
	name[n] = '\0';
}

/* Some of the list, at random without repetition. */
static void
add_listed(struct ev_dns_trial *trial, const char *list)
{
	char name[EV_DOMAIN_MAX + 1];
	unsigned left = 0;
	unsigned wanted = EV_CANARIES_ASKED;

	for (const char *at = list; *at != '\0'; left++)
		next_item(&at, name, sizeof(name));
	for (const char *at = list; *at != '\0' && wanted > 0; left--)
	{
		next_item(&at, name, sizeof(name));
		if (prober_random(trial->prober) % left >= wanted)
			continue;
		add(trial, name, CANARY_KNOWN);
		wanted--;
	}
}

static void
add_automatic(struct ev_dns_trial *trial)
{
	const struct ev_dns_trust *trust = &trial->prober->dns.trust;
	unsigned first = (unsigned) (prober_random(trial->prober) % N_PROVIDERS);

	for (unsigned i = 0; i < EV_CANARIES_ASKED; i++)
		add(trial, providers[(first + i) % N_PROVIDERS], CANARY_KNOWN);
	for (unsigned i = 0; i < trust->n_learned && i < LEARNED; i++)
		add(trial, trust->learned[i], CANARY_LEARNED);
}

static void
add_made_up(struct ev_dns_trial *trial, const char *under)
{
	char name[EV_DOMAIN_MAX + 1];

	snprintf(name, sizeof(name), "x%012llx%04llx.%s",
	         (unsigned long long) (prober_random(trial->prober) & 0xffffffffffff),
	         (unsigned long long) (prober_random(trial->prober) & 0xffff), under);
	add(trial, name, CANARY_MADE_UP);
}

struct ev_dns_trial *
ev_dns_trial_start(struct ev_prober *prober, unsigned server,
                   void (*done)(struct ev_prober *prober, unsigned server))
{
	struct ev_dns_trial *trial = calloc(1, sizeof(*trial));

	if (trial == NULL)
		return NULL;
	trial->prober = prober;
	trial->server = server;
	trial->done = done;
	if (strcmp(prober->config.dns_canaries, EV_CANARIES_AUTO) == 0)
		add_automatic(trial);
	else
		add_listed(trial, prober->config.dns_canaries);
	for (size_t i = 0; i < sizeof(made_up_under) / sizeof(made_up_under[0]); i++)
		add_made_up(trial, made_up_under[i]);
	trial->pending = 2 * trial->n;
	for (unsigned i = 0; i < trial->n; i++)
	{
		ev_dns_start(&trial->canaries[i].mx);
		ev_dns_start(&trial->canaries[i].a);
	}
	return trial;
}

static void
remember(char *first, const struct canary *canary)
{
	if (first[0] == '\0')
		strcpy(first, canary->mx.name);
}

void
ev_dns_trial_find(const struct ev_dns_trial *trial, struct ev_dns_finding *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < trial->n; i++)
	{
		const struct canary *canary = &trial->canaries[i];
		bool denied = canary->answered && !canary->exists;

		switch (canary->kind)
		{
			case CANARY_KNOWN:
				out->exist += canary->exists;
				out->denied += denied;
				out->silent += !canary->answered;
				if (denied)
					remember(out->first_denied, canary);
				break;
			case CANARY_LEARNED:
				out->learned_exist += canary->exists;
				out->learned_denied += denied;
				break;
			case CANARY_MADE_UP:
				out->invented += canary->exists;
				if (canary->exists)
					remember(out->first_invented, canary);
				break;
		}
	}
}

void
ev_dns_trial_free(struct ev_dns_trial *trial)
{
	if (trial == NULL)
		return;
	for (unsigned i = 0; i < trial->n; i++)
	{
		ev_dns_cancel(&trial->canaries[i].mx);
		ev_dns_cancel(&trial->canaries[i].a);
	}
	free(trial);
}

const char *
ev_dns_canaries_fault(const char *canaries)
{
	if (strcmp(canaries, EV_CANARIES_AUTO) == 0)
		return NULL;
	for (const char *at = canaries; *at != '\0';)
	{
		char name[EV_DOMAIN_MAX + 2];
		size_t n;
		bool dot = false;

		next_item(&at, name, sizeof(name));
		n = strlen(name);
		for (size_t i = 0; i < n; i++)
		{
			char c = name[i];

			dot |= c == '.';
			if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			      (c == '.' && i > 0 && name[i - 1] != '.')))
				return "a name to try the name servers by must be a plain domain name";
		}
		if (n == 0 || n > EV_DOMAIN_MAX || !dot)
			return "a name to try the name servers by must be a plain domain name";
	}
	return NULL;
}
