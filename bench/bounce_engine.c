/*
 * bounce_engine.c
 *	  Reading bounces without a database around it: nanoseconds a message.
 *
 * Usage: bounce_engine ROUNDS FILE...	prints, for each round, the mean size of the files, and CPU
 * nanoseconds a message of a walk over the bytes and of ev_bounce_read()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/bounce.h"

#define FILES_MAX     1000
#define FILE_SIZE_MAX (1 << 20)
#define MESSAGES      20000 /* that are read in a round */

static struct ev_bounce_work work;
static struct ev_bounce rows[EV_BOUNCE_ROWS_MAX];

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
	static char *text[FILES_MAX];
	static size_t len[FILES_MAX];
	size_t n = 0;
	size_t bytes = 0;
	volatile unsigned long sink = 0;
	int times;

	if (argc < 3)
		return 64;
	for (int i = 2; i < argc && n < FILES_MAX; i++)
	{
		FILE *file = fopen(argv[i], "rb");

		if (file == NULL)
			return 65;
		text[n] = malloc(FILE_SIZE_MAX);
		len[n] = fread(text[n], 1, FILE_SIZE_MAX, file);
		bytes += len[n];
		text[n] = realloc(text[n], len[n] + 1);
		fclose(file);
		n++;
	}
	times = (int) (MESSAGES / n) + 1;
	for (int round = 0; round < atoi(argv[1]); round++)
	{
		unsigned long sum = 0;
		double all = (double) n * times;
		double t0 = cpu_ns();
		double t1;
		double t2;

		for (int r = 0; r < times; r++)
			for (size_t i = 0; i < n; i++)
				for (size_t k = 0; k < len[i]; k++)
					sum = sum * 31 + (unsigned char) text[i][k];
		t1 = cpu_ns();
		for (int r = 0; r < times; r++)
			for (size_t i = 0; i < n; i++)
				sum += ev_bounce_read(text[i], len[i], &work, rows, EV_BOUNCE_ROWS_MAX);
		t2 = cpu_ns();
		sink += sum;
		printf("%zu %.1f %.1f\n", bytes / n, (t1 - t0) / all, (t2 - t1) / all);
	}
	return 0;
}
