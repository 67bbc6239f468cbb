/*
 * mime_parameter.c
 *	  Parameters of header values: RFC 2045 5.1, RFC 2231.
 */
#include "engine/mime.h"

#include <string.h>

#include "engine/ascii.h"

/* A token or quoted string at *at: appended to out, *at moved behind it. */
static void
read_value(struct ev_slice v, size_t *at, bool percent, char *out, size_t size, size_t *len)
{
	size_t i = *at;
	bool quoted = i < v.n && v.s[i] == '"';

	if (quoted)
		i++;
	while (i < v.n && (quoted ? v.s[i] != '"' : v.s[i] != ';' && !ev_slice_is_blank(v.s[i])))
	{
		char c = v.s[i++];

		if (quoted && c == '\\' && i < v.n)
			c = v.s[i++];
		else if (percent && c == '%' && i + 1 < v.n && ev_hex_value(v.s[i]) >= 0 &&
		         ev_hex_value(v.s[i + 1]) >= 0)
		{
			c = (char) (ev_hex_value(v.s[i]) << 4 | ev_hex_value(v.s[i + 1]));
			i += 2;
		}
		else if (c == '\r' || c == '\n')
			continue;
		if (*len + 1 < size)
			out[(*len)++] = c != '\0' ? c : '?';
	}
	if (quoted && i < v.n)
		i++;
	*at = i;
}

/* Leave out "charset'language'" of an extended value. */
static size_t
drop_language(char *out, size_t len)
{
	char *first = memchr(out, '\'', len);
	char *second;

	if (first == NULL)
		return len;
	second = memchr(first + 1, '\'', len - (size_t) (first + 1 - out));
	if (second == NULL)
		return len;
	len -= (size_t) (second + 1 - out);
	memmove(out, second + 1, len);
	return len;
}

bool
ev_mime_parameter(struct ev_slice value, const char *name, char *out, size_t size)
{
	size_t name_len = strlen(name);
	size_t len = 0;
	size_t at = 0;
	bool found = false;

	out[0] = '\0';
	while (at < value.n && value.s[at] != ';')
		at++;
	while (at < value.n)
	{
		size_t start;
		size_t end;
		bool percent = false;
		bool ours;
		char other[2];
		size_t other_len = 0;

		while (at < value.n && (value.s[at] == ';' || ev_slice_is_blank(value.s[at])))
			at++;
		start = at;
		while (at < value.n && value.s[at] != '=' && value.s[at] != ';')
			at++;
		if (at >= value.n || value.s[at] == ';')
			continue;
		end = at++;
		while (end > start && ev_slice_is_blank(value.s[end - 1]))
			end--;
		while (at < value.n && ev_slice_is_blank(value.s[at]))
			at++;
		ours = end - start >= name_len &&
		       ev_slice_starts((struct ev_slice){value.s + start, name_len}, name) &&
		       (end - start == name_len || value.s[start + name_len] == '*');
		percent = ours && end > start && value.s[end - 1] == '*';

		/* "name", "name*", or "name*0", "name*1*", …, which come in their order */
		if (ours && (!found || end - start > name_len))
		{
			bool first = !found;

			found = true;
			read_value(value, &at, percent, out, size, &len);
			if (first && percent)
				len = drop_language(out, len);
		}
		else
			read_value(value, &at, false, other, sizeof(other), &other_len);
	}
	if (size > 0)
		out[len] = '\0';
	return found;
}
