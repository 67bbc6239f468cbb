/*
 * bounce_log_csv.c
 *	  Logs in columns (RFC 4180): Exchange's message tracking, PowerMTA's accounting.
 *
 * The columns are known by the names that the first line gives them; without names, those that
 * either writes by default are taken.
 */
#include "engine/bounce_log.h"

#include <string.h>

#define NAMES_MAX   8192 /* bytes of the line of names */
#define COLUMNS_MAX 64

enum column
{
	COLUMN_OTHER,
	COLUMN_EVENT,
	COLUMN_RECIPIENT,
	COLUMN_ORIGINAL,
	COLUMN_ENHANCED,
	COLUMN_SAID,
	COLUMN_PEER,
	N_COLUMNS
};

static const struct
{
	const char *name;
	enum column column;
} names[] = {
	{"type", COLUMN_EVENT},
	{"event-id", COLUMN_EVENT},
	{"eventid", COLUMN_EVENT},
	{"rcpt", COLUMN_RECIPIENT},
	{"recipient-address", COLUMN_RECIPIENT},
	{"recipients", COLUMN_RECIPIENT},
	{"orcpt", COLUMN_ORIGINAL},
	{"dsnStatus", COLUMN_ENHANCED},
	{"dsnDiag", COLUMN_SAID},
	{"recipient-status", COLUMN_SAID},
	{"recipientstatus", COLUMN_SAID},
	{"dsnMta", COLUMN_PEER},
};

/* The first columns of either, when nothing names them. */
static const char exchange_default[] =
	"date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,"
	"source,event-id,internal-message-id,message-id,network-message-id,recipient-address,"
	"recipient-status";
static const char powermta_default[] =
	"type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta";

/* Fields of a line, quotes around them left out.  Returns how many. */
static size_t
split(struct ev_slice line, struct ev_slice *fields)
{
	size_t n = 0;
	size_t at = 0;

	while (n < COLUMNS_MAX && at <= line.n)
	{
		size_t from = at;
		bool quoted = at < line.n && line.s[at] == '"';

		if (quoted)
		{
			from = ++at;
			while (at < line.n && (line.s[at] != '"' || (at + 1 < line.n && line.s[at + 1] == '"')))
				at += line.s[at] == '"' ? 2 : 1;
			if (at > line.n)
				at = line.n;
		}
		else
			while (at < line.n && line.s[at] != ',')
				at++;
		fields[n++] = (struct ev_slice){line.s + from, at - from};
		while (at < line.n && line.s[at] != ',')
			at++;
		at++;
	}
	return n;
}

/* Where each column is, COLUMNS_MAX when it is not.  True when there are recipients and events. */
static bool
read_names(struct ev_slice line, size_t *where)
{
	struct ev_slice fields[COLUMNS_MAX];
	size_t n;

	if (ev_slice_starts(line, "#Fields:"))
		line = ev_slice_trim(ev_slice_from(line, 8));
	n = split(line, fields);
	for (size_t c = 0; c < N_COLUMNS; c++)
		where[c] = COLUMNS_MAX;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (ev_slice_is(ev_slice_trim(fields[i]), names[k].name) &&
			    where[names[k].column] == COLUMNS_MAX)
				where[names[k].column] = i;
	return where[COLUMN_RECIPIENT] < COLUMNS_MAX && where[COLUMN_EVENT] < COLUMNS_MAX;
}

/* False for events that end no delivery. */
static bool
outcome_of_event(struct ev_slice event, enum ev_log_outcome *outcome)
{
	static const struct
	{
		const char *name;
		enum ev_log_outcome outcome;
	} events[] = {{"b", EV_LOG_FAILED},       {"rb", EV_LOG_FAILED},
	              {"rs", EV_LOG_FAILED},      {"d", EV_LOG_DELIVERED},
	              {"t", EV_LOG_DEFERRED},     {"tq", EV_LOG_DEFERRED},
	              {"FAIL", EV_LOG_FAILED},    {"DEFER", EV_LOG_DEFERRED},
	              {"SEND", EV_LOG_DELIVERED}, {"DELIVER", EV_LOG_DELIVERED}};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (ev_slice_is(event, events[i].name))
		{
			*outcome = events[i].outcome;
			return true;
		}
	return false;
}

static struct ev_slice
field_of(const struct ev_slice *fields, size_t n, size_t at)
{
	return at < n ? ev_slice_trim(fields[at]) : (struct ev_slice){"", 0};
}

/* The part of a list "a;b;c" before the next ';', which is left out of *rest. */
static struct ev_slice
next_of_list(struct ev_slice *rest)
{
	size_t n = 0;
	struct ev_slice part;

	while (n < rest->n && rest->s[n] != ';')
		n++;
	part = ev_slice_to(*rest, n);
	*rest = ev_slice_from(*rest, n + 1);
	return part;
}

static void
read_row(struct ev_log *log, struct ev_slice line, const size_t *where)
{
	struct ev_slice fields[COLUMNS_MAX];
	size_t n = split(line, fields);
	struct ev_slice recipients = field_of(fields, n, where[COLUMN_RECIPIENT]);
	struct ev_slice said = field_of(fields, n, where[COLUMN_SAID]);
	struct ev_enhanced enhanced = ev_log_enhanced(field_of(fields, n, where[COLUMN_ENHANCED]));
	enum ev_log_outcome outcome;
	bool each;

	if (!outcome_of_event(field_of(fields, n, where[COLUMN_EVENT]), &outcome))
		return;
	log->peer = field_of(fields, n, where[COLUMN_PEER]);
	if (log->peer.n > 0)
	{
		/* "mx.example (192.0.2.1)" */
		const char *blank = memchr(log->peer.s, ' ', log->peer.n);

		if (blank != NULL)
			log->peer = ev_slice_to(log->peer, (size_t) (blank - log->peer.s));
	}
	/* Exchange: a status for each recipient, or one in braces for all */
	each = memchr(recipients.s, ';', recipients.n) != NULL && memchr(said.s, '[', said.n) == NULL;
	while (recipients.n > 0)
	{
		struct ev_slice recipient = next_of_list(&recipients);
		struct ev_slice its = each ? next_of_list(&said) : said;

		ev_log_add(log, recipient, field_of(fields, n, where[COLUMN_ORIGINAL]), outcome, enhanced,
		           its);
	}
}

/* Lines without names of columns: whose are they? */
static bool
guess_names(struct ev_log *log, struct ev_slice line, size_t *where)
{
	struct ev_slice fields[COLUMNS_MAX];
	size_t n = split(line, fields);
	enum ev_log_outcome outcome;

	if (n >= 9 && fields[0].n > 20 && fields[0].s[4] == '-' &&
	    outcome_of_event(fields[8], &outcome))
	{
		log->format = "exchange_log";
		return read_names((struct ev_slice){exchange_default, sizeof(exchange_default) - 1}, where);
	}
	if (n >= 9 && fields[0].n <= 2 && outcome_of_event(fields[0], &outcome) && fields[1].n >= 10 &&
	    fields[1].s[4] == '-' && memchr(fields[4].s, '@', fields[4].n) != NULL)
	{
		log->format = "powermta_log";
		return read_names((struct ev_slice){powermta_default, sizeof(powermta_default) - 1}, where);
	}
	return false;
}

bool
ev_log_read_csv(struct ev_log *log)
{
	struct ev_slice rest = log->input->message;
	struct ev_slice line;
	size_t where[N_COLUMNS];

	/* what is before the names: "#Software: …", empty lines */
	for (;;)
	{
		if (ev_bounce_stopped(log->input->work) || !ev_slice_line(&rest, &line))
			return false;
		line = ev_slice_trim(ev_slice_to(line, NAMES_MAX));
		if (line.n > 0 && (line.s[0] != '#' || ev_slice_starts(line, "#Fields:")))
			break;
	}
	if (memchr(line.s, ',', line.n) == NULL)
		return false;
	if (read_names(line, where))
		log->format = ev_slice_find(line, "dsnStatus", NULL) || ev_slice_starts(line, "type,")
		                  ? "powermta_log"
		                  : "exchange_log";
	else if (guess_names(log, line, where))
		rest = (struct ev_slice){line.s, (size_t) (rest.s + rest.n - line.s)};
	else
		return false;
	while (log->rows->n < log->rows->max && !ev_bounce_stopped(log->input->work) &&
	       ev_slice_line(&rest, &line))
		read_row(log, ev_slice_trim(line), where);
	return true;
}
