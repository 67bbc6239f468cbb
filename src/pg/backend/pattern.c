/*
 * pattern.c
 *	  Patterns of the override table: user@host, @host, @.host, user@, and the HMAC of any of these;
 *	  and the
 *	  host suffixes of table mx_policy.
 *
 * Domains are compared as lower-case A-labels, local parts without regard to ASCII case: a person
 * who asks not to be mailed does not mean one spelling of it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "pg/backend/backend.h"

static void
fold(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] += 'a' - 'A';
}

static size_t
normalize_hmac(const char *pattern, size_t len, char *out)
{
	if (len != EV_HMAC_SIZE - 1)
		return 0;
	memcpy(out, pattern, len);
	fold(out, len);
	out[len] = '\0';
	return strspn(out + 5, "0123456789abcdef") == 64 ? len : 0;
}

/* The parts of a whole address stand in for those that the pattern leaves open. */
static bool
parse_with(const char *local, size_t local_len, const char *domain, size_t domain_len,
           struct ev_address *address)
{
	char whole[2 * EV_ADDRESS_KEY_SIZE];
	struct ev_syntax syntax;

	if (local_len + 1 + domain_len >= sizeof(whole))
		return false;
	memcpy(whole, local, local_len);
	whole[local_len] = '@';
	memcpy(whole + local_len + 1, domain, domain_len);
	return ev_address_of_text(whole, local_len + 1 + domain_len, &syntax, address) ==
	       EV_DETAIL_NONE;
}

size_t
ev_pattern_normalize(const char *pattern, size_t len, char *out)
{
	struct ev_address address;
	size_t n;

	if (len > 5 && pg_strncasecmp(pattern, "hmac:", 5) == 0)
		return normalize_hmac(pattern, len, out);
	if (len < 2)
		return 0;
	if (pattern[0] == '@')
	{
		size_t skip = pattern[1] == '.' ? 2 : 1;

		if (!parse_with("x", 1, pattern + skip, len - skip, &address))
			return 0;
		return snprintf(out, EV_PATTERN_SIZE, skip == 2 ? "@.%s" : "@%s", address.domain);
	}
	if (pattern[len - 1] == '@')
	{
		if (!parse_with(pattern, len - 1, "example.com", 11, &address))
			return 0;
		fold(address.local, address.local_len);
		address.domain_len = 0;
		address.domain[0] = '\0';
		return ev_server_key(&address, out);
	}
	for (n = len; n > 0 && pattern[n - 1] != '@'; n--)
		;
	if (n == 0 || !parse_with(pattern, n - 1, pattern + n, len - n, &address))
		return 0;
	fold(address.local, address.local_len);
	return ev_server_key(&address, out);
}

/*
 * A host suffix, with or without a dot in front and behind.  One label will do ("cn"), so another
 * one stands in front of it while it is looked at as a domain.
 */
size_t
ev_suffix_normalize(const char *suffix, size_t len, char *out)
{
	char pattern[EV_PATTERN_SIZE];
	size_t n;

	if (len > 0 && suffix[0] == '.')
	{
		suffix++;
		len--;
	}
	if (len > 0 && suffix[len - 1] == '.')
		len--;
	if (len == 0 || len + 3 > sizeof(pattern))
		return 0;
	memcpy(pattern, "@x.", 3);
	memcpy(pattern + 3, suffix, len);
	n = ev_pattern_normalize(pattern, len + 3, out);
	if (n == 0)
		return 0;
	memmove(out, out + 3, n - 3 + 1);
	return n - 3;
}

PG_FUNCTION_INFO_V1(ev_override_normalize);
PG_FUNCTION_INFO_V1(ev_override_changed);
PG_FUNCTION_INFO_V1(ev_mx_policy_normalize);

/* A text column of a table, and how it is brought into its form. */
typedef struct Column
{
	const char *trigger;
	const char *name;
	size_t (*normalize)(const char *text, size_t len, char *out);
	const char *what;
	const char *hint;
} Column;

/* BEFORE INSERT OR UPDATE FOR EACH ROW */
static Datum
normalize_row(FunctionCallInfo fcinfo, const Column *column)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	int attnum;
	char normal[EV_PATTERN_SIZE];
	bool null;
	Datum value;
	text *pattern;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		elog(ERROR, "email_verify.%s must be called as a row trigger", column->trigger);
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	desc = RelationGetDescr(data->tg_relation);
	attnum = SPI_fnumber(desc, column->name);
	value = heap_getattr(tuple, attnum, desc, &null);
	if (null)
		return PointerGetDatum(tuple); /* the NOT NULL constraint says it */
	pattern = DatumGetTextPP(value);
	if (column->normalize(VARDATA_ANY(pattern), VARSIZE_ANY_EXHDR(pattern), normal) == 0)
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
		                errmsg("malformed %s: \"%s\"", column->what, text_to_cstring(pattern)),
		                errhint("%s", column->hint)));
	value = CStringGetTextDatum(normal);
	null = false;
	return PointerGetDatum(heap_modify_tuple_by_cols(tuple, desc, 1, &attnum, &value, &null));
}

/* on email_verify.override */
Datum
ev_override_normalize(PG_FUNCTION_ARGS)
{
	static const Column column = {.trigger = "_override_normalize",
	                              .name = "pattern",
	                              .normalize = ev_pattern_normalize,
	                              .what = "pattern",
	                              .hint = "Patterns are \"user@host\", \"@host\", \"@.host\" (all "
	                                      "its subdomains), \"user@\", or what "
	                                      "email_verify.hmac() returns."};

	return normalize_row(fcinfo, &column);
}

/* on email_verify.mx_policy */
Datum
ev_mx_policy_normalize(PG_FUNCTION_ARGS)
{
	static const Column column = {.trigger = "_mx_policy_normalize",
	                              .name = "mx",
	                              .normalize = ev_suffix_normalize,
	                              .what = "mail server name",
	                              .hint = "It is the name of a mail server, or the end of one: "
	                                      "\"example.com\" stands for that host and "
	                                      "all below it."};

	return normalize_row(fcinfo, &column);
}

/*
 * AFTER any change, FOR EACH STATEMENT: changed rows do not invalidate what sessions remember, so
 * say it.
 */
Datum
ev_override_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "email_verify._override_changed must be called as a trigger");
	CacheInvalidateRelcache(data->tg_relation);
	return PointerGetDatum(NULL);
}
