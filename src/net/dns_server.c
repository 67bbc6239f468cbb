/*
 * dns_server.c
 *	  What is known of one name server; see dns_server.h.
 */
#include "net/dns_server.h"

#include <string.h>

#include "net/dns.h"

#define SILENT_ENOUGH 3     /* time-outs in a row after which others are asked first */
#define SILENT_FOR_MS 30000 /* then it may show again that it is there */
#define LATENCY_SHARE 8     /* each answer's part of the average */

void
ev_dns_server_name(struct ev_dns_server *server, const char *address)
{
	if (strcmp(server->stats.address, address) == 0)
		return;
	memset(server, 0, sizeof(*server));
	strcpy(server->stats.address, address);
}

static void
note_latency(struct ev_server_stats *stats, uint64_t ms)
{
	uint32_t us = ms > 60000 ? 60000000 : (uint32_t) ms * 1000;

	if (stats->latency == 0)
		stats->latency = us > 0 ? us : 1;
	else
		stats->latency += ((int64_t) us - stats->latency) / LATENCY_SHARE;
	if (stats->latency == 0)
		stats->latency = 1;
}

void
ev_dns_server_count(struct ev_dns_server *server, enum ev_dns_status status, uint64_t sent_at,
                    uint64_t now)
{
	struct ev_server_stats *stats = &server->stats;

	if (status == EV_DNS_NO_MEMORY)
		return;
	stats->queries++;
	if (status != EV_DNS_TIMEOUT)
		server->silent = 0;
	switch (status)
	{
		case EV_DNS_OK: stats->answers++; break;
		case EV_DNS_NODATA:
		case EV_DNS_NXDOMAIN:
			stats->answers++;
			stats->denials++;
			break;
		case EV_DNS_SERVFAIL: stats->servfails++; break;
		case EV_DNS_REFUSED: stats->refusals++; break;
		case EV_DNS_TIMEOUT:
			stats->timeouts++;
			if (server->silent < UINT8_MAX)
				server->silent++;
			if (server->silent >= SILENT_ENOUGH)
				server->silent_for = now + SILENT_FOR_MS;
			break;
		default: stats->faults++; break;
	}
	if (ev_dns_answered(status) && now >= sent_at)
		note_latency(stats, now - sent_at);
}

int
ev_dns_server_rank(const struct ev_dns_server *server, uint64_t now)
{
	int rank = server->silent >= SILENT_ENOUGH && now < server->silent_for ? 1 : 0;

	switch (server->stats.trust)
	{
		case EV_TRUST_OFF:
		case EV_TRUST_GOOD: return rank;
		case EV_TRUST_UNTRIED:
		case EV_TRUST_DOUBTFUL: return rank + 2;
		default: return rank + 4;
	}
}
