/*
 * syntax.c
 *	  email_syntax_ok() and email_syntax(): can a text be an address, and if not, why not.
 *
 * Immutable: they read no setting and no table.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "pg/backend/backend.h"

PG_FUNCTION_INFO_V1(ev_syntax_ok);
PG_FUNCTION_INFO_V1(ev_syntax);

static enum ev_syntax_level
level_arg(FunctionCallInfo fcinfo)
{
	text *name = PG_GETARG_TEXT_PP(1);
	enum ev_syntax_level level;

	if (!ev_syntax_level_by_label(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), &level))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("unrecognized syntax level: \"%s\"", text_to_cstring(name)),
		                errhint("Levels are \"internet\", \"smtp\" and \"header\".")));
	return level;
}

/* As ev_syntax_parse(), with the faults that show only in the form that travels. */
static bool
is_sound(const char *utf8, size_t len, enum ev_syntax_level level, struct ev_syntax *syntax)
{
	struct ev_address address;

	if (!ev_syntax_parse(utf8, len, level, syntax))
		return false;
	if (level == EV_SYNTAX_INTERNET && syntax->idn)
		syntax->fault = ev_address_from(utf8, syntax, &address);
	return syntax->fault == EV_DETAIL_NONE;
}

/* email_syntax_ok(email text, level text) */
Datum
ev_syntax_ok(PG_FUNCTION_ARGS)
{
	text *email = PG_GETARG_TEXT_PP(0);
	enum ev_syntax_level level = level_arg(fcinfo);
	struct ev_syntax syntax;
	size_t len;
	const char *utf8 = ev_to_utf8(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &len);

	PG_RETURN_BOOL(is_sound(utf8, len, level, &syntax));
}

/*
 * Places of a fault as SQL counts them, from 1, in the text as it was given: its character, and the
 * first byte of that.
 */
static void
place(const text *email, const char *utf8, uint32_t at, int32 *character, int32 *byte)
{
	const char *given = VARDATA_ANY(email);
	int len = VARSIZE_ANY_EXHDR(email);
	int before = 0;

	*byte = (int32) at + 1;
	*character = *byte;
	if (utf8 == given && GetDatabaseEncoding() != PG_UTF8)
		return;
	for (uint32_t i = 0; i < at; i++)
		before += ((unsigned char) utf8[i] & 0xc0) != 0x80;
	*character = before + 1;
	if (utf8 != given)
	{
		int offset = 0;

		while (before-- > 0 && offset < len)
			offset += pg_mblen(given + offset);
		*byte = Min(offset, len) + 1;
	}
}

/* A part of an address, whose characters have come from the server's encoding. */
static Datum
part(const char *utf8, uint32_t len)
{
	char *copy = pnstrdup(utf8, len);
	bool ascii = true;

	for (uint32_t i = 0; i < len && ascii; i++)
		ascii = (unsigned char) copy[i] < 0x80;
	if (!ascii && GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII)
		copy = pg_any_to_server(copy, (int) len, PG_UTF8);
	return CStringGetTextDatum(copy);
}

/* email_syntax(email text, level text) */
Datum
ev_syntax(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		"ok",         "diagnosis", "category",       "level",      "char_position", "byte_position",
		"local_part", "domain",    "quoted",         "eai",        "idn",           "literal",
		"comment",    "obsolete",  "carrier_legacy", "special_use"};
	enum
	{
		N = lengthof(names)
	};
	text *email = PG_GETARG_TEXT_PP(0);
	enum ev_syntax_level level = level_arg(fcinfo);
	enum ev_syntax_level strictest = EV_SYNTAX_INTERNET;
	struct ev_syntax syntax;
	struct ev_syntax asked;
	enum ev_syntax_category category;
	size_t len;
	const char *utf8 = ev_to_utf8(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), &len);
	char *bare = palloc(len + 1);
	bool sound = is_sound(utf8, len, level, &asked);
	TupleDesc desc;
	Datum values[N] = {0};
	bool nulls[N] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "email_syntax must return a composite type");
	category = ev_syntax_categorize(utf8, len, bare, &syntax);

	values[0] = BoolGetDatum(sound);
	values[2] = CStringGetTextDatum(ev_syntax_category_label(category));
	nulls[1] = sound && !asked.carrier_legacy;
	if (!nulls[1])
		values[1] = CStringGetTextDatum(
			ev_detail_info(sound ? EV_DETAIL_CARRIER_LEGACY : asked.fault)->label);
	nulls[4] = nulls[5] = sound;
	if (!sound)
	{
		int32 character;
		int32 byte;

		place(email, utf8, asked.fault_at, &character, &byte);
		values[4] = Int32GetDatum(character);
		values[5] = Int32GetDatum(byte);
	}
	nulls[3] = nulls[6] = nulls[7] = category == EV_SYNTAX_ERROR;
	if (category != EV_SYNTAX_ERROR)
	{
		while (!is_sound(utf8, len, strictest, &asked))
			strictest++;
		values[3] = CStringGetTextDatum(ev_syntax_level_label(strictest));
		values[6] = part(bare + syntax.local_start, syntax.local_len);
		values[7] = part(bare + syntax.domain_start, syntax.domain_len);
	}
	values[8] = BoolGetDatum(syntax.quoted);
	values[9] = BoolGetDatum(syntax.eai);
	values[10] = BoolGetDatum(syntax.idn);
	values[11] = BoolGetDatum(syntax.literal);
	values[12] = BoolGetDatum(syntax.comment);
	values[13] = BoolGetDatum(syntax.obsolete);
	values[14] = BoolGetDatum(syntax.carrier_legacy);
	values[15] = BoolGetDatum(syntax.special_use);
	PG_RETURN_DATUM(ev_form_by_name(BlessTupleDesc(desc), N, names, values, nulls));
}
