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
#include "engine/subject.h"
#include "generated/rule_table.h"

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
static unsigned
step(unsigned node, unsigned char byte)
{
	unsigned edge = node_edges[node];
	unsigned end = node_edges[node + 1];

	if ((node_hints[node].bytes >> byte % 32 & 1) == 0)
		return 0;
	for (; edge < end; edge++)
		if (edge_bytes[edge] == byte)
			return edge_nodes[edge];
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
	for (size_t w = 0; w < RULE_WORDS; w++)
		for (uint64_t left = rules_without_pattern[w] & wanted[w]; left != 0; left &= left - 1)
		{
			size_t rule = w * 64 + (size_t) __builtin_ctzll(left);

			if (fits(rule, question))
				return rule;
		}
	return RULE_COUNT;
}

/* The first rule before best that fits, pattern and all; else best. */
static size_t
first_with_pattern(const struct question *question, const uint64_t *wanted,
                   const struct ev_pattern_text *text, size_t best)
{
	for (size_t i = 0; i < text->n_words; i++)
	{
		size_t pos = text->words[i];
		unsigned node = first_nodes[(unsigned char) text->text[pos]];

		for (pos++; node != 0 && node_hints[node].rule < best; pos++)
		{
			unsigned char byte;

			for (unsigned k = node_ends[node]; k < node_ends[node + 1]; k++)
			{
				const struct rule_end *end = &rule_ends[k];
				const char *pattern = ev_reply_rules[end->rule].pattern;

				if (end->rule < best && (wanted[end->rule / 64] >> end->rule % 64 & 1) != 0 &&
				    ev_pattern_match_rest(text, pos, pattern + end->from, pattern + end->to) &&
				    fits(end->rule, question) &&
				    ev_reply_rule_heeds(&ev_reply_rules[end->rule], text, text->words[i]))
					best = end->rule;
			}
			if (pos >= text->len)
				break;
			byte = (unsigned char) text->text[pos];
			node = step(node, byte == '-' || byte == '_' ? ' ' : byte);
		}
	}
	return best;
}

const struct ev_reply_rule *
ev_reply_rule_find(const struct ev_reply *reply, enum ev_stage stage, enum ev_provider provider,
                   bool eai, const struct ev_pattern_text *text)
{
	const struct question question = {reply, stage, provider, eai};
	const uint64_t *wanted;
	size_t best;

	if (reply->code < 400 || reply->code > 599)
		return NULL;
	wanted = rule_sets[stage][reply->code / 100 - 4];
	best = first_without_pattern(&question, wanted);
	best = first_with_pattern(&question, wanted, text, best);
	return best < RULE_COUNT ? &ev_reply_rules[best] : NULL;
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
