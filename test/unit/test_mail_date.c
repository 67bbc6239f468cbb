/*
 * test_mail_date.c
 *	  Dates of mail in every form that has been seen, and what is none.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/mail_date.h"

static int64_t
date(const char *text)
{
	return ev_mail_date((struct ev_slice){text, strlen(text)});
}

static void
dates_are_read_in_every_form(void **state)
{
	static const struct
	{
		const char *text;
		long long seconds;
	} rows[] = {
		{"Tue, 24 Oct 2006 20:59:35 +0200 (CEST)", 1161716375},
		{"Tue, 24 Oct 2006 18:59:35 +0000", 1161716375},
		{"24 Oct 2006 18:59:35 GMT", 1161716375},
		{"24 Oct 06 18:59:35 UT", 1161716375},
		{"Tue, 24 Oct 2006 13:59:35 -0500", 1161716375},
		{"Tue, 24 Oct 2006 14:59:35 EDT", 1161716375},
		{" Tue,  24  Oct  2006  20:59:35  +0200\t", 1161716375},
		{"Tue, 24 Oct 2006 20:59 +0200", 1161716340},
		{"Tue Oct 24 20:59:35 2006 +0200", 1161716375},
		{"Tue Oct 24 18:59:35 UTC 2006", 1161716375},
		{"2006-10-24T20:59:35+02:00", 1161716375},
		{"2006-10-24T18:59:35.123Z", 1161716375},
		{"2006-10-24 20:59:35 +0200", 1161716375},
		{"Sat, 29 Feb 2020 00:00:00 +0000", 1582934400},
		{"Thu, 1 Jan 1970 00:00:00 +0000", 0},
		{"Thu, 1 Jan 1970 00:00:00 +0100", -3600},
		{"31 Dec 99 23:59:59 GMT", 946684799},
		{"Mon, 23 Nov 2026 07:26:21 +0530", 1795398981},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i].text, date(rows[i].text), rows[i].seconds);
}

/* Hours without a zone may be a day wrong; a day that does not exist is somebody's mistake. */
static void
what_is_no_date_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"yesterday",
		"Tue, 24 Oct 2006 20:59:35",
		"Tue, 24 Oct 2006 20:59:35 XYZ",
		"Tue, 24 Oct 2006 20:59:35 +9900",
		"Tue, 24 Oct 2006",
		"Tue, 31 Feb 2006 20:59:35 +0200",
		"Tue, 29 Feb 2006 20:59:35 +0200",
		"Tue, 24 Oct 2006 25:59:35 +0200",
		"Tue, 24 Oct 2006 20:61:35 +0200",
		"Tue, 0 Oct 2006 20:59:35 +0200",
		"24 24 24 24 24",
		"+0200",
		"20:59:35 +0200",
		"2006-13-24T18:59:35Z",
		"Tue, 24 Oct 99999999 20:59:35 +0200",
		"\xff\xfe 24 Oct 2006 20:59:35 +0200",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
		CHECK_INT(texts[i], date(texts[i]) == EV_MAIL_DATE_NONE, 1);
}

/* Room of the very size, so that ASan sees a read behind it. */
static void
no_cut_of_a_date_is_read_past_its_end(void **state)
{
	static const char *const texts[] = {"Tue, 24 Oct 2006 20:59:35 +0200 (CEST)",
	                                    "2006-10-24T18:59:35.123+02:00",
	                                    "Tue Oct 24 18:59:35 UTC 2006"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
		for (size_t n = 0; n <= strlen(texts[i]); n++)
		{
			char *copy = malloc(n + (n == 0));

			memcpy(copy, texts[i], n);
			ev_mail_date((struct ev_slice){copy, n});
			free(copy);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read_in_every_form),
		cmocka_unit_test(what_is_no_date_is_none),
		cmocka_unit_test(no_cut_of_a_date_is_read_past_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
