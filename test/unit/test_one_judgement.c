/*
 * test_one_judgement.c
 *	  One reply has one judgement, whoever hears it: a probe, email_classify_reply(), a bounce that quotes it.
 *	  And what is a guess, one explanation of two, a quota of a rate or about something else condemns nobody.
 */
#include "corpus.h"

#include "engine/diagnose.h"

static const char *
label(const struct ev_finding *finding)
{
	return ev_reason_info(finding->reason)->label;
}

/* As it stands in a sentence of a mailer's, or alone. */
static void
judge_text(const char *text, const char *host, enum ev_said_stage stage, bool bounce,
           struct ev_diagnosis *out)
{
	static struct ev_reply room;
	struct ev_diagnose_context context = {.mx_host = host, .bounce = bounce};
	struct ev_said said;

	context.recipient = "john.doe@corp.com";
	ev_said_parse((struct ev_slice){text, strlen(text)}, &said);
	if (said.stage == EV_SAID_UNKNOWN)
		said.stage = stage;
	ev_diagnose(&said, &context, &room, out);
}

static int wrong;

static void
check_agreement(struct corpus_row *row)
{
	static char quoted[9000];
	struct ev_finding heard;
	struct ev_diagnosis alone;
	struct ev_diagnosis back;
	const struct ev_mask_terms terms = {
		.local = "john.doe", .domain = "corp.com", .mx_host = row->host};

	if (row->stage != EV_STAGE_RCPT || row->eai || row->reply[0] < '4')
		return;
	corpus_classify(row->reply, row->stage, row->host, false, &terms, &heard);
	judge_text(row->reply, row->host, EV_SAID_RCPT, false, &alone);
	snprintf(quoted, sizeof(quoted),
	         "host %s[198.51.100.25] said: %s (in reply to RCPT TO command)", row->host,
	         row->reply);
	judge_text(quoted, row->host, EV_SAID_RCPT, true, &back);
	if (heard.reason == alone.finding.reason && heard.reason == back.finding.reason &&
	    alone.scope == back.scope)
		return;
	print_error("%s: %s by %s, %s by %s, %s by %s\n", row->reply, label(&heard), heard.rule,
	            label(&alone.finding), alone.finding.rule, label(&back.finding), back.finding.rule);
	wrong++;
}

static void
a_reply_means_the_same_heard_told_and_quoted(void **state)
{
	(void) state;
	wrong = 0;
	assert_true(corpus_each(check_agreement) > 2400);
	assert_int_equal(wrong, 0);
}

/* View enhanced_status is made by ev_classify() of a code without words. */
static void
each_code_of_the_registry_means_the_same_with_and_without_a_host(void **state)
{
	static const struct
	{
		int subject, detail;
	} codes[] = {
#define EV_ENHANCED(subject, detail, title, basic, reference, useful, description)                 \
	{(subject), (detail)},
#include "engine/enhanced_status.def"
	};

	(void) state;
	wrong = 0;
	for (int klass = 4; klass <= 5; klass++)
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		{
			char text[80];
			struct corpus_row row = {.stage = EV_STAGE_RCPT, .host = text + 60, .reply = text};

			memset(text, 0, sizeof(text));
			snprintf(text, 60, "%d50 %d.%d.%d", klass, klass, codes[i].subject, codes[i].detail);
			check_agreement(&row);
			row.host = (char *) "mx.corp.com";
			check_agreement(&row);
			snprintf(text, 60, "%d50 %d.%d.%d no", klass, klass, codes[i].subject, codes[i].detail);
			check_agreement(&row);
		}
	assert_int_equal(wrong, 0);
}

/* --- what condemns nobody --------------------------------------------------------------------------------- */

static const char *const missing[] = {
	"no such user",        "user unknown",        "mailbox does not exist",
	"recipient not found", "unknown recipient",   "the address is unknown",
	"account not found",   "invalid mailbox",     "Benutzer unbekannt",
	"utilisateur inconnu", "usuario desconocido", "utente sconosciuto",
	"usuário inexistente", "gebruiker onbekend",  "nieznany użytkownik",
	"user does not exist",
};

static const char *const codes[] = {"550",       "554",       "550 5.1.1",
                                    "553 5.1.1", "550 5.0.0", "550 5.4.1"};

/* before and behind stand around each of the texts above; invalid tells what is to come of it */
static void
check_around(const char *before, const char *behind, bool invalid)
{
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		for (size_t k = 0; k < sizeof(codes) / sizeof(codes[0]); k++)
		{
			char text[300];
			struct ev_finding finding;

			snprintf(text, sizeof(text), "%s %s%s%s", codes[k], before, missing[i], behind);
			corpus_classify(text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
			if ((ev_reason_info(finding.reason)->status == EV_STATUS_INVALID) != invalid)
			{
				print_error("%s: %s by %s\n", text, label(&finding), finding.rule);
				wrong++;
			}
		}
}

static void
a_guess_or_one_explanation_of_two_condemns_nobody(void **state)
{
	static const char *const guesses[] = {
		"possibly ",  "perhaps ",      "maybe ",           "probably ",  "vielleicht ",
		"peut-être ", "posiblemente ", "forse ",           "talvez ",    "misschien ",
		"być może ",  "возможно ",     "it is possible: ", "might be: ", "可能 "};
	static const char *const others[] = {
		", or access denied",       " or the mailbox is full", " or temporarily unavailable",
		" or you may not post",     ", or its server is down", " or mail from you is not accepted",
		" oder Zugriff verweigert", " ou accès refusé",        " o acceso denegado",
		" oppure casella piena",    " ou acesso negado",       " lub brak uprawnień",
		" или доступ запрещен",     ", or sender not allowed",
	};

	(void) state;
	wrong = 0;
	for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++)
		check_around(guesses[i], "", false);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		check_around("", others[i], false);
	/* and a statement is one still */
	check_around("", "", true);
	check_around("sorry, ", ". Please check the address", true);
	assert_int_equal(wrong, 0);
}

static void
what_is_missing_elsewhere_condemns_nobody(void **state)
{
	static const char *const tails[] = {" in the list of allowed senders",
	                                    " for client 192.0.2.7",
	                                    " for this login",
	                                    " in our whitelist",
	                                    " in the sender's list",
	                                    " for your host"};
	static const char *const nouns[] = {"log",         "class",     "credentials", "agent",
	                                    "certificate", "queue",     "type",        "policy",
	                                    "role",        "parameter", "server",      "quota"};
	static const char *const firsts[] = {
		"no such mail",      "no such user",    "unknown user",
		"unknown mail",      "invalid user",    "invalid recipient",
		"unknown recipient", "no such account", "unknown mailbox"};

	(void) state;
	wrong = 0;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++)
		for (size_t k = 0; k < 4; k++) /* codes that say nothing by themselves */
		{
			static const char *const texts[] = {"user not found", "no such user",
			                                    "account not found", "recipient unknown"};
			char text[200];
			struct ev_finding finding;

			snprintf(text, sizeof(text), "550 %s%s", texts[k], tails[i]);
			corpus_classify(text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
			CHECK_INT(text, ev_reason_info(finding.reason)->status == EV_STATUS_INVALID, false);
		}
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
		for (size_t k = 0; k < sizeof(nouns) / sizeof(nouns[0]); k++)
		{
			char text[200];
			struct ev_finding finding;

			snprintf(text, sizeof(text), "550 %s %s", firsts[i], nouns[k]);
			corpus_classify(text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
			CHECK_INT(text, ev_reason_info(finding.reason)->status == EV_STATUS_INVALID, false);
		}
	assert_int_equal(wrong, 0);
}

static void
a_quota_of_a_rate_is_no_full_mailbox(void **state)
{
	static const char *const owners[] = {"hourly",     "daily",      "sending",  "outbound",
	                                     "connection", "tenant",     "sender's", "relay",
	                                     "outgoing",   "submission", "queue",    "bandwidth"};
	static const char *const texts[] = {"%s %s quota exceeded", "%s over %s quota",
	                                    "%s the %s quota is exceeded", "%s your %s quota exceeded"};

	(void) state;
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			for (size_t c = 0; c < 3; c++)
			{
				static const char *const with[] = {"550", "552 5.2.2", "452 4.2.2"};
				char text[200];
				struct ev_finding finding;

				snprintf(text, sizeof(text), texts[k], with[c], owners[i]);
				corpus_classify(text, EV_STAGE_RCPT, "mx.corp.com", false, &corpus_terms, &finding);
				CHECK_STR(text, label(&finding), "smtp_rate_limited");
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_means_the_same_heard_told_and_quoted),
		cmocka_unit_test(each_code_of_the_registry_means_the_same_with_and_without_a_host),
		cmocka_unit_test(a_guess_or_one_explanation_of_two_condemns_nobody),
		cmocka_unit_test(what_is_missing_elsewhere_condemns_nobody),
		cmocka_unit_test(a_quota_of_a_rate_is_no_full_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
