/*
 * bounce_engine.c
 *	  Reading bounces and replies without a database around it: nanoseconds a message.
 *
 * Usage: bounce_engine ROUNDS FILE...	prints, for each round, CPU nanoseconds a message of copying its
 * bytes and of ev_bounce_read(), and the mean size
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/bounce.h"

#define FILES_MAX 1000
#define REPEAT    200

static struct ev_bounce_work work;
static struct ev_bounce rows[EV_BOUNCE_ROWS_MAX];
static char copy[1 << 20];

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
	volatile size_t sink = 0;

	if (argc < 3)
		return 64;
	for (int i = 2; i < argc && n < FILES_MAX; i++)
	{
		FILE *file = fopen(argv[i], "rb");

		if (file == NULL)
			return 65;
		text[n] = malloc(sizeof(copy));
		len[n] = fread(text[n], 1, sizeof(copy), file);
		bytes += len[n];
		text[n] = realloc(text[n], len[n] + 1);
		fclose(file);
		n++;
	}
	for (int round = 0; round < atoi(argv[1]); round++)
	{
		double t0 = cpu_ns();
		double t1;
		double t2;

		for (int r = 0; r < REPEAT; r++)
			for (size_t i = 0; i < n; i++)
			{
				memcpy(copy, text[i], len[i]);
				sink += (size_t) copy[len[i] / 2];
			}
		t1 = cpu_ns();
		for (int r = 0; r < REPEAT; r++)
			for (size_t i = 0; i < n; i++)
				sink += ev_bounce_read(text[i], len[i], &work, rows, EV_BOUNCE_ROWS_MAX);
		t2 = cpu_ns();
		printf("%.1f %.1f %zu\n", (t1 - t0) / (double) (n * REPEAT),
		       (t2 - t1) / (double) (n * REPEAT), bytes / n);
	}
	return sink == 1;
}
