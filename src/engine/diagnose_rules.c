/*
 * diagnose_rules.c
 *	  The rules of bounces as data, held against masked words.
 */
#include "engine/diagnose_rules.h"

#define E(subject, detail) (subject), (detail), (detail)
#define ES(subject)        (subject), 0, 999
#define NO_E               (-1), 0, 999

static const struct ev_bounce_rule rules[] = {
#define EV_BOUNCE_RULE(id, when, enhanced, pattern, about, reason, detail, later_reason,           \
                       later_detail, scope)                                                        \
	{(id),                                                                                         \
	 EV_WHEN_##when,                                                                               \
	 enhanced,                                                                                     \
	 (pattern),                                                                                    \
	 EV_ABOUT_##about,                                                                             \
	 EV_REASON_##reason,                                                                           \
	 EV_DETAIL_##detail,                                                                           \
	 EV_REASON_##later_reason,                                                                     \
	 EV_DETAIL_##later_detail,                                                                     \
	 EV_SCOPE_##scope},
#include "engine/bounce_rules.def"
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

/* Words of quota: what they say of sizes is about the mailbox. */
static const char quota[] =
	"quota*|quota exceeded|mailbox full|mailbox is full|mailbox*full|overquota|mailbox size limit*|"
	"storage*exceeded|storage limit*|exceeded storage*";

static const char given_up[] =
	"retry timeout exceeded|retry time not reached*|delivery time expired|message expired*|queue "
	"too long|"
	"too long in*queue|exceeded*retry*|message timed out|delivery expired|giving up|gave up|"
	"not going to try again|could not be delivered for*|expired|unable to deliver*days|"
	"long failure period";

/* Words that name who sends: then a name that does not exist may be theirs. */
static const char sender[] = "sender*|sending*|originat*|from|mail from|return path*|return "
							 "address*|reverse path*|envelope*|your*|"
							 "you|helo*|ehlo*|client*|spf|dkim|dmarc";

/* Numbers of the patterns that are no rules'. */
#define QUOTA_PATTERN    N_RULES
#define GIVEN_UP_PATTERN (N_RULES + 1)
#define SENDER_PATTERN   (N_RULES + 2)
#define N_PATTERNS       (N_RULES + 3)

/*
 * Patterns of all rules, made ready once; whoever comes first makes what everybody would.  Callers
 * are processes of one thread.
 */
static const struct ev_pattern_index *
patterns(void)
{
	static struct ev_pattern_index index;

	if (index.n == 0)
	{
		const char *all[N_PATTERNS];

		for (size_t i = 0; i < N_RULES; i++)
			all[i] = rules[i].pattern;
		all[QUOTA_PATTERN] = quota;
		all[GIVEN_UP_PATTERN] = given_up;
		all[SENDER_PATTERN] = sender;
		ev_pattern_index_build(&index, all, N_PATTERNS);
	}
	return &index;
}

_Static_assert(N_PATTERNS <= EV_INDEX_PATTERNS_MAX, "more rules than the index has room for");

/* Do the words match this pattern?  All are looked for at once. */
static bool
has(struct ev_bounce_words *words, size_t pattern)
{
	if (!words->matched)
		ev_pattern_index_match(patterns(), &words->text, &words->set);
	words->matched = true;
	return ev_pattern_set_has(&words->set, pattern);
}

static bool
enhanced_fits(const struct ev_bounce_rule *rule, struct ev_enhanced enhanced)
{
	if (rule->subject < 0)
		return true;
	return enhanced.klass != 0 && enhanced.subject == rule->subject &&
	       enhanced.detail >= rule->first && enhanced.detail <= rule->last;
}

const struct ev_bounce_rule *
ev_bounce_rule_find(unsigned when, struct ev_enhanced enhanced, struct ev_bounce_words *words)
{
	for (size_t i = 0; i < N_RULES; i++)
	{
		const struct ev_bounce_rule *rule = &rules[i];

		if (!((unsigned) rule->when & when) || !enhanced_fits(rule, enhanced))
			continue;
		if (rule->pattern != NULL && !has(words, i))
			continue;
		if ((when & EV_WHEN_PEER) && rule->when == EV_WHEN_OWN && rule->about == EV_ABOUT_DOMAIN)
			continue;
		if (rule->detail == EV_DETAIL_MESSAGE_SIZE && rule->pattern != NULL &&
		    rule->when == EV_WHEN_ANY && has(words, QUOTA_PATTERN))
			continue;
		return rule;
	}
	return NULL;
}

void
ev_bounce_words(const char *text, size_t n, const struct ev_mask_terms *terms,
                struct ev_bounce_words *out)
{
	ev_pattern_prepare(
		&out->text, out->masked,
		ev_mask_text_told(text, n, terms, out->masked, sizeof(out->masked), &out->left));
	out->matched = false;
}

bool
ev_bounce_words_given_up(struct ev_bounce_words *words)
{
	return has(words, GIVEN_UP_PATTERN);
}

bool
ev_bounce_words_sender(struct ev_bounce_words *words)
{
	return has(words, SENDER_PATTERN);
}
