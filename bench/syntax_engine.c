/*
 * syntax_engine.c
 *	  The syntax check alone, without a database around it: nanoseconds an address.
 *
 * Usage: syntax_engine FILE ROUNDS	addresses from FILE, one a line; prints, for each round, CPU
 * nanoseconds an address of a walk over the bytes, of ev_syntax_parse() and of that with
 * ev_address_from()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/syntax.h"

static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

int
main(int argc, char **argv)
{
	static char data[128 << 20];
	static const char *text[2000000];
	static size_t len[2000000];
	size_t n = 0;
	size_t size;
	FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
	volatile unsigned long sink = 0;

	if (file == NULL)
		return 64;
	size = fread(data, 1, sizeof(data) - 1, file);
	fclose(file);
	for (char *p = data; p < data + size && n < 2000000; n++)
	{
		char *end = strchr(p, '\n');

		if (end == NULL)
			break;
		text[n] = p;
		len[n] = (size_t) (end - p);
		p = end + 1;
	}
	if (n == 0)
		return 65;
	for (int round = 0; round < atoi(argv[2]); round++)
	{
		double t0 = cpu_ns();
		double t1;
		double t2;
		unsigned long sum = 0;

		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < len[i]; k++)
				sum = sum * 31 + (unsigned char) text[i][k];
		t1 = cpu_ns();
		for (size_t i = 0; i < n; i++)
		{
			struct ev_syntax syntax;

			sum += ev_syntax_parse(text[i], len[i], EV_SYNTAX_INTERNET, &syntax);
		}
		t2 = cpu_ns();
		for (size_t i = 0; i < n; i++)
		{
			struct ev_syntax syntax;
			struct ev_address address;

			if (ev_syntax_parse(text[i], len[i], EV_SYNTAX_INTERNET, &syntax))
				sum += ev_address_from(text[i], &syntax, &address);
		}
		sink += sum;
		printf("%.1f %.1f %.1f\n", (t1 - t0) / (double) n, (t2 - t1) / (double) n,
		       (cpu_ns() - t2) / (double) n);
	}
	(void) sink;
	return 0;
}
