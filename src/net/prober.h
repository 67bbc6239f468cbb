/*
 * prober.h
 *	  The one header of net: takes requests to verify addresses, gives results.
 *
 * Flat messages in, flat messages out, one descriptor to wait on: no callbacks, no pointers across.
 * So the same prober runs in a worker process, behind a socketpair, in email_probe and in tests.
 * It knows nothing of PostgreSQL.  Not thread-safe; opens nothing before ev_prober_create().
 *
 * A caller's loop:
 *		submit(requests)
 *		run()				never blocks
 *		collect(messages)	until it returns 0
 *		wait for fd() to be readable or deadline() to pass, then run() again
 *
 * No signal handlers, no threads, no SIGPIPE.  After the last result a prober may still be busy for
 * some seconds saying good-bye to peers: it is idle when deadline() says -1.
 */
#ifndef EV_PROBER_H
#define EV_PROBER_H

#include "engine/judge.h"
#include "engine/nat64.h"
#include "engine/random_name.h"
#include "engine/site_rules.h"
#include "engine/smtp_client.h"
#include "engine/syntax.h"
#include "engine/verdict.h"

#define EV_DNS_SERVERS_MAX  512
#define EV_DNS_CANARIES_MAX 512
#define EV_CANARIES_AUTO    "auto" /* the large providers', and what is met on the way */
#define EV_KNOWN_HOSTS      8
#define EV_DOMAIN_HOSTS     8

/* What earlier runs learned of made-up recipients at one host of the request's domain. */
struct ev_known_host
{
	uint64_t host_hash;    /* ev_hash() of the lower-case MX host name */
	uint8_t random;        /* enum ev_random: REFUSED or ACCEPTED; others are not told */
	bool accepted_other;   /* it accepted a real recipient of the domain in the last 24 hours */
	uint32_t random_age;   /* seconds since `random` was learned */
	uint64_t random_words; /* how it was refused (engine/same_words.h); 0: not known */
	uint16_t limit;        /* recipients after which it ends sessions; 0: not known */
	uint32_t limit_age;    /* seconds since that was learned */
};

/* Please verify one address. */
struct ev_request
{
	uint64_t id; /* the caller's; comes back with the result */
	struct ev_address address;
	bool dns_only;           /* do not connect to anybody */
	uint8_t dns_only_detail; /* enum ev_detail: why (not_configured, mode_dns, daily_limit …) */
	char random_local[EV_RANDOM_NAME_SIZE]; /* the domain's made-up recipient, "" to choose one */
	char last_ip[EV_IP_TEXT_MAX + 1]; /* asked last time: a grey-list wants the same one; or "" */
	uint8_t n_known;
	struct ev_known_host known[EV_KNOWN_HOSTS];
};

/* The answer to one request: exactly one for each, unless the prober's process ends. */
struct ev_result
{
	uint64_t id;
	struct ev_verdict verdict; /* role not applied */
	struct ev_evidence evidence;
	bool put_back;        /* nobody judged it: ask again; the verdict, never `pending`, is why */
	bool confirm;         /* the verdict may not stand on this alone: see ev_judgement */
	bool probed;          /* a RCPT for it was sent */
	uint32_t retry_after; /* seconds the peer asked for, 0 for none */
	uint64_t mx_fingerprint;
};

/* What was learned about a domain from DNS. */
struct ev_domain_fact
{
	char domain[EV_DOMAIN_MAX + 1];
	uint8_t reason;   /* enum ev_reason: PENDING when it takes mail, else why not */
	uint8_t detail;   /* enum ev_detail */
	bool implicit_mx; /* no MX record: its own address is used (RFC 5321 5.1) */
	uint8_t spf;      /* enum ev_spf; EV_SPF_NONE when it was not asked for */
	uint8_t opt_out;  /* enum ev_opt_out: does it ask not to be probed? */
	uint32_t ttl;     /* seconds */
	uint64_t mx_fingerprint;
	uint8_t n_hosts; /* the first hosts in order of preference */
	char hosts[EV_DOMAIN_HOSTS][EV_HOST_MAX + 1];
};

/* What was learned of the host of a domain: of made-up recipients, and of its patience. */
struct ev_host_fact
{
	char domain[EV_DOMAIN_MAX + 1];
	char host[EV_HOST_MAX + 1];
	uint8_t random;                         /* enum ev_random; UNKNOWN: nothing new about it */
	bool accepted;                          /* a real recipient was accepted */
	char random_local[EV_RANDOM_NAME_SIZE]; /* the name asked for: use it again if inconclusive */
	uint64_t random_words; /* how it was refused (engine/same_words.h); 0: it was not */
	uint16_t
		limit; /* it ended a session: this many recipients are to be in the next; 0: it did not */
};

/*
 * One line of a dialogue, only with config.trace or config.transcripts.
 *
 * trace: each as it happens, what DNS said as well, in clear.  transcripts: those of a session one
 * after the other when it has ended, then one '.'; local parts are cut short (engine/redact.h), and
 * of a long dialogue only the beginning is told.
 */
struct ev_trace
{
	uint64_t id;    /* of the first request of the session */
	char direction; /* '>' sent, '<' received, '*' event, '.' end of a transcript: with whom */
	char text[EV_PEER_TEXT_MAX + 1]; /* sanitised */
};

/* Which sessions' dialogues are told when they have ended. */
enum ev_transcripts
{
	EV_TRANSCRIPTS_OFF,
	EV_TRANSCRIPTS_FAILURES, /* those that left a recipient without a clear answer */
	EV_TRANSCRIPTS_ALL
};

/* A gate on the way out has closed or opened: see egress.h. */
struct ev_egress_news
{
	bool v6;
	bool closed;
	uint16_t groups, providers; /* that could not be reached */
	uint16_t port;
};

/* How a prober's process ended. */
enum ev_end_cause
{
	EV_END_EXITED,      /* by itself; status: its exit status */
	EV_END_SIGNALED,    /* status: the signal */
	EV_END_PROTOCOL,    /* we ended it: it sent what no prober sends; see fault */
	EV_END_SILENT,      /* we ended it: it did not respond for a minute */
	EV_END_NOT_STARTED, /* there was none; status: errno */
	EV_END_REPLACED     /* we ended it, since the new settings need a new one: nobody's fault */
};

/* Exit statuses; 0: the other end of its socket was closed. */
#define EV_EXIT_USAGE      64  /* there is no socket */
#define EV_EXIT_TROUBLE    70  /* of its own: memory */
#define EV_EXIT_PROTOCOL   76  /* what came is not for it: another build */
#define EV_EXIT_SETTINGS   78  /* they cannot be used */
#define EV_EXIT_NOT_LOADED 127 /* a library of it is missing */

/*
 * A prober's process has ended.  The requests without a result will have none; what caused it may be
 * among them if it had begun (suspect).  Another process is started after a while, or at once if it
 * is replaced.
 */
struct ev_prober_end
{
	enum ev_end_cause cause;
	bool suspect;
	int32_t process; /* its id; 0 if there was none */
	int32_t status;
	uint32_t lost;    /* requests without a result */
	uint32_t restart; /* milliseconds until the next one is started */
	char fault[80];   /* what was wrong, if that is known */
};

/* How well something is; the words of email_verify.doctor(). */
enum ev_health_level
{
	EV_HEALTH_OK,
	EV_HEALTH_WARN,
	EV_HEALTH_FAIL,
	EV_HEALTH_SKIP
};

/* What an examination of ourselves can find; finding.def says what each means. */
enum ev_finding_id
{
#define EV_FINDING(id, check, level, finding, advice) EV_FINDING_##id,
#include "net/finding.def"
	EV_N_FINDING,
	EV_FINDING_DONE = EV_N_FINDING /* the examination has ended */
};

/* Examine our name, sender and addresses: see health.h. */
#define EV_HEALTH_NAMES_MAX 1024
struct ev_health_request
{
	char dnsbl[EV_HEALTH_NAMES_MAX]; /* zones of block lists, separated by commas */
	char trial[EV_HEALTH_NAMES_MAX]; /* domains whose mail servers are connected to; "": nobody */
};

/* One sentence of the answer. */
struct ev_health_finding
{
	uint16_t id;                      /* enum ev_finding_id */
	char about[EV_PEER_TEXT_MAX + 1]; /* printable ASCII; fills the sentence of finding.def */
};

enum ev_message_type
{
	EV_MESSAGE_RESULT,
	EV_MESSAGE_DOMAIN_FACT,
	EV_MESSAGE_HOST_FACT,
	EV_MESSAGE_TRACE,
	EV_MESSAGE_FINDING,
	EV_MESSAGE_EGRESS,
	EV_MESSAGE_END /* only of a prober in a process of its own */
};

struct ev_message
{
	enum ev_message_type type;
	union
	{
		struct ev_result result;
		struct ev_domain_fact domain;
		struct ev_host_fact host;
		struct ev_trace trace;
		struct ev_health_finding finding;
		struct ev_egress_news egress;
		struct ev_prober_end end;
	} u;
};

struct ev_prober_config
{
	char helo_name[EV_HOST_MAX + 1];
	char mail_from[EV_ADDRESS_MAX + 1];
	char dns_servers[EV_DNS_SERVERS_MAX]; /* "host:port,[v6]:port"; "" = resolv.conf */
	char dns_canaries
		[EV_DNS_CANARIES_MAX]; /* names that exist, "a.example, b.example"; EV_CANARIES_AUTO; "" = off */
	char source_v4[EV_IP_TEXT_MAX + 1]; /* "" = the kernel's choice */
	char source_v6[EV_IP_TEXT_MAX + 1];
	struct ev_nat64 nat64; /* prefixes by which this network reaches IPv4 addresses */
	uint16_t smtp_port;    /* 25 */
	bool allow_private;    /* connect to private and loopback addresses too */
	bool allow_loopback;   /* connect to loopback addresses, and to no other private ones */
	bool use_v4, use_v6;
	bool use_tls;          /* STARTTLS when offered */
	bool catch_all_test;   /* ask for made-up recipients, unless a policy says otherwise */
	bool trace;            /* tell every line of every dialogue */
	uint8_t transcripts;   /* enum ev_transcripts; not together with trace */
	uint32_t max_sessions; /* SMTP sessions at once */
	uint32_t
		session_wait; /* ms that a domain waits for a session before that is its answer; 0: ever */
	uint32_t max_lookups;  /* DNS look-ups at once, at most 64 */
	uint32_t max_requests; /* accepted and unanswered requests */
	uint32_t dns_timeout;  /* ms of one try */
	uint32_t dns_tries;
	uint16_t rcpt_per_transaction;
	uint16_t rcpt_per_session;
	uint16_t max_refused;    /* refused recipients a session, made-up one included; 0 = no limit */
	uint32_t egress_trial;   /* ms between two attempts while nobody can be connected to */
	uint32_t random_max_age; /* seconds for which what is known of made-up recipients holds */
	struct ev_smtp_timeouts timeout;

	/*
	 * For tests of those who call: the process ends by SIGSEGV when a host answers a session that
	 * asks for this local part; "" = never
	 */
	char crash_on[EV_LOCAL_MAX + 1];
};

/* NOTHING: as built in. */
enum ev_said
{
	EV_SAID_NOTHING,
	EV_SAID_YES,
	EV_SAID_NO
};

/*
 * The site's own word on the mail servers of a name: of the policies that fit a host the longest
 * counts, and what it says nothing of is as built in (engine/provider.def, the settings).
 */
struct ev_mx_policy
{
	/* these hosts and all below: lower-case A-labels, no outer dot */
	char suffix[EV_HOST_MAX + 1];
	uint8_t probe;        /* enum ev_said; NO: never connect there; YES: although it is parking */
	uint8_t trap;         /* enum ev_said; YES: a spam trap's; NO: nor is it parking */
	uint8_t trust_accept; /* enum ev_said, as the next two: see struct ev_trust */
	uint8_t trust_reject;
	uint8_t needs_control;
	uint8_t catch_all_test;        /* enum ev_said; NO: nobody made up is asked for there */
	uint16_t rcpt_per_transaction; /* 0: nothing said */
	uint16_t rcpt_per_session;
};

/* So many name servers are used, the first of the list. */
#define EV_SERVERS_MAX 8

/* "[v6 address]:port" and a NUL. */
#define EV_SERVER_TEXT 56

#define EV_EVIDENCE_TEXT 120

/* Does a name server tell the truth?  See net/README.md. */
enum ev_server_trust
{
	EV_TRUST_OFF, /* nobody tries: config.dns_canaries is empty */
	EV_TRUST_UNTRIED,
	EV_TRUST_DOUBTFUL, /* it has failed a trial, and the next one decides */
	EV_TRUST_GOOD,
	EV_TRUST_BAD, /* what it says is not believed */
	EV_N_TRUST
};

/* How it lies: it denies what exists, or has no answer for it; it has answers for what does not exist. */
#define EV_LIE_DENIES  0x01
#define EV_LIE_INVENTS 0x02
#define EV_LIE_ALL     0x03

/*
 * One name server: how the queries ended that were sent to it, all since the prober was created, or
 * since the server was named.  Each ended in one way.
 */
struct ev_server_stats
{
	char address[EV_SERVER_TEXT];
	uint64_t queries;
	uint64_t answers; /* that deserved belief, be it that there is nothing */
	uint64_t denials; /* those among them that said that there is nothing */
	uint64_t timeouts;
	uint64_t servfails;
	uint64_t refusals;
	uint64_t
		faults;    /* it could not be reached, or what it said was no answer or could not be read */
	uint8_t trust; /* enum ev_server_trust */
	uint8_t lies;  /* EV_LIE_…: what the last trial has found */
	char evidence[EV_EVIDENCE_TEXT]; /* a clause whose subject is the server; "" none */
	uint64_t next_trial; /* of a bad one: when, in ms of the monotonic clock; 0: none is due */
	uint32_t latency;    /* of answers, in microseconds, a moving average; 0: there were none */
};

struct ev_prober_stats
{
	uint32_t requests; /* accepted, their results not collected: max_requests bounds these */
	uint32_t sessions; /* open now */
	uint32_t lookups;  /* in flight now */
	uint64_t sessions_total;
	uint64_t lookups_total;
	uint64_t rcpts_total;
	uint64_t tls_total;
	int32_t process;      /* id of the prober's own process; 0: none, or none now */
	uint32_t confinement; /* of that process: EV_CONFINED_…, as far as the system allows */
	uint32_t n_servers;   /* name servers in use, in the order of the list */
	struct ev_server_stats servers[EV_SERVERS_MAX];
};

/* What a prober's process has given up; doc/architecture.md says what each keeps it from. */
#define EV_CONFINED_LIMITS     0x01 /* resource limits: no process, no file, bounded memory */
#define EV_CONFINED_PRIVILEGES 0x02 /* it can gain none, and cannot be traced */
#define EV_CONFINED_NAMESPACES 0x04 /* its file system is empty */
#define EV_CONFINED_FILES      0x08 /* Landlock: it can open none */
#define EV_CONFINED_PORTS      0x10 /* Landlock: TCP to the ports of SMTP and DNS alone */
#define EV_CONFINED_SCOPE      0x20 /* Landlock: no signals to others */
#define EV_CONFINED_SYSCALLS   0x40 /* seccomp: sockets, memory and time are all it can ask for */
#define EV_CONFINED_ALL        0x7f

struct ev_prober;

/* Fill in the defaults: 200 sessions, 64 look-ups, port 25, the time-outs of doc/settings.md. */
extern void ev_prober_config_default(struct ev_prober_config *config);

/* NULL on failure, with a message in error (size bytes). */
extern struct ev_prober *ev_prober_create(const struct ev_prober_config *config, char *error,
                                          size_t size);

/*
 * The same prober in a process of its own, which runs the program at that absolute path
 * (email_verify_prober), has none of the caller's memory and descriptors and as few rights as can
 * be had.  What it sends is checked; when it ends, in whatever way, that is a message
 * (EV_MESSAGE_END), and it is started again after 1 second, 2, 4, … 60, by ev_prober_run().
 * DNS servers "" are read from resolv.conf here, by this and by each ev_prober_configure().
 * Whoever uses it must leave SIGCHLD as it is by default, and wait for no child but his own.
 */
extern struct ev_prober *ev_prober_create_process(const struct ev_prober_config *config,
                                                  const char *program, char *error, size_t size);

/*
 * New settings: sessions under way end with the old ones.  False, and nothing changed, on a bad
 * setting.
 */
extern bool ev_prober_configure(struct ev_prober *prober, const struct ev_prober_config *config,
                                char *error, size_t size);

/*
 * Take these policies, copied, in place of all earlier ones: for judgements and sessions from now
 * on.  A domain whose best hosts must not be connected to is answered from DNS: see policy.h.
 * False, and nothing changed, without memory.
 */
extern bool ev_prober_set_policies(struct ev_prober *prober, const struct ev_mx_policy *policies,
                                   size_t n);

/*
 * Take these rules for replies, copied, in place of all earlier ones: for judgements from now on.  At
 * most EV_SITE_RULES_MAX are heeded.  False, and nothing changed, without memory.
 */
extern bool ev_prober_set_rules(struct ev_prober *prober, const struct ev_site_rule *rules,
                                size_t n);

/*
 * Examine our name, sender and addresses.  Findings come as messages, the last one is EV_FINDING_DONE; none
 * comes when the prober's process ends before.  A new examination takes the place of one under way.
 */
extern void ev_prober_examine(struct ev_prober *prober, const struct ev_health_request *request);

/* How many requests ev_prober_submit() would take now. */
extern size_t ev_prober_room(const struct ev_prober *prober);

/*
 * Take up to n requests, the ids of which are not those of unanswered ones; returns how many were
 * taken (fewer when max_requests is reached).
 */
extern size_t ev_prober_submit(struct ev_prober *prober, const struct ev_request *requests,
                               size_t n);

/* Do all that can be done without blocking. */
extern void ev_prober_run(struct ev_prober *prober);

/*
 * Take up to n messages; returns how many there were.  A fact comes before the results it led to.
 */
extern size_t ev_prober_collect(struct ev_prober *prober, struct ev_message *messages, size_t n);

/*
 * Readable when run() has something to do.  Constant while the prober lives; not to be read from.
 */
extern int ev_prober_fd(const struct ev_prober *prober);

/* Milliseconds until run() must be called even if fd() stays silent: 0 now, -1 never. */
extern int ev_prober_deadline(struct ev_prober *prober);

extern void ev_prober_stats(const struct ev_prober *prober, struct ev_prober_stats *stats);

/*
 * Words for a set of EV_CONFINED_…, separated by commas, into text (at least
 * EV_CONFINEMENT_TEXT_SIZE bytes); "" for none.
 */
#define EV_CONFINEMENT_TEXT_SIZE 80
extern void ev_confinement_text(uint32_t confinement, char *text);

/* Forget what is cached about domains and hosts (not what is under way). */
extern void ev_prober_forget(struct ev_prober *prober);

/*
 * Stop what is under way: sessions say good-bye, and every request without a result is put back with
 * smtp_timeout/canceled; those whose reply has come keep their verdicts.  What is submitted later is
 * taken as ever.
 */
extern void ev_prober_cancel(struct ev_prober *prober);

/* Close everything at once; unanswered requests have no result.  The argument may be NULL. */
extern void ev_prober_destroy(struct ev_prober *prober);

#endif
