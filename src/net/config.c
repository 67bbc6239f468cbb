/*
 * config.c
 *	  A prober's settings: defaults and bounds.
 */
#include "net/internal.h"

#include <string.h>

#include "net/dns_trial.h"

void
ev_prober_config_default(struct ev_prober_config *config)
{
	memset(config, 0, sizeof(*config));
	config->smtp_port = 25;
	config->use_v4 = true;
	config->use_v6 = false; /* its PTR records and reputation are rarely in order */
	config->use_tls = true;
	config->catch_all_test = true;
	config->max_sessions = 200;
	config->session_wait = 600000;
	config->max_lookups = EV_LOOKUPS_MAX;
	config->max_requests = 10000;
	config->dns_timeout = 3000;
	config->dns_tries = 3;
	config->rcpt_per_transaction = 10;
	config->rcpt_per_session = 20;
	config->max_refused = 3;
	config->random_max_age = 14 * 86400;
	config->egress_trial = 60000;
	config->timeout.connect = 30000;
	config->timeout.greeting = 60000;
	config->timeout.ehlo = 60000;
	config->timeout.mail = 60000;
	config->timeout.rcpt = 90000;
	config->timeout.quit = 5000;
	config->timeout.session = 300000;
}

/* Nothing that could end a line or a path in a command. */
static bool
is_plain(const char *text, size_t size)
{
	if (memchr(text, '\0', size) == NULL)
		return false;
	for (; *text != '\0'; text++)
	{
		if (*text <= ' ' || *text >= 0x7f || *text == '<' || *text == '>')
			return false;
	}
	return true;
}

static bool
is_source(const char *text, bool v6)
{
	struct ev_ip ip;

	return text[0] == '\0' || (ev_ip_parse(text, &ip) && ip.v6 == v6);
}

static bool
are_prefixes(const struct ev_nat64 *nat64)
{
	if (nat64->n > EV_NAT64_MAX)
		return false;
	for (uint8_t i = 0; i < nat64->n; i++)
		if (!ev_nat64_bits(nat64->prefix[i].bits))
			return false;
	return true;
}

const char *
ev_config_fault(const struct ev_prober_config *config)
{
	const struct ev_smtp_timeouts *t = &config->timeout;

	if (!is_plain(config->helo_name, sizeof(config->helo_name)))
		return "the EHLO name must be plain ASCII";
	if (!is_plain(config->mail_from, sizeof(config->mail_from)) ||
	    (config->mail_from[0] != '\0' && strchr(config->mail_from, '@') == NULL))
		return "the sender must be a plain ASCII address";
	if (memchr(config->dns_servers, '\0', sizeof(config->dns_servers)) == NULL)
		return "the list of DNS servers is too long";
	if (!is_source(config->source_v4, false) || !is_source(config->source_v6, true))
		return "a source address must be an IP address of its family";
	if (!are_prefixes(&config->nat64))
		return "a prefix of NAT64 has 32, 40, 48, 56, 64 or 96 bits";
	if (memchr(config->dns_canaries, '\0', sizeof(config->dns_canaries)) == NULL)
		return "the list of names to try the name servers by is too long";
	if (ev_dns_canaries_fault(config->dns_canaries) != NULL)
		return ev_dns_canaries_fault(config->dns_canaries);
	if (memchr(config->crash_on, '\0', sizeof(config->crash_on)) == NULL)
		return "the local part to crash on is too long";
	if (!config->use_v4 && !config->use_v6)
		return "one address family at least must be used";
	if (config->smtp_port == 0)
		return "the port must not be 0";
	if (config->max_sessions == 0 || config->max_requests == 0)
		return "there must be at least one session and one request";
	if (config->max_lookups == 0 || config->max_lookups > EV_LOOKUPS_MAX)
		return "the number of look-ups must be from 1 to 64";
	if (config->dns_timeout == 0 || config->dns_timeout > 60000 || config->dns_tries == 0 ||
	    config->dns_tries > 10)
		return "a DNS try may take 1 to 60000 ms, and there may be 1 to 10";
	if (config->rcpt_per_transaction == 0 || config->rcpt_per_session == 0)
		return "there must be at least one recipient a transaction and session";
	if (t->connect == 0 || t->greeting == 0 || t->ehlo == 0 || t->mail == 0 || t->rcpt == 0 ||
	    t->session == 0)
		return "a time-out must not be 0";
	return NULL;
}
