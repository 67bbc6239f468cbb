/*
 * vocabulary.h
 *	  A verdict in the words of another system.  Total: every verdict has a word in each.
 */
#ifndef EV_VOCABULARY_H
#define EV_VOCABULARY_H

#include "engine/verdict.h"

enum ev_vocabulary
{
	EV_VOCABULARY_EMAILHIPPO,    /* main status and additional status */
	EV_VOCABULARY_BOUNCELESS,    /* term and code */
	EV_VOCABULARY_BILLIONVERIFY, /* status and reason */
	EV_N_VOCABULARY
};

struct ev_words
{
	const char *status;
	const char *code;  /* NULL: that system has a status for it and no code */
	const char *group; /* of the code, Bounceless: "valid" or "invalid"; NULL in the others */
};

/* The words of *verdict, whose reason, detail and status are in range; static strings. */
extern struct ev_words ev_words_of(const struct ev_verdict *verdict, enum ev_vocabulary vocabulary);

/* "emailhippo", "bounceless", "billionverify"; length n.  False when there is no such vocabulary. */
extern bool ev_vocabulary_by_label(const char *label, size_t n, enum ev_vocabulary *out);

#endif
