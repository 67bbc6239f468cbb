/*
 * text.c
 *	  SQL values to the engine's: encodings and intervals.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

/* No address is that long; what is need not be converted to be refused. */
#define EV_CONVERTED_MAX 4096

/* NULL when the text has a character that the other encoding has not; in CurrentMemoryContext. */
static char *
convert(const char *text, size_t len, int from, int to, size_t *out_len)
{
	Oid proc = FindDefaultConversionProc(from, to);
	size_t size = len * MAX_CONVERSION_GROWTH + 1;
	unsigned char *out;

	if (!OidIsValid(proc) || len > EV_CONVERTED_MAX)
		return NULL;
	out = palloc(size);
	if (pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) unconstify(char *, text),
	                                  (int) len, out, (int) size, true) != (int) len)
		return NULL;
	*out_len = strlen((char *) out);
	return (char *) out;
}

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
	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return text;
	for (size_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char) text[i] < 0x80;
	if (ascii)
		return text;
	converted = convert(text, len, GetDatabaseEncoding(), PG_UTF8, out_len);

	/* what has no equivalent is not UTF-8 either: the engine says so */
	return converted == NULL ? text : converted;
}

/* Source bytes that are converted at a time; the buffer has room for what they can become. */
#define EV_CHUNK 65536

const char *
ev_long_to_utf8(const char *text, size_t len, size_t *out_len)
{
	int from = GetDatabaseEncoding();
	Oid proc;
	StringInfoData out;
	unsigned char *buf;
	bool ascii = true;

	*out_len = len;
	if (from == PG_UTF8 || from == PG_SQL_ASCII)
		return text;
	for (size_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char) text[i] < 0x80;
	if (ascii)
		return text;
	proc = FindDefaultConversionProc(from, PG_UTF8);
	if (!OidIsValid(proc))
		return text;

	initStringInfo(&out);
	buf = palloc(EV_CHUNK * MAX_CONVERSION_GROWTH + 1);
	while (len > 0)
	{
		int chunk = pg_encoding_mbcliplen(from, text, (int) Min(len, EV_CHUNK), EV_CHUNK);
		int done;

		CHECK_FOR_INTERRUPTS();
		if (chunk <= 0)
			chunk = (int) Min(len, EV_CHUNK);
		done = pg_do_encoding_conversion_buf(proc, from, PG_UTF8,
		                                     (unsigned char *) unconstify(char *, text), chunk, buf,
		                                     EV_CHUNK * MAX_CONVERSION_GROWTH + 1, true);
		appendStringInfoString(&out, (char *) buf);
		if (done < chunk)
		{
			appendStringInfoChar(&out, '?');
			done += Min(pg_encoding_mblen(from, text + done), chunk - done);
		}
		text += done;
		len -= done;
	}
	pfree(buf);
	*out_len = out.len;
	return out.data;
}

text *
ev_text_from_utf8(const char *utf8)
{
	size_t len = strlen(utf8);
	int encoding = GetDatabaseEncoding();
	StringInfoData out;
	char *converted;
	bool ascii = true;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return cstring_to_text_with_len(utf8, len);
	for (size_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char) utf8[i] < 0x80;
	if (ascii)
		return cstring_to_text_with_len(utf8, len);
	converted = convert(utf8, len, PG_UTF8, encoding, &len);
	if (converted != NULL)
		return cstring_to_text_with_len(converted, len);

	initStringInfo(&out);
	for (; *utf8 != '\0'; utf8++)
	{
		if ((unsigned char) *utf8 < 0x80)
			appendStringInfoChar(&out, *utf8);
		else
			appendStringInfo(&out, "\\x%02x", (unsigned char) *utf8);
	}
	return cstring_to_text_with_len(out.data, out.len);
}

enum ev_detail
ev_address_of_text(const char *text, size_t len, struct ev_syntax *syntax,
                   struct ev_address *address)
{
	const char *utf8 = ev_to_utf8(text, len, &len);

	if (!ev_syntax_parse(utf8, len, EV_SYNTAX_INTERNET, syntax))
		return syntax->fault;
	return ev_address_from(utf8, syntax, address);
}

/* Months count as 30 days, as in interval comparison. */
static double
interval_us(const Interval *interval)
{
	return (double) interval->time +
	       ((double) interval->day + 30.0 * (double) interval->month) * USECS_PER_DAY;
}

int64
ev_argument_us(const char *name, const Interval *interval)
{
	if (interval_us(interval) < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("%s must not be negative", name)));
	return ev_interval_us(interval);
}

int64
ev_interval_us(const Interval *interval)
{
	double us = interval_us(interval);

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
	converted = convert(key, len, PG_UTF8, GetDatabaseEncoding(), &len);
	if (converted == NULL || len >= EV_ADDRESS_KEY_SIZE)
		ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
		                errmsg("e-mail address does not fit the server's encoding")));
	memcpy(key, converted, len + 1);
	return len;
}

text *
ev_address_text(const struct ev_address *address)
{
	char key[EV_ADDRESS_KEY_SIZE];
	size_t len = ev_server_key(address, key);

	return cstring_to_text_with_len(key, (int) len);
}
