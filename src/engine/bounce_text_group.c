/*
 * bounce_text_group.c
 *	  A notice that a group may not exist, or that its sender may not post to it.
 *
 * Google Groups says so in the language of whoever sent the message, without any code.  It is one thing
 * in all of them: of two explanations the weaker one counts.
 */
#include "engine/bounce_text.h"

#include "engine/bounce_phrase.h"

enum
{
	GROUP,
	POSTING
};

static const struct ev_phrase list[] = {
#define EV_TEXT_GROUP(stem)   {stem, GROUP},
#define EV_TEXT_POSTING(stem) {stem, POSTING},
#include "engine/bounce_text_words.def"
};

#define N_LIST (sizeof(list) / sizeof(list[0]))

#define LOOK 3000 /* bytes of the text that are looked at */
#define NEAR 800  /* bytes between the two: one sentence, in an alphabet of three bytes a letter */

static struct ev_phrases phrases = EV_PHRASES(list);

bool
ev_text_is_group_notice(struct ev_slice text)
{
	uint32_t at[N_LIST];
	uint32_t posting[N_LIST];
	size_t n = 0;

	ev_phrases_find(ev_slice_to(text, LOOK), &phrases, at);
	for (size_t i = 0; i < N_LIST; i++)
		if (list[i].value == POSTING && at[i] != EV_PHRASE_ABSENT)
			posting[n++] = at[i];
	for (size_t i = 0; n > 0 && i < N_LIST; i++)
		for (size_t k = 0; k < n; k++)
			if (list[i].value == GROUP && at[i] != EV_PHRASE_ABSENT && at[i] < posting[k] + NEAR &&
			    posting[k] < at[i] + NEAR)
				return true;
	return false;
}

void
ev_text_diagnose_group(struct ev_bounce *row, struct ev_slice text)
{
	if (row->reply_code != 0 || row->kind != EV_KIND_DSN || !ev_text_is_group_notice(text))
		return;
	row->verdict = ev_verdict_of(EV_REASON_RECIPIENT_RESTRICTED, EV_DETAIL_NONE);
	ev_rule_set(row->rule, "bounce.group");
	row->scope = EV_SCOPE_MAILBOX;
	row->permanence = EV_PERMANENCE_HARD;
}
