/*
 * test_dns_belief.c
 *	  What a DNS reply says (RFC 1034, RFC 2308): nothing that is no answer is taken for one.
 */
#include <stdlib.h>

#include "unit.h"

#include "net/dns_belief.h"
#include "net/dns_message.h"

#define AA 0x0400
#define RA 0x0080
#define TC 0x0200
#define NX 3

static uint8_t bytes[1024];
static size_t len;

static void
put16(unsigned value)
{
	bytes[len++] = (uint8_t) (value >> 8);
	bytes[len++] = (uint8_t) value;
}

/* "" is the root; "@12" a pointer to that offset. */
static void
put_name(const char *name)
{
	if (name[0] == '@')
	{
		put16(0xc000u | (unsigned) atoi(name + 1));
		return;
	}
	while (*name != '\0')
	{
		size_t n = strcspn(name, ".");

		bytes[len++] = (uint8_t) n;
		memcpy(bytes + len, name, n);
		len += n;
		name += n + (name[n] == '.');
	}
	bytes[len++] = 0;
}

/* A reply to a question for a.example.com with these flags and numbers of records, which are to follow. */
static void
begin(unsigned flags, uint16_t type, unsigned answers, unsigned authority)
{
	memset(bytes, 0, sizeof(bytes));
	len = 0;
	put16(0x1234);
	put16(0x8100 | flags);
	put16(1);
	put16(answers);
	put16(authority);
	put16(0);
	put_name("a.example.com");
	put16(type);
	put16(EV_DNS_IN);
}

static void
head(const char *owner, uint16_t type, unsigned data_len)
{
	put_name(owner);
	put16(type);
	put16(EV_DNS_IN);
	put16(0);
	put16(3600);
	put16(data_len);
}

/* A record the data of which is a name, behind `prefix` zero bytes and in front of `suffix` ones. */
static void
named(const char *owner, uint16_t type, unsigned prefix, const char *name, unsigned suffix)
{
	size_t start;

	head(owner, type, 0);
	start = len;
	len += prefix;
	put_name(name);
	len += suffix;
	bytes[start - 2] = (uint8_t) ((len - start) >> 8);
	bytes[start - 1] = (uint8_t) (len - start);
}

static void
soa(const char *zone)
{
	size_t start;

	head(zone, EV_DNS_SOA, 0);
	start = len;
	put_name("ns.example.com");
	put_name("root.example.com");
	len += 20;
	bytes[start - 1] = (uint8_t) (len - start);
}

static void
address(const char *owner)
{
	head(owner, EV_DNS_A, 4);
	len += 4;
}

static bool proven;

static enum ev_dns_says
heard(uint16_t type)
{
	/* what is read behind the end is seen by the sanitizer */
	uint8_t *exact = malloc(len);
	enum ev_dns_says says;

	memcpy(exact, bytes, len);
	says = ev_dns_listen(exact, len, "a.example.com", type, &proven);
	free(exact);
	return says;
}

static void
records_of_the_name_are_an_answer(void **state)
{
	(void) state;
	begin(RA, EV_DNS_MX, 1, 0);
	named("@12", EV_DNS_MX, 2, "mx.example.com", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_RECORDS);

	/* an authoritative server that does not ask others is one, too */
	begin(AA, EV_DNS_A, 1, 0);
	address("A.EXAMPLE.com");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_RECORDS);

	/* aliases in any order, and a zone of whoever */
	begin(RA, EV_DNS_A, 3, 1);
	address("c.other.net");
	named("b.example.com", EV_DNS_CNAME, 0, "c.other.net", 0);
	named("@12", EV_DNS_CNAME, 0, "b.example.com", 0);
	soa("other.net");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_RECORDS);
	assert_true(proven);
}

static void
a_denial_with_the_zones_soa_is_an_answer(void **state)
{
	const char *const zones[] = {"a.example.com", "example.com", "com", ""};

	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		begin(RA, EV_DNS_MX, 0, 2);
		named(zones[i], EV_DNS_NS, 0, "ns.example.com", 0);
		soa(zones[i]);
		assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NO_RECORDS);
		assert_true(proven);
		begin(AA | NX, EV_DNS_MX, 0, 1);
		soa(zones[i]);
		assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NO_NAME);
		assert_true(proven);
	}
	/* of the zone of the alias, or of what it leads to */
	begin(RA | NX, EV_DNS_A, 1, 1);
	named("@12", EV_DNS_CNAME, 0, "gone.other.net", 0);
	soa("other.net");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NO_NAME);
	begin(RA, EV_DNS_A, 1, 1);
	named("@12", EV_DNS_CNAME, 0, "gone.other.net", 0);
	soa("example.com");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NO_RECORDS);
}

static void
a_denial_without_soa_is_not_proven(void **state)
{
	(void) state;
	begin(RA | NX, EV_DNS_MX, 0, 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NO_NAME);
	assert_false(proven);
	begin(RA, EV_DNS_MX, 0, 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NO_RECORDS);
	assert_false(proven);
	begin(AA, EV_DNS_MX, 0, 1);
	named("example.com", EV_DNS_NS, 0, "ns.example.com", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NO_RECORDS);
	assert_false(proven);
	begin(RA, EV_DNS_A, 1, 0);
	named("@12", EV_DNS_CNAME, 0, "b.example.com", 0);
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NO_RECORDS);
	assert_false(proven);
}

static void
a_referral_is_no_answer(void **state)
{
	const unsigned flags[] = {0, RA, NX, RA | NX};

	(void) state;
	for (size_t i = 0; i < 4; i++)
	{
		begin(flags[i], EV_DNS_MX, 0, 2);
		named("com", EV_DNS_NS, 0, "a.gtld-servers.net", 0);
		named("com", EV_DNS_NS, 0, "b.gtld-servers.net", 0);
		assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	}
	/* upwards, as lame servers do */
	begin(RA, EV_DNS_MX, 0, 1);
	named("", EV_DNS_NS, 0, "a.root-servers.net", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
}

static void
who_neither_knows_nor_asks_has_no_answer(void **state)
{
	(void) state;
	begin(0, EV_DNS_MX, 0, 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(0, EV_DNS_MX, 0, 1);
	soa("example.com");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(NX, EV_DNS_MX, 0, 1);
	soa("example.com");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(0, EV_DNS_A, 1, 0);
	address("@12");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);

	/* it knows the alias, and not where that leads */
	begin(AA, EV_DNS_A, 1, 0);
	named("@12", EV_DNS_CNAME, 0, "elsewhere.net", 0);
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);
}

static void
answers_about_other_names_are_none(void **state)
{
	(void) state;
	begin(RA, EV_DNS_A, 1, 0);
	address("b.example.com");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);
	begin(RA | AA, EV_DNS_A, 1, 1);
	address("b.example.com");
	soa("example.com");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);

	/* another type of the same name; an alias of another one */
	begin(RA, EV_DNS_MX, 1, 0);
	address("@12");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(RA, EV_DNS_A, 2, 0);
	named("b.example.com", EV_DNS_CNAME, 0, "c.example.com", 0);
	address("c.example.com");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);

	/* the end of a name is not its zone */
	begin(RA | NX, EV_DNS_MX, 0, 1);
	soa("ple.com");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(RA | NX, EV_DNS_MX, 0, 1);
	soa("other.org");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);
	begin(RA | NX, EV_DNS_MX, 0, 1);
	soa("b.a.example.com");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_NOTHING);

	/* there is no such name, and here is its address */
	begin(RA | NX, EV_DNS_A, 1, 0);
	address("@12");
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_NOTHING);
}

static void
what_cannot_be_read_is_not_empty(void **state)
{
	char self[8];

	(void) state;
	/* an owner, an exchange, an alias and a zone that point at themselves */
	begin(RA, EV_DNS_MX, 1, 0);
	snprintf(self, sizeof(self), "@%zu", len);
	named(self, EV_DNS_MX, 2, "mx.example.com", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);
	begin(RA, EV_DNS_MX, 1, 0);
	snprintf(self, sizeof(self), "@%zu", len + 14);
	named("@12", EV_DNS_MX, 2, self, 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);
	begin(RA, EV_DNS_A, 1, 0);
	snprintf(self, sizeof(self), "@%zu", len + 12);
	named("@12", EV_DNS_CNAME, 0, self, 0);
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	begin(RA, EV_DNS_MX, 0, 1);
	snprintf(self, sizeof(self), "@%zu", len);
	named(self, EV_DNS_NS, 0, "ns.example.com", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);

	/* beside one that can be read */
	begin(RA, EV_DNS_MX, 2, 0);
	named("@12", EV_DNS_MX, 2, "mx.example.com", 0);
	snprintf(self, sizeof(self), "@%zu", len);
	named(self, EV_DNS_MX, 2, "mx.example.com", 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);

	/* data of a wrong length */
	begin(RA, EV_DNS_A, 1, 0);
	head("@12", EV_DNS_A, 3);
	len += 3;
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	begin(RA, EV_DNS_TXT, 1, 0);
	head("@12", EV_DNS_TXT, 2);
	bytes[len] = 9;
	len += 2;
	assert_int_equal(heard(EV_DNS_TXT), EV_DNS_SAYS_GARBAGE);

	/* an alias of itself, and more records than there are */
	begin(RA, EV_DNS_A, 1, 0);
	named("@12", EV_DNS_CNAME, 0, "@12", 0);
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	begin(RA, EV_DNS_MX, 1, 0);
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);
	begin(RA | TC, EV_DNS_MX, 0, 1);
	soa("example.com");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);
}

static void
an_answer_to_another_question_is_none(void **state)
{
	(void) state;
	begin(RA, EV_DNS_A, 1, 0);
	address("@12");
	assert_int_equal(heard(EV_DNS_MX), EV_DNS_SAYS_GARBAGE);
	bytes[13] = 'b';
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	bytes[13] = 'a';
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_RECORDS);
	bytes[2] &= 0x7f; /* a question */
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	bytes[2] |= 0x80;
	bytes[2] |= 0x20; /* an update */
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
}

/* Cut anywhere it is garbage, and changed anywhere it is read within its bounds. */
static void
no_reply_is_read_beyond_its_end(void **state)
{
	size_t whole;

	(void) state;
	begin(RA, EV_DNS_A, 2, 1);
	named("@12", EV_DNS_CNAME, 0, "b.example.com", 0);
	address("b.example.com");
	soa("example.com");
	whole = len;
	for (len = 0; len < whole; len++)
		assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_GARBAGE);
	for (size_t i = 0; i < whole; i++)
	{
		uint8_t was = bytes[i];

		for (unsigned value = 0; value < 256; value++)
		{
			bytes[i] = (uint8_t) value;
			(void) heard(EV_DNS_A);
		}
		bytes[i] = was;
	}
	assert_int_equal(heard(EV_DNS_A), EV_DNS_SAYS_RECORDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_the_name_are_an_answer),
		cmocka_unit_test(a_denial_with_the_zones_soa_is_an_answer),
		cmocka_unit_test(a_denial_without_soa_is_not_proven),
		cmocka_unit_test(a_referral_is_no_answer),
		cmocka_unit_test(who_neither_knows_nor_asks_has_no_answer),
		cmocka_unit_test(answers_about_other_names_are_none),
		cmocka_unit_test(what_cannot_be_read_is_not_empty),
		cmocka_unit_test(an_answer_to_another_question_is_none),
		cmocka_unit_test(no_reply_is_read_beyond_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
