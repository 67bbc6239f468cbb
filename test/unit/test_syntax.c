/*
 * test_syntax.c
 *	  Addresses: what is refused and where, and the form in which the sound ones travel.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/syntax.h"

#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A61  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define D253 A63 "." A63 "." A63 "." A61

struct row
{
	const char *text;
	enum ev_detail fault;
	uint32_t at;
};

static void
check(const struct row *rows, size_t n, enum ev_syntax_level level)
{
	for (size_t i = 0; i < n; i++)
	{
		struct ev_syntax syntax;
		bool ok = ev_syntax_parse(rows[i].text, strlen(rows[i].text), level, &syntax);
		const char *fault = ev_detail_info(syntax.fault)->label;

		CHECK_STR(rows[i].text, fault, ev_detail_info(rows[i].fault)->label);
		CHECK_INT(rows[i].text, ok, rows[i].fault == EV_DETAIL_NONE);
		if (!ok)
			CHECK_INT(rows[i].text, syntax.fault_at, rows[i].at);
	}
}

/* The place is that of the first separator. */
static void
several_addresses_are_told_from_a_broken_one(void **state)
{
	static const struct row rows[] = {
		{"a@x.org;b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org,b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org\tb@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org\nb@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org\r\nb@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org/b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org|b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org+b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org\\b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org & b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 8},
		{"a@x.org and b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org OR b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org, und b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org ; b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 8},
		{"a@x.org;;b@x.org;", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org, b@x.org, c@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org, b@x.org, and more", EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"<a@x.org>, <b@x.org>", EV_DETAIL_SEVERAL_ADDRESSES, 9},
		{"Ann Bee <a@x.org>; \"Bob, Cee\" <b@x.org>", EV_DETAIL_SEVERAL_ADDRESSES, 17},
		{"mailto:a@x.org,mailto:b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 14},
		{"\"a;b@c\"@x.org;b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 13},
		{"a@x.org\xef\xbc\x9b"
	     "b@x.org",
	     EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@x.org\xe3\x80\x81"
	     "b@x.org",
	     EV_DETAIL_SEVERAL_ADDRESSES, 7},
		{"a@[192.0.2.1], b@x.org", EV_DETAIL_SEVERAL_ADDRESSES, 13},
		{" a@x.org, b@x.org ", EV_DETAIL_SEVERAL_ADDRESSES, 8},

		/* one address, or none, whatever else is wrong */
		{"a@b@corp.com", EV_DETAIL_TOO_MANY_AT_SIGNS, 3},
		{"a@x.orgb@y.org", EV_DETAIL_TOO_MANY_AT_SIGNS, 8},
		{"a@x.org,b", EV_DETAIL_INVALID_CHARACTER, 7},
		{"a@x.org, @b", EV_DETAIL_INVALID_CHARACTER, 7},
		{"@, b@x.org", EV_DETAIL_EMPTY_LOCAL_PART, 0},
		{"a@x..org, b@x.org", EV_DETAIL_DOUBLE_DOT, 4},
		{"a@x.org, b@x..org", EV_DETAIL_INVALID_CHARACTER, 7},
		{"\"a@x.org, b@y.org\"@corp.com", EV_DETAIL_NONE, 0},
		{"a/b@corp.com", EV_DETAIL_NONE, 0},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_INTERNET);
}

static void
sound_addresses_are_not_refused(void **state)
{
	static const struct row rows[] = {
		{"a@b.co", EV_DETAIL_NONE, 0},
		{"first.last+tag@sub.corp.com", EV_DETAIL_NONE, 0},
		{"!#$%&'*+/=?^_`{|}~-@corp.com", EV_DETAIL_NONE, 0},
		{"0@0.com", EV_DETAIL_NONE, 0},
		{"-@corp.com", EV_DETAIL_NONE, 0},
		{"A@CORP.COM", EV_DETAIL_NONE, 0},
		{"a@x--y.com", EV_DETAIL_NONE, 0},
		{"a@1.2.3.co", EV_DETAIL_NONE, 0},
		{"a@corp.c0m", EV_DETAIL_NONE, 0},
		{"a@xn--bcher-kva.de", EV_DETAIL_NONE, 0},
		{"a@b\xc3\xbc"
	     "cher.de",
	     EV_DETAIL_NONE, 0},
		{"j\xc3\xb6rg@corp.com", EV_DETAIL_NONE, 0},
		{"\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b.jp", EV_DETAIL_NONE, 0},
		{"\"quoted local\"@corp.com", EV_DETAIL_NONE, 0},
		{"\"a@b\"@corp.com", EV_DETAIL_NONE, 0},
		{"\"\\\"\\\\\"@corp.com", EV_DETAIL_NONE, 0},
		{"\".\"@corp.com", EV_DETAIL_NONE, 0},
		{"\"j\xc3\xb6 rg\"@corp.com", EV_DETAIL_NONE, 0},
		{A64 "@corp.com", EV_DETAIL_NONE, 0},
		/* quotes that are not needed do not travel, so they do not count */
		{"\"" A64 "\"@corp.com", EV_DETAIL_NONE, 0},
		{"a@" A63 ".com", EV_DETAIL_NONE, 0},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_INTERNET);
}

static void
faults_of_the_local_part_are_named_and_placed(void **state)
{
	static const struct row rows[] = {
		{"", EV_DETAIL_EMPTY, 0},
		{" \t\r\n", EV_DETAIL_EMPTY, 0},
		{"abc", EV_DETAIL_NO_AT_SIGN, 3},
		{"corp.com", EV_DETAIL_NO_AT_SIGN, 8},
		{"\"a@b\"", EV_DETAIL_NO_AT_SIGN, 5},
		{"@corp.com", EV_DETAIL_EMPTY_LOCAL_PART, 0},
		{"@", EV_DETAIL_EMPTY_LOCAL_PART, 0},
		{"\"\"@corp.com", EV_DETAIL_EMPTY_LOCAL_PART, 0},
		{".a@corp.com", EV_DETAIL_LOCAL_PART_STARTS_WITH_DOT, 0},
		{".@corp.com", EV_DETAIL_LOCAL_PART_STARTS_WITH_DOT, 0},
		{"a.@corp.com", EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT, 1},
		{"a..b@corp.com", EV_DETAIL_DOUBLE_DOT, 2},
		{A64 "a@corp.com", EV_DETAIL_LOCAL_PART_TOO_LONG, 64},
		{"\"" A64 " \"@corp.com", EV_DETAIL_LOCAL_PART_TOO_LONG, 65},
		{"\"" A63 " \"@corp.com", EV_DETAIL_LOCAL_PART_TOO_LONG, 64},
		{"a b@corp.com", EV_DETAIL_WHITE_SPACE, 1},
		{" a@corp.com", EV_DETAIL_WHITE_SPACE, 0},
		{"a@corp.com ", EV_DETAIL_WHITE_SPACE, 10},
		{"a\n@corp.com", EV_DETAIL_WHITE_SPACE, 1},
		{"a\x01@corp.com", EV_DETAIL_CONTROL_CHARACTER, 1},
		{"a\x7f@corp.com", EV_DETAIL_CONTROL_CHARACTER, 1},
		{"\"a\tb\"@corp.com", EV_DETAIL_CONTROL_CHARACTER, 2},
		{"a(c)@corp.com", EV_DETAIL_COMMENT, 1},
		{"a,b@corp.com", EV_DETAIL_INVALID_CHARACTER, 1},
		{"<a@corp.com>", EV_DETAIL_INVALID_CHARACTER, 0},
		{"a\"b\"@corp.com", EV_DETAIL_INVALID_CHARACTER, 1},
		{"\"a\"b@corp.com", EV_DETAIL_MISPLACED_TEXT, 3},
		{"\"a\".b@corp.com", EV_DETAIL_MISPLACED_TEXT, 3},
		{"\"a\"(c)@corp.com", EV_DETAIL_COMMENT, 3},
		{"\"a\" @corp.com", EV_DETAIL_WHITE_SPACE, 3},
		{"\"a@corp.com", EV_DETAIL_UNBALANCED_QUOTE, 0},
		{"\"a\\\"@corp.com", EV_DETAIL_UNBALANCED_QUOTE, 0},
		{"\"a\\", EV_DETAIL_UNBALANCED_QUOTE, 0},
		{"\"\\\x01\"@corp.com", EV_DETAIL_INVALID_QUOTED_PAIR, 1},
		{"\"\\\xc3\xb6\"@corp.com", EV_DETAIL_INVALID_QUOTED_PAIR, 1},
		{"j\xf6rg@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"a\xc0\xaf@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"a\xed\xa0\x80@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"a\xf4\x90\x80\x80@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"a\xc3@corp.com", EV_DETAIL_INVALID_ENCODING, 1},
		{"a\xe2\x80\x8b"
	     "b@corp.com",
	     EV_DETAIL_DISALLOWED_CHARACTER, 1},
		{"jo\xcc\x88rg@corp.com", EV_DETAIL_NOT_NFC, 1},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_INTERNET);
}

static void
faults_of_the_domain_are_named_and_placed(void **state)
{
	static const struct row rows[] = {
		{"a@", EV_DETAIL_EMPTY_DOMAIN, 2},
		{"a@b@corp.com", EV_DETAIL_TOO_MANY_AT_SIGNS, 3},
		{"a@@corp.com", EV_DETAIL_TOO_MANY_AT_SIGNS, 2},
		{"a@.corp.com", EV_DETAIL_EMPTY_LABEL, 2},
		{"a@corp..com", EV_DETAIL_DOUBLE_DOT, 7},
		{"a@corp.com.", EV_DETAIL_EMPTY_LABEL, 11},
		{"local.@", EV_DETAIL_LOCAL_PART_ENDS_WITH_DOT, 5},
		{"a@.", EV_DETAIL_EMPTY_LABEL, 2},
		{"a@corp", EV_DETAIL_DOMAIN_NOT_DOTTED, 2},
		{"a@localhost", EV_DETAIL_DOMAIN_NOT_DOTTED, 2},
		{"a@-corp.com", EV_DETAIL_DOMAIN_HYPHEN, 2},
		{"a@corp-.com", EV_DETAIL_DOMAIN_HYPHEN, 6},
		{"a@corp.-com", EV_DETAIL_DOMAIN_HYPHEN, 7},
		{"a@corp.com-", EV_DETAIL_DOMAIN_HYPHEN, 10},
		{"a@co_rp.com", EV_DETAIL_INVALID_CHARACTER, 4},
		{"a@corp.com/x", EV_DETAIL_INVALID_CHARACTER, 10},
		{"a@corp.com(c)", EV_DETAIL_COMMENT, 10},
		{"a@corp com", EV_DETAIL_WHITE_SPACE, 6},
		{"a@corp.com\x02", EV_DETAIL_CONTROL_CHARACTER, 10},
		{"a@192.168.0.1", EV_DETAIL_NUMERIC_TLD, 12},
		{"a@corp.123", EV_DETAIL_NUMERIC_TLD, 7},
		{"a@[192.0.2.1]", EV_DETAIL_DOMAIN_LITERAL, 2},
		{"a@[192.0.2.256]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[192.0.2.1", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@" A64 ".com", EV_DETAIL_LABEL_TOO_LONG, 65},
		{"a@" D253 "a.com", EV_DETAIL_DOMAIN_TOO_LONG, 255},
		{"aa@" D253, EV_DETAIL_ADDRESS_TOO_LONG, 254},
		{"a@b\xfc"
	     "cher.de",
	     EV_DETAIL_INVALID_ENCODING, 3},
		{"a@xn--a.de", EV_DETAIL_INVALID_IDN, 2},
		{"a@x.xn--bcher-kva8445foa", EV_DETAIL_INVALID_IDN, 2},
		{"a@\xe2\x84\x80.de", EV_DETAIL_INVALID_IDN, 2},
		{"a@b\xc3\xbc"
	     "cher",
	     EV_DETAIL_DOMAIN_NOT_DOTTED, 2},
		{"a@b\xc3\xbc"
	     "cher..de",
	     EV_DETAIL_DOUBLE_DOT, 10},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_INTERNET);
}

static void
literals_follow_rfc_5321_4_1_3(void **state)
{
	static const struct row rows[] = {
		{"a@[192.0.2.1]", EV_DETAIL_NONE, 0},
		{"a@[0.0.0.0]", EV_DETAIL_NONE, 0},
		{"a@[192.0.2.256]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[192.0.2]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[192.0.2.1.5]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[192.0.2.0001]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[192.0.2.1]x", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:::1]", EV_DETAIL_NONE, 0},
		{"a@[ipv6:2001:db8::1]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:::]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:1:2:3:4:5:6:7:8]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:1:2:3:4:5:6:192.0.2.1]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:::ffff:192.0.2.1]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:1::2:3:4:5:6]", EV_DETAIL_NONE, 0},
		{"a@[IPv6:1::]", EV_DETAIL_NONE, 0},
		/* "::" stands for two groups at least */
		{"a@[IPv6:1::2:3:4:5:6:7]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:1:2:3:4:5:6:7]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:1::2::3]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:::2::3]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6::1]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:12345::]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:1:2:3:4:5:6:7:]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[IPv6:g::]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		/* an address whose tag was forgotten, not the tag "2001" */
		{"a@[2001:db8::1]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[tag:content]", EV_DETAIL_NONE, 0},
		{"a@[tag-:content]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[tag:]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[tag:a b]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[tag:a[b]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
		{"a@[tag:\xc3\xb6]", EV_DETAIL_INVALID_DOMAIN_LITERAL, 2},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_SMTP);
}

static void
dots_that_carriers_gave_out_live_on(void **state)
{
	static const struct
	{
		const char *text;
		const char *key; /* NULL: refused */
	} rows[] = {
		{"a.@docomo.ne.jp", "\"a.\"@docomo.ne.jp"},
		{"a..b@docomo.ne.jp", "\"a..b\"@docomo.ne.jp"},
		{"a...b.@EZWEB.ne.jp", "\"a...b.\"@ezweb.ne.jp"},
		{"a..b@biz.ezweb.ne.jp", "\"a..b\"@biz.ezweb.ne.jp"},
		{"a.@au.com", "\"a.\"@au.com"},
		{"\"a..b\"@docomo.ne.jp", "\"a..b\"@docomo.ne.jp"},
		{"a.b@docomo.ne.jp", "a.b@docomo.ne.jp"},
		{".a@docomo.ne.jp", NULL},
		{".@docomo.ne.jp", NULL},
		{"a..b@x.docomo.ne.jp", NULL},
		{"a..b@xdocomo.ne.jp", NULL},
		{"a..b@softbank.ne.jp", NULL},
		{"a..b c@docomo.ne.jp", NULL},
		{"a..b@docomo.ne.jp.", NULL},
		{A61 "..@docomo.ne.jp", NULL}, /* quotes and all, 65 octets */
		{A61 ".@docomo.ne.jp", "\"" A61 ".\"@docomo.ne.jp"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		for (int level = EV_SYNTAX_INTERNET; level <= EV_SYNTAX_SMTP; level++)
		{
			struct ev_syntax syntax;
			struct ev_address address;
			char key[EV_ADDRESS_KEY_SIZE];

			CHECK_INT(rows[i].text,
			          ev_syntax_parse(rows[i].text, strlen(rows[i].text),
			                          (enum ev_syntax_level) level, &syntax),
			          rows[i].key != NULL);
			if (rows[i].key == NULL)
				continue;
			CHECK_INT(rows[i].text, syntax.carrier_legacy,
			          rows[i].key[0] == '"' && rows[i].text[0] != '"');
			CHECK_INT(rows[i].text, ev_address_from(rows[i].text, &syntax, &address), 0);
			ev_address_key(&address, key);
			CHECK_STR(rows[i].text, key, rows[i].key);
		}
}

static void
level_smtp_takes_what_the_internet_does_not(void **state)
{
	static const struct row rows[] = {
		{"a@localhost", EV_DETAIL_NONE, 0},
		{"a@corp.123", EV_DETAIL_NONE, 0},
		{"\"\"@corp.com", EV_DETAIL_NONE, 0},
		{"a@b\xc3\xbc"
	     "cher",
	     EV_DETAIL_NONE, 0},
		{"a@corp.com.", EV_DETAIL_EMPTY_LABEL, 11},
	};

	(void) state;
	check(rows, N_ROWS(rows), EV_SYNTAX_SMTP);
}

static void
nuls_are_faults_and_do_not_end_the_text(void **state)
{
	struct ev_syntax syntax;

	(void) state;
	assert_false(ev_syntax_parse("a\0b@corp.com", 12, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(syntax.fault, EV_DETAIL_CONTROL_CHARACTER);
	assert_int_equal(syntax.fault_at, 1);
	assert_false(ev_syntax_parse("a@corp.com\0", 11, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(syntax.fault, EV_DETAIL_CONTROL_CHARACTER);
	assert_false(ev_syntax_parse("a@corp.com\0.de", 14, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(syntax.fault_at, 10);
	assert_false(ev_syntax_parse("\"\0\"@corp.com", 12, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(syntax.fault, EV_DETAIL_CONTROL_CHARACTER);
	assert_false(ev_syntax_parse("\0", 1, EV_SYNTAX_INTERNET, &syntax));
}

/*
 * Every byte that is not part of the text is poisoned by ASan, since the copy has exactly its size.
 */
static void
nothing_is_read_behind_the_end(void **state)
{
	static const char *const texts[] = {
		"first.last@sub.corp.com",
		"\"q\\\"\"@corp.com",
		"a@[IPv6:1::2]",
		"a@corp.123",
		"a..b@docomo.ne.jp",
		"\"a\"(c) . b (d)@[x\\]] (e\\))",
		"j\xc3\xb6rg@corp.com",
		"a@b\xc3\xbc"
		"cher.de",
		"a@xn--bcher-kva.de",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
		for (size_t n = 0; n <= strlen(texts[i]); n++)
		{
			char *copy = malloc(n > 0 ? n : 1);
			struct ev_syntax syntax;

			assert_non_null(copy);
			memcpy(copy, texts[i], n);
			ev_syntax_parse(copy, n, EV_SYNTAX_INTERNET, &syntax);
			assert_true(syntax.fault_at <= n);
			ev_syntax_parse(copy, n, EV_SYNTAX_SMTP, &syntax);
			ev_syntax_parse(copy, n, EV_SYNTAX_HEADER, &syntax);
			assert_true(syntax.fault_at <= n);
			free(copy);
		}
}

static void
a_megabyte_of_anything_is_diagnosed(void **state)
{
	enum
	{
		N = 1 << 20
	};
	static const char fills[] = {'a', '.', '@', '"', '\\', ' ', '\0', '[', '-', '\xc3', '\x80'};
	char *text = malloc(N);

	(void) state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(fills); i++)
		for (int shape = 0; shape < 4; shape++)
		{
			struct ev_syntax syntax;

			memset(text, fills[i], N);
			if (shape & 1)
				memcpy(text, "a@", 2);
			if (shape & 2)
				memcpy(text + N - 2, "@b", 2);
			assert_false(ev_syntax_parse(text, N, EV_SYNTAX_INTERNET, &syntax));
			assert_int_not_equal(syntax.fault, EV_DETAIL_NONE);
		}
	memset(text, 'a', N);
	text[N / 2] = '@';
	{
		struct ev_syntax syntax;

		ev_syntax_parse(text, N, EV_SYNTAX_INTERNET, &syntax);
		assert_int_equal(syntax.fault, EV_DETAIL_LOCAL_PART_TOO_LONG);
	}
	free(text);
}

static void
flags_tell_what_an_address_is(void **state)
{
	static const struct
	{
		const char *text;
		bool quoted, eai, idn, literal, special_use;
	} rows[] = {
		{"a@corp.com", false, false, false, false, false},
		{"\"a\"@corp.com", true, false, false, false, false},
		{"j\xc3\xb6@corp.com", false, true, false, false, false},
		{"a@b\xc3\xbc"
	     "cher.de",
	     false, false, true, false, false},
		{"a@xn--bcher-kva.de", false, false, false, false, false},
		{"a@[127.0.0.1]", false, false, false, true, false},
		{"a@example.com", false, false, false, false, true},
		{"a@EXAMPLE.org", false, false, false, false, true},
		{"a@mx.example.net", false, false, false, false, true},
		{"a@notexample.com", false, false, false, false, false},
		{"a@example.com.de", false, false, false, false, false},
		{"a@example.info", false, false, false, false, false},
		{"a@corp.test", false, false, false, false, true},
		{"a@corp.Invalid", false, false, false, false, true},
		{"a@printer.local", false, false, false, false, true},
		{"a@x.onion", false, false, false, false, true},
		{"a@x.alt", false, false, false, false, true},
		{"a@db.internal", false, false, false, false, true},
		{"a@x.home.arpa", false, false, false, false, true},
		{"a@x.arpa", false, false, false, false, false},
		{"a@localhost", false, false, false, false, true},
		{"a@x.localhost", false, false, false, false, true},
		{"a@latest", false, false, false, false, false},
		{"a@corp.latest", false, false, false, false, false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_syntax syntax;

		CHECK_INT(rows[i].text,
		          ev_syntax_parse(rows[i].text, strlen(rows[i].text), EV_SYNTAX_SMTP, &syntax),
		          true);
		CHECK_INT(rows[i].text, syntax.quoted, rows[i].quoted);
		CHECK_INT(rows[i].text, syntax.eai, rows[i].eai);
		CHECK_INT(rows[i].text, syntax.idn, rows[i].idn);
		CHECK_INT(rows[i].text, syntax.literal, rows[i].literal);
		CHECK_INT(rows[i].text, syntax.special_use, rows[i].special_use);
	}
}

static void
parts_are_found_where_they_are(void **state)
{
	static const struct
	{
		const char *text;
		uint32_t local_len, domain_start, domain_len;
	} rows[] = {
		{"first.last@corp.com", 10, 11, 8},
		{"\"a@b\"@corp.com", 5, 6, 8},
		{"j\xc3\xb6@b\xc3\xbc"
	     "cher.de",
	     3, 4, 10},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_syntax syntax;

		assert_true(
			ev_syntax_parse(rows[i].text, strlen(rows[i].text), EV_SYNTAX_INTERNET, &syntax));
		CHECK_INT(rows[i].text, syntax.local_start, 0);
		CHECK_INT(rows[i].text, syntax.local_len, rows[i].local_len);
		CHECK_INT(rows[i].text, syntax.domain_start, rows[i].domain_start);
		CHECK_INT(rows[i].text, syntax.domain_len, rows[i].domain_len);
	}
}

static void
one_mailbox_has_one_travelling_form(void **state)
{
	static const char *const rows[][2] = {
		{"First.Last@CORP.Com", "First.Last@corp.com"},
		{"\"plain\"@corp.com", "plain@corp.com"},
		{"\"pl\\ain\"@corp.com", "plain@corp.com"},
		{"\"a b\"@corp.com", "\"a b\"@corp.com"},
		{"\"a\\ b\"@corp.com", "\"a b\"@corp.com"},
		{"\"a\\\"b\\\\\"@corp.com", "\"a\\\"b\\\\\"@corp.com"},
		{"\"a..b\"@corp.com", "\"a..b\"@corp.com"},
		{"\"a@b\"@corp.com", "\"a@b\"@corp.com"},
		{"\".a\"@corp.com", "\".a\"@corp.com"},
		{"\"a.b\"@corp.com", "a.b@corp.com"},
		{"\"j\xc3\xb6rg\"@corp.com", "j\xc3\xb6rg@corp.com"},
		{"a@B\xc3\x9c"
	     "CHER.de",
	     "a@xn--bcher-kva.de"},
		{"a@XN--BCHER-KVA.DE", "a@xn--bcher-kva.de"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_syntax syntax;
		struct ev_address address;
		struct ev_address again;
		char key[EV_ADDRESS_KEY_SIZE];
		size_t len;

		assert_true(ev_syntax_parse(rows[i][0], strlen(rows[i][0]), EV_SYNTAX_INTERNET, &syntax));
		CHECK_INT(rows[i][0], ev_address_from(rows[i][0], &syntax, &address), EV_DETAIL_NONE);
		len = ev_address_key(&address, key);
		CHECK_STR(rows[i][0], key, rows[i][1]);
		CHECK_INT(rows[i][0], len, strlen(rows[i][1]));
		CHECK_INT(rows[i][0], strlen(address.local), address.local_len);
		CHECK_INT(rows[i][0], strlen(address.domain), address.domain_len);

		/* and the key leads back to the same address */
		CHECK_INT(key, ev_address_parse_key(key, len, &again), true);
		CHECK_STR(key, again.local, address.local);
		CHECK_STR(key, again.domain, address.domain);
		CHECK_INT(key, again.eai, address.eai);
	}
}

static void
texts_that_are_no_keys_are_not_taken_for_one(void **state)
{
	static const char *const rows[] = {
		"",
		"a",
		"a@CORP.com",
		"\"plain\"@corp.com",
		"a@localhost",
		"a@[192.0.2.1]",
		"a@corp.com\n",
		"a@b\xc3\xbc"
		"cher.de",
		"a@b@corp.com",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_address address;

		CHECK_INT(rows[i], ev_address_parse_key(rows[i], strlen(rows[i]), &address), false);
	}
}

/* In UTF-8 it fits, in A-labels it does not; or the other way round. */
static void
lengths_count_in_the_travelling_form(void **state)
{
	char text[700];
	struct ev_syntax syntax;
	struct ev_address address;
	size_t n;

	(void) state;

	/* 80 labels of one umlaut: 240 octets in UTF-8, 800 in A-labels */
	n = (size_t) snprintf(text, sizeof(text), "a@");
	for (int i = 0; i < 80; i++)
		n += (size_t) snprintf(text + n, sizeof(text) - n, "\xc3\xbc.");
	n += (size_t) snprintf(text + n, sizeof(text) - n, "de");
	assert_false(ev_syntax_parse(text, n, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(syntax.fault, EV_DETAIL_INVALID_IDN);

	/* six labels of 20 ideographs, all alike: 360 octets in UTF-8, fewer in A-labels */
	n = (size_t) snprintf(text, sizeof(text), "a@");
	for (int i = 0; i < 6; i++)
	{
		for (int k = 0; k < 20; k++)
			n += (size_t) snprintf(text + n, sizeof(text) - n, "\xe4\xbe\x8b");
		n += (size_t) snprintf(text + n, sizeof(text) - n, ".");
	}
	n += (size_t) snprintf(text + n, sizeof(text) - n, "jp");
	assert_true(n > EV_ADDRESS_MAX);
	assert_true(ev_syntax_parse(text, n, EV_SYNTAX_INTERNET, &syntax));
	assert_int_equal(ev_address_from(text, &syntax, &address), EV_DETAIL_NONE);
	assert_true(address.domain_len <= EV_DOMAIN_MAX);

	/* local part and domain each fit, together they do not */
	n = (size_t) snprintf(text, sizeof(text), "aa@%s", D253);
	assert_false(ev_syntax_parse(text, n, EV_SYNTAX_SMTP, &syntax));
	assert_int_equal(syntax.fault, EV_DETAIL_ADDRESS_TOO_LONG);

	/*
	 * the place of a fault is inside the text even if only the longer form has it: 5 * 49 octets, 5
	 * * 53
	 */
	n = (size_t) snprintf(text, sizeof(text), "a@");
	for (int i = 0; i < 5; i++)
		n += (size_t) snprintf(text + n, sizeof(text) - n,
		                       "\xc3\xbc"
		                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.");
	n += (size_t) snprintf(text + n, sizeof(text) - n, "%s", "aaaaaaaaaaaaaaaaaaa.de");
	assert_false(ev_syntax_parse(text, n, EV_SYNTAX_INTERNET, &syntax));
	assert_true(syntax.fault_at <= n);
}

static void
an_unsound_address_has_no_travelling_form(void **state)
{
	struct ev_syntax syntax;
	struct ev_address address;

	(void) state;
	ev_syntax_parse("a..b@corp.com", 13, EV_SYNTAX_INTERNET, &syntax);
	assert_int_equal(ev_address_from("a..b@corp.com", &syntax, &address), EV_DETAIL_DOUBLE_DOT);
	ev_syntax_parse("a@[192.0.2.1]", 13, EV_SYNTAX_SMTP, &syntax);
	assert_int_equal(ev_address_from("a@[192.0.2.1]", &syntax, &address), EV_DETAIL_DOMAIN_LITERAL);
}

static void
levels_have_names(void **state)
{
	enum ev_syntax_level level = EV_SYNTAX_HEADER;

	(void) state;
	assert_true(ev_syntax_level_by_label("internet", 8, &level));
	assert_int_equal(level, EV_SYNTAX_INTERNET);
	assert_true(ev_syntax_level_by_label("smtp", 4, &level));
	assert_int_equal(level, EV_SYNTAX_SMTP);
	assert_true(ev_syntax_level_by_label("header", 6, &level));
	assert_int_equal(level, EV_SYNTAX_HEADER);
	assert_false(ev_syntax_level_by_label("Smtp", 4, &level));
	assert_false(ev_syntax_level_by_label("smt", 3, &level));
	assert_false(ev_syntax_level_by_label("", 0, &level));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_addresses_are_told_from_a_broken_one),
		cmocka_unit_test(sound_addresses_are_not_refused),
		cmocka_unit_test(faults_of_the_local_part_are_named_and_placed),
		cmocka_unit_test(faults_of_the_domain_are_named_and_placed),
		cmocka_unit_test(literals_follow_rfc_5321_4_1_3),
		cmocka_unit_test(dots_that_carriers_gave_out_live_on),
		cmocka_unit_test(level_smtp_takes_what_the_internet_does_not),
		cmocka_unit_test(nuls_are_faults_and_do_not_end_the_text),
		cmocka_unit_test(nothing_is_read_behind_the_end),
		cmocka_unit_test(a_megabyte_of_anything_is_diagnosed),
		cmocka_unit_test(flags_tell_what_an_address_is),
		cmocka_unit_test(parts_are_found_where_they_are),
		cmocka_unit_test(one_mailbox_has_one_travelling_form),
		cmocka_unit_test(texts_that_are_no_keys_are_not_taken_for_one),
		cmocka_unit_test(lengths_count_in_the_travelling_form),
		cmocka_unit_test(an_unsound_address_has_no_travelling_form),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
