/*
 * test_bounce_formats.c
 *	  Texts, logs and events that are hostile, cut short or of another kind; the search for sentences
 *	  and the JSON reader below them.  What well-formed ones say is in test/data/bounces.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/bounce.h"
#include "engine/bounce_json.h"
#include "engine/bounce_phrase.h"
#include "engine/mime.h"

static struct ev_bounce_work work;
static struct ev_bounce rows[EV_BOUNCE_ROWS_MAX];
static struct ev_json json;

static size_t
read_rows(const char *text)
{
	return ev_bounce_read(text, strlen(text), &work, rows, EV_BOUNCE_ROWS_MAX);
}

/* --- sentences -------------------------------------------------------------------------------- */

static void
sentences_are_found_whatever_case_and_line_ends(void **state)
{
	static const struct ev_phrase list[] = {
		{"user unknown", 1}, {"mailbox full", 2}, {"user unknown here", 3}, {"n'existe pas", 4}};
	static struct ev_phrases phrases = EV_PHRASES(list);
	static const struct
	{
		const char *text;
		int value; /* of the first one; 0: none */
		size_t at;
	} texts[] = {
		{"", 0, 0},
		{"us", 0, 0},
		{"User Unknown", 1, 0},
		{"The user\r\n\t  unknown", 1, 4},
		{"userunknown", 0, 0},
		{"superuser unknown", 0, 0},
		{"(mailbox full) user unknown", 2, 1},
		{"user unknow", 0, 0},
		{"Ce compte n'existe pas.", 4, 10},
		{"\xc3\xa9user unknown", 1, 2},
		{"user                                        unknown", 0, 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
	{
		struct ev_slice s = {texts[i].text, strlen(texts[i].text)};
		size_t at = 0;
		const struct ev_phrase *found = ev_phrases_first(s, &phrases, &at);

		CHECK_INT(texts[i].text, found == NULL ? 0 : found->value, texts[i].value);
		CHECK_INT(texts[i].text, at, texts[i].at);
	}
}

static void
every_sentence_has_its_first_place(void **state)
{
	static const struct ev_phrase list[] = {{"abcdef", 0}, {"abcdef ghi", 0}, {"uvwxyz", 0}};
	static struct ev_phrases phrases = EV_PHRASES(list);
	struct ev_slice s = {"abcdef, abcdef ghi, abcdef", 26};
	uint32_t at[3];

	(void) state;
	assert_true(ev_phrases_complete(&phrases));
	ev_phrases_find(s, &phrases, at);
	assert_int_equal(at[0], 0);
	assert_int_equal(at[1], 8);
	assert_int_equal(at[2], EV_PHRASE_ABSENT);
}

static const struct ev_phrase failure_list[] = {
#define EV_TEXT_FAILURE(sentence, subject, detail) {sentence, (subject) << 8 | (detail)},
#include "engine/bounce_text_failures.def"
};

static const struct ev_phrase mark_list[] = {
#define EV_TEXT_MARK(id, sentence) {sentence, 1},
#include "engine/bounce_text_formats.def"
#define EV_TEXT_ORIGINAL(sentence) {sentence, 1},
#define EV_TEXT_DELAY(sentence)    {sentence, 1},
#define EV_TEXT_FINAL(sentence)    {sentence, 1},
#include "engine/bounce_text_words.def"
};

/* A sentence beyond the tree's room would never be found; nor one hidden behind another. */
static void
every_sentence_of_the_tables_is_found(void **state)
{
	static struct ev_phrases failures = EV_PHRASES(failure_list);
	static struct ev_phrases marks = EV_PHRASES(mark_list);
	static uint32_t at[EV_PHRASES_MAX];

	(void) state;
	assert_true(ev_phrases_complete(&failures));
	assert_true(ev_phrases_complete(&marks));
	for (size_t i = 0; i < N_ROWS(failure_list); i++)
	{
		struct ev_slice s = {failure_list[i].text, strlen(failure_list[i].text)};

		ev_phrases_find(s, &failures, at);
		CHECK_INT(failure_list[i].text, at[i], 0);
	}
	for (size_t i = 0; i < N_ROWS(mark_list); i++)
	{
		struct ev_slice s = {mark_list[i].text, strlen(mark_list[i].text)};

		ev_phrases_find(s, &marks, at);
		CHECK_INT(mark_list[i].text, at[i], 0);
	}
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void
json_is_read_strictly(void **state)
{
	static const struct
	{
		const char *text;
		bool good;
		size_t used;
	} texts[] = {
		{"{}", true, 2},
		{"[]", true, 2},
		{" {\"a\":1} {", true, 8},
		{"{\"a\":[1,2,{\"b\":null}],\"c\":\"x\"}", true, 30},
		{"\"a\\\"b\"", true, 6},
		{"[[],{}]", true, 7},
		{"", false, 0},
		{"{", false, 0},
		{"[1", false, 0},
		{"[1,]", false, 0},
		{"{\"a\"}", false, 0},
		{"{\"a\":}", false, 0},
		{"{\"a\":1,}", false, 0},
		{"{a:1}", false, 0},
		{"[1}", false, 0},
		{"{\"a\":1]", false, 0},
		{"\"abc", false, 0},
		{"\"abc\\", false, 0},
		{"\"abc\\\"", false, 0},
		{"]", false, 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
	{
		struct ev_slice s = {texts[i].text, strlen(texts[i].text)};
		size_t used;
		bool good = ev_json_parse(s, NULL, &json, &used);

		CHECK_INT(texts[i].text, good, texts[i].good);
		if (good)
			CHECK_INT(texts[i].text, used, texts[i].used);
	}
}

static void
json_values_are_found_by_key_and_place(void **state)
{
	static const char text[] =
		"{\"a\":{\"x\":[1,2]},\"b\":[\"p\",{\"y\":7},\"q\"],\"c\":null,\"d\":\"\"}";
	size_t used;
	int b;
	int e;

	(void) state;
	assert_true(ev_json_parse((struct ev_slice){text, sizeof(text) - 1}, NULL, &json, &used));
	assert_int_equal(ev_json_get(&json, 0, "x"), EV_JSON_NONE);
	assert_int_equal(ev_json_get(&json, EV_JSON_NONE, "x"), EV_JSON_NONE);
	assert_int_equal(ev_json_raw(&json, ev_json_get(&json, 0, "c")).n, 0);
	assert_int_equal(ev_json_raw(&json, ev_json_get(&json, 0, "a")).n, 0);
	b = ev_json_get(&json, 0, "B");
	e = ev_json_first(&json, b);
	assert_true(ev_slice_is(ev_json_raw(&json, e), "p"));
	e = ev_json_next(&json, b, e);
	assert_true(ev_slice_is(ev_json_raw(&json, ev_json_get(&json, e, "y")), "7"));
	e = ev_json_next(&json, b, e);
	assert_true(ev_slice_is(ev_json_raw(&json, e), "q"));
	assert_int_equal(ev_json_next(&json, b, e), EV_JSON_NONE);
	assert_int_equal(ev_json_first(&json, ev_json_get(&json, 0, "d")), EV_JSON_NONE);
}

static void
json_escapes_are_undone(void **state)
{
	static const char *const texts[][2] = {
		{"plain", "plain"},
		{"a\\\"b\\\\c\\/d", "a\"b\\c/d"},
		{"a\\nb\\tc\\rd", "a\nb c d"},
		{"\\u0041\\u00e9\\u20ac", "A\xc3\xa9\xe2\x82\xac"},
		{"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
		{"\\ud83d", "?"},
		{"\\ude00x", "?x"},
		{"\\ud83d\\u0041", "?A"},
		{"\\u0000", "?"},
		{"\\u12", "?12"},
		{"\\uzzzz", "?zzzz"},
		{"end\\", "end\\"},
	};
	char out[64];

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
	{
		struct ev_slice raw = {texts[i][0], strlen(texts[i][0])};
		size_t n = ev_json_unescape(raw, out, sizeof(out) - 1);

		out[n] = '\0';
		CHECK_STR(texts[i][0], out, texts[i][1]);
	}
	/* what does not fit is left out whole */
	assert_int_equal(ev_json_unescape((struct ev_slice){"ab\\u20ac", 8}, out, 4), 2);
}

static void
deep_or_long_json_is_refused(void **state)
{
	char *text = malloc(200001);
	size_t used;

	(void) state;
	memset(text, '[', 200000);
	text[200000] = '\0';
	assert_false(ev_json_parse((struct ev_slice){text, 200000}, NULL, &json, &used));
	assert_int_equal(read_rows(text), 0);
	for (size_t i = 0; i < 200000; i += 2)
		memcpy(text + i, i == 0 ? "[1" : ",1", 2);
	assert_false(ev_json_parse((struct ev_slice){text, 200000}, NULL, &json, &used));
	for (size_t i = 0; i + 5 <= 200000; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	assert_int_equal(read_rows(text), 0);
	free(text);
}

/* --- messages --------------------------------------------------------------------------------- */

static const char *const samples[] = {
	"From: MAILER-DAEMON@a.example\nTo: b@b.example\nSubject: failure notice\n\n"
	"Hi. This is the qmail-send program at a.example.\n\n<x@c.example>:\n192.0.2.1 does not like "
	"recipient.\nRemote host said: 550 5.1.1 User unknown\nGiving up on 192.0.2.1.\n\n"
	"--- Below this line is a copy of the message.\n\nTo: x@c.example\n",
	"From: MAILER-DAEMON@a.example\nSubject: Returned mail\n\n"
	"   ----- The following addresses had permanent fatal errors -----\n<x@c.example>\n"
	"    (reason: 550 5.1.1 <x@c.example>...\n    User unknown)\n    (expanded from: "
	"<y@c.example>)\n\n"
	"   ----- Transcript of session follows -----\n... while talking to mx.c.example.:\n"
	">>> RCPT To:<x@c.example>\n<<< 550-5.1.1 No\n<<< 550 5.1.1 such user\n",
	"From: postmaster@a.example\nSubject: Undeliverable: x\n\nDiagnostic information for "
	"administrators:\n\nGenerating server: a.example\n\nx@c.example\n#550 5.1.1 "
	"RESOLVER.ADR.RecipNotFound; not found ##\n\nOriginal message headers:\n\nReceived: from b\n",
	"Nov 22 02:26:21 mx postfix/smtp[1]: 4A: to=<x@c.example>, orig_to=<y@c.example>, "
	"relay=mx.c.example[192.0.2.1]:25, dsn=5.1.1, status=bounced (host mx.c.example[192.0.2.1] "
	"said: "
	"550 5.1.1 no (in reply to RCPT TO command))\n",
	"2026-11-22 02:26:22 1tABCD-0001xy-2Z ** x@c.example <y@c.example> R=dnslookup T=smtp "
	"H=mx.c.example [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<x@c.example>: "
	"550 "
	"5.1.1 User unknown\n",
	"@4000000067abcdef01234568 starting delivery 12: msg 4711 to remote x@c.example\n"
	"@4000000067abcdef0123456b delivery 12: failure: "
	"192.0.2.1_does_not_like_recipient./Remote_host_said:_550_5.1.1_User_unknown/\n",
	"type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta\n"
	"b,2026-11-22 02:26:21+0000,,b@b.example,x@c.example,,failed,5.1.1 (x),\"smtp;550 5.1.1 "
	"\"\"User\"\" "
	"unknown\",mx.c.example (192.0.2.1)\n",
	"{\"Type\":\"Notification\",\"Message\":\"{\\\"eventType\\\":\\\"Bounce\\\",\\\"bounce\\\":{"
	"\\\"bouncedRecipients\\\":[{\\\"emailAddress\\\":\\\"x@c.example\\\",\\\"diagnosticCode\\\":"
	"\\\"smtp; 550 5.1.1 no such user\\\"}]},\\\"mail\\\":{}}\"}",
	"[{\"event\":\"bounce\",\"email\":\"x@c.example\",\"reason\":\"550 5.1.1 User unknown\"}]",
};

/* Room of the very size, so that ASan sees a read behind it. */
static size_t
read_exactly(const char *text, size_t n)
{
	char *copy = malloc(n + (n == 0));
	size_t found;

	memcpy(copy, text, n);
	found = ev_bounce_read(copy, n, &work, rows, EV_BOUNCE_ROWS_MAX);
	free(copy);
	return found;
}

static void
what_is_cut_short_is_read_without_harm(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(samples); i++)
	{
		size_t n = strlen(samples[i]);

		CHECK_INT(samples[i], read_exactly(samples[i], n), 1);
		CHECK_STR(samples[i], rows[0].final_recipient, "x@c.example");
		CHECK_INT(samples[i], rows[0].verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);
		for (size_t k = 0; k < n; k++)
			read_exactly(samples[i], k);
	}
}

static void
what_is_garbled_is_read_without_harm(void **state)
{
	static const char bytes[] = "\0\n\r\t <>@\"'\\:;,=()[]{}-.45\x80\xff\xe3";
	uint32_t seed = 4711;

	(void) state;
	for (size_t i = 0; i < N_ROWS(samples); i++)
		for (int round = 0; round < 400; round++)
		{
			char buf[1024];
			size_t n = strlen(samples[i]);

			assert_true(n < sizeof(buf));
			memcpy(buf, samples[i], n);
			for (int k = 0; k < 6; k++)
			{
				seed = seed * 1664525u + 1013904223u;
				buf[(seed >> 8) % n] = bytes[(seed >> 3) % (sizeof(bytes) - 1)];
			}
			read_exactly(buf, n);
		}
}

/* A message whose text is one piece many times over. */
static size_t
read_repeated(const char *head, const char *piece, size_t times)
{
	size_t head_len = strlen(head);
	size_t len = strlen(piece);
	char *text = malloc(head_len + len * times + 1);
	size_t n;

	memcpy(text, head, head_len);
	for (size_t i = 0; i < times; i++)
		memcpy(text + head_len + i * len, piece, len);
	n = read_exactly(text, head_len + len * times);
	free(text);
	return n;
}

#define DAEMON "From: MAILER-DAEMON@a.example\nSubject: failure notice\n\n"

static void
repetitions_are_bounded(void **state)
{
	static const char *const pieces[] = {"<",     "@",       "<a@b.c", "5.1.1 ",      "550 ",
	                                     "\"",    "(",       ">>> ",   "<<< 550 ",    "--- \n",
	                                     "user ", "a@b.c>:", "\n\n",   "  \n a@b.c\n"};

	(void) state;
	for (size_t i = 0; i < N_ROWS(pieces); i++)
	{
		size_t times = 200000 / strlen(pieces[i]);

		assert_true(read_repeated(DAEMON "Hi. This is the qmail-send program at a.\n", pieces[i],
		                          times) <= EV_BOUNCE_ROWS_MAX);
		read_repeated(DAEMON "   ----- Transcript of session follows -----\n", pieces[i], times);
		read_repeated("Nov 22 02:26:21 mx postfix/smtp[1]: to=<a@b.c>, status=bounced (", pieces[i],
		              times);
		read_repeated("{\"event\":\"bounce\",\"email\":\"", pieces[i], times);
	}
}

static void
a_long_string_is_not_read_to_its_end_when_told_to_stop(void **state)
{
	static const int stop = 1;
	const size_t n = 1000000;
	char *text = malloc(n);
	size_t used;

	(void) state;
	memset(text, '\\', n);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + n - 2, "\"}", 2);
	assert_true(ev_json_parse((struct ev_slice){text, n}, NULL, &json, &used));
	assert_int_equal(used, n);
	assert_false(ev_json_parse((struct ev_slice){text, n}, &stop, &json, &used));
	assert_in_range(used, 1, n / 10);
	free(text);
}

/* Whoever is told to stop reads no further: the caller's statement is to end soon. */
static void
reading_stops_when_it_is_told_to(void **state)
{
	static const int stop = 1;

	(void) state;
	for (size_t i = 0; i < N_ROWS(samples); i++)
	{
		assert_int_equal(read_rows(samples[i]), 1);
		work.stop = &stop;
		CHECK_INT(samples[i], read_rows(samples[i]), 0);
		work.stop = NULL;
	}
}

/* Each look-up of a header walks all of them. */
static void
endless_headers_are_cut(void **state)
{
	static const char *const pieces[] = {" folded\n", "X-Name: value\n", "a ", "To: a@b.example\n"};
	static struct ev_mime mime;
	size_t size = 4u << 20;
	char *text = malloc(size);

	(void) state;
	for (size_t i = 0; i < N_ROWS(pieces); i++)
	{
		size_t len = strlen(pieces[i]);
		size_t n = (size_t) sprintf(text, "From: MAILER-DAEMON@a.example\nX-Long: a");

		for (; n + len < size; n += len)
			memcpy(text + n, pieces[i], len);
		ev_mime_parse((struct ev_slice){text, n}, NULL, &mime);
		assert_int_equal(mime.n, 1);
		assert_int_equal(mime.parts[0].headers.n, EV_MIME_HEADERS_MAX);
	}
	free(text);
}

static void
rows_end_where_room_ends(void **state)
{
	static struct ev_bounce two[2];
	static const char line[] = "Nov 22 02:26:21 mx postfix/smtp[1]: 4A: to=<%c@c.example>, "
							   "dsn=5.1.1, status=bounced (x)\n";
	char text[1000] = "";
	char one[200];

	(void) state;
	for (int i = 0; i < 5; i++)
	{
		snprintf(one, sizeof(one), line, 'a' + i);
		strcat(text, one);
	}
	assert_int_equal(ev_bounce_read(text, strlen(text), &work, two, 2), 2);
	assert_string_equal(two[1].final_recipient, "b@c.example");
	assert_int_equal(read_rows(text), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_are_found_whatever_case_and_line_ends),
		cmocka_unit_test(every_sentence_has_its_first_place),
		cmocka_unit_test(every_sentence_of_the_tables_is_found),
		cmocka_unit_test(json_is_read_strictly),
		cmocka_unit_test(json_values_are_found_by_key_and_place),
		cmocka_unit_test(json_escapes_are_undone),
		cmocka_unit_test(deep_or_long_json_is_refused),
		cmocka_unit_test(what_is_cut_short_is_read_without_harm),
		cmocka_unit_test(what_is_garbled_is_read_without_harm),
		cmocka_unit_test(repetitions_are_bounded),
		cmocka_unit_test(reading_stops_when_it_is_told_to),
		cmocka_unit_test(a_long_string_is_not_read_to_its_end_when_told_to_stop),
		cmocka_unit_test(endless_headers_are_cut),
		cmocka_unit_test(rows_end_where_room_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
