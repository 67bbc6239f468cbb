/*
 * said_where.c
 *	  Who said it, and at which command of a session?
 */
#include "engine/said.h"

#include <string.h>

#include "engine/ascii.h"

static bool
is_host_char(char c)
{
	return ev_is_alnum(c) || c == '.' || c == '-' || c == '_';
}

/* --- the host ------------------------------------------------------------------------------------------- */

/* A host name or address at s[at]: its length; 0 when it is none. */
static size_t
host_at(struct ev_slice s, size_t at)
{
	size_t n = 0;
	size_t dots = 0;

	while (at + n < s.n && is_host_char(s.s[at + n]))
		dots += s.s[at + n++] == '.';
	while (n > 0 && (s.s[at + n - 1] == '.' || s.s[at + n - 1] == '-'))
		dots -= s.s[at + --n] == '.';
	if (dots == 0 || n < 4 || n > 253 || !ev_is_alnum(s.s[at]))
		return 0;
	return at + n < s.n && s.s[at + n] == '@' ? 0 : n;
}

struct ev_slice
ev_said_find_host(struct ev_slice s, const struct ev_slice_pairs *pairs)
{
	static const char *const marks[] = {"host ",
	                                    "connect to ",
	                                    "connection with ",
	                                    "conversation with ",
	                                    "talking to ",
	                                    "connection to ",
	                                    "connecting to ",
	                                    "remote server ",
	                                    "server ",
	                                    " domain by ",
	                                    " by ",
	                                    "rejected by ",
	                                    "response from ",
	                                    "remote mta ",
	                                    "dns;"};
	size_t at;
	size_t n;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
	{
		struct ev_slice rest = s;

		if (!ev_slice_pairs_may_have(pairs, marks[i]))
			continue;
		while (ev_slice_find(rest, marks[i], &at))
		{
			size_t start = at + strlen(marks[i]);
			size_t open = start;

			while (start < rest.n && (rest.s[start] == ' ' || rest.s[start] == '[' ||
			                          rest.s[start] == '\'' || rest.s[start] == '('))
				start++;
			n = host_at(rest, start);
			open = start + n;
			while (open < rest.n && (rest.s[open] == ' ' || rest.s[open] == '.'))
				open++;

			/* " by " and "server " want an address behind the name, the others are sure */
			if (n > 0 && (i < 6 || (open < rest.n && (rest.s[open] == '[' || rest.s[open] == '('))))
				return (struct ev_slice){rest.s + start, n};
			rest = ev_slice_from(rest, start > at ? start : at + 1);
		}
	}
	/* "mx.example[192.0.2.1]", "192.0.2.1 does not like recipient" */
	for (size_t i = 0; i < s.n; i++)
	{
		if (!is_host_char(s.s[i]) || (i > 0 && (is_host_char(s.s[i - 1]) || s.s[i - 1] == '@')))
			continue;
		n = host_at(s, i);
		if (n == 0)
			continue;
		if (i + n < s.n && s.s[i + n] == '[')
			return (struct ev_slice){s.s + i, n};
		if (ev_slice_starts(ev_slice_from(s, i + n), " does not like") ||
		    ev_slice_starts(ev_slice_from(s, i + n), " failed after i sent"))
			return (struct ev_slice){s.s + i, n};
		i += n;
	}
	return (struct ev_slice){s.s, 0};
}

/* --- the stage ------------------------------------------------------------------------------------------ */

static enum ev_said_stage
command_stage(struct ev_slice s)
{
	static const struct
	{
		const char *word;
		enum ev_said_stage stage;
	} commands[] = {
		{"rcpt", EV_SAID_RCPT},
		{"mail", EV_SAID_MAIL},
		{"data", EV_SAID_DATA},
		{"end of data", EV_SAID_DATA},
		{"end-of-data", EV_SAID_DATA},
		{"pipelined end of data", EV_SAID_DATA},
		{"pipelined data", EV_SAID_DATA},
		{"pipelined mail", EV_SAID_MAIL},
		{"pipelined rcpt", EV_SAID_RCPT},
		{"bdat", EV_SAID_DATA},
		{"message body", EV_SAID_DATA},
		{"the message", EV_SAID_DATA},
		{"sending data", EV_SAID_DATA},
		{"ehlo", EV_SAID_EHLO},
		{"helo", EV_SAID_EHLO},
		{"lhlo", EV_SAID_EHLO},
		{"starttls", EV_SAID_STARTTLS},
		{"auth", EV_SAID_AUTH},
		{"initial connection", EV_SAID_GREETING},
		{"initial server greeting", EV_SAID_GREETING},
		{"the initial server greeting", EV_SAID_GREETING},
		{"connect", EV_SAID_GREETING},
		{".", EV_SAID_DATA},
	};

	while (s.n > 0 && (s.s[0] == ' ' || s.s[0] == '"' || s.s[0] == '\''))
		s = ev_slice_from(s, 1);
	if (ev_slice_starts(s, "the ") && !ev_slice_starts(s, "the message"))
		s = ev_slice_from(s, 4);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (ev_slice_starts(s, commands[i].word))
			return commands[i].stage;
	return EV_SAID_UNKNOWN;
}

enum ev_said_stage
ev_said_find_stage(struct ev_slice s, const struct ev_slice_pairs *pairs)
{
	static const char *const marks[] = {
		"in reply to ",     "in response to ",   " after ",      "while sending ", ">>> ",
		"while receiving ", "while performing ", "response to ", "command: ",      "stage: "};
	static const struct
	{
		const char *words;
		enum ev_said_stage stage;
	} phrases[] = {
		{"does not like recipient", EV_SAID_RCPT},
		{"sender was rejected", EV_SAID_MAIL},
		{"failed after i sent the message", EV_SAID_DATA},
		{"greeting failed", EV_SAID_GREETING},
		{"my name was rejected", EV_SAID_EHLO},
		{"refused to talk to me", EV_SAID_GREETING},
		{"(state 18)", EV_SAID_DATA},
		{"connect to ", EV_SAID_CONNECT},
	};
	size_t at;

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
	{
		struct ev_slice rest = s;
		enum ev_said_stage last = EV_SAID_UNKNOWN;

		if (!ev_slice_pairs_may_have(pairs, marks[i]))
			continue;
		while (ev_slice_find(rest, marks[i], &at))
		{
			enum ev_said_stage stage;

			rest = ev_slice_from(rest, at + strlen(marks[i]));
			stage = command_stage(rest);
			if (stage != EV_SAID_UNKNOWN)
			{
				last = stage;
				/* of a transcript, the last command is the one that failed */
				if (i != 4)
					break;
			}
		}
		if (last != EV_SAID_UNKNOWN)
			return last;
	}
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (ev_slice_pairs_may_have(pairs, phrases[i].words) &&
		    ev_slice_find(s, phrases[i].words, NULL))
			return phrases[i].stage;
	return EV_SAID_UNKNOWN;
}
