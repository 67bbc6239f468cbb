/*
 * text.c
 *	  SQL values to the engine's: encodings and intervals.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg/backend/backend.h"

/*
 * The engine reads UTF-8.  ASCII is the same in every server encoding; in a SQL_ASCII database the
 * bytes are taken as they are and judged by the engine.
 */
const char *
ev_to_utf8(const char *text, size_t len, size_t *out_len)
{
	bool ascii = true;
	char *converted;

	*out_len = len;
	for (size_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char) text[i] < 0x80;
	if (ascii || GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return text;
	converted = (char *) pg_do_encoding_conversion((unsigned char *) text, (int) len,
	                                               GetDatabaseEncoding(), PG_UTF8);
	if (converted != text)
		*out_len = strlen(converted);
	return converted;
}

/* Months count as 30 days, as in interval comparison; saturates. */
int64
ev_interval_us(const Interval *interval)
{
	double us = (double) interval->time +
	            ((double) interval->day + 30.0 * (double) interval->month) * USECS_PER_DAY;

	if (us <= 0)
		return 0;
	return us >= (double) PG_INT64_MAX / 4 ? PG_INT64_MAX / 4 : (int64) us;
}

/*
 * Only a local part can be non-ASCII; what it needs more than in UTF-8 has room where the longest
 * domain has not.
 */
size_t
ev_server_key(const struct ev_address *address, char *key)
{
	size_t len = ev_address_key(address, key);
	char *converted;

	if (!address->eai || GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return len;
	converted = (char *) pg_do_encoding_conversion((unsigned char *) key, (int) len, PG_UTF8,
	                                               GetDatabaseEncoding());
	len = strlen(converted);
	if (len >= EV_ADDRESS_KEY_SIZE)
		ereport(ERROR, (errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
		                errmsg("e-mail address is too long in the server's encoding")));
	memcpy(key, converted, len + 1);
	return len;
}
