/*
 * bounce.h
 *	  What does a bounce, a log line or a provider's event say about whom?
 *
 * Any bytes go in: a whole message (RFC 5322, RFC 3464 multipart/report or one of the formats that
 * mail systems have of their own), a line of a mail log, a JSON event.  Out come rows, one for each
 * recipient that is spoken of.  What cannot be read gives no row; nothing is ever an error.
 *
 * The engine neither allocates nor looks anything up: the caller brings the room.
 */
#ifndef EV_BOUNCE_H
#define EV_BOUNCE_H

#include "engine/bounce_json.h"
#include "engine/event_format.h"
#include "engine/mail_date.h"
#include "engine/site_rules.h"

#define EV_BOUNCE_RECIPIENT_MAX  512
#define EV_BOUNCE_DIAGNOSTIC_MAX 1000
#define EV_BOUNCE_QUEUE_ID_MAX   63
#define EV_BOUNCE_ROWS_MAX       1000                /* recipients of one message */
#define EV_BOUNCE_MESSAGE_MAX    (64u * 1024 * 1024) /* longer ones are refused */
#define EV_BOUNCE_DEPTH_MAX      16                  /* parts within parts */
#define EV_BOUNCE_PARTS_MAX      256
#define EV_BOUNCE_TEXT_MAX       (256u * 1024) /* decoded text that is looked at */

/* Action field of RFC 3464 2.3.3. */
enum ev_bounce_action
{
	EV_ACTION_NONE,
	EV_ACTION_FAILED,
	EV_ACTION_DELAYED,
	EV_ACTION_DELIVERED,
	EV_ACTION_RELAYED,
	EV_ACTION_EXPANDED
};

/* What the cause lies in.  Hard is not "about the recipient". */
enum ev_bounce_scope
{
	EV_SCOPE_NONE,
	EV_SCOPE_MAILBOX,
	EV_SCOPE_DOMAIN,
	EV_SCOPE_MESSAGE,    /* content, size, spam, virus, authentication */
	EV_SCOPE_OUR_IP,     /* block, reputation, reverse DNS of the sending host */
	EV_SCOPE_OUR_DOMAIN, /* sender, SPF, DKIM, DMARC */
	EV_SCOPE_ROUTE,      /* connections, DNS trouble, loops, their system */
	EV_SCOPE_POLICY
};

enum ev_bounce_permanence
{
	EV_PERMANENCE_NONE, /* it is no failure */
	EV_PERMANENCE_HARD,
	EV_PERMANENCE_SOFT,
	EV_PERMANENCE_DELAYED, /* still being tried */
	EV_PERMANENCE_EXPIRED  /* given up after trying; the cause is that of the last reply */
};

enum ev_bounce_refuser
{
	EV_REFUSED_BY_NONE,
	EV_REFUSED_BY_REMOTE,    /* a mail server of the recipient's said it */
	EV_REFUSED_BY_REPORTING, /* the server that wrote the report, which had accepted the message */
	EV_REFUSED_BY_LOCAL      /* our own mail system */
};

enum ev_bounce_kind
{
	EV_KIND_DSN, /* a failure */
	EV_KIND_DELAY,
	EV_KIND_SUCCESS,
	EV_KIND_RELAYED,
	EV_KIND_EXPANDED,
	EV_KIND_MDN,            /* RFC 8098: somebody's program says what became of a message */
	EV_KIND_AUTO_REPLY,     /* vacation, out of office */
	EV_KIND_CHALLENGE,      /* prove that you are human */
	EV_KIND_ADDRESS_CHANGE, /* a person tells a new address */
	EV_KIND_ARF,            /* RFC 5965: a complaint */
	EV_KIND_REPORT,         /* DMARC, TLS and other reports about many messages */
	EV_KIND_SUBSCRIPTION,   /* list managers */
	EV_KIND_NOT_SENT,       /* the sender itself refused to send it; nobody else was asked */
	EV_N_BOUNCE_KIND
};

struct ev_bounce
{
	char original_recipient[EV_BOUNCE_RECIPIENT_MAX +
	                        1]; /* xtext and utf-8 undone; "" when not told */
	char final_recipient[EV_BOUNCE_RECIPIENT_MAX + 1]; /* idem */
	char remote_mta[EV_HOST_MAX + 1];
	char diagnostic[EV_BOUNCE_DIAGNOSTIC_MAX + 1]; /* ASCII with escapes */
	enum ev_bounce_action action;
	struct ev_enhanced enhanced;
	uint16_t reply_code;       /* 0: none */
	struct ev_verdict verdict; /* means nothing while rule is "": nothing was said about delivery */
	char rule[EV_RULE_MAX + 1]; /* stable id of the rule that decided */
	enum ev_bounce_scope scope;
	enum ev_bounce_permanence permanence;
	enum ev_bounce_refuser refused_by;
	bool async; /* refused after it had been accepted: a message came back, not a reply */
	enum ev_bounce_kind kind;
	uint8_t
		confidence; /* 0 to 100: how sure the reading is, not whether the sender is who it claims */
	char reporting_mta[EV_HOST_MAX +
	                   1]; /* of the message: who writes the report; "" when not told */
	char queue_id[EV_BOUNCE_QUEUE_ID_MAX + 1]; /* there */
	char sender[EV_BOUNCE_RECIPIENT_MAX + 1];  /* of the envelope */
	int64_t arrival;      /* there; seconds of ev_mail_date(), EV_MAIL_DATE_NONE when not told */
	int64_t last_attempt; /* to deliver to this recipient; of an event: when it happened */
	int64_t will_retry_until; /* of a delay */
	const char *format;       /* static: "rfc3464", "qmail", "postfix_log", "ses_json", … */
};

/* Was it an event, though it may have given no row? */
enum ev_bounce_event
{
	EV_EVENT_NONE,
	EV_EVENT_UNKNOWN, /* objects that no format fits */
	EV_EVENT_KNOWN
};

/*
 * Room for one message; the caller's, some 800 kB.  Only `stop`, `site` and `formats` are to be set:
 * where stop is not NULL, reading ends without rows soon after the number it points to is no longer 0.
 */
struct ev_bounce_work
{
	const volatile int *stop;
	const struct ev_site_rules *site;       /* the site's own rules for replies; NULL for none */
	const struct ev_event_formats *formats; /* of the site's own senders; NULL for none */
	enum ev_bounce_event event;             /* set by ev_bounce_read() */
	char text[EV_BOUNCE_TEXT_MAX + 1];
	char more[EV_BOUNCE_TEXT_MAX + 1];
	struct ev_reply reply;
	struct ev_json json;
};

/*
 * Read a message, log line or event of n bytes.  Returns the number of rows filled, at most max; 0
 * when it is none of what is known, or longer than EV_BOUNCE_MESSAGE_MAX.
 */
extern size_t ev_bounce_read(const char *message, size_t n, struct ev_bounce_work *work,
                             struct ev_bounce *rows, size_t max);

/*
 * Is it no message but a reply by itself ("550 5.1.1 …")?  Is it what ev_bounce_read() reads, and no reply: a
 * message with headers, a report or an event?
 */
extern bool ev_bounce_is_bare_reply(struct ev_slice text);
extern bool ev_bounce_is_whole(struct ev_slice text);

extern const char *ev_bounce_action_label(enum ev_bounce_action action);       /* NULL for NONE */
extern const char *ev_bounce_scope_label(enum ev_bounce_scope scope);          /* idem */
extern const char *ev_bounce_permanence_label(enum ev_bounce_permanence p);    /* idem */
extern const char *ev_bounce_refuser_label(enum ev_bounce_refuser refused_by); /* idem */
extern const char *ev_bounce_kind_label(enum ev_bounce_kind kind);

#endif
