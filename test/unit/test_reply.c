/*
 * test_reply.c
 *	  Replies must come out the same however their bytes arrive, and no peer may make one that has
 *	  no end.
 */
#include "unit.h"

#include "engine/reply.h"

#include <stdlib.h>

/* Feed bytes in chunks; returns what the last feed said, *left how many bytes were not taken. */
static enum ev_read
feed(struct ev_reply_reader *reader, const char *bytes, size_t n, size_t chunk,
     struct ev_reply *out, size_t *left)
{
	enum ev_read read = EV_READ_MORE;

	while (n > 0 && read == EV_READ_MORE)
	{
		size_t size = chunk < n ? chunk : n;
		size_t used = 0;
		char *exact = malloc(size); /* so that ASan sees a read too many */

		memcpy(exact, bytes, size);
		read = ev_reply_feed(reader, exact, size, &used, out);
		free(exact);
		assert_true(used <= size);
		if (read == EV_READ_MORE)
			assert_int_equal(used, size);
		bytes += used;
		n -= used;
	}
	*left = n;
	return read;
}

struct row
{
	const char *bytes;
	enum ev_read read;
	int code;
	const char *enhanced;
	const char *text;
	int lines;
	bool mixed;
};

static const struct row rows[] = {
	{"220 hello\r\n", EV_READ_REPLY, 220, "", "hello", 1, false},
	{"220 hello\n", EV_READ_REPLY, 220, "", "hello", 1, false},
	{"250\r\n", EV_READ_REPLY, 250, "", "", 1, false},
	{"250 \r\n", EV_READ_REPLY, 250, "", "", 1, false},
	{"250\ttab\r\n", EV_READ_REPLY, 250, "", "tab", 1, false},
	{"250ok\r\n", EV_READ_REPLY, 250, "", "ok", 1, false},
	{"250-a\r\n250-\r\n250 c\r\n", EV_READ_REPLY, 250, "", "a\n\nc", 3, false},
	{"250-a\n250\n", EV_READ_REPLY, 250, "", "a\n", 2, false},
	{"550 5.1.1 no\r\n", EV_READ_REPLY, 550, "5.1.1", "5.1.1 no", 1, false},
	{"550-5.1.1 a\r\n550 5.2.2 b\r\n", EV_READ_REPLY, 550, "5.1.1", "5.1.1 a\n5.2.2 b", 2, false},
	{"550-a\r\n550 5.2.2 b\r\n", EV_READ_REPLY, 550, "5.2.2", "a\n5.2.2 b", 2, false},
	{"550 4.1.1 x\r\n", EV_READ_REPLY, 550, "", "4.1.1 x", 1, false},
	{"550 5.1.1.1 is listed\r\n", EV_READ_REPLY, 550, "", "5.1.1.1 is listed", 1, false},
	{"550 #5.1.0 Address rejected\r\n", EV_READ_REPLY, 550, "5.1.0", "#5.1.0 Address rejected", 1,
     false},
	{"550 sorry (#5.1.1)\r\n", EV_READ_REPLY, 550, "5.1.1", "sorry (#5.1.1)", 1, false},
	{"550 5.1.1\r\n", EV_READ_REPLY, 550, "5.1.1", "5.1.1", 1, false},
	/* the last code counts: postscreen's teaser, and then a refusal */
	{"220-mx ESMTP\r\n521 5.7.1 blocked\r\n", EV_READ_REPLY, 521, "5.7.1",
     "mx ESMTP\n5.7.1 blocked", 2, true},
	{"250-2.1.5 yes\r\n550 no\r\n", EV_READ_REPLY, 550, "", "2.1.5 yes\nno", 2, true},
	{"250-a\r\n251 b\r\n", EV_READ_REPLY, 251, "", "a\nb", 2, false},
	{"\r\n", EV_READ_GARBAGE, 0, "", "", 1, false},
	{"HTTP/1.1 400 Bad Request\r\n", EV_READ_GARBAGE, 0, "", "HTTP/1.1 400 Bad Request", 1, false},
	{"25\r\n", EV_READ_GARBAGE, 0, "", "25", 1, false},
	{"25x ok\r\n", EV_READ_GARBAGE, 0, "", "25x ok", 1, false},
	{"2500 ok\r\n", EV_READ_GARBAGE, 0, "", "2500 ok", 1, false},
	{"100 go on\r\n", EV_READ_GARBAGE, 0, "", "100 go on", 1, false},
	{"600 what\r\n", EV_READ_GARBAGE, 0, "", "600 what", 1, false},
	{"250-a\r\nb\r\n", EV_READ_GARBAGE, 0, "", "b", 1, false},
	{" 250 ok\r\n", EV_READ_GARBAGE, 0, "", " 250 ok", 1, false},
	{"220 a\rb\r\n", EV_READ_REPLY, 220, "", "a\rb", 1, false},
	{"220 never ends", EV_READ_MORE, 0, "", NULL, 0, false},
	{"250-a\r\n250-b\r\n", EV_READ_MORE, 0, "", NULL, 0, false},
};

static void
replies_are_the_same_in_any_chunks(void **state)
{
	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		const struct row *row = &rows[i];
		size_t n = strlen(row->bytes);

		for (size_t chunk = 1; chunk <= n; chunk++)
		{
			struct ev_reply_reader reader;
			struct ev_reply reply;
			const struct ev_reply *got = &reply;
			char enhanced[EV_ENHANCED_MAX + 1];
			size_t left;

			ev_reply_reader_init(&reader);
			CHECK_INT(row->bytes, feed(&reader, row->bytes, n, chunk, &reply, &left), row->read);
			CHECK_INT(row->bytes, left, 0);
			if (row->read == EV_READ_MORE)
				continue;
			if (row->read == EV_READ_GARBAGE)
				got = &reader.reply;
			ev_enhanced_format(got->enhanced, enhanced);
			CHECK_INT(row->bytes, got->code, row->code);
			CHECK_STR(row->bytes, enhanced, row->enhanced);
			CHECK_STR(row->bytes, got->text, row->text);
			CHECK_INT(row->bytes, got->text_len, strlen(row->text));
			CHECK_INT(row->bytes, got->lines, row->lines);
			CHECK_INT(row->bytes, got->mixed, row->mixed);
		}
	}
}

static void
what_follows_a_reply_is_left_for_the_next(void **state)
{
	static const char bytes[] = "250-a\r\n250 b\r\n550 5.1.1 c\r\n221 d\r\n";
	static const int codes[] = {250, 550, 221};
	const char *at = bytes;
	struct ev_reply_reader reader;
	struct ev_reply reply;

	(void) state;
	ev_reply_reader_init(&reader);
	for (size_t i = 0; i < 3; i++)
	{
		size_t used = 0;

		assert_int_equal(ev_reply_feed(&reader, at, strlen(at), &used, &reply), EV_READ_REPLY);
		assert_int_equal(reply.code, codes[i]);
		at += used;
	}
	assert_string_equal(at, "");
}

static void
nuls_are_replaced(void **state)
{
	struct ev_reply_reader reader;
	struct ev_reply reply;
	size_t left;

	(void) state;
	ev_reply_reader_init(&reader);
	assert_int_equal(feed(&reader, "250 a\0b\r\n", 9, 4, &reply, &left), EV_READ_REPLY);
	assert_string_equal(reply.text, "a?b");
	assert_int_equal(reply.text_len, 3);
}

/* Feed the same piece for ever; returns how many bytes were taken before it was too long. */
static size_t
flood(const char *piece, enum ev_read want)
{
	struct ev_reply_reader reader;
	struct ev_reply reply;
	size_t total = 0;
	size_t n = strlen(piece);

	ev_reply_reader_init(&reader);
	for (;;)
	{
		size_t used = 0;
		enum ev_read read = ev_reply_feed(&reader, piece, n, &used, &reply);

		total += used;
		if (read != EV_READ_MORE)
		{
			assert_int_equal(read, want);
			return total;
		}
		assert_true(total <= 2 * EV_REPLY_BYTES_MAX);
	}
}

static void
nothing_is_endless(void **state)
{
	char line[1002];

	(void) state;
	assert_true(flood("b", EV_READ_TOO_LONG) <= EV_REPLY_LINE_MAX + 1);
	assert_true(flood("250-x\r\n", EV_READ_TOO_LONG) <= (EV_REPLY_LINES_MAX + 1) * 7);
	memset(line, 'x', sizeof(line) - 2);
	memcpy(line, "250-", 4);
	line[1000] = '\n';
	line[1001] = '\0';
	assert_true(flood(line, EV_READ_TOO_LONG) <= EV_REPLY_BYTES_MAX + 1);
}

static void
long_text_is_cut_and_the_reply_still_read(void **state)
{
	struct ev_reply_reader reader;
	struct ev_reply reply;
	char line[1000];
	size_t used = 0;

	(void) state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "550-", 4);
	line[999] = '\n';
	ev_reply_reader_init(&reader);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ev_reply_feed(&reader, line, sizeof(line), &used, &reply), EV_READ_MORE);
	assert_int_equal(ev_reply_feed(&reader, "550 end\r\n", 9, &used, &reply), EV_READ_REPLY);
	assert_int_equal(reply.text_len, EV_REPLY_TEXT_MAX);
	assert_int_equal(strlen(reply.text), EV_REPLY_TEXT_MAX);
	assert_int_equal(reply.lines, 11);

	/* a line of just the length that is allowed, and one more */
	ev_reply_reader_init(&reader);
	memset(line, 'x', sizeof(line));
	memcpy(line, "550 ", 4);
	assert_int_equal(ev_reply_feed(&reader, line, 1000, &used, &reply), EV_READ_MORE);
	memset(line, 'x', 4);
	assert_int_equal(ev_reply_feed(&reader, line, 1000, &used, &reply), EV_READ_MORE);
	assert_int_equal(ev_reply_feed(&reader, line, EV_REPLY_LINE_MAX - 2000, &used, &reply),
	                 EV_READ_MORE);
	assert_int_equal(ev_reply_feed(&reader, "\n", 1, &used, &reply), EV_READ_REPLY);
}

static void
enhanced_codes_are_read_strictly(void **state)
{
	static const struct
	{
		const char *text;
		const char *want; /* NULL: none */
		size_t len;
	} codes[] = {
		{"5.1.1", "5.1.1", 5},
		{"5.1.1 user", "5.1.1", 5},
		{"4.7.650 busy", "4.7.650", 7},
		{"2.0.0", "2.0.0", 5},
		{"5.1.1.", "5.1.1", 5},
		{"5.7.1<a@b>", "5.7.1", 5},
		{"5.123.456", "5.123.456", 9},
		{"5.1.1.1", NULL, 0},
		{"3.1.1", NULL, 0},
		{"5.1", NULL, 0},
		{"5.1.", NULL, 0},
		{"5..1", NULL, 0},
		{"5.1234.1", NULL, 0},
		{"5.1.1234", NULL, 0},
		{"55.1.1", NULL, 0},
		{"", NULL, 0},
		{"5.x.1", NULL, 0},
		{" 5.1.1", NULL, 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(codes); i++)
	{
		struct ev_enhanced e = {0, 0, 0};
		size_t len = 0;
		char text[EV_ENHANCED_MAX + 1];
		bool found = ev_enhanced_parse(codes[i].text, strlen(codes[i].text), &e, &len);

		CHECK_INT(codes[i].text, found, codes[i].want != NULL);
		if (!found)
			continue;
		ev_enhanced_format(e, text);
		CHECK_STR(codes[i].text, text, codes[i].want);
		CHECK_INT(codes[i].text, len, codes[i].len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_the_same_in_any_chunks),
		cmocka_unit_test(what_follows_a_reply_is_left_for_the_next),
		cmocka_unit_test(nuls_are_replaced),
		cmocka_unit_test(nothing_is_endless),
		cmocka_unit_test(long_text_is_cut_and_the_reply_still_read),
		cmocka_unit_test(enhanced_codes_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
