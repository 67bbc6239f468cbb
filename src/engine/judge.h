/*
 * judge.h
 *	  From what happened to one recipient to a verdict: the decision table.
 */
#ifndef EV_JUDGE_H
#define EV_JUDGE_H

#include "engine/classify.h"

/* What became of one recipient. */
enum ev_outcome
{
	EV_OUTCOME_REPLY,   /* the peer replied; see finding */
	EV_OUTCOME_CLOSED,  /* the peer closed; stage tells when */
	EV_OUTCOME_TIMEOUT, /* no reply in time; stage tells to what */
	EV_OUTCOME_SESSION_TIMEOUT,
	EV_OUTCOME_REFUSED, /* connection refused */
	EV_OUTCOME_UNREACHABLE,
	EV_OUTCOME_TARGET_REFUSED, /* the guard forbids the address */
	EV_OUTCOME_NO_SOCKET,
	EV_OUTCOME_NO_BIND,
	EV_OUTCOME_TLS, /* TLS was required and failed */
	EV_OUTCOME_GARBAGE,
	EV_OUTCOME_TOO_LONG,
	EV_OUTCOME_CANCELED,  /* we ended the session, for a reason of our own */
	EV_OUTCOME_NOT_ASKED, /* the session ended for a reason of its own before this one's turn */
	EV_OUTCOME_NO_EGRESS, /* nobody at all can be connected to from here */
	EV_OUTCOME_UNSENDABLE /* a name has control characters: it is never sent */
};

/*
 * What is known of made-up recipients at (domain, MX host).  A fact of both, never of the domain
 * alone.
 */
enum ev_random
{
	EV_RANDOM_UNKNOWN,
	EV_RANDOM_REFUSED,   /* 5xx, unknown user */
	EV_RANDOM_ACCEPTED,  /* 2xx: catch-all */
	EV_RANDOM_TEMP_FAIL, /* inconclusive: 4xx or a refusal that is about us */
	EV_RANDOM_TIMEOUT,   /* inconclusive: no reply */
	EV_RANDOM_CLOSED,    /* inconclusive: the connection ended */
	EV_RANDOM_OTHER_HOST /* inconclusive: refused, but by another host than the one that answered now */
};

/*
 * Did the same host, within 24 hours and from the same source, treat another recipient differently?
 */
enum ev_control
{
	EV_CONTROL_NONE,
	EV_CONTROL_ACCEPTED_OTHER, /* it accepted another recipient of this domain */
	EV_CONTROL_REFUSED_ALL /* it refused every recipient, made-up included, with the same text */
};

struct ev_case
{
	enum ev_outcome outcome;
	enum ev_stage stage;
	struct ev_finding finding; /* with EV_OUTCOME_REPLY */
	struct ev_verdict end;     /* with EV_OUTCOME_NOT_ASKED: see ev_judge_end() */
	bool bystander;            /* with EV_OUTCOME_CLOSED: others had been answered by then */
	enum ev_random random;
	bool random_unwanted; /* no made-up recipient was to be asked for */
	enum ev_control control;
	bool random_text_same;     /* the made-up recipient was refused there in the same words */
	enum ev_provider provider; /* names what a catch-all there is called */
	struct ev_trust trust;     /* what decides: ev_provider_trust(), or the site's own word */
};

/*
 * put_back: no verdict, ask again (nothing is said about the recipient); the verdict, never
 * `pending`, is why: what the session ended with. It is of status unknown, and counts once nobody
 * has the patience to ask again. confirm: the verdict says `invalid` on evidence that may not stand alone: relay_denied
 * wants every host of best preference to say so twice, 24 hours apart; a weak mailbox_not_found
 * wants one more attempt after 24 hours.
 */
struct ev_judgement
{
	struct ev_verdict verdict;
	bool put_back;
	bool confirm;
	uint32_t retry_after; /* seconds, a hint of the peer's; 0 for none */
	char rule[EV_RULE_MAX + 1];
};

extern void ev_judge(const struct ev_case *the_case, struct ev_judgement *out);

/*
 * What to say of recipients that were not asked for since the session had ended: the case is that of
 * the end (outcome, stage, finding).  It is of status unknown and never `pending`, and says nothing
 * about anybody's mailbox.
 */
extern struct ev_verdict ev_judge_end(const struct ev_case *end);

/*
 * What the outcome of the made-up recipient makes known; finding counts with EV_OUTCOME_REPLY only.
 */
extern enum ev_random ev_random_from(enum ev_outcome outcome, const struct ev_finding *finding);

#endif
