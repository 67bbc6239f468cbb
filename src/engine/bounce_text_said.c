/*
 * bounce_text_said.c
 *	  In the words of a bounce: reply codes, known sentences, addresses.
 */
#include "engine/bounce_text.h"

#include <string.h>

#include "engine/ascii.h"
#include "engine/bounce_phrase.h"

#define WORDS_MAX 16384 /* bytes that are searched for a reason */
#define SAID_MAX  1600  /* longer paragraphs are cut: a reply has its cause at its beginning */

static const struct ev_phrase failure_list[] = {
#define EV_TEXT_FAILURE(sentence, subject, detail) {sentence, (subject) << 8 | (detail)},
#include "engine/bounce_text_failures.def"
};

_Static_assert(sizeof(failure_list) / sizeof(failure_list[0]) <= EV_PHRASES_MAX,
               "too many sentences for one search");

static struct ev_phrases failures = EV_PHRASES(failure_list);

/* --- codes ------------------------------------------------------------------------------------ */

/* "5.1.1" at the beginning, of class 4 or 5, and not a part of an IP address. */
static bool
is_enhanced(struct ev_slice s)
{
	struct ev_enhanced e;
	size_t len;

	if (!ev_enhanced_parse(s.s, s.n, &e, &len) || e.klass == 2)
		return false;
	return len >= s.n || (!ev_is_alnum(s.s[len]) &&
	                      !(s.s[len] == '.' && len + 1 < s.n && ev_is_digit(s.s[len + 1])));
}

/* May a reply stand behind this?  Words before a number make it an amount or a date. */
static bool
announces_reply(struct ev_slice before)
{
	while (before.n > 0 && (before.s[before.n - 1] == ' ' || before.s[before.n - 1] == '\t'))
		before.n--;
	if (before.n == 0 || strchr("\n\r:;<>'\"`([{#,=-*|", before.s[before.n - 1]) != NULL)
		return true;
	for (size_t i = 1; i <= 16 && i <= before.n; i++)
		if (!ev_is_alnum(before.s[before.n - i]) || i == before.n)
		{
			struct ev_slice word = ev_slice_from(before, before.n - i + (i < before.n));

			if (i == before.n)
				word = before;
			return ev_slice_is(word, "error") || ev_slice_is(word, "code") ||
			       ev_slice_is(word, "said") || ev_slice_is(word, "smtp") ||
			       ev_slice_is(word, "reply") || ev_slice_is(word, "response") ||
			       ev_slice_is(word, "was") || ev_slice_is(word, "status") ||
			       ev_slice_is(word, "with") || ev_slice_is(word, "returned") ||
			       ev_slice_is(word, "fehler") || ev_slice_is(word, "erreur") ||
			       ev_slice_is(word, "errore") || ev_slice_is(word, "error");
		}
	return false;
}

/* A code at offset i of the words, where a number begins? */
static bool
is_code(struct ev_slice words, size_t i)
{
	struct ev_slice s = ev_slice_from(words, i);
	struct ev_slice behind;

	if (s.n < 3 || (s.s[0] != '4' && s.s[0] != '5'))
		return false;
	if (s.s[1] == '.')
		return is_enhanced(s);
	if (s.s[1] == '6' || s.s[1] == '8' || !ev_is_digit(s.s[1]) || !ev_is_digit(s.s[2]) ||
	    (s.n > 3 && ev_is_alnum(s.s[3])))
		return false;
	behind = ev_slice_trim(ev_slice_from(s, 3 + (s.n > 3 && strchr("-:,#", s.s[3]) != NULL)));
	if (behind.n > 0 && (behind.s[0] == '#' || behind.s[0] == '('))
		behind = ev_slice_from(behind, 1);
	if (is_enhanced(behind))
		return true;

	/* "<<< 550-5.1.1", "said: 550 No"; not "500 MB", "2024-05-21 450", "port 587, 10.0.0.1" */
	if (s.n > 3 && (s.s[3] == '.' || s.s[3] == '/' || s.s[3] == '%' || s.s[3] == '@'))
		return false;
	return announces_reply(ev_slice_to(words, i));
}

bool
ev_text_find_code(struct ev_slice words, size_t *at)
{
	for (size_t i = 0; i < words.n; i++)
	{
		char c = words.s[i];

		if ((c != '4' && c != '5') ||
		    (i > 0 && (ev_is_alnum(words.s[i - 1]) || words.s[i - 1] == '.' ||
		               words.s[i - 1] == '@' || words.s[i - 1] == '/' || words.s[i - 1] == '_')))
			continue;
		if (is_code(words, i))
		{
			*at = i;
			return true;
		}
	}
	return false;
}

bool
ev_text_find_failure(struct ev_slice words, size_t *at, struct ev_enhanced *status)
{
	const struct ev_phrase *phrase = ev_phrases_first(words, &failures, at);
	size_t from = 0;
	size_t behind;

	if (phrase == NULL)
		return false;
	/* behind a frame of words stands what it is about */
	behind = *at;
	while (phrase->value == 0)
	{
		const struct ev_phrase *next;

		from = behind + strlen(phrase->text);
		next = ev_phrases_first(ev_slice_from(words, from), &failures, &behind);
		if (next == NULL)
			break;
		behind += from;
		phrase = next;
	}
	*status = (struct ev_enhanced){5, (uint16_t) (phrase->value >> 8), phrase->value & 0xff};
	return true;
}

/* --- paragraphs ------------------------------------------------------------------------------- */

/* A line without letters and digits divides paragraphs: empty ones, rulers. */
static bool
is_divider(struct ev_slice line)
{
	for (size_t i = 0; i < line.n; i++)
		if (ev_is_alnum(line.s[i]) || (unsigned char) line.s[i] >= 0x80)
			return false;
	return true;
}

/* What stands in a paragraph, but is no part of what was said. */
static bool
ends_paragraph(struct ev_slice line)
{
	line = ev_slice_trim(line);
	return is_divider(line) || ev_slice_starts(line, "giving up on ") ||
	       ev_slice_starts(line, "i'm not going to try again") || ev_slice_starts(line, "----- ") ||
	       ev_slice_starts(line, "--- ");
}

/* The paragraph that holds the byte at `at`; at least its line. */
static struct ev_slice
paragraph_at(struct ev_slice words, size_t at)
{
	struct ev_slice rest = words;
	struct ev_slice line;
	size_t from = 0;
	size_t to = 0;

	while (ev_slice_line(&rest, &line))
	{
		size_t begin = (size_t) (line.s - words.s);
		size_t end = begin + line.n;

		if (end < at)
		{
			if (ends_paragraph(line))
				from = (size_t) (rest.s - words.s);
		}
		else if (begin <= at)
			to = end;
		else if (ends_paragraph(line) || end - from > SAID_MAX)
			break;
		else
			to = end;
	}
	if (at - from > SAID_MAX / 2)
		from = at - SAID_MAX / 2;
	if (to - from > SAID_MAX)
		to = from + SAID_MAX;
	/* what stood between an address and these words */
	while (from < at &&
	       (ev_slice_is_blank(words.s[from]) || strchr(">:;,.)-\"'", words.s[from]) != NULL))
		from++;
	return ev_slice_trim((struct ev_slice){words.s + from, to - from});
}

enum ev_text_worth
ev_text_said(struct ev_slice words, struct ev_slice *said)
{
	struct ev_slice rest = words;
	struct ev_slice line;
	struct ev_enhanced status;
	size_t at;

	words = ev_slice_to(words, WORDS_MAX);
	*said = (struct ev_slice){words.s, 0};
	if (ev_text_find_code(words, &at))
	{
		*said = paragraph_at(words, at);
		return EV_WORTH_CODE;
	}
	if (ev_text_find_failure(words, &at, &status))
	{
		*said = paragraph_at(words, at);
		return EV_WORTH_PHRASE;
	}
	while (ev_slice_line(&rest, &line))
		if (!is_divider(line))
		{
			*said = paragraph_at(words, (size_t) (line.s - words.s));
			return said->n > 0 ? EV_WORTH_WORDS : EV_WORTH_NOTHING;
		}
	return EV_WORTH_NOTHING;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* Bytes of an unquoted local part; '=' and '/' as well, ':' and brackets not. */
static bool
is_local(char c)
{
	return ev_is_alnum(c) || (unsigned char) c >= 0x80 ||
	       (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_domain(char c)
{
	return ev_is_alnum(c) || (unsigned char) c >= 0x80 || c == '.' || c == '-' || c == '_';
}

/*
 * Is it a mark of UTF-8 that stands around addresses in text: blanks, quotes, dashes, brackets of
 * Latin and of East Asian writing?
 */
static bool
is_wide_mark(const char *s, size_t n)
{
	unsigned char first = n > 0 ? (unsigned char) s[0] : 0;
	unsigned char second = n > 1 ? (unsigned char) s[1] : 0;

	return (first == 0xc2 && n >= 2) ||
	       (n >= 3 && ((first == 0xe2 && second == 0x80) || (first == 0xe3 && second == 0x80) ||
	                   (first == 0xef && second == 0xbc)));
}

/* Does such a mark end before offset i? */
static bool
is_behind_wide_mark(struct ev_slice words, size_t i)
{
	return i > 0 && (unsigned char) words.s[i - 1] >= 0x80 &&
	       ((i >= 2 && is_wide_mark(words.s + i - 2, 2)) ||
	        (i >= 3 && is_wide_mark(words.s + i - 3, 3)));
}

/* Where an address with its @ at `at` begins and ends; false when it is none. */
static bool
address_at(struct ev_slice words, size_t at, struct ev_slice *address)
{
	size_t from = at;
	size_t to = at + 1;
	bool dot = false;

	if (from > 1 && words.s[from - 1] == '"')
	{
		from--;
		while (from > 0 && at - from < 80 && words.s[from - 1] != '"' && words.s[from - 1] != '\n')
			from--;
		if (from == 0 || words.s[from - 1] != '"')
			return false;
		from--;
	}
	else
		while (from > 0 && at - from < 256 && is_local(words.s[from - 1]) &&
		       !is_behind_wide_mark(words, from))
			from--;
	/* of a URL */
	if (at - from > 2 && words.s[from] == '/' && words.s[from + 1] == '/')
		return false;
	while (from < at && strchr("'`*|/=.-", words.s[from]) != NULL)
		from++;
	if (to < words.n && words.s[to] == '[')
	{
		while (to < words.n && to - at < 64 && words.s[to] != ']' && words.s[to] != '\n')
			to++;
		if (to >= words.n || words.s[to] != ']')
			return false;
		to++;
		dot = true;
	}
	else
	{
		while (to < words.n && to - at < 256 && is_domain(words.s[to]) &&
		       !is_wide_mark(words.s + to, words.n - to))
			to++;
		while (to > at + 1 && strchr(".-_", words.s[to - 1]) != NULL)
			to--;
		dot = memchr(words.s + at + 1, '.', to - at - 1) != NULL;
	}
	*address = (struct ev_slice){words.s + from, to - from};
	return from < at && dot;
}

bool
ev_text_is_role(struct ev_slice address)
{
	return ev_slice_starts(address, "postmaster@") || ev_slice_starts(address, "mailer-daemon@") ||
	       ev_slice_starts(address, "abuse@") || ev_slice_starts(address, "helpdesk@") ||
	       ev_slice_starts(address, "support@");
}

static bool
find_address(struct ev_slice words, bool roles, struct ev_slice *address, size_t *behind)
{
	for (size_t i = 0; i < words.n; i++)
	{
		const char *found = memchr(words.s + i, '@', words.n - i);
		size_t end;

		if (found == NULL)
			return false;
		i = (size_t) (found - words.s);
		if (!address_at(words, i, address))
			continue;
		end = (size_t) (address->s + address->n - words.s);
		if (end < words.n && words.s[end] == '>')
			end++;

		/* those who could help are nobody's recipients */
		if (!roles && ev_text_is_role(*address))
		{
			i = end - 1;
			continue;
		}
		*behind = end;
		return true;
	}
	return false;
}

bool
ev_text_find_address(struct ev_slice words, struct ev_slice *address, size_t *behind)
{
	return find_address(words, false, address, behind);
}

bool
ev_text_find_recipient(struct ev_slice words, struct ev_slice *address, size_t *behind)
{
	return find_address(words, true, address, behind);
}

bool
ev_text_same_address(struct ev_slice a, struct ev_slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
	{
		char x = a.s[i];
		char y = b.s[i];

		x = x >= 'A' && x <= 'Z' ? (char) (x | 0x20) : x;
		y = y >= 'A' && y <= 'Z' ? (char) (y | 0x20) : y;
		if (x != y)
			return false;
	}
	return true;
}

struct ev_text_recipient *
ev_text_recipient_add(struct ev_text_recipients *recipients, struct ev_slice address)
{
	uint32_t hash = 2166136261u;
	struct ev_text_recipient *r;

	for (size_t i = 0; i < address.n; i++)
		hash = (hash ^ (unsigned char) (address.s[i] | 0x20)) * 16777619u;
	for (size_t i = 0; i < recipients->n; i++)
	{
		r = &recipients->list[i];
		if (r->hash == hash && ev_text_same_address(r->address, address))
			return r;
	}
	if (recipients->n >= EV_TEXT_ROWS_MAX)
		return NULL;
	r = &recipients->list[recipients->n++];
	*r = (struct ev_text_recipient){.address = address, .hash = hash};
	return r;
}
