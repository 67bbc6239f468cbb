/*
 * bounce_text_rows.c
 *	  What does a bounce in words of its own say about a recipient?
 *
 * The rules of replies judge the recipient's own words first, then what is said to all; where they
 * leave it open, the sentences of bounce_text_failures.def do.
 */
#include "engine/bounce_text.h"

#include <string.h>

/* Is it still open why, after what was said? */
static bool
is_open(const struct ev_bounce *row)
{
	return row->verdict.reason == EV_REASON_SMTP_UNVERIFIABLE &&
	       (row->enhanced.klass == 0 || (row->enhanced.subject == 0 && row->enhanced.detail == 0));
}

static void
diagnose_again(struct ev_bounce *row, struct ev_slice said, const struct ev_text *text)
{
	row->refused_by = EV_REFUSED_BY_NONE;
	ev_bounce_diagnose(row, said, text->input->work);
}

/*
 * By a sentence in any language, where no rule knows the words.  A peer's reply has its rules, and the
 * row shows no status that nobody said.
 */
static void
diagnose_sentence(struct ev_bounce *row, struct ev_slice said, struct ev_bounce_work *work)
{
	struct ev_enhanced told = row->enhanced;
	struct ev_enhanced status;
	size_t at;

	if (!is_open(row) || row->reply_code != 0 || !ev_text_find_failure(said, &at, &status) ||
	    status.subject == 0)
		return;
	if (row->enhanced.klass == 4 || row->kind == EV_KIND_DELAY)
		status.klass = 4;
	row->enhanced = status;
	row->refused_by = EV_REFUSED_BY_NONE;
	ev_bounce_diagnose(row, said, work);
	row->enhanced = told;
}

void
ev_text_diagnose_open(struct ev_bounce *row, struct ev_slice said, struct ev_bounce_work *work)
{
	diagnose_sentence(row, said, work);
}

/* Judge some words, those behind a code first. */
static void
diagnose_words(struct ev_bounce *row, struct ev_slice said, const struct ev_text *text)
{
	size_t at;

	ev_bounce_diagnose(row, said, text->input->work);
	if (row->reply_code == 0 && row->enhanced.klass == 0 && ev_text_find_code(said, &at) &&
	    at > 0 && said.n > at + 3 && said.s[at + 1] != '.')
		diagnose_again(row, ev_slice_from(said, at), text);
	diagnose_sentence(row, said, text->input->work);
}

/* "corp.example couldn't be found", of the recipient's own domain: there is none. */
static void
diagnose_domain(struct ev_bounce *row, struct ev_slice said, const struct ev_text *text)
{
	static const char *const missing[] = {" couldn't be found",  " couldn\xe2\x80\x99t be found",
	                                      " could not be found", " doesn't exist",
	                                      " does not exist",     " wasn't found",
	                                      " was not found",      " not found"};
	const char *at = strrchr(row->final_recipient, '@');
	struct ev_enhanced told = row->enhanced;
	struct ev_slice rest = said;
	size_t i;

	if (at == NULL || row->reply_code != 0 || row->verdict.reason == EV_REASON_NO_MX_RECORDS)
		return;
	while (ev_slice_find(rest, at + 1, &i))
	{
		const char *found = rest.s + i;
		bool whole =
			found == said.s || ev_slice_is_blank(found[-1]) || strchr("(<'\"", found[-1]) != NULL;

		rest = ev_slice_from(rest, i + strlen(at + 1));
		for (size_t k = 0; whole && k < sizeof(missing) / sizeof(missing[0]); k++)
			if (ev_slice_starts(rest, missing[k]) &&
			    !ev_slice_find(ev_slice_to(said, (size_t) (rest.s - said.s)), " at ", NULL))
			{
				row->enhanced = (struct ev_enhanced){row->kind == EV_KIND_DELAY ? 4 : 5, 4, 310};
				row->refused_by = EV_REFUSED_BY_NONE;
				ev_bounce_diagnose(row, said, text->input->work);
				row->enhanced = told;
				return;
			}
	}
}

/* The words to all say that it was tried for days. */
static bool
is_given_up(struct ev_slice common)
{
	static const char *const words[] = {"deleted from queue",     "could not be delivered for",
	                                    "retry timeout exceeded", "delivery time expired",
	                                    "message expired",        "giving up after",
	                                    "in the queue too long"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ev_slice_find(common, words[i], NULL))
			return true;
	return false;
}

/* "mailbox is full: retry timeout exceeded": the cause stands before it. */
static bool
cut_given_up(struct ev_slice *said)
{
	size_t at;

	if (!ev_slice_find(*said, ": retry timeout exceeded", &at) || at < 4)
		return false;
	*said = ev_slice_to(*said, at);
	return true;
}

/*
 * Judge a recipient's own words; if they leave it open, what the bounce says to all: of one recipient
 * all of it, of several what stands before the first.
 */
static void
diagnose(struct ev_bounce *row, const struct ev_text *text,
         const struct ev_text_recipient *recipient, const struct ev_text_recipients *all)
{
	struct ev_slice said;
	struct ev_slice common = text->text;
	bool given_up;

	if (all->n > 1 && all->list[0].address.s >= common.s &&
	    all->list[0].address.s <= common.s + common.n)
		common.n = (size_t) (all->list[0].address.s - common.s);
	if (ev_text_said(recipient->words, &said) == EV_WORTH_NOTHING)
		ev_text_said(common, &said);
	given_up = cut_given_up(&said);
	diagnose_words(row, said, text);
	if (is_open(row) && row->reply_code == 0 && ev_text_said(common, &said) >= EV_WORTH_PHRASE)
	{
		given_up = cut_given_up(&said);
		row->refused_by = EV_REFUSED_BY_NONE;
		diagnose_words(row, said, text);
	}
	diagnose_domain(row, said, text);
	if (row->permanence == EV_PERMANENCE_SOFT && row->reply_code < 500)
		given_up = given_up || is_given_up(ev_slice_to(common, 2000)) ||
		           (all->n > 1 && is_given_up(ev_slice_to(recipient->words, 2000)));
	if (given_up && row->kind == EV_KIND_DSN)
		row->permanence = EV_PERMANENCE_EXPIRED;
	ev_text_diagnose_group(row, text->text);
}

bool
ev_text_add_row(const struct ev_text *text, const struct ev_text_recipient *recipient,
                const struct ev_text_recipients *all, struct ev_bounce_rows *rows)
{
	struct ev_bounce *row =
		ev_bounce_add(rows, text->format, text->delay ? EV_KIND_DELAY : EV_KIND_DSN);

	if (row == NULL)
		return false;
	row->action = text->delay ? EV_ACTION_DELAYED : EV_ACTION_FAILED;
	row->confidence = text->confidence;
	ev_bounce_copy_address(row->final_recipient, sizeof(row->final_recipient), recipient->address);
	if (recipient->original.n > 0)
		ev_bounce_copy_address(row->original_recipient, sizeof(row->original_recipient),
		                       recipient->original);
	diagnose(row, text, recipient, all);
	return true;
}
