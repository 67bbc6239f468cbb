/*
 * hint.c
 *	  What a person can do about an answer, said once and not for every row.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "pg/backend/backend.h"
#include "pg/shared/compat.h"

static const struct
{
	enum ev_detail detail;
	const char *message;
	const char *hint;
} hints[] = {
	{EV_DETAIL_NOT_PRELOADED, "e-mail addresses are not verified: the library was not preloaded",
     "Add \"email_verify\" to shared_preload_libraries and restart the server."},
	{EV_DETAIL_DATABASE_NOT_ENABLED,
     "e-mail addresses are not verified: this database has no worker",
     "Add the database to email_verify.databases and reload the configuration; templates and "
     "databases without ALLOW_CONNECTIONS have none."},
	{EV_DETAIL_NOT_CONFIGURED,
     "mailboxes are not verified: this host has no identity for mail servers",
     "Set email_verify.helo_name and email_verify.mail_from and reload the configuration."},
	{EV_DETAIL_WORKER_DOWN, "e-mail addresses are not verified: no worker is running",
     "It is started again within seconds; the server log says why it ended."},
	{EV_DETAIL_WORKER_NOT_STARTED, "e-mail addresses are not verified: no worker could be started",
     "Raise max_worker_processes or email_verify.max_databases and restart the server."},
	{EV_DETAIL_WORKER_REFUSED,
     "e-mail addresses are not verified: the worker refuses to work in this database",
     "SELECT worker_detail FROM email_verify.stat says why."},
	{EV_DETAIL_SQL_TOO_OLD, "the installed SQL objects of email_verify are older than the library",
     "Run ALTER EXTENSION email_verify UPDATE."},
	{EV_DETAIL_LIBRARY_TOO_OLD,
     "e-mail addresses are not verified: the library is older than the installed SQL objects",
     "Restart the server."},
	{EV_DETAIL_STANDBY, "e-mail addresses are not verified on a standby server",
     "Ask the primary server; its verdicts are replicated."},
	{EV_DETAIL_READ_ONLY, "a read-only transaction does not queue e-mail addresses",
     "Ask again in a read-write transaction."},
	{EV_DETAIL_INBOX_FULL, "e-mail addresses come in faster than they can be queued",
     "Use email_verify.enqueue() for very many of them, or raise email_verify.inbox_size or "
     "email_verify.max_wait."},
	{EV_DETAIL_QUEUE_FULL, "the queue of e-mail addresses is full",
     "Ask again later, or raise email_verify.max_queue."},
	{EV_DETAIL_OVERRIDE_LOCKED,
     "e-mail addresses are not verified: table email_verify.override is locked",
     "Ask again when the transaction that locks it has ended."},
	{EV_DETAIL_PAUSED, "verification of e-mail addresses is paused",
     "What is queued is kept; SELECT email_verify.resume() goes on with it."},
	{EV_DETAIL_CANCELED, "the verification of e-mail addresses was stopped while it was under way",
     "What is queued is kept; gates and hint in email_verify.stat say what holds it back."},
	{EV_DETAIL_NO_WAIT_SLOT,
     "no place is free to wait for a verdict: the table is looked at from time to time instead",
     "Other sessions wait, too many of this role's or of all; see waiters in email_verify.stat, "
     "and "
     "raise email_verify.max_waiters."},
};

static void
say(size_t i)
{
	ereport(NOTICE, (errmsg("%s", hints[i].message), errhint("%s", hints[i].hint)));
}

void
ev_hint_detail(enum ev_detail detail)
{
	static bool said[lengthof(hints)];

	for (size_t i = 0; i < lengthof(hints); i++)
	{
		if (hints[i].detail != detail || said[i])
			continue;
		said[i] = true;
		say(i);
	}
}

void
ev_hint_again(enum ev_detail detail)
{
	for (size_t i = 0; i < lengthof(hints); i++)
		if (hints[i].detail == detail)
			say(i);
}

void
ev_hint_long_wait(int64 wait)
{
	static bool said = false;

	if (said || wait <= (int64) ev_settings.max_wait * 1000)
		return;
	said = true;
	ereport(NOTICE,
	        (errmsg("a statement waits for verdicts for at most %d ms, whatever it asks for",
	                ev_settings.max_wait),
	         errhint("email_verify.max_wait is the limit.  For verdicts that are not older than "
	                 "a time write max_age => '7 days'.")));
}

void
ev_hint_pending(void)
{
	static LocalTransactionId said = InvalidLocalTransactionId;

	if (said == ev_local_xid())
		return;
	said = ev_local_xid();
	ereport(NOTICE,
	        (errmsg("some addresses are being verified in the background (reason \"pending\")"),
	         errhint("SELECT email_verify.wait('1 min') waits for them.")));
}
