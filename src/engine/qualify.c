/*
 * qualify.c
 *	  Marks before, within and behind the words of a rule.
 */
#include "engine/qualify.h"

#include <string.h>

#include "engine/ascii.h"

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

/* Does the sentence offer another explanation, before or behind an "or"? */
static bool
is_alternative(const struct ev_reply_match *match, const struct ev_reply_marks *marks,
               struct span sentence)
{
	if ((marks->seen >> EV_MARK_OR & 1) == 0)
		return false;
	for (size_t i = 0; i < marks->n; i++)
	{
		size_t pos = marks->at[i].pos;

		if (marks->at[i].kind != EV_MARK_OR || !is_in(sentence, pos))
			continue;
		if (pos >= match->end && has_mark(marks, EV_MARK_OTHER, (struct span){pos, sentence.end}))
			return true;
		if (pos < match->begin &&
		    has_mark(marks, EV_MARK_OTHER, (struct span){sentence.begin, pos}))
			return true;
	}
	return false;
}

/* The word that ends before byte pos, but for one blank, hyphen or underscore. */
static struct span
word_before(const struct ev_pattern_text *text, size_t pos)
{
	struct span word;

	if (pos > 0 && strchr(" -_", text->text[pos - 1]) != NULL)
		pos--;
	word.end = pos;
	while (pos > 0 && ev_is_alnum(text->text[pos - 1]))
		pos--;
	word.begin = pos;
	return word;
}

/* Recipients, as the first part of a compound: "mail log", "user credentials". */
static bool
names_recipient(const struct ev_pattern_text *text, struct span word)
{
	static const char nouns[] =
		" user users mail email mailbox mailboxes recipient recipients account "
		"accounts address addresses rcpt inbox e ";
	char wanted[16];
	size_t n = word.end - word.begin;

	if (n == 0 || n + 3 > sizeof(wanted))
		return false;
	wanted[0] = ' ';
	memcpy(wanted + 1, text->text + word.begin, n);
	wanted[n + 1] = ' ';
	wanted[n + 2] = '\0';
	return strstr(nouns, wanted) != NULL;
}

/* Is it a mail log, a user class, an account key that is missing? */
static bool
is_compound(const struct ev_reply_match *match, const struct ev_pattern_text *text,
            const struct ev_reply_marks *marks)
{
	size_t end = match->end;

	if ((marks->seen >> EV_MARK_NOUN & 1) == 0)
		return false;
	/* a pattern may end within a word */
	while (end < text->len && ev_is_alnum(text->text[end]))
		end++;
	for (size_t i = 0; i < marks->n; i++)
	{
		size_t pos = marks->at[i].pos;

		if (marks->at[i].kind == EV_MARK_NOUN && pos > match->begin && pos <= end + 1)
		{
			struct span word = word_before(text, pos);

			if (word.begin >= match->begin && names_recipient(text, word))
				return true;
		}
	}
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

/* A code alone says that there is no such mailbox; do the words say that nobody knows? */
static enum ev_qualified
qualify_code(const struct ev_pattern_text *text, const struct ev_reply_marks *marks)
{
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
			       1u << EV_MARK_TAIL;
		case EV_REASON_NO_MX_RECORDS: return 1u << EV_MARK_PERHAPS;
		case EV_REASON_MAILBOX_FULL: return 1u << EV_MARK_PERIOD | 1u << EV_MARK_RATE;
		case EV_REASON_MAILBOX_DISABLED: return 1u << EV_MARK_WHILE;
		default: return 0;
	}
}

enum ev_qualified
ev_qualify(const struct ev_reply_match *match, const struct ev_pattern_text *text,
           const struct ev_reply_marks *marks)
{
	const struct ev_reply_rule *rule = match->rule;
	struct span sentence;

	if (marks->seen == 0 || rule->family != EV_FAMILY_EVERY || (rule->flags & EV_RULE_SURE))
		return EV_AS_SAID;
	if (rule->pattern == NULL)
		return ev_reason_info(rule->reason)->status == EV_STATUS_INVALID ? qualify_code(text, marks)
		                                                                 : EV_AS_SAID;
	if ((marks->seen & marks_for(rule->reason)) == 0)
		return EV_AS_SAID;
	sentence = sentence_of(text, match->begin, match->end);
	switch (rule->reason)
	{
		case EV_REASON_MAILBOX_NOT_FOUND:
			if (is_compound(match, text, marks) || has_tail(match, marks, sentence))
				return EV_ANOTHER_SUBJECT;
			return is_guess(match, text, marks, sentence) || is_alternative(match, marks, sentence)
			           ? EV_A_GUESS
			           : EV_AS_SAID;
		case EV_REASON_NO_MX_RECORDS:
			return is_guess(match, text, marks, sentence) ? EV_A_GUESS : EV_AS_SAID;
		case EV_REASON_MAILBOX_FULL: return qualify_quota(marks, sentence);
		case EV_REASON_MAILBOX_DISABLED:
			return (marks->seen >> EV_MARK_WHILE & 1) != 0 ? EV_FOR_A_WHILE : EV_AS_SAID;
		default: return EV_AS_SAID;
	}
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
	if (has_mark(marks, EV_MARK_WILL, between))
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
	       (has_mark(marks, EV_MARK_CAUSE, before) || has_mark(marks, EV_MARK_WILL, before));
}
