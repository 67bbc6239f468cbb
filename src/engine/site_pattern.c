/*
 * site_pattern.c
 *	  Patterns that a site writes: brought into form, and held against what could never match or would
 *	  match nearly everything.
 */
#include <string.h>

#include "engine/ascii.h"
#include "engine/pattern.h"
#include "engine/site_rules.h"
#include "engine/utf8.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_utf8(const char *text, size_t n)
{
	for (size_t i = 0; i < n;)
	{
		size_t len = ev_utf8_len((const unsigned char *) text + i, n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

size_t
ev_site_pattern_normalize(const char *pattern, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len + 1 < size; i++)
	{
		char c = is_blank(pattern[i]) ? ' ' : ev_lower(pattern[i]);

		if (c == ' ' && (len == 0 || out[len - 1] == ' ' || out[len - 1] == '|'))
			continue;
		if (c == '|' && len > 0 && out[len - 1] == ' ')
			len--;
		out[len++] = c;
	}
	if (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	return len;
}

static bool
is_word_byte(char c)
{
	return ev_is_alnum(c) || (unsigned char) c >= 0x80;
}

void
ev_site_pattern_fold(const char *pattern, char *out)
{
	size_t len = 0;

	for (size_t n; *pattern != '\0'; pattern += n)
	{
		char masked[EV_SITE_PATTERN_MAX + 8];
		bool high = false;

		for (n = 0; is_word_byte(pattern[n]); n++)
			high = high || (unsigned char) pattern[n] >= 0x80;
		if (n == 0)
			n = 1;
		if (!high)
		{
			memcpy(out + len, pattern, n);
			len += n;
			continue;
		}
		/* a word alone is not masked, only folded, with a blank before and behind it */
		{
			size_t folded = ev_mask_text(pattern, n, NULL, masked, sizeof(masked)) - 2;

			memcpy(out + len, masked + 1, folded);
			len += folded;
		}
	}
	out[len] = '\0';
}

/* Masked as a reply would be: is it still itself? */
static bool
survives_masking(const char *text, size_t n)
{
	char masked[2 * EV_SITE_PATTERN_MAX + 8];
	size_t len = ev_mask_text(text, n, NULL, masked, sizeof(masked));
	size_t first = n > 0 && text[0] == ' ' ? 0 : 1;
	size_t last = n > 0 && text[n - 1] == ' ' ? 0 : 1;

	return n == 0 || (len == first + n + last && memcmp(masked + first, text, n) == 0);
}

/* Can an alternative be found in masked text, in its parts or with something for each star? */
static bool
can_be_found(const char *text, size_t n)
{
	char whole[2 * EV_SITE_PATTERN_MAX];
	size_t len = 0;
	size_t start = 0;
	bool parts = true;

	for (size_t i = 0; i <= n; i++)
	{
		if (i < n && text[i] != '*')
		{
			whole[len++] = text[i];
			continue;
		}
		parts = parts && survives_masking(text + start, i - start);
		start = i + 1;
		if (i < n)
		{
			whole[len++] = 'x';
			whole[len++] = 'x';
		}
	}
	return parts || survives_masking(whole, len);
}

/* One alternative of n bytes. */
static const struct ev_site_fault *
alternative_fault(const char *text, size_t n)
{
	static const struct ev_site_fault empty = {"an alternative of the pattern is empty",
	                                           "Leave out the | that nothing stands beside."};
	static const struct ev_site_fault star = {
		"a * of the pattern stands where it fits nothing",
		"A * stands between two other characters, or at the end of an alternative."};
	static const struct ev_site_fault stars = {"an alternative of the pattern has too many *",
	                                           "At most one, and one more at the end."};
	static const struct ev_site_fault few = {"an alternative of the pattern fits nearly every text",
	                                         "Write at least two letters or digits."};
	static const struct ev_site_fault masked = {
		"the pattern names what is masked before it is matched",
		"E-mail addresses, host names, IP addresses, URLs, texts in <…> and the enhanced code do "
		"not "
		"decide; write @ for one of the former, and use the columns mx and enhanced."};
	size_t letters = 0;
	size_t gaps = 0;

	if (n == 0)
		return &empty;
	for (size_t i = 0; i < n; i++)
	{
		if (is_word_byte(text[i]))
			letters++;
		if (text[i] != '*')
			continue;
		if (i == 0 || text[i - 1] == '*')
			return &star;
		if (i + 1 < n && ++gaps > EV_SITE_GAPS)
			return &stars;
	}
	if (letters < 2)
		return &few;
	return can_be_found(text, n) ? NULL : &masked;
}

const struct ev_site_fault *
ev_site_pattern_fault(const char *pattern)
{
	static const struct ev_site_fault none = {"the pattern is empty",
	                                          "NULL is a pattern that fits every text."};
	static const struct ev_site_fault length = {
		"the pattern is too long", "At most 200 bytes; a second rule can have the rest."};
	static const struct ev_site_fault characters = {
		"the pattern has a character that no text has",
		"Control characters become blanks, and letters of ASCII are in lower case, when a reply is "
		"matched."};
	static const struct ev_site_fault encoding = {"the pattern is not valid UTF-8", NULL};
	static const struct ev_site_fault blanks = {
		"the pattern has blanks that no text has",
		"Runs of blanks are one space when a reply is matched."};
	static const struct ev_site_fault many = {"the pattern has too many alternatives",
	                                          "At most 20; a second rule can have the rest."};
	char folded[EV_SITE_PATTERN_MAX + 1];
	size_t n = strlen(pattern);
	size_t alternatives = 0;

	if (n == 0)
		return &none;
	if (n > EV_SITE_PATTERN_MAX)
		return &length;
	for (size_t i = 0; i < n; i++)
	{
		char c = pattern[i];

		if ((unsigned char) c < 0x20 || c == 0x7f || (c >= 'A' && c <= 'Z'))
			return &characters;
		if (c == ' ' && (i == 0 || pattern[i - 1] == ' ' || pattern[i - 1] == '|' || i + 1 == n ||
		                 pattern[i + 1] == '|'))
			return &blanks;
	}
	if (!is_utf8(pattern, n))
		return &encoding;
	ev_site_pattern_fold(pattern, folded);
	for (const char *p = folded;;)
	{
		size_t len = strcspn(p, "|");
		const struct ev_site_fault *fault = alternative_fault(p, len);

		if (fault != NULL)
			return fault;
		if (++alternatives > EV_SITE_ALTERNATIVES)
			return &many;
		if (p[len] == '\0')
			return NULL;
		p += len + 1;
	}
}
