/*
 * store_learn.c
 *	  The store by SPI: what was learned of domains and hosts, and what the site says of them.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "engine/opt_out.h"
#include "engine/spf.h"
#include "pg/shared/enums.h"
#include "pg/worker/columns.h"
#include "pg/worker/store_spi.h"

static const char *
spf_label(uint8_t spf)
{
	switch ((enum ev_spf) spf)
	{
		case EV_SPF_NOBODY: return "nobody";
		case EV_SPF_FAIL_ALL: return "fail_all";
		case EV_SPF_OTHER: return "other";
		case EV_SPF_REDIRECT: return "redirect";
		case EV_SPF_INVALID: return "invalid";
		case EV_SPF_NONE: break;
	}
	return NULL;
}

void
ev_store_learn_domains(const struct ev_domain_fact *facts, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._learn_domains($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		.n_params = 9,
		.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, TEXTARRAYOID,
	              BOOLARRAYOID, TEXTARRAYOID, INT8ARRAYOID, INT4ARRAYOID}};
	EvColumn c[9] = {ev_column(TEXTOID, n), ev_column(TEXTOID, n), ev_column(TEXTOID, n),
	                 ev_column(BOOLOID, n), ev_column(TEXTOID, n), ev_column(BOOLOID, n),
	                 ev_column(TEXTOID, n), ev_column(INT8OID, n), ev_column(INT4OID, n)};
	Datum values[9];

	for (int i = 0; i < n; i++)
	{
		const struct ev_domain_fact *f = &facts[i];
		struct ev_verdict verdict = ev_enums_fit(ev_verdict_of(f->reason, f->detail));
		StringInfoData hosts;

		initStringInfo(&hosts);
		for (int h = 0; h < f->n_hosts; h++)
			appendStringInfo(&hosts, "%s%s", h > 0 ? " " : "", f->hosts[h]);
		ev_column_set_text(&c[0], i, f->domain);
		if (f->reason != EV_REASON_PENDING)
			ev_column_set_text(&c[1], i, ev_reason_info(verdict.reason)->label);
		ev_column_set_text(&c[2], i, ev_detail_info(verdict.detail)->label);
		ev_column_set(&c[3], i, BoolGetDatum(f->implicit_mx));
		ev_column_set_text(&c[4], i, spf_label(f->spf));
		if (f->opt_out != EV_OPT_OUT_UNASKED)
			ev_column_set(&c[5], i, BoolGetDatum(f->opt_out == EV_OPT_OUT_YES));
		ev_column_set_text(&c[6], i, hosts.data);
		if (f->mx_fingerprint != 0)
			ev_column_set(&c[7], i, Int64GetDatum((int64) f->mx_fingerprint));
		ev_column_set(&c[8], i, Int32GetDatum((int32) Min(f->ttl, (uint32_t) SECS_PER_DAY)));
	}
	for (int i = 0; i < 9; i++)
		values[i] = ev_column_array(&c[i]);
	(void) ev_spi_run(&statement, values);
}

void
ev_store_learn_hosts(const struct ev_host_fact *facts, int n)
{
	static EvStatement statement = {
		.sql = "SELECT email_verify._learn_hosts($1, $2, $3, $4, $5, $6, $7)",
		.n_params = 7,
		.types = {TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TEXTARRAYOID,
	              INT8ARRAYOID, INT4ARRAYOID}};
	EvColumn c[7] = {ev_column(TEXTOID, n), ev_column(TEXTOID, n), ev_column(BOOLOID, n),
	                 ev_column(BOOLOID, n), ev_column(TEXTOID, n), ev_column(INT8OID, n),
	                 ev_column(INT4OID, n)};
	Datum values[7];

	for (int i = 0; i < n; i++)
	{
		const struct ev_host_fact *f = &facts[i];
		bool ended = f->random == EV_RANDOM_ACCEPTED || f->random == EV_RANDOM_REFUSED;

		ev_column_set_text(&c[0], i, f->domain);
		ev_column_set_text(&c[1], i, f->host);
		if (ended)
			ev_column_set(&c[2], i, BoolGetDatum(f->random == EV_RANDOM_ACCEPTED));
		ev_column_set(&c[3], i, BoolGetDatum(f->accepted));
		if (!ended)
			ev_column_set_text(&c[4], i, f->random_local);
		if (f->random_words != 0)
			ev_column_set(&c[5], i, Int64GetDatum((int64) f->random_words));
		if (f->limit > 0)
			ev_column_set(&c[6], i, Int32GetDatum(f->limit));
	}
	for (int i = 0; i < 7; i++)
		values[i] = ev_column_array(&c[i]);
	(void) ev_spi_run(&statement, values);
}

static enum ev_said
said_field(uint64 row, int column)
{
	bool null;
	Datum value = ev_spi_field(row, column, &null);

	return null ? EV_SAID_NOTHING : DatumGetBool(value) ? EV_SAID_YES : EV_SAID_NO;
}

static uint16
count_field(uint64 row, int column)
{
	bool null;
	Datum value = ev_spi_field(row, column, &null);

	return null ? 0 : (uint16) Min(DatumGetInt32(value), UINT16_MAX);
}

static bool policies_changed = true;
static Oid policies_table = InvalidOid;
static Oid rules_table = InvalidOid;

static void
note_change(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == policies_table || relation == rules_table)
		policies_changed = true;
}

void
ev_store_watch_site(void)
{
	static bool watching = false;
	Oid namespace = get_namespace_oid("email_verify", false);

	policies_table = get_relname_relid("mx_policy", namespace);
	rules_table = get_relname_relid("reply_rule", namespace);
	if (!watching)
		CacheRegisterRelcacheCallback(note_change, (Datum) 0);
	watching = true;
}

bool
ev_store_policies_changed(void)
{
	bool changed = policies_changed;

	policies_changed = false;
	return changed;
}

int
ev_store_policies(struct ev_mx_policy *policies, int n)
{
	static EvStatement statement = {
		.sql = "SELECT mx, probe, trap, trust_accept, trust_reject, needs_control, "
			   "catch_all_test, rcpt_per_transaction, rcpt_per_session, there FROM "
			   "email_verify._policies($1)",
		.n_params = 1,
		.types = {INT4OID}};
	Datum values[1] = {Int32GetDatum(n)};
	uint64 rows;

	ev_store_watch_site();
	rows = ev_spi_run(&statement, values);
	for (uint64 i = 0; i < rows; i++)
	{
		struct ev_mx_policy *policy = &policies[i];

		(void) ev_spi_text(i, 1, policy->suffix, sizeof(policy->suffix));
		policy->probe = said_field(i, 2);
		policy->trap = said_field(i, 3);
		policy->trust_accept = said_field(i, 4);
		policy->trust_reject = said_field(i, 5);
		policy->needs_control = said_field(i, 6);
		policy->catch_all_test = said_field(i, 7);
		policy->rcpt_per_transaction = count_field(i, 8);
		policy->rcpt_per_session = count_field(i, 9);
	}
	return rows == 0 ? 0 : (int) Min(ev_spi_int64(0, 10), INT_MAX);
}
