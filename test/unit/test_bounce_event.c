/*
 * test_bounce_event.c
 *	  Events of senders: whose they are, and what a table of formats may say.  What is read out of each
 *	  is in test/data/bounces/event_*.json.
 */
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>

#include "engine/bounce.h"
#include "engine/event_format.h"

static struct ev_bounce_work work;
static struct ev_bounce rows[EV_BOUNCE_ROWS_MAX];
static struct ev_json json;

static char *
read_file(const char *path, size_t *n)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(1 << 16);

	if (file == NULL)
		fail_msg("%s cannot be read", path);
	*n = fread(text, 1, (1 << 16) - 1, file);
	text[*n] = '\0';
	fclose(file);
	return text;
}

/* --- nobody's event is read as somebody else's ------------------------------------------------ */

/* Without some of its marks an event is nobody's, or still its sender's. */
static size_t
read_without(const char *name, const char *text, size_t n, const size_t *marks, size_t n_marks,
             const char *format)
{
	char *copy = malloc(n);
	size_t found;

	memcpy(copy, text, n);
	for (size_t i = 0; i < n_marks; i++)
		copy[marks[i]] = '~';
	found = ev_bounce_read(copy, n, &work, rows, EV_BOUNCE_ROWS_MAX);
	for (size_t i = 0; i < found; i++)
		CHECK_STR(name, rows[i].format, format);
	free(copy);
	return found;
}

static size_t
check_event(const char *name, const char *text, size_t n)
{
	size_t keys[300];
	size_t n_keys = 0;
	const char *format;
	size_t tries = 0;
	size_t used;

	if (ev_bounce_read(text, n, &work, rows, EV_BOUNCE_ROWS_MAX) == 0)
		return 0;
	format = rows[0].format;
	assert_true(ev_json_parse((struct ev_slice){text, n}, NULL, &json, &used));
	/* every key, wherever it is: the marks are among them */
	for (int i = 0; i < json.n; i++)
		for (int k = ev_json_first_key(&json, i); k != EV_JSON_NONE && n_keys < N_ROWS(keys);
		     k = ev_json_next_key(&json, i, k))
			if (json.tokens[k].end > json.tokens[k].start)
				keys[n_keys++] = json.tokens[k].start;
	for (size_t a = 0; a < n_keys; a++)
		for (size_t b = a; b < n_keys && b < a + 12; b++)
		{
			size_t marks[2] = {keys[a], keys[b]};

			read_without(name, text, n, marks, 2, format);
			tries++;
		}
	return tries;
}

static void
no_event_without_its_marks_is_read_as_somebody_elses(void **state)
{
	const char *root = getenv("EV_ROOT") != NULL ? getenv("EV_ROOT") : ".";
	char path[600];
	DIR *dir;
	struct dirent *entry;
	size_t tries = 0;

	(void) state;
	snprintf(path, sizeof(path), "%s/test/data/bounces", root);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
	{
		const char *dot = strrchr(entry->d_name, '.');
		char *text;
		char *line;
		char *next;
		size_t n;

		if (strncmp(entry->d_name, "event_", 6) != 0 || dot == NULL || strcmp(dot, ".json") != 0 ||
		    strstr(entry->d_name, "envelopes") != NULL)
			continue;
		snprintf(path, sizeof(path), "%s/test/data/bounces/%s", root, entry->d_name);
		text = read_file(path, &n);
		for (line = text; line != NULL; line = next)
		{
			next = strchr(line, '\n');
			if (line[0] == '{')
				tries += check_event(entry->d_name, line,
				                     next == NULL ? strlen(line) : (size_t) (next - line));
			next = next == NULL ? NULL : next + 1;
		}
		free(text);
	}
	closedir(dir);
	assert_true(tries > 5000);
}

/* --- every shipped format --------------------------------------------------------------------- */

static void
every_shipped_format_is_one_that_a_site_could_write(void **state)
{
	const struct ev_event_formats *all = ev_event_formats_shipped();

	(void) state;
	assert_true(all->n > 25);
	for (size_t i = 0; i < all->n; i++)
	{
		const struct ev_event_format *f = &all->rows[i];
		const char *const paths[] = {f->each,       f->recipient, f->code,
		                             f->remote_mta, f->stage,     f->time};

		CHECK_STR(f->name, ev_event_marks_fault(f->marks), NULL);
		for (size_t k = 0; k < N_ROWS(paths); k++)
			if (paths[k] != NULL && strlen(paths[k]) <= EV_EVENT_PATHS_MAX)
				CHECK_STR(f->name, ev_event_paths_fault(paths[k]), NULL);
		assert_non_null(f->recipient);
		assert_non_null(f->values[0].pattern);
		for (const struct ev_event_value *v = f->values; v->pattern != NULL; v++)
		{
			char words[100];
			struct ev_event_value again;

			CHECK_STR(v->pattern, ev_event_pattern_fault(v->pattern), NULL);
			snprintf(words, sizeof(words), "%s %s", ev_event_outcome_label(v->outcome),
			         ev_event_cause_label(v->cause));
			if (!ev_event_value_parse(words, strlen(words), &again))
				fail_msg("%s: %s", v->pattern, words);
			CHECK_INT(v->pattern, again.outcome, v->outcome);
			CHECK_INT(v->pattern, again.cause, v->cause);
		}
	}
}

static void
what_is_no_outcome_is_refused(void **state)
{
	static const struct
	{
		const char *words;
		int outcome; /* -1: refused */
		int cause;
	} words[] = {
		{"hard", EV_EVENT_HARD, EV_CAUSE_NONE},
		{" Soft  mailbox_full ", EV_EVENT_SOFT, EV_CAUSE_FULL},
		{"mailbox_full", EV_EVENT_CAUSE, EV_CAUSE_FULL},
		{"unsubscribed", EV_EVENT_UNSUBSCRIBED, EV_CAUSE_NONE},
		{"not_sent", EV_EVENT_NOT_SENT, EV_CAUSE_NONE},
		{"not_sent unsubscribed", EV_EVENT_NOT_SENT, EV_CAUSE_OPTED_OUT},
		{"", -1, 0},
		{"hardly", -1, 0},
		{"hard hard", -1, 0},
		{"hard unknown_user spam", -1, 0},
		{"hard known_invalid", -1, 0},
		{"known_invalid", -1, 0},
		{"not_sent unknown_user", -1, 0},
		{"delivered unknown_user", -1, 0},
		{"complaint spam", -1, 0},
		{"ignore spam", -1, 0},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(words); i++)
	{
		struct ev_event_value value = {NULL, 0, 0};
		bool good = ev_event_value_parse(words[i].words, strlen(words[i].words), &value);

		CHECK_INT(words[i].words, good, words[i].outcome >= 0);
		if (!good)
			continue;
		CHECK_INT(words[i].words, value.outcome, words[i].outcome);
		CHECK_INT(words[i].words, value.cause, words[i].cause);
	}
}

static void
malformed_paths_and_conditions_are_refused(void **state)
{
	static const struct
	{
		const char *text;
		bool path;
		bool marks;
	} texts[] = {
		{"a", true, true},     {".", true, true},         {"a.b|c", true, true},
		{"a!.b", true, true},  {"a=x*|b# c", true, true}, /* as a path, one odd key */
		{"", false, false},    {"a.", false, false},      {"a..b", false, false},
		{"!", false, false},   {"a.!", false, false},     {"a||b", false, false},
		{"|a", false, false},  {"a|", false, false},      {"a.b.c.d.e.f.g.h.i", false, false},
		{"a  b", true, false}, {"=x", true, false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
	{
		CHECK_INT(texts[i].text, ev_event_paths_fault(texts[i].text) == NULL, texts[i].path);
		CHECK_INT(texts[i].text, ev_event_marks_fault(texts[i].text) == NULL, texts[i].marks);
	}
}

static void
patterns_fit_whole_texts_in_any_case(void **state)
{
	static const struct
	{
		const char *pattern, *text;
		bool fits;
	} texts[] = {
		{"a", "A", true},          {"a", "ab", false},     {"*", "", true},
		{"a*c", "abbc", true},     {"a*c", "abcd", false}, {"*/x", "a/b/x", true},
		{"a?c", "abc", true},      {"a?c", "ac", false},   {"*a*a*", "banana", true},
		{"*aa*", "banana", false}, {"", "", true},         {"**", "x", true},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(texts); i++)
		CHECK_INT(texts[i].pattern,
		          ev_event_pattern_fits(texts[i].pattern, texts[i].text, strlen(texts[i].text)),
		          texts[i].fits);
}

/* --- a site's own ----------------------------------------------------------------------------- */

static void
a_sites_format_is_asked_first_and_alone_reads_its_sender(void **state)
{
	static const struct ev_event_value values[] = {{"gone*", EV_EVENT_HARD, EV_CAUSE_UNKNOWN_USER},
	                                               {"later*", EV_EVENT_DELAYED, EV_CAUSE_NONE},
	                                               {NULL, 0, 0}};
	static const struct ev_event_format own[] = {{.name = "own",
	                                              .marks = "what who.mail",
	                                              .each = "who",
	                                              .recipient = "mail",
	                                              .type = "what why",
	                                              .said = "text",
	                                              .values = values}};
	static const struct ev_event_formats formats = {own, 1};
	static const char event[] = "{\"what\":\"gone\",\"who\":[{\"mail\":\"a@b.example\"},"
								"{\"mail\":\"c@b.example\",\"text\":\"452 4.2.2 mailbox full\"}]}";

	(void) state;
	assert_int_equal(ev_bounce_read(event, strlen(event), &work, rows, 10), 0);
	assert_int_equal(work.event, EV_EVENT_UNKNOWN);
	work.formats = &formats;
	assert_int_equal(ev_bounce_read(event, strlen(event), &work, rows, 10), 2);
	assert_int_equal(work.event, EV_EVENT_KNOWN);
	work.formats = NULL;
	assert_string_equal(rows[0].format, "own");
	assert_string_equal(rows[0].final_recipient, "a@b.example");
	assert_int_equal(rows[0].verdict.reason, EV_REASON_MAILBOX_NOT_FOUND);
	assert_int_equal(rows[1].verdict.reason, EV_REASON_MAILBOX_FULL);
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void
lines_that_never_end_are_read_a_bounded_number_of_times(void **state)
{
	size_t n = 8u << 20;
	char *text = malloc(n);

	(void) state;
	for (size_t i = 0; i + 8 <= n; i += 8)
		memcpy(text + i, "{\"a\":\"x\n", 8);
	assert_int_equal(ev_bounce_read(text, n, &work, rows, EV_BOUNCE_ROWS_MAX), 0);
	/* a string that is never closed, begun anew in each line */
	for (size_t i = 0; i + 8 <= n; i += 8)
		memcpy(text + i, "{\"aaaaa\n", 8);
	text[n - 2] = 'a';
	assert_int_equal(ev_bounce_read(text, n, &work, rows, EV_BOUNCE_ROWS_MAX), 0);
	free(text);
}

static void
a_batch_of_hundreds_in_one_object_is_read(void **state)
{
	char *text = malloc(1 << 20);
	size_t n = (size_t) sprintf(text, "{\"events\":[");

	(void) state;
	for (int i = 0; i < 500; i++)
		n += (size_t) sprintf(
			text + n,
			"%s{\"event\":\"bounce\",\"email\":\"u%d@b.example\",\"message_id\":\"m\","
			"\"sending_stream\":\"bulk\",\"response\":\"550 5.1.1 user unknown\"}",
			i > 0 ? "," : "", i);
	n += (size_t) sprintf(text + n, "]}");
	assert_int_equal(ev_bounce_read(text, n, &work, rows, EV_BOUNCE_ROWS_MAX), 500);
	assert_string_equal(rows[499].final_recipient, "u499@b.example");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_event_without_its_marks_is_read_as_somebody_elses),
		cmocka_unit_test(every_shipped_format_is_one_that_a_site_could_write),
		cmocka_unit_test(what_is_no_outcome_is_refused),
		cmocka_unit_test(malformed_paths_and_conditions_are_refused),
		cmocka_unit_test(patterns_fit_whole_texts_in_any_case),
		cmocka_unit_test(a_sites_format_is_asked_first_and_alone_reads_its_sender),
		cmocka_unit_test(lines_that_never_end_are_read_a_bounded_number_of_times),
		cmocka_unit_test(a_batch_of_hundreds_in_one_object_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
