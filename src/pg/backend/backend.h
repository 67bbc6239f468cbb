/*
 * backend.h
 *	  What the parts of email_verify.so know of each other.
 */
#ifndef EV_BACKEND_H
#define EV_BACKEND_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/snapshot.h"
#include "utils/timestamp.h"

#include "engine/syntax.h"
#include "engine/verdict.h"
#include "pg/shared/settings.h"
#include "pg/shared/shmem.h"
#include "pg/shared/enums.h"

/* settings.c */
extern EvSettings ev_settings;
extern void ev_settings_define(void);

/*
 * statistics.c: what this session has found in the cache.  It is counted here, by ev_count(), and
 * handed over to shared memory when a transaction ends or much has been counted.
 */
#define EV_ASKED_MANY 1000
typedef struct EvAsked
{
	uint32 hits;
	uint32 misses;
	uint32 stale; /* found, and not good enough */
} EvAsked;
extern EvAsked ev_asked;
extern void ev_statistics_flush(void);

static inline void
ev_count(uint32 *n)
{
	if (++*n >= EV_ASKED_MANY)
		ev_statistics_flush();
}

/* hooks.c: tells launcher and worker of CREATE and DROP EXTENSION, at commit */
extern void ev_hooks_install(void);

/* hooks.c: rows that this transaction has put into the queue and not committed. */
extern int64 ev_hooks_added(void);

/* hooks.c: a prepared transaction was committed here: nobody knows what it has queued or changed. */
extern void ev_hooks_prepared_committed(void);

/* database_commands.c: workers make way for commands that need their database; when preloaded */
extern void ev_database_commands_install(void);

/* A verdict as SQL sees it. */
typedef struct EvAnswer
{
	struct ev_verdict verdict;
	TimestampTz checked_at; /* 0: never */
	TimestampTz retry_at;   /* 0: not to be asked again by itself */
	bool stale;             /* a newer one is being looked for */
} EvAnswer;

/* A row of the cache. */
typedef struct EvCached
{
	EvAnswer answer;
	TimestampTz fresh_until;
	TimestampTz expires_at;
	TimestampTz
		asked_at; /* at least checked_at: a later answer may not have replaced the verdict */
} EvCached;

/*
 * cache.c: look an address up in table email_verify.address under the active snapshot.  False on a
 * miss, and also when the table cannot be read without waiting for a lock.
 */
extern bool ev_cache_lookup(const char *key, size_t len, EvCached *out);

/*
 * functions.c: status, reason, detail, retryable, checked_at, retry_at, stale: 7 values and nulls.
 */
extern void ev_answer_values(const EvAnswer *answer, Datum *values, bool *nulls);

/*
 * functions.c: a row of a composite type with our attributes by name, n of them, for a type that is
 * older or newer than this library: what it has more stays NULL.
 */
extern Datum ev_form_by_name(TupleDesc desc, int n, const char *const *names, const Datum *ours,
                             const bool *our_nulls);

/* What the table email_verify.override says about an address. */
typedef enum EvSay
{
	EV_SAY_NOTHING,
	EV_SAY_YES,
	EV_SAY_NO
} EvSay;

typedef struct EvOverride
{
	bool has_verdict;
	struct ev_verdict verdict;
	EvSay disposable;
	EvSay role;
	EvSay free;
	EvSay trap;
} EvOverride;

/*
 * override.c: the site's own word on an address, the most specific pattern first; *out is all zero
 * when there is none. False when the table cannot be read without waiting for a lock: then nobody
 * knows what it says.
 */
extern bool ev_override_find(const struct ev_address *address, EvOverride *out);

/*
 * override.c: the same for those that may wait until the table can be read; it is locked then against
 * what kept it from that until the transaction ends.
 */
extern void ev_override_read(const struct ev_address *address, EvOverride *out);

/*
 * lists.c: the verdict that the lists of domains give, so that nobody needs to be asked; false when
 * they give none.
 */
extern bool ev_lists_verdict(const struct ev_address *address, const EvOverride *override,
                             struct ev_verdict *verdict);

/*
 * knows.c: may that role learn what this site knows?  function: one of ours, in the schema of those that give
 * verdicts.
 */
extern bool ev_may_know(Oid function, Oid role);

/* lists.c: is the local part one of a function, by the list or by the site's own word? */
extern bool ev_is_role_with(const struct ev_address *address, const EvOverride *override);

/*
 * lists.c: the address (server's encoding) that was probably meant by a mistyped one,
 * allocated in CurrentMemoryContext; NULL when there is none.  *sure: whatever DNS says of the domain.
 */
extern char *ev_suggestion(const char *email, size_t len, bool *sure);

/*
 * pattern.c: bring a pattern of the override table into the form it is compared in (`user@host`,
 * `@host`, `@.host`, `user@`, `hmac:…`).  out has EV_PATTERN_SIZE bytes; returns its length, 0 when
 * it is malformed.
 */
#define EV_PATTERN_SIZE (EV_ADDRESS_KEY_SIZE + 8)
extern size_t ev_pattern_normalize(const char *pattern, size_t len, char *out);

/*
 * pattern.c: the same for the end of a host's name, as in table mx_policy: lower-case A-labels, no outer
 * dot.
 */
extern size_t ev_suffix_normalize(const char *suffix, size_t len, char *out);

/*
 * reply_rule.c: the site's own rules for replies as the active snapshot sees them; valid until the end of
 * the statement.
 */
struct ev_site_rules;
extern const struct ev_site_rules *ev_reply_rules_now(void);

/* event_format.c: the site's own senders of events, likewise */
extern const struct ev_event_formats *ev_event_formats_now(void);

/* era.c: two calls with the same era see the same rows; compare with memcmp() */
typedef struct EvEra
{
	TimestampTz statement;
	LocalTransactionId xact;
	TransactionId xmin;
	TransactionId xmax;
	uint32 in_progress;
	CommandId command;
	uint32 aborted; /* subtransactions of this session */
} EvEra;

extern EvEra ev_era_of(Snapshot snapshot);

/*
 * site_key.c: HMAC-SHA-256 of a text with this site's key, as "hmac:" and 64 hexadecimal digits
 * (EV_HMAC_SIZE bytes with the NUL).  False when the site has no key.  With `locked` it does not
 * wait for a lock, but is false and says so there.
 */
#define EV_HMAC_SIZE (5 + 64 + 1)
extern bool ev_site_hmac(const char *text, size_t len, char *out, bool *locked);

/*
 * memo.c: answers already given in this statement; the key is the travelling form of an address.
 * An answer is put where its question was looked for: each put follows the get of the same
 * question.
 */
extern bool ev_memo_get(const char *key, size_t len, int64 wait, int64 max_age, EvAnswer *out);
extern void ev_memo_put(const char *key, size_t len, int64 wait, int64 max_age,
                        const EvAnswer *answer);

/*
 * ask.c: the whole way of one question.  email: text in the server's encoding.  wait and max_age in
 * microseconds, -1 for not given.  Never blocks unless wait > 0.
 */
extern void ev_ask(const char *email, size_t len, int64 wait, int64 max_age, EvAnswer *out);

/*
 * patience.c: microseconds that this statement may still wait of `wait`, and of email_verify.max_wait; at most 0
 * when it has none left.  What it waits is told with the time when that began.
 */
extern int64 ev_patience_left(int64 wait);
extern void ev_patience_spend(TimestampTz since);

/*
 * patience.c: a command that holds a table against everybody begins or has ended.  Meanwhile nobody waits for room
 * in the inbox: others would wait for the table.
 */
extern void ev_patience_exclusive(bool begins);

/*
 * push.c: put a question into the inbox; waits for room where that is allowed.  False when there is none, which
 * is counted.
 */
extern bool ev_push_patiently(EvDatabase *db, const char *key, size_t len, TimestampTz newer_than);

/* patience.c: may we wait here for room, as far as others and the server are concerned? */
extern bool ev_may_wait_for_room(void);

/*
 * enqueue.c: put an address into this database's inbox.  EV_DETAIL_NONE when it is queued, EV_DETAIL_PAUSED when it is
 * queued and has to wait for email_verify.resume(), else why
 * it is not.
 */
extern enum ev_detail ev_enqueue(const char *key, size_t len, TimestampTz newer_than);

/*
 * hint.c: say once a session what to do about a detail that keeps addresses from being queued, and
 * once a transaction how to wait for pending ones.
 */
extern void ev_hint_detail(enum ev_detail detail);

/* hint.c: the same each time: for who asked about just that. */
extern void ev_hint_again(enum ev_detail detail);
/* Once a session: who asks for a wait of hours means something else. */
extern void ev_hint_long_wait(int64 wait);

extern void ev_hint_pending(void);

/*
 * wait.c: queue an address and wait for its verdict, at most `wait` microseconds and what is left
 * of the statement's budget.  *answered tells whether *out was filled; the result is
 * ev_enqueue()'s.
 */
extern enum ev_detail ev_enqueue_and_wait(const char *key, size_t len, TimestampTz newer_than,
                                          int64 wait, EvAnswer *out, bool *answered);

/* text.c: text in the server's encoding to an address; EV_DETAIL_NONE or the fault of its syntax. */
extern enum ev_detail ev_address_of_text(const char *text, size_t len, struct ev_syntax *syntax,
                                         struct ev_address *address);

/*
 * text.c: the address as UTF-8; the result is either the input or allocated in
 * CurrentMemoryContext.
 */
extern const char *ev_to_utf8(const char *text, size_t len, size_t *out_len);

/*
 * text.c: the same for texts of any length; a character that is not in Unicode becomes a question
 * mark.
 */
extern const char *ev_long_to_utf8(const char *text, size_t len, size_t *out_len);

/*
 * text.c: UTF-8 (NUL-terminated) as a text of this database; what has no equivalent there is shown
 * as \xNN.
 */
extern text *ev_text_from_utf8(const char *utf8);

/*
 * An address as it stands in the tables: its key in the server's encoding, in EV_ADDRESS_KEY_SIZE
 * bytes.
 */
extern size_t ev_server_key(const struct ev_address *address, char *key);

/* The same as a text in CurrentMemoryContext. */
extern text *ev_address_text(const struct ev_address *address);
extern int64 ev_interval_us(const Interval *interval);

/* The same of an argument of that name, which is an error when it is negative. */
extern int64 ev_argument_us(const char *name, const Interval *interval);

#endif
