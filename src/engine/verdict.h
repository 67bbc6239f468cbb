/*
 * verdict.h
 *	  A verdict and the evidence it stands on.  Plain data: copied by value, no pointers.
 */
#ifndef EV_VERDICT_H
#define EV_VERDICT_H

#include "engine/reason.h"

#define EV_LOCAL_MAX     64  /* octets of a local part, RFC 5321 4.5.3.1.1 */
#define EV_DOMAIN_MAX    253 /* octets of a domain name without its final dot */
#define EV_ADDRESS_MAX   254 /* octets of an address, RFC 3696 erratum 1690 */
#define EV_HOST_MAX      253
#define EV_IP_TEXT_MAX   45  /* INET6_ADDRSTRLEN - 1 */
#define EV_PEER_TEXT_MAX 400 /* octets of peer text that are kept with a verdict, after escaping */
#define EV_ENHANCED_MAX  11  /* "5.123.123" and some room */
#define EV_RULE_MAX      31

/* Where in the way to an answer the decisive thing happened. */
enum ev_stage
{
	EV_STAGE_NONE,
	EV_STAGE_SYNTAX,
	EV_STAGE_DATA,
	EV_STAGE_DNS,
	EV_STAGE_CONNECT,
	EV_STAGE_GREETING,
	EV_STAGE_EHLO,
	EV_STAGE_STARTTLS,
	EV_STAGE_MAIL,
	EV_STAGE_RCPT,
	EV_STAGE_RANDOM_RCPT,
	EV_STAGE_RSET,
	EV_STAGE_QUIT,
	EV_N_STAGE
};

extern const char *ev_stage_label(enum ev_stage stage); /* "greeting", …; NULL for NONE */

struct ev_verdict
{
	enum ev_status status; /* of the reason, or ROLE in its place */
	enum ev_reason reason;
	enum ev_detail detail;
};

/* The status that belongs to a reason; all of it but the role rule (VERDICT of a role mailbox). */
extern struct ev_verdict ev_verdict_of(enum ev_reason reason, enum ev_detail detail);

/* A role mailbox is shown as such when its status would be valid, risky or catchall. */
extern void ev_verdict_apply_role(struct ev_verdict *verdict, bool is_role);

/* Would ev_verdict_apply_role() change it, were the address one of a function? */
extern bool ev_verdict_heeds_role(const struct ev_verdict *verdict);

/* Put a rule's id into a field for one (EV_RULE_MAX + 1 bytes); what does not fit is cut. */
extern void ev_rule_set(char *field, const char *id);

/* What the verdict stands on.  Texts are NUL-terminated printable ASCII, "" when there is none. */
struct ev_evidence
{
	uint8_t stage;                      /* enum ev_stage */
	bool tls;                           /* the session was encrypted when it was said */
	uint16_t code;                      /* basic reply code, 0 when there was no reply */
	char enhanced[EV_ENHANCED_MAX + 1]; /* "5.1.1", sanitised against the code */
	char rule[EV_RULE_MAX + 1];         /* stable id of the rule that decided */
	char host[EV_HOST_MAX + 1];         /* MX host name */
	char address[EV_IP_TEXT_MAX + 1];   /* its IP address */
	char text[EV_PEER_TEXT_MAX + 1];    /* what the peer said, escaped and cut */
};

#endif
