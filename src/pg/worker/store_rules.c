/*
 * store_rules.c
 *	  The store by SPI: the site's own rules for replies.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "pg/worker/store_spi.h"

/* Longer than any word that a rule may have; a longer one is no rule's either when it is cut. */
#define WORD_SIZE (EV_HOST_MAX + 16)

/* A field, which is NULL for NULL. */
static const char *
word(uint64 row, int column, char *buffer)
{
	bool null;

	(void) ev_spi_field(row, column, &null);
	if (null)
		return NULL;
	(void) ev_spi_text(row, column, buffer, WORD_SIZE);
	return buffer;
}

static const char *
utf8_word(uint64 row, int column, char *buffer)
{
	const char *text = word(row, column, buffer);

	/* bytes of no encoding are judged, and not converted, which would be an error */
	if (text == NULL || GetDatabaseEncoding() == PG_SQL_ASCII)
		return text;
	return pg_server_to_any(text, (int) strlen(text), PG_UTF8);
}

/* A row that the table's trigger would not have let in is no rule. */
static bool
read_rule(uint64 row, struct ev_site_rule *rule)
{
	char buffers[8][WORD_SIZE];
	struct ev_site_rule_words words;
	bool null;
	int32 id = DatumGetInt32(ev_spi_field(row, 1, &null));

	words.stage = word(row, 2, buffers[0]);
	words.code = word(row, 3, buffers[1]);
	words.enhanced = word(row, 4, buffers[2]);
	words.provider = word(row, 5, buffers[3]);
	words.mx = word(row, 6, buffers[4]);
	words.pattern = utf8_word(row, 7, buffers[5]);
	words.reason = word(row, 8, buffers[6]);
	words.detail = word(row, 9, buffers[7]);
	return ev_site_rule_parse(id, &words, rule) == NULL;
}

int
ev_store_rules(struct ev_site_rule *rules, int *n, TimestampTz *ends)
{
	static EvStatement statement = {
		.sql = "SELECT id, stage, code, enhanced, provider, mx, pattern, reason, detail, there, "
			   "ends FROM email_verify._reply_rules($1)",
		.n_params = 1,
		.types = {INT4OID}};
	Datum values[1] = {Int32GetDatum(EV_SITE_RULES_MAX)};
	uint64 rows;

	ev_store_watch_site();
	rows = ev_spi_run(&statement, values);
	*n = 0;
	for (uint64 i = 0; i < rows && *n < EV_SITE_RULES_MAX; i++)
		if (read_rule(i, &rules[*n]))
			(*n)++;
	*ends = rows == 0 ? 0 : ev_spi_time(0, 11);
	return rows == 0 ? 0 : (int) Min(ev_spi_int64(0, 10), INT_MAX);
}
