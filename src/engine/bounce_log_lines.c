/*
 * bounce_log_lines.c
 *	  Log lines with a syntax of their own: Exim's main log, qmail-send's, Haraka's, and refusals by a
 *	  server at RCPT.
 */
#include "engine/bounce_log.h"

#include <string.h>

/* The next word; *rest is behind it. */
static struct ev_slice
next_word(struct ev_slice *rest)
{
	struct ev_slice s = *rest;
	size_t n = 0;

	while (s.n > 0 && s.s[0] == ' ')
		s = ev_slice_from(s, 1);
	while (n < s.n && s.s[n] != ' ')
		n++;
	*rest = ev_slice_from(s, n);
	return ev_slice_to(s, n);
}

/* --- Exim ------------------------------------------------------------------------------------- */

/* "1rABCD-0001xy-2Z" and the longer ones of 4.97. */
static bool
is_message_id(struct ev_slice s)
{
	return (s.n == 16 && s.s[6] == '-' && s.s[13] == '-') ||
	       (s.n == 23 && s.s[6] == '-' && s.s[18] == '-');
}

/* A message id and the flag behind it; *rest is behind the flag. */
static bool
find_flag(struct ev_slice line, struct ev_slice *flag, struct ev_slice *rest)
{
	*rest = line;
	for (int i = 0; i < 8; i++)
		if (is_message_id(next_word(rest)))
		{
			*flag = next_word(rest);
			return true;
		}
	return false;
}

static bool
outcome_of_flag(struct ev_slice flag, enum ev_log_outcome *outcome)
{
	if (ev_slice_is(flag, "**"))
		*outcome = EV_LOG_FAILED;
	else if (ev_slice_is(flag, "=="))
		*outcome = EV_LOG_DEFERRED;
	else if (ev_slice_is(flag, "=>") || ev_slice_is(flag, "->") || ev_slice_is(flag, ">>"))
		*outcome = EV_LOG_DELIVERED;
	else
		return false;
	return true;
}

bool
ev_log_read_exim(struct ev_log *log, struct ev_slice line)
{
	static const struct ev_enhanced none = {0, 0, 0};
	struct ev_slice flag;
	struct ev_slice rest;
	struct ev_slice address;
	struct ev_slice original = {"", 0};
	struct ev_slice value;
	enum ev_log_outcome outcome;
	size_t at;

	if (!find_flag(line, &flag, &rest))
		return false;
	log->format = "exim_log";
	if (!outcome_of_flag(flag, &outcome))
		return ev_slice_is(flag, "<=") || ev_slice_is(flag, "Completed") || ev_slice_is(flag, "*>");
	address = next_word(&rest);
	if (address.n > 0 && address.s[address.n - 1] == ':')
	{
		/* "** user@host: Unrouteable address" */
		address.n--;
		rest = (struct ev_slice){address.s + address.n, rest.n + 1};
	}
	value = ev_slice_trim(rest);
	if (value.n > 0 && value.s[0] == '<')
	{
		original = ev_log_word(value);
		rest = (struct ev_slice){original.s + original.n,
		                         (size_t) (rest.s + rest.n - original.s - original.n)};
	}
	if (original.n > 0 && memchr(address.s, '@', address.n) == NULL)
		address = original;
	if (ev_log_value(rest, "H", &value))
		log->peer = ev_log_word(value);
	if (outcome == EV_LOG_DELIVERED)
		value = ev_log_value(rest, "C", &value) ? ev_log_word(value) : ev_slice_to(rest, 0);
	else
		value = ev_slice_find(rest, ": ", &at) ? ev_slice_from(rest, at + 2) : rest;
	if (ev_slice_is(original, "") || ev_slice_is(original, "*"))
		original = ev_slice_to(original, 0);
	ev_log_add(log, address, original, outcome, none, value);
	return true;
}

/* --- qmail ------------------------------------------------------------------------------------ */

static bool
read_number(struct ev_slice *s, unsigned long *number)
{
	size_t n = 0;

	*number = 0;
	while (n < s->n && n < 15 && s->s[n] >= '0' && s->s[n] <= '9')
		*number = *number * 10 + (unsigned long) (s->s[n++] - '0');
	*s = ev_slice_from(*s, n);
	return n > 0;
}

static void
remember_delivery(struct ev_log *log, struct ev_slice s)
{
	struct ev_log_delivery *d = &log->deliveries[log->n_deliveries % EV_LOG_DELIVERIES];
	size_t at;

	if (!read_number(&s, &d->number))
		return;
	if (ev_slice_find(s, "to remote ", &at))
		d->recipient = ev_slice_from(s, at + strlen("to remote "));
	else if (ev_slice_find(s, "to local ", &at))
		d->recipient = ev_slice_from(s, at + strlen("to local "));
	else
		return;
	log->n_deliveries++;
}

static const struct ev_log_delivery *
find_delivery(const struct ev_log *log, unsigned long number)
{
	size_t n = log->n_deliveries < EV_LOG_DELIVERIES ? log->n_deliveries : EV_LOG_DELIVERIES;

	for (size_t i = 1; i <= n; i++)
	{
		const struct ev_log_delivery *d =
			&log->deliveries[(log->n_deliveries - i) % EV_LOG_DELIVERIES];

		if (d->number == number)
			return d;
	}
	return NULL;
}

/* qmail-send writes '_' for a blank and '/' for a line end. */
static struct ev_slice
undo_report(struct ev_slice s, char *out)
{
	for (size_t i = 0; i < s.n; i++)
	{
		char c = s.s[i];
		char next = i + 1 < s.n ? s.s[i + 1] : '\0';

		if (c == '_')
			c = ' ';
		else if (c == '/' && next != '/' &&
		         (next == '\0' || (next >= 'A' && next <= 'Z') ||
		          (i > 0 && strchr(".)", s.s[i - 1]) != NULL)))
			c = '\n';
		out[i] = c;
	}
	return (struct ev_slice){out, s.n};
}

bool
ev_log_read_qmail(struct ev_log *log, struct ev_slice line)
{
	static const struct
	{
		const char *word;
		enum ev_log_outcome outcome;
	} ends[] = {{": failure: ", EV_LOG_FAILED},
	            {": deferral: ", EV_LOG_DEFERRED},
	            {": success: ", EV_LOG_DELIVERED}};
	static const struct ev_enhanced none = {0, 0, 0};
	const struct ev_log_delivery *d;
	struct ev_slice s;
	unsigned long number;
	size_t at;

	if (ev_slice_find(line, "starting delivery ", &at))
	{
		remember_delivery(log, ev_slice_from(line, at + strlen("starting delivery ")));
		return true;
	}
	if (!ev_slice_find(line, "delivery ", &at))
		return false;
	s = ev_slice_from(line, at + strlen("delivery "));
	if (!read_number(&s, &number))
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ev_slice_starts(s, ends[i].word))
		{
			d = find_delivery(log, number);
			s = ev_slice_from(s, strlen(ends[i].word));
			log->format = "qmail_log";
			if (d != NULL && s.n <= EV_BOUNCE_TEXT_MAX)
				ev_log_add(log, d->recipient, ev_slice_to(s, 0), ends[i].outcome, none,
				           undo_report(s, log->input->work->more));
			return true;
		}
	return false;
}

/* --- Haraka ----------------------------------------------------------------------------------- */

/*
 * "[outbound] recipient <user@host> rejected: 550 5.1.1 …", or "deferred: …".  Other lines of the mark name
 * nobody: "delivered file=…", "bouncing mail: …", "Temp failing …".
 */
bool
ev_log_read_haraka(struct ev_log *log, struct ev_slice line)
{
	static const struct
	{
		const char *word;
		enum ev_log_outcome outcome;
	} ends[] = {{"rejected:", EV_LOG_FAILED}, {"deferred:", EV_LOG_DEFERRED}};
	static const struct ev_enhanced none = {0, 0, 0};
	struct ev_slice to;
	struct ev_slice rest;
	size_t at;

	if (!ev_slice_find(line, "[outbound]", &at))
		return false;
	rest = ev_slice_trim(ev_slice_from(line, at + strlen("[outbound]")));
	if (!ev_slice_starts(rest, "recipient <"))
		return true;
	to = ev_log_word(ev_slice_from(rest, strlen("recipient ")));
	rest = (struct ev_slice){to.s + to.n, (size_t) (rest.s + rest.n - to.s - to.n)};
	rest = ev_slice_trim(ev_slice_from(rest, rest.n > 0));
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ev_slice_starts(rest, ends[i].word))
		{
			log->format = "haraka_log";
			ev_log_add(log, to, ev_slice_to(to, 0), ends[i].outcome, none,
			           ev_slice_trim(ev_slice_from(rest, strlen(ends[i].word))));
		}
	return true;
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Postfix: "NOQUEUE: reject: RCPT from host[192.0.2.1]: 550 5.1.1 …; from=<…> to=<…> proto=…" */
static bool
read_postfix_reject(struct ev_log *log, struct ev_slice line)
{
	static const struct ev_enhanced none = {0, 0, 0};
	struct ev_slice to;
	struct ev_slice said;
	size_t at;

	if (!ev_slice_find(line, "reject: ", &at) || !ev_log_value(line, "to", &to))
		return false;
	said = ev_slice_from(line, at);
	if (!ev_slice_find(said, "]: ", &at) &&
	    !(ev_slice_find(said, "]:", &at) && ev_slice_find(said, ": 5", &at)))
		return false;
	said = ev_slice_from(said, at);
	/* postscreen tells the port of its client as well: "[192.0.2.1]:4321: 550" */
	if (!ev_slice_find(said, ": ", &at))
		return false;
	said = ev_slice_from(said, at + 2);
	if (ev_slice_find(said, "; from=", &at))
		said = ev_slice_to(said, at);
	log->format = "postfix_log";
	ev_log_add(log, ev_log_word(to), ev_slice_to(said, 0),
	           said.n > 0 && said.s[0] == '4' ? EV_LOG_DEFERRED : EV_LOG_REFUSED, none, said);
	return true;
}

/* Exim: "H=… F=<…> rejected RCPT <user@host>: Unknown user" */
static bool
read_exim_reject(struct ev_log *log, struct ev_slice line)
{
	static const struct ev_enhanced none = {0, 0, 0};
	struct ev_slice to;
	struct ev_slice said;
	size_t at;

	if (!ev_slice_find(line, "rejected RCPT ", &at))
		return false;
	to = ev_log_word(ev_slice_from(line, at + strlen("rejected RCPT ")));
	said = (struct ev_slice){to.s + to.n, (size_t) (line.s + line.n - to.s - to.n)};
	if (!ev_slice_find(said, ": ", &at))
		return false;
	if (to.n > 0 && to.s[to.n - 1] == ':')
		to.n--;
	said = ev_slice_from(said, at + 2);
	log->format = "exim_log";
	ev_log_add(log, to, ev_slice_to(said, 0),
	           ev_slice_find(line, "temporarily rejected RCPT", NULL) ? EV_LOG_DEFERRED
	                                                                  : EV_LOG_REFUSED,
	           none, said);
	return true;
}

bool
ev_log_read_reject(struct ev_log *log, struct ev_slice line)
{
	return read_postfix_reject(log, line) || read_exim_reject(log, line);
}
