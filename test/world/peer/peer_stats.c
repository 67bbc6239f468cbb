/*
 * peer_stats.c
 *		Counters, and the log of the last recipients asked about.
 *
 * Tests assert on these: what a client did matters as much as what it concluded.  "reset" sets
 * all to zero except "current", which is a fact and not a count.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

#define LOG_SIZE 8192

typedef struct LogEntry
{
	uint64_t ms;
	uint64_t session;
	char listener[64];
	char client[48];
	char ehlo[128];
	char mail[128];
	char rcpt[256];
	char reply[128];
	bool tls;
} LogEntry;

static LogEntry log_ring[LOG_SIZE];
static uint64_t log_count;

/* Tabs and control bytes would break the line format of the log. */
static void
copy_clean(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; src[n] && n + 1 < size; n++)
		dst[n] = (unsigned char) src[n] < ' ' ? ' ' : src[n];
	dst[n] = '\0';
	while (n > 0 && dst[n - 1] == ' ')
		dst[--n] = '\0';
}

void
peer_log_rcpt(const PeerSession *s, const char *rcpt, const char *reply)
{
	LogEntry *e = &log_ring[log_count++ % LOG_SIZE];

	e->ms = uv_now(peer.loop);
	e->session = s->id;
	e->tls = s->tls_up;
	copy_clean(e->listener, sizeof(e->listener), s->l->name);
	copy_clean(e->client, sizeof(e->client), s->client);
	copy_clean(e->ehlo, sizeof(e->ehlo), s->ehlo);
	copy_clean(e->mail, sizeof(e->mail), s->mail);
	copy_clean(e->rcpt, sizeof(e->rcpt), rcpt);
	copy_clean(e->reply, sizeof(e->reply), reply);
}

size_t
peer_log_print(int n, char *out, size_t size)
{
	uint64_t have = log_count < LOG_SIZE ? log_count : LOG_SIZE;
	uint64_t from = log_count - (n > 0 && (uint64_t) n < have ? (uint64_t) n : have);
	size_t len = 0;

	for (uint64_t i = from; i < log_count; i++)
	{
		LogEntry *e = &log_ring[i % LOG_SIZE];
		int k;

		k = snprintf(out + len, size - len, "%llu\t%llu\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
		             (unsigned long long) e->ms, (unsigned long long) e->session, e->listener,
		             e->client, e->tls ? "tls" : "plain", e->ehlo, e->mail, e->rcpt, e->reply);
		if (k < 0 || (size_t) k >= size - len)
			break;
		len += (size_t) k;
	}
	return len;
}

static void
reset_one(PeerStats *st)
{
	uint64_t current = st->current;

	memset(st, 0, sizeof(*st));
	st->current = st->peak = current;
}

void
peer_stats_reset(void)
{
	for (PeerListener *l = peer.listeners; l; l = l->next)
	{
		reset_one(&l->stats);
		l->fail_left = l->conf.fail_conns;
	}
	reset_one(&peer.total);
	log_count = 0;
}

/* Sums, except where a sum of maxima would mean nothing. */
static void
add(PeerStats *to, const PeerStats *from)
{
	PeerStats old = *to;

#define X(name) to->name += from->name;
	PEER_COUNTERS(X)
#undef X
#define LARGER(name) to->name = old.name > from->name ? old.name : from->name
	LARGER(peak);
	LARGER(max_rcpt);
	LARGER(max_session);
	LARGER(max_group);
	for (int i = 0; i < ST_COUNT; i++)
		to->cmd[i] += from->cmd[i];
}

/* key=value lines of the listeners that match, or of the whole process if glob is NULL. */
size_t
peer_stats_print(const char *glob, char *out, size_t size)
{
	PeerStats sum = {0};
	size_t len = 0;
	int matched = 0;

	for (PeerListener *l = peer.listeners; l; l = l->next)
		if (glob && fnmatch(glob, l->name, FNM_CASEFOLD) == 0)
		{
			add(&sum, &l->stats);
			matched++;
		}
	if (glob && matched == 0)
		return 0;
	if (!glob)
		sum = peer.total;
#define X(name)                                                                                    \
	len += (size_t) snprintf(out + len, size - len, #name "=%llu\n", (unsigned long long) sum.name);
	PEER_COUNTERS(X)
#undef X
	for (int i = ST_EHLO; i < ST_COUNT; i++)
		len += (size_t) snprintf(out + len, size - len, "cmd_%s=%llu\n", peer_stage_word[i],
		                         (unsigned long long) sum.cmd[i]);
	return len;
}
