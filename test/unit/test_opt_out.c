/*
 * test_opt_out.c
 *	  Who asks not to be probed is heard, however he spells it; nobody else is taken for him.
 */
#include "unit.h"

#include "engine/opt_out.h"

static void
a_domain_that_opts_out_is_heard(void **state)
{
	static const char *const rows[] = {
		"probe=none",
		"PROBE=None",
		" probe = none ",
		"probe=none;",
		";;probe=none",
		"contact=postmaster@acme.com; probe=none",
		"probe=none; since=2026",
		"probe=later;probe=none",
		"\tprobe\t=\tnone\t",
		"=;a=b=c;probe=none",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i], ev_opt_out_parse(rows[i], strlen(rows[i])), true);
}

/* Or a wildcard record would silence its domain. */
static void
other_records_say_nothing(void **state)
{
	static const char *const rows[] = {
		"",
		"probe",
		"probe=",
		"=none",
		"probe=all",
		"probe=nonesuch",
		"probe=non",
		"noprobe=none",
		"probes=none",
		"probe==none",
		"probe=none=1",
		"probe=no ne",
		"pro be=none",
		"probe none",
		"probe:none",
		"v=spf1 -all",
		"probe=all none",
		"comment=probe=none",
		"probe=\"none\"",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i], ev_opt_out_parse(rows[i], strlen(rows[i])), false);
	assert_false(ev_opt_out_parse("probe=none\0", 11));
	assert_false(ev_opt_out_parse("probe=none", 9));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_that_opts_out_is_heard),
		cmocka_unit_test(other_records_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
