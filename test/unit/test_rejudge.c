/*
 * test_rejudge.c
 *	  What was stored of a reply and judged again is what it was, as long as no rule has changed; and is
 *	  not held to be more than what is left of it says.
 */
#include "corpus.h"

#include "engine/rejudge.h"
#include "engine/same_words.h"
#include "engine/sanitize.h"

#define CORPUS "test/data/replies.tsv"

/* A verdict with all that decides it, and what is stored of it. */
struct made
{
	struct ev_case the_case;
	struct ev_judgement judgement;
	struct ev_reply reply;
	char enhanced[EV_ENHANCED_MAX + 1];
	char text[EV_PEER_TEXT_MAX + 1];
	struct ev_stored_reply stored;
};

static enum ev_stage
stage_by_label(const char *label, size_t n)
{
	for (int i = EV_STAGE_NONE + 1; i < EV_N_STAGE; i++)
		if (strlen(ev_stage_label(i)) == n && strncmp(ev_stage_label(i), label, n) == 0)
			return i;
	fail_msg("%s: no stage", label);
	return EV_STAGE_NONE;
}

static void
make(struct made *m, const char *text, enum ev_stage stage, const char *host, bool eai,
     enum ev_random random, enum ev_control control, bool same)
{
	struct ev_case *c = &m->the_case;

	memset(m, 0, sizeof(*m));
	corpus_reply(text, &m->reply);
	c->outcome = EV_OUTCOME_REPLY;
	c->stage = stage;
	c->random = random;
	c->control = control;
	c->random_text_same = same;
	c->provider = ev_provider_of_host(host, strlen(host));
	c->trust = ev_provider_trust(c->provider);
	ev_classify(&m->reply, stage, c->provider, eai, &corpus_terms, &c->finding);
	ev_judge(c, &m->judgement);

	ev_enhanced_format(m->reply.enhanced, m->enhanced);
	ev_sanitize(m->reply.text, m->reply.text_len, m->text, sizeof(m->text));
	m->stored = (struct ev_stored_reply){
		.stage = stage,
		.code = m->reply.code,
		.enhanced = m->enhanced,
		.text = m->text,
		.host = host,
		.terms = corpus_terms,
		.eai = eai,
		.had = m->judgement.verdict,
		.random = random,
		.accepted_other = control == EV_CONTROL_ACCEPTED_OTHER,
	};
}

static void
check_same(const char *row, struct made *m, struct ev_verdict had)
{
	static struct ev_reply room;
	struct ev_judgement again;

	m->stored.had = had;
	if (!ev_rejudge(&m->stored, &room, &again))
	{
		/* nothing is said of a text that was cut */
		CHECK_INT(row, strlen(m->text) > EV_PEER_TEXT_MAX - 4, true);
		return;
	}
	CHECK_STR(row, ev_reason_info(again.verdict.reason)->label, ev_reason_info(had.reason)->label);
	CHECK_STR(row, ev_detail_info(again.verdict.detail)->label, ev_detail_info(had.detail)->label);
	CHECK_STR(row, again.rule, m->judgement.rule);
	CHECK_INT(row, again.put_back, false);
}

/* With every state of made-up recipients, and every control, in their words and in others. */
static void
check_reply(const char *text, enum ev_stage stage, const char *host, bool eai)
{
	for (int random = EV_RANDOM_UNKNOWN; random <= EV_RANDOM_OTHER_HOST; random++)
		for (int control = EV_CONTROL_NONE; control <= EV_CONTROL_REFUSED_ALL * 2 + 1; control++)
		{
			static struct made m;
			char row[2400];

			snprintf(row, sizeof(row), "%s at %s, random %d, control %d", text, host, random,
			         control);
			make(&m, text, stage, host, eai, random, control / 2, control % 2 != 0);
			check_same(row, &m, m.judgement.verdict);

			/* and as it stands until it is heard a second time */
			if (m.judgement.confirm && m.judgement.verdict.detail != EV_DETAIL_WEAK)
				check_same(row, &m,
				           ev_verdict_of(EV_REASON_SMTP_UNVERIFIABLE, EV_DETAIL_UNCONFIRMED));
		}
}

static void
replies_of_the_corpus_are_judged_again_as_they_were(void **state)
{
	static char line[8192];
	FILE *f = fopen(CORPUS, "r");
	int n = 0;

	(void) state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
	{
		char *field[3];
		char *p = line;
		size_t stage_len;
		bool there = true;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		for (int i = 0; i < 3; i++)
		{
			field[i] = p;
			p = strchr(p, '\t');
			there = there && p != NULL;
			if (!there)
				break;
			*p++ = '\0';
		}
		if (!there)
			fail_msg("%s: not enough columns", line);
		for (char *nl = field[2]; (nl = strstr(nl, "\\n")) != NULL;)
		{
			nl[0] = '\n';
			memmove(nl + 1, nl + 2, strlen(nl + 2) + 1);
		}
		stage_len = strcspn(field[0], "+");
		check_reply(field[2], stage_by_label(field[0], stage_len), field[1],
		            field[0][stage_len] == '+');
		n++;
	}
	fclose(f);
	assert_true(n > 100);
}

static void
lines_behind_the_first_are_told_apart_again(void **state)
{
	(void) state;
	check_reply("550-5.1.1 The email account that you tried to reach does\n550-5.1.1 not exist. "
	            "Please try\n550 5.1.1 again",
	            EV_STAGE_RCPT, "gmail-smtp-in.l.google.com", false);
	check_reply("550-5.1.1 no such\n550 5.1.1 user", EV_STAGE_RCPT, "mx.corp.com", false);
	check_reply("550 C:\\x41 5.1.1 \xe7\x94\xa8\xe6\x88\xb7", EV_STAGE_RCPT, "mx.corp.com", false);
}

static void
of_a_text_that_was_cut_only_what_it_says_counts(void **state)
{
	static struct made m;
	static struct ev_reply room;
	struct ev_judgement again;
	char text[1200];

	(void) state;
	snprintf(text, sizeof(text), "550 %0450d user unknown", 0);
	make(&m, text, EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, false);
	assert_int_equal(m.judgement.verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);
	assert_false(ev_rejudge(&m.stored, &room, &again));

	snprintf(text, sizeof(text), "550 user unknown %0450d", 0);
	make(&m, text, EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_UNKNOWN, EV_CONTROL_NONE, false);
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);

	/* what spoke of us may have been cut off */
	m.stored.had = ev_verdict_of(EV_REASON_SMTP_BLOCKED, EV_DETAIL_POLICY);
	assert_false(ev_rejudge(&m.stored, &room, &again));
}

/* Nobody made up was to be asked for there. */
static void
a_host_without_the_catch_all_test_stays_one(void **state)
{
	static struct made m;
	static struct ev_reply room;
	struct ev_judgement again;

	(void) state;
	make(&m, "250 2.1.5 Ok", EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_UNKNOWN,
	     EV_CONTROL_NONE, false);
	m.the_case.random_unwanted = true;
	ev_judge(&m.the_case, &m.judgement);
	assert_int_equal(m.judgement.verdict.reason, EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL);
	m.stored.had = m.judgement.verdict;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_BUCKET_DEFAULT_SKIP_SMTP_CATCHALL);
}

/* What was judged by rules that are no longer there. */
static void
other_rules_give_other_verdicts_on_the_same_evidence(void **state)
{
	static struct made m;
	static struct ev_reply room;
	struct ev_judgement again;

	(void) state;

	/* called dead, by a reply that is about us */
	make(&m, "554 5.7.1 Client host blocked using zen.example.net", EV_STAGE_RCPT, "mx.corp.com",
	     false, EV_RANDOM_REFUSED, EV_CONTROL_NONE, false);
	m.stored.had = ev_verdict_of(EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE);
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_SMTP_BLOCKED);

	/* called dead, by a weak reply: there was no control, so there is none now */
	make(&m, "550 no", EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_REFUSED, EV_CONTROL_NONE,
	     false);
	m.stored.had = ev_verdict_of(EV_REASON_MAILBOX_NOT_FOUND, EV_DETAIL_NONE);
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.status, EV_STATUS_UNKNOWN);
	m.stored.accepted_other = true;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.status, EV_STATUS_UNKNOWN);
	m.stored.random_words = ev_same_words(&m.reply, &corpus_terms);
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.detail, EV_DETAIL_WEAK);

	/* a whole domain is not condemned by what was heard once */
	make(&m, "554 5.7.1 Relay access denied", EV_STAGE_RCPT, "mx.corp.com", false,
	     EV_RANDOM_REFUSED, EV_CONTROL_NONE, false);
	m.stored.had = ev_verdict_of(EV_REASON_SMTP_BLOCKED, EV_DETAIL_POLICY);
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.detail, EV_DETAIL_UNCONFIRMED);

	/* an acceptance unmakes no catch-all domain, and needs one to be known */
	make(&m, "250 Ok", EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_ACCEPTED, EV_CONTROL_NONE,
	     false);
	m.stored.random = EV_RANDOM_REFUSED;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_CATCH_ALL_DELIVERABLE);
}

/* The site says what a host's word is worth, after the fact. */
static void
the_sites_own_word_counts(void **state)
{
	static struct made m;
	static struct ev_reply room;
	struct ev_judgement again;

	(void) state;
	make(&m, "550 5.1.1 user unknown", EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_REFUSED,
	     EV_CONTROL_NONE, false);
	m.stored.trust_reject = EV_OWN_NO;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_SMTP_UNVERIFIABLE);
	m.stored.accepted_other = true;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);

	make(&m, "250 Ok", EV_STAGE_RCPT, "mx.corp.com", false, EV_RANDOM_REFUSED, EV_CONTROL_NONE,
	     false);
	m.stored.trust_accept = EV_OWN_NO;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.detail, EV_DETAIL_UNTRUSTED_ACCEPT);
	m.stored.trust_accept = EV_OWN_YES;
	assert_true(ev_rejudge(&m.stored, &room, &again));
	assert_int_equal(again.verdict.reason, EV_REASON_SMTP_DELIVERABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_of_the_corpus_are_judged_again_as_they_were),
		cmocka_unit_test(lines_behind_the_first_are_told_apart_again),
		cmocka_unit_test(of_a_text_that_was_cut_only_what_it_says_counts),
		cmocka_unit_test(a_host_without_the_catch_all_test_stays_one),
		cmocka_unit_test(other_rules_give_other_verdicts_on_the_same_evidence),
		cmocka_unit_test(the_sites_own_word_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
