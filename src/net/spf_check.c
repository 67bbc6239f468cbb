/*
 * spf_check.c
 *	  check_host() of RFC 7208, one look-up after the other; see spf_check.h.
 *
 * A stack of records: the domain's own, and below it those that it includes.  Each is read term by term; a
 * term that needs a look-up ends the reading until the reply has come.
 */
#include "net/internal.h"

#include <stdlib.h>
#include <string.h>

#include "engine/spf.h"
#include "net/spf_check.h"

/* RFC 7208 4.6.4: terms that cause look-ups, and names of an MX record set. */
#define LOOKUPS_MAX 10
#define MX_MAX      10

struct record
{
	char domain[EV_DOMAIN_MAX + 1];
	char redirect[EV_DOMAIN_MAX + 1]; /* "" = none */
	char qualifier;                   /* of the include in the record above */
	size_t len, at;
	char text[EV_DNS_TEXT_MAX];
};

struct ev_spf_check
{
	struct ev_dns_query query;
	struct ev_ip ip;
	void *arg;
	void (*done)(void *arg, enum ev_spf_result result);
	unsigned n_lookups;
	bool undecided;          /* a term that nobody evaluates stood on the way */
	struct ev_spf_term term; /* the one that waits for a reply */
	unsigned n_hosts, host;  /* of an mx term: names still to be asked */
	char hosts[MX_MAX][EV_DOMAIN_MAX + 1];
	unsigned depth;
	struct record records[LOOKUPS_MAX + 1];
};

static void step(struct ev_spf_check *check);

static void
conclude(struct ev_spf_check *check, enum ev_spf_result result)
{
	if (check->undecided && result != EV_SPF_CHECK_PASS && result != EV_SPF_CHECK_TEMPERROR &&
	    result != EV_SPF_CHECK_PERMERROR)
		result = EV_SPF_CHECK_UNKNOWN;
	check->done(check->arg, result);
}

static enum ev_spf_result
result_of(char qualifier)
{
	switch (qualifier)
	{
		case '-': return EV_SPF_CHECK_FAIL;
		case '~': return EV_SPF_CHECK_SOFTFAIL;
		case '?': return EV_SPF_CHECK_NEUTRAL;
		default: return EV_SPF_CHECK_PASS;
	}
}

static void
ask(struct ev_spf_check *check, const char *name, uint16_t type,
    void (*done)(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
                 size_t len))
{
	ev_list_init(&check->query.link);
	check->query.type = type;
	check->query.done = done;
	snprintf(check->query.name, sizeof(check->query.name), "%s", name);
	ev_dns_start(&check->query);
}

static uint16_t
address_type(const struct ev_spf_check *check)
{
	return check->ip.v6 ? EV_DNS_AAAA : EV_DNS_A;
}

static bool
same_network(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	uint8_t mask = (uint8_t) (0xff00 >> bits % 8);

	return memcmp(a, b, whole) == 0 && (bits % 8 == 0 || (a[whole] & mask) == (b[whole] & mask));
}

static unsigned
prefix_of(const struct ev_spf_check *check, const struct ev_spf_term *term)
{
	return check->ip.v6 ? term->prefix6 : term->prefix4;
}

/* A record has its result: so has the check, or the record that includes it goes on. */
static void
close_record(struct ev_spf_check *check, enum ev_spf_result result)
{
	while (check->depth > 0)
	{
		char qualifier = check->records[check->depth].qualifier;

		check->depth--;
		switch (result)
		{
			case EV_SPF_CHECK_PASS: result = result_of(qualifier); break;
			case EV_SPF_CHECK_TEMPERROR: conclude(check, result); return;
			case EV_SPF_CHECK_NO_RECORD:
			case EV_SPF_CHECK_PERMERROR: conclude(check, EV_SPF_CHECK_PERMERROR); return;
			default: step(check); return; /* it does not match */
		}
	}
	conclude(check, result);
}

static void
on_record(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_spf_check *check = EV_ENTRY(query, struct ev_spf_check, query);
	struct record *record = &check->records[check->depth];
	struct ev_dns_message message;
	struct ev_dns_record found;
	int n = 0;

	if (!ev_dns_answered(status))
	{
		close_record(check, EV_SPF_CHECK_TEMPERROR);
		return;
	}
	record->len = record->at = 0;
	record->redirect[0] = '\0';
	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_TXT))
	{
		while (ev_dns_next(&message, &found))
		{
			char text[EV_DNS_TEXT_MAX];
			char target[EV_DOMAIN_MAX + 1];
			size_t text_len = ev_dns_text(&message, &found, text);
			enum ev_spf kind = ev_spf_parse(text, text_len, target);

			if (kind == EV_SPF_NONE)
				continue;
			if (kind == EV_SPF_INVALID || ++n > 1)
			{
				close_record(check, EV_SPF_CHECK_PERMERROR);
				return;
			}
			memcpy(record->text, text, text_len);
			record->len = text_len;
		}
	}
	if (n == 0)
		close_record(check, EV_SPF_CHECK_NO_RECORD);
	else
		step(check);
}

static void
on_addresses(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
             size_t len)
{
	struct ev_spf_check *check = EV_ENTRY(query, struct ev_spf_check, query);
	struct ev_dns_message message;
	struct ev_dns_record found;
	size_t size = check->ip.v6 ? 16 : 4;

	if (!ev_dns_answered(status))
	{
		close_record(check, EV_SPF_CHECK_TEMPERROR);
		return;
	}
	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, query->type))
		while (ev_dns_next(&message, &found))
			if (found.len == size && same_network(check->ip.bytes, message.bytes + found.at,
			                                      prefix_of(check, &check->term)))
			{
				close_record(check, result_of(check->term.qualifier));
				return;
			}
	if (check->host < check->n_hosts)
		ask(check, check->hosts[check->host++], address_type(check), on_addresses);
	else
		step(check);
}

static void
on_mx(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_spf_check *check = EV_ENTRY(query, struct ev_spf_check, query);
	struct ev_dns_message message;
	struct ev_dns_record found;

	check->n_hosts = check->host = 0;
	if (!ev_dns_answered(status))
	{
		close_record(check, EV_SPF_CHECK_TEMPERROR);
		return;
	}
	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_MX))
		while (check->n_hosts < MX_MAX && ev_dns_next(&message, &found))
		{
			size_t end;

			if (found.len > 2 && ev_dns_name(message.bytes, message.len, found.at + 2,
			                                 check->hosts[check->n_hosts], &end))
				check->n_hosts++;
		}
	if (check->host < check->n_hosts)
		ask(check, check->hosts[check->host++], address_type(check), on_addresses);
	else
		step(check);
}

/* Does an ip4 or ip6 term name the address? */
static bool
names_address(const struct ev_spf_check *check, const struct ev_spf_term *term)
{
	struct ev_ip ip;

	return ev_ip_parse(term->address, &ip) && ip.v6 == check->ip.v6 &&
	       same_network(check->ip.bytes, ip.bytes, prefix_of(check, term));
}

static void
open_record(struct ev_spf_check *check, const char *domain)
{
	struct record *record = &check->records[check->depth];

	memmove(record->domain, domain, strlen(domain) + 1);
	ask(check, record->domain, EV_DNS_TXT, on_record);
}

/* A term that needs look-ups. */
static void
look_up(struct ev_spf_check *check)
{
	const struct record *record = &check->records[check->depth];
	const char *domain = check->term.domain[0] != '\0' ? check->term.domain : record->domain;

	if (++check->n_lookups > LOOKUPS_MAX)
		close_record(check, EV_SPF_CHECK_PERMERROR);
	else if (check->term.kind == EV_SPF_TERM_INCLUDE)
	{
		check->records[++check->depth].qualifier = check->term.qualifier;
		open_record(check, domain);
	}
	else if (check->term.kind == EV_SPF_TERM_MX)
		ask(check, domain, EV_DNS_MX, on_mx);
	else
	{
		check->n_hosts = check->host = 0;
		ask(check, domain, address_type(check), on_addresses);
	}
}

/* Nothing in the record has matched. */
static void
end_record(struct ev_spf_check *check)
{
	struct record *record = &check->records[check->depth];

	if (record->redirect[0] == '\0')
		close_record(check, EV_SPF_CHECK_NEUTRAL);
	else if (++check->n_lookups > LOOKUPS_MAX)
		close_record(check, EV_SPF_CHECK_PERMERROR);
	else
		open_record(check, record->redirect);
}

static void
step(struct ev_spf_check *check)
{
	struct record *record = &check->records[check->depth];
	struct ev_spf_term *term = &check->term;

	while (ev_spf_next(record->text, record->len, &record->at, term))
	{
		switch (term->kind)
		{
			case EV_SPF_TERM_ALL: close_record(check, result_of(term->qualifier)); return;
			case EV_SPF_TERM_IP4:
			case EV_SPF_TERM_IP6:
				if (names_address(check, term))
				{
					close_record(check, result_of(term->qualifier));
					return;
				}
				break;
			case EV_SPF_TERM_A:
			case EV_SPF_TERM_MX:
			case EV_SPF_TERM_INCLUDE: look_up(check); return;
			case EV_SPF_TERM_REDIRECT: strcpy(record->redirect, term->domain); break;
			case EV_SPF_TERM_UNDECIDED: check->undecided = true; break;
			case EV_SPF_TERM_OTHER: break;
		}
	}
	end_record(check);
}

struct ev_spf_check *
ev_spf_check_start(struct ev_prober *prober, const char *domain, const struct ev_ip *ip, void *arg,
                   void (*done)(void *arg, enum ev_spf_result result))
{
	struct ev_spf_check *check = calloc(1, sizeof(*check));

	if (check == NULL)
		return NULL;
	check->query.prober = prober;
	check->ip = *ip;
	check->arg = arg;
	check->done = done;
	open_record(check, domain);
	return check;
}

void
ev_spf_check_free(struct ev_spf_check *check)
{
	free(check);
}
