/*
 * test_canonical.c
 *	  Rule set 1 of canonical addresses.  Unique indexes stand on it: rows here are added, never
 *	  changed.
 */
#include "unit.h"

#include "engine/canonical.h"
#include "engine/hash.h"

/* The canonical form of a text, in buf; "" when it is no address. */
static const char *
canonical(const char *text, char *buf)
{
	struct ev_syntax syntax;
	struct ev_address address;

	buf[0] = '\0';
	if (ev_syntax_parse(text, strlen(text), EV_SYNTAX_INTERNET, &syntax) &&
	    ev_address_from(text, &syntax, &address) == EV_DETAIL_NONE)
	{
		assert_true(ev_canonical(&address, 1, &address));
		ev_address_key(&address, buf);
	}
	return buf;
}

static void
rule_set_1_is_as_it_was_released(void **state)
{
	static const char *const rows[][2] = {
		/* nowhere */
		{"Ann.Bee+Tag@Corp.COM", "ann.bee+tag@corp.com"},
		{"a-b@corp.com", "a-b@corp.com"},
		{"\"a b\"@corp.com", "\"a b\"@corp.com"},
		{"\"a.b\"@Corp.com", "a.b@corp.com"},
		{"J\xc3\x96rg@b\xc3\xbc"
	     "cher.de",
	     "j\xc3\xb6rg@xn--bcher-kva.de"},
		/* what is left is in form C again: n, hyphen, dot above */
		{"n-\xcc\x87x@pm.me", "\xe1\xb9\x85x@proton.me"},
		/* Google */
		{"A.n.n+list@gmail.com", "ann@gmail.com"},
		{"a.nn@GoogleMail.com", "ann@gmail.com"},
		{"\"a.nn\"@gmail.com", "ann@gmail.com"},
		{"+x@gmail.com", "+x@gmail.com"},
		{"ann@mail.gmail.com", "ann@mail.gmail.com"},
		/* Microsoft: dots count */
		{"a.nn+x@hotmail.co.uk", "a.nn@hotmail.co.uk"},
		{"a.nn+x@outlook.com", "a.nn@outlook.com"},
		{"ann@live.com", "ann@live.com"},
		/* Yahoo: what is behind the hyphen; Yahoo Japan is another company */
		{"ann-shop@yahoo.com", "ann@yahoo.com"},
		{"ann-a-b@ymail.com", "ann@ymail.com"},
		{"ann+x@yahoo.de", "ann+x@yahoo.de"},
		{"ann-shop@yahoo.co.jp", "ann-shop@yahoo.co.jp"},
		{"ann+x@aol.com", "ann+x@aol.com"},
		/* one name space */
		{"ann+x@me.com", "ann@icloud.com"},
		{"a.nn@mac.com", "a.nn@icloud.com"},
		{"A_n-n.x+y@pm.me", "annx@proton.me"},
		{"ann@protonmail.ch", "ann@proton.me"},
		{"an.n+x@ya.ru", "an-n@yandex.ru"},
		/* separate name spaces of one provider */
		{"ann+x@bk.ru", "ann@bk.ru"},
		{"ann+x@zoho.eu", "ann@zoho.eu"},
		/* Fastmail: the name may stand in the domain */
		{"ann+x@fastmail.fm", "ann@fastmail.fm"},
		{"shop@ann.fastmail.com", "ann@fastmail.com"},
		/* an alias is an address of its own */
		{"a.b+c@duck.com", "a.b+c@duck.com"},
		{"a.b+c@privaterelay.appleid.com", "a.b+c@privaterelay.appleid.com"},
		/* dots that a carrier gave out */
		{"A..b@docomo.ne.jp", "\"a..b\"@docomo.ne.jp"},
		{"no address", ""},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char first[EV_ADDRESS_KEY_SIZE];
		char again[EV_ADDRESS_KEY_SIZE];

		CHECK_STR(rows[i][0], canonical(rows[i][0], first), rows[i][1]);
		CHECK_STR(rows[i][0], canonical(first, again), rows[i][1]);
	}
}

static uint32_t seed = 7;

static unsigned
choose(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* At every provider, whatever the local part. */
static void
a_canonical_address_is_its_own(void **state)
{
	static const char letters[] = "aB.+-_0x.+-\"' ";
	static const char *const domains[] = {"gmail.com",       "yahoo.com",    "outlook.com",
	                                      "pm.me",           "yandex.by",    "ann.fastmail.com",
	                                      "a.b.fastmail.fm", "fastmail.com", "icloud.com",
	                                      "corp.com",        "docomo.ne.jp", "x.anonaddy.com"};

	(void) state;
	for (int i = 0; i < 200000; i++)
	{
		char text[64];
		char first[EV_ADDRESS_KEY_SIZE];
		char again[EV_ADDRESS_KEY_SIZE];
		size_t n = 0;

		for (unsigned k = 1 + choose(8); k > 0; k--)
			text[n++] = letters[choose(sizeof(letters) - 1)];
		text[n++] = '@';
		strcpy(text + n, domains[choose(N_ROWS(domains))]);
		if (*canonical(text, first) == '\0')
			continue;
		CHECK_STR(text, canonical(first, again), first);
	}
}

/* Rows of data/provider.tsv that make the rule set: no row changes without a new number. */
static void
rule_set_1_is_frozen(void **state)
{
	uint64_t hash = EV_HASH_INIT;
	char line[1024];
	FILE *list = fopen("data/provider.tsv", "r");

	(void) state;
	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL)
	{
		const char *rules = strchr(line, '\t');

		rules = rules == NULL || line[0] == '#' ? NULL : strchr(rules + 1, '\t');
		if (rules != NULL && strcmp(rules, "\t\t\t\n") != 0)
		{
			hash = ev_hash(hash, line, strcspn(line, "\t"));
			hash = ev_hash(hash, rules, strlen(rules));
		}
	}
	fclose(list);
	assert_true(hash == UINT64_C(0x688eee2846bd4d32));
}

static void
there_is_no_other_rule_set(void **state)
{
	struct ev_address address = {.local = "a", .local_len = 1, .domain = "b.de", .domain_len = 4};

	(void) state;
	assert_false(ev_canonical(&address, 0, &address));
	assert_false(ev_canonical(&address, 2, &address));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_set_1_is_as_it_was_released),
		cmocka_unit_test(a_canonical_address_is_its_own),
		cmocka_unit_test(rule_set_1_is_frozen),
		cmocka_unit_test(there_is_no_other_rule_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
