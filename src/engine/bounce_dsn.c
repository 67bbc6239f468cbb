/*
 * bounce_dsn.c
 *	  Delivery status notifications: RFC 3464, 6533, and what calls itself so.
 *
 * Fields are groups divided by empty lines, the first about the message, each other about one
 * recipient.  Not everybody keeps to that: a second recipient begins a group as well, and a group
 * without a recipient belongs to the one before it.
 */
#include "engine/bounce_text.h"

#include <string.h>

/* What one group says. */
struct group
{
	struct ev_slice original;
	struct ev_slice final;
	struct ev_slice actual;
	struct ev_slice action;
	struct ev_slice status;
	struct ev_slice diagnostic;
	struct ev_slice remote;
	struct ev_slice attempt;
	struct ev_slice until;
	struct ev_slice more; /* X-fields with words of their own */
};

/* Of the report as a whole. */
struct report
{
	const struct ev_bounce_input *input;
	struct ev_bounce_rows *rows;
	struct ev_slice reporting;
	unsigned looks; /* how often the text was searched for a recipient */
};

/* The text is searched for so many recipients of one report. */
#define LOOKS_MAX 50

static bool
field(struct ev_slice line, const char *name, struct ev_slice *value)
{
	size_t at;

	if (!ev_slice_starts(line, name))
		return false;
	at = strlen(name);
	while (at < line.n && (line.s[at] == ' ' || line.s[at] == '\t'))
		at++;
	if (at >= line.n || line.s[at] != ':')
		return false;
	*value = ev_slice_from(line, at + 1);
	return true;
}

static enum ev_bounce_kind
kind_of(enum ev_bounce_action action)
{
	switch (action)
	{
		case EV_ACTION_DELAYED: return EV_KIND_DELAY;
		case EV_ACTION_DELIVERED: return EV_KIND_SUCCESS;
		case EV_ACTION_RELAYED: return EV_KIND_RELAYED;
		case EV_ACTION_EXPANDED: return EV_KIND_EXPANDED;
		case EV_ACTION_NONE:
		case EV_ACTION_FAILED: break;
	}
	return EV_KIND_DSN;
}

/* --- what the text for people says beyond the fields ------------------------------------------------------ */

/* Does the diagnostic say no more than a number? */
static bool
says_nothing(struct ev_slice diagnostic)
{
	size_t letters = 0;

	diagnostic = ev_slice_trim(diagnostic);
	/* X.400's: "Reason 1 (Unable-To-Transfer); Diagnostic -1 (Unknown)" */
	if (ev_slice_starts(diagnostic, "Reason ") && ev_slice_find(diagnostic, "; Diagnostic -", NULL))
		return true;
	for (size_t i = 0; i < diagnostic.n; i++)
	{
		if (diagnostic.s[i] == ';' && letters > 0 && i < 20)
			letters = 0; /* the type */
		if ((diagnostic.s[i] | 0x20) >= 'a' && (diagnostic.s[i] | 0x20) <= 'z')
			letters++;
	}
	return letters < 4;
}

static bool
same(const char *a, const char *b)
{
	return ev_slice_is((struct ev_slice){a, strlen(a)}, b);
}

/* What the readers of text make of it, in the room behind the rows so far. */
static const struct ev_bounce *
told_of(struct report *report, const struct ev_bounce *row)
{
	struct ev_bounce_rows room = {report->rows->rows + report->rows->n, 0,
	                              report->rows->max - report->rows->n};

	if (ev_slice_trim(report->input->text).n == 0 || room.max == 0)
		return NULL;
	if (room.max > 8)
		room.max = 8;
	if (!ev_bounce_read_text(report->input, &room))
		return NULL;
	for (size_t i = 0; i < room.n; i++)
		if (room.rows[i].diagnostic[0] != '\0' &&
		    (same(room.rows[i].final_recipient, row->final_recipient) ||
		     same(room.rows[i].final_recipient, row->original_recipient) || room.n == 1))
			return &room.rows[i];
	return NULL;
}

/*
 * Lines of the text that stand behind the recipient's address: up to an empty line behind words, or
 * another address.
 */
static struct ev_slice
lines_about(struct ev_slice text, const char *recipient)
{
	struct ev_slice none = {"", 0};
	struct ev_slice line;
	struct ev_slice rest;
	const char *start;
	const char *end;
	size_t at;

	if (recipient[0] == '\0' || !ev_slice_find(text, recipient, &at))
		return none;
	rest = ev_slice_from(text, at + strlen(recipient));
	start = rest.s;
	end = start;
	while (ev_slice_line(&rest, &line) && line.s - start < 1500)
	{
		if (ev_slice_trim(line).n == 0 && end - start > 12)
			break;
		if (line.s > start && line.n > 0 && (line.s[0] == '<' || line.s[0] == '-') &&
		    end - start > 12 && memchr(line.s, '@', line.n) != NULL)
			break;
		end = line.s + line.n;
	}
	while (start < end && strchr("> :;,.\t\n\"')", *start) != NULL)
		start++;
	return (struct ev_slice){start, (size_t) (end - start)};
}

static bool
is_failure(const struct ev_bounce *row)
{
	return row->kind == EV_KIND_DSN || row->kind == EV_KIND_DELAY;
}

/* Beside a status that says why, words count that say so too; a footer says many things. */
static bool
is_worth_more(const struct ev_bounce *row, struct ev_slice words)
{
	struct ev_slice said;

	if (words.n == 0)
		return false;
	return row->enhanced.klass == 0 || (row->enhanced.subject == 0 && row->enhanced.detail == 0) ||
	       ev_text_said(words, &said) >= EV_WORTH_PHRASE;
}

static void
diagnose(struct report *report, const struct group *group, struct ev_bounce *row)
{
	struct ev_slice said = group->diagnostic;

	if (says_nothing(said) && group->more.n > 0)
		said = group->more;
	/* nothing, or a bare code: the text may have the words */
	if (says_nothing(said) && kind_of(row->action) != EV_KIND_SUCCESS &&
	    report->looks++ < LOOKS_MAX)
	{
		const struct ev_bounce *told = told_of(report, row);
		struct ev_slice about = {"", 0};

		if (told != NULL &&
		    is_worth_more(row, (struct ev_slice){told->diagnostic, strlen(told->diagnostic)}))
		{
			said = (struct ev_slice){told->diagnostic, strlen(told->diagnostic)};
			if (row->remote_mta[0] == '\0')
				memcpy(row->remote_mta, told->remote_mta, sizeof(row->remote_mta));
		}
		else
		{
			about = lines_about(report->input->text, row->final_recipient);
			if (about.n == 0)
				about = lines_about(report->input->text, row->original_recipient);
			if (is_worth_more(row, about))
				said = about;
		}
	}
	ev_bounce_diagnose(row, said, report->input->work);
	if (!is_failure(row))
		return;
	ev_text_diagnose_open(row, said, report->input->work);
	if (row->verdict.reason == EV_REASON_SMTP_UNVERIFIABLE || says_nothing(group->diagnostic))
		ev_text_diagnose_group(row, report->input->text);
}

/* --- groups to rows ----------------------------------------------------------------------------------------- */

static bool
is_recipient_group(const struct group *group)
{
	return group->final.n > 0 || group->original.n > 0 || group->actual.n > 0;
}

static void
add_row(struct report *report, const struct group *group)
{
	struct ev_enhanced status = ev_dsn_status(group->status);
	enum ev_bounce_action action = ev_dsn_action(group->action, status);
	struct ev_bounce *row = ev_bounce_add(report->rows, "rfc3464", kind_of(action));
	struct ev_slice remote = ev_dsn_host(group->remote);
	bool alias; /* the only name that can be read: it led to somebody else */

	if (row == NULL)
		return;
	row->action = action;
	row->enhanced = status;
	ev_bounce_copy_address(row->original_recipient, sizeof(row->original_recipient),
	                       group->original);
	if (!ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), group->final) ||
	    (strchr(row->final_recipient, '@') == NULL && group->actual.n > 0))
		ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), group->actual);
	if (ev_dsn_is_program(row->final_recipient))
		row->final_recipient[0] = '\0';
	if (row->final_recipient[0] == '\0' && row->original_recipient[0] == '\0')
	{
		report->rows->n--;
		return;
	}
	alias = row->final_recipient[0] == '\0' && group->final.n > 0 &&
	        !ev_slice_starts(group->final, "x400");
	if (row->final_recipient[0] == '\0' && !alias)
		memcpy(row->final_recipient, row->original_recipient, sizeof(row->final_recipient));
	ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), remote);
	row->last_attempt = ev_mail_date(group->attempt);
	row->will_retry_until = ev_mail_date(group->until);
	diagnose(report, group, row);
	if (alias && row->scope == EV_SCOPE_MAILBOX)
		ev_dsn_blame_nobody(row);

	/* a server that reports on itself has refused what it had accepted */
	if (remote.n > 0 && remote.n == report->reporting.n &&
	    strncmp(remote.s, report->reporting.s, remote.n) == 0 &&
	    row->refused_by == EV_REFUSED_BY_REMOTE)
		row->refused_by = EV_REFUSED_BY_REPORTING;
	row->confidence = 98;
}

/* Take a field of a group; true when it is one that a group has but once and this one has already. */
static bool
take_field(struct ev_slice value_of_line, struct ev_slice *where)
{
	if (where->n > 0)
		return true;
	*where = ev_slice_trim(value_of_line);
	return false;
}

static void
take_line(struct report *report, struct ev_slice line, struct group *group, struct ev_slice **last)
{
	struct ev_slice value;
	struct ev_slice *where = NULL;

	if (field(line, "Final-Recipient", &value))
		where = &group->final;
	else if (field(line, "Original-Recipient", &value))
		where = &group->original;
	else if (field(line, "X-Actual-Recipient", &value))
		where = &group->actual;
	else if (field(line, "Action", &value))
		where = &group->action;
	else if (field(line, "Status", &value))
		where = &group->status;
	else if (field(line, "Diagnostic-Code", &value) || field(line, "Diagnostic Code", &value))
		where = &group->diagnostic;
	else if (field(line, "Remote-MTA", &value) || field(line, "X-Remote-MTA", &value))
		where = &group->remote;
	else if (field(line, "Last-Attempt-Date", &value))
		where = &group->attempt;
	else if (field(line, "Will-Retry-Until", &value))
		where = &group->until;
	else if (field(line, "X-Display-Name", &value))
		where = NULL;
	else if (field(line, "X-Supplementary-Info", &value) || field(line, "X-Error", &value) ||
	         field(line, "X-Reason", &value) || field(line, "X-SMTP-Error", &value) ||
	         field(line, "X-Failure-Reason", &value) || field(line, "X-Diagnostic-Code", &value) ||
	         field(line, "X400-Supplementary-Info", &value))
		where = &group->more;
	else if (field(line, "Reporting-MTA", &value))
	{
		report->reporting = ev_dsn_host(value);
		*last = NULL;
		return;
	}
	*last = NULL;
	if (where == NULL)
		return;

	/* the next recipient, without an empty line before it */
	if ((where == &group->final || where == &group->original) && group->final.n > 0 &&
	    (where->n > 0 || group->action.n > 0 || group->status.n > 0) &&
	    !(where == &group->original && where->n == 0 && group->status.n == 0))
	{
		if (where == &group->final || where->n > 0)
		{
			add_row(report, group);
			memset(group, 0, sizeof(*group));
		}
	}
	if (!take_field(value, where))
		*last = where;
}

static void
read_groups(struct report *report, struct ev_slice text)
{
	struct group group;
	struct ev_slice *last = NULL;
	struct ev_slice line;

	memset(&group, 0, sizeof(group));
	while (!ev_bounce_stopped(report->input->work) && ev_slice_line(&text, &line))
	{
		if (line.n > 0 && (line.s[0] == ' ' || line.s[0] == '\t') && ev_slice_trim(line).n > 0)
		{
			/* folded */
			if (last != NULL && last->n == 0)
				*last = ev_slice_trim(line);
			else if (last != NULL)
				last->n = (size_t) (line.s + line.n - last->s);
			continue;
		}
		line = ev_slice_trim(line);
		if (line.n > 0)
		{
			take_line(report, line, &group, &last);
			continue;
		}

		/* the end of a group that names a recipient, unless its status is yet to come */
		last = NULL;
		if (is_recipient_group(&group) && (group.status.n > 0 || group.action.n > 0))
		{
			struct ev_slice next = text;
			struct ev_slice ahead = {"", 0};

			/* fields of the same recipient behind empty lines */
			while (ev_slice_line(&next, &ahead) && ev_slice_trim(ahead).n == 0)
				text = next;
			if (ev_slice_starts(ahead, "Diagnostic-Code") || ev_slice_starts(ahead, "Remote-MTA") ||
			    (group.status.n == 0 && ev_slice_starts(ahead, "Status")))
				continue;
			add_row(report, &group);
			memset(&group, 0, sizeof(group));
		}
	}
	if (is_recipient_group(&group))
		add_row(report, &group);
}

/* A report that names no recipient: whom its message names. */
static void
read_nameless(struct report *report)
{
	struct group group;
	struct ev_slice text = report->input->report;
	struct ev_slice *last = NULL;
	struct ev_slice line;
	size_t first = report->rows->n;

	memset(&group, 0, sizeof(group));
	while (ev_slice_line(&text, &line))
		take_line(report, line, &group, &last);
	if (group.status.n == 0 && group.action.n == 0)
		return;
	if (!ev_bounce_header(report->input->headers, "X-Failed-Recipients", &group.final) &&
	    !(report->input->original.n > 0 &&
	      ev_bounce_header(report->input->original, "To", &group.final)))
		return;
	add_row(report, &group);
	for (size_t i = first; i < report->rows->n; i++)
		report->rows->rows[i].confidence = 70;
}

bool
ev_bounce_read_dsn(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct report report = {.input = input, .rows = rows, .reporting = {"", 0}};
	size_t first = rows->n;

	if (input->report.n == 0 || (!ev_slice_find(input->report, "Recipient", NULL) &&
	                             !ev_slice_find(input->report, "Status", NULL)))
		return false;
	read_groups(&report, input->report);
	if (rows->n == first)
		read_nameless(&report);
	return rows->n > first;
}
