/*
 * generate_provider_codes.c
 *	  Makes the table of src/engine/provider_code.c of data/provider_codes.tsv and prints it as C.
 *
 * Rows are sorted by form: those of form f are code_of_form[f] to code_of_form[f + 1].  code_starts
 * tells for each letter which second bytes a code has that begins with it, forms_of_letter which forms.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/provider_code.h"

#define MAX_ROWS 2000
#define N_FIELDS 9

struct form
{
	const char *id, *where, *prefix;
};

static const struct form forms[] = {
#define EV_CODE_FORM(id, where, prefix, tail, min, max, family, words) {(id), (#where), (prefix)},
#include "engine/provider_code_form.def"
};

#define N_FORMS (sizeof(forms) / sizeof(forms[0]))

struct row
{
	size_t form, line;
	char first[20], last[20];
	char *field[N_FIELDS];
};

static struct row rows[MAX_ROWS];
static size_t n_rows;
static unsigned long long starts[26][2];
static unsigned char used[26][N_FORMS];

static void
die(const char *why, const char *what)
{
	fprintf(stderr, "generate_provider_codes: %s: %s\n", why, what);
	exit(1);
}

/* The first form with this id. */
static size_t
form_of(const char *id)
{
	for (size_t i = 0; i < N_FORMS; i++)
		if (strcmp(forms[i].id, id) == 0)
			return i;
	die("no such form", id);
	return 0;
}

static void
read_row(char *line)
{
	struct row *row = &rows[n_rows];
	char *copy = strdup(line);
	char *range;

	if (n_rows == MAX_ROWS || copy == NULL)
		die("no room", line);
	for (int i = 0; i < N_FIELDS; i++)
	{
		row->field[i] = strsep(&copy, "\t");
		if (row->field[i] == NULL)
			die("a field is missing", line);
	}
	if (copy != NULL)
		die("too many fields", line);
	row->form = form_of(row->field[0]);
	range = strstr(row->field[1], "..");
	snprintf(row->first, sizeof(row->first), "%.*s",
	         (int) (range == NULL ? strlen(row->field[1]) : (size_t) (range - row->field[1])),
	         row->field[1]);
	/* "7.501..503": the subject is said once */
	if (range != NULL && strcmp(forms[row->form].where, "ENHANCED") == 0)
		snprintf(row->last, sizeof(row->last), "%.*s%s", (int) strcspn(row->field[1], ".") + 1,
		         row->field[1], range + 2);
	else
		snprintf(row->last, sizeof(row->last), "%s", range == NULL ? row->first : range + 2);
	row->line = n_rows++;
}

/* Rows of a form stay in the order of the file. */
static int
by_form(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	if (x->form != y->form)
		return x->form < y->form ? -1 : 1;
	return x->line < y->line ? -1 : 1;
}

/* Which two bytes can a code of this row begin with? */
static void
note_start(size_t form, const struct row *row)
{
	char text[60];
	size_t prefix = strlen(forms[form].prefix);
	int letter;
	int from;
	int to;

	if (strcmp(forms[form].where, "URL") == 0 || strcmp(forms[form].where, "ENHANCED") == 0)
		return;
	snprintf(text, sizeof(text), "%s%s", forms[form].prefix, row->first);
	letter = tolower((unsigned char) text[0]);
	if (letter < 'a' || letter > 'z')
		die("does not begin with a letter", text);
	from = tolower((unsigned char) text[1]);
	to = prefix == 1 ? tolower((unsigned char) row->last[0]) : from;
	for (int c = from; c <= to; c++)
		starts[letter - 'a'][c / 64] |= 1ULL << c % 64;
	used[letter - 'a'][form] = 1;
}

static unsigned long long
value(size_t form, const char *code)
{
	unsigned subject;
	unsigned detail;

	if (strcmp(forms[form].where, "ENHANCED") != 0)
		return ev_code_value(code, strlen(code));
	if (sscanf(code, "%u.%u", &subject, &detail) != 2)
		die("no enhanced code", code);
	return subject * 1000ULL + detail;
}

static void
print_name(const char *prefix, const char *name)
{
	printf(", %s", prefix);
	for (name = strcmp(name, "-") == 0 ? "none" : name; *name != '\0'; name++)
		putchar(toupper((unsigned char) *name));
}

static unsigned
seconds(const char *text)
{
	unsigned n;
	char unit;

	if (strcmp(text, "-") == 0)
		return 0;
	if (sscanf(text, "%u%c", &n, &unit) != 2 || (unit != 'h' && unit != 'd'))
		die("no time", text);
	return n * (unit == 'h' ? 3600u : 86400u);
}

static void
print_rows(void)
{
	printf("const struct ev_provider_code ev_provider_codes[] = {\n");
	for (size_t i = 0; i < n_rows; i++)
	{
		const struct row *row = &rows[i];
		const char *klass = row->field[2];
		const char *sure = row->field[7];

		if (strcmp(klass, "any") != 0 && strcmp(klass, "4") != 0 && strcmp(klass, "5") != 0)
			die("no class", klass);
		if (strcmp(sure, "documented") != 0 && strcmp(sure, "seen") != 0 && strcmp(sure, "words") != 0 &&
		    strcmp(sure, "hearsay") != 0)
			die("not sure", sure);
		printf("\t{%lluu, %lluu, %zuu, %s, %s, %s, %uu", value(row->form, row->first),
		       value(row->form, row->last), row->form, *klass == 'a' ? "0" : klass,
		       *sure == 'h' ? "true" : "false", strchr("wh", *sure) != NULL ? "true" : "false",
		       seconds(row->field[6]));
		print_name("EV_ABOUT_", row->field[3]);
		print_name("EV_REASON_", row->field[4]);
		print_name("EV_DETAIL_", row->field[5]);
		printf("},\n");
	}
	printf("};\n");
}

static void
print_index(void)
{
	printf("static const uint16_t code_of_form[] = {");
	for (size_t form = 0, i = 0; form <= N_FORMS; form++)
	{
		while (i < n_rows && rows[i].form < form)
			i++;
		printf("%zu, ", i);
	}
	printf("};\nstatic const uint64_t code_starts[26][2] = {\n");
	for (int i = 0; i < 26; i++)
		printf("\t{%lluu, %lluu},\n", starts[i][0], starts[i][1]);
	printf("};\n#define NO_FORM 255\nstatic const uint8_t forms_of_letter[26][%zu] = {\n", N_FORMS + 1);
	for (int i = 0; i < 26; i++)
	{
		printf("\t{");
		for (size_t form = 0; form < N_FORMS; form++)
			if (used[i][form])
				printf("%zu, ", form);
		printf("NO_FORM},\n");
	}
	printf("};\nstatic const uint8_t enhanced_forms[] = {");
	for (size_t form = 0; form < N_FORMS; form++)
		if (strcmp(forms[form].where, "ENHANCED") == 0)
			printf("%zu, ", form);
	printf("NO_FORM};\n");
}

int
main(int argc, char **argv)
{
	static char line[2000];
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (file == NULL)
		die("cannot open", argc == 2 ? argv[1] : "no file");
	while (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '#' && line[0] != '\0')
			read_row(line);
	}
	fclose(file);
	qsort(rows, n_rows, sizeof(rows[0]), by_form);
	for (size_t i = 0; i < n_rows; i++)
		for (size_t form = rows[i].form; form < N_FORMS; form++)
			if (strcmp(forms[form].id, forms[rows[i].form].id) == 0)
				note_start(form, &rows[i]);
	printf("/* made by data/generate_provider_codes.c */\n");
	print_rows();
	print_index();
	return 0;
}
