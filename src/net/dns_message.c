/*
 * dns_message.c
 *	  A reader of DNS replies; see dns_message.h.
 */
#include "net/dns_message.h"

#include <string.h>
#include <strings.h>

#define ALIASES_MAX   8
#define JUMPS_MAX     32
#define NAME_WIRE_MAX 255

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t) (p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/*
 * What may stand in a label.  The underscore is no host's, but is seen in front of SPF and hosts'
 * names.
 */
static bool
is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
ev_dns_name(const uint8_t *bytes, size_t len, size_t at, char *out, size_t *end)
{
	size_t n = 0;
	int jumps = 0;
	bool sound = true;

	*end = 0;
	for (;;)
	{
		uint8_t label;

		if (at >= len)
			return false;
		label = bytes[at++];
		if ((label & 0xc0) == 0xc0)
		{
			if (at >= len || ++jumps > JUMPS_MAX)
				return false;
			if (*end == 0)
				*end = at + 1;
			at = (size_t) (label & 0x3f) << 8 | bytes[at];
			continue;
		}
		if (label > 63 || label > len - at)
			return false;
		if (label == 0)
			break;
		/* the dot between labels; sound names have at most 253 characters */
		if (n + label + 1 > EV_DOMAIN_MAX + 1)
			return false;
		if (n > 0)
			out[n++] = '.';
		if (n + label > EV_DOMAIN_MAX)
			return false;
		for (; label > 0; label--, at++)
		{
			uint8_t c = bytes[at];

			if (c >= 'A' && c <= 'Z')
				c = (uint8_t) (c - 'A' + 'a');
			sound &= is_host_byte(c);
			out[n++] = (char) c;
		}
	}
	if (*end == 0)
		*end = at;
	out[n] = '\0';
	return sound;
}

/* Step over a name.  0 when it does not end within the message. */
static size_t
skip_name(const uint8_t *bytes, size_t len, size_t at)
{
	for (int labels = 0; at < len && labels <= NAME_WIRE_MAX / 2; labels++)
	{
		uint8_t label = bytes[at++];

		if (label == 0)
			return at;
		if ((label & 0xc0) == 0xc0)
			return at < len ? at + 1 : 0;
		if (label > 63 || label > len - at)
			return 0;
		at += label;
	}
	return 0;
}

bool
ev_dns_name_readable(const uint8_t *bytes, size_t len, size_t at, size_t *end)
{
	size_t n = 0;
	int jumps = 0;

	*end = 0;
	for (;;)
	{
		uint8_t label;

		if (at >= len)
			return false;
		label = bytes[at++];
		if ((label & 0xc0) == 0xc0)
		{
			if (at >= len || ++jumps > JUMPS_MAX)
				return false;
			if (*end == 0)
				*end = at + 1;
			at = (size_t) (label & 0x3f) << 8 | bytes[at];
			continue;
		}
		n += (size_t) label + 1;
		if (label > 63 || label > len - at || n > NAME_WIRE_MAX)
			return false;
		if (label == 0)
			break;
		at += label;
	}
	if (*end == 0)
		*end = at;
	return true;
}

bool
ev_dns_record_at(const uint8_t *bytes, size_t len, size_t *at, char *owner, uint16_t *type,
                 struct ev_dns_record *record)
{
	size_t p = skip_name(bytes, len, *at);
	size_t end;
	uint16_t class;

	if (p == 0 || p + 10 > len)
		return false;
	if (!ev_dns_name(bytes, len, *at, owner, &end))
		strcpy(owner, "?");
	*type = get16(bytes + p);
	class = get16(bytes + p + 2);
	record->ttl = get32(bytes + p + 4);
	if (record->ttl > INT32_MAX) /* RFC 2181 8 */
		record->ttl = 0;
	record->len = get16(bytes + p + 8);
	record->at = p + 10;
	if (record->len > len - record->at)
		return false;
	if (class != EV_DNS_IN)
		*type = 0;
	*at = record->at + record->len;
	return true;
}

bool
ev_dns_open(struct ev_dns_message *message, const uint8_t *bytes, size_t len, const char *name,
            uint16_t type)
{
	size_t at = EV_DNS_HEADER_LEN;
	size_t n = strlen(name);
	bool changed = true;

	memset(message, 0, sizeof(*message));
	if (len < EV_DNS_HEADER_LEN || !(bytes[2] & 0x80) || n > EV_DOMAIN_MAX)
		return false;
	message->bytes = bytes;
	message->len = len;
	message->type = type;
	message->ttl = UINT32_MAX;
	memcpy(message->owner, name, n + 1);

	for (uint16_t i = get16(bytes + 4); i > 0; i--)
	{
		at = skip_name(bytes, len, at);
		if (at == 0 || at + 4 > len)
			return false;
		at += 4;
	}
	message->answers = message->at = at;
	message->n_answers = message->left = get16(bytes + 6);

	/* aliases may stand in any order */
	for (int aliases = 0; changed && aliases <= ALIASES_MAX; aliases++)
	{
		changed = false;
		at = message->answers;
		for (uint16_t i = 0; i < message->n_answers; i++)
		{
			char owner[EV_DOMAIN_MAX + 1];
			struct ev_dns_record record;
			uint16_t found;
			size_t end;

			if (!ev_dns_record_at(bytes, len, &at, owner, &found, &record))
				return false;
			if (found != EV_DNS_CNAME || strcasecmp(owner, message->owner) != 0)
				continue;
			if (!ev_dns_name(bytes, len, record.at, message->owner, &end))
				return false;
			if (record.ttl < message->ttl)
				message->ttl = record.ttl;
			changed = true;
		}
	}
	return !changed;
}

bool
ev_dns_next(struct ev_dns_message *message, struct ev_dns_record *record)
{
	while (message->left > 0)
	{
		char owner[EV_DOMAIN_MAX + 1];
		uint16_t type;

		message->left--;
		if (!ev_dns_record_at(message->bytes, message->len, &message->at, owner, &type, record))
		{
			message->left = 0;
			return false;
		}
		if (type == message->type && strcasecmp(owner, message->owner) == 0)
			return true;
	}
	return false;
}

uint32_t
ev_dns_negative_ttl(const uint8_t *bytes, size_t len, uint32_t fallback)
{
	size_t at = EV_DNS_HEADER_LEN;
	uint32_t n_answers;
	uint32_t n_authority;

	if (len < EV_DNS_HEADER_LEN)
		return fallback;
	for (uint16_t i = get16(bytes + 4); i > 0; i--)
	{
		at = skip_name(bytes, len, at);
		if (at == 0 || at + 4 > len)
			return fallback;
		at += 4;
	}
	n_answers = get16(bytes + 6);
	n_authority = get16(bytes + 8);
	for (uint32_t i = 0; i < n_answers + n_authority; i++)
	{
		char owner[EV_DOMAIN_MAX + 1];
		struct ev_dns_record record;
		uint16_t type;

		if (!ev_dns_record_at(bytes, len, &at, owner, &type, &record))
			return fallback;
		if (i >= n_answers && type == EV_DNS_SOA && record.len >= 22)
		{
			uint32_t minimum = get32(bytes + record.at + record.len - 4);

			return minimum < record.ttl ? minimum : record.ttl;
		}
	}
	return fallback;
}

size_t
ev_dns_text(const struct ev_dns_message *message, const struct ev_dns_record *record, char *out)
{
	const uint8_t *data = message->bytes + record->at;
	size_t len = record->len;
	size_t n = 0;

	for (size_t at = 0; at < len;)
	{
		size_t part = data[at++];

		if (part > len - at)
			part = len - at;
		if (part > EV_DNS_TEXT_MAX - n)
			part = EV_DNS_TEXT_MAX - n;
		memcpy(out + n, data + at, part);
		n += part;
		at += part;
	}
	return n;
}
