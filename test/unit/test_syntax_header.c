/*
 * test_syntax_header.c
 *	  Level header: addr-spec with comments, folding and obsolete forms, and what sort of text each
 *	  is.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/syntax_private.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct row
{
	const char *text;
	enum ev_syntax_category category;
	const char *bare; /* NULL: the text itself */
};

static void
check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		size_t len = strlen(rows[i].text);
		char bare[1024];
		struct ev_syntax syntax;
		enum ev_syntax_category category = ev_syntax_categorize(rows[i].text, len, bare, &syntax);

		CHECK_STR(rows[i].text, ev_syntax_category_label(category),
		          ev_syntax_category_label(rows[i].category));
		bare[syntax.domain_start + syntax.domain_len] = '\0';
		CHECK_STR(rows[i].text, bare, rows[i].bare == NULL ? rows[i].text : rows[i].bare);
		CHECK_INT(rows[i].text, ev_syntax_parse(rows[i].text, len, EV_SYNTAX_HEADER, &syntax),
		          true);
		CHECK_INT(rows[i].text, ev_syntax_parse(rows[i].text, len, EV_SYNTAX_SMTP, &syntax),
		          rows[i].category <= EV_SYNTAX_RFC5321);
	}
}

static void
comments_and_folding_surround_an_address(void **state)
{
	static const struct row rows[] = {
		{"(c)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"a@corp.com(c)", EV_SYNTAX_CFWS, "a@corp.com"},
		{"(c(d(e)f)g)(h)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"(\\(\\)\\\\)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"()a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"(a@b,\"<>[]:;)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"(j\xc3\xb6)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{" \t a@corp.com \t", EV_SYNTAX_CFWS, "a@corp.com"},
		{"\r\n a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{"a@corp.com \r\n\t", EV_SYNTAX_CFWS, "a@corp.com"},
		{"(c\r\n d)a@corp.com", EV_SYNTAX_CFWS, "a@corp.com"},
		{" (c) \"a b\"@corp.com", EV_SYNTAX_CFWS, "\"a b\"@corp.com"},
		{"\"a\r\n b\"@corp.com", EV_SYNTAX_CFWS, "\"a b\"@corp.com"},
		{"a@[192.0.2.1] (c)", EV_SYNTAX_CFWS, "a@[192.0.2.1]"},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
obsolete_forms_are_read(void **state)
{
	static const struct row rows[] = {
		/* CFWS inside, or next to the @ */
		{"a @corp.com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		{"a@ corp.com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		{"a@(c)corp.com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		{"a . b@corp.com", EV_SYNTAX_DEPRECATED, "a.b@corp.com"},
		{"a.(c)b@corp.com", EV_SYNTAX_DEPRECATED, "a.b@corp.com"},
		{"a@corp . com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		/* words of both kinds */
		{"\"a\".b@corp.com", EV_SYNTAX_DEPRECATED, NULL},
		{"a.\"b c\".d@corp.com", EV_SYNTAX_DEPRECATED, NULL},
		/* more than one line break in folding (erratum 1908) */
		{"\r\n \r\n a@corp.com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		/* control characters: obs-qtext, obs-ctext, obs-qp */
		{"\"\x01\"@corp.com", EV_SYNTAX_DEPRECATED, NULL},
		{"\"\x7f\"@corp.com", EV_SYNTAX_DEPRECATED, NULL},
		{"(\x02)a@corp.com", EV_SYNTAX_DEPRECATED, "a@corp.com"},
		{"\"\\\n\"@corp.com", EV_SYNTAX_DEPRECATED, NULL},
		{"\"\\\r\"@corp.com", EV_SYNTAX_DEPRECATED, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
what_only_a_header_can_hold_is_told_apart(void **state)
{
	static const struct row rows[] = {
		{"a@co_rp.com", EV_SYNTAX_RFC5322, NULL},
		{"a@corp/x.com", EV_SYNTAX_RFC5322, NULL},
		{"a@[any thing]", EV_SYNTAX_RFC5322, NULL},
		{"a@[192.0.2.256]", EV_SYNTAX_RFC5322, NULL},
		{"a@[]", EV_SYNTAX_RFC5322, NULL},
		{"a@[\\]]", EV_SYNTAX_RFC5322, NULL},
		{"a@[\x01]", EV_SYNTAX_RFC5322, NULL},
		{"a@[2001:db8::1]", EV_SYNTAX_RFC5322, NULL},
		{"aa" A63 "@corp.com", EV_SYNTAX_RFC5322, NULL},
		{"a@a" A63 ".com", EV_SYNTAX_RFC5322, NULL},
		{"a@" A63 "." A63 "." A63 "." A63 ".com", EV_SYNTAX_RFC5322, NULL},
		{"a@\xe2\x84\x80.de", EV_SYNTAX_RFC5322, NULL}, /* no host name, but UTF-8 */
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
unusual_mailboxes_are_told_from_common_ones(void **state)
{
	static const struct row rows[] = {
		{"a@corp.com", EV_SYNTAX_VALID, NULL},
		{"j\xc3\xb6rg@corp.com", EV_SYNTAX_VALID, NULL},
		{"a@test", EV_SYNTAX_RFC5321, NULL},
		{"a@corp.123", EV_SYNTAX_RFC5321, NULL},
		{"a@192.0.2.1", EV_SYNTAX_RFC5321, NULL},
		{"\"a\"@corp.com", EV_SYNTAX_RFC5321, NULL},
		{"\"\"@corp.com", EV_SYNTAX_RFC5321, NULL},
		{"a@[192.0.2.1]", EV_SYNTAX_RFC5321, NULL},
		{"a@[x-tag:content]", EV_SYNTAX_RFC5321, NULL},
		{"a..b@docomo.ne.jp", EV_SYNTAX_RFC5321, NULL},
	};

	(void) state;
	check(rows, N_ROWS(rows));
}

static void
what_is_no_address_at_any_level_has_a_diagnosis(void **state)
{
	static const struct
	{
		const char *text;
		enum ev_detail fault;
		uint32_t at;
	} rows[] = {
		{" \r\n\t", EV_DETAIL_EMPTY, 0},
		{"a", EV_DETAIL_NO_AT_SIGN, 1},
		{"(c)", EV_DETAIL_NO_AT_SIGN, 3},
		{"a.", EV_DETAIL_NO_AT_SIGN, 2},
		{"(c)@corp.com", EV_DETAIL_EMPTY_LOCAL_PART, 3},
		{" .a@corp.com", EV_DETAIL_LOCAL_PART_STARTS_WITH_DOT, 1},
		{"a.@corp.com", EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT, 1},
		{"a. .b@corp.com", EV_DETAIL_DOUBLE_DOT, 3},
		{"a b@corp.com", EV_DETAIL_MISPLACED_TEXT, 2},
		{"a(c)b@corp.com", EV_DETAIL_MISPLACED_TEXT, 4},
		{"\"a\"b@corp.com", EV_DETAIL_MISPLACED_TEXT, 3},
		{"a\"b\"@corp.com", EV_DETAIL_MISPLACED_TEXT, 1},
		{"\"a\"\"b\"@corp.com", EV_DETAIL_MISPLACED_TEXT, 3},
		{"a,b@corp.com", EV_DETAIL_INVALID_CHARACTER, 1},
		{"<a@corp.com>", EV_DETAIL_INVALID_CHARACTER, 0},
		{"a\x01@corp.com", EV_DETAIL_CONTROL_CHARACTER, 1},
		{"(c", EV_DETAIL_UNBALANCED_COMMENT, 0},
		{"((c)a@corp.com", EV_DETAIL_UNBALANCED_COMMENT, 0},
		{"a@corp.com(c\\)", EV_DETAIL_UNBALANCED_COMMENT, 10},
		{"a@corp.com(c\\", EV_DETAIL_TRAILING_BACKSLASH, 12},
		{"\"a@corp.com", EV_DETAIL_UNBALANCED_QUOTE, 0},
		{"\"a\\", EV_DETAIL_TRAILING_BACKSLASH, 2},
		{"a@[192.0.2.1", EV_DETAIL_UNBALANCED_BRACKET, 2},
		{"a@[a[b]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 4},
		{"a@[a]b", EV_DETAIL_MISPLACED_TEXT, 5},
		{"a@b[192.0.2.1]", EV_DETAIL_MISPLACED_TEXT, 3},
		{"a@corp(c)com", EV_DETAIL_MISPLACED_TEXT, 9},
		{"a@", EV_DETAIL_EMPTY_DOMAIN, 2},
		{"a@(c)", EV_DETAIL_EMPTY_DOMAIN, 5},
		{"a@.corp.com", EV_DETAIL_EMPTY_LABEL, 2},
		{"a@corp..com", EV_DETAIL_DOUBLE_DOT, 7},
		{"a@corp.com.", EV_DETAIL_EMPTY_LABEL, 11},
		{"a@-corp.com", EV_DETAIL_DOMAIN_HYPHEN, 2},
		{"a@corp-.com", EV_DETAIL_DOMAIN_HYPHEN, 6},
		{"a@b@corp.com", EV_DETAIL_TOO_MANY_AT_SIGNS, 3},
		{"\ra@corp.com", EV_DETAIL_BARE_CR, 0},
		{"\"a\rb\"@corp.com", EV_DETAIL_BARE_CR, 2},
		{"a@corp.com\r", EV_DETAIL_BARE_CR, 10},
		{"\na@corp.com", EV_DETAIL_BARE_LF, 0},
		{"(\n)a@corp.com", EV_DETAIL_BARE_LF, 1},
		{"\r\na@corp.com", EV_DETAIL_LINE_BREAK, 0},
		{"a@corp.com\r\n", EV_DETAIL_LINE_BREAK, 10},
		{" \r\n\r\n a@corp.com", EV_DETAIL_LINE_BREAK, 1},
		{"j\xf6rg(c)@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"(j\xf6)a@corp.com", EV_DETAIL_INVALID_ENCODING, 2},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char bare[64];
		struct ev_syntax syntax;

		CHECK_INT(rows[i].text,
		          ev_syntax_categorize(rows[i].text, strlen(rows[i].text), bare, &syntax),
		          EV_SYNTAX_ERROR);
		CHECK_STR(rows[i].text, ev_detail_info(syntax.fault)->label,
		          ev_detail_info(rows[i].fault)->label);
		CHECK_INT(rows[i].text, syntax.fault_at, rows[i].at);
	}
}

static void
nested_comments_do_not_exhaust_the_stack(void **state)
{
	enum
	{
		N = 8 << 20
	};
	char *text = malloc(N);
	char *bare = malloc(N);
	struct ev_syntax syntax;

	(void) state;
	assert_non_null(text);
	assert_non_null(bare);
	memset(text, '(', N);
	assert_int_equal(ev_syntax_categorize(text, N, bare, &syntax), EV_SYNTAX_ERROR);
	assert_int_equal(syntax.fault, EV_DETAIL_UNBALANCED_COMMENT);
	memset(text + N / 2 - 5, ')', N / 2 - 5);
	memcpy(text + N - 10, "a@corp.com", 10);
	assert_int_equal(ev_syntax_categorize(text, N, bare, &syntax), EV_SYNTAX_CFWS);
	assert_memory_equal(bare, "a@corp.com", 10);
	free(text);
	free(bare);
}

/* --- addresses made by the grammar ------------------------------------------------------------------ */

static uint32_t seed = 20231;

static unsigned
choose(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct text
{
	char s[512];
	size_t n;
};

static void
put(struct text *t, const char *s)
{
	size_t len = strlen(s);

	assert_true(t->n + len < sizeof(t->s));
	memcpy(t->s + t->n, s, len + 1);
	t->n += len;
}

static void
put_cfws(struct text *t)
{
	static const char *const forms[] = {"",        "", " ", "\t", "\r\n ", "(c)", " (c (d)\\() ",
	                                    "()\r\n\t"};

	put(t, forms[choose(N_ROWS(forms))]);
}

static void
put_atom(struct text *t, bool label)
{
	static const char atext[] = "abcXYZ019-!#$%&'*+/=?^_`{|}~";
	unsigned n = 1 + choose(8);

	for (unsigned i = 0; i < n; i++)
	{
		bool edge = i == 0 || i + 1 == n;
		char c[2] = {atext[choose(label ? edge ? 9 : 10 : sizeof(atext) - 1)], '\0'};

		put(t, c);
	}
}

static void
put_quoted(struct text *t)
{
	static const char *const parts[] = {"a", " ", ".", "@", "\\\"", "\\\\", "(", "]", "\\a"};

	put(t, "\"");
	for (unsigned i = choose(6) + 1; i > 0; i--)
		put(t, parts[choose(N_ROWS(parts))]);
	put(t, "\"");
}

/* cfws: addr-spec with its obsolete forms, else a Mailbox. */
static void
make_address(struct text *t, bool cfws)
{
	bool quoted = choose(4) == 0;

	t->n = 0;
	if (cfws)
		put_cfws(t);
	for (unsigned words = quoted && !cfws ? 1 : 1 + choose(3); words > 0; words--)
	{
		if (quoted)
			put_quoted(t);
		else
			put_atom(t, false);
		if (cfws)
			put_cfws(t);
		if (words > 1)
			put(t, ".");
		if (cfws)
			put_cfws(t);
	}
	put(t, "@");
	for (unsigned labels = 1 + choose(3); labels > 0; labels--)
	{
		if (cfws)
			put_cfws(t);
		put_atom(t, true);
		if (cfws)
			put_cfws(t);
		put(t, ".");
	}
	if (cfws)
		put_cfws(t);
	put(t, "com");
	if (cfws)
		put_cfws(t);
}

static void
what_the_grammar_makes_is_taken(void **state)
{
	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		struct text t;
		struct ev_syntax syntax;

		make_address(&t, false);
		for (int level = EV_SYNTAX_INTERNET; level <= EV_SYNTAX_HEADER; level++)
			CHECK_INT(t.s, ev_syntax_parse(t.s, t.n, (enum ev_syntax_level) level, &syntax), true);
		make_address(&t, true);
		CHECK_INT(t.s, ev_syntax_parse(t.s, t.n, EV_SYNTAX_HEADER, &syntax), true);
	}
}

/* Any byte anywhere: levels include each other, and the parts are inside. */
static void
each_level_holds_the_one_before(void **state)
{
	static const char odd[] = "@.\"\\()[]<>,;: \t\r\n\x01\x7f\x80\xc3\xbc-_a0";

	(void) state;
	for (int i = 0; i < 4000; i++)
	{
		struct text t;
		char bare[512];

		make_address(&t, choose(2) == 0);
		for (size_t k = 0; k < t.n; k++)
		{
			struct ev_syntax syntax;
			char kept = t.s[k];
			bool internet;
			bool smtp;
			bool header;

			t.s[k] = odd[choose(sizeof(odd) - 1)];
			internet = ev_syntax_parse(t.s, t.n, EV_SYNTAX_INTERNET, &syntax);
			smtp = ev_syntax_parse(t.s, t.n, EV_SYNTAX_SMTP, &syntax);
			header = ev_syntax_parse(t.s, t.n, EV_SYNTAX_HEADER, &syntax);
			CHECK_INT(t.s, internet && !smtp, false);
			CHECK_INT(t.s, smtp && !header, false);
			CHECK_INT(t.s, ev_syntax_categorize(t.s, t.n, bare, &syntax) == EV_SYNTAX_ERROR,
			          !header);
			assert_true(syntax.fault_at <= t.n);

			/* and so does every beginning of it */
			ev_syntax_parse(t.s, k, EV_SYNTAX_HEADER, &syntax);
			assert_true(syntax.fault_at <= k);
			t.s[k] = kept;
		}
	}
}

/* The fast pass says nothing that the slow one does not. */
static void
both_passes_agree(void **state)
{
	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		struct text t;
		struct ev_syntax plain;
		struct ev_syntax fully;

		make_address(&t, false);
		if (choose(2) == 0)
			t.s[choose((unsigned) t.n)] = "@.-_+x0"[choose(7)];
		memset(&plain, 0, sizeof(plain));
		memset(&fully, 0, sizeof(fully));
		if (!ev_syntax_parse_plain(t.s, t.n, &plain))
			continue;
		CHECK_INT(t.s, ev_syntax_parse_mailbox(t.s, t.n, EV_SYNTAX_INTERNET, &fully), true);
		assert_memory_equal(&plain, &fully, sizeof(plain));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_and_folding_surround_an_address),
		cmocka_unit_test(obsolete_forms_are_read),
		cmocka_unit_test(what_only_a_header_can_hold_is_told_apart),
		cmocka_unit_test(unusual_mailboxes_are_told_from_common_ones),
		cmocka_unit_test(what_is_no_address_at_any_level_has_a_diagnosis),
		cmocka_unit_test(nested_comments_do_not_exhaust_the_stack),
		cmocka_unit_test(what_the_grammar_makes_is_taken),
		cmocka_unit_test(each_level_holds_the_one_before),
		cmocka_unit_test(both_passes_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
