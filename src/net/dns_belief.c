/*
 * dns_belief.c
 *	  What a DNS reply says; see dns_belief.h.
 */
#include "net/dns_belief.h"

#include <string.h>
#include <strings.h>

#include "net/dns_message.h"

#define FLAG_RESPONSE  0x8000
#define FLAGS_OPCODE   0x7800
#define FLAG_AA        0x0400
#define FLAG_TRUNCATED 0x0200
#define FLAG_RA        0x0080
#define FLAGS_RCODE    0x000f
#define RCODE_NXDOMAIN 3

/* What stands in a reply. */
struct contents
{
	uint16_t flags;
	bool alias;   /* the name is one */
	bool records; /* of the name, or what it is an alias of, and of the type asked for */
	bool foreign; /* there are answers, and none of them belongs to the name */
	bool soa;     /* of a zone that the name, or what it is an alias of, may lie in */
	bool soa_elsewhere;
	bool ns; /* in the authority section */
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t) (p[0] << 8 | p[1]);
}

/* Names end where the data does, or before it. */
static bool
name_fits(const uint8_t *bytes, size_t len, size_t at, size_t data_end, size_t *end)
{
	return ev_dns_name_readable(bytes, len, at, end) && *end <= data_end;
}

static bool
strings_fit(const uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len)
		at += (size_t) data[at] + 1;
	return at == len && len > 0;
}

/* Can the record's data be read as what its type says? */
static bool
data_is_sound(const uint8_t *bytes, size_t len, uint16_t type, const struct ev_dns_record *record)
{
	size_t data_end = record->at + record->len;
	size_t end;

	switch (type)
	{
		case EV_DNS_A: return record->len == 4;
		case EV_DNS_AAAA: return record->len == 16;
		case EV_DNS_CNAME:
		case EV_DNS_NS: return name_fits(bytes, len, record->at, data_end, &end);
		case EV_DNS_MX:
			return record->len >= 3 && name_fits(bytes, len, record->at + 2, data_end, &end);
		case EV_DNS_SOA:
			return name_fits(bytes, len, record->at, data_end, &end) &&
			       name_fits(bytes, len, end, data_end, &end) && end + 20 <= data_end;
		case EV_DNS_TXT: return strings_fit(bytes + record->at, record->len);
		default: return true;
	}
}

/* Is the name the zone's, or below it?  "" is the root. */
static bool
lies_in(const char *name, const char *zone)
{
	size_t n = strlen(name);
	size_t z = strlen(zone);

	if (z == 0)
		return true;
	return z <= n && strcasecmp(name + n - z, zone) == 0 && (z == n || name[n - z - 1] == '.');
}

/* Exactly our question, as it was asked. */
static bool
is_our_question(const uint8_t *bytes, size_t len, const char *name, uint16_t type, size_t *at)
{
	char asked[EV_DOMAIN_MAX + 1];
	size_t end;

	if (get16(bytes + 4) != 1 || !ev_dns_name_readable(bytes, len, *at, &end) || end + 4 > len)
		return false;
	if (!ev_dns_name(bytes, len, *at, asked, &end) || strcasecmp(asked, name) != 0)
		return false;
	*at = end + 4;
	return get16(bytes + end) == type && get16(bytes + end + 2) == EV_DNS_IN;
}

static void
note(struct contents *c, const struct ev_dns_message *message, const char *name, const char *owner,
     uint16_t type, bool authority)
{
	if (!authority)
	{
		if (strcasecmp(owner, message->owner) == 0 && type == message->type)
			c->records = true;
	}
	else if (type == EV_DNS_NS)
		c->ns = true;
	else if (type == EV_DNS_SOA)
	{
		if (lies_in(name, owner) || lies_in(message->owner, owner))
			c->soa = true;
		else
			c->soa_elsewhere = true;
	}
}

/* False when something of it cannot be read. */
static bool
look(const uint8_t *bytes, size_t len, const char *name, uint16_t type, struct contents *c)
{
	struct ev_dns_message message;
	size_t at = EV_DNS_HEADER_LEN;
	uint32_t n_answers;
	uint32_t n;

	memset(c, 0, sizeof(*c));
	if (len < EV_DNS_HEADER_LEN || !is_our_question(bytes, len, name, type, &at))
		return false;
	c->flags = get16(bytes + 2);
	if (!ev_dns_open(&message, bytes, len, name, type))
		return false;
	c->alias = strcasecmp(message.owner, name) != 0;
	n_answers = get16(bytes + 6);
	n = n_answers + get16(bytes + 8);
	for (uint32_t i = 0; i < n; i++)
	{
		char owner[EV_DOMAIN_MAX + 1];
		struct ev_dns_record record;
		uint16_t found;
		size_t start = at;
		size_t end;

		if (!ev_dns_record_at(bytes, len, &at, owner, &found, &record) ||
		    !ev_dns_name_readable(bytes, len, start, &end) ||
		    !data_is_sound(bytes, len, found, &record))
			return false;
		note(c, &message, name, owner, found, i >= n_answers);
	}
	c->foreign = n_answers > 0 && !c->records && !c->alias;
	return true;
}

enum ev_dns_says
ev_dns_listen(const uint8_t *bytes, size_t len, const char *name, uint16_t type, bool *proven)
{
	struct contents c;
	bool denies_name;

	*proven = true;
	if (!look(bytes, len, name, type, &c) || !(c.flags & FLAG_RESPONSE) ||
	    (c.flags & (FLAGS_OPCODE | FLAG_TRUNCATED)))
		return EV_DNS_SAYS_GARBAGE;
	denies_name = (c.flags & FLAGS_RCODE) == RCODE_NXDOMAIN;

	/* neither does it know by itself nor would it ask: whatever it says is out of some cache */
	if (!(c.flags & (FLAG_AA | FLAG_RA)) || c.foreign)
		return EV_DNS_SAYS_NOTHING;
	if (c.records)
		return denies_name ? EV_DNS_SAYS_NOTHING : EV_DNS_SAYS_RECORDS;
	if (!c.soa)
	{
		/* a zone that the name does not lie in; others know (RFC 1034 4.3.1) */
		if (c.soa_elsewhere || (c.ns && !(c.flags & FLAG_AA)))
			return EV_DNS_SAYS_NOTHING;
		/* whoever does not ask for us may know the alias alone */
		if (c.alias && !denies_name && !(c.flags & FLAG_RA))
			return EV_DNS_SAYS_NOTHING;
	}
	*proven = c.soa;
	return denies_name ? EV_DNS_SAYS_NO_NAME : EV_DNS_SAYS_NO_RECORDS;
}
