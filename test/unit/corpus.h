/*
 * corpus.h
 *	  Replies as strings, for the tests of mask, classify and judge.
 */
#ifndef EV_CORPUS_H
#define EV_CORPUS_H

#include "unit.h"

#include <stdlib.h>

#include "engine/classify.h"

/* What we said to the peer in all of these tests. */
static const struct ev_mask_terms corpus_terms = {
	.local = "john.doe",
	.domain = "corp.com",
	.sender = "check@lab.example.com",
	.helo = "probe.lab.example.com",
	.source_ip = "192.0.2.1",
	.mx_host = "mx.corp.com",
	.mx_ip = "198.51.100.25",
};

/* Read "550 text" or "550-text\n550 text" as the session would. */
static inline void
corpus_reply(const char *text, struct ev_reply *out)
{
	static struct ev_reply_reader reader;
	size_t used;

	ev_reply_reader_init(&reader);
	for (const char *p = text; *p != '\0';)
	{
		size_t n = strcspn(p, "\n");

		if (ev_reply_feed(&reader, p, n, &used, out) != EV_READ_MORE)
			fail_msg("%s: no reply", text);
		p += n;
		if (ev_reply_feed(&reader, "\r\n", 2, &used, out) == EV_READ_REPLY)
			return;
		p += *p == '\n';
	}
	fail_msg("%s: no whole reply", text);
}

static inline void
corpus_classify(const char *text, enum ev_stage stage, const char *host, bool eai,
                const struct ev_mask_terms *terms, struct ev_finding *out)
{
	struct ev_reply reply;

	corpus_reply(text, &reply);
	ev_classify(&reply, stage, ev_provider_of_host(host, strlen(host)), eai, terms, out);
}

/* One line of the corpus; its texts are the caller's to change, and end with the call. */
struct corpus_row
{
	enum ev_stage stage;
	bool eai;
	char *host;
	char *reply; /* LF between its lines */
	char *reason;
	char *detail;
	char *source;
};

static inline enum ev_stage
corpus_stage(const char *label, size_t n)
{
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
		if (strlen(ev_stage_label((enum ev_stage) i)) == n &&
		    memcmp(ev_stage_label((enum ev_stage) i), label, n) == 0)
			return (enum ev_stage) i;
	fail_msg("no stage %.*s", (int) n, label);
	return EV_STAGE_NONE;
}

/* \n stands for a line end, \xHH for a byte. */
static inline void
corpus_unescape(char *text)
{
	char *out = text;

	for (char *in = text; *in != '\0'; in++)
		if (in[0] == '\\' && in[1] == 'n')
			*out++ = '\n', in++;
		else if (in[0] == '\\' && in[1] == 'x')
		{
			char hex[] = {in[2], in[3], '\0'};

			*out++ = (char) strtol(hex, NULL, 16), in += 3;
		}
		else
			*out++ = *in;
	*out = '\0';
}

/* Hand each line of the corpus of replies to visit(); returns how many there are. */
static inline int
corpus_each(void (*visit)(struct corpus_row *row))
{
	static char line[8192];
	FILE *file = fopen("test/data/replies.tsv", "r");
	int n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		struct corpus_row row;
		char *stage = line;
		char **const fields[] = {&stage,      &row.host,   &row.reply,
		                         &row.reason, &row.detail, &row.source};
		char *p = line;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		{
			*fields[i] = p;
			p += strcspn(p, "\t");
			if (*p == '\t')
				*p++ = '\0';
		}
		corpus_unescape(row.reply);
		row.eai = strchr(stage, '+') != NULL;
		row.stage = corpus_stage(stage, strcspn(stage, "+"));
		visit(&row);
		n++;
	}
	fclose(file);
	return n;
}

#endif
