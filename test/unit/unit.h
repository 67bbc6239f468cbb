/*
 * unit.h
 *	  What every unit test needs: cmocka, and failures that name the row of the table.
 */
#ifndef EV_UNIT_H
#define EV_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N_ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Compare, and say which row of a table it was. */
#define CHECK_INT(row, got, want)                                                                  \
	do                                                                                             \
	{                                                                                              \
		long long got_ = (long long) (got);                                                        \
		long long want_ = (long long) (want);                                                      \
		if (got_ != want_)                                                                         \
			fail_msg("%s: %s is %lld, not %lld", (row), #got, got_, want_);                        \
	} while (0)

#define CHECK_STR(row, got, want)                                                                  \
	do                                                                                             \
	{                                                                                              \
		const char *got_ = (got);                                                                  \
		const char *want_ = (want);                                                                \
		if (strcmp(got_ ? got_ : "NULL", want_ ? want_ : "NULL") != 0)                             \
			fail_msg("%s: %s is \"%s\", not \"%s\"", (row), #got, got_ ? got_ : "NULL",            \
			         want_ ? want_ : "NULL");                                                      \
	} while (0)

#endif
