/*
 * test_mime.c
 *	  Messages taken apart, and what is encoded in them.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/mime.h"

static struct ev_mime mime;

#define SLICE(text) ((struct ev_slice){(text), strlen(text)})

/* "0:multipart/mixed 1:text/plain(Hello) …": depth, type, and body of what has no parts. */
static void
outline(const char *message, char *out, size_t size)
{
	size_t len = 0;

	ev_mime_parse(SLICE(message), NULL, &mime);
	out[0] = '\0';
	for (size_t i = 0; i < mime.n; i++)
	{
		const struct ev_mime_part *part = &mime.parts[i];
		bool leaf = strncmp(part->type.s, "text", 4) == 0;

		len += (size_t) snprintf(out + len, size - len, "%s%d:%.*s", i > 0 ? " " : "", part->depth,
		                         (int) part->type.n, part->type.s);
		if (leaf)
			len += (size_t) snprintf(out + len, size - len, "(%.*s)", (int) part->body.n,
			                         part->body.s);
	}
}

static void
parts_are_found(void **state)
{
	static const char *const rows[][2] = {
		{"", "0:text/plain()"},
		{"Subject: x", "0:text/plain()"},
		{"Subject: x\n\nbody\n", "0:text/plain(body\n)"},
		{"Subject: x\r\n\r\nbody", "0:text/plain(body)"},
		{"Subject: x\r\rbody", "0:text/plain(body)"},
		{"not a header\nbody", "0:text/plain(not a header\nbody)"},
		{"Content-Type: multipart/mixed; boundary=\"b b\"\n\npreamble\n--b b\n\none\n--b b  \n"
	     "Content-Type: text/html\n\ntwo\n--b b--\nepilogue\n",
	     "0:multipart/mixed 1:text/plain(one) 1:text/html(two)"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo",
	     "0:multipart/mixed 1:text/plain(one) 1:text/plain(two)"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; "
	     "boundary=bb\n\n--bb\n\none\n--b\n\ntwo\n--b--\n",
	     "0:multipart/mixed 1:multipart/alternative 2:text/plain(one) 1:text/plain(two)"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\none\n--b--",
	     "0:multipart/mixed 1:text/plain() 1:text/plain(one)"},
		{"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: "
	     "message/rfc822\n\nSubject: "
	     "y\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nin\n--c--\n--b\n\nout\n--b--",
	     "0:multipart/report 1:message/rfc822 2:multipart/mixed 3:text/plain(in) "
	     "1:text/plain(out)"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--bx\n\none\n--b-\n--b\n\ntwo\n--b--x\n",
	     "0:multipart/mixed 1:text/plain(two\n--b--x\n)"},
		{"Content-Type: multipart/mixed\n\n--b\n\none\n", "0:multipart/mixed"},
		{"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: y\n\nz\n--b--",
	     "0:multipart/digest 1:message/rfc822"},
		{"Content-Type: text\n\nx", "0:text(x)"},
		{"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\none\n--ab--",
	     "0:multipart/mixed 1:text/plain(one)"},
	};
	char out[1000];

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		outline(rows[i][0], out, sizeof(out));
		CHECK_STR(rows[i][0], out, rows[i][1]);
	}
}

static void
nesting_and_number_of_parts_are_bounded(void **state)
{
	char *text = malloc(1 << 20);
	size_t len = 0;

	(void) state;
	for (int i = 0; i < 1000; i++)
		len += (size_t) sprintf(text + len,
		                        "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	ev_mime_parse((struct ev_slice){text, len}, NULL, &mime);
	assert_int_equal(mime.n, EV_MIME_DEPTH_MAX);

	len = (size_t) sprintf(text, "Content-Type: multipart/mixed; boundary=b\n\n");
	for (int i = 0; i < 1000; i++)
		len += (size_t) sprintf(text + len, "--b\n\n%d\n", i);
	ev_mime_parse((struct ev_slice){text, len}, NULL, &mime);
	assert_int_equal(mime.n, EV_MIME_PARTS_MAX);
	free(text);
}

static void
an_interrupt_ends_the_parsing(void **state)
{
	static const char head[] = "Content-Type: multipart/mixed; boundary=b\n\n";
	const volatile int stop = 1;
	size_t n = sizeof(head) - 1 + 4 * 50000;
	char *text = malloc(n);

	(void) state;
	memcpy(text, head, sizeof(head) - 1);
	for (size_t i = sizeof(head) - 1; i < n; i += 4)
		memcpy(text + i, i + 4 >= n ? "--b\n" : "xxx\n", 4);
	ev_mime_parse((struct ev_slice){text, n}, NULL, &mime);
	assert_int_equal(mime.n, 2);
	ev_mime_parse((struct ev_slice){text, n}, &stop, &mime);
	assert_int_equal(mime.n, 1);
	free(text);
}

static void
bodies_are_decoded(void **state)
{
	static const struct
	{
		enum ev_mime_encoding encoding;
		enum ev_mime_charset charset;
		const char *body;
		const char *text;
	} rows[] = {
		{EV_MIME_IDENTITY, EV_MIME_UTF8, "a\r\nb\rc\nd", "a\nb\nc\nd"},
		{EV_MIME_BASE64, EV_MIME_UTF8, "SGVs\r\nbG8=", "Hello"},
		{EV_MIME_BASE64, EV_MIME_UTF8, "SGVsbG8", "Hello"},
		{EV_MIME_BASE64, EV_MIME_UTF8, "SGk=SGk=", "HiHi"},
		{EV_MIME_BASE64, EV_MIME_UTF8, "????", ""},
		{EV_MIME_QUOTED_PRINTABLE, EV_MIME_UTF8, "a=3Db=\r\nc =  \nd=XX=", "a=bc d=XX="},
		{EV_MIME_QUOTED_PRINTABLE, EV_MIME_LATIN1, "=E9", "\xc3\xa9"},
		{EV_MIME_QUOTED_PRINTABLE, EV_MIME_LATIN9, "=A4", "\xe2\x82\xac"},
		{EV_MIME_QUOTED_PRINTABLE, EV_MIME_WINDOWS_1252, "=93x=94", "\xe2\x80\x9cx\xe2\x80\x9d"},
		{EV_MIME_IDENTITY, EV_MIME_OTHER, "\x1b$B\xff", "\x1b$B\xff"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		struct ev_mime_part part = {
			.body = SLICE(rows[i].body), .encoding = rows[i].encoding, .charset = rows[i].charset};
		char out[100];
		size_t n = ev_mime_decode(&part, out, sizeof(out) - 1);

		out[n] = '\0';
		CHECK_STR(rows[i].body, out, rows[i].text);
		/* no room is no reason to write */
		for (size_t size = 0; size < n; size++)
			assert_true(ev_mime_decode(&part, out, size) <= size);
	}
}

static void
words_and_parameters_are_decoded(void **state)
{
	static const char *const words[][2] = {
		{"plain", "plain"},
		{"=?utf-8?Q?a_b=3Dc?=", "a b=c"},
		{"=?UTF-8?B?SGVsbG8=?= =?utf-8?q?_World?=", "Hello World"},
		{"=?utf-8?Q?a?= b", "a b"},
		{"=?iso-8859-1*en?Q?=E9?=", "\xc3\xa9"},
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?Q?a", "=?utf-8?Q?a"},
		{"a\r\n b", "a  b"},
	};
	static const char *const parameters[][3] = {
		{"text/plain; charset=utf-8", "charset", "utf-8"},
		{"text/plain; CHARSET = \"utf-8\" ; x=y", "charset", "utf-8"},
		{"text/plain; x=\"charset=no\"; charset=yes", "charset", "yes"},
		{"multipart/mixed;\r\n\tboundary=\"a\\\"b\"", "boundary", "a\"b"},
		{"a/b; name*=utf-8'en'a%20b", "name", "a b"},
		{"a/b; name*0=\"a\"; name*1=\"b\"", "name", "ab"},
		{"text/plain", "charset", NULL},
		{"text/plain; charset", "charset", NULL},
	};
	char out[100];

	(void) state;
	for (size_t i = 0; i < N_ROWS(words); i++)
	{
		size_t n = ev_mime_decode_words(SLICE(words[i][0]), out, sizeof(out));

		out[n] = '\0';
		CHECK_STR(words[i][0], out, words[i][1]);
	}
	for (size_t i = 0; i < N_ROWS(parameters); i++)
	{
		bool found = ev_mime_parameter(SLICE(parameters[i][0]), parameters[i][1], out, sizeof(out));

		CHECK_STR(parameters[i][0], found ? out : NULL, parameters[i][2]);
	}
}

static void
html_becomes_text(void **state)
{
	static const char *const rows[][2] = {
		{"<p>Hello<br>World</p>", "Hello\nWorld\n"},
		{"a &lt;b@c.example&gt; &amp; &#64;&#x41;&nbsp;&unknown;",
	     "a <b@c.example> & @A &unknown;"},
		{"<style>p { x }</style>a<!-- b -->c<script>d</script>", "ac"},
		{"<b@c.example> 1 < 2 > 0", "<b@c.example> 1 < 2 > 0"},
		{"<a href=\"mailto:x@y.example\">x</a>", "x"},
		{"<unclosed", "<unclosed"},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
	{
		char text[200];
		size_t n;

		snprintf(text, sizeof(text), "%s", rows[i][0]);
		n = ev_mime_strip_html(text, strlen(text));
		text[n] = '\0';
		CHECK_STR(rows[i][0], text, rows[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_found),
		cmocka_unit_test(nesting_and_number_of_parts_are_bounded),
		cmocka_unit_test(an_interrupt_ends_the_parsing),
		cmocka_unit_test(bodies_are_decoded),
		cmocka_unit_test(words_and_parameters_are_decoded),
		cmocka_unit_test(html_becomes_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
