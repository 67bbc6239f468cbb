/*
 * resolver.c
 *	  The name servers, as others see them; see resolver.h.
 *
 * A server that lies has done so since its last good trial, of which nobody knows more than that it was
 * less than half an hour ago: so long back is asked anew.
 */
#include "postgres.h"

#include <time.h>

#include "utils/memutils.h"

#include "pg/worker/fitness.h"
#include "pg/worker/resolver.h"
#include "pg/worker/upkeep.h"

/* What was stored so long before a lie was found is asked for anew. */
#define BEFORE_MS (30 * 60 * 1000)

/* What DNS alone decides. */
#define REASONS                                                                                    \
	"[\"no_mx_records\", \"host_not_found\", \"spf_reject_all\", \"dns_lookup_error\", "           \
	"\"internal_verifier_error\"]"

/* After an error. */
#define FAILED_MS 60000

static struct ev_server_stats
	last[EV_SERVERS_MAX]; /* as the prober counted when it was read last */
static TimestampTz lied_since =
	0;               /* what was judged since then is to be asked for anew; 0: nothing is */
static int lies = 0; /* EV_LIE_...: how */
static bool believed = false; /* by now there is a server to be believed */
static TimestampTz not_before = 0;

/* A time of the monotonic clock, in ms, as one of ours. */
static TimestampTz
time_of(uint64 ms)
{
	struct timespec now;

	if (ms == 0)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(), (int64) ms - ((int64) now.tv_sec * 1000 + now.tv_nsec / 1000000));
}

/* A prober that was begun anew counts from 0. */
static uint64
more(uint64 now, uint64 before)
{
	return now >= before ? now - before : now;
}

static void
count(EvResolver *to, const struct ev_server_stats *now, struct ev_server_stats *before)
{
	if (strcmp(to->address, now->address) != 0)
	{
		memset(to, 0, sizeof(*to));
		strlcpy(to->address, now->address, sizeof(to->address));
		memset(before, 0, sizeof(*before));
	}
	to->queries += more(now->queries, before->queries);
	to->answers += more(now->answers, before->answers);
	to->denials += more(now->denials, before->denials);
	to->timeouts += more(now->timeouts, before->timeouts);
	to->servfails += more(now->servfails, before->servfails);
	to->refusals += more(now->refusals, before->refusals);
	to->faults += more(now->faults, before->faults);
	to->latency = now->latency;
	if (to->trust != now->trust || to->trust_since == 0)
		to->trust_since = GetCurrentTimestamp();
	to->trust = now->trust;
	strlcpy(to->evidence, now->evidence, sizeof(to->evidence));
	to->next_trial = time_of(now->next_trial);
	*before = *now;
}

static void
publish_servers(EvDatabase *db, const struct ev_prober_stats *stats)
{
	StaticAssertStmt(EV_RESOLVERS_MAX >= EV_SERVERS_MAX, "a place for each");
	StaticAssertStmt(sizeof(db->resolvers[0].address) >= sizeof(stats->servers[0].address) &&
	                     sizeof(db->resolvers[0].evidence) >= sizeof(stats->servers[0].evidence),
	                 "room for the texts");
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	db->n_resolvers = (int) stats->n_servers;
	for (uint32 i = 0; i < stats->n_servers; i++)
		count(&db->resolvers[i], &stats->servers[i], &last[i]);
	LWLockRelease(db->lock);
}

static bool
has_changed(const EvDatabase *db, const struct ev_prober_stats *stats)
{
	if (db->n_resolvers != (int) stats->n_servers)
		return true;
	for (uint32 i = 0; i < stats->n_servers; i++)
		if (stats->servers[i].queries != last[i].queries ||
		    stats->servers[i].trust != last[i].trust ||
		    stats->servers[i].next_trial != last[i].next_trial ||
		    strcmp(stats->servers[i].address, last[i].address) != 0)
			return true;
	return false;
}

/* What was judged since half an hour ago, or since longer if that is known already, is in doubt. */
static void
note_lie(const struct ev_server_stats *server)
{
	TimestampTz since = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -BEFORE_MS);

	if (lied_since == 0 || since < lied_since)
		lied_since = since;
	lies |= server->lies;
	ereport(LOG, (errmsg("email_verify does not believe name server %s: it %s", server->address,
	                     server->evidence)));
}

static void
close_or_open(EvDatabase *db, const struct ev_prober_stats *stats)
{
	const struct ev_server_stats *bad = NULL;
	bool in_doubt = false;
	char evidence[EV_GATE_EVIDENCE_SIZE];

	believed = false;
	for (uint32 i = 0; i < stats->n_servers; i++)
	{
		const struct ev_server_stats *server = &stats->servers[i];

		believed = believed || server->trust == EV_TRUST_GOOD || server->trust == EV_TRUST_OFF;
		in_doubt =
			in_doubt || server->trust == EV_TRUST_UNTRIED || server->trust == EV_TRUST_DOUBTFUL;
		if (server->trust == EV_TRUST_BAD && bad == NULL)
			bad = server;
	}
	if (believed)
		ev_gate_open(db, EV_GATE_DNS_UNTRUSTED);
	else if (bad != NULL && !in_doubt)
	{
		snprintf(evidence, sizeof(evidence), "name server %s %s", bad->address, bad->evidence);
		ev_gate_close(db, EV_GATE_DNS_UNTRUSTED, evidence, time_of(bad->next_trial));
	}
}

void
ev_resolver_publish(EvWorker *worker, const struct ev_prober_stats *stats)
{
	EvDatabase *db = worker->db;

	if (!has_changed(db, stats))
		return;
	for (uint32 i = 0; i < stats->n_servers; i++)
		if (stats->servers[i].trust == EV_TRUST_BAD && last[i].trust != EV_TRUST_BAD)
			note_lie(&stats->servers[i]);
	publish_servers(db, stats);
	close_or_open(db, stats);
}

TimestampTz
ev_resolver_wake(EvWorker *worker)
{
	if (lied_since == 0 || !believed || pg_atomic_read_u32(&worker->db->paused))
		return 0;
	return Max(not_before, 1);
}

void
ev_resolver_run(EvWorker *worker)
{
	MemoryContext context = CurrentMemoryContext;
	TimestampTz wake = ev_resolver_wake(worker);
	static bool said = false;

	if (wake == 0 || GetCurrentTimestamp() < wake || ev_fitness_refused())
		return;
	PG_TRY();
	{
		if (ev_store_begin())
		{
			ev_store_recheck_since(lied_since, (lies & EV_LIE_INVENTS) != 0 ? NULL : REASONS);
			ev_store_commit(true);
			lied_since = 0;
			lies = 0;
			said = false;
			ev_commands_look();
		}
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "have verdicts asked for anew", &said);
		not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FAILED_MS);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}
