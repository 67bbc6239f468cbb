/*
 * generate_rules.c
 *	  Makes the matcher of reply rules (src/engine/reply_rules.c) and prints it as C.
 *
 * Nodes behind a node follow each other, near what is behind them, and what is known of a node lies together:
 * a step takes one look at tree[] and one at the bytes behind it, byte_of[].
 * Node 0 is the root of the patterns, WORD_ROOT that of the words they are made of.  Marks (reply_marks.def) are in the same tree, as rules from FIRST_MARK on;
 * no rule found so far keeps them from being looked for.
 */
#define EV_REPLY_RULE_TABLE rules
#include "engine/reply_rules.h"
#include "engine/reply_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_RULES   (sizeof(rules) / sizeof(rules[0]))
#define FIRST_MARK EV_FIRST_MARK
#define MAX_NODES 60000
#define MAX_ENDS  12000

struct node
{
	unsigned child, next; /* first child, next sibling; 0 for none */
	unsigned char byte;
	unsigned first_end; /* 1 + index in ends; 0 for none */
	unsigned char word; /* 1: a word ends here, 2: and may go on */
	unsigned number;    /* as printed */
	unsigned first_rule; /* of what ends here or below */
};

struct end
{
	unsigned rule, from, to;
	unsigned next; /* 1 + index; 0 for none */
};

static const char *const marks[] = {
#define EV_MARK(kind, pattern) [EV_MARK_##kind] = (pattern),
#include "engine/reply_marks.def"
};

static struct node nodes[MAX_NODES];
static struct end ends[MAX_ENDS];
static unsigned n_nodes = 2; /* the two roots */
static unsigned n_ends;
static unsigned order[MAX_NODES];
static unsigned n_order;

static void
die(const char *what)
{
	fprintf(stderr, "generate_rules: %s\n", what);
	exit(1);
}

static unsigned
child(unsigned node, unsigned char byte)
{
	unsigned *link = &nodes[node].child;

	while (*link != 0 && nodes[*link].byte != byte)
		link = &nodes[*link].next;
	if (*link == 0)
	{
		if (n_nodes == MAX_NODES)
			die("too many nodes");
		nodes[n_nodes].byte = byte;
		*link = n_nodes++;
	}
	return *link;
}

/* One alternative of rule's pattern, from byte from to byte to. */
static void
add_alternative(unsigned rule, unsigned from, unsigned to)
{
	const char *pattern = rule < FIRST_MARK ? rules[rule].pattern : marks[rule - FIRST_MARK];
	unsigned node = 0;
	unsigned *link;
	unsigned at = from;

	for (; at < to && pattern[at] != '*'; at++)
		node = child(node, pattern[at] == '@' ? 1 : (unsigned char) pattern[at]);
	if (at == from || strcspn(pattern + from, "-_") < to - from)
		die(pattern);
	link = &nodes[node].first_end;
	while (*link != 0)
		link = &ends[*link - 1].next;
	if (n_ends == MAX_ENDS)
		die("too many alternatives");
	ends[n_ends].rule = rule;
	ends[n_ends].from = at;
	ends[n_ends].to = to;
	*link = ++n_ends;
}

static void
add_pattern(unsigned rule, const char *pattern)
{
	for (unsigned from = 0; pattern[from] != '\0';)
	{
		unsigned to = from + (unsigned) strcspn(pattern + from, "|");

		add_alternative(rule, from, to);
		from = pattern[to] == '|' ? to + 1 : to;
	}
}

static void
add_words(const char *pattern)
{
	while (*pattern != '\0')
	{
		size_t n = strcspn(pattern, " |*@");

		if (n > 0)
		{
			unsigned node = 1;

			for (size_t i = 0; i < n; i++)
				node = child(node, (unsigned char) pattern[i]);
			/* "a*account", "unknown to*": too short to be the beginning of a name */
			if (nodes[node].word < (pattern[n] == '*' && n > 2 ? 2 : 1))
				nodes[node].word = pattern[n] == '*' && n > 2 ? 2 : 1;
		}
		pattern += n;
		if (*pattern != '\0')
			pattern++;
	}
}

/* Number what is behind a node: children one after the other, then what is behind each, near them in memory. */
static void
number_behind(unsigned node)
{
	for (unsigned c = nodes[node].child; c != 0; c = nodes[c].next)
	{
		nodes[c].number = n_order;
		order[n_order++] = c;
	}
	for (unsigned c = nodes[node].child; c != 0; c = nodes[c].next)
		number_behind(c);
}

static void
number(unsigned root)
{
	nodes[root].number = n_order;
	order[n_order++] = root;
	number_behind(root);
}

/* Below nodes come after them in order. */
static void
find_first_rules(void)
{
	for (unsigned i = n_order; i-- > 0;)
	{
		struct node *node = &nodes[order[i]];

		node->first_rule = N_RULES;
		for (unsigned e = node->first_end; e != 0; e = ends[e - 1].next)
		{
			unsigned rule = ends[e - 1].rule < FIRST_MARK ? ends[e - 1].rule : 0;

			if (rule < node->first_rule)
				node->first_rule = rule;
		}
		for (unsigned c = node->child; c != 0; c = nodes[c].next)
			if (nodes[c].first_rule < node->first_rule)
				node->first_rule = nodes[c].first_rule;
	}
}

static unsigned
count_children(unsigned node)
{
	unsigned n = 0;

	for (unsigned c = nodes[node].child; c != 0; c = nodes[c].next)
		n++;
	return n;
}

static unsigned
count_ends(unsigned node)
{
	unsigned n = 0;

	for (unsigned e = nodes[node].first_end; e != 0; e = ends[e - 1].next)
		n++;
	return n;
}

static void
print_tree(void)
{
	unsigned first_end = 0;

	printf("static const struct\n{\n\tuint32_t bytes; /* of the nodes behind it, modulo 32, as a set */\n"
	       "\tuint16_t rule; /* the first that ends here or below */\n"
	       "\tuint16_t child; /* the first node behind it */\n"
	       "\tuint16_t end; /* in rule_ends[]: the first that ends here */\n"
	       "\tuint8_t n_children, n_ends;\n} tree[] = {\n");
	for (unsigned i = 0; i < n_order; i++)
	{
		const struct node *node = &nodes[order[i]];
		unsigned children = count_children(order[i]);
		unsigned n_ends_here = count_ends(order[i]);
		uint32_t set = 0;

		if (children > 255 || n_ends_here > 255)
			die("too much at one node");
		for (unsigned c = node->child; c != 0; c = nodes[c].next)
			set |= UINT32_C(1) << nodes[c].byte % 32;
		printf("{UINT32_C(0x%x),%u,%u,%u,%u,%u},%s", (unsigned) set, node->first_rule,
		       node->child == 0 ? 0 : nodes[node->child].number, first_end, children, n_ends_here,
		       i % 8 == 7 ? "\n" : "");
		first_end += n_ends_here;
	}
	printf("};\n");
}

static void
print_sets(void)
{
	size_t words = (N_RULES + 63) / 64;

	/* by the subject of the enhanced code; the last one: none, or one beyond those of RFC 3463 */
	printf("static const uint64_t rules_without_pattern[9][RULE_WORDS] = {\n");
	for (int subject = 0; subject <= 8; subject++)
	{
		printf("{");
		for (size_t w = 0; w < words; w++)
		{
			uint64_t set = 0;

			for (size_t i = w * 64; i < N_RULES && i < (w + 1) * 64; i++)
				if (rules[i].pattern == NULL &&
				    (rules[i].subject < 0 || rules[i].subject == subject))
					set |= UINT64_C(1) << i % 64;
			printf("UINT64_C(0x%llx),", (unsigned long long) set);
		}
		printf("},\n");
	}
	printf("};\nstatic const uint64_t rule_sets[EV_N_STAGE][2][RULE_WORDS] = {\n");
	for (int stage = 0; stage < EV_N_STAGE; stage++)
	{
		printf("{");
		for (int klass = 4; klass <= 5; klass++)
		{
			printf("{");
			for (size_t w = 0; w < words; w++)
			{
				uint64_t set = 0;

				for (size_t i = w * 64; i < N_RULES && i < (w + 1) * 64; i++)
				{
					unsigned code = rules[i].code;

					if ((rules[i].stages & 1u << stage) &&
					    (code == 0 || code == (unsigned) klass || code / 100 == (unsigned) klass))
						set |= UINT64_C(1) << i % 64;
				}
				printf("UINT64_C(0x%llx),", (unsigned long long) set);
			}
			printf("},");
		}
		printf("},\n");
	}
	printf("};\n");
}

int
main(void)
{
	for (unsigned i = 0; i < N_RULES; i++)
		if (rules[i].pattern != NULL)
		{
			add_pattern(i, rules[i].pattern);
			add_words(rules[i].pattern);
		}
	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		add_pattern(FIRST_MARK + i, marks[i]);
	number(0);
	nodes[1].number = n_order;
	printf("/* made by data/generate_rules.c from reply_rules.def */\n"
	       "#define RULE_COUNT %zu\n#define RULE_WORDS %zu\n#define WORD_ROOT %uu\n",
	       N_RULES, (N_RULES + 63) / 64, n_order);
	number(1);
	if (n_order > 65535)
		die("too many nodes");
	find_first_rules();
	print_sets();

	print_tree();
	printf("static const uint16_t first_nodes[256] = {");
	for (unsigned c = 0; c < 256; c++)
	{
		unsigned at = nodes[0].child;

		while (at != 0 && nodes[at].byte != c)
			at = nodes[at].next;
		printf("%u,", at == 0 ? 0 : nodes[at].number);
	}
	/* from the nodes of first bytes, of which each has many edges, without a search */
	printf("};\n#define FIRST_NODES %u\nstatic const uint16_t second_nodes[FIRST_NODES][256] = {\n",
	       count_children(0));
	for (unsigned at = nodes[0].child; at != 0; at = nodes[at].next)
	{
		printf("{");
		for (unsigned at2 = nodes[at].child; at2 != 0; at2 = nodes[at2].next)
			printf("[%u] = %u,", nodes[at2].byte, nodes[at2].number);
		printf("},\n");
	}
	printf("};\nstatic const unsigned char byte_of[] = {");
	for (unsigned i = 0; i < n_order; i++)
		printf("%u,%s", nodes[order[i]].byte, i % 16 == 15 ? "\n" : "");
	printf("};\nstatic const struct rule_end\n{\n\tuint16_t rule, from, to;\n} rule_ends[] = {\n");
	for (unsigned i = 0; i < nodes[1].number; i++)
		for (unsigned e = nodes[order[i]].first_end; e != 0; e = ends[e - 1].next)
			printf("{%u,%u,%u},\n", ends[e - 1].rule, ends[e - 1].from, ends[e - 1].to);
	printf("};\nstatic const unsigned char word_ends[] = {");
	for (unsigned i = nodes[1].number; i < n_order; i++)
		printf("%u,%s", nodes[order[i]].word, i % 16 == 15 ? "\n" : "");
	printf("};\n");
	return ferror(stdout) || fflush(stdout) != 0;
}
