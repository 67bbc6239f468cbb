/*
 * test_smtp_client.c
 *	  Whole sessions as scripts: what the peer says, what we must say, and what becomes of each
 *	  recipient.
 *
 * A script's lines: "S ..." the peer says, "C ..." we must say exactly that and nothing else,
 * "!..." an event.  Each script is run with the peer's turns cut into chunks of every size.
 */
#include "unit.h"

#include "engine/smtp_client.h"

#define EHLO_ALL                                                                                   \
	"S 220 mx ESMTP\n"                                                                             \
	"C EHLO probe.example.org\n"                                                                   \
	"S 250-mx\n"                                                                                   \
	"S 250-PIPELINING\n"                                                                           \
	"S 250-SMTPUTF8\n"                                                                             \
	"S 250 ENHANCEDSTATUSCODES\n"
#define EHLO_BARE                                                                                  \
	"S 220 mx ESMTP\n"                                                                             \
	"C EHLO probe.example.org\n"                                                                   \
	"S 250 mx\n"
#define MAIL      "C MAIL FROM:<check@example.org>\n"
#define QUIT      "C QUIT\n"
#define RSET_QUIT "C RSET\nC QUIT\n"

struct row
{
	const char *name;
	const char *rcpts; /* separated by spaces; EAI ones hold bytes above 0x7f */
	const char *script;
	const char *
		want; /* "outcome/stage/code" of each, "*" before one that was not sent, then what else is so */
	bool tls;
	bool random;
	bool no_pipelining;
	int per_transaction; /* 0: 10 */
	int max_refused;
};

/* clang-format off */
static const struct row rows[] = {
	/* --- the usual --- */
	{"one accepted, pipelined", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 2.1.5 ok\n" RSET_QUIT,
	 "reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"one refused, random not asked", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 550 5.1.1 no\n" RSET_QUIT,
	 "reply/rcpt/550 drain", 0, 1, 0, 0, 0},
	{"random after a 2xx, and last", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\n"
				   "S 250 ok\nS 550 no\nS 250 ok\nC RCPT TO:<made.up@example.com>\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/550 reply/rcpt/250 random=reply/random_rcpt/550 drain", 0, 1, 0, 0, 0},
	{"no random after 4xx", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 450 4.2.0 grey\n" RSET_QUIT,
	 "reply/rcpt/450 drain", 0, 1, 0, 0, 0},
	{"without pipelining", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n"
					"C RCPT TO:<bob@example.com>\nS 550 no\nC RCPT TO:<made.up@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 reply/rcpt/550 random=reply/random_rcpt/250 drain", 0, 1, 0, 0, 0},
	{"pipelining offered, not wanted", "ann",
	 EHLO_ALL MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 0, 0, 1, 0, 0},
	{"greeting of many lines, bare LF", "ann",
	 "S 220-mx\nS 220-no spam\nS 220 ready\nC EHLO probe.example.org\nS 250 mx\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"251 and 252 are replies too", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\nS 251 will forward\n"
				   "S 252 cannot verify\n" RSET_QUIT,
	 "reply/rcpt/251 reply/rcpt/252 drain", 0, 0, 0, 0, 0},

	/* --- greeting --- */
	{"greeting 554", "ann bob", "S 554 no service\n" QUIT,
	 "*reply/greeting/554 *reply/greeting/554 drain fall_over", 0, 0, 0, 0, 0},
	{"greeting 421", "ann", "S 421 busy\n", "*reply/greeting/421 drain fall_over", 0, 0, 0, 0, 0},
	{"greeting 220- then 521", "ann", "S 220-mx\nS 521 5.7.1 listed\n" QUIT,
	 "*reply/greeting/521 drain fall_over", 0, 0, 0, 0, 0},
	{"greeting 550- then 220", "ann", "S 550-mx\nS 220 ok\n", "*garbage/greeting/220 close fall_over",
	 0, 0, 0, 0, 0},
	{"closed before the greeting", "ann", "!closed\n", "*closed/greeting/0 close fall_over", 0, 0, 0,
	 0, 0},
	{"no greeting in time: not a word", "ann", "!timeout\n", "*timeout/greeting/0 close fall_over", 0,
	 0, 0, 0, 0},
	{"garbage for a greeting", "ann", "S HTTP/1.1 400 Bad Request\n",
	 "*garbage/greeting/0 close fall_over", 0, 0, 0, 0, 0},
	{"half a greeting", "ann", "S 220-mx\n!closed\n", "*closed/greeting/0 close fall_over", 0, 0, 0,
	 0, 0},

	/* --- EHLO and HELO --- */
	{"EHLO unknown: HELO", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 502 what?\nC HELO probe.example.org\nS 250 mx\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"EHLO unknown (500): HELO, refused", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 500 what?\nC HELO probe.example.org\nS 550 who?\n" QUIT,
	 "*reply/ehlo/550 drain", 0, 0, 0, 0, 0},
	{"name refused by 501: no HELO", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 501 bad name\n" QUIT, "*reply/ehlo/501 drain", 0, 0, 0, 0,
	 0},
	{"name refused by 504: no HELO", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 504 bad name\n" QUIT, "*reply/ehlo/504 drain", 0, 0, 0, 0,
	 0},
	{"name refused by 550: no HELO", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 550 bad name\n" QUIT, "*reply/ehlo/550 drain", 0, 0, 0, 0,
	 0},
	{"421 at EHLO", "ann", "S 220 mx\nC EHLO probe.example.org\nS 421 bye\n",
	 "*reply/ehlo/421 drain", 0, 0, 0, 0, 0},
	{"closed at EHLO", "ann", "S 220 mx\nC EHLO probe.example.org\n!closed\n", "*closed/ehlo/0 close",
	 0, 0, 0, 0, 0},
	{"silence at EHLO", "ann", "S 220 mx\nC EHLO probe.example.org\n!timeout\n" QUIT,
	 "*timeout/ehlo/0 drain", 0, 0, 0, 0, 0},
	{"garbage at EHLO", "ann", "S 220 mx\nC EHLO probe.example.org\nS \x01\xff\n",
	 "*garbage/ehlo/0 close", 0, 0, 0, 0, 0},
	{"extensions in any case, with parameters and lookalikes", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-PIPELINING is my name\nS 250-pipeliningX\n"
	 "S 250-XPIPELINING\nS 250 Size 5\n" MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 0, 0, 0, 0, 0},

	/* --- STARTTLS --- */
	{"STARTTLS", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250-SMTPUTF8\nS 250 starttls\nC STARTTLS\n"
	 "S 220 go\n!tls\nC EHLO probe.example.org\nS 250-mx\nS 250 PIPELINING\n" MAIL
	 "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\n" RSET_QUIT,
	 "reply/rcpt/250 drain tls", 1, 0, 0, 0, 0},
	{"clear text behind the 220 is dropped", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\n"
	 "S 220 go\nS 250 injected\nS 250 injected\n!tls\nC EHLO probe.example.org\nS 250 mx\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 550 no\n" QUIT,
	 "reply/rcpt/550 drain tls", 1, 0, 0, 0, 0},
	{"STARTTLS offered, not wanted", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"STARTTLS refused: on in clear text", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 454 not now\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain", 1, 0, 0, 0, 0},
	{"STARTTLS refused, then required", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 454 not now\n" MAIL
	 "S 530 5.7.0 must\n" QUIT,
	 "*reply/mail/530 drain", 1, 0, 0, 0, 0},
	{"STARTTLS required but not wanted", "ann",
	 EHLO_BARE MAIL "S 530 5.7.0 Must issue a STARTTLS command first\n" QUIT,
	 "*reply/mail/530 drain", 0, 0, 0, 0, 0},
	{"421 at STARTTLS", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 421 bye\n",
	 "*reply/starttls/421 drain", 1, 0, 0, 0, 0},
	{"handshake failed", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!tlsfail\n",
	 "*tls/starttls/0 close plain", 1, 0, 0, 0, 0},
	{"closed in the handshake", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!closed\n",
	 "*tls/starttls/0 close plain", 1, 0, 0, 0, 0},
	{"silence in the handshake", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!timeout\n",
	 "*tls/starttls/0 close plain", 1, 0, 0, 0, 0},
	{"closed at STARTTLS", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\n!closed\n",
	 "*closed/starttls/0 close plain", 1, 0, 0, 0, 0},
	{"session over in the handshake: no other try", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!session\n",
	 "*session_timeout/starttls/0 close", 1, 0, 0, 0, 0},
	{"no HELO under TLS", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!tls\n"
	 "C EHLO probe.example.org\nS 502 what?\n" QUIT,
	 "*reply/ehlo/502 drain tls", 1, 0, 0, 0, 0},
	{"STARTTLS offered again under TLS", "ann",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!tls\n"
	 "C EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\n" MAIL
	 "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain tls", 1, 0, 0, 0, 0},

	/* --- MAIL --- */
	{"MAIL refused, pipelined", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 550 5.7.1 you\nS 503 no\nS 503 no\n" QUIT,
	 "reply/mail/550 reply/mail/550 drain", 0, 1, 0, 0, 0},
	{"MAIL refused", "ann", EHLO_BARE MAIL "S 451 later\n" QUIT, "*reply/mail/451 drain", 0, 1, 0, 0,
	 0},
	{"closed at MAIL", "ann bob", EHLO_BARE MAIL "!closed\n", "*closed/mail/0 *closed/mail/0 close", 0,
	 0, 0, 0, 0},
	{"silence at MAIL", "ann", EHLO_BARE MAIL "!timeout\n" QUIT, "*timeout/mail/0 drain", 0, 0, 0, 0,
	 0},
	{"421 at MAIL", "ann", EHLO_BARE MAIL "S 421 bye\n", "*reply/mail/421 drain", 0, 0, 0, 0, 0},

	/* --- RCPT --- */
	{"closed at RCPT: the first is concerned", "ann bob cid",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nC RCPT TO:<cid@example.com>\n"
				   "S 250 ok\nS 250 ok\n!closed\n",
	 "reply/rcpt/250 closed/rcpt/0+bystander not_asked/-/0 close ended=closed/rcpt", 0, 1, 0, 0, 0},
	{"closed at the first RCPT: its own answer", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\n!closed\n",
	 "closed/rcpt/0 not_asked/-/0 close ended=closed/rcpt", 0, 1, 0, 0, 0},
	{"closed behind a refusal: nobody knows of whom that is said", "ann bob cid",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nC RCPT TO:<cid@example.com>\n"
				   "S 250 ok\nS 550 no\n!closed\n",
	 "reply/rcpt/550 closed/rcpt/0+bystander not_asked/-/0 close ended=closed/rcpt", 0, 1, 0, 0, 0},
	{"closed behind a refusal, one at a time", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 550 no\nC RCPT TO:<bob@example.com>\n!closed\n",
	 "reply/rcpt/550 closed/rcpt/0+bystander close", 0, 1, 0, 0, 0},
	{"421 to the first", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\nS 421 4.7.28 rate\n",
	 "reply/rcpt/421 not_asked/-/0 drain ended=reply/rcpt", 0, 1, 0, 0, 0},
	{"silence at RCPT: all that were sent are concerned", "ann bob cid",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\nS 250 ok\n!timeout\n" RSET_QUIT,
	 "reply/rcpt/250 timeout/rcpt/0 *not_asked/-/0 drain ended=timeout/rcpt", 0, 1, 0, 2, 0},
	{"session over at RCPT", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\n!session\n" QUIT,
	 "session_timeout/rcpt/0 *not_asked/-/0 drain ended=session_timeout/rcpt", 0, 0, 0, 0, 0},
	{"garbage at RCPT", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\nS hello\n",
	 "garbage/rcpt/0 not_asked/-/0 close ended=garbage/rcpt", 0, 0, 0, 0, 0},
	{"contradiction at RCPT", "ann",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250-yes\nS 550 no\n",
	 "garbage/rcpt/550 close", 0, 0, 0, 0, 0},
	{"421 in mid-session", "ann bob cid",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nC RCPT TO:<cid@example.com>\n"
				   "S 250 ok\nS 550 no\nS 421 too many errors\n",
	 "reply/rcpt/550 reply/rcpt/421 not_asked/-/0 drain ended=reply/rcpt", 0, 1, 0, 0, 0},
	{"452: again in a transaction of its own", "ann bob cid",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RCPT TO:<bob@example.com>\nS 452 4.5.3 many\n"
					"C RSET\nS 250 ok\n" MAIL "S 250 ok\nC RCPT TO:<bob@example.com>\nS 250 ok\n"
					"C RSET\nS 250 ok\n" MAIL "S 250 ok\nC RCPT TO:<cid@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 reply/rcpt/250 reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"452 to several of a flight", "a b c d e",
	 EHLO_ALL MAIL "C RCPT TO:<a@example.com>\nC RCPT TO:<b@example.com>\nC RCPT TO:<c@example.com>\n"
				   "C RCPT TO:<d@example.com>\nC RCPT TO:<e@example.com>\n"
				   "S 250 ok\nS 250 ok\nS 550 no\nS 452 many\nS 452 many\nS 452 many\n"
				   "C RSET\n" MAIL "C RCPT TO:<c@example.com>\nC RCPT TO:<d@example.com>\n"
				   "S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\n"
				   "C RSET\n" MAIL "C RCPT TO:<e@example.com>\nS 250 ok\nS 250 ok\nS 452 4.5.3 many\n"
				   "C RSET\n" MAIL "C RCPT TO:<made.up@example.com>\nS 250 ok\nS 250 ok\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/250 reply/rcpt/550 reply/rcpt/250 reply/rcpt/250 reply/rcpt/452 "
	 "random=reply/random_rcpt/550 drain",
	 0, 1, 0, 0, 0},
	{"452 to the made-up one", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\nC RCPT TO:<made.up@example.com>\nS 452 4.5.3 many\n"
				   "C RSET\n" MAIL "C RCPT TO:<made.up@example.com>\nS 250 ok\nS 250 ok\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/250 random=reply/random_rcpt/550 drain", 0, 1, 0, 0, 0},
	{"452 to the first of a transaction", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 452 many\nC RSET\nS 250 ok\n" MAIL
					"S 250 ok\nC RCPT TO:<bob@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/452 reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"closed before the second turn", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RCPT TO:<bob@example.com>\nS 452 many\n"
					"C RSET\n!closed\n",
	 "reply/rcpt/250 reply/rcpt/452 close", 0, 0, 0, 0, 0},
	{"452 of a full mailbox: on in the same one", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 452 4.2.2 full\n"
					"C RCPT TO:<bob@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/452 reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"354 is a reply, if a strange one", "ann",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 354 go on\n" QUIT,
	 "reply/rcpt/354 drain", 0, 1, 0, 0, 0},
	{"we cancel", "ann bob", EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\n!cancel\n" QUIT,
	 "canceled/rcpt/0 *canceled/rcpt/0 drain", 0, 0, 0, 0, 0},

	/* --- transactions --- */
	{"RSET between transactions, pipelined", "ann bob cid",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\nS 250 ok\nS 550 no\nS 550 no\n"
				   "C RSET\n" MAIL "C RCPT TO:<cid@example.com>\nS 250 ok\nS 250 ok\nS 250 ok\n"
				   "C RCPT TO:<made.up@example.com>\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/550 reply/rcpt/550 reply/rcpt/250 random=reply/random_rcpt/550 drain", 0, 1, 0, 2, 0},
	{"one recipient a transaction, random too", "ann",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RSET\nS 250 ok\n" MAIL
					"S 250 ok\nC RCPT TO:<made.up@example.com>\nS 550 no\n" QUIT,
	 "reply/rcpt/250 random=reply/random_rcpt/550 drain", 0, 1, 0, 1, 0},
	{"RSET refused: the rest is not asked", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RSET\nS 500 what?\n" QUIT,
	 "reply/rcpt/250 *not_asked/-/0 drain ended=reply/rset", 0, 0, 0, 1, 0},
	{"closed at RSET", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RSET\n!closed\n",
	 "reply/rcpt/250 *not_asked/-/0 close ended=closed/rset", 0, 0, 0, 1, 0},
	{"second MAIL refused", "ann bob",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RSET\nS 250 ok\n" MAIL
					"S 452 too many\n" QUIT,
	 "reply/rcpt/250 *reply/mail/452 drain", 0, 0, 0, 1, 0},

	/* --- the made-up recipient --- */
	{"MAIL refused to the made-up one", "ann",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\nC RSET\nS 250 ok\n" MAIL
					"S 451 later\n" QUIT,
	 "reply/rcpt/250 random=reply/mail/451 drain", 0, 1, 0, 1, 0},
	{"closed at the made-up one", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\nC RCPT TO:<made.up@example.com>\n!closed\n",
	 "reply/rcpt/250 random=closed/random_rcpt/0 close", 0, 1, 0, 0, 0},
	{"silence at the made-up one", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\nC RCPT TO:<made.up@example.com>\n!timeout\n" RSET_QUIT,
	 "reply/rcpt/250 random=timeout/random_rcpt/0 drain", 0, 1, 0, 0, 0},
	{"421 to the made-up one", "ann",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\nC RCPT TO:<made.up@example.com>\nS 421 bye\n",
	 "reply/rcpt/250 random=reply/random_rcpt/421 drain", 0, 1, 0, 0, 0},

	/* --- max_refused --- */
	{"a flight is no larger than the refusals that are left", "a b c d",
	 EHLO_ALL MAIL "C RCPT TO:<a@example.com>\nC RCPT TO:<b@example.com>\nS 250 ok\nS 550 no\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/550 reply/rcpt/550 *not_asked/-/0 *not_asked/-/0 drain limit", 0, 0, 0, 0, 2},
	{"one refusal is kept for the made-up one", "a b c d",
	 EHLO_ALL MAIL "C RCPT TO:<a@example.com>\nC RCPT TO:<b@example.com>\nC RCPT TO:<c@example.com>\n"
				   "S 250 ok\nS 550 no\nS 250 ok\nS 550 no\nC RCPT TO:<made.up@example.com>\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/550 reply/rcpt/250 reply/rcpt/550 *not_asked/-/0 random=reply/random_rcpt/550 "
	 "drain limit",
	 0, 1, 0, 0, 3},
	{"the made-up one is not asked when there is no refusal left", "a b",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<a@example.com>\nS 550 no\n" QUIT,
	 "reply/rcpt/550 *not_asked/-/0 drain limit", 0, 1, 0, 0, 1},

	/* --- SMTPUTF8 --- */
	{"SMTPUTF8 only for those that need it", "ann j\xc3\xb6rg",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\n"
				   "C RSET\nC MAIL FROM:<check@example.org> SMTPUTF8\nC RCPT TO:<j\xc3\xb6rg@example.com>\n"
				   "S 250 ok\nS 250 ok\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/250 reply/rcpt/550 drain", 0, 0, 0, 0, 0},
	{"SMTPUTF8 not offered", "j\xc3\xb6rg ann",
	 EHLO_BARE MAIL "S 250 ok\nC RCPT TO:<ann@example.com>\nS 250 ok\n" QUIT,
	 "*reply/ehlo/250+no_smtputf8 reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"SMTPUTF8 not offered, nobody else", "j\xc3\xb6rg", EHLO_BARE QUIT,
	 "*reply/ehlo/250+no_smtputf8 drain", 0, 1, 0, 0, 0},
	{"SMTPUTF8 offered under TLS only", "j\xc3\xb6rg",
	 "S 220 mx\nC EHLO probe.example.org\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n!tls\n"
	 "C EHLO probe.example.org\nS 250-mx\nS 250 SMTPUTF8\nC MAIL FROM:<check@example.org> SMTPUTF8\n"
	 "S 250 ok\nC RCPT TO:<j\xc3\xb6rg@example.com>\nS 250 ok\n" QUIT,
	 "reply/rcpt/250 drain tls", 1, 0, 0, 0, 0},
	{"SMTPUTF8 refused at MAIL, others not touched", "j\xc3\xb6rg ann",
	 EHLO_ALL "C MAIL FROM:<check@example.org> SMTPUTF8\nC RCPT TO:<j\xc3\xb6rg@example.com>\n"
			  "S 555 5.5.4 what?\nS 503 no\n" MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\n" RSET_QUIT,
	 "reply/mail/555 reply/rcpt/250 drain", 0, 0, 0, 0, 0},
	{"SMTPUTF8 refused at MAIL, random still asked", "ann j\xc3\xb6rg",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nS 250 ok\nS 250 ok\n"
				   "C RSET\nC MAIL FROM:<check@example.org> SMTPUTF8\nC RCPT TO:<j\xc3\xb6rg@example.com>\n"
				   "S 250 ok\nS 555 5.5.4 what?\nS 503 no\n" MAIL "C RCPT TO:<made.up@example.com>\nS 250 ok\nS 550 no\n" RSET_QUIT,
	 "reply/rcpt/250 reply/mail/555 random=reply/random_rcpt/550 drain", 0, 1, 0, 0, 0},

	/* --- replies that nobody asked for --- */
	{"two greetings", "ann", "S 220 mx\nS 220 mx\n", "*garbage/ehlo/220 close", 0, 0, 0, 0, 0},
	{"a reply too many takes the others with it", "ann bob",
	 EHLO_ALL MAIL "C RCPT TO:<ann@example.com>\nC RCPT TO:<bob@example.com>\n"
				   "S 250 ok\nS 250 not asked for\nS 250 ok\nS 550 no\n",
	 "garbage/rcpt/250 garbage/rcpt/250 random=garbage/random_rcpt/0 close", 0, 1, 0, 0, 0},
	{"421 that nobody asked for", "ann", "S 220 mx\nS 421 shutting down\n", "*reply/ehlo/421 drain", 0,
	 0, 0, 0, 0},
};
/* clang-format on */

/*
 * --- running a script ----------------------------------------------------------------------------
 */

static const char *const outcome_words[] = {
	"reply",       "closed",         "timeout",   "session_timeout", "refused",
	"unreachable", "target_refused", "no_socket", "no_bind",         "tls",
	"garbage",     "too_long",       "canceled",  "not_asked",
};

static struct ev_smtp_config config;
static struct ev_smtp_rcpt rcpts[8];
static struct ev_smtp smtp;

static size_t
set_up(const struct row *row)
{
	size_t n = 0;
	const char *p = row->rcpts;

	memset(&config, 0, sizeof(config));
	memset(rcpts, 0x55, sizeof(rcpts));
	strcpy(config.helo_name, "probe.example.org");
	strcpy(config.mail_from, "check@example.org");
	strcpy(config.domain, "example.com");
	strcpy(config.random_local, "made.up");
	config.ask_random = row->random;
	config.use_tls = row->tls;
	config.use_pipelining = !row->no_pipelining;
	config.rcpt_per_transaction =
		(uint16_t) (row->per_transaction != 0 ? row->per_transaction : 10);
	config.max_refused = (uint16_t) row->max_refused;
	while (*p != '\0')
	{
		size_t len = strcspn(p, " ");

		memcpy(rcpts[n].local, p, len);
		rcpts[n].local[len] = '\0';
		rcpts[n].eai = false;
		for (size_t i = 0; i < len; i++)
			rcpts[n].eai |= (p[i] & 0x80) != 0;
		n++;
		p += len + (p[len] == ' ');
	}
	ev_smtp_init(&smtp, &config, rcpts, n);
	return n;
}

static void
peer_says(const char *bytes, size_t n, size_t chunk)
{
	while (n > 0)
	{
		size_t size = chunk < n ? chunk : n;

		ev_smtp_receive(&smtp, bytes, size);
		bytes += size;
		n -= size;
	}
}

static void
do_event(const char *name, const char *event, size_t n)
{
	static const struct
	{
		const char *word;
		enum ev_smtp_event event;
	} events[] = {
		{"closed", EV_SMTP_CLOSED},
		{"timeout", EV_SMTP_TIMED_OUT},
		{"session", EV_SMTP_SESSION_TIMED_OUT},
		{"cancel", EV_SMTP_CANCEL},
		{"tls", EV_SMTP_TLS_UP},
		{"tlsfail", EV_SMTP_TLS_FAILED},
	};

	for (size_t i = 0; i < N_ROWS(events); i++)
	{
		if (strlen(events[i].word) == n && memcmp(events[i].word, event, n) == 0)
		{
			if (events[i].event == EV_SMTP_TLS_UP || events[i].event == EV_SMTP_TLS_FAILED)
				CHECK_INT(name, ev_smtp_action(&smtp), EV_SMTP_START_TLS);
			ev_smtp_event(&smtp, events[i].event);
			return;
		}
	}
	fail_msg("%s: no such event: %s", name, event);
}

static void
run(const struct row *row, size_t chunk)
{
	const char *p = row->script;
	char said[8192];
	char want[8192];
	size_t n_said;
	size_t n_want;

	while (*p != '\0')
	{
		const char *out;
		size_t n_out;

		/* the peer's turn, as a whole */
		for (n_said = 0; *p == 'S';)
		{
			size_t n = strcspn(p, "\n");

			memcpy(said + n_said, p + 2, n - 2);
			n_said += n - 2;
			memcpy(said + n_said, "\r\n", 2);
			n_said += 2;
			p += n + 1;
		}
		peer_says(said, n_said, chunk);
		for (n_want = 0; *p == 'C';)
		{
			size_t n = strcspn(p, "\n");

			memcpy(want + n_want, p + 2, n - 2);
			n_want += n - 2;
			memcpy(want + n_want, "\r\n", 2);
			n_want += 2;
			p += n + 1;
		}
		want[n_want] = '\0';
		n_out = ev_smtp_output(&smtp, &out);
		if (n_said > 0 || n_want > 0)
		{
			char got[EV_SMTP_OUT_MAX + 1];

			/* what is said to a peer that talks out of turn is of no interest */
			memcpy(got, out, n_out);
			got[n_out] = '\0';
			if (smtp.action != EV_SMTP_CLOSE)
				CHECK_STR(row->name, got, want);
			/* half now, half later */
			ev_smtp_sent(&smtp, n_out / 2);
			assert_int_equal(ev_smtp_output(&smtp, &out), n_out - n_out / 2);
			ev_smtp_sent(&smtp, n_out - n_out / 2);
		}
		if (*p == '!')
		{
			size_t n = strcspn(p, "\n");

			do_event(row->name, p + 1, n - 1);
			p += n + 1;
		}
	}
}

static void
describe(char *out, const struct ev_smtp_rcpt *rcpt, const char *prefix)
{
	sprintf(out + strlen(out), "%s%s%s/%s/%d%s%s", prefix, rcpt->asked ? "" : "*",
	        outcome_words[rcpt->outcome],
	        ev_stage_label(rcpt->stage) != NULL ? ev_stage_label(rcpt->stage) : "-",
	        rcpt->reply.code, rcpt->bystander ? "+bystander" : "",
	        rcpt->no_smtputf8 ? "+no_smtputf8 " : " ");
}

/* What ended the session, where it left somebody without a turn. */
static void
describe_end(char *out, size_t n)
{
	bool left = false;

	for (size_t r = 0; r < n; r++)
		left |= rcpts[r].outcome == EV_OUTCOME_NOT_ASKED;
	if (left && smtp.ended != EV_OUTCOME_NOT_ASKED)
		sprintf(out + strlen(out), " ended=%s/%s", outcome_words[smtp.ended],
		        ev_stage_label(smtp.ended_at));
}

static void
sessions_go_as_they_should_in_any_chunks(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const struct row *row = &rows[i];

		for (size_t chunk = 1; chunk <= 200; chunk += chunk < 20 ? 1 : 60)
		{
			size_t n = set_up(row);
			char got[1024] = "";

			run(row, chunk);
			CHECK_INT(row->name, smtp.done, true);
			for (size_t r = 0; r < n; r++)
				describe(got, &rcpts[r], "");
			if (smtp.random.outcome != EV_OUTCOME_NOT_ASKED)
			{
				CHECK_INT(row->name, smtp.random_asked, true);
				smtp.random.asked = true;
				describe(got, &smtp.random, "random=");
			}
			strcat(got, smtp.action == EV_SMTP_DRAIN ? "drain" : "close");
			strcat(got, smtp.limit_reached ? " limit" : "");
			describe_end(got, n);
			strcat(got, ev_smtp_may_fall_over(&smtp) ? " fall_over" : "");
			strcat(got, ev_smtp_wants_plain(&smtp) ? " plain" : "");
			strcat(got, smtp.tls ? " tls" : "");
			CHECK_STR(row->name, got, row->want);
		}
	}
}

/*
 * --- what no script shows ------------------------------------------------------------------------
 */

static void
names_cannot_smuggle_commands(void **state)
{
	static const struct row plain = {"", "ann bob", "", "", 0, 1, 0, 0, 0};
	char *fields[] = {config.helo_name, config.mail_from, config.domain, config.random_local};
	const char *out;

	(void) state;
	for (size_t i = 0; i < N_ROWS(fields); i++)
	{
		set_up(&plain);
		strcpy(fields[i], "a\r\nDATA");
		ev_smtp_init(&smtp, &config, rcpts, 2);
		assert_true(smtp.done);
		assert_int_equal(rcpts[0].outcome, EV_OUTCOME_UNSENDABLE);
		assert_int_equal(ev_smtp_output(&smtp, &out), 0);
	}

	set_up(&plain);
	strcpy(rcpts[0].local, "a>\nDATA");
	ev_smtp_init(&smtp, &config, rcpts, 2);
	peer_says("220 a\r\n", 7, 100);
	ev_smtp_sent(&smtp, ev_smtp_output(&smtp, &out));
	peer_says("250-a\r\n250 PIPELINING\r\n", 23, 100);
	assert_int_equal(rcpts[0].outcome, EV_OUTCOME_UNSENDABLE);
	assert_true(strncmp(smtp.out, "MAIL FROM:<check@example.org>\r\nRCPT TO:<bob@example.com>\r\n",
	                    ev_smtp_output(&smtp, &out)) == 0);
}

static void
each_reply_starts_the_time_out_anew_and_bytes_do_not(void **state)
{
	static const struct row one = {"", "ann", "", "", 0, 0, 0, 0, 0};
	uint32_t serial;
	const char *out;

	(void) state;
	set_up(&one);
	config.timeout = (struct ev_smtp_timeouts){1, 2, 3, 4, 5, 6, 7};
	serial = smtp.stage_serial;
	assert_int_equal(ev_smtp_timeout(&smtp), 2);
	peer_says("220-a\r\n220-b\r\n", 14, 100);
	assert_int_equal(smtp.stage_serial, serial);
	peer_says("220 c\r\n", 7, 100);
	assert_int_not_equal(smtp.stage_serial, serial);
	assert_int_equal(ev_smtp_timeout(&smtp), 3);
	ev_smtp_sent(&smtp, ev_smtp_output(&smtp, &out));
	peer_says("250 a\r\n", 7, 100);
	assert_int_equal(ev_smtp_timeout(&smtp), 4);
	ev_smtp_sent(&smtp, ev_smtp_output(&smtp, &out));
	peer_says("250 a\r\n", 7, 100);
	assert_int_equal(ev_smtp_timeout(&smtp), 5);
	ev_smtp_sent(&smtp, ev_smtp_output(&smtp, &out));
	peer_says("250 a\r\n", 7, 100);
	assert_int_equal(ev_smtp_timeout(&smtp), 6);
	assert_true(smtp.done);
}

/* More recipients with the longest names than the output buffer holds. */
static void
large_flights_are_cut_to_the_buffer(void **state)
{
	static struct ev_smtp_rcpt many[200];
	static const struct row none = {"", "", "", "", 0, 0, 0, 0, 0};
	const char *out;
	size_t sent = 0;

	(void) state;
	set_up(&none);
	memset(config.domain, 'd', EV_DOMAIN_MAX);
	config.rcpt_per_transaction = 150;
	for (size_t i = 0; i < N_ROWS(many); i++)
	{
		memset(many[i].local, 'l', EV_LOCAL_MAX);
		many[i].local[EV_LOCAL_MAX] = '\0';
		many[i].eai = false;
	}
	ev_smtp_init(&smtp, &config, many, N_ROWS(many));
	peer_says("220 a\r\n", 7, 100);
	ev_smtp_sent(&smtp, ev_smtp_output(&smtp, &out));
	peer_says("250-a\r\n250 PIPELINING\r\n", 23, 100);
	while (!smtp.done)
	{
		size_t n = ev_smtp_output(&smtp, &out);
		size_t replies = 0;

		assert_true(n > 0 && n <= EV_SMTP_OUT_MAX);
		for (size_t i = 0; i < n; i++)
			replies += out[i] == '\n';
		ev_smtp_sent(&smtp, n);
		sent += n;
		for (size_t i = 0; i < replies && !smtp.done; i++)
			peer_says("250 ok\r\n", 8, 100);
	}
	for (size_t i = 0; i < N_ROWS(many); i++)
	{
		assert_int_equal(many[i].outcome, EV_OUTCOME_REPLY);
		assert_int_equal(many[i].reply.code, 250);
	}
	assert_true(sent > EV_SMTP_OUT_MAX);
}

static void
an_endless_line_ends_the_session(void **state)
{
	static const struct row one = {"", "ann", "", "", 0, 0, 0, 0, 0};

	(void) state;
	set_up(&one);
	for (int i = 0; i < EV_REPLY_LINE_MAX + 1 && !smtp.done; i++)
		peer_says("x", 1, 1);
	assert_true(smtp.done);
	assert_int_equal(rcpts[0].outcome, EV_OUTCOME_TOO_LONG);
	/* and what follows is ignored */
	peer_says("220 a\r\n", 7, 100);
	assert_int_equal(rcpts[0].outcome, EV_OUTCOME_TOO_LONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_go_as_they_should_in_any_chunks),
		cmocka_unit_test(names_cannot_smuggle_commands),
		cmocka_unit_test(each_reply_starts_the_time_out_anew_and_bytes_do_not),
		cmocka_unit_test(large_flights_are_cut_to_the_buffer),
		cmocka_unit_test(an_endless_line_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
