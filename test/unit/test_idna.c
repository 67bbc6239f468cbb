/*
 * test_idna.c
 *	  Internationalised domains and local parts.
 */
#include "unit.h"

#include "engine/idna.h"

static void
valid_names_become_lower_case_a_labels(void **state)
{
	static const char *const rows[][2] = {
		{"b\xc3\xbc"
	     "cher.de",
	     "xn--bcher-kva.de"},
		{"B\xc3\x9c"
	     "CHER.DE",
	     "xn--bcher-kva.de"},
		/* non-transitional: sharp s is kept */
		{"stra\xc3\x9f"
	     "e.de",
	     "xn--strae-oqa.de"},
		/* decomposed u with diaeresis */
		{"bu\xcc\x88"
	     "cher.de",
	     "xn--bcher-kva.de"},
		/* full-width letters and ideographic full stop */
		{"\xef\xbd\x83\xef\xbd\x8f\xef\xbd\x8d.jp", "com.jp"},
		{"\xe4\xbe\x8b\xe3\x80\x82jp", "xn--fsq.jp"},
		{"XN--BCHER-KVA.de", "xn--bcher-kva.de"},
		{"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
	     "xn--e1afmkfd.xn--p1ai"},
		{"example.com", "example.com"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[254];

		CHECK_INT(rows[i][1], ev_idna_to_ascii(rows[i][0], strlen(rows[i][0]), out, sizeof(out)),
		          strlen(rows[i][1]));
		CHECK_STR(rows[i][1], out, rows[i][1]);
	}
}

static void
invalid_names_have_no_ascii_form(void **state)
{
	static const struct
	{
		const char *name;
		size_t n;
	} rows[] = {
		{"", 0},
		{"xn--a.de", 8},                 /* punycode of nothing sensible */
		{"xn--bcher-kva8445foa.de", 23}, /* decodes, does not round-trip */
		{"xn--.de", 7},
		{"a\0b.de", 6},
		{"\xe2\x84\x80.de", 6}, /* maps to "a/c" */
		{"\xe2\x84\x80"
	     "corp.de",
	     10}, /* and must not become another name by losing it */
		{"a_b\xc3\xbc.de", 8},
		{"a/b\xc3\xbc.de", 8},
		{"a\xef\xbc\x8f"
	     "b.de",
	     8},
		{"\xef\xbc\x8e"
	     "b.de",
	     7},
		{"\xff.de", 4}, /* no UTF-8 */
		{"a\xe2\x80\x8b"
	     "b.de",
	     8}, /* zero width space is dropped or refused, never kept */
		{"\xcc\x88"
	     "a.de",
	     6},                    /* starts with a combining mark */
		{"\xee\x80\x80.de", 6}, /* private use */
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[254] = "";
		size_t len = ev_idna_to_ascii(rows[i].name, rows[i].n, out, sizeof(out));

		if (len != 0 && strcmp(out, "ab.de") != 0)
			fail_msg("%s: got \"%s\"", rows[i].name, out);
	}
}

static void
a_name_that_does_not_fit_is_refused(void **state)
{
	char name[2000];
	char out[254];

	(void) state;
	for (size_t i = 0; i + 2 < sizeof(name); i += 3)
		memcpy(name + i, "\xc3\xbc.", 3);
	for (size_t n = 2; n < sizeof(name) - 3; n += 3)
	{
		size_t len = ev_idna_to_ascii(name, n, out, sizeof(out));

		assert_true(len < sizeof(out));
		if (len > 0)
			assert_int_equal(strlen(out), len);
	}
	assert_int_equal(ev_idna_to_ascii("b\xc3\xbc"
	                                  "cher.de",
	                                  10, out, 16),
	                 0);
	assert_int_equal(ev_idna_to_ascii("b\xc3\xbc"
	                                  "cher.de",
	                                  10, out, 17),
	                 16);
}

static void
invisible_and_ambiguous_text_is_no_local_part(void **state)
{
	static const struct
	{
		const char *text;
		enum ev_detail fault;
	} rows[] = {
		{"", EV_DETAIL_NONE},
		{"plain", EV_DETAIL_NONE},
		{"j\xc3\xb6rg", EV_DETAIL_NONE},
		{"\xe7\x94\xa8\xe6\x88\xb7", EV_DETAIL_NONE},
		{"\xd8\xb9\xd8\xb1\xd8\xa8\xd9\x8a", EV_DETAIL_NONE},
		{"jo\xcc\x88rg", EV_DETAIL_NOT_NFC}, /* not normalised */
		{"a\xe2\x80\x8b"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* zero width space */
		{"a\xe2\x80\x8d"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* zero width joiner */
		{"a\xe2\x80\xae"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* right-to-left override */
		{"a\xc2\xad"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* soft hyphen */
		{"a\xc2\xa0"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* no-break space */
		{"a\xe3\x80\x80"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* ideographic space */
		{"a\xc2\x85"
	     "b",
	     EV_DETAIL_DISALLOWED_CHARACTER}, /* next line */
		{"\xef\xbb\xbf"
	     "a",
	     EV_DETAIL_DISALLOWED_CHARACTER},                     /* byte order mark */
		{"\xee\x80\x80", EV_DETAIL_DISALLOWED_CHARACTER},     /* private use */
		{"\xef\xbf\xbf", EV_DETAIL_DISALLOWED_CHARACTER},     /* not a character */
		{"\xf3\xa0\x81\x81", EV_DETAIL_DISALLOWED_CHARACTER}, /* tag */
		{"\xcd\xb8", EV_DETAIL_DISALLOWED_CHARACTER},         /* unassigned */
		{"\xff", EV_DETAIL_INVALID_ENCODING},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		size_t at = 0;

		CHECK_INT(rows[i].text, ev_unicode_text_fault(rows[i].text, strlen(rows[i].text), &at),
		          rows[i].fault);
		assert_true(at <= strlen(rows[i].text));
	}
}

/* Sinhala, Persian and Hindi cannot be written without them. */
static void
joiners_stand_where_scripts_need_them(void **state)
{
	static const struct
	{
		const char *text;
		bool ok;
	} rows[] = {
		{"\xe0\xb7\x81\xe0\xb7\x8a\xe2\x80\x8d\xe0\xb6\xbb\xe0\xb7\x93", true}, /* Sinhala "sri" */
		{"\xe0\xb6\xbb\xe0\xb7\x8a\xe2\x80\x8d\xe0\xb6\xbb", true},             /* virama, ZWJ */
		{"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8c\xe0\xa4\xb7", true},             /* virama, ZWNJ */
		{"\xd9\x86\xd8\xa7\xd9\x85\xd9\x87\xe2\x80\x8c\xd8\xa7\xdb\x8c", true}, /* Persian */
		{"\xd8\xa7\xe2\x80\x8c\xd8\xa7", false}, /* alef joins nothing behind it */
		{"\xd9\x86\xe2\x80\x8c", false},
		{"\xe2\x80\x8c\xd9\x86", false},
		{"\xd9\x86\xe2\x80\x8d\xd9\x86", false}, /* ZWJ between letters */
		{"a\xe2\x80\x8c"
	     "b",
	     false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		size_t at = 0;

		CHECK_INT(rows[i].text,
		          ev_unicode_text_fault(rows[i].text, strlen(rows[i].text), &at) == EV_DETAIL_NONE,
		          rows[i].ok);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_names_become_lower_case_a_labels),
		cmocka_unit_test(invalid_names_have_no_ascii_form),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused),
		cmocka_unit_test(invisible_and_ambiguous_text_is_no_local_part),
		cmocka_unit_test(joiners_stand_where_scripts_need_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
