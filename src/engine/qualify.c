/*
 * qualify.c
 *	  Marks before, within and behind the words of a rule.
 */
#include "engine/qualify.h"

#include <string.h>

#include "engine/noun_phrase.h"

/* A part of the text. */
struct span
{
	size_t begin, end;
};

static bool
is_in(struct span span, size_t pos)
{
	return pos >= span.begin && pos < span.end;
}

/* Does a sentence end at text[pos]?  A full stop within a word, or of an ellipsis, ends none. */
static bool
ends_sentence(const struct ev_pattern_text *text, size_t pos)
{
	char c = text->text[pos];
	bool last = pos + 1 >= text->len || text->text[pos + 1] == ' ';

	if (c == '.')
		return last && (pos == 0 || text->text[pos - 1] != '.');
	return (c == '!' || c == '?' || c == ';') && last;
}

static struct span
sentence_of(const struct ev_pattern_text *text, size_t begin, size_t end)
{
	struct span span = {begin, end};

	while (span.begin > 0 && !ends_sentence(text, span.begin - 1))
		span.begin--;
	while (span.end < text->len && !ends_sentence(text, span.end))
		span.end++;
	return span;
}

/* The first mark of a kind in a part of the text, from byte from on; text's length when there is none. */
static size_t
find_mark(const struct ev_reply_marks *marks, enum ev_mark kind, struct span span)
{
	if ((marks->seen >> kind & 1) != 0)
		for (size_t i = 0; i < marks->n; i++)
			if (marks->at[i].kind == kind && is_in(span, marks->at[i].pos))
				return marks->at[i].pos;
	return EV_PATTERN_TEXT_MAX;
}

static bool
has_mark(const struct ev_reply_marks *marks, enum ev_mark kind, struct span span)
{
	return find_mark(marks, kind, span) != EV_PATTERN_TEXT_MAX;
}

static bool
has_break(const struct ev_pattern_text *text, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (strchr(",:(", text->text[i]) != NULL ||
		    (text->text[i] == '-' && text->text[i - 1] == ' '))
			return true;
	return false;
}

/*
 * Is it a guess?  One that follows behind a comma is about what comes there ("no such user, maybe a typo"):
 * it counts if that is another explanation.
 */
static bool
is_guess(const struct ev_reply_match *match, const struct ev_pattern_text *text,
         const struct ev_reply_marks *marks, struct span sentence)
{
	struct span before = {sentence.begin, match->end};
	struct span after = {match->end, sentence.end};
	size_t guess;

	if (has_mark(marks, EV_MARK_PERHAPS, before))
		return true;
	guess = find_mark(marks, EV_MARK_PERHAPS, after);
	if (guess == EV_PATTERN_TEXT_MAX)
		return false;
	return !has_break(text, match->end, guess) ||
	       has_mark(marks, EV_MARK_OTHER, (struct span){guess, sentence.end});
}

/* Does what stands at byte pos divide the match from another explanation?  What "will" be is none. */
static bool
divides(const struct ev_reply_match *match, const struct ev_reply_marks *marks,
        struct span sentence, size_t pos)
{
	struct span before = {sentence.begin, pos};
	struct span after = {pos, sentence.end};

	if (!is_in(sentence, pos))
		return false;
	if (pos >= match->end)
		return has_mark(marks, EV_MARK_OTHER, after) && !has_mark(marks, EV_MARK_WILL, after);
	return pos < match->begin && has_mark(marks, EV_MARK_OTHER, before);
}

/* Does the sentence offer another explanation, before or behind an "or" or a slash? */
static bool
is_alternative(const struct ev_reply_match *match, const struct ev_pattern_text *text,
               const struct ev_reply_marks *marks, struct span sentence)
{
	if ((marks->seen >> EV_MARK_OTHER & 1) == 0)
		return false;
	if ((marks->seen >> EV_MARK_OR & 1) != 0)
		for (size_t i = 0; i < marks->n; i++)
			if (marks->at[i].kind == EV_MARK_OR &&
			    divides(match, marks, sentence, marks->at[i].pos))
				return true;
	for (size_t pos = sentence.begin; pos < sentence.end; pos++)
		if (text->text[pos] == '/' && divides(match, marks, sentence, pos))
			return true;
	return false;
}

/* Is what is missing missing from a list of senders, or somebody else's than the recipient's? */
static bool
has_tail(const struct ev_reply_match *match, const struct ev_reply_marks *marks,
         struct span sentence)
{
	return has_mark(marks, EV_MARK_TAIL, (struct span){match->end, sentence.end});
}

static enum ev_qualified
qualify_quota(const struct ev_reply_marks *marks, struct span sentence)
{
	bool period = has_mark(marks, EV_MARK_PERIOD, sentence);
	bool rate = has_mark(marks, EV_MARK_RATE, sentence);
	bool store = has_mark(marks, EV_MARK_STORE, sentence);

	if (!period && (!rate || store))
		return EV_AS_SAID;
	return has_mark(marks, EV_MARK_INBOUND, sentence) ? EV_A_RATE_OF_THEIRS : EV_A_RATE;
}

/*
 * A code alone says that there is no such mailbox, or that it is closed; do the words say that nobody
 * knows, or that it will be open again?
 */
static enum ev_qualified
qualify_code(enum ev_reason reason, const struct ev_pattern_text *text,
             const struct ev_reply_marks *marks)
{
	if (reason == EV_REASON_MAILBOX_DISABLED)
		return (marks->seen >> EV_MARK_WHILE & 1) != 0 ? EV_FOR_A_WHILE : EV_AS_SAID;
	if (ev_reason_info(reason)->status != EV_STATUS_INVALID)
		return EV_AS_SAID;
	for (size_t i = 0; i < marks->n; i++)
	{
		struct span sentence = sentence_of(text, marks->at[i].pos, marks->at[i].pos);

		if (marks->at[i].kind == EV_MARK_PERHAPS)
			return EV_A_GUESS;
		if (marks->at[i].kind == EV_MARK_OR &&
		    has_mark(marks, EV_MARK_OTHER, (struct span){marks->at[i].pos, sentence.end}))
			return EV_A_GUESS;
	}
	return EV_AS_SAID;
}

/* Which marks matter beside words with this reason? */
static uint32_t
marks_for(enum ev_reason reason)
{
	switch (reason)
	{
		case EV_REASON_MAILBOX_NOT_FOUND:
			return 1u << EV_MARK_PERHAPS | 1u << EV_MARK_OR | 1u << EV_MARK_NOUN |
			       1u << EV_MARK_COMPOUND | 1u << EV_MARK_TAIL;
		case EV_REASON_NO_MX_RECORDS: return 1u << EV_MARK_PERHAPS | 1u << EV_MARK_NOUN;
		case EV_REASON_RELAY_DENIED:
			return 1u << EV_MARK_PERHAPS | 1u << EV_MARK_OR | 1u << EV_MARK_NOUN;
		case EV_REASON_MAILBOX_FULL:
			return 1u << EV_MARK_PERIOD | 1u << EV_MARK_RATE | 1u << EV_MARK_PERHAPS;
		case EV_REASON_MAILBOX_DISABLED: return 1u << EV_MARK_WHILE | 1u << EV_MARK_PERHAPS;
		default: return 0;
	}
}

enum ev_qualified
ev_qualify(const struct ev_reply_match *match, const struct ev_pattern_text *text,
           const struct ev_reply_marks *marks)
{
	const struct ev_reply_rule *rule = match->rule;
	struct span sentence;

	if ((marks->seen == 0 && rule->reason != EV_REASON_MAILBOX_NOT_FOUND) ||
	    rule->family != EV_FAMILY_EVERY || (rule->flags & EV_RULE_SURE))
		return EV_AS_SAID;
	if (rule->pattern == NULL)
		return qualify_code(rule->reason, text, marks);
	if ((marks->seen & marks_for(rule->reason)) == 0 && rule->reason != EV_REASON_MAILBOX_NOT_FOUND)
		return EV_AS_SAID;
	sentence = sentence_of(text, match->begin, match->end);
	switch (rule->reason)
	{
		case EV_REASON_MAILBOX_NOT_FOUND:
			if (ev_noun_phrase_is_other(match, text, marks) || has_tail(match, marks, sentence))
				return EV_ANOTHER_SUBJECT;
			return is_guess(match, text, marks, sentence) ||
			               is_alternative(match, text, marks, sentence)
			           ? EV_A_GUESS
			           : EV_AS_SAID;
		case EV_REASON_NO_MX_RECORDS:
			if (ev_noun_phrase_is_other(match, text, marks))
				return EV_ANOTHER_SUBJECT;
			return is_guess(match, text, marks, sentence) ? EV_A_GUESS : EV_AS_SAID;
		case EV_REASON_RELAY_DENIED:
			if (ev_noun_phrase_is_other(match, text, marks))
				return EV_ANOTHER_SUBJECT;
			return is_guess(match, text, marks, sentence) ||
			               has_mark(marks, EV_MARK_OR, (struct span){sentence.begin, match->begin})
			           ? EV_A_GUESS
			           : EV_AS_SAID;
		case EV_REASON_MAILBOX_FULL:
			if (has_mark(marks, EV_MARK_PERHAPS, (struct span){sentence.begin, match->begin}))
				return EV_A_GUESS;
			return qualify_quota(marks, sentence);
		case EV_REASON_MAILBOX_DISABLED:
			if ((marks->seen >> EV_MARK_WHILE & 1) != 0)
				return EV_FOR_A_WHILE;
			return has_mark(marks, EV_MARK_PERHAPS, (struct span){sentence.begin, match->end})
			           ? EV_A_GUESS
			           : EV_AS_SAID;
		default: return EV_AS_SAID;
	}
}

/* "or you will be blacklisted", "your host will be blocked": the next word may say so, too. */
static bool
has_threat(const struct ev_reply_marks *marks, struct span span)
{
	span.end += 2;
	return has_mark(marks, EV_MARK_WILL, span) || has_mark(marks, EV_MARK_MAY, span);
}

bool
ev_qualify_is_cause(const struct ev_reply_match *cause, const struct ev_reply_match *policy,
                    const struct ev_pattern_text *text, const struct ev_reply_marks *marks)
{
	struct span between = {cause->end, policy->begin + 1u};
	struct span sentence = sentence_of(text, cause->begin, cause->end);

	if (cause->begin >= policy->begin)
		return false;
	/* the words of policy may begin with the cause ("due to policy") or before it ("blocked because") */
	if (policy->end > between.end)
		between.end = policy->end;
	if (has_threat(marks, between))
		return true;
	return is_in(sentence, policy->begin) && has_mark(marks, EV_MARK_CAUSE, between);
}

bool
ev_qualify_may_have_cause(const struct ev_reply_match *policy, const struct ev_reply_marks *marks)
{
	struct span before = {1, policy->begin + 1u};

	if (policy->end > before.end)
		before.end = policy->end;
	return policy->begin > 1 &&
	       (has_mark(marks, EV_MARK_CAUSE, before) || has_threat(marks, before));
}
