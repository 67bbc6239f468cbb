/*
 * test_vocabulary.c
 *	  Verdicts in the words of other systems: every verdict has one, every word of theirs can be had.
 */
#include "unit.h"

#include "engine/vocabulary.h"

static void
every_verdict_has_words_in_every_vocabulary(void **state)
{
	(void) state;
	for (int reason = 0; reason < EV_N_REASON; reason++)
		for (int detail = 0; detail < EV_N_DETAIL; detail++)
			for (int vocabulary = 0; vocabulary < EV_N_VOCABULARY; vocabulary++)
			{
				struct ev_verdict verdict =
					ev_verdict_of((enum ev_reason) reason, (enum ev_detail) detail);
				struct ev_words words = ev_words_of(&verdict, (enum ev_vocabulary) vocabulary);

				assert_non_null(words.status);
				if (vocabulary != EV_VOCABULARY_BOUNCELESS)
					assert_non_null(words.code);
			}
}

static void
email_hippo_calls_no_invalid_address_anything_but_bad(void **state)
{
	(void) state;
	for (int reason = 0; reason < EV_N_REASON; reason++)
		for (int detail = 0; detail < EV_N_DETAIL; detail++)
		{
			struct ev_verdict verdict =
				ev_verdict_of((enum ev_reason) reason, (enum ev_detail) detail);
			struct ev_words words = ev_words_of(&verdict, EV_VOCABULARY_EMAILHIPPO);

			if (verdict.status == EV_STATUS_INVALID)
				CHECK_STR(ev_reason_info(verdict.reason)->label, words.status, "Bad");
			if (strcmp(words.status, "OK") == 0)
				CHECK_STR(ev_reason_info(verdict.reason)->label, words.code, "Success");
		}
}

/* Another system's answer counts like one of the mail server's. */
static void
an_external_checkers_answer_is_said_like_a_mail_servers(void **state)
{
	static const struct
	{
		enum ev_reason reason;
		const char *hippo_main, *hippo, *term, *code, *group;
	} rows[] = {
		{EV_REASON_YAHOO_API_VERIFIED, "OK", "Success", "Deliverable", "all is ok", "valid"},
		{EV_REASON_YAHOO_API_NOT_DELIVERABLE, "Bad", "MailboxDoesNotExist", "Invalid",
	     "unknown_email", "invalid"},
		{EV_REASON_GOOGLE_DMARC_MISALIGNMENT, "Unknown", "LocalSenderAddressRejected", "Unknown",
	     "antispam_system", "valid"},
		{EV_REASON_CATCH_ALL_DOMAIN, "Unknown", NULL, "Accept All", "ok_for_all", "valid"},
		{EV_REASON_SMTP_TIMEOUT, "Unknown", NULL, "Unknown", "dead_server", "invalid"},
		{EV_REASON_DISPOSABLE_DOMAIN, "Bad", "DomainIsWellKnownDea", "Disposable", NULL, NULL},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const char *label = ev_reason_info(rows[i].reason)->label;
		struct ev_verdict verdict = ev_verdict_of(rows[i].reason, EV_DETAIL_NONE);
		struct ev_words hippo = ev_words_of(&verdict, EV_VOCABULARY_EMAILHIPPO);
		struct ev_words bounceless = ev_words_of(&verdict, EV_VOCABULARY_BOUNCELESS);

		CHECK_STR(label, hippo.status, rows[i].hippo_main);
		if (rows[i].hippo != NULL)
			CHECK_STR(label, hippo.code, rows[i].hippo);
		assert_null(hippo.group);
		CHECK_STR(label, bounceless.status, rows[i].term);
		CHECK_STR(label, bounceless.code, rows[i].code);
		CHECK_STR(label, bounceless.group, rows[i].group);
	}
}

/* Is there a verdict that is said so? */
static bool
can_be_had(enum ev_vocabulary vocabulary, const char *status, const char *code)
{
	for (int reason = 0; reason < EV_N_REASON; reason++)
		for (int detail = 0; detail < EV_N_DETAIL; detail++)
		{
			struct ev_verdict verdict =
				ev_verdict_of((enum ev_reason) reason, (enum ev_detail) detail);
			struct ev_words words = ev_words_of(&verdict, vocabulary);

			if ((status == NULL || strcmp(words.status, status) == 0) &&
			    (code == NULL || (words.code != NULL && strcmp(words.code, code) == 0)))
				return true;
		}
	return false;
}

static void
every_word_of_theirs_can_be_had(void **state)
{
	static const char *const hippo[] = {"Success",
	                                    "AtSignNotFound",
	                                    "CatchAllConnectionFailure",
	                                    "CatchAllValidationTimeout",
	                                    "DnsConnectionFailure",
	                                    "DnsQueryTimout",
	                                    "DomainIsInexistent",
	                                    "DomainIsWellKnownDea",
	                                    "DomainPartCompliancyFailure",
	                                    "DoubleDotSequence",
	                                    "IpBlockDetected",
	                                    "InvalidAddressLength",
	                                    "InvalidCharacterInSequence",
	                                    "InvalidFoldingWhiteSpaceSequence",
	                                    "InvalidLocalPartLength",
	                                    "InvalidWordBoundaryStart",
	                                    "LocalSenderAddressRejected",
	                                    "MailboxFull",
	                                    "MailboxDoesNotExist",
	                                    "MailboxTemporarilyUnavaible",
	                                    "NoMxServersFound",
	                                    "None",
	                                    "OperationCanceled",
	                                    "PossibleSpamTrapDetected",
	                                    "ProxyConnectionTimeout",
	                                    "ServerDoesNotSupportInternationalMailboxes",
	                                    "ServerIsCatchAll",
	                                    "SmtpConnectionFailure",
	                                    "SmtpConnectionRefused",
	                                    "SmtpConnectionShutdown",
	                                    "SmtpConnectionTimeout",
	                                    "TcpSocketUnavailable",
	                                    "TooManyAtSignsFound",
	                                    "UnableToBindToLocalIpAddress",
	                                    "UnexpectedQuotedPairSequence",
	                                    "UnhandledException",
	                                    "Unknown"};
	static const char *const bounceless[] = {
		"all is ok",     "ok_for_all",    "antispam_system",  "error",       "smtp_error",
		"smtp_protocol", "unknown_email", "attempt_rejected", "relay_error", "email_disabled",
		"domain_error",  "dead_server",   "syntax_error",     "unknown"};
	static const char *const terms[] = {"Deliverable", "Invalid", "Accept All",
	                                    "Disposable",  "Unknown", "Spamtraps"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(hippo); i++)
		CHECK_INT(hippo[i], can_be_had(EV_VOCABULARY_EMAILHIPPO, NULL, hippo[i]), true);
	for (size_t i = 0; i < N_ROWS(bounceless); i++)
		CHECK_INT(bounceless[i], can_be_had(EV_VOCABULARY_BOUNCELESS, NULL, bounceless[i]), true);
	for (size_t i = 0; i < N_ROWS(terms); i++)
		CHECK_INT(terms[i], can_be_had(EV_VOCABULARY_BOUNCELESS, terms[i], NULL), true);
}

static void
verdicts_are_said_as_these_systems_say_them(void **state)
{
	static const struct
	{
		enum ev_reason reason;
		enum ev_detail detail;
		bool role;
		const char *words[EV_N_VOCABULARY][2];
	} rows[] = {
		{EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE,
	     false,
	     {{"OK", "Success"}, {"Deliverable", "all is ok"}, {"valid", "smtp_deliverable"}}},
		{EV_REASON_SMTP_DELIVERABLE,
	     EV_DETAIL_NONE,
	     true,
	     {{"OK", "Success"}, {"Deliverable", "all is ok"}, {"role", "smtp_deliverable"}}},
		{EV_REASON_INVALID_SYNTAX,
	     EV_DETAIL_NUMERIC_TLD,
	     false,
	     {{"Bad", "DomainPartCompliancyFailure"},
	      {"Invalid", "syntax_error"},
	      {"invalid", "invalid_syntax"}}},
		{EV_REASON_NO_MX_RECORDS,
	     EV_DETAIL_NXDOMAIN,
	     false,
	     {{"Bad", "DomainIsInexistent"},
	      {"Invalid", "domain_error"},
	      {"invalid", "no_mx_records"}}},
		{EV_REASON_MAILBOX_FULL,
	     EV_DETAIL_NONE,
	     false,
	     {{"Bad", "MailboxFull"}, {"Invalid", "email_disabled"}, {"unknown", "mailbox_full"}}},
		{EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_CLOSED,
	     false,
	     {{"Unknown", "SmtpConnectionShutdown"},
	      {"Unknown", "smtp_protocol"},
	      {"unknown", "smtp_eof_blocked"}}},
		{EV_REASON_SMTP_PROTOCOL_ERROR,
	     EV_DETAIL_GARBAGE,
	     false,
	     {{"Unknown", "Unknown"},
	      {"Unknown", "smtp_error"},
	      {"unknown", "smtp_connection_failed"}}},
		{EV_REASON_PENDING,
	     EV_DETAIL_NONE,
	     false,
	     {{"Unknown", "Unknown"}, {"Unknown", "unknown"}, {"unknown", "internal_verifier_error"}}},
		{EV_REASON_SUPPRESSED,
	     EV_DETAIL_COMPLAINT,
	     false,
	     {{"Bad", "None"}, {"Invalid", NULL}, {"invalid", "mailbox_not_found"}}},
		{EV_REASON_POSSIBLE_SPAM_TRAP,
	     EV_DETAIL_OVERRIDE,
	     true,
	     {{"Unknown", "PossibleSpamTrapDetected"},
	      {"Spamtraps", NULL},
	      {"unknown", "smtp_unverifiable"}}},
		{EV_REASON_SMTP_UNVERIFIABLE,
	     EV_DETAIL_WEAK_REFUSAL,
	     false,
	     {{"Unknown", "None"}, {"Unknown", "error"}, {"unknown", "smtp_unverifiable"}}},
		{EV_REASON_M365_INTERNAL_RELAY,
	     EV_DETAIL_NONE,
	     false,
	     {{"Unknown", "SmtpConnectionRefused"},
	      {"Accept All", "ok_for_all"},
	      {"catchall", "m365_internal_relay"}}},
		{EV_REASON_DISPOSABLE_DOMAIN,
	     EV_DETAIL_BUILTIN,
	     false,
	     {{"Bad", "DomainIsWellKnownDea"},
	      {"Disposable", NULL},
	      {"disposable", "disposable_domain"}}},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		for (int vocabulary = 0; vocabulary < EV_N_VOCABULARY; vocabulary++)
		{
			struct ev_verdict verdict = ev_verdict_of(rows[i].reason, rows[i].detail);
			struct ev_words words;

			ev_verdict_apply_role(&verdict, rows[i].role);
			words = ev_words_of(&verdict, (enum ev_vocabulary) vocabulary);
			CHECK_STR(ev_reason_info(rows[i].reason)->label, words.status,
			          rows[i].words[vocabulary][0]);
			CHECK_STR(ev_reason_info(rows[i].reason)->label, words.code,
			          rows[i].words[vocabulary][1]);
		}
}

/* BillionVerify knows 43 reasons; ours beyond them are said as one of these. */
static void
billion_verify_hears_only_its_own_reasons(void **state)
{
	bool said[EV_N_REASON] = {false};
	int n = 0;

	(void) state;
	for (int reason = 0; reason < EV_N_REASON; reason++)
	{
		struct ev_verdict verdict = ev_verdict_of((enum ev_reason) reason, EV_DETAIL_NONE);
		struct ev_words words = ev_words_of(&verdict, EV_VOCABULARY_BILLIONVERIFY);
		enum ev_reason as = EV_N_REASON;

		assert_true(ev_reason_by_label(words.code, strlen(words.code), &as));
		n += !said[as];
		said[as] = true;
	}
	assert_int_equal(n, 43);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_has_words_in_every_vocabulary),
		cmocka_unit_test(an_external_checkers_answer_is_said_like_a_mail_servers),
		cmocka_unit_test(email_hippo_calls_no_invalid_address_anything_but_bad),
		cmocka_unit_test(every_word_of_theirs_can_be_had),
		cmocka_unit_test(verdicts_are_said_as_these_systems_say_them),
		cmocka_unit_test(billion_verify_hears_only_its_own_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
