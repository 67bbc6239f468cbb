/*
 * generate.c
 *	  Makes the tables of src/engine/domain_list.c from the lists in data/: run by the build.
 *
 * Usage: generate DATA-DIRECTORY >domain_table.h
 *
 * The names become a perfect hash by displacement: they are divided into buckets of about four, and
 * for each bucket a number is searched for that sends its names to slots nobody has taken yet.  Of a
 * name 32 bits are kept, so a table of 66,000 names takes some 440 kB.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/domain_hash.h"
#include "engine/domain_list.h"

#define MAX_NAMES    200000
#define MAX_FAMILIES 255
#define MAX_FIELDS   5
#define LINE         1024

struct name
{
	char text[256];
	uint64_t hash;
	struct ev_domain_entry entry;
};

struct family
{
	char *fields[MAX_FIELDS]; /* provider, tag, removed, domain */
};

static struct name *names;
static size_t n_names;
static struct family families[MAX_FAMILIES + 1];
static size_t n_families = 1; /* the first one means none */
static uint64_t version = EV_HASH_INIT;

static void
die(const char *what, const char *which)
{
	fprintf(stderr, "generate: %s: %s\n", what, which);
	exit(1);
}

static void *
check(void *memory)
{
	if (memory == NULL)
		die("out of memory", "");
	return memory;
}

static uint64_t
hash_name(const char *text)
{
	uint64_t h = EV_HASH_INIT;

	for (size_t i = strlen(text); i-- > 0;)
		h = ev_domain_hash_step(h, (unsigned char) text[i]);
	return ev_domain_hash_end(h);
}

static FILE *
open_list(const char *directory, const char *file)
{
	char path[4096];
	FILE *list;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	list = fopen(path, "r");
	if (list == NULL)
		die(path, strerror(errno));
	return list;
}

/*
 * The next line that is no comment, cut at its tabs; false at the end.  Fields that are not there
 * are "".
 */
static bool
next_line(FILE *list, char *line, char *fields[MAX_FIELDS])
{
	do
	{
		if (fgets(line, LINE, list) == NULL)
			return false;
		version = ev_hash(version, line, strlen(line));
	} while (line[0] == '#' || line[0] == '\n');
	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < MAX_FIELDS; i++)
	{
		fields[i] = line;
		line += strcspn(line, "\t");
		if (*line == '\t')
			*line++ = '\0';
	}
	return true;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(((const struct name *) a)->text, ((const struct name *) b)->text);
}

static void
add(const char *text, uint8_t classes, uint8_t family)
{
	if (n_names == MAX_NAMES || strlen(text) >= sizeof(names[0].text))
		die("too long or too many", text);
	strcpy(names[n_names].text, text);
	names[n_names].entry.classes = classes;
	names[n_names].entry.family = family;
	n_names++;
}

static void
read_list(const char *directory, const char *file, uint8_t classes)
{
	FILE *list = open_list(directory, file);
	char line[LINE];
	char *fields[MAX_FIELDS];

	while (next_line(list, line, fields))
		add(fields[0], classes, 0);
	fclose(list);
}

static size_t
find_family(char *fields[MAX_FIELDS])
{
	for (size_t i = 1; i < n_families; i++)
	{
		bool same = true;

		for (int k = 1; k < MAX_FIELDS; k++)
			same = same && strcmp(families[i].fields[k], fields[k]) == 0;
		if (same)
			return i;
	}
	if (n_families > MAX_FAMILIES)
		die("too many", "providers");
	for (int k = 1; k < MAX_FIELDS; k++)
		families[n_families].fields[k] = check(strdup(fields[k]));
	return n_families++;
}

static void
read_providers(const char *directory)
{
	FILE *list = open_list(directory, "provider.tsv");
	char line[LINE];
	char *fields[MAX_FIELDS];

	while (next_line(list, line, fields))
		add(fields[0], 0, (uint8_t) find_family(fields));
	fclose(list);
}

/* Each name once, with all that was said of it. */
static void
merge(void)
{
	size_t kept = 0;

	qsort(names, n_names, sizeof(names[0]), by_text);
	for (size_t i = 0; i < n_names; i++)
	{
		if (kept > 0 && strcmp(names[kept - 1].text, names[i].text) == 0)
		{
			struct ev_domain_entry *entry = &names[kept - 1].entry;

			if (entry->family != 0 && names[i].entry.family != 0)
				die("two providers", names[i].text);
			entry->classes |= names[i].entry.classes;
			entry->family |= names[i].entry.family;
		}
		else
			names[kept++] = names[i];
	}
	n_names = kept;
	for (size_t i = 0; i < n_names; i++)
		names[i].hash = hash_name(names[i].text);
}

struct bucket
{
	uint32_t index;
	uint32_t n;
	uint32_t *members;
};

static int
by_size(const void *a, const void *b)
{
	const struct bucket *x = a;
	const struct bucket *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

/* Try to place a bucket's names with this displacement. */
static bool
place(const struct bucket *bucket, uint32_t displacement, int32_t *slots, uint32_t n_slots)
{
	for (uint32_t i = 0; i < bucket->n; i++)
	{
		uint32_t slot = ev_domain_slot(names[bucket->members[i]].hash, displacement, n_slots);

		if (slots[slot] >= 0)
		{
			while (i-- > 0)
				slots[ev_domain_slot(names[bucket->members[i]].hash, displacement, n_slots)] = -1;
			return false;
		}
		slots[slot] = (int32_t) bucket->members[i];
	}
	return true;
}

static void
write_table(void)
{
	uint32_t n_slots = (uint32_t) (n_names + n_names / 32 + 1);
	uint32_t n_buckets = (uint32_t) (n_names / 4 + 1);
	struct bucket *buckets = check(calloc(n_buckets, sizeof(*buckets)));
	uint32_t *members = check(calloc(n_names, sizeof(*members)));
	uint16_t *displacements = check(calloc(n_buckets, sizeof(*displacements)));
	int32_t *slots = check(malloc(n_slots * sizeof(*slots)));
	uint32_t used = 0;

	for (uint32_t i = 0; i < n_names; i++)
		buckets[ev_domain_bucket(names[i].hash, n_buckets)].n++;
	for (uint32_t i = 0; i < n_buckets; i++)
	{
		buckets[i].index = i;
		buckets[i].members = members + used;
		used += buckets[i].n;
		buckets[i].n = 0;
	}
	for (uint32_t i = 0; i < n_names; i++)
	{
		struct bucket *bucket = &buckets[ev_domain_bucket(names[i].hash, n_buckets)];

		bucket->members[bucket->n++] = i;
	}
	memset(slots, 0xff, n_slots * sizeof(*slots));
	qsort(buckets, n_buckets, sizeof(*buckets), by_size);
	for (uint32_t i = 0; i < n_buckets && buckets[i].n > 0; i++)
	{
		uint32_t displacement = 0;

		while (!place(&buckets[i], displacement, slots, n_slots))
			if (++displacement > UINT16_MAX)
				die("no displacement for a bucket with", names[buckets[i].members[0]].text);
		displacements[buckets[i].index] = (uint16_t) displacement;
	}

	printf("#define N_SLOTS %u\n#define N_BUCKETS %u\n", n_slots, n_buckets);
	printf("static const uint16_t displacements[N_BUCKETS] = {");
	for (uint32_t i = 0; i < n_buckets; i++)
		printf("%s%u,", i % 16 == 0 ? "\n\t" : "", displacements[i]);
	printf("\n};\nstatic const uint32_t prints[N_SLOTS] = {");
	for (uint32_t i = 0; i < n_slots; i++)
		printf("%s%uu,", i % 8 == 0 ? "\n\t" : "", slots[i] < 0 ? 0 : ev_domain_print(names[slots[i]].hash));
	printf("\n};\nstatic const struct ev_domain_entry entries[N_SLOTS] = {");
	for (uint32_t i = 0; i < n_slots; i++)
		printf("%s{%u, %u},", i % 8 == 0 ? "\n\t" : "", slots[i] < 0 ? 0 : names[slots[i]].entry.classes,
		       slots[i] < 0 ? 0 : names[slots[i]].entry.family);
	printf("\n};\n");
	free(buckets);
	free(members);
	free(displacements);
	free(slots);
}

static void
write_families(void)
{
	printf("static const struct ev_mailbox_family families[] = {\n\t{NULL, 0, \"\", false, NULL},\n");
	for (size_t i = 1; i < n_families; i++)
	{
		char **f = families[i].fields;
		bool swapped = strcmp(f[3], ".=-") == 0;

		printf("\t{\"%s\", %d, \"%s\", %s, ", f[1], f[2][0], swapped ? "" : f[3],
		       swapped ? "true" : "false");
		printf(f[4][0] == '\0' ? "NULL},\n" : "\"%s\"},\n", f[4]);
	}
	printf("};\n");
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Sorted, for bsearch(): one field or two of each line. */
static void
write_sorted(const char *directory, const char *file, const char *declaration, int n_fields)
{
	FILE *list = open_list(directory, file);
	static char *lines[MAX_NAMES];
	size_t n = 0;
	char line[LINE];
	char *fields[MAX_FIELDS];

	while (next_line(list, line, fields))
	{
		char text[2 * LINE];

		snprintf(text, sizeof(text), n_fields == 1 ? "\t\"%s\"," : "\t{\"%s\", \"%s\"},", fields[0],
		         fields[1]);
		lines[n++] = check(strdup(text));
	}
	fclose(list);
	qsort(lines, n, sizeof(lines[0]), by_string);
	printf("%s = {\n", declaration);
	for (size_t i = 0; i < n; i++)
	{
		printf("%s\n", lines[i]);
		free(lines[i]);
	}
	printf("};\n");
}

/* Local parts of functions: prints in a hash table with room to spare; 0 is an empty place. */
static void
write_roles(const char *directory)
{
	static uint32_t prints[EV_ROLE_SLOTS];
	FILE *list = open_list(directory, "role.txt");
	char line[LINE];
	char *fields[MAX_FIELDS];
	size_t n = 0;

	while (next_line(list, line, fields))
	{
		uint64_t hash = hash_name(fields[0]);
		uint32_t slot = ev_role_slot(hash);

		if (++n > EV_ROLE_SLOTS / 2)
			die("too many", "roles");
		while (prints[slot] != 0)
			slot = (slot + 1) % EV_ROLE_SLOTS;
		prints[slot] = ev_domain_print(hash);
	}
	fclose(list);
	printf("static const uint32_t roles[EV_ROLE_SLOTS] = {");
	for (uint32_t i = 0; i < EV_ROLE_SLOTS; i++)
		printf("%s%uu,", i % 8 == 0 ? "\n\t" : "", prints[i]);
	printf("\n};\n");
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		die("usage", "generate DATA-DIRECTORY");
	names = check(calloc(MAX_NAMES, sizeof(*names)));
	read_list(argv[1], "disposable.txt", EV_DOMAIN_DISPOSABLE | EV_DOMAIN_SUBDOMAINS);
	read_list(argv[1], "free.txt", EV_DOMAIN_FREE);
	read_list(argv[1], "alias.tsv", EV_DOMAIN_ALIAS | EV_DOMAIN_SUBDOMAINS);
	read_list(argv[1], "carrier.tsv", EV_DOMAIN_CARRIER | EV_DOMAIN_SUBDOMAINS);
	read_list(argv[1], "region.tsv", EV_DOMAIN_ACCEPT_ALL);
	read_list(argv[1], "typo.tsv", EV_DOMAIN_MISTYPED);
	read_providers(argv[1]);
	merge();
	printf("/* made by data/generate.c from the lists in data/ */\n");
	write_table();
	write_families();
	write_roles(argv[1]);
	write_sorted(argv[1], "popular.txt", "static const char *const popular[]", 1);
	write_sorted(argv[1], "typo.tsv", "static const struct typo typos[]", 2);
	printf("#define LIST_VERSION UINT64_C(0x%016llx)\n", (unsigned long long) version);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
