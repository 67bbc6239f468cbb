/*
 * health_dnsbl.c
 *	  Do block lists name our addresses?  Only lists that pass the self-test of RFC 5782 5 are believed.
 */
#include "net/health_internal.h"

#include <string.h>

static void next_zone(struct ev_health *health);
static void ask_address(struct ev_health *health);

static struct ev_health *
health_of(struct ev_dns_query *query)
{
	return EV_ENTRY(query, struct ev_health, query);
}

enum listing
{
	NOT_LISTED,
	LISTED,
	REFUSED, /* 127.255.255.x: the list does not serve whoever asked */
	NO_ANSWER
};

static enum listing
read_listing(const struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
             size_t len)
{
	static const uint8_t refusal[3] = {127, 255, 255};
	enum listing listing = NOT_LISTED;
	struct ev_dns_message message;
	struct ev_dns_record found;

	if (!ev_dns_answered(status))
		return NO_ANSWER;
	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_A))
		while (ev_dns_next(&message, &found))
		{
			if (found.len != 4)
				continue;
			if (memcmp(message.bytes + found.at, refusal, sizeof(refusal)) == 0)
				return REFUSED;
			/* an address outside of 127/8 is no listing, but a resolver that answers everything */
			if (message.bytes[found.at] == 127)
				listing = LISTED;
		}
	return listing;
}

static void
on_address(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);
	char ip[EV_IP_TEXT_MAX + 1];

	ev_ip_text(&health->addresses[health->address], ip);
	switch (read_listing(query, status, reply, len))
	{
		case LISTED:
			ev_health_tell(health, EV_FINDING_DNSBL_LISTED, "%s lists %s", health->zone, ip);
			break;
		case NOT_LISTED:
			ev_health_tell(health, EV_FINDING_DNSBL_CLEAR, "%s does not list %s", health->zone, ip);
			break;
		case REFUSED: ev_health_tell(health, EV_FINDING_DNSBL_REFUSED, "%s", health->zone); break;
		case NO_ANSWER: ev_health_tell(health, EV_FINDING_DNSBL_UNKNOWN, "%s", health->zone); break;
	}
	health->address++;
	ask_address(health);
}

static void
ask_address(struct ev_health *health)
{
	char name[EV_DOMAIN_MAX + 1];

	if (health->address >= health->n_addresses)
	{
		next_zone(health);
		return;
	}
	ev_health_reverse(&health->addresses[health->address], health->zone, health->zone, name);
	ev_health_ask(health, name, EV_DNS_A, on_address);
}

/* 127.0.0.1 must not be listed. */
static void
on_innocent(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);

	switch (read_listing(query, status, reply, len))
	{
		case NOT_LISTED:
			health->address = 0;
			ask_address(health);
			return;
		case LISTED: ev_health_tell(health, EV_FINDING_DNSBL_NO_LIST, "%s", health->zone); break;
		case REFUSED: ev_health_tell(health, EV_FINDING_DNSBL_REFUSED, "%s", health->zone); break;
		case NO_ANSWER: ev_health_tell(health, EV_FINDING_DNSBL_UNKNOWN, "%s", health->zone); break;
	}
	next_zone(health);
}

/* 127.0.0.2 must be listed. */
static void
on_test_entry(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply,
              size_t len)
{
	struct ev_health *health = health_of(query);
	const struct ev_ip innocent = {.bytes = {127, 0, 0, 1}};
	char name[EV_DOMAIN_MAX + 1];

	switch (read_listing(query, status, reply, len))
	{
		case LISTED:
			ev_health_reverse(&innocent, health->zone, health->zone, name);
			ev_health_ask(health, name, EV_DNS_A, on_innocent);
			return;
		case NOT_LISTED:
			ev_health_tell(health, EV_FINDING_DNSBL_NO_LIST, "%s", health->zone);
			break;
		case REFUSED: ev_health_tell(health, EV_FINDING_DNSBL_REFUSED, "%s", health->zone); break;
		case NO_ANSWER: ev_health_tell(health, EV_FINDING_DNSBL_UNKNOWN, "%s", health->zone); break;
	}
	next_zone(health);
}

static void
next_zone(struct ev_health *health)
{
	const struct ev_ip test_entry = {.bytes = {127, 0, 0, 2}};
	char name[EV_DOMAIN_MAX + 1];

	if (health->n_addresses == 0 ||
	    !ev_health_name(health->request.dnsbl, &health->zone_at, health->zone))
	{
		ev_health_trials(health);
		return;
	}
	ev_health_reverse(&test_entry, health->zone, health->zone, name);
	ev_health_ask(health, name, EV_DNS_A, on_test_entry);
}

void
ev_health_dnsbl(struct ev_health *health)
{
	next_zone(health);
}
