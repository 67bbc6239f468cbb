/*
 * classify_engine.c
 *	  The reply classifier alone: nanoseconds a reply.
 *
 * Usage: classify_engine FILE ROUNDS	replies from FILE, which is test/data/replies.tsv; prints, for
 * each round, CPU nanoseconds a reply of a walk over the bytes and of ev_classify() with all that is
 * known of a session to mask
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/classify.h"

#define MAX_REPLIES 4096

static struct ev_reply replies[MAX_REPLIES];
static enum ev_provider providers[MAX_REPLIES];

static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* Read "550-text\n550 text", line ends written as \n; false when that is no reply. */
static bool
read_reply(const char *text, size_t n, struct ev_reply *out)
{
	static struct ev_reply_reader reader;
	size_t used;

	ev_reply_reader_init(&reader);
	for (size_t i = 0; i < n; i++)
	{
		bool end = text[i] == '\\' && i + 1 < n && text[i + 1] == 'n';

		if (ev_reply_feed(&reader, end ? "\n" : text + i, 1, &used, out) != EV_READ_MORE)
			return false;
		i += end;
	}
	return ev_reply_feed(&reader, "\n", 1, &used, out) == EV_READ_REPLY;
}

int
main(int argc, char **argv)
{
	static const struct ev_mask_terms terms = {
		.local = "john.doe",
		.domain = "corp.com",
		.sender = "check@lab.example.com",
		.helo = "probe.lab.example.com",
		.source_ip = "192.0.2.1",
		.mx_host = "mx.corp.com",
		.mx_ip = "198.51.100.25",
	};
	char line[8192];
	size_t n = 0;
	FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
	volatile unsigned long sink = 0;

	if (file == NULL)
		return 64;
	while (n < MAX_REPLIES && fgets(line, sizeof(line), file) != NULL)
	{
		char *host = strchr(line, '\t');
		char *text = host == NULL ? NULL : strchr(host + 1, '\t');

		if (line[0] == '#' || text == NULL || strncmp(line, "rcpt\t", 5) != 0)
			continue;
		host++;
		text++;
		providers[n] = ev_provider_of_host(host, (size_t) (text - 1 - host));
		n += read_reply(text, strcspn(text, "\t\n"), &replies[n]);
	}
	fclose(file);
	if (n < 100)
		return 65;
	for (int round = 0; round < atoi(argv[2]); round++)
	{
		unsigned long sum = 0;
		double t0 = cpu_ns();
		double t1;

		for (int again = 0; again < 100; again++)
			for (size_t i = 0; i < n; i++)
				for (size_t k = 0; k < replies[i].text_len; k++)
					sum = sum * 31 + (unsigned char) replies[i].text[k];
		t1 = cpu_ns();
		for (int again = 0; again < 100; again++)
			for (size_t i = 0; i < n; i++)
			{
				struct ev_finding finding;

				ev_classify(&replies[i], EV_STAGE_RCPT, providers[i], false, &terms, &finding);
				sum += finding.reason;
			}
		sink += sum;
		printf("%.1f %.1f\n", (t1 - t0) / 100 / (double) n, (cpu_ns() - t1) / 100 / (double) n);
	}
	(void) sink;
	return 0;
}
