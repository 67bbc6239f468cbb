/*
 * test_suggest.c
 *	  Slips of the hand are repaired, and nothing that is right is touched.
 */
#include "unit.h"

#include "engine/suggest.h"

static enum ev_suggestion
suggest(const char *text, char *out)
{
	struct ev_address address;
	enum ev_suggestion sure = ev_suggest_address(text, strlen(text), &address);

	out[0] = '\0';
	if (sure != EV_SUGGEST_NOTHING)
		(void) ev_address_key(&address, out);
	return sure;
}

static void
slips_are_repaired(void **state)
{
	static const struct
	{
		const char *typed, *meant;
	} rows[] = {
		{"bob@gmail..com", "bob@gmail.com"},
		{"bob@gmail,com", "bob@gmail.com"},
		{"bob@gmail;com", "bob@gmail.com"},
		{"bob@.gmail.com", "bob@gmail.com"},
		{"bob@gmail", "bob@gmail.com"},
		{"bob@Yahoo", "bob@yahoo.com"},
		{"bob@gmailcom", "bob@gmail.com"},
		{"bob@gmail.con", "bob@gmail.com"},
		{"bob@acme-corp.con", "bob@acme-corp.com"},
		{"bob@acme-corp.cmo", "bob@acme-corp.com"},
		{"bob@acme-corp.ogr", "bob@acme-corp.org"},
		{"bob@acme-corp.co.uk.", "bob@acme-corp.co.uk"},
		{" bob@gmail.com", "bob@gmail.com"},
		{"bob@gmail.com \n", "bob@gmail.com"},
		{"bob @ gmail.com", "bob@gmail.com"},
		{"bob@gmail .com", "bob@gmail.com"},
		{"bob@ gmail. com", "bob@gmail.com"},
		{"mailto:bob@acme-corp.com", "bob@acme-corp.com"},
		{"MAILTO:bob@acme-corp.com?subject=hi@you", "bob@acme-corp.com"},
		{"<bob@acme-corp.com>", "bob@acme-corp.com"},
		{"Bob Bee <bob@acme-corp.com>", "bob@acme-corp.com"},
		{"\"Bee, Bob\" <bob@acme-corp.com>,", "bob@acme-corp.com"},
		{"(bob@acme-corp.com)", "bob@acme-corp.com"},
		{"\"bob@acme-corp.com\"", "bob@acme-corp.com"},
		{"'bob@acme-corp.com',", "bob@acme-corp.com"},
		{"bob@acme-corp.com.", "bob@acme-corp.com"},
		{"bob@acme-corp.com,", "bob@acme-corp.com"},
		{"bob@acme-corp.com;", "bob@acme-corp.com"},
		{"bob.@acme-corp.com", "bob@acme-corp.com"},
		{".bob@acme-corp.com", "bob@acme-corp.com"},
		{"bob..bee@acme-corp.com", "bob.bee@acme-corp.com"},
		{"bob@@acme-corp.com", "bob@acme-corp.com"},
		{"bob(at)acme-corp.com", "bob@acme-corp.com"},
		{"bob [at] acme-corp [dot] com", "bob@acme-corp.com"},
		{"bob at acme-corp.com", "bob@acme-corp.com"},
		{"bob\xef\xbc\xa0"
	     "acme-corp.com",
	     "bob@acme-corp.com"},
		{"E-Mail: bob@acme-corp.com", "bob@acme-corp.com"},
		/* two at once */
		{" <bob@gmial,con>.", "bob@gmail.com"},
		{"Bob <bob@hotmail>", "bob@hotmail.com"},
		/* dots that a carrier gave out stay what they are */
		{"<a..b.@docomo.ne.jp>", "\"a..b.\"@docomo.ne.jp"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[EV_ADDRESS_KEY_SIZE];

		CHECK_INT(rows[i].typed, suggest(rows[i].typed, out), EV_SUGGEST_SLIP);
		CHECK_STR(rows[i].typed, out, rows[i].meant);
	}
}

static void
what_is_right_or_cannot_be_told_is_left_alone(void **state)
{
	static const char *const rows[] = {"bob@gmail.com",
	                                   "bob@acme-corp.com",
	                                   "bob@acme-corp.co",
	                                   "bob@acme-corp.cm",
	                                   "bob@acme.net",
	                                   "a..b.@docomo.ne.jp",
	                                   "\"a b\"@acme-corp.com",
	                                   "{bob}@acme-corp.com",
	                                   "jörg@bücher.de",
	                                   "bob@mailinator.com",
	                                   "bob@example.com",
	                                   "bob@corp.test",
	                                   "bob+x,@",
	                                   "",
	                                   " ",
	                                   "@",
	                                   "@@",
	                                   "bob",
	                                   "gmail.com",
	                                   "no at sign",
	                                   "meet me at noon",
	                                   "bob@localhost",
	                                   "bob@[192.0.2.1]",
	                                   "a@x-y.org;b@x-y.org",
	                                   "a@x-y.org b@x-y.org",
	                                   "bob bee@acme-corp.com",
	                                   "bob@acme corp.com",
	                                   "bob@-.com",
	                                   "<>",
	                                   "<@>",
	                                   "mailto:",
	                                   "mailto:@",
	                                   "..@..",
	                                   "bob@exa_mple.com"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char out[EV_ADDRESS_KEY_SIZE];

		CHECK_INT(rows[i], suggest(rows[i], out), EV_SUGGEST_NOTHING);
	}
}

static void
a_near_domain_is_a_guess_and_a_listed_one_is_not(void **state)
{
	char out[EV_ADDRESS_KEY_SIZE];

	(void) state;
	CHECK_INT("near", suggest("bob@hotmaiil.com", out), EV_SUGGEST_NEAR);
	CHECK_STR("near", out, "bob@hotmail.com");
	CHECK_INT("listed", suggest("bob@gmial.com", out), EV_SUGGEST_SLIP);
	CHECK_STR("listed", out, "bob@gmail.com");
}

/* Whatever is typed: what is suggested is an address, and another one. */
static void
no_suggestion_is_unsound_or_what_was_typed(void **state)
{
	static const char *const parts[] = {"bob",  "@", ".",    ",",  " ",       "gmail", "com",
	                                    "con",  "<", ">",    "\"", "mailto:", "..",    "acme-corp",
	                                    "(at)", "ü", "\xff", "-",  ";",       "'"};
	unsigned seed = 4711;
	int n = 0;

	(void) state;
	for (int i = 0; i < 300000; i++)
	{
		char text[200] = "";
		char out[EV_ADDRESS_KEY_SIZE];
		struct ev_syntax syntax;

		for (int k = 0; k < 7; k++)
		{
			seed = seed * 1103515245u + 12345u;
			strcat(text, parts[(seed >> 16) % N_ROWS(parts)]);
		}
		if (suggest(text, out) == EV_SUGGEST_NOTHING)
			continue;
		n++;
		if (!ev_syntax_parse(out, strlen(out), EV_SYNTAX_INTERNET, &syntax) ||
		    strcmp(out, text) == 0)
			fail_msg("%s: %s", text, out);
	}
	assert_true(n > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slips_are_repaired),
		cmocka_unit_test(what_is_right_or_cannot_be_told_is_left_alone),
		cmocka_unit_test(a_near_domain_is_a_guess_and_a_listed_one_is_not),
		cmocka_unit_test(no_suggestion_is_unsound_or_what_was_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
