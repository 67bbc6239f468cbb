/*
 * test_domain_list.c
 *	  The lists of data/: what is on them is found, what is not is not, and nothing that matters is
 *	  on the wrong one.
 */
#include "unit.h"

#include <stdlib.h>

#include "engine/domain_list.h"
#include "engine/provider.h"

static uint8_t
classes(const char *domain)
{
	return ev_domain_look_up(domain, strlen(domain)).classes;
}

/* Call check(name, line) for each line of a list. */
static size_t
each_line(const char *file, void (*check)(const char *name, const char *line))
{
	char path[256];
	char line[1024];
	char name[1024];
	size_t n = 0;
	FILE *list;

	snprintf(path, sizeof(path), "data/%s", file);
	list = fopen(path, "r");
	assert_non_null(list);
	while (fgets(line, sizeof(line), list) != NULL)
	{
		if (line[0] == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		strcpy(name, line);
		name[strcspn(name, "\t")] = '\0';
		check(name, line);
		n++;
	}
	fclose(list);
	return n;
}

static void
check_disposable(const char *name, const char *line)
{
	char below[300];

	(void) line;
	snprintf(below, sizeof(below), "x.Y-1.%s", name);
	CHECK_INT(name, classes(name) & (EV_DOMAIN_DISPOSABLE | EV_DOMAIN_ALIAS | EV_DOMAIN_CARRIER),
	          EV_DOMAIN_DISPOSABLE);
	CHECK_INT(below, classes(below) & EV_DOMAIN_DISPOSABLE, EV_DOMAIN_DISPOSABLE);
}

static void
check_not_disposable(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, classes(name) & EV_DOMAIN_DISPOSABLE, 0);
}

static void
check_free(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, classes(name) & EV_DOMAIN_FREE, EV_DOMAIN_FREE);
}

static void
check_alias(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, classes(name) & (EV_DOMAIN_ALIAS | EV_DOMAIN_DISPOSABLE), EV_DOMAIN_ALIAS);
}

static void
check_carrier(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, classes(name) & (EV_DOMAIN_CARRIER | EV_DOMAIN_DISPOSABLE), EV_DOMAIN_CARRIER);
}

static void
check_region(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, classes(name) & (EV_DOMAIN_ACCEPT_ALL | EV_DOMAIN_DISPOSABLE),
	          EV_DOMAIN_ACCEPT_ALL);
}

static void
check_provider(const char *name, const char *line)
{
	const struct ev_mailbox_family *family =
		ev_mailbox_family(ev_domain_look_up(name, strlen(name)).family);
	const char *provider = strchr(line, '\t') + 1;

	assert_non_null(family);
	CHECK_INT(name, strncmp(family->provider, provider, strcspn(provider, "\t")), 0);
	CHECK_INT(name, classes(name) & EV_DOMAIN_DISPOSABLE, 0);
}

static void
check_role(const char *name, const char *line)
{
	(void) line;
	CHECK_INT(name, ev_is_role(name, strlen(name)), true);
}

static void
what_is_listed_is_found(void **state)
{
	(void) state;
	assert_true(each_line("disposable.txt", check_disposable) > 50000);
	assert_true(each_line("free.txt", check_free) > 4000);
	each_line("alias.tsv", check_alias);
	each_line("carrier.tsv", check_carrier);
	each_line("region.tsv", check_region);
	each_line("provider.tsv", check_provider);
	each_line("role.txt", check_role);
	each_line("not_disposable.txt", check_not_disposable);
}

static void
what_is_not_listed_is_not_found(void **state)
{
	static const char *const names[] = {
		"",
		".",
		"com",
		"co.uk",
		"nom.za",
		"acme.com",
		"notgmail.example",
		"gmail.co.uk",
		"mail.gmail.com",
		"xmailinator.com",
		"mailinator.com.acme.com",
		"inator.com",
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(names); i++)
		CHECK_INT(names[i], classes(names[i]), 0);
	for (unsigned i = 0; i < 200000; i++)
	{
		char name[40];

		snprintf(name, sizeof(name), "unlisted-%u.corp-%u.com", i, i * 7919u);
		CHECK_INT(name, classes(name), 0);
	}
}

static void
case_does_not_matter(void **state)
{
	(void) state;
	assert_int_equal(classes("Mailinator.COM") & EV_DOMAIN_DISPOSABLE, EV_DOMAIN_DISPOSABLE);
	assert_int_equal(classes("GMAIL.com") & EV_DOMAIN_FREE, EV_DOMAIN_FREE);
	assert_true(ev_is_role("PostMaster", 10));
}

static void
roles_are_whole_local_parts_with_or_without_a_tag(void **state)
{
	static const struct
	{
		const char *local;
		bool role;
	} rows[] = {
		{"info", true},    {"no-reply", true},     {"support+tag", true},
		{"Sales", true},   {"information", false}, {"info.x", false},
		{"myinfo", false}, {"+info", false},       {"", false},
		{"ann", false},    {"+", false},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_INT(rows[i].local, ev_is_role(rows[i].local, strlen(rows[i].local)), rows[i].role);
}

static void
mistyped_domains_are_told_from_real_ones(void **state)
{
	static const struct
	{
		const char *domain;
		const char *meant; /* NULL: nothing is suggested */
	} rows[] = {
		{"gmial.com", "gmail.com"},
		{"gmail.con", "gmail.com"},
		{"gamil.com", "gmail.com"},
		{"hotmial.com", "hotmail.com"},
		{"outlok.com", "outlook.com"},
		{"yaho.com", "yahoo.com"},
		{"yahoo.co.ku", "yahoo.co.uk"},
		{"protonmial.com", "protonmail.com"},
		{"gmaul.com", "gmail.com"},
		{"gmail.vom", "gmail.com"},
		{"hotmaul.cmo", "hotmail.com"},
		/* real ones, however near */
		{"gmail.com", NULL},
		{"ymail.com", NULL},
		{"mail.com", NULL},
		{"hotmail.it", NULL},
		{"hotmail.fr", NULL},
		{"outlook.cz", NULL},
		{"mail.ru", NULL},
		{"gmx.at", NULL},
		{"mailinator.com", NULL},
		{"duck.com", NULL},
		/* nothing is near */
		{"acme.com", NULL},
		{"aok.com", NULL},
		{"wob.de", NULL},
		{"x.gmial.com", NULL},
		{"", NULL},
		{"a-very-long-name-that-nobody-mistyped.com", NULL},
	};

	(void) state;
	for (size_t i = 0; i < N_ROWS(rows); i++)
		CHECK_STR(rows[i].domain, ev_suggest_domain(rows[i].domain, strlen(rows[i].domain), NULL),
		          rows[i].meant);
}

static void
check_known(const char *name, const char *line)
{
	const char *meant = strchr(line, '\t') + 1;

	CHECK_INT(name, classes(meant) & EV_DOMAIN_FREE, EV_DOMAIN_FREE);
	CHECK_STR(name, ev_suggest_domain(name, strlen(name), NULL), meant);
	CHECK_STR(meant, ev_suggest_domain(meant, strlen(meant), NULL), NULL);
}

static void
each_suggestion_is_a_provider(void **state)
{
	(void) state;
	each_line("typo.tsv", check_known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_is_found),
		cmocka_unit_test(what_is_not_listed_is_not_found),
		cmocka_unit_test(case_does_not_matter),
		cmocka_unit_test(roles_are_whole_local_parts_with_or_without_a_tag),
		cmocka_unit_test(mistyped_domains_are_told_from_real_ones),
		cmocka_unit_test(each_suggestion_is_a_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
