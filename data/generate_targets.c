/*
 * generate_targets.c
 *	  Makes the tables of src/engine/target.c of data/special_addresses.tsv and prints them as C.
 *
 * The longest prefix comes first.  A row that has bits behind its prefix, or that is there twice, is an
 * error.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 200
#define N_FIELDS 4

struct row
{
	int v6;
	unsigned bits;
	unsigned char bytes[16];
	char what[16];
	unsigned byte;
};

static struct row rows[MAX_ROWS];
static size_t n_rows;

static void
die(const char *why, const char *what)
{
	fprintf(stderr, "generate_targets: %s: %s\n", why, what);
	exit(1);
}

static void
read_prefix(struct row *row, char *text)
{
	char *slash = strchr(text, '/');
	unsigned size;

	if (slash == NULL)
		die("no length", text);
	*slash = '\0';
	row->bits = (unsigned) strtoul(slash + 1, NULL, 10);
	row->v6 = strchr(text, ':') != NULL;
	size = row->v6 ? 128 : 32;
	if (inet_pton(row->v6 ? AF_INET6 : AF_INET, text, row->bytes) != 1 || row->bits > size)
		die("no prefix", text);
	for (unsigned bit = row->bits; bit < size; bit++)
		if (row->bytes[bit / 8] & 0x80 >> bit % 8)
			die("bits behind the prefix", text);
}

static void
read_row(char *line)
{
	struct row *row = &rows[n_rows];
	char *field[N_FIELDS];

	if (n_rows == MAX_ROWS)
		die("no room", line);
	for (int i = 0; i < N_FIELDS; i++)
		if ((field[i] = strsep(&line, "\t")) == NULL)
			die("a field is missing", field[0]);
	if (line != NULL)
		die("too many fields", field[0]);
	read_prefix(row, field[0]);
	if (strcmp(field[1], "public") != 0 && strcmp(field[1], "private") != 0 &&
	    strcmp(field[1], "reserved") != 0 && strcmp(field[1], "carried") != 0 &&
	    strcmp(field[1], "teredo") != 0)
		die("no such thing", field[1]);
	snprintf(row->what, sizeof(row->what), "%s", field[1]);
	row->byte = (unsigned) strtoul(field[2], NULL, 10);
	if ((strcmp(field[1], "carried") == 0) != (isdigit((unsigned char) field[2][0]) != 0) ||
	    row->byte > 12 || (!row->v6 && (row->what[0] == 'c' || row->what[0] == 't')))
		die("no byte", field[2]);
	n_rows++;
}

static int
longest_first(const void *a, const void *b)
{
	const struct row *x = a;
	const struct row *y = b;

	if (x->v6 != y->v6)
		return x->v6 - y->v6;
	if (x->bits != y->bits)
		return x->bits > y->bits ? -1 : 1;
	return memcmp(x->bytes, y->bytes, sizeof(x->bytes));
}

static void
print_row(const struct row *row)
{
	printf("\t{{");
	for (int i = 0; i < (row->v6 ? 16 : 4); i++)
		printf("0x%02x, ", row->bytes[i]);
	printf("}, %u, ", row->bits);
	if (strcmp(row->what, "carried") == 0)
		printf("EV_TARGET_RESERVED, %u", row->byte);
	else if (strcmp(row->what, "teredo") == 0)
		printf("EV_TARGET_RESERVED, CARRIES_TEREDO");
	else
	{
		printf("EV_TARGET_");
		for (const char *c = row->what; *c != '\0'; c++)
			putchar(toupper((unsigned char) *c));
		if (row->v6)
			printf(", CARRIES_NONE");
	}
	printf("},\n");
}

static void
print_table(int v6)
{
	printf("static const struct range_v%d ranges_v%d[] = {\n", v6 ? 6 : 4, v6 ? 6 : 4);
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].v6 == v6)
			print_row(&rows[i]);
	printf("};\n");
}

int
main(int argc, char **argv)
{
	static char line[1000];
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
	qsort(rows, n_rows, sizeof(rows[0]), longest_first);
	for (size_t i = 1; i < n_rows; i++)
		if (longest_first(&rows[i - 1], &rows[i]) == 0)
			die("there twice", rows[i].what);
	printf("/* made by data/generate_targets.c */\n");
	print_table(0);
	print_table(1);
	return 0;
}
