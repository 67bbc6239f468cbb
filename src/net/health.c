/*
 * health.c
 *	  Our name and our sender, as mail servers see them; see health.h.
 */
#include "net/health_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/sanitize.h"
#include "net/spf_check.h"

static void begin(struct ev_health *health);
static void look_at_reverse(struct ev_health *health);
static void look_at_spf(struct ev_health *health);

/* --- what all parts use ------------------------------------------------------------------------ */

void
ev_health_tell(struct ev_health *health, enum ev_finding_id id, const char *format, ...)
{
	struct ev_health_finding finding = {.id = (uint16_t) id};
	char text[EV_PEER_TEXT_MAX + 1];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n > 0)
		ev_sanitize(text, strlen(text), finding.about, sizeof(finding.about));
	ev_outbox_finding(health->prober, &finding);
}

void
ev_health_ask(struct ev_health *health, const char *name, uint16_t type, ev_health_reply done)
{
	ev_list_init(&health->query.link);
	health->query.prober = health->prober;
	health->query.type = type;
	health->query.done = done;
	snprintf(health->query.name, sizeof(health->query.name), "%s", name);
	ev_dns_start(&health->query);
}

bool
ev_health_name(const char *list, size_t *at, char *name)
{
	size_t n;

	*at += strspn(list + *at, ", \t");
	n = strcspn(list + *at, ", \t");
	if (n == 0)
		return false;
	snprintf(name, EV_DOMAIN_MAX + 1, "%.*s", (int) n, list + *at);
	*at += n;
	return true;
}

void
ev_health_reverse(const struct ev_ip *ip, const char *suffix4, const char *suffix6, char *name)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	if (!ip->v6)
	{
		snprintf(name, EV_DOMAIN_MAX + 1, "%u.%u.%u.%u.%s", ip->bytes[3], ip->bytes[2],
		         ip->bytes[1], ip->bytes[0], suffix4);
		return;
	}
	for (int i = 15; i >= 0; i--)
	{
		name[n++] = digits[ip->bytes[i] & 15];
		name[n++] = '.';
		name[n++] = digits[ip->bytes[i] >> 4];
		name[n++] = '.';
	}
	snprintf(name + n, EV_DOMAIN_MAX + 1 - n, "%s", suffix6);
}

static struct ev_health *
health_of(struct ev_dns_query *query)
{
	return EV_ENTRY(query, struct ev_health, query);
}

/* The address that is being looked at, in words. */
static const char *
address_text(const struct ev_health *health)
{
	static char text[EV_IP_TEXT_MAX + 1];

	ev_ip_text(&health->addresses[health->address], text);
	return text;
}

/* --- helo_name --------------------------------------------------------------------------------- */

static void
add_address(struct ev_health *health, const struct ev_ip *ip)
{
	if (health->n_addresses < EV_HEALTH_ADDRESSES)
		health->addresses[health->n_addresses++] = *ip;
}

/* Can sockets be bound to it? */
static bool
is_ours(const struct ev_ip *ip)
{
	struct sockaddr_storage address;
	socklen_t len = ev_ip_sockaddr(ip, 0, &address);
	int fd = socket(ip->v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ours = fd < 0 || bind(fd, (struct sockaddr *) &address, len) == 0;

	if (fd >= 0)
		close(fd);
	return ours;
}

/* The addresses that the settings say connections come from. */
static void
take_sources(struct ev_health *health)
{
	const char *sources[] = {health->prober->config.source_v4, health->prober->config.source_v6};
	struct ev_ip ip;

	for (int i = 0; i < 2; i++)
	{
		if (sources[i][0] == '\0' || !ev_ip_parse(sources[i], &ip))
			continue;
		add_address(health, &ip);
		ev_health_tell(health, is_ours(&ip) ? EV_FINDING_SOURCE_OK : EV_FINDING_SOURCE_NOT_OURS,
		               "%s", sources[i]);
	}
}

/* Does the reply name one of the addresses that settings say, or are there no such settings?  Then it is ours. */
static void
take_helo_addresses(struct ev_health *health, const uint8_t *reply, size_t len, bool v6,
                    size_t *n_found)
{
	const char *source = v6 ? health->prober->config.source_v6 : health->prober->config.source_v4;
	struct ev_dns_message message;
	struct ev_dns_record found;
	bool named = false;
	struct ev_ip ip;
	char text[EV_IP_TEXT_MAX + 1];

	if (!ev_dns_open(&message, reply, len, health->query.name, health->query.type))
		return;
	while (ev_dns_next(&message, &found))
	{
		if (found.len != (v6 ? 16 : 4))
			continue;
		memset(&ip, 0, sizeof(ip));
		ip.v6 = v6;
		memcpy(ip.bytes, message.bytes + found.at, found.len);
		ev_ip_text(&ip, text);
		named |= strcmp(text, source) == 0;
		if (source[0] == '\0')
			add_address(health, &ip);
		(*n_found)++;
	}
	if (*n_found > 0 && source[0] != '\0' && !named)
		ev_health_tell(health, EV_FINDING_HELO_OTHER_ADDRESS,
		               "%s does not resolve to the source address %s", health->query.name, source);
}

static void look_at_from(struct ev_health *health);

static void
on_helo_v6(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);
	size_t n_found = 0;

	if (status == EV_DNS_OK)
		take_helo_addresses(health, reply, len, true, &n_found);
	if (health->n_addresses == 0 && n_found == 0)
	{
		if (health->helo_answers && ev_dns_answered(status))
			ev_health_tell(health, EV_FINDING_HELO_NO_ADDRESS, "%s", query->name);
		else
			ev_health_tell(health, EV_FINDING_HELO_UNKNOWN, "%s", query->name);
	}
	look_at_reverse(health);
}

static void
on_helo_v4(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);
	size_t n_found = 0;

	health->helo_answers = ev_dns_answered(status);
	if (status == EV_DNS_OK)
		take_helo_addresses(health, reply, len, false, &n_found);
	ev_health_ask(health, health->prober->config.helo_name, EV_DNS_AAAA, on_helo_v6);
}

static void
on_reverse(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);
	const char *helo = health->prober->config.helo_name;
	char name[EV_DOMAIN_MAX + 1] = "";
	struct ev_dns_message message;
	struct ev_dns_record found;
	bool same = false;
	size_t end;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_PTR))
		while (!same && ev_dns_next(&message, &found))
			same = ev_dns_name(message.bytes, message.len, found.at, name, &end) &&
			       strcasecmp(name, helo) == 0;
	if (!ev_dns_answered(status))
		ev_health_tell(health, EV_FINDING_HELO_UNKNOWN, "%s", address_text(health));
	else if (same)
		ev_health_tell(health, EV_FINDING_HELO_OK, "%s and %s name each other", helo,
		               address_text(health));
	else if (name[0] == '\0')
		ev_health_tell(health, EV_FINDING_HELO_NO_REVERSE, "%s", address_text(health));
	else
		ev_health_tell(health, EV_FINDING_HELO_OTHER_REVERSE, "the reverse name of %s is %s",
		               address_text(health), name);
	health->address++;
	look_at_reverse(health);
}

static void
look_at_reverse(struct ev_health *health)
{
	char name[EV_DOMAIN_MAX + 1];

	if (health->address >= health->n_addresses)
	{
		look_at_from(health);
		return;
	}
	ev_health_reverse(&health->addresses[health->address], "in-addr.arpa", "ip6.arpa", name);
	ev_health_ask(health, name, EV_DNS_PTR, on_reverse);
}

/* --- mail_from --------------------------------------------------------------------------------- */

static void
on_from_v4(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);

	(void) reply;
	(void) len;
	if (!ev_dns_answered(status))
		ev_health_tell(health, EV_FINDING_FROM_UNKNOWN, "%s", health->from);
	else
		ev_health_tell(health, status == EV_DNS_OK ? EV_FINDING_FROM_OK : EV_FINDING_FROM_NO_MAIL,
		               "%s", health->from);
	health->address = 0;
	look_at_spf(health);
}

static void
on_from_mx(struct ev_dns_query *query, enum ev_dns_status status, const uint8_t *reply, size_t len)
{
	struct ev_health *health = health_of(query);
	struct ev_dns_message message;
	struct ev_dns_record found;
	char host[EV_DOMAIN_MAX + 1] = "";
	bool has_mx = false;
	size_t end;

	if (status == EV_DNS_OK && ev_dns_open(&message, reply, len, query->name, EV_DNS_MX))
		while (ev_dns_next(&message, &found))
			has_mx |= found.len > 2 &&
			          ev_dns_name(message.bytes, message.len, found.at + 2, host, &end) &&
			          host[0] != '\0';
	if (status == EV_DNS_NODATA)
	{
		ev_health_ask(health, health->from, EV_DNS_A, on_from_v4); /* RFC 5321 5.1 */
		return;
	}
	if (!ev_dns_answered(status))
		ev_health_tell(health, EV_FINDING_FROM_UNKNOWN, "%s", health->from);
	else
		ev_health_tell(health, has_mx ? EV_FINDING_FROM_OK : EV_FINDING_FROM_NO_MAIL, "%s",
		               health->from);
	health->address = 0;
	look_at_spf(health);
}

static void
look_at_from(struct ev_health *health)
{
	const char *at = strrchr(health->prober->config.mail_from, '@');

	snprintf(health->from, sizeof(health->from), "%s", at == NULL ? "" : at + 1);
	if (health->from[0] == '\0')
		ev_health_dnsbl(health);
	else
		ev_health_ask(health, health->from, EV_DNS_MX, on_from_mx);
}

static void
on_spf(void *arg, enum ev_spf_result result)
{
	struct ev_health *health = arg;
	const char *ip = address_text(health);
	const char *from = health->from;

	ev_spf_check_free(health->spf);
	health->spf = NULL;
	switch (result)
	{
		case EV_SPF_CHECK_PASS:
			ev_health_tell(health, EV_FINDING_SPF_PASS, "SPF of %s names %s", from, ip);
			break;
		case EV_SPF_CHECK_NO_RECORD:
			ev_health_tell(health, EV_FINDING_SPF_NO_RECORD, "%s has no SPF record", from);
			break;
		case EV_SPF_CHECK_FAIL:
			ev_health_tell(health, EV_FINDING_SPF_FAIL, "SPF of %s forbids %s", from, ip);
			break;
		case EV_SPF_CHECK_SOFTFAIL:
		case EV_SPF_CHECK_NEUTRAL:
			ev_health_tell(health, EV_FINDING_SPF_NOT_NAMED, "SPF of %s does not name %s", from,
			               ip);
			break;
		case EV_SPF_CHECK_PERMERROR:
			ev_health_tell(health, EV_FINDING_SPF_BROKEN, "SPF of %s is in error", from);
			break;
		case EV_SPF_CHECK_TEMPERROR:
			ev_health_tell(health, EV_FINDING_SPF_UNKNOWN, "the name servers do not tell SPF of %s",
			               from);
			break;
		case EV_SPF_CHECK_UNKNOWN:
			ev_health_tell(health, EV_FINDING_SPF_UNKNOWN,
			               "SPF of %s has macros, which are not evaluated", from);
			break;
	}
	health->address++;
	look_at_spf(health);
}

static void
look_at_spf(struct ev_health *health)
{
	if (health->address < health->n_addresses)
	{
		health->spf = ev_spf_check_start(health->prober, health->from,
		                                 &health->addresses[health->address], health, on_spf);
		if (health->spf != NULL)
			return;
		ev_health_tell(health, EV_FINDING_NO_MEMORY, "SPF");
	}
	ev_health_dnsbl(health);
}

/* --- beginning and end ------------------------------------------------------------------------- */

static void
begin(struct ev_health *health)
{
	health->n_addresses = health->address = 0;
	health->zone_at = health->trial_at = 0;
	health->n_trials = 0;
	take_sources(health);
	if (health->prober->config.helo_name[0] == '\0')
		look_at_reverse(health);
	else
		ev_health_ask(health, health->prober->config.helo_name, EV_DNS_A, on_helo_v4);
}

void
ev_health_done(struct ev_health *health)
{
	struct ev_prober *prober = health->prober;
	struct ev_health_finding finding = {.id = EV_FINDING_DONE};

	ev_outbox_finding(prober, &finding);
	if (health->again)
	{
		health->again = false;
		health->request = health->next;
		begin(health);
		return;
	}
	prober->health = NULL;
	free(health);
}

void
ev_health_start(struct ev_prober *prober, const struct ev_health_request *request)
{
	struct ev_health *health = prober->health;

	if (health != NULL)
	{
		health->next = *request;
		health->again = true;
		return;
	}
	health = calloc(1, sizeof(*health));
	if (health == NULL)
	{
		struct ev_health_finding finding = {.id = EV_FINDING_DONE};

		ev_outbox_finding(prober, &finding);
		return;
	}
	health->prober = prober;
	health->request = *request;
	prober->health = health;
	begin(health);
}

void
ev_health_free(struct ev_prober *prober)
{
	struct ev_health *health = prober->health;

	if (health == NULL)
		return;
	for (size_t i = 0; i < health->n_trials; i++)
		if (health->trials[i].fd >= 0)
			close(health->trials[i].fd);
	ev_spf_check_free(health->spf);
	free(health);
	prober->health = NULL;
}
