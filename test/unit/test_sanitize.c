/*
 * test_sanitize.c
 *	  Peer text must be harmless to terminals, encodings and log files.
 */
#include "unit.h"

#include "engine/sanitize.h"

static void
bytes_that_are_not_printable_ascii_are_escaped(void **state)
{
	static const struct
	{
		const char *text;
		size_t n;
		const char *want;
	} rows[] = {
		{"", 0, ""},
		{"550 User unknown", 16, "550 User unknown"},
		{"a\0b", 3, "a\\x00b"},
		{"\x1b[31mred", 8, "\\x1b[31mred"},
		{"\x7f\x80\xff", 3, "\\x7f\\x80\\xff"},
		{"caf\xc3\xa9", 5, "caf\\xc3\\xa9"},
		{"C:\\x41", 6, "C:\\\\x41"},
		{"one\r\ntwo\n\n\tthree", 16, "one two three"},
		{"\r\n", 2, " "},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[128];

		CHECK_INT(rows[i].want, ev_sanitize(rows[i].text, rows[i].n, out, sizeof(out)),
		          strlen(rows[i].want));
		CHECK_STR(rows[i].want, out, rows[i].want);
	}
}

static void
long_text_is_cut_with_an_ellipsis_and_never_inside_an_escape(void **state)
{
	char text[64];

	(void) state;
	memset(text, 0xff, sizeof(text));
	for (size_t size = 8; size < 300; size++)
	{
		char out[300];
		size_t len = ev_sanitize(text, sizeof(text), out, size);

		assert_true(len < size);
		assert_int_equal(strlen(out), len);
		if (len == 4 * sizeof(text))
			continue;
		assert_string_equal(out + len - 3, "...");
		assert_int_equal((len - 3) % 4, 0);
	}
}

static void
text_that_just_fits_is_not_cut(void **state)
{
	char out[11];

	(void) state;
	assert_int_equal(ev_sanitize("0123456789", 10, out, sizeof(out)), 10);
	assert_string_equal(out, "0123456789");
	assert_int_equal(ev_sanitize("0123456789a", 11, out, sizeof(out)), 10);
	assert_string_equal(out, "0123456...");
}

static void
what_was_escaped_is_there_again(void **state)
{
	static const struct
	{
		const char *stored;
		const char *want;
	} rows[] = {
		{"", ""},
		{"550 User unknown", "550 User unknown"},
		{"caf\\xc3\\xa9", "caf\xc3\xa9"},
		{"C:\\\\x41", "C:\\x41"},
		{"a\\x00b", "a?b"},
		{"\\", "\\"},
		{"\\x4", "\\x4"},
		{"\\xZZ", "\\xZZ"},
	};
	char out[128];

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		CHECK_INT(rows[i].stored,
		          ev_sanitize_undo(rows[i].stored, strlen(rows[i].stored), out, sizeof(out)),
		          strlen(rows[i].want));
		CHECK_STR(rows[i].stored, out, rows[i].want);
	}
	assert_int_equal(ev_sanitize_undo("abcdef", 6, out, 4), 3);
	assert_string_equal(out, "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_are_not_printable_ascii_are_escaped),
		cmocka_unit_test(long_text_is_cut_with_an_ellipsis_and_never_inside_an_escape),
		cmocka_unit_test(text_that_just_fits_is_not_cut),
		cmocka_unit_test(what_was_escaped_is_there_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
