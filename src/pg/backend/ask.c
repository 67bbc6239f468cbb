/*
 * ask.c
 *	  The way of one question: syntax, mode, override, lists, cache, queue.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

static void
answer(EvAnswer *out, enum ev_reason reason, enum ev_detail detail)
{
	memset(out, 0, sizeof(*out));
	out->verdict = ev_verdict_of(reason, detail);
	out->checked_at = GetCurrentStatementStartTimestamp();
}

/* Not queued, and why; the caller learns of it in the detail, a person in a notice. */
static void
answer_obstacle(EvAnswer *out, enum ev_detail obstacle)
{
	answer(out, EV_REASON_INTERNAL_VERIFIER_ERROR, obstacle);
	out->checked_at = 0;
	ev_hint_detail(obstacle);
}

/* The local part, or what follows its last '+', names the reason; anything else is deliverable. */
static void
answer_sandbox(EvAnswer *out, const struct ev_address *address)
{
	const char *tag = address->local;
	enum ev_reason reason = EV_REASON_SMTP_DELIVERABLE;

	for (const char *p = address->local; *p != '\0'; p++)
		if (*p == '+')
			tag = p + 1;
	(void) ev_reason_by_label(tag, strlen(tag), &reason);
	answer(out, reason,
	       ev_reason_info(reason)->status == EV_STATUS_UNKNOWN && reason != EV_REASON_PENDING
	           ? EV_DETAIL_SANDBOX
	           : EV_DETAIL_NONE);
}

/* A verdict that only says that mailboxes were not probed is worth nothing once they are. */
static bool
overtaken(const struct ev_verdict *verdict)
{
	return verdict->reason == EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_UNKNOWN &&
	       (verdict->detail == EV_DETAIL_NOT_CONFIGURED || verdict->detail == EV_DETAIL_MODE_DNS) &&
	       ev_settings.mode == EV_MODE_SMTP && ev_settings_configured(&ev_settings);
}

static bool
is_fresh(const EvCached *cached, int64 max_age, TimestampTz now)
{
	if (cached->fresh_until <= now || overtaken(&cached->answer.verdict))
		return false;
	if (max_age < 0)
		return true;
	return cached->asked_at >= now - Max(max_age, ev_settings.min_max_age * USECS_PER_SEC);
}

/* A pause and a missing place to wait only tell why there is no answer yet. */
static bool
is_queued(enum ev_detail obstacle)
{
	return obstacle == EV_DETAIL_NONE || obstacle == EV_DETAIL_PAUSED ||
	       obstacle == EV_DETAIL_NO_WAIT_SLOT;
}

/* Not in the cache, or not good enough: have it looked for. */
static void
ask_worker(const char *key, size_t len, const EvCached *cached, int64 wait, EvAnswer *out)
{
	TimestampTz newer_than = cached == NULL ? 0 : cached->asked_at + 1;
	bool still_good = cached != NULL && !overtaken(&cached->answer.verdict) &&
	                  cached->expires_at > GetCurrentStatementStartTimestamp();
	bool answered = false;
	enum ev_detail obstacle;

	if (wait > 0)
		obstacle = ev_enqueue_and_wait(key, len, newer_than, wait, out, &answered);
	else
		obstacle = ev_enqueue(key, len, newer_than);
	if (answered)
		return;
	if (still_good)
	{
		*out = cached->answer;
		out->stale = true;
	}
	else if (!is_queued(obstacle))
		answer_obstacle(out, obstacle);
	else
	{
		answer(out, EV_REASON_PENDING, obstacle);
		out->checked_at = 0;
		if (obstacle == EV_DETAIL_NONE)
			ev_hint_pending();
		else
			ev_hint_detail(obstacle);
	}
}

/* What needs neither cache nor worker.  False when there is no such answer. */
static bool
answer_offline(const struct ev_syntax *syntax, const struct ev_address *address,
               const EvOverride *override, EvAnswer *out)
{
	struct ev_verdict verdict;

	if (ev_settings.mode == EV_MODE_SANDBOX)
		answer_sandbox(out, address);
	else if (override->has_verdict)
		answer(out, override->verdict.reason, override->verdict.detail);
	else if (syntax->special_use)
		answer(out, EV_REASON_NO_MX_RECORDS, EV_DETAIL_SPECIAL_USE_DOMAIN);
	else if (ev_lists_verdict(address, override, &verdict))
		answer(out, verdict.reason, verdict.detail);
	else
		return false;
	return true;
}

static void
answer_from_cache(const char *key, size_t len, int64 wait, int64 max_age, EvAnswer *out)
{
	EvCached cached;

	if (!ev_cache_lookup(key, len, &cached))
	{
		ev_count(&ev_asked.misses);
		ask_worker(key, len, NULL, wait, out);
	}
	else if (is_fresh(&cached, max_age, GetCurrentStatementStartTimestamp()))
	{
		*out = cached.answer;
		ev_count(&ev_asked.hits);
	}
	else
	{
		ev_count(&ev_asked.stale);
		ask_worker(key, len, &cached, wait, out);
	}
	if (out->verdict.detail == EV_DETAIL_NOT_CONFIGURED)
		ev_hint_detail(EV_DETAIL_NOT_CONFIGURED);
	if (out->verdict.detail == EV_DETAIL_CANCELED)
		ev_hint_detail(EV_DETAIL_CANCELED);
}

static void
find_answer(const char *email, size_t len, int64 wait, int64 max_age, EvAnswer *out)
{
	struct ev_syntax syntax;
	struct ev_address address;
	EvOverride override = {0};
	char key[EV_ADDRESS_KEY_SIZE];
	size_t key_len;
	enum ev_detail fault = ev_address_of_text(email, len, &syntax, &address);

	if (fault != EV_DETAIL_NONE)
	{
		answer(out, EV_REASON_INVALID_SYNTAX, fault);
		return;
	}
	if (ev_settings.mode != EV_MODE_SANDBOX && !ev_override_find(&address, &override))
	{
		/* it may forbid to ask, or know better than the cache */
		answer_obstacle(out, EV_DETAIL_OVERRIDE_LOCKED);
		return;
	}
	if (!answer_offline(&syntax, &address, &override, out))
	{
		key_len = ev_server_key(&address, key);
		if (!ev_memo_get(key, key_len, wait, max_age, out))
		{
			answer_from_cache(key, key_len, wait, max_age, out);
			ev_memo_put(key, key_len, wait, max_age, out);
		}
	}
	if (ev_verdict_heeds_role(&out->verdict))
		ev_verdict_apply_role(&out->verdict, ev_is_role_with(&address, &override));
}

void
ev_ask(const char *email, size_t len, int64 wait, int64 max_age, EvAnswer *out)
{
	struct ev_verdict told;

	find_answer(email, len, wait, max_age, out);
	told = ev_enums_fit(out->verdict);
	if (told.reason != out->verdict.reason)
		ev_hint_detail(told.detail);
	out->verdict = told;
}
