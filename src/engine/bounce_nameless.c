/*
 * bounce_nameless.c
 *	  A bounce that says no more than whom it is about: in a header, or in the address it came to.
 */
#include "engine/bounce_internal.h"

#include <string.h>

#include "engine/ascii.h"

#define BARE_NAME_MAX 64

/* What the text says about a failure: from the first reply code or known phrase on. */
static struct ev_slice
find_words(struct ev_slice text)
{
	static const char *const marks[] = {
		"said:",   "550 ",    "551 ",         "552 ",         "553 ",         "554 ",
		"501 ",    "571 ",    "421 ",         "450 ",         "451 ",         "452 ",
		"550-",    "554-",    "user unknown", "unknown user", "no such user", "does not exist",
		"mailbox", "quota",   "not found",    "reason:",      "error:",       "timed out",
		"refused", "rejected"};
	size_t best = text.n;
	size_t at;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (ev_slice_find(ev_slice_to(text, best + 40), marks[i], &at) && at < best)
		{
			best = at;
			/* a code is surer than a word, wherever that stands */
			if (i < 14)
				break;
		}
	if (best == text.n)
		return ev_slice_to(text, 600);
	while (best > 0 && text.s[best - 1] != '\n')
		best--;
	return ev_slice_to(ev_slice_from(text, best), 800);
}

static void
add_failed(const struct ev_bounce_input *input, struct ev_bounce_rows *rows, const char *format,
           struct ev_slice address, uint8_t confidence)
{
	struct ev_bounce *row = ev_bounce_add(rows, format, EV_KIND_DSN);

	if (row == NULL)
		return;
	if (!ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), address))
	{
		rows->n--;
		return;
	}
	row->action = EV_ACTION_FAILED;
	ev_bounce_diagnose(row, find_words(ev_slice_to(input->text, 4000)), input->work);
	row->confidence = confidence;
}

/* "anna", alone in its line. */
static bool
is_bare_name(struct ev_slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ev_is_alnum(s.s[i]) && strchr("._-", s.s[i]) == NULL)
			return false;
	return s.n > 0 && s.n <= BARE_NAME_MAX && ev_is_alnum(s.s[0]);
}

/* "… because they are not accepting mail with attachments:", and names of the reporter's own domain below. */
static void
add_bare_names(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	char from[EV_BOUNCE_RECIPIENT_MAX + 1];
	struct ev_slice value;
	struct ev_slice rest = ev_slice_to(input->text, 4000);
	struct ev_slice line;
	size_t domain;
	size_t at;

	if (!ev_bounce_header(input->headers, "From", &value) ||
	    !ev_bounce_copy_address(from, sizeof(from), value) ||
	    !ev_slice_find(rest, "the following recipients could not be delivered", &at))
		return;
	domain = ev_bounce_find_at(from, strlen(from));
	rest = ev_slice_from(rest, at);
	while (ev_slice_line(&rest, &line))
		if (ev_slice_trim(line).n > 0 && line.s[ev_slice_trim(line).n - 1] == ':')
			break;
	while (ev_slice_line(&rest, &line) && domain < strlen(from))
	{
		char address[BARE_NAME_MAX + sizeof(from)];
		struct ev_slice name = ev_slice_trim(line);

		if (name.n == 0)
			continue;
		if (!is_bare_name(name))
			break;
		memcpy(address, name.s, name.n);
		memcpy(address + name.n, from + domain, strlen(from + domain) + 1);
		add_failed(input, rows, "bare_names", (struct ev_slice){address, strlen(address)}, 60);
	}
}

bool
ev_bounce_read_address(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	static const char *const names[] = {"To", "Delivered-To", "X-Original-To", "Envelope-To"};
	struct ev_slice value;
	size_t first = rows->n;

	if (ev_bounce_header(input->headers, "X-Failed-Recipients", &value))
		for (size_t i = 0; i < 100 && value.n > 0; i++)
		{
			const char *comma = memchr(value.s, ',', value.n);
			size_t n = comma == NULL ? value.n : (size_t) (comma - value.s);

			add_failed(input, rows, "failed_recipients", ev_slice_to(value, n), 90);
			value = ev_slice_from(value, n + 1);
		}
	if (rows->n > first || !ev_bounce_from_daemon(input->headers))
		return rows->n > first;
	add_bare_names(input, rows);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rows->n == first; i++)
	{
		char to[EV_BOUNCE_RECIPIENT_MAX + 1];
		char recipient[EV_BOUNCE_RECIPIENT_MAX + 1];

		if (ev_bounce_header(input->headers, names[i], &value) &&
		    ev_bounce_copy_address(to, sizeof(to), value) &&
		    ev_bounce_undo_verp(to, recipient, sizeof(recipient)))
			add_failed(input, rows, "verp", (struct ev_slice){recipient, strlen(recipient)}, 60);
	}
	return rows->n > first;
}
