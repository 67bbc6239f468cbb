/*
 * activity.c
 *	  What others see of a worker; see activity.h.
 *
 * The state in pg_stat_activity is "active" inside a transaction of the store and "idle" while the
 * worker waits, be it for the network: who looks for statements that run for too long shall not find
 * it.  The text says what is under way.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/elog.h"
#include "utils/timestamp.h"

#include "pg/worker/activity.h"
#include "pg/worker/resolver.h"
#include "pg/worker/suspects.h"

/* The text is renewed at most this often. */
#define RENEW_MS 1000

/* What is said of the worker, in numbers. */
typedef struct Picture
{
	uint32 inflight;
	uint32 sessions;
	uint64 queued;
	uint32 gates;
} Picture;

static EvDatabase *database = NULL;
static char database_name[NAMEDATALEN] = "";
static emit_log_hook_type previous_hook = NULL;
static Picture shown;
static char shown_text[128] = "starting";
static TimestampTz renew_at = 0; /* not before then */
static bool renewal_due = false;

/* Gates that come and go with the load or have log lines of their own. */
#define REFUSALS                                                                                   \
	(EV_GATE_BIT(EV_GATE_WORKER_REFUSED) | EV_GATE_BIT(EV_GATE_SQL_TOO_OLD) |                      \
	 EV_GATE_BIT(EV_GATE_LIBRARY_TOO_OLD))
#define NOT_LOGGED                                                                                 \
	(REFUSALS | EV_GATE_BIT(EV_GATE_SESSIONS_FULL) | EV_GATE_BIT(EV_GATE_STORE_ERRORS))

void
ev_activity_error(const char *message)
{
	ev_trouble_set(&database->trouble, message, GetCurrentTimestamp());
}

static void
remember_error(ErrorData *edata)
{
	if (previous_hook)
		previous_hook(edata);
	if (edata->elevel >= ERROR && edata->message != NULL)
		ev_activity_error(edata->message);
}

void
ev_activity_start(EvDatabase *db)
{
	database = db;
	previous_hook = emit_log_hook;
	emit_log_hook = remember_error;
	shown.queued = UINT64_MAX; /* unlike anything that is published */
	pgstat_report_appname("email_verify");
	ev_activity_idle();
}

const char *
ev_activity_database(void)
{
	return database_name;
}

static void
learn_name(void)
{
	char *name;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	name = get_database_name(MyDatabaseId);
	strlcpy(database_name, name == NULL ? "?" : name, sizeof(database_name));
	CommitTransactionCommand();
}

void
ev_activity_hello(void)
{
	learn_name();
	ereport(LOG, (errmsg("email_verify worker for database \"%s\" has started", database_name)));
}

void
ev_activity_goodbye(const char *why)
{
	bool silent = database_name[0] == '\0'; /* it was only sent to look */

	if (silent)
		learn_name();
	ereport(silent ? DEBUG1 : LOG,
	        (errmsg("email_verify worker for database \"%s\" ends: %s", database_name, why)));
}

void
ev_activity_busy(void)
{
	pgstat_report_activity(STATE_RUNNING, shown_text);
}

void
ev_activity_idle(void)
{
	pgstat_report_activity(STATE_IDLE, shown_text);
}

static uint32
find_gates(const EvWorker *worker, const struct ev_prober_stats *stats, bool store_fails)
{
	const EvSettings *s = &worker->settings;
	uint32 gates = 0;

	if (s->mode == EV_MODE_SANDBOX)
		gates |= EV_GATE_BIT(EV_GATE_SANDBOX);
	if (s->mode == EV_MODE_OFFLINE)
		gates |= EV_GATE_BIT(EV_GATE_MODE_OFFLINE);
	if (s->mode == EV_MODE_DNS)
		gates |= EV_GATE_BIT(EV_GATE_MODE_DNS);
	if (s->mode == EV_MODE_SMTP && !ev_settings_configured(s))
		gates |= EV_GATE_BIT(EV_GATE_NOT_CONFIGURED);
	if (s->max_probes_per_day > 0 && ev_budget_spent(&ev_shared->budget, GetCurrentTimestamp()) >=
	                                     (uint32) s->max_probes_per_day)
		gates |= EV_GATE_BIT(EV_GATE_DAILY_LIMIT);
	if (pg_atomic_read_u32(&worker->db->paused))
		gates |= EV_GATE_BIT(EV_GATE_PAUSED);
	if (store_fails)
		gates |= EV_GATE_BIT(EV_GATE_STORE_ERRORS);
	if (pg_atomic_read_u32(&worker->db->state) == EV_DB_REFUSED)
		gates |= ev_gate_of_refusal(pg_atomic_read_u32(&worker->db->refusal));
	if (ev_suspects_hold(worker))
		gates |= EV_GATE_BIT(EV_GATE_SUSPECT_ALONE);
	if (stats->sessions >= (uint32) s->max_sessions)
		gates |= EV_GATE_BIT(EV_GATE_SESSIONS_FULL);
	return gates;
}

/* A prober that was begun anew counts from 0. */
static uint64
more(uint64 now, uint64 last)
{
	return now >= last ? now - last : now;
}

static void
publish_counts(EvWorker *worker, const struct ev_prober_stats *now, TimestampTz at)
{
	static struct ev_prober_stats last = {0};
	static uint64 last_completed = 0;
	EvCounters *c = &worker->db->counters;
	const uint64 n[EV_N_RATES] = {
		[EV_RATE_COMPLETED] = worker->completed - last_completed,
		[EV_RATE_RCPTS] = more(now->rcpts_total, last.rcpts_total),
		[EV_RATE_LOOKUPS] = more(now->lookups_total, last.lookups_total),
	};

	pg_atomic_fetch_add_u64(&c->sessions, (int64) more(now->sessions_total, last.sessions_total));
	pg_atomic_fetch_add_u64(&c->lookups, (int64) n[EV_RATE_LOOKUPS]);
	pg_atomic_fetch_add_u64(&c->rcpts, (int64) n[EV_RATE_RCPTS]);
	if (n[EV_RATE_COMPLETED] + n[EV_RATE_RCPTS] + n[EV_RATE_LOOKUPS] > 0)
		ev_rates_add(&worker->db->rates, at, n);
	last_completed = worker->completed;
	last = *now;
}

static void
append_gates(StringInfo text, uint32 gates)
{
	for (int i = 0; i < EV_N_GATES; i++)
		if (gates & EV_GATE_BIT(i))
			appendStringInfo(text, "%s%s", text->len > 0 ? ", " : "", ev_gate_info(i)->word);
}

static void
log_gates(uint32 before, uint32 now)
{
	StringInfoData text;

	before &= ~NOT_LOGGED;
	now &= ~NOT_LOGGED;
	if (before == now)
		return;
	initStringInfo(&text);
	append_gates(&text, now);
	if (now != 0)
		ereport(LOG, (errmsg("email_verify worker for database \"%s\" is held back: %s",
		                     database_name, text.data)));
	else
		ereport(LOG, (errmsg("email_verify worker for database \"%s\" is no longer held back",
		                     database_name)));
	pfree(text.data);
}

static void
write_text(const Picture *p, char *out, size_t size)
{
	const char *prefix = p->gates & REFUSALS                            ? "refuses to work: "
	                     : p->gates & EV_GATE_BIT(EV_GATE_STORE_ERRORS) ? "store fails: "
	                     : p->gates & EV_GATE_BIT(EV_GATE_PAUSED)       ? "paused: "
	                                                                    : "";

	if (p->inflight > 0)
		snprintf(out, size, "%sprobing %u address%s, %u session%s, " UINT64_FORMAT " queued",
		         prefix, p->inflight, p->inflight == 1 ? "" : "es", p->sessions,
		         p->sessions == 1 ? "" : "s", p->queued);
	else
		snprintf(out, size, "%swaiting, " UINT64_FORMAT " queued", prefix, p->queued);
}

/* At most once a second, however much happens. */
static void
show(const Picture *p, TimestampTz now)
{
	renewal_due = memcmp(p, &shown, sizeof(*p)) != 0;
	if (!renewal_due || (now < renew_at && renew_at - now <= RENEW_MS * INT64CONST(1000)))
		return;
	renewal_due = false;
	renew_at = TimestampTzPlusMilliseconds(now, RENEW_MS);
	log_gates(shown.gates, p->gates);
	shown = *p;
	write_text(p, shown_text, sizeof(shown_text));
	ev_activity_idle();
}

void
ev_activity_publish(EvWorker *worker, bool store_fails)
{
	EvDatabase *db = worker->db;
	TimestampTz now = GetCurrentTimestamp();
	struct ev_prober_stats stats;
	Picture picture;

	ev_prober_stats(worker->prober, &stats);
	memset(&picture, 0, sizeof(picture));
	picture.inflight = stats.requests;
	picture.sessions = stats.sessions;
	picture.queued = pg_atomic_read_u64(&db->queued);
	ev_resolver_publish(worker, &stats);
	picture.gates = ev_gates_publish(db, find_gates(worker, &stats, store_fails));
	pg_atomic_write_u32(&db->inflight, picture.inflight);
	pg_atomic_write_u32(&db->sessions, picture.sessions);
	publish_counts(worker, &stats, now);
	show(&picture, now);
}

TimestampTz
ev_activity_due(void)
{
	return renewal_due ? renew_at : 0;
}
