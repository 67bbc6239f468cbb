/*
 * answer.h
 *	  From what happened to results: evidence is gathered, engine/classify.h and judge.h judge it.
 */
#ifndef EV_ANSWER_H
#define EV_ANSWER_H

#include "net/domain.h"

struct ev_attempt;
struct ev_refrain;
struct ev_session;

/* What one recipient met, and where. */
struct ev_met
{
	const struct ev_smtp_rcpt *rcpt; /* outcome, stage, reply */
	const char *host;
	const char *ip_text;
	const char *source_text;
};

/* Answer one task by the domain's route. */
extern void ev_answer_dns(struct ev_task *task, const struct ev_domain *domain);

/* Answer one task of a domain whose hosts are not connected to. */
extern void ev_answer_refraining(struct ev_task *task, const struct ev_domain *domain,
                                 const struct ev_refrain *why);

/* Answer all pending tasks of a domain that has waited for too long for a session. */
extern void ev_answer_no_session(struct ev_domain *domain);

/* Put one task, or all pending ones of a domain, back: we have stopped.  Their stage is as far as they came. */
extern void ev_answer_canceled(struct ev_task *task, const struct ev_domain *domain,
                               enum ev_stage stage);
extern void ev_answer_canceled_all(struct ev_domain *domain);

/* Answer all pending tasks of a domain: there was no memory. */
extern void ev_answer_internal_all(struct ev_domain *domain);
extern void ev_answer_internal(struct ev_prober *prober, struct ev_task *task,
                               enum ev_detail detail);

/*
 * A session has ended in which the tasks' recipients, in that order, were asked.  Facts are learned
 * first, then the tasks are answered; tasks[i] is set to NULL for each one that is, those left over
 * are to be asked in another session.  Whether all that were asked for have a clear answer.
 */
extern bool ev_answer_session(struct ev_domain *domain, const struct ev_session *session,
                              struct ev_task **tasks, size_t n, bool plain_retry);

/* All of them met the same, before there was a session worth the name. */
extern void ev_answer_failure(struct ev_domain *domain, const struct ev_met *met,
                              struct ev_task **tasks, size_t n);

#endif
