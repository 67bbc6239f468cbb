/*
 * test_diagnose.c
 *	  What replies, and mail systems' own words, mean.
 */
#include "unit.h"

#include "engine/bounce_internal.h"
#include "engine/diagnose.h"
#include "engine/pattern_index.h"

static struct ev_reply reply;

static void
diagnose(const char *words, const char *host, bool bounce, struct ev_said *said,
         struct ev_diagnosis *out)
{
	struct ev_diagnose_context context = {
		.recipient = "john@corp.example", .mx_host = host, .bounce = bounce};

	ev_said_parse((struct ev_slice){words, strlen(words)}, said);
	ev_diagnose(said, &context, &reply, out);
}

static void
a_reply_is_found_in_the_words_around_it(void **state)
{
	static const struct
	{
		const char *words;
		int code;
		const char *enhanced;
		const char *host;
		int stage;
		const char *text;
	} rows[] = {
		{"550 5.1.1 User unknown", 550, "5.1.1", "", EV_SAID_UNKNOWN, "5.1.1 User unknown"},
		{"smtp;550 5.1.1 User unknown", 550, "5.1.1", "", EV_SAID_UNKNOWN, "5.1.1 User unknown"},
		{"SMTP; 550-5.1.1 one\r\n 550 5.1.1 two", 550, "5.1.1", "", EV_SAID_UNKNOWN,
	     "5.1.1 one\n5.1.1 two"},
		{"550-5.1.1 one 550-5.1.1 two 550 5.1.1 three", 550, "5.1.1", "", EV_SAID_UNKNOWN,
	     "5.1.1 one \n5.1.1 two \n5.1.1 three"},
		{"host mx.corp.example[192.0.2.1] said: 550 5.1.1 <john@corp.example>: unknown (in reply "
	     "to "
	     "RCPT TO command)",
	     550, "5.1.1", "mx.corp.example", EV_SAID_RCPT, "5.1.1 <john@corp.example>: unknown"},
		{"host mx.corp.example[192.0.2.1] refused to talk to me: 554 no", 554, "",
	     "mx.corp.example", EV_SAID_GREETING, "no"},
		{"SMTP error from remote mail server after end of data: host mx.corp.example [192.0.2.1]: "
	     "552 "
	     "too big",
	     552, "", "mx.corp.example", EV_SAID_DATA, "too big"},
		{"SMTP error from remote mail server after RCPT TO:<john@corp.example>:\n host "
	     "mx.corp.example "
	     "[192.0.2.1]: 550 unknown",
	     550, "", "mx.corp.example", EV_SAID_RCPT, "unknown"},
		{"... while talking to mx.corp.example.:\n>>> DATA\n<<< 554 5.7.1 spam\n554 5.0.0 Service "
	     "unavailable",
	     554, "5.7.1", "mx.corp.example", EV_SAID_DATA, "5.7.1 spam\n5.0.0 Service unavailable"},
		{"192.0.2.1 does not like recipient.\nRemote host said: 550 no such user\nGiving up on "
	     "192.0.2.1.",
	     550, "", "192.0.2.1", EV_SAID_RCPT, "no such user"},
		{"connect to mx.corp.example[192.0.2.1]:25: Connection timed out", 0, "", "mx.corp.example",
	     EV_SAID_CONNECT, NULL},
		{"sorry, no mailbox here by that name. (#5.1.1)", 0, "5.1.1", "", EV_SAID_UNKNOWN, NULL},
		{"Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found'", 550,
	     "5.1.10", "", EV_SAID_UNKNOWN, NULL},
		{"550 550 5.1.1 unknown (state 14)", 550, "5.1.1", "", EV_SAID_UNKNOWN, NULL},
		{"a file of 550 bytes at 10:00 for 421 users", 0, "", "", EV_SAID_UNKNOWN, NULL},
		{"", 0, "", "", EV_SAID_UNKNOWN, NULL},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_said said;
		char enhanced[EV_ENHANCED_MAX + 1];
		char host[EV_HOST_MAX + 1];

		ev_said_parse((struct ev_slice){rows[i].words, strlen(rows[i].words)}, &said);
		ev_said_reply(&said, &reply);
		ev_enhanced_format(reply.enhanced, enhanced);
		snprintf(host, sizeof(host), "%.*s", (int) said.host.n, said.host.s);
		CHECK_INT(rows[i].words, said.code, rows[i].code);
		CHECK_STR(rows[i].words, enhanced, rows[i].enhanced);
		CHECK_STR(rows[i].words, host, rows[i].host);
		CHECK_INT(rows[i].words, said.stage, rows[i].stage);
		if (rows[i].text != NULL)
			CHECK_STR(rows[i].words, reply.text, rows[i].text);
	}
}

static void
words_mean_what_they_say(void **state)
{
	static const struct
	{
		const char *words;
		enum ev_reason reason;
		enum ev_detail detail;
		enum ev_bounce_scope scope;
	} rows[] = {
#define R(words, reason, detail, scope)                                                            \
	{(words), EV_REASON_##reason, EV_DETAIL_##detail, EV_SCOPE_##scope}
		R("connect to mx[192.0.2.1]:25: Operation timed out", SMTP_TIMEOUT, CONNECT_TIMEOUT, ROUTE),
		R("conversation with mx.corp.example[192.0.2.1] timed out while sending message body",
	      SMTP_TIMEOUT, COMMAND_TIMEOUT, ROUTE),
		R("No route to host", SMTP_CONNECTION_FAILED, UNREACHABLE, ROUTE),
		R("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)", SMTP_CONNECTION_FAILED,
	      UNREACHABLE, ROUTE),
		R("Sorry, I couldn't find any host named nowhere.example. (#5.1.2)", NO_MX_RECORDS,
	      NXDOMAIN, DOMAIN),
		R("550 5.1.2 <john@corp.example>... Host unknown (Name server: corp.example: host not "
	      "found)",
	      NO_MX_RECORDS, NXDOMAIN, DOMAIN),
		R("all relevant MX records point to non-existent hosts", HOST_NOT_FOUND, MX_NOT_FOUND,
	      DOMAIN),
		R("an MX or SRV record indicated no SMTP service", NO_MX_RECORDS, NULL_MX, DOMAIN),
		R("CNAME lookup failed temporarily. (#4.4.3)", DNS_LOOKUP_ERROR, SERVFAIL, ROUTE),
		R("Too many hops", SMTP_PROTOCOL_ERROR, MAIL_LOOP, ROUTE),
		R("554 5.4.6 Too many hops 27 (25 max)", SMTP_PROTOCOL_ERROR, MAIL_LOOP, ROUTE),
		R("unknown user: \"john\"", MAILBOX_NOT_FOUND, NONE, MAILBOX),
		R("552 Message exceeds quota of the mailbox", MAILBOX_FULL, OVER_QUOTA, MAILBOX),
		R("552 5.2.3 Message too large", MESSAGE_REJECTED, MESSAGE_SIZE, MESSAGE),
		R("554 5.7.1 blocked: your IP sends viruses and is listed in an RBL", SMTP_BLOCKED,
	      BLOCKLIST, OUR_IP),
		R("554 5.7.1 The message contains a virus", MESSAGE_REJECTED, VIRUS, MESSAGE),
		R("550 5.7.1 header From: is missing", MESSAGE_REJECTED, CONTENT, MESSAGE),
		R("550 5.7.20 DKIM check failed", SENDER_REJECTED, SENDER_POLICY, OUR_DOMAIN),
		R("Domain of sender address x@y.example does not exist", SENDER_REJECTED, SENDER_DOMAIN,
	      OUR_DOMAIN),
		R("550 5.7.27 <x@y.example>: Sender address rejected: Domain y.example does not accept "
	      "mail "
	      "(nullMX)",
	      SENDER_REJECTED, SENDER_DOMAIN, OUR_DOMAIN),
		R("503 STARTTLS command used when not advertised", SMTP_PROTOCOL_ERROR, UNEXPECTED_REPLY,
	      ROUTE),
		R("mailbox is full: retry timeout exceeded", MAILBOX_FULL, OVER_QUOTA, MAILBOX),
		R("retry timeout exceeded", SMTP_TIMEOUT, EXPIRED, ROUTE),
		R("550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
	      MESSAGE_REJECTED, MESSAGE_SIZE, MESSAGE),
		R("bad address syntax", MAILBOX_NOT_FOUND, REMOTE_SYNTAX, MAILBOX),
		R("550 5.1.8 Access denied, bad outbound sender", SENDER_REJECTED, SENDER_DOMAIN,
	      OUR_DOMAIN),
		R("550 #5.1.0 Address rejected.", SMTP_UNVERIFIABLE, ACCESS_DENIED, NONE),
		R("550 5.1.0 rejected", SMTP_UNVERIFIABLE, WEAK_REFUSAL, NONE),
		R("delivery time expired", SMTP_TIMEOUT, EXPIRED, ROUTE),
		R("retry timeout exceeded: Connection refused", SMTP_CONNECTION_FAILED, CONNECTION_REFUSED,
	      ROUTE),
#undef R
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_said said;
		struct ev_diagnosis diagnosis;

		diagnose(rows[i].words, "mx.corp.example", true, &said, &diagnosis);
		CHECK_STR(rows[i].words, ev_reason_info(diagnosis.finding.reason)->label,
		          ev_reason_info(rows[i].reason)->label);
		CHECK_STR(rows[i].words, ev_detail_info(diagnosis.finding.detail)->label,
		          ev_detail_info(rows[i].detail)->label);
		CHECK_STR(rows[i].words, ev_bounce_scope_label(diagnosis.scope),
		          ev_bounce_scope_label(rows[i].scope));
	}
}

#ifndef REFUSALS
#define REFUSALS "test/data/refusals.tsv"
#endif

/* Each line of the collection; those that differ are printed. */
static void
refusals_in_other_words_are_understood(void **state)
{
	FILE *file = fopen(REFUSALS, "r");
	char line[1000];
	int n = 0;
	int bad = 0;

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *reason = strchr(line, '\t');
		char *detail = reason == NULL ? NULL : strchr(reason + 1, '\t');
		const char *got;
		struct ev_said said;
		struct ev_diagnosis diagnosis;

		if (line[0] == '#')
			continue;
		assert_non_null(detail);
		*reason++ = '\0';
		*detail++ = '\0';
		detail[strcspn(detail, "\n")] = '\0';
		diagnose(line, "mx.corp.example", true, &said, &diagnosis);
		got = ev_detail_info(diagnosis.finding.detail)->label;
		n++;
		if (strcmp(ev_reason_info(diagnosis.finding.reason)->label, reason) == 0 &&
		    strcmp(got == NULL ? "-" : got, detail) == 0)
			continue;
		print_message("# %s: %s %s, not %s %s [%s]\n", line,
		              ev_reason_info(diagnosis.finding.reason)->label, got == NULL ? "-" : got,
		              reason, detail, diagnosis.finding.rule);
		bad++;
	}
	fclose(file);
	assert_true(n > 70);
	assert_int_equal(bad, 0);
}

#ifndef CORPUS
#define CORPUS "test/data/replies.tsv"
#endif

/*
 * Rules of bounces come before those of replies, or after them: no reply that says nothing bad of
 * the address may be taken for one that does, asked about by itself.
 */
static void
no_reply_of_the_corpus_condemns_whom_it_does_not(void **state)
{
	FILE *file = fopen(CORPUS, "r");
	char line[4096];
	int n = 0;
	int wrong = 0;

	(void) state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *field[5] = {line};
		struct ev_diagnose_context context = {.recipient = "john.doe@corp.com"};
		struct ev_said said;
		struct ev_diagnosis diagnosis;
		enum ev_reason reason = EV_REASON_SMTP_UNVERIFIABLE;
		char *out;

		if (line[0] == '#')
			continue;
		for (int i = 1; i < 5; i++)
		{
			field[i] = strchr(field[i - 1], '\t');
			assert_non_null(field[i]);
			*field[i]++ = '\0';
		}
		*strchr(field[4], '\t') = '\0';
		if (strchr(field[0], '+') != NULL ||
		    (ev_reason_by_label(field[3], strlen(field[3]), &reason) &&
		     ev_reason_info(reason)->status == EV_STATUS_INVALID))
			continue;
		out = field[2];
		for (char *in = field[2]; *in != '\0'; in++)
			*out++ = in[0] == '\\' && in[1] == 'n' ? (in++, '\n') : *in;
		*out = '\0';
		ev_said_parse((struct ev_slice){field[2], strlen(field[2])}, &said);
		if (said.stage == EV_SAID_UNKNOWN)
			ev_said_stage_by_label((struct ev_slice){field[0], strlen(field[0])}, &said.stage);
		context.mx_host = field[1];
		ev_diagnose(&said, &context, &reply, &diagnosis);
		n++;
		if (ev_reason_info(diagnosis.finding.reason)->status != EV_STATUS_INVALID)
			continue;
		print_error("%s: %s by %s\n", field[2], ev_reason_info(diagnosis.finding.reason)->label,
		            diagnosis.finding.rule);
		wrong++;
	}
	fclose(file);
	assert_true(n > 1000);
	assert_int_equal(wrong, 0);
}

/* Whatever the words are, a code of the fourth class says that it may pass. */
static void
nothing_temporary_condemns_an_address(void **state)
{
	static const char *const words[] = {"User unknown",
	                                    "Host or domain name not found",
	                                    "No such domain",
	                                    "Relay access denied",
	                                    "Invalid mailbox",
	                                    "domain does not accept mail (nullMX)",
	                                    "has moved to <a@b.example>",
	                                    "all relevant MX records point to non-existent hosts",
	                                    "SMTPUTF8 not supported"};
	static const char *const forms[] = {"450 %s",       "450 4.1.1 %s", "451 4.4.4 %s",
	                                    "421 4.1.2 %s", "4.1.10 %s",    "smtp; 452-4.2.1 %s"};
	char text[200];

	(void) state;
	for (size_t i = 0; i < N_ROWS(words); i++)
		for (size_t k = 0; k < N_ROWS(forms); k++)
			for (int bounce = 0; bounce < 2; bounce++)
			{
				struct ev_said said;
				struct ev_diagnosis diagnosis;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				snprintf(text, sizeof(text), forms[k], words[i]);
#pragma GCC diagnostic pop
				diagnose(text, "mx.corp.example", bounce == 1, &said, &diagnosis);
				if (ev_reason_info(diagnosis.finding.reason)->status == EV_STATUS_INVALID)
					fail_msg("%s: %s", text, diagnosis.finding.rule);
			}
}

/* What is echoed decides nothing: the same words with another recipient mean the same. */
static void
an_echoed_name_does_not_decide(void **state)
{
	static const char *const names[] = {"mailbox.full",   "user-unknown",      "connection.refused",
	                                    "host_not_found", "message.too.large", "spam.detected",
	                                    "virus.found",    "mail.loop"};
	char text[300];

	(void) state;
	for (size_t i = 0; i < N_ROWS(names); i++)
	{
		struct ev_diagnose_context context = {.bounce = true};
		struct ev_diagnosis diagnosis;
		struct ev_said said;
		char recipient[100];

		snprintf(recipient, sizeof(recipient), "%s@corp.example", names[i]);
		context.recipient = recipient;
		snprintf(text, sizeof(text), "550 5.0.0 <%s>: no, \"%s\", no", recipient, names[i]);
		ev_said_parse((struct ev_slice){text, strlen(text)}, &said);
		ev_diagnose(&said, &context, &reply, &diagnosis);
		CHECK_STR(text, ev_reason_info(diagnosis.finding.reason)->label, "smtp_unverifiable");
	}
}

static const char *const bounce_patterns[] = {
#define E(subject, detail)
#define EV_BOUNCE_RULE(id, when, enhanced, pattern, about, reason, detail, later, later_detail,    \
                       scope)                                                                      \
	pattern,
#include "engine/bounce_rules.def"
};

/* Patterns beyond the index's room would never match. */
static void
the_index_matches_what_the_patterns_match(void **state)
{
	static const char *const texts[] = {" host or domain name not found ",
	                                    " connection timed out ",
	                                    " message size exceeds limit ",
	                                    " no such thing ",
	                                    " too many hops ",
	                                    " virus found ",
	                                    " mail-size-limit spam ",
	                                    " \x01 "};
	static struct ev_pattern_index index;

	(void) state;
	ev_pattern_index_build(&index, bounce_patterns, N_ROWS(bounce_patterns));
	assert_true(index.complete);
	assert_true(index.n > 300);
	for (size_t t = 0; t < N_ROWS(texts); t++)
	{
		struct ev_pattern_text subject;
		struct ev_pattern_set set;

		ev_pattern_prepare(&subject, texts[t], strlen(texts[t]));
		ev_pattern_index_match(&index, &subject, &set);
		for (size_t i = 0; i < N_ROWS(bounce_patterns); i++)
			if (bounce_patterns[i] != NULL)
				CHECK_INT(bounce_patterns[i], ev_pattern_set_has(&set, i),
				          ev_pattern_match(&subject, bounce_patterns[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_found_in_the_words_around_it),
		cmocka_unit_test(words_mean_what_they_say),
		cmocka_unit_test(refusals_in_other_words_are_understood),
		cmocka_unit_test(no_reply_of_the_corpus_condemns_whom_it_does_not),
		cmocka_unit_test(nothing_temporary_condemns_an_address),
		cmocka_unit_test(an_echoed_name_does_not_decide),
		cmocka_unit_test(the_index_matches_what_the_patterns_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
