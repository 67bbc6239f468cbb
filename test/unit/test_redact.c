/*
 * test_redact.c
 *	  Whose mailbox a dialogue was about must not get into a log.
 */
#include "unit.h"

#include "engine/redact.h"

static const char *const locals[] = {"ann.lee", "O'Brien", "x", "john doe", "j\xc3\xb6rg"};

static void
local_parts_are_cut_short_wherever_they_stand(void **state)
{
	static const struct
	{
		const char *text;
		const char *want;
	} rows[] = {
		{"", ""},
		{"250 2.1.0 Ok", "250 2.1.0 Ok"},
		{"RCPT TO:<ann.lee@acme.com>", "RCPT TO:<a***@acme.com>"},
		{"RCPT TO:<x@acme.com>", "RCPT TO:<x***@acme.com>"},
		{"RCPT TO:<\"john doe\"@acme.com>", "RCPT TO:<***@acme.com>"},
		{"RCPT TO:<\"a\\\"b@c\"@acme.com>", "RCPT TO:<***@acme.com>"},
		{"MAIL FROM:<verify@acme.com> SMTPUTF8", "MAIL FROM:<v***@acme.com> SMTPUTF8"},
		{"RCPT TO:<j\xc3\xb6rg@acme.com>", "RCPT TO:<j***@acme.com>"},
		{"RCPT TO:<\xc3\xb6rg@acme.com>", "RCPT TO:<***@acme.com>"},
		{"550 <somebody-else+tag@other.org>: unknown", "550 <s***@other.org>: unknown"},
		{"550 bounces+ann.lee=acme.com@list.org", "550 b***@list.org"},

		/* without the domain, in any case, but as a word */
		{"550 No such user: ANN.Lee", "550 No such user: A***"},
		{"550 ann.lee: unknown", "550 a***: unknown"},
		{"550 user=ann.lee;", "550 user=a***;"},
		{"550 http://acme.com/?u=ann.lee%40acme.com", "550 http://acme.com/?u=a***%40acme.com"},
		{"550 'o'brien' 'john doe'", "550 'o***' 'j***'"},
		{"550 joann.lee ann.leery", "550 joann.lee ann.leery"},
		{"250 x is no word to look for", "250 x is no word to look for"},

		/* no local part at all */
		{"<@acme.com:ann.lee@acme.com>", "<@acme.com:a***@acme.com>"},
		{"a@b@c", "a***@b***@c"},
		{"@ @@", "@ @@"},
		{"\"open", "\"open"},
		{"\"a\" b", "\"a\" b"},
		{"\"\"@acme.com", "***@acme.com"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[128];
		size_t n =
			ev_redact(rows[i].text, strlen(rows[i].text), locals, N_ROWS(locals), out, sizeof(out));

		CHECK_STR(rows[i].text, out, rows[i].want);
		CHECK_INT(rows[i].text, n, strlen(rows[i].want));
	}
}

static void
what_does_not_fit_is_left_out(void **state)
{
	static const char text[] = "RCPT TO:<ann.lee@acme.com>";

	(void) state;
	for (size_t size = 1; size < sizeof(text) + 8; size++)
	{
		char out[64];
		size_t n;

		memset(out, '#', sizeof(out));
		n = ev_redact(text, strlen(text), NULL, 0, out, size);
		CHECK_INT("length", n < size, 1);
		CHECK_INT("end", out[n], '\0');
		CHECK_INT("behind the end", out[size], '#');
		CHECK_INT("prefix", strncmp(out, "RCPT TO:<a***@acme.com>", n), 0);
	}
}

static void
any_bytes_are_safe(void **state)
{
	char text[64];
	char out[4 * sizeof(text) + 1];
	uint32_t x = 2463534242u;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		size_t n = round % (sizeof(text) + 1);
		char *at;

		for (size_t i = 0; i < n; i++)
		{
			x ^= x << 13, x ^= x >> 17, x ^= x << 5;
			text[i] = x & 1 ? "@\"\\<> a.\xc3"[(x >> 8) % 9] : (char) (x >> 16);
		}
		ev_redact(text, n, locals, N_ROWS(locals), out, sizeof(out));

		/* nothing that could be a local part but its first character is left before an '@' */
		for (at = strchr(out, '@'); at != NULL; at = strchr(at + 1, '@'))
			if (at - out >= 2 && at[-1] >= 'a' && at[-1] <= 'z')
				fail_msg("\"%s\"", out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(local_parts_are_cut_short_wherever_they_stand),
		cmocka_unit_test(what_does_not_fit_is_left_out),
		cmocka_unit_test(any_bytes_are_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
