/*
 * bounce_text.c
 *	  Bounces in words of a mail system's own: is this one, whose, and about whom?
 *
 * A sentence that a mail system is known for makes a bounce of a message that looks like one; without
 * such a sentence the sender or the subject must be those of a bounce, and an address must stand near
 * a reply code or a sentence about a failure.
 */
#include "engine/bounce_text.h"

#include <string.h>

#include "engine/bounce_phrase.h"

enum format
{
#define EV_TEXT_FORMAT(id, name, confidence) FORMAT_##id,
#include "engine/bounce_text_formats.def"
	N_FORMATS
};

static const struct
{
	const char *name;
	uint8_t confidence;
} formats[] = {
#define EV_TEXT_FORMAT(id, name, confidence) {name, confidence},
#include "engine/bounce_text_formats.def"
};

/* Values of phrases: a format, or one of these. */
#define IS_ORIGINAL 1000
#define IS_DELAY    1001
#define IS_FINAL    1002

static const struct ev_phrase marks[] = {
#define EV_TEXT_MARK(id, sentence) {sentence, FORMAT_##id},
#include "engine/bounce_text_formats.def"
#define EV_TEXT_ORIGINAL(sentence) {sentence, IS_ORIGINAL},
#define EV_TEXT_DELAY(sentence)    {sentence, IS_DELAY},
#define EV_TEXT_FINAL(sentence)    {sentence, IS_FINAL},
#include "engine/bounce_text_words.def"
};

static const struct ev_phrase subject_list[] = {
#define EV_TEXT_SUBJECT(sentence) {sentence, 0},
#include "engine/bounce_text_words.def"
};

static const struct
{
	const char *name;
	const char *text;
	enum format format;
} header_marks[] = {
#define EV_TEXT_HEADER(id, header, text) {header, text, FORMAT_##id},
#include "engine/bounce_text_formats.def"
};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

_Static_assert(N_OF(marks) <= EV_PHRASES_MAX, "too many sentences for one search");

static struct ev_phrases mark_phrases = EV_PHRASES(marks);
static struct ev_phrases subjects = EV_PHRASES(subject_list);

#define SUBJECT_MAX 1000
#define HEADING     40  /* bytes of a heading without an address */
#define FAILED_MAX  50  /* addresses of X-Failed-Recipients: Exim names no more */
#define OPENING     400 /* bytes of a text without headers within which it must tell what it is */

/* --- does it look like a bounce? -------------------------------------------------------------- */

struct looks
{
	bool daemon;    /* its sender is a mail system */
	bool subject;   /* its subject is one of a bounce */
	bool answer;    /* somebody answers or forwards */
	bool returns;   /* answers go to somebody: its return path has an address that is no daemon's */
	bool no_header; /* nothing but text */
	enum format header; /* of its headers; N_FORMATS: none */
};

static bool
is_answer(struct ev_slice subject)
{
	static const char *const prefixes[] = {
		"re:", "fwd:", "fw:", "aw:", "wg:",  "tr:",     "rv:",  "rif:",
		"i:",  "r:",   "sv:", "vs:", "enc:", "doorst:", "antw:"};

	for (size_t i = 0; i < N_OF(prefixes); i++)
		if (ev_slice_starts(subject, prefixes[i]))
			return true;
	return false;
}

static void
look_at_subject(struct ev_slice headers, struct looks *looks)
{
	char decoded[SUBJECT_MAX];
	struct ev_slice subject;

	if (!ev_bounce_header(headers, "Subject", &subject))
		return;
	subject = ev_slice_trim(subject);
	if (ev_slice_find(subject, "=?", NULL))
		subject =
			(struct ev_slice){decoded, ev_mime_decode_words(subject, decoded, sizeof(decoded))};
	looks->answer = is_answer(subject);
	looks->subject = !looks->answer && ev_phrases_first(subject, &subjects, NULL) != NULL;
}

/* Of a sender to whom nothing can be returned. */
static bool
returns_to_daemon(struct ev_slice headers)
{
	struct ev_slice value;

	if (!ev_bounce_header(headers, "Return-Path", &value))
		return false;
	value = ev_slice_trim(value);
	return ev_slice_is(value, "<>") || ev_slice_starts(value, "<mailer-daemon");
}

static void
look_at_headers(struct ev_slice headers, struct looks *looks)
{
	struct ev_slice value;

	*looks = (struct looks){.header = N_FORMATS};
	if (headers.n == 0)
	{
		looks->no_header = true;
		return;
	}
	looks->returns = ev_bounce_header(headers, "Return-Path", &value) &&
	                 memchr(value.s, '@', value.n) != NULL && !returns_to_daemon(headers);
	looks->daemon = ev_bounce_from_daemon(headers) || returns_to_daemon(headers) ||
	                (ev_bounce_header(headers, "Content-Type", &value) &&
	                 ev_slice_starts(ev_slice_trim(value), "multipart/report") &&
	                 ev_slice_find(value, "delivery-status", NULL));
	look_at_subject(headers, looks);
	for (size_t i = 0; i < N_OF(header_marks) && looks->header == N_FORMATS; i++)
		if (ev_bounce_header(headers, header_marks[i].name, &value) &&
		    ev_slice_starts(ev_slice_trim(value), header_marks[i].text))
			looks->header = header_marks[i].format;
	/* answers and what is sent to many */
	if (!looks->daemon && ((!looks->subject && ev_bounce_header(headers, "In-Reply-To", &value)) ||
	                       ev_bounce_header(headers, "List-Id", &value) ||
	                       ev_bounce_header(headers, "List-Unsubscribe", &value)))
		looks->answer = true;
}

/* --- what does it say? ------------------------------------------------------------------------ */

struct sentences
{
	enum format format; /* N_FORMATS: of none */
	size_t at;          /* where its sentence stands */
	size_t original;    /* where the message that came back begins, says a sentence */
	size_t headers;     /* where headers of a message begin */
	bool delay;
};

/* The line that holds a byte: what stands before it there. */
static struct ev_slice
line_before(struct ev_slice text, size_t at)
{
	size_t from = at;

	while (from > 0 && text.s[from - 1] != '\n')
		from--;
	return (struct ev_slice){text.s + from, at - from};
}

/* Somebody quotes it: "> Hi. This is the qmail-send program". */
static bool
is_quoted(struct ev_slice text, size_t at)
{
	struct ev_slice before = ev_slice_trim(line_before(text, at));

	return before.n > 0 && (before.s[0] == '>' || before.s[0] == '|') &&
	       !ev_slice_starts(before, ">>>");
}

static void
find_sentences(struct ev_slice text, struct sentences *out)
{
	uint32_t at[N_OF(marks)];
	bool final = false;

	*out = (struct sentences){.format = N_FORMATS, .original = text.n};
	ev_phrases_find(text, &mark_phrases, at);
	for (size_t i = 0; i < N_OF(marks); i++)
	{
		if (at[i] == EV_PHRASE_ABSENT)
			continue;
		if (marks[i].value == IS_ORIGINAL)
		{
			if (at[i] < out->original)
				out->original = at[i];
		}
		else if (marks[i].value == IS_DELAY)
			out->delay = true;
		else if (marks[i].value == IS_FINAL)
			final = true;
		else if (out->format == N_FORMATS && !is_quoted(text, at[i]))
		{
			out->format = marks[i].value;
			out->at = at[i];
		}
	}
	out->delay = out->delay && !final;
}

/* Headers of a message in the text without a sentence before them. */
static size_t
find_headers(struct ev_slice text)
{
	static const char *const names[] = {"Received: ",       "Return-Path: ",  "Message-ID: ",
	                                    "DKIM-Signature: ", "MIME-Version: ", "X-Mailer: "};
	struct ev_slice rest = text;
	struct ev_slice line;

	while (ev_slice_line(&rest, &line))
	{
		char first = line.n == 0 ? '\0' : line.s[0] | 0x20;

		/* most lines begin with none of their letters */
		if (first != 'r' && first != 'm' && first != 'd' && first != 'x')
			continue;
		for (size_t i = 0; i < N_OF(names); i++)
			if (ev_slice_starts(line, names[i]))
				return (size_t) (line.s - text.s);
	}
	return text.n;
}

/* Nothing but a heading before offset n: the words come behind. */
static bool
is_heading(struct ev_slice text, size_t n)
{
	return n < HEADING && memchr(text.s, '@', n) == NULL;
}

/* A mail system's sentences stand before the headers of the message that came back, mostly. */
static void
read_sentences(struct ev_slice text, struct sentences *out)
{
	size_t headers = find_headers(text);

	*out = (struct sentences){.format = N_FORMATS};
	if (headers < text.n && !is_heading(text, headers))
		find_sentences(ev_slice_to(text, headers), out);
	if (out->format == N_FORMATS)
		find_sentences(text, out);
	else if (out->original == headers)
		out->original = text.n;
	out->headers = headers;
}

/* Divide what the mail system wrote from the message that came back. */
static void
divide(struct ev_text *text, const struct sentences *found)
{
	struct ev_slice all = text->text;
	size_t headers = found->headers;
	size_t end = found->original < headers ? found->original : headers;

	if (is_heading(all, end))
		end = headers > end ? headers : all.n;
	text->text = ev_slice_to(all, end);
	text->quoted = ev_slice_from(all, end);
}

/* --- whom does it speak of? ------------------------------------------------------------------- */

/* "a@x.example, b@y.example" of a header. */
static void
add_addresses(struct ev_slice value, struct ev_text_recipients *recipients)
{
	struct ev_slice address;
	size_t behind;

	while (ev_text_find_recipient(value, &address, &behind))
	{
		ev_text_recipient_add(recipients, address);
		value = ev_slice_from(value, behind);
	}
}

/* Where the text names nobody, the headers of the message that came back do. */
static void
read_elsewhere(const struct ev_text *text, struct ev_text_recipients *recipients)
{
	static const char *const originals[] = {"X-Original-To", "Delivered-To", "Envelope-To", "To"};
	struct ev_slice value;

	for (size_t i = 0; i < N_OF(originals) && recipients->n == 0; i++)
		if (ev_bounce_header(text->input->original, originals[i], &value))
			add_addresses(value, recipients);
}

/* Who of the recipients is it, by final or original name?  NULL: none. */
static struct ev_text_recipient *
find_named(struct ev_text_recipients *recipients, struct ev_slice address)
{
	for (size_t i = 0; i < recipients->n; i++)
		if (ev_text_same_address(recipients->list[i].address, address) ||
		    ev_text_same_address(recipients->list[i].original, address))
			return &recipients->list[i];
	return NULL;
}

/*
 * Header X-Failed-Recipients outranks what the text seems to say.  Who is found there and not in the
 * header is somebody else, unless the header ends where mail systems end it.
 */
static void
heed_header(struct ev_slice value, struct ev_text_recipients *recipients)
{
	struct ev_text_recipient kept[FAILED_MAX];
	struct ev_slice alone =
		recipients->n == 1 ? recipients->list[0].words : (struct ev_slice){"", 0};
	struct ev_slice address;
	size_t behind;
	size_t n = 0;

	for (; n < FAILED_MAX && ev_text_find_recipient(value, &address, &behind); n++)
	{
		const struct ev_text_recipient *found = find_named(recipients, address);

		kept[n] = found != NULL ? *found : (struct ev_text_recipient){.address = address};
		if (found == NULL)
			kept[n].words = alone;
		value = ev_slice_from(value, behind);
	}
	if (n == 0 || n == FAILED_MAX)
		return;
	recipients->n = 0;
	for (size_t i = 0; i < n; i++)
	{
		struct ev_text_recipient *r = ev_text_recipient_add(recipients, kept[i].address);

		if (r != NULL)
		{
			r->original = kept[i].original;
			r->words = kept[i].words;
		}
	}
}

static void
find_recipients(const struct ev_text *text, enum format format,
                struct ev_text_recipients *recipients)
{
	struct ev_slice value;

	recipients->n = 0;
	if (format == FORMAT_SENDMAIL || format == FORMAT_DELIVERY_PROBLEMS)
		ev_text_read_sendmail(text, recipients);
	if (recipients->n == 0)
		ev_text_read_list(text, recipients);
	if (ev_bounce_header(text->input->headers, "X-Failed-Recipients", &value))
		heed_header(value, recipients);
	if (recipients->n == 0)
		ev_text_read_sentences(text, recipients);
	if (recipients->n == 0 && !text->guessed)
		read_elsewhere(text, recipients);
}

/* Is there a reason for each? */
static bool
tells_reasons(const struct ev_text *text, const struct ev_text_recipients *recipients)
{
	struct ev_slice said;

	for (size_t i = 0; i < recipients->n; i++)
		if (ev_text_said(recipients->list[i].words, &said) < EV_WORTH_PHRASE &&
		    ev_text_said(text->text, &said) < EV_WORTH_PHRASE)
			return false;
	return true;
}

/* Only blanks, rulers and a short greeting before the sentence that it is known by. */
static bool
opens_with_it(const struct ev_text *text, const struct sentences *found)
{
	return found->format != N_FORMATS && found->format != FORMAT_COMMON && found->at < 40 &&
	       memchr(ev_slice_trim(ev_slice_to(text->text, found->at)).s, '\n',
	              ev_slice_trim(ev_slice_to(text->text, found->at)).n) == NULL;
}

/* "Hello, we have seen that …" */
static bool
greets(struct ev_slice text)
{
	static const char *const words[] = {
		"hello",  "hi ",     "hi,",   "hey ",    "dear ",      "hallo",      "guten ", "liebe",
		"sehr ",  "moin",    "good ", "bonjour", "salut",      "cher",       "madame", "hola",
		"buenos", "estimad", "ciao",  "gentile", "buongiorno", "ol\xc3\xa1", "beste "};

	text = ev_slice_trim(text);
	for (size_t i = 0; i < N_OF(words); i++)
		if (ev_slice_starts(text, words[i]))
			return true;
	return false;
}

static bool
is_bounce(const struct ev_text *text, const struct looks *looks, const struct sentences *found)
{
	if (looks->no_header)
		return found->format != N_FORMATS && found->at <= OPENING;
	/* some mail systems keep a "Re:" of the message that came back, and have a sentence of their own */
	if (looks->answer && !(looks->daemon && found->format != N_FORMATS) &&
	    !(looks->subject && opens_with_it(text, found)))
		return false;
	/* parcels are not delivered either */
	if (!looks->daemon && looks->returns && found->format == N_FORMATS)
		return false;
	/* a person writes about a bounce */
	if (!looks->daemon && found->format == N_FORMATS && greets(text->text))
		return false;
	return looks->daemon || looks->subject || looks->header != N_FORMATS ||
	       opens_with_it(text, found);
}

/*
 * The fields of a report within the text: its part was lost, or somebody has made one text of the message.  Empty
 * when there are none.
 */
static struct ev_slice
find_fields(struct ev_slice text)
{
	struct ev_slice rest = text;
	struct ev_slice line;

	/* a hyphen is rarer than any letter */
	if (!ev_slice_find(text, "-Recipient:", NULL))
		return ev_slice_to(text, 0);
	while (ev_slice_line(&rest, &line))
	{
		struct ev_slice s = ev_slice_trim(line);

		if (ev_bounce_is_report(s) || ev_slice_starts(s, "Arrival-Date:"))
			return ev_slice_from(text, (size_t) (s.s - text.s));
	}
	return ev_slice_to(text, 0);
}

/* Rows of such fields, the text beside them left as it is. */
static bool
read_fields(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_bounce_input with_report = *input;

	if (input->report.n > 0)
		return false;
	with_report.report = find_fields(input->text);
	return with_report.report.n > 0 && ev_bounce_read_dsn(&with_report, rows);
}

bool
ev_bounce_read_text(const struct ev_bounce_input *input, struct ev_bounce_rows *rows)
{
	struct ev_text text = {.input = input, .text = input->text, .own = {"", 0}};
	struct ev_text_recipients recipients;
	struct looks looks;
	struct sentences found;
	struct ev_slice value;
	size_t behind;

	if (ev_slice_trim(text.text).n == 0)
		return false;
	look_at_headers(input->headers, &looks);
	read_sentences(text.text, &found);
	if (found.format == N_FORMATS)
		found.format = looks.header;

	if (!is_bounce(&text, &looks, &found))
		return false;
	/* the bounce that the notice is about tells more */
	if (found.format == FORMAT_MAILMAN && input->original.n > 0)
		return false;
	if (read_fields(input, rows))
		return true;
	text.guessed = found.format == N_FORMATS;
	text.format = text.guessed ? "guess" : formats[found.format].name;
	text.confidence = text.guessed ? 40 : formats[found.format].confidence;
	text.delay = found.delay;
	divide(&text, &found);
	if (ev_bounce_header(input->headers, "To", &value))
		ev_text_find_address(value, &text.own, &behind);

	find_recipients(&text, found.format, &recipients);
	if (recipients.n == 0 || (text.guessed && !tells_reasons(&text, &recipients)))
		return false;
	for (size_t i = 0; i < recipients.n && !ev_bounce_stopped(input->work); i++)
		if (!ev_text_add_row(&text, &recipients.list[i], &recipients, rows))
			break;
	return true;
}
