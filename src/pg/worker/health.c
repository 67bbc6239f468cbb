/*
 * health.c
 *	  Examinations of ourselves; see health.h.
 */
#include "postgres.h"

#include <sys/resource.h>
#include <sys/timex.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "engine/reason.h"
#include "pg/shared/gate_state.h"
#include "pg/worker/health.h"
#include "pg/worker/upkeep.h"

/* By itself: so long after a start, and after the last one. */
#define FIRST_MS    (15 * 60 * 1000)
#define INTERVAL_MS (24 * 60 * 60 * 1000)

/* Rows of one examination that are kept. */
#define ROWS_MAX 64

/* Room for sockets that a prober needs beside two for each session. */
#define OTHER_DESCRIPTORS 192

static const struct
{
	const char *check;
	enum ev_health_level level;
	const char *finding;
	const char *advice;
} findings[] = {
#define EV_FINDING(id, check, level, finding, advice) {check, EV_HEALTH_##level, finding, advice},
#include "net/finding.def"
};

typedef enum State
{
	HEALTH_IDLE,
	HEALTH_UNDER_WAY,
	HEALTH_TO_BE_STORED
} State;

static State state = HEALTH_IDLE;
static uint64 answers;          /* the question that the one under way answers */
static TimestampTz examined_at; /* the end of the last one; of the start before the first */
static bool said;               /* the error has been logged */
static EvHealthRow rows[ROWS_MAX];
static int n_rows;

static void
add_row(const char *check, enum ev_health_level level, const char *finding, const char *advice)
{
	EvHealthRow *row;

	if (n_rows == ROWS_MAX)
		return;
	row = &rows[n_rows++];
	row->check = check;
	row->level = level;
	strlcpy(row->finding, finding, sizeof(row->finding));
	row->advice = advice;
}

static void
look_at_clock(void)
{
	struct timex clock = {.modes = 0};
	int result = adjtimex(&clock);

	if (result < 0)
		add_row("clock", EV_HEALTH_SKIP, "the kernel does not tell", NULL);
	else if (result == TIME_ERROR || (clock.status & STA_UNSYNC) != 0)
		add_row("clock", EV_HEALTH_WARN, "not synchronised",
		        "Let NTP keep the clock: verdicts expire, and retries are due, by its time.");
	else
		add_row("clock", EV_HEALTH_OK, "synchronised", NULL);
}

static void
look_at_descriptors(EvWorker *worker)
{
	rlim_t need = 2 * (rlim_t) worker->settings.max_sessions + OTHER_DESCRIPTORS;
	char text[128];
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	snprintf(text, sizeof(text), "%llu may be open, %llu are needed for email_verify.max_sessions",
	         (unsigned long long) limit.rlim_max, (unsigned long long) need);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need)
		add_row("descriptors", EV_HEALTH_FAIL, text,
		        "Raise the server's limit of open files, or lower email_verify.max_sessions.");
	else
		add_row("descriptors", EV_HEALTH_OK, text, NULL);
}

/* What the prober has not taken has no effect, whatever SHOW says. */
static void
look_at_settings(EvWorker *worker)
{
	if (worker->settings_fault[0] != '\0')
		add_row("settings", EV_HEALTH_FAIL, worker->settings_fault,
		        "The worker goes on with the settings that it had. Correct the value and reload.");
	else
		add_row("settings", EV_HEALTH_OK, "in force", NULL);
}

void
ev_health_found(const struct ev_health_finding *finding)
{
	char text[sizeof(rows[0].finding)];

	if (state != HEALTH_UNDER_WAY)
		return;
	if (finding->id >= lengthof(findings))
	{
		state = HEALTH_TO_BE_STORED;
		return;
	}
	snprintf(text, sizeof(text), findings[finding->id].finding, finding->about);
	add_row(findings[finding->id].check, findings[finding->id].level, text,
	        findings[finding->id].advice);
}

void
ev_health_prober_ended(void)
{
	if (state == HEALTH_UNDER_WAY)
		state = HEALTH_TO_BE_STORED;
}

static bool
is_asked(EvWorker *worker)
{
	return pg_atomic_read_u64(&worker->db->health_asked) >
	       pg_atomic_read_u64(&worker->db->health_answered);
}

static void
begin(EvWorker *worker)
{
	struct ev_health_request request = {.dnsbl = "", .trial = ""};
	bool trial = pg_atomic_exchange_u32(&worker->db->health_trial, 0) != 0;

	answers = pg_atomic_read_u64(&worker->db->health_asked);
	n_rows = 0;
	look_at_clock();
	look_at_descriptors(worker);
	look_at_settings(worker);
	state = HEALTH_TO_BE_STORED;
	if (worker->settings.mode < EV_MODE_DNS)
		return;
	state = HEALTH_UNDER_WAY;
	strlcpy(request.dnsbl, worker->settings.dnsbl, sizeof(request.dnsbl));
	if (trial)
		strlcpy(request.trial, worker->settings.trial_domains, sizeof(request.trial));
	ev_prober_examine(worker->prober, &request);
}

static void
store(EvWorker *worker)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (ev_store_begin())
		{
			ev_store_health(rows, n_rows);
			ev_store_commit(false);
		}
		said = false;
	}
	PG_CATCH();
	{
		ev_upkeep_failed(context, "store what an examination has found", &said);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	state = HEALTH_IDLE;
	examined_at = GetCurrentTimestamp();
	pg_atomic_write_u64(&worker->db->health_answered, answers);
	ConditionVariableBroadcast(&worker->db->progress);
}

void
ev_health_run(EvWorker *worker)
{
	TimestampTz wake = ev_health_wake(worker);

	if (state == HEALTH_IDLE && wake != 0 && wake <= GetCurrentTimestamp())
		begin(worker);
	if (state == HEALTH_TO_BE_STORED)
		store(worker);
}

TimestampTz
ev_health_wake(EvWorker *worker)
{
	TimestampTz now = GetCurrentTimestamp();

	if (state == HEALTH_UNDER_WAY)
		return 0;
	if (state == HEALTH_TO_BE_STORED || is_asked(worker))
		return now;
	if (worker->settings.mode < EV_MODE_DNS)
		return 0;
	if (examined_at == 0)
		return TimestampTzPlusMilliseconds(worker->db->started_at, FIRST_MS);
	return TimestampTzPlusMilliseconds(examined_at, INTERVAL_MS);
}

void
ev_health_heard(EvWorker *worker, const struct ev_result *result)
{
	EvDatabase *db = worker->db;
	enum ev_reason reason = result->verdict.reason;
	bool about_us = reason == EV_REASON_SMTP_BLOCKED || reason == EV_REASON_SENDER_REJECTED ||
	                reason == EV_REASON_M365_IP_REP_BLOCK;
	char group[EV_STANDING_NAME_SIZE];

	if (!result->probed && !about_us)
		return;
	ev_standing_group_of(result->evidence.host, group);
	LWLockAcquire(db->lock, LW_EXCLUSIVE);
	ev_standing_note(&db->standing, group, about_us ? result->evidence.text : NULL,
	                 GetCurrentTimestamp());
	LWLockRelease(db->lock);
}

bool
ev_health_others_answer(EvWorker *worker)
{
	EvDatabase *db = worker->db;
	TimestampTz since = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), -INTERVAL_MS);
	bool heard = false;

	if (ev_gate_is_closed(db, EV_GATE_EGRESS_V4) || ev_gate_is_closed(db, EV_GATE_EGRESS_V6))
		return false;
	LWLockAcquire(db->lock, LW_SHARED);
	for (int i = 0; i < EV_STANDING_GROUPS; i++)
		heard = heard || db->standing.groups[i].heard_at > since;
	LWLockRelease(db->lock);
	return heard;
}
