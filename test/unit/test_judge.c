/*
 * test_judge.c
 *	  The decision table, row by row.
 */
#include "corpus.h"

#include "engine/judge.h"

/* A case with a reply to RCPT. */
struct row
{
	const char *reply;
	const char *host;
	enum ev_random random;
	enum ev_control control;
	enum ev_reason reason;
	enum ev_detail detail;
};

static void
judge_reply(const char *reply, const char *host, enum ev_stage stage, enum ev_random random,
            enum ev_control control, bool same, struct ev_judgement *out)
{
	struct ev_case c = {.outcome = EV_OUTCOME_REPLY, .stage = stage, .random = random};

	c.random_text_same = same;
	c.control = control;
	c.provider = ev_provider_of_host(host, strlen(host));
	c.trust = ev_provider_trust(c.provider);
	corpus_classify(reply, stage, host, false, &corpus_terms, &c.finding);
	ev_judge(&c, out);
}

static void
check(const struct row *rows, size_t n, bool same)
{
	for (size_t i = 0; i < n; i++)
	{
		struct ev_judgement judgement;
		char name[300];

		snprintf(name, sizeof(name), "row %zu: %s", i, rows[i].reply);
		judge_reply(rows[i].reply, rows[i].host, EV_STAGE_RCPT, rows[i].random, rows[i].control,
		            same, &judgement);
		CHECK_STR(name, ev_reason_info(judgement.verdict.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(name, ev_detail_info(judgement.verdict.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
		CHECK_INT(name, judgement.verdict.status, ev_reason_info(rows[i].reason)->status);
		CHECK_INT(name, judgement.put_back, false);
		assert_true(judgement.rule[0] != '\0');
	}
}

#define OWN    "mx.corp.com"
#define GOOGLE "aspmx.l.google.com"
#define M365   "corp-com.mail.protection.outlook.com"
#define OLC    "outlook-com.olc.protection.outlook.com"
#define YAHOO  "mta5.am0.yahoodns.net"
#define APPLE  "mx01.mail.icloud.com"
#define GATE   "eu-smtp-inbound-1.mimecast.com"
#define NAVER  "mx1.naver.com"
#define ROUTED "route1.mx.cloudflare.net"

static void
an_acceptance_is_worth_what_the_made_up_recipient_makes_of_it(void **state)
{
	static const struct row rows[] = {
		{"250 ok", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"251 ok", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_FORWARDED},
		{"250 ok", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", ROUTED, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", M365, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_M365_INTERNAL_RELAY,
	     EV_DETAIL_NONE},
		{"250 ok", GATE, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_GATEWAY_ACCEPT_ALL,
	     EV_DETAIL_NONE},
		{"250 ok", NAVER, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_REGION_CONSUMER_ACCEPT_ALL,
	     EV_DETAIL_NONE},
		{"250 ok", YAHOO, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", M365, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", GATE, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", YAHOO, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_UNTRUSTED_ACCEPT},
		{"250 ok", APPLE, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_UNTRUSTED_ACCEPT},
		{"250 ok", OLC, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_MICROSOFT_CONSUMER},
		{"250 ok", OLC, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_MICROSOFT_CONSUMER},
		{"250 ok", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_INCONCLUSIVE,
	     EV_DETAIL_CATCH_ALL_NOT_ASKED},
		{"250 ok", OWN, EV_RANDOM_TEMP_FAIL, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_INCONCLUSIVE,
	     EV_DETAIL_CATCH_ALL_TEMP_FAIL},
		{"250 ok", OWN, EV_RANDOM_TIMEOUT, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_INCONCLUSIVE,
	     EV_DETAIL_CATCH_ALL_TIMEOUT},
		{"250 ok", OWN, EV_RANDOM_CLOSED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_INCONCLUSIVE,
	     EV_DETAIL_CATCH_ALL_CONNECTION},
		{"250 ok", OWN, EV_RANDOM_OTHER_HOST, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_INCONCLUSIVE,
	     EV_DETAIL_CATCH_ALL_OTHER_HOST},
		{"252 maybe", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_CANNOT_VERIFY},
		{"252 maybe", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_CANNOT_VERIFY},
		{"299 what", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_UNEXPECTED_REPLY},
	};

	(void) state;
	check(rows, N_ROWS(rows), false);
}

static void
a_strong_refusal_wins_over_catch_all(void **state)
{
	static const struct row rows[] = {
		{"550 5.1.1 User unknown", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE},
		{"550 5.1.1 User unknown", YAHOO, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE},
		{"552 5.2.2 full", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_MAILBOX_FULL,
	     EV_DETAIL_OVER_QUOTA},
		{"452 4.2.2 Mailbox full", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_MAILBOX_FULL,
	     EV_DETAIL_OVER_QUOTA},
		{"550 5.2.1 disabled", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_MAILBOX_DISABLED,
	     EV_DETAIL_DISABLED},
		{"551 5.1.6 moved", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_MAILBOX_MOVED,
	     EV_DETAIL_NONE},
		{"554 5.7.1 blocked using x.y.org", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_BLOCKED, EV_DETAIL_BLOCKLIST},
		{"550 5.7.1 SPF fail", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SENDER_REJECTED, EV_DETAIL_SENDER_POLICY},
	};

	(void) state;
	check(rows, N_ROWS(rows), false);
}

static void
weak_refusals_say_nothing_without_a_control(void **state)
{
	/* in the words with which the host refuses who does not exist */
	static const struct row alike[] = {
		{"550 rejected", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_WEAK},
		{"550 rejected", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_WEAK_REFUSAL},
		{"550 5.7.1 User unknown", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_WEAK},
	};
	/* in other words, or nobody knows those */
	static const struct row rows[] = {
		{"550 rejected", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_WEAK_REFUSAL},
		{"550 rejected", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"554 5.0.0 Service unavailable", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"550 rejected", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"550 rejected", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"550 rejected", OWN, EV_RANDOM_REFUSED, EV_CONTROL_REFUSED_ALL, EV_REASON_SMTP_BLOCKED,
	     EV_DETAIL_ALL_REFUSED},
		{"550 5.7.1 User unknown", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CONTRADICTION},
		{"550 5.7.1 User unknown", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_CONTRADICTION},
		{"550 5.7.1 User unknown", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_REFUSED_ALL,
	     EV_REASON_SMTP_BLOCKED, EV_DETAIL_ALL_REFUSED},
		/* policy and protocol are not about the mailbox, whatever others were told */
		{"550 5.7.1 no", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER, EV_REASON_SMTP_BLOCKED,
	     EV_DETAIL_POLICY},
		{"503 need MAIL", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_UNEXPECTED_REPLY},
		{"451 mumble", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_POLICY_TEMP_FAIL, EV_DETAIL_TEMPORARY},
	};

	(void) state;
	check(rows, N_ROWS(rows), false);
	check(alike, N_ROWS(alike), true);
}

/* Whatever else is known: no words that name no cause condemn anybody in this host's other words. */
static void
check_weak(struct corpus_row *row)
{
	struct ev_finding finding;

	corpus_classify(row->reply, row->stage, row->host, row->eai, &corpus_terms, &finding);
	if (finding.accepted || finding.strength != EV_WEAK)
		return;
	for (int random = EV_RANDOM_UNKNOWN; random <= EV_RANDOM_OTHER_HOST; random++)
		for (int control = EV_CONTROL_NONE; control <= EV_CONTROL_REFUSED_ALL; control++)
			for (int same = 0; same <= 1; same++)
			{
				struct ev_judgement judgement;
				bool invalid;

				judge_reply(row->reply, row->host, row->stage, (enum ev_random) random,
				            (enum ev_control) control, same != 0, &judgement);
				invalid = judgement.verdict.status == EV_STATUS_INVALID;
				CHECK_INT(row->reply,
				          invalid && (same == 0 || control != EV_CONTROL_ACCEPTED_OTHER), false);
				CHECK_INT(row->reply, invalid && !judgement.confirm, false);
			}
}

static void
no_weak_refusal_is_invalid_in_other_words_than_the_made_up_recipients(void **state)
{
	(void) state;
	assert_true(corpus_each(check_weak) > 2000);
}

/* Microsoft's consumer servers give a blocked client the very words of a dead mailbox. */
static void
a_provider_that_needs_a_control_is_not_believed_alone(void **state)
{
	static const char reply[] = "550 5.5.0 Requested action not taken: mailbox unavailable";
	static const struct row rows[] = {
		{reply, OLC, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_WEAK_REFUSAL},
		{reply, OLC, EV_RANDOM_UNKNOWN, EV_CONTROL_ACCEPTED_OTHER, EV_REASON_MAILBOX_NOT_FOUND,
	     EV_DETAIL_NONE},
		{reply, OLC, EV_RANDOM_UNKNOWN, EV_CONTROL_REFUSED_ALL, EV_REASON_SMTP_BLOCKED,
	     EV_DETAIL_ALL_REFUSED},
		{"552 5.2.2 full", OLC, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_MAILBOX_FULL,
	     EV_DETAIL_OVER_QUOTA},
		{"550 5.1.1 User unknown", "mail.h-email.net", EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
	};

	(void) state;
	check(rows, N_ROWS(rows), false);
}

/* The site's own word goes before what the table of families says, in both directions. */
static void
what_is_trusted_is_said_by_the_case_and_not_by_the_family(void **state)
{
	static const struct
	{
		const char *reply;
		const char *host;
		bool accept, reject, needs_control;
		enum ev_random random;
		enum ev_control control;
		enum ev_reason reason;
		enum ev_detail detail;
	} rows[] = {
		{"250 ok", YAHOO, true, true, false, EV_RANDOM_REFUSED, EV_CONTROL_NONE,
	     EV_REASON_SMTP_DELIVERABLE, EV_DETAIL_NONE},
		{"250 ok", YAHOO, true, true, false, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_CATCH_ALL_INCONCLUSIVE, EV_DETAIL_CATCH_ALL_NOT_ASKED},
		{"250 ok", YAHOO, true, true, false, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     EV_REASON_CATCH_ALL_DELIVERABLE, EV_DETAIL_NONE},
		{"250 ok", OLC, true, true, true, EV_RANDOM_REFUSED, EV_CONTROL_NONE,
	     EV_REASON_SMTP_DELIVERABLE, EV_DETAIL_NONE},
		{"250 ok", OWN, false, true, false, EV_RANDOM_REFUSED, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_UNTRUSTED_ACCEPT},
		{"250 ok", OWN, false, true, false, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_UNTRUSTED_ACCEPT},
		/* what accepts everything is called what it is, trusted or not */
		{"250 ok", OWN, false, false, true, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     EV_REASON_CATCH_ALL_DELIVERABLE, EV_DETAIL_NONE},
		{"550 5.1.1 User unknown", OWN, true, false, false, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"550 5.1.1 User unknown", OWN, true, true, true, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_WEAK_REFUSAL},
		{"550 5.1.1 User unknown", OWN, true, true, true, EV_RANDOM_UNKNOWN,
	     EV_CONTROL_ACCEPTED_OTHER, EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE},
		{"552 5.2.2 full", OWN, true, false, true, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_MAILBOX_FULL, EV_DETAIL_OVER_QUOTA},
		{"550 5.5.0 Requested action not taken: mailbox unavailable", OLC, false, true, false,
	     EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_case c = {.outcome = EV_OUTCOME_REPLY, .stage = EV_STAGE_RCPT};
		struct ev_judgement judgement;
		char name[300];

		snprintf(name, sizeof(name), "row %zu: %s", i, rows[i].reply);
		c.random = rows[i].random;
		c.control = rows[i].control;
		c.provider = ev_provider_of_host(rows[i].host, strlen(rows[i].host));
		c.trust.accept = rows[i].accept;
		c.trust.reject = rows[i].reject;
		c.trust.needs_control = rows[i].needs_control;
		corpus_classify(rows[i].reply, c.stage, rows[i].host, false, &corpus_terms, &c.finding);
		ev_judge(&c, &judgement);
		CHECK_STR(name, ev_reason_info(judgement.verdict.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(name, ev_detail_info(judgement.verdict.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
	}
}

static void
a_temporary_refusal_is_a_catch_all_only_where_made_up_ones_pass(void **state)
{
	static const struct row rows[] = {
		{"450 4.2.0 Greylisted", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     EV_REASON_CATCH_ALL_DOMAIN, EV_DETAIL_NONE},
		{"451 mumble", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_DOMAIN,
	     EV_DETAIL_NONE},
		{"450 4.2.0 Greylisted", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_GREYLISTED,
	     EV_DETAIL_GREYLIST},
		{"450 4.1.1 User unknown", OWN, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	     EV_REASON_POLICY_TEMP_FAIL, EV_DETAIL_TEMPORARY},
	};

	(void) state;
	check(rows, N_ROWS(rows), false);
}

static void
evidence_that_may_not_stand_alone_is_marked(void **state)
{
	struct ev_judgement judgement;

	(void) state;
	judge_reply("554 5.7.1 Relay access denied", OWN, EV_STAGE_RCPT, EV_RANDOM_UNKNOWN,
	            EV_CONTROL_NONE, false, &judgement);
	assert_int_equal(judgement.verdict.reason, EV_REASON_RELAY_DENIED);
	assert_true(judgement.confirm);
	judge_reply("550 rejected", OWN, EV_STAGE_RCPT, EV_RANDOM_REFUSED, EV_CONTROL_ACCEPTED_OTHER,
	            true, &judgement);
	assert_true(judgement.confirm);
	judge_reply("550 5.1.1 User unknown", OWN, EV_STAGE_RCPT, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	            false, &judgement);
	assert_false(judgement.confirm);
}

static void
a_session_that_is_over_judges_nobody(void **state)
{
	static const char *const replies[] = {
		"452 4.5.3 Too many recipients",
		"452 too many recipients",
		"451 4.5.3 x",
		"421 4.7.0 too many errors",
		"421 bye",
		"550 5.5.3 too many",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(replies); i++)
		for (int random = EV_RANDOM_UNKNOWN; random <= EV_RANDOM_OTHER_HOST; random++)
		{
			struct ev_judgement judgement;

			judge_reply(replies[i], OWN, EV_STAGE_RCPT, (enum ev_random) random, EV_CONTROL_NONE,
			            false, &judgement);
			CHECK_INT(replies[i], judgement.put_back, true);
			CHECK_STR(replies[i], ev_reason_info(judgement.verdict.reason)->label,
			          "smtp_rate_limited");
		}
}

static void
silence_is_named_by_what_was_waited_for(void **state)
{
	static const struct
	{
		enum ev_outcome outcome;
		enum ev_stage stage;
		enum ev_reason reason;
		enum ev_detail detail;
	} rows[] = {
		{EV_OUTCOME_CLOSED, EV_STAGE_GREETING, EV_REASON_SMTP_EOF_BLOCKED,
	     EV_DETAIL_CLOSED_BEFORE_GREETING},
		{EV_OUTCOME_CLOSED, EV_STAGE_EHLO, EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED},
		{EV_OUTCOME_CLOSED, EV_STAGE_MAIL, EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED},
		{EV_OUTCOME_CLOSED, EV_STAGE_RCPT, EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED},
		{EV_OUTCOME_TIMEOUT, EV_STAGE_CONNECT, EV_REASON_SMTP_TIMEOUT, EV_DETAIL_CONNECT_TIMEOUT},
		{EV_OUTCOME_TIMEOUT, EV_STAGE_GREETING, EV_REASON_SMTP_TIMEOUT, EV_DETAIL_GREETING_TIMEOUT},
		{EV_OUTCOME_TIMEOUT, EV_STAGE_RCPT, EV_REASON_SMTP_TIMEOUT, EV_DETAIL_COMMAND_TIMEOUT},
		{EV_OUTCOME_SESSION_TIMEOUT, EV_STAGE_RCPT, EV_REASON_SMTP_TIMEOUT,
	     EV_DETAIL_SESSION_TIMEOUT},
		{EV_OUTCOME_REFUSED, EV_STAGE_CONNECT, EV_REASON_SMTP_CONNECTION_FAILED,
	     EV_DETAIL_CONNECTION_REFUSED},
		{EV_OUTCOME_UNREACHABLE, EV_STAGE_CONNECT, EV_REASON_SMTP_CONNECTION_FAILED,
	     EV_DETAIL_UNREACHABLE},
		{EV_OUTCOME_NO_EGRESS, EV_STAGE_CONNECT, EV_REASON_SMTP_CONNECTION_FAILED,
	     EV_DETAIL_PORT_25_BLOCKED},
		{EV_OUTCOME_TARGET_REFUSED, EV_STAGE_CONNECT, EV_REASON_SMTP_CONNECTION_FAILED,
	     EV_DETAIL_MX_UNROUTABLE},
		{EV_OUTCOME_TLS, EV_STAGE_STARTTLS, EV_REASON_SMTP_CONNECTION_FAILED, EV_DETAIL_TLS_FAILED},
		{EV_OUTCOME_NO_SOCKET, EV_STAGE_CONNECT, EV_REASON_INTERNAL_VERIFIER_ERROR,
	     EV_DETAIL_SOCKET_UNAVAILABLE},
		{EV_OUTCOME_NO_BIND, EV_STAGE_CONNECT, EV_REASON_INTERNAL_VERIFIER_ERROR,
	     EV_DETAIL_LOCAL_BIND_FAILED},
		{EV_OUTCOME_GARBAGE, EV_STAGE_GREETING, EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_GARBAGE},
		{EV_OUTCOME_TOO_LONG, EV_STAGE_EHLO, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_REPLY_TOO_LONG},
		{EV_OUTCOME_CANCELED, EV_STAGE_RCPT, EV_REASON_SMTP_TIMEOUT, EV_DETAIL_CANCELED},
		{EV_OUTCOME_UNSENDABLE, EV_STAGE_RCPT, EV_REASON_INTERNAL_VERIFIER_ERROR, EV_DETAIL_NONE},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_case c = {.outcome = rows[i].outcome, .stage = rows[i].stage};
		struct ev_judgement judgement;
		char name[20];

		snprintf(name, sizeof(name), "row %zu", i);
		ev_judge(&c, &judgement);
		CHECK_STR(name, ev_reason_info(judgement.verdict.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(name, ev_detail_info(judgement.verdict.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
		CHECK_INT(name, strncmp(judgement.rule, "outcome.", 8), 0);
	}
}

static void
a_known_catch_all_answers_for_a_recipient_without_an_answer(void **state)
{
	static const struct
	{
		enum ev_outcome outcome;
		enum ev_stage stage;
		enum ev_reason reason;
	} rows[] = {
		{EV_OUTCOME_CLOSED, EV_STAGE_RCPT, EV_REASON_CATCH_ALL_DOMAIN},
		{EV_OUTCOME_TIMEOUT, EV_STAGE_RCPT, EV_REASON_CATCH_ALL_DOMAIN},
		{EV_OUTCOME_NOT_ASKED, EV_STAGE_MAIL, EV_REASON_CATCH_ALL_INFERRED},
		/* the host may be dead by now */
		{EV_OUTCOME_TIMEOUT, EV_STAGE_CONNECT, EV_REASON_SMTP_TIMEOUT},
		{EV_OUTCOME_CLOSED, EV_STAGE_GREETING, EV_REASON_SMTP_EOF_BLOCKED},
		{EV_OUTCOME_REFUSED, EV_STAGE_CONNECT, EV_REASON_SMTP_CONNECTION_FAILED},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_case c = {.outcome = rows[i].outcome, .stage = rows[i].stage};
		struct ev_judgement judgement;

		c.random = EV_RANDOM_ACCEPTED;
		ev_judge(&c, &judgement);
		assert_string_equal(ev_reason_info(judgement.verdict.reason)->label,
		                    ev_reason_info(rows[i].reason)->label);
		assert_false(judgement.put_back);
	}
}

/* What ended a session in which somebody's turn did not come: never `pending`, never about a mailbox. */
static void
who_was_not_asked_is_put_back_with_what_ended_the_session(void **state)
{
	static const struct
	{
		enum ev_outcome outcome;
		enum ev_stage stage;
		const char *reply;
		const char *host;
		enum ev_reason reason;
		enum ev_detail detail;
	} rows[] = {
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "421 4.7.0 too many errors", OWN,
	     EV_REASON_SMTP_RATE_LIMITED, EV_DETAIL_RATE},
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "421 bye", OWN, EV_REASON_SMTP_RATE_LIMITED,
	     EV_DETAIL_RATE},
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "421 4.7.28 unusual rate of mail", GOOGLE,
	     EV_REASON_GOOGLE_RATE_LIMIT, EV_DETAIL_RATE},
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "421 4.7.1 blocked using bl.example.org", OWN,
	     EV_REASON_SMTP_BLOCKED, EV_DETAIL_BLOCKLIST},
		{EV_OUTCOME_REPLY, EV_STAGE_RSET, "503 what?", OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_UNEXPECTED_REPLY},
		/* that was another one's mailbox */
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "421 4.2.2 mailbox full", OWN,
	     EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED},
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "550 5.1.1 User unknown", OWN,
	     EV_REASON_SMTP_PROTOCOL_ERROR, EV_DETAIL_CLOSED},
		{EV_OUTCOME_REPLY, EV_STAGE_RCPT, "250 ok", OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_CLOSED},
		{EV_OUTCOME_CLOSED, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_CLOSED},
		{EV_OUTCOME_CLOSED, EV_STAGE_GREETING, NULL, OWN, EV_REASON_SMTP_EOF_BLOCKED,
	     EV_DETAIL_CLOSED_BEFORE_GREETING},
		{EV_OUTCOME_TIMEOUT, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_TIMEOUT,
	     EV_DETAIL_COMMAND_TIMEOUT},
		{EV_OUTCOME_SESSION_TIMEOUT, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_TIMEOUT,
	     EV_DETAIL_SESSION_TIMEOUT},
		{EV_OUTCOME_GARBAGE, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_GARBAGE},
		{EV_OUTCOME_TOO_LONG, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_REPLY_TOO_LONG},
		{EV_OUTCOME_CANCELED, EV_STAGE_RCPT, NULL, OWN, EV_REASON_SMTP_TIMEOUT, EV_DETAIL_CANCELED},
		{EV_OUTCOME_NOT_ASKED, EV_STAGE_NONE, NULL, OWN, EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_CLOSED},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_case end = {.outcome = rows[i].outcome, .stage = rows[i].stage};
		struct ev_case c = {.outcome = EV_OUTCOME_NOT_ASKED};
		struct ev_judgement judgement;
		char name[40];

		snprintf(name, sizeof(name), "row %zu: %s", i, rows[i].reply ? rows[i].reply : "no reply");
		/* what the host does with made-up recipients has nothing to do with it */
		end.random = EV_RANDOM_ACCEPTED;
		end.bystander = true;
		if (rows[i].reply != NULL)
			corpus_classify(rows[i].reply, end.stage, rows[i].host, false, NULL, &end.finding);
		c.end = ev_judge_end(&end);
		ev_judge(&c, &judgement);
		CHECK_INT(name, judgement.put_back, true);
		CHECK_STR(name, ev_reason_info(judgement.verdict.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(name, ev_detail_info(judgement.verdict.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
	}
}

static void
whoever_had_no_answer_when_the_host_closed_on_another_is_put_back(void **state)
{
	struct ev_case c = {.outcome = EV_OUTCOME_CLOSED, .stage = EV_STAGE_RCPT, .bystander = true};
	struct ev_judgement judgement;

	(void) state;
	ev_judge(&c, &judgement);
	assert_true(judgement.put_back);
	assert_int_equal(judgement.verdict.reason, EV_REASON_SMTP_PROTOCOL_ERROR);
	assert_int_equal(judgement.verdict.detail, EV_DETAIL_CLOSED);

	/* a host that takes everybody has answered for it */
	c.random = EV_RANDOM_ACCEPTED;
	ev_judge(&c, &judgement);
	assert_false(judgement.put_back);
	assert_int_equal(judgement.verdict.reason, EV_REASON_CATCH_ALL_DOMAIN);

	/* its own */
	c.random = EV_RANDOM_UNKNOWN;
	c.bystander = false;
	ev_judge(&c, &judgement);
	assert_false(judgement.put_back);
}

/*
 * Every combination there is: unknown has a detail, and only evidence about the recipient says
 * invalid.
 */
static void
no_case_is_left_without_a_sound_verdict(void **state)
{
	static const char *const replies[] = {
		"250 ok",
		"252 ok",
		"299 ok",
		"354 go",
		"421 x",
		"450 x",
		"450 4.7.1 x",
		"452 4.2.2 x",
		"451 4.7.650 x",
		"500 x",
		"501 5.1.3 x",
		"503 x",
		"530 x",
		"550 x",
		"550 5.1.1 x",
		"550 5.2.1 x",
		"550 5.4.1 x",
		"550 5.5.1 x",
		"550 5.7.1 x",
		"551 x",
		"552 x",
		"554 x",
		"550 relaying denied",
		"550 User unknown",
		"550 blacklisted",
		"550 Sender rejected",
	};

	(void) state;
	for (int provider = 0; provider < EV_N_PROVIDER; provider++)
		for (size_t i = 0; i < N_ROWS(replies); i++)
			for (int stage = EV_STAGE_CONNECT; stage < EV_N_STAGE; stage++)
				for (int random = EV_RANDOM_UNKNOWN; random <= EV_RANDOM_OTHER_HOST; random++)
				{
					struct ev_case c = {.outcome = EV_OUTCOME_REPLY};
					struct ev_judgement judgement;
					struct ev_reply reply;

					if (random == EV_RANDOM_UNKNOWN)
						corpus_reply(replies[i], &reply);
					else if (provider % 7 != 1 && random > EV_RANDOM_ACCEPTED)
						continue; /* a seventh of the families is enough for these */
					else
						corpus_reply(replies[i], &reply);
					c.stage = (enum ev_stage) stage;
					c.random = (enum ev_random) random;
					c.provider = (enum ev_provider) provider;
					c.trust = ev_provider_trust(c.provider);
					ev_classify(&reply, c.stage, c.provider, false, NULL, &c.finding);
					ev_judge(&c, &judgement);
					if (judgement.put_back)
					{
						assert_int_equal(judgement.verdict.status, EV_STATUS_UNKNOWN);
						assert_int_not_equal(judgement.verdict.reason, EV_REASON_PENDING);
						continue;
					}
					if (judgement.verdict.status == EV_STATUS_UNKNOWN &&
					    judgement.verdict.detail == EV_DETAIL_NONE)
						fail_msg("%s at %s: unknown by %s without a detail", replies[i],
						         ev_stage_label(c.stage), judgement.rule);
					if (judgement.verdict.status == EV_STATUS_INVALID)
					{
						assert_true(stage == EV_STAGE_RCPT || stage == EV_STAGE_RANDOM_RCPT);
						assert_true(reply.code >= 500);
					}
					if (judgement.verdict.status == EV_STATUS_VALID)
						assert_true(random == EV_RANDOM_REFUSED && reply.code == 250);
				}
}

static void
the_made_up_recipient_is_read_with_the_same_care(void **state)
{
	static const struct
	{
		enum ev_outcome outcome;
		const char *reply;
		enum ev_random random;
	} rows[] = {
		{EV_OUTCOME_REPLY, "250 ok", EV_RANDOM_ACCEPTED},
		{EV_OUTCOME_REPLY, "251 ok", EV_RANDOM_ACCEPTED},
		{EV_OUTCOME_REPLY, "252 ok", EV_RANDOM_TEMP_FAIL},
		{EV_OUTCOME_REPLY, "550 5.1.1 User unknown", EV_RANDOM_REFUSED},
		{EV_OUTCOME_REPLY, "550 rejected", EV_RANDOM_REFUSED},
		{EV_OUTCOME_REPLY, "554 5.7.1 blocked using x.y.org", EV_RANDOM_TEMP_FAIL},
		{EV_OUTCOME_REPLY, "550 5.7.1 policy", EV_RANDOM_TEMP_FAIL},
		{EV_OUTCOME_REPLY, "450 4.7.1 later", EV_RANDOM_TEMP_FAIL},
		{EV_OUTCOME_REPLY, "452 4.5.3 too many", EV_RANDOM_TEMP_FAIL},
		{EV_OUTCOME_CLOSED, NULL, EV_RANDOM_CLOSED},
		{EV_OUTCOME_TIMEOUT, NULL, EV_RANDOM_TIMEOUT},
		{EV_OUTCOME_NOT_ASKED, NULL, EV_RANDOM_UNKNOWN},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_finding finding = {0};

		if (rows[i].reply != NULL)
			corpus_classify(rows[i].reply, EV_STAGE_RANDOM_RCPT, OWN, false, NULL, &finding);
		CHECK_INT(rows[i].reply ? rows[i].reply : "no reply",
		          ev_random_from(rows[i].outcome, &finding), rows[i].random);
	}
}

/* Nobody made up was to be asked for: that is no test that failed, and no other verdict changes. */
static void
a_test_that_is_not_wanted_is_not_inconclusive(void **state)
{
	static const struct row rows[] = {
		{"250 ok", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL, EV_DETAIL_NONE},
		{"250 ok", YAHOO, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_UNTRUSTED_ACCEPT},
		{"250 ok", OWN, EV_RANDOM_REFUSED, EV_CONTROL_NONE, EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"250 ok", OWN, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE, EV_REASON_CATCH_ALL_DELIVERABLE,
	     EV_DETAIL_NONE},
		{"550 5.1.1 no such user", OWN, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE,
	     EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_case c = {.outcome = EV_OUTCOME_REPLY, .stage = EV_STAGE_RCPT};
		struct ev_judgement judgement;

		c.random = rows[i].random;
		c.random_unwanted = true;
		c.provider = ev_provider_of_host(rows[i].host, strlen(rows[i].host));
		c.trust = ev_provider_trust(c.provider);
		corpus_classify(rows[i].reply, c.stage, rows[i].host, false, &corpus_terms, &c.finding);
		ev_judge(&c, &judgement);
		CHECK_STR(rows[i].reply, ev_reason_info(judgement.verdict.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(rows[i].reply, ev_detail_info(judgement.verdict.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acceptance_is_worth_what_the_made_up_recipient_makes_of_it),
		cmocka_unit_test(a_strong_refusal_wins_over_catch_all),
		cmocka_unit_test(weak_refusals_say_nothing_without_a_control),
		cmocka_unit_test(no_weak_refusal_is_invalid_in_other_words_than_the_made_up_recipients),
		cmocka_unit_test(a_provider_that_needs_a_control_is_not_believed_alone),
		cmocka_unit_test(what_is_trusted_is_said_by_the_case_and_not_by_the_family),
		cmocka_unit_test(a_temporary_refusal_is_a_catch_all_only_where_made_up_ones_pass),
		cmocka_unit_test(evidence_that_may_not_stand_alone_is_marked),
		cmocka_unit_test(a_session_that_is_over_judges_nobody),
		cmocka_unit_test(silence_is_named_by_what_was_waited_for),
		cmocka_unit_test(a_known_catch_all_answers_for_a_recipient_without_an_answer),
		cmocka_unit_test(who_was_not_asked_is_put_back_with_what_ended_the_session),
		cmocka_unit_test(whoever_had_no_answer_when_the_host_closed_on_another_is_put_back),
		cmocka_unit_test(no_case_is_left_without_a_sound_verdict),
		cmocka_unit_test(the_made_up_recipient_is_read_with_the_same_care),
		cmocka_unit_test(a_test_that_is_not_wanted_is_not_inconclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
