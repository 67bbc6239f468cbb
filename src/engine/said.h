/*
 * said.h
 *	  A sentence about a delivery taken apart: who said what, to which command, with which codes.
 *
 * Mail systems wrap a peer's reply into words of their own ("host mx.example[192.0.2.1] said: 550
 * …", "SMTP error from remote mail server after RCPT TO:<…>: …", "<<< 550 …"), or have only words of
 * their own ("Connection timed out").
 */
#ifndef EV_SAID_H
#define EV_SAID_H

#include "engine/reply.h"
#include "engine/slice.h"

enum ev_said_stage
{
	EV_SAID_UNKNOWN,
	EV_SAID_CONNECT,
	EV_SAID_GREETING,
	EV_SAID_EHLO,
	EV_SAID_STARTTLS,
	EV_SAID_AUTH,
	EV_SAID_MAIL,
	EV_SAID_RCPT,
	EV_SAID_DATA /* the DATA command, the message, its end */
};

struct ev_said
{
	struct ev_slice all;   /* without its type ("smtp;") */
	struct ev_slice reply; /* from the reply code or its text on; empty when there is none */
	struct ev_slice host;  /* of the peer, a name or an address; empty when not told */
	uint16_t code;         /* 0: none */
	struct ev_enhanced enhanced;
	enum ev_said_stage stage;
	bool quoted; /* the words around it say that a peer replied so */
};

/* Take a sentence apart.  Slices point into it. */
extern void ev_said_parse(struct ev_slice said, struct ev_said *out);

/*
 * The text of the reply, or all that was said, as the text of an ev_reply with these codes: codes of
 * continuation lines left out, lines divided by LF.  What there is no room for is left out.
 */
extern void ev_said_reply(const struct ev_said *said, struct ev_reply *out);

/* "rcpt", "data", "mail", … (any case); false when it is none. */
extern bool ev_said_stage_by_label(struct ev_slice label, enum ev_said_stage *out);

/*
 * The host that is named in some words before a reply; empty when there is none.  pairs are those of the
 * words, or of more.
 */
extern struct ev_slice ev_said_find_host(struct ev_slice words, const struct ev_slice_pairs *pairs);

/* The command, or the moment, that some words name.  pairs likewise. */
extern enum ev_said_stage ev_said_find_stage(struct ev_slice words,
                                             const struct ev_slice_pairs *pairs);

#endif
