/*
 * said.c
 *	  Find reply and codes in what mail systems write about a delivery.
 */
#include "engine/said.h"

#include <string.h>

#include "engine/ascii.h"

/* Longer sentences are cut: what matters comes early. */
#define SAID_MAX 4096

/* "smtp;", "X-Postfix;", "dns;": what is behind it. */
static struct ev_slice
skip_type(struct ev_slice s)
{
	size_t at = 0;
	size_t n;

	while (at < s.n && at < 24 && (ev_is_alnum(s.s[at]) || s.s[at] == '-'))
		at++;
	n = at;
	while (at < s.n && ev_slice_is_blank(s.s[at]))
		at++;
	if (n == 0 || at >= s.n || s.s[at] != ';')
		return s;
	/* "550; text" has a code before its semicolon */
	for (size_t i = 0; i < n; i++)
		if (!ev_is_digit(s.s[i]))
			return ev_slice_trim(ev_slice_from(s, at + 1));
	return s;
}

/* --- the reply ------------------------------------------------------------------------------------------ */

/* Does a number before a full stop begin it: an enhanced code, or an address? */
static bool
is_dotted(struct ev_slice s)
{
	size_t n = 0;

	while (n < s.n && n < 3 && ev_is_digit(s.s[n]))
		n++;
	return n > 0 && n + 1 < s.n && s.s[n] == '.' && ev_is_digit(s.s[n + 1]);
}

/* Three digits at s[at] that can be a reply code, with an end behind them; 0 when not. */
static uint16_t
code_at(struct ev_slice s, size_t at)
{
	const char *p = s.s + at;

	if (s.n - at < 3 || p[0] < '2' || p[0] > '5' || p[0] == '3' || !ev_is_digit(p[1]) ||
	    !ev_is_digit(p[2]))
		return 0;
	/* beyond RFC 5321 there are 571, 591 and their like; not ports (465, 587) */
	if (p[1] > '5' && (p[0] == '2' || p[1] == '6' || p[1] == '8'))
		return 0;
	if (s.n - at > 3 && (ev_is_alnum(p[3]) || p[3] == '/' || p[3] == '%' || p[3] == '@'))
		return 0;
	if (s.n - at > 4 && p[3] == '.' && ev_is_digit(p[4]))
		return 0; /* of an address or a number */
	if (s.n - at > 4 && (p[3] == '-' || p[3] == ':' || p[3] == ',') && ev_is_digit(p[4]) &&
	    !is_dotted((struct ev_slice){p + 4, s.n - at - 4}))
	{
		/* "550-550 …" is a reply; "554-3112" is a number */
		if (p[3] != '-' || s.n - at < 8 || memcmp(p, p + 4, 3) != 0)
			return 0;
	}
	return (uint16_t) ((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
}

/* Is there an enhanced code of this class behind the code at s[at]? */
static bool
enhanced_follows(struct ev_slice s, size_t at)
{
	struct ev_enhanced enhanced;
	size_t len;
	char klass = s.s[at];

	at += 3;
	while (at < s.n && (s.s[at] == ' ' || s.s[at] == '-' || s.s[at] == '\t' || s.s[at] == '#'))
		at++;
	return at < s.n && s.s[at] == klass && ev_enhanced_parse(s.s + at, s.n - at, &enhanced, &len);
}

/*
 * How sure is it that the three digits at s[at] are a reply code?  0: not at all; 1: they follow a
 * mark; 2: they begin the text, a line, or follow what announces a reply; 3: an enhanced code
 * follows, or it is what a peer "said:".
 */
static int
certainty(struct ev_slice s, size_t at)
{
	size_t i = at;

	if (at > 0 && (ev_is_alnum(s.s[at - 1]) || strchr(".-@/=_%", s.s[at - 1]) != NULL))
		return 0;
	if (at + 3 < s.n && strchr(" -\t\r\n;:,)'\"#", s.s[at + 3]) == NULL)
		return 0;
	if (enhanced_follows(s, at))
		return 3;
	while (i > 0 && (s.s[i - 1] == ' ' || s.s[i - 1] == '\t'))
		i--;
	/* a code that is quoted within what was said is not the reply's */
	if (i >= 5 && ev_slice_is((struct ev_slice){s.s + i - 5, 5}, "said:"))
		return 3;
	if (i == 0 || s.s[i - 1] == '\n' || s.s[i - 1] == '\r')
		return 2;
	if (strchr(":;'\"<(#>", s.s[i - 1]) != NULL)
		return s.s[at] == '2' ? 1 : 2;
	/* "Server returned 550", "error 550", "code 550", "Reply: 550" */
	{
		static const char *const words[] = {"returned", "error",  "code",   "reply",
		                                    "response", "said",   "status", "with",
		                                    "smtp",     "reason", "was"};

		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		{
			size_t n = strlen(words[w]);

			if (i >= n && ev_slice_is((struct ev_slice){s.s + i - n, n}, words[w]) &&
			    (i == n || !ev_is_alnum(s.s[i - n - 1])))
				return 2;
		}
	}
	return 0;
}

/* The place of the reply; s.n when there is none. */
static size_t
find_reply(struct ev_slice s)
{
	size_t best = s.n;
	int best_certainty = 0;

	for (size_t i = 0; i + 3 <= s.n; i++)
	{
		int sure;

		if (s.s[i] < '2' || s.s[i] > '5' || code_at(s, i) == 0)
			continue;
		sure = certainty(s, i);
		/* what failed says more than what did not */
		if (sure > 0 && s.s[i] == '2')
			sure = 1;
		/* the first of the surest; a code that begins the text needs no enhanced one */
		if (sure > best_certainty && !(best == 0 && best_certainty >= 2))
		{
			best = i;
			best_certainty = sure;
		}
		if (sure == 3)
			break;
		i += 2;
	}
	return best_certainty > 0 ? best : s.n;
}

/* An enhanced code that stands alone: at the start, behind '#' or '(', or after a blank. */
static bool
find_enhanced(struct ev_slice s, struct ev_enhanced *out, size_t *at)
{
	size_t len;

	for (size_t i = 0; i + 5 <= s.n; i++)
		if ((s.s[i] == '5' || s.s[i] == '4' || s.s[i] == '2') && s.s[i + 1] == '.' &&
		    (i == 0 || strchr(" \t\n#(<[:;=", s.s[i - 1]) != NULL) &&
		    ev_enhanced_parse(s.s + i, s.n - i, out, &len) &&
		    (i + len == s.n || !ev_is_alnum(s.s[i + len])) && out->subject <= 7)
		{
			if (at != NULL)
				*at = i;
			return true;
		}
	return false;
}

/* --- together ------------------------------------------------------------------------------------------ */

/* What is put behind a quoted reply: "(in reply to RCPT TO command)", "Giving up on 192.0.2.1." */
static struct ev_slice
cut_tail(struct ev_slice reply)
{
	static const char *const tails[] = {"(in reply to ", "giving up on ", "\n>>> ",
	                                    "(delivery attempts:"};
	size_t at;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		if (ev_slice_find(reply, tails[i], &at))
			reply = ev_slice_to(reply, at);
	return ev_slice_trim(reply);
}

void
ev_said_parse(struct ev_slice said, struct ev_said *out)
{
	struct ev_slice s = skip_type(ev_slice_trim(ev_slice_to(said, SAID_MAX)));
	struct ev_slice_pairs pairs;
	size_t at;

	memset(out, 0, sizeof(*out));
	/* "5.1.1 smtp;550 …", "X-Postfix; smtp; 550" */
	s = skip_type(s);
	out->all = s;
	out->reply = ev_slice_to(s, 0);
	out->host = out->reply;
	if (s.n == 0)
		return;
	ev_slice_pairs_of(s, &pairs);
	out->stage = ev_said_find_stage(s, &pairs);
	at = find_reply(s);
	if (at > 0)
		out->host = ev_said_find_host(ev_slice_to(s, at < s.n ? at : s.n), &pairs);
	if (at < s.n)
	{
		out->code = code_at(s, at);
		/* a reply that speaks of connections was not given to one */
		if (at == 0 && out->stage == EV_SAID_CONNECT)
			out->stage = EV_SAID_UNKNOWN;
		out->reply = cut_tail(ev_slice_from(s, at));
		out->quoted = at > 0 && (out->host.n > 0 || ev_slice_find(s, "<<< ", NULL) ||
		                         ev_slice_find(ev_slice_to(s, at), "said:", NULL) ||
		                         ev_slice_find(ev_slice_to(s, at), "remote", NULL));
	}
	else if (find_enhanced(s, &out->enhanced, NULL))
		return;
}

/* Codes at the start of a line: "550-5.1.1 ", "550 550 ", "<<< 550 ".  Behind them. */
static size_t
skip_codes(struct ev_slice s, size_t at)
{
	if (ev_slice_starts(ev_slice_from(s, at), "<<< "))
		at += 4;
	while (code_at(s, at) != 0 && certainty(s, at) > 0)
	{
		at += 3;
		if (at < s.n && (s.s[at] == ' ' || s.s[at] == '-' || s.s[at] == '\t' || s.s[at] == ':' ||
		                 s.s[at] == ';'))
			at++;
		while (at < s.n && s.s[at] == ' ')
			at++;
		if (at + 3 > s.n)
			break;
	}
	return at;
}

/* Is it copied as it is, whatever stands around it? */
static inline bool
is_plain(char c, char code)
{
	return (unsigned char) c >= ' ' && c != '.' && c != code;
}

void
ev_said_reply(const struct ev_said *said, struct ev_reply *out)
{
	struct ev_slice s = said->reply.n > 0 ? said->reply : said->all;
	char code[4] = {0};
	size_t len = 0;
	size_t at;

	out->code = said->code;
	out->mixed = false;
	out->enhanced = said->enhanced;
	out->lines = 1;
	if (said->reply.n > 3)
		memcpy(code, s.s, 3);
	at = said->reply.n > 0 ? skip_codes(s, 0) : 0;
	while (at < s.n && len < EV_REPLY_TEXT_MAX)
	{
		char c = s.s[at];

		if (is_plain(c, code[0]))
		{
			out->text[len++] = c;
			at++;
			continue;
		}
		if (c == '\n' || c == '\r')
		{
			while (at < s.n && ev_slice_is_blank(s.s[at]))
				at++;
			out->text[len++] = '\n';
			if (said->reply.n > 0 && at + 3 <= s.n)
				at = skip_codes(s, at);
			continue;
		}
		/* " 550-5.1.1 ": lines that somebody joined */
		if (code[0] != '\0' && c == code[0] && at > 0 && s.s[at - 1] == ' ' && at + 4 < s.n &&
		    memcmp(s.s + at, code, 3) == 0 && (s.s[at + 3] == '-' || enhanced_follows(s, at)))
		{
			out->text[len++] = '\n';
			at += 4;
			continue;
		}
		out->text[len++] = c != '\0' ? c : '?';
		at++;
		/* "<user@host>...User unknown": the words are no part of the host's name */
		if (c == '.' && len > 3 && memcmp(out->text + len - 3, "...", 3) == 0 && at < s.n &&
		    ev_is_alnum(s.s[at]) && len < EV_REPLY_TEXT_MAX)
			out->text[len++] = ' ';
	}
	out->text[len] = '\0';
	out->text_len = (uint16_t) len;

	/* the reply's own enhanced code, of the same class (RFC 3463 2) */
	if (out->code != 0)
	{
		struct ev_enhanced e;
		size_t used;
		bool found = ev_enhanced_parse(out->text, len, &e, &used);

		for (size_t i = 0; !found && i + 5 <= len; i++)
			/* letters are most of it */
			if (out->text[i] <= '[' &&
			    (out->text[i] == '#' || out->text[i] == '(' || out->text[i] == '[' ||
			     (out->text[i] == ' ' && i < 24) || out->text[i] == '\n') &&
			    ev_enhanced_parse(out->text + i + 1, len - i - 1, &e, &used) && e.subject <= 7)
				found = true;
		if (found && e.klass == out->code / 100)
			out->enhanced = e;
	}
}

bool
ev_said_stage_by_label(struct ev_slice label, enum ev_said_stage *out)
{
	static const struct
	{
		const char *name;
		enum ev_said_stage stage;
	} names[] = {
		{"connect", EV_SAID_CONNECT}, {"greeting", EV_SAID_GREETING}, {"ehlo", EV_SAID_EHLO},
		{"helo", EV_SAID_EHLO},       {"starttls", EV_SAID_STARTTLS}, {"auth", EV_SAID_AUTH},
		{"mail", EV_SAID_MAIL},       {"rcpt", EV_SAID_RCPT},         {"random_rcpt", EV_SAID_RCPT},
		{"data", EV_SAID_DATA},       {"end_of_data", EV_SAID_DATA},  {"", EV_SAID_UNKNOWN},
		{"unknown", EV_SAID_UNKNOWN}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ev_slice_is(label, names[i].name))
		{
			*out = names[i].stage;
			return true;
		}
	return false;
}
