/*
 * reply_rules.c
 *	  The first rule that fits a reply, whatever their number.
 *
 * data/generate_rules.c makes one tree of all alternatives of all patterns, as far as their first *.
 * It is walked once from each word of the text; where an alternative ends, or its * begins, the rest
 * is looked at as pattern.c does, if the rule comes before the best one known so far.  Ready-made sets
 * tell which rules stage and class of code leave over.
 */
#define EV_REPLY_RULE_TABLE ev_reply_rules
#include "engine/reply_rules.h"

#include <string.h>

#include "engine/pattern.h"
#include "engine/reply_marks.h"
#include "engine/subject.h"
#include "generated/rule_table.h"

static const char *const mark_patterns[] = {
#define EV_MARK(kind, pattern) [EV_MARK_##kind] = (pattern),
#include "engine/reply_marks.def"
};

const size_t ev_n_reply_rules = sizeof(ev_reply_rules) / sizeof(ev_reply_rules[0]);

_Static_assert(sizeof(ev_reply_rules) / sizeof(ev_reply_rules[0]) == RULE_COUNT,
               "the table of rules is not the one that the matcher was made of");

bool
ev_reply_rule_fits(const struct ev_reply_rule *rule, const struct ev_reply *reply,
                   enum ev_stage stage, enum ev_provider provider, bool eai)
{
	const struct ev_enhanced *enhanced = &reply->enhanced;

	if (!(rule->stages & 1u << stage) || (!eai && (rule->flags & EV_RULE_ONLY_EAI)))
		return false;
	if (rule->code != 0 && rule->code != reply->code && rule->code != reply->code / 100)
		return false;
	if (rule->subject >= 0 && (enhanced->klass == 0 || enhanced->subject != rule->subject ||
	                           enhanced->detail < rule->first || enhanced->detail > rule->last))
		return false;
	switch (rule->family)
	{
		case EV_FAMILY_EVERY: return true;
		case EV_FAMILY_MICROSOFT:
			return provider == EV_PROVIDER_MICROSOFT_365 ||
			       provider == EV_PROVIDER_MICROSOFT_CONSUMER;
		default: return rule->family == (int) provider;
	}
}

bool
ev_reply_rule_heeds(const struct ev_reply_rule *rule, const struct ev_pattern_text *text,
                    size_t pos)
{
	return !(rule->flags & EV_RULE_UNNAMED) || !ev_subject_is_named(text->text, pos);
}

/* The node behind this byte; 0, the root, when there is none. */
static inline unsigned
step(unsigned node, unsigned char byte)
{
	unsigned child = tree[node].child;
	unsigned end = child + tree[node].n_children;

	if ((tree[node].bytes >> byte % 32 & 1) == 0)
		return 0;
	for (; child < end; child++)
		if (byte_of[child] == byte)
			return child;
	return 0;
}

/* What a reply is held against the rules with. */
struct question
{
	const struct ev_reply *reply;
	enum ev_stage stage;
	enum ev_provider provider;
	bool eai;
};

static bool
fits(size_t rule, const struct question *question)
{
	return ev_reply_rule_fits(&ev_reply_rules[rule], question->reply, question->stage,
	                          question->provider, question->eai);
}

/* The first rule without a pattern that fits; RULE_COUNT when there is none. */
static size_t
first_without_pattern(const struct question *question, const uint64_t *wanted)
{
	const struct ev_enhanced *enhanced = &question->reply->enhanced;
	const uint64_t *set =
		rules_without_pattern[enhanced->klass == 0 || enhanced->subject > 7 ? 8
	                                                                        : enhanced->subject];

	for (size_t w = 0; w < RULE_WORDS; w++)
		for (uint64_t left = set[w] & wanted[w]; left != 0; left &= left - 1)
		{
			size_t rule = w * 64 + (size_t) __builtin_ctzll(left);

			if (fits(rule, question))
				return rule;
		}
	return RULE_COUNT;
}

static void
add_mark(struct ev_reply_marks *marks, unsigned kind, size_t pos)
{
	marks->seen |= 1u << kind;
	if (marks->n == EV_MARKS_MAX)
		return;
	marks->at[marks->n].kind = (uint8_t) kind;
	marks->at[marks->n].pos = (uint16_t) pos;
	marks->n++;
}

/* What is wanted of the walk, and what it has found. */
struct walk
{
	const struct question *question;
	const uint64_t *wanted;
	unsigned abouts;
	const struct ev_pattern_text *text;
	struct ev_reply_marks *marks;
	size_t best;       /* the first rule known so far */
	size_t begin, end; /* and its words */
};

/* An alternative ends, or its * begins, at byte pos of a word that begins at byte word. */
static void
consider(struct walk *walk, const struct rule_end *end, size_t word, size_t pos)
{
	const char *pattern;
	size_t stop;

	if (end->rule >= EV_FIRST_MARK)
	{
		unsigned kind = end->rule - EV_FIRST_MARK;

		pattern = mark_patterns[kind];
		if (walk->marks != NULL &&
		    ev_pattern_match_rest(walk->text, pos, pattern + end->from, pattern + end->to) != 0)
			add_mark(walk->marks, kind, word);
		return;
	}
	if (end->rule >= walk->best || (walk->wanted[end->rule / 64] >> end->rule % 64 & 1) == 0)
		return;
	pattern = ev_reply_rules[end->rule].pattern;
	if ((walk->abouts >> ev_reply_rules[end->rule].about & 1) != 0 &&
	    (stop = ev_pattern_match_rest(walk->text, pos, pattern + end->from, pattern + end->to)) !=
	        0 &&
	    fits(end->rule, walk->question) &&
	    ev_reply_rule_heeds(&ev_reply_rules[end->rule], walk->text, word))
	{
		walk->best = end->rule;
		walk->begin = word;
		walk->end = stop;
	}
}

/* Find the first rule before the best one that fits, pattern and all. */
static void
walk_text(struct walk *walk)
{
	const struct ev_pattern_text *text = walk->text;

	for (size_t i = 0; i < text->n_words; i++)
	{
		size_t pos = text->words[i];
		unsigned node = first_nodes[(unsigned char) text->text[pos]];

		for (pos++; node != 0 && tree[node].rule < walk->best; pos++)
		{
			unsigned char byte;

			for (unsigned k = 0; k < tree[node].n_ends; k++)
				consider(walk, &rule_ends[tree[node].end + k], text->words[i], pos);
			if (pos >= text->len)
				break;
			byte = (unsigned char) text->text[pos];
			if (byte == '-' || byte == '_')
				byte = ' ';
			/* the nodes of first bytes are the ones behind the root */
			node = node <= FIRST_NODES ? second_nodes[node - 1][byte] : step(node, byte);
		}
	}
}

void
ev_reply_rule_match(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                    bool eai, const struct ev_pattern_text *text, unsigned abouts,
                    struct ev_reply_marks *marks, struct ev_reply_match *out)
{
	const struct question question = {reply, stage, provider, eai};
	struct walk walk = {
		.question = &question, .abouts = abouts, .text = text, .marks = marks, .best = RULE_COUNT};

	memset(out, 0, sizeof(*out));
	if (reply->code < 400 || reply->code > 599)
		return;
	walk.wanted = rule_sets[stage][reply->code / 100 - 4];
	if (abouts == EV_ABOUT_ALL)
		walk.best = first_without_pattern(&question, walk.wanted);
	walk_text(&walk);
	if (walk.best == RULE_COUNT)
		return;
	out->rule = &ev_reply_rules[walk.best];
	out->begin = (uint16_t) walk.begin;
	out->end = (uint16_t) walk.end;
}

const struct ev_reply_rule *
ev_reply_rule_find(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                   bool eai, const struct ev_pattern_text *text)
{
	struct ev_reply_match match;

	ev_reply_rule_match(reply, stage, provider, eai, text, EV_ABOUT_ALL, NULL, &match);
	return match.rule;
}

bool
ev_reply_rule_word(const char *local)
{
	unsigned node = WORD_ROOT;

	for (const char *p = local;; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (word_ends[node - WORD_ROOT] == 2 || (c == '\0' && word_ends[node - WORD_ROOT] == 1))
			return true;
		if (c == '\0')
			return false;
		node = step(node, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		if (node == 0)
			return false;
	}
}
