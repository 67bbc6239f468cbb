/*
 * corpus.h
 *	  Replies as strings, for the tests of mask, classify and judge.
 */
#ifndef EV_CORPUS_H
#define EV_CORPUS_H

#include "unit.h"

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

#endif
