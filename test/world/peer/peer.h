/*
 * peer.h
 *		Types shared by the files of the scripted SMTP peer.
 *
 * The peer is one process and one libuv loop.  A listener is one address with one behaviour
 * (PeerConf); a session is one connection to it.  Behaviour is plain data in fixed-size arrays,
 * so that "restore" is a struct copy and nothing in a session points into text that a control
 * command may replace.
 *
 * Reply texts are kept as they were written (with \n, \xHH and %r) and expanded when they are
 * sent; see peer_text.c.
 *
 * Who calls whom: listen -> session -> rules, reply -> out -> tls.  Everybody may count (stats).
 */
#ifndef WORLD_PEER_H
#define WORLD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include <openssl/ssl.h>

#define PEER_TEXT     512   /* longest configured reply */
#define PEER_EXPANDED 4096  /* longest reply after expansion */
#define PEER_LINE     4096  /* longest command line taken */
#define PEER_OUT_MAX  65536 /* unanswered output at which reading stops */

/* Where in a conversation something happens.  X(symbol, word in config keys and counters) */
#define PEER_STAGES(X)                                                                             \
	X(BANNER, banner)                                                                              \
	X(EHLO, ehlo)                                                                                  \
	X(HELO, helo)                                                                                  \
	X(STARTTLS, starttls)                                                                          \
	X(MAIL, mail)                                                                                  \
	X(RCPT, rcpt)                                                                                  \
	X(DATA, data)                                                                                  \
	X(RSET, rset)                                                                                  \
	X(NOOP, noop)                                                                                  \
	X(VRFY, vrfy)                                                                                  \
	X(EXPN, expn)                                                                                  \
	X(QUIT, quit)                                                                                  \
	X(OTHER, other)

typedef enum PeerStage
{
#define X(sym, word) ST_##sym,
	PEER_STAGES(X)
#undef X
		ST_COUNT
} PeerStage;

/* Counters, kept per listener and in total.  The cmd_* ones follow PeerStage. */
#define PEER_COUNTERS(X)                                                                           \
	X(sessions)      /* connections accepted */                                                    \
	X(current)       /* open now */                                                                \
	X(peak)          /* most open at once */                                                       \
	X(commands)      /* command lines of any kind */                                               \
	X(rcpt_accepted) /* 2xx at RCPT */                                                             \
	X(rcpt_tempfail) /* 4xx at RCPT */                                                             \
	X(rcpt_refused)  /* 5xx at RCPT */                                                             \
	X(transactions)  /* MAIL accepted */                                                           \
	X(max_rcpt)      /* most RCPTs in one transaction */                                           \
	X(max_session)   /* most RCPTs in one session */                                               \
	X(groups)        /* reads that held at least one command */                                    \
	X(pipelined)     /* groups of two commands or more */                                          \
	X(max_group)     /* most commands in one group */                                              \
	X(tls)           /* TLS handshakes completed */                                                \
	X(tls_failed)    /* TLS handshakes that failed */                                              \
	X(early)         /* sessions in which the client spoke before the banner */                    \
	X(quits)         /* sessions that said QUIT */                                                 \
	X(lost)          /* client went away without QUIT and before we closed */                      \
	X(rsts)          /* connections the client reset */                                            \
	X(hung_up)       /* sessions this side ended */                                                \
	X(overlong)      /* command lines longer than PEER_LINE */

typedef struct PeerStats
{
#define X(name) uint64_t name;
	PEER_COUNTERS(X)
#undef X
	uint64_t cmd[ST_COUNT];
} PeerStats;

typedef enum PeerTlsMode
{
	TLSM_OK,
	TLSM_BROKEN, /* 220, then garbage instead of a handshake */
	TLSM_INJECT, /* plain text after the 220, in the same segment */
	TLSM_HANG,   /* 220, then silence */
	TLSM_CLOSE   /* 220, then the connection ends */
} PeerTlsMode;

typedef struct PeerConf
{
	char host[128]; /* %h */
	char ext[256];  /* EHLO keywords, comma separated */
	char users[256];
	char reply[ST_COUNT][PEER_TEXT]; /* forced replies, empty = natural one */
	char unsolicited[ST_COUNT][128]; /* said after that stage's reply, unasked */
	int delay_ms[ST_COUNT];          /* on top of latency_ms */
	int latency_ms;
	int ehlo;
	int catch_all;
	int tls_require;
	int max_rcpt;   /* recipients in a transaction, then 452 */
	int max_conn;   /* connections at once, then 421 */
	int fail_conns; /* the first N connections are greeted with 421 */
	int greylist_s;
	int close_after;      /* end after N commands */
	int rcpt_421_after;   /* 421 after N recipients in a session */
	int drip_ms;          /* one byte at a time */
	int chunk;            /* or so many bytes at a time ... */
	int chunk_ms;         /* ... with this pause */
	int lf;               /* bare LF line ends */
	int rst;              /* end with RST instead of FIN */
	int blackhole;        /* never completes a handshake */
	int optional;         /* no error if the address cannot be bound */
	unsigned hang;        /* sets of stages: no answer from here on, */
	unsigned close;       /* connection ends instead of an answer, */
	unsigned flood_line;  /* a line without end, */
	unsigned flood_reply; /* a multi-line reply without end, */
	unsigned garbage;     /* binary noise */
	PeerTlsMode tls;
} PeerConf;

typedef struct PeerSession PeerSession;

typedef struct PeerListener
{
	struct PeerListener *next;
	char name[64];
	char addr[48];
	PeerConf conf;
	PeerConf original; /* as in the file */
	PeerStats stats;
	uv_tcp_t tcp;
	bool bound;
	int fail_left;
} PeerListener;

/* What to do once an output item has been written. */
typedef enum PeerAction
{
	ACT_NONE,
	ACT_END, /* FIN, or RST if the listener says so */
	ACT_RST,
	ACT_STARTTLS,
	ACT_TLS_BROKEN,
	ACT_FLOOD_LINE,
	ACT_FLOOD_REPLY
} PeerAction;

typedef struct PeerOut
{
	struct PeerOut *next;
	uint64_t due;
	size_t len;
	size_t off;
	PeerAction after;
	char data[];
} PeerOut;

struct PeerSession
{
	uv_tcp_t tcp;
	uv_timer_t timer;
	int handles; /* still to be closed before this can be freed */
	PeerListener *l;
	uint64_t id;
	char client[48];
	char ehlo[256];
	char mail[512];
	char line[PEER_LINE];
	size_t line_len;
	bool line_skip; /* inside an overlong line */
	PeerOut *head;
	PeerOut *tail;
	size_t out_bytes;
	size_t writing; /* bytes handed to libuv, not yet written */
	uint64_t last_due;
	uint64_t group_due;
	int group;
	uint64_t flooded;
	PeerAction flooding;
	SSL *ssl;
	bool tls_up;
	bool await_tls;  /* STARTTLS agreed, 220 not sent yet */
	bool tls_broken; /* answer the ClientHello with noise */
	bool smtputf8;
	bool helo_done;
	bool mail_done;
	bool greeted;
	bool paused;
	bool mute; /* input is read and forgotten */
	bool quit;
	bool ending; /* this side has ended it */
	bool closed;
	int commands;
	int rcpts; /* in this transaction */
	int rcpts_session;
};

typedef struct PeerVerdict
{
	char text[PEER_TEXT]; /* not yet expanded */
	int delay_ms;
	bool close;
	bool rst;
	bool hang;
} PeerVerdict;

/* One per process */
typedef struct Peer
{
	uv_loop_t *loop;
	PeerListener *listeners;
	PeerStats total;
	PeerConf defaults;
	SSL_CTX *tls;
	int smtp_port;
	int ctl_port;
	uint64_t next_id;
} Peer;

extern Peer peer;

/* peer_conf.c */
extern const char *const peer_stage_word[ST_COUNT];
extern bool peer_conf_load(const char *path);
extern bool peer_conf_set(PeerConf *c, const char *assignment, char *err, size_t errlen);
extern int peer_conf_words(char *line, char **words, int max);

/* peer_text.c */
extern size_t peer_text_expand(const PeerSession *s, const char *rcpt, const char *text, char *out,
                               size_t size);

/* peer_rules.c */
extern bool peer_rule_add(const char *listener, const char *rcpt, const char *reply, bool runtime);
extern void peer_rules_reset_state(void);
extern void peer_rules_restore(void);
extern void peer_rules_verdict(PeerSession *s, const char *rcpt, PeerVerdict *v);

/* peer_stats.c */
extern void peer_log_rcpt(const PeerSession *s, const char *rcpt, const char *reply);
extern void peer_stats_reset(void);
extern size_t peer_stats_print(const char *glob, char *out, size_t size);
extern size_t peer_log_print(int n, char *out, size_t size);

/* Count in the listener and in the total. */
#define PEER_COUNT(l, name) ((l)->stats.name++, peer.total.name++)
#define PEER_MAX(l, name, value)                                                                   \
	do                                                                                             \
	{                                                                                              \
		uint64_t v_ = (uint64_t) (value);                                                          \
		if (v_ > (l)->stats.name)                                                                  \
			(l)->stats.name = v_;                                                                  \
		if (v_ > peer.total.name)                                                                  \
			peer.total.name = v_;                                                                  \
	} while (0)

/* peer_listen.c */
extern bool peer_listen_all(void);
extern void peer_session_close(PeerSession *s, bool rst);
extern void peer_session_pace(PeerSession *s);

/* peer_reply.c */
extern PeerAction peer_ending(const PeerSession *s);
extern char peer_answer(PeerSession *s, PeerStage st, const char *rcpt, const char *natural,
                        int delay_ms, PeerAction after);

/* peer_session.c */
extern void peer_session_start(PeerSession *s);
extern void peer_session_input(PeerSession *s, const char *data, size_t len);

/* peer_out.c */
extern void peer_out_push(PeerSession *s, const char *data, size_t len, int delay_ms,
                          PeerAction after);
extern void peer_out_run(PeerSession *s);
extern void peer_out_free(PeerSession *s);
extern bool peer_write_raw(PeerSession *s, const char *data, size_t len);

/* peer_tls.c */
extern bool peer_tls_setup(const char *cert, const char *key);
extern bool peer_tls_start(PeerSession *s);
extern void peer_tls_input(PeerSession *s, const char *data, size_t len);
extern bool peer_tls_write(PeerSession *s, const char *data, size_t len);
extern void peer_tls_bye(PeerSession *s);
extern void peer_tls_free(PeerSession *s);

/* peer_ctl.c */
extern bool peer_ctl_listen(int port);

#endif /* WORLD_PEER_H */
