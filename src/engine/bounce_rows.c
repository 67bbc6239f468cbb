/*
 * bounce_rows.c
 *	  What all readers of bounces use: rows and their fields.
 */
#include "engine/bounce_internal.h"

#include <string.h>

struct ev_bounce *
ev_bounce_add(struct ev_bounce_rows *rows, const char *format, enum ev_bounce_kind kind)
{
	struct ev_bounce *row;

	if (rows->n >= rows->max)
		return NULL;
	row = &rows->rows[rows->n++];
	memset(row, 0, sizeof(*row));
	row->format = format;
	row->kind = kind;
	row->arrival = EV_MAIL_DATE_NONE;
	row->last_attempt = EV_MAIL_DATE_NONE;
	row->will_retry_until = EV_MAIL_DATE_NONE;
	return row;
}

void
ev_bounce_copy(char *field, size_t size, struct ev_slice from)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;
	bool space = false;

	from = ev_slice_trim(from);
	for (size_t i = 0; i < from.n; i++)
	{
		unsigned char c = (unsigned char) from.s[i];
		char unit[5];
		size_t n = 1;

		if (ev_slice_is_blank((char) c))
		{
			space = true;
			continue;
		}
		if (!space && c > 0x20 && c < 0x7f && c != '\\' && len + 1 < size)
		{
			field[len++] = (char) c;
			continue;
		}
		unit[0] = (char) c;
		if (c == '\\')
			unit[n++] = '\\';
		else if (c < 0x20 || c >= 0x7f)
		{
			unit[0] = '\\';
			unit[1] = 'x';
			unit[2] = hex[c >> 4];
			unit[3] = hex[c & 15];
			n = 4;
		}
		if (len + n + space > size - 1)
			break;
		if (space)
			field[len++] = ' ';
		space = false;
		memcpy(field + len, unit, n);
		len += n;
	}
	field[len] = '\0';
}
