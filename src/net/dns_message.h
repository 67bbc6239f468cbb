/*
 * dns_message.h
 *	  Reading DNS replies (RFC 1035 4): bounded, no allocation, every byte suspect.
 *
 * c-ares parses replies too, but its MX parser of 1.18 tells no TTLs and no negative TTLs, and
 * "." as an exchange is of interest here.
 */
#ifndef EV_DNS_MESSAGE_H
#define EV_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/verdict.h"

#define EV_DNS_IN         1 /* the class */
#define EV_DNS_HEADER_LEN 12

#define EV_DNS_A     1
#define EV_DNS_NS    2
#define EV_DNS_CNAME 5
#define EV_DNS_SOA   6
#define EV_DNS_PTR   12
#define EV_DNS_MX    15
#define EV_DNS_TXT   16
#define EV_DNS_AAAA  28

struct ev_dns_message
{
	const uint8_t *bytes;
	size_t len;
	size_t answers; /* offset of the answer section */
	uint16_t n_answers;
	uint16_t type;
	char owner[EV_DOMAIN_MAX + 1]; /* the name asked for, or what it is an alias of */
	uint32_t ttl; /* the smallest of the aliases on the way; UINT32_MAX without any */
	size_t at;    /* of the record to look at next, and how many are left */
	uint16_t left;
};

struct ev_dns_record
{
	uint32_t ttl;
	size_t at; /* offset of the data */
	uint16_t len;
};

/*
 * Look at a reply to a question for (name, type).  Aliases are followed within the reply.  False
 * when it is malformed.  The bytes must outlive the message.
 */
extern bool ev_dns_open(struct ev_dns_message *message, const uint8_t *bytes, size_t len,
                        const char *name, uint16_t type);

/* The next record of that type and name.  False behind the last one. */
extern bool ev_dns_next(struct ev_dns_message *message, struct ev_dns_record *record);

/*
 * The strings of a TXT record joined (RFC 7208 3.3); out has room for EV_DNS_TEXT_MAX bytes, what is
 * longer is cut.  Returns the length; there is no NUL behind it.
 */
#define EV_DNS_TEXT_MAX 4096
extern size_t ev_dns_text(const struct ev_dns_message *message, const struct ev_dns_record *record,
                          char *out);

/*
 * The name at an offset, in lower case and without its final dot ("" is the root); *end is the
 * offset behind it.  False when it is malformed or holds what no host name does.
 */
extern bool ev_dns_name(const uint8_t *bytes, size_t len, size_t at, char *out, size_t *end);

/*
 * Does a name stand there, whatever its bytes?  False when it does not end, or is longer than a name can
 * be; else *end is the offset behind it.
 */
extern bool ev_dns_name_readable(const uint8_t *bytes, size_t len, size_t at, size_t *end);

/*
 * The head of the record at *at, in any section; *at is moved behind it.  owner (EV_DOMAIN_MAX + 1
 * bytes) is "?" when it is no host name; type is 0 in other classes than IN.  False when it does not
 * end within the message.
 */
extern bool ev_dns_record_at(const uint8_t *bytes, size_t len, size_t *at, char *owner,
                             uint16_t *type, struct ev_dns_record *record);

/*
 * For how long may it be remembered that there is nothing (RFC 2308 5)?  Seconds from the SOA
 * record of the authority section, or `fallback` without one.
 */
extern uint32_t ev_dns_negative_ttl(const uint8_t *bytes, size_t len, uint32_t fallback);

#endif
