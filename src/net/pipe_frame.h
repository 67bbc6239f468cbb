/*
 * pipe_frame.h
 *	  The messages of prober.h as bytes, between a prober's process and the one that uses it.
 *
 * A frame is a header (length of what follows, type) and fields in the order of the structs: numbers
 * in the byte order of the machine, texts with their length.  Both ends are of the same build:
 * EV_FRAME_PROTOCOL says so.  What the prober's process sends is a stranger's word: decoding it
 * checks every length, range and character, so that a decoded message is as sound as one that was
 * made here; it may still be a lie.
 */
#ifndef EV_PIPE_FRAME_H
#define EV_PIPE_FRAME_H

#include "net/prober.h"

#define EV_FRAME_HEADER 4
#define EV_FRAME_BODY   4092
#define EV_FRAME_SIZE   (EV_FRAME_HEADER + EV_FRAME_BODY)

enum ev_frame_type
{
	/* to the prober */
	EV_FRAME_CONFIG = 1, /* the first one: it sets up */
	EV_FRAME_POLICIES,   /* so many policies follow, in place of all earlier ones */
	EV_FRAME_POLICY,
	EV_FRAME_RULES, /* so many rules for replies follow, in place of all earlier ones */
	EV_FRAME_RULE,
	EV_FRAME_REQUEST,
	EV_FRAME_EXAMINE,
	EV_FRAME_FORGET,
	EV_FRAME_CANCEL,
	EV_FRAME_PING,

	/* from the prober */
	EV_FRAME_HELLO, /* the first one: it is set up and confined */
	EV_FRAME_PONG,
	EV_FRAME_STATS,
	EV_FRAME_RESULT,
	EV_FRAME_DOMAIN_FACT,
	EV_FRAME_HOST_FACT,
	EV_FRAME_TRACE,
	EV_FRAME_FINDING,
	EV_FRAME_EGRESS
};

/* Differs between builds that would not understand each other. */
extern uint32_t ev_frame_protocol(void);

/*
 * Make a frame in buf (EV_FRAME_SIZE bytes); returns its length.
 */
extern size_t ev_frame_empty(uint8_t *buf,
                             enum ev_frame_type type); /* FORGET, CANCEL, PING, PONG */
extern size_t ev_frame_number(uint8_t *buf, enum ev_frame_type type, uint32_t number);
extern size_t ev_frame_config(uint8_t *buf, const struct ev_prober_config *config);
extern size_t ev_frame_policy(uint8_t *buf, const struct ev_mx_policy *policy);
extern size_t ev_frame_rule(uint8_t *buf, const struct ev_site_rule *rule);
extern size_t ev_frame_request(uint8_t *buf, const struct ev_request *request);
extern size_t ev_frame_examine(uint8_t *buf, const struct ev_health_request *request);
extern size_t ev_frame_hello(uint8_t *buf, uint32_t confinement);

/* busy: something is under way, if only good-byes. */
extern size_t ev_frame_stats(uint8_t *buf, const struct ev_prober_stats *stats, bool busy);
extern size_t ev_frame_message(uint8_t *buf, const struct ev_message *message); /* all but END */

/*
 * Take a frame apart: n bytes of body.  NULL, or in a few words (constant) what is wrong with it.
 */
extern const char *ev_frame_read_empty(const uint8_t *body, size_t n);
extern const char *ev_frame_read_number(const uint8_t *body, size_t n, uint32_t *number);
extern const char *ev_frame_read_config(const uint8_t *body, size_t n,
                                        struct ev_prober_config *config);
extern const char *ev_frame_read_policy(const uint8_t *body, size_t n, struct ev_mx_policy *policy);
extern const char *ev_frame_read_rule(const uint8_t *body, size_t n, struct ev_site_rule *rule);
extern const char *ev_frame_read_request(const uint8_t *body, size_t n, struct ev_request *request);
extern const char *ev_frame_read_examine(const uint8_t *body, size_t n,
                                         struct ev_health_request *request);
extern const char *ev_frame_read_hello(const uint8_t *body, size_t n, uint32_t *confinement);
extern const char *ev_frame_read_stats(const uint8_t *body, size_t n, struct ev_prober_stats *stats,
                                       bool *busy);

/* RESULT, DOMAIN_FACT, HOST_FACT, TRACE, FINDING and EGRESS. */
extern const char *ev_frame_read_message(enum ev_frame_type type, const uint8_t *body, size_t n,
                                         struct ev_message *message);

#endif
