/*
 * bounce_log_fields.c
 *	  Log lines of "key=value": Postfix, Sendmail, OpenSMTPD and those that write like them.
 */
#include "engine/bounce_log.h"

#include <string.h>

/* --- Postfix: "to=<…>, orig_to=<…>, relay=…, dsn=5.1.1, status=bounced (…)" ------------------- */

static bool
outcome_of_postfix(struct ev_slice status, enum ev_log_outcome *outcome)
{
	if (ev_slice_starts(status, "bounced") || ev_slice_starts(status, "undeliverable") ||
	    ev_slice_starts(status, "expired"))
		*outcome = EV_LOG_FAILED;
	else if (ev_slice_starts(status, "deferred") || ev_slice_starts(status, "softbounce"))
		*outcome = EV_LOG_DEFERRED;
	else if (ev_slice_starts(status, "sent") || ev_slice_starts(status, "deliverable"))
		*outcome = EV_LOG_DELIVERED;
	else
		return false;
	return true;
}

/* The name in "mx.example[192.0.2.1]:25", "mx.example. [192.0.2.1]". */
static struct ev_slice
peer_of(struct ev_slice relay)
{
	size_t n = 0;

	while (n < relay.n && strchr("[]( ,:\"", relay.s[n]) == NULL)
		n++;
	while (n > 0 && relay.s[n - 1] == '.')
		n--;
	relay = ev_slice_to(relay, n);
	return ev_slice_is(relay, "none") || ev_slice_is(relay, "local") ||
	               ev_slice_is(relay, "virtual") || memchr(relay.s, '.', relay.n) == NULL
	           ? ev_slice_to(relay, 0)
	           : relay;
}

static bool
read_postfix(struct ev_log *log, struct ev_slice line)
{
	struct ev_slice to;
	struct ev_slice value;
	struct ev_slice original = {"", 0};
	struct ev_slice said = {"", 0};
	struct ev_enhanced enhanced = {0, 0, 0};
	enum ev_log_outcome outcome;
	size_t at;

	if (!ev_log_value(line, "status", &value) || !ev_log_value(line, "to", &to))
		return false;
	log->format = "postfix_log";
	if (!outcome_of_postfix(value, &outcome))
		return true;
	if (ev_slice_find(value, "(", &at))
	{
		said = ev_slice_trim(ev_slice_from(value, at + 1));
		if (said.n > 0 && said.s[said.n - 1] == ')')
			said.n--;
	}
	if (ev_log_value(line, "orig_to", &value))
		original = ev_log_word(value);
	if (ev_log_value(line, "dsn", &value))
		enhanced = ev_log_enhanced(value);
	if (ev_log_value(line, "relay", &value))
		log->peer = peer_of(value);
	ev_log_add(log, ev_log_word(to), original, outcome, enhanced, said);
	return true;
}

/* --- Sendmail: "to=<a@x>,<b@x>, …, dsn=5.1.1, stat=User unknown" ------------------------ */

static bool
outcome_of_sendmail(struct ev_slice stat, struct ev_enhanced enhanced, enum ev_log_outcome *outcome)
{
	if (ev_slice_starts(stat, "queued") || ev_slice_starts(stat, "headers too"))
		return false;
	if (ev_slice_starts(stat, "sent"))
		*outcome = EV_LOG_DELIVERED;
	else if (ev_slice_starts(stat, "deferred") || enhanced.klass == 4)
		*outcome = EV_LOG_DEFERRED;
	else
		*outcome = EV_LOG_FAILED;
	return true;
}

static bool
read_sendmail(struct ev_log *log, struct ev_slice line)
{
	struct ev_slice to;
	struct ev_slice stat;
	struct ev_slice value;
	struct ev_enhanced enhanced = {0, 0, 0};
	enum ev_log_outcome outcome;

	if (!ev_log_value(line, "stat", &stat) || !ev_log_value(line, "to", &to))
		return false;
	log->format = "sendmail_log";
	if (ev_log_value(line, "dsn", &value))
		enhanced = ev_log_enhanced(value);
	if (!outcome_of_sendmail(stat, enhanced, &outcome))
		return true;
	if (ev_log_value(line, "relay", &value))
		log->peer = peer_of(value);
	for (;;)
	{
		struct ev_slice word = ev_log_word(to);

		ev_log_add(log, word, ev_slice_to(word, 0), outcome, enhanced, stat);
		to = (struct ev_slice){word.s + word.n, (size_t) (line.s + line.n - word.s - word.n)};
		if (to.n > 0 && to.s[0] == '>')
			to = ev_slice_from(to, 1);
		/* ", " ends the list */
		if (to.n < 2 || to.s[0] != ',' || to.s[1] == ' ')
			return true;
		to = ev_slice_from(to, 1);
	}
}

/* --- OpenSMTPD: "to=<…> … result="PermFail" stat="550 …"" ------------------------------ */

static bool
outcome_of_result(struct ev_slice result, enum ev_log_outcome *outcome)
{
	if (ev_slice_starts(result, "permfail") || ev_slice_starts(result, "fail") ||
	    ev_slice_starts(result, "bounce") || ev_slice_starts(result, "reject") ||
	    ev_slice_starts(result, "expire"))
		*outcome = EV_LOG_FAILED;
	else if (ev_slice_starts(result, "tempfail") || ev_slice_starts(result, "defer") ||
	         ev_slice_starts(result, "delay"))
		*outcome = EV_LOG_DEFERRED;
	else if (ev_slice_starts(result, "ok") || ev_slice_starts(result, "deliver") ||
	         ev_slice_starts(result, "sent") || ev_slice_starts(result, "success"))
		*outcome = EV_LOG_DELIVERED;
	else
		return false;
	return true;
}

static bool
read_result(struct ev_log *log, struct ev_slice line)
{
	static const char *const recipients[] = {"to", "rcpt", "recipient"};
	static const char *const words[] = {"stat", "response", "reason", "reply", "message"};
	struct ev_slice to = {"", 0};
	struct ev_slice result;
	struct ev_slice value;
	struct ev_slice said = {"", 0};
	enum ev_log_outcome outcome;

	if (!ev_log_value(line, "result", &result) && !ev_log_value(line, "action", &result))
		return false;
	for (size_t i = 0; i < sizeof(recipients) / sizeof(recipients[0]) && to.n == 0; i++)
		if (ev_log_value(line, recipients[i], &value))
			to = ev_log_word(value);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && said.n == 0; i++)
		if (ev_log_value(line, words[i], &value))
			said = ev_log_word(value);
	if (to.n == 0)
		return false;
	log->format = ev_log_value(line, "evpid", &value) || ev_log_value(line, "stat", &value)
	                  ? "opensmtpd_log"
	                  : "log";
	if (!outcome_of_result(ev_log_word(result), &outcome))
		return true;
	if (ev_log_value(line, "relay", &value) || ev_log_value(line, "host", &value))
	{
		struct ev_slice relay = ev_log_word(value);
		const char *open = memchr(relay.s, '(', relay.n);

		/* "192.0.2.1 (mx.example)" */
		log->peer =
			peer_of(open == NULL ? relay : ev_slice_from(relay, (size_t) (open - relay.s) + 1));
		for (size_t i = 0; i < log->peer.n; i++)
			if (log->peer.s[i] == ')')
				log->peer = ev_slice_to(log->peer, i);
	}
	ev_log_add(log, to, ev_slice_to(to, 0), outcome, (struct ev_enhanced){0, 0, 0}, said);
	return true;
}

bool
ev_log_read_fields(struct ev_log *log, struct ev_slice line)
{
	return read_postfix(log, line) || read_result(log, line) || read_sendmail(log, line);
}
