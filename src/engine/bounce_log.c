/*
 * bounce_log.c
 *	  Lines of mail logs: which mail system's are they?
 *
 * The first line that is not empty must be one of a log; of the others those that are not are left
 * out.  Each line that ends or defers a delivery gives a row.
 */
#include "engine/bounce_log.h"

#include <string.h>

#include "engine/ascii.h"

#define LINE_MAX_LEN 8192

bool
ev_log_add(struct ev_log *log, struct ev_slice recipient, struct ev_slice original,
           enum ev_log_outcome outcome, struct ev_enhanced enhanced, struct ev_slice said)
{
	static const struct
	{
		enum ev_bounce_kind kind;
		enum ev_bounce_action action;
	} outcomes[] = {
		[EV_LOG_FAILED] = {EV_KIND_DSN, EV_ACTION_FAILED},
		[EV_LOG_REFUSED] = {EV_KIND_DSN, EV_ACTION_FAILED},
		[EV_LOG_DEFERRED] = {EV_KIND_DELAY, EV_ACTION_DELAYED},
		[EV_LOG_DELIVERED] = {EV_KIND_SUCCESS, EV_ACTION_DELIVERED},
	};
	struct ev_bounce *row;
	char address[EV_BOUNCE_RECIPIENT_MAX + 1];

	if (!ev_bounce_copy_address(address, sizeof(address), recipient))
		return false;
	row = ev_bounce_add(log->rows, log->format, outcomes[outcome].kind);
	if (row == NULL)
		return false;
	memcpy(row->final_recipient, address, sizeof(address));
	if (original.n > 0)
		ev_bounce_copy_address(row->original_recipient, sizeof(row->original_recipient), original);
	row->action = outcomes[outcome].action;
	row->enhanced = enhanced;
	row->confidence = 95;
	if (log->peer.n > 0)
		ev_bounce_copy(row->remote_mta, sizeof(row->remote_mta), log->peer);
	if (outcome == EV_LOG_DELIVERED)
	{
		/* it was taken, whatever words the reply has */
		ev_bounce_diagnose(row, ev_slice_to(said, said.n > 0 && said.s[0] == '2' ? 3 : 0),
		                   log->input->work);
		ev_bounce_copy(row->diagnostic, sizeof(row->diagnostic), said);
		return true;
	}
	ev_bounce_diagnose(row, said, log->input->work);

	/* our own server refused somebody else's mail to this recipient */
	if (outcome == EV_LOG_REFUSED && row->permanence != EV_PERMANENCE_NONE)
		row->refused_by = EV_REFUSED_BY_LOCAL;
	return true;
}

struct ev_enhanced
ev_log_enhanced(struct ev_slice s)
{
	struct ev_enhanced e = {0, 0, 0};
	size_t len;

	s = ev_slice_trim(s);
	if (!ev_enhanced_parse(s.s, s.n, &e, &len))
		return (struct ev_enhanced){0, 0, 0};
	return e;
}

/* " key=value": what is behind the first " key=" that stands outside of a value in quotes. */
bool
ev_log_value(struct ev_slice line, const char *key, struct ev_slice *value)
{
	size_t n = strlen(key);
	bool quoted = false;

	for (size_t i = 0; i + n < line.n; i++)
	{
		if (line.s[i] == '"')
			quoted = !quoted;
		if (quoted || (i > 0 && line.s[i - 1] != ' ' && line.s[i - 1] != ',' &&
		               line.s[i - 1] != '\t' && line.s[i - 1] != ';'))
			continue;
		if (line.s[i + n] != '=' || !ev_slice_starts(ev_slice_from(line, i), key))
			continue;
		*value = ev_slice_from(line, i + n + 1);
		return true;
	}
	return false;
}

/* A value up to its end: a closing quote or bracket, or a comma or blank. */
struct ev_slice
ev_log_word(struct ev_slice value)
{
	char end = '\0';
	size_t n = 0;

	if (value.n > 0 && (value.s[0] == '"' || value.s[0] == '<'))
	{
		end = value.s[0] == '"' ? '"' : '>';
		value = ev_slice_from(value, 1);
	}
	while (n < value.n &&
	       (end != '\0' ? value.s[n] != end : !ev_slice_is_blank(value.s[n]) && value.s[n] != ','))
	{
		if (end == '"' && value.s[n] == '\\' && n + 1 < value.n)
			n++;
		n++;
	}
	return ev_slice_to(value, n);
}

/* --- is it a log? ----------------------------------------------------------------------------- */

/* "Nov 22 02:26:21 ", "2026-11-22T02:26:21…", "@400000006…", "<22>Nov 22 …", "[22/Nov/…" */
static bool
has_time(struct ev_slice line)
{
	static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
	                                     "jul", "aug", "sep", "oct", "nov", "dec"};

	if (line.n > 0 && line.s[0] == '<')
	{
		const char *close = memchr(line.s, '>', line.n < 6 ? line.n : 6);

		if (close == NULL)
			return false;
		line = ev_slice_from(line, (size_t) (close - line.s) + 1);
		if (line.n > 2 && line.s[0] == '1' && line.s[1] == ' ')
			line = ev_slice_from(line, 2);
	}
	if (line.n < 15)
		return false;
	if (line.s[0] == '@' && ev_is_digit(line.s[1]))
		return true;
	if (line.s[0] == '[' && ev_is_digit(line.s[1]))
		return true;
	if (ev_is_digit(line.s[0]) && ev_is_digit(line.s[3]))
		return line.s[4] == '-' || line.s[4] == '/' || ev_is_digit(line.s[4]);
	for (size_t i = 0; i < 12; i++)
		if (ev_slice_starts(line, months[i]) && line.s[3] == ' ')
			return true;
	return false;
}

/* Without a time: the part of a line that people paste. */
static bool
is_fragment(struct ev_slice line)
{
	struct ev_slice value;

	if (ev_slice_starts(line, "[") && ev_slice_find(ev_slice_to(line, 200), "[outbound] ", NULL))
		return true;
	return (ev_log_value(line, "to", &value) || ev_slice_starts(line, "to=")) &&
	       (ev_log_value(line, "status", &value) || ev_log_value(line, "stat", &value) ||
	        ev_log_value(line, "result", &value));
}

bool
ev_bounce_read_log(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	static bool (*const readers[])(struct ev_log *, struct ev_slice) = {
		ev_log_read_exim, ev_log_read_haraka, ev_log_read_reject, ev_log_read_fields,
		ev_log_read_qmail};
	struct ev_log log = {.input = input, .rows = rows, .peer = {"", 0}};
	struct ev_slice rest = input->message;
	struct ev_slice line;
	size_t before = rows->n;
	bool first = true;

	if (input->headers.n > 0)
		return false;
	if (ev_log_read_csv(&log))
		return rows->n > before;
	while (rows->n < rows->max && !ev_bounce_stopped(input->work) && ev_slice_line(&rest, &line))
	{
		line = ev_slice_trim(ev_slice_to(line, LINE_MAX_LEN));
		if (line.n == 0)
			continue;
		if (first && !has_time(line) && !is_fragment(line))
			return false;
		first = false;
		log.peer = (struct ev_slice){"", 0};
		for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
			if (readers[i](&log, line))
				break;
	}
	return rows->n > before;
}
