/*
 * test_provider.c
 *	  Whose server is it?  On label boundaries, by the longest suffix.
 */
#include "unit.h"

#include "engine/provider.h"

static const char *
label_of(const char *host)
{
	return ev_provider_info(ev_provider_of_host(host, strlen(host)))->label;
}

static void
known_hosts_belong_to_their_family(void **state)
{
	static const char *const rows[][2] = {
		{"gmail-smtp-in.l.google.com", "google"},
		{"ALT1.ASPMX.L.GOOGLE.COM.", "google"},
		{"aspmx3.googlemail.com", "google"},
		{"corp-com.mail.protection.outlook.com", "microsoft_365"},
		{"corp-com.o-v1.mx.microsoft", "microsoft_365"},
		{"outlook-com.olc.protection.outlook.com", "microsoft_consumer"},
		{"mx1.hotmail.com", "microsoft_consumer"},
		{"mta5.am0.yahoodns.net", "yahoo"},
		{"mx-att.mail.am0.yahoodns.net", "yahoo"},
		{"mx01.mail.icloud.com", "apple"},
		{"eu-smtp-inbound-1.mimecast.com", "mimecast"},
		{"mxa-00000000.gslb.pphosted.com", "proofpoint"},
		{"mx1-us1.ppe-hosted.com", "proofpoint"},
		{"d1a.ess.barracudanetworks.com", "barracuda"},
		{"mx1.hc1.iphmx.com", "cisco"},
		{"corp.in.tmes.trendmicro.eu", "trend_micro"},
		{"mailsec.protonmail.ch", "proton"},
		{"mail.tutanota.de", "tuta"},
		{"smtp-in.orange.fr", "orange"},
		{"route1.mx.cloudflare.net", "cloudflare"},
		{"inbound-smtp.eu-west-1.amazonaws.com", "amazon_ses"},
		{"ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", "other"},
		{"mx1.improvmx.com", "improvmx"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_STR(rows[i][0], label_of(rows[i][0]), rows[i][1]);
}

static void
a_suffix_counts_only_at_a_label_boundary(void **state)
{
	static const char *const rows[] = {
		"notgoogle.com",
		"mx.evil-mimecast.com",
		"google.com.evil.example",
		"",
		".",
		"com",
		"mx.corp.com",
		"xyahoodns.net",
		"mimecast.co",
		"protection.com",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_STR(rows[i], label_of(rows[i]), "other");
}

static void
every_family_has_a_label_of_its_own(void **state)
{
	(void) state;
	assert_string_equal(ev_provider_info(EV_PROVIDER_OTHER)->label, "other");
	for (int i = 0; i < EV_N_PROVIDER; i++)
	{
		const char *label = ev_provider_info((enum ev_provider) i)->label;

		assert_non_null(label);
		for (int k = i + 1; k < EV_N_PROVIDER; k++)
			assert_string_not_equal(label, ev_provider_info((enum ev_provider) k)->label);
	}
}

/* A suffix in capitals, with a dot before it or listed twice would never match or never be seen. */
static void
every_suffix_finds_its_own_family(void **state)
{
	enum family
	{
#define EV_PROVIDER(id, label, kind, trust_accept, trust_reject, needs_control, one_rcpt)          \
	FAMILY_##id = EV_PROVIDER_##id,
#include "engine/provider.def"
	};
	static const struct
	{
		const char *suffix;
		int provider;
	} rows[] = {
#define EV_MX_SUFFIX(suffix, provider) {(suffix), FAMILY_##provider},
#include "engine/provider.def"
	};

	(void) state;
	assert_true(N_ROWS(rows) > 200);
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char host[300];

		CHECK_INT(rows[i].suffix, ev_provider_of_host(rows[i].suffix, strlen(rows[i].suffix)),
		          rows[i].provider);
		snprintf(host, sizeof(host), "MX-1.%s.", rows[i].suffix);
		CHECK_INT(host, ev_provider_of_host(host, strlen(host)), rows[i].provider);
		for (size_t k = i + 1; k < N_ROWS(rows); k++)
			assert_string_not_equal(rows[i].suffix, rows[k].suffix);
	}
}

static void
providers_whose_word_means_nothing_are_not_believed(void **state)
{
	(void) state;
	assert_false(ev_provider_info(EV_PROVIDER_YAHOO)->trust_accept);
	assert_true(ev_provider_info(EV_PROVIDER_YAHOO)->trust_reject);
	assert_false(ev_provider_info(EV_PROVIDER_APPLE)->trust_accept);
	assert_false(ev_provider_info(EV_PROVIDER_PROTON)->trust_accept);
	assert_false(ev_provider_info(EV_PROVIDER_MICROSOFT_CONSUMER)->trust_accept);
	assert_true(ev_provider_info(EV_PROVIDER_MICROSOFT_CONSUMER)->needs_control);
	assert_true(ev_provider_info(EV_PROVIDER_MICROSOFT_365)->one_rcpt);
	assert_true(ev_provider_info(EV_PROVIDER_GOOGLE)->trust_accept);
	assert_int_equal(ev_provider_info(EV_PROVIDER_MIMECAST)->kind, EV_PROVIDER_GATEWAY);
	assert_int_equal(ev_provider_info(EV_PROVIDER_NAVER)->kind, EV_PROVIDER_ACCEPT_ALL);
	assert_int_equal(ev_provider_info(EV_PROVIDER_PARKING)->kind, EV_PROVIDER_PARKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hosts_belong_to_their_family),
		cmocka_unit_test(a_suffix_counts_only_at_a_label_boundary),
		cmocka_unit_test(every_family_has_a_label_of_its_own),
		cmocka_unit_test(every_suffix_finds_its_own_family),
		cmocka_unit_test(providers_whose_word_means_nothing_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
