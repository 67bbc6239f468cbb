/*
 * fuzz.h
 *	  What every fuzzer needs: its entry, and conditions that end it when they do not hold.
 */
#ifndef EV_FUZZ_H
#define EV_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			abort();                                                                               \
	} while (0)

#endif
