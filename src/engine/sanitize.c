/*
 * sanitize.c
 *	  Escape what strangers sent, so that it can be stored in any encoding and shown on any
 *	  terminal.
 */
#include "engine/sanitize.h"

#include <stdbool.h>
#include <string.h>

static const char ellipsis[] = "...";
#define ELLIPSIS_LEN (sizeof(ellipsis) - 1)

static bool
is_line_blank(unsigned char c)
{
	return c == '\t' || c == '\r' || c == '\n';
}

/* One unit of output (a character or a whole escape) into buf; its length.  Advances *p. */
static size_t
next_unit(const unsigned char **p, const unsigned char *end, char buf[4])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = *(*p)++;

	if (is_line_blank(c))
	{
		while (*p < end && is_line_blank(**p))
			(*p)++;
		buf[0] = ' ';
		return 1;
	}
	if (c == '\\')
	{
		memcpy(buf, "\\\\", 2);
		return 2;
	}
	if (c >= 0x20 && c < 0x7f)
	{
		buf[0] = (char) c;
		return 1;
	}
	buf[0] = '\\';
	buf[1] = 'x';
	buf[2] = hex[c >> 4];
	buf[3] = hex[c & 15];
	return 4;
}

size_t
ev_sanitize(const char *text, size_t n, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *) text;
	const unsigned char *end = p + n;
	size_t len = 0;
	size_t cut = 0; /* the last length behind which the ellipsis still fits */

	while (p < end)
	{
		char unit[4];
		size_t unit_len = next_unit(&p, end, unit);

		if (len + unit_len > size - 1)
		{
			memcpy(out + cut, ellipsis, ELLIPSIS_LEN);
			len = cut + ELLIPSIS_LEN;
			break;
		}
		memcpy(out + len, unit, unit_len);
		len += unit_len;
		if (len + ELLIPSIS_LEN <= size - 1)
			cut = len;
	}
	out[len] = '\0';
	return len;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t
ev_sanitize_undo(const char *text, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < size - 1; i++)
	{
		char c = text[i];

		if (c == '\\' && i + 1 < n && text[i + 1] == '\\')
			i++;
		else if (c == '\\' && i + 3 < n && text[i + 1] == 'x' && hex_value(text[i + 2]) >= 0 &&
		         hex_value(text[i + 3]) >= 0)
		{
			c = (char) (hex_value(text[i + 2]) << 4 | hex_value(text[i + 3]));
			i += 3;
		}
		out[len++] = c == '\0' ? '?' : c;
	}
	out[len] = '\0';
	return len;
}
