/*
 * test_spf.c
 *	  A domain must not be called mail-less because of an SPF record that says something else.
 */
#include "unit.h"

#include "engine/spf.h"

struct row
{
	const char *txt;
	enum ev_spf want;
	const char *target;
};

static void
check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		char target[EV_DOMAIN_MAX + 1];

		CHECK_INT(rows[i].txt, ev_spf_parse(rows[i].txt, strlen(rows[i].txt), target),
		          rows[i].want);
		CHECK_STR(rows[i].txt, target, rows[i].target ? rows[i].target : "");
	}
}

static void
other_txt_records_are_no_spf(void **state)
{
	static const struct row rows[] = {
		{"", EV_SPF_NONE, NULL},
		{"v=spf", EV_SPF_NONE, NULL},
		{"v=spf10 -all", EV_SPF_NONE, NULL},
		{"v=spf1-all", EV_SPF_NONE, NULL},
		{" v=spf1 -all", EV_SPF_NONE, NULL},
		{"spf2.0/pra -all", EV_SPF_NONE, NULL},
		{"google-site-verification=x", EV_SPF_NONE, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
only_a_lone_minus_all_authorises_nobody(void **state)
{
	static const struct row rows[] = {
		{"v=spf1 -all", EV_SPF_NOBODY, NULL},
		{"V=SPF1  -ALL ", EV_SPF_NOBODY, NULL},
		{"v=spf1 -all exp=why.example.com", EV_SPF_NOBODY, NULL},
		{"v=spf1 redirect=x.example -all", EV_SPF_NOBODY, NULL},
		{"v=spf1 mx -all", EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 -mx -all", EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 -all mx", EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 ~all", EV_SPF_OTHER, NULL},
		{"v=spf1 ?all", EV_SPF_OTHER, NULL},
		{"v=spf1 +all", EV_SPF_OTHER, NULL},
		{"v=spf1 all", EV_SPF_OTHER, NULL},
		{"v=spf1", EV_SPF_OTHER, NULL},
		{"v=spf1 a mx", EV_SPF_OTHER, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
a_redirect_is_followed_only_when_nothing_else_counts(void **state)
{
	static const struct row rows[] = {
		{"v=spf1 redirect=_spf.Example.COM.", EV_SPF_REDIRECT, "_spf.example.com"},
		{"v=spf1 redirect=x.example unknown=thing", EV_SPF_REDIRECT, "x.example"},
		{"v=spf1 a redirect=x.example", EV_SPF_OTHER, NULL},
		{"v=spf1 ~all redirect=x.example", EV_SPF_OTHER, NULL},
		{"v=spf1 redirect=%{d}.example", EV_SPF_OTHER, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
malformed_records_authorise_and_forbid_nothing(void **state)
{
	static const struct row rows[] = {
		{"v=spf1 -all redirect=", EV_SPF_INVALID, NULL},
		{"v=spf1 redirect=a.example redirect=b.example", EV_SPF_INVALID, NULL},
		{"v=spf1 exp=a.b exp=a.b -all", EV_SPF_INVALID, NULL},
		{"v=spf1 include -all", EV_SPF_INVALID, NULL},
		{"v=spf1 include: -all", EV_SPF_INVALID, NULL},
		{"v=spf1 ipv4:192.0.2.1 -all", EV_SPF_INVALID, NULL},
		{"v=spf1 ip4:foo -all", EV_SPF_INVALID, NULL},
		{"v=spf1 ip4:1.2.3.4/ -all", EV_SPF_INVALID, NULL},
		{"v=spf1 -all:x", EV_SPF_INVALID, NULL},
		{"v=spf1 -", EV_SPF_INVALID, NULL},
		{"v=spf1 \x01 -all", EV_SPF_INVALID, NULL},
		{"v=spf1 a:%x -all", EV_SPF_INVALID, NULL},
		{"v=spf1 a:%{ -all", EV_SPF_INVALID, NULL},
		{"v=spf1 mx -all\n", EV_SPF_INVALID, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
every_mechanism_of_the_rfc_is_known(void **state)
{
	static const struct row rows[] = {
		{"v=spf1 a a:x.example a/24 a//64 a/24//64 a:x.example/24//64 -all", EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 mx:x.example/8 ptr ptr:x.example exists:%{ir}.%{v}._spf.x.example -all",
	     EV_SPF_FAIL_ALL, NULL},
		{"v=spf1 ip6:::1 ip6:2001:db8::/32 ip4:192.0.2.1 ?include:x.example ~all", EV_SPF_OTHER,
	     NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
a_redirect_to_an_endless_name_is_not_copied(void **state)
{
	char txt[600] = "v=spf1 redirect=";
	char target[EV_DOMAIN_MAX + 1];

	(void) state;
	memset(txt + 16, 'a', 500);
	assert_int_equal(ev_spf_parse(txt, 516, target), EV_SPF_OTHER);
	assert_string_equal(target, "");
	assert_int_equal(ev_spf_parse(txt, 16 + 253, target), EV_SPF_REDIRECT);
	assert_int_equal(strlen(target), 253);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_txt_records_are_no_spf),
		cmocka_unit_test(only_a_lone_minus_all_authorises_nobody),
		cmocka_unit_test(a_redirect_is_followed_only_when_nothing_else_counts),
		cmocka_unit_test(malformed_records_authorise_and_forbid_nothing),
		cmocka_unit_test(every_mechanism_of_the_rfc_is_known),
		cmocka_unit_test(a_redirect_to_an_endless_name_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
