/*
 * opt_out.c
 *	  Reading a domain's wish not to be probed; see opt_out.h.
 */
#include "engine/opt_out.h"

#include <string.h>

#include "engine/ascii.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Are these bytes, without blanks around them, that word? */
static bool
says(const char *text, size_t n, const char *word)
{
	size_t i = 0;

	while (n > 0 && is_blank(text[0]))
	{
		text++;
		n--;
	}
	while (n > 0 && is_blank(text[n - 1]))
		n--;
	while (i < n && word[i] != '\0' && ev_lower(text[i]) == word[i])
		i++;
	return i == n && word[i] == '\0';
}

bool
ev_opt_out_parse(const char *txt, size_t n)
{
	for (size_t at = 0; at < n;)
	{
		const char *tag = txt + at;
		const char *end = memchr(tag, ';', n - at);
		size_t len = end != NULL ? (size_t) (end - tag) : n - at;
		const char *equals = memchr(tag, '=', len);

		if (equals != NULL && says(tag, (size_t) (equals - tag), "probe") &&
		    says(equals + 1, len - (size_t) (equals + 1 - tag), "none"))
			return true;
		at += len + 1;
	}
	return false;
}
