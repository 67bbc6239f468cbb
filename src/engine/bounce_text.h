/*
 * bounce_text.h
 *	  What the readers of bounces in words of their own share.
 *
 * bounce_text.c decides whether it is a bounce and whose; bounce_text_list.c reads addresses with
 * words behind them, which most of these formats are; bounce_text_sendmail.c reads transcripts;
 * bounce_text_said.c finds in some words what the mail system said; bounce_text_rows.c judges it.
 */
#ifndef EV_BOUNCE_TEXT_H
#define EV_BOUNCE_TEXT_H

#include "engine/bounce_internal.h"

#define EV_TEXT_ROWS_MAX EV_BOUNCE_ROWS_MAX

/* A bounce being read. */
struct ev_text
{
	const struct ev_bounce_input *input;
	struct ev_slice text;   /* what the mail system wrote, without the message that came back */
	struct ev_slice quoted; /* that message, when it stands in the text; else empty */
	struct ev_slice own;    /* header To of the bounce: whoever sent the message that came back */
	const char *format;
	uint8_t confidence;
	bool delay; /* it is still being tried */
	bool
		guessed; /* nothing but its looks says that it is a bounce: believe no address without a reason */
};

/* Somebody the bounce speaks of. */
struct ev_text_recipient
{
	struct ev_slice address;
	struct ev_slice original; /* what it was made of, by an alias; empty when not told */
	struct ev_slice words;    /* what stands behind it, up to the next one */
	uint32_t hash;            /* of the address */
};

struct ev_text_recipients
{
	size_t n;
	struct ev_text_recipient list[EV_TEXT_ROWS_MAX];
};

/* How much some words tell. */
enum ev_text_worth
{
	EV_WORTH_NOTHING,
	EV_WORTH_WORDS,  /* some words, no more */
	EV_WORTH_PHRASE, /* a sentence of bounce_text_failures.def */
	EV_WORTH_CODE    /* a reply or enhanced status code */
};

/*
 * Of some words of a bounce, those that tell why: the paragraph with a reply code, or else with a
 * sentence that is known, or else the first one.
 */
extern enum ev_text_worth ev_text_said(struct ev_slice words, struct ev_slice *said);

/* Offset of the first reply code (4xx, 5xx) or enhanced status code that is meant as such. */
extern bool ev_text_find_code(struct ev_slice words, size_t *at);

/*
 * The sentence of bounce_text_failures.def met first, and the status code of the first one that names a
 * cause: 5.0.0 when none does.  False when there is no sentence.
 */
extern bool ev_text_find_failure(struct ev_slice words, size_t *at, struct ev_enhanced *status);

/*
 * The first address in some words that can be a recipient's: with a domain of two labels or more, not
 * that of a postmaster or daemon.  *behind is the offset behind it and its bracket.
 */
extern bool ev_text_find_address(struct ev_slice words, struct ev_slice *address, size_t *behind);

/* The same with postmasters and daemons: where the format says that what stands there is a recipient. */
extern bool ev_text_find_recipient(struct ev_slice words, struct ev_slice *address, size_t *behind);

/* Is it whom prose names as somebody who could help: postmaster@, support@, abuse@ …? */
extern bool ev_text_is_role(struct ev_slice address);

/* Is it the same address?  Case does not matter. */
extern bool ev_text_same_address(struct ev_slice a, struct ev_slice b);

/* Add somebody, if not there yet.  NULL when there is no more room. */
extern struct ev_text_recipient *ev_text_recipient_add(struct ev_text_recipients *recipients,
                                                       struct ev_slice address);

/* Add a row for one of all the recipients; false when there is no more room. */
extern bool ev_text_add_row(const struct ev_text *text, const struct ev_text_recipient *recipient,
                            const struct ev_text_recipients *all, struct ev_bounce_rows *rows);

/*
 * Judge a row again by a sentence of bounce_text_failures.def, if what was said left open why; its
 * enhanced status code stays as it was told.
 */
extern void ev_text_diagnose_open(struct ev_bounce *row, struct ev_slice said,
                                  struct ev_bounce_work *work);

/* bounce_text_group.c: is it the notice of a group's, and if so and no reply is quoted, what it says. */
extern bool ev_text_is_group_notice(struct ev_slice text);
extern void ev_text_diagnose_group(struct ev_bounce *row, struct ev_slice text);

/* Readers of the text; they add recipients, none when they find none. */
extern void ev_text_read_list(const struct ev_text *text, struct ev_text_recipients *recipients);
extern void ev_text_read_sentences(const struct ev_text *text,
                                   struct ev_text_recipients *recipients);
extern void ev_text_read_sendmail(const struct ev_text *text,
                                  struct ev_text_recipients *recipients);

#endif
