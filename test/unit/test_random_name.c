/*
 * test_random_name.c
 *	  Made-up local parts: sound, different, and not plain noise.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/random_name.h"
#include "engine/syntax.h"

static void
fill(uint8_t bits[16], unsigned seed)
{
	for (int i = 0; i < 16; i++)
	{
		seed = seed * 1103515245u + 12345u;
		bits[i] = (uint8_t) (seed >> 16);
	}
}

static void
the_same_bits_give_the_same_name(void **state)
{
	uint8_t bits[16];
	char a[EV_RANDOM_NAME_SIZE];
	char b[EV_RANDOM_NAME_SIZE];

	(void) state;
	fill(bits, 7);
	assert_int_equal(ev_random_name(bits, a), ev_random_name(bits, b));
	assert_string_equal(a, b);
}

static void
every_name_is_a_sound_local_part_that_looks_like_a_name(void **state)
{
	(void) state;
	for (unsigned seed = 0; seed < 5000; seed++)
	{
		uint8_t bits[16];
		char name[EV_RANDOM_NAME_SIZE];
		char address[64];
		struct ev_syntax syntax;
		size_t len;

		fill(bits, seed);
		len = ev_random_name(bits, name);
		assert_true(len < sizeof(name));
		assert_int_equal(strlen(name), len);
		snprintf(address, sizeof(address), "%s@corp.com", name);
		assert_true(ev_syntax_parse(address, strlen(address), EV_SYNTAX_INTERNET, &syntax));
		assert_ptr_equal(strchr(name, '.'), strrchr(name, '.'));
		assert_int_equal(strcspn(name, "0123456789"), len - 4);
	}
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
ten_thousand_names_have_no_two_alike(void **state)
{
	enum
	{
		N = 10000
	};
	static char names[N][EV_RANDOM_NAME_SIZE];

	(void) state;
	for (unsigned i = 0; i < N; i++)
	{
		uint8_t bits[16];

		fill(bits, i * 2654435761u);
		ev_random_name(bits, names[i]);
	}
	qsort(names, N, sizeof(names[0]), compare);
	for (unsigned i = 1; i < N; i++)
		assert_string_not_equal(names[i - 1], names[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bits_give_the_same_name),
		cmocka_unit_test(every_name_is_a_sound_local_part_that_looks_like_a_name),
		cmocka_unit_test(ten_thousand_names_have_no_two_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
